/* choose_live.c: what is asked for of the running server itself -> what of it is kept, and where it shall go. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "restore/plan.h"

/* A DELETED.* mailbox of what is asked for. */
struct copy {
	size_t source_index;
	char *name; /* that it had */
	long long when;
};

struct copies {
	struct copy *list;
	size_t n, cap;
};

static int by_name_newest_first(const void *a, const void *b)
{
	const struct copy *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	if (c == 0)
		c = (x->when < y->when) - (x->when > y->when);
	return c != 0 ? c : (x->source_index < y->source_index) - (x->source_index > y->source_index);
}

static void find_copies(
    const struct planning *g, const char *name, bool below, const char *but, struct copies *ret)
{
	const struct imapd_conf *conf = g->server->conf;

	for (size_t i = 0; i < source_n(g->source); i++) {
		const struct source_mailbox *m = source_mailbox(g->source, i);
		struct copy c = { .source_index = i };

		if (!m->deleted || (but != NULL && strcmp(m->name, but) == 0) ||
		    (c.name = mboxname_undeleted(conf, m->name, &c.when)) == NULL)
			continue;
		if (strcmp(c.name, name) != 0 && !(below && mboxname_is_below(c.name, name))) {
			free(c.name);
			continue;
		}
		ret->list = mem_grow(ret->list, &ret->cap, ret->n + 1, sizeof *ret->list);
		ret->list[ret->n++] = c;
	}
	if (ret->n > 1)
		qsort(ret->list, ret->n, sizeof *ret->list, by_name_newest_first);
}

/* Single messages may be asked for by either name. */
static void add_copy(struct planning *g, size_t source_index, const char *name)
{
	const struct restore_request *r = &g->plan->request;
	struct restore_item *item;

	plan_add_item(g, source_index, name);
	item = &g->plan->items[g->plan->n_items - 1];
	for (size_t i = 0; i < r->n_picks && item->pick == NULL; i++)
		if (strcmp(r->picks[i].mailbox, name) == 0)
			item->pick = &r->picks[i];
}

/* Of each name the one that was deleted last; true if there was any. */
static bool take_newest(struct planning *g, struct copies *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct copy *c = &l->list[i];
		const char *copy = source_mailbox(g->source, c->source_index)->name;

		if (!plan_has_target(g, c->name))
			add_copy(g, c->source_index, c->name);
		else if (i > 0 && strcmp(l->list[i - 1].name, c->name) == 0)
			plan_note(g,
			    "an older one of that name stays: %s; restore it by that name afterwards", copy);
	}
	for (size_t i = 0; i < l->n; i++)
		free(l->list[i].name);
	free(l->list);
	return l->n > 0;
}

/* A DELETED.* mailbox by its own name. */
static bool choose_copy(struct planning *g, const char *name, bool recursive)
{
	size_t at = source_find(g->source, name);
	char *before = at != (size_t)-1 ? mboxname_undeleted(g->server->conf, name, NULL) : NULL;
	struct copies below = { 0 };

	if (before == NULL)
		return false;
	if (!plan_has_target(g, before))
		add_copy(g, at, before);
	if (recursive) {
		find_copies(g, before, true, name, &below);
		take_newest(g, &below);
	}
	free(before);
	return true;
}

static bool is_asked(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* What it was renamed to, or was being appended to, when an earlier run was cut off. */
static bool choose_begun(struct planning *g, const struct restore_request *asked, const char *name)
{
	size_t at = source_find(g->source, name);

	if (at == (size_t)-1 || (!is_asked(asked->unfinished, asked->n_unfinished, name) &&
				    !is_asked(asked->cut_off, asked->n_cut_off, name)))
		return false;
	if (!plan_has_target(g, name))
		plan_add_item(g, at, name);
	return true;
}

static int choose_deleted(
    struct planning *g, const struct restore_request *asked, const char *name, struct err *e)
{
	struct copies l = { 0 };

	if (choose_copy(g, name, asked->recursive))
		return 0;
	find_copies(g, name, asked->recursive, NULL, &l);
	if (take_newest(g, &l) || choose_begun(g, asked, name))
		return 0;
	err_set(e, ERR_NOT_FOUND, "the server keeps no deleted mailbox %s", name);
	if (source_find(g->source, name) != (size_t)-1)
		return err_hint(
		    e, "the mailbox is there; what was expunged of it comes back with --expunged");
	return err_hint(
	    e, "cyrvault mailboxes %s --deleted lists what it keeps; history shows archives", SOURCE_LIVE);
}

/* With what was expunged of a DELETED.* mailbox, if that is asked for by its name: into the one that has its name now. */
static int choose_expunged(struct planning *g, const char *name, bool recursive, struct err *e)
{
	bool any = false;

	if (choose_copy(g, name, false))
		return 0;
	for (size_t i = 0; i < source_n(g->source); i++) {
		const struct source_mailbox *m = source_mailbox(g->source, i);

		if (strcmp(m->name, name) != 0 &&
		    (!recursive || m->deleted || !mboxname_is_below(m->name, name)))
			continue;
		any = true;
		if (!plan_has_target(g, m->name))
			plan_add_item(g, i, m->name);
	}
	if (any)
		return 0;
	err_set(e, ERR_NOT_FOUND, "the server has no mailbox %s", name);
	return err_hint(e, "cyrvault mailboxes %s lists what it has", SOURCE_LIVE);
}

int plan_choose_live(struct planning *g, const struct restore_request *asked, struct err *e)
{
	bool all = asked->user != NULL;
	char *inbox = all ? mboxname_inbox(asked->user) : NULL;
	struct copies l = { 0 };
	int rc = 0;

	if ((asked->mode != RESTORE_DEFAULT && asked->mode != RESTORE_IDENTICAL) || asked->into != NULL ||
	    asked->to_user != NULL) {
		free(inbox);
		return err_set(
		    e, ERR_USAGE, "what is on the server itself is renamed back, or appended, nothing else");
	}
	if (all && asked->expunged) {
		rc = choose_expunged(g, inbox, true, e);
	} else if (all) {
		find_copies(g, inbox, true, NULL, &l);
		if (!take_newest(g, &l) && asked->n_unfinished + asked->n_cut_off == 0)
			rc = err_set(
			    e, ERR_NOT_FOUND, "the server keeps no deleted mailbox of user %s", asked->user);
	}
	for (size_t i = 0; i < asked->n_mailboxes && rc == 0; i++)
		rc = asked->expunged ? choose_expunged(g, asked->mailboxes[i], asked->recursive, e)
		                     : choose_deleted(g, asked, asked->mailboxes[i], e);
	free(inbox);
	return rc;
}
