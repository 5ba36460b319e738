/* db_skiplist.c: a skiplist file by its log; its links are rebuilt by every recovery, so they are never looked at. */
#include <string.h>

#include "core/bytes.h"
#include "db/db_replay.h"

#define HEADER	  48
#define MAX_LEVEL 20

enum { INORDER = 1, ADD = 2, DELETE = 4, COMMIT = 255, DUMMY = 257 };

static const char magic[] = "\241\002\213\015skiplist file\0\0"; /* and the NUL that ends it: 20 bytes */

struct record {
	uint32_t type;
	uint32_t deleted; /* DELETE */
	size_t len;
	struct db_pair pair;
	unsigned level;
};

static bool claims(const uint8_t *p, size_t n)
{
	return n >= sizeof magic && memcmp(p, magic, sizeof magic) == 0;
}

/* A length and that many bytes, padded to 4, at *at. */
static bool take_bytes(const struct cyrusdb *db, size_t *at, const uint8_t **p, uint32_t *len)
{
	size_t left = db->n - *at;

	if (left < 4)
		return false;
	*len = be32(db->p + *at);
	left -= 4;
	if (*len > left || ((4 - *len % 4) % 4) > left - *len)
		return false;
	*p = db->p + *at + 4;
	*at += 4 + *len + (4 - *len % 4) % 4;
	return true;
}

/* 1: a record, 0: the file ends within it, -1: it is none. */
static int read_record(const struct cyrusdb *db, size_t at, struct record *r)
{
	size_t q = at;

	memset(r, 0, sizeof *r);
	if (db->n - at < 4)
		return 0;
	r->type = be32(db->p + q);
	q += 4;
	switch (r->type) {
	case COMMIT: break;
	case DELETE:
		if (db->n - q < 4)
			return 0;
		r->deleted = be32(db->p + q);
		q += 4;
		break;
	case DUMMY:
	case INORDER:
	case ADD:
		if (!take_bytes(db, &q, &r->pair.key, &r->pair.key_n) ||
		    !take_bytes(db, &q, &r->pair.value, &r->pair.value_n))
			return 0;
		for (;; q += 4, r->level++) {
			if (db->n - q < 4)
				return 0;
			if (be32(db->p + q) == 0xffffffff)
				break;
			if (r->level == MAX_LEVEL)
				return -1;
		}
		q += 4;
		if (r->level == 0)
			return -1;
		break;
	default: return -1;
	}
	r->len = q - at;
	return 1;
}

static bool all_zero(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

/* A commit behind what cannot be read: then it is no torn tail, but damage. */
static bool commit_follows(const struct cyrusdb *db, size_t at)
{
	for (; db->n - at >= 8; at += 4)
		if (be32(db->p + at) == 0xffffffff && be32(db->p + at + 4) == COMMIT)
			return true;
	return false;
}

/* INORDER records come first and need no commit; then transactions, each ended by a COMMIT. */
static int read_log(struct cyrusdb *db, size_t at, size_t logstart, struct db_log *log, struct err *e)
{
	bool inorder = true, open = false;
	struct record r;
	int got = 1;

	while (at < db->n) {
		/* Recoveries of old versions left runs of zero words between transactions. */
		if (!open && db->n - at >= 4 && be32(db->p + at) == 0) {
			at += 4;
			continue;
		}
		got = read_record(db, at, &r);
		if (got != 1)
			break;
		inorder = inorder && r.type == INORDER;
		if (r.type == DUMMY || (r.type == INORDER && !inorder)) {
			got = -1;
			break;
		}
		if (r.type == DELETE   ? db_log_kill(log, at, DB_KILL, r.deleted, e) == -1
		    : r.type != COMMIT ? db_log_store(log, at, &r.pair, e) == -1
				       : false)
			return -1;
		open = r.type == ADD || r.type == DELETE;
		if (!open)
			db_log_commit(log);
		at += r.len;
	}
	if (open || got == 0)
		db->notes |= CYRUSDB_NOTE_TAIL;
	if (at < logstart || (got == -1 && !all_zero(db->p + at, db->n - at)) ||
	    (got != 1 && commit_follows(db, at)))
		db->notes |= CYRUSDB_NOTE_TORN;
	return 0;
}

static int load(struct cyrusdb *db, struct err *e)
{
	struct db_log log = { 0 };
	uint32_t max_level;
	struct record dummy;
	int rc = -1;

	db->kind = CYRUSDB_SKIPLIST;
	if (db->n < HEADER)
		return err_set(e, ERR_FORMAT, "%zu bytes are no whole skiplist header", db->n);
	if (be32(db->p + 20) != 1)
		return err_set(e, ERR_UNSUPPORTED, "skiplist version %u.%u is not known", be32(db->p + 20),
		    be32(db->p + 24));
	max_level = be32(db->p + 28);
	if (read_record(db, HEADER, &dummy) != 1 || dummy.type != DUMMY || dummy.pair.key_n != 0 ||
	    dummy.pair.value_n != 0 || dummy.level != max_level)
		return err_set(e, ERR_FORMAT, "the first skiplist record is not the dummy it must be");
	if (read_log(db, HEADER + dummy.len, be32(db->p + 40), &log, e) == 0 &&
	    db_log_replay(&log, db_compare, &db->live, e) == 0)
		rc = 0;
	db_log_done(&log);
	return rc;
}

const struct db_backend db_skiplist = { claims, load };
