/* cpio.h: headers of cpio newc ("070701") as an archive has them: inode, device and check 0, one link. Pure. */
#ifndef ARCHIVE_CPIO_H
#define ARCHIVE_CPIO_H

#include <stddef.h>
#include <stdint.h>

#include "archive/archive.h"

#define CPIO_HEAD     110
#define CPIO_NAME_MAX 4200 /* PATH_MAX and the suffix of a part */
#define CPIO_SIZE_MAX UINT32_MAX

/* Of a file of 4 GiB or more, part n is PATH.cyrvault-part-NNNN, n from 1. */
#define CPIO_PART_SUFFIX ".cyrvault-part-"
#define CPIO_PARTS_MAX	 9999u

struct cpio_head {
	uint32_t mode, uid, gid, mtime, size;
	dev_t rdev;
	uint32_t name_size; /* with its NUL */
};

/** cpio_head_len(name_len): Header, name, NUL and padding. cpio_pad(n): zeros that follow ${n} bytes of data. */
size_t cpio_head_len(size_t name_len);
size_t cpio_pad(uint64_t n);

/** cpio_mtime(t): ${t} as newc can say it: below 0 is 0, after 2106 is 2106. */
uint32_t cpio_mtime(int64_t t);

/** cpio_put(h, name, out): Write cpio_head_len() bytes; h->name_size is not read. Returns how many. */
size_t cpio_put(const struct cpio_head *h, const char *name, uint8_t *out);

/** cpio_parse(p, h): Decode the CPIO_HEAD bytes at ${p}; -1 when they are no such header or the name is too long. */
int cpio_parse(const uint8_t *p, struct cpio_head *h);

/** cpio_part_name(dst, size, path, part): The name of a part; ${part} 0: ${path} itself. Returns its length. */
size_t cpio_part_name(char *dst, size_t size, const char *path, unsigned part);

/** cpio_entry_len(path_len, size, split): Plain bytes of a file with all its headers; ${split} 0: in one piece. */
uint64_t cpio_entry_len(size_t path_len, uint64_t size, uint64_t split);

#endif
