/* gunzip.h: the plain bytes of a stream that may be gzip'd, with every member's CRC and length checked (libarchive checks neither). On
 * the way it can point out places from which reading can begin later. */
#ifndef ARCHIVE_GUNZIP_H
#define ARCHIVE_GUNZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/stream.h"

#define GUNZIP_WINDOW (32u << 10)

struct gunzip;

/** gunzip_new(in), gunzip_free(g): Reads ${in}, which stays the caller's, from where it stands; bytes that are no gzip pass as they are.
 * gunzip_free() takes NULL. */
struct gunzip *gunzip_new(struct stream *in);
void gunzip_free(struct gunzip *g);

/** gunzip_read(g, ret_p, e): The next bytes, valid until the next call; how many, 0 at the end, -1. ERR_DAMAGE: broken or cut off.
 * Zeros behind the last member (tape blocks) are no damage. */
ssize_t gunzip_read(struct gunzip *g, const void **ret_p, struct err *e);

/** gunzip_is_gzip(g): It is, as far as the first bytes tell; false before they were read. gunzip_fetched(g): Bytes read from the stream. */
bool gunzip_is_gzip(const struct gunzip *g);
uint64_t gunzip_fetched(const struct gunzip *g);

/** A place where reading can begin. Offsets are counted from where the stream stood. */
struct gunzip_point {
	uint64_t in_off, out_off; /* of the compressed, and of the plain bytes that come of them */
	unsigned bits;            /* so many, 0 to 7, of the byte before in_off belong to what comes */
	bool member;              /* a member begins here: there is nothing before it to look back at */
	size_t window_len;        /* at most GUNZIP_WINDOW */
	const uint8_t *window;    /* the plain bytes before out_off, during the call */
};

/** Who looks on. point: called when ${spacing_in} compressed or ${spacing_out} plain bytes were read since the last point, or since the start,
 * at the next place where it can be. at: so many bytes were
 * read, and so many plain ones made of them, called after each piece, which is at most 256 KiB. */
struct gunzip_watch {
	void *arg;
	uint64_t spacing_in, spacing_out;
	void (*point)(void *arg, const struct gunzip_point *p);
	void (*at)(void *arg, uint64_t in_off, uint64_t out_off);
};

/** gunzip_set_watch(g, w): Before the first read; ${w} stays the caller's and lives as long as ${g}. Bytes that are no gzip have no points. */
void gunzip_set_watch(struct gunzip *g, const struct gunzip_watch *w);

/** gunzip_new_at(in, p, n, e): Read from point ${p}; ${in} is moved there. Only the next ${n} bytes are read in large pieces: what lies behind
 * them is fetched only if it is needed. Members that begin behind ${p} are checked as above; of the rest of the one that ${p} lies in, the
 * CRC cannot be. NULL on failure. */
struct gunzip *gunzip_new_at(struct stream *in, const struct gunzip_point *p, uint64_t n, struct err *e);

#endif
