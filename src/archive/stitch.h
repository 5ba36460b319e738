/* stitch.h: where a deflate stream ends, to the bit, so that another can follow it. */
#ifndef ARCHIVE_STITCH_H
#define ARCHIVE_STITCH_H

#include <stddef.h>
#include <stdint.h>

struct stitch_place {
	uint64_t
	    last_block; /* bit where the last block's header begins: its first bit says that it is the last */
	uint64_t end;	/* bit behind the stream */
};

struct stitcher;

/** stitcher_new(), stitcher_free(s): Tables to work with, for one thread at a time. stitcher_free() takes NULL. */
struct stitcher *stitcher_new(void);
void stitcher_free(struct stitcher *s);

/** stitch_find(s, p, n, ret): Walk a whole stream of ${n} bytes, 8 readable ones behind it; -1 if it is none. */
int stitch_find(struct stitcher *s, const uint8_t *p, size_t n, struct stitch_place *ret);

#endif
