/* console.h: what a view can ask of the console around it. All of it is for the UI thread.
 *
 * The console is a stack of views over one app, the tasks that run, a message line and a prompt. Two front ends drive it: the full screen
 * (screen.c) and numbered lines (plain.c). */
#ifndef UI_CONSOLE_H
#define UI_CONSOLE_H

#include "app/app.h"
#include "ui/basket.h"
#include "ui/key.h"
#include "ui/prompt.h"
#include "ui/view.h"

struct console_opts {
	const char *server; /* NULL: the first one configured */
	bool plain;         /* numbered lines instead of a full screen */
	bool read_only;
};

/** console_run(app, opts, e): The console, until the operator leaves: 0. -1: it could not begin. 128 + N: signal N ended it, after what was
 * running had reached a safe point. Changes the signal mask of the process. */
int console_run(struct app *app, const struct console_opts *opts, struct err *e);

struct app *console_app(struct console *c);
const char *console_server(const struct console *c); /* as in the options, may be NULL */
const char *console_server_name(const struct console *c);
const struct keymap *console_keymap(const struct console *c);
struct basket *console_basket(struct console *c);

/** console_may_change(c): True, or false with a message that this console only reads. */
bool console_may_change(struct console *c);

/** console_push(c, v): Show ${v}, which is the console's from here on. console_pop(c): Away with the one on top. */
void console_push(struct console *c, struct view *v);
void console_pop(struct console *c);

/** console_say(c, style, fmt, ...): The message line, until the next key. console_fail(c, e): What failed, and what to do next. */
void console_say(struct console *c, enum style style, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void console_fail(struct console *c, const struct err *e);

/** console_start(c, spec): Start a task; NULL when that failed (said). A task that changes something is refused (said) while another one does,
 * and in a console that only reads. */
struct task *console_start(struct console *c, const struct task_spec *spec);
void console_stop(struct console *c, struct task *t);

/** console_tasks(c): The newest first. console_forget(c, t): Remove one that has ended. */
struct task *console_tasks(const struct console *c);
void console_forget(struct console *c, struct task *t);

/** console_changes(c): Counts up with each task that has changed something: what was read before may be old. */
unsigned console_changes(const struct console *c);

/** console_ask(c, v, label, initial, done): One line from the operator; ${done} gets it, or NULL when he gave up. */
void console_ask(struct console *c, struct view *v, const char *label, const char *initial,
    void (*done)(struct view *v, const char *text));

/** console_complete(c, complete, arg): What Tab completes in the line that is being asked for. */
void console_complete(struct console *c, prompt_complete_fn *complete, void *arg);

/** console_ask_secretly(c, v, label, secret, done): The same, where ${secret} without showing what is typed; what was typed ahead is forgotten. */
void console_ask_secretly(struct console *c, struct view *v, const char *label, bool secret,
    void (*done)(struct view *v, const char *text));

/** console_choose(c, v, question, words, done): One of ${words}, separated by blanks, by its first letter; the first is what Enter and Esc
 * mean, and must be harmless. What was typed ahead is forgotten. ${done} gets its number, from 0. */
void console_choose(struct console *c, struct view *v, const char *question, const char *words,
    void (*done)(struct view *v, int choice));

/** console_dirty(c): Something changed that the front end does not see: paint again. */
void console_dirty(struct console *c);

/** console_columns(c): How wide the screen is. */
int console_columns(const struct console *c);

/** console_room(c, v): How wide the list of ${v} is there: less where it has a pane at its right. */
int console_room(const struct console *c, const struct view *v);

#endif
