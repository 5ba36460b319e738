/* restore_task.h: what a restore works on: from the plan's screen to the worker, and from there to the receipt's. */
#ifndef UI_RESTORE_TASK_H
#define UI_RESTORE_TASK_H

#include "ui/console.h"

/** A plan that is carried out. The worker's while the task runs. */
struct restore_work {
	struct app *app;
	char *server;  /* NULL: the first */
	char *archive; /* as it was opened */
	struct restore_plan *plan;
	struct restore_result result;
	/* The UI thread's, at any time: the words of the plan's steps, as a job shows them, and how it stands. */
	char **steps;
	size_t n_steps;
	char **items; /* the names of the plan's items, as they are shown */
	size_t n_items;
};

/** restore_start(c, work, title, command): Carry it out; ${work} (heap) is the task's from here on. Shows its progress on a screen of its own,
 * in place of the one on top. */
void restore_start(struct console *c, struct restore_work *work, const char *title, const char *command);

#endif
