/* cmd_restore.c: cyrvault restore: the plan, the question, the work, the receipt. */
#include "app/audit.h"
#include "app/names.h"
#include "app/words.h"
#include "cli/progress.h"
#include "cli/restore_batch.h"
#include "cli/restore_options.h"
#include "cli/restore_undo.h"
#include "cli/verbs.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/plan_json.h"
#include "restore/receipt.h"

static const struct cli_option options[] = {
	{ "recursive", 'r', OPTION_FLAG, offsetof(struct cli_args, recursive), NULL,
	    "also everything below the mailboxes" },
	{ "user", 'u', OPTION_TEXT, offsetof(struct cli_args, user), "NAME",
	    "a whole user: mailboxes, seen, subscriptions, ..." },
	{ "mark", 0, OPTION_TEXT, offsetof(struct cli_args, mark), "KEYWORD",
	    "mark what is appended: '$Restored'" },
	{ "expunged", 0, OPTION_FLAG, offsetof(struct cli_args, expunged), NULL,
	    "only what was expunged, and is still kept" },
	{ "moved", 0, OPTION_FLAG, offsetof(struct cli_args, moved), NULL,
	    "also messages that the user has moved elsewhere" },
	{ "keep-uids", 0, OPTION_FLAG, offsetof(struct cli_args, keep_uids), NULL,
	    "give messages their old UIDs again where that is safe" },
	{ "identical", 0, OPTION_FLAG, offsetof(struct cli_args, identical), NULL,
	    "refuse a mailbox that is there with other content" },
	{ "state", 0, OPTION_OPTIONAL, offsetof(struct cli_args, state), "LIST",
	    "no message, only state: all, or flags,seen,acl,..." },
	{ "what", 0, OPTION_TEXT, offsetof(struct cli_args, what), "LIST",
	    "only these of what comes back besides messages" },
	{ "resume", 0, OPTION_FLAG, offsetof(struct cli_args, resume), NULL,
	    "go on with what was cut off, or with CASE or BATCH" },
	{ "replace", 0, OPTION_FLAG, offsetof(struct cli_args, replace), NULL,
	    "as it was; newer mail stays" },
	{ "beside", 0, OPTION_FLAG, offsetof(struct cli_args, beside), NULL,
	    "beside the original, as NAME.Restored-DATE" },
	{ "into", 0, OPTION_TEXT, offsetof(struct cli_args, into), "MAILBOX",
	    "under this name; what is below follows" },
	{ "to-user", 0, OPTION_TEXT, offsetof(struct cli_args, to_user), "NAME",
	    "to the same place of another user" },
	{ "uid", 0, OPTION_TEXT, offsetof(struct cli_args, uid), "SET",
	    "only these messages: 7 or 1,4:6 or 12:*" },
	{ "plan-out", 0, OPTION_TEXT, offsetof(struct cli_args, plan_out), "FILE",
	    "write the plan to be reviewed, change nothing" },
	{ "plan", 0, OPTION_TEXT, offsetof(struct cli_args, plan), "FILE",
	    "carry out that plan, if it would still be the same" },
	{ "batch", 0, OPTION_TEXT, offsetof(struct cli_args, batch), "FILE",
	    "what a file lists, '-': standard input" },
	{ "lost", 0, OPTION_TEXT, offsetof(struct cli_args, lost), "USER",
	    "what a user has lost; see cyrvault help lost" },
	{ "since", 0, OPTION_TEXT, offsetof(struct cli_args, since), "DATE", "with --lost: from archives from then on" },
	{ "before", 0, OPTION_TEXT, offsetof(struct cli_args, before), "DATE", "with --lost: and from before that" },
	{ "store", 0, OPTION_TEXT, offsetof(struct cli_args, store), "NAME", "with --lost: only archives of this store" },
	{ "on-error", 0, OPTION_TEXT, offsetof(struct cli_args, on_error), "stop|continue",
	    "with --batch and --lost, after one that fails; stop" },
	{ "undo", 0, OPTION_FLAG, offsetof(struct cli_args, undo), NULL,
	    "take back what the last restore, or CASE, has changed" },
	{ "reason", 0, OPTION_TEXT, offsetof(struct cli_args, reason), "TEXT", "why, for the audit log" },
	{ 0 },
};

static const struct cli_exit exits[] = {
	{ 0, "restored and proved, or nothing was missing" },
	{ 1, "restored, with warnings, or some could not be appended (listed)" },
	{ 2, "refused (why is said), not confirmed, or failed; no live mail was harmed" },
	{ 10, "the archive lacks what was asked for; with --undo, --resume: no case" },
	{ 14, "the user's quota is full; the same command goes on from there" },
	{ 15, "partly done: the same command, or --resume, goes on from there" },
	{ 64, "usage; also: no terminal to confirm on and no --yes" },
	{ 0, NULL },
};

/* ---- names ---- */

struct lookup {
	struct cli *c;
	const char *archive;
	char **typed;
	size_t n;
	char **internal; /* out */
	char *exact;     /* out: the archive's own name, so that "latest" means the same one twice */
};

static int look_up(struct job *job, void *arg, struct err *e)
{
	struct lookup *l = arg;
	struct source *source = NULL;
	struct store *store = NULL;
	struct names names = { 0 };
	int rc = -1;

	if (cli_source(l->c, l->archive, job, &source, &store, e) == -1)
		return -1;
	names_init(&names, l->c->app, l->c->args.server, source);
	for (size_t i = 0; i < l->n; i++) {
		size_t at;

		if (names_find(&names, source, l->typed[i], &at, e) == 0)
			l->internal[i] = mem_strdup(source_mailbox(source, at)->name);
		else if ((l->internal[i] = names_deleted(&names, source, l->typed[i])) != NULL)
			err_clear(e);
		else if ((l->internal[i] = names_live(l->c->app, l->c->args.server, l->typed[i])) == NULL)
			goto out;
		else
			err_clear(e);
	}
	/* A file's path stays as it was typed. */
	l->exact = mem_strdup(strchr(l->archive, '/') != NULL ? l->archive : source_name(source));
	rc = 0;
out:
	names_done(&names);
	source_close(source);
	store_free(store);
	return rc;
}

/* ---- plan ---- */

struct lines {
	char **list;
	size_t n, cap;
};

struct work {
	struct cli *c;
	const char *archive;
	struct restore_request request;
	struct restore_plan *plan;
	char *name;                    /* of the archive */
	struct restore_plan_file file; /* --plan */
	struct lines differences;
	struct restore_result result;
};

/* In the worker; printed by the main thread. */
static void on_difference(void *arg, const char *line)
{
	struct lines *l = arg;

	l->list = mem_grow(l->list, &l->cap, l->n + 1, sizeof *l->list);
	l->list[l->n++] = mem_strdup(line);
}

static int plan_work(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;

	if (w->c->args.plan != NULL)
		return app_plan_again(w->c->app, &w->file, job, on_difference, &w->differences, &w->plan, e);
	if (w->c->args.resume)
		return app_resume_plan(w->c->app, w->c->args.server, w->archive, job, &w->plan, e);
	return app_plan(w->c->app, w->c->args.server, w->archive, &w->request, job, &w->plan, e);
}

static void print_differences(struct cli *c, struct lines *l)
{
	for (size_t i = 0; i < l->n; i++) {
		printer_row(c->out, "difference");
		printer_string(c->out, "words", l->list[i]);
		printer_row_end(c->out);
		printer_wrapped(c->out, TONE_WARN, "", 4, "  %s", l->list[i]);
		free(l->list[i]);
	}
	free(l->list);
	*l = (struct lines){ 0 };
}

/* For a person to review. */
static int write_plan(struct cli *c, const struct work *w, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc = app_plan_text(c->app, c->args.server, w->plan, &b, e);

	if (rc == 0)
		rc = io_replace(AT_FDCWD, c->args.plan_out, b.data, b.len, 0600, e);
	buf_done(&b);
	return rc;
}

static int restore_work(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;

	return app_restore(w->c->app, w->c->args.server, w->plan, job, &w->result, e);
}

static const struct printer_column item_columns[] = {
	{ "name", "MAILBOX", false, 20, false, 0 },
	{ "state", "NOW", false, 0, false, 0 },
	{ "messages", "MSGS", true, 0, false, 0 },
	{ "bytes", "SIZE", true, 0, false, 0 },
	{ "why", "NOTE", false, 20, true, 0 },
};

static enum printer_tone tone_of(enum mailbox_state state)
{
	return state == STATE_OTHER ? TONE_BAD : state == STATE_SAME ? TONE_GOOD : TONE_WARN;
}

static void print_item(
    struct printer *out, const struct names *names, const struct restore_plan *plan, size_t i)
{
	const struct restore_item *item = &plan->items[i];
	json_t *all = restore_item_json(plan, i);
	struct buf b = BUF_INIT;

	names_show(names, item->name, &b);
	printer_row(out, "item");
	printer_string(out, "name", buf_text(&b));
	printer_word(out, "state", mailbox_state_name(item->state), tone_of(item->state));
	printer_number(out, "messages", item->messages);
	printer_size(out, "bytes", item->bytes);
	if (item->state == STATE_SAME) {
		printer_shown(out, "messages", "");
		printer_shown(out, "bytes", "");
	}
	printer_string(out, "why", item->why);
	printer_members(out, all);
	printer_row_end(out);
	json_decref(all);
	buf_done(&b);
}

static void print_step(struct printer *out, const struct restore_plan *plan, size_t i)
{
	const struct restore_step *step = &plan->steps[i];
	json_t *all;

	if (printer_is_json(out)) {
		all = restore_step_json(plan, i);
		printer_row(out, "step");
		printer_members(out, all);
		printer_row_end(out);
		json_decref(all);
		return;
	}
	printer_wrapped(out, TONE_PLAIN, "", 5, "%3zu. %s", i + 1, step->words);
	if (step->command != NULL)
		printer_line(out, "       %s", step->command);
}

static void print_plan(struct cli *c, const struct restore_plan *plan)
{
	struct names names;
	char size[16];

	names_init(&names, c->app, c->args.server, plan->source);
	printer_table(c->out, item_columns, sizeof item_columns / sizeof item_columns[0]);
	for (size_t i = 0; i < plan->n_items; i++)
		print_item(c->out, &names, plan, i);
	printer_table_end(c->out);
	names_done(&names);
	if (plan->n_refused == 0 && plan->n_steps > 0) {
		printer_line(c->out, "%s", "");
		printer_line(
		    c->out, "The plan (%s will be written):", str_size(size, sizeof size, plan->bytes));
		for (size_t i = 0; i < plan->n_steps; i++)
			print_step(c->out, plan, i);
	}
	for (size_t i = 0; i < plan->n_notes; i++) {
		printer_row(c->out, "note");
		printer_string(c->out, "words", plan->notes[i]);
		printer_row_end(c->out);
		printer_wrapped(c->out, TONE_PLAIN, "", 6, "Note: %s", plan->notes[i]);
	}
}

/* ---- the end ---- */

static void print_warnings(struct cli *c, const struct work *w)
{
	for (size_t i = 0; i < w->result.n_warnings; i++)
		printer_warn(c->out, "%s", w->result.warnings[i]);
	for (size_t i = 0; i < w->result.n_failures; i++)
		printer_warn(c->out, "not appended: %s", w->result.failures[i]);
}

static void print_kinds(struct cli *c, const struct restore_result *r)
{
	struct buf words = BUF_INIT;

	for (unsigned i = 0; i < RESTORE_KINDS; i++)
		if (r->kinds[i].same + r->kinds[i].differ > 0) {
			printer_row(c->out, "proof");
			printer_string(c->out, "kind", restore_what_name(i));
			printer_number(c->out, "same", r->kinds[i].same);
			printer_number(c->out, "differ", r->kinds[i].differ);
			printer_row_end(c->out);
		}
	restore_kinds_words(r, &words);
	if (words.len > 0)
		printer_line(c->out, "%s", buf_text(&words));
	buf_done(&words);
}

/* What came of each: all of it is in the receipt. */
static void print_mailboxes(struct cli *c, const struct restore_result *r)
{
	for (size_t i = 0; i < r->n_boxes; i++) {
		const struct receipt_box *box = &r->boxes[i];

		if (box->proof == RECEIPT_UNPROVED && box->why == NULL)
			continue;
		printer_row(c->out, "mailbox");
		printer_string(c->out, "internal", box->name);
		printer_number(c->out, "created", box->created);
		printer_number(c->out, "merged", box->merged);
		printer_number(c->out, "skipped", box->skipped);
		printer_number(c->out, "failed", box->failed);
		printer_string(c->out, "proof", receipt_proof_name(box->proof));
		printer_string(c->out, "why", box->why);
		printer_row_end(c->out);
	}
}

static void print_receipt(struct cli *c, const struct work *w)
{
	const struct restore_result *r = &w->result;
	char boxes[40], messages[40], bytes[16], fetched[16];
	struct buf counts = BUF_INIT;

	print_kinds(c, r);
	print_mailboxes(c, r);
	printer_row(c->out, "summary");
	printer_string(c->out, "archive", w->name);
	printer_bool(c->out, "dry_run", false);
	printer_number(c->out, "mailboxes", r->mailboxes);
	printer_number(c->out, "messages", r->messages);
	printer_number(c->out, "files", r->files);
	printer_number(c->out, "created", r->created);
	printer_number(c->out, "merged", r->merged);
	printer_number(c->out, "skipped", r->skipped);
	printer_number(c->out, "failed", r->failed);
	printer_string(c->out, "case", r->case_id);
	printer_size(c->out, "bytes", r->bytes);
	printer_size(c->out, "fetched_bytes", r->fetched_bytes);
	printer_number(c->out, "steps", r->steps_done);
	printer_number(c->out, "elapsed_ms", r->elapsed_ms);
	printer_number(c->out, "warnings", r->n_warnings);
	printer_row_end(c->out);
	printer_line(c->out, "Restored from %s: %s, %s, %s written, %s read from the archive, %.2f s.",
	    w->name, str_count(boxes, sizeof boxes, r->mailboxes, "mailbox", "mailboxes"),
	    str_count(messages, sizeof messages, r->messages, "message", "messages"),
	    str_size(bytes, sizeof bytes, r->bytes), str_size(fetched, sizeof fetched, r->fetched_bytes),
	    (double)r->elapsed_ms / 1000);
	if (restore_merges(w->plan)) {
		restore_counts_words(r, &counts);
		printer_line(c->out, "%s", buf_text(&counts));
		buf_clear(&counts);
	}
	app_command_begin(&counts, c->app, c->args.server, "restore");
	printer_line(c->out, "This takes it back: %s --undo %s", buf_text(&counts), r->case_id);
	buf_done(&counts);
}

static void print_planned(struct cli *c, const struct work *w, const char *outcome)
{
	printer_row(c->out, "summary");
	printer_string(c->out, "archive", w->name);
	printer_bool(c->out, "dry_run", c->args.dry_run);
	printer_string(c->out, "outcome", outcome);
	printer_number(c->out, "items", w->plan->n_items);
	printer_number(c->out, "refused", w->plan->n_refused);
	printer_number(c->out, "steps", w->plan->n_steps);
	printer_size(c->out, "bytes", w->plan->bytes);
	printer_row_end(c->out);
}

static int carry_out(struct cli *c, struct work *w, struct err *e)
{
	int answer;

	if (w->plan->n_refused > 0) {
		print_planned(c, w, "refused");
		return restore_refusal(w->plan, e);
	}
	if (w->plan->n_steps == 0) {
		print_planned(c, w, "nothing to do");
		printer_line(c->out, "%s", restore_nothing_words(w->plan));
		return c->args.dry_run ? 0 : app_restore_settle(c->app, c->args.server, w->plan, e);
	}
	if (c->args.plan_out != NULL) {
		if (write_plan(c, w, e) == -1)
			return -1;
		print_planned(c, w, "planned");
		printer_say(c->out,
		    "Nothing was changed. The plan is in %s; this carries it out:\n  cyrvault restore --plan "
		    "%s",
		    c->args.plan_out, c->args.plan_out);
		return 0;
	}
	if (c->args.dry_run) {
		print_planned(c, w, "planned");
		printer_say(c->out, "Nothing was changed: this was a dry run.");
		return 0;
	}
	answer = cli_confirm(c, "Carry out this plan?", e);
	if (answer == -1)
		return -1;
	if (answer == 0) {
		print_planned(c, w, "declined");
		printer_say(c->out, "Nothing was changed.");
		return 2;
	}
	if (progress_run(c, restore_work, w, e) == -1) {
		print_warnings(c, w);
		return -1;
	}
	print_warnings(c, w);
	print_receipt(c, w);
	return w->result.n_warnings > 0 || w->result.failed > 0 ? 1 : 0;
}

static int check_batch_options(const struct cli_args *a, struct err *e)
{
	if (a->since == NULL && a->before == NULL && a->store == NULL && a->on_error == NULL)
		return 0;
	err_set(e, ERR_USAGE, "restore: --since, --before and --store go with --lost, --on-error with a batch");
	return err_hint(e, "cyrvault help restore");
}

/* Said before the work of a plan rather than behind it. */
static int may_restore(struct cli *c, const char *archive, struct err *e)
{
	if (c->args.dry_run || c->args.plan_out != NULL)
		return 0;
	return app_audit_ask(c->app,
	    &(struct app_audit){ .verb = "restore",
		.server = c->args.server,
		.archive = archive,
		.users = &c->args.user,
		.n_users = c->args.user != NULL },
	    e);
}

static int run(struct cli *c, int argc, char **argv, struct err *e)
{
	size_t n = argc > 0 && !c->args.resume && c->args.plan == NULL ? (size_t)argc - 1 : 0;
	struct lookup l = { .c = c,
		.archive = argv[0],
		.typed = argv + 1,
		.n = n,
		.internal = mem_array(n + 1, sizeof(char *)) };
	struct work w = { .c = c, .archive = argc > 0 ? argv[0] : NULL };
	int status = -1;

	if (c->args.undo) {
		free(l.internal);
		return restore_undo(c, argc, argv, e);
	}
	if (restore_batch_wanted(c, argc, argv)) {
		free(l.internal);
		return restore_batch(c, argc, argv, e);
	}
	if (check_batch_options(&c->args, e) == -1 || restore_options_check(c, argc, e) == -1)
		goto out;
	if (c->args.plan != NULL) {
		if (restore_plan_file_read(c->args.plan, &w.file, e) == -1)
			goto out;
		w.archive = w.file.archive;
		c->args.server = w.file.server;
	}
	if (may_restore(c, w.archive, e) == -1)
		goto out;
	if (n > 0) {
		if (progress_run(c, look_up, &l, e) == -1)
			goto out;
		w.archive = l.exact;
	}
	if (restore_options_request(c, (const char *const *)l.internal, n, &w.request, e) == -1)
		goto out;
	if (progress_run(c, plan_work, &w, e) == -1) {
		print_differences(c, &w.differences);
		goto out;
	}
	w.name = mem_strdup(source_name(w.plan->source));
	print_plan(c, w.plan);
	status = carry_out(c, &w, e);
out:
	restore_result_done(&w.result);
	restore_plan_free(w.plan);
	print_differences(c, &w.differences);
	restore_plan_file_done(&w.file);
	restore_request_done(&w.request);
	for (size_t i = 0; i < n; i++)
		free(l.internal[i]);
	free(l.internal);
	free(l.exact);
	free(w.name);
	return status;
}

const struct cli_verb verb_restore = {
	.name = "restore",
	.usage = { "ARCHIVE MAILBOX...", "ARCHIVE --user=NAME", "ARCHIVE --batch=FILE",
	    "--lost=USER --since=DATE", "--plan=FILE", "--resume [CASE|BATCH]", "--undo [CASE]" },
	.purpose = "bring mailboxes back into the running server",
	.about = "Prints a plan first: what each mailbox is like now, every step in words, and\n"
	         "the command that does the same where there is one. Then it asks, unless --yes\n"
	         "is given. A mailbox that is gone comes back as it was: UIDs, flags, seen state\n"
	         "of every reader, ACL, annotations. One whose message files were lost gets these\n"
	         "back. Into one that is there with other content the messages that it lacks\n"
	         "are appended, under new UIDs, with their flags and dates; messages are told\n"
	         "apart by content, so none comes twice, and nothing that is there is changed.\n"
	         "With --keep-uids they get their old UIDs again, so that clients and every\n"
	         "reader's \\Seen know them, if the mailbox is still the same one.\n"
	         "--state brings no message, but puts flags, every reader's \\Seen, rights and\n"
	         "such of those that are there back as they were.\n"
	         "\"live\" in the archive's place is what the server itself still keeps: a deleted\n"
	         "mailbox is renamed back, with --expunged come the messages that were expunged.\n"
	         "A FILE for --batch has a line for each restore: user NAME, recursive MAILBOX,\n"
	         "or MAILBOX; # begins a comment. All are planned, and one question is asked;\n"
	         "each has a case of its own. --lost restores so what cyrvault lost lists.\n"
	         "--undo takes back what was changed and is still as the restore left it.\n"
	         "Cyrus keeps running. Stopped at any point, no live mail is harmed, and the same\n"
	         "command, or --resume, goes on from there.\n",
	.least = 0,
	.most = -1,
	.options = options,
	.exits = exits,
	.examples = {
	    { "Look at what would be done, then do it", "cyrvault restore -n latest user/alice/Work --recursive\n"
	                                                "      cyrvault restore latest user/alice/Work --recursive" },
	    { "Take the last restore back", "cyrvault restore --undo" },
	    { "A whole user, from a certain archive, unasked", "cyrvault restore mail1-20261122T0200 --user alice --yes" },
	},
	.run = run,
};
