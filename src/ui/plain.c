/* plain.c: the console as lines that are only ever added, for screen readers, dumb terminals and pipes: its loop.
 *
 * Rows are printed when all of them are there; what is typed meanwhile waits. The end of the input leaves, once what changes something has ended. */
#include "ui/plain.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/columns.h"
#include "core/meter.h"
#include "ui/views.h"

#define TICK_MS     200
#define SAY_MS      5000
#define STEP_MS     1000
#define LINE_MOST   4096
#define PATIENCE_MS 2000 /* a list that takes longer gets a word */

/* ---- input ---- */

static void read_input(struct plain *p)
{
	char bytes[1024];
	ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);

	if (n > 0)
		buf_add(&p->input, bytes, (size_t)n);
	else if (n == 0 || (errno != EINTR && errno != EAGAIN))
		p->ended = true;
}

/* The next line without its end; false when there is none. Longer ones than anybody types are cut. */
static bool next_line(struct plain *p, char line[LINE_MOST])
{
	const char *data = buf_text(&p->input), *end = memchr(data, '\n', p->input.len);
	size_t len = end != NULL ? (size_t)(end - data) : p->input.len, gone = len + (end != NULL), kept;

	if (end == NULL && (p->input.len == 0 || (!p->ended && p->input.len < LINE_MOST)))
		return false;
	kept = len < LINE_MOST - 1 ? len : LINE_MOST - 1;
	memcpy(line, data, kept);
	while (kept > 0 && (line[kept - 1] == '\r' || line[kept - 1] == ' '))
		kept--;
	line[kept] = '\0';
	memmove(p->input.data, data + gone, p->input.len - gone);
	p->input.len -= gone;
	p->input.data[p->input.len] = '\0';
	return true;
}

/* ---- jobs ---- */

static bool is_loading(const struct console *c)
{
	for (const struct task *t = c->tasks; t != NULL; t = t->next)
		if (task_running(t) && t->spec.owner == c->top && !t->spec.changes)
			return true;
	return false;
}

/* One that somebody wants to hear of. */
static const struct task *worth_saying(const struct console *c)
{
	for (const struct task *t = c->tasks; t != NULL; t = t->next)
		if (task_running(t) && (t->spec.changes || t->spec.open != NULL))
			return t;
	return NULL;
}

static void say_progress(struct plain *p)
{
	const struct task *t = worth_saying(p->c);
	uint64_t now = clock_monotonic_ms();
	struct job_progress progress;
	struct buf line = BUF_INIT;
	bool another;

	if (t == NULL && is_loading(p->c) && tasks_current(p->c)->elapsed_ms >= PATIENCE_MS)
		t = tasks_current(p->c);
	if (t == NULL)
		return;
	job_get_progress(t->job, &progress);
	another = t->number != p->job;
	if (!another && now - p->said_ms < (strcmp(p->step, progress.step) != 0 ? STEP_MS : SAY_MS))
		return;
	p->job = t->number;
	p->said_ms = now;
	memcpy(p->step, progress.step, sizeof p->step);
	meter_line(&line, &progress, t->meter.rate, PLAIN_COLUMNS - 2);
	plain_say(p, t->title, "%s", buf_text(&line));
	buf_done(&line);
}

/* ---- the loop ---- */

/* What the screen of the plain console must wait for before it says anything. */
static bool must_hold(struct plain *p)
{
	if (p->c->ask.kind != ASK_NOTHING)
		return false;
	if (p->holding && worth_saying(p->c) == NULL)
		p->holding = false;
	return p->holding || is_loading(p->c) || console_idle_work(p->c);
}

static void wait_a_while(struct plain *p, bool hears)
{
	struct console *c = p->c;
	bool more = list_work(&c->top->list, 0), running = tasks_current(c) != NULL;

	if (console_poll(c, hears && !p->ended ? STDIN_FILENO : -1, more ? 0 : running ? TICK_MS : -1))
		read_input(p);
	say_progress(p);
}

/* Whoever sits there and has had enough of waiting types something: an empty line, or what leads away. */
static bool wants_out(struct plain *p)
{
	static const char *const words[] = { "", "q", "Q", "back", "leave", "quit", "x", "stop" };
	const char *data = buf_text(&p->input), *end = memchr(data, '\n', p->input.len);

	if (!p->tty || end == NULL)
		return false;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strlen(words[i]) == (size_t)(end - data) &&
		    strncmp(words[i], data, (size_t)(end - data)) == 0)
			return true;
	return false;
}

static void suspend(struct console *c)
{
	sigset_t set;

	c->suspend = false;
	if (console_must_wait(c)) {
		console_say(c, STYLE_WARN,
		    "Not while something is being changed: stopped there, it might keep Cyrus waiting");
		return;
	}
	fflush(stdout);
	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	signal(SIGTSTP, SIG_DFL);
	raise(SIGTSTP);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* A question is answered by who has read it, not by what was typed before. */
static void forget_input(struct plain *p)
{
	if (!p->tty)
		return;
	buf_clear(&p->input);
	tcflush(STDIN_FILENO, TCIFLUSH);
}

static void set_echo(struct plain *p, bool on)
{
	struct termios t;

	if (!p->tty || on != p->echo_off || tcgetattr(STDIN_FILENO, &t) == -1)
		return;
	t.c_lflag = on ? t.c_lflag | ECHO : t.c_lflag & ~(tcflag_t)ECHO;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &t);
	p->echo_off = !on;
	/* The Enter that ended it was not seen. */
	if (on)
		putchar('\n');
}

/* A job asks: that may be at any time. */
static void put_question(struct plain *p)
{
	p->question = p->c->question;
	if (p->question == NULL)
		return;
	plain_show(p);
	forget_input(p);
	plain_question(p);
	set_echo(p, !p->c->prompt.secret);
}

static void take_line(struct plain *p, const char *line)
{
	enum ask_kind before = p->c->ask.kind;

	set_echo(p, true);
	p->prompted = false;
	/* A pipe has no echo: what was asked for is in the transcript all the same. */
	if (!p->tty && !p->c->prompt.secret)
		plain_say(p, NULL, "%s", line);
	plain_take(p, line);
	if (p->c->ask.kind != ASK_NOTHING && before == ASK_NOTHING) {
		plain_message(p);
		forget_input(p);
		plain_question(p);
	}
}

static void end_of_input(struct plain *p)
{
	struct console *c = p->c;

	if (c->ask.kind == ASK_CHOICE)
		console_choice_end(c, 0);
	else if (c->ask.kind != ASK_NOTHING)
		console_ask_end(c, NULL);
	if (console_must_wait(c) && !c->leaving)
		plain_say(p, "note", "The input has ended; this leaves when the job has");
	c->leaving = true;
}

static void step(struct plain *p)
{
	struct console *c = p->c;
	char line[LINE_MOST];

	if (c->top->ops->refresh != NULL)
		c->top->ops->refresh(c->top);
	if (c->suspend)
		suspend(c);
	if (p->gone) {
		c->leaving = true;
		console_stop_all(c);
		if (!console_must_wait(c))
			return;
	}
	if (!c->leaving && must_hold(p) && !wants_out(p)) {
		wait_a_while(p, p->tty);
		return;
	}
	p->holding = false;
	if (c->question != p->question)
		put_question(p);
	plain_message(p);
	list_set_height(&c->top->list, PLAIN_PAGE);
	/* What runs says itself how far it is; its screen is printed when it begins, and when it has ended. */
	if (c->dirty && c->ask.kind == ASK_NOTHING && !c->leaving)
		plain_show(p);
	c->dirty = false;
	if (!c->leaving)
		plain_prompt(p);
	if (!c->leaving && next_line(p, line)) {
		take_line(p, line);
		c->dirty = true;
	} else if (!c->leaving && p->ended) {
		end_of_input(p);
	} else {
		wait_a_while(p, !c->leaving);
	}
}

int plain_run(struct console *c, struct err *e)
{
	struct plain p = { .c = c,
		.ascii = !columns_utf8() || app_conf(c->app)->console.ascii == CONF_YES,
		.tty = isatty(STDIN_FILENO) };

	(void)e;
	c->columns = PLAIN_COLUMNS;
	plain_say(&p, NULL, "cyrvault: a number opens that row, ? is help, q leaves.");
	console_push(c, view_archives_new(c));
	while (!(c->leaving || c->stopped_by != 0) || console_must_wait(c))
		step(&p);
	set_echo(&p, true);
	plain_message(&p);
	if (p.prompted)
		putchar('\n');
	fflush(stdout);
	plain_forget(&p);
	buf_done(&p.input);
	return 0;
}
