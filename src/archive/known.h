/* known.h: the bytes in which is kept what the first reading of a foreign archive has found out. Pure.
 *
 * Pieces of four kinds: one head (where reading can begin, and how much there is of the rest), rows (the entries), windows (what a point of
 * the head looks back at), and kept content. Each carries a checksum that is also of its place and of the archive: a piece that
 * is damaged, in another's place, of another archive or another version does not open. What opens is decoded as if it were hostile. */
#ifndef ARCHIVE_KNOWN_H
#define ARCHIVE_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/archive.h"
#include "archive/codec.h"
#include "archive/gunzip.h"

#define KNOWN_HEAD_MAX       (4u << 20)
#define KNOWN_ROWS_BYTES     (128u << 10) /* a piece of rows is full with so many bytes */
#define KNOWN_ROW_MAX        (16u << 10)
#define KNOWN_TARGET_MAX     8192
#define KNOWN_KEPT_BYTES     (256u << 10) /* of each piece of kept content but the last */
#define KNOWN_POINTS_MAX     8192
#define KNOWN_MARKS_MAX      65536
#define KNOWN_ROW_PIECES_MAX 8192 /* 1 GiB, or some ten million entries */
#define KNOWN_KEPT_MAX       ((uint64_t)1 << 30)

enum known_kind { KNOWN_HEAD = 1, KNOWN_ROWS, KNOWN_WINDOW, KNOWN_KEPT };

/** known_pack(c, seed, kind, number, p, n, b): Make a piece of ${n} bytes, replacing what is in ${b}. known_unpack(d, seed, kind, number, piece, max, b): The
 * bytes again, replacing what is in ${b}; -1 if they are not that, or more than ${max}. ${seed} is the archive's. */
void known_pack(struct codec *c, uint64_t seed, enum known_kind kind, uint64_t number, const void *p,
    size_t n, struct buf *b);
int known_unpack(struct decoder *d, uint64_t seed, enum known_kind kind, uint64_t number,
    const struct buf *piece, size_t max, struct buf *b);

/** How the plain bytes are come by. */
enum known_container { KNOWN_PLAIN, KNOWN_GZIP, KNOWN_CLOSED /* nothing can be read from its middle */ };

struct known_point {
	uint64_t in_off, out_off;
	uint8_t bits;
	bool member;
	uint16_t window_len;
};

struct known_head {
	enum known_container container;
	uint64_t size; /* of the archive */
	uint64_t plain;
	uint64_t n_rows, n_row_pieces;
	uint64_t kept;              /* bytes of content */
	struct known_point *points; /* ascending; those of a gzip begin with its first byte */
	size_t n_points, cap_points;
	/* marks[i]: so many bytes of the archive make the first (i + 1) * mark_step plain bytes. */
	uint64_t *marks;
	size_t n_marks, cap_marks;
	uint64_t mark_step;
};

/** known_head_write(h, b): Append. known_head_parse(p, n, size, h): Of an archive of ${size} bytes; -1, with nothing to free, unless all of it
 * makes sense. known_head_done(h). */
void known_head_write(const struct known_head *h, struct buf *b);
int known_head_parse(const uint8_t *p, size_t n, uint64_t size, struct known_head *h);
void known_head_done(struct known_head *h);

/** One entry, as the pass over the archive has given it: links are files with content, in the order in which they came. */
struct known_row {
	struct entry_meta meta; /* path belongs to ${path}, or to whom wrote it */
	const char *target;     /* of a symlink: meta.size bytes; else NULL */
	bool has_content;       /* size > 0, and not a symlink */
	bool is_kept,
	    is_there; /* among what is kept, from kept_off on; in the archive, in one piece from plain byte off on */
	uint64_t off, kept_off;
	uint64_t hash; /* XXH3 of the content */
};

/** known_row_write(w, r): Add a row to the piece. kept_off is not written but counted. known_rows_take(w, b): The piece, replacing what
 * is in ${b}; the next begins. */
struct known_rows_out {
	struct buf rows;
	char *path;
	struct entry_meta last;
	uint64_t end, kept, kept_before;
	size_t n;
};
void known_row_write(struct known_rows_out *w, const struct known_row *r);
bool known_rows_full(const struct known_rows_out *w);
void known_rows_take(struct known_rows_out *w, struct buf *b);
void known_rows_done(struct known_rows_out *w);

/** known_rows_begin(in, h, p, n): Read a piece of rows that stays the caller's; -1. known_row_next(in, r): 1 and a row, which lives until the
 * next call; 0 at the end of the piece, -1. What a row says lies within what ${h} says. */
struct known_rows_in {
	const struct known_head *head;
	const uint8_t *p, *end;
	struct buf path, target;
	struct entry_meta last;
	uint64_t off, kept;
	uint64_t left; /* rows of this piece */
};
int known_rows_begin(struct known_rows_in *in, const struct known_head *h, const void *p, size_t n);
int known_row_next(struct known_rows_in *in, struct known_row *r);
void known_rows_in_done(struct known_rows_in *in);

#endif
