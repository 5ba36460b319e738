/* mails_run.c: the job that reads the messages of a mailbox and compares them with the live server. */
#include <stdlib.h>
#include <string.h>

#include "app/app_impl.h"
#include "app/audit.h"
#include "app/mails_impl.h"
#include "app/names.h"
#include "core/fold.h"
#include "core/mem.h"
#include "core/str.h"
#include "cyrus/message.h"
#include "restore/compare.h"

#define BATCH_FIRST   512
#define BATCH_MAX     16384
#define FROM_BYTES    90
#define SUBJECT_BYTES 240
#define RAW_BYTES     2048 /* of a header as it stands, of which so much is shown */

/* ---- posting ---- */

struct mails_item *mails_new_item(const struct mails_run *w)
{
	struct mails_item *item = mem_alloc(sizeof *item);

	item->facts = w->facts;
	item->archive = mem_strdup(w->archive);
	item->shown = mem_strdup(w->shown);
	item->live_name = mem_strdup(w->live_name);
	item->why_not = mem_strdup(w->why_not);
	return item;
}

void mails_post(const struct mails_run *w, struct mails_item *item)
{
	job_post(w->job, item, mails_item_free);
}

static void tell(const struct mails_run *w)
{
	mails_post(w, mails_new_item(w));
}

/* ---- rows ---- */

/* At most ${max} bytes of it, whole characters. */
static void cut(struct buf *b, size_t max)
{
	if (b->len <= max)
		return;
	b->len = max - 3;
	while (b->len > 0 && (b->data[b->len] & 0xc0) == 0x80)
		b->len--;
	b->data[b->len] = '\0';
	buf_str(b, "...");
}

static void decode(const char *raw, struct buf *b)
{
	buf_clear(b);
	if (raw != NULL)
		message_header_decode(raw, strnlen(raw, RAW_BYTES), b);
}

/* Appends with NUL, and once more folded if a search needs that; returns where to search. */
static size_t add_text(struct buf *text, const struct buf *s)
{
	size_t at = text->len;

	buf_add(text, buf_text(s), s->len + 1);
	if (fold_ascii_suffices(buf_text(s), s->len))
		return at;
	at = text->len;
	fold_add(text, buf_text(s), s->len);
	buf_char(text, '\0');
	return at;
}

void mails_fill_texts(struct mails_fill *f, const struct envelope *env, struct mail *row)
{
	size_t begin = f->text.len;

	/* An offset, until the text does not move any more. */
	row->text = (const char *)(uintptr_t)begin;
	decode(env->from, &f->scratch[0]);
	buf_clear(&f->scratch[1]);
	mail_sender(buf_text(&f->scratch[0]), &f->scratch[1]);
	cut(&f->scratch[1], FROM_BYTES);
	row->search_from = (uint16_t)(add_text(&f->text, &f->scratch[1]) - begin);
	row->subject = (uint16_t)(f->text.len - begin);
	decode(env->subject, &f->scratch[0]);
	cut(&f->scratch[0], SUBJECT_BYTES);
	row->search_subject = (uint16_t)(add_text(&f->text, &f->scratch[0]) - begin);
}

void mails_fill_end(struct mails_fill *f, struct mails_item *item)
{
	item->text = mem_alloc(sizeof *item->text + f->text.len);
	memcpy(item->text->bytes, buf_text(&f->text), f->text.len);
	for (size_t i = 0; i < item->n; i++)
		item->rows[i].text = item->text->bytes + (uintptr_t)item->rows[i].text;
	buf_done(&f->text);
	buf_done(&f->scratch[0]);
	buf_done(&f->scratch[1]);
}

static void add_texts(
    const struct mails_run *w, const struct mails_record *rec, struct mail *row, struct mails_fill *f)
{
	const struct mailbox_index *ix =
	    rec->r >= w->m->index->records && rec->r < w->m->index->records + w->m->index->n ? w->m->index
											     : w->m->expunged;
	struct envelope env = { 0 };
	bool have = w->m->cache.len > 0 && mailbox_cache_envelope((const uint8_t *)w->m->cache.data,
					       w->m->cache.len, ix->h.generation, rec->r, &env, NULL) == 0;

	mails_fill_texts(f, &env, row);
	if (have)
		envelope_done(&env);
}

static void post_rows(const struct mails_run *w, size_t from, size_t n)
{
	struct mails_item *item = mails_new_item(w);
	struct mails_fill fill = { 0 };

	item->rows = mem_array(n, sizeof *item->rows);
	item->n = n;
	for (size_t i = 0; i < n; i++) {
		const struct mails_record *rec = &w->records[from + i];
		struct mail *row = &item->rows[i];

		row->uid = rec->r->uid;
		row->internaldate = rec->r->internaldate;
		row->size = rec->r->size;
		row->expunged = rec->expunged;
		row->has_file = compare_has_uid(w->m->uids, w->m->n_uids, row->uid);
		mail_letters(rec->r, source_seen_flag(w->m, rec->r), row->expunged, row->letters);
		add_texts(w, rec, row, &fill);
	}
	mails_fill_end(&fill, item);
	mails_post(w, item);
}

static int by_uid(const void *a, const void *b)
{
	const struct mails_record *x = a, *y = b;

	if (x->r->uid != y->r->uid)
		return x->r->uid < y->r->uid ? -1 : 1;
	return x->expunged - y->expunged;
}

static void collect(struct mails_run *w)
{
	const struct mailbox_index *ix = w->m->index, *gone = w->m->expunged;

	w->records = mem_array(ix->n + (gone != NULL ? gone->n : 0) + 1, sizeof *w->records);
	for (size_t i = 0; i < ix->n; i++)
		w->records[w->n++] =
		    (struct mails_record){ &ix->records[i], !index_record_visible(&ix->records[i]) };
	for (size_t i = 0; gone != NULL && i < gone->n; i++)
		w->records[w->n++] = (struct mails_record){ &gone->records[i], true };
	if (gone != NULL && gone->n > 0)
		qsort(w->records, w->n, sizeof *w->records, by_uid);
	for (size_t i = 0; i < w->n; i++)
		w->facts.lacking += !w->records[i].expunged && index_record_has_file(w->records[i].r) &&
		                    !compare_has_uid(w->m->uids, w->m->n_uids, w->records[i].r->uid);
}

static int open_archive(struct mails_run *w, struct err *e)
{
	char *archive = app_archive_of(w->q->archive, w->q->server);
	struct buf b = BUF_INIT;
	struct names names;
	int rc;

	job_step(w->job, "read the list of messages");
	rc = app_source_take_mailbox(w->q->app, archive, w->q->mailbox, w->job, &w->source, &w->store, e);
	free(archive);
	if (rc == -1)
		return -1;
	str_safe_buf(&b, source_name(w->source), strlen(source_name(w->source)));
	w->archive = buf_steal(&b);
	names_init(&names, w->q->app, w->q->server, w->source);
	names_show(&names, w->q->mailbox, &b);
	names_done(&names);
	w->shown = buf_steal(&b);
	w->facts.when = source_when(w->source);
	w->facts.health = HEALTH_UNCHECKED;
	w->at = source_find(w->source, w->q->mailbox);
	if (w->at == (size_t)-1) {
		err_set(e, ERR_NOT_FOUND, "the archive %s holds no mailbox %s", w->archive, w->shown);
		return err_hint(e, "it may be listed there all the same; look at other archives");
	}
	w->facts.health = source_mailbox(w->source, w->at)->health;
	w->facts.deleted = source_mailbox(w->source, w->at)->deleted;
	tell(w);
	if (source_load(w->source, w->at, true, &w->m, e) == -1)
		return -1;
	w->facts.has_cache = w->m->cache.len > 0;
	collect(w);
	return 0;
}

static int post_all(struct mails_run *w, struct err *e)
{
	for (size_t i = 0, batch = BATCH_FIRST; i < w->n;) {
		size_t n = w->n - i < batch ? w->n - i : batch;

		if (job_cancelled(w->job, e))
			return -1;
		post_rows(w, i, n);
		i += n;
		batch = batch < BATCH_MAX ? batch * 2 : batch;
	}
	w->facts.complete = true;
	tell(w);
	return 0;
}

/* No row is shown before it is recorded who looks. */
static int read_archive(struct mails_run *w, struct err *e)
{
	struct app_audit a = {
		.verb = "messages", .server = w->q->server, .archive = w->q->archive, .mailbox = w->q->mailbox
	};
	int rc;

	if (!w->q->recorded && app_audit_ask(w->q->app, &a, e) == -1)
		return -1;
	rc = open_archive(w, e);
	if (w->source != NULL)
		a.archive = source_name(w->source);
	a.messages = w->n;
	if (!w->q->recorded)
		rc = app_audit_end(w->q->app, &a, rc, e);
	return rc == 0 ? post_all(w, e) : -1;
}

int mails_run(struct job *job, void *request, struct err *e)
{
	struct mails_run w = { .job = job, .q = request };
	int rc = read_archive(&w, e);

	if (rc == 0 && w.q->live)
		rc = mails_compare(&w, e);
	if (rc == 0)
		tell(&w);
	source_messages_free(w.m);
	free(w.records);
	free(w.archive);
	free(w.shown);
	free(w.live_name);
	free(w.why_not);
	server_free(w.server);
	app_source_give(w.q->app, w.source, w.store);
	return rc;
}
