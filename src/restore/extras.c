/* extras.c: plan what a mailbox or a user has outside the mailbox directory. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/place.h"
#include "restore/plan.h"

void plan_name_as(const struct imapd_conf *conf, const char *internal, const char *userid, struct buf *b)
{
	char separator = conf->unixhierarchysep ? '/' : '.';
	char *owner = mboxname_user(internal);
	struct buf admin = BUF_INIT;
	const char *below_user, *folder;

	mboxname_admin(conf, internal, &admin);
	/* "user/alice/Work": what follows the prefix, and what follows the user. */
	below_user = buf_text(&admin) + strcspn(buf_text(&admin), "./") + 1;
	folder = owner != NULL ? strchr(below_user, separator) : NULL;
	if (userid == NULL)
		buf_str(b, buf_text(&admin));
	else if (owner != NULL && strcmp(owner, userid) == 0) /* "INBOX.Work", with altnamespace "Work" */
		buf_printf(b, "%s%s", folder == NULL || !conf->altnamespace ? "INBOX" : "",
		    folder == NULL ? "" : folder + (conf->altnamespace ? 1 : 0));
	else if (!conf->altnamespace)
		buf_str(b, buf_text(&admin));
	else if (owner != NULL)
		buf_printf(b, "%s%c%s", conf->userprefix, separator, below_user);
	else
		buf_printf(b, "%s%c%s", conf->sharedprefix, separator, buf_text(&admin));
	buf_done(&admin);
	free(owner);
}

int restore_user_path(const struct server *server, const struct mboxlist *live,
    const struct restore_plan *plan, enum user_file which, const char *userid, struct buf *b, struct err *e)
{
	char *inbox = mboxname_inbox(userid);
	const struct mailbox_entry *entry = mboxlist_find(live, inbox);
	int rc;

	if (entry != NULL && entry->flags & MBTYPE_DELETED)
		entry = NULL;
	for (size_t i = 0; entry == NULL && i < plan->n_items; i++)
		if (strcmp(plan->items[i].name, inbox) == 0)
			entry = &plan->items[i].entry;
	free(inbox);
	if (entry == NULL)
		return err_set(e, ERR_NOT_FOUND, "user %s has no INBOX", userid);
	rc = mboxname_user_file(
	    server->conf, mailbox_entry_layout(server->conf, entry), which, userid, entry->uniqueid, b, e);
	return rc;
}

bool plan_is_root_of(const char *root, const char *name)
{
	return mboxname_is_below(name, root) || (str_ends(root, "!") && str_starts(name, root));
}

int plan_quota_root(struct planning *g, size_t item_index, struct err *e)
{
	const struct restore_item *item = &g->plan->items[item_index];
	struct source_messages *m;
	struct quota_root q;
	struct restore_step *s;
	struct buf path = BUF_INIT;
	char *root = NULL;
	int rc;

	/* Elsewhere it comes under the root of its new place. */
	if (!restore_wants(&g->plan->request, RESTORE_QUOTA) || item->fresh)
		return 0;
	if (source_load(g->source, item->source_index, false, &m, e) == -1)
		return -1;
	root = mem_strdup(m->header->quotaroot);
	source_messages_free(m);
	/* A header may name anybody's. */
	if (root == NULL || root[0] == '\0' || !plan_is_root_of(root, item->name)) {
		free(root);
		return 0;
	}
	for (size_t i = 0; i < g->plan->n_steps; i++)
		if (g->plan->steps[i].kind == STEP_QUOTA_ROOT && strcmp(g->plan->steps[i].detail, root) == 0)
			goto out;
	if (mboxname_quota_file(g->server->conf, root, &path, NULL) == -1 ||
	    access(buf_text(&path), F_OK) == 0)
		goto out;
	rc = source_quota(g->source, root, &q, e);
	if (rc == -1)
		goto fail;
	if (rc == 0) {
		plan_note(g, "quota root %s is neither on the server nor in the archive", root);
		goto out;
	}
	s = plan_step(g, STEP_QUOTA_ROOT, item_index, "make quota root %s again, as it was", root);
	s->detail = mem_strdup(root);
	if (q.has[QUOTA_STORAGE_KB] && q.limit[QUOTA_STORAGE_KB] >= 0)
		s->command = mem_printf(
		    "IMAP as admin: SETQUOTA %s (STORAGE %lld)", root, (long long)q.limit[QUOTA_STORAGE_KB]);
out:
	buf_done(&path);
	free(root);
	return 0;
fail:
	buf_done(&path);
	free(root);
	return -1;
}

/* The quota root of a live mailbox (heap, NULL: none) and what its index says it uses. */
static char *quota_of(const struct server *server, const struct mailbox_entry *entry, uint64_t *used)
{
	struct live_mailbox *l;
	char *root = NULL;

	*used = 0;
	if (!mailbox_entry_has_directory(entry) || live_load(server, entry, &l, NULL) == -1)
		return NULL;
	if (l->header != NULL && l->header->quotaroot != NULL && l->index != NULL) {
		root = mem_strdup(l->header->quotaroot);
		*used = l->index->h.quota_used;
	}
	live_free(l);
	return root;
}

bool plan_quota_is_off(const struct planning *g, const struct restore_item *item)
{
	uint64_t sum = 0, used;
	char *root = quota_of(g->server, &item->entry, &used);
	struct buf path = BUF_INIT, text = BUF_INIT;
	struct quota_root q;
	bool off = false;

	if (root != NULL && mboxname_quota_file(g->server->conf, root, &path, NULL) == 0 &&
	    io_read_file(AT_FDCWD, buf_text(&path), 65536, &text, NULL) == 0 &&
	    quota_parse(buf_text(&text), text.len, &q, NULL) == 0) {
		for (size_t i = 0; i < g->live->n; i++) {
			char *of = mboxname_is_below(g->live->entries[i].name, root)
			               ? quota_of(g->server, &g->live->entries[i], &used)
			               : NULL;

			if (of != NULL && strcmp(of, root) == 0)
				sum += used;
			free(of);
		}
		off = q.used[QUOTA_STORAGE_KB] != sum;
	}
	buf_done(&path);
	buf_done(&text);
	free(root);
	return off;
}

/* Whose part in the archive ${reader} has: of a mailbox that goes to another user, the owner's. */
static char *reader_then(const struct planning *g, const struct restore_item *item, const char *reader)
{
	char *owner = mboxname_user(item->name);
	char *then = mboxname_user(source_mailbox(g->source, item->source_index)->name);

	if (owner == NULL || then == NULL || strcmp(reader, owner) != 0) {
		free(then);
		then = mem_strdup(reader);
	}
	free(owner);
	return then;
}

/* The seen record of one reader, if the server has lost it. */
static int plan_seen(struct planning *g, size_t item_index, const char *reader, struct err *e)
{
	const struct restore_item *item = &g->plan->items[item_index];
	const char *old_id = source_mailbox(g->source, item->source_index)->uniqueid;
	const char *id = item->entry.uniqueid;
	struct seen_record was = { 0 }, is = { 0 };
	struct cyrusdb *db = NULL;
	struct buf path = BUF_INIT;
	struct restore_step *s;
	char *then = reader_then(g, item, reader);
	int r = source_seen(g->source, then, *old_id != '\0' ? old_id : id, &was, e);

	free(then);
	if (r != 1)
		goto out;
	/* A whole user's own database comes back as a file, with all its records. */
	if (g->plan->request.user != NULL && strcmp(reader, g->plan->request.user) == 0 &&
	    cyrus_version_at_least(source_version(g->source), 2, 4) &&
	    restore_user_path(g->server, g->live, g->plan, USER_SEEN, reader, &path, NULL) == 0 &&
	    access(buf_text(&path), F_OK) != 0)
		goto none;
	buf_clear(&path);
	if (restore_user_path(g->server, g->live, g->plan, USER_SEEN, reader, &path, NULL) == -1)
		goto none; /* that reader is no user of this server any more */
	if (cyrusdb_open(AT_FDCWD, buf_text(&path), &db, NULL) == 0 && seen_get(db, id, &is, NULL) == 1)
		goto none;
	s = plan_step(g, STEP_SEEN, item_index, "mark again what %s has read of %s", reader, item->name);
	s->detail = mem_strdup(reader);
	s->value = mem_printf(
	    "1 %lld %u %lld %s", (long long)was.lastread, was.lastuid, (long long)was.lastchange, was.uids);
	s->value_len = strlen(s->value);
	s->command = mem_printf("cyr_dbtool -C %s %s %s set %s \"%s\"", g->server->conf->path,
	    buf_text(&path), db != NULL ? cyrusdb_kind_name(cyrusdb_kind(db)) : "twoskip", id, s->value);
none:
	r = 0;
out:
	seen_record_done(&was);
	seen_record_done(&is);
	cyrusdb_close(db);
	buf_done(&path);
	return r == -1 ? -1 : 0;
}

static int on_live_subscription(void *arg, const char *internal, struct err *e)
{
	(void)e;
	return strcmp(internal, arg) == 0;
}

/* ${reader} is subscribed to ${name} on the server. */
static bool is_subscribed(const struct planning *g, const char *reader, const char *name)
{
	struct cyrusdb *db = NULL;
	struct buf path = BUF_INIT;
	char *wanted = mem_strdup(name);
	int there = 0;

	if (restore_user_path(g->server, g->live, g->plan, USER_SUBS, reader, &path, NULL) == 0 &&
	    cyrusdb_open(AT_FDCWD, buf_text(&path), &db, NULL) == 0)
		there = subs_each(db, reader, on_live_subscription, wanted, NULL);
	cyrusdb_close(db);
	buf_done(&path);
	free(wanted);
	return there == 1;
}

static void step_subscribe(struct planning *g, size_t item_index, const char *reader, const char *internal)
{
	struct restore_step *s =
	    plan_step(g, STEP_SUBSCRIBE, item_index, "subscribe %s to %s again", reader, internal);
	struct buf name = BUF_INIT;

	plan_name_as(g->server->conf, internal, reader, &name);
	s->detail = mem_strdup(reader);
	s->command = mem_printf("IMAP as %s: SUBSCRIBE \"%s\"", reader, buf_text(&name));
	buf_done(&name);
}

int plan_subscription(struct planning *g, size_t item_index, const char *reader, struct err *e)
{
	const struct restore_item *item = &g->plan->items[item_index];
	struct buf path = BUF_INIT;
	char *then = reader_then(g, item, reader);
	int r = source_subscribed(g->source, then, source_mailbox(g->source, item->source_index)->name, e);
	bool whole_file = g->plan->request.user != NULL && strcmp(reader, g->plan->request.user) == 0 &&
	                  g->plan->request.mode != RESTORE_STATE;

	if (r == 1 && restore_user_path(g->server, g->live, g->plan, USER_SUBS, reader, &path, NULL) == 0 &&
	    !(whole_file && access(buf_text(&path), F_OK) != 0) && !is_subscribed(g, reader, item->name))
		step_subscribe(g, item_index, reader, item->name);
	buf_done(&path);
	free(then);
	return r == -1 ? -1 : 0;
}

int plan_other_subscriptions(struct planning *g, const char *userid, struct err *e)
{
	for (size_t i = 0; i < source_n(g->source); i++) {
		const char *name = source_mailbox(g->source, i)->name;
		const struct mailbox_entry *live;
		struct restore_step *s;
		char *owner;
		bool own;
		int r;

		/* Those of the user himself are items. */
		owner = mboxname_user(name);
		own = owner != NULL && strcmp(owner, userid) == 0;
		free(owner);
		if (own)
			continue;
		if (i % 1024 == 0 && job_cancelled(g->job, e))
			return -1;
		r = source_subscribed(g->source, userid, name, e);
		if (r == -1)
			return -1;
		live = r == 1 ? mboxlist_find(g->live, name) : NULL;
		if (live == NULL || !mailbox_entry_has_directory(live) || is_subscribed(g, userid, name))
			continue;
		step_subscribe(g, (size_t)-1, userid, name);
		s = &g->plan->steps[g->plan->n_steps - 1];
		s->entry = mem_strdup(name);
	}
	return 0;
}

struct reader_walk {
	struct planning *g;
	size_t item_index;
	const char *owner;
};

static int plan_reader(void *arg, const char *userid, struct err *e)
{
	struct reader_walk *w = arg;

	const struct restore_request *request = &w->g->plan->request;

	if (job_cancelled(w->g->job, e) || (restore_wants(request, RESTORE_SUBSCRIPTIONS) &&
					       plan_subscription(w->g, w->item_index, userid, e) == -1))
		return -1;
	return restore_wants(request, RESTORE_SEEN) ? plan_seen(w->g, w->item_index, userid, e) : 0;
}

/* Who may have read it: the owner, and whom the ACL lets in; everybody when it names a group. */
static int plan_readers(struct planning *g, size_t item_index, const char *owner, struct err *e)
{
	const struct restore_item *item = &g->plan->items[item_index];
	struct reader_walk w = { g, item_index, owner };
	bool everybody = false;

	for (size_t i = 0; i < item->entry.n_acl; i++) {
		const char *who = item->entry.acl[i].user;

		everybody = everybody || strcmp(who, "anyone") == 0 || str_starts(who, "group:");
	}
	if (everybody)
		return source_users(g->source, plan_reader, &w, e);
	if (owner != NULL && plan_reader(&w, owner, e) == -1)
		return -1;
	for (size_t i = 0; i < item->entry.n_acl; i++) {
		const char *who = item->entry.acl[i].user;

		if (who[0] != '-' && (owner == NULL || strcmp(who, owner) != 0) &&
		    plan_reader(&w, who, e) == -1)
			return -1;
	}
	return 0;
}

struct annotation_walk {
	struct planning *g;
	size_t item_index;
	struct cyrusdb *live;
	const char *live_key;
	/* the one looked for in the live database */
	const struct annotation *wanted;
	const char *owner;
	bool found;
};

/* Cyrus writes the owner's own annotations under a marker from 3.6 on. */
static const char *annotation_user(const char *userid, const char *owner)
{
	return owner != NULL && strcmp(userid, "[.OwNeR.]") == 0 ? owner : userid;
}

static int on_live_annotation(void *arg, const struct annotation *a, struct err *e)
{
	struct annotation_walk *w = arg;
	const struct annotation *b = w->wanted;

	(void)e;
	if (strcmp(a->entry, b->entry) == 0 &&
	    strcmp(annotation_user(a->userid, w->owner), annotation_user(b->userid, w->owner)) == 0)
		w->found = a->value_len == b->value_len && memcmp(a->value, b->value, a->value_len) == 0;
	return 0;
}

static void step_annotation(
    struct planning *g, size_t item_index, const struct annotation *a, const char *owner)
{
	const struct restore_item *item = &g->plan->items[item_index];
	const char *user = annotation_user(a->userid, owner);
	struct buf name = BUF_INIT;
	struct restore_step *s = plan_step(g, STEP_ANNOTATION, item_index, "set annotation %s of %s%s%s",
	    a->entry, item->name, *user != '\0' ? " for " : "", user);

	s->entry = mem_printf("%s%s", *user != '\0' ? "/private" : "/shared", a->entry);
	/* A shared one is set by who may: the owner, or the admin in shared folders. */
	s->detail = mem_strdup(*user != '\0' ? user : owner);
	s->value = mem_dup(a->value, a->value_len);
	s->value_len = a->value_len;
	plan_name_as(g->server->conf, item->name, s->detail, &name);
	s->command = mem_printf("IMAP as %s: SETMETADATA \"%s\" (%s ...)",
	    s->detail != NULL ? s->detail : "admin", buf_text(&name), s->entry);
	buf_done(&name);
}

static int on_annotation(void *arg, const struct annotation *a, struct err *e)
{
	struct annotation_walk *w = arg;

	if (a->deleted)
		return 0;
	w->wanted = a;
	w->found = false;
	if (w->live != NULL && annotations_each(w->live, w->live_key, on_live_annotation, w, e) == -1)
		return -1;
	if (!w->found)
		step_annotation(w->g, w->item_index, a, w->owner);
	return 0;
}

int plan_annotations(struct planning *g, size_t item_index, const char *owner, struct err *e)
{
	const struct restore_item *item = &g->plan->items[item_index];
	struct annotation_walk w = { .g = g, .item_index = item_index, .owner = owner };
	int rc;

	if (cyrusdb_open(AT_FDCWD, g->server->conf->annotation_path, &w.live, NULL) == -1)
		w.live = NULL;
	w.live_key = cyrus_version_at_least(g->server->version, 3, 6) ? item->entry.uniqueid : item->name;
	rc = source_annotations(g->source, item->source_index, on_annotation, &w, e);
	cyrusdb_close(w.live);
	return rc == -1 ? -1 : 0;
}

static const char *rights_of(const struct mailbox_entry *entry, const char *who)
{
	for (size_t i = 0; i < entry->n_acl; i++)
		if (strcmp(entry->acl[i].user, who) == 0)
			return entry->acl[i].rights;
	return "";
}

void plan_step_acl(struct planning *g, size_t item_index, const char *who, const char *rights)
{
	const struct restore_item *item = &g->plan->items[item_index];
	struct buf name = BUF_INIT;
	struct restore_step *s;

	if (*rights != '\0')
		s = plan_step(
		    g, STEP_ACL, item_index, "give %s the rights %s on %s", who, rights, item->name);
	else
		s = plan_step(g, STEP_ACL, item_index, "take the rights of %s on %s away", who, item->name);
	s->detail = mem_strdup(who);
	s->value = mem_strdup(rights);
	mboxname_admin(g->server->conf, item->name, &name);
	s->command = mem_printf("IMAP as admin: %s \"%s\" %s %s", *rights != '\0' ? "SETACL" : "DELETEACL",
	    buf_text(&name), who, rights);
	buf_done(&name);
}

void plan_acl(struct planning *g, size_t item_index)
{
	const struct restore_item *item = &g->plan->items[item_index];
	const struct mailbox_entry *was = source_mailbox(g->source, item->source_index)->entry;

	if (was == NULL || (item->state != STATE_DELETED_COPY && !item->unfinished) ||
	    !restore_wants(&g->plan->request, RESTORE_ACL))
		return;
	for (size_t i = 0; i < was->n_acl; i++)
		if (strcmp(rights_of(&item->entry, was->acl[i].user), was->acl[i].rights) != 0)
			plan_step_acl(g, item_index, was->acl[i].user, was->acl[i].rights);
	for (size_t i = 0; i < item->entry.n_acl; i++)
		if (*rights_of(was, item->entry.acl[i].user) == '\0')
			plan_step_acl(g, item_index, item->entry.acl[i].user, "");
}

static int on_kept_annotation(void *arg, const struct annotation *a, struct err *e)
{
	struct annotation_walk *w = arg;

	(void)e;
	if (!a->deleted)
		step_annotation(w->g, w->item_index, a, w->owner);
	return 0;
}

int plan_kept_annotations(struct planning *g, size_t item_index, struct err *e)
{
	const struct restore_item *item = &g->plan->items[item_index];
	char *owner = mboxname_user(item->name);
	struct annotation_walk w = { .g = g, .item_index = item_index, .owner = owner };
	size_t before = g->plan->n_steps;
	struct cyrusdb *db = NULL;
	int rc = 0;

	if (cyrusdb_open(AT_FDCWD, g->server->conf->annotation_path, &db, NULL) == 0)
		rc = annotations_each(db, item->entry.uniqueid, on_kept_annotation, &w, e);
	cyrusdb_close(db);
	free(owner);
	return rc == -1 ? -1 : (int)(g->plan->n_steps - before);
}

int plan_extras(struct planning *g, size_t item_index, struct err *e)
{
	char *owner = mboxname_user(g->plan->items[item_index].name);
	int rc = plan_readers(g, item_index, owner, e);

	/* What is renamed back has its annotations, newer ones than the archive's. */
	if (rc == 0 && g->plan->items[item_index].state != STATE_DELETED_COPY &&
	    restore_wants(&g->plan->request, RESTORE_ANNOTATIONS))
		rc = plan_annotations(g, item_index, owner, e);
	free(owner);
	return rc == -1 ? err_wrap(e, "mailbox %s", g->plan->items[item_index].name) : 0;
}

int plan_user(struct planning *g, const char *userid, struct err *e)
{
	struct place_context cx = { .server = g->server, .source = g->source };
	char *inbox = mboxname_inbox(userid);
	const struct mailbox_entry *live = mboxlist_find(g->live, inbox);
	bool gone = live == NULL || live->flags & MBTYPE_DELETED;
	int missing = gone ? 1 : place_count_user_files(&cx, g->plan, g->live, userid, e);
	struct restore_step *s;

	free(inbox);
	if (missing > 0 && source_is_live(g->source)) {
		plan_note(g,
		    "seen state, subscriptions and sieve scripts went with user %s: restore --user %s from "
		    "an "
		    "archive afterwards brings them back",
		    userid, userid);
		return 0;
	}
	if (missing <= 0)
		return missing;
	s = plan_step(g, STEP_USER_FILES, (size_t)-1, "put back %s%s's %s", gone ? "" : "what is missing of ",
	    userid,
	    g->plan->request.what == 0 ? "seen state, subscriptions, sieve scripts and quota roots"
				       : "own files, as far as they were asked for");
	s->detail = mem_strdup(userid);
	s->replace = gone;
	return 0;
}
