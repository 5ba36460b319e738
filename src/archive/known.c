/* known.c: pieces of what is known of a foreign archive: packed and opened, head and rows written and parsed. */
#include "archive/known.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "core/bytes.h"
#include "core/io.h"
#include "core/mem.h"

#define PIECE_HEAD 16 /* magic and version, length, checksum */

static const uint8_t magic[4] = { 'C', 'v', 'K', 1 };

/* ---- pieces ---- */

static uint64_t piece_sum(uint64_t seed, enum known_kind kind, uint64_t number, const void *p, size_t n)
{
	uint8_t place[24];

	put_le64(place, seed);
	put_le64(place + 8, (uint64_t)kind);
	put_le64(place + 16, number);
	return XXH3_64bits_withSeed(p, n, XXH3_64bits(place, sizeof place));
}

void known_pack(struct codec *c, uint64_t seed, enum known_kind kind, uint64_t number, const void *p,
    size_t n, struct buf *b)
{
	uint8_t *to;

	buf_clear(b);
	to = buf_reserve(b, PIECE_HEAD + codec_bound(n));
	memcpy(to, magic, sizeof magic);
	put_le32(to + 4, (uint32_t)n);
	put_le64(to + 8, piece_sum(seed, kind, number, p, n));
	b->len = PIECE_HEAD + codec_deflate(c, p, n, to + PIECE_HEAD);
}

int known_unpack(struct decoder *d, uint64_t seed, enum known_kind kind, uint64_t number,
    const struct buf *piece, size_t max, struct buf *b)
{
	const uint8_t *p = (const uint8_t *)piece->data;
	size_t n;
	char *to;

	buf_clear(b);
	if (piece->len < PIECE_HEAD || memcmp(p, magic, sizeof magic) != 0 || (n = le32(p + 4)) > max)
		return -1;
	to = buf_reserve(b, n + 1);
	if (decoder_inflate(d, p + PIECE_HEAD, piece->len - PIECE_HEAD, (uint8_t *)to, n) == -1 ||
	    piece_sum(seed, kind, number, to, n) != le64(p + 8))
		return -1;
	b->len = n;
	to[n] = '\0';
	return 0;
}

/* ---- numbers ---- */

static void put_number(struct buf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_char(b, (char)(0x80 | (v & 0x7f)));
	buf_char(b, (char)v);
}

/* Small ones of either sign are short. */
static void put_signed(struct buf *b, uint64_t v)
{
	put_number(b, v << 1 ^ (v >> 63 ? UINT64_MAX : 0));
}

struct in {
	const uint8_t *p, *end;
	bool bad;
};

static uint64_t get_number(struct in *in)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t c;

		if (in->p == in->end)
			break;
		c = *in->p++;
		v |= (uint64_t)(c & 0x7f) << shift;
		if (c < 0x80)
			return v;
	}
	in->bad = true;
	return 0;
}

static uint64_t get_signed(struct in *in)
{
	uint64_t v = get_number(in);

	return v >> 1 ^ ((v & 1) ? UINT64_MAX : 0);
}

static uint64_t get_at_most(struct in *in, uint64_t max)
{
	uint64_t v = get_number(in);

	in->bad = in->bad || v > max;
	return in->bad ? 0 : v;
}

static const uint8_t *get_bytes(struct in *in, size_t n)
{
	const uint8_t *p = in->p;

	if (in->bad || n > (size_t)(in->end - in->p)) {
		in->bad = true;
		return NULL;
	}
	in->p += n;
	return p;
}

/* ---- the head ---- */

void known_head_write(const struct known_head *h, struct buf *b)
{
	uint64_t in = 0, out = 0;

	put_number(b, (uint64_t)h->container);
	put_number(b, h->size);
	put_number(b, h->plain);
	put_number(b, h->n_rows);
	put_number(b, h->n_row_pieces);
	put_number(b, h->kept);
	put_number(b, h->n_points);
	for (size_t i = 0; i < h->n_points; i++) {
		const struct known_point *p = &h->points[i];

		put_number(b, p->in_off - in);
		put_number(b, p->out_off - out);
		put_number(b, p->bits | (p->member ? 8u : 0));
		put_number(b, p->window_len);
		in = p->in_off;
		out = p->out_off;
	}
	put_number(b, h->mark_step);
	put_number(b, h->n_marks);
	for (size_t i = 0; i < h->n_marks; i++)
		put_number(b, h->marks[i] - (i > 0 ? h->marks[i - 1] : 0));
}

static bool point_makes_sense(const struct known_head *h, size_t i)
{
	const struct known_point *p = &h->points[i];

	if (i == 0)
		return p->in_off == 0 && p->out_off == 0 && p->member && p->bits == 0 && p->window_len == 0;
	return p->in_off <= h->size && p->out_off <= h->plain && p->in_off > p[-1].in_off && p->bits <= 7 &&
	       p->window_len <= GUNZIP_WINDOW && p->window_len <= p->out_off &&
	       (!p->member || (p->bits == 0 && p->window_len == 0));
}

static void parse_points(struct known_head *h, struct in *in)
{
	uint64_t in_off = 0, out_off = 0;
	uint64_t n = get_at_most(in, KNOWN_POINTS_MAX);

	h->points = mem_array(n + 1, sizeof *h->points);
	for (; h->n_points < n && !in->bad; h->n_points++) {
		struct known_point *p = &h->points[h->n_points];
		unsigned bits;

		in_off += get_at_most(in, h->size - in_off);
		out_off += get_at_most(in, h->plain - out_off);
		bits = (unsigned)get_at_most(in, 15);
		*p = (struct known_point){ in_off, out_off, bits & 7, (bits & 8) != 0,
			(uint16_t)get_at_most(in, GUNZIP_WINDOW) };
		in->bad = in->bad || !point_makes_sense(h, h->n_points);
	}
	in->bad = in->bad || (h->container == KNOWN_GZIP) != (n > 0);
}

static void parse_marks(struct known_head *h, struct in *in)
{
	uint64_t at = 0, n;

	h->mark_step = get_at_most(in, UINT64_MAX / (2 * KNOWN_MARKS_MAX));
	n = get_at_most(in, KNOWN_MARKS_MAX);
	in->bad = in->bad || (n > 0 && h->mark_step == 0);
	h->marks = mem_array(n + 1, sizeof *h->marks);
	for (; h->n_marks < n && !in->bad; h->n_marks++)
		h->marks[h->n_marks] = at += get_at_most(in, h->size - at);
}

int known_head_parse(const uint8_t *p, size_t n, uint64_t size, struct known_head *h)
{
	struct in in = { p, p + n, false };

	*h = (struct known_head){ .container = (enum known_container)get_at_most(&in, KNOWN_CLOSED) };
	h->size = get_number(&in);
	h->plain = get_at_most(&in, INT64_MAX);
	h->n_rows = get_at_most(&in, UINT32_MAX);
	h->n_row_pieces = get_at_most(&in, KNOWN_ROW_PIECES_MAX);
	h->kept = get_at_most(&in, KNOWN_KEPT_MAX);
	in.bad = in.bad || h->size != size || (h->container == KNOWN_PLAIN && h->plain > size);
	if (!in.bad)
		parse_points(h, &in);
	if (!in.bad)
		parse_marks(h, &in);
	if (!in.bad && in.p == in.end)
		return 0;
	known_head_done(h);
	return -1;
}

void known_head_done(struct known_head *h)
{
	free(h->points);
	free(h->marks);
	*h = (struct known_head){ 0 };
}

/* ---- rows ---- */

enum {
	ROW_KEPT = 1,
	ROW_THERE = 2,
	ROW_SAME_OWNER = 4, /* and mode, as the row before */
	ROW_DEVICE = 8,
	ROW_FLAGS = 15
};

static bool same_owner(const struct entry_meta *a, const struct entry_meta *b)
{
	return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid;
}

static size_t common(const char *a, const char *b)
{
	size_t n = 0;

	while (a[n] != '\0' && a[n] == b[n])
		n++;
	return n;
}

void known_row_write(struct known_rows_out *w, const struct known_row *r)
{
	const struct entry_meta *m = &r->meta;
	size_t prefix = w->path != NULL ? common(w->path, m->path) : 0, n = strlen(m->path);
	unsigned flags = (r->is_kept ? ROW_KEPT : 0) | (r->is_there ? ROW_THERE : 0) |
	                 (w->n > 0 && same_owner(m, &w->last) ? ROW_SAME_OWNER : 0) |
	                 (m->rdev != 0 ? ROW_DEVICE : 0);
	uint8_t hash[8];

	buf_char(&w->rows, (char)flags);
	put_number(&w->rows, prefix);
	put_number(&w->rows, n - prefix);
	buf_add(&w->rows, m->path + prefix, n - prefix);
	if ((flags & ROW_SAME_OWNER) == 0) {
		put_number(&w->rows, m->mode);
		put_number(&w->rows, m->uid);
		put_number(&w->rows, m->gid);
	}
	if ((flags & ROW_DEVICE) != 0)
		put_number(&w->rows, m->rdev);
	put_signed(&w->rows, (uint64_t)m->mtime - (uint64_t)w->last.mtime);
	put_number(&w->rows, m->size);
	if (r->target != NULL) {
		buf_add(&w->rows, r->target, (size_t)m->size);
	} else if (r->has_content) {
		if (r->is_there) {
			put_signed(&w->rows, r->off - w->end);
			w->end = r->off + m->size;
		}
		put_le64(hash, r->hash);
		buf_add(&w->rows, hash, sizeof hash);
		w->kept += r->is_kept ? m->size : 0;
	}
	free(w->path);
	w->path = mem_strdup(m->path);
	w->last = *m;
	w->n++;
}

bool known_rows_full(const struct known_rows_out *w)
{
	return w->rows.len >= KNOWN_ROWS_BYTES;
}

void known_rows_take(struct known_rows_out *w, struct buf *b)
{
	buf_clear(b);
	put_number(b, w->n);
	put_number(b, w->kept_before);
	buf_add(b, buf_text(&w->rows), w->rows.len);
	buf_clear(&w->rows);
	free(w->path);
	*w = (struct known_rows_out){ .rows = w->rows, .kept = w->kept, .kept_before = w->kept };
}

void known_rows_done(struct known_rows_out *w)
{
	buf_done(&w->rows);
	free(w->path);
	*w = (struct known_rows_out){ 0 };
}

int known_rows_begin(struct known_rows_in *in, const struct known_head *h, const void *p, size_t n)
{
	struct in from = { p, (const uint8_t *)p + n, false };

	in->head = h;
	in->left = get_at_most(&from, n);
	in->kept = get_at_most(&from, h->kept);
	in->p = from.p;
	in->end = from.end;
	in->off = 0;
	in->last = (struct entry_meta){ 0 };
	buf_clear(&in->path);
	return from.bad ? -1 : 0;
}

static bool get_path(struct known_rows_in *in, struct in *from)
{
	size_t prefix = (size_t)get_at_most(from, in->path.len), n = (size_t)get_at_most(from, KNOWN_ROW_MAX);
	const uint8_t *p = get_bytes(from, n);

	if (p == NULL)
		return false;
	in->path.len = prefix;
	buf_add(&in->path, p, n);
	return io_path_is_safe(buf_text(&in->path), in->path.len);
}

/* Where the content is: within the archive's plain bytes, within what is kept. */
static void get_content(struct known_rows_in *in, struct in *from, unsigned flags, struct known_row *r)
{
	const uint8_t *hash;
	uint64_t size = r->meta.size;

	r->has_content = true;
	if ((flags & ROW_THERE) != 0) {
		r->off = in->off + get_signed(from);
		r->is_there = true;
		if (r->off > in->head->plain || size > in->head->plain - r->off)
			from->bad = true;
		in->off = r->off + size;
	}
	if ((flags & ROW_KEPT) != 0) {
		r->kept_off = in->kept;
		r->is_kept = true;
		if (size > in->head->kept - in->kept)
			from->bad = true;
		else
			in->kept += size;
	}
	if ((hash = get_bytes(from, 8)) != NULL)
		r->hash = le64(hash);
}

int known_row_next(struct known_rows_in *in, struct known_row *r)
{
	struct in from = { in->p, in->end, false };
	struct entry_meta *m = &in->last;
	const uint8_t *target;
	unsigned flags;

	if (in->left == 0)
		return in->p == in->end ? 0 : -1;
	*r = (struct known_row){ 0 };
	flags = (unsigned)get_at_most(&from, ROW_FLAGS);
	if (from.bad || !get_path(in, &from))
		return -1;
	if ((flags & ROW_SAME_OWNER) == 0) {
		m->mode = (mode_t)get_at_most(&from, 0177777);
		m->uid = (uid_t)get_at_most(&from, UINT32_MAX);
		m->gid = (gid_t)get_at_most(&from, UINT32_MAX);
	}
	m->rdev = (flags & ROW_DEVICE) != 0 ? (dev_t)get_number(&from) : 0;
	m->mtime = (int64_t)((uint64_t)m->mtime + get_signed(&from));
	m->size = get_at_most(&from, INT64_MAX);
	m->path = buf_text(&in->path);
	r->meta = *m;
	if (S_ISLNK(m->mode) && m->size > 0) {
		target = m->size <= KNOWN_TARGET_MAX ? get_bytes(&from, (size_t)m->size) : NULL;
		if (target == NULL)
			return -1;
		buf_clear(&in->target);
		buf_add(&in->target, target, (size_t)m->size);
		r->target = buf_text(&in->target);
	} else if (S_ISREG(m->mode) && m->size > 0) {
		get_content(in, &from, flags, r);
	} else if (m->size > 0) {
		return -1;
	}
	if (from.bad)
		return -1;
	in->p = from.p;
	in->left--;
	return 1;
}

void known_rows_in_done(struct known_rows_in *in)
{
	buf_done(&in->path);
	buf_done(&in->target);
	*in = (struct known_rows_in){ 0 };
}
