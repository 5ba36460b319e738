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

/* A record, of cyrus.index or of cyrus.expunge. */
struct record {
	const struct index_record *r;
	bool expunged;
};

struct run {
	struct job *job;
	const struct mails_request *q;
	struct source *source;
	struct store *store;
	struct server *server; /* NULL: not opened */
	size_t at;
	struct source_messages *m;
	struct record *records; /* as the rows */
	size_t n;
	struct mails_facts facts;
	char *archive, *shown, *live_name, *why_not;
};

/* ---- posting ---- */

static struct mails_item *new_item(const struct run *w)
{
	struct mails_item *item = mem_alloc(sizeof *item);

	item->facts = w->facts;
	item->archive = mem_strdup(w->archive);
	item->shown = mem_strdup(w->shown);
	item->live_name = mem_strdup(w->live_name);
	item->why_not = mem_strdup(w->why_not);
	return item;
}

static void post(const struct run *w, struct mails_item *item)
{
	job_post(w->job, item, mails_item_free);
}

static void tell(const struct run *w)
{
	post(w, new_item(w));
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

static void add_texts(
    const struct run *w, const struct record *rec, struct mail *row, struct buf *text, struct buf *scratch)
{
	const struct mailbox_index *ix =
	    rec->r >= w->m->index->records && rec->r < w->m->index->records + w->m->index->n ? w->m->index
											     : w->m->expunged;
	struct envelope env = { 0 };
	bool have = w->m->cache.len > 0 && mailbox_cache_envelope((const uint8_t *)w->m->cache.data,
					       w->m->cache.len, ix->h.generation, rec->r, &env, NULL) == 0;
	size_t begin = text->len;

	decode(env.from, &scratch[0]);
	buf_clear(&scratch[1]);
	mail_sender(buf_text(&scratch[0]), &scratch[1]);
	cut(&scratch[1], FROM_BYTES);
	row->search_from = (uint16_t)(add_text(text, &scratch[1]) - begin);
	row->subject = (uint16_t)(text->len - begin);
	decode(env.subject, &scratch[0]);
	cut(&scratch[0], SUBJECT_BYTES);
	row->search_subject = (uint16_t)(add_text(text, &scratch[0]) - begin);
	if (have)
		envelope_done(&env);
}

static void post_rows(const struct run *w, size_t from, size_t n)
{
	struct mails_item *item = new_item(w);
	struct buf text = BUF_INIT, scratch[2] = { BUF_INIT, BUF_INIT };

	item->rows = mem_array(n, sizeof *item->rows);
	item->n = n;
	for (size_t i = 0; i < n; i++) {
		const struct record *rec = &w->records[from + i];
		struct mail *row = &item->rows[i];

		row->uid = rec->r->uid;
		row->internaldate = rec->r->internaldate;
		row->size = rec->r->size;
		row->expunged = rec->expunged;
		row->has_file = compare_has_uid(w->m->uids, w->m->n_uids, row->uid);
		mail_letters(rec->r, source_seen_flag(w->m, rec->r), row->expunged, row->letters);
		row->text = (const char *)(uintptr_t)text.len;
		add_texts(w, rec, row, &text, scratch);
	}
	item->text = mem_alloc(sizeof *item->text + text.len);
	memcpy(item->text->bytes, buf_text(&text), text.len);
	for (size_t i = 0; i < n; i++)
		item->rows[i].text = item->text->bytes + (uintptr_t)item->rows[i].text;
	buf_done(&text);
	buf_done(&scratch[0]);
	buf_done(&scratch[1]);
	post(w, item);
}

static int by_uid(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	if (x->r->uid != y->r->uid)
		return x->r->uid < y->r->uid ? -1 : 1;
	return x->expunged - y->expunged;
}

static void collect(struct run *w)
{
	const struct mailbox_index *ix = w->m->index, *gone = w->m->expunged;

	w->records = mem_array(ix->n + (gone != NULL ? gone->n : 0) + 1, sizeof *w->records);
	for (size_t i = 0; i < ix->n; i++)
		w->records[w->n++] =
		    (struct record){ &ix->records[i], !index_record_visible(&ix->records[i]) };
	for (size_t i = 0; gone != NULL && i < gone->n; i++)
		w->records[w->n++] = (struct record){ &gone->records[i], true };
	if (gone != NULL && gone->n > 0)
		qsort(w->records, w->n, sizeof *w->records, by_uid);
	for (size_t i = 0; i < w->n; i++)
		w->facts.lacking += !w->records[i].expunged && index_record_has_file(w->records[i].r) &&
		                    !compare_has_uid(w->m->uids, w->m->n_uids, w->records[i].r->uid);
}

static int open_archive(struct run *w, struct err *e)
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
	tell(w);
	if (source_load(w->source, w->at, true, &w->m, e) == -1)
		return -1;
	w->facts.has_cache = w->m->cache.len > 0;
	collect(w);
	return 0;
}

static int post_all(struct run *w, struct err *e)
{
	for (size_t i = 0, batch = BATCH_FIRST; i < w->n;) {
		size_t n = w->n - i < batch ? w->n - i : batch;

		if (job_cancelled(w->job, e))
			return -1;
		post_rows(w, i, n);
		i += n;
		batch = batch < BATCH_MAX ? batch * 2 : batch;
	}
	buf_done(&w->m->cache);
	w->facts.complete = true;
	tell(w);
	return 0;
}

/* No row is shown before it is recorded who looks. */
static int read_archive(struct run *w, struct err *e)
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

/* ---- the live server ---- */

static int say_why(struct run *w, const char *why)
{
	free(w->why_not);
	w->why_not = mem_strdup(why);
	return 0;
}

static enum mail_state state_of(enum compare_message c)
{
	static const enum mail_state states[] = { [COMPARE_SAME] = MAIL_SAME,
		[COMPARE_MISSING] = MAIL_MISSING,
		[COMPARE_EXPUNGED] = MAIL_EXPUNGED,
		[COMPARE_LOST] = MAIL_LOST,
		[COMPARE_FLAGS] = MAIL_FLAGS,
		[COMPARE_OTHER] = MAIL_OTHER };

	return states[c];
}

/* ${l} NULL: there is no such mailbox, so that all are missing. Returns how many are not the same, or -1; ${*lost} counts those of MAIL_LOST. */
static long compare_all(struct run *w, const struct compare_live *l, size_t *lost, struct err *e)
{
	long other = 0;

	for (size_t i = 0; i < w->n; i += BATCH_MAX) {
		struct mails_item *item = new_item(w);

		item->first = i;
		item->n = w->n - i < BATCH_MAX ? w->n - i : BATCH_MAX;
		item->states = mem_alloc(item->n);
		for (size_t k = 0; k < item->n; k++) {
			const struct record *rec = &w->records[i + k];
			enum mail_state s =
			    l != NULL ? state_of(compare_message(l, w->m, rec->r)) : MAIL_MISSING;

			item->states[k] = (uint8_t)s;
			if (!rec->expunged) {
				other += s != MAIL_SAME;
				*lost += s == MAIL_LOST;
			}
		}
		post(w, item);
		if (job_cancelled(w->job, e))
			return -1;
	}
	return other;
}

static int compare_with(
    struct run *w, const struct mailbox_entry *entry, const struct compare_found *found, struct err *e)
{
	bool here = entry == &found->here;
	struct compare_live live;
	struct err why = { 0 };
	struct buf shown = BUF_INIT;
	size_t lost = 0;
	long other;
	int r;

	if (!here) {
		mboxname_display(w->server->conf, entry->name, &shown);
		w->live_name = buf_steal(&shown);
	}
	job_step(w->job, "compare with the running server");
	r = compare_live_open(w->server, entry, w->m, &live, &why);
	if (r == -1) {
		say_why(w, why.msg);
		r = 0;
	} else if (r == 0) {
		if (here)
			w->facts.box = BOX_DAMAGED;
		say_why(w, "on the live server its cyrus.index is missing or damaged");
	} else if (r == 1) {
		if (here && !found->knows_id &&
		    live.mailbox->index->h.uidvalidity != w->m->index->h.uidvalidity)
			w->facts.box = BOX_REPLACED;
		other = compare_all(w, &live, &lost, e);
		w->facts.only_live = compare_only_live(&live, w->m);
		if (here && w->facts.box != BOX_REPLACED)
			w->facts.box =
			    lost > 0 || live.mailbox->header == NULL ? BOX_DAMAGED
			    : other > 0 || w->facts.only_live > 0 ||
				    live.mailbox->index->h.uidvalidity != w->m->index->h.uidvalidity
				? BOX_DIFFERS
				: BOX_SAME;
		r = other == -1 ? -1 : 1;
		w->facts.compared = r == 1;
	}
	compare_live_done(&live);
	return r == -1 ? -1 : 0;
}

static int compare(struct run *w, struct err *e)
{
	const struct source_mailbox *box = source_mailbox(w->source, w->at);
	struct compare_found found = { 0 };
	struct err why = { 0 };
	size_t lost = 0;
	int rc = 0;

	if (app_server(w->q->app, w->q->server, &w->server, &why) == -1) {
		w->server = NULL;
		return say_why(w, why.msg);
	}
	job_step(w->job, "look for it on the running server");
	if (compare_find(w->server, box->name, box->uniqueid, w->job, &found, &why) == -1) {
		rc = job_cancelled(w->job, e) ? -1 : say_why(w, why.msg);
	} else if (found.named && found.same_id) {
		rc = compare_with(w, &found.here, &found, e);
	} else {
		w->facts.box = found.named       ? BOX_REPLACED
		               : found.deleted   ? BOX_DELETED
		               : found.elsewhere ? BOX_RENAMED
		                                 : BOX_MISSING;
		if (found.elsewhere) {
			rc = compare_with(w, &found.there, &found, e);
		} else {
			rc = compare_all(w, NULL, &lost, e) == -1 ? -1 : 0;
			w->facts.compared = rc == 0;
		}
	}
	compare_found_done(&found);
	return rc;
}

int mails_run(struct job *job, void *request, struct err *e)
{
	struct run w = { .job = job, .q = request };
	int rc = read_archive(&w, e);

	if (rc == 0 && w.q->live)
		rc = compare(&w, e);
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
