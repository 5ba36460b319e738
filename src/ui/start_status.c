/* start_status.c: how the backups stand, in a few lines. */
#include "ui/start_status.h"

#include <stdlib.h>

#include "app/words.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"

/* ---- words ---- */

static const enum style styles[] = {
	[STATUS_FINE] = STYLE_GOOD, [STATUS_WARN] = STYLE_WARN, [STATUS_BAD] = STYLE_BAD
};

static void add_archive(struct buf *b, const struct app_status_server *s)
{
	char age[16];

	if (s->archive == NULL)
		buf_str(b, "no good archive");
	else if (s->age_seconds < 0)
		buf_str(b, "newest good archive from the future");
	else
		buf_printf(b, "newest good archive %s old", clock_age(age, sizeof age, s->age_seconds));
}

static void add_run(struct buf *b, const struct app_status_server *s, int64_t now)
{
	const struct app_run *r = &s->last_run;
	char ago[16], n[40];

	if (!s->has_run)
		return;
	buf_printf(b, "; last run %s ago: ", clock_age(ago, sizeof ago, now - r->begun));
	if (r->outcome == RUN_FINDINGS && r->n_findings > 0)
		buf_str(b, str_count(n, sizeof n, r->n_findings, "finding", "findings"));
	else
		buf_str(b, run_outcome_words(r->outcome));
	if (s->failed_since > 1)
		buf_printf(b, ", like %llu before", (unsigned long long)s->failed_since - 1);
}

static void add_server(struct text *t, const struct app_status_server *s, int64_t now, size_t more)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "%s: %s; ", s->server, status_level_word(s->level));
	add_archive(&b, s);
	add_run(&b, s, now);
	if (more > 0)
		buf_printf(&b, "; and %zu more", more);
	text_add(t, styles[s->level], -1, "%s", buf_text(&b));
	buf_done(&b);
}

/* What is not configured is none of this host's business. */
void start_status_write(const struct app_status *s, struct text *t)
{
	size_t left = 0, lines = START_STATUS_LINES;

	for (size_t i = 0; i < s->n_servers; i++)
		left += s->servers[i].configured;
	for (int level = STATUS_BAD; level >= STATUS_FINE; level--)
		for (size_t i = 0; i < s->n_servers && lines > 0; i++) {
			const struct app_status_server *server = &s->servers[i];
			const struct app_status_note *n = server->n_notes > 0 ? &server->notes[0] : NULL;

			if (!server->configured || (int)server->level != level)
				continue;
			left--;
			lines--;
			add_server(t, server, s->now, lines == 0 ? left : 0);
			if (n != NULL && lines > 0) {
				text_add(t, styles[n->level], -1, "  %s", n->what);
				lines--;
			}
			if (n != NULL && n->level == STATUS_BAD && n->next[0] != '\0' && lines > 0) {
				text_add(t, STYLE_NORMAL, -1, "  next: %s", n->next);
				lines--;
			}
		}
}

/* ---- the task ---- */

struct work {
	struct app *app;
	struct app_status status;
};

static int run(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;

	job_step(job, "looking how the backups stand");
	return app_status(w->app, NULL, 0, &w->status, e);
}

static void free_work(void *arg)
{
	app_status_done(&((struct work *)arg)->status);
	free(arg);
}

struct task *start_status_load(
    struct console *c, struct view *owner, void (*done)(struct view *owner, struct task *t))
{
	struct work *w = mem_alloc(sizeof *w);
	struct buf command = BUF_INIT;
	struct task *t;

	w->app = console_app(c);
	app_command_begin(&command, w->app, NULL, "status");
	t = console_start(c, &(struct task_spec){ .title = "status",
				 .command = buf_text(&command),
				 .run = run,
				 .arg = w,
				 .free_arg = free_work,
				 .owner = owner,
				 .done = done });
	buf_done(&command);
	return t;
}

void start_status_take(struct task *t, struct app_status *ret)
{
	struct work *w = t->spec.arg;

	if (t->rc != 0)
		return;
	app_status_done(ret);
	*ret = w->status;
	w->status = (struct app_status){ 0 };
}
