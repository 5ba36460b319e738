/* sorter.c: sorted runs in a temporary file, merged. */
#include "db/sorter.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/bytes.h"
#include "core/io.h"
#include "core/mem.h"

#define HEAD       8 /* the two lengths before a pair */
#define READ_BYTES (256u << 10)

/* A sorted stretch of the file, or what was still in memory at the end. */
struct run {
	uint64_t at, end; /* what of it is not in the buffer yet */
	struct buf b;
	size_t used; /* of the buffer, before the pair that is next */
	struct sorter_pair pair;
	bool ended;
};

struct sorter {
	size_t memory_bytes;
	struct buf now; /* pairs as they came */
	size_t *places; /* in now, of each */
	size_t n, cap;
	bool in_order; /* so far */
	int fd;
	uint64_t file_bytes;
	struct run *runs; /* the older first */
	size_t n_runs, cap_runs;
	bool reading;
	size_t last; /* the run that gave the last pair */
	bool has_last;
	struct buf given; /* the key that was given last */
};

struct sorter *sorter_new(size_t memory_bytes)
{
	struct sorter *s = mem_alloc(sizeof *s);

	s->memory_bytes = memory_bytes;
	s->fd = -1;
	s->in_order = true;
	return s;
}

void sorter_free(struct sorter *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->n_runs; i++)
		buf_done(&s->runs[i].b);
	free(s->runs);
	free(s->places);
	buf_done(&s->now);
	buf_done(&s->given);
	if (s->fd != -1)
		close(s->fd);
	free(s);
}

static struct sorter_pair pair_at(const char *p)
{
	const uint8_t *q = (const uint8_t *)p;
	size_t nk = be32(q), nv = be32(q + 4);

	return (struct sorter_pair){ .key = q + HEAD, .value = q + HEAD + nk, .nk = nk, .nv = nv };
}

static int compare(const struct sorter_pair *a, const struct sorter_pair *b)
{
	int c = memcmp(a->key, b->key, a->nk < b->nk ? a->nk : b->nk);

	return c != 0 ? c : (a->nk > b->nk) - (a->nk < b->nk);
}

static int by_key(const void *x, const void *y, void *base)
{
	size_t i = *(const size_t *)x, k = *(const size_t *)y;
	struct sorter_pair a = pair_at((const char *)base + i), b = pair_at((const char *)base + k);
	int c = compare(&a, &b);

	return c != 0 ? c : (i > k) - (i < k);
}

static void sort_now(struct sorter *s)
{
	if (!s->in_order)
		qsort_r(s->places, s->n, sizeof *s->places, by_key, s->now.data);
}

/* What is in memory becomes a run of the file. */
static int spill(struct sorter *s, struct err *e)
{
	struct buf out = BUF_INIT;
	uint64_t begin = s->file_bytes;
	int rc = 0;

	if (s->fd == -1 && (s->fd = io_temp_fd(NULL, e)) == -1)
		return -1;
	sort_now(s);
	for (size_t i = 0; i < s->n && rc == 0; i++) {
		const char *p = s->now.data + s->places[i];
		struct sorter_pair pair = pair_at(p);

		buf_add(&out, p, HEAD + pair.nk + pair.nv);
		if (out.len >= READ_BYTES || i + 1 == s->n) {
			rc = io_pwrite_all(s->fd, out.data, out.len, s->file_bytes, "a temporary file", e);
			s->file_bytes += out.len;
			buf_clear(&out);
		}
	}
	buf_done(&out);
	s->runs = mem_grow(s->runs, &s->cap_runs, s->n_runs + 1, sizeof *s->runs);
	s->runs[s->n_runs++] = (struct run){ .at = begin, .end = s->file_bytes };
	buf_clear(&s->now);
	s->n = 0;
	s->in_order = true;
	return rc;
}

int sorter_add(struct sorter *s, const void *key, size_t nk, const void *value, size_t nv, struct err *e)
{
	uint8_t head[HEAD];

	if (nk > SORTER_MAX || nv > SORTER_MAX)
		return err_set(e, ERR_FORMAT, "a row of %zu bytes is too long", nk > nv ? nk : nv);
	if (s->n > 0 && s->now.len + nk + nv >= s->memory_bytes && spill(s, e) == -1)
		return -1;
	put_be32(head, (uint32_t)nk);
	put_be32(head + 4, (uint32_t)nv);
	s->places = mem_grow(s->places, &s->cap, s->n + 1, sizeof *s->places);
	s->places[s->n++] = s->now.len;
	buf_add(&s->now, head, HEAD);
	buf_add(&s->now, key, nk);
	buf_add(&s->now, value, nv);
	if (s->n > 1 && s->in_order) {
		struct sorter_pair a = pair_at(s->now.data + s->places[s->n - 2]),
				   b = pair_at(s->now.data + s->places[s->n - 1]);

		s->in_order = compare(&a, &b) <= 0;
	}
	return 0;
}

/* So many bytes behind what was used are in the buffer; fewer: -1, the run was written by us. */
static int have(struct sorter *s, struct run *r, size_t need, struct err *e)
{
	size_t left = r->b.len - r->used, n;

	if (left >= need)
		return 0;
	if (left > 0)
		memmove(r->b.data, r->b.data + r->used, left);
	r->b.len = left;
	r->used = 0;
	n = need - left > READ_BYTES ? need - left : READ_BYTES;
	if (n > r->end - r->at)
		n = (size_t)(r->end - r->at);
	if (n < need - left)
		return err_set(e, ERR_DAMAGE, "a temporary file was changed");
	if (io_pread_all(s->fd, buf_reserve(&r->b, n), n, r->at, "a temporary file", e) == -1)
		return -1;
	r->b.len += n;
	r->at += n;
	return 0;
}

static int advance(struct sorter *s, struct run *r, struct err *e)
{
	if (r->pair.key != NULL)
		r->used += HEAD + r->pair.nk + r->pair.nv;
	if (r->used == r->b.len && r->at == r->end) {
		r->ended = true;
		return 0;
	}
	if (have(s, r, HEAD, e) == -1)
		return -1;
	r->pair = pair_at(r->b.data + r->used);
	if (r->pair.nk > SORTER_MAX || r->pair.nv > SORTER_MAX)
		return err_set(e, ERR_DAMAGE, "a temporary file was changed");
	if (have(s, r, HEAD + r->pair.nk + r->pair.nv, e) == -1)
		return -1;
	r->pair = pair_at(r->b.data + r->used);
	return 0;
}

/* What is left in memory is the last run: in order, all of it in the buffer. */
static int begin_reading(struct sorter *s, struct err *e)
{
	s->reading = true;
	if (s->n > 0 && s->n_runs == 0 && s->in_order) {
		s->runs = mem_grow(s->runs, &s->cap_runs, 1, sizeof *s->runs);
		s->runs[s->n_runs++] = (struct run){ .b = s->now };
		s->now = (struct buf)BUF_INIT;
	} else if (s->n > 0) {
		struct buf sorted = BUF_INIT;

		sort_now(s);
		for (size_t i = 0; i < s->n; i++) {
			struct sorter_pair p = pair_at(s->now.data + s->places[i]);

			buf_add(&sorted, s->now.data + s->places[i], HEAD + p.nk + p.nv);
		}
		buf_done(&s->now);
		s->runs = mem_grow(s->runs, &s->cap_runs, s->n_runs + 1, sizeof *s->runs);
		s->runs[s->n_runs++] = (struct run){ .b = sorted };
	}
	for (size_t i = 0; i < s->n_runs; i++)
		if (advance(s, &s->runs[i], e) == -1)
			return -1;
	return 0;
}

int sorter_next(struct sorter *s, struct sorter_pair *ret, struct err *e)
{
	struct run *best;

	if (!s->reading && begin_reading(s, e) == -1)
		return -1;
	for (;;) {
		bool again;

		if (s->has_last && advance(s, &s->runs[s->last], e) == -1)
			return -1;
		best = NULL;
		for (size_t i = 0; i < s->n_runs; i++)
			if (!s->runs[i].ended && (best == NULL || compare(&s->runs[i].pair, &best->pair) < 0))
				best = &s->runs[i];
		if (best == NULL) {
			s->has_last = false;
			return 0;
		}
		again = s->has_last && best->pair.nk == s->given.len &&
		        memcmp(best->pair.key, s->given.data, s->given.len) == 0;
		s->last = (size_t)(best - s->runs);
		s->has_last = true;
		if (again)
			continue;
		buf_clear(&s->given);
		buf_add(&s->given, best->pair.key, best->pair.nk);
		*ret = best->pair;
		return 1;
	}
}
