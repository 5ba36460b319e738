/* db_replay.h: a database out of its log; private to src/db.
 *
 * skiplist, twoskip and twom files are logs: every change stands in them in the order in which it was made. Reading
 * the log needs no link, which makes it the only way for skiplist and the rescue for the two others. */
#ifndef DB_REPLAY_H
#define DB_REPLAY_H

#include "db/db_backend.h"

enum db_op_kind {
	DB_STORE,
	DB_KILL,       /* undoes the store at target, if that still stands */
	DB_KILL_BEFORE /* the live key just before the one stored at target goes; target 0: the last key */
};

struct db_op {
	struct db_pair pair;
	uint64_t at; /* where the record stands in the file; ascending */
	uint64_t target;
	uint32_t rank;
	enum db_op_kind kind;
};

struct db_log {
	struct db_op *ops;
	size_t n;
	size_t cap;
	size_t committed; /* how many of them count */
	size_t kills;	  /* how many of them are no stores */
};

/** A key order other than db_compare(). */
typedef int db_order(const uint8_t *a, size_t an, const uint8_t *b, size_t bn);

/** db_log_store(log, at, pair, e), db_log_kill(log, at, kind, target, e): Append one change. There cannot be more kills
 * than stores: what is beyond is dropped (DB_KILL) or ERR_FORMAT. */
int db_log_store(struct db_log *log, uint64_t at, const struct db_pair *pair, struct err *e);
int db_log_kill(struct db_log *log, uint64_t at, enum db_op_kind kind, uint64_t target, struct err *e);

/** db_log_find(log, at): The store at ${at} among the committed changes, or NULL. */
const struct db_op *db_log_find(const struct db_log *log, uint64_t at);

/** db_log_commit(log): All that was appended so far counts. */
void db_log_commit(struct db_log *log);

/** db_log_replay(log, order, set, e): Add to ${set} what is live after the committed changes. ${order} is the order
 * of the file's keys (it decides what "before" means). ERR_FORMAT when a DB_KILL_BEFORE names a key that is not there. */
int db_log_replay(struct db_log *log, db_order *order, struct db_set *set, struct err *e);

/** db_log_done(log): Free its room. */
void db_log_done(struct db_log *log);

/** How a file that is both a list and a log is read. Both return 1 when they read all, 0 when the file did not let
 * them, -1 with ${e}. ${*seen} counts the records met, also those left out. */
struct db_ways {
	int (*walk)(void *ctx, struct db_set *set, size_t *seen, struct err *e);
	int (*replay)(void *ctx, struct db_log *log, struct err *e);
	db_order *(*order)(void *ctx, const struct db_log *log); /* NULL: db_compare() */
	void *ctx;
	uint64_t expect;  /* how many keys the header promises */
	bool expect_firm; /* the header was written by a commit, so that the promise holds */
};

/** db_read_ways(db, ways, e): Fill db->live by the list, or where that fails or lies by the log; sets the notes. */
int db_read_ways(struct cyrusdb *db, const struct db_ways *ways, struct err *e);

#endif
