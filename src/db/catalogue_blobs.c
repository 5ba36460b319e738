/* catalogue_blobs.c: side tables. Each set is a database file of its own, written once, without a log, and seen when the catalogue names it. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"
#include "db/catalogue_impl.h"
#include "db/sorter.h"

#define COLLECT_BYTES (16u << 20)
#define ROW_MAX       (16u << 20)
#define KEY_BYTES     9 /* kind, at */
#define FILE_CACHE    (16u << 20)
#define FILE_PAGE     16384

struct catalogue_blobs {
	struct catalogue *c;
	struct job *job;
	char *owner;
	struct sorter *rows;
};

static int check_owner(const char *owner, struct err *e)
{
	return strlen(owner) <= ROWS_OWNER_MAX ? 0 : err_set(e, ERR_FORMAT, "an archive's name is too long");
}

int catalogue_blobs_begin(
    struct catalogue *c, const char *owner, struct job *job, struct catalogue_blobs **ret, struct err *e)
{
	struct catalogue_blobs *b;

	if (check_owner(owner, e) == -1)
		return -1;
	b = mem_alloc(sizeof *b);
	b->c = c;
	b->job = job;
	b->owner = mem_strdup(owner);
	b->rows = sorter_new(COLLECT_BYTES);
	*ret = b;
	return 0;
}

void catalogue_blobs_free(struct catalogue_blobs *b)
{
	if (b == NULL)
		return;
	sorter_free(b->rows);
	free(b->owner);
	free(b);
}

int catalogue_blobs_put(
    struct catalogue_blobs *b, uint8_t kind, uint64_t at, const void *p, size_t n, struct err *e)
{
	uint8_t key[KEY_BYTES] = { kind };

	if (n > ROW_MAX)
		return err_set(e, ERR_FORMAT, "a row of %zu bytes is too long for the catalogue", n);
	put_be64(key + 1, at);
	return sorter_add(b->rows, key, sizeof key, n > 0 ? p : "", n, e);
}

/* The set of an owner that counts: 1, 0 none, -1. */
static int find_set(DB *db, const char *owner, uint32_t *ret, struct err *e)
{
	struct buf key = BUF_INIT, value = BUF_INIT;
	uint64_t n = 0;
	int rc;

	rows_key_text(&key, 'x', owner);
	rc = catalogue_get(db, &key, &value, e);
	if (rc == 1 && rows_get_number(value.data, value.len, &n, e) == -1)
		rc = -1;
	*ret = (uint32_t)n;
	buf_done(&key);
	buf_done(&value);
	return rc;
}

/* ---- files ---- */

static char *file_of(const struct catalogue *c, uint32_t set, const char *end)
{
	return mem_printf("%s/set-%010u%s", c->directory, set, end);
}

/* Nobody else writes: files of sets that no owner has were broken off, or dropped. */
static int sweep(struct catalogue_writer *w, struct err *e)
{
	struct catalogue_bulk k = { 0 };
	struct buf from = BUF_INIT;
	uint64_t *used = NULL, number;
	size_t n = 0, cap = 0, rows = 1;
	const struct dirent *entry;
	DIR *d = NULL;
	int rc = 0;

	for (buf_char(&from, 'x'); rows > 0 && rc == 0;) {
		rc = catalogue_bulk_fetch(&k, w->db, from.data, from.len, "x", 1, 256u << 10, e);
		for (rows = 0; rc == 1 && catalogue_bulk_next(&k) == 1; rows++) {
			used = mem_grow(used, &cap, n + 1, sizeof *used);
			if (rows_get_number(k.value, k.nv, &used[n++], e) == -1)
				rc = -1;
			buf_clear(&from);
			buf_add(&from, k.key, k.nk);
		}
		buf_char(&from, '\0');
		rc = rc == -1 ? -1 : 0;
	}
	if (rc == 0 && (d = opendir(w->c->directory)) == NULL)
		rc = err_sys(e, "open %s", w->c->directory);
	while (rc == 0 && (entry = readdir(d)) != NULL) {
		size_t i = 0;

		if (!str_starts(entry->d_name, "set-"))
			continue;
		number = strtoull(entry->d_name + 4, NULL, 10);
		while (i < n && used[i] != number)
			i++;
		if (i == n)
			unlinkat(dirfd(d), entry->d_name, 0);
	}
	if (d != NULL)
		closedir(d);
	catalogue_bulk_done(&k);
	buf_done(&from);
	free(used);
	return rc;
}

/* Rows that come in order, many at a time. */
static int put_rows(struct catalogue_blobs *b, DB *db, struct err *e)
{
	struct catalogue_puts puts = { 0 };
	struct sorter_pair pair;
	int rc;

	for (size_t i = 0; (rc = sorter_next(b->rows, &pair, e)) == 1; i++) {
		if (i % 4096 == 0 && job_cancelled(b->job, e)) {
			rc = -1;
			break;
		}
		rc = catalogue_puts_add(&puts, db, NULL, pair.key, pair.nk, pair.value, pair.nv);
		if (rc != 0) {
			rc = catalogue_db_err(e, rc, "write");
			break;
		}
	}
	if (rc == 0 && (rc = catalogue_puts_flush(&puts, db, NULL)) != 0)
		rc = catalogue_db_err(e, rc, "write");
	catalogue_puts_done(&puts);
	return rc;
}

static int write_file(struct catalogue_blobs *b, const char *path, struct err *e)
{
	DB *db;
	int rc = db_create(&db, NULL, 0), closed;

	if (rc != 0)
		return catalogue_db_err(e, rc, "begin");
	if ((rc = db->set_cachesize(db, 0, FILE_CACHE, 1)) != 0 ||
	    (rc = db->set_pagesize(db, FILE_PAGE)) != 0 || (rc = db->set_flags(db, DB_CHKSUM)) != 0 ||
	    (rc = db->open(db, NULL, path, NULL, DB_BTREE, DB_CREATE | DB_EXCL, 0600)) != 0)
		rc = catalogue_db_err(e, rc, "make a table");
	else
		rc = put_rows(b, db, e);
	/* Also syncs it. */
	closed = db->close(db, rc == 0 ? 0 : DB_NOSYNC);
	return rc == 0 && closed != 0 ? catalogue_db_err(e, closed, "write") : rc;
}

static int commit(struct catalogue_blobs *b, struct catalogue_writer *w, struct err *e)
{
	struct buf key = BUF_INIT, value = BUF_INIT;
	char *path = NULL, *done = NULL, *before = NULL;
	uint32_t set, old = 0;
	int had, rc = -1;

	if (sweep(w, e) == -1)
		return -1;
	if (w->meta.next_set >= UINT32_MAX)
		return err_set(e, ERR_FORMAT, "the catalogue has had too many archives");
	set = (uint32_t)w->meta.next_set++;
	path = file_of(b->c, set, ".tmp");
	done = file_of(b->c, set, ".db");
	had = find_set(w->db, b->owner, &old, e);
	if (had == -1 || write_file(b, path, e) == -1)
		goto out;
	if (rename(path, done) == -1) {
		err_sys(e, "rename %s", path);
		goto out;
	}
	rows_key_text(&key, 'x', b->owner);
	rows_put_number(&value, set);
	catalogue_put(w, &key, &value);
	rc = catalogue_batch(w, e);
	if (rc == 0 && had == 1) {
		before = file_of(b->c, old, ".db");
		unlink(before);
	}
out:
	if (rc == -1)
		unlink(path);
	free(path);
	free(done);
	free(before);
	buf_done(&key);
	buf_done(&value);
	return rc;
}

int catalogue_blobs_commit(struct catalogue_blobs *b, struct err *e)
{
	struct catalogue_writer *w = NULL;
	int rc = -1;

	if (catalogue_write(b->c, b->job, &w, e) == 0)
		rc = commit(b, w, e);
	catalogue_write_end(w);
	return rc == -1 ? catalogue_failed(b->c, e) : 0;
}

int catalogue_blobs_drop(struct catalogue *c, const char *owner, struct job *job, struct err *e)
{
	struct catalogue_writer *w = NULL;
	struct buf key = BUF_INIT;
	uint32_t set;
	int rc = catalogue_blobs_have(c, owner, e);

	if (rc != 1)
		return rc;
	rc = catalogue_write(c, job, &w, e);
	if (rc == 0)
		rc = find_set(w->db, owner, &set, e);
	if (rc == 1) {
		rows_key_text(&key, 'x', owner);
		catalogue_delete(w, key.data, key.len);
		rc = catalogue_batch(w, e) == -1 || sweep(w, e) == -1 ? -1 : 0;
	}
	catalogue_write_end(w);
	buf_done(&key);
	return rc == -1 ? catalogue_failed(c, e) : 0;
}

/* ---- reading ---- */

int catalogue_blobs_have(struct catalogue *c, const char *owner, struct err *e)
{
	uint32_t set;
	DB *db;
	int rc;

	if (check_owner(owner, e) == -1)
		return -1;
	rc = catalogue_read(c, &db, e);
	if (rc == 1) {
		rc = find_set(db, owner, &set, e);
		catalogue_read_end(c);
	}
	return rc == -1 ? catalogue_failed(c, e) : rc;
}

/* The file of a set, kept open: 1 and the mutex is held with nothing else, 0, -1. */
static int open_set(struct catalogue *c, const char *owner, DB **ret, struct err *e)
{
	uint32_t set;
	DB *db;
	char *path;
	int rc;

	if (check_owner(owner, e) == -1)
		return -1;
	if ((rc = catalogue_read(c, &db, e)) != 1)
		return rc;
	rc = find_set(db, owner, &set, e);
	if (rc == 1 && (c->side == NULL || c->side_set != set)) {
		catalogue_side_close(c);
		path = file_of(c, set, ".db");
		if (access(path, F_OK) == -1 && errno == ENOENT)
			rc = err_set(e, ERR_FORMAT, "the catalogue is damaged: %s is missing", path);
		else if (catalogue_open_file(path, &c->side, e) == -1)
			rc = -1;
		c->side_set = set;
		free(path);
	}
	*ret = c->side;
	if (rc == 1)
		catalogue_read_keep(c);
	else
		catalogue_read_end(c);
	return rc;
}

int catalogue_blob_get(struct catalogue *c, const char *owner, uint8_t kind, uint64_t at, uint64_t *ret_at,
    struct buf *ret, struct err *e)
{
	struct buf key = BUF_INIT, found = BUF_INIT, value = BUF_INIT;
	uint8_t bytes[KEY_BYTES] = { kind };
	DB *db;
	int rc = open_set(c, owner, &db, e);

	put_be64(bytes + 1, at);
	buf_add(&key, bytes, sizeof bytes);
	if (rc == 1) {
		rc = catalogue_last(db, &key, &found, &value, e);
		pthread_mutex_unlock(&c->mutex);
	}
	if (rc == 1 && (found.len != KEY_BYTES || found.data[0] != key.data[0]))
		rc = 0;
	if (rc == 1) {
		*ret_at = be64((const uint8_t *)found.data + 1);
		buf_add(ret, value.len > 0 ? value.data : "", value.len);
	}
	buf_done(&key);
	buf_done(&found);
	buf_done(&value);
	return rc == -1 ? catalogue_failed(c, e) : rc;
}

/* A piece of the rows from ${from} on: 1, 0, -1. */
static int fetch(struct catalogue *c, const char *owner, uint8_t kind, uint64_t from,
    struct catalogue_bulk *k, struct err *e)
{
	uint8_t key[KEY_BYTES] = { kind };
	DB *db;
	int rc = open_set(c, owner, &db, e);

	put_be64(key + 1, from);
	if (rc == 1) {
		rc = catalogue_bulk_fetch(k, db, key, sizeof key, key, 1, 1u << 20, e);
		pthread_mutex_unlock(&c->mutex);
	}
	return rc;
}

int catalogue_blob_each(struct catalogue *c, const char *owner, uint8_t kind, uint64_t from,
    catalogue_blob_fn *each, void *arg, struct err *e)
{
	struct catalogue_bulk k = { 0 };
	bool more = true;
	int rc = 0;

	while (rc == 0 && more) {
		int got = fetch(c, owner, kind, from, &k, e);

		if (got != 1) {
			rc = got == -1 ? catalogue_failed(c, e) : 0;
			break;
		}
		more = false;
		while (rc == 0 && catalogue_bulk_next(&k) == 1) {
			uint64_t at;

			if (k.nk != KEY_BYTES) {
				err_set(e, ERR_FORMAT, "the catalogue is damaged: a row has no place");
				rc = catalogue_failed(c, e);
				break;
			}
			at = be64(k.key + 1);
			more = at != UINT64_MAX;
			from = at + 1;
			rc = each(arg, at, k.value, k.nv, e);
		}
	}
	catalogue_bulk_done(&k);
	return rc;
}
