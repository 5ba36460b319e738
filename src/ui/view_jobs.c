/* view_jobs.c: what runs and what has run, the newest first; and one of them, looked at. */
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"
#include "ui/views.h"

#define STALLED_MS 5000

struct view_jobs {
	struct view view;
	unsigned *numbers; /* of the tasks, as they stand in the rows: they may go at any time */
	size_t n, cap;
};

struct view_job {
	struct view view;
	struct text text;
	unsigned number;
	char *title;
};

static struct view_jobs *self(struct view *v)
{
	return (struct view_jobs *)v;
}

static struct task *find(struct console *c, unsigned number)
{
	struct task *t = console_tasks(c);

	while (t != NULL && t->number != number)
		t = t->next;
	return t;
}

/* What only fills a screen, and is over before one has looked, is no job to tell of. */
#define PASSING_MS 1000

static const struct task *listed(const struct task *t)
{
	while (t != NULL && task_running(t) && t->spec.open == NULL && !t->spec.changes &&
	       t->elapsed_ms < PASSING_MS)
		t = t->next;
	return t;
}

/* ---- words ---- */

static const char *state_of(const struct task *t, const struct job_progress *p, enum style *style)
{
	*style = STYLE_NORMAL;
	if (task_running(t)) {
		*style = STYLE_STRONG;
		if (p->cancelling)
			return "stopping";
		if (p->idle_ms >= STALLED_MS) {
			*style = STYLE_WARN;
			return "stalled";
		}
		return "running";
	}
	if (t->rc == 0) {
		*style = STYLE_GOOD;
		return "done";
	}
	if (t->cancelled || t->err.code == ERR_CANCELLED) {
		*style = STYLE_WARN;
		return "stopped";
	}
	*style = STYLE_BAD;
	return "failed";
}

static void progress_of(const struct task *t, struct job_progress *p)
{
	*p = (struct job_progress){ .elapsed_ms = t->elapsed_ms };
	if (task_running(t))
		job_get_progress(t->job, p);
}

static void add_time(struct buf *b, const struct task *t, const struct job_progress *p)
{
	char text[16];
	bool known = task_running(t) && t->meter.rate >= 1 && p->total_bytes > p->done_bytes;

	if (known)
		buf_printf(b, "ETA %s",
		    clock_age(text, sizeof text,
			(int64_t)((double)(p->total_bytes - p->done_bytes) / t->meter.rate) + 1));
	else
		buf_str(b, clock_age(text, sizeof text, (int64_t)(p->elapsed_ms / 1000)));
}

/* ---- rows ---- */

enum { NUMBER, STATE, TITLE, DONE, RATE, TIME, RESULT };

static const struct list_column columns[] = {
	{ "NO", 3, 0, true, 0 },
	{ "STATE", 8, 0, false, 0 },
	{ "JOB", 18, 2, false, 0 },
	{ "%", 4, 0, true, 0 },
	{ "RATE", 7, 0, true, 0 },
	{ "TIME", 8, 0, true, 0 },
	{ "RESULT", 18, 3, false, 76 },
};

static size_t count(void *model)
{
	return ((struct view_jobs *)model)->n;
}

static void cell(void *model, size_t row, size_t column, struct buf *b, enum style *style)
{
	struct view_jobs *j = model;
	const struct task *t = find(j->view.console, j->numbers[row]);
	struct job_progress p;
	char text[16];

	if (t == NULL)
		return;
	progress_of(t, &p);
	switch (column) {
	case NUMBER: buf_printf(b, "%u", t->number); break;
	case STATE: buf_str(b, state_of(t, &p, style)); break;
	case TITLE: buf_str(b, t->title); break;
	case DONE:
		if (task_running(t) && p.total_bytes > 0 && p.done_bytes <= p.total_bytes)
			buf_printf(b, "%u%%", (unsigned)((double)p.done_bytes * 100 / (double)p.total_bytes));
		break;
	case RATE:
		if (task_running(t) && t->meter.rate >= 1)
			buf_printf(b, "%s/s", str_size(text, sizeof text, (uint64_t)t->meter.rate));
		break;
	case TIME: add_time(b, t, &p); break;
	case RESULT:
		if (task_running(t))
			buf_str(b, p.step);
		else if (t->rc == -1)
			buf_str(b, t->err.msg);
		else if (t->result != NULL)
			buf_str(b, t->result);
		break;
	default: break;
	}
}

static const struct list_ops rows = { .count = count, .cell = cell };

static struct task *selected(struct view_jobs *j)
{
	size_t row;

	return list_selected(&j->view.list, &row) ? find(j->view.console, j->numbers[row]) : NULL;
}

static bool is_same(const struct view_jobs *j)
{
	const struct task *t = listed(console_tasks(j->view.console));
	size_t i = 0;

	for (; t != NULL && i < j->n && j->numbers[i] == t->number; t = listed(t->next))
		i++;
	return t == NULL && i == j->n;
}

/* The cursor stays on its job, though new ones come in above it and others go. */
static void refresh(struct view *v)
{
	struct view_jobs *j = self(v);
	size_t row, at = 0;
	unsigned was;

	if (is_same(j))
		return;
	was = list_selected(&v->list, &row) ? j->numbers[row] : 0;
	j->n = 0;
	for (const struct task *t = listed(console_tasks(v->console)); t != NULL; t = listed(t->next)) {
		j->numbers = mem_grow(j->numbers, &j->cap, j->n + 1, sizeof *j->numbers);
		if (t->number == was)
			at = j->n;
		j->numbers[j->n++] = t->number;
	}
	list_moved(&v->list, at);
}

/* ---- one of them ---- */

static void job_title(struct view *v, struct buf *b)
{
	buf_str(b, ((struct view_job *)v)->title);
}

static void add_steps(struct text *text, const struct task *t)
{
	text_add(text, STYLE_NORMAL, 0, "%s", "");
	text_add(text, STYLE_HEAD, 0, "What it did, and when (seconds since its beginning)");
	if (t->n_steps == TASK_STEPS)
		text_add(text, STYLE_DIM, 0, "The last %d steps.", TASK_STEPS);
	for (size_t i = 0; i < t->n_steps; i++)
		text_add(text, STYLE_NORMAL, 11, "%8.1f   %s", (double)t->steps[i].at_ms / 1000,
		    t->steps[i].words);
}

static void write_job(struct view_job *j, const struct task *t)
{
	struct text *text = &j->text;
	struct job_progress p;
	struct buf line = BUF_INIT;
	enum style style;
	char when[32];
	const char *state;

	progress_of(t, &p);
	state = state_of(t, &p, &style);
	text_add(text, STYLE_HEAD, 0, "%s", t->title);
	text_add(text, style, 10, "state     %s", state);
	if (task_running(t)) {
		meter_line(&line, &p, t->meter.rate, 70);
		text_add(text, STYLE_NORMAL, 10, "progress  %s", buf_text(&line));
		buf_done(&line);
	}
	text_add(text, STYLE_NORMAL, 10, "begun     %s", clock_local(when, sizeof when, t->when));
	text_add(text, STYLE_NORMAL, 10, "took      %.1f s", (double)p.elapsed_ms / 1000);
	if (t->result != NULL)
		text_add(text, STYLE_NORMAL, 10, "result    %s", t->result);
	if (!task_running(t) && t->rc == -1) {
		text_add(text, style, 10, "because   %s", t->err.msg);
		if (t->err.hint[0] != '\0')
			text_add(text, STYLE_NORMAL, 10, "next      %s", t->err.hint);
	}
	if (t->command != NULL)
		text_add(text, STYLE_COMMAND, -1, "command   %s", t->command);
	if (t->n_steps > 0)
		add_steps(text, t);
}

static void job_refresh(struct view *v)
{
	struct view_job *j = (struct view_job *)v;
	const struct task *t = find(v->console, j->number);

	/* What has gone stays as it was last seen. */
	if (t == NULL)
		return;
	text_clear(&j->text);
	write_job(j, t);
	list_moved(&v->list, (size_t)-1);
}

static void job_layout(struct view *v, int columns_now)
{
	text_layout(&((struct view_job *)v)->text, columns_now);
}

static void job_command(struct view *v, struct buf *b)
{
	const struct task *t = find(v->console, ((struct view_job *)v)->number);

	if (t != NULL && t->command != NULL)
		buf_str(b, t->command);
}

static void stop(struct console *c, struct task *t)
{
	if (t == NULL || !task_running(t)) {
		console_say(c, STYLE_NORMAL, "%s", t == NULL ? "There is no job here" : "That job has ended");
		return;
	}
	console_stop(c, t);
	console_say(c, STYLE_WARN, "%s stops at its next safe point", t->title);
}

static bool job_request(struct view *v, enum request r)
{
	if (r != REQUEST_STOP)
		return false;
	stop(v->console, find(v->console, ((struct view_job *)v)->number));
	return true;
}

static void job_free_view(struct view *v)
{
	struct view_job *j = (struct view_job *)v;

	text_done(&j->text);
	free(j->title);
	free(j);
}

static const enum request job_requests[] = { REQUEST_STOP, REQUEST_SEARCH, REQUEST_SHOW_COMMAND,
	REQUEST_NONE };
static const struct view_ops job_ops = { .name = "job",
	.about = "One job: how far it is or how it ended, what it did and when, and the command that does "
		 "the same.",
	.requests = job_requests,
	.title = job_title,
	.command = job_command,
	.request = job_request,
	.layout = job_layout,
	.refresh = job_refresh,
	.free = job_free_view };

static struct view *job_new_view(struct console *c, const struct task *t)
{
	struct view_job *j = mem_alloc(sizeof *j);

	j->view.ops = &job_ops;
	j->view.console = c;
	j->number = t->number;
	j->title = mem_strdup(t->title);
	text_init(&j->text, &j->view.list);
	text_layout(&j->text, console_columns(c));
	job_refresh(&j->view);
	return &j->view;
}

/* ---- what can be asked ---- */

static void open_job(struct view_jobs *j)
{
	struct console *c = j->view.console;
	struct task *t = selected(j);

	if (t == NULL)
		return;
	console_push(c, t->spec.open != NULL ? t->spec.open(c, t) : job_new_view(c, t));
}

static bool request(struct view *v, enum request r)
{
	struct view_jobs *j = self(v);

	switch ((int)r) {
	case REQUEST_OPEN: open_job(j); return true;
	case REQUEST_DETAILS:
		if (selected(j) != NULL)
			console_push(v->console, job_new_view(v->console, selected(j)));
		return true;
	case REQUEST_STOP: stop(v->console, selected(j)); return true;
	case REQUEST_RELOAD: refresh(v); return true;
	default: return false;
	}
}

static void title(struct view *v, struct buf *b)
{
	(void)v;
	buf_str(b, "jobs");
}

static void status(struct view *v, struct buf *b)
{
	size_t running = 0, ended = 0;

	for (const struct task *t = listed(console_tasks(v->console)); t != NULL; t = listed(t->next))
		*(task_running(t) ? &running : &ended) += 1;
	buf_printf(b, "%zu running, %zu ended", running, ended);
}

static void command(struct view *v, struct buf *b)
{
	const struct task *t = selected(self(v));

	if (t != NULL && t->command != NULL)
		buf_str(b, t->command);
}

static void empty(struct view *v, struct buf *b)
{
	(void)v;
	buf_str(b, "Nothing is running, and nothing has run that left something to see.\n\n"
		   "Backups, restores and verifications come here, and whatever failed.");
}

static void free_view(struct view *v)
{
	free(self(v)->numbers);
	free(v);
}

static const enum request requests[] = { REQUEST_OPEN, REQUEST_STOP, REQUEST_DETAILS, REQUEST_SHOW_COMMAND,
	REQUEST_NONE };
static const struct view_ops ops = { .name = "jobs",
	.about = "What runs and what has run in this console, the newest first. Enter shows what came of it, "
		 "i its steps with their times, x stops it at its next safe point.",
	.requests = requests,
	.title = title,
	.status = status,
	.command = command,
	.request = request,
	.empty = empty,
	.refresh = refresh,
	.free = free_view };

struct view *view_jobs_new(struct console *c)
{
	struct view_jobs *j = mem_alloc(sizeof *j);

	j->view.ops = &ops;
	j->view.console = c;
	list_init(&j->view.list, &rows, j, columns, sizeof columns / sizeof columns[0]);
	refresh(&j->view);
	return &j->view;
}
