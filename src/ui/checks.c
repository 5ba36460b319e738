/* checks.c: doctor in a task. */
#include "ui/checks.h"

#include <stdlib.h>

#include "app/words.h"
#include "core/mem.h"

struct work {
	struct app *app;
	char *server;
	struct job *job;
};

static void each(void *arg, enum doctor_state state, const char *subject, const char *what, const char *next)
{
	struct work *w = arg;
	struct check *k = mem_alloc(sizeof *k);

	k->state = state;
	k->subject = mem_strdup(subject);
	k->what = mem_strdup(what);
	k->next = mem_strdup(next != NULL ? next : "");
	job_post(w->job, k, check_free);
}

void check_free(void *check)
{
	struct check *k = check;

	if (k == NULL)
		return;
	free(k->subject);
	free(k->what);
	free(k->next);
	free(k);
}

static int run(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;

	w->job = job;
	job_step(job, "looking at what would go wrong");
	return app_doctor(w->app, w->server, job, each, w, e) == -1 ? -1 : 0;
}

static void free_work(void *arg)
{
	struct work *w = arg;

	free(w->server);
	free(w);
}

struct task *checks_start(struct console *c, struct view *owner,
    void (*took)(struct view *owner, struct task *t, void *item),
    void (*done)(struct view *owner, struct task *t))
{
	struct work *w = mem_alloc(sizeof *w);
	struct buf command = BUF_INIT;
	struct task *t;

	w->app = console_app(c);
	w->server = mem_strdup(console_server(c));
	app_command_begin(&command, w->app, w->server, "doctor");
	t = console_start(c, &(struct task_spec){ .title = "doctor",
				 .command = buf_text(&command),
				 .run = run,
				 .arg = w,
				 .free_arg = free_work,
				 .owner = owner,
				 .took = took,
				 .done = done });
	buf_done(&command);
	return t;
}

const char *check_word(enum doctor_state state)
{
	return state == DOCTOR_OK ? "ok" : state == DOCTOR_WARN ? "warn" : "FAIL";
}

enum style check_style(enum doctor_state state)
{
	return state == DOCTOR_OK ? STYLE_GOOD : state == DOCTOR_WARN ? STYLE_WARN : STYLE_BAD;
}
