/* member.h: one gzip member of an archive: a header that says how long it is, deflate, CRC-32 and length.
 *
 * All functions are pure but for the codec or decoder they are lent. Numbers in the header are little-endian, as in gzip. */
#ifndef ARCHIVE_MEMBER_H
#define ARCHIVE_MEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/codec.h"
#include "core/err.h"

#define MEMBER_HEAD	 32 /* header as the writer makes it */
#define MEMBER_TAIL	 8
#define MEMBER_PLAIN_MAX (16u << 20) /* readers refuse more */
#define MEMBER_HEAD_MAX	 (12 + 65535)
#define MEMBER_NO_ENTRY	 UINT32_MAX

enum member_kind {
	MEMBER_DATA = 'D',  /* entries of a unit */
	MEMBER_ENTRY = 'H', /* the cpio header of a tables or index entry */
	MEMBER_TABLES = 'T',
	MEMBER_ROOT = 'R',
	MEMBER_TRAILER = 'Z', /* TRAILER!!! */
	MEMBER_END = 'E',     /* the end mark */
};

struct member_head {
	enum member_kind kind;
	bool begins_unit;
	uint32_t stored; /* whole length of the member */
	uint32_t plain;
	uint32_t first;	     /* plain offset of the first cpio header in it, or MEMBER_NO_ENTRY */
	uint32_t head;	     /* length of the gzip header, set by member_parse() */
	const uint8_t *more; /* what follows the 16 bytes in our subfield, set by member_parse() */
	size_t more_len;
};

/** member_bound(n): Room for a member of ${n} plain bytes. */
size_t member_bound(size_t n);

/** member_encode(c, h, p, n, out): Make a member of kind, begins_unit and first as in ${h}; returns its length. */
size_t member_encode(struct codec *c, const struct member_head *h, const uint8_t *p, size_t n, uint8_t *out);

/** member_put_head(h, more, more_len, out): The gzip header alone, for the end mark; returns its length. */
size_t member_put_head(const struct member_head *h, const uint8_t *more, size_t more_len, uint8_t *out);

/** member_parse(p, n, h): Decode the header at ${p}; 1 = ours and plausible, 0 = ${n} bytes do not suffice, -1 = no member
 * of ours begins here. */
int member_parse(const uint8_t *p, size_t n, struct member_head *h);

/** member_find(p, n, from): Offset of the next byte from ${from} on where member_parse() gives 1 or 0, or ${n}. */
size_t member_find(const uint8_t *p, size_t n, size_t from);

/** member_decode(d, h, p, out, e): Inflate the ${h}->stored bytes at ${p} to ${h}->plain bytes and check the CRC. ERR_DAMAGE. */
int member_decode(
    struct decoder *d, const struct member_head *h, const uint8_t *p, uint8_t *out, struct err *e);

#endif
