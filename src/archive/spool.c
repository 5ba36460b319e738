/* spool.c: content in memory, then in a file. */
#include "archive/spool.h"

#include <unistd.h>

#include "core/io.h"

#define MEMORY_MAX (4u << 20)

int spool_add(void *arg, const void *p, size_t n, struct err *e)
{
	struct spool *s = arg;

	if (s->fd == -1 && s->mem.len + n <= MEMORY_MAX) {
		buf_add(&s->mem, p, n);
		s->size += n;
		return 0;
	}
	if (s->fd == -1 && (s->fd = io_temp_fd(NULL, e)) == -1)
		return -1;
	if (io_pwrite_all(s->fd, p, n, s->size - s->mem.len, "a temporary file", e) == -1)
		return -1;
	s->size += n;
	return 0;
}

int spool_give(
    const struct spool *s, char *piece, size_t piece_bytes, spool_put_fn *put, void *arg, struct err *e)
{
	uint64_t in_file = s->fd == -1 ? 0 : s->size - s->mem.len;

	if (s->mem.len > 0 && put(arg, s->mem.data, s->mem.len, e) == -1)
		return -1;
	for (uint64_t at = 0; at < in_file;) {
		size_t n = in_file - at < piece_bytes ? (size_t)(in_file - at) : piece_bytes;

		if (io_pread_all(s->fd, piece, n, at, "a temporary file", e) == -1 ||
		    put(arg, piece, n, e) == -1)
			return -1;
		at += n;
	}
	return 0;
}

void spool_done(struct spool *s)
{
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
	buf_done(&s->mem);
}
