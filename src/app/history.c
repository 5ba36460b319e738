/* history.c: one mailbox through all archives that the catalogue knows. */
#include "app/history.h"

#include <stdlib.h>
#include <string.h>

#include "app/app_impl.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/compare.h"

/* Of names and ids that one mailbox has had, no more are followed. */
#define FOLLOWED 64

/* A name that the mailbox had, in one lineage. */
struct track {
	const char *server;
	struct catalogue_spans spans;
};

struct search {
	struct app *app;
	struct app_history *h;
	struct catalogue_archives archives;
	const char *server;            /* the lineage; NULL: all */
	struct track tracks[FOLLOWED]; /* that of the name that was asked for first, in each lineage */
	size_t n_tracks;
	char *ids[FOLLOWED];
	size_t n_ids;
};

/* ---- names ---- */

static bool is_known_name(struct search *s, const char *name)
{
	struct catalogue_spans spans;
	bool ret = false;

	for (size_t i = 0; i < s->archives.n && !ret; i++) {
		ret = catalogue_box_spans(
			  s->app->catalogue, s->archives.list[i].server, name, &spans, NULL) == 1;
		if (ret)
			catalogue_spans_done(&spans);
	}
	return ret;
}

/* By the live server's rules, or those of the newest archive that knows its own. */
static void find_name(struct search *s, const char *server, const char *typed)
{
	struct app_history *h = s->h;
	const struct catalogue_archive *newest = NULL;
	struct imapd_conf conf;
	struct server *live = NULL;
	char *parsed = NULL;
	bool known = false;

	for (size_t i = 0; i < s->archives.n; i++)
		if (s->archives.list[i].decodes &&
		    (newest == NULL || s->archives.list[i].when > newest->when))
			newest = &s->archives.list[i];
	if (app_server(s->app, server, &live, NULL) == 0) {
		conf = *live->conf;
		known = true;
	} else if (newest != NULL) {
		known = app_known_conf(newest, &conf);
	}
	if (known) {
		h->decodes = true;
		h->unixhier = conf.unixhierarchysep;
		h->virtdomains = conf.virtdomains;
	}
	if (!is_known_name(s, typed) && known && mboxname_parse(&conf, typed, &parsed, NULL) == 0)
		h->internal = parsed;
	else
		h->internal = mem_strdup(typed);
	server_free(live);
}

void app_history_show(const struct app_history *h, const char *internal, struct buf *b)
{
	const struct imapd_conf style = { .unixhierarchysep = h->unixhier, .virtdomains = h->virtdomains };

	if (h->decodes)
		mboxname_display(&style, internal, b);
	else
		str_safe_buf(b, internal, strlen(internal));
}

/* ---- tracks ---- */

static bool is_of(const struct search *s, const char *server)
{
	/* What something else made may be of any server. */
	return s->server == NULL || server[0] == '\0' || strcmp(s->server, server) == 0;
}

static void follow_id(struct search *s, const char *id)
{
	for (size_t i = 0; i < s->n_ids; i++)
		if (strcmp(s->ids[i], id) == 0)
			return;
	if (id[0] != '\0' && s->n_ids < FOLLOWED)
		s->ids[s->n_ids++] = mem_strdup(id);
}

/* 1 if there is such a one. */
static int follow(struct search *s, const char *server, const char *name, struct err *e)
{
	struct track *t = &s->tracks[s->n_tracks];
	int rc;

	for (size_t i = 0; i < s->n_tracks; i++)
		if (strcmp(s->tracks[i].server, server) == 0 && strcmp(s->tracks[i].spans.name, name) == 0)
			return 1;
	if (s->n_tracks == FOLLOWED)
		return 0;
	rc = catalogue_box_spans(s->app->catalogue, server, name, &t->spans, e);
	t->server = server;
	s->n_tracks += rc == 1;
	return rc;
}

struct follow_names {
	struct search *s;
	const char *server;
};

static int on_name(void *arg, const char *name, struct err *e)
{
	struct follow_names *f = arg;

	return follow(f->s, f->server, name, e) == -1 ? -1 : 0;
}

static int follow_all(struct search *s, struct err *e)
{
	size_t n;

	for (size_t i = 0; i < s->archives.n; i++)
		if (is_of(s, s->archives.list[i].server) &&
		    follow(s, s->archives.list[i].server, s->h->internal, e) == -1)
			return -1;
	n = s->n_tracks;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < s->tracks[i].spans.n; k++)
			follow_id(s, s->tracks[i].spans.list[k].box.uniqueid);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < s->n_ids; k++) {
			struct follow_names f = { s, s->tracks[i].server };

			if (catalogue_names(s->app->catalogue, f.server, s->ids[k], on_name, &f, e) == -1)
				return -1;
		}
	return 0;
}

/* ---- rows ---- */

/* As the archive has it: under its name, or, where that is not there, under another one with an id that it has had. */
static const struct catalogue_box *box_in(const struct search *s, const struct catalogue_archive *a)
{
	for (int own = 1; own >= 0; own--)
		for (size_t i = 0; i < s->n_tracks; i++) {
			const struct track *t = &s->tracks[i];
			bool is_own = strcmp(t->spans.name, s->h->internal) == 0, same = own;
			const struct catalogue_box *box;

			if (is_own != own || strcmp(t->server, a->server) != 0)
				continue;
			box = catalogue_span_at(&t->spans, a->seq);
			for (size_t k = 0; k < s->n_ids && box != NULL; k++)
				same = same || strcmp(s->ids[k], box->uniqueid) == 0;
			if (box != NULL && same)
				return box;
		}
	return NULL;
}

static void add_row(struct app_history *h, const struct catalogue_archive *a, const struct catalogue_box *box)
{
	struct history_row *row;

	h->rows = mem_grow(h->rows, &h->cap, h->n + 1, sizeof *h->rows);
	row = &h->rows[h->n++];
	*row = (struct history_row){ .archive = mem_strdup(a->name),
		.store = mem_strdup(a->store),
		.when = a->when,
		.gone = a->gone,
		.there = box != NULL };
	if (box == NULL)
		return;
	row->name = mem_strdup(box->name);
	row->uniqueid = mem_strdup(box->uniqueid);
	row->uidvalidity = box->uidvalidity;
	row->messages = box->messages;
	row->unread = box->unread;
	row->bytes = box->bytes;
	row->health = (enum unit_health)box->health;
	row->has_files = box->has_files;
}

static int by_time(const void *x, const void *y)
{
	const struct catalogue_archive *a = x, *b = y;

	if (a->when != b->when)
		return a->when < b->when ? -1 : 1;
	return strcmp(a->name, b->name);
}

static bool is_another(const struct history_row *a, const struct history_row *b)
{
	if (a->uniqueid[0] != '\0' && b->uniqueid[0] != '\0')
		return strcmp(a->uniqueid, b->uniqueid) != 0 || a->uidvalidity != b->uidvalidity;
	return a->uidvalidity != 0 && b->uidvalidity != 0 && a->uidvalidity != b->uidvalidity;
}

static void judge(struct app_history *h)
{
	const struct history_row *last = NULL;

	for (size_t i = 0; i < h->n; i++) {
		struct history_row *row = &h->rows[i];
		bool before = i > 0 && h->rows[i - 1].there;

		if (!row->there) {
			row->changes = before ? HISTORY_VANISHED : 0;
			h->vanished = before ? row->when : h->vanished;
			continue;
		}
		h->vanished = 0;
		h->in_archives++;
		h->last = row->when;
		if (last == NULL) {
			row->changes = HISTORY_FIRST;
			h->first = row->when;
		} else {
			row->changes = (before ? 0u : HISTORY_BACK) |
			               (is_another(last, row) ? HISTORY_RECREATED : 0u) |
			               (strcmp(last->name, row->name) != 0 ? HISTORY_RENAMED : 0u);
		}
		last = row;
	}
}

static void make_rows(struct search *s)
{
	struct app_history *h = s->h;

	if (s->archives.n > 1)
		qsort(s->archives.list, s->archives.n, sizeof *s->archives.list, by_time);
	for (size_t i = 0; i < s->archives.n; i++) {
		const struct catalogue_archive *a = &s->archives.list[i];
		const struct catalogue_box *box;

		if (!is_of(s, a->server))
			continue;
		if (a->state != CATALOGUE_FILLED) {
			h->unknown += !a->gone;
			continue;
		}
		h->archives++;
		box = box_in(s, a);
		/* That something else's archive does not have it says nothing: it may be of part of a server. */
		if (box != NULL || (h->n > 0 && a->server[0] != '\0'))
			add_row(h, a, box);
	}
	judge(h);
}

/* ---- now ---- */

static void look_live(struct search *s, const char *server, struct job *job)
{
	struct app_history *h = s->h;
	struct compare_found f = { 0 };
	struct compare_look look = { 0 };
	struct server *live = NULL;
	struct err why = { 0 };
	const struct history_row *last = NULL;
	const struct mailbox_entry *entry = NULL;

	for (size_t i = 0; i < h->n; i++)
		last = h->rows[i].there ? &h->rows[i] : last;
	if (app_server(s->app, server, &live, &why) == -1 ||
	    compare_find(live, h->internal, last->uniqueid, job, &f, &why) == -1) {
		h->live_why = mem_strdup(why.msg);
		goto out;
	}
	if (f.named && (f.same_id || !f.knows_id)) {
		h->live = HISTORY_LIVE_THERE;
		entry = &f.here;
	} else if (f.elsewhere) {
		h->live = f.deleted ? HISTORY_LIVE_DELETED : HISTORY_LIVE_RENAMED;
		entry = &f.there;
	} else if (f.named) {
		h->live = HISTORY_LIVE_REPLACED;
		entry = &f.here;
	} else {
		h->live = HISTORY_LIVE_MISSING;
	}
	if (entry != NULL) {
		compare_look(live, entry, &look);
		h->live_name = mem_strdup(entry->name);
		h->live_messages = look.messages;
		h->live_uidvalidity = look.uidvalidity;
	}
out:
	compare_found_done(&f);
	server_free(live);
}

/* ---- all of it ---- */

static int no_such(const struct app_history *h, struct err *e)
{
	struct buf shown = BUF_INIT;

	app_history_show(h, h->internal, &shown);
	err_set(
	    e, ERR_NOT_FOUND, "no archive that the catalogue knows holds a mailbox \"%s\"", buf_text(&shown));
	if (h->unknown > 0)
		err_hint(e, "%zu of the archives are not in the catalogue yet: cyrvault catalogue update",
		    h->unknown);
	else if (h->archives == 0)
		err_hint(e, "it knows none: cyrvault catalogue update takes in those that there are");
	else
		err_hint(e, "cyrvault mailboxes latest lists what there is");
	buf_done(&shown);
	return -1;
}

int app_history(struct app *app, const char *server, const char *mailbox, struct job *job,
    struct app_history *ret, struct err *e)
{
	struct search s = { .app = app, .h = ret };
	const struct conf_server *c = conf_find_server(app->conf, server, e);
	int rc = -1;

	*ret = (struct app_history){ 0 };
	if (c == NULL || catalogue_archives(app->catalogue, &s.archives, e) == -1)
		return -1;
	for (size_t i = 0; i < s.archives.n; i++)
		if (server != NULL || strcmp(s.archives.list[i].server, c->name) == 0)
			s.server = c->name;
	find_name(&s, server, mailbox);
	if (follow_all(&s, e) == -1 || job_cancelled(job, e))
		goto out;
	make_rows(&s);
	if (ret->in_archives == 0) {
		no_such(ret, e);
		goto out;
	}
	look_live(&s, server, job);
	rc = job_cancelled(job, e) ? -1 : 0;
out:
	for (size_t i = 0; i < s.n_tracks; i++)
		catalogue_spans_done(&s.tracks[i].spans);
	for (size_t i = 0; i < s.n_ids; i++)
		free(s.ids[i]);
	catalogue_archives_done(&s.archives);
	return rc;
}

void app_history_done(struct app_history *h)
{
	for (size_t i = 0; i < h->n; i++) {
		free(h->rows[i].archive);
		free(h->rows[i].store);
		free(h->rows[i].name);
		free(h->rows[i].uniqueid);
	}
	free(h->rows);
	free(h->internal);
	free(h->live_name);
	free(h->live_why);
	*h = (struct app_history){ 0 };
}

/* ---- words ---- */

bool app_history_same(const struct history_row *a, const struct history_row *b)
{
	if (a->there != b->there || !a->there)
		return a->there == b->there;
	return strcmp(a->name, b->name) == 0 && strcmp(a->uniqueid, b->uniqueid) == 0 &&
	       a->uidvalidity == b->uidvalidity && a->messages == b->messages && a->unread == b->unread &&
	       a->bytes == b->bytes && a->health == b->health && a->has_files == b->has_files;
}

static void add_word(struct buf *b, const char *word)
{
	if (b->len > 0)
		buf_str(b, ", ");
	buf_str(b, word);
}

void app_history_words(const struct app_history *h, size_t row, struct buf *b)
{
	const struct history_row *r = &h->rows[row], *last = NULL;

	for (size_t i = 0; i < row; i++)
		last = h->rows[i].there ? &h->rows[i] : last;
	if (r->changes & HISTORY_VANISHED)
		add_word(b, "not there any more");
	if (r->changes & HISTORY_FIRST)
		add_word(b, "first seen");
	if (r->changes & HISTORY_BACK)
		add_word(b, "there again");
	if (r->changes & HISTORY_RECREATED)
		add_word(b, "made anew");
	if (r->changes & HISTORY_RENAMED) {
		add_word(b, "renamed from ");
		app_history_show(h, last->name, b);
	}
	if (r->changes & HISTORY_FIRST && strcmp(r->name, h->internal) != 0) {
		add_word(b, "as ");
		app_history_show(h, r->name, b);
	}
	if (r->there && !r->has_files)
		add_word(b, "only listed");
	if (r->there && r->health == HEALTH_FINDINGS)
		add_word(b, "with findings");
}

void app_history_live_words(const struct app_history *h, struct buf *b)
{
	char n[40];

	switch (h->live) {
	case HISTORY_LIVE_UNKNOWN:
		buf_printf(b, "not known: %s", h->live_why != NULL ? h->live_why : "");
		return;
	case HISTORY_LIVE_THERE: buf_str(b, "there"); break;
	case HISTORY_LIVE_REPLACED: buf_str(b, "another mailbox has its name"); break;
	case HISTORY_LIVE_RENAMED:
	case HISTORY_LIVE_DELETED:
		buf_str(b, h->live == HISTORY_LIVE_DELETED ? "deleted, still there as " : "renamed to ");
		app_history_show(h, h->live_name, b);
		break;
	case HISTORY_LIVE_MISSING: buf_str(b, "not there"); return;
	}
	buf_printf(b, ", %s", str_count(n, sizeof n, h->live_messages, "message", "messages"));
}
