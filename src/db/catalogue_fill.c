/* catalogue_fill.c: one archive's mailboxes are merged with what is known of its lineage; only what changed is written. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "db/catalogue_impl.h"
#include "db/sorter.h"

#define COLLECT_BYTES (16u << 20)
#define FETCH_BYTES   (1u << 20)
#define TEXT_MAX      1000 /* bytes of a unique id, of a partition's name */

struct catalogue_fill {
	struct catalogue *c;
	struct job *job;
	struct sorter *boxes;
	struct buf value;
};

struct catalogue_fill *catalogue_fill_new(struct catalogue *c, struct job *job)
{
	struct catalogue_fill *f = mem_alloc(sizeof *f);

	f->c = c;
	f->job = job;
	f->boxes = sorter_new(COLLECT_BYTES);
	return f;
}

void catalogue_fill_free(struct catalogue_fill *f)
{
	if (f == NULL)
		return;
	sorter_free(f->boxes);
	buf_done(&f->value);
	free(f);
}

int catalogue_fill_add(struct catalogue_fill *f, const struct catalogue_box *box, struct err *e)
{
	if (box->name[0] == '\0' || strlen(box->name) > ROWS_NAME_MAX || strlen(box->uniqueid) > TEXT_MAX ||
	    strlen(box->partition) > TEXT_MAX)
		return err_set(
		    e, ERR_FORMAT, "a mailbox's name, unique id or partition is too long or empty");
	buf_clear(&f->value);
	rows_put_box(&f->value, box);
	return sorter_add(f->boxes, box->name, strlen(box->name), f->value.data, f->value.len, e);
}

/* ---- merging ---- */

struct merge {
	struct catalogue_fill *f;
	struct catalogue_writer *w;
	uint32_t lineage, seq;
	struct rows_fills fills;
	/* What is known. */
	struct catalogue_bulk known;
	struct buf from, prefix;
	bool has_row;
	/* What is in the archive. */
	struct sorter_pair pair;
	bool has_pair;
	struct rows_spans spans, room;
	struct buf key, value, name;
};

static int next_row(struct merge *m, struct err *e)
{
	for (int tries = 0;; tries++) {
		if (catalogue_bulk_next(&m->known) == 1) {
			m->has_row = true;
			return 0;
		}
		m->has_row = false;
		/* A fetch that brings none of them is the end. */
		if (tries > 0)
			return 0;
		if (m->known.key != NULL) {
			buf_clear(&m->from);
			buf_add(&m->from, m->known.key, m->known.nk);
			buf_char(&m->from, '\0');
		}
		switch (catalogue_bulk_fetch(&m->known, m->w->db, m->from.data, m->from.len, m->prefix.data,
		    m->prefix.len, FETCH_BYTES, e)) {
		case 0: return 0;
		case -1: return -1;
		}
	}
}

static int next_pair(struct merge *m, struct err *e)
{
	int rc = sorter_next(m->f->boxes, &m->pair, e);

	m->has_pair = rc == 1;
	return rc == -1 ? -1 : 0;
}

static void put_uid(struct merge *m, const char *uniqueid)
{
	if (uniqueid == NULL || uniqueid[0] == '\0')
		return;
	rows_key_uid(&m->key, m->lineage, uniqueid, buf_text(&m->name));
	catalogue_put_bytes(m->w, m->key.data, m->key.len, "", 0);
}

/* One mailbox, whose name is in m->name, and what was known in m->spans. */
static void merge_box(struct merge *m, const struct catalogue_box *box)
{
	const struct catalogue_span *last = m->spans.n > 0 ? &m->spans.list[m->spans.n - 1] : NULL;
	const char *before = last != NULL && last->last == CATALOGUE_OPEN ? last->box.uniqueid : NULL;
	bool had = m->spans.n > 0;

	if (!rows_merge(&m->spans, &m->fills, m->seq, box))
		return;
	rows_key_box(&m->key, m->lineage, buf_text(&m->name));
	if (m->spans.n > 0) {
		buf_clear(&m->value);
		rows_put_spans(&m->value, m->spans.list, m->spans.n);
		catalogue_put(m->w, &m->key, &m->value);
	} else if (had) {
		catalogue_delete(m->w, m->key.data, m->key.len);
	}
	/* What came or went may have been renamed. All that is in the first archive just came. */
	if (m->fills.n > 0 && (before == NULL || box == NULL || strcmp(before, box->uniqueid) != 0)) {
		put_uid(m, before);
		put_uid(m, box != NULL ? box->uniqueid : NULL);
	}
}

static int merge_next(struct merge *m, struct err *e)
{
	const uint8_t *name = m->has_row ? m->known.key + ROWS_BOX_PREFIX : NULL;
	size_t n = m->has_row ? m->known.nk - ROWS_BOX_PREFIX : 0;
	struct catalogue_box box;
	int order = !m->has_row ? 1 : !m->has_pair ? -1 : 0;

	if (order == 0) {
		order = memcmp(name, m->pair.key, n < m->pair.nk ? n : m->pair.nk);
		order = order != 0 ? order : (n > m->pair.nk) - (n < m->pair.nk);
	}
	m->spans.n = 0;
	buf_clear(&m->name);
	buf_add(&m->name, order <= 0 ? name : m->pair.key, order <= 0 ? n : m->pair.nk);
	if (order <= 0 && rows_get_spans(m->known.value, m->known.nv, &m->spans, e) == -1)
		return -1;
	if (order >= 0 && rows_get_box(m->pair.value, m->pair.nv, &m->room, &box, e) == -1)
		return -1;
	merge_box(m, order >= 0 ? &box : NULL);
	if (order <= 0 && next_row(m, e) == -1)
		return -1;
	return order >= 0 ? next_pair(m, e) : 0;
}

static int merge_all(struct merge *m, struct err *e)
{
	rows_key(&m->prefix, 'm', m->lineage);
	buf_add(&m->from, m->prefix.data, m->prefix.len);
	if (next_row(m, e) == -1 || next_pair(m, e) == -1)
		return -1;
	for (size_t i = 0; m->has_row || m->has_pair; i++) {
		if (i % 1024 == 0 && job_cancelled(m->f->job, e))
			return -1;
		if (merge_next(m, e) == -1)
			return -1;
		if (catalogue_full(m->w) && catalogue_batch(m->w, e) == -1)
			return -1;
	}
	return 0;
}

/* ---- the fill ---- */

/* The lineage gets a number if it is new, and the fill one that nobody had. */
static int begin_fill(struct merge *m, const char *server, struct err *e)
{
	struct rows_lineage l = { 0 }, other;
	struct catalogue_bulk k = { 0 };
	int rc = catalogue_find_lineage(m->w->db, server, &l, e);

	if (rc == 0) {
		/* Few: they are looked through. */
		rc = catalogue_bulk_fetch(&k, m->w->db, "l", 1, "l", 1, 1u << 20, e);
		for (l.number = 1; rc == 1 && catalogue_bulk_next(&k) == 1;) {
			rc = rows_get_lineage(k.value, k.nv, &other, e) == -1 ? -1 : 1;
			if (rc == 1 && other.number >= l.number)
				l.number = other.number + 1;
		}
		catalogue_bulk_done(&k);
	}
	if (rc == -1)
		return -1;
	if (l.number >= UINT32_MAX || l.last_seq + 2 >= CATALOGUE_OPEN)
		return err_set(e, ERR_FORMAT, "the catalogue has had too many archives");
	l.last_seq++;
	m->lineage = (uint32_t)l.number;
	m->seq = (uint32_t)l.last_seq;
	rows_key_text(&m->key, 'l', server);
	buf_clear(&m->value);
	rows_put_lineage(&m->value, &l);
	catalogue_put(m->w, &m->key, &m->value);
	return 0;
}

static const struct catalogue_archive *filled_already(
    const struct catalogue_archives *l, const struct catalogue_archive *a)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->list[i].state == CATALOGUE_FILLED && strcmp(l->list[i].store, a->store) == 0 &&
		    strcmp(l->list[i].name, a->name) == 0 && strcmp(l->list[i].url, a->url) == 0 &&
		    strcmp(l->list[i].server, a->server) == 0 && l->list[i].size_bytes == a->size_bytes &&
		    l->list[i].mtime == a->mtime)
			return &l->list[i];
	return NULL;
}

static int commit(struct merge *m, struct catalogue_archive *archive, struct err *e)
{
	struct catalogue_archives known;
	const struct catalogue_archive *done;
	int rc = -1;

	if (catalogue_archives_read(m->w->db, &known, e) == -1)
		return -1;
	done = filled_already(&known, archive);
	if (done != NULL) {
		archive->id = done->id;
		archive->seq = done->seq;
		archive->state = CATALOGUE_FILLED;
		rc = 0;
		goto out;
	}
	catalogue_fills_of(&known, archive->server, &m->fills);
	if (begin_fill(m, archive->server, e) == -1 || merge_all(m, e) == -1)
		goto out;
	/* Last of all, so that what is said to be filled is. */
	archive->state = CATALOGUE_FILLED;
	archive->seq = m->seq;
	if (catalogue_note_one(m->w, &known, archive, e) == 0)
		rc = catalogue_batch(m->w, e);
out:
	catalogue_archives_done(&known);
	return rc;
}

int catalogue_fill_commit(struct catalogue_fill *f, struct catalogue_archive *archive, struct err *e)
{
	struct merge m = { .f = f };
	int rc = -1;

	if (catalogue_write(f->c, f->job, &m.w, e) == 0)
		rc = commit(&m, archive, e);
	catalogue_write_end(m.w);
	free(m.fills.list);
	catalogue_bulk_done(&m.known);
	rows_spans_done(&m.spans);
	rows_spans_done(&m.room);
	buf_done(&m.from);
	buf_done(&m.prefix);
	buf_done(&m.key);
	buf_done(&m.value);
	buf_done(&m.name);
	return rc == -1 ? catalogue_failed(f->c, e) : 0;
}
