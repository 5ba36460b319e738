/* find.c: find messages in the catalogue, and say where they are. */
#include "app/find_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/app_impl.h"
#include "app/audit.h"
#include "app/catalogue.h"
#include "app/names.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"

struct run {
	struct job *job;
	struct find_request *r;
	struct find_match match;
	struct catalogue *catalogue;
	struct catalogue_archives archives; /* all that are known */
	bool *have;                         /* their messages are known */
	const struct catalogue_archive *only;
	struct names names;
	struct candidates found;
	uint32_t *ids;
};

const char *find_live_name(enum find_live l)
{
	static const char *const names[] = { "", "there", "elsewhere", "expunged", "missing" };

	return names[l];
}

/* ---- what is found ---- */

void find_mail_free(void *p)
{
	struct find_mail *mail = p;

	if (mail == NULL)
		return;
	for (size_t i = 0; i < mail->n; i++) {
		free(mail->places[i].mailbox);
		free(mail->places[i].shown);
		free(mail->places[i].archive);
		free(mail->places[i].first);
	}
	free(mail->places);
	free(mail->from);
	free(mail->to);
	free(mail->subject);
	free(mail->message_id);
	free(mail->live_shown);
	free(mail);
}

struct candidate *candidates_add(struct candidates *l, uint32_t id, const struct catalogue_mail *mail)
{
	struct candidate *c;
	struct buf hex = BUF_INIT;

	l->list = mem_grow(l->list, &l->cap, l->n + 1, sizeof *l->list);
	c = &l->list[l->n++];
	*c = (struct candidate){ .id = id, .mail = mem_alloc(sizeof *c->mail) };
	memcpy(c->guid, mail->guid, sizeof c->guid);
	c->mail->date = mail->date;
	str_hex(&hex, mail->guid, sizeof mail->guid);
	snprintf(c->mail->guid, sizeof c->mail->guid, "%s", buf_text(&hex));
	buf_done(&hex);
	return c;
}

void candidates_done(struct candidates *l)
{
	for (size_t i = 0; i < l->n; i++)
		find_mail_free(l->list[i].mail);
	free(l->list);
	*l = (struct candidates){ 0 };
}

void find_set_texts(struct find_mail *to, const struct catalogue_mail *mail)
{
	to->size_bytes = mail->size_bytes;
	to->from = mem_strdup(mail->from);
	to->to = mem_strdup(mail->to);
	to->subject = mem_strdup(mail->subject);
	to->message_id = mem_strdup(mail->message_id);
}

struct find_place *find_add_place(struct find_mail *to)
{
	size_t cap = to->n;

	to->places = mem_grow(to->places, &cap, to->n + 1, sizeof *to->places);
	to->places[to->n] = (struct find_place){ 0 };
	return &to->places[to->n++];
}

static int take_fitting(void *arg, uint32_t id, const struct catalogue_mail *mail, struct err *e)
{
	struct run *w = arg;

	(void)e;
	if (find_matches(&w->match, mail))
		candidates_add(&w->found, id, mail);
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static int newest_first(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->mail->date != y->mail->date)
		return x->mail->date > y->mail->date ? -1 : 1;
	return memcmp(x->guid, y->guid, sizeof x->guid);
}

/* ---- where they are ---- */

static const struct catalogue_archive *archive_of(const struct run *w, uint32_t id)
{
	size_t low = 0, high = w->archives.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (w->archives.list[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < w->archives.n && w->archives.list[low].id == id ? &w->archives.list[low] : NULL;
}

static bool is_better(const struct catalogue_archive *a, const struct catalogue_archive *than)
{
	if (than == NULL || a->gone != than->gone)
		return than == NULL || !a->gone;
	return a->when > than->when;
}

/* Names are shown as on the server that the archive came from. */
static void show_name(const struct run *w, const struct catalogue_archive *a, const char *internal, struct buf *b)
{
	struct imapd_conf conf;

	if (app_known_conf(a, &conf))
		mboxname_display(&conf, internal, b);
	else
		names_show(&w->names, internal, b);
}

static int take_place(void *arg, const struct catalogue_found *f, struct err *e)
{
	struct run *w = arg;
	struct candidate key = { .id = f->id }, *c;
	const struct catalogue_archive *newest = NULL, *oldest = NULL;
	struct find_place *p;
	struct buf shown = BUF_INIT;
	bool wanted = w->only == NULL;

	(void)e;
	for (size_t i = 0; i < f->n_archives; i++) {
		const struct catalogue_archive *a = archive_of(w, f->archives[i]);

		if (a == NULL)
			continue;
		wanted |= a == w->only;
		if (is_better(a, newest))
			newest = a;
		if (oldest == NULL || a->when < oldest->when)
			oldest = a;
	}
	c = bsearch(&key, w->found.list, w->found.n, sizeof key, by_id);
	if (newest == NULL || !wanted || c == NULL ||
	    (w->r->mailbox != NULL && !names_match(&w->names, f->mailbox, w->r->mailbox)))
		return 0;
	if (w->only != NULL)
		newest = w->only;
	show_name(w, newest, f->mailbox, &shown);
	p = find_add_place(c->mail);
	*p = (struct find_place){ .mailbox = mem_strdup(f->mailbox),
		.shown = buf_steal(&shown),
		.uid = f->uid,
		.expunged = f->expunged,
		.archive = mem_strdup(newest->name),
		.first = mem_strdup(oldest->name),
		.when = newest->when,
		.first_when = oldest->when,
		.n_archives = f->n_archives,
		.gone = newest->gone };
	return 0;
}

/* The one to restore from: still in its store, not expunged there, not DELETED.*, the newest. */
static int best_first(const void *a, const void *b)
{
	const struct find_place *x = a, *y = b;

	if (x->gone != y->gone)
		return x->gone - y->gone;
	if (x->expunged != y->expunged)
		return x->expunged - y->expunged;
	if (x->when != y->when)
		return x->when > y->when ? -1 : 1;
	return strcmp(x->mailbox, y->mailbox);
}

static int find_places(struct run *w, struct err *e)
{
	size_t kept = 0;

	if (w->found.n > 1)
		qsort(w->found.list, w->found.n, sizeof *w->found.list, by_id);
	w->ids = mem_array(w->found.n + 1, sizeof *w->ids);
	for (size_t i = 0; i < w->found.n; i++)
		w->ids[i] = w->found.list[i].id;
	job_step(w->job, "where they are");
	if (catalogue_places_each(w->catalogue, w->ids, w->found.n, w->job, take_place, w, e) == -1)
		return -1;
	for (size_t i = 0; i < w->found.n; i++) {
		struct find_mail *mail = w->found.list[i].mail;

		if (mail->n == 0) {
			find_mail_free(mail);
			continue;
		}
		qsort(mail->places, mail->n, sizeof *mail->places, best_first);
		w->found.list[kept++] = w->found.list[i];
	}
	w->found.n = kept;
	return 0;
}

/* ---- telling ---- */

static int complete(struct run *w, struct candidate *c, struct err *e)
{
	struct catalogue_mail mail;
	struct buf room = BUF_INIT;
	int rc = 1;

	if (c->mail->from == NULL) {
		rc = catalogue_mail_get(w->catalogue, c->id, &room, &mail, e);
		if (rc == 1)
			find_set_texts(c->mail, &mail);
	}
	buf_done(&room);
	return rc;
}

static int fits_body(struct run *w, struct find_bodies *bodies, const struct candidate *c, struct err *e)
{
	struct err why = { 0 };
	int rc = w->match.body != NULL ? find_in_body(bodies, c->mail, &why) : 1;

	if (rc != -1)
		return rc;
	if (why.code == ERR_CANCELLED) {
		if (e != NULL)
			*e = why;
		return -1;
	}
	if (w->r->counts.unread++ == 0)
		snprintf(w->r->counts.unread_why, sizeof w->r->counts.unread_why, "%.150s", why.msg);
	return 0;
}

static int tell(struct run *w, struct err *e)
{
	struct find_counts *n = &w->r->counts;
	size_t limit = w->r->limit != 0 ? w->r->limit : FIND_LIMIT;
	struct find_bodies *bodies = find_bodies_new(w->r, &w->match, w->job);
	int rc = 0;

	for (size_t i = 0; i < w->found.n && rc != -1; i++) {
		struct candidate *c = &w->found.list[i];

		if (n->found == limit) {
			n->more = w->found.n - i;
			break;
		}
		if (job_cancelled(w->job, e) || (rc = complete(w, c, e)) == -1)
			rc = -1;
		if (rc == 1)
			rc = fits_body(w, bodies, c, e);
		if (rc != 1)
			continue;
		n->found++;
		job_post(w->job, c->mail, find_mail_free);
		c->mail = NULL;
	}
	find_bodies_free(bodies);
	return rc == -1 ? -1 : 0;
}

/* ---- who asked ---- */

static void add_query(struct buf *b, const char *key, const char *value)
{
	if (value != NULL && value[0] != '\0')
		buf_printf(b, "%s%s%s", b->len > 0 ? " " : "", key, value);
}

static void query_text(const struct find_request *r, struct buf *b)
{
	const int64_t times[] = { r->since, r->before };

	add_query(b, "", r->words);
	add_query(b, "from:", r->from);
	add_query(b, "to:", r->to);
	add_query(b, "subject:", r->subject);
	add_query(b, "id:", r->message_id);
	add_query(b, "body:", r->body);
	add_query(b, "mailbox:", r->mailbox);
	for (int i = 0; i < 2; i++) {
		char when[32];

		if (times[i] != 0)
			add_query(
			    b, i == 0 ? "since:" : "before:", clock_iso(when, sizeof when, times[i]));
	}
}

/* Before the first is told, and before any body is looked into: the owners of all that may be. */
static int record(struct run *w, struct err *e)
{
	size_t limit = w->r->limit != 0 ? w->r->limit : FIND_LIMIT;
	size_t n = w->found.n < limit || w->match.body != NULL ? w->found.n : limit;
	struct audit_users users = { 0 };
	struct buf query = BUF_INIT;
	int rc;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < w->found.list[i].mail->n; k++)
			audit_users_add(&users, w->found.list[i].mail->places[k].mailbox);
	query_text(w->r, &query);
	rc = app_audit(w->r->app,
	    &(struct app_audit){ .verb = "find",
		.server = w->r->server,
		.archive = w->only != NULL ? w->only->name : NULL,
		.users = (const char *const *)users.list,
		.n_users = users.n,
		.messages = n,
		.query = buf_text(&query),
		.outcome = AUDIT_DONE },
	    e);
	audit_users_done(&users);
	buf_done(&query);
	return rc;
}

static int ask(struct run *w, struct err *e)
{
	struct buf query = BUF_INIT;
	int rc;

	query_text(w->r, &query);
	rc = app_audit_ask(w->r->app,
	    &(struct app_audit){ .verb = "find",
		.server = w->r->server,
		.archive = w->r->archive,
		.query = buf_text(&query) },
	    e);
	buf_done(&query);
	return rc;
}

/* ---- all of it ---- */

static int choose_archive(struct run *w, struct err *e)
{
	const char *name = w->r->archive;
	bool latest = name != NULL && strcmp(name, "latest") == 0;

	for (size_t i = 0; i < w->archives.n && name != NULL; i++) {
		const struct catalogue_archive *a = &w->archives.list[i];

		if (latest ? !a->gone && w->have[i] && (w->only == NULL || a->when > w->only->when)
			   : strcmp(a->name, name) == 0)
			w->only = a;
	}
	if (name == NULL || w->only != NULL)
		return 0;
	err_set(e, ERR_NOT_FOUND, "the catalogue knows no archive %s", name);
	return err_hint(e, "cyrvault archives lists all, cyrvault catalogue update takes in new ones");
}

static int count_archives(struct run *w, struct err *e)
{
	if (catalogue_archives(w->catalogue, &w->archives, e) == -1)
		return -1;
	w->have = mem_array(w->archives.n + 1, sizeof *w->have);
	if (catalogue_mails_have(w->catalogue, &w->archives, w->have, e) == -1)
		return -1;
	for (size_t i = 0; i < w->archives.n; i++) {
		const struct catalogue_archive *a = &w->archives.list[i];

		if (w->have[i])
			w->r->counts.archives++;
		else if (!a->gone && (a->state == CATALOGUE_LISTED || a->readable))
			w->r->counts.unknown++;
	}
	return choose_archive(w, e);
}

int find_run(struct job *job, void *request, struct err *e)
{
	struct run w = { .job = job, .r = request };
	int rc = -1;

	w.r->counts = (struct find_counts){ 0 };
	w.catalogue = app_catalogue(w.r->app);
	if (find_match_init(&w.match, w.r, e) == -1 || ask(&w, e) == -1)
		goto out;
	names_init(&w.names, w.r->app, w.r->server, NULL);
	job_step(job, "look through the catalogue");
	if (count_archives(&w, e) == -1 || catalogue_mails_each(w.catalogue, job, take_fitting, &w, e) == -1 ||
	    find_places(&w, e) == -1)
		goto out;
	if (w.r->live && find_look_live(w.r, &w.match, w.catalogue, &w.found, job, e) == -1)
		goto out;
	if (w.found.n > 1)
		qsort(w.found.list, w.found.n, sizeof *w.found.list, newest_first);
	rc = record(&w, e) == 0 ? tell(&w, e) : -1;
out:
	candidates_done(&w.found);
	find_match_done(&w.match);
	catalogue_archives_done(&w.archives);
	names_done(&w.names);
	free(w.have);
	free(w.ids);
	return rc;
}
