/* task.h: a job of the console: what it is called, what it gives, what came of it.
 *
 * The worker owns ${arg} while it runs, and the UI thread from its end on: only then is ${done} called, in the UI thread. Partial results
 * come through job_post() and are given to ${took}. A view that goes away is forgotten: a task that only fills it is cancelled, one that
 * changes something goes on. */
#ifndef UI_TASK_H
#define UI_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/job.h"
#include "core/meter.h"
#include "core/asking.h"

struct console;
struct task;
struct view;

struct task_spec {
	const char *title;   /* "restore user/alice/Work"; copied */
	const char *command; /* the command line that does the same; copied; NULL: none */
	job_fn *run;
	void *arg;
	void (*free_arg)(void *arg);
	struct view *owner; /* NULL: none */
	void (*took)(
	    struct view *owner, struct task *t, void *item); /* the item is its; NULL: nothing is posted */
	void (*done)(struct view *owner, struct task *t);    /* NULL, and not called when the owner is gone */
	/** Half a line on what came of it, heap; asked when it has ended well, whether or not the owner is there. NULL: nothing. */
	char *(*result)(const struct task *t);
	/** Jobs: a view of what came of it; NULL: there is nothing to see, and the task goes with its end, unless it failed. */
	struct view *(*open)(struct console *c, struct task *t);
	bool changes; /* it writes: it outlives its view, and the console waits for its safe point */
};

struct task_step {
	uint64_t at_ms; /* since its start */
	char words[160];
};
#define TASK_STEPS 200

/** How many that have ended are kept: of those above, the oldest goes. */
#define TASKS_KEPT 100

struct task {
	struct task *next;
	struct task_spec spec;
	char *title, *command;
	struct job *job; /* NULL: it has ended */
	struct asker asker;
	struct meter meter;
	int64_t when;
	uint64_t elapsed_ms;
	int rc;                  /* of its run */
	struct err err;          /* where that is -1 */
	bool cancelled;          /* by the operator */
	char *result;            /* half a line on what came of it, of spec.result() or set by done(); heap or NULL */
	struct task_step *steps; /* what it said it does, the last TASK_STEPS of it */
	size_t n_steps;
	unsigned number; /* counts up */
};

/** task_running(t): Its job has not been reaped yet: the argument is the worker's. */
bool task_running(const struct task *t);

#endif
