/* cmd_export.c: cyrvault export. */
#include "cli/progress.h"
#include "cli/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WARNINGS_SHOWN 100

static const struct cli_option options[] = {
	{ "format", 'f', OPTION_TEXT, offsetof(struct cli_args, format), "eml|mbox|maildir",
	    "the form; needed" },
	{ "output", 'o', OPTION_TEXT, offsetof(struct cli_args, output), "PATH",
	    "directory (mbox: file) to write; needed" },
	{ "recursive", 'r', OPTION_FLAG, offsetof(struct cli_args, recursive), NULL,
	    "also everything below the mailbox" },
	{ "deleted", 0, OPTION_FLAG, offsetof(struct cli_args, deleted), NULL,
	    "with --recursive, also DELETED.* below it" },
	{ "expunged", 0, OPTION_FLAG, offsetof(struct cli_args, expunged), NULL,
	    "also expunged messages that are still there" },
	{ "reason", 0, OPTION_TEXT, offsetof(struct cli_args, reason), "TEXT", "why, for the audit log" },
	{ 0 },
};

static const struct cli_exit exits[] = {
	{ 0, "all of them were written" },
	{ 1, "written, except what is listed: not in the archive, or a file was there" },
	{ 10, "no such archive or mailbox" },
	{ 13, "written, except messages that are damaged in the archive (listed)" },
	{ 0, NULL },
};

struct work {
	struct cli *c;
	const char *archive, *mailbox;
	struct export_request request;
	struct finds *finds;
	struct export_result result;
	uint64_t shown;
};

/* In the worker's thread. */
static void trouble(void *arg, const struct app_export_trouble *t)
{
	struct work *w = arg;
	char number[16] = "";

	if (t->uid != 0)
		snprintf(number, sizeof number, "%u", t->uid);
	finds_add(w->finds, (int)t->kind, printer_is_json(w->c->out) ? t->mailbox : t->shown, number, t->what);
}

static void show_trouble(struct cli *c, void *arg, int kind, const char *const words[3])
{
	struct work *w = arg;
	bool uid = words[1][0] != '\0';

	if (printer_is_json(c->out)) {
		printer_row(c->out, "trouble");
		printer_string(c->out, "kind", app_export_trouble_word((enum export_trouble)kind));
		printer_string(c->out, "mailbox", words[0]);
		if (uid)
			printer_number(c->out, "uid", strtoul(words[1], NULL, 10));
		printer_string(c->out, "what", words[2]);
		printer_row_end(c->out);
	} else if (w->shown++ < WARNINGS_SHOWN || printer_is_verbose(c->out)) {
		printer_warn(c->out, "%s: %s%s%s%s%s", words[0], uid ? "UID " : "", words[1], uid ? ": " : "",
		    kind == EXPORT_KEPT ? "there was a file already, which stays: " : "", words[2]);
	} else if (w->shown == WARNINGS_SHOWN + 1) {
		printer_warn(c->out, "and more of this, see --json or -v");
	}
}

static int work(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;

	return app_export(w->c->app, w->c->args.server, w->archive, w->mailbox, &w->request, job, trouble, w,
	    &w->result, e);
}

static int parse_ranges(struct export_range **ret, size_t *ret_n, int argc, char **argv, struct err *e)
{
	for (int i = 0; i < argc; i++)
		if (app_uid_ranges(argv[i], ret, ret_n, e) == -1)
			return err_wrap(e, "export");
	return 0;
}

static int set_request(struct work *w, struct err *e)
{
	const struct cli_args *a = &w->c->args;

	if (a->format == NULL || a->output == NULL) {
		err_set(e, ERR_USAGE, "export: --%s is needed", a->format == NULL ? "format" : "output");
		return err_hint(e, "for example --format=eml --output=./mails (cyrvault help export)");
	}
	if (a->output[0] == '\0')
		return err_set(e, ERR_USAGE, "export: --output is empty");
	if (a->recursive && w->request.n_ranges > 0)
		return err_set(e, ERR_USAGE, "export: either UIDs or --recursive");
	w->request.format = strcmp(a->format, "eml") == 0    ? EXPORT_EML
			    : strcmp(a->format, "mbox") == 0 ? EXPORT_MBOX
							     : EXPORT_MAILDIR;
	w->request.output = a->output;
	w->request.recursive = a->recursive;
	w->request.deleted = a->deleted;
	w->request.expunged = a->expunged;
	w->request.dry_run = a->dry_run;
	return 0;
}

static int print_result(const struct work *w)
{
	const struct export_result *r = &w->result;
	struct printer *out = w->c->out;
	uint64_t left_out =
	    r->troubles[EXPORT_LACKING] + r->troubles[EXPORT_KEPT] + r->troubles[EXPORT_OTHER];
	struct buf words = BUF_INIT;

	app_export_words(&w->request, r, &words);
	printer_say(out, "%s", buf_text(&words));
	buf_done(&words);
	printer_row(out, "summary");
	printer_string(out, "output", w->request.output);
	printer_bool(out, "dry_run", w->request.dry_run);
	printer_number(out, "mailboxes", r->mailboxes);
	printer_number(out, "messages", r->messages);
	printer_size(out, "bytes", r->bytes);
	printer_number(out, "damaged", r->troubles[EXPORT_DAMAGED]);
	printer_number(out, "lacking", r->troubles[EXPORT_LACKING]);
	printer_number(out, "kept", r->troubles[EXPORT_KEPT]);
	printer_number(out, "other", r->troubles[EXPORT_OTHER]);
	printer_row_end(out);
	return r->troubles[EXPORT_DAMAGED] > 0 ? 13 : left_out > 0 ? 1 : 0;
}

static int run(struct cli *c, int argc, char **argv, struct err *e)
{
	struct work w = { .c = c, .archive = argv[0], .mailbox = argv[1] };
	struct export_range *ranges = NULL;
	int status = -1;

	if (parse_ranges(&ranges, &w.request.n_ranges, argc - 2, argv + 2, e) == -1 ||
	    set_request(&w, e) == -1)
		goto out;
	w.request.ranges = ranges;
	w.finds = finds_new(show_trouble, &w);
	if (progress_run_finds(c, work, &w, w.finds, e) == 0)
		status = print_result(&w);
out:
	finds_free(w.finds);
	free(ranges);
	return status;
}

const struct cli_verb verb_export = {
	.name = "export",
	.usage = { "ARCHIVE MAILBOX [UID...] -f FORMAT -o PATH" },
	.purpose = "write messages of an archive as eml, mbox or Maildir",
	.about = "eml: PATH/UID.eml, byte for byte, dated as the message arrived.\n"
	         "mbox: the file PATH (mboxrd quoting, Status, X-Status and X-Keywords headers).\n"
	         "maildir: PATH/cur/..., flags in the names; below it Maildir++ (PATH/.A.B).\n"
	         "Without UIDs all messages; UIDs are written 7, 3:9, 12:* or 1,4:6. Only what\n"
	         "the archive vouches for is written. A file appears whole or not at all, and\n"
	         "none that is there is ever overwritten. The live server is not touched.\n",
	.least = 2,
	.most = -1,
	.options = options,
	.exits = exits,
	.examples = {
	    { "Two messages to hand over", "cyrvault export latest user/alice/Work 17 19 --format=eml --output=./out" },
	    { "A whole mailbox with its folders, for a mail program",
	        "cyrvault export latest user/alice --recursive --format=maildir --output=./alice" },
	},
	.run = run,
};
