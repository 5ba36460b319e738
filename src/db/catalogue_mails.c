/* catalogue_mails.c: take in the messages of an archive. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "db/catalogue_impl.h"
#include "db/catalogue_mail_rows.h"

/* So much is collected before it is written: a mailbox of 100,000 messages must not take much memory. */
#define COLLECT_BYTES (512u << 10)

/* A text that was added. */
struct text {
	uint8_t guid[SHA1_SIZE];
	uint32_t id; /* 0: not written yet */
	size_t at, len;
};

struct box {
	char *name;
	uint8_t content[MAIL_CONTENT];
	size_t at, n; /* of its places */
};

struct catalogue_mails {
	struct catalogue *c;
	struct job *job;
	const struct catalogue_archive *archive;
	uint32_t lineage, fill;
	/* Collected. */
	struct text *texts;
	size_t n_texts, cap_texts;
	uint32_t *table; /* of texts, by guid: 0 or index + 1 */
	size_t table_size;
	struct buf bytes; /* of texts, as rows */
	struct box *boxes;
	size_t n_boxes, cap_boxes;
	struct catalogue_place *places;
	size_t n_places, cap_places;
};

/* ---- numbers ---- */

static int get_number(DB *db, const struct buf *key, uint64_t *ret, struct err *e)
{
	struct buf value = BUF_INIT;
	int rc = catalogue_get(db, key, &value, e);

	*ret = 0;
	if (rc == 1 && rows_get_number(value.data, value.len, ret, e) == -1)
		rc = -1;
	buf_done(&value);
	return rc;
}

static void put_number(struct catalogue_writer *w, const struct buf *key, uint64_t n)
{
	struct buf value = BUF_INIT;

	rows_put_number(&value, n);
	catalogue_put(w, key, &value);
	buf_done(&value);
}

/* The archive as it is in the catalogue now is still the one whose mailboxes are known under that number. */
static int check_archive(const struct catalogue_mails *m, DB *db, struct err *e)
{
	struct catalogue_archives l;
	bool there = false;

	if (catalogue_archives_read(db, &l, e) == -1)
		return -1;
	for (size_t i = 0; i < l.n; i++)
		there |= l.list[i].id == m->archive->id && l.list[i].state == CATALOGUE_FILLED &&
		         l.list[i].seq == m->archive->seq;
	catalogue_archives_done(&l);
	return there ? 0
		     : err_set(e, ERR_NOT_FOUND, "the mailboxes of %s are not in the catalogue", m->archive->name);
}

static int number_fill(struct catalogue_mails *m, struct catalogue_writer *w, struct err *e)
{
	struct rows_lineage lineage;
	struct buf key = BUF_INIT;
	uint64_t last;
	int rc = catalogue_find_lineage(w->db, m->archive->server, &lineage, e);

	if (rc == 0)
		rc = err_set(e, ERR_FORMAT, "the catalogue is damaged: nothing is known of the server %s", m->archive->server);
	if (rc == -1)
		return -1;
	m->lineage = (uint32_t)lineage.number;
	rows_key(&key, 'F', m->lineage);
	rc = get_number(w->db, &key, &last, e);
	if (rc != -1 && last >= CATALOGUE_OPEN - 1)
		rc = err_set(e, ERR_FORMAT, "the catalogue is damaged: a number is too large");
	if (rc != -1) {
		m->fill = (uint32_t)last + 1;
		put_number(w, &key, m->fill);
		rc = catalogue_batch(w, e);
	}
	buf_done(&key);
	return rc == -1 ? -1 : 0;
}

int catalogue_mails_begin(struct catalogue *c, const struct catalogue_archive *archive, struct job *job,
    struct catalogue_mails **ret, struct err *e)
{
	struct catalogue_mails *m = mem_alloc(sizeof *m);
	struct catalogue_writer *w = NULL;
	int rc;

	*m = (struct catalogue_mails){ .c = c, .job = job, .archive = archive };
	rc = catalogue_write(c, job, &w, e);
	if (rc == 0)
		rc = check_archive(m, w->db, e);
	if (rc == 0)
		rc = number_fill(m, w, e);
	catalogue_write_end(w);
	if (rc == -1) {
		catalogue_mails_free(m);
		return catalogue_failed(c, e);
	}
	*ret = m;
	return 0;
}

static void clear(struct catalogue_mails *m)
{
	for (size_t i = 0; i < m->n_boxes; i++)
		free(m->boxes[i].name);
	m->n_boxes = m->n_texts = m->n_places = 0;
	buf_clear(&m->bytes);
	if (m->table_size > 0)
		memset(m->table, 0, m->table_size * sizeof *m->table);
}

void catalogue_mails_free(struct catalogue_mails *m)
{
	if (m == NULL)
		return;
	clear(m);
	buf_done(&m->bytes);
	free(m->texts);
	free(m->table);
	free(m->boxes);
	free(m->places);
	free(m);
}

/* ---- what is collected ---- */

static struct text *find_text(const struct catalogue_mails *m, const uint8_t guid[SHA1_SIZE])
{
	/* A GUID is a hash already; who makes some up to meet in one place makes his own backup slow. */
	size_t at = m->table_size > 0 ? be32(guid) & (m->table_size - 1) : 0;

	if (m->table_size == 0)
		return NULL;
	for (; m->table[at] != 0; at = (at + 1) & (m->table_size - 1))
		if (memcmp(m->texts[m->table[at] - 1].guid, guid, SHA1_SIZE) == 0)
			return &m->texts[m->table[at] - 1];
	return NULL;
}

static void enter(struct catalogue_mails *m, size_t i)
{
	size_t at = be32(m->texts[i].guid) & (m->table_size - 1);

	while (m->table[at] != 0)
		at = (at + 1) & (m->table_size - 1);
	m->table[at] = (uint32_t)i + 1;
}

static void grow_table(struct catalogue_mails *m)
{
	if (m->n_texts * 2 < m->table_size)
		return;
	free(m->table);
	m->table_size = m->table_size > 0 ? m->table_size * 2 : 1024;
	m->table = mem_array(m->table_size, sizeof *m->table);
	for (size_t i = 0; i < m->n_texts; i++)
		enter(m, i);
}

int catalogue_mails_known(struct catalogue_mails *m, const uint8_t guid[SHA1_SIZE], struct err *e)
{
	return find_text(m, guid) != NULL ? 1 : catalogue_mail_known(m->c, guid, e);
}

int catalogue_mails_same(
    struct catalogue_mails *m, const char *name, const uint8_t content[SHA256_SIZE], struct err *e)
{
	struct buf key = BUF_INIT, value = BUF_INIT;
	DB *db;
	int rc = catalogue_read(m->c, &db, e);

	if (rc == 1) {
		rows_key_box(&key, m->lineage, name);
		key.data[0] = 'M';
		rc = catalogue_get(db, &key, &value, e);
		catalogue_read_end(m->c);
	}
	if (rc == 1)
		rc = value.len == MAIL_CONTENT && memcmp(value.data, content, MAIL_CONTENT) == 0;
	buf_done(&key);
	buf_done(&value);
	return rc == -1 ? catalogue_failed(m->c, e) : rc;
}

static int flush(struct catalogue_mails *m, struct err *e);

static int flush_if_much(struct catalogue_mails *m, struct err *e)
{
	if (m->bytes.len + m->n_places * sizeof *m->places < COLLECT_BYTES)
		return 0;
	return flush(m, e);
}

int catalogue_mails_add(struct catalogue_mails *m, const struct catalogue_mail *mail, struct err *e)
{
	struct text *t;

	if (find_text(m, mail->guid) != NULL)
		return 0;
	if (flush_if_much(m, e) == -1)
		return -1;
	grow_table(m);
	m->texts = mem_grow(m->texts, &m->cap_texts, m->n_texts + 1, sizeof *m->texts);
	t = &m->texts[m->n_texts];
	*t = (struct text){ .at = m->bytes.len };
	memcpy(t->guid, mail->guid, SHA1_SIZE);
	mail_put_text(&m->bytes, mail);
	t->len = m->bytes.len - t->at;
	enter(m, m->n_texts++);
	return 0;
}

int catalogue_mails_box(struct catalogue_mails *m, const char *name, const uint8_t content[SHA256_SIZE],
    const struct catalogue_place *places, size_t n, struct err *e)
{
	struct box *box;

	m->boxes = mem_grow(m->boxes, &m->cap_boxes, m->n_boxes + 1, sizeof *m->boxes);
	box = &m->boxes[m->n_boxes++];
	*box = (struct box){ .name = mem_strdup(name), .at = m->n_places, .n = n };
	memcpy(box->content, content, MAIL_CONTENT);
	m->places = mem_grow(m->places, &m->cap_places, m->n_places + n, sizeof *m->places);
	if (n > 0)
		memcpy(m->places + m->n_places, places, n * sizeof *places);
	m->n_places += n;
	return flush_if_much(m, e);
}

/* ---- writing ---- */

/* The next number goes into every batch that gives numbers away. */
static int batch(struct catalogue_writer *w, uint64_t next, struct err *e)
{
	struct buf key = BUF_INIT;

	buf_char(&key, 'N');
	put_number(w, &key, next);
	buf_done(&key);
	return catalogue_batch(w, e);
}

static int write_texts(struct catalogue_mails *m, struct catalogue_writer *w, uint64_t *next, struct err *e)
{
	struct buf key = BUF_INIT;
	uint64_t id;
	int rc = 0;

	for (size_t i = 0; i < m->n_texts && rc != -1; i++) {
		struct text *t = &m->texts[i];

		mail_key_guid(&key, t->guid);
		rc = get_number(w->db, &key, &id, e);
		if (rc == 0 && *next >= UINT32_MAX)
			rc = err_set(e, ERR_UNSUPPORTED, "the catalogue cannot hold more messages");
		if (rc == 0) {
			id = (*next)++;
			put_number(w, &key, id);
			rows_key(&key, 'T', (uint32_t)id);
			catalogue_put_bytes(w, key.data, key.len, m->bytes.data + t->at, t->len);
		}
		t->id = (uint32_t)id;
		if (rc != -1 && catalogue_full(w))
			rc = batch(w, *next, e);
	}
	buf_done(&key);
	return rc == -1 ? -1 : 0;
}

/* 1 and its number, 0: there is no text of it, -1. */
static int number_of(
    const struct catalogue_mails *m, const struct catalogue_writer *w, const uint8_t *guid, uint32_t *ret, struct err *e)
{
	const struct text *t = find_text(m, guid);
	struct buf key = BUF_INIT;
	uint64_t id;
	int rc;

	if (t != NULL) {
		*ret = t->id;
		return 1;
	}
	mail_key_guid(&key, guid);
	rc = get_number(w->db, &key, &id, e);
	buf_done(&key);
	*ret = (uint32_t)id;
	return rc;
}

/* The mailbox's newest row says the same: 1, 0, -1. A flag that was set changes cyrus.index, and no list. */
static int is_listed(struct catalogue_mails *m, struct catalogue_writer *w, const char *name, const struct buf *list,
    struct err *e)
{
	struct buf key = BUF_INIT, found = BUF_INIT, value = BUF_INIT;
	int rc;

	mail_key_list(&key, m->lineage, name, CATALOGUE_OPEN);
	rc = catalogue_last(w->db, &key, &found, &value, e);
	if (rc == 1)
		rc = found.len == key.len && memcmp(found.data, key.data, key.len - 4) == 0 && value.len == list->len &&
		     (list->len == 0 || memcmp(value.data, list->data, list->len) == 0);
	buf_done(&key);
	buf_done(&found);
	buf_done(&value);
	return rc;
}

/* ${content}: ${n} bytes, 0: it is not there. */
static int put_state(struct catalogue_mails *m, struct catalogue_writer *w, const char *name, const void *content,
    size_t n, const struct buf *list, struct err *e)
{
	struct buf key = BUF_INIT;
	int rc = is_listed(m, w, name, list, e);

	if (rc == 0) {
		mail_key_list(&key, m->lineage, name, m->fill);
		catalogue_put(w, &key, list);
	}
	rows_key_box(&key, m->lineage, name);
	key.data[0] = 'M';
	catalogue_put_bytes(w, key.data, key.len, content, n);
	buf_done(&key);
	return rc == -1 ? -1 : 0;
}

static int write_box(struct catalogue_mails *m, struct catalogue_writer *w, const struct box *box, struct err *e)
{
	struct mail_place *list = mem_array(box->n + 1, sizeof *list);
	struct buf value = BUF_INIT;
	size_t n = 0;
	int rc = 0;

	for (size_t i = 0; i < box->n && rc != -1; i++) {
		const struct catalogue_place *p = &m->places[box->at + i];

		rc = number_of(m, w, p->guid, &list[n].id, e);
		list[n].uid = p->uid;
		list[n].expunged = p->expunged;
		n += rc == 1;
	}
	if (rc != -1) {
		mail_put_places(&value, list, n);
		rc = put_state(m, w, box->name, box->content, MAIL_CONTENT, &value, e);
	}
	buf_done(&value);
	free(list);
	return rc == -1 ? -1 : 0;
}

static int write_all(struct catalogue_mails *m, struct catalogue_writer *w, struct err *e)
{
	struct buf key = BUF_INIT;
	uint64_t next;
	int rc;

	buf_char(&key, 'N');
	rc = get_number(w->db, &key, &next, e);
	if (rc == 0)
		next = 1;
	if (rc != -1)
		rc = write_texts(m, w, &next, e);
	for (size_t i = 0; i < m->n_boxes && rc != -1; i++) {
		rc = write_box(m, w, &m->boxes[i], e);
		if (rc == 0 && catalogue_full(w))
			rc = batch(w, next, e);
	}
	if (rc != -1)
		rc = batch(w, next, e);
	buf_done(&key);
	return rc;
}

static int flush(struct catalogue_mails *m, struct err *e)
{
	struct catalogue_writer *w = NULL;
	int rc;

	if (m->n_texts == 0 && m->n_boxes == 0)
		return 0;
	rc = catalogue_write(m->c, m->job, &w, e);
	if (rc == 0)
		rc = write_all(m, w, e);
	catalogue_write_end(w);
	clear(m);
	return rc == -1 ? catalogue_failed(m->c, e) : 0;
}

/* ---- the end ---- */

/* The archive has that mailbox: 1, 0, -1. */
static int has_box(const struct catalogue_mails *m, const struct catalogue_writer *w, const char *name,
    struct rows_spans *spans, struct err *e)
{
	struct buf key = BUF_INIT, value = BUF_INIT;
	int rc;

	rows_key_box(&key, m->lineage, name);
	rc = catalogue_get(w->db, &key, &value, e);
	if (rc == 1) {
		rc = rows_get_spans(value.data, value.len, spans, e);
		for (size_t i = 0; rc == 0 && i < spans->n; i++)
			if (spans->list[i].first <= m->archive->seq && m->archive->seq <= spans->list[i].last)
				rc = 1;
	}
	buf_done(&key);
	buf_done(&value);
	return rc;
}

/* Mailboxes that were there in the fills before, and are not in this one. */
static int end_vanished(struct catalogue_mails *m, struct catalogue_writer *w, struct err *e)
{
	struct catalogue_bulk k = { 0 };
	struct rows_spans spans = { 0 };
	struct buf prefix = BUF_INIT, from = BUF_INIT, name = BUF_INIT, none = BUF_INIT;
	int rc;

	rows_key(&prefix, 'M', m->lineage);
	buf_add(&from, prefix.data, prefix.len);
	while ((rc = catalogue_bulk_fetch(&k, w->db, from.data, from.len, prefix.data, prefix.len, 1u << 20, e)) == 1) {
		size_t rows = 0;

		for (; (rc = catalogue_bulk_next(&k)) == 1; rows++) {
			size_t n;
			const char *s = mail_key_name(k.key, k.nk, false, &n);

			buf_clear(&from);
			buf_add(&from, k.key, k.nk);
			if (k.nv == 0)
				continue;
			if (s == NULL) {
				rc = err_set(e, ERR_FORMAT, "the catalogue is damaged: a mailbox's name");
				break;
			}
			buf_clear(&name);
			buf_add(&name, s, n);
			rc = has_box(m, w, buf_text(&name), &spans, e);
			if (rc == 0)
				rc = put_state(m, w, buf_text(&name), "", 0, &none, e);
			if (rc == -1)
				break;
		}
		if (rows == 0 || rc == -1 || (catalogue_full(w) && (rc = catalogue_batch(w, e)) == -1))
			break;
		buf_char(&from, '\0');
	}
	catalogue_bulk_done(&k);
	rows_spans_done(&spans);
	buf_done(&prefix);
	buf_done(&from);
	buf_done(&name);
	buf_done(&none);
	return rc;
}

static int mark(struct catalogue_mails *m, struct catalogue_writer *w, struct err *e)
{
	struct buf key = BUF_INIT, value = BUF_INIT;

	rows_key(&key, 'A', m->archive->id);
	rows_put_number(&value, (uint64_t)m->archive->seq << 32 | m->fill);
	catalogue_put(w, &key, &value);
	buf_done(&key);
	buf_done(&value);
	return catalogue_batch(w, e);
}

int catalogue_mails_commit(struct catalogue_mails *m, struct err *e)
{
	struct catalogue_writer *w = NULL;
	int rc;

	if (flush(m, e) == -1)
		return -1;
	rc = catalogue_write(m->c, m->job, &w, e);
	if (rc == 0)
		rc = check_archive(m, w->db, e);
	if (rc == 0)
		rc = end_vanished(m, w, e);
	if (rc == 0)
		rc = mark(m, w, e);
	catalogue_write_end(w);
	return rc == -1 ? catalogue_failed(m->c, e) : 0;
}
