/* catalogue_impl.h: how the catalogue's files get at its database. Only for the catalogue files of this room.
 *
 * Two ways lead to it. Who reads opens the database file as it is, without Berkeley's environment, and keeps it open until the number in the lock
 * file says that it was changed. Who writes has an environment of his own, in private memory, with a log; he writes in batches, each of
 * which ends with a checkpoint, so that the file alone is whole between them. Locks (catalogue_lock.h):
 *
 *   GATE    who wants to read holds it, shared, until he may; who wants to write takes it first: so both come to their turn
 *   DATA    shared while reading, alone during a batch
 *   WRITER  who writes has it from before his first batch to his last: then nobody else is half way through anything */
#ifndef DB_CATALOGUE_IMPL_H
#define DB_CATALOGUE_IMPL_H

#include <db.h>
#include <pthread.h>

#include "db/catalogue_rows.h"

#define CATALOGUE_FILE    "catalogue.db"
#define CATALOGUE_DAMAGED "catalogue.db.damaged"
#define CATALOGUE_LOCK    "lock"
#define CATALOGUE_PAGE    4096

struct catalogue {
	char *directory, *file;
	pthread_mutex_t mutex; /* all below */
	int lock_fd;           /* of those who read; -1: not opened yet */
	DB *db;                /* NULL: not open */
	uint64_t generation;   /* that it was opened in */
	DB *side;              /* a set's file, or NULL */
	uint32_t side_set;
};

/** catalogue_read(c, ret, e): Begin to read: 1 and the database, 0: there is none, -1 and nothing is held. catalogue_read_end(c) after 1.
 * Other threads wait meanwhile: not for long, and no callback in between. */
int catalogue_read(struct catalogue *c, DB **ret, struct err *e);
void catalogue_read_end(struct catalogue *c);

/** catalogue_read_keep(c): As catalogue_read_end(), but the mutex stays, for what lies in a file that never changes.
 * catalogue_open_file(path, ret, e): Open a database file only to read it. catalogue_side_close(c): With the mutex. */
void catalogue_read_keep(struct catalogue *c);
int catalogue_open_file(const char *path, DB **ret, struct err *e);
void catalogue_side_close(struct catalogue *c);

/** catalogue_get(db, key, ret, e): That row appended to ${ret}, cleared first: 1, 0 none, -1. catalogue_last(db, key, ret_key, ret, e): The last row whose
 * key is not above ${key}, in place of what is in the two. */
int catalogue_get(DB *db, const struct buf *key, struct buf *ret, struct err *e);
int catalogue_last(DB *db, const struct buf *key, struct buf *ret_key, struct buf *ret, struct err *e);

/** Rows in ascending order, many at a time, from ${from} on as long as keys begin with ${prefix}. Zero it first, then catalogue_bulk_next(): 1 with
 * a row, which lives until the next call, 0 at the end of what was fetched, -1. catalogue_bulk_fetch(k, db, from, n_from, prefix, n_prefix, bytes, e)
 * gets at most so many bytes: 1, 0 there are no more. catalogue_bulk_done(k). */
struct catalogue_bulk {
	uint8_t *room;
	size_t size;
	void *at;
	DBT data;
	const uint8_t *key, *value;
	size_t nk, nv;
	struct buf prefix;
};
int catalogue_bulk_fetch(struct catalogue_bulk *k, DB *db, const void *from, size_t n_from,
    const void *prefix, size_t n_prefix, size_t bytes, struct err *e);
int catalogue_bulk_next(struct catalogue_bulk *k);
void catalogue_bulk_done(struct catalogue_bulk *k);

/* ---- writing ---- */

/** Who writes. Reading through w->db needs no lock: nobody else changes it. */
struct catalogue_writer {
	struct catalogue *c;
	struct job *job;
	int fd;
	DB_ENV *env;
	DB *db;
	struct rows_meta meta; /* written with each batch */
	/* What the next batch will write: keys and values one after the other, ascending where that is quick. */
	struct buf bytes;
	struct catalogue_change {
		size_t at;
		uint32_t nk, nv;
		bool remove;
	} * changes;
	size_t n, cap;
};

/** catalogue_write(c, job, ret, e): Become the one who writes: waits for another one for a minute (ERR_LOCKED), undoes what was left half done, and makes
 * the database if there is none. catalogue_write_end(w): NULL-safe; what was not written is dropped. */
int catalogue_write(struct catalogue *c, struct job *job, struct catalogue_writer **ret, struct err *e);
void catalogue_write_end(struct catalogue_writer *w);

/** catalogue_put(w, key, value), catalogue_delete(w, key): For the next batch. catalogue_full(w): It is time for one. catalogue_batch(w, e): Write it: all of it
 * or nothing. */
void catalogue_put(struct catalogue_writer *w, const struct buf *key, const struct buf *value);
void catalogue_put_bytes(
    struct catalogue_writer *w, const void *key, size_t nk, const void *value, size_t nv);
void catalogue_delete(struct catalogue_writer *w, const void *key, size_t nk);
bool catalogue_full(const struct catalogue_writer *w);
int catalogue_batch(struct catalogue_writer *w, struct err *e);

/** Rows that are put many at a time: zero it first. They return what Berkeley DB does, and catalogue_puts_done(p) frees. */
struct catalogue_puts {
	void *room, *at;
	DBT bulk;
	size_t n;
};
int catalogue_puts_add(
    struct catalogue_puts *p, DB *db, DB_TXN *txn, const void *key, size_t nk, const void *value, size_t nv);
int catalogue_puts_flush(struct catalogue_puts *p, DB *db, DB_TXN *txn);
void catalogue_puts_done(struct catalogue_puts *p);

/** catalogue_db_err(e, rc, what): What Berkeley DB returned, in words; -1. ERR_FORMAT: the file is damaged.
 * catalogue_failed(c, e): A call of catalogue.h has failed, no lock is held: if that is because of damage, or another version, the database is moved aside, unless
 * somebody writes, and ${e} says so. Returns -1. */
int catalogue_db_err(struct err *e, int rc, const char *what);
int catalogue_failed(struct catalogue *c, struct err *e);

/** catalogue_recover(c, ret, e): To him who holds LOCK_DATA alone: an environment in which what a log says was undone or done. catalogue_take_away(c, keep, e): The same
 * one: the database goes, with its log, or is kept aside. */
int catalogue_recover(struct catalogue *c, DB_ENV **ret, struct err *e);
int catalogue_take_away(struct catalogue *c, bool keep, struct err *e);

/** catalogue_archives_read(db, ret, e): As catalogue_archives(). */
int catalogue_archives_read(DB *db, struct catalogue_archives *ret, struct err *e);

/** catalogue_note_one(w, known, a, e): As catalogue_note() of one, into the next batch; ${known} are the archives that are there. */
int catalogue_note_one(struct catalogue_writer *w, const struct catalogue_archives *known,
    struct catalogue_archive *a, struct err *e);

/** catalogue_find_lineage(db, server, ret, e): 1, 0 none, -1. catalogue_fills_of(l, server, ret): The fills of it that count. free(ret->list). */
int catalogue_find_lineage(DB *db, const char *server, struct rows_lineage *ret, struct err *e);
void catalogue_fills_of(const struct catalogue_archives *l, const char *server, struct rows_fills *ret);

#endif
