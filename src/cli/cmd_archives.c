/* cmd_archives.c: cyrvault archives. */
#include "app/words.h"
#include "cli/progress.h"
#include "cli/verbs.h"

#include <string.h>

#include "core/clock.h"
#include "core/str.h"

static const struct cli_option options[] = {
	{ "all", 0, OPTION_FLAG, offsetof(struct cli_args, all), NULL,
	    "also those that are known, but gone from their store" },
	{ 0 },
};

static const struct cli_exit exits[] = {
	{ 0, "listed; there may be none" },
	{ 1, "a store could not be read (said on stderr), the others are listed" },
	{ 0, NULL },
};

static const struct printer_column columns[] = {
	{ "when", "DATE", false, 0, false, 0 },
	{ "age", "AGE", true, 0, false, 4 },
	{ "server", "SERVER", false, 8, false, 3 },
	{ "size_bytes", "SIZE", true, 0, false, 0 },
	{ "mailboxes", "MBOXES", true, 0, false, 0 },
	{ "messages", "MSGS", true, 0, false, 0 },
	{ "health", "HEALTH", false, 0, false, 0 },
	{ "protected", "KEPT", false, 0, true, 0 },
	{ "quiesce", "QUIESCE", false, 0, true, 1 },
	{ "name", "NAME", false, 22, false, 0 },
	{ "store", "STORE", false, 0, false, 2 },
	{ "where", "WHERE", false, 0, true, 3 },
};

struct work {
	struct cli *c;
	struct app_archives list;
};

static int work(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;

	return app_archives(w->c->app, job, &w->list, e);
}

static void print_health(struct printer *out, const struct app_archive *a)
{
	enum printer_tone tone = TONE_PLAIN;

	if (!a->readable || a->damaged)
		tone = TONE_BAD;
	else if (a->health == HEALTH_OK)
		tone = TONE_GOOD;
	else if (a->health == HEALTH_FINDINGS)
		tone = TONE_WARN;
	printer_word(out, "health", app_archive_health(a), tone);
	printer_bool(out, "protected", a->protected);
	printer_number(out, "sequence", a->sequence);
}

static void print_archive(struct printer *out, const struct app_archive *a)
{
	bool ours = a->kind == ARCHIVE_OURS && a->readable;
	char age[16], quiesce[96];

	printer_row(out, "archive");
	printer_string(out, "name", a->name);
	printer_string(out, "store", a->store);
	printer_time(out, "when", a->when);
	printer_shown(out, "age", clock_age(age, sizeof age, clock_now() - a->when));
	printer_string(out, "server", a->server);
	printer_size(out, "size_bytes", a->size_bytes);
	if (ours) {
		printer_number(out, "mailboxes", a->mailboxes);
		printer_number(out, "messages", a->messages);
	} else {
		/* Not known without reading it from front to end. */
		printer_string(out, "mailboxes", NULL);
		printer_string(out, "messages", NULL);
	}
	print_health(out, a);
	printer_string(out, "quiesce", a->quiesce);
	printer_shown(out, "quiesce", app_archive_quiesce(quiesce, sizeof quiesce, a));
	if (a->longest_hold_ms >= 0)
		printer_number(out, "longest_hold_ms", (uint64_t)a->longest_hold_ms);
	else
		printer_string(out, "longest_hold_ms", NULL);
	printer_string(out, "where", a->where);
	printer_shown(out, "where", strcmp(a->where, "local") == 0 ? "" : a->where);
	printer_string(out, "tape_label", a->label);
	printer_string(out, "tape_box", a->box != NULL && a->box[0] != '\0' ? a->box : NULL);
	printer_string(out, "why", a->why);
	printer_row_end(out);
}

static void print_away(struct printer *out, const struct app_archives *l)
{
	static const char *const states[] = { "not_yet", "gone", "failed" };

	for (size_t i = 0; i < l->n_away; i++) {
		const struct app_store_away *a = &l->away[i];

		printer_warn(out, "store %s: %s", a->store, a->what);
		if (a->next[0] != '\0')
			printer_say(out, "  next: %s", a->next);
		if (!printer_is_json(out))
			continue;
		printer_row(out, "store_away");
		printer_string(out, "store", a->store);
		printer_string(out, "state", states[a->state]);
		printer_string(out, "what", a->what);
		printer_string(out, "next", a->next[0] != '\0' ? a->next : NULL);
		printer_row_end(out);
	}
}

static int run(struct cli *c, int argc, char **argv, struct err *e)
{
	struct work w = { .c = c };
	int status = -1;

	(void)argc;
	(void)argv;
	if (progress_run(c, work, &w, e) == -1)
		goto out;
	printer_table(c->out, columns, sizeof columns / sizeof columns[0]);
	for (size_t i = 0; i < w.list.n && !printer_broken(c->out); i++)
		print_archive(c->out, &w.list.list[i]);
	for (size_t i = 0; i < w.list.n_gone && c->args.all && !printer_broken(c->out); i++)
		print_archive(c->out, &w.list.gone[i]);
	printer_table_end(c->out);
	for (size_t i = 0; i < w.list.n; i++) {
		const struct app_archive *a = &w.list.list[i];

		if (!a->readable && a->why != NULL)
			printer_say(c->out, "%s", a->why);
	}
	print_away(c->out, &w.list);
	if (w.list.n == 0)
		printer_say(c->out, "no archives yet; \"cyrvault backup\" makes one");
	printer_row(c->out, "summary");
	printer_number(c->out, "archives", w.list.n);
	printer_number(c->out, "gone", w.list.n_gone);
	printer_number(c->out, "unreachable_stores", w.list.n_away);
	printer_row_end(c->out);
	status = w.list.n_away > 0 ? 1 : 0;
out:
	app_archives_done(&w.list);
	return status;
}

const struct cli_verb verb_archives = {
	.name = "archives",
	.usage = { "" },
	.purpose = "list the archives of all stores, the newest first",
	.about = "HEALTH is \"verified\" (whole, and the mailboxes were consistent), \"findings\"\n"
	         "(whole, but something was wrong in the spool), \"unverified\", \"foreign\" (a\n"
	         "cpio or tar that something else made; its counts are not known before it is\n"
	         "read) or \"damaged\" (see cyrvault salvage). KEPT says \"protected\".\n"
	         "QUIESCE is what was held still while it was taken, and the longest time of any\n"
	         "user's. WHERE is \"remote\" (on another host), \"tape\" (in no store any more, but\n"
	         "on a tape), \"away\" (its store is; what is shown was seen before) or, with\n"
	         "--all, \"gone\" (its store has it no more).\n",
	.least = 0,
	.most = 0,
	.options = options,
	.exits = exits,
	.examples = {
	    { "List them", "cyrvault archives" },
	    { "The newest archive's name, for a script", "cyrvault archives --json | jq -r 'select(.type==\"archive\").name' | head -1" },
	},
	.run = run,
};
