/* view_verify.c: prove one archive: how much of it, how far it is, what is wrong with it.
 *
 * The job outlives the screen: findings are kept with it, behind a lock, and the screen takes what is new. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "app/words.h"
#include "core/mem.h"
#include "core/str.h"
#include "ui/sheet.h"
#include "ui/views.h"

/* As many findings are kept; all are counted. */
#define KEPT_MAX 10000

struct finding {
	char *unit, *path, *what;
};

struct work {
	struct app *app;
	char *archive;
	bool quick;
	pthread_mutex_t lock; /* for findings and n */
	struct finding *findings;
	size_t n, cap;
	struct app_verified result; /* the worker's, while it runs */
};

enum { ALL, QUICK, N_CHOICES };

struct view_verify {
	struct view view;
	struct sheet sheet;
	char *archive;
	bool quick;
	unsigned job; /* the number of the task that is shown; 0: choosing yet */
	size_t taken; /* findings that are in the sheet */
	bool reported;
};

static struct view_verify *self(struct view *v)
{
	return (struct view_verify *)v;
}

static const struct list_column columns[] = {
	{ "", 8, 0, false, 0 },
	{ "", 18, 0, false, 0 },
	{ "", 24, 1, false, 0 },
};

/* ---- the job ---- */

static void found(void *arg, const struct archive_finding *f)
{
	struct work *w = arg;

	pthread_mutex_lock(&w->lock);
	if (w->n < KEPT_MAX) {
		w->findings = mem_grow(w->findings, &w->cap, w->n + 1, sizeof *w->findings);
		w->findings[w->n++] =
		    (struct finding){ mem_strdup(f->unit), mem_strdup(f->path), mem_strdup(f->what) };
	}
	pthread_mutex_unlock(&w->lock);
}

static int run(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;

	return app_verify(w->app, w->archive, w->quick, job, found, w, &w->result, e);
}

static void free_work(void *arg)
{
	struct work *w = arg;

	for (size_t i = 0; i < w->n; i++) {
		free(w->findings[i].unit);
		free(w->findings[i].path);
		free(w->findings[i].what);
	}
	free(w->findings);
	app_verified_done(&w->result);
	pthread_mutex_destroy(&w->lock);
	free(w->archive);
	free(w);
}

static char *result_line(const struct task *t)
{
	const struct work *w = t->spec.arg;
	struct buf b = BUF_INIT;

	buf_printf(&b, "%s: ", app_verdict_word(w->result.verdict));
	app_verified_words(&w->result, &b);
	return buf_steal(&b);
}

static struct view *open_job(struct console *c, struct task *t);

static bool is_of(const struct task *t, const char *archive)
{
	return t->spec.run == run && strcmp(((const struct work *)t->spec.arg)->archive, archive) == 0;
}

static struct task *job_of(const struct view_verify *v)
{
	struct task *t = v->job != 0 ? console_tasks(v->view.console) : NULL;

	while (t != NULL && t->number != v->job)
		t = t->next;
	return t;
}

static void write_command(const struct view_verify *v, struct buf *b)
{
	app_command_begin(b, console_app(v->view.console), NULL, "verify");
	if (v->quick)
		app_command_add(b, "--quick");
	app_command_add(b, v->archive);
}

static void start(struct view_verify *v)
{
	struct work *w = mem_alloc(sizeof *w);
	struct buf command = BUF_INIT;
	char *name = mem_printf("verify %s", v->archive);
	struct task *t;

	w->app = console_app(v->view.console);
	w->archive = mem_strdup(v->archive);
	w->quick = v->quick;
	pthread_mutex_init(&w->lock, NULL);
	write_command(v, &command);
	t = console_start(v->view.console, &(struct task_spec){ .title = name,
					       .command = buf_text(&command),
					       .run = run,
					       .arg = w,
					       .free_arg = free_work,
					       .result = result_line,
					       .open = open_job });
	buf_done(&command);
	free(name);
	if (t == NULL)
		return;
	v->job = t->number;
	v->taken = 0;
	v->reported = false;
	sheet_clear(&v->sheet);
	list_moved(&v->view.list, 0);
}

/* ---- rows ---- */

static void write_choices(struct view_verify *v)
{
	sheet_clear(&v->sheet);
	sheet_add(&v->sheet, STYLE_KEY, v->quick ? "( )" : "(x)", "all of it",
	    "every checksum, and every file's SHA-256", NULL);
	sheet_add(&v->sheet, STYLE_KEY, v->quick ? "(x)" : "( )", "quick", "the end mark and the index",
	    "a cut-off archive is found, a damaged file is not");
	list_changed(&v->view.list);
}

static void choose_again(struct view_verify *v)
{
	v->job = 0;
	write_choices(v);
	list_moved(&v->view.list, v->quick ? QUICK : ALL);
}

static bool take_findings(struct view_verify *v, struct work *w)
{
	size_t before = v->taken;

	pthread_mutex_lock(&w->lock);
	for (; v->taken < w->n; v->taken++) {
		const struct finding *f = &w->findings[v->taken];
		char *text = f->path != NULL && f->path[0] != '\0' ? mem_printf("%s: %s", f->what, f->path)
		                                                   : mem_strdup(f->what);

		sheet_add(&v->sheet, STYLE_BAD, "damage", f->unit, text, NULL);
		free(text);
	}
	pthread_mutex_unlock(&w->lock);
	return v->taken > before;
}

static void write_verdict(struct view_verify *v, const struct task *t)
{
	const struct work *w = t->spec.arg;
	struct buf b = BUF_INIT;

	if (t->rc == -1) {
		bool stopped = t->cancelled || t->err.code == ERR_CANCELLED;

		sheet_add(&v->sheet, stopped ? STYLE_WARN : STYLE_BAD, stopped ? "stopped" : "failed", "",
		    t->err.msg, t->err.hint);
		return;
	}
	app_verified_words(&w->result, &b);
	sheet_add(&v->sheet, w->result.verdict == VERDICT_DAMAGED ? STYLE_BAD : STYLE_GOOD,
	    app_verdict_word(w->result.verdict), "archive", buf_text(&b), NULL);
	buf_clear(&b);
	if (w->result.verdict == VERDICT_DAMAGED) {
		buf_str(&b, "cyrvault salvage");
		app_command_add(&b, v->archive);
		app_command_add(&b, "--output=DIR");
		sheet_add(
		    &v->sheet, STYLE_NORMAL, "next", "salvage", buf_text(&b), "it gets out what is whole");
	}
	buf_done(&b);
}

static void refresh(struct view *view)
{
	struct view_verify *v = self(view);
	const struct task *t = job_of(v);
	bool changed;

	if (t == NULL || v->reported)
		return;
	changed = take_findings(v, t->spec.arg);
	if (!task_running(t)) {
		/* The verdict is the first row of the report. */
		v->reported = true;
		sheet_clear(&v->sheet);
		v->taken = 0;
		write_verdict(v, t);
		take_findings(v, t->spec.arg);
		list_moved(&view->list, 0);
	} else if (changed) {
		list_changed(&view->list);
	}
}

/* ---- what can be asked ---- */

static void choose(struct view_verify *v)
{
	size_t row;

	if (!list_selected(&v->view.list, &row))
		return;
	v->quick = row == QUICK;
	write_choices(v);
}

static bool stop(struct view_verify *v)
{
	struct task *t = job_of(v);

	if (t == NULL || !task_running(t))
		return false;
	console_stop(v->view.console, t);
	console_say(v->view.console, STYLE_WARN, "%s stops", t->title);
	return true;
}

static bool request(struct view *view, enum request r)
{
	struct view_verify *v = self(view);

	switch ((int)r) {
	case REQUEST_OPEN:
	case REQUEST_MARK:
		if (v->job == 0)
			choose(v);
		else if (r == REQUEST_OPEN)
			sheet_open(view->console, &v->sheet, &view->list, "finding");
		return true;
	case REQUEST_DETAILS: sheet_open(view->console, &v->sheet, &view->list, "finding"); return true;
	case REQUEST_VERIFY:
	case REQUEST_GO:
		if (v->job == 0)
			start(v);
		else
			console_say(view->console, STYLE_NORMAL, "%s",
			    v->reported ? "It has ended: r chooses again" : "It is running");
		return true;
	case REQUEST_RELOAD:
		if (v->job == 0 || v->reported)
			choose_again(v);
		return true;
	case REQUEST_STOP: return stop(v);
	default: return false;
	}
}

static void title(struct view *v, struct buf *b)
{
	buf_printf(b, "verify %s", self(v)->archive);
}

static void status(struct view *view, struct buf *b)
{
	struct view_verify *v = self(view);
	const struct task *t = job_of(v);
	char key[16], n[40];

	if (v->job == 0)
		buf_printf(
		    b, "%s begins", keymap_first(console_keymap(view->console), REQUEST_GO, key, sizeof key));
	else if (t == NULL)
		buf_str(b, "That job was forgotten");
	else if (task_running(t))
		buf_printf(b, "%s so far; it goes on when this screen is left",
		    str_count(n, sizeof n, v->taken, "finding", "findings"));
	else
		buf_printf(b, "%s; r chooses again", t->result != NULL ? t->result : "Not proved");
}

static void command(struct view *view, struct buf *b)
{
	const struct task *t = job_of(self(view));

	if (t != NULL)
		buf_str(b, t->command);
	else
		write_command(self(view), b);
}

static void empty(struct view *v, struct buf *b)
{
	(void)v;
	buf_str(b, "Nothing is wrong so far.");
}

static void detail(struct view *view, struct text *t)
{
	sheet_detail(&self(view)->sheet, &view->list, t);
}

static void free_view(struct view *view)
{
	sheet_done(&self(view)->sheet);
	free(self(view)->archive);
	free(view);
}

static const enum request requests[] = { REQUEST_GO, REQUEST_MARK, REQUEST_OPEN, REQUEST_STOP, REQUEST_RELOAD,
	REQUEST_SHOW_COMMAND, REQUEST_NONE };
static const struct view_ops ops = { .name = "verify",
	.space = "choose",
	.about = "Proves one archive: all of it, or quickly its end mark and index. Choose with Space, then "
		 "y begins. It "
		 "changes nothing, and goes on when you leave this screen: v on the same archive, or the "
		 "jobs (J), come "
		 "back to it. An archive that something else made carries no checksums; it is read through "
		 "to its end.",
	.requests = requests,
	.title = title,
	.status = status,
	.command = command,
	.request = request,
	.empty = empty,
	.detail = detail,
	.refresh = refresh,
	.free = free_view };

static struct view_verify *new_view(struct console *c, const char *archive)
{
	struct view_verify *v = mem_alloc(sizeof *v);

	v->view.ops = &ops;
	v->view.console = c;
	v->archive = mem_strdup(archive);
	sheet_init(&v->sheet, &v->view.list, columns, sizeof columns / sizeof columns[0]);
	return v;
}

static struct view *open_job(struct console *c, struct task *t)
{
	const struct work *w = t->spec.arg;
	struct view_verify *v = new_view(c, w->archive);

	v->job = t->number;
	v->quick = w->quick;
	refresh(&v->view);
	return &v->view;
}

/* One that runs comes before a new one. */
struct view *view_verify_new(struct console *c, const char *archive)
{
	struct view_verify *v;

	for (struct task *t = console_tasks(c); t != NULL; t = t->next)
		if (task_running(t) && is_of(t, archive))
			return open_job(c, t);
	v = new_view(c, archive);
	write_choices(v);
	return &v->view;
}
