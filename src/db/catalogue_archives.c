/* catalogue_archives.c: which archives are known, and what the whole looks like. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/mem.h"
#include "db/catalogue_impl.h"
#include "db/catalogue_lock.h"

/* An archive that is still there is written anew only when it was last seen so long ago. */
#define SEEN_SECONDS 86400

int catalogue_archives_read(DB *db, struct catalogue_archives *ret, struct err *e)
{
	struct catalogue_bulk k = { 0 };
	struct buf from = BUF_INIT;
	size_t cap = 0;
	int rc;

	*ret = (struct catalogue_archives){ 0 };
	buf_char(&from, 'a');
	while ((rc = catalogue_bulk_fetch(&k, db, from.data, from.len, "a", 1, 256u << 10, e)) == 1) {
		size_t rows = 0;

		for (; catalogue_bulk_next(&k) == 1; rows++) {
			ret->list = mem_grow(ret->list, &cap, ret->n + 1, sizeof *ret->list);
			rc = rows_get_archive(k.value, k.nv, &ret->list[ret->n++], e);
			if (rc == 0 && k.nk != 5)
				rc = err_set(e, ERR_FORMAT, "a row is damaged");
			if (rc == -1)
				goto out;
			ret->list[ret->n - 1].id = be32(k.key + 1);
			buf_clear(&from);
			buf_add(&from, k.key, k.nk);
		}
		buf_char(&from, '\0');
		if (rows == 0)
			break;
	}
out:
	catalogue_bulk_done(&k);
	buf_done(&from);
	if (rc == -1)
		catalogue_archives_done(ret);
	return rc == -1 ? -1 : 0;
}

int catalogue_archives(struct catalogue *c, struct catalogue_archives *ret, struct err *e)
{
	DB *db;
	int rc = catalogue_read(c, &db, e);

	*ret = (struct catalogue_archives){ 0 };
	if (rc == 1) {
		rc = catalogue_archives_read(db, ret, e);
		catalogue_read_end(c);
	}
	return rc == -1 ? catalogue_failed(c, e) : 0;
}

void catalogue_archives_done(struct catalogue_archives *l)
{
	for (size_t i = 0; i < l->n; i++)
		catalogue_archive_done(&l->list[i]);
	free(l->list);
	*l = (struct catalogue_archives){ 0 };
}

/* ---- noting ---- */

static const struct catalogue_archive *find(
    const struct catalogue_archives *known, const char *store, const char *name)
{
	for (size_t i = 0; i < known->n; i++)
		if (strcmp(known->list[i].name, name) == 0 && strcmp(known->list[i].store, store) == 0)
			return &known->list[i];
	return NULL;
}

static bool same_object(const struct catalogue_archive *a, const struct catalogue_archive *b)
{
	return a->size_bytes == b->size_bytes && a->mtime == b->mtime &&
	       strcmp(a->url, b->url != NULL ? b->url : "") == 0;
}

static bool same_bytes(const struct catalogue_archive *a, const struct catalogue_archive *b)
{
	struct buf x = BUF_INIT, y = BUF_INIT;
	bool ret;

	rows_put_archive(&x, a);
	rows_put_archive(&y, b);
	ret = x.len == y.len && memcmp(x.data, y.data, x.len) == 0;
	buf_done(&x);
	buf_done(&y);
	return ret;
}

/* What is to be known of ${a}, with strings of both; whether that is worth a change. */
static bool compose(
    const struct catalogue_archive *old, const struct catalogue_archive *a, struct catalogue_archive *ret)
{
	struct catalogue_archive like;

	*ret = *a;
	if (old == NULL) {
		ret->id = 0;
		if (ret->first_seen == 0)
			ret->first_seen = ret->last_seen;
		return true;
	}
	if (same_object(old, a) && a->state < old->state) {
		*ret = *old;
		ret->gone = a->gone;
		ret->protected = a->protected;
		ret->where = a->where;
		ret->last_seen = a->last_seen;
	}
	ret->id = old->id;
	ret->first_seen = old->first_seen;
	if (ret->last_seen < old->last_seen)
		ret->last_seen = old->last_seen;
	if (ret->state != CATALOGUE_FILLED)
		ret->seq = 0;
	like = *ret;
	if (ret->last_seen - old->last_seen < SEEN_SECONDS)
		like.last_seen = old->last_seen;
	return !same_bytes(&like, old);
}

int catalogue_note_one(struct catalogue_writer *w, const struct catalogue_archives *known,
    struct catalogue_archive *a, struct err *e)
{
	struct catalogue_archive all;
	struct buf key = BUF_INIT, value = BUF_INIT;

	if (!compose(find(known, a->store, a->name), a, &all)) {
		a->id = all.id;
		a->seq = all.seq;
		return 0;
	}
	if (all.id == 0) {
		if (w->meta.next_archive >= UINT32_MAX)
			return err_set(e, ERR_FORMAT, "the catalogue has had too many archives");
		all.id = (uint32_t)w->meta.next_archive++;
	}
	a->id = all.id;
	a->seq = all.seq;
	rows_key(&key, 'a', all.id);
	rows_put_archive(&value, &all);
	catalogue_put(w, &key, &value);
	buf_done(&key);
	buf_done(&value);
	return 0;
}

int catalogue_note(
    struct catalogue *c, struct catalogue_archive *list, size_t n, struct job *job, struct err *e)
{
	struct catalogue_archives known;
	struct catalogue_writer *w;
	bool change = false;
	int rc;

	if (catalogue_archives(c, &known, e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct catalogue_archive all;

		change = compose(find(&known, list[i].store, list[i].name), &list[i], &all) || change;
		list[i].id = all.id;
		list[i].seq = all.seq;
	}
	catalogue_archives_done(&known);
	if (!change)
		return 0;
	if (catalogue_write(c, job, &w, e) == -1)
		return -1;
	rc = catalogue_archives_read(w->db, &known, e);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = catalogue_note_one(w, &known, &list[i], e);
	catalogue_archives_done(&known);
	if (rc == 0 && w->n > 0)
		rc = catalogue_batch(w, e);
	catalogue_write_end(w);
	return rc == -1 ? catalogue_failed(c, e) : 0;
}

int catalogue_forget(struct catalogue *c, uint32_t id, struct job *job, struct err *e)
{
	struct catalogue_writer *w;
	struct buf key = BUF_INIT, value = BUF_INIT;
	int rc;

	if (catalogue_write(c, job, &w, e) == -1)
		return -1;
	rows_key(&key, 'a', id);
	rc = catalogue_get(w->db, &key, &value, e);
	if (rc == 0)
		rc = err_set(e, ERR_NOT_FOUND, "the catalogue knows no such archive");
	if (rc == 1) {
		catalogue_delete(w, key.data, key.len);
		rc = catalogue_batch(w, e);
	}
	catalogue_write_end(w);
	buf_done(&key);
	buf_done(&value);
	return rc == -1 ? catalogue_failed(c, e) : 0;
}

/* ---- lineages ---- */

int catalogue_find_lineage(DB *db, const char *server, struct rows_lineage *ret, struct err *e)
{
	struct buf key = BUF_INIT, value = BUF_INIT;
	int rc;

	rows_key_text(&key, 'l', server);
	rc = catalogue_get(db, &key, &value, e);
	if (rc == 1 && rows_get_lineage(value.data, value.len, ret, e) == -1)
		rc = -1;
	buf_done(&key);
	buf_done(&value);
	return rc;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void catalogue_fills_of(const struct catalogue_archives *l, const char *server, struct rows_fills *ret)
{
	*ret = (struct rows_fills){ .list = mem_array(l->n + 1, sizeof *ret->list) };
	for (size_t i = 0; i < l->n; i++)
		if (l->list[i].state == CATALOGUE_FILLED && strcmp(l->list[i].server, server) == 0)
			ret->list[ret->n++] = l->list[i].seq;
	qsort(ret->list, ret->n, sizeof *ret->list, by_number);
}

/* ---- the whole ---- */

static uint64_t bytes_of_files(const char *directory)
{
	DIR *d = opendir(directory);
	const struct dirent *entry;
	struct stat st;
	uint64_t ret = 0;

	while (d != NULL && (entry = readdir(d)) != NULL)
		if (strcmp(entry->d_name, CATALOGUE_DAMAGED) != 0 &&
		    fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
			ret += (uint64_t)st.st_size;
	if (d != NULL)
		closedir(d);
	return ret;
}

static bool is_writing(const char *directory)
{
	char *path = mem_printf("%s/%s", directory, CATALOGUE_LOCK);
	int fd = lock_open(path, false, NULL);
	struct err why = { 0 };
	bool ret =
	    fd != -1 && lock_wait(fd, LOCK_WRITER, true, 0, NULL, &why) == -1 && why.code == ERR_LOCKED;

	if (fd != -1)
		close(fd);
	free(path);
	return ret;
}

int catalogue_status(struct catalogue *c, struct catalogue_status *ret, struct err *e)
{
	struct catalogue_archives l = { 0 };
	struct buf key = BUF_INIT, value = BUF_INIT;
	struct rows_meta meta;
	struct stat st;
	char *aside = mem_printf("%s/%s", c->directory, CATALOGUE_DAMAGED);
	DB *db;
	int rc = catalogue_read(c, &db, e);

	*ret = (struct catalogue_status){ .there = rc == 1 };
	if (rc == 1) {
		rows_key_text(&key, '!', "");
		rc = catalogue_get(db, &key, &value, e);
		if (rc == 1 && (rc = rows_get_meta(value.data, value.len, &meta, e)) == 0)
			ret->changed = meta.changed;
		if (rc == 0)
			rc = catalogue_archives_read(db, &l, e);
		catalogue_read_end(c);
	}
	for (size_t i = 0; i < l.n; i++) {
		ret->archives++;
		ret->filled += l.list[i].state == CATALOGUE_FILLED;
		ret->gone += l.list[i].gone;
	}
	if (rc == -1)
		catalogue_failed(c, e);
	ret->size_bytes = ret->there ? bytes_of_files(c->directory) : 0;
	ret->writing = is_writing(c->directory);
	if (stat(aside, &st) == 0)
		snprintf(ret->moved_aside, sizeof ret->moved_aside, "%s", aside);
	catalogue_archives_done(&l);
	buf_done(&key);
	buf_done(&value);
	free(aside);
	return rc == -1 ? -1 : 0;
}

int catalogue_clear(struct catalogue *c, struct job *job, struct err *e)
{
	struct lock_state s;
	struct err why = { 0 };
	char *path = mem_printf("%s/%s", c->directory, CATALOGUE_LOCK);
	int fd = lock_open(path, false, &why), rc = -1;

	free(path);
	if (fd == -1 && why.code == ERR_NOT_FOUND)
		return 0;
	if (fd == -1) {
		if (e != NULL)
			*e = why;
		return -1;
	}
	if (lock_wait(fd, LOCK_WRITER, true, 60000, job, e) == 0 && lock_data(fd, true, job, e) == 0 &&
	    lock_read(fd, &s, e) == 0 && catalogue_take_away(c, false, e) == 0) {
		s = (struct lock_state){ .generation = s.generation + 1 };
		rc = lock_write(fd, &s, e);
	}
	close(fd);
	return rc;
}
