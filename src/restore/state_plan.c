/* state_plan.c: steps for what belongs to a mailbox that is there besides its messages: flags, \Seen, rights, subscriptions, annotations, limits. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/rights.h"
#include "restore/room.h"
#include "restore/state.h"

/* Of a set of UIDs so much is shown in a command. */
#define SHOWN_SET 60

struct planned {
	struct planning *g;
	size_t item_index;
	struct state_box box;
	const struct acl_item *acl; /* as it will be */
	size_t n_acl;
};

/* ---- words ---- */

static void show_box(const struct planned *p, struct buf *b)
{
	mboxname_display(p->g->server->conf, p->g->plan->items[p->item_index].name, b);
}

/* "set \Flagged on 12 messages, $Label1 on 3; take \Answered from 2 messages" */
static void put_changes(const struct state_changes *c, bool one_flag, struct buf *b)
{
	char n[40];
	size_t parts = 0;

	for (size_t i = 0; i < c->n; i++)
		if (c->list[i].n_set > 0)
			buf_printf(b, "%s%s on %s", parts++ > 0 ? ", " : "set ", c->list[i].flag,
			    str_count(n, sizeof n, c->list[i].n_set, "message", "messages"));
	if (one_flag && parts > 0 && c->list[0].n_clear > 0) {
		buf_printf(b, ", take it from %zu", c->list[0].n_clear);
		return;
	}
	for (size_t i = 0, taken = 0; i < c->n; i++)
		if (c->list[i].n_clear > 0)
			buf_printf(b, "%s%s from %s", taken++ > 0 ? ", " : (parts > 0 ? "; take " : "take "),
			    c->list[i].flag,
			    str_count(n, sizeof n, c->list[i].n_clear, "message", "messages"));
}

static char *command_of(const struct planned *p, const struct state_changes *c, const char *who)
{
	const struct restore_item *item = &p->g->plan->items[p->item_index];
	const struct state_change *first = &c->list[0];
	bool on = first->n_set > 0;
	struct buf name = BUF_INIT, set = BUF_INIT;
	char *command;

	plan_name_as(p->g->server->conf, item->name, who, &name);
	uidset_put(&set, on ? first->set : first->clear, on ? first->n_set : first->n_clear);
	command = mem_printf("IMAP as %s: SELECT \"%s\", UID STORE %.*s%s %sFLAGS.SILENT (%s)%s",
	    who != NULL ? who : "admin", buf_text(&name), SHOWN_SET, buf_text(&set),
	    set.len > SHOWN_SET ? "..." : "", on ? "+" : "-", first->flag,
	    c->n > 1 || (on && first->n_clear > 0) ? ", ..." : "");
	buf_done(&name);
	buf_done(&set);
	return command;
}

static void add_why(struct restore_item *item, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add_why(struct restore_item *item, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = str_safe_vprintf(fmt, ap);
	va_end(ap);
	buf_printf(&b, "%s%s%s", item->why != NULL ? item->why : "", item->why != NULL ? "; " : "", s);
	free(s);
	free(item->why);
	item->why = buf_steal(&b);
}

/* ---- flags ---- */

static void note_keywords(const struct planned *p, const struct state_changes *c)
{
	const struct mailbox_header *is = p->box.live.mailbox->header;
	size_t needed = state_new_keywords(c, is), room = 0;
	struct buf shown = BUF_INIT;

	for (int i = 0; i < MAILBOX_USER_FLAGS; i++)
		room += is->flag_names[i] == NULL;
	show_box(p, &shown);
	if (needed > room)
		plan_note(p->g,
		    "%s has room for %zu more keywords, %zu would be new: the server may refuse the others",
		    buf_text(&shown), room, needed);
	buf_done(&shown);
}

static void plan_flags(struct planned *p)
{
	struct restore_item *item = &p->g->plan->items[p->item_index];
	struct state_changes c;
	struct buf shown = BUF_INIT, words = BUF_INIT;
	struct restore_step *s;
	size_t set, clear;

	state_flag_changes(p->box.pairs, p->box.n, p->box.m->header, p->box.live.mailbox->header, &c);
	if (c.n > 0) {
		show_box(p, &shown);
		put_changes(&c, false, &words);
		note_keywords(p, &c);
		s = plan_step(p->g, STEP_FLAGS, p->item_index, "%s: %s", buf_text(&shown), buf_text(&words));
		s->command = command_of(p, &c, p->box.owner);
		state_changes_count(&c, &set, &clear);
		add_why(item, "flags to set %zu, to take away %zu", set, clear);
	}
	state_changes_done(&c);
	buf_done(&shown);
	buf_done(&words);
}

/* ---- \Seen ---- */

static void step_seen(struct planned *p, const struct state_changes *c, const char *who)
{
	struct restore_item *item = &p->g->plan->items[p->item_index];
	struct buf shown = BUF_INIT, words = BUF_INIT;
	struct restore_step *s;

	if (c->n == 0)
		return;
	show_box(p, &shown);
	put_changes(c, true, &words);
	s = plan_step(p->g, STEP_READER, p->item_index, "%s: %s, for %s", buf_text(&shown), buf_text(&words),
	    who != NULL ? who : "everybody");
	s->detail = mem_strdup(who);
	s->command = command_of(p, c, who);
	add_why(item, "read by %s otherwise: %zu", who != NULL ? who : "all",
	    c->list[0].n_set + c->list[0].n_clear);
	buf_done(&shown);
	buf_done(&words);
}

static int plan_reader_seen(struct planned *p, const char *reader, struct err *e)
{
	struct buf shown = BUF_INIT;
	struct state_changes c;
	struct err why;
	int r = state_reader_changes(&p->box, p->g->live, p->g->plan, reader, &c, &why);

	show_box(p, &shown);
	if (r == -1 && why.code != ERR_NOT_FOUND) {
		if (e != NULL)
			*e = why;
	} else if (r == -1) {
		if (p->g->server->imap_admin == NULL || strcmp(reader, p->g->server->imap_admin) != 0)
			plan_note(p->g,
			    "%s is no user of this server any more: what he had read of %s is left out",
			    reader, buf_text(&shown));
		r = 0;
	} else if (r == 1 && c.n > 0 && !state_may_read(p->acl, p->n_acl, reader)) {
		plan_note(p->g, "%s may not read %s any more: what he had read of it is left out", reader,
		    buf_text(&shown));
	} else if (r == 1) {
		step_seen(p, &c, reader);
	}
	state_changes_done(&c);
	buf_done(&shown);
	return r == -1 ? -1 : 0;
}

/* ---- readers ---- */

static bool is_among(const struct acl_item *acl, size_t n, const char *who)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(acl[i].user, who) == 0)
			return true;
	return false;
}

static const char *rights_of(const struct acl_item *acl, size_t n, const char *who)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(acl[i].user, who) == 0)
			return acl[i].rights;
	return "";
}

typedef int reader_fn(void *arg, const char *reader, struct err *e);

/* Whom the archive's rights let in, the owner first; everybody of the archive when they name a group. */
static int each_reader(struct planned *p, reader_fn *each, struct err *e)
{
	const char *owner = p->box.owner;
	const struct acl_item *acl;
	size_t n;

	state_acl(p->g->source, p->g->plan->items[p->item_index].source_index, p->box.m, &acl, &n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(acl[i].user, "anyone") == 0 || str_starts(acl[i].user, "group:"))
			return source_users(p->g->source, each, p, e);
	if (owner != NULL && each(p, owner, e) == -1)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (acl[i].user[0] != '-' && (owner == NULL || strcmp(acl[i].user, owner) != 0) &&
		    each(p, acl[i].user, e) == -1)
			return -1;
	return 0;
}

static int on_reader(void *arg, const char *reader, struct err *e)
{
	struct planned *p = arg;
	bool other = p->box.owner == NULL || strcmp(reader, p->box.owner) != 0;

	if (job_cancelled(p->g->job, e))
		return -1;
	if (other && restore_wants(&p->g->plan->request, RESTORE_SEEN) &&
	    plan_reader_seen(p, reader, e) == -1)
		return -1;
	return restore_wants(&p->g->plan->request, RESTORE_SUBSCRIPTIONS)
	           ? plan_subscription(p->g, p->item_index, reader, e)
	           : 0;
}

/* ---- what is appended ---- */

/* How many of the messages to be appended that reader had read; -1. */
static int64_t count_read(const struct planned *p, const char *reader, struct err *e)
{
	const struct restore_merge *m = p->g->plan->items[p->item_index].merge;
	struct seen_record was = { 0 };
	struct uidset set = { 0 };
	int64_t n = 0;
	int r = source_seen(p->g->source, reader, p->box.m->header->uniqueid, &was, e);

	if (r == 1) {
		uidset_parse(was.uids, &set);
		for (size_t i = 0; i < m->n; i++)
			n += m->append[i] && uidset_contains(&set, m->archive[i].uid);
	}
	uidset_done(&set);
	seen_record_done(&was);
	return r == -1 ? -1 : n;
}

static int on_append_reader(void *arg, const char *reader, struct err *e)
{
	struct planned *p = arg;
	const struct restore_item *item = &p->g->plan->items[p->item_index];
	struct buf path = BUF_INIT, shown = BUF_INIT;
	struct restore_step *s;
	char count[40];
	int64_t n;

	/* What the owner had read goes with the messages. */
	if (p->box.owner != NULL && strcmp(reader, p->box.owner) == 0)
		return 0;
	if (job_cancelled(p->g->job, e) || (n = count_read(p, reader, e)) == -1)
		return -1;
	/* What was appended before a merge was cut off may still be unread. */
	if ((n > 0 || item->merge->cut_off) && state_may_read(p->acl, p->n_acl, reader) &&
	    restore_user_path(p->g->server, p->g->live, p->g->plan, USER_SEEN, reader, &path, NULL) == 0) {
		show_box(p, &shown);
		if (n > 0)
			s = plan_step(p->g, STEP_READER, p->item_index, "%s: mark %s of these read for %s",
			    buf_text(&shown),
			    str_count(count, sizeof count, (uint64_t)n, "message", "messages"), reader);
		else
			s = plan_step(p->g, STEP_READER, p->item_index,
			    "%s: mark read for %s what he had read of what was appended", buf_text(&shown),
			    reader);
		s->detail = mem_strdup(reader);
	}
	buf_done(&path);
	buf_done(&shown);
	return 0;
}

int plan_append_readers(struct planning *g, size_t item_index, struct err *e)
{
	const struct restore_item *item = &g->plan->items[item_index];
	struct planned p = {
		.g = g, .item_index = item_index, .acl = item->entry.acl, .n_acl = item->entry.n_acl
	};
	int rc = 0;

	if (!restore_wants(&g->plan->request, RESTORE_SEEN))
		return 0;
	p.box.owner = mboxname_user(item->name);
	rc = source_load(g->source, item->source_index, false, &p.box.m, e);
	if (rc == 0 && !(p.box.m->index->h.options & OPT_SHAREDSEEN))
		rc = each_reader(&p, on_append_reader, e);
	source_messages_free(p.box.m);
	free(p.box.owner);
	return rc == -1 ? err_wrap(e, "mailbox %s", g->plan->items[item_index].name) : 0;
}

/* ---- rights ---- */

static void plan_rights(struct planned *p)
{
	struct restore_item *item = &p->g->plan->items[p->item_index];
	const char *admin = p->g->server->imap_admin != NULL ? p->g->server->imap_admin : "";
	const struct acl_item *acl;
	size_t n, before = p->g->plan->n_steps;
	struct buf since = BUF_INIT, shown = BUF_INIT;

	if (!state_acl(p->g->source, item->source_index, p->box.m, &acl, &n))
		return;
	for (size_t i = 0; i < n; i++)
		if (strcmp(acl[i].user, admin) != 0 &&
		    !rights_same(rights_of(item->entry.acl, item->entry.n_acl, acl[i].user), acl[i].rights))
			plan_step_acl(p->g, p->item_index, acl[i].user, acl[i].rights);
	for (size_t i = 0; i < item->entry.n_acl; i++) {
		const char *who = item->entry.acl[i].user;

		if (is_among(acl, n, who) || strcmp(who, admin) == 0)
			continue;
		plan_step_acl(p->g, p->item_index, who, "");
		buf_printf(&since, "%s%s", since.len > 0 ? ", " : "", who);
	}
	show_box(p, &shown);
	if (since.len > 0)
		plan_note(p->g, "rights on %s that were given since and will be taken away: %s",
		    buf_text(&shown), buf_text(&since));
	if (p->g->plan->n_steps > before)
		add_why(item, "other rights: %zu", p->g->plan->n_steps - before);
	buf_done(&since);
	buf_done(&shown);
	p->acl = acl;
	p->n_acl = n;
}

/* ---- limits ---- */

static bool same_limits(const struct quota_root *a, const struct quota_root *b)
{
	for (int i = 0; i < QUOTA_RESOURCES; i++)
		if (a->limit[i] != b->limit[i])
			return false;
	return true;
}

static int plan_limit(struct planned *p, struct err *e)
{
	struct restore_plan *plan = p->g->plan;
	const char *root = p->box.m->header->quotaroot;
	struct quota_root was, is;
	struct buf name = BUF_INIT, limits = BUF_INIT;
	struct restore_step *s;
	bool there;
	int r;

	/* A header may name anybody's. */
	if (root == NULL || *root == '\0' || !plan_is_root_of(root, plan->items[p->item_index].name))
		return 0;
	for (size_t i = 0; i < plan->n_steps; i++)
		if (plan->steps[i].kind == STEP_QUOTA_LIMIT && strcmp(plan->steps[i].detail, root) == 0)
			return 0;
	r = source_quota(p->g->source, root, &was, e);
	if (r != 1)
		return r;
	there = room_read(p->g->server, root, &is);
	if (there && same_limits(&was, &is))
		return 0;
	mboxname_admin(p->g->server->conf, root, &name);
	room_limits_words(&was, &limits);
	s = plan_step(p->g, STEP_QUOTA_LIMIT, p->item_index, "%s quota %s: %s",
	    there ? "set the limits of" : "make anew", root, buf_text(&limits));
	s->detail = mem_strdup(root);
	s->value = room_limits_text(&was);
	buf_clear(&limits);
	room_limits_command(&was, &limits);
	s->command = mem_printf("IMAP as admin: SETQUOTA \"%s\" (%s)", buf_text(&name), buf_text(&limits));
	add_why(&plan->items[p->item_index], there ? "other quota limits" : "its quota root is gone");
	buf_done(&name);
	buf_done(&limits);
	return 0;
}

/* ---- one mailbox ---- */

static size_t count_kind(const struct restore_plan *plan, size_t from, enum step_kind kind)
{
	size_t n = 0;

	for (; from < plan->n_steps; from++)
		n += plan->steps[from].kind == kind;
	return n;
}

static int plan_kinds(struct planned *p, struct err *e)
{
	const struct restore_request *request = &p->g->plan->request;
	struct restore_item *item = &p->g->plan->items[p->item_index];
	size_t before = p->g->plan->n_steps, n;
	struct state_changes c;

	p->acl = item->entry.acl;
	p->n_acl = item->entry.n_acl;
	if (restore_wants(request, RESTORE_ACL))
		plan_rights(p);
	if (restore_wants(request, RESTORE_QUOTA) && plan_limit(p, e) == -1)
		return -1;
	if (restore_wants(request, RESTORE_FLAGS))
		plan_flags(p);
	if (restore_wants(request, RESTORE_SEEN)) {
		if (state_owner_changes(&p->box, &c))
			step_seen(p, &c, p->box.owner);
		state_changes_done(&c);
	}
	if (restore_wants(request, RESTORE_SEEN | RESTORE_SUBSCRIPTIONS) &&
	    each_reader(p, on_reader, e) == -1)
		return -1;
	if (restore_wants(request, RESTORE_ANNOTATIONS) &&
	    plan_annotations(p->g, p->item_index, p->box.owner, e) == -1)
		return -1;
	item = &p->g->plan->items[p->item_index];
	if ((n = count_kind(p->g->plan, before, STEP_SUBSCRIBE)) > 0)
		add_why(item, "subscriptions gone: %zu", n);
	if ((n = count_kind(p->g->plan, before, STEP_ANNOTATION)) > 0)
		add_why(item, "other annotations: %zu", n);
	if (p->g->plan->n_steps > before && item->state == STATE_SAME)
		item->state = STATE_DIFFERS;
	return 0;
}

int plan_state_too(struct planning *g, size_t i, struct err *e)
{
	struct planned p = { .g = g, .item_index = i };
	const struct restore_item *item = &g->plan->items[i];
	const struct mailbox_entry *live =
	    mboxlist_find(g->live, item->deleted_name != NULL ? item->deleted_name : item->name);
	int rc;

	if (live == NULL || live->type != 'e')
		return 0;
	rc = state_box_open(g->server, g->source, &g->plan->items[i], live, g->job, &p.box, e);
	if (rc == 0)
		rc = plan_kinds(&p, e);
	state_box_done(&p.box);
	return rc == -1 ? err_wrap(e, "mailbox %s", g->plan->items[i].name) : 0;
}

/* By its name, else by its unique id: then it was renamed since. */
static const struct mailbox_entry *find_live(const struct planning *g, const struct restore_item *item)
{
	const struct mailbox_entry *live = mboxlist_find(g->live, item->name);
	const char *id = source_mailbox(g->source, item->source_index)->uniqueid;

	if (live != NULL && mailbox_entry_has_directory(live))
		return live;
	for (size_t at = *id != '\0' && !item->fresh ? mboxlist_find_id(g->live, id, 0) : (size_t)-1;
	     at != (size_t)-1; at = mboxlist_find_id(g->live, id, at + 1))
		if (mailbox_entry_has_directory(&g->live->entries[at]) &&
		    !mboxname_is_deleted(g->server->conf, g->live->entries[at].name))
			return &g->live->entries[at];
	return NULL;
}

static int plan_state_item(struct planning *g, size_t i, struct err *e)
{
	struct restore_item *item = &g->plan->items[i];
	const struct mailbox_entry *live = find_live(g, item);
	struct planned p = { .g = g, .item_index = i };
	struct err why;
	int rc;

	if (live == NULL) {
		item->state = STATE_ABSENT;
		item->why =
		    mem_strdup("it is not on the server: left out (without --state it comes back whole)");
		return 0;
	}
	if (strcmp(live->name, item->name) != 0 && plan_has_target(g, live->name)) {
		/* One mailbox cannot be as two of the archive were. */
		item->state = STATE_ABSENT;
		item->why =
		    mem_printf("it is called %s now, and the archive has another one of that name: left out",
			live->name);
		return 0;
	}
	if (strcmp(live->name, item->name) != 0) {
		plan_note(g, "%s is called %s now", item->name, live->name);
		plan_rename_item(item, live->name);
	}
	mailbox_entry_done(&item->entry);
	mailbox_entry_copy(&item->entry, live);
	/* Scripts, calendars: what their messages are is not kept in flags. */
	if (live->type != 'e') {
		item->state = STATE_SAME;
		return 0;
	}
	if (item->entry.uniqueid == NULL) {
		/* Older lists do not carry it. */
		struct live_mailbox *l;

		if (live_load(g->server, live, &l, NULL) == 0) {
			item->entry.uniqueid = mem_strdup(l->header != NULL ? l->header->uniqueid : "");
			live_free(l);
		}
	}
	rc = state_box_open(g->server, g->source, item, live, g->job, &p.box, &why);
	if (rc == 0) {
		item->state = STATE_SAME;
		rc = plan_kinds(&p, e);
	} else if (why.code == ERR_REFUSED) {
		item->state = STATE_OTHER;
		item->why = mem_strdup(why.msg);
		item->next = "restore it without --state first, or let the server mend it (reconstruct)";
		rc = 0;
	} else if (e != NULL) {
		*e = why;
	}
	state_box_done(&p.box);
	return rc == -1 ? err_wrap(e, "mailbox %s", g->plan->items[i].name) : 0;
}

/* Of a user as a whole, or whose INBOX is among them. */
static int plan_sieve(struct planning *g, struct err *e)
{
	for (size_t i = 0; i < g->plan->n_items; i++) {
		char *owner = mboxname_user(g->plan->items[i].name);
		char *inbox = owner != NULL ? mboxname_inbox(owner) : NULL;
		int rc = 0;

		if (inbox != NULL && strcmp(inbox, g->plan->items[i].name) == 0 &&
		    g->plan->items[i].state != STATE_ABSENT)
			rc = state_plan_sieve(g, owner, e);
		free(inbox);
		free(owner);
		if (rc == -1)
			return -1;
	}
	return 0;
}

int plan_state(struct planning *g, struct err *e)
{
	struct restore_plan *plan = g->plan;

	for (size_t i = 0; i < plan->n_items; i++)
		if (job_cancelled(g->job, e) || plan_state_item(g, i, e) == -1)
			return -1;
	if (plan->request.user != NULL && restore_wants(&plan->request, RESTORE_SUBSCRIPTIONS) &&
	    plan_other_subscriptions(g, plan->request.user, e) == -1)
		return -1;
	if (restore_wants(&plan->request, RESTORE_SIEVE) && plan_sieve(g, e) == -1)
		return -1;
	for (size_t i = 0; i < plan->n_items; i++) {
		plan->n_refused += plan->items[i].state == STATE_OTHER;
		if (plan->items[i].state == STATE_DIFFERS)
			plan_step_prove(g, i);
	}
	return 0;
}
