/* ranges.h: plain bytes out of the middle of an archive that is gzip'd or not, by the points noted when it was read from front to end. */
#ifndef ARCHIVE_RANGES_H
#define ARCHIVE_RANGES_H

#include "archive/known.h"
#include "archive/spool.h"

struct ranges;

/** Brings what point ${i} looks back at, into ${window}; -1 with ${e} filled. */
typedef int ranges_window_fn(void *arg, size_t i, struct buf *window, struct err *e);

/** ranges_new(name, in, head, window, arg), ranges_free(r): Read from ${in}, which is of no use to others meanwhile; all given outlives it.
 * ranges_free() takes NULL. */
struct ranges *ranges_new(
    const char *name, struct stream *in, const struct known_head *head, ranges_window_fn *window, void *arg);
void ranges_free(struct ranges *r);

/** ranges_near(r, end, off): Who has read up to ${end} gets to ${off} no sooner by starting anew. */
bool ranges_near(const struct ranges *r, uint64_t end, uint64_t off);

/** ranges_expect(r, from, to): Say beforehand that such a start will come, after those that were said before.
 * ranges_start(r, from, to, expected, e): Go to where plain byte ${from} can be had; bytes up to ${to} will be asked for, in their order; ${expected}: this
 * was said. ranges_covers(r, off, size):
 * They can be read without a new start. ranges_stop(r): Nothing more is. */
void ranges_expect(struct ranges *r, uint64_t from, uint64_t to);
int ranges_start(struct ranges *r, uint64_t from, uint64_t to, bool expected, struct err *e);
bool ranges_covers(const struct ranges *r, uint64_t off, uint64_t size);
void ranges_stop(struct ranges *r);

/** ranges_read(r, off, size, put, arg, e): Those bytes, which are covered, to ${put}. */
int ranges_read(struct ranges *r, uint64_t off, uint64_t size, spool_put_fn *put, void *arg, struct err *e);

/** ranges_fetched(r): Bytes of the archive read so far. */
uint64_t ranges_fetched(const struct ranges *r);

#endif
