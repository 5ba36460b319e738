/* base64.h: where bytes are base64 that does not repeat: of compressed data, so that looking for matches is for nothing. */
#ifndef ARCHIVE_BASE64_H
#define ARCHIVE_BASE64_H

#include <stddef.h>
#include <stdint.h>

struct base64_run {
	size_t from, to;      /* whole lines */
	uint32_t counts[256]; /* of its bytes, from a sample; none that can occur is 0 */
};

struct base64_finder;

/** base64_finder_new(), base64_finder_free(f): For one thread at a time. base64_finder_free() takes NULL. */
struct base64_finder *base64_finder_new(void);
void base64_finder_free(struct base64_finder *f);

/** base64_find(f, p, n): Look through ${n} bytes, anew each time; what is found depends on them alone. */
void base64_find(struct base64_finder *f, const uint8_t *p, size_t n);

/** base64_next(f, ret): The next run, ascending; 1, or 0 when there are no more. */
int base64_next(struct base64_finder *f, struct base64_run *ret);

#endif
