/* tape_task.c: to write and to prove tapes, as jobs. */
#include "ui/tape_task.h"

#include <stdlib.h>

#include "app/words.h"
#include "core/mem.h"
#include "core/str.h"

static void keep(
    struct tape_work *w, const struct tape_copy *copy, enum tape_verdict verdict, const char *why)
{
	pthread_mutex_lock(&w->lock);
	w->lines = mem_grow(w->lines, &w->cap, w->n + 1, sizeof *w->lines);
	w->lines[w->n++] = (struct tape_line){ .verdict = verdict,
		.archive = mem_strdup(copy->archive),
		.label = mem_strdup(copy->label),
		.why = mem_strdup(why != NULL ? why : ""),
		.file = copy->file };
	pthread_mutex_unlock(&w->lock);
}

static void written(void *arg, const struct tape_copy *copy)
{
	keep(arg, copy, TAPE_GOOD, NULL);
}

static void proved(void *arg, const struct tape_copy *copy, enum tape_verdict verdict, const char *why)
{
	keep(arg, copy, verdict, why);
}

static int run(struct job *job, void *arg, struct err *e)
{
	struct tape_work *w = arg;

	if (w->writes)
		return tape_write(
		    w->app, &(struct tape_write_request){ .box = w->box }, job, written, w, &w->written, e);
	return tape_verify(
	    w->app, &(struct tape_verify_request){ .what = w->what }, job, proved, w, &w->verified, e);
}

static void free_work(void *arg)
{
	struct tape_work *w = arg;

	for (size_t i = 0; i < w->n; i++) {
		free(w->lines[i].archive);
		free(w->lines[i].label);
		free(w->lines[i].why);
	}
	free(w->lines);
	pthread_mutex_destroy(&w->lock);
	free(w->what);
	free(w->box);
	free(w);
}

static char *result_line(const struct task *t)
{
	const struct tape_work *w = t->spec.arg;
	char n[40], size[16];

	if (w->writes)
		return mem_printf("%s written, %s",
		    str_count(n, sizeof n, w->written.written, "archive", "archives"),
		    str_size(size, sizeof size, w->written.bytes));
	return mem_printf("%zu good, %zu damaged", w->verified.good + w->verified.taken, w->verified.damaged);
}

void tape_write_command(struct console *c, const char *box, struct buf *b)
{
	app_command_begin(b, console_app(c), NULL, "tape");
	app_command_add(b, "write");
	if (box != NULL) {
		char *word = mem_printf("--box=%s", box);

		app_command_add(b, word);
		free(word);
	}
}

void tape_verify_command(struct console *c, const char *what, struct buf *b)
{
	app_command_begin(b, console_app(c), NULL, "tape");
	app_command_add(b, "verify");
	if (what != NULL)
		app_command_add(b, what);
}

static struct task *start(struct console *c, struct tape_work *w, const char *title, const char *command,
    struct view *(*open)(struct console *c, struct task *t))
{
	w->app = console_app(c);
	pthread_mutex_init(&w->lock, NULL);
	/* Also what proves remembers what it has found. */
	return console_start(c, &(struct task_spec){ .title = title,
				    .command = command,
				    .run = run,
				    .arg = w,
				    .free_arg = free_work,
				    .result = result_line,
				    .open = open,
				    .changes = true });
}

struct task *tape_write_start(
    struct console *c, const char *box, struct view *(*open)(struct console *c, struct task *t))
{
	struct tape_work *w = mem_alloc(sizeof *w);
	struct buf command = BUF_INIT;
	struct task *t;

	w->writes = true;
	w->box = mem_strdup(box);
	tape_write_command(c, box, &command);
	t = start(c, w, "write to tape", buf_text(&command), open);
	buf_done(&command);
	return t;
}

struct task *tape_verify_start(
    struct console *c, const char *what, struct view *(*open)(struct console *c, struct task *t))
{
	struct tape_work *w = mem_alloc(sizeof *w);
	struct buf command = BUF_INIT;
	char *title = mem_printf("prove %s on tape", what);
	struct task *t;

	w->what = mem_strdup(what);
	tape_verify_command(c, what, &command);
	t = start(c, w, title, buf_text(&command), open);
	buf_done(&command);
	free(title);
	return t;
}

struct task *tape_find(struct console *c, unsigned number)
{
	struct task *t = console_tasks(c);

	while (t != NULL && (t->spec.run != run || t->number != number))
		t = t->next;
	return t;
}
