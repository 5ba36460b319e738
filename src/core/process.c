/* process.c: run a program to its end: drain it, wait for it, stop it when asked; or leave it running beside us. */
#include "core/process_priv.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/fault.h"
#include "core/mem.h"
#include "core/str.h"

#define DEFAULT_MAX      ((size_t)16 << 20)
#define ERRORS_MAX       ((size_t)64 << 10)
#define KILL_AFTER_MS    5000
#define LINGER_MS        1000 /* for output after the end: a daemon it left behind may keep the pipe open for ever */
#define CANCEL_TICK_MS   50
#define NO_PIDFD_TICK_MS 10

/* Read what is there; beyond the buffer's ceiling it is dropped and buf.full stays set. Closes ${*fd} at the end. */
static void drain(int *fd, struct buf *b)
{
	char chunk[65536];
	ssize_t n = read(*fd, chunk, sizeof chunk);

	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		process_close_fd(fd);
		return;
	}
	if (!b->full && (size_t)n > b->max - b->len) {
		buf_add(b, chunk, b->max - b->len);
		b->full = true;
	} else if (!b->full) {
		buf_add(b, chunk, (size_t)n);
	}
}

/* The whole session the child leads, or it alone when that is gone already. */
static void send_signal(const struct process_child *c, int sig)
{
	if (kill(-c->pid, sig) == -1)
		kill(c->pid, sig);
}

/* Asks for the end when it is due; true when a cancel was seen. */
static bool stop_when_due(const struct process_opts *o, struct process_child *c, struct process_result *r)
{
	uint64_t now = clock_monotonic_ms();
	bool cancelled = job_cancelled(o->job, NULL);

	if (c->ended)
		return cancelled;
	if (c->stop_ms == 0 && (cancelled || (o->timeout_ms > 0 && now - c->start_ms >= o->timeout_ms))) {
		r->timed_out = !cancelled;
		c->stop_ms = now;
		send_signal(c, SIGTERM);
	} else if (c->stop_ms != 0 && c->killed_ms == 0 && !o->never_kill &&
		   now - c->stop_ms >= KILL_AFTER_MS) {
		c->killed_ms = now;
		send_signal(c, SIGKILL);
	}
	return cancelled;
}

static int wait_ms(const struct process_opts *o, const struct process_child *c)
{
	uint64_t now = clock_monotonic_ms(), due = 0;

	if (c->ended) {
		uint64_t left = c->ended_ms + LINGER_MS > now ? c->ended_ms + LINGER_MS - now : 0;

		return (int)left;
	}
	if (c->pid_fd == -1)
		return NO_PIDFD_TICK_MS;
	if (c->stop_ms == 0 && o->job != NULL)
		return CANCEL_TICK_MS;
	if (c->stop_ms == 0 && o->timeout_ms > 0)
		due = c->start_ms + o->timeout_ms;
	else if (c->stop_ms != 0 && c->killed_ms == 0 && !o->never_kill)
		due = c->stop_ms + KILL_AFTER_MS;
	if (due == 0)
		return -1;
	due = due > now ? due - now : 0;
	return due > 3600000 ? 3600000 : (int)due;
}

static void reap(struct process_child *c)
{
	pid_t pid;

	while ((pid = waitpid(c->pid, &c->wait_status, WNOHANG)) == -1 && errno == EINTR)
		;
	if (pid == 0)
		return;
	/* Somebody else reaped it (SIGCHLD ignored): its status is lost, and a lost status is no success. */
	if (pid == -1)
		c->wait_status = 127 << 8;
	c->ended = true;
	c->ended_ms = clock_monotonic_ms();
}

int process_run(const struct process_opts *o, struct process_result *ret, struct err *e)
{
	struct process_child c = { .pid_fd = -1, .out = -1, .err = -1, .start_ms = clock_monotonic_ms() };
	bool cancelled = false;

	*ret = (struct process_result){ .status = -1 };
	ret->out.max = o->max_output_bytes > 0 ? o->max_output_bytes : DEFAULT_MAX;
	ret->err.max = ERRORS_MAX;
	if (job_cancelled(o->job, e))
		return -1;
	if (process_launch(o, &c, false, e) == -1)
		return -1;
	while (!c.ended || c.out != -1 || c.err != -1) {
		struct pollfd fds[3] = { { c.out, POLLIN, 0 }, { c.err, POLLIN, 0 },
			{ c.ended ? -1 : c.pid_fd, POLLIN, 0 } };
		int ready = poll(fds, 3, wait_ms(o, &c));

		if (ready == -1 && errno != EINTR && errno != EAGAIN) {
			/* It cannot be watched any more, but it must not run on unwatched either. */
			send_signal(&c, o->never_kill ? SIGTERM : SIGKILL);
			while (waitpid(c.pid, &c.wait_status, 0) == -1 && errno == EINTR)
				;
			c.ended = true;
			break;
		}
		if (ready > 0 && fds[0].revents != 0)
			drain(&c.out, &ret->out);
		if (ready > 0 && fds[1].revents != 0)
			drain(&c.err, &ret->err);
		if (!c.ended)
			reap(&c);
		else if (wait_ms(o, &c) == 0)
			break;
		cancelled = stop_when_due(o, &c, ret) || cancelled;
	}
	process_close_fd(&c.out);
	process_close_fd(&c.err);
	process_close_fd(&c.pid_fd);
	ret->status = WIFSIGNALED(c.wait_status) ? 128 + WTERMSIG(c.wait_status) : WEXITSTATUS(c.wait_status);
	if (fault_point("process-end", e) == -1)
		return -1;
	/* A program that ended by itself just when the operator said stop has done its work. */
	return cancelled && c.stop_ms != 0 && !ret->timed_out && job_cancelled(o->job, e) ? -1 : 0;
}

/* The program's name without its directory. */
static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

int process_check(const struct process_opts *o, const struct process_result *r, struct err *e)
{
	const char *name = base_name(o->argv[0]), *text = buf_text(&r->err), *rest;
	size_t n;

	if (r->timed_out)
		return err_set(e, ERR_TOOL, "%s was stopped: it took longer than %llu ms", name,
		    (unsigned long long)o->timeout_ms);
	if (r->status == 0 && r->out.full)
		return err_set(e, ERR_TOOL, "%s wrote more than %zu bytes", name, r->out.max);
	if (r->status == 0)
		return 0;
	text += strspn(text, " \t\r\n");
	n = strcspn(text, "\r\n");
	if (n == 0 && r->status > 128)
		return err_set(e, ERR_TOOL, "%s was ended by signal %d", name, r->status - 128);
	if (n == 0)
		return err_set(e, ERR_TOOL, "%s failed with exit status %d", name, r->status);
	err_set(e, ERR_TOOL, "%s: %.*s", name, (int)n, text);
	rest = text + n + strspn(text + n, " \t\r\n");
	return *rest != '\0' ? err_hint(e, "it also said: %.300s", rest) : -1;
}

int process_run_check(const struct process_opts *o, struct process_result *ret, struct err *e)
{
	if (process_run(o, ret, e) == -1)
		return -1;
	return process_check(o, ret, e);
}

void process_result_done(struct process_result *r)
{
	buf_done(&r->out);
	buf_done(&r->err);
}

/* ---- beside us ---- */

struct process {
	struct process_child c;
};

int process_start(
    const struct process_opts *o, int *ret_talk, int *ret_err, struct process **ret, struct err *e)
{
	struct process *p = mem_alloc(sizeof *p);

	p->c = (struct process_child){ .pid_fd = -1, .out = -1, .err = -1, .start_ms = clock_monotonic_ms() };
	if (process_launch(o, &p->c, true, e) == -1) {
		free(p);
		return -1;
	}
	*ret_talk = p->c.out;
	*ret_err = p->c.err;
	*ret = p;
	return 0;
}

bool process_ended(struct process *p, int *ret_status)
{
	if (!p->c.ended)
		reap(&p->c);
	if (p->c.ended && ret_status != NULL)
		*ret_status = WIFSIGNALED(p->c.wait_status) ? 128 + WTERMSIG(p->c.wait_status)
		                                            : WEXITSTATUS(p->c.wait_status);
	return p->c.ended;
}

static void wait_for_end(struct process *p, uint64_t wait_ms)
{
	uint64_t end = clock_monotonic_ms() + wait_ms, now;

	while (!process_ended(p, NULL) && (now = clock_monotonic_ms()) < end) {
		struct pollfd fd = { .fd = p->c.pid_fd, .events = POLLIN };

		poll(&fd, 1, p->c.pid_fd == -1 || end - now > 1000 ? NO_PIDFD_TICK_MS : (int)(end - now));
	}
}

void process_stop(struct process *p, uint64_t wait_ms)
{
	if (p == NULL)
		return;
	if (!process_ended(p, NULL)) {
		send_signal(&p->c, SIGTERM);
		wait_for_end(p, wait_ms);
	}
	if (!p->c.ended) {
		send_signal(&p->c, SIGKILL);
		while (waitpid(p->c.pid, NULL, 0) == -1 && errno == EINTR)
			;
	}
	process_close_fd(&p->c.pid_fd);
	free(p);
}
