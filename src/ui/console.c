/* console.c: the stack of views, messages, questions, and the requests that every view has. */
#include "ui/console_priv.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "ui/term.h"
#include "ui/views.h"

#define FDS_MAX 64

struct app *console_app(struct console *c)
{
	return c->app;
}

const char *console_server(const struct console *c)
{
	return c->opts.server;
}

const char *console_server_name(const struct console *c)
{
	return c->server_name;
}

const struct keymap *console_keymap(const struct console *c)
{
	return c->keys;
}

struct basket *console_basket(struct console *c)
{
	return &c->basket;
}

void console_dirty(struct console *c)
{
	c->dirty = true;
}

int console_columns(const struct console *c)
{
	return c->columns;
}

bool console_may_change(struct console *c)
{
	if (!c->opts.read_only)
		return true;
	console_say(
	    c, STYLE_WARN, "This console only reads: it was started with --read-only, or is configured so");
	return false;
}

/* ---- messages ---- */

void console_say(struct console *c, enum style style, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	free(c->message);
	c->message = str_safe_vprintf(fmt, ap);
	va_end(ap);
	c->message_style = style;
	c->dirty = true;
}

void console_fail(struct console *c, const struct err *e)
{
	if (e->hint[0] != '\0')
		console_say(c, STYLE_BAD, "%s; %s", e->msg, e->hint);
	else
		console_say(c, STYLE_BAD, "%s", e->msg);
	log_write(LOG_LEVEL_WARNING, "%s%s%s", e->msg, e->hint[0] != '\0' ? "; " : "", e->hint);
}

/* ---- views ---- */

void console_push(struct console *c, struct view *v)
{
	v->console = c;
	v->below = c->top;
	c->top = v;
	c->in_pane = false;
	if (v->ops->layout != NULL)
		v->ops->layout(v, c->columns);
	c->dirty = true;
}

static void free_view(struct console *c, struct view *v)
{
	if (c->question == v)
		c->question = NULL;
	tasks_forget_view(c, v);
	if (c->ask.view == v)
		console_choice_end(c, -1);
	list_done(&v->list);
	v->ops->free(v);
}

void console_pop(struct console *c)
{
	struct view *v = c->top;

	if (v->below == NULL || (v->ops->leave != NULL && !v->ops->leave(v)))
		return;
	c->top = v->below;
	free_view(c, v);
	c->in_pane = false;
	if (c->top->ops->layout != NULL)
		c->top->ops->layout(c->top, c->columns);
	if (c->top->ops->shown != NULL)
		c->top->ops->shown(c->top);
	c->dirty = true;
}

/* ---- questions ---- */

static void begin_ask(struct console *c, enum ask_kind kind, struct view *v)
{
	console_choice_end(c, -1);
	free(c->message);
	c->message = NULL;
	c->ask = (struct ask){ .kind = kind, .view = v };
	c->dirty = true;
}

void console_ask(struct console *c, struct view *v, const char *label, const char *initial,
    void (*done)(struct view *v, const char *text))
{
	begin_ask(c, ASK_LINE, v);
	c->ask.line_done = done;
	prompt_begin(&c->prompt, label, initial);
}

void console_complete(struct console *c, prompt_complete_fn *complete, void *arg)
{
	c->prompt.complete = complete;
	c->prompt.arg = arg;
}

void console_ask_secretly(struct console *c, struct view *v, const char *label, bool secret,
    void (*done)(struct view *v, const char *text))
{
	console_ask(c, v, label, NULL, done);
	c->prompt.secret = secret;
	if (!c->opts.plain)
		term_flush();
}

void console_choose(struct console *c, struct view *v, const char *question, const char *words,
    void (*done)(struct view *v, int choice))
{
	begin_ask(c, ASK_CHOICE, v);
	c->ask.choice_done = done;
	c->ask.question = mem_strdup(question);
	c->ask.words = mem_strdup(words);
	if (!c->opts.plain)
		term_flush();
}

/* ${choice} -1: given up without an answer to anybody. */
void console_choice_end(struct console *c, int choice)
{
	struct ask a = c->ask;

	c->ask = (struct ask){ 0 };
	prompt_end(&c->prompt);
	c->dirty = true;
	if (a.kind == ASK_CHOICE && choice >= 0)
		a.choice_done(a.view, choice);
	free(a.question);
	free(a.words);
}

static void end_search(struct console *c, const struct ask *a, const char *text)
{
	struct list *l = &c->top->list;

	if (text == NULL) {
		list_set_search(l, NULL);
		*(l->pager ? &l->top : &l->cursor) = a->from;
		list_set_height(l, l->height);
		return;
	}
	list_set_search(l, text);
	list_seek(l, l->pager ? l->top : l->cursor, true);
}

void console_ask_end(struct console *c, const char *text)
{
	struct ask a = c->ask;
	char *copy = mem_strdup(text);
	bool secret = c->prompt.secret;

	c->ask = (struct ask){ 0 };
	prompt_end(&c->prompt);
	c->dirty = true;
	switch (a.kind) {
	case ASK_LINE: a.line_done(a.view, copy); break;
	case ASK_SEARCH: end_search(c, &a, copy); break;
	case ASK_FILTER:
		if (copy == NULL)
			list_set_filter(&c->top->list, NULL);
		break;
	case ASK_COMMAND:
		if (copy != NULL)
			command_run(c, copy);
		break;
	case ASK_CHOICE:
	case ASK_NOTHING: break;
	}
	if (secret && copy != NULL)
		explicit_bzero(copy, strlen(copy));
	free(copy);
}

void console_prompt_changed(struct console *c)
{
	struct list *l = &c->top->list;

	if (c->ask.kind == ASK_FILTER) {
		list_set_filter(l, c->prompt.text);
	} else if (c->ask.kind == ASK_SEARCH) {
		list_set_search(l, c->prompt.text);
		list_seek(l, c->ask.from, true);
	}
	c->dirty = true;
}

static void begin_line(struct console *c, enum ask_kind kind, const char *label, const char *initial)
{
	begin_ask(c, kind, c->top);
	c->ask.from = c->top->list.pager ? c->top->list.top : c->top->list.cursor;
	prompt_begin(&c->prompt, label, initial);
	if (kind == ASK_COMMAND)
		console_complete(c, command_complete, c);
}

/* ---- requests ---- */

static void quit_answer(struct view *v, int choice)
{
	struct console *c = v->console;

	if (choice != 1)
		return;
	c->leaving = true;
	console_stop_all(c);
}

static void quit(struct console *c)
{
	if (console_must_wait(c))
		console_choose(c, c->top,
		    "Something is being changed. Stop it at its next safe point, and leave?",
		    "no stop-and-leave", quit_answer);
	else
		c->leaving = true;
}

static void cancel(struct console *c)
{
	struct list *l = &c->top->list;

	if (c->message != NULL) {
		free(c->message);
		c->message = NULL;
	} else if (l->filter != NULL) {
		list_set_filter(l, NULL);
	} else if (l->search != NULL) {
		list_set_search(l, NULL);
	}
}

static void find_again(struct console *c, bool forward)
{
	struct list *l = &c->top->list;
	size_t at = l->pager ? l->top : l->cursor, n = list_n(l);

	if (l->search == NULL)
		console_say(c, STYLE_NORMAL, "Nothing is being searched for: / begins");
	else
		list_seek(l, forward ? at + 1 : at + n - 1, forward);
}

static void stop_current(struct console *c)
{
	struct task *t = tasks_current(c);

	if (t == NULL) {
		console_say(c, STYLE_NORMAL, "Nothing is running");
		return;
	}
	console_stop(c, t);
	console_say(c, STYLE_WARN, "%s stops at its next safe point", t->title);
}

static void show_command(struct console *c)
{
	struct buf b = BUF_INIT;

	if (c->top->ops->command != NULL)
		c->top->ops->command(c->top, &b);
	if (b.len > 0)
		console_push(c, view_text_new(c, "command", "The command that does the same", buf_text(&b)));
	else
		console_say(c, STYLE_NORMAL, "There is no command for this screen");
	buf_done(&b);
}

static bool on_top(const struct console *c, const char *name)
{
	return strcmp(c->top->ops->name, name) == 0;
}

static void go_to(struct console *c, const char *name, struct view *(*make)(struct console *c))
{
	if (!on_top(c, name))
		console_push(c, make(c));
}

static void history_asked(struct view *v, const char *text)
{
	if (text != NULL && text[strspn(text, " ")] != '\0')
		console_push(v->console, view_history_new(v->console, text, NULL));
}

static bool own_request(struct console *c, enum request r)
{
	switch ((int)r) {
	case REQUEST_BACK: console_pop(c); break;
	case REQUEST_LEAVE:
		if (c->top->below != NULL)
			console_pop(c);
		else
			quit(c);
		break;
	case REQUEST_CANCEL: cancel(c); break;
	case REQUEST_PANE:
		c->in_pane = !c->in_pane && c->top->ops->detail != NULL && c->columns >= 140;
		break;
	case REQUEST_SEARCH: begin_line(c, ASK_SEARCH, "/", NULL); break;
	case REQUEST_FILTER: begin_line(c, ASK_FILTER, "&", c->top->list.filter); break;
	case REQUEST_COMMAND: begin_line(c, ASK_COMMAND, ":", NULL); break;
	case REQUEST_NEXT: find_again(c, true); break;
	case REQUEST_PREVIOUS: find_again(c, false); break;
	case REQUEST_SHOW_COMMAND: show_command(c); break;
	case REQUEST_STOP: stop_current(c); break;
	case REQUEST_BACKUP:
		if (console_may_change(c))
			go_to(c, "backup", view_backup_new);
		break;
	case REQUEST_ROTATION: go_to(c, "rotation", view_rotation_new); break;
	case REQUEST_TAPES: go_to(c, "tapes", view_tapes_new); break;
	case REQUEST_CASES: go_to(c, "cases", view_cases_new); break;
	case REQUEST_BASKET: go_to(c, "basket", view_basket_new); break;
	case REQUEST_FIND: console_push(c, view_find_new(c, NULL)); break;
	case REQUEST_HISTORY: console_ask(c, c->top, "History of the mailbox: ", NULL, history_asked); break;
	case REQUEST_JOBS: go_to(c, "jobs", view_jobs_new); break;
	case REQUEST_LOG: go_to(c, "log", view_log_new); break;
	case REQUEST_DOCTOR: go_to(c, "doctor", view_doctor_new); break;
	case REQUEST_HELP:
		if (!on_top(c, "help"))
			console_push(c, view_help_new(c, c->top));
		break;
	case REQUEST_REDRAW: term_repaint(); break;
	case REQUEST_SUSPEND: c->suspend = true; break;
	case REQUEST_QUIT: quit(c); break;
	default: return false;
	}
	return true;
}

/* Its end is found when it is painted. */
static bool move_pane(struct console *c, enum request r)
{
	size_t page = 10;

	switch ((int)r) {
	case REQUEST_UP: c->pane_top -= c->pane_top > 0; break;
	case REQUEST_DOWN: c->pane_top++; break;
	case REQUEST_PAGE_UP: c->pane_top -= c->pane_top < page ? c->pane_top : page; break;
	case REQUEST_PAGE_DOWN: c->pane_top += page; break;
	case REQUEST_FIRST: c->pane_top = 0; break;
	default: return false;
	}
	return true;
}

void console_request(struct console *c, enum request r)
{
	char key[16];

	c->dirty = true;
	if (r != REQUEST_CANCEL) {
		free(c->message);
		c->message = NULL;
	}
	if (c->top->ops->request != NULL && c->top->ops->request(c->top, r))
		return;
	if (c->in_pane && move_pane(c, r))
		return;
	c->pane_top = 0;
	if (list_move(&c->top->list, r) || own_request(c, r))
		return;
	if (r != REQUEST_NONE && r != REQUEST_OPEN)
		console_say(c, STYLE_NORMAL, "%s does nothing on this screen (%s: help)",
		    request_info(r)->name, keymap_first(c->keys, REQUEST_HELP, key, sizeof key));
}

bool console_idle_work(struct console *c)
{
	struct list *l = &c->top->list;
	bool more = list_work(l, 7);

	/* While it is typed, what is not there yet may still become something. */
	if (list_missed(l) && c->ask.kind == ASK_NOTHING && l->search != NULL)
		console_say(c, STYLE_WARN, "\"%s\" is not found", l->searched);
	return more;
}

/* ---- the loop's common part ---- */

static void take_signals(struct console *c)
{
	struct signalfd_siginfo info;

	while (read(c->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
		int number = (int)info.ssi_signo;

		c->dirty = true;
		if (number == SIGWINCH || number == SIGCONT)
			continue;
		if (number == SIGTSTP) {
			c->suspend = true;
			continue;
		}
		if (c->stopped_by == 0)
			log_write(LOG_LEVEL_INFO, "console: %s", strsignal(number));
		c->stopped_by = number;
		console_stop_all(c);
	}
}

/* Whoever types is not interrupted; a job that was stopped no longer asks. */
static void take_question(struct console *c)
{
	struct question *q;

	if (c->question != NULL) {
		if (!asking_waits(c->asking) && c->top == c->question)
			console_pop(c);
		return;
	}
	if (c->ask.kind != ASK_NOTHING || (q = asking_take(c->asking)) == NULL)
		return;
	c->question = view_question_new(c, c->asking, q);
	console_push(c, c->question);
	view_question_ask(c->question);
}

bool console_poll(struct console *c, int input_fd, int timeout_ms)
{
	struct pollfd fds[FDS_MAX] = { { .fd = input_fd, .events = POLLIN },
		{ .fd = c->signal_fd, .events = POLLIN },
		{ .fd = c->question == NULL && c->ask.kind == ASK_NOTHING ? asking_fd(c->asking) : -1, .events = POLLIN } };
	size_t n = 3 + tasks_poll_fds(c, fds + 3, FDS_MAX - 3);

	if (poll(fds, n, timeout_ms) == -1 && errno != EINTR)
		return true;
	take_signals(c);
	tasks_service(c);
	take_question(c);
	return input_fd >= 0 && fds[0].revents != 0;
}

static int set_signals(struct console *c, sigset_t *old, struct err *e)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP, SIGCONT };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		sigaddset(&set, numbers[i]);
	/* Workers inherit this mask: only the descriptor sees the signals. */
	pthread_sigmask(SIG_BLOCK, &set, old);
	c->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return c->signal_fd == -1 ? err_sys(e, "signalfd") : 0;
}

/* On the terminal that is the shell's again: how what was stopped is finished. */
static void tell_unfinished(const struct console *c)
{
	struct app_unfinished u = { 0 };
	bool stopped = false;

	for (const struct task *t = c->tasks; t != NULL; t = t->next)
		stopped |= t->spec.changes && t->cancelled && t->rc == -1;
	if (stopped && app_unfinished(c->app, c->opts.server, &u, NULL) == 0)
		for (size_t i = 0; i < u.n; i++)
			fprintf(stderr, "A restore was stopped; this finishes it: %s\n", u.list[i].command);
	app_unfinished_done(&u);
}

int console_run(struct app *app, const struct console_opts *opts, struct err *e)
{
	const struct conf *conf = app_conf(app);
	const struct conf_server *server = conf_find_server(conf, opts->server, e);
	struct console *c;
	sigset_t old;
	int rc = -1;

	if (server == NULL)
		return -1;
	c = mem_alloc(sizeof *c);
	*c = (struct console){
		.app = app, .opts = *opts, .server_name = server->name, .columns = 80, .signal_fd = -1
	};
	c->opts.read_only |= conf->console.read_only;
	c->asking = asking_new();
	if (keymap_new(conf->keys, conf->n_keys, &c->keys, e) == -1)
		goto out_keys;
	if (set_signals(c, &old, e) == -1)
		goto out;
	rc = opts->plain ? plain_run(c, e) : screen_run(c, e);
	tell_unfinished(c);
	if (rc == 0 && c->stopped_by != 0)
		rc = 128 + c->stopped_by;
out:
	while (c->top != NULL) {
		struct view *v = c->top;

		c->top = v->below;
		free_view(c, v);
	}
	tasks_free(c);
	if (c->signal_fd != -1)
		close(c->signal_fd);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	keymap_free(c->keys);
out_keys:
	asking_free(c->asking);
	console_choice_end(c, -1);
	basket_clear(&c->basket);
	free(c->message);
	free(c);
	return rc;
}
