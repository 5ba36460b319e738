/* foreign_note.c: points, rows and small contents of a foreign archive, put away while it is read. */
#include "archive/foreign_note.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "core/bytes.h"
#include "core/log.h"
#include "core/mem.h"

#define ENDS_BYTES   1024u                /* looked at, at both ends of the archive, to know it again */
#define SPACING_IN   ((uint64_t)2 << 20)  /* of points, in the archive, at least */
#define SPACING_OUT  ((uint64_t)64 << 20) /* the same of what comes of it */
#define MARK_STEP    ((uint64_t)256 << 10)
#define SIZED_POINTS (KNOWN_POINTS_MAX / 2 - 2) /* so many at most by the archive's own bytes */

int foreign_identity(struct store *store, const char *name, struct stream *in, uint64_t *ret_seed,
    uint64_t *ret_size, struct err *e)
{
	uint8_t id[16 + 2 * ENDS_BYTES];
	struct store_object o;
	size_t n, len = 16;

	if (store_stat(store, name, &o, e) == -1)
		return -1;
	n = o.size_bytes < ENDS_BYTES ? (size_t)o.size_bytes : ENDS_BYTES;
	put_le64(id, o.size_bytes);
	put_le64(id + 8, (uint64_t)o.mtime);
	for (int end = 0; end < 2; end++, len += n)
		if (stream_seek(in, end == 0 ? 0 : o.size_bytes - n, e) == -1 ||
		    stream_read_full(in, id + len, n, e) == -1)
			return -1;
	*ret_seed = XXH3_64bits(id, len);
	*ret_size = o.size_bytes;
	return stream_seek(in, 0, e);
}

struct foreign_note {
	const char *name;
	struct foreign_memory m;
	struct codec *codec;
	uint64_t seed;
	struct known_head head;
	struct known_rows_out rows;
	struct buf kept, piece, packed;
	uint64_t n_kept;
	struct gunzip_watch watch;
	size_t sparse_points; /* those made because too much came of too little */
	bool given_up, ended;
};

static void give_up(struct foreign_note *n, const char *why)
{
	if (!n->given_up)
		log_write(LOG_LEVEL_WARNING, "archive %s: it will be read from the front again next time: %s",
		    n->name, why);
	n->given_up = true;
}

static void put(struct foreign_note *n, enum known_kind kind, uint64_t number, const void *p, size_t size)
{
	struct err why = { 0 };

	if (n->given_up)
		return;
	known_pack(n->codec, n->seed, kind, number, p, size, &n->packed);
	if (n->m.put(n->m.arg, (uint8_t)kind, number, n->packed.data, n->packed.len, &why) == -1)
		give_up(n, why.msg);
}

struct foreign_note *foreign_note_new(
    const char *name, const struct foreign_memory *m, uint64_t seed, uint64_t size)
{
	struct foreign_note *n = mem_alloc(sizeof *n);
	struct err why = { 0 };

	n->name = name;
	n->m = *m;
	n->seed = seed;
	n->codec = codec_new(LEVEL_DEFAULT);
	n->head.size = size;
	n->head.mark_step = MARK_STEP;
	if (m->begin(m->arg, &why) == -1)
		give_up(n, why.msg);
	return n;
}

void foreign_note_free(struct foreign_note *n)
{
	if (n == NULL)
		return;
	if (!n->ended)
		n->m.drop(n->m.arg, false);
	codec_free(n->codec);
	known_head_done(&n->head);
	known_rows_done(&n->rows);
	buf_done(&n->kept);
	buf_done(&n->piece);
	buf_done(&n->packed);
	free(n);
}

/* ---- points ---- */

static void add_point(struct foreign_note *n, const struct known_point *p)
{
	struct known_head *h = &n->head;

	h->points = mem_grow(h->points, &h->cap_points, h->n_points + 1, sizeof *h->points);
	h->points[h->n_points++] = *p;
}

/* By its own bytes an archive has a bounded number of points; what is blown up has some more, and then no more. */
static void see_point(void *arg, const struct gunzip_point *p)
{
	struct foreign_note *n = arg;
	const struct known_head *h = &n->head;
	const struct known_point *last;

	if (h->n_points == 0)
		add_point(n, &(struct known_point){ .member = true });
	last = &h->points[h->n_points - 1];
	if (p->in_off - last->in_off < n->watch.spacing_in && ++n->sparse_points >= KNOWN_POINTS_MAX / 2)
		n->watch.spacing_out = UINT64_MAX;
	if (h->n_points == KNOWN_POINTS_MAX || p->in_off == last->in_off)
		return;
	if (p->window_len > 0)
		put(n, KNOWN_WINDOW, h->n_points, p->window, p->window_len);
	add_point(n, &(struct known_point){
			 p->in_off, p->out_off, (uint8_t)p->bits, p->member, (uint16_t)p->window_len });
}

static void halve_marks(struct known_head *h)
{
	h->n_marks /= 2;
	for (size_t i = 0; i < h->n_marks; i++)
		h->marks[i] = h->marks[2 * i + 1];
	h->mark_step *= 2;
}

static void see_progress(void *arg, uint64_t in_off, uint64_t out_off)
{
	struct known_head *h = &((struct foreign_note *)arg)->head;

	h->plain = out_off;
	while (out_off / h->mark_step > h->n_marks) {
		if (h->n_marks == KNOWN_MARKS_MAX)
			halve_marks(h);
		h->marks = mem_grow(h->marks, &h->cap_marks, h->n_marks + 1, sizeof *h->marks);
		h->marks[h->n_marks++] = in_off;
	}
}

void foreign_note_watch(struct foreign_note *n, struct gunzip *g)
{
	uint64_t least;

	if (n == NULL)
		return;
	least = n->head.size / SIZED_POINTS;
	n->watch = (struct gunzip_watch){ .arg = n,
		.spacing_in = least > SPACING_IN ? least : SPACING_IN,
		.spacing_out = SPACING_OUT,
		.point = see_point,
		.at = see_progress };
	gunzip_set_watch(g, &n->watch);
}

/* ---- entries ---- */

static void put_kept(struct foreign_note *n)
{
	put(n, KNOWN_KEPT, n->n_kept++, buf_text(&n->kept), n->kept.len);
	buf_clear(&n->kept);
}

bool foreign_note_fits(const struct foreign_note *n, uint64_t size)
{
	return n != NULL && !n->given_up && size <= KNOWN_KEPT_MAX - n->head.kept;
}

void foreign_note_keep(struct foreign_note *n, const void *p, size_t size)
{
	const char *from = p;

	if (n == NULL)
		return;
	n->head.kept += size;
	while (size > 0) {
		size_t room = KNOWN_KEPT_BYTES - n->kept.len, part = size < room ? size : room;

		buf_add(&n->kept, from, part);
		from += part;
		size -= part;
		if (n->kept.len == KNOWN_KEPT_BYTES)
			put_kept(n);
	}
}

static void put_rows(struct foreign_note *n)
{
	known_rows_take(&n->rows, &n->piece);
	put(n, KNOWN_ROWS, n->head.n_row_pieces++, n->piece.data, n->piece.len);
	if (n->head.n_row_pieces == KNOWN_ROW_PIECES_MAX)
		give_up(n, "it has too many entries");
}

void foreign_note_row(struct foreign_note *n, const struct known_row *r)
{
	if (n == NULL || n->given_up)
		return;
	if (r->target != NULL && r->meta.size > KNOWN_TARGET_MAX) {
		give_up(n, "it has a link that is too long");
		return;
	}
	known_row_write(&n->rows, r);
	n->head.n_rows++;
	if (known_rows_full(&n->rows))
		put_rows(n);
}

void foreign_note_end(struct foreign_note *n, enum known_container container)
{
	struct err why = { 0 };

	if (n == NULL || n->given_up)
		return;
	n->head.container = container;
	if (container == KNOWN_PLAIN)
		n->head.plain = n->head.size;
	if (container == KNOWN_GZIP && n->head.n_points == 0)
		add_point(n, &(struct known_point){ .member = true });
	if (n->kept.len > 0)
		put_kept(n);
	if (n->rows.n > 0)
		put_rows(n);
	buf_clear(&n->piece);
	known_head_write(&n->head, &n->piece);
	put(n, KNOWN_HEAD, 0, n->piece.data, n->piece.len);
	if (n->given_up)
		return;
	if (n->m.end(n->m.arg, &why) == -1)
		give_up(n, why.msg);
	else
		n->ended = true;
}
