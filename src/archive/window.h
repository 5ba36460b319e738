/* window.h: the bytes of an archive from one place to another, read ahead. */
#ifndef ARCHIVE_WINDOW_H
#define ARCHIVE_WINDOW_H

#include "archive/reader.h"

struct window {
	struct archive *a;
	uint64_t next, end; /* what has not been read yet */
	uint8_t *p;	    /* p[at] to p[len]: what has been read and not been used */
	size_t at, len, cap;
};

#define WINDOW_INIT(a_, from_, end_)                      \
	{                                                 \
		.a = (a_), .next = (from_), .end = (end_) \
	}

/** window_need(w, n, e): Make at least ${n} unused bytes available, or all that are left; moves w->p. */
int window_need(struct window *w, size_t n, struct err *e);

/** window_off(w): Offset in the archive of w->p[w->at]. */
static inline uint64_t window_off(const struct window *w)
{
	return w->next - (w->len - w->at);
}

/** window_done(w): Free the room. */
void window_done(struct window *w);

#endif
