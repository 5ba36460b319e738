/* view_rotation.c: which archives stay, which go, and why; and to let them go. */
#include <stdlib.h>
#include <string.h>

#include "app/words.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"
#include "ui/rotation.h"
#include "ui/shell.h"
#include "ui/views.h"

struct view_rotation {
	struct view view;
	struct rotation_work *work; /* planned, and not begun yet; else NULL */
	unsigned job;               /* the number of the task that carries it out; 0: none */
	bool planning;
	char *was;         /* the archive the cursor was on before it was planned anew; NULL */
	struct err failed; /* why there is no plan; code ERR_NONE: there is */
};

static struct view_rotation *self(struct view *v)
{
	return (struct view_rotation *)v;
}

static struct task *job_of(const struct view_rotation *v)
{
	return v->job != 0 ? rotation_find(v->view.console, v->job) : NULL;
}

/* What the rows are of; NULL: there is none, or it was forgotten. */
static struct rotation_work *work_of(const struct view_rotation *v)
{
	struct task *t = job_of(v);

	return t != NULL ? t->spec.arg : v->work;
}

/* ---- rows ---- */

enum { WHAT, DATE, SERVER, SIZE, WHY, STORE, NAME };

static const struct list_column columns[] = {
	{ "WHAT", 5, 0, false, 0 },
	{ "DATE", 16, 0, false, 0 },
	{ "SERVER", 6, 1, false, 0 },
	{ "SIZE", 5, 0, true, 0 },
	{ "WHY", 18, 8, false, 0 },
	{ "STORE", 10, 0, false, 100 },
	{ "NAME", 30, 1, false, 130 },
};

static size_t count(void *model)
{
	const struct rotation_work *w = work_of(model);

	return w != NULL ? w->n : 0;
}

static void cell(void *model, size_t i, size_t column, struct buf *b, enum style *style)
{
	static const enum style styles[] = { [ROTATION_STAYS] = STYLE_GOOD,
		[ROTATION_GOES] = STYLE_WARN,
		[ROTATION_GONE] = STYLE_DIM,
		[ROTATION_LEFT] = STYLE_BAD };
	struct rotation_work *w = work_of(model);
	const struct rotation_row *row = &w->rows[i];
	char text[32], *because;

	switch (column) {
	case WHAT:
		*style = styles[rotation_state(w, i, NULL)];
		buf_str(b, rotation_word(rotation_state(w, i, NULL)));
		break;
	case DATE: buf_str(b, clock_local(text, sizeof text, row->when)); break;
	case SERVER: buf_str(b, row->server != NULL ? row->server : row->name); break;
	case SIZE: buf_str(b, str_size(text, sizeof text, row->size_bytes)); break;
	case WHY:
		rotation_state(w, i, &because);
		buf_str(b, because != NULL ? because : row->why);
		free(because);
		break;
	case STORE: buf_str(b, row->store); break;
	case NAME: buf_str(b, row->name); break;
	default: break;
	}
}

static const struct list_ops rows = { .count = count, .cell = cell };

static struct rotation_row *selected(struct view_rotation *v, size_t *i)
{
	struct rotation_work *w = work_of(v);

	return w != NULL && list_selected(&v->view.list, i) ? &w->rows[*i] : NULL;
}

/* ---- the plan ---- */

/* The worker's. */
struct planning {
	struct app *app;
	struct app_prune plan;
};

static int plan(struct job *job, void *arg, struct err *e)
{
	struct planning *p = arg;

	job_step(job, "looking which archives stay");
	return app_prune_plan(p->app, &(struct app_prune_opts){ 0 }, job, &p->plan, e);
}

static void free_planning(void *arg)
{
	struct planning *p = arg;

	app_prune_done(&p->plan);
	free(p);
}

/* Where the cursor was, else on the first that goes: those above it stay. */
static size_t place_of_cursor(const struct view_rotation *v)
{
	const struct rotation_work *w = v->work;
	size_t at = w->n;

	for (size_t i = w->n; i-- > 0;)
		if (v->was != NULL ? strcmp(w->rows[i].name, v->was) == 0 : w->rows[i].state == ROTATION_GOES)
			at = i;
	return at < w->n ? at : 0;
}

static void planned(struct view *view, struct task *t)
{
	struct view_rotation *v = self(view);
	struct planning *p = t->spec.arg;
	size_t at = 0;

	v->planning = false;
	v->failed = t->err;
	if (t->rc == 0) {
		v->failed.code = ERR_NONE;
		v->work = rotation_work_new(console_app(view->console), &p->plan);
		at = place_of_cursor(v);
	}
	list_moved(&view->list, at);
	if (v->work != NULL && v->work->plan.n_away > 0)
		console_say(view->console, STYLE_WARN, "Store %s is away: %s", v->work->plan.away[0].store,
		    v->work->plan.away[0].what);
}

static void add_command(struct console *c, bool dry_run, struct buf *b)
{
	app_command_begin(b, console_app(c), NULL, "prune");
	if (dry_run)
		app_command_add(b, "--dry-run");
}

static void make_plan(struct view_rotation *v)
{
	struct planning *p;
	struct buf command = BUF_INIT;
	size_t i;

	if (v->planning)
		return;
	if (v->work != NULL && selected(v, &i) != NULL) {
		free(v->was);
		v->was = mem_strdup(selected(v, &i)->name);
	}
	rotation_work_free(v->work);
	v->work = NULL;
	v->job = 0;
	v->failed.code = ERR_NONE;
	list_moved(&v->view.list, 0);
	p = mem_alloc(sizeof *p);
	p->app = console_app(v->view.console);
	add_command(v->view.console, true, &command);
	v->planning = console_start(v->view.console, &(struct task_spec){ .title = "plan the rotation",
							 .command = buf_text(&command),
							 .run = plan,
							 .arg = p,
							 .free_arg = free_planning,
							 .owner = &v->view,
							 .done = planned }) != NULL;
	buf_done(&command);
}

/* ---- to carry it out ---- */

static struct view *open_job(struct console *c, struct task *t);

static void answered(struct view *view, int choice)
{
	struct view_rotation *v = self(view);
	struct rotation_work *w = v->work;
	struct task *t;

	if (choice != 1 || w == NULL) {
		console_say(view->console, STYLE_NORMAL, "Nothing was removed");
		return;
	}
	v->work = NULL;
	t = rotation_start(view->console, w, open_job);
	if (t != NULL)
		v->job = t->number;
	else
		list_moved(&view->list, 0); /* r plans anew */
}

static void go(struct view_rotation *v)
{
	struct console *c = v->view.console;
	char n[40], size[16], *question;

	if (!console_may_change(c))
		return;
	if (v->work == NULL || v->work->plan.n_remove == 0) {
		console_say(c, STYLE_NORMAL, "%s",
		    v->planning   ? "The plan is not made yet"
		    : v->job != 0 ? "It has been carried out; r plans anew"
				  : "There is nothing to remove");
		return;
	}
	question = mem_printf("Remove %s for good, %s?",
	    str_count(n, sizeof n, v->work->plan.n_remove, "archive", "archives"),
	    str_size(size, sizeof size, v->work->plan.remove_bytes));
	console_choose(c, &v->view, question, "cancel remove", answered);
	free(question);
}

static bool stop(struct view_rotation *v)
{
	struct task *t = job_of(v);

	if (t == NULL || !task_running(t))
		return false;
	console_stop(v->view.console, t);
	console_say(v->view.console, STYLE_WARN, "%s stops behind the archive that it is at", t->title);
	return true;
}

static void look_into(struct view_rotation *v)
{
	size_t i;
	struct rotation_row *row = selected(v, &i);

	if (row != NULL && rotation_state(work_of(v), i, NULL) != ROTATION_GONE)
		console_push(v->view.console, view_mailboxes_new(v->view.console, row->name));
}

static bool request(struct view *view, enum request r)
{
	struct view_rotation *v = self(view);
	size_t i;

	switch ((int)r) {
	case REQUEST_OPEN: look_into(v); return true;
	case REQUEST_PROTECT:
	case REQUEST_DETAILS:
		/* While it is carried out, what the plan has is the worker's. */
		if (v->work != NULL && selected(v, &i) != NULL)
			console_push(
			    view->console, view_archive_new(view->console, v->work->plan.list[i].archive,
					       v->work->plan.list[i].why, r == REQUEST_PROTECT));
		else if (v->job != 0)
			console_say(view->console, STYLE_NORMAL,
			    "That is being carried out, or has been; r plans anew");
		return true;
	case REQUEST_GO: go(v); return true;
	case REQUEST_STOP: return stop(v);
	case REQUEST_RELOAD:
		if (job_of(v) == NULL || !task_running(job_of(v)))
			make_plan(v);
		return true;
	default: return false;
	}
}

static void title(struct view *v, struct buf *b)
{
	(void)v;
	buf_str(b, "rotation");
}

static void add_plan(struct view_rotation *v, struct buf *b)
{
	const struct app_prune *p = &v->work->plan;
	char stay[40], go_there[40], size[16], key[16];

	buf_printf(b, "%s, ", str_count(stay, sizeof stay, p->n - p->n_remove, "stays", "stay"));
	if (p->n_remove == 0)
		buf_str(b, "none goes");
	else
		buf_printf(b, "%s (%s): %s removes what goes",
		    str_count(go_there, sizeof go_there, p->n_remove, "goes", "go"),
		    str_size(size, sizeof size, p->remove_bytes),
		    keymap_first(console_keymap(v->view.console), REQUEST_GO, key, sizeof key));
}

static void add_result(const struct task *t, struct buf *b)
{
	const struct app_pruned *p = &((const struct rotation_work *)t->spec.arg)->done;
	char n[40], size[16];

	buf_printf(b, "%s removed, %s", str_count(n, sizeof n, p->removed, "archive", "archives"),
	    str_size(size, sizeof size, p->bytes));
	if (p->left > 0)
		buf_printf(b, "; %zu left, see WHY", p->left);
}

static void status(struct view *view, struct buf *b)
{
	struct view_rotation *v = self(view);
	const struct task *t = job_of(v);

	if (t != NULL && task_running(t))
		buf_str(b, "Removing, also when this screen is left");
	else if (t != NULL)
		add_result(t, b);
	else if (v->planning)
		buf_str(b, "looking which archives stay");
	else if (v->work != NULL)
		add_plan(v, b);
}

static void command(struct view *v, struct buf *b)
{
	add_command(v->console, false, b);
}

static void empty(struct view *view, struct buf *b)
{
	struct view_rotation *v = self(view);

	if (v->planning)
		return;
	if (v->failed.code != ERR_NONE)
		buf_printf(b, "The stores cannot be looked into: %s.\n%s\nr tries again.", v->failed.msg,
		    v->failed.hint);
	else if (v->work != NULL)
		buf_str(b, "There is no archive.");
	else
		buf_str(b, "r plans anew.");
}

static void detail(struct view *view, struct text *t)
{
	struct view_rotation *v = self(view);
	char text[32], *because;
	size_t i;
	const struct rotation_row *row = selected(v, &i);
	enum rotation_state state;

	if (row == NULL)
		return;
	state = rotation_state(work_of(v), i, &because);
	text_add(t, STYLE_HEAD, 0, "%s", row->name);
	text_add(t, STYLE_NORMAL, 12, "store       %s", row->store);
	text_add(t, STYLE_NORMAL, 12, "made        %s", clock_iso(text, sizeof text, row->when));
	text_add(t, STYLE_NORMAL, 12, "size        %s", str_size(text, sizeof text, row->size_bytes));
	text_add(t, STYLE_STRONG, 12, "%-11s %s", rotation_word(state), row->why);
	if (because != NULL)
		text_add(t, STYLE_BAD, 12, "            %s", because);
	free(because);
}

static void shown(struct view *view)
{
	/* Something may have been protected meanwhile. */
	if (self(view)->job == 0)
		make_plan(self(view));
}

static void free_view(struct view *v)
{
	rotation_work_free(self(v)->work);
	free(self(v)->was);
	free(v);
}

static const enum request requests[] = { REQUEST_GO, REQUEST_PROTECT, REQUEST_OPEN, REQUEST_DETAILS,
	REQUEST_STOP, REQUEST_RELOAD, REQUEST_FILTER, REQUEST_SHOW_COMMAND, REQUEST_NONE };
static const struct view_ops ops = { .name = "rotation",
	.about = "What each store's keep keys make of its archives: which stay, which go, and why. The two "
		 "newest verified ones of each "
		 "server stay whatever is said, and so does what is protected (P). y removes what goes, "
		 "after one more question; first "
		 "what is to stay is proved. An archive that cannot be read is left to you. The same happens "
		 "by itself after a "
		 "backup, where the keep keys of its store are set.",
	.requests = requests,
	.title = title,
	.status = status,
	.command = command,
	.request = request,
	.empty = empty,
	.detail = detail,
	.shown = shown,
	.free = free_view };

static struct view_rotation *new_view(struct console *c)
{
	struct view_rotation *v = mem_alloc(sizeof *v);

	v->view.ops = &ops;
	v->view.console = c;
	list_init(&v->view.list, &rows, v, columns, sizeof columns / sizeof columns[0]);
	return v;
}

static struct view *open_job(struct console *c, struct task *t)
{
	struct view_rotation *v = new_view(c);

	v->job = t->number;
	return &v->view;
}

struct view *view_rotation_new(struct console *c)
{
	struct view_rotation *v = new_view(c);

	make_plan(v);
	return &v->view;
}
