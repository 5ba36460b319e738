/* serve.h: the SFTP server of a store's host, behind a forced command: one directory, archives that can be added and read, and not one
 * that can be harmed.
 *
 * Whoever holds the key may: list; read; begin, write, truncate and remove an upload ".NAME.partial"; commit it as NAME if there is no NAME. Nothing
 * else, by design: a committed archive is never written, truncated, replaced, renamed, removed, nor its mode or times set, whatever is
 * asked, in whatever order, over however many sessions at once (serve_place.h says how). The client is hostile: its memory is bounded by
 * ours, and what it sends is checked before it is believed. A session belongs to one thread. */
#ifndef STORE_SERVE_H
#define STORE_SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"

struct serve_opts {
	const char *directory;
	bool read_only;
	uint64_t keep_free;      /* refuse writes that would leave less; 0: none */
	uint64_t max_size_bytes; /* of an archive; 0: none */
};

/** serve_run(o, in, out, e): Serve until the client is gone: 0; -1: the directory is not there, the client sent what is no SFTP, or the
 * connection broke in the middle of a packet. What happens is written to the log. */
int serve_run(const struct serve_opts *o, int in, int out, struct err *e);

/** What a client may have open at once. */
#define SERVE_HANDLES 64

/* The same as bytes, without a connection: for serve_run() and for tests. */
struct serve;
int serve_new(const struct serve_opts *o, struct serve **ret, struct err *e);

/** serve_take(s, p, n, ret_used, out, e): Answer the whole packets at ${p}, into ${out}, which is then to be sent; stops early when ${out} has
 * grown beyond a megabyte. ${*ret_used}: bytes that are done with. -1: no SFTP, the session is over. */
int serve_take(struct serve *s, const uint8_t *p, size_t n, size_t *ret_used, struct buf *out, struct err *e);
void serve_free(struct serve *s);

#endif
