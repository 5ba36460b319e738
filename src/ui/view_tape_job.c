/* view_tape_job.c: tapes are being written or proved: what is done, and what came of it. */
#include <stdlib.h>

#include "core/mem.h"
#include "core/str.h"
#include "ui/sheet.h"
#include "ui/tape_task.h"
#include "ui/views.h"

struct view_tape_job {
	struct view view;
	struct sheet sheet;
	unsigned job;
	size_t taken; /* lines that are in the sheet */
	bool reported;
};

static struct view_tape_job *self(struct view *v)
{
	return (struct view_tape_job *)v;
}

static const struct list_column columns[] = {
	{ "", 8, 0, false, 0 },
	{ "", 15, 1, false, 0 },
	{ "", 32, 5, false, 0 },
};

static void add_line(struct sheet *s, const struct tape_line *l, bool writes)
{
	static const char *const words[] = {
		[TAPE_GOOD] = "good", [TAPE_TAKEN] = "taken", [TAPE_DAMAGED] = "damaged"
	};
	char *where = mem_printf("%s, file %llu", l->label, (unsigned long long)l->file);
	char *what = l->why[0] != '\0' ? mem_printf("%s: %s", l->archive, l->why) : mem_strdup(l->archive);

	sheet_add(s, l->verdict == TAPE_DAMAGED ? STYLE_BAD : STYLE_GOOD,
	    writes ? "written" : words[l->verdict], where, what,
	    writes                     ? "it was read back, and is what it was"
	    : l->verdict == TAPE_TAKEN ? "it is remembered from now on"
				       : NULL);
	free(where);
	free(what);
}

static void write_end(struct view_tape_job *v, const struct task *t)
{
	bool stopped = t->cancelled || t->err.code == ERR_CANCELLED;

	if (t->rc == -1)
		sheet_add(&v->sheet, stopped ? STYLE_WARN : STYLE_BAD, stopped ? "stopped" : "failed", "",
		    t->err.msg, t->err.hint);
	else if (v->taken == 0)
		sheet_add(&v->sheet, STYLE_NORMAL, "done", "", "there was nothing to do", NULL);
	v->reported = true;
}

static void refresh(struct view *view)
{
	struct view_tape_job *v = self(view);
	struct task *t = tape_find(view->console, v->job);
	struct tape_work *w = t != NULL ? t->spec.arg : NULL;
	size_t before = v->sheet.n;

	if (t == NULL || v->reported)
		return;
	pthread_mutex_lock(&w->lock);
	for (; v->taken < w->n; v->taken++)
		add_line(&v->sheet, &w->lines[v->taken], w->writes);
	pthread_mutex_unlock(&w->lock);
	if (!task_running(t))
		write_end(v, t);
	if (v->sheet.n > before)
		list_moved(&view->list, v->sheet.n - 1);
}

static bool request(struct view *view, enum request r)
{
	struct view_tape_job *v = self(view);
	struct task *t = tape_find(view->console, v->job);

	switch ((int)r) {
	case REQUEST_OPEN:
	case REQUEST_DETAILS: sheet_open(view->console, &v->sheet, &view->list, "line"); return true;
	case REQUEST_STOP:
		if (t == NULL || !task_running(t))
			return false;
		console_stop(view->console, t);
		console_say(view->console, STYLE_WARN, "%s stops; what was written before stays", t->title);
		return true;
	default: return false;
	}
}

static void title(struct view *view, struct buf *b)
{
	const struct task *t = tape_find(view->console, self(view)->job);

	buf_str(b, t != NULL ? t->title : "tape");
}

static void status(struct view *view, struct buf *b)
{
	const struct task *t = tape_find(view->console, self(view)->job);

	if (t == NULL)
		buf_str(b, "That job was forgotten");
	else if (task_running(t))
		buf_str(b, "Running, also when this screen is left; what must be asked comes by itself");
	else
		buf_str(b,
		    t->result != NULL ? t->result : "It did not come to its end; what was done before stays");
}

static void command(struct view *view, struct buf *b)
{
	const struct task *t = tape_find(view->console, self(view)->job);

	if (t != NULL)
		buf_str(b, t->command);
}

static void empty(struct view *v, struct buf *b)
{
	(void)v;
	buf_str(b, "It has begun. Each archive is listed here when it is done.");
}

static void detail(struct view *view, struct text *t)
{
	sheet_detail(&self(view)->sheet, &view->list, t);
}

static void free_view(struct view *view)
{
	sheet_done(&self(view)->sheet);
	free(view);
}

static const enum request requests[] = { REQUEST_OPEN, REQUEST_STOP, REQUEST_SHOW_COMMAND, REQUEST_NONE };
static const struct view_ops ops = { .name = "tape job",
	.about = "Tapes are being written or proved. Each archive is listed when it is done. Which tape is "
	         "wanted in the drive is "
		 "asked as a question; x stops, and what was done before stays.",
	.requests = requests,
	.title = title,
	.status = status,
	.command = command,
	.request = request,
	.empty = empty,
	.detail = detail,
	.refresh = refresh,
	.free = free_view };

struct view *view_tape_job_new(struct console *c, struct task *t)
{
	struct view_tape_job *v = mem_alloc(sizeof *v);

	v->view.ops = &ops;
	v->view.console = c;
	v->job = t->number;
	sheet_init(&v->sheet, &v->view.list, columns, sizeof columns / sizeof columns[0]);
	refresh(&v->view);
	return &v->view;
}
