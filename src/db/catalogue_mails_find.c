/* catalogue_mails_find.c: look through the messages that are known, and say where they are. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "db/catalogue_impl.h"
#include "db/catalogue_mail_rows.h"

#define FETCH_BYTES (4u << 20)

/* ---- rows, a few MiB at a time: no lock is held while they are looked at ---- */

typedef int row_fn(void *arg, const struct catalogue_bulk *k, struct err *e);

static int each_row(
    struct catalogue *c, const char *prefix, struct job *job, row_fn *each, void *arg, struct err *e)
{
	struct catalogue_bulk k = { 0 };
	struct buf from = BUF_INIT;
	size_t rows;
	DB *db;
	int rc;

	buf_str(&from, prefix);
	do {
		rows = 0;
		rc = job_cancelled(job, e) ? -1 : catalogue_read(c, &db, e);
		if (rc != 1)
			break;
		rc = catalogue_bulk_fetch(&k, db, from.data, from.len, prefix, strlen(prefix), FETCH_BYTES, e);
		catalogue_read_end(c);
		if (rc == -1)
			catalogue_failed(c, e);
		if (rc != 1)
			break;
		for (; (rc = catalogue_bulk_next(&k)) == 1; rows++) {
			buf_clear(&from);
			buf_add(&from, k.key, k.nk);
			if ((rc = each(arg, &k, e)) != 0)
				break;
		}
		buf_char(&from, '\0');
	} while (rc == 0 && rows > 0);
	catalogue_bulk_done(&k);
	buf_done(&from);
	return rc == -1 ? -1 : 0;
}

/* ---- which archives count ---- */

/* A fill of messages that counts. */
struct mark {
	uint32_t lineage, fill, archive;
};
struct marks {
	struct mark *list; /* ascending */
	size_t n;
	struct catalogue_archives archives;
};

static int by_fill(const void *a, const void *b)
{
	const struct mark *x = a, *y = b;

	if (x->lineage != y->lineage)
		return x->lineage < y->lineage ? -1 : 1;
	return x->fill < y->fill ? -1 : x->fill > y->fill;
}

/* 1 and the number of its fill of messages, 0: they are not known, -1. */
static int get_mark(DB *db, const struct catalogue_archive *a, struct mark *ret, struct err *e)
{
	struct buf key = BUF_INIT, value = BUF_INIT;
	struct rows_lineage lineage;
	uint64_t n = 0;
	int rc = 0;

	rows_key(&key, 'A', a->id);
	if (a->state == CATALOGUE_FILLED)
		rc = catalogue_get(db, &key, &value, e);
	if (rc == 1 && rows_get_number(value.data, value.len, &n, e) == -1)
		rc = -1;
	/* Of an archive that was replaced by another of its name only the mailboxes may be known anew. */
	if (rc == 1)
		rc = n >> 32 == a->seq ? catalogue_find_lineage(db, a->server, &lineage, e) : 0;
	if (rc == 1)
		*ret = (struct mark){ (uint32_t)lineage.number, (uint32_t)n, a->id };
	buf_done(&key);
	buf_done(&value);
	return rc;
}

static int read_marks(struct catalogue *c, struct marks *ret, struct err *e)
{
	DB *db;
	int rc = catalogue_read(c, &db, e);

	*ret = (struct marks){ 0 };
	if (rc != 1)
		return rc;
	rc = catalogue_archives_read(db, &ret->archives, e);
	ret->list = mem_array(ret->archives.n + 1, sizeof *ret->list);
	for (size_t i = 0; i < ret->archives.n && rc != -1; i++) {
		rc = get_mark(db, &ret->archives.list[i], &ret->list[ret->n], e);
		ret->n += rc == 1;
	}
	catalogue_read_end(c);
	if (rc == -1)
		return catalogue_failed(c, e);
	qsort(ret->list, ret->n, sizeof *ret->list, by_fill);
	return 0;
}

static void marks_done(struct marks *m)
{
	catalogue_archives_done(&m->archives);
	free(m->list);
}

int catalogue_mails_have(struct catalogue *c, const struct catalogue_archives *list, bool *ret, struct err *e)
{
	struct mark ignored;
	DB *db;
	int rc;

	memset(ret, 0, list->n * sizeof *ret);
	rc = catalogue_read(c, &db, e);
	if (rc != 1)
		return rc;
	for (size_t i = 0; i < list->n && rc != -1; i++) {
		rc = get_mark(db, &list->list[i], &ignored, e);
		ret[i] = rc == 1;
	}
	catalogue_read_end(c);
	return rc == -1 ? catalogue_failed(c, e) : 0;
}

/* ---- texts ---- */

struct texts {
	catalogue_mail_fn *each;
	void *arg;
};

static int text_row(void *arg, const struct catalogue_bulk *k, struct err *e)
{
	const struct texts *t = arg;
	struct catalogue_mail mail;

	if (k->nk != 5)
		return err_set(e, ERR_FORMAT, "the catalogue is damaged: a message's number");
	if (mail_get_text(k->value, k->nv, &mail, e) == -1)
		return -1;
	return t->each(t->arg, be32(k->key + 1), &mail, e);
}

int catalogue_mails_each(
    struct catalogue *c, struct job *job, catalogue_mail_fn *each, void *arg, struct err *e)
{
	return each_row(c, "T", job, text_row, &(struct texts){ each, arg }, e);
}

int catalogue_mail_get(
    struct catalogue *c, uint32_t id, struct buf *room, struct catalogue_mail *ret, struct err *e)
{
	struct buf key = BUF_INIT;
	DB *db;
	int rc = catalogue_read(c, &db, e);

	if (rc == 1) {
		rows_key(&key, 'T', id);
		rc = catalogue_get(db, &key, room, e);
		catalogue_read_end(c);
	}
	if (rc == 1 && mail_get_text((const uint8_t *)room->data, room->len, ret, e) == -1)
		rc = -1;
	buf_done(&key);
	return rc == -1 ? catalogue_failed(c, e) : rc;
}

int catalogue_mail_known(struct catalogue *c, const uint8_t guid[SHA1_SIZE], struct err *e)
{
	struct buf key = BUF_INIT, value = BUF_INIT;
	DB *db;
	int rc = catalogue_read(c, &db, e);

	if (rc == 1) {
		mail_key_guid(&key, guid);
		rc = catalogue_get(db, &key, &value, e);
		catalogue_read_end(c);
	}
	buf_done(&key);
	buf_done(&value);
	return rc == -1 ? catalogue_failed(c, e) : rc;
}

/* ---- places ---- */

struct hit {
	uint32_t id, uid, first, last;
	bool expunged;
};

struct places {
	const struct marks *marks;
	uint8_t *wanted; /* a bit for each number up to max */
	uint32_t max;
	catalogue_found_fn *each;
	void *arg;
	/* The mailbox that is being looked at. */
	uint32_t lineage;
	struct buf name;
	bool any;
	struct hit *hits;
	size_t n, cap, open; /* hits from ${open} on are of its newest row so far */
	uint32_t *archives;
};

static int by_message(const void *a, const void *b)
{
	const struct hit *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	if (x->uid != y->uid)
		return x->uid < y->uid ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

static void add_archives(const struct places *p, const struct hit *h, size_t *n)
{
	for (size_t i = 0; i < p->marks->n; i++) {
		const struct mark *m = &p->marks->list[i];

		if (m->lineage == p->lineage && m->fill >= h->first && m->fill <= h->last && *n < p->marks->n)
			p->archives[(*n)++] = m->archive;
	}
}

static const char *server_of(const struct places *p, uint32_t archive)
{
	for (size_t i = 0; i < p->marks->archives.n; i++)
		if (p->marks->archives.list[i].id == archive)
			return p->marks->archives.list[i].server;
	return "";
}

/* All rows of a mailbox were seen: one place for each message and UID. */
static int end_mailbox(struct places *p, struct err *e)
{
	int rc = 0;

	if (p->n > 1)
		qsort(p->hits, p->n, sizeof *p->hits, by_message);
	for (size_t i = 0, next; i < p->n && rc == 0; i = next) {
		struct catalogue_found f = { .id = p->hits[i].id,
			.uid = p->hits[i].uid,
			.mailbox = buf_text(&p->name),
			.archives = p->archives };

		for (next = i; next < p->n && p->hits[next].id == f.id && p->hits[next].uid == f.uid; next++) {
			size_t before = f.n_archives;

			add_archives(p, &p->hits[next], &f.n_archives);
			if (f.n_archives > before)
				f.expunged = p->hits[next].expunged;
		}
		if (f.n_archives == 0)
			continue;
		f.server = server_of(p, p->archives[0]);
		rc = p->each(p->arg, &f, e);
	}
	p->n = p->open = 0;
	p->any = false;
	return rc;
}

static int place_row(void *arg, const struct catalogue_bulk *k, struct err *e)
{
	struct places *p = arg;
	struct mail_places list = { .at = k->value, .end = k->value + k->nv };
	struct mail_place place;
	size_t n;
	const char *name = mail_key_name(k->key, k->nk, true, &n);
	uint32_t lineage, first;
	int rc;

	if (name == NULL)
		return err_set(e, ERR_FORMAT, "the catalogue is damaged: a mailbox's name");
	lineage = be32(k->key + 1);
	first = mail_key_first(k->key, k->nk);
	if (p->any && (lineage != p->lineage || n != p->name.len || memcmp(name, p->name.data, n) != 0) &&
	    (rc = end_mailbox(p, e)) != 0)
		return rc;
	if (!p->any) {
		p->any = true;
		p->lineage = lineage;
		buf_clear(&p->name);
		buf_add(&p->name, name, n);
	}
	for (; p->open < p->n; p->open++)
		p->hits[p->open].last = first - 1;
	while ((rc = mail_next_place(&list, &place, e)) == 1) {
		if (place.id > p->max || (p->wanted[place.id / 8] & 1u << place.id % 8) == 0)
			continue;
		p->hits = mem_grow(p->hits, &p->cap, p->n + 1, sizeof *p->hits);
		p->hits[p->n++] = (struct hit){ place.id, place.uid, first, CATALOGUE_OPEN, place.expunged };
	}
	return rc;
}

int catalogue_places_each(struct catalogue *c, const uint32_t *ids, size_t n, struct job *job,
    catalogue_found_fn *each, void *arg, struct err *e)
{
	struct places p = { .each = each, .arg = arg };
	struct marks marks;
	int rc;

	if (n == 0)
		return 0;
	if (read_marks(c, &marks, e) == -1) {
		marks_done(&marks);
		return -1;
	}
	p.marks = &marks;
	p.max = ids[n - 1];
	p.wanted = mem_alloc((size_t)p.max / 8 + 1);
	for (size_t i = 0; i < n; i++)
		p.wanted[ids[i] / 8] |= (uint8_t)(1u << ids[i] % 8);
	/* Rows of one mailbox do not overlap; a UID that stands twice in one gets no more room. */
	p.archives = mem_array(marks.n + 1, sizeof *p.archives);
	rc = each_row(c, "P", job, place_row, &p, e);
	if (rc == 0 && p.any)
		rc = end_mailbox(&p, e);
	free(p.wanted);
	free(p.archives);
	free(p.hits);
	buf_done(&p.name);
	marks_done(&marks);
	return rc == -1 ? -1 : 0;
}
