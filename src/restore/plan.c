/* plan.c: what is asked for -> items, and how they stand; plan_steps.c makes the steps. Pure data; nothing is changed. */
#include "restore/aside.h"
#include "restore/journal.h"
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
	bool said = false;

	for (size_t i = 0; earlier != NULL && i < earlier->n && item->aside_name == NULL; i++) {
		const struct journal_record *r = &earlier->records[i];
		const struct mailbox_entry *is;

		if (r->kind != JOURNAL_CHANGING || strcmp(r->what, "aside") != 0 || r->after == NULL ||
		    strcmp(r->mailbox, item->name) != 0)
			continue;
		is = aside_find(g->server, g->live, r->uniqueid);
		if (is == NULL && !said) {
			said = true;
			plan_note(g,
			    "%s, which gave way to %s, is not there any more: none of its mail can be "
			    "carried over",
			    r->after, item->name);
		} else if (is != NULL && strcmp(is->name, item->name) != 0) {
			/* Perhaps under a name that somebody has given it since. */
			item->aside_name = mem_strdup(is->name);
			item->aside_id = mem_strdup(r->uniqueid);
		}
	}
}

static void mark_unfinished(struct restore_item *item, const struct restore_request *request)
{
	for (size_t i = 0; i < request->n_unfinished && item->state == STATE_SAME && !item->unfinished; i++)
		item->unfinished = strcmp(request->unfinished[i], item->name) == 0;
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
		rc = plan_make_steps(&g, e);
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

void plan_steps_free(struct restore_plan *p)
{
	for (size_t i = 0; i < p->n_steps; i++) {
		free(p->steps[i].words);
		free(p->steps[i].command);
		free(p->steps[i].detail);
		free(p->steps[i].entry);
		free(p->steps[i].value);
	}
	for (size_t i = 0; i < p->n_notes; i++)
		free(p->notes[i]);
	free(p->steps);
	free(p->notes);
	free(p->moments);
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
	free(p->items);
	plan_steps_free(p);
	restore_request_done(&p->request);
	source_close(p->source);
	store_free(p->store);
	free(p);
}
