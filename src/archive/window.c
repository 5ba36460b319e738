/* window.c: an archive's bytes, read ahead. */
#include "archive/window.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

#define RUN_BYTES (1u << 20)

int window_need(struct window *w, size_t n, struct err *e)
{
	uint64_t left = w->end - w->next;
	size_t more;

	if (w->len - w->at >= n || left == 0)
		return 0;
	if (w->at > 0)
		memmove(w->p, w->p + w->at, w->len - w->at);
	w->len -= w->at;
	w->at = 0;
	more = n - w->len > RUN_BYTES ? n - w->len : RUN_BYTES;
	if (more > left)
		more = (size_t)left;
	w->p = mem_grow(w->p, &w->cap, w->len + more, 1);
	if (archive_fetch(w->a, w->next, w->p + w->len, more, e) == -1)
		return -1;
	w->len += more;
	w->next += more;
	return 0;
}

void window_done(struct window *w)
{
	free(w->p);
	w->p = NULL;
}
