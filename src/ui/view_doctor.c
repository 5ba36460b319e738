/* view_doctor.c: what would go wrong, before it does. */
#include <stdlib.h>

#include "app/words.h"
#include "core/mem.h"
#include "core/str.h"
#include "ui/checks.h"
#include "ui/sheet.h"
#include "ui/views.h"

struct view_doctor {
	struct view view;
	struct sheet sheet;
	unsigned counts[3];
	bool running;
};

static struct view_doctor *self(struct view *v)
{
	return (struct view_doctor *)v;
}

static const struct list_column columns[] = {
	{ "STATE", 5, 0, false, 0 },
	{ "SUBJECT", 18, 0, false, 0 },
	{ "WHAT", 20, 1, false, 0 },
};

static void took(struct view *v, struct task *t, void *item)
{
	struct view_doctor *d = self(v);
	struct check *k = item;

	(void)t;
	sheet_add(&d->sheet, check_style(k->state), check_word(k->state), k->subject, k->what, k->next);
	d->counts[k->state]++;
	check_free(k);
	list_changed(&v->list);
}

static void done(struct view *v, struct task *t)
{
	self(v)->running = false;
	if (t->rc == -1)
		console_fail(v->console, &t->err);
}

static void look(struct view_doctor *d)
{
	if (d->running)
		return;
	sheet_clear(&d->sheet);
	list_moved(&d->view.list, 0);
	d->counts[0] = d->counts[1] = d->counts[2] = 0;
	d->running = checks_start(d->view.console, &d->view, took, done) != NULL;
}

static bool request(struct view *v, enum request r)
{
	switch ((int)r) {
	case REQUEST_OPEN:
	case REQUEST_DETAILS: sheet_open(v->console, &self(v)->sheet, &v->list, "finding"); return true;
	case REQUEST_RELOAD: look(self(v)); return true;
	default: return false;
	}
}

static void title(struct view *v, struct buf *b)
{
	(void)v;
	buf_str(b, "doctor");
}

static void status(struct view *v, struct buf *b)
{
	const struct view_doctor *d = self(v);
	char warnings[40], failures[40];

	buf_printf(b, "%u ok, %s, %s%s", d->counts[DOCTOR_OK],
	    str_count(warnings, sizeof warnings, d->counts[DOCTOR_WARN], "warning", "warnings"),
	    str_count(failures, sizeof failures, d->counts[DOCTOR_FAIL], "failure", "failures"),
	    d->running ? "; still looking" : "");
}

static void command(struct view *v, struct buf *b)
{
	app_command_begin(b, console_app(v->console), console_server(v->console), "doctor");
}

static void detail(struct view *v, struct text *t)
{
	sheet_detail(&self(v)->sheet, &v->list, t);
}

static void free_view(struct view *v)
{
	sheet_done(&self(v)->sheet);
	free(v);
}

static const enum request requests[] = { REQUEST_OPEN, REQUEST_RELOAD, REQUEST_FILTER, REQUEST_SHOW_COMMAND,
	REQUEST_NONE };
static const struct view_ops ops = { .name = "doctor",
	.about =
	    "Looks at the configuration, the version and layout of Cyrus, its programs, spool and databases, "
	    "locks, the IMAP login, the stores and what interrupted runs left. Changes nothing. Enter shows "
	    "a line whole, and what to do next.",
	.requests = requests,
	.title = title,
	.status = status,
	.command = command,
	.request = request,
	.detail = detail,
	.free = free_view };

struct view *view_doctor_new(struct console *c)
{
	struct view_doctor *d = mem_alloc(sizeof *d);

	d->view.ops = &ops;
	d->view.console = c;
	sheet_init(&d->sheet, &d->view.list, columns, sizeof columns / sizeof columns[0]);
	look(d);
	return &d->view;
}
