/* view_details.c: everything that is known about one mailbox of an archive, and of what the live server has of it. */
#include <stdlib.h>
#include <string.h>

#include "app/words.h"
#include "core/mem.h"
#include "ui/shell.h"
#include "ui/views.h"

struct view_details {
	struct view view;
	struct text text;
	char *archive, *internal, *shown;
	bool loading;
	unsigned changes;  /* console_changes() when it was read */
	struct err failed; /* code ERR_NONE: it could be read */
};

/* The worker's. */
struct load {
	struct app *app;
	char *server, *archive, *internal;
	struct app_details details;
};

static struct view_details *self(struct view *v)
{
	return (struct view_details *)v;
}

/* ---- reading ---- */

static int load(struct job *job, void *arg, struct err *e)
{
	struct load *l = arg;

	job_step(job, "looking at the mailbox, here and there");
	return app_box_details(l->app, l->server, l->archive, l->internal, job, &l->details, e);
}

static void free_load(void *arg)
{
	struct load *l = arg;

	free(l->server);
	free(l->archive);
	free(l->internal);
	app_details_done(&l->details);
	free(l);
}

static void word(struct view_details *d, const struct app_details *from)
{
	size_t widest = 0;

	for (size_t i = 0; i < from->n; i++)
		if (from->list[i].label != NULL && strlen(from->list[i].label) > widest)
			widest = strlen(from->list[i].label);
	text_clear(&d->text);
	for (size_t i = 0; i < from->n; i++)
		text_add(&d->text, STYLE_NORMAL, (int)widest + 2, "%-*s  %s", (int)widest,
		    from->list[i].label != NULL ? from->list[i].label : "", from->list[i].value);
	list_move(&d->view.list, REQUEST_FIRST);
}

static void loaded(struct view *v, struct task *t)
{
	struct view_details *d = self(v);
	const struct load *l = t->spec.arg;

	d->loading = false;
	d->failed = t->err;
	if (t->rc == 0) {
		d->failed.code = ERR_NONE;
		word(d, &l->details);
	} else if (list_n(&v->list) > 0) {
		console_fail(v->console, &t->err);
	}
}

static void add_command(struct view_details *d, struct buf *b)
{
	shell_mailbox(b, d->view.console, "mailboxes", d->archive, d->internal, d->shown);
	app_command_add(b, "--live");
}

static void reload(struct view_details *d)
{
	struct load *l;
	struct buf command = BUF_INIT;

	if (d->loading)
		return;
	l = mem_alloc(sizeof *l);
	l->app = console_app(d->view.console);
	l->server = mem_strdup(console_server(d->view.console));
	l->archive = mem_strdup(d->archive);
	l->internal = mem_strdup(d->internal);
	add_command(d, &command);
	d->changes = console_changes(d->view.console);
	d->loading = console_start(d->view.console, &(struct task_spec){ .title = "look at a mailbox",
							.command = buf_text(&command),
							.run = load,
							.arg = l,
							.free_arg = free_load,
							.owner = &d->view,
							.done = loaded }) != NULL;
	buf_done(&command);
}

/* ---- what can be asked ---- */

static void restore(struct view_details *d)
{
	const char *internal = d->internal, *shown = d->shown;

	console_push(d->view.console,
	    view_restore_new(d->view.console,
		&(struct restore_wish){
		    .archive = d->archive, .internal = &internal, .shown = &shown, .n = 1 }));
}

static bool request(struct view *v, enum request r)
{
	struct view_details *d = self(v);

	switch ((int)r) {
	case REQUEST_OPEN:
		console_push(v->console, view_messages_new(v->console, d->archive, d->internal, d->shown));
		return true;
	case REQUEST_RESTORE: restore(d); return true;
	case REQUEST_RELOAD: reload(d); return true;
	default: return false;
	}
}

static void title(struct view *v, struct buf *b)
{
	buf_printf(b, "%s, details", self(v)->shown);
}

static void status(struct view *v, struct buf *b)
{
	if (self(v)->loading)
		buf_str(b, "looking at the mailbox, here and there");
	else
		buf_printf(b, "of %s", self(v)->archive);
}

static void command(struct view *v, struct buf *b)
{
	add_command(self(v), b);
}

static void empty(struct view *v, struct buf *b)
{
	const struct view_details *d = self(v);

	if (d->failed.code != ERR_NONE)
		buf_printf(
		    b, "Nothing can be said of it: %s.\n%s\nr tries again.", d->failed.msg, d->failed.hint);
}

static void layout(struct view *v, int columns)
{
	text_layout(&self(v)->text, columns);
}

static void shown(struct view *v)
{
	if (self(v)->changes != console_changes(v->console))
		reload(self(v));
}

static void free_view(struct view *v)
{
	struct view_details *d = self(v);

	text_done(&d->text);
	free(d->archive);
	free(d->internal);
	free(d->shown);
	free(d);
}

static const enum request requests[] = { REQUEST_OPEN, REQUEST_RESTORE, REQUEST_SEARCH, REQUEST_RELOAD,
	REQUEST_NONE };
static const struct view_ops ops = { .name = "details",
	.about = "Everything that the archive knows about one mailbox, and what the live server still has of "
		 "it, under its name or as DELETED.*. Enter opens its messages, R restores it.",
	.requests = requests,
	.title = title,
	.status = status,
	.command = command,
	.request = request,
	.empty = empty,
	.layout = layout,
	.shown = shown,
	.free = free_view };

struct view *view_details_new(
    struct console *c, const char *archive, const char *internal, const char *shown_name)
{
	struct view_details *d = mem_alloc(sizeof *d);

	d->view.ops = &ops;
	d->view.console = c;
	d->archive = mem_strdup(archive);
	d->internal = mem_strdup(internal);
	d->shown = mem_strdup(shown_name);
	text_init(&d->text, &d->view.list);
	text_layout(&d->text, console_columns(c));
	reload(d);
	return &d->view;
}
