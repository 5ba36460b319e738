/* stream.h: bytes from or to somewhere, cancellable.
 *
 * A stream belongs to one thread at a time. If it has a job, every call first asks whether the operator wants to stop,
 * so all that reads or writes through it can be cancelled. Errors name the stream. */
#ifndef CORE_STREAM_H
#define CORE_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/err.h"
#include "core/job.h"

/** What a kind of stream must do; members it cannot do stay NULL. */
struct stream_ops {
	ssize_t (*read)(void *ctx, void *p, size_t n, struct err *e);     /* bytes, 0 at the end, -1 */
	int (*write)(void *ctx, const void *p, size_t n, struct err *e);  /* all or -1 */
	int (*seek)(void *ctx, uint64_t off, struct err *e);              /* where the next read starts */
	int (*size)(void *ctx, uint64_t *ret, struct err *e);
	void (*expect)(void *ctx, uint64_t off, uint64_t n);              /* as stream_expect() */
	void (*close)(void *ctx);                                         /* frees ctx */
};

struct stream;

/** stream_new(ops, ctx, name): Takes ${ctx} over; stream_close() gives it to ops->close. */
struct stream *stream_new(const struct stream_ops *ops, void *ctx, const char *name);

/** stream_from_fd(fd, name): Reads, writes and seeks ${fd}, which it closes. */
struct stream *stream_from_fd(int fd, const char *name);

/** stream_from_bytes(p, n, name): Reads memory that the caller keeps alive. */
struct stream *stream_from_bytes(const void *p, size_t n, const char *name);

/** stream_set_job(s, job): Cancel with ${job} from now on; ${job} must outlive the stream or be unset with NULL. */
void stream_set_job(struct stream *s, struct job *job);

/** stream_read(s, p, n, e): Up to ${n} bytes, 0 at the end, -1. stream_read_full: exactly ${n}, or ERR_DAMAGE. */
ssize_t stream_read(struct stream *s, void *p, size_t n, struct err *e);
int stream_read_full(struct stream *s, void *p, size_t n, struct err *e);

/** stream_write(s, p, n, e): All of it. */
int stream_write(struct stream *s, const void *p, size_t n, struct err *e);

/** stream_seek(s, off, e): Next read at byte ${off}. ERR_UNSUPPORTED where the stream cannot. */
int stream_seek(struct stream *s, uint64_t off, struct err *e);

/** stream_expect(s, off, n): Bytes ${off} to ${off} + ${n} will be read next, in this order: a stream over a network asks for them ahead of the
 * reads, and for nothing beyond. Called again before they are read, more follow behind them; after, these are all; ${n} 0: none any more. Reads
 * elsewhere do not end it. Never fails; does nothing where it would not help. */
void stream_expect(struct stream *s, uint64_t off, uint64_t n);

/** stream_size(s, ret, e): Length in bytes. */
int stream_size(struct stream *s, uint64_t *ret, struct err *e);

/** stream_name(s): As given; belongs to ${s}. */
const char *stream_name(const struct stream *s);

/** stream_close(s): NULL-safe. An object being created in a store is discarded unless it was committed before. */
void stream_close(struct stream *s);

/** stream_ctx(s, ops): The ctx if ${s} was made with ${ops}, else NULL: for the module that made it. */
void *stream_ctx(struct stream *s, const struct stream_ops *ops);

#endif
