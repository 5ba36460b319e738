/* details.c: all there is to say of one mailbox of an archive, line by line. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "app/app_impl.h"
#include "app/boxes.h"
#include "app/names.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/compare.h"

#define COPIES_SHOWN 20

/* ---- lines ---- */

static void add_line(struct app_details *d, const char *label, char *value)
{
	d->list = mem_grow(d->list, &d->cap, d->n + 1, sizeof *d->list);
	d->list[d->n++] = (struct app_detail){ mem_strdup(label), value };
}

static void say(struct app_details *d, const char *label, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct app_details *d, const char *label, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_line(d, label, str_safe_vprintf(fmt, ap));
	va_end(ap);
}

/* Bytes of any length. */
static void say_bytes(struct app_details *d, const char *label, const char *s)
{
	struct buf b = BUF_INIT;

	str_safe_buf(&b, s, strlen(s));
	add_line(d, label, buf_steal(&b));
}

void app_details_done(struct app_details *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->list[i].label);
		free(d->list[i].value);
	}
	free(d->list);
	*d = (struct app_details){ 0 };
}

struct page {
	struct app *app;
	struct app_details *d;
	struct job *job;
	struct source *source;
	struct names names;
	size_t at;
	struct source_messages *m; /* NULL: its index cannot be read */
};

static void say_name(const struct page *p, const char *label, const char *internal)
{
	struct buf b = BUF_INIT;

	names_show(&p->names, internal, &b);
	add_line(p->d, label, buf_steal(&b));
}

/* ---- what the archive says ---- */

static const char *health_words(const struct source_mailbox *box)
{
	if (!box->has_files)
		return "the archive lists it, but holds no directory of it";
	switch (box->health) {
	case HEALTH_OK: return "consistent when it was backed up";
	case HEALTH_FINDINGS: return "not consistent when it was backed up: see the archive's report";
	case HEALTH_UNCHECKED: break;
	}
	return "not checked";
}

static void say_counts(const struct page *p, const struct source_mailbox *box)
{
	char mails[40], size[16];
	size_t expunged = 0;

	say(p->d, "In the archive", "%s, %u unread, %s",
	    str_count(mails, sizeof mails, box->messages, "message", "messages"), box->unread,
	    str_size(size, sizeof size, box->bytes));
	if (p->m == NULL)
		return;
	for (size_t i = 0; i < p->m->index->n; i++)
		expunged += !index_record_visible(&p->m->index->records[i]) &&
		            compare_has_uid(p->m->uids, p->m->n_uids, p->m->index->records[i].uid);
	if (expunged > 0)
		say(p->d, NULL, "and %s that had been expunged, with their files",
		    str_count(mails, sizeof mails, expunged, "message", "messages"));
}

static void say_acl(const struct page *p, const struct source_mailbox *box)
{
	const struct acl_item *acl = box->entry != NULL ? box->entry->acl : NULL;
	size_t n = box->entry != NULL ? box->entry->n_acl : 0;

	if (acl == NULL && p->m != NULL) {
		acl = p->m->header->acl;
		n = p->m->header->n_acl;
	}
	for (size_t i = 0; i < n; i++)
		say(p->d, i == 0 ? "Rights" : NULL, "%s: %s", acl[i].user, acl[i].rights);
	if (n == 0)
		say(p->d, "Rights", "none are known");
}

static void say_quota(const struct page *p)
{
	const char *root = p->m != NULL ? p->m->header->quotaroot : NULL;
	struct quota_root q;
	char used[16], limit[16];

	if (root == NULL || *root == '\0')
		return;
	say_name(p, "Quota root", root);
	if (source_quota(p->source, root, &q, NULL) != 1)
		return;
	str_size(used, sizeof used, q.used[QUOTA_STORAGE_KB]);
	if (q.limit[QUOTA_STORAGE_KB] >= 0)
		say(p->d, NULL, "%s of %s were used", used,
		    str_size(limit, sizeof limit,
			(uint64_t)q.limit[QUOTA_STORAGE_KB] < UINT64_MAX >> 10
			    ? (uint64_t)q.limit[QUOTA_STORAGE_KB] << 10
			    : UINT64_MAX));
	else
		say(p->d, NULL, "%s were used, without a limit", used);
}

/* ---- what the live server says ---- */

static void say_differences(const struct page *p, const struct compare_live *l)
{
	struct compare_counts n;
	char mails[40];

	compare_count(l, p->m, &n);
	const struct {
		size_t n;
		const char *words;
	} lines[] = {
		{ n.missing, "missing there" },
		{ n.expunged, "expunged there, but still kept as a file" },
		{ n.lost, "listed there, but without the file" },
		{ n.flags, "with other flags there" },
		{ n.other_uid, "under another UID there" },
		{ n.only_live, "only there" },
	};

	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		if (lines[i].n > 0)
			say(p->d, NULL, "%s %s",
			    str_count(mails, sizeof mails, lines[i].n, "message", "messages"),
			    lines[i].words);
	if (n.only_live == 0 && n.other_uid == 0 && n.same == n.all)
		say(p->d, NULL, "the same messages, with the same flags");
}

static void say_live_counts(
    const struct page *p, const struct mailbox_index *ix, const struct live_mailbox *box)
{
	size_t visible = 0, kept = 0;
	char mails[40];

	for (size_t i = 0; i < ix->n; i++) {
		bool shown = index_record_visible(&ix->records[i]);

		visible += shown;
		kept += !shown && live_has_file(box, ix->records[i].uid);
	}
	if (ix->h.minor >= 14)
		say(p->d, NULL, "%s, %u unread",
		    str_count(mails, sizeof mails, visible, "message", "messages"), ix->h.unseen);
	else
		say(p->d, NULL, "%s", str_count(mails, sizeof mails, visible, "message", "messages"));
	if (kept > 0)
		say(p->d, "Still there", "%s that %s expunged, whose files Cyrus still keeps",
		    str_count(mails, sizeof mails, kept, "message", "messages"), kept == 1 ? "was" : "were");
}

/* The mailbox of ${entry}, beside the archive's. */
static void say_mailbox(const struct page *p, const struct server *server, const struct mailbox_entry *entry)
{
	struct live_mailbox *box = NULL;
	struct compare_live l = { 0 };
	struct err why;
	int r;

	if (p->m == NULL) {
		if (live_load(server, entry, &box, &why) == -1)
			say(p->d, NULL, "%s", why.msg);
		else if (box->index != NULL)
			say_live_counts(p, box->index, box);
		live_free(box);
		return;
	}
	r = compare_live_open(server, entry, p->m, &l, &why);
	if (r == -1)
		say(p->d, NULL, "%s", why.msg);
	else if (r == 0)
		say(p->d, NULL, "damaged: %s",
		    l.mailbox->has_dir ? "its cyrus.index is missing or cannot be read"
				       : "its directory is missing");
	if (r == 1) {
		if (l.mailbox->header == NULL)
			say(p->d, NULL, "damaged: its cyrus.header is missing or cannot be read");
		if (l.mailbox->index->h.uidvalidity != p->m->index->h.uidvalidity)
			say(p->d, NULL, "its UIDVALIDITY is %u there", l.mailbox->index->h.uidvalidity);
		say_differences(p, &l);
		say_live_counts(p, l.mailbox->index, l.mailbox);
	}
	compare_live_done(&l);
}

static void say_copies(const struct page *p, const struct server *server, const struct compare_found *f)
{
	bool back = !f->named && f->elsewhere && f->deleted;

	for (size_t i = 0; i < f->n_copies && i < COPIES_SHOWN; i++) {
		const struct mailbox_entry *copy = &f->copies[i];
		struct compare_look look;
		long long when = 0;
		char at[40], mails[40];

		free(mboxname_undeleted(server->conf, copy->name, &when));
		compare_look(server, copy, &look);
		say_name(p, i == 0 ? "Deleted copies" : NULL, copy->name);
		say(p->d, NULL, "  deleted %s, %s%s",
		    when > 0 ? clock_local(at, sizeof at, when) : "at a time not known",
		    look.whole ? str_count(mails, sizeof mails, look.messages, "message", "messages")
			       : "damaged",
		    back && strcmp(copy->name, f->there.name) == 0 ? "; restoring renames it back" : "");
	}
	if (f->n_copies > COPIES_SHOWN)
		say(p->d, NULL, "and %zu more", f->n_copies - COPIES_SHOWN);
}

static void say_found(const struct page *p, const struct server *server, const struct compare_found *f)
{
	const char *label = "Running server";

	if (f->named && f->same_id) {
		say(p->d, label, "it is there");
		say_mailbox(p, server, &f->here);
	} else if (f->named) {
		say(p->d, label, "another mailbox has its name, with unique id %s",
		    f->here.uniqueid != NULL ? f->here.uniqueid : "(none)");
	} else if (!f->elsewhere) {
		say(p->d, label, "it is not there");
	}
	if (f->elsewhere && !(f->named && f->same_id)) {
		say(p->d, f->named ? NULL : label,
		    f->deleted ? "it was deleted, but is still there as" : "it was renamed, and lives on as");
		say_name(p, NULL, f->there.name);
		say_mailbox(p, server, &f->there);
	}
	say_copies(p, server, f);
}

static int say_live(const struct page *p, const char *server_name, struct err *e)
{
	const struct source_mailbox *box = source_mailbox(p->source, p->at);
	struct server *server = NULL;
	struct compare_found found = { 0 };
	struct err why = { 0 };
	int rc = 0;

	if (app_server(p->app, server_name, &server, &why) == -1) {
		say(p->d, "Running server", "%s", why.msg);
	} else if (compare_find(server, box->name, box->uniqueid, p->job, &found, &why) == -1) {
		rc = job_cancelled(p->job, e) ? -1 : 0;
		say(p->d, "Running server", "%s", why.msg);
	} else {
		say_found(p, server, &found);
	}
	compare_found_done(&found);
	server_free(server);
	return rc;
}

/* ---- the page ---- */

static int fill(struct page *p, const char *server, const char *internal, struct err *e)
{
	const struct source_mailbox *box;
	struct err why = { 0 };
	char at[40];

	p->at = source_find(p->source, internal);
	if (p->at == (size_t)-1)
		return err_set(
		    e, ERR_NOT_FOUND, "the archive %s holds no mailbox %s", source_name(p->source), internal);
	box = source_mailbox(p->source, p->at);
	if (box->has_files && source_load(p->source, p->at, false, &p->m, &why) == -1 &&
	    why.code == ERR_CANCELLED) {
		if (e != NULL)
			*e = why;
		return -1;
	}
	say_name(p, "Mailbox", internal);
	say_bytes(p->d, "Name in Cyrus", internal);
	say_bytes(p->d, "Archive", source_name(p->source));
	say(p->d, NULL, "of %s", clock_local(at, sizeof at, source_when(p->source)));
	say_counts(p, box);
	if (box->has_files && p->m == NULL)
		say(p->d, NULL, "%s", why.msg);
	say(p->d, "Condition", "%s", health_words(box));
	if (say_live(p, server, e) == -1)
		return -1;
	say_acl(p, box);
	say_quota(p);
	say(p->d, "Unique id", "%s", box->uniqueid[0] != '\0' ? box->uniqueid : "not known");
	say(p->d, "UIDVALIDITY", "%u", box->uidvalidity);
	say(p->d, "Partition", "%s", box->partition[0] != '\0' ? box->partition : "not known");
	return 0;
}

/* Opens the archive; the whole of it only for a mailbox that is merely listed in it. */
static int open_for(
    struct page *p, const char *archive, const char *internal, struct store **store, struct err *e)
{
	if (app_source_take(p->app, archive, false, p->job, &p->source, store, e) == -1)
		return -1;
	if (source_count(p->source, e) == -1) {
		app_source_give(p->app, p->source, *store);
		return -1;
	}
	if (source_find(p->source, internal) != (size_t)-1 || source_is_whole(p->source))
		return 0;
	app_source_give(p->app, p->source, *store);
	p->source = NULL;
	*store = NULL;
	return app_source_take(p->app, archive, true, p->job, &p->source, store, e);
}

int app_box_details(struct app *app, const char *server, const char *archive, const char *internal,
    struct job *job, struct app_details *ret, struct err *e)
{
	struct page p = { .app = app, .d = ret, .job = job };
	struct store *store;
	char *name = app_archive_of(archive, server);
	int rc;

	*ret = (struct app_details){ 0 };
	job_step(job, "look at the mailbox");
	rc = open_for(&p, name, internal, &store, e);
	free(name);
	if (rc == -1)
		return -1;
	names_init(&p.names, app, server, p.source);
	rc = fill(&p, server, internal, e);
	source_messages_free(p.m);
	names_done(&p.names);
	app_source_give(app, p.source, store);
	return rc;
}
