/* cmd_prune.c: cyrvault prune. */
#include "app/prune.h"
#include "cli/progress.h"
#include "cli/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/str.h"

static const struct cli_exit exits[] = {
	{ 0, "all is gone that was to go, or nothing was to go" },
	{ 1, "a store could not be looked into (said on stderr)" },
	{ 2, "something was left, or the answer was no" },
	{ 13, "an archive that is to stay is damaged; nothing of its server was removed" },
	{ 0, NULL },
};

static const struct printer_column columns[] = {
	{ "what", "WHAT", false, 0, false, 0 },
	{ "when", "DATE", false, 0, false, 0 },
	{ "server", "SERVER", false, 8, false, 2 },
	{ "size_bytes", "SIZE", true, 0, false, 0 },
	{ "name", "NAME", false, 22, false, 0 },
	{ "store", "STORE", false, 0, false, 1 },
	{ "why", "WHY", false, 20, false, 0 },
};

struct work {
	struct cli *c;
	struct app_prune_opts opts;
	struct app_prune plan;
	struct app_pruned done;
};

static int plan(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;

	return app_prune_plan(w->c->app, &w->opts, job, &w->plan, e);
}

static int carry_out(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;

	return app_prune_run(w->c->app, &w->plan, job, NULL, NULL, &w->done, e);
}

static void print_item(struct printer *out, const struct app_prune_item *i, bool done)
{
	const struct app_archive *a = i->archive;
	const char *what = !i->remove ? "keep" : !done ? "remove" : i->removed ? "removed" : "left";

	printer_row(out, "archive");
	printer_word(out, "what", what, i->remove ? TONE_WARN : TONE_GOOD);
	printer_string(out, "name", a->name);
	printer_string(out, "store", a->store);
	printer_string(out, "server", a->server);
	printer_time(out, "when", a->when);
	printer_size(out, "size_bytes", a->size_bytes);
	printer_number(out, "sequence", a->sequence);
	printer_string(out, "reason", retention_name(i->why));
	printer_string(out, "why", i->text);
	printer_string(out, "left_because", i->kept_because);
	printer_row_end(out);
}

static void print_list(struct cli *c, const struct app_prune *p, bool done)
{
	printer_table(c->out, columns, sizeof columns / sizeof columns[0]);
	for (size_t i = 0; i < p->n; i++)
		print_item(c->out, &p->list[i], done);
	printer_table_end(c->out);
	for (size_t i = 0; i < p->n_away; i++) {
		printer_warn(c->out, "store %s: %s", p->away[i].store, p->away[i].what);
		if (p->away[i].next[0] != '\0')
			printer_say(c->out, "  next: %s", p->away[i].next);
	}
}

static void print_summary(struct cli *c, const struct work *w)
{
	char count[48], size[16];

	if (w->plan.n_remove == 0)
		printer_say(c->out, "nothing is to be removed");
	else if (c->args.dry_run)
		printer_say(c->out, "would remove %s, %s",
		    str_count(count, sizeof count, w->plan.n_remove, "archive", "archives"),
		    str_size(size, sizeof size, w->plan.remove_bytes));
	else
		printer_say(c->out, "removed %s, %s",
		    str_count(count, sizeof count, w->done.removed, "archive", "archives"),
		    str_size(size, sizeof size, w->done.bytes));
	printer_row(c->out, "summary");
	printer_number(c->out, "archives", w->plan.n);
	printer_number(c->out, "to_remove", w->plan.n_remove);
	printer_number(c->out, "removed", w->done.removed);
	printer_number(c->out, "left", w->done.left);
	printer_number(c->out, "bytes", w->done.bytes);
	printer_bool(c->out, "dry_run", c->args.dry_run);
	printer_number(c->out, "unreachable_stores", w->plan.n_away);
	printer_row_end(c->out);
}

static int ask(struct cli *c, const struct app_prune *p, struct err *e)
{
	char question[128], count[48], size[16];

	snprintf(question, sizeof question, "Remove %s, %s?",
	    str_count(count, sizeof count, p->n_remove, "archive", "archives"),
	    str_size(size, sizeof size, p->remove_bytes));
	return cli_confirm(c, question, e);
}

static void print_left(struct cli *c, const struct app_prune *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->list[i].kept_because != NULL)
			printer_warn(
			    c->out, "%s was left: %s", p->list[i].archive->name, p->list[i].kept_because);
}

static int remove_them(struct work *w, struct err *e)
{
	int answer = ask(w->c, &w->plan, e), rc;

	if (answer != 1) {
		if (answer == 0)
			printer_say(w->c->out, "Nothing was removed.");
		return answer == 0 ? 2 : -1;
	}
	rc = progress_run(w->c, carry_out, w, e);
	print_left(w->c, &w->plan);
	return rc;
}

static int run(struct cli *c, int argc, char **argv, struct err *e)
{
	struct work w = { .c = c, .opts = { .store = argc > 0 ? argv[0] : NULL, .server = c->args.server } };
	bool json = printer_is_json(c->out), removes;
	int status = -1;

	if (progress_run(c, plan, &w, e) == -1)
		goto out;
	removes = w.plan.n_remove > 0 && !c->args.dry_run;
	/* People see it before they are asked; programs, what came of it. */
	if (!json || !removes)
		print_list(c, &w.plan, false);
	status = removes ? remove_them(&w, e) : 0;
	if (json && removes)
		print_list(c, &w.plan, status == 0);
	if (status == 0 || (status == -1 && w.done.removed > 0))
		print_summary(c, &w);
	if (status == 0 && w.plan.n_away > 0)
		status = 1;
out:
	app_prune_done(&w.plan);
	return status;
}

const struct cli_verb verb_prune = {
	.name = "prune",
	.usage = { "[STORE]" },
	.purpose = "remove the archives that nobody needs any more",
	.about = "Lists the archives of all stores, or of one, with what is to become of each by\n"
	         "the keep keys of its store, and why; then, once that is confirmed, removes\n"
	         "them. The newest keep_live verified archives of each server always stay, by\n"
	         "their numbers, whatever a clock said; they are proved before anything goes.\n"
	         "Archives that are protected, wait for tape, cannot be read, or are of something\n"
	         "else are never removed. A backup does the same by itself if its store has a\n"
	         "keep key. Where a store's host lets nothing be removed from here, run it there.\n",
	.least = 0,
	.most = 1,
	.exits = exits,
	.examples = {
	    { "What would go, and why", "cyrvault prune --dry-run" },
	    { "On the host of the store, nightly", "cyrvault -q prune --yes vault >/dev/null" },
	},
	.run = run,
};
