/* checks.h: doctor's lines on their way from its worker to a view. */
#ifndef UI_CHECKS_H
#define UI_CHECKS_H

#include "ui/console.h"

struct check {
	enum doctor_state state;
	char *subject, *what, *next; /* next may be "" */
};

/** checks_start(c, owner, took, done): Run app_doctor() in a task of ${owner}; ${took} gets a struct check for each line, and frees it with check_free().
 * NULL: it could not be started (said). */
struct task *checks_start(struct console *c, struct view *owner,
    void (*took)(struct view *owner, struct task *t, void *item),
    void (*done)(struct view *owner, struct task *t));
void check_free(void *check);

/** check_word(state): "ok", "warn", "FAIL". check_style(state). */
const char *check_word(enum doctor_state state);
enum style check_style(enum doctor_state state);

#endif
