/* cmd_export.c: cyrvault export. */
#include "app/names.h"
#include "cli/progress.h"
#include "cli/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/str.h"
#include "restore/export.h"

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
	struct names names;
	struct export_result result;
	uint64_t shown;
};

/* In the worker's thread, where the names are. */
static void trouble(void *arg, enum export_trouble kind, const char *mailbox, uint32_t uid, const char *what)
{
	struct work *w = arg;
	struct buf name = BUF_INIT;
	char number[16] = "";

	if (uid != 0)
		snprintf(number, sizeof number, "%u", uid);
	if (printer_is_json(w->c->out))
		buf_str(&name, mailbox);
	else
		names_show(&w->names, mailbox, &name);
	finds_add(w->finds, (int)kind, buf_text(&name), number, what);
	buf_done(&name);
}

static void show_trouble(struct cli *c, void *arg, int kind, const char *const words[3])
{
	static const char *const names[] = { [EXPORT_DAMAGED] = "damaged",
		[EXPORT_LACKING] = "lacking",
		[EXPORT_KEPT] = "kept",
		[EXPORT_OTHER] = "other" };
	struct work *w = arg;
	bool uid = words[1][0] != '\0';

	if (printer_is_json(c->out)) {
		printer_row(c->out, "trouble");
		printer_string(c->out, "kind", names[kind]);
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
	struct source *source = NULL;
	struct store *store = NULL;
	int rc = -1;

	if (app_source(w->c->app, w->archive, job, &source, &store, e) == -1)
		return -1;
	names_init(&w->names, w->c->app, w->c->args.server, source);
	if (names_find(&w->names, source, w->mailbox, &w->request.mailbox, e) == 0)
		rc = export_run(source, &w->request, job, trouble, w, &w->result, e);
	names_done(&w->names);
	source_close(source);
	store_free(store);
	return rc;
}

/* "7", "3:9", "12:*" */
static int parse_range(char *word, struct export_range *r)
{
	char *colon = strchr(word, ':');
	uint64_t first, last;
	int rc;

	if (colon != NULL)
		*colon = '\0';
	rc = str_u64(word, UINT32_MAX, &first);
	last = first;
	if (rc == 0 && colon != NULL && strcmp(colon + 1, "*") == 0)
		last = UINT32_MAX;
	else if (rc == 0 && colon != NULL)
		rc = str_u64(colon + 1, UINT32_MAX, &last);
	if (colon != NULL)
		*colon = ':';
	if (rc == -1 || first == 0 || last < first)
		return -1;
	*r = (struct export_range){ (uint32_t)first, (uint32_t)last };
	return 0;
}

static int parse_ranges(struct export_range **ret, size_t *ret_n, int argc, char **argv, struct err *e)
{
	size_t cap = 0;

	for (int i = 0; i < argc; i++) {
		char *save = NULL, *words = mem_strdup(argv[i]);

		for (char *w = strtok_r(words, ",", &save); w != NULL; w = strtok_r(NULL, ",", &save)) {
			*ret = mem_grow(*ret, &cap, *ret_n + 1, sizeof **ret);
			if (parse_range(w, &(*ret)[*ret_n]) == -1) {
				err_set(e, ERR_USAGE, "export: \"%s\" is no UID", w);
				err_hint(e, "UIDs are written 7, 3:9, 12:* or 1,4:6");
				free(words);
				return -1;
			}
			(*ret_n)++;
		}
		free(words);
	}
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
	char mails[40], boxes[40], size[16];

	printer_say(out, "%s %s of %s, %s, to %s", w->request.dry_run ? "would write" : "wrote",
	    str_count(mails, sizeof mails, r->messages, "message", "messages"),
	    str_count(boxes, sizeof boxes, r->mailboxes, "mailbox", "mailboxes"),
	    str_size(size, sizeof size, r->bytes), w->request.output);
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
