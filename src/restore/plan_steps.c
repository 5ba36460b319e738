/* plan_steps.c: items, of which it is decided how they stand -> the steps that bring them back, in the order in which they are safe. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/str.h"
#include "restore/place.h"
#include "restore/plan.h"

static void step_files(struct planning *g, size_t i)
{
	struct restore_item *item = &g->plan->items[i];
	uint64_t bytes = item->bytes - (item->merge != NULL ? item->merge->append_bytes : 0);
	char size[16];

	str_size(size, sizeof size, bytes);
	if (item->whole)
		plan_step(g, STEP_FILES, i, "put %u messages with index, flags and cache (%s) back into %s",
		    item->messages, size, item->dir);
	else
		plan_step(g, STEP_FILES, i, "put %zu message files%s%s (%s) back into %s", item->n_missing,
		    item->want_header ? ", cyrus.header" : "", item->want_cache ? ", cyrus.cache" : "", size,
		    item->dir);
	g->plan->bytes += bytes;
}

/* A merge of which nothing is left to do but, after one that was cut off, its end. */
static bool needs_append(const struct restore_item *item)
{
	return item->merge != NULL && item->state != STATE_OTHER &&
	       (item->merge->n_append > 0 || item->merge->cut_off);
}

static void step_append(struct planning *g, size_t i)
{
	struct restore_item *item = &g->plan->items[i];
	const struct restore_merge *m = item->merge;
	char *owner = mboxname_user(item->name), size[16], n[40];
	struct buf shown = BUF_INIT, name = BUF_INIT;
	struct restore_step *s;

	mboxname_display(g->server->conf, item->name, &shown);
	plan_name_as(g->server->conf, item->name, owner, &name);
	if (m->n_append == 0)
		s = plan_step(g, STEP_APPEND, i, "finish what was begun in %s", buf_text(&shown));
	else
		s = plan_step(g, STEP_APPEND, i, "%s %s (%s) to %s%s%s",
		    source_is_live(g->source) ? "copy out of cyr_expire's reach, and append" : "append",
		    str_count(n, sizeof n, m->n_append, "message", "messages"),
		    str_size(size, sizeof size, m->append_bytes), buf_text(&shown),
		    g->plan->request.mark != NULL ? ", marked " : "",
		    g->plan->request.mark != NULL ? g->plan->request.mark : "");
	if (m->n_append > 0)
		s->command = mem_printf("IMAP as %s: APPEND \"%s\" (flags) \"date\" ...",
		    owner != NULL ? owner : "admin", buf_text(&name));
	g->plan->bytes += m->append_bytes;
	buf_done(&shown);
	buf_done(&name);
	free(owner);
}

static bool is_in_the_way(const struct planning *g, const struct restore_item *item)
{
	const struct mailbox_entry *is = mboxlist_find(g->live, item->name);

	return item->aside_name != NULL && item->state != STATE_OTHER && is != NULL && is->uniqueid != NULL &&
	       strcmp(is->uniqueid, item->aside_id) == 0;
}

static void step_aside(struct planning *g, size_t i)
{
	const struct restore_item *item = &g->plan->items[i];
	struct buf from = BUF_INIT, to = BUF_INIT;
	struct restore_step *s;

	mboxname_admin(g->server->conf, item->name, &from);
	mboxname_admin(g->server->conf, item->aside_name, &to);
	s = plan_step(
	    g, STEP_ASIDE, i, "rename the %s that is there aside to %s", item->name, item->aside_name);
	s->command = mem_printf("IMAP as admin: RENAME \"%s\" \"%s\"", buf_text(&from), buf_text(&to));
	buf_done(&from);
	buf_done(&to);
}

static void step_carry(struct planning *g, size_t i)
{
	const struct restore_item *item = &g->plan->items[i];
	char *owner = mboxname_user(item->name);
	struct buf name = BUF_INIT;
	struct restore_step *s =
	    plan_step(g, STEP_CARRY, i, "copy the newer mail of %s over", item->aside_name);

	plan_name_as(g->server->conf, item->name, owner, &name);
	s->command =
	    mem_printf("IMAP as %s: UID COPY ... \"%s\"", owner != NULL ? owner : "admin", buf_text(&name));
	buf_done(&name);
	free(owner);
}

static void step_create(struct planning *g, size_t i)
{
	const struct restore_item *item = &g->plan->items[i];
	char *owner = mboxname_user(item->name);
	struct buf name = BUF_INIT;
	struct restore_step *s = plan_step(g, STEP_CREATE, i, "make an empty mailbox %s", item->name);

	plan_name_as(g->server->conf, item->name, owner, &name);
	s->command =
	    mem_printf("IMAP as %s: CREATE \"%s\"", owner != NULL ? owner : "admin", buf_text(&name));
	buf_done(&name);
	free(owner);
}

static void step_rename(struct planning *g, size_t i)
{
	struct restore_item *item = &g->plan->items[i];
	struct buf from = BUF_INIT, to = BUF_INIT;
	struct restore_step *s;

	mboxname_admin(g->server->conf, item->deleted_name, &from);
	mboxname_admin(g->server->conf, item->name, &to);
	s = plan_step(g, STEP_RENAME, i, "rename %s back to %s", item->deleted_name, item->name);
	s->command = mem_printf("IMAP as admin: RENAME \"%s\" \"%s\"", buf_text(&from), buf_text(&to));
	buf_done(&from);
	buf_done(&to);
}

/* Cyrus 3.6 and its RENAME of a by-name mailbox out of DELETED: the unique id's own record goes on naming the deleted one,
 * and the mailbox's annotations are dropped (tested with 3.6.1). Both are put right again. */
static bool rename_loses(const struct planning *g, const struct restore_item *item)
{
	return (item->state == STATE_DELETED_COPY || item->unfinished) &&
	       cyrus_version_at_least(g->server->version, 3, 6) &&
	       mailbox_entry_layout(g->server->conf, &item->entry) == LAYOUT_BY_NAME;
}

static void step_reconstruct(struct planning *g, size_t i)
{
	const char *name = g->plan->items[i].name;
	struct restore_step *s =
	    plan_step(g, STEP_RECONSTRUCT, i, "let the server count the annotations of %s again", name);

	s->command = mem_printf("reconstruct -C %s %s", g->server->conf->path, name);
}

static int step_after_rename(struct planning *g, size_t i, struct err *e)
{
	int n = rename_loses(g, &g->plan->items[i]) ? plan_kept_annotations(g, i, e) : 0;

	if (n > 0 || (n == 0 && g->plan->items[i].unfinished && rename_loses(g, &g->plan->items[i])))
		step_reconstruct(g, i);
	return n == -1 ? -1 : 0;
}

/* What comes after a mailbox's files: quota, seen records, subscriptions, annotations, proof. */
static bool needs_rest(const struct restore_item *item)
{
	return item->unfinished || (!item->create && item->state != STATE_SAME &&
				       item->state != STATE_DIFFERS && item->state != STATE_OTHER);
}

static bool needs_entry(const struct planning *g, const struct restore_item *item)
{
	const struct mailbox_entry *live = mboxlist_find(g->live, item->name);

	if (rename_loses(g, item))
		return true;
	if (item->create)
		return false;
	return item->state == STATE_ABSENT ||
	       (item->state == STATE_DAMAGED && live != NULL && live->uidvalidity != item->entry.uidvalidity);
}

/* Unless there is one already among the steps from ${from} on. */
static void step_quota_fix(struct planning *g, size_t from, const char *root_or_user, bool is_user)
{
	struct restore_step *s;

	for (size_t i = from; i < g->plan->n_steps; i++)
		if (g->plan->steps[i].kind == STEP_QUOTA_FIX &&
		    strcmp(g->plan->steps[i].detail, root_or_user) == 0)
			return;
	s = plan_step(g, STEP_QUOTA_FIX, (size_t)-1, "count again what %s uses of its quota", root_or_user);
	s->detail = mem_strdup(root_or_user);
	s->of_user = is_user;
	s->command =
	    mem_printf("quota -C %s -f %s%s", g->server->conf->path, is_user ? "-u " : "", root_or_user);
}

/* The server has not seen them come, and counts anew after the last. */
static void steps_keep(struct planning *g)
{
	struct restore_plan *p = g->plan;
	size_t last;

	for (size_t i = 0; i < p->n_items; i++)
		if (needs_append(&p->items[i]) && p->items[i].merge->keep)
			plan_keep_step(g, i);
	last = p->n_steps;
	for (size_t i = 0; i < p->n_items; i++) {
		char *user = mboxname_user(p->items[i].name);

		if (needs_append(&p->items[i]) && p->items[i].merge->keep)
			step_quota_fix(g, last, user != NULL ? user : p->items[i].name, user != NULL);
		free(user);
	}
}

void plan_step_prove(struct planning *g, size_t i)
{
	struct buf name = BUF_INIT;

	mboxname_display(g->server->conf, g->plan->items[i].name, &name);
	plan_step(g, STEP_PROVE, i, "compare %s with the archive", buf_text(&name));
	buf_done(&name);
}

static bool is_replaced_in_place(const struct restore_plan *p, const struct restore_item *item)
{
	return p->request.mode == RESTORE_REPLACE && !item->create &&
	       (item->state == STATE_SAME || item->state == STATE_DIFFERS ||
		   item->state == STATE_DELETED_COPY);
}

/* In the order in which they are safe: what a mailbox stands on, names back, files, entries, the rest. */
int plan_make_steps(struct planning *g, struct err *e)
{
	struct restore_plan *p = g->plan;
	const struct restore_request *request = &p->request;
	size_t entries = 0;

	if (place_leftovers(g->server, false) > 0)
		plan_step(g, STEP_CLEAN, (size_t)-1, "remove what an interrupted restore left aside");
	if (request->user != NULL && request->to_user == NULL && request->mode != RESTORE_BESIDE &&
	    plan_user(g, request->user, e) == -1)
		return -1;
	for (size_t i = 0; i < p->n_items; i++)
		if (is_in_the_way(g, &p->items[i]))
			step_aside(g, i);
	for (size_t i = 0; i < p->n_items; i++)
		if (p->items[i].state == STATE_DELETED_COPY)
			step_rename(g, i);
	for (size_t i = 0; i < p->n_items; i++) {
		const struct restore_item *item = &p->items[i];

		if (needs_rest(item) && plan_quota_root(g, i, e) == -1)
			return -1;
	}
	for (size_t i = 0; i < p->n_items; i++) {
		struct restore_item *item = &p->items[i];

		if (item->state != STATE_OTHER &&
		    (item->whole || item->n_missing > 0 || item->want_header || item->want_cache))
			step_files(g, i);
		entries += needs_entry(g, item);
	}
	if (entries > 0) {
		struct restore_step *s = plan_step(g, STEP_ENTRIES, (size_t)-1,
		    "enter %zu mailbox%s into mailboxes.db", entries, entries == 1 ? "" : "es");

		s->command =
		    mem_printf("ctl_mboxlist -C %s -u < their lines of mailboxes.txt", g->server->conf->path);
	}
	for (size_t i = 0; i < p->n_items; i++) {
		const struct restore_item *item = &p->items[i];
		char *user = mboxname_user(item->name);

		if (needs_rest(item)) {
			plan_acl(g, i);
			if (step_after_rename(g, i, e) == -1 || plan_extras(g, i, e) == -1) {
				free(user);
				return -1;
			}
			/* Its index counts them already, and again when they are set. */
			if ((item->fresh || item->whole) && p->steps[p->n_steps - 1].kind == STEP_ANNOTATION)
				step_reconstruct(g, i);
			step_quota_fix(g, 0, user != NULL ? user : item->name, user != NULL);
		} else if (item->state == STATE_SAME && plan_quota_is_off(g, item)) {
			step_quota_fix(g, 0, user != NULL ? user : item->name, user != NULL);
		}
		free(user);
	}
	for (size_t i = 0; i < p->n_items; i++)
		if (needs_append(&p->items[i]) && !p->items[i].merge->keep) {
			if (p->items[i].create)
				step_create(g, i);
			step_append(g, i);
			plan_sessions(g, i, SESSION_APPENDED);
			if (plan_append_readers(g, i, e) == -1 || plan_append_notes(g, i, e) == -1)
				return -1;
		}
	steps_keep(g);
	/* What is not replaced as a whole gets the archive's state where it is. */
	for (size_t i = 0; i < p->n_items; i++)
		if (is_replaced_in_place(p, &p->items[i]) && plan_state_too(g, i, e) == -1)
			return -1;
	for (size_t i = 0; i < p->n_items; i++)
		if (p->items[i].aside_name != NULL && p->items[i].state != STATE_OTHER) {
			step_carry(g, i);
			plan_sessions(g, i,
			    mailbox_entry_layout(g->server->conf, &p->items[i].entry) == LAYOUT_BY_NAME
				? SESSION_DROPPED
				: SESSION_GONE);
		}
	for (size_t i = 0; i < p->n_items; i++)
		if (needs_rest(&p->items[i]) || needs_append(&p->items[i]) ||
		    (is_replaced_in_place(p, &p->items[i]) && p->items[i].state == STATE_DIFFERS))
			plan_step_prove(g, i);
	return 0;
}
