/* db_twom.c: a twom file by its lowest list, or by its log where the list does not hold. */
#include <string.h>
#include <xxhash.h>

#include "core/bytes.h"
#include "db/db_replay.h"

#define HEADER	  96
#define DUMMY_END 368 /* the dummy has 32 links, always */
#define MAX_LEVEL 31
#define SMALLEST  24 /* a delete or commit record */

enum { DUMMY = 1, ADD, FAT_ADD, REPLACE, FAT_REPLACE, DELETE, COMMIT };

enum {
	DIRTY = 1u << 0,
	NULL_SUM = 1u << 27,
	/* bit 28 asks for the sum that is used anyhow */
	FOREIGN_SUM = 1u << 29,
	FOREIGN_ORDER = 1u << 30
};

static const char magic[16] = "\241\002\213\015twomfile";

struct twom {
	struct cyrusdb *db;
	uint64_t end;	 /* of what is committed */
	uint64_t repack; /* end of what the last repack wrote */
	size_t readable; /* the part of it that the file still has */
	bool summed;
};

struct record {
	uint8_t type;
	unsigned level;
	uint64_t ancestor; /* of a commit: the end before it */
	const uint8_t *links;
	struct db_pair pair;
	size_t len;
	bool head_ok;
	bool tail_ok;
	bool
	    proven; /* the tail holds and cannot belong to other lengths: no NUL but those at the ends and the padding */
};

static bool claims(const uint8_t *p, size_t n)
{
	return n >= sizeof magic && memcmp(p, magic, sizeof magic) == 0;
}

static uint32_t sum(const struct twom *t, const uint8_t *p, size_t n)
{
	return t->summed && n > 0 ? (uint32_t)XXH3_64bits(p, n) : 0;
}

static bool is_store(const struct record *r)
{
	return r->type >= ADD && r->type <= FAT_REPLACE;
}

/* Key, NUL, value, NUL, padding: the lengths are those that the bytes show by themselves. */
static bool shows_lengths(const struct record *r, size_t tail)
{
	size_t n = tail;

	while (n > 0 && r->pair.key[n - 1] == 0)
		n--;
	return r->pair.value_n > 0 && n == (size_t)r->pair.key_n + 1 + r->pair.value_n &&
	       memchr(r->pair.key, '\0', tail) == r->pair.key + r->pair.key_n;
}

/* False when the bytes at at cannot be a record, whatever its sums say. */
static bool read_record(const struct twom *t, uint64_t at, struct record *r)
{
	uint64_t key_n = 0, value_n = 0, tail = 0;
	size_t left, head = 8;
	const uint8_t *p;

	if (at % 8 != 0 || at < HEADER || at > t->readable || t->readable - at < SMALLEST)
		return false;
	p = t->db->p + at;
	left = t->readable - (size_t)at;
	r->type = p[0];
	r->level = p[1];
	r->ancestor = 0;
	if (r->type < DUMMY || r->type > COMMIT || r->level > MAX_LEVEL)
		return false;
	if (r->type == FAT_ADD || r->type == FAT_REPLACE) {
		if (left < 40)
			return false;
		key_n = le64(p + 8);
		value_n = le64(p + 16);
		head += 16;
	} else if (is_store(r)) {
		key_n = le16(p + 2);
		value_n = le32(p + 4);
	}
	if (r->type >= REPLACE) {
		r->ancestor = le64(p + head);
		head += 8;
	}
	if (r->type == DELETE || r->type == COMMIT) {
		if (r->level != 0)
			return false;
	} else {
		if (r->level == 0 || left - head < 8 * (r->level + 1))
			return false;
		r->links = p + head;
		head += 8 * (r->level + 1);
	}
	if (left - head < 8)
		return false;
	left -= head + 8;
	if (is_store(r)) {
		if (key_n == 0 || key_n > left || value_n > left - key_n || left - key_n - value_n < 2)
			return false;
		tail = (key_n + value_n + 2 + 7) & ~(uint64_t)7;
		if (tail > left)
			return false;
	}
	r->pair.key = p + head + 8;
	r->pair.key_n = (uint32_t)key_n;
	r->pair.value = r->pair.key + key_n + 1;
	r->pair.value_n = (uint32_t)value_n;
	r->len = head + 8 + (size_t)tail;
	r->head_ok = sum(t, p, head) == le32(p + head);
	r->tail_ok = !is_store(r) || sum(t, p + head + 8, (size_t)tail) == le32(p + head + 4);
	r->proven = is_store(r) && r->tail_ok && shows_lengths(r, (size_t)tail);
	if (is_store(r) && (r->pair.key[key_n] != 0 || r->pair.value[value_n] != 0))
		return false;
	return (r->type == DUMMY) == (at == HEADER) && (r->type != DUMMY || r->level == MAX_LEVEL);
}

/* The link of the lowest list: of the two, the greater one that is committed. False: neither is. */
static bool next_of(const struct twom *t, const struct record *r, uint64_t *next)
{
	uint64_t a = le64(r->links), b = le64(r->links + 8);

	if (a >= t->end && b >= t->end)
		return false;
	*next = a >= t->end ? b : b >= t->end ? a : a > b ? a : b;
	return true;
}

static int walk(void *ctx, struct db_set *set, size_t *seen, struct err *e)
{
	const struct twom *t = ctx;
	uint64_t left = t->readable, at = HEADER;
	struct record r;

	if (t->readable < t->end)
		return 0;
	do {
		bool dead = false;

		/* No record stands twice in a list, so what the walk meets is no more than the file. */
		if (!read_record(t, at, &r) || !r.head_ok || r.len > left)
			return 0;
		left -= r.len;
		if (r.type == DELETE) {
			/* It hangs before the record it deletes, and the list goes on from that. */
			dead = true;
			if (r.ancestor >= at || !read_record(t, r.ancestor, &r) || !r.head_ok ||
			    !is_store(&r) || r.len > left)
				return 0;
			left -= r.len;
		}
		if (is_store(&r) && !dead) {
			++*seen;
			if (!r.tail_ok)
				t->db->notes |= CYRUSDB_NOTE_DAMAGED;
			else if (db_set_add(set, &r.pair, e) == -1)
				return -1;
		} else if (r.type == COMMIT) {
			return 0;
		}
		if (!next_of(t, &r, &at))
			return 0;
	} while (at != 0);
	return 1;
}

/* A record whose links were being rewritten, or are damaged, fails its head sum, which also vouches for its lengths:
 * then the tail must prove them. */
static int replay(void *ctx, struct db_log *log, struct err *e)
{
	const struct twom *t = ctx;
	uint64_t at = DUMMY_END, start = DUMMY_END;
	struct record r;
	int rc = 0;

	while (at < t->readable) {
		if (!read_record(t, at, &r) || !r.tail_ok || (!r.head_ok && !r.proven))
			break;
		if (is_store(&r))
			rc = db_log_store(log, at, &r.pair, e);
		else if (r.type == DELETE)
			rc = db_log_kill(log, at, DB_KILL, r.ancestor, e);
		else if (r.ancestor != start)
			break;
		if (rc == -1)
			return -1;
		at += r.len;
		if (r.type == COMMIT) {
			db_log_commit(log);
			start = at;
		}
	}
	/* What a repack wrote came into being as a whole, by rename: the part that is left needs no commit. */
	if (start == DUMMY_END && at <= t->repack && t->repack <= t->end)
		db_log_commit(log);
	return at == t->end && start == t->end;
}

static int load(struct cyrusdb *db, struct err *e)
{
	const uint8_t *p = db->p;
	struct twom t = { .db = db };
	struct db_ways ways = { walk, replay, NULL, &t, 0, true };
	uint32_t flags;

	db->kind = CYRUSDB_TWOM;
	if (db->n < HEADER)
		return err_set(e, ERR_FORMAT, "%zu bytes are no whole twom header", db->n);
	flags = le32(p + 36);
	if (le32(p + 32) != 1)
		return err_set(e, ERR_UNSUPPORTED, "twom version %u is not known", le32(p + 32));
	if (flags & (FOREIGN_SUM | FOREIGN_ORDER))
		return err_set(e, ERR_UNSUPPORTED,
		    "twom flags %#x ask for a checksum or an order that is not known", flags);
	t.summed = !(flags & NULL_SUM);
	if (sum(&t, p, HEADER - 4) != le32(p + HEADER - 4))
		return err_set(e, ERR_FORMAT, "the checksum of the twom header does not hold");
	t.repack = le64(p + 72);
	t.end = le64(p + 80);
	t.readable = t.end < db->n ? (size_t)t.end : db->n;
	if (t.end < DUMMY_END || t.end % 8 != 0)
		return err_set(
		    e, ERR_FORMAT, "the twom header ends the data at byte %llu", (unsigned long long)t.end);
	if (flags & DIRTY)
		db->notes |= CYRUSDB_NOTE_DIRTY;
	/* The file grows ahead of its data: only what is not zero there was written. */
	if (db->n - t.readable >= 8 && le64(p + t.readable) != 0)
		db->notes |= CYRUSDB_NOTE_TAIL;
	if (db->n < t.end)
		db->notes |= CYRUSDB_NOTE_TORN;
	ways.expect = le64(p + 48);
	return db_read_ways(db, &ways, e);
}

const struct db_backend db_twom = { claims, load };
