/* catalogue.c: the catalogue's database as those who read see it, and what is done when it is damaged. */
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/io.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "db/catalogue_impl.h"
#include "db/catalogue_lock.h"

#define READ_CACHE (4u << 20)
#define BULK_LEAST (64u << 10)
#define BULK_MOST  (64u << 20)

/* ---- Berkeley DB ---- */

/* Only of use to who debugs; what failed is said by whom it failed. */
static void on_db_message(const DB_ENV *env, const char *prefix, const char *text)
{
	(void)env;
	(void)prefix;
	log_write(LOG_LEVEL_DEBUG, "catalogue: %s", text);
}

int catalogue_db_err(struct err *e, int rc, const char *what)
{
	/* Its own codes are negative; EINVAL it gives for a file that is no database. */
	if (rc < 0 || rc == EINVAL)
		return err_set(e, ERR_FORMAT, "the catalogue is damaged: %s: %s", what, db_strerror(rc));
	errno = rc;
	return err_sys(e, "the catalogue: %s", what);
}

int catalogue_recover(struct catalogue *c, DB_ENV **ret, struct err *e)
{
	DB_ENV *env;
	int rc = db_env_create(&env, 0);

	if (rc != 0)
		return catalogue_db_err(e, rc, "begin");
	env->set_errcall(env, on_db_message);
	if ((rc = env->set_cachesize(env, 0, 4u << 20, 1)) == 0 &&
	    (rc = env->set_lg_bsize(env, 512u << 10)) == 0 && (rc = env->set_lg_max(env, 4u << 20)) == 0 &&
	    (rc = env->log_set_config(env, DB_LOG_AUTO_REMOVE, 1)) == 0 &&
	    (rc = env->set_flags(env, DB_TXN_WRITE_NOSYNC, 1)) == 0)
		rc = env->open(env, c->directory,
		    DB_CREATE | DB_PRIVATE | DB_INIT_MPOOL | DB_INIT_LOG | DB_INIT_TXN | DB_RECOVER, 0600);
	if (rc != 0) {
		env->close(env, 0);
		return catalogue_db_err(e, rc, "follow the log");
	}
	*ret = env;
	return 0;
}

/* ---- open and closed ---- */

int catalogue_open(const char *directory, struct catalogue **ret, struct err *e)
{
	struct catalogue *c = mem_alloc(sizeof *c);

	(void)e;
	c->directory = mem_strdup(directory);
	c->file = mem_printf("%s/%s", directory, CATALOGUE_FILE);
	c->lock_fd = -1;
	pthread_mutex_init(&c->mutex, NULL);
	*ret = c;
	return 0;
}

void catalogue_side_close(struct catalogue *c)
{
	if (c->side != NULL)
		c->side->close(c->side, DB_NOSYNC);
	c->side = NULL;
}

static void close_db(struct catalogue *c)
{
	catalogue_side_close(c);
	if (c->db != NULL)
		c->db->close(c->db, DB_NOSYNC);
	c->db = NULL;
}

static void close_all(struct catalogue *c)
{
	close_db(c);
	if (c->lock_fd != -1)
		close(c->lock_fd);
	c->lock_fd = -1;
}

void catalogue_close(struct catalogue *c)
{
	if (c == NULL)
		return;
	close_all(c);
	pthread_mutex_destroy(&c->mutex);
	free(c->directory);
	free(c->file);
	free(c);
}

/* ---- damage ---- */

int catalogue_take_away(struct catalogue *c, bool keep, struct err *e)
{
	char *aside = mem_printf("%s/%s", c->directory, CATALOGUE_DAMAGED);
	DIR *d = opendir(c->directory);
	const struct dirent *entry;
	int rc = 0;

	if ((keep ? rename(c->file, aside) : unlink(c->file)) == -1 && errno != ENOENT)
		rc = err_sys(e, "%s %s", keep ? "rename" : "remove", c->file);
	while (rc == 0 && d != NULL && (entry = readdir(d)) != NULL)
		if ((str_starts(entry->d_name, "log.") || str_starts(entry->d_name, "set-")) &&
		    unlinkat(dirfd(d), entry->d_name, 0) == -1)
			rc = err_sys(e, "remove %s/%s", c->directory, entry->d_name);
	if (d != NULL)
		closedir(d);
	if (rc == 0 && keep)
		log_write(LOG_LEVEL_WARNING,
		    "the catalogue was damaged or of another version, and is begun anew; what it was is now "
		    "%s",
		    aside);
	free(aside);
	return rc;
}

int catalogue_failed(struct catalogue *c, struct err *e)
{
	struct lock_state s;
	char *path;
	int fd;

	if (e == NULL || (e->code != ERR_FORMAT && e->code != ERR_UNSUPPORTED))
		return -1;
	path = mem_printf("%s/%s", c->directory, CATALOGUE_LOCK);
	fd = lock_open(path, false, NULL);
	free(path);
	if (fd == -1)
		return -1;
	if (lock_wait(fd, LOCK_WRITER, true, 0, NULL, NULL) == 0 && lock_data(fd, true, NULL, NULL) == 0 &&
	    lock_read(fd, &s, NULL) == 0 && catalogue_take_away(c, true, NULL) == 0) {
		s = (struct lock_state){ .generation = s.generation + 1 };
		lock_write(fd, &s, NULL);
		err_hint(
		    e, "it was moved aside: cyrvault catalogue update fills a new one from the archives");
	}
	close(fd);
	return -1;
}

/* ---- reading ---- */

/* A batch was broken off: who finds that undoes it. No lock is held, before and after. */
static int repair(struct catalogue *c, struct err *e)
{
	struct lock_state s;
	DB_ENV *env;
	int rc = -1;

	if (lock_data(c->lock_fd, true, NULL, e) == -1)
		return -1;
	if (lock_read(c->lock_fd, &s, e) == -1)
		goto out;
	if (!s.dirty) {
		rc = 0;
		goto out;
	}
	log_write(LOG_LEVEL_DEBUG, "catalogue: a change was broken off; following the log");
	if (catalogue_recover(c, &env, e) == -1)
		goto out;
	rc = env->close(env, 0);
	if (rc != 0) {
		rc = catalogue_db_err(e, rc, "follow the log");
		goto out;
	}
	s = (struct lock_state){ .generation = s.generation + 1 };
	rc = lock_write(c->lock_fd, &s, e);
out:
	lock_drop(c->lock_fd, LOCK_DATA);
	return rc;
}

/* The version is the first row of all. */
static int check_version(DB *db, struct err *e)
{
	struct buf key = BUF_INIT, value = BUF_INIT;
	struct rows_meta meta;
	int rc;

	rows_key_text(&key, '!', "");
	rc = catalogue_get(db, &key, &value, e);
	if (rc == 0)
		rc = err_set(e, ERR_FORMAT, "the catalogue is damaged: it has no version");
	if (rc == 1)
		rc = rows_get_meta(value.data, value.len, &meta, e);
	buf_done(&key);
	buf_done(&value);
	return rc;
}

int catalogue_open_file(const char *path, DB **ret, struct err *e)
{
	DB *db;
	int rc;

	*ret = NULL;
	if ((rc = db_create(&db, NULL, 0)) != 0)
		return catalogue_db_err(e, rc, "begin");
	db->set_errcall(db, on_db_message);
	if ((rc = db->set_cachesize(db, 0, READ_CACHE, 1)) != 0 ||
	    (rc = db->open(db, NULL, path, NULL, DB_BTREE, DB_RDONLY, 0)) != 0) {
		db->close(db, DB_NOSYNC);
		return catalogue_db_err(e, rc, "open it");
	}
	*ret = db;
	return 0;
}

/* 1, 0: there is none, -1. */
static int open_db(struct catalogue *c, struct err *e)
{
	struct stat st;

	if (stat(c->file, &st) == -1)
		return errno == ENOENT ? 0 : err_sys(e, "%s", c->file);
	if (catalogue_open_file(c->file, &c->db, e) == -1)
		return -1;
	if (check_version(c->db, e) == 0)
		return 1;
	close_db(c);
	return -1;
}

/* As catalogue_read(), with the mutex held. */
static int read_begin(struct catalogue *c, struct err *e)
{
	struct lock_state s;
	char *path;
	int rc;

	for (int tries = 0; tries < 5; tries++) {
		if (c->lock_fd == -1) {
			struct err why = { 0 };

			path = mem_printf("%s/%s", c->directory, CATALOGUE_LOCK);
			c->lock_fd = lock_open(path, false, &why);
			free(path);
			if (c->lock_fd == -1) {
				if (why.code == ERR_NOT_FOUND)
					return 0;
				if (e != NULL)
					*e = why;
				return -1;
			}
		}
		if (lock_data(c->lock_fd, false, NULL, e) == -1)
			return -1;
		if (lock_stale(c->lock_fd)) {
			close_all(c);
			continue;
		}
		if (lock_read(c->lock_fd, &s, e) == -1)
			break;
		if (s.dirty) {
			close_db(c);
			lock_drop(c->lock_fd, LOCK_DATA);
			if (repair(c, e) == -1)
				return -1;
			continue;
		}
		if (c->db != NULL && c->generation == s.generation)
			return 1;
		close_db(c);
		rc = open_db(c, e);
		c->generation = s.generation;
		if (rc == 1)
			return 1;
		lock_drop(c->lock_fd, LOCK_DATA);
		return rc;
	}
	if (c->lock_fd != -1)
		lock_drop(c->lock_fd, LOCK_DATA);
	return err_set(e, ERR_LOCKED, "the catalogue is being changed all the time");
}

int catalogue_read(struct catalogue *c, DB **ret, struct err *e)
{
	int rc;

	pthread_mutex_lock(&c->mutex);
	rc = read_begin(c, e);
	*ret = c->db;
	if (rc != 1)
		pthread_mutex_unlock(&c->mutex);
	return rc;
}

void catalogue_read_keep(struct catalogue *c)
{
	lock_drop(c->lock_fd, LOCK_DATA);
}

void catalogue_read_end(struct catalogue *c)
{
	catalogue_read_keep(c);
	pthread_mutex_unlock(&c->mutex);
}

/* ---- rows ---- */

static DBT dbt_of(const void *p, size_t n)
{
	/* It is only read. */
	union {
		const void *from;
		void *to;
	} u = { .from = p };

	return (DBT){ .data = u.to, .size = (u_int32_t)n };
}

int catalogue_get(DB *db, const struct buf *key, struct buf *ret, struct err *e)
{
	DBT k = dbt_of(key->data, key->len), v = { .flags = DB_DBT_MALLOC };
	int rc = db->get(db, NULL, &k, &v, 0);

	buf_clear(ret);
	if (rc == DB_NOTFOUND)
		return 0;
	if (rc != 0)
		return catalogue_db_err(e, rc, "read");
	buf_add(ret, v.data, v.size);
	free(v.data);
	return 1;
}

int catalogue_last(DB *db, const struct buf *key, struct buf *ret_key, struct buf *ret, struct err *e)
{
	DBT k = dbt_of(key->data, key->len), v = { 0 };
	DBC *cursor;
	int rc = db->cursor(db, NULL, &cursor, 0);

	if (rc != 0)
		return catalogue_db_err(e, rc, "read");
	rc = cursor->get(cursor, &k, &v, DB_SET_RANGE);
	if (rc == DB_NOTFOUND)
		rc = cursor->get(cursor, &k, &v, DB_LAST);
	else if (rc == 0 && (k.size != key->len || memcmp(k.data, key->data, key->len) != 0))
		rc = cursor->get(cursor, &k, &v, DB_PREV);
	buf_clear(ret_key);
	buf_clear(ret);
	if (rc == 0) {
		buf_add(ret_key, k.data, k.size);
		buf_add(ret, v.data, v.size);
	}
	cursor->close(cursor);
	return rc == 0 ? 1 : rc == DB_NOTFOUND ? 0 : catalogue_db_err(e, rc, "read");
}

int catalogue_bulk_fetch(struct catalogue_bulk *k, DB *db, const void *from, size_t n_from,
    const void *prefix, size_t n_prefix, size_t bytes, struct err *e)
{
	DBC *cursor;
	int rc = db->cursor(db, NULL, &cursor, 0);

	if (rc != 0)
		return catalogue_db_err(e, rc, "read");
	buf_clear(&k->prefix);
	buf_add(&k->prefix, prefix, n_prefix);
	bytes = bytes < BULK_LEAST ? BULK_LEAST : bytes / 1024 * 1024;
	if (k->size < bytes) {
		k->room = mem_resize(k->room, bytes, 1);
		k->size = bytes;
	}
	for (;;) {
		DBT key = dbt_of(from, n_from);

		k->data = (DBT){ .data = k->room, .ulen = (u_int32_t)bytes, .flags = DB_DBT_USERMEM };
		rc = cursor->get(cursor, &key, &k->data, DB_SET_RANGE | DB_MULTIPLE_KEY);
		if (rc != DB_BUFFER_SMALL || k->data.size > BULK_MOST)
			break;
		bytes = ((size_t)k->data.size + 2048) / 1024 * 1024;
		if (k->size < bytes) {
			k->room = mem_resize(k->room, bytes, 1);
			k->size = bytes;
		}
	}
	cursor->close(cursor);
	if (rc == DB_NOTFOUND)
		return 0;
	if (rc != 0)
		return catalogue_db_err(e, rc, "read");
	DB_MULTIPLE_INIT(k->at, &k->data);
	return 1;
}

int catalogue_bulk_next(struct catalogue_bulk *k)
{
	void *key, *value;
	size_t nk, nv;

	if (k->at == NULL)
		return 0;
	DB_MULTIPLE_KEY_NEXT(k->at, &k->data, key, nk, value, nv);
	if (k->at == NULL || nk < k->prefix.len || memcmp(key, k->prefix.data, k->prefix.len) != 0) {
		/* Behind the last of its kind. */
		k->at = NULL;
		return 0;
	}
	k->key = key;
	k->value = value;
	k->nk = nk;
	k->nv = nv;
	return 1;
}

void catalogue_bulk_done(struct catalogue_bulk *k)
{
	free(k->room);
	buf_done(&k->prefix);
	*k = (struct catalogue_bulk){ 0 };
}
