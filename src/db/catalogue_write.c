/* catalogue_write.c: the one who writes: his environment, his batches. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/io.h"
#include "core/mem.h"
#include "db/catalogue_impl.h"
#include "db/catalogue_lock.h"

#define WRITER_WAIT_MS 60000

/* What makes a batch: each takes about a tenth of a second. */
#define BATCH_BYTES   (8u << 20)
#define BATCH_CHANGES 100000
/* Rows so long are put one by one. */
#define BULK_ROW_MAX (64u << 10)
#define BULK_BYTES   (1u << 20)

static DBT dbt_of(const void *p, size_t n)
{
	/* It is only read. */
	union {
		const void *from;
		void *to;
	} u = { .from = p };

	return (DBT){ .data = u.to, .size = (u_int32_t)n };
}

/* ---- begin and end ---- */

static void close_env(struct catalogue_writer *w)
{
	if (w->db != NULL)
		w->db->close(w->db, DB_NOSYNC);
	if (w->env != NULL)
		w->env->close(w->env, 0);
	w->db = NULL;
	w->env = NULL;
}

static int checkpoint(struct catalogue_writer *w, struct err *e)
{
	int rc = w->env->txn_checkpoint(w->env, 0, 0, DB_FORCE);

	return rc == 0 ? 0 : catalogue_db_err(e, rc, "write");
}

static int read_meta(struct catalogue_writer *w, struct err *e)
{
	struct buf key = BUF_INIT, value = BUF_INIT;
	int rc;

	rows_key_text(&key, '!', "");
	rc = catalogue_get(w->db, &key, &value, e);
	if (rc == 1)
		rc = rows_get_meta(value.data, value.len, &w->meta, e);
	else if (rc == 0)
		rc = err_set(e, ERR_FORMAT, "the catalogue is damaged: it has no version");
	buf_done(&key);
	buf_done(&value);
	return rc;
}

static int put_meta(struct catalogue_writer *w, DB_TXN *txn)
{
	struct buf value = BUF_INIT;
	DBT k = dbt_of("!", 1), v;
	int rc;

	rows_put_meta(&value, &w->meta);
	v = dbt_of(value.data, value.len);
	rc = w->db->put(w->db, txn, &k, &v, 0);
	buf_done(&value);
	return rc;
}

/* The file with nothing but its version, in one transaction: a kill leaves none, or that. */
static int create_db(struct catalogue_writer *w, bool is_new)
{
	DB_TXN *txn;
	int rc;

	if ((rc = db_create(&w->db, w->env, 0)) != 0 ||
	    (rc = w->db->set_pagesize(w->db, CATALOGUE_PAGE)) != 0 ||
	    (rc = w->db->set_flags(w->db, DB_CHKSUM)) != 0 ||
	    (rc = w->env->txn_begin(w->env, NULL, &txn, 0)) != 0)
		return rc;
	rc = w->db->open(w->db, txn, CATALOGUE_FILE, NULL, DB_BTREE, is_new ? DB_CREATE : 0, 0600);
	if (rc == 0 && is_new) {
		w->meta = (struct rows_meta){
			.version = ROWS_VERSION, .next_archive = 1, .next_set = 1, .changed = clock_now()
		};
		rc = put_meta(w, txn);
	}
	if (rc != 0) {
		txn->abort(txn);
		return rc;
	}
	return txn->commit(txn, 0);
}

/* With LOCK_DATA alone. */
static int open_env(struct catalogue_writer *w, struct err *e)
{
	struct stat st;
	bool is_new;
	int rc;

	if (catalogue_recover(w->c, &w->env, e) == -1)
		return -1;
	/* Recovery may have made it, or undone that. */
	is_new = stat(w->c->file, &st) == -1;
	if (is_new && errno != ENOENT)
		return err_sys(e, "%s", w->c->file);
	if ((rc = create_db(w, is_new)) != 0)
		return catalogue_db_err(e, rc, is_new ? "make it" : "open it");
	if (checkpoint(w, e) == -1)
		return -1;
	return is_new ? 0 : read_meta(w, e);
}

static int begin(struct catalogue_writer *w, struct err *e)
{
	struct lock_state s;
	struct err why = { 0 };
	int rc;

	if (lock_data(w->fd, true, w->job, e) == -1)
		return -1;
	rc = lock_read(w->fd, &s, e);
	s.dirty = true;
	if (rc == 0)
		rc = lock_write(w->fd, &s, e);
	if (rc == 0)
		rc = open_env(w, &why);
	if (rc == -1 && (why.code == ERR_FORMAT || why.code == ERR_UNSUPPORTED)) {
		close_env(w);
		err_clear(&why);
		rc = catalogue_take_away(w->c, true, &why) == -1 ? -1 : open_env(w, &why);
	}
	if (rc == 0) {
		s.dirty = false;
		s.generation++;
		rc = lock_write(w->fd, &s, e);
	} else if (why.code != ERR_NONE && e != NULL) {
		*e = why;
	}
	if (rc == -1)
		close_env(w);
	lock_drop(w->fd, LOCK_DATA);
	return rc;
}

int catalogue_write(struct catalogue *c, struct job *job, struct catalogue_writer **ret, struct err *e)
{
	struct catalogue_writer *w = mem_alloc(sizeof *w);
	char *path = mem_printf("%s/%s", c->directory, CATALOGUE_LOCK);
	int rc = -1;

	*w = (struct catalogue_writer){ .c = c, .job = job, .fd = -1 };
	if (io_mkdirs(AT_FDCWD, c->directory, 0700, e) == -1)
		goto out;
	/* Who removed the directory while we waited removed the file that we hold. */
	for (int tries = 0; tries < 5; tries++) {
		if ((w->fd = lock_open(path, true, e)) == -1 ||
		    lock_wait(w->fd, LOCK_WRITER, true, WRITER_WAIT_MS, job, e) == -1)
			goto out;
		if (!lock_stale(w->fd)) {
			rc = begin(w, e);
			goto out;
		}
		close(w->fd);
		w->fd = -1;
	}
	err_set(e, ERR_LOCKED, "%s is removed all the time", c->directory);
out:
	free(path);
	if (rc == -1) {
		catalogue_write_end(w);
		return -1;
	}
	*ret = w;
	return 0;
}

void catalogue_write_end(struct catalogue_writer *w)
{
	if (w == NULL)
		return;
	/* It writes its last record: nobody else may be at the log. */
	if (w->env != NULL && lock_data(w->fd, true, NULL, NULL) == 0) {
		close_env(w);
		lock_drop(w->fd, LOCK_DATA);
	}
	close_env(w);
	if (w->fd != -1)
		close(w->fd);
	buf_done(&w->bytes);
	free(w->changes);
	free(w);
}

/* ---- batches ---- */

static struct catalogue_change *add_change(struct catalogue_writer *w, const void *key, size_t nk)
{
	struct catalogue_change *x;

	w->changes = mem_grow(w->changes, &w->cap, w->n + 1, sizeof *w->changes);
	x = &w->changes[w->n++];
	*x = (struct catalogue_change){ .at = w->bytes.len, .nk = (uint32_t)nk };
	buf_add(&w->bytes, key, nk);
	return x;
}

void catalogue_put_bytes(struct catalogue_writer *w, const void *key, size_t nk, const void *value, size_t nv)
{
	add_change(w, key, nk)->nv = (uint32_t)nv;
	buf_add(&w->bytes, nv > 0 ? value : "", nv);
}

void catalogue_put(struct catalogue_writer *w, const struct buf *key, const struct buf *value)
{
	catalogue_put_bytes(w, key->data, key->len, value->data, value->len);
}

void catalogue_delete(struct catalogue_writer *w, const void *key, size_t nk)
{
	add_change(w, key, nk)->remove = true;
}

bool catalogue_full(const struct catalogue_writer *w)
{
	return w->bytes.len >= BATCH_BYTES || w->n >= BATCH_CHANGES;
}

int catalogue_puts_flush(struct catalogue_puts *p, DB *db, DB_TXN *txn)
{
	DBT none = { 0 };
	int rc = p->n > 0 ? db->put(db, txn, &p->bulk, &none, DB_MULTIPLE_KEY) : 0;

	p->n = 0;
	return rc;
}

int catalogue_puts_add(
    struct catalogue_puts *p, DB *db, DB_TXN *txn, const void *key, size_t nk, const void *value, size_t nv)
{
	void *k = NULL, *v;
	int rc;

	if (nk + nv > BULK_ROW_MAX) {
		DBT one = dbt_of(key, nk), data = dbt_of(value, nv);

		rc = catalogue_puts_flush(p, db, txn);
		return rc != 0 ? rc : db->put(db, txn, &one, &data, 0);
	}
	if (p->room == NULL)
		p->room = mem_alloc(BULK_BYTES);
	while (k == NULL) {
		if (p->n == 0) {
			p->bulk = (DBT){ .data = p->room, .ulen = BULK_BYTES, .flags = DB_DBT_USERMEM };
			DB_MULTIPLE_WRITE_INIT(p->at, &p->bulk);
		}
		DB_MULTIPLE_KEY_RESERVE_NEXT(p->at, &p->bulk, k, nk, v, nv);
		if (k == NULL && (rc = catalogue_puts_flush(p, db, txn)) != 0)
			return rc;
	}
	memcpy(k, key, nk);
	if (nv > 0)
		memcpy(v, value, nv);
	p->n++;
	return 0;
}

void catalogue_puts_done(struct catalogue_puts *p)
{
	free(p->room);
}

static int apply(struct catalogue_writer *w, DB_TXN *txn)
{
	struct catalogue_puts puts = { 0 };
	int rc = 0;

	for (size_t i = 0; i < w->n && rc == 0; i++) {
		const struct catalogue_change *x = &w->changes[i];
		const char *key = w->bytes.data + x->at;

		if (!x->remove) {
			rc = catalogue_puts_add(&puts, w->db, txn, key, x->nk, key + x->nk, x->nv);
		} else if ((rc = catalogue_puts_flush(&puts, w->db, txn)) == 0) {
			DBT k = dbt_of(key, x->nk);

			rc = w->db->del(w->db, txn, &k, 0);
			rc = rc == DB_NOTFOUND ? 0 : rc;
		}
	}
	if (rc == 0)
		rc = catalogue_puts_flush(&puts, w->db, txn);
	catalogue_puts_done(&puts);
	return rc;
}

int catalogue_batch(struct catalogue_writer *w, struct err *e)
{
	struct lock_state s;
	DB_TXN *txn;
	int rc;

	if (w->env == NULL)
		return err_set(e, ERR_REFUSED, "the catalogue could not be written before");
	if (lock_data(w->fd, true, w->job, e) == -1)
		return -1;
	w->meta.changed = clock_now();
	if (lock_read(w->fd, &s, e) == -1)
		goto failed;
	s.dirty = true;
	if (lock_write(w->fd, &s, e) == -1)
		goto failed;
	if ((rc = w->env->txn_begin(w->env, NULL, &txn, 0)) == 0) {
		rc = apply(w, txn);
		if (rc == 0)
			rc = put_meta(w, txn);
		if (rc == 0)
			rc = txn->commit(txn, 0);
		else
			txn->abort(txn);
	}
	if (rc != 0) {
		catalogue_db_err(e, rc, "write");
		goto failed;
	}
	if (checkpoint(w, e) == -1)
		goto failed;
	s.dirty = false;
	s.generation++;
	if (lock_write(w->fd, &s, e) == -1)
		goto failed;
	lock_drop(w->fd, LOCK_DATA);
	buf_clear(&w->bytes);
	w->n = 0;
	return 0;
failed:
	/* Who comes next follows the log. */
	close_env(w);
	lock_drop(w->fd, LOCK_DATA);
	return -1;
}
