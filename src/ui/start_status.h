/* start_status.h: a line or two on the start screen: is there a good backup of each server, is it recent, what is wrong if not. */
#ifndef UI_START_STATUS_H
#define UI_START_STATUS_H

#include "app/status.h"
#include "ui/console.h"
#include "ui/text.h"

/** start_status_write(s, t): The worst server first: how it stands, and of what is not fine the first thing to look at, and of what is bad what to do next. At most START_STATUS_LINES. Pure. */
#define START_STATUS_LINES 3
void start_status_write(const struct app_status *s, struct text *t);

/** start_status_load(c, owner, done): Find out, from what is on this host; ${done} takes it with start_status_take(). NULL: it could not be started (said). */
struct task *start_status_load(
    struct console *c, struct view *owner, void (*done)(struct view *owner, struct task *t));

/** start_status_take(t, ret): What the task found takes the place of ${*ret}, if it ended well. */
void start_status_take(struct task *t, struct app_status *ret);

#endif
