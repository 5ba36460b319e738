/* plan.c: what is asked for -> items -> steps. Pure data; nothing is changed. */
#include "restore/journal.h"
#include "restore/place.h"
#include "restore/plan.h"
#include "restore/sides.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/str.h"

const char *mailbox_state_name(enum mailbox_state s)
{
	static const char *const names[] = { "absent", "deleted, still there", "files lost", "damaged",
		"same", "differs", "other content" };

	return names[s];
}

void plan_note(struct planning *g, const char *fmt, ...)
{
	struct restore_plan *p = g->plan;
	va_list ap;

	p->notes = mem_grow(p->notes, &g->cap_notes, p->n_notes + 1, sizeof *p->notes);
	va_start(ap, fmt);
	p->notes[p->n_notes++] = str_safe_vprintf(fmt, ap);
	va_end(ap);
}

struct restore_step *plan_step(struct planning *g, enum step_kind kind, size_t item, const char *fmt, ...)
{
	struct restore_plan *p = g->plan;
	struct restore_step *s;
	va_list ap;

	p->steps = mem_grow(p->steps, &g->cap_steps, p->n_steps + 1, sizeof *p->steps);
	s = &p->steps[p->n_steps++];
	*s = (struct restore_step){ .kind = kind, .item = item };
	va_start(ap, fmt);
	s->words = str_safe_vprintf(fmt, ap);
	va_end(ap);
	return s;
}

bool restore_mark_is_valid(const char *mark)
{
	size_t n = strlen(mark);

	/* An atom that is no system flag. */
	for (size_t i = 0; i < n; i++)
		if (mark[i] <= ' ' || mark[i] >= 0x7f || strchr("(){%*\"\\]", mark[i]) != NULL)
			return false;
	return n > 0 && n <= 100;
}

bool restore_merges(const struct restore_plan *plan)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		if (plan->steps[i].kind == STEP_APPEND || plan->steps[i].kind == STEP_KEEP ||
		    plan->steps[i].kind == STEP_ASIDE)
			return true;
	return false;
}

void plan_rename_item(struct restore_item *item, const char *name)
{
	free(item->name);
	item->name = mem_strdup(name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct restore_item *)a)->name, ((const struct restore_item *)b)->name);
}

/* user.alice.Work needs user.alice: Cyrus shows folders of a user without INBOX to nobody. */
static void check_inboxes(struct planning *g)
{
	for (size_t i = 0; i < g->plan->n_items; i++) {
		struct restore_item *item = &g->plan->items[i];
		char *user = item->state != STATE_OTHER ? mboxname_user(item->name) : NULL;
		char *inbox = user != NULL ? mboxname_inbox(user) : NULL;
		const struct mailbox_entry *entry = inbox != NULL ? mboxlist_find(g->live, inbox) : NULL;

		if (inbox != NULL && (entry == NULL || entry->flags & MBTYPE_DELETED) &&
		    !plan_has_target(g, inbox)) {
			item->state = STATE_OTHER;
			free(item->why);
			item->why = mem_printf(
			    "user %s is not on the server: restore the whole user (--user %s)", user, user);
		}
		free(inbox);
		free(user);
	}
}

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

static bool was_sent_to(const struct journal_log *earlier, const char *name)
{
	for (size_t i = 0; earlier != NULL && i < earlier->n; i++)
		if (earlier->records[i].kind == JOURNAL_SENDING &&
		    strcmp(earlier->records[i].mailbox, name) == 0)
			return true;
	return false;
}

static void mark_cut_off(struct restore_item *item, const struct restore_request *request)
{
	for (size_t i = 0; i < request->n_cut_off && item->merge != NULL && !item->merge->cut_off; i++)
		item->merge->cut_off = strcmp(request->cut_off[i], item->name) == 0;
	/* Also one that had to come back first, before some was appended to it. */
	if (item->merge != NULL && !item->merge->cut_off)
		item->merge->cut_off = was_sent_to(request->earlier, item->name);
}

/* A restore that was cut off has renamed the one that was there: its newer mail is still to be carried over. */
static void mark_aside(struct planning *g, struct restore_item *item, const struct journal_log *earlier)
{
	for (size_t i = 0; earlier != NULL && i < earlier->n && item->aside_name == NULL; i++) {
		const struct journal_record *r = &earlier->records[i];
		const struct mailbox_entry *is;

		if (r->kind != JOURNAL_CHANGING || strcmp(r->what, "aside") != 0 || r->after == NULL ||
		    strcmp(r->mailbox, item->name) != 0)
			continue;
		is = mboxlist_find(g->live, r->after);
		if (is != NULL && mailbox_entry_has_directory(is) && is->uniqueid != NULL &&
		    strcmp(is->uniqueid, r->uniqueid) == 0) {
			item->aside_name = mem_strdup(r->after);
			item->aside_id = mem_strdup(r->uniqueid);
		}
	}
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

static void mark_unfinished(struct restore_item *item, const struct restore_request *request)
{
	for (size_t i = 0; i < request->n_unfinished && item->state == STATE_SAME && !item->unfinished; i++)
		item->unfinished = strcmp(request->unfinished[i], item->name) == 0;
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
static int make_steps(struct planning *g, const struct restore_request *request, struct err *e)
{
	struct restore_plan *p = g->plan;
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

/* Before it is judged: what comes in meanwhile is then in the plan, or makes it another one than is reviewed. */
static void look_at_live(struct planning *g, struct restore_item *item)
{
	const struct mailbox_entry *entry = mboxlist_find(g->live, item->name);
	struct index_header h;

	if (entry == NULL || !mailbox_entry_has_directory(entry) ||
	    live_index_head(g->server, entry, &h) == -1)
		return;
	item->live = (struct item_live){ .there = true,
		.uniqueid = mem_strdup(entry->uniqueid),
		.uidvalidity = h.uidvalidity,
		.uidnext = h.last_uid + 1,
		.messages = h.exists,
		.modseq = h.highestmodseq };
}

int restore_plan_build(struct server *server, struct source *source, const struct restore_request *request,
    struct job *job, struct restore_plan **ret, struct err *e)
{
	struct planning g = { .server = server, .source = source, .job = job };
	int rc;

	g.plan = mem_alloc(sizeof *g.plan);
	restore_request_copy(&g.plan->request, request);
	job_step(job, "compare the archive with the server");
	rc = server_list(server, &g.live, e);
	if (rc == 0)
		rc = source_is_live(source) ? plan_choose_live(&g, request, e) : plan_choose(&g, e);
	if (rc == 0 && g.live->notes & (CYRUSDB_NOTE_TORN | CYRUSDB_NOTE_DAMAGED)) {
		rc = err_set(e, ERR_REFUSED,
		    "the server's mailboxes.db is damaged: what is there cannot be told for sure");
		err_hint(e, "stop the server, mend or replace mailboxes.db (ctl_cyrusdb -r, a copy from "
			    "db.backup1), then restore");
	}
	if (rc == 0 && g.plan->n_items > 1)
		qsort(g.plan->items, g.plan->n_items, sizeof *g.plan->items, by_name);
	for (size_t i = 0; i < g.plan->n_items && rc == 0; i++)
		look_at_live(&g, &g.plan->items[i]);
	if (rc == 0 && request->mode == RESTORE_STATE)
		rc = plan_state(&g, e);
	for (size_t i = 0; i < g.plan->n_items && rc == 0 && request->mode != RESTORE_STATE; i++) {
		rc = job_cancelled(job, e) ? -1 : plan_judge(&g, &g.plan->items[i], e);
		mark_unfinished(&g.plan->items[i], request);
		mark_cut_off(&g.plan->items[i], request);
		if (rc == 0 && request->mode == RESTORE_REPLACE)
			mark_aside(&g, &g.plan->items[i], request->earlier);
	}
	if (rc == 0 && request->mode != RESTORE_STATE) {
		check_inboxes(&g);
		plan_room(&g);
		for (size_t i = 0; i < g.plan->n_items; i++)
			g.plan->n_refused += g.plan->items[i].state == STATE_OTHER;
		rc = make_steps(&g, request, e);
	}
	mboxlist_free(g.live);
	sessions_done(&g.sessions);
	if (rc == -1) {
		restore_plan_free(g.plan);
		return err_wrap(e, "plan the restore");
	}
	*ret = g.plan;
	return 0;
}

void restore_plan_free(struct restore_plan *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->n_items; i++) {
		mailbox_entry_done(&p->items[i].entry);
		free(p->items[i].name);
		free(p->items[i].why);
		free(p->items[i].live.uniqueid);
		free(p->items[i].deleted_name);
		free(p->items[i].dir);
		free(p->items[i].aside_name);
		free(p->items[i].aside_id);
		free(p->items[i].missing);
		free(p->items[i].quota_root);
		restore_merge_free(p->items[i].merge);
	}
	for (size_t i = 0; i < p->n_steps; i++) {
		free(p->steps[i].words);
		free(p->steps[i].command);
		free(p->steps[i].detail);
		free(p->steps[i].entry);
		free(p->steps[i].value);
	}
	for (size_t i = 0; i < p->n_notes; i++)
		free(p->notes[i]);
	free(p->items);
	free(p->steps);
	free(p->notes);
	free(p->moments);
	restore_request_done(&p->request);
	source_close(p->source);
	store_free(p->store);
	free(p);
}
