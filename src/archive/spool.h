/* spool.h: content that is given more than once: in memory while it is little, else in a file without a name. */
#ifndef ARCHIVE_SPOOL_H
#define ARCHIVE_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"

/** Who takes the next bytes; -1 with ${e} filled ends it. */
typedef int spool_put_fn(void *arg, const void *p, size_t n, struct err *e);

struct spool {
	struct buf mem;
	int fd;
	uint64_t size;
};
#define SPOOL_INIT       \
	{                \
		.fd = -1 \
	}

/** spool_add(s, p, n, e): Append; a spool_put_fn. spool_give(s, piece, piece_bytes, put, arg, e): All of it to ${put}; ${piece} is room to read into.
 * spool_done(s): Free it. */
int spool_add(void *s, const void *p, size_t n, struct err *e);
int spool_give(
    const struct spool *s, char *piece, size_t piece_bytes, spool_put_fn *put, void *arg, struct err *e);
void spool_done(struct spool *s);

#endif
