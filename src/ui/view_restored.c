/* view_restored.c: a restore that runs: its steps; and when it has ended, the receipt. */
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/receipt.h"
#include "ui/restore_task.h"
#include "ui/shell.h"
#include "ui/views.h"

struct view_restored {
	struct view view;
	struct text text;
	struct task *task;
	size_t at;     /* the step that is being done */
	size_t n_said; /* of the task's steps, taken in */
	bool receipt;  /* it is shown */
};

static struct view_restored *self(struct view *v)
{
	return (struct view_restored *)v;
}

static const struct restore_work *work_of(const struct view_restored *r)
{
	return r->task->spec.arg;
}

/* ---- the work ---- */

static int carry_out(struct job *job, void *arg, struct err *e)
{
	struct restore_work *w = arg;

	return app_restore(w->app, w->server, w->plan, job, &w->result, e);
}

static void free_work(void *arg)
{
	struct restore_work *w = arg;

	restore_result_done(&w->result);
	restore_plan_free(w->plan);
	for (size_t i = 0; i < w->n_steps; i++)
		free(w->steps[i]);
	free(w->steps);
	for (size_t i = 0; i < w->n_items; i++)
		free(w->items[i]);
	free(w->items);
	free(w->server);
	free(w->archive);
	free(w);
}

/* ---- words ---- */

/* What the job says it does is the words of a step, cut where a job's line ends, or something within one. */
static void follow(struct view_restored *r)
{
	const struct restore_work *w = work_of(r);
	const struct task_step *last = r->task->n_steps > 0 ? &r->task->steps[r->task->n_steps - 1] : NULL;

	for (size_t i = r->at; last != NULL && i < w->n_steps; i++)
		if (strncmp(w->steps[i], last->words, sizeof last->words - 1) == 0)
			r->at = i;
}

static void add_steps(struct view_restored *r)
{
	const struct restore_work *w = work_of(r);
	bool running = task_running(r->task);

	for (size_t i = 0; i < w->n_steps; i++) {
		bool done = running ? i < r->at : w->plan->steps[i].done;
		const char *mark = done ? "done" : running && i == r->at ? " >> " : running ? "    " : "not ";
		enum style style = done ? STYLE_GOOD : running && i == r->at ? STYLE_STRONG : STYLE_DIM;

		text_add(&r->text, style, 10, "%s %3zu. %s", mark, i + 1, w->steps[i]);
	}
}

/* What came of one mailbox, and of each kind of its state. */
static void add_box(struct view_restored *r, size_t i)
{
	static const enum style styles[] = {
		[RECEIPT_UNPROVED] = STYLE_WARN, [RECEIPT_PROVED] = STYLE_GOOD, [RECEIPT_DIFFERS] = STYLE_BAD
	};
	const struct restore_work *w = work_of(r);
	const struct receipt_box *box = &w->result.boxes[i];
	const char *name = i < w->n_items ? w->items[i] : box->name;
	struct buf b = BUF_INIT;

	if (box->proof == RECEIPT_UNPROVED && box->why == NULL)
		return;
	if (box->created + box->merged + box->skipped + box->failed > 0)
		buf_printf(&b, "created %llu, merged %llu, skipped %llu, failed %llu; ",
		    (unsigned long long)box->created, (unsigned long long)box->merged,
		    (unsigned long long)box->skipped, (unsigned long long)box->failed);
	text_add(&r->text, styles[box->proof], 4, "  %s: was %s; %s%s%s%s", name,
	    mailbox_state_name(box->was), buf_text(&b), receipt_proof_name(box->proof),
	    box->why != NULL ? ": " : "", box->why != NULL ? box->why : "");
	for (size_t k = 0; k < box->n_state; k++)
		if (!box->state[k].same)
			text_add(&r->text, STYLE_BAD, 8, "      %s differ%s%s",
			    restore_what_name(box->state[k].kind), box->state[k].why != NULL ? ": " : "",
			    box->state[k].why != NULL ? box->state[k].why : "");
	buf_clear(&b);
	for (size_t k = 0; k < box->n_state; k++)
		if (box->state[k].same)
			buf_printf(&b, "%s%s", b.len > 0 ? ", " : "", restore_what_name(box->state[k].kind));
	if (b.len > 0)
		text_add(&r->text, STYLE_NORMAL, 8, "      as in the archive: %s", buf_text(&b));
	buf_done(&b);
}

static void add_receipt(struct view_restored *r)
{
	const struct restore_work *w = work_of(r);
	const struct restore_result *x = &w->result;
	char boxes[40], mails[40], written[16], fetched[16];
	struct buf counts = BUF_INIT;

	if (r->task->rc == 0)
		text_add(&r->text, x->n_warnings + x->n_failures > 0 ? STYLE_WARN : STYLE_GOOD, 0,
		    "Restored from %s: %s, %s, %s written, %s read from the archive, %.2f s.", w->archive,
		    str_count(boxes, sizeof boxes, x->mailboxes, "mailbox", "mailboxes"),
		    str_count(mails, sizeof mails, x->messages, "message", "messages"),
		    str_size(written, sizeof written, x->bytes),
		    str_size(fetched, sizeof fetched, x->fetched_bytes), (double)x->elapsed_ms / 1000);
	else
		text_add(&r->text, STYLE_BAD, 0, "%s: %s", r->task->cancelled ? "Stopped" : "Failed",
		    r->task->err.msg);
	if (x->case_id != NULL && r->task->rc == 0) {
		if (restore_merges(w->plan)) {
			restore_counts_words(x, &counts);
			text_add(&r->text, STYLE_NORMAL, 0, "%s", buf_text(&counts));
			buf_clear(&counts);
		}
		shell_begin(&counts, r->view.console, "restore");
		text_add(&r->text, STYLE_NORMAL, 0, "u takes it back, as this does:");
		text_add(&r->text, STYLE_COMMAND, 4, "  $ %s --undo %s", buf_text(&counts), x->case_id);
	}
	if (r->task->rc == 0)
		text_add(&r->text, STYLE_NORMAL, 0,
		    "Proved: each mailbox was read back from the server and compared with the archive.");
	else if (r->task->err.hint[0] != '\0')
		text_add(&r->text, STYLE_NORMAL, 0, "%s", r->task->err.hint);
	buf_clear(&counts);
	restore_kinds_words(x, &counts);
	if (counts.len > 0)
		text_add(&r->text, STYLE_GOOD, 0, "%s", buf_text(&counts));
	buf_done(&counts);
	for (size_t i = 0; i < x->n_boxes; i++)
		add_box(r, i);
	for (size_t i = 0; i < x->n_warnings; i++)
		text_add(&r->text, STYLE_WARN, 9, "warning: %s", x->warnings[i]);
	for (size_t i = 0; i < x->n_failures; i++)
		text_add(&r->text, STYLE_WARN, 9, "not appended: %s", x->failures[i]);
}

static const struct view_ops running_ops, ended_ops;

static void rebuild(struct view_restored *r)
{
	size_t top = r->view.list.top;

	text_clear(&r->text);
	text_add(&r->text, STYLE_HEAD, 0, "%s", r->task->title);
	if (!task_running(r->task))
		add_receipt(r);
	else if (r->task->cancelled)
		text_add(&r->text, STYLE_WARN, 0, "Stopping at the next safe point ...");
	else
		text_add(&r->text, STYLE_NORMAL, 0,
		    "Cyrus keeps running. x stops at the next safe point; q leaves this screen, the work "
		    "goes on.");
	text_add(&r->text, STYLE_NORMAL, 0, "%s", "");
	add_steps(r);
	r->view.list.top = top;
	list_set_height(&r->view.list, r->view.list.height);
	r->receipt = !task_running(r->task);
	r->view.ops = r->receipt ? &ended_ops : &running_ops;
}

/* ---- the view ---- */

static void done(struct view *v, struct task *t)
{
	struct view_restored *r = self(v);

	r->view.list.top = 0;
	rebuild(r);
	if (t->rc == -1)
		console_say(v->console, STYLE_BAD, "%s",
		    t->cancelled ? "Stopped; what is done stays, no live mail was harmed" : t->err.msg);
	else
		console_say(v->console, STYLE_GOOD, "Restored");
}

static void refresh(struct view *v)
{
	struct view_restored *r = self(v);
	size_t at = r->at;

	if (task_running(r->task)) {
		follow(r);
		if (r->at != at || r->n_said != r->task->n_steps) {
			r->n_said = r->task->n_steps;
			rebuild(r);
		}
	} else if (!r->receipt) {
		rebuild(r);
	}
}

static void status(struct view *v, struct buf *b)
{
	const struct view_restored *r = self(v);

	if (task_running(r->task))
		buf_printf(b, "step %zu of %zu", r->at + 1, work_of(r)->n_steps);
	else
		buf_str(b, r->task->rc == 0     ? "restored and proved"
			   : r->task->cancelled ? "stopped"
						: "failed");
}

static void title(struct view *v, struct buf *b)
{
	buf_str(b, task_running(self(v)->task) ? "restoring" : "receipt");
}

static void command(struct view *v, struct buf *b)
{
	buf_str(b, self(v)->task->command);
}

static bool request(struct view *v, enum request r)
{
	if (r == REQUEST_UNDO && !task_running(self(v)->task)) {
		if (work_of(self(v))->result.case_id != NULL)
			console_push(v->console, view_undo_new(v->console, work_of(self(v))->result.case_id));
		else
			console_say(
			    v->console, STYLE_NORMAL, "It has changed nothing that could be taken back");
		return true;
	}
	if (r != REQUEST_STOP)
		return false;
	console_stop(v->console, self(v)->task);
	rebuild(self(v));
	return true;
}

static void layout(struct view *v, int columns)
{
	text_layout(&self(v)->text, columns);
}

static void free_view(struct view *v)
{
	text_done(&self(v)->text);
	free(v);
}

#define ABOUT                                                                                           \
	"A restore: its steps while it runs; when it has ended, what came of it. The proof reads each " \
	"mailbox back from "                                                                            \
	"the server and compares it with the archive. A restore that was stopped goes on when it is "   \
	"planned again, or with R on the screen of all restores (c). u plans to take it back."
#define OPS(offers)                                                                                      \
	{                                                                                                \
		.name = "receipt", .about = ABOUT, .requests = offers, .title = title, .status = status, \
		.command = command, .request = request, .layout = layout, .refresh = refresh,            \
		.free = free_view                                                                        \
	}

static const enum request while_running[] = { REQUEST_STOP, REQUEST_SHOW_COMMAND, REQUEST_JOBS,
	REQUEST_NONE };
static const enum request at_the_end[] = { REQUEST_UNDO, REQUEST_CASES, REQUEST_SHOW_COMMAND, REQUEST_JOBS,
	REQUEST_LOG, REQUEST_NONE };
static const struct view_ops running_ops = OPS(while_running);
static const struct view_ops ended_ops = OPS(at_the_end);

static struct view *view_of(struct console *c, struct task *t)
{
	struct view_restored *r = mem_alloc(sizeof *r);

	r->view.ops = task_running(t) ? &running_ops : &ended_ops;
	r->view.console = c;
	r->task = t;
	text_init(&r->text, &r->view.list);
	text_layout(&r->text, console_columns(c));
	rebuild(r);
	return &r->view;
}

/* Out of the list of jobs: while it runs, it tells this view of its end from now on. */
static struct view *open_task(struct console *c, struct task *t)
{
	struct view *v = view_of(c, t);

	if (task_running(t) && t->spec.owner == NULL)
		t->spec.owner = v;
	return v;
}

void restore_start(
    struct console *c, struct restore_work *work, const char *title_text, const char *command_text)
{
	struct task *t = console_start(c, &(struct task_spec){ .title = title_text,
					      .command = command_text,
					      .run = carry_out,
					      .arg = work,
					      .free_arg = free_work,
					      .done = done,
					      .open = open_task,
					      .changes = true });

	if (t == NULL)
		return;
	t->spec.owner = view_of(c, t);
	console_pop(c);
	console_push(c, t->spec.owner);
}
