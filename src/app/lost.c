/* lost.c: the archives of a window against the running server: what was there, and is not any more. */
#include "app/lost.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/audit.h"
#include "app/lost_impl.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/compare.h"

/* An index that was read: a mailbox with the same one in an older archive has nothing new. */
struct known {
	char *mailbox;
	uint8_t index[SHA256_SIZE];
};

struct run {
	struct job *job;
	struct lost_request *q;
	struct lost_user user;
	struct lost_live live;
	struct lost_mail **mails;
	size_t n, cap;
	struct lost_keys keys; /* values are indices of mails */
	struct known *known;
	size_t n_known, cap_known;
	size_t boxes; /* of the user, in all archives */
	struct buf text;
};

const char *lost_kept_name(enum lost_kept k)
{
	static const char *const names[] = { "gone", "expunged", "deleted", "file lost" };

	return names[k];
}

void lost_mail_free(void *p)
{
	struct lost_mail *mail = p;

	if (mail == NULL)
		return;
	free(mail->archive);
	free(mail->mailbox);
	free(mail->shown);
	free(mail->from);
	free(mail->subject);
	free(mail->message_id);
	free(mail->kept_shown);
	free(mail);
}

/* ---- a message ---- */

/* One mailbox of one archive. */
struct box {
	struct source *source;
	size_t at;
	const struct source_messages *m;
	const struct names *names;
	bool lacking; /* some message has no file there, so that an older archive may be better */
};

static const struct lost_place *live_place(const struct run *w, const uint8_t key[SHA1_SIZE])
{
	const size_t *value = lost_keys_find(&w->live.keys, key);

	return value != NULL ? &w->live.places[*value] : NULL;
}

static bool is_live(const struct run *w, const uint8_t key[SHA1_SIZE])
{
	const struct lost_place *p = live_place(w, key);

	return p != NULL && p->kind == PLACE_VISIBLE;
}

static void set_place(
    struct lost_mail *mail, const struct box *b, const struct index_record *r, bool has_file)
{
	struct buf shown = BUF_INIT;

	free(mail->archive);
	free(mail->mailbox);
	free(mail->shown);
	names_show(b->names, source_mailbox(b->source, b->at)->name, &shown);
	mail->archive = mem_strdup(source_name(b->source));
	mail->mailbox = mem_strdup(source_mailbox(b->source, b->at)->name);
	mail->shown = buf_steal(&shown);
	mail->uid = r->uid;
	mail->has_file = has_file;
}

static void set_kept(const struct run *w, struct lost_mail *mail, const struct lost_place *p)
{
	static const enum lost_kept kinds[] = { [PLACE_VISIBLE] = LOST_GONE,
		[PLACE_EXPUNGED] = LOST_EXPUNGED,
		[PLACE_DELETED] = LOST_DELETED,
		[PLACE_NO_FILE] = LOST_FILE };

	if (p == NULL)
		return;
	mail->kept = kinds[p->kind];
	mail->kept_shown = mem_strdup(w->live.boxes[p->box]);
	mail->kept_uid = p->uid;
}

static void add_lost(struct run *w, const struct box *b, const struct index_record *r,
    const uint8_t key[SHA1_SIZE], const struct catalogue_mail *texts, const struct lost_place *live)
{
	struct lost_mail *mail;

	w->q->counts.messages++;
	w->q->counts.bytes += r->size;
	if (w->n >= LOST_MAX) {
		w->q->counts.not_listed++;
		return;
	}
	mail = mem_alloc(sizeof *mail);
	set_place(mail, b, r, compare_has_uid(b->m->uids, b->m->n_uids, r->uid));
	mail->last_seen = source_when(b->source);
	mail->date = r->internaldate;
	mail->size_bytes = r->size;
	mail->from = mem_strdup(texts->from);
	mail->subject = mem_strdup(texts->subject);
	mail->message_id = mem_strdup(texts->message_id);
	set_kept(w, mail, live);
	w->mails = mem_grow(w->mails, &w->cap, w->n + 1, sizeof(struct lost_mail *));
	w->mails[w->n] = mail;
	lost_keys_add(&w->keys, key, w->n++);
}

/* ${texts} false: only look whether the cache is needed; then 1. */
static int take_record(struct run *w, struct box *b, const struct index_record *r, bool texts)
{
	const struct lost_place *place;
	struct catalogue_mail mail;
	uint8_t made[SHA1_SIZE];
	const uint8_t *key = r->guid;
	size_t *known;
	bool has_file = compare_has_uid(b->m->uids, b->m->n_uids, r->uid);

	b->lacking |= !has_file;
	if (r->has_guid && is_live(w, r->guid))
		return 0;
	known = r->has_guid ? lost_keys_find(&w->keys, r->guid) : NULL;
	if (known == NULL) {
		if (!texts)
			return 1;
		lost_made_key(b->m, b->m->index, r, made, &w->text, &mail);
		if (!r->has_guid || w->live.lacks_guids) {
			if (is_live(w, made))
				return 0;
			if (!r->has_guid) {
				key = made;
				known = lost_keys_find(&w->keys, made);
			}
		}
	}
	if (known != NULL) {
		if (has_file && !w->mails[*known]->has_file)
			set_place(w->mails[*known], b, r, true);
		return 0;
	}
	place = live_place(w, key);
	if (place == NULL && w->live.lacks_guids)
		place = live_place(w, made);
	add_lost(w, b, r, key, &mail, place);
	return 0;
}

/* ---- a mailbox ---- */

static bool index_hash(struct source *s, size_t at, uint8_t ret[SHA256_SIZE])
{
	const struct archive_table *t;
	size_t unit = source_unit(s, at);

	if (unit == (size_t)-1 || archive_table(source_archive(s), unit, &t, NULL) == -1)
		return false;
	for (size_t i = 0; i < t->n_files; i++)
		if (t->files[i].role == ROLE_INDEX) {
			memcpy(ret, t->files[i].sha256, SHA256_SIZE);
			return true;
		}
	return false;
}

static bool is_known(const struct run *w, const char *mailbox, const uint8_t index[SHA256_SIZE])
{
	for (size_t i = 0; i < w->n_known; i++)
		if (memcmp(w->known[i].index, index, SHA256_SIZE) == 0 &&
		    strcmp(w->known[i].mailbox, mailbox) == 0)
			return true;
	return false;
}

static void remember(struct run *w, const char *mailbox, const uint8_t index[SHA256_SIZE])
{
	w->known = mem_grow(w->known, &w->cap_known, w->n_known + 1, sizeof *w->known);
	w->known[w->n_known].mailbox = mem_strdup(mailbox);
	memcpy(w->known[w->n_known++].index, index, SHA256_SIZE);
}

static int each_record(struct run *w, struct box *b, bool texts)
{
	const struct mailbox_index *ix = b->m->index;

	for (size_t i = 0; i < ix->n; i++)
		if (index_record_visible(&ix->records[i]) && take_record(w, b, &ix->records[i], texts) == 1)
			return 1;
	return 0;
}

static bool lacks_guids(const struct mailbox_index *ix)
{
	for (size_t i = 0; i < ix->n; i++)
		if (index_record_visible(&ix->records[i]) && !ix->records[i].has_guid)
			return true;
	return false;
}

static int read_box(struct run *w, struct box *b, struct err *e)
{
	struct source_messages *m = NULL;
	int rc;

	if (source_load(b->source, b->at, false, &m, e) == -1)
		return -1;
	/* What has no GUID here needs to be found among those that have one there. */
	rc = lacks_guids(m->index) && !w->live.made ? lost_look_live(&w->live, w->q, true, w->job, e) : 0;
	b->m = m;
	if (rc == 0 && each_record(w, b, false) == 1) {
		source_messages_free(m);
		m = NULL;
		rc = source_load(b->source, b->at, true, &m, e);
		b->m = m;
		if (rc == 0)
			each_record(w, b, true);
	}
	source_messages_free(m);
	return rc;
}

/* ---- an archive ---- */

static int unread(struct run *w, const char *what, const struct err *why, struct err *e)
{
	struct lost_counts *n = &w->q->counts;

	if (why->code == ERR_CANCELLED) {
		if (e != NULL)
			*e = *why;
		return -1;
	}
	if (n->unread++ == 0)
		snprintf(n->unread_why, sizeof n->unread_why, "%.60s: %.130s", what, why->msg);
	return 0;
}

static int read_boxes(struct run *w, struct source *s, const struct names *names, struct err *e)
{
	int rc = 0;

	w->user.conf = NULL;
	for (size_t i = 0; i < source_n(s) && rc == 0; i++) {
		const struct source_mailbox *m = source_mailbox(s, i);
		struct box b = { .source = s, .at = i, .names = names };
		uint8_t index[SHA256_SIZE];
		struct err why = { 0 };
		bool hashed;

		if (!m->has_files || m->deleted || !lost_is_his(&w->user, m->name))
			continue;
		w->boxes++;
		if (job_cancelled(w->job, e))
			return -1;
		hashed = index_hash(s, i, index);
		if (hashed && is_known(w, m->name, index))
			continue;
		if (read_box(w, &b, &why) == -1)
			rc = unread(w, source_name(s), &why, e);
		else if (hashed && !b.lacking)
			remember(w, m->name, index);
	}
	return rc;
}

static int read_archive(struct run *w, const char *name, struct err *e)
{
	struct source *s = NULL;
	struct store *store = NULL;
	struct names names;
	struct err why = { 0 };
	int rc;

	job_step(w->job, "look into %s", name);
	if (app_source_take(w->q->app, name, false, w->job, &s, &store, &why) == -1)
		return unread(w, name, &why, e);
	names_init(&names, w->q->app, w->q->server, s);
	rc = read_boxes(w, s, &names, e);
	w->q->counts.archives += rc == 0;
	names_done(&names);
	app_source_give(w->q->app, s, store);
	return rc;
}

/* ---- which archives ---- */

static bool is_meant(const struct run *w, const struct app_archive *a, const char *server)
{
	const struct lost_request *q = w->q;

	if (q->store != NULL && (a->store == NULL || strcmp(a->store, q->store) != 0))
		return false;
	if (a->server != NULL)
		return strcmp(a->server, server) == 0;
	return q->store != NULL || app_conf(q->app)->n_servers == 1;
}

static bool comes_again(const struct app_archives *l, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(l->list[k].name, l->list[i].name) == 0)
			return true;
	return false;
}

/* Newest first, down to the first one before the window. */
static int read_archives(struct run *w, const struct app_archives *l, const char *server, struct err *e)
{
	int64_t before = w->q->before != 0 ? w->q->before : INT64_MAX;
	bool enough = false;
	int rc = 0;

	for (size_t i = 0; i < l->n && rc == 0 && !enough; i++) {
		const struct app_archive *a = &l->list[i];

		if (a->when >= before || !is_meant(w, a, server) || comes_again(l, i))
			continue;
		if (a->looked && !a->readable) {
			struct err why = { .code = ERR_DAMAGE };

			snprintf(
			    why.msg, sizeof why.msg, "%s", a->why != NULL ? a->why : "it cannot be read");
			rc = unread(w, a->name, &why, e);
			continue;
		}
		rc = read_archive(w, a->name, e);
		enough = a->when < w->q->since;
	}
	return rc;
}

static int nothing_read(const struct run *w, struct err *e)
{
	const struct lost_counts *n = &w->q->counts;

	if (n->archives > 0) {
		err_set(e, ERR_NOT_FOUND, "no archive of that time has a mailbox of user %s", w->q->user);
		return err_hint(e, "cyrvault mailboxes ARCHIVE lists what there is");
	}
	if (n->unread > 0)
		return err_set(e, ERR_NOT_FOUND, "no archive of that time can be read: %s", n->unread_why);
	err_set(e, ERR_NOT_FOUND, "there is no archive of that time");
	return err_hint(e, "cyrvault archives lists them with their times");
}

/* ---- telling ---- */

static int by_place(const void *a, const void *b)
{
	const struct lost_mail *const *x = a, *const *y = b;
	int c = strcmp((*x)->mailbox, (*y)->mailbox);

	if (c != 0)
		return c;
	if ((*x)->date != (*y)->date)
		return (*x)->date < (*y)->date ? -1 : 1;
	return (*x)->uid < (*y)->uid ? -1 : (*x)->uid > (*y)->uid;
}

static void query_text(const struct lost_request *q, struct buf *b)
{
	char when[32];

	buf_printf(b, "since:%s", clock_iso(when, sizeof when, q->since));
	if (q->before != 0)
		buf_printf(b, " before:%s", clock_iso(when, sizeof when, q->before));
}

static int look(struct run *w, struct err *e)
{
	const struct conf_server *c = conf_find_server(app_conf(w->q->app), w->q->server, e);
	struct app_archives l = { 0 };
	int rc = -1;

	if (c == NULL ||
	    (w->q->store != NULL && conf_find_store(app_conf(w->q->app), w->q->store, e) == NULL))
		return -1;
	if (lost_look_live(&w->live, w->q, false, w->job, e) == 0) {
		job_step(w->job, "look at the archives");
		rc = app_archives(w->q->app, w->job, &l, e);
	}
	if (rc == 0)
		rc = read_archives(w, &l, c->name, e);
	if (rc == 0 && w->boxes == 0)
		rc = nothing_read(w, e);
	app_archives_done(&l);
	return rc;
}

int lost_run(struct job *job, void *request, struct err *e)
{
	struct run w = { .job = job, .q = request };
	struct buf query = BUF_INIT;
	struct app_audit a = { .verb = w.q->verb != NULL ? w.q->verb : "lost",
		.server = w.q->server,
		.users = &w.q->user,
		.n_users = 1 };
	int rc;

	w.q->counts = (struct lost_counts){ 0 };
	w.user = (struct lost_user){ .name = w.q->user, .inbox = mboxname_inbox(w.q->user) };
	query_text(w.q, &query);
	a.query = buf_text(&query);
	rc = app_audit_ask(w.q->app, &a, e);
	if (rc == 0) {
		rc = look(&w, e);
		a.messages = w.q->counts.messages;
		rc = app_audit_end(w.q->app, &a, rc, e);
	}
	if (w.n > 1)
		qsort(w.mails, w.n, sizeof(struct lost_mail *), by_place);
	for (size_t i = 0; i < w.n; i++) {
		if (rc == 0)
			job_post(job, w.mails[i], lost_mail_free);
		else
			lost_mail_free(w.mails[i]);
	}
	free(w.mails);
	lost_keys_done(&w.keys);
	lost_live_done(&w.live);
	for (size_t i = 0; i < w.n_known; i++)
		free(w.known[i].mailbox);
	free(w.known);
	free(w.user.inbox);
	buf_done(&w.text);
	buf_done(&query);
	return rc;
}
