/* console_priv.h: between the files of the console itself: console.c, screen.c, plain.c, command.c, tasks.c. */
#ifndef UI_CONSOLE_PRIV_H
#define UI_CONSOLE_PRIV_H

#include "core/asking.h"
#include "ui/console.h"
#include "ui/prompt.h"

enum ask_kind { ASK_NOTHING, ASK_LINE, ASK_CHOICE, ASK_SEARCH, ASK_FILTER, ASK_COMMAND };

struct ask {
	enum ask_kind kind;
	struct view *view;
	void (*line_done)(struct view *v, const char *text);
	char *question, *words; /* ASK_CHOICE */
	void (*choice_done)(struct view *v, int choice);
	size_t from; /* ASK_SEARCH: where the cursor was */
};

struct console {
	struct app *app;
	struct console_opts opts;
	const char *server_name;
	struct keymap *keys;
	struct basket basket;
	struct view *top;
	struct task *tasks;
	unsigned n_tasks; /* ever started */
	unsigned changes; /* tasks that have changed something */
	struct ask ask;
	struct prompt prompt;
	struct asking *asking;
	struct view *question; /* before the person; NULL: none */
	char *message; /* NULL: none */
	enum style message_style;
	bool dirty, leaving;
	int stopped_by; /* a signal */
	bool suspend;   /* asked for */
	bool in_pane;   /* Tab: moving scrolls the pane at the right, whose first line is: */
	size_t pane_top;
	int columns;
	int banner_rows; /* above the list, when it was last painted */
	int signal_fd;
};

/** console_request(c, r): The view's, or the console's own answer to it. */
void console_request(struct console *c, enum request r);

/** console_ask_end(c, text): The line that was asked for is there; NULL: given up. console_choice_end(c, choice). */
void console_ask_end(struct console *c, const char *text);
void console_choice_end(struct console *c, int choice);

/** console_prompt_changed(c): A character more or less: search and filter follow at once. */
void console_prompt_changed(struct console *c);

/** console_idle_work(c): What is left to be found for the list on top; true when there is more. */
bool console_idle_work(struct console *c);

/** console_stop_all(c): Ask all tasks to stop. console_must_wait(c): One that changes something still runs. */
void console_stop_all(struct console *c);
bool console_must_wait(const struct console *c);

/** command_run(c, line): What was typed behind ':'. command_complete(): see prompt_complete_fn; ${arg} is the console. */
void command_run(struct console *c, const char *line);
void command_complete(void *arg, const char *typed, struct buf *out);

/** tasks_poll_fds(c, fds, most): The descriptors to wait on. tasks_service(c): Take in what tasks have posted and which have ended; true when
 * something happened. tasks_forget_view(c, v): It goes away. tasks_current(c): The one for the job line: one that changes something first.
 * tasks_free(c): Stop all and wait. */
struct pollfd;
size_t tasks_poll_fds(const struct console *c, struct pollfd *fds, size_t most);
bool tasks_service(struct console *c);
void tasks_forget_view(struct console *c, struct view *v);
struct task *tasks_current(const struct console *c);
void tasks_free(struct console *c);

/** screen_run(c, e), plain_run(c, e): The two front ends; they return when c->leaving or c->stopped_by is set and nothing must be waited for. */
int screen_run(struct console *c, struct err *e);
int plain_run(struct console *c, struct err *e);

/** screen_draw(c, canvas): Paint all of it; pure. */
void screen_draw(struct console *c, struct canvas *canvas);

/** console_poll(c, input_fd, timeout_ms): Wait for the input, a signal or a task, and take in the latter two. True when the input has something. */
bool console_poll(struct console *c, int input_fd, int timeout_ms);

#endif
