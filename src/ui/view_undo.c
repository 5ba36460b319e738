/* view_undo.c: what undoing a restore would do, mailbox by mailbox and change by change; and, once it is confirmed, what came of it. */
#include <stdlib.h>
#include <string.h>

#include "app/names.h"
#include "app/words.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"
#include "ui/shell.h"
#include "ui/views.h"

/* The worker's while a task runs: first the plan is made, then carried out. */
struct work {
	struct app *app;
	char *server, *id;
	struct undo_plan *plan;
	char **box_names; /* of its boxes, as they are shown */
	size_t n_boxes;
	struct undo_result result;
};

struct view_undo {
	struct view view;
	struct text text;
	char *id;
	struct work *work; /* with the plan; NULL: being made, or being carried out */
	struct task *task;
	struct err failed; /* code ERR_NONE: it did not fail */
	bool ended;        /* it was carried out */
};

static struct view_undo *self(struct view *v)
{
	return (struct view_undo *)v;
}

/* ---- the work ---- */

static int make_plan(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;
	struct names names;

	job_step(job, "look what of it is still there");
	if (app_undo_plan(w->app, w->server, w->id, &w->plan, e) == -1)
		return -1;
	names_init(&names, w->app, w->server, NULL);
	w->n_boxes = w->plan->n_boxes;
	w->box_names = mem_array(w->n_boxes + 1, sizeof *w->box_names);
	for (size_t i = 0; i < w->n_boxes; i++) {
		struct buf b = BUF_INIT;

		names_show(&names, w->plan->boxes[i].name, &b);
		w->box_names[i] = buf_steal(&b);
	}
	names_done(&names);
	return 0;
}

static int carry_out(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;

	return app_undo(w->app, w->server, w->plan, job, &w->result, e);
}

static void free_work(void *arg)
{
	struct work *w = arg;

	if (w == NULL)
		return;
	undo_result_done(&w->result);
	undo_plan_free(w->plan);
	for (size_t i = 0; i < w->n_boxes; i++)
		free(w->box_names[i]);
	free(w->box_names);
	free(w->server);
	free(w->id);
	free(w);
}

/* ---- words ---- */

static void add_changes(struct view_undo *u, const struct undo_plan *p)
{
	for (size_t i = 0; i < p->n_changes; i++) {
		const struct undo_change *c = &p->changes[i];

		if (c->fate == UNDO_LEFT)
			text_add(&u->text, STYLE_WARN, 8, "  left: %s: %s", c->words,
			    c->why != NULL ? c->why : "");
		else if (c->fate == UNDO_BACK)
			text_add(&u->text, STYLE_NORMAL, 4, "  %s", c->words);
	}
}

static void add_boxes(struct view_undo *u, const struct work *w)
{
	for (size_t i = 0; i < w->plan->n_boxes; i++) {
		struct buf b = BUF_INIT;

		undo_box_words(&w->plan->boxes[i], &b);
		text_add(&u->text, w->plan->boxes[i].n > 0 ? STYLE_NORMAL : STYLE_DIM, 4, "  %s: %s",
		    w->box_names[i], buf_text(&b));
		buf_done(&b);
	}
}

static bool is_nothing(const struct undo_plan *p)
{
	return p->remove == 0 && p->back == 0;
}

static void add_plan(struct view_undo *u, const struct work *w)
{
	const struct undo_plan *p = w->plan;
	char when[32], n[48], m[48];

	text_add(&u->text, STYLE_HEAD, 0, "The restore of %s from %s is taken back",
	    clock_local(when, sizeof when, p->begun), p->archive);
	text_add(&u->text, STYLE_DIM, 0, "case %s", p->id);
	text_add(&u->text, STYLE_NORMAL, 0, "%s", "");
	if (is_nothing(p)) {
		text_add(&u->text, STYLE_GOOD, 0, "Nothing to do: %s.",
		    p->undone ? "it was undone before" : "nothing of it is there as the restore left it");
	} else {
		text_add(&u->text, STYLE_HEAD, 0, "The plan: %s%s%s (y carries it out)",
		    p->remove > 0
			? str_count(n, sizeof n, p->remove, "message is removed", "messages are removed")
			: "",
		    p->remove > 0 && p->back > 0 ? ", " : "",
		    p->back > 0
			? str_count(m, sizeof m, p->back, "change is taken back", "changes are taken back")
			: "");
	}
	add_boxes(u, w);
	add_changes(u, p);
	if (p->left > 0)
		text_add(&u->text, STYLE_WARN, 0, "%zu changes stay, for the reasons above.", p->left);
}

static void add_result(struct view_undo *u, const struct work *w)
{
	const struct undo_result *x = &w->result;
	char n[40], m[40];

	text_add(&u->text, STYLE_GOOD, 0, "Taken back: %s removed, %s undone.",
	    str_count(n, sizeof n, x->removed, "message", "messages"),
	    str_count(m, sizeof m, x->done != NULL ? x->done->back : 0, "change", "changes"));
	text_add(&u->text, STYLE_NORMAL, 0,
	    "Each was looked at once more before, and after. What somebody changed since the restore stays.");
	text_add(&u->text, STYLE_NORMAL, 0, "%s", "");
	add_boxes(u, w);
	if (x->done != NULL)
		add_changes(u, x->done);
}

static void rebuild(struct view_undo *u)
{
	text_clear(&u->text);
	if (u->failed.code != ERR_NONE) {
		text_add(&u->text, STYLE_BAD, 0, "%s", u->failed.msg);
		text_add(&u->text, STYLE_NORMAL, 0, "%s", u->failed.hint);
	} else if (u->work == NULL) {
		text_add(&u->text, STYLE_DIM, 0,
		    u->ended ? "Taking it back ..." : "Looking what of the restore is still there ...");
	} else if (u->ended) {
		add_result(u, u->work);
	} else {
		add_plan(u, u->work);
	}
	u->view.list.top = 0;
	list_set_height(&u->view.list, u->view.list.height);
	console_dirty(u->view.console);
}

/* ---- the tasks ---- */

static void command(struct view *v, struct buf *b)
{
	shell_begin(b, v->console, "restore");
	app_command_add(b, "--undo");
	app_command_add(b, self(v)->id);
}

static void done(struct view *v, struct task *t)
{
	struct view_undo *u = self(v);

	if (t != u->task)
		return;
	u->task = NULL;
	if (t->rc == -1) {
		u->failed = t->err;
		console_fail(v->console, &t->err);
	} else {
		u->work = t->spec.arg;
		t->spec.arg = NULL;
		if (u->ended)
			console_say(v->console, STYLE_GOOD, "The restore was undone");
	}
	rebuild(u);
}

static void start(struct view_undo *u, struct work *w, const char *title, job_fn *run, bool changes)
{
	struct console *c = u->view.console;
	struct buf line = BUF_INIT;

	command(&u->view, &line);
	if (!changes)
		buf_str(&line, " --dry-run");
	u->task = console_start(c, &(struct task_spec){ .title = title,
				       .command = buf_text(&line),
				       .run = run,
				       .arg = w,
				       .free_arg = free_work,
				       .owner = &u->view,
				       .done = done,
				       .changes = changes });
	buf_done(&line);
}

static void plan(struct view_undo *u)
{
	struct work *w;

	if (u->task != NULL)
		return;
	free_work(u->work);
	u->work = NULL;
	u->ended = false;
	err_clear(&u->failed);
	w = mem_alloc(sizeof *w);
	w->app = console_app(u->view.console);
	w->server = mem_strdup(console_server(u->view.console));
	w->id = mem_strdup(u->id);
	start(u, w, "plan an undo", make_plan, false);
	rebuild(u);
}

/* ---- what can be asked ---- */

static void answered(struct view *v, int choice)
{
	struct view_undo *u = self(v);
	struct work *w = u->work;
	char *title;

	if (choice != 1 || w == NULL || u->ended) {
		console_say(v->console, STYLE_NORMAL, "Nothing was changed");
		return;
	}
	u->work = NULL;
	u->ended = true;
	title = mem_printf("undo %s", u->id);
	start(u, w, title, carry_out, true);
	free(title);
	if (u->task == NULL)
		u->ended = false;
	rebuild(u);
}

static void go(struct view_undo *u)
{
	struct console *c = u->view.console;

	if (!console_may_change(c))
		return;
	if (u->work == NULL || u->ended || is_nothing(u->work->plan)) {
		console_say(c, STYLE_WARN, "%s",
		    u->task != NULL ? "The plan is not made yet"
				    : "There is nothing that could be carried out");
		return;
	}
	console_choose(c, &u->view, "Take this back on the running server?", "cancel undo", answered);
}

static bool request(struct view *v, enum request r)
{
	switch ((int)r) {
	case REQUEST_GO: go(self(v)); return true;
	case REQUEST_RELOAD: plan(self(v)); return true;
	case REQUEST_UNDO:
		console_say(
		    v->console, STYLE_NORMAL, "This is the plan; y carries it out, q leaves all as it is");
		return true;
	case REQUEST_STOP:
		if (self(v)->task != NULL)
			console_stop(v->console, self(v)->task);
		return true;
	default: return false;
	}
}

static void title(struct view *v, struct buf *b)
{
	(void)v;
	buf_str(b, "undo");
}

static void status(struct view *v, struct buf *b)
{
	const struct view_undo *u = self(v);

	if (u->failed.code != ERR_NONE)
		buf_str(b, "failed");
	else if (u->work == NULL)
		buf_str(b, u->ended ? "undoing" : "planning");
	else if (u->ended)
		buf_str(b, "undone");
	else
		buf_str(b, is_nothing(u->work->plan) ? "nothing to do"
						     : "ready: y carries it out; nothing is changed before");
}

static void layout(struct view *v, int columns)
{
	text_layout(&self(v)->text, columns);
}

static void free_view(struct view *v)
{
	struct view_undo *u = self(v);

	free_work(u->work);
	text_done(&u->text);
	free(u->id);
	free(u);
}

static const enum request requests[] = { REQUEST_GO, REQUEST_SHOW_COMMAND, REQUEST_RELOAD, REQUEST_JOBS,
	REQUEST_NONE };
static const struct view_ops ops = { .name = "undo",
	.about =
	    "What undoing a restore does: messages that it appended are removed, what it changed is put back "
	    "as it was. What somebody has changed, answered or moved since stays, and is listed with the "
	    "reason. y carries it out, after one more question.",
	.requests = requests,
	.title = title,
	.status = status,
	.command = command,
	.request = request,
	.layout = layout,
	.free = free_view };

struct view *view_undo_new(struct console *c, const char *id)
{
	struct view_undo *u = mem_alloc(sizeof *u);

	u->view.ops = &ops;
	u->view.console = c;
	u->id = mem_strdup(id);
	text_init(&u->text, &u->view.list);
	text_layout(&u->text, console_columns(c));
	plan(u);
	return &u->view;
}
