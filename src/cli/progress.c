/* progress.c: the loop around a job: its end, signals, the status line, what it finds. */
#include "cli/progress.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/asker.h"
#include "core/mem.h"
#include "core/meter.h"
#include "core/str.h"

#define TICK_MS 200

/* ---- what the worker finds ---- */

struct find {
	int kind;
	char *words[3];
};

struct finds {
	pthread_mutex_t lock;
	struct find *list;
	size_t n, cap;
	size_t total;
	finds_show *show;
	void *arg;
};

struct finds *finds_new(finds_show *show, void *arg)
{
	struct finds *f = mem_alloc(sizeof *f);

	pthread_mutex_init(&f->lock, NULL);
	f->show = show;
	f->arg = arg;
	return f;
}

static void find_done(struct find *one)
{
	for (size_t i = 0; i < 3; i++)
		free(one->words[i]);
}

void finds_free(struct finds *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->n; i++)
		find_done(&f->list[i]);
	free(f->list);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

void finds_add(struct finds *f, int kind, const char *a, const char *b, const char *c)
{
	struct find one = { kind, { mem_strdup(a != NULL ? a : ""), mem_strdup(b != NULL ? b : ""),
				      mem_strdup(c != NULL ? c : "") } };

	pthread_mutex_lock(&f->lock);
	f->list = mem_grow(f->list, &f->cap, f->n + 1, sizeof *f->list);
	f->list[f->n++] = one;
	f->total++;
	pthread_mutex_unlock(&f->lock);
}

size_t finds_total(const struct finds *f)
{
	return f->total;
}

static void finds_drain(struct cli *c, struct finds *f)
{
	struct find *list;
	size_t n;

	if (f == NULL)
		return;
	pthread_mutex_lock(&f->lock);
	list = f->list;
	n = f->n;
	f->list = NULL;
	f->n = f->cap = 0;
	pthread_mutex_unlock(&f->lock);
	for (size_t i = 0; i < n; i++) {
		const char *const words[3] = { list[i].words[0], list[i].words[1], list[i].words[2] };

		f->show(c, f->arg, list[i].kind, words);
		find_done(&list[i]);
	}
	free(list);
}

/* ---- the loop ---- */

static void show(struct cli *c, struct job *job, struct meter *m, char step[160])
{
	struct job_progress p;
	struct buf line = BUF_INIT;

	job_get_progress(job, &p);
	meter_update(m, &p);
	if (printer_is_verbose(c->out) && strcmp(step, p.step) != 0) {
		memcpy(step, p.step, sizeof p.step);
		printer_detail(c->out, "%s", p.step);
	}
	/* What is over at once needs no line that flickers. */
	if (!printer_has_status(c->out) || p.elapsed_ms < TICK_MS)
		return;
	meter_line(&line, &p, m->rate, printer_status_columns(c->out));
	printer_status(c->out, buf_text(&line));
	buf_done(&line);
}

static void take_signals(struct cli *c, int fd)
{
	struct signalfd_siginfo info;

	while (read(fd, &info, sizeof info) == (ssize_t)sizeof info) {
		if (c->stopped_by == 0) {
			c->stopped_by = (int)info.ssi_signo;
			printer_say(
			    c->out, "%s: stopping at the next safe point", strsignal((int)info.ssi_signo));
		}
		/* What an earlier job opened and this one reads stops with it. */
		for (size_t i = 0; i < c->n_jobs; i++)
			job_cancel(c->jobs[i]);
	}
}

/* Where rows and items go. */
struct outlet {
	struct finds *finds;
	progress_take *take; /* NULL: nothing is posted */
	void *to;
};

static void take_posts(struct job *job, const struct outlet *o)
{
	void *item;

	while (o->take != NULL && (item = job_take(job)) != NULL)
		o->take(o->to, item);
}

static int wait_for(struct cli *c, struct job *job, int signal_fd, const struct outlet *o, struct err *e)
{
	bool ticks = printer_has_status(c->out) || printer_is_verbose(c->out) || o->finds != NULL;
	struct pollfd fds[4] = { { .fd = job_fd(job), .events = POLLIN },
		{ .fd = signal_fd, .events = POLLIN } };
	struct meter meter = { 0 };
	char step[160] = "";

	for (;;) {
		int r = poll(fds, 2 + cli_asker_polls(c->asker, fds + 2), ticks ? TICK_MS : -1);

		if (r == -1 && errno != EINTR) {
			err_sys(e, "poll");
			job_cancel(job);
			job_reap(job, NULL);
			return -1;
		}
		take_signals(c, signal_fd);
		finds_drain(c, o->finds);
		if (r > 0 && (fds[0].revents & POLLIN) != 0 && (o->take == NULL || job_ended(job))) {
			int rc = job_reap(job, e);

			take_posts(job, o);
			return rc;
		}
		take_posts(job, o);
		cli_asker_serve(c->asker);
		if (!cli_asker_busy(c->asker))
			show(c, job, &meter, step);
	}
}

static int run(struct cli *c, job_fn *fn, void *arg, const struct outlet *o, struct err *e)
{
	struct job *job = job_new();
	sigset_t stop, old;
	int signal_fd, rc = -1;

	c->jobs = mem_grow(c->jobs, &c->cap_jobs, c->n_jobs + 1, sizeof *c->jobs);
	c->jobs[c->n_jobs++] = job;
	cli_asker_attach(c, job);
	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGHUP);
	/* The worker inherits this mask: only the descriptor sees the signals. */
	pthread_sigmask(SIG_BLOCK, &stop, &old);
	signal_fd = signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd == -1) {
		err_sys(e, "signalfd");
		goto out;
	}
	if (job_start(job, fn, arg, e) == -1)
		goto out;
	rc = wait_for(c, job, signal_fd, o, e);
	finds_drain(c, o->finds);
	printer_status(c->out, NULL);
out:
	cli_asker_leave(c->asker);
	if (signal_fd != -1)
		close(signal_fd);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

int progress_run(struct cli *c, job_fn *fn, void *arg, struct err *e)
{
	return run(c, fn, arg, &(struct outlet){ NULL, NULL, NULL }, e);
}

int progress_run_finds(struct cli *c, job_fn *fn, void *arg, struct finds *finds, struct err *e)
{
	return run(c, fn, arg, &(struct outlet){ finds, NULL, NULL }, e);
}

int progress_run_posts(struct cli *c, job_fn *fn, void *arg, progress_take *take, void *to, struct err *e)
{
	return run(c, fn, arg, &(struct outlet){ NULL, take, to }, e);
}
