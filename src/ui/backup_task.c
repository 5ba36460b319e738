/* backup_task.c: a backup as a job, and the look before it. */
#include "ui/backup_task.h"

#include <stdlib.h>

#include "app/words.h"
#include "core/mem.h"
#include "core/str.h"

/* ---- the backup ---- */

static int run(struct job *job, void *arg, struct err *e)
{
	struct backup_work *w = arg;
	int rc = app_backup(w->app, w->server, &w->opts, job, &w->result, e);

	if (rc == 0)
		backup_watch_end(&w->watch);
	return rc;
}

static void free_work(void *arg)
{
	struct backup_work *w = arg;

	backup_result_done(&w->result);
	backup_watch_done(&w->watch);
	free(w->server);
	free(w);
}

void backup_counts(const struct backup_result *r, struct buf *b)
{
	char boxes[40], findings[40];

	buf_printf(b, "%s, %s", str_count(boxes, sizeof boxes, r->mailboxes, "mailbox", "mailboxes"),
	    str_count(findings, sizeof findings, r->n_findings, "finding", "findings"));
}

static char *result_line(const struct task *t)
{
	const struct backup_work *w = t->spec.arg;
	struct buf b = BUF_INIT;

	buf_printf(&b, "%s: ", w->result.archive != NULL ? w->result.archive : "nothing was written");
	backup_counts(&w->result, &b);
	return buf_steal(&b);
}

struct task *backup_find(struct console *c, unsigned number)
{
	struct task *t = console_tasks(c);

	while (t != NULL && (t->spec.run != run || (number != 0 && t->number != number)))
		t = t->next;
	return t;
}

struct backup_work *backup_of(const struct task *t)
{
	return t->spec.arg;
}

void backup_command(struct console *c, const struct backup_opts *o, struct buf *b)
{
	static const char *const levels[] = {
		[LEVEL_DEFAULT] = "default", [LEVEL_FAST] = "fast", [LEVEL_STORE] = "store"
	};

	app_command_begin(b, console_app(c), console_server(c), "backup");
	if (o->dry_run)
		app_command_add(b, "--dry-run");
	if (o->verify_all)
		app_command_add(b, "--verify");
	if (o->level != LEVEL_DEFAULT)
		buf_printf(b, " --level=%s", levels[o->level]);
}

struct task *backup_start(struct console *c, const struct backup_opts *opts,
    struct view *(*open)(struct console *c, struct task *t))
{
	struct backup_work *w = mem_alloc(sizeof *w);
	struct buf command = BUF_INIT;
	struct task *t;

	w->app = console_app(c);
	w->server = mem_strdup(console_server(c));
	w->opts = *opts;
	w->opts.news = backup_watch_news;
	w->opts.news_arg = &w->watch;
	backup_watch_init(&w->watch);
	backup_command(c, opts, &command);
	t = console_start(c, &(struct task_spec){ .title = opts->dry_run ? "trial backup" : "backup",
				 .command = buf_text(&command),
				 .run = run,
				 .arg = w,
				 .free_arg = free_work,
				 .result = result_line,
				 .open = open,
				 .changes = true });
	buf_done(&command);
	return t;
}

/* ---- the look before it ---- */

struct look {
	struct app *app;
	char *server;
};

static int look(struct job *job, void *arg, struct err *e)
{
	struct look *l = arg;
	struct backup_outlook *o = mem_alloc(sizeof *o);

	job_step(job, "looking at what would be backed up, and how");
	if (app_backup_look(l->app, l->server, job, o, e) == -1) {
		outlook_free(o);
		return -1;
	}
	job_post(job, o, outlook_free);
	return 0;
}

static void free_look(void *arg)
{
	struct look *l = arg;

	free(l->server);
	free(l);
}

void outlook_free(void *outlook)
{
	if (outlook != NULL)
		backup_outlook_done(outlook);
	free(outlook);
}

struct task *outlook_start(struct console *c, struct view *owner,
    void (*took)(struct view *owner, struct task *t, void *item),
    void (*done)(struct view *owner, struct task *t))
{
	struct look *l = mem_alloc(sizeof *l);

	l->app = console_app(c);
	l->server = mem_strdup(console_server(c));
	return console_start(c, &(struct task_spec){ .title = "look before a backup",
				    .run = look,
				    .arg = l,
				    .free_arg = free_look,
				    .owner = owner,
				    .took = took,
				    .done = done });
}
