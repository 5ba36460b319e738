/* db_twoskip.c: a twoskip file by its lowest list, or by its log where the list does not hold. */
#include <libdeflate.h>
#include <string.h>

#include "core/bytes.h"
#include "db/db_replay.h"

#define HEADER	  64
#define DUMMY_END 336 /* the dummy has 32 links, always */
#define MAX_LEVEL 31
#define SMALLEST  24 /* a record with one link, no key, no value */
#define DIRTY	  1u

static const char magic[] = "\241\002\213\015twoskip file\0\0\0"; /* and the NUL that ends it: 20 bytes */
static const char blank[8] = { ' ', 'B', 'L', 'A', 'N', 'K', '\x07', '\xa0' };

struct twoskip {
	struct cyrusdb *db;
	uint64_t end;	 /* of what is committed */
	uint64_t repack; /* end of what the last repack wrote */
	size_t readable; /* the part of it that the file still has */
};

struct record {
	uint8_t type; /* = dummy, + record, - delete, $ commit */
	unsigned level;
	const uint8_t *links;
	struct db_pair pair;
	size_t len;
	bool head_ok;
	bool tail_ok;
	bool
	    proven; /* the tail holds and cannot belong to other lengths: its last byte is not zero, the padding is */
};

static bool claims(const uint8_t *p, size_t n)
{
	return n >= sizeof magic && memcmp(p, magic, sizeof magic) == 0;
}

static uint32_t sum(const uint8_t *p, size_t n)
{
	return libdeflate_crc32(0, p, n);
}

static bool all_zero(const uint8_t *p, uint64_t n)
{
	while (n > 0 && p[n - 1] == 0)
		n--;
	return n == 0;
}

/* False when the bytes at at cannot be a record, whatever its sums say. */
static bool read_record(const struct twoskip *t, uint64_t at, struct record *r)
{
	uint64_t key_n, value_n, tail;
	const uint8_t *p;
	size_t left, head = 8;

	if (at % 8 != 0 || at < HEADER || at > t->readable || t->readable - at < SMALLEST)
		return false;
	p = t->db->p + at;
	left = t->readable - (size_t)at;
	r->type = p[0];
	r->level = p[1];
	key_n = be16(p + 2);
	value_n = be32(p + 4);
	if (key_n == 0xffff) {
		key_n = be64(p + head);
		head += 8;
	}
	if (value_n == 0xffffffff) {
		value_n = be64(p + head);
		head += 8;
	}
	if (r->level > MAX_LEVEL || left - head < 8 * (r->level + 1) + 8)
		return false;
	r->links = p + head;
	head += 8 * (r->level + 1);
	left -= head + 8;
	if (key_n > left || value_n > left - key_n)
		return false;
	tail = (key_n + value_n + 7) & ~(uint64_t)7;
	if (tail > left)
		return false;
	r->pair.key = p + head + 8;
	r->pair.key_n = (uint32_t)key_n;
	r->pair.value = r->pair.key + key_n;
	r->pair.value_n = (uint32_t)value_n;
	r->len = head + 8 + (size_t)tail;
	r->head_ok = sum(p, head) == be32(p + head);
	r->tail_ok = sum(p + head + 8, (size_t)tail) == be32(p + head + 4);
	r->proven = r->tail_ok && key_n + value_n > 0 && r->pair.key[key_n + value_n - 1] != 0 &&
		    all_zero(r->pair.key + key_n + value_n, tail - key_n - value_n);
	switch (r->type) {
	case '+': return r->level > 0 && key_n > 0;
	case '=': return at == HEADER && r->level == MAX_LEVEL;
	case '-':
	case '$': return r->level == 0 && key_n == 0 && value_n == 0;
	default: return false;
	}
}

/* The link of the lowest list: of the two, the greater one that is committed. False: neither is. */
static bool next_of(const struct twoskip *t, const struct record *r, uint64_t *next)
{
	uint64_t a = be64(r->links), b = r->level > 0 ? be64(r->links + 8) : a;

	if (a >= t->end && b >= t->end)
		return false;
	*next = a >= t->end ? b : b >= t->end ? a : a > b ? a : b;
	return true;
}

static int walk(void *ctx, struct db_set *set, size_t *seen, struct err *e)
{
	const struct twoskip *t = ctx;
	uint64_t left = t->readable, next = HEADER;
	struct record r;

	if (t->readable < t->end)
		return 0;
	do {
		/* No record stands twice in a list, so what the walk meets is no more than the file. */
		if (!read_record(t, next, &r) || !r.head_ok || r.len > left || r.type == '$' ||
		    (r.type == '=') != (next == HEADER))
			return 0;
		left -= r.len;
		if (r.type == '+') {
			++*seen;
			if (!r.tail_ok)
				t->db->notes |= CYRUSDB_NOTE_DAMAGED;
			else if (db_set_add(set, &r.pair, e) == -1)
				return -1;
		}
		if (!next_of(t, &r, &next))
			return 0;
	} while (next != 0);
	return 1;
}

/* A record whose links were being rewritten, or are damaged, fails its head sum, which also vouches for its lengths:
 * then the tail must prove them. */
static int replay(void *ctx, struct db_log *log, struct err *e)
{
	const struct twoskip *t = ctx;
	uint64_t at = DUMMY_END, start = DUMMY_END;
	struct record r;
	int rc = 0;

	while (at < t->readable) {
		if (t->readable - at >= 8 && memcmp(t->db->p + at, blank, 8) == 0) {
			at += 8;
			continue;
		}
		if (!read_record(t, at, &r) || !r.tail_ok || (!r.head_ok && !(r.type == '+' && r.proven)))
			break;
		if (r.type == '+')
			rc = db_log_store(log, at, &r.pair, e);
		else if (r.type == '-')
			rc = db_log_kill(log, at, DB_KILL_BEFORE, be64(r.links), e);
		else if (be64(r.links) != start)
			break;
		if (rc == -1)
			return -1;
		at += r.len;
		if (r.type == '$') {
			db_log_commit(log);
			start = at;
		}
	}
	/* What a repack wrote came into being as a whole, by rename: the part that is left needs no commit. */
	if (start == DUMMY_END && at <= t->repack && t->repack <= t->end)
		db_log_commit(log);
	return at == t->end && start == t->end;
}

/* The order of improved_mboxlist_sort: '.' before every other printable byte. */
static unsigned mbox_weight(uint8_t c)
{
	if (c == '.')
		return 2;
	if (c == '\t' || c == '\n')
		return 1;
	return c > 0 && c < '\t' ? c + 2u : c;
}

static int mbox_compare(const uint8_t *a, size_t an, const uint8_t *b, size_t bn)
{
	for (size_t i = 0; i < an && i < bn; i++) {
		unsigned x = mbox_weight(a[i]), y = mbox_weight(b[i]);

		if (x != y)
			return x < y ? -1 : 1;
	}
	return an < bn ? -1 : an > bn;
}

/* A delete names the key after the deleted one, so replaying needs the order of the keys, which the file does not
 * name: any link that leads from a key to a smaller one shows that it is not the plain order. */
static db_order *order(void *ctx, const struct db_log *log)
{
	const struct twoskip *t = ctx;

	for (size_t i = 0; i < log->committed && log->kills > 0; i++) {
		const struct db_pair *from = &log->ops[i].pair;
		struct record r;

		if (log->ops[i].kind != DB_STORE || !read_record(t, log->ops[i].at, &r) || !r.head_ok)
			continue;
		for (unsigned k = 0; k <= r.level; k++) {
			const struct db_op *to = db_log_find(log, be64(r.links + 8 * k));

			if (to != NULL &&
			    db_compare(from->key, from->key_n, to->pair.key, to->pair.key_n) > 0)
				return mbox_compare;
		}
	}
	return db_compare;
}

static int load(struct cyrusdb *db, struct err *e)
{
	const uint8_t *p = db->p;
	struct twoskip t = { .db = db };
	struct db_ways ways = { walk, replay, order, &t, 0, false };
	uint32_t flags;

	db->kind = CYRUSDB_TWOSKIP;
	if (db->n < HEADER)
		return err_set(e, ERR_FORMAT, "%zu bytes are no whole twoskip header", db->n);
	if (sum(p, 60) != be32(p + 60))
		return err_set(e, ERR_FORMAT, "the checksum of the twoskip header does not hold");
	if (be32(p + 20) > 1)
		return err_set(e, ERR_UNSUPPORTED, "twoskip version %u is not known", be32(p + 20));
	t.repack = be64(p + 40);
	t.end = be64(p + 48);
	t.readable = t.end < db->n ? (size_t)t.end : db->n;
	flags = be32(p + 56);
	if (t.end < DUMMY_END || t.end % 8 != 0)
		return err_set(e, ERR_FORMAT, "the twoskip header ends the data at byte %llu",
		    (unsigned long long)t.end);
	if (flags & DIRTY)
		db->notes |= CYRUSDB_NOTE_DIRTY;
	if (db->n > t.end)
		db->notes |= CYRUSDB_NOTE_TAIL;
	if (db->n < t.end)
		db->notes |= CYRUSDB_NOTE_TORN;
	ways.expect = be64(p + 32);
	ways.expect_firm = !(flags & DIRTY);
	return db_read_ways(db, &ways, e);
}

const struct db_backend db_twoskip = { claims, load };
