/* job.c: a worker thread, its counters and its end. */
#include "core/job.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"

struct job {
	_Atomic uint64_t done_bytes, total_bytes, last_move_ms;
	atomic_bool cancel;
	_Atomic int state;
	uint64_t start_ms;
	int end_fd;
	pthread_mutex_t step_lock;
	char step[160];
	pthread_t thread;
	bool has_thread;
	job_fn *fn;
	void *arg;
	int rc;
	struct err err;
	pthread_mutex_t post_lock;
	struct post *first, *last;
	job_ask_fn *ask;
	void *ask_arg;
};

struct post {
	struct post *next;
	void *item;
	void (*drop)(void *item);
};

struct job *job_new(void)
{
	struct job *job = mem_alloc(sizeof *job);

	job->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	job->start_ms = clock_monotonic_ms();
	atomic_store(&job->last_move_ms, job->start_ms);
	pthread_mutex_init(&job->step_lock, NULL);
	pthread_mutex_init(&job->post_lock, NULL);
	return job;
}

static void wake(struct job *job)
{
	uint64_t one = 1;
	ssize_t ignored = write(job->end_fd, &one, sizeof one);

	(void)ignored;
}

static void *job_main(void *p)
{
	struct job *job = p;

	job->rc = job->fn(job, job->arg, &job->err);
	atomic_store(&job->state, job->rc == -1 ? JOB_FAILED : JOB_DONE);
	wake(job);
	return NULL;
}

int job_start(struct job *job, job_fn *fn, void *arg, struct err *e)
{
	job->fn = fn;
	job->arg = arg;
	job->start_ms = clock_monotonic_ms();
	atomic_store(&job->state, JOB_RUNNING);
	errno = pthread_create(&job->thread, NULL, job_main, job);
	if (errno != 0) {
		atomic_store(&job->state, JOB_FAILED);
		return err_sys(e, "start a worker thread");
	}
	job->has_thread = true;
	return 0;
}

int job_fd(const struct job *job)
{
	return job->end_fd;
}

int job_reap(struct job *job, struct err *e)
{
	if (job->has_thread) {
		pthread_join(job->thread, NULL);
		job->has_thread = false;
	}
	if (job->rc == -1 && e != NULL)
		*e = job->err;
	return job->rc;
}

bool job_ended(const struct job *job)
{
	int state = atomic_load(&job->state);

	return state == JOB_DONE || state == JOB_FAILED;
}

void job_cancel(struct job *job)
{
	atomic_store(&job->cancel, true);
}

void job_get_progress(struct job *job, struct job_progress *p)
{
	/* Read before the clock is: a worker that moves meanwhile must not seem to have moved in the future. */
	uint64_t moved = atomic_load(&job->last_move_ms), now = clock_monotonic_ms();

	p->state = (enum job_state)atomic_load(&job->state);
	p->done_bytes = atomic_load(&job->done_bytes);
	p->total_bytes = atomic_load(&job->total_bytes);
	p->elapsed_ms = now - job->start_ms;
	p->idle_ms = now - moved;
	p->cancelling = atomic_load(&job->cancel);
	pthread_mutex_lock(&job->step_lock);
	memcpy(p->step, job->step, sizeof p->step);
	pthread_mutex_unlock(&job->step_lock);
}

void job_free(struct job *job)
{
	if (job == NULL)
		return;
	job_cancel(job);
	job_reap(job, NULL);
	while (job->first != NULL) {
		struct post *p = job->first;

		job->first = p->next;
		p->drop(p->item);
		free(p);
	}
	if (job->end_fd != -1)
		close(job->end_fd);
	pthread_mutex_destroy(&job->post_lock);
	pthread_mutex_destroy(&job->step_lock);
	free(job);
}

void job_post(struct job *job, void *item, void (*drop)(void *item))
{
	struct post *p;

	if (job == NULL) {
		drop(item);
		return;
	}
	p = mem_alloc(sizeof *p);
	*p = (struct post){ .item = item, .drop = drop };
	pthread_mutex_lock(&job->post_lock);
	if (job->last != NULL)
		job->last->next = p;
	else
		job->first = p;
	job->last = p;
	pthread_mutex_unlock(&job->post_lock);
	wake(job);
}

void *job_take(struct job *job)
{
	struct post *p;
	void *item = NULL;
	uint64_t ignored;

	pthread_mutex_lock(&job->post_lock);
	p = job->first;
	if (p != NULL) {
		item = p->item;
		job->first = p->next;
		if (job->first == NULL)
			job->last = NULL;
	} else if (read(job->end_fd, &ignored, sizeof ignored) > 0 && job_ended(job)) {
		/* What was read may have been its end. */
		wake(job);
	}
	pthread_mutex_unlock(&job->post_lock);
	free(p);
	return item;
}

void job_step(struct job *job, const char *fmt, ...)
{
	char raw[256];
	va_list ap;

	if (job == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(raw, sizeof raw, fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&job->step_lock);
	str_safe(job->step, sizeof job->step, raw, strlen(raw));
	pthread_mutex_unlock(&job->step_lock);
	atomic_store(&job->last_move_ms, clock_monotonic_ms());
}

void job_set_total(struct job *job, uint64_t bytes)
{
	if (job != NULL)
		atomic_store(&job->total_bytes, bytes);
}

void job_advance(struct job *job, uint64_t bytes)
{
	if (job == NULL)
		return;
	atomic_fetch_add(&job->done_bytes, bytes);
	atomic_store(&job->last_move_ms, clock_monotonic_ms());
}

int job_cancelled(struct job *job, struct err *e)
{
	if (job == NULL || !atomic_load(&job->cancel))
		return 0;
	err_set(e, ERR_CANCELLED, "stopped at the operator's request");
	return 1;
}

void job_set_ask(struct job *job, job_ask_fn *ask, void *arg)
{
	job->ask = ask;
	job->ask_arg = arg;
}

int job_ask(struct job *job, const struct question *q, char *answer, size_t size, struct err *e)
{
	int rc;

	if (job == NULL || job->ask == NULL)
		return 0;
	rc = job->ask(job->ask_arg, q, answer, size, e);
	return rc == -1 ? -1 : rc == 0;
}

bool job_can_ask(const struct job *job)
{
	return job != NULL && job->ask != NULL;
}
