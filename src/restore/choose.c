/* choose.c: what is asked for -> which mailboxes of the archive, and what they shall be called on the server. */
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/mem.h"
#include "restore/plan.h"

/* ---- names ---- */

/* ${name} with ${from}, which it is or lies below, replaced by ${to}; heap. */
static char *rename_root(const char *name, const char *from, const char *to)
{
	return mem_printf("%s%s", to, name + strlen(from));
}

/* The mailbox asked for that ${name} is or lies below. */
static const char *root_of(const struct restore_request *r, const char *name)
{
	for (size_t i = 0; i < r->n_mailboxes; i++)
		if (mboxname_is_below(name, r->mailboxes[i]))
			return r->mailboxes[i];
	return name;
}

static char *beside_name(const struct planning *g, const char *root)
{
	char date[32];

	clock_iso(date, sizeof date, source_when(g->source));
	return mem_printf("%s.Restored-%.10s", root, date);
}

/* What mailbox ${name} of the archive shall be called; heap. */
static char *target_of(const struct planning *g, const char *name)
{
	const struct restore_request *r = &g->plan->request;
	char *owner = mboxname_user(name), *from = NULL, *to = NULL, *target;

	if (r->into != NULL) {
		from = mem_strdup(root_of(r, name));
		to = mem_strdup(r->into);
	} else if (r->to_user != NULL && owner != NULL) {
		from = mboxname_inbox(owner);
		to = mboxname_inbox(r->to_user);
	} else if (r->mode == RESTORE_BESIDE) {
		from = r->user != NULL ? mboxname_inbox(r->user) : mem_strdup(root_of(r, name));
		to = beside_name(g, from);
	}
	target =
	    from != NULL && mboxname_is_below(name, from) ? rename_root(name, from, to) : mem_strdup(name);
	free(owner);
	free(from);
	free(to);
	return target;
}

/* "#sieve", "#calendars" and such are of one user, in one place. */
static bool is_special(const char *name)
{
	return strstr(name, ".#") != NULL;
}

/* ---- items ---- */

bool plan_has_target(const struct planning *g, const char *name)
{
	for (size_t i = 0; i < g->plan->n_items; i++)
		if (strcmp(g->plan->items[i].name, name) == 0)
			return true;
	return false;
}

void plan_add_item(struct planning *g, size_t source_index, const char *name)
{
	const char *was = source_mailbox(g->source, source_index)->name;
	struct restore_plan *p = g->plan;
	struct restore_item *item;
	char *target = name != NULL ? mem_strdup(name) : target_of(g, was);
	bool elsewhere = name == NULL && strcmp(target, was) != 0;

	if (elsewhere && is_special(was)) {
		plan_note(g, "%s stays out: a mailbox of that kind belongs to one user, in one place", was);
		free(target);
		return;
	}
	p->items = mem_grow(p->items, &g->cap_items, p->n_items + 1, sizeof *p->items);
	item = &p->items[p->n_items++];
	*item = (struct restore_item){ .source_index = source_index, .name = target, .fresh = elsewhere };
	for (size_t i = 0; i < p->request.n_picks && item->pick == NULL; i++)
		if (strcmp(p->request.picks[i].mailbox, was) == 0)
			item->pick = &p->request.picks[i];
}

static bool is_chosen(const struct planning *g, size_t source_index)
{
	for (size_t i = 0; i < g->plan->n_items; i++)
		if (g->plan->items[i].source_index == source_index)
			return true;
	return false;
}

static bool is_of_user(const char *name, const char *userid)
{
	char *user = mboxname_user(name);
	bool yes = user != NULL && strcmp(user, userid) == 0;

	free(user);
	return yes;
}

static int choose_user(struct planning *g, const char *userid, struct err *e)
{
	size_t before = g->plan->n_items;

	for (size_t i = 0; i < source_n(g->source); i++) {
		const struct source_mailbox *m = source_mailbox(g->source, i);

		if (m->has_files && !m->deleted && is_of_user(m->name, userid))
			plan_add_item(g, i, NULL);
	}
	if (g->plan->n_items > before)
		return 0;
	err_set(e, ERR_NOT_FOUND, "the archive has no mailbox of user %s", userid);
	return err_hint(e, "cyrvault mailboxes %s lists what it has", source_name(g->source));
}

/* A name of now, of a mailbox that the archive has under another one: it was renamed since. */
static bool choose_renamed(struct planning *g, const char *name)
{
	const struct mailbox_entry *live = mboxlist_find(g->live, name);

	if (live == NULL || !mailbox_entry_has_directory(live) || live->uniqueid == NULL)
		return false;
	for (size_t i = 0; i < source_n(g->source); i++) {
		const struct source_mailbox *m = source_mailbox(g->source, i);

		if (!m->has_files || m->deleted || strcmp(m->uniqueid, live->uniqueid) != 0)
			continue;
		plan_add_item(g, i, name);
		plan_note(g, "%s is called %s in the archive", name, m->name);
		return true;
	}
	return false;
}

static int choose_mailbox(struct planning *g, const char *name, bool recursive, struct err *e)
{
	bool found = false;

	for (size_t i = 0; i < source_n(g->source); i++) {
		const struct source_mailbox *m = source_mailbox(g->source, i);

		if (!m->has_files || (strcmp(m->name, name) != 0 &&
					 (!recursive || m->deleted || !mboxname_is_below(m->name, name))))
			continue;
		found = true;
		if (!is_chosen(g, i))
			plan_add_item(g, i, NULL);
	}
	if (found || plan_has_target(g, name) || choose_renamed(g, name))
		return 0;
	err_set(e, ERR_NOT_FOUND, "the archive has no mailbox %s", name);
	if (source_find(g->source, name) != (size_t)-1)
		return err_hint(
		    e, "it is in the archive's mailboxes.txt, but its files are not in the archive");
	return err_hint(e, "cyrvault mailboxes %s lists what it has; history shows other archives",
	    source_name(g->source));
}

static int check(const struct restore_request *r, struct err *e)
{
	if (r->into != NULL && (r->n_mailboxes != 1 || r->user != NULL || r->to_user != NULL))
		return err_set(e, ERR_USAGE, "another name can be given to one mailbox only");
	if (r->mode == RESTORE_BESIDE && (r->into != NULL || r->to_user != NULL))
		return err_set(e, ERR_USAGE, "beside the original, or under another name: not both");
	if (r->to_user != NULL && r->user == NULL && r->n_mailboxes == 0 && r->n_picks == 0)
		return err_set(e, ERR_USAGE, "which mailboxes shall the other user get?");
	if (r->mode == RESTORE_STATE && r->what == 0)
		return err_set(e, ERR_USAGE, "which state shall be restored?");
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* Mailboxes of two users, or a mailbox and one that is picked from, may come to the same place. */
static int check_names(const struct restore_plan *p, struct err *e)
{
	const char **names = mem_array(p->n_items + 1, sizeof *names);
	int rc = 0;

	for (size_t i = 0; i < p->n_items; i++)
		names[i] = p->items[i].name;
	if (p->n_items > 1)
		qsort(names, p->n_items, sizeof *names, by_name);
	for (size_t i = 1; i < p->n_items && rc == 0; i++)
		if (strcmp(names[i - 1], names[i]) == 0) {
			err_set(e, ERR_USAGE, "two mailboxes of the archive would become %s", names[i]);
			rc = err_hint(e, "restore them one after the other, under different names (--into)");
		}
	free(names);
	if (rc == 0 && p->n_items == 0)
		rc = err_set(
		    e, ERR_USAGE, "what is asked for belongs to one user, and cannot come back elsewhere");
	return rc;
}

int plan_choose(struct planning *g, struct err *e)
{
	const struct restore_request *r = &g->plan->request;
	int rc = check(r, e);

	if (rc == 0 && r->user != NULL)
		rc = choose_user(g, r->user, e);
	for (size_t i = 0; i < r->n_mailboxes && rc == 0; i++)
		rc = choose_mailbox(g, r->mailboxes[i], r->recursive, e);
	for (size_t i = 0; i < r->n_picks && rc == 0; i++)
		rc = choose_mailbox(g, r->picks[i].mailbox, false, e);
	return rc == 0 ? check_names(g->plan, e) : rc;
}
