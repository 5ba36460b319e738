/* restore_undo.c: cyrvault restore --undo: what a restore has changed is taken back. */
#include "cli/restore_undo.h"

#include "app/names.h"
#include "cli/progress.h"
#include "core/clock.h"
#include "core/str.h"

struct work {
	struct cli *c;
	struct undo_plan *plan;
	struct undo_result result;
};

static const struct printer_column columns[] = {
	{ "name", "MAILBOX", false, 20, false, 0 },
	{ "remove", "MSGS", true, 0, false, 0 },
	{ "bytes", "SIZE", true, 0, false, 0 },
	{ "words", "WHAT", false, 20, true, 0 },
};

static void print_box(struct printer *out, const struct names *names, const struct undo_box *box)
{
	struct buf shown = BUF_INIT, words = BUF_INIT;

	names_show(names, box->name, &shown);
	undo_box_words(box, &words);
	printer_row(out, "item");
	printer_string(out, "name", buf_text(&shown));
	printer_string(out, "internal", box->name);
	printer_number(out, "remove", box->n);
	printer_size(out, "bytes", box->bytes);
	if (printer_is_json(out)) {
		printer_number(out, "gone", box->gone);
		printer_number(out, "answered", box->answered);
	}
	printer_string(out, "words", buf_text(&words));
	printer_row_end(out);
	buf_done(&shown);
	buf_done(&words);
}

static void print_change(struct printer *out, const struct undo_change *c)
{
	printer_row(out, "change");
	printer_string(out, "what", c->what);
	printer_string(out, "internal", c->mailbox[0] != '\0' ? c->mailbox : NULL);
	printer_string(out, "words", c->words);
	printer_string(out, "fate", undo_fate_name(c->fate));
	printer_string(out, "why", c->why);
	printer_row_end(out);
	if (c->fate == UNDO_LEFT)
		printer_wrapped(out, TONE_WARN, "  left: ", 8, "%s: %s", c->words, c->why);
	else if (c->fate == UNDO_BACK)
		printer_wrapped(out, TONE_PLAIN, "  ", 4, "%s", c->words);
}

static void print_plan(struct cli *c, const struct undo_plan *p)
{
	struct names names;
	char when[32];

	printer_line(c->out, "The restore of %s from %s (%s):", clock_local(when, sizeof when, p->begun),
	    p->archive, p->id);
	names_init(&names, c->app, c->args.server, NULL);
	printer_table(c->out, columns, sizeof columns / sizeof columns[0]);
	for (size_t i = 0; i < p->n_boxes; i++)
		print_box(c->out, &names, &p->boxes[i]);
	printer_table_end(c->out);
	names_done(&names);
	for (size_t i = 0; i < p->n_changes; i++)
		print_change(c->out, &p->changes[i]);
}

static void print_summary(struct cli *c, const struct work *w, const char *outcome)
{
	printer_row(c->out, "summary");
	printer_string(c->out, "case", w->plan->id);
	printer_string(c->out, "archive", w->plan->archive);
	printer_bool(c->out, "dry_run", c->args.dry_run);
	printer_string(c->out, "outcome", outcome);
	printer_number(c->out, "remove", w->plan->remove);
	printer_number(c->out, "removed", w->result.removed);
	printer_number(c->out, "gone", w->plan->gone);
	printer_number(c->out, "answered", w->plan->answered);
	printer_number(c->out, "changes", w->plan->back);
	printer_number(c->out, "changed_back", w->result.done != NULL ? w->result.done->back : 0);
	printer_number(c->out, "left", w->result.done != NULL ? w->result.done->left : w->plan->left);
	printer_row_end(c->out);
}

static int undo_work(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;

	return app_undo(w->c->app, w->c->args.server, w->plan, job, &w->result, e);
}

static int carry_out(struct cli *c, struct work *w, struct err *e)
{
	char n[40], m[40];
	int answer;

	if (w->plan->remove == 0 && w->plan->back == 0) {
		print_summary(c, w, "nothing to do");
		printer_line(c->out, "Nothing to do: %s.",
		    w->plan->undone ? "it was undone before"
				    : "nothing of it is there as the restore left it");
		return 0;
	}
	if (c->args.dry_run) {
		print_summary(c, w, "planned");
		printer_say(c->out, "Nothing was changed: this was a dry run.");
		return 0;
	}
	answer = cli_confirm(c, "Take this back on the running server?", e);
	if (answer == -1)
		return -1;
	if (answer == 0) {
		print_summary(c, w, "declined");
		printer_say(c->out, "Nothing was changed.");
		return 2;
	}
	if (progress_run(c, undo_work, w, e) == -1)
		return -1;
	for (size_t i = 0; i < w->result.done->n_changes; i++)
		if (w->result.done->changes[i].fate == UNDO_LEFT && i < w->plan->n_changes &&
		    w->plan->changes[i].fate != UNDO_LEFT)
			print_change(c->out, &w->result.done->changes[i]);
	print_summary(c, w, "undone");
	printer_line(c->out, "Taken back: %s removed, %s undone.",
	    str_count(n, sizeof n, w->result.removed, "message", "messages"),
	    str_count(m, sizeof m, w->result.done->back, "change", "changes"));
	return 0;
}

int restore_undo(struct cli *c, int argc, char **argv, struct err *e)
{
	struct work w = { .c = c };
	int status;

	if (argc > 1 || c->args.user != NULL || c->args.mark != NULL || c->args.moved || c->args.identical ||
	    c->args.keep_uids) {
		err_set(e, ERR_USAGE, "restore --undo: at most the name of one case, and nothing else");
		return err_hint(e, "cyrvault help restore");
	}
	if (app_undo_plan(c->app, c->args.server, argc > 0 ? argv[0] : NULL, &w.plan, e) == -1)
		return -1;
	print_plan(c, w.plan);
	status = carry_out(c, &w, e);
	undo_result_done(&w.result);
	undo_plan_free(w.plan);
	return status;
}
