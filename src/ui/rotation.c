/* rotation.c: archives are removed, and each row tells how it stands. */
#include "ui/rotation.h"

#include <stdlib.h>

#include "app/words.h"
#include "core/mem.h"
#include "core/str.h"

const char *rotation_word(enum rotation_state s)
{
	static const char *const words[] = { "stays", "goes", "gone", "left" };

	return words[s];
}

struct rotation_work *rotation_work_new(struct app *app, struct app_prune *plan)
{
	struct rotation_work *w = mem_alloc(sizeof *w);

	w->app = app;
	w->plan = *plan;
	*plan = (struct app_prune){ 0 };
	pthread_mutex_init(&w->lock, NULL);
	w->n = w->plan.n;
	w->rows = mem_array(w->n + 1, sizeof *w->rows);
	for (size_t i = 0; i < w->n; i++) {
		const struct app_prune_item *item = &w->plan.list[i];

		w->rows[i] = (struct rotation_row){ .name = mem_strdup(item->archive->name),
			.store = mem_strdup(item->archive->store),
			.server = mem_strdup(item->archive->server),
			.when = item->archive->when,
			.size_bytes = item->archive->size_bytes,
			.why = mem_strdup(item->text),
			.state = item->remove ? ROTATION_GOES : ROTATION_STAYS };
	}
	return w;
}

void rotation_work_free(void *work)
{
	struct rotation_work *w = work;

	if (w == NULL)
		return;
	for (size_t i = 0; i < w->n; i++) {
		free(w->rows[i].name);
		free(w->rows[i].store);
		free(w->rows[i].server);
		free(w->rows[i].why);
		free(w->rows[i].left_because);
	}
	free(w->rows);
	pthread_mutex_destroy(&w->lock);
	app_prune_done(&w->plan);
	free(w);
}

enum rotation_state rotation_state(struct rotation_work *w, size_t i, char **because)
{
	enum rotation_state s;

	pthread_mutex_lock(&w->lock);
	s = w->rows[i].state;
	if (because != NULL)
		*because = mem_strdup(w->rows[i].left_because);
	pthread_mutex_unlock(&w->lock);
	return s;
}

/* ---- the job ---- */

static void each(void *arg, const struct app_prune_item *item)
{
	struct rotation_work *w = arg;
	struct rotation_row *row = &w->rows[item - w->plan.list];

	pthread_mutex_lock(&w->lock);
	row->state = item->removed ? ROTATION_GONE : ROTATION_LEFT;
	free(row->left_because);
	row->left_because = mem_strdup(item->kept_because);
	pthread_mutex_unlock(&w->lock);
}

static int run(struct job *job, void *arg, struct err *e)
{
	struct rotation_work *w = arg;

	return app_prune_run(w->app, &w->plan, job, each, w, &w->done, e);
}

static char *result_line(const struct task *t)
{
	const struct app_pruned *p = &((const struct rotation_work *)t->spec.arg)->done;
	char n[40], size[16];

	return mem_printf("%s removed, %s", str_count(n, sizeof n, p->removed, "archive", "archives"),
	    str_size(size, sizeof size, p->bytes));
}

struct task *rotation_start(
    struct console *c, struct rotation_work *w, struct view *(*open)(struct console *c, struct task *t))
{
	struct buf command = BUF_INIT;
	struct task *t;

	app_command_begin(&command, w->app, NULL, "prune");
	t = console_start(c, &(struct task_spec){ .title = "rotation",
				 .command = buf_text(&command),
				 .run = run,
				 .arg = w,
				 .free_arg = rotation_work_free,
				 .result = result_line,
				 .open = open,
				 .changes = true });
	buf_done(&command);
	return t;
}

struct task *rotation_find(struct console *c, unsigned number)
{
	struct task *t = console_tasks(c);

	while (t != NULL && (t->spec.run != run || t->number != number))
		t = t->next;
	return t;
}
