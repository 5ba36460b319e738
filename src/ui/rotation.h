/* rotation.h: what rotation makes of each archive, as rows: planned, while it is carried out, and afterwards. */
#ifndef UI_ROTATION_H
#define UI_ROTATION_H

#include <pthread.h>

#include "app/prune.h"
#include "ui/console.h"

enum rotation_state { ROTATION_STAYS, ROTATION_GOES, ROTATION_GONE, ROTATION_LEFT };

/** rotation_word(state): "stays", "goes", "gone", "left". */
const char *rotation_word(enum rotation_state s);

struct rotation_row {
	/* As planned. */
	char *name, *store, *server; /* server NULL: not known */
	int64_t when;
	uint64_t size_bytes;
	char *why;
	/* Behind the lock, once it is carried out. */
	enum rotation_state state;
	char *left_because; /* NULL */
};

/** A plan that is carried out. The worker's while the task runs, but for the rows. */
struct rotation_work {
	struct app *app;
	struct app_prune plan;
	struct app_pruned done;
	pthread_mutex_t lock;
	struct rotation_row *rows;
	size_t n;
};

/** rotation_work_new(app, plan): Takes the plan. rotation_work_free(): NULL-safe. */
struct rotation_work *rotation_work_new(struct app *app, struct app_prune *plan);
void rotation_work_free(void *work);

/** rotation_state(w, i, because): How row ${i} stands now; ${because} (may be NULL) gets why it was left, heap or NULL. Any thread. */
enum rotation_state rotation_state(struct rotation_work *w, size_t i, char **because);

/** rotation_start(c, w, open): Remove what is planned; ${w} is the task's from here on. NULL: it could not be begun (said), and ${w} is gone. */
struct task *rotation_start(
    struct console *c, struct rotation_work *w, struct view *(*open)(struct console *c, struct task *t));

/** rotation_find(c, number): That job, if it is one. */
struct task *rotation_find(struct console *c, unsigned number);

#endif
