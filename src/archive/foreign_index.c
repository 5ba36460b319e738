/* foreign_index.c: a foreign archive that was read before: its entries from memory, its content by range. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "archive/arena.h"
#include "archive/foreign_note.h"
#include "archive/ranges.h"
#include "core/mem.h"

#define EXPECTED_MAX 1000 /* stretches of an archive that are said beforehand */
#define ROWS_MAX     (KNOWN_ROWS_BYTES + 4 * KNOWN_ROW_MAX)
#define REPEAT_MAX \
	(4u << 20) /* content that several names have, one after the other, is read once if it is not larger */

struct foreign_index {
	struct store *store;
	char *name;
	struct foreign_memory m;
	struct decoder *decoder;
	uint64_t seed;
	struct known_head head;
	struct stream *in;
	uint64_t looked; /* bytes read to know the archive again */
	struct buf packed, rows;
	struct buf kept; /* the piece of it that was used last */
	uint64_t kept_number;
	struct ranges *ranges;
	size_t n_expected; /* starts that were said and are still to come */
	/* The content given last, if it is wanted once more. */
	bool has_last;
	uint64_t last_off;
	struct buf last;
};

static int damaged(const struct foreign_index *ix, struct err *e)
{
	return err_set(e, ERR_DAMAGE, "what is known of %s from reading it before is damaged", ix->name);
}

/* One piece into ${b}: 1, 0 there is none, -1. */
static int load(
    struct foreign_index *ix, enum known_kind kind, uint64_t number, size_t max, struct buf *b, struct err *e)
{
	int r;

	buf_clear(&ix->packed);
	r = ix->m.get(ix->m.arg, (uint8_t)kind, number, &ix->packed, e);
	if (r != 1)
		return r;
	return known_unpack(ix->decoder, ix->seed, kind, number, &ix->packed, max, b) == -1 ? damaged(ix, e)
	                                                                                    : 1;
}

static int must_load(
    struct foreign_index *ix, enum known_kind kind, uint64_t number, size_t max, struct buf *b, struct err *e)
{
	int r = load(ix, kind, number, max, b, e);

	return r == 0 ? damaged(ix, e) : r == 1 ? 0 : -1;
}

static int open_index(struct foreign_index *ix, struct job *job, struct err *e)
{
	struct buf b = BUF_INIT;
	struct err why = { 0 };
	uint64_t size;
	int r;

	/* An archive that is not known costs no look at it. */
	if ((r = ix->m.get(ix->m.arg, KNOWN_HEAD, 0, &b, e)) != 1) {
		buf_done(&b);
		return r;
	}
	buf_done(&b);
	if (store_read(ix->store, ix->name, &ix->in, e) == -1)
		return -1;
	stream_set_job(ix->in, job);
	if (foreign_identity(ix->store, ix->name, ix->in, &ix->seed, &size, e) == -1)
		return -1;
	ix->looked = size < 1024 ? 2 * size : 2048;
	r = load(ix, KNOWN_HEAD, 0, KNOWN_HEAD_MAX, &b, &why);
	if (r == 1)
		r = known_head_parse((const uint8_t *)buf_text(&b), b.len, size, &ix->head) == 0;
	buf_done(&b);
	stream_set_job(ix->in, NULL);
	return r == 1;
}

static int load_window(void *arg, size_t i, struct buf *window, struct err *e)
{
	struct foreign_index *ix = arg;

	if (must_load(ix, KNOWN_WINDOW, i, GUNZIP_WINDOW, window, e) == -1)
		return -1;
	return window->len == ix->head.points[i].window_len ? 0 : damaged(ix, e);
}

int foreign_index_open(struct store *store, const char *name, struct job *job, const struct foreign_memory *m,
    struct foreign_index **ret, struct err *e)
{
	struct foreign_index *ix = mem_alloc(sizeof *ix);
	int r;

	*ret = NULL;
	ix->store = store;
	ix->name = mem_strdup(name);
	ix->m = *m;
	ix->decoder = decoder_new();
	ix->kept_number = UINT64_MAX;
	if ((r = open_index(ix, job, e)) != 1) {
		foreign_index_close(ix);
		return r;
	}
	ix->ranges = ranges_new(ix->name, ix->in, &ix->head, load_window, ix);
	*ret = ix;
	return 1;
}

void foreign_index_close(struct foreign_index *ix)
{
	if (ix == NULL)
		return;
	ranges_free(ix->ranges);
	stream_close(ix->in);
	decoder_free(ix->decoder);
	known_head_done(&ix->head);
	buf_done(&ix->packed);
	buf_done(&ix->rows);
	buf_done(&ix->kept);
	buf_done(&ix->last);
	free(ix->name);
	free(ix);
}

bool foreign_index_has_ranges(const struct foreign_index *ix)
{
	return ix->head.container != KNOWN_CLOSED;
}

uint64_t foreign_index_fetched(const struct foreign_index *ix)
{
	return ix->looked + ranges_fetched(ix->ranges);
}

void foreign_index_drop(struct foreign_index *ix)
{
	ix->m.drop(ix->m.arg, true);
}

/* ---- content that is kept ---- */

struct taker {
	const struct file_sink *sink;
	XXH3_state_t *hash;
	struct buf *copy; /* or NULL */
};

static int take(void *arg, const void *p, size_t n, struct err *e)
{
	const struct taker *t = arg;

	XXH3_64bits_update(t->hash, p, n);
	if (t->copy != NULL)
		buf_add(t->copy, p, n);
	return t->sink->data(t->sink->arg, p, n, e);
}

static int read_kept(struct foreign_index *ix, uint64_t off, uint64_t size, struct taker *t, struct err *e)
{
	while (size > 0) {
		uint64_t number = off / KNOWN_KEPT_BYTES;
		size_t skip = (size_t)(off % KNOWN_KEPT_BYTES), n;

		if (number != ix->kept_number) {
			ix->kept_number = UINT64_MAX;
			if (must_load(ix, KNOWN_KEPT, number, KNOWN_KEPT_BYTES, &ix->kept, e) == -1)
				return -1;
			ix->kept_number = number;
		}
		if (skip >= ix->kept.len)
			return damaged(ix, e);
		n = ix->kept.len - skip;
		if (n > size)
			n = (size_t)size;
		if (take(t, ix->kept.data + skip, n, e) == -1)
			return -1;
		off += n;
		size -= n;
	}
	return 0;
}

/* ---- files ---- */

static void forget_place(struct foreign_index *ix)
{
	ranges_stop(ix->ranges);
	ix->n_expected = 0;
	ix->has_last = false;
}

static bool by_range(const struct known_row *r)
{
	return r->has_content && !r->is_kept;
}

static bool can_be_had(const struct foreign_index *ix, const struct known_row *r)
{
	return !by_range(r) || (r->is_there && foreign_index_has_ranges(ix));
}

/* How far it is best to read on from rows[0]: over all that cannot be reached sooner from a later point. */
static uint64_t run_end(const struct foreign_index *ix, const struct known_row *rows, size_t n)
{
	uint64_t off = rows[0].off, end = off + rows[0].meta.size;

	for (size_t i = 1; i < n; i++) {
		const struct known_row *r = &rows[i];

		if (!by_range(r))
			continue;
		if (r->off < off)
			break;
		if (!ranges_near(ix->ranges, end, r->off))
			break;
		off = r->off;
		if (off + r->meta.size > end)
			end = off + r->meta.size;
	}
	return end;
}

static bool is_repeat(const struct known_row *before, const struct known_row *r)
{
	return r->off == before->off && r->meta.size == before->meta.size && r->meta.size <= REPEAT_MAX;
}

/* Says all that will be read of the archive, in the order in which give_range() will do it, so that one stretch of it is under way while the one before
 * is still read. */
static void expect_all(struct foreign_index *ix, const struct known_row *rows, size_t n)
{
	const struct known_row *before = NULL;
	uint64_t at = 0, to = 0;
	bool reading = false;

	for (size_t i = 0; i < n; i++) {
		const struct known_row *r = &rows[i];

		if (!by_range(r) || (before != NULL && is_repeat(before, r)))
			continue;
		if (!reading || r->off < at || r->off > to || r->meta.size > to - r->off) {
			if (ix->n_expected == EXPECTED_MAX)
				break;
			to = run_end(ix, rows + i, n - i);
			ranges_expect(ix->ranges, r->off, to);
			ix->n_expected++;
			reading = true;
		}
		at = r->off + r->meta.size;
		before = r;
	}
}

static int give_range(
    struct foreign_index *ix, const struct known_row *rows, size_t n, struct taker *t, struct err *e)
{
	const struct known_row *r = &rows[0];
	uint64_t size = r->meta.size;

	if (ix->has_last && ix->last_off == r->off && ix->last.len == size)
		return take(t, ix->last.data, ix->last.len, e);
	if (!ranges_covers(ix->ranges, r->off, size)) {
		bool expected = ix->n_expected > 0;

		ix->n_expected -= expected;
		if (ranges_start(ix->ranges, r->off, run_end(ix, rows, n), expected, e) == -1)
			return -1;
	}
	ix->has_last = n > 1 && by_range(&rows[1]) && is_repeat(r, &rows[1]);
	if (ix->has_last) {
		buf_clear(&ix->last);
		ix->last_off = r->off;
		t->copy = &ix->last;
	}
	return ranges_read(ix->ranges, r->off, size, take, t, e);
}

static int give_content(
    struct foreign_index *ix, const struct known_row *rows, size_t n, struct taker *t, struct err *e)
{
	const struct known_row *r = &rows[0];
	int rc;

	if (r->target != NULL)
		return t->sink->data(t->sink->arg, r->target, (size_t)r->meta.size, e);
	if (!r->has_content)
		return 0;
	XXH3_64bits_reset(t->hash);
	rc = r->is_kept ? read_kept(ix, r->kept_off, r->meta.size, t, e) : give_range(ix, rows, n, t, e);
	if (rc == 0 && XXH3_64bits_digest(t->hash) != r->hash)
		rc = err_set(e, ERR_DAMAGE, "%s: %s is not what it was when the archive was first read",
		    ix->name, r->meta.path);
	if (rc == -1)
		forget_place(ix);
	return rc;
}

static struct archive_file file_of(const struct known_row *r)
{
	return (struct archive_file){
		.path = r->meta.path, .role = ROLE_OTHER, .size = r->meta.size, .mtime = r->meta.mtime
	};
}

/* rows[0] to the sink; the others are what will be wanted then. 1: go on; 0: it has enough. */
static int give(struct foreign_index *ix, struct job *job, const struct known_row *rows, size_t n,
    XXH3_state_t *hash, const struct file_sink *s, struct err *e)
{
	struct archive_file file = file_of(&rows[0]);
	struct taker t = { s, hash, NULL };
	int r;

	if (job_cancelled(job, e))
		return -1;
	r = s->begin(s->arg, &file, &rows[0].meta, e);
	if (r != 1)
		return r == 0 ? 1 : r == 2 ? 0 : -1;
	if (!can_be_had(ix, &rows[0])) {
		s->abort(s->arg);
		return err_set(e, ERR_UNSUPPORTED, "%s can be read from its front only", ix->name);
	}
	if (give_content(ix, rows, n, &t, e) == -1) {
		s->abort(s->arg);
		return -1;
	}
	job_advance(job, file.size);
	return s->end(s->arg, e) == -1 ? -1 : 1;
}

typedef int row_fn(void *arg, const struct known_row *r, struct err *e); /* 1 go on, 0 stop, -1 */

/* All rows of piece ${number}: 1, 0 stopped, -1. */
static int each_row_of(struct foreign_index *ix, uint64_t number, struct known_rows_in *in, row_fn *each,
    void *arg, struct err *e)
{
	uint64_t kept = in->kept;
	struct known_row row;
	int r;

	if (must_load(ix, KNOWN_ROWS, number, ROWS_MAX, &ix->rows, e) == -1)
		return -1;
	if (known_rows_begin(in, &ix->head, buf_text(&ix->rows), ix->rows.len) == -1 || in->kept != kept)
		return damaged(ix, e);
	while ((r = known_row_next(in, &row)) == 1)
		if ((r = each(arg, &row, e)) != 1)
			return r;
	return r == 0 ? 1 : damaged(ix, e);
}

static int each_row(struct foreign_index *ix, struct job *job, row_fn *each, void *arg, struct err *e)
{
	struct known_rows_in in = { 0 };
	int r = 1;

	for (uint64_t i = 0; i < ix->head.n_row_pieces && r == 1; i++)
		r = job_cancelled(job, e) ? -1 : each_row_of(ix, i, &in, each, arg, e);
	known_rows_in_done(&in);
	return r == -1 ? -1 : 0;
}

/* ---- the two ways through it ---- */

struct replay {
	struct foreign_index *ix;
	struct job *job;
	const struct file_sink *sink;
	XXH3_state_t *hash;
};

static int replay_row(void *arg, const struct known_row *r, struct err *e)
{
	struct replay *p = arg;

	return give(p->ix, p->job, r, 1, p->hash, p->sink, e);
}

int foreign_index_replay(
    struct foreign_index *ix, struct job *job, const struct file_sink *sink, struct err *e)
{
	struct replay p = { ix, job, sink, XXH3_createState() };
	int rc;

	stream_set_job(ix->in, job);
	rc = each_row(ix, job, replay_row, &p, e);
	forget_place(ix);
	stream_set_job(ix->in, NULL);
	XXH3_freeState(p.hash);
	return rc;
}

struct wishes {
	struct foreign_index *ix;
	foreign_wants_fn *wants;
	void *arg;
	struct arena *arena;
	struct known_row *rows;
	size_t n, cap;
};

static int collect_row(void *arg, const struct known_row *r, struct err *e)
{
	struct wishes *w = arg;
	struct archive_file file = file_of(r);
	struct known_row *to;

	if (!w->wants(w->arg, &file, &r->meta))
		return 1;
	if (!can_be_had(w->ix, r))
		return err_set(e, ERR_UNSUPPORTED, "%s can be read from its front only", w->ix->name);
	w->rows = mem_grow(w->rows, &w->cap, w->n + 1, sizeof *w->rows);
	to = &w->rows[w->n++];
	*to = *r;
	to->meta.path = arena_join(w->arena, r->meta.path, strlen(r->meta.path), "", 0);
	if (r->target != NULL)
		to->target = arena_join(w->arena, r->target, (size_t)r->meta.size, "", 0);
	return 1;
}

int foreign_index_read(struct foreign_index *ix, struct job *job, foreign_wants_fn *wants,
    const struct file_sink *sink, struct err *e)
{
	struct wishes w = { .ix = ix, .wants = wants, .arg = sink->arg, .arena = arena_new(1 << 16) };
	XXH3_state_t *hash = XXH3_createState();
	int r;

	stream_set_job(ix->in, job);
	r = each_row(ix, job, collect_row, &w, e);
	if (r != -1)
		expect_all(ix, w.rows, w.n);
	for (size_t i = 0; i < w.n && r != -1; i++) {
		r = give(ix, job, &w.rows[i], w.n - i, hash, sink, e);
		if (r == 0)
			break;
	}
	forget_place(ix);
	stream_set_job(ix->in, NULL);
	XXH3_freeState(hash);
	arena_free(w.arena);
	free(w.rows);
	return r == -1 ? -1 : 0;
}
