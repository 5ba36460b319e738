/* stream.c: the calls common to all streams; streams over descriptors and memory. */
#include "core/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/io.h"
#include "core/mem.h"

struct stream {
	const struct stream_ops *ops;
	void *ctx;
	char *name;
	struct job *job;
};

struct stream *stream_new(const struct stream_ops *ops, void *ctx, const char *name)
{
	struct stream *s = mem_alloc(sizeof *s);

	s->ops = ops;
	s->ctx = ctx;
	s->name = mem_strdup(name);
	return s;
}

void stream_set_job(struct stream *s, struct job *job)
{
	s->job = job;
}

const char *stream_name(const struct stream *s)
{
	return s->name;
}

void *stream_ctx(struct stream *s, const struct stream_ops *ops)
{
	return s->ops == ops ? s->ctx : NULL;
}

void stream_close(struct stream *s)
{
	if (s == NULL)
		return;
	if (s->ops->close != NULL)
		s->ops->close(s->ctx);
	free(s->name);
	free(s);
}

ssize_t stream_read(struct stream *s, void *p, size_t n, struct err *e)
{
	ssize_t r;

	if (job_cancelled(s->job, e))
		return -1;
	if (s->ops->read == NULL)
		return err_set(e, ERR_UNSUPPORTED, "%s cannot be read", s->name);
	r = s->ops->read(s->ctx, p, n, e);
	return r == -1 ? err_wrap(e, "%s", s->name) : r;
}

int stream_read_full(struct stream *s, void *p, size_t n, struct err *e)
{
	char *to = p;

	while (n > 0) {
		ssize_t r = stream_read(s, to, n, e);

		if (r == -1)
			return -1;
		if (r == 0)
			return err_set(e, ERR_DAMAGE, "%s ends where %zu more bytes were expected", s->name, n);
		to += r;
		n -= (size_t)r;
	}
	return 0;
}

int stream_write(struct stream *s, const void *p, size_t n, struct err *e)
{
	if (job_cancelled(s->job, e))
		return -1;
	if (s->ops->write == NULL)
		return err_set(e, ERR_UNSUPPORTED, "%s cannot be written", s->name);
	return s->ops->write(s->ctx, p, n, e) == -1 ? err_wrap(e, "%s", s->name) : 0;
}

int stream_seek(struct stream *s, uint64_t off, struct err *e)
{
	if (job_cancelled(s->job, e))
		return -1;
	if (s->ops->seek == NULL)
		return err_set(e, ERR_UNSUPPORTED, "%s cannot be read at any place", s->name);
	return s->ops->seek(s->ctx, off, e) == -1 ? err_wrap(e, "%s", s->name) : 0;
}

void stream_expect(struct stream *s, uint64_t off, uint64_t n)
{
	if (s->ops->expect != NULL)
		s->ops->expect(s->ctx, off, n);
}

int stream_size(struct stream *s, uint64_t *ret, struct err *e)
{
	if (s->ops->size == NULL)
		return err_set(e, ERR_UNSUPPORTED, "%s does not know its size", s->name);
	return s->ops->size(s->ctx, ret, e) == -1 ? err_wrap(e, "%s", s->name) : 0;
}

/* Descriptors. */

struct fd_ctx {
	int fd;
};

static ssize_t fd_read(void *ctx, void *p, size_t n, struct err *e)
{
	struct fd_ctx *f = ctx;
	ssize_t r;

	do
		r = read(f->fd, p, n);
	while (r == -1 && errno == EINTR);
	return r == -1 ? err_sys(e, "read") : r;
}

static int fd_write(void *ctx, const void *p, size_t n, struct err *e)
{
	return io_write_all(((struct fd_ctx *)ctx)->fd, p, n, "stream", e);
}

static int fd_seek(void *ctx, uint64_t off, struct err *e)
{
	if (off > INT64_MAX || lseek(((struct fd_ctx *)ctx)->fd, (off_t)off, SEEK_SET) == -1)
		return err_sys(e, "seek");
	return 0;
}

static int fd_size(void *ctx, uint64_t *ret, struct err *e)
{
	struct stat st;

	if (fstat(((struct fd_ctx *)ctx)->fd, &st) == -1)
		return err_sys(e, "stat");
	*ret = (uint64_t)st.st_size;
	return 0;
}

static void fd_close(void *ctx)
{
	close(((struct fd_ctx *)ctx)->fd);
	free(ctx);
}

struct stream *stream_from_fd(int fd, const char *name)
{
	static const struct stream_ops ops = { fd_read, fd_write, fd_seek, fd_size, NULL, fd_close };
	struct fd_ctx *f = mem_alloc(sizeof *f);

	f->fd = fd;
	return stream_new(&ops, f, name);
}

/* Memory. */

struct bytes_ctx {
	const char *p;
	size_t n, at;
};

static ssize_t bytes_read(void *ctx, void *p, size_t n, struct err *e)
{
	struct bytes_ctx *b = ctx;

	(void)e;
	if (n > b->n - b->at)
		n = b->n - b->at;
	memcpy(p, b->p + b->at, n);
	b->at += n;
	return (ssize_t)n;
}

static int bytes_seek(void *ctx, uint64_t off, struct err *e)
{
	struct bytes_ctx *b = ctx;

	(void)e;
	b->at = off < b->n ? (size_t)off : b->n;
	return 0;
}

static int bytes_size(void *ctx, uint64_t *ret, struct err *e)
{
	(void)e;
	*ret = ((struct bytes_ctx *)ctx)->n;
	return 0;
}

struct stream *stream_from_bytes(const void *p, size_t n, const char *name)
{
	static const struct stream_ops ops = { bytes_read, NULL, bytes_seek, bytes_size, NULL, free };
	struct bytes_ctx *b = mem_alloc(sizeof *b);

	b->p = n > 0 ? p : "";
	b->n = n;
	return stream_new(&ops, b, name);
}
