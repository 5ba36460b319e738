/* cmd_protect.c: cyrvault protect. */
#include "app/prune.h"
#include "cli/progress.h"
#include "cli/verbs.h"

#include <stdlib.h>

static const struct cli_option options[] = {
	{ "off", 0, OPTION_FLAG, offsetof(struct cli_args, off), NULL, "take the mark away" },
	{ "reason", 0, OPTION_TEXT, offsetof(struct cli_args, reason), "TEXT",
	    "why, for those who come later" },
	{ 0 },
};

static const struct cli_exit exits[] = {
	{ 0, "it is marked; with --off, it is not" },
	{ 2, "the store's host does not let the mark be taken away from here" },
	{ 0, NULL },
};

struct work {
	struct cli *c;
	const char *archive;
	char *name;
	struct app_protection mark;
};

static int work(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;
	const struct cli_args *a = &w->c->args;

	if (a->off)
		return app_unprotect(w->c->app, w->archive, job, &w->name, e);
	if (app_protect(w->c->app, w->archive, a->reason, job, &w->name, e) == -1)
		return -1;
	return app_protection(w->c->app, w->name, job, &w->mark, e) == -1 ? -1 : 0;
}

static int run(struct cli *c, int argc, char **argv, struct err *e)
{
	struct work w = { .c = c, .archive = argv[0] };
	int status = -1;

	(void)argc;
	if (c->args.off && c->args.reason != NULL)
		return err_set(e, ERR_USAGE, "protect: --off takes no --reason");
	if (progress_run(c, work, &w, e) == 0) {
		status = 0;
		if (c->args.off)
			printer_say(c->out, "%s is not protected any more", w.name);
		else
			printer_say(c->out, "%s is protected%s%s", w.name, w.mark.reason != NULL ? ": " : "",
			    w.mark.reason != NULL ? w.mark.reason : "");
		printer_row(c->out, "summary");
		printer_string(c->out, "archive", w.name);
		printer_bool(c->out, "protected", !c->args.off);
		printer_string(c->out, "by", w.mark.by);
		printer_string(c->out, "reason", w.mark.reason);
		printer_row_end(c->out);
	}
	app_protection_done(&w.mark);
	free(w.name);
	return status;
}

const struct cli_verb verb_protect = {
	.name = "protect",
	.usage = { "ARCHIVE" },
	.purpose = "mark an archive: it is never removed by prune or rotation",
	.about = "The mark is a small object ARCHIVE.keep in the store, with when, by whom and\n"
	         "why, so that every host that uses the store heeds it. One that is marked\n"
	         "already stays as it is marked.\n",
	.least = 1,
	.most = 1,
	.options = options,
	.exits = exits,
	.examples = {
	    { "Keep the newest archive", "cyrvault protect latest --reason='before the migration'" },
	    { "It may go again", "cyrvault protect --off mail1-20261122T020000Z.cpio.gz" },
	},
	.run = run,
};
