/* catalogue_read.c: mailboxes: those of one archive, and what one of them was in all. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "db/catalogue_impl.h"

/* Of the first piece, so that a page comes at once, and of the others. */
#define PIECE_FIRST (64u << 10)
#define PIECE_NEXT  (1u << 20)

/* It is still the one that was filled with that number. */
static int check_archive(DB *db, const struct catalogue_archive *a, uint32_t *ret_lineage, struct err *e)
{
	struct buf key = BUF_INIT, value = BUF_INIT;
	struct catalogue_archive now = { 0 };
	struct rows_lineage l = { 0 };
	int rc;

	rows_key(&key, 'a', a->id);
	rc = catalogue_get(db, &key, &value, e);
	if (rc == 1)
		rc = rows_get_archive(value.data, value.len, &now, e) == -1 ? -1 : 1;
	if (rc == 1 && (now.state != CATALOGUE_FILLED || now.seq != a->seq))
		rc = 0;
	if (rc == 1)
		rc = catalogue_find_lineage(db, now.server, &l, e);
	if (rc == 0)
		rc = err_set(e, ERR_NOT_FOUND, "the catalogue does not know what is in %s", a->name);
	*ret_lineage = (uint32_t)l.number;
	catalogue_archive_done(&now);
	buf_done(&key);
	buf_done(&value);
	return rc == -1 ? -1 : 0;
}

/* The rows from the name ${from} on, some of them: 1, 0, -1. */
static int fetch(struct catalogue *c, const struct catalogue_archive *a, struct catalogue_bulk *k,
    const struct buf *from, size_t bytes, struct err *e)
{
	struct buf key = BUF_INIT;
	uint32_t lineage;
	DB *db;
	int rc = catalogue_read(c, &db, e);

	if (rc == 0)
		return err_set(e, ERR_NOT_FOUND, "the catalogue does not know what is in %s", a->name);
	if (rc == -1)
		return -1;
	rc = check_archive(db, a, &lineage, e);
	if (rc == 0) {
		rows_key(&key, 'm', lineage);
		buf_add(&key, from->len > 0 ? from->data : "", from->len);
		rc = catalogue_bulk_fetch(k, db, key.data, key.len, key.data, ROWS_BOX_PREFIX, bytes, e);
	}
	catalogue_read_end(c);
	buf_done(&key);
	return rc;
}

int catalogue_boxes(struct catalogue *c, const struct catalogue_archive *archive, const char *from_name,
    catalogue_box_fn *each, void *arg, struct err *e)
{
	struct catalogue_bulk k = { 0 };
	struct rows_spans room = { 0 };
	struct buf from = BUF_INIT;
	size_t bytes = PIECE_FIRST, rows = 1;
	int rc = 0;

	buf_str(&from, from_name);
	while (rc == 0 && rows > 0) {
		int got = fetch(c, archive, &k, &from, bytes, e);

		if (got != 1) {
			rc = got == -1 ? catalogue_failed(c, e) : 0;
			break;
		}
		for (rows = 0; rc == 0 && catalogue_bulk_next(&k) == 1; rows++) {
			struct catalogue_spans spans = { 0 };
			const struct catalogue_box *found;
			struct catalogue_box box;

			if (rows_get_spans(k.value, k.nv, &room, e) == -1) {
				rc = catalogue_failed(c, e);
				break;
			}
			spans.list = room.list;
			spans.n = room.n;
			buf_clear(&from);
			buf_add(&from, k.key + ROWS_BOX_PREFIX, k.nk - ROWS_BOX_PREFIX);
			found = catalogue_span_at(&spans, archive->seq);
			if (found == NULL)
				continue;
			box = *found;
			box.name = buf_text(&from);
			rc = each(arg, &box, e);
		}
		/* The next name that there can be. */
		buf_char(&from, '\0');
		bytes = PIECE_NEXT;
	}
	catalogue_bulk_done(&k);
	rows_spans_done(&room);
	buf_done(&from);
	return rc;
}

int catalogue_box_spans(
    struct catalogue *c, const char *server, const char *name, struct catalogue_spans *ret, struct err *e)
{
	struct buf key = BUF_INIT, value = BUF_INIT;
	struct rows_spans spans = { 0 };
	struct rows_lineage l = { 0 };
	DB *db;
	int rc = catalogue_read(c, &db, e);

	*ret = (struct catalogue_spans){ 0 };
	if (rc == 1) {
		rc = catalogue_find_lineage(db, server, &l, e);
		if (rc == 1) {
			rows_key_box(&key, (uint32_t)l.number, name);
			rc = catalogue_get(db, &key, &value, e);
		}
		catalogue_read_end(c);
	}
	if (rc == 1 && rows_get_spans(value.data, value.len, &spans, e) == -1)
		rc = -1;
	if (rc == 1) {
		*ret = (struct catalogue_spans){ spans.list, spans.n, spans.text, mem_strdup(name) };
		for (size_t i = 0; i < ret->n; i++)
			ret->list[i].box.name = ret->name;
	} else {
		rows_spans_done(&spans);
	}
	buf_done(&key);
	buf_done(&value);
	return rc == -1 ? catalogue_failed(c, e) : rc;
}

void catalogue_spans_done(struct catalogue_spans *s)
{
	free(s->list);
	free(s->text);
	free(s->name);
	*s = (struct catalogue_spans){ 0 };
}

const struct catalogue_box *catalogue_span_at(const struct catalogue_spans *s, uint32_t seq)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->list[mid].last < seq)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->n && s->list[low].first <= seq ? &s->list[low].box : NULL;
}

/* A few pages at most: they are taken in at once, and given when no lock is held. */
int catalogue_names(struct catalogue *c, const char *server, const char *uniqueid, catalogue_name_fn *each,
    void *arg, struct err *e)
{
	struct catalogue_bulk k = { 0 };
	struct buf key = BUF_INIT, name = BUF_INIT;
	struct rows_lineage l = { 0 };
	DB *db;
	int rc = catalogue_read(c, &db, e);

	if (rc != 1)
		return rc == -1 ? catalogue_failed(c, e) : 0;
	rc = catalogue_find_lineage(db, server, &l, e);
	if (rc == 1) {
		rows_key_uid(&key, (uint32_t)l.number, uniqueid, "");
		rc = catalogue_bulk_fetch(&k, db, key.data, key.len, key.data, key.len, PIECE_NEXT, e);
	}
	catalogue_read_end(c);
	if (rc == -1)
		catalogue_failed(c, e);
	else if (rc == 1)
		for (rc = 0; rc == 0 && catalogue_bulk_next(&k) == 1;) {
			buf_clear(&name);
			buf_add(&name, k.key + ROWS_UID_PREFIX, k.nk - ROWS_UID_PREFIX);
			rc = each(arg, buf_text(&name), e);
		}
	catalogue_bulk_done(&k);
	buf_done(&key);
	buf_done(&name);
	return rc;
}
