/* view_cases.c: the restores into this server, those in progress first: each with its receipt, to be resumed or undone. */
#include <stdlib.h>
#include <string.h>

#include "app/words.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"
#include "ui/shell.h"
#include "ui/views.h"

/* The worker's. */
struct load {
	struct app *app;
	char *server; /* NULL: the first */
	struct app_cases list;
};

struct view_cases {
	struct view view;
	struct app_cases list; /* open ones first, then the newest */
	bool loading, loaded;
	struct err failed; /* code ERR_NONE: it could be read */
	unsigned changes;
};

static struct view_cases *self(struct view *v)
{
	return (struct view_cases *)v;
}

/* ---- rows ---- */

enum { BEGUN, STATE, WHAT, ARCHIVE, WHO };

static const struct list_column columns[] = {
	{ "BEGUN", 16, 0, false, 0 },
	{ "STATE", 7, 0, false, 0 },
	{ "WHAT", 16, 2, false, 0 },
	{ "FROM", 12, 1, false, 66 },
	{ "WHO", 8, 0, false, 100 },
};

static size_t count(void *model)
{
	return ((struct view_cases *)model)->list.n;
}

static enum style state_style(enum case_state s)
{
	return s == CASE_OPEN ? STYLE_WARN : s == CASE_DONE ? STYLE_GOOD : STYLE_DIM;
}

static void cell(void *model, size_t row, size_t column, struct buf *b, enum style *style)
{
	const struct app_case *c = &((struct view_cases *)model)->list.list[row];
	const struct case_info *i = &c->info;
	char text[32];

	switch (column) {
	case BEGUN: buf_str(b, clock_local(text, sizeof text, i->begun)); break;
	case STATE:
		*style = state_style(i->state);
		buf_str(b, case_state_name(i->state));
		break;
	case WHAT: buf_str(b, c->what); break;
	case ARCHIVE: buf_str(b, i->archive); break;
	case WHO: buf_str(b, i->who != NULL ? i->who : ""); break;
	default: break;
	}
}

static const struct list_ops rows = { .count = count, .cell = cell };

static const struct app_case *selected(struct view_cases *c)
{
	size_t row;

	return list_selected(&c->view.list, &row) ? &c->list.list[row] : NULL;
}

/* ---- reading ---- */

static int load(struct job *job, void *arg, struct err *e)
{
	struct load *l = arg;

	job_step(job, "reading the list of restores");
	return app_cases(l->app, l->server, &l->list, e);
}

static void free_load(void *arg)
{
	struct load *l = arg;

	app_cases_done(&l->list);
	free(l->server);
	free(l);
}

static void loaded(struct view *v, struct task *t)
{
	struct view_cases *c = self(v);
	struct load *l = t->spec.arg;
	const struct app_case *was = selected(c);
	char *id = was != NULL ? mem_strdup(was->info.id) : NULL;
	size_t at = 0;

	c->loading = false;
	c->loaded = true;
	c->failed = t->err;
	if (t->rc == 0) {
		c->failed.code = ERR_NONE;
		app_cases_done(&c->list);
		c->list = l->list;
		l->list = (struct app_cases){ 0 };
		for (size_t i = 0; id != NULL && i < c->list.n; i++)
			if (strcmp(c->list.list[i].info.id, id) == 0)
				at = i;
		list_moved(&v->list, at);
	} else {
		console_fail(v->console, &t->err);
	}
	free(id);
}

static void command(struct view *v, struct buf *b)
{
	shell_begin(b, v->console, "cases");
}

static void reload(struct view_cases *c)
{
	struct load *l;
	struct buf line = BUF_INIT;

	if (c->loading)
		return;
	l = mem_alloc(sizeof *l);
	l->app = console_app(c->view.console);
	l->server = mem_strdup(console_server(c->view.console));
	c->changes = console_changes(c->view.console);
	command(&c->view, &line);
	c->loading = console_start(c->view.console, &(struct task_spec){ .title = "list restores",
							.command = buf_text(&line),
							.run = load,
							.arg = l,
							.free_arg = free_load,
							.owner = &c->view,
							.done = loaded }) != NULL;
	buf_done(&line);
}

/* ---- one of them ---- */

static void add_lines(const struct app_case *c, struct text *t)
{
	const struct case_info *i = &c->info;
	char when[32];

	text_add(t, STYLE_HEAD, 0, "%s", c->what);
	text_add(t, STYLE_NORMAL, 10, "case      %s", i->id);
	text_add(t, state_style(i->state), 10, "state     %s", case_state_name(i->state));
	text_add(t, STYLE_NORMAL, 10, "from      %s", i->archive);
	text_add(t, STYLE_NORMAL, 10, "begun     %s", clock_local(when, sizeof when, i->begun));
	if (i->ended != 0)
		text_add(t, STYLE_NORMAL, 10, "ended     %s", clock_local(when, sizeof when, i->ended));
	text_add(t, STYLE_NORMAL, 10, "by        %s", i->who != NULL ? i->who : "not known");
	if (i->reason != NULL)
		text_add(t, STYLE_NORMAL, 10, "why       %s", i->reason);
	for (size_t k = 0; k < i->n_boxes; k++)
		text_add(t, STYLE_WARN, 10, "%s%s", k == 0 ? "not done  " : "          ", i->boxes[k].name);
	if (c->next != NULL)
		text_add(t, STYLE_COMMAND, 10, "%s $ %s", i->state == CASE_OPEN ? "go on   " : "undo    ",
		    c->next);
}

static void detail(struct view *v, struct text *t)
{
	const struct app_case *c = selected(self(v));

	if (c != NULL)
		add_lines(c, t);
}

/* A small file of this host's. */
static void open_receipt(struct view_cases *c)
{
	const struct app_case *at = selected(c);
	struct buf text = BUF_INIT, receipt = BUF_INIT;
	struct list scratch = { 0 };
	struct err e = { 0 };
	struct text t;

	if (at == NULL)
		return;
	if (app_case_receipt(console_app(c->view.console), at->info.id, false, &receipt, &e) == -1) {
		text_init(&t, &scratch);
		text_layout(&t, 1000);
		add_lines(at, &t);
		for (size_t k = 0; k < t.n_paragraphs; k++)
			buf_printf(&text, "%s\n", t.paragraphs[k].s);
		text_done(&t);
		buf_printf(&text, "\n%s\n", e.msg);
	}
	console_push(c->view.console, view_receipt_new(c->view.console, at->info.id, at->info.state,
					  receipt.len > 0 ? buf_text(&receipt) : buf_text(&text)));
	buf_done(&receipt);
	buf_done(&text);
}

static void resume(struct view_cases *c)
{
	const struct app_case *at = selected(c);
	const struct case_info *i;
	const char **names;

	if (at == NULL)
		return;
	i = &at->info;
	if (i->state != CASE_OPEN) {
		console_say(c->view.console, STYLE_NORMAL,
		    "This restore has come to its end: nothing of it is left to do");
		return;
	}
	names = mem_array(i->n_boxes + 1, sizeof *names);
	for (size_t k = 0; k < i->n_boxes; k++)
		names[k] = i->boxes[k].name;
	console_push(
	    c->view.console, view_restore_new(c->view.console, &(struct restore_wish){ .archive = i->archive,
								   .internal = names,
								   .shown = names,
								   .n = i->n_boxes,
								   .user = i->request.user,
								   .whole_user = i->request.user != NULL,
								   .resume = i->id }));
	free(names);
}

static void undo(struct view_cases *c)
{
	const struct app_case *at = selected(c);

	if (at != NULL)
		view_undo_ask(c->view.console, at->info.id, at->info.state);
}

static bool request(struct view *v, enum request r)
{
	struct view_cases *c = self(v);

	switch ((int)r) {
	case REQUEST_OPEN:
	case REQUEST_DETAILS: open_receipt(c); return true;
	case REQUEST_RESTORE: resume(c); return true;
	case REQUEST_UNDO: undo(c); return true;
	case REQUEST_RELOAD: reload(c); return true;
	case REQUEST_CASES: return true;
	default: return false;
	}
}

static void title(struct view *v, struct buf *b)
{
	(void)v;
	buf_str(b, "cases");
}

static void status(struct view *v, struct buf *b)
{
	const struct view_cases *c = self(v);
	size_t open = 0;
	char n[40];

	if (!c->loaded) {
		buf_str(b, "reading the list of restores");
		return;
	}
	for (size_t i = 0; i < c->list.n; i++)
		open += c->list.list[i].info.state == CASE_OPEN;
	buf_str(b, str_count(n, sizeof n, c->list.n, "restore", "restores"));
	if (open > 0)
		buf_printf(b, ", %zu in progress (R goes on, u undoes)", open);
}

static void empty(struct view *v, struct buf *b)
{
	const struct view_cases *c = self(v);

	if (c->failed.code != ERR_NONE)
		buf_printf(b, "The restores cannot be listed: %s.\n%s\nr tries again.", c->failed.msg,
		    c->failed.hint);
	else if (c->loaded && c->view.list.filter != NULL)
		buf_str(b, "No restore matches.");
	else if (c->loaded)
		buf_str(b, "Nothing was restored into this server yet, or it was too long ago.");
}

static void shown(struct view *v)
{
	if (self(v)->changes != console_changes(v->console))
		reload(self(v));
}

static void free_view(struct view *v)
{
	app_cases_done(&self(v)->list);
	free(v);
}

static const enum request requests[] = { REQUEST_OPEN, REQUEST_UNDO, REQUEST_RESTORE, REQUEST_RELOAD,
	REQUEST_NONE };
static const struct view_ops ops = { .name = "cases",
	.about =
	    "The restores into this server: in progress or cut off (\"open\"), done, undone, or failed "
	    "before "
	    "anything was changed. Enter shows the receipt; R goes on with an open one; u plans to take back "
	    "what one has changed.",
	.requests = requests,
	.title = title,
	.status = status,
	.command = command,
	.request = request,
	.empty = empty,
	.detail = detail,
	.shown = shown,
	.free = free_view };

struct view *view_cases_new(struct console *c)
{
	struct view_cases *v = mem_alloc(sizeof *v);

	v->view.ops = &ops;
	v->view.console = c;
	list_init(&v->view.list, &rows, v, columns, sizeof columns / sizeof columns[0]);
	reload(v);
	return &v->view;
}
