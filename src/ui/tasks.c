/* tasks.c: start jobs, take in what they give, let them go. */
#include "ui/console_priv.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"

/* A console that was stopped for a while finds a million rows waiting. */
#define TAKE_MS 10

bool task_running(const struct task *t)
{
	return t->job != NULL;
}

struct task *console_tasks(const struct console *c)
{
	return c->tasks;
}

static void task_free(struct task *t)
{
	job_free(t->job);
	if (t->spec.free_arg != NULL)
		t->spec.free_arg(t->spec.arg);
	free(t->title);
	free(t->command);
	free(t->result);
	free(t->steps);
	free(t);
}

static struct task *that_changes(const struct console *c)
{
	for (struct task *t = c->tasks; t != NULL; t = t->next)
		if (task_running(t) && t->spec.changes)
			return t;
	return NULL;
}

/* A spec that is not started is not anybody's: its argument goes. */
static struct task *refuse(const struct task_spec *spec)
{
	if (spec->free_arg != NULL)
		spec->free_arg(spec->arg);
	return NULL;
}

struct task *console_start(struct console *c, const struct task_spec *spec)
{
	struct task *t;
	struct err e = { 0 };

	if (spec->changes && !console_may_change(c))
		return refuse(spec);
	if (spec->changes && that_changes(c) != NULL) {
		console_say(
		    c, STYLE_WARN, "%s is running: one at a time; J shows it", that_changes(c)->title);
		return refuse(spec);
	}
	t = mem_alloc(sizeof *t);
	t->spec = *spec;
	t->title = mem_strdup(spec->title);
	t->command = mem_strdup(spec->command);
	t->when = clock_now();
	t->number = ++c->n_tasks;
	t->steps = mem_array(TASK_STEPS, sizeof *t->steps);
	t->job = job_new();
	t->asker = (struct asker){ c->asking, t->job };
	job_set_ask(t->job, asking_ask, &t->asker);
	if (job_start(t->job, spec->run, spec->arg, &e) == -1) {
		console_fail(c, &e);
		task_free(t);
		return NULL;
	}
	t->next = c->tasks;
	c->tasks = t;
	c->dirty = true;
	return t;
}

void console_stop(struct console *c, struct task *t)
{
	if (!task_running(t))
		return;
	t->cancelled = true;
	job_cancel(t->job);
	c->dirty = true;
}

void console_stop_all(struct console *c)
{
	for (struct task *t = c->tasks; t != NULL; t = t->next)
		console_stop(c, t);
}

bool console_must_wait(const struct console *c)
{
	return that_changes(c) != NULL;
}

void console_forget(struct console *c, struct task *t)
{
	struct task **at = &c->tasks;

	if (task_running(t))
		return;
	while (*at != NULL && *at != t)
		at = &(*at)->next;
	if (*at == NULL)
		return;
	*at = t->next;
	task_free(t);
	c->dirty = true;
}

void tasks_forget_view(struct console *c, struct view *v)
{
	for (struct task *t = c->tasks; t != NULL; t = t->next) {
		if (t->spec.owner != v)
			continue;
		t->spec.owner = NULL;
		if (!t->spec.changes)
			console_stop(c, t);
	}
}

static void note_step(struct task *t, const struct job_progress *p)
{
	struct task_step *s;

	if (p->step[0] == '\0' || (t->n_steps > 0 && strcmp(t->steps[t->n_steps - 1].words, p->step) == 0))
		return;
	if (t->n_steps == TASK_STEPS) {
		memmove(t->steps, t->steps + 1, (TASK_STEPS - 1) * sizeof *t->steps);
		t->n_steps--;
	}
	s = &t->steps[t->n_steps++];
	s->at_ms = p->elapsed_ms;
	memcpy(s->words, p->step, sizeof s->words);
}

unsigned console_changes(const struct console *c)
{
	return c->changes;
}

/* What is left, if keys have waited long enough, is taken at the next call: the descriptor stays readable. */
static bool take_items(struct task *t, bool *left)
{
	uint64_t end_ms = clock_monotonic_ms() + TAKE_MS;
	void *item;
	bool any = false;

	*left = false;
	if (t->spec.took == NULL || t->spec.owner == NULL)
		return false;
	while (!*left && (item = job_take(t->job)) != NULL) {
		t->spec.took(t->spec.owner, t, item);
		any = true;
		*left = clock_monotonic_ms() >= end_ms;
	}
	return any;
}

/* A store that is away for a week, asked again every minute, must not fill the memory. */
static void forget_oldest(struct console *c)
{
	struct task *oldest = NULL;
	size_t n = 0;

	for (struct task *t = c->tasks; t != NULL; t = t->next) {
		if (task_running(t))
			continue;
		oldest = t;
		n++;
	}
	if (n > TASKS_KEPT)
		console_forget(c, oldest);
}

static void finish(struct console *c, struct task *t)
{
	/* What somebody can look at later is worth a word. */
	bool said = t->spec.changes || t->spec.open != NULL;
	struct job_progress p;
	struct job *job = t->job;

	job_get_progress(job, &p);
	note_step(t, &p);
	t->elapsed_ms = p.elapsed_ms;
	t->rc = job_reap(job, &t->err);
	t->job = NULL;
	c->changes += t->spec.changes;
	if (t->rc == -1 && t->spec.changes)
		log_write(LOG_LEVEL_ERROR, "%s: %s", t->title, t->err.msg);
	if (t->rc == 0 && t->spec.result != NULL)
		t->result = t->spec.result(t);
	if (t->spec.owner != NULL && t->spec.done != NULL)
		t->spec.done(t->spec.owner, t);
	else if (said && t->rc == -1 && t->err.code == ERR_CANCELLED)
		console_say(c, STYLE_WARN, "%s was stopped", t->title);
	else if (said && t->rc == -1)
		console_fail(c, &t->err);
	else if (said)
		console_say(c, STYLE_GOOD, "%s has ended; J shows what came of it", t->title);
	job_free(job);
	if (t->spec.open == NULL && (t->rc == 0 || t->cancelled))
		console_forget(c, t);
}

bool tasks_service(struct console *c)
{
	bool any = false;
	struct task *next;

	for (struct task *t = c->tasks; t != NULL; t = next) {
		struct job_progress p;
		bool ended, left;

		next = t->next;
		if (!task_running(t))
			continue;
		/* Asked before the items are taken: what it posted last is not missed. */
		ended = job_ended(t->job);
		job_get_progress(t->job, &p);
		meter_update(&t->meter, &p);
		note_step(t, &p);
		t->elapsed_ms = p.elapsed_ms;
		any |= take_items(t, &left);
		if (ended && !left) {
			finish(c, t);
			any = true;
		}
	}
	if (any) {
		forget_oldest(c);
		c->dirty = true;
	}
	return any;
}

size_t tasks_poll_fds(const struct console *c, struct pollfd *fds, size_t most)
{
	size_t n = 0;

	for (const struct task *t = c->tasks; t != NULL && n < most; t = t->next)
		/* Nobody takes what an orphan posts: its descriptor would stay readable. The tick sees its end. */
		if (task_running(t) && (t->spec.owner != NULL || t->spec.took == NULL))
			fds[n++] = (struct pollfd){ .fd = job_fd(t->job), .events = POLLIN };
	return n;
}

struct task *tasks_current(const struct console *c)
{
	struct task *first = that_changes(c);

	for (struct task *t = c->tasks; first == NULL && t != NULL; t = t->next)
		if (task_running(t))
			first = t;
	return first;
}

void tasks_free(struct console *c)
{
	console_stop_all(c);
	while (c->tasks != NULL) {
		struct task *t = c->tasks;

		c->tasks = t->next;
		task_free(t);
	}
}
