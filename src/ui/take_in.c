/* take_in.c: the catalogue brought up to date from the console. */
#include "ui/take_in.h"

#include <stdlib.h>

#include "app/catalogue.h"
#include "core/mem.h"
#include "core/str.h"
#include "ui/console.h"
#include "ui/shell.h"

/* The worker's. */
struct take_in {
	struct app *app;
	struct app_catalogue_result result;
	void (*done)(struct view *v);
};

static int run(struct job *job, void *arg, struct err *e)
{
	struct take_in *t = arg;

	return app_catalogue_update(t->app, false, job, &t->result, e);
}

static void free_arg(void *arg)
{
	struct take_in *t = arg;

	app_catalogue_result_done(&t->result);
	free(t);
}

static void ended(struct view *v, struct task *task)
{
	const struct take_in *t = task->spec.arg;
	const struct app_catalogue_result *r = &t->result;
	char n[40];

	if (task->rc == -1)
		console_fail(v->console, &task->err);
	else if (r->unreadable > 0)
		console_say(v->console, STYLE_WARN, "%s could not be taken in: %s",
		    str_count(n, sizeof n, r->unreadable, "archive", "archives"), r->why);
	else if (r->messages_why != NULL)
		console_say(v->console, STYLE_WARN, "Messages could not be taken in: %s", r->messages_why);
	else
		console_say(v->console, STYLE_GOOD, "%s taken in",
		    str_count(n, sizeof n, r->filled > r->messages_filled ? r->filled : r->messages_filled, "archive", "archives"));
	t->done(v);
}

bool ui_take_in(struct view *v, void (*done)(struct view *v))
{
	struct take_in *t = mem_alloc(sizeof *t);
	struct buf command = BUF_INIT;
	bool begun;

	t->app = console_app(v->console);
	t->done = done;
	shell_begin(&command, v->console, "catalogue");
	buf_str(&command, " update");
	begun = console_start(v->console, &(struct task_spec){ .title = "take archives into the catalogue",
					      .command = buf_text(&command),
					      .run = run,
					      .arg = t,
					      .free_arg = free_arg,
					      .owner = v,
					      .done = ended }) != NULL;
	buf_done(&command);
	return begun;
}
