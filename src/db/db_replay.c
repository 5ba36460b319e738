/* db_replay.c: a database out of its log. */
#include "db/db_replay.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

/* A set of numbers below n with "the greatest member below x" in a few steps: one bit per number, and above it one bit
 * per word that is not zero, up to a single word. */
#define BITS_LEVELS 5

struct bits {
	uint64_t *level[BITS_LEVELS];
	size_t n;
};

static void bits_init(struct bits *b, size_t n)
{
	b->n = n;
	for (int k = 0; k < BITS_LEVELS; k++) {
		n = n / 64 + 1;
		b->level[k] = mem_array(n, sizeof *b->level[k]);
	}
}

static void bits_done(struct bits *b)
{
	for (int k = 0; k < BITS_LEVELS; k++)
		free(b->level[k]);
}

static void bits_put(struct bits *b, size_t x, bool member)
{
	for (int k = 0; k < BITS_LEVELS; k++, x /= 64) {
		uint64_t bit = (uint64_t)1 << x % 64;

		if (member)
			b->level[k][x / 64] |= bit;
		else
			b->level[k][x / 64] &= ~bit;
		if (!member && b->level[k][x / 64] != 0)
			return;
	}
}

/* The greatest member below x, or b->n when there is none. */
static size_t bits_before(const struct bits *b, size_t x)
{
	for (int k = 0; k < BITS_LEVELS; k++, x /= 64) {
		uint64_t below = b->level[k][x / 64] & (((uint64_t)1 << x % 64) - 1);

		if (below == 0)
			continue;
		x = x / 64 * 64 + (size_t)(63 - __builtin_clzll(below));
		while (k-- > 0)
			x = x * 64 + (size_t)(63 - __builtin_clzll(b->level[k][x]));
		return x;
	}
	return b->n;
}

static int add(struct db_log *log, const struct db_op *op, struct err *e)
{
	if (log->n >= DB_MAX_KEYS)
		return err_set(e, ERR_UNSUPPORTED, "more than %u changes in one database", DB_MAX_KEYS);
	log->ops = mem_grow(log->ops, &log->cap, log->n + 1, sizeof *log->ops);
	log->ops[log->n++] = *op;
	return 0;
}

int db_log_store(struct db_log *log, uint64_t at, const struct db_pair *pair, struct err *e)
{
	struct db_op op = { .pair = *pair, .at = at, .kind = DB_STORE };

	return add(log, &op, e);
}

int db_log_kill(struct db_log *log, uint64_t at, enum db_op_kind kind, uint64_t target, struct err *e)
{
	struct db_op op = { .at = at, .kind = kind, .target = target };

	if (log->kills >= log->n - log->kills)
		return kind == DB_KILL ? 0 : err_set(e, ERR_FORMAT, "more deletes than keys");
	log->kills++;
	return add(log, &op, e);
}

void db_log_commit(struct db_log *log)
{
	log->committed = log->n;
}

void db_log_done(struct db_log *log)
{
	free(log->ops);
	memset(log, 0, sizeof *log);
}

struct ranking {
	const struct db_op *ops;
	db_order *order;
};

static int by_key(const void *a, const void *b, void *arg)
{
	const struct ranking *r = arg;
	const uint32_t *x = a, *y = b;
	const struct db_pair *p = &r->ops[*x].pair, *q = &r->ops[*y].pair;
	int c = r->order(p->key, p->key_n, q->key, q->key_n);

	return c != 0 ? c : *x < *y ? -1 : *x > *y;
}

/* Numbers the distinct keys in their order; returns how many there are. */
static size_t rank_keys(struct db_log *log, db_order *order)
{
	uint32_t *index = mem_array(log->committed, sizeof *index);
	struct ranking r = { log->ops, order };
	size_t n = 0, ranks = 0;
	bool sorted = true;

	for (size_t i = 0; i < log->committed; i++) {
		if (log->ops[i].kind != DB_STORE)
			continue;
		index[n] = (uint32_t)i;
		sorted = sorted && (n == 0 || by_key(&index[n - 1], &index[n], &r) < 0);
		n++;
	}
	if (!sorted)
		qsort_r(index, n, sizeof *index, by_key, &r);
	for (size_t i = 0; i < n; i++) {
		struct db_pair *p = &log->ops[index[i]].pair;

		if (i > 0) {
			struct db_pair *q = &log->ops[index[i - 1]].pair;

			ranks += order(q->key, q->key_n, p->key, p->key_n) != 0;
		}
		log->ops[index[i]].rank = (uint32_t)ranks;
	}
	free(index);
	return n > 0 ? ranks + 1 : 0;
}

const struct db_op *db_log_find(const struct db_log *log, uint64_t at)
{
	size_t lo = 0, hi = log->committed;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (log->ops[mid].at < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < log->committed && log->ops[lo].at == at && log->ops[lo].kind == DB_STORE ? &log->ops[lo]
											     : NULL;
}

int db_log_replay(struct db_log *log, db_order *order, struct db_set *set, struct err *e)
{
	size_t ranks = rank_keys(log, order);
	const struct db_op **now = mem_array(ranks, sizeof *now);
	struct bits live;
	int rc = -1;

	bits_init(&live, ranks);
	for (size_t i = 0; i < log->committed; i++) {
		const struct db_op *op = &log->ops[i], *t;
		size_t gone = ranks;

		switch (op->kind) {
		case DB_STORE:
			now[op->rank] = op;
			bits_put(&live, op->rank, true);
			break;
		case DB_KILL:
			t = db_log_find(log, op->target);
			if (t != NULL && now[t->rank] == t)
				gone = t->rank;
			break;
		case DB_KILL_BEFORE:
			t = op->target != 0 ? db_log_find(log, op->target) : NULL;
			if (op->target == 0 || (t != NULL && now[t->rank] == t))
				gone = bits_before(&live, t != NULL ? t->rank : ranks);
			if (gone == ranks) {
				err_set(e, ERR_FORMAT,
				    "the delete at byte %llu does not fit what stands before it",
				    (unsigned long long)op->at);
				goto out;
			}
			break;
		}
		if (gone < ranks) {
			now[gone] = NULL;
			bits_put(&live, gone, false);
		}
	}
	for (size_t i = 0; i < ranks; i++)
		if (now[i] != NULL && db_set_add(set, &now[i]->pair, e) == -1)
			goto out;
	rc = 0;
out:
	bits_done(&live);
	free(now);
	return rc;
}

/* The log's view in set. 1: of all that the header speaks of, 0: of a part, -1. */
static int by_log(const struct db_ways *ways, struct db_set *set, struct err *e)
{
	struct db_log log = { 0 };
	int r = ways->replay(ways->ctx, &log, e);

	if (r != -1 && db_log_replay(&log, ways->order != NULL ? ways->order(ways->ctx, &log) : db_compare,
			   set, e) == -1)
		r = -1;
	db_log_done(&log);
	return r;
}

int db_read_ways(struct cyrusdb *db, const struct db_ways *ways, struct err *e)
{
	struct db_set list = { 0 }, log = { 0 };
	size_t seen = 0;
	unsigned notes = db->notes;
	int walked, replayed;

	walked = ways->walk(ways->ctx, &list, &seen, e);
	if (walked == -1)
		goto fail;
	if (walked == 1 && db_set_sort(&list) > 0)
		walked = 0;
	if (walked == 1 && (!ways->expect_firm || seen == ways->expect)) {
		db->live = list;
		return 0;
	}
	notes |= db->notes & CYRUSDB_NOTE_DAMAGED;
	db->notes &= ~(unsigned)CYRUSDB_NOTE_DAMAGED;
	replayed = by_log(ways, &log, e);
	if (walked == 1 && (replayed != 1 || log.n != ways->expect)) {
		/* The header's number is wrong, and the log does not know better than the list. */
		db->notes = notes | CYRUSDB_NOTE_DAMAGED;
		db->live = list;
		db_set_done(&log);
		return 0;
	}
	if (replayed == -1)
		goto fail;
	if (replayed == 0 && log.n == 0 && ways->expect > 0) {
		err_set(e, ERR_FORMAT, "cut or damaged, and no whole transaction is left");
		goto fail;
	}
	db->notes |= replayed == 1 ? CYRUSDB_NOTE_REPLAYED : CYRUSDB_NOTE_REPLAYED | CYRUSDB_NOTE_TORN;
	db->live = log;
	db_set_done(&list);
	return 0;
fail:
	db_set_done(&list);
	db_set_done(&log);
	return -1;
}
