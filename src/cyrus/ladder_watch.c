/* ladder_watch.c: the thread that lets go when the owner does not. */
#include "cyrus/ladder_watch.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "core/clock.h"
#include "core/mem.h"

struct ladder_watch {
	void (*fire)(void *arg);
	void *arg;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool armed, fired, end;
	uint64_t when_ms;
};

static void wait_until(struct ladder_watch *w, uint64_t when_ms)
{
	struct timespec ts = { (time_t)(when_ms / 1000), (long)(when_ms % 1000) * 1000000 };

	pthread_cond_timedwait(&w->changed, &w->mutex, &ts);
}

/* The mutex is kept while it happens, so that who calls it off either comes before or sees it done. */
static void *watch(void *arg)
{
	struct ladder_watch *w = arg;

	pthread_mutex_lock(&w->mutex);
	while (!w->end) {
		if (!w->armed) {
			pthread_cond_wait(&w->changed, &w->mutex);
		} else if (clock_monotonic_ms() < w->when_ms) {
			wait_until(w, w->when_ms);
		} else {
			w->fire(w->arg);
			w->armed = false;
			w->fired = true;
		}
	}
	pthread_mutex_unlock(&w->mutex);
	return NULL;
}

int ladder_watch_new(void (*fire)(void *arg), void *arg, struct ladder_watch **ret, struct err *e)
{
	struct ladder_watch *w = mem_alloc(sizeof *w);
	pthread_condattr_t attr;
	sigset_t all, before;
	int rc;

	w->fire = fire;
	w->arg = arg;
	pthread_mutex_init(&w->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->changed, &attr);
	pthread_condattr_destroy(&attr);
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&w->thread, NULL, watch, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0) {
		pthread_cond_destroy(&w->changed);
		pthread_mutex_destroy(&w->mutex);
		free(w);
		errno = rc;
		return err_sys(e, "start a thread");
	}
	*ret = w;
	return 0;
}

void ladder_watch_arm(struct ladder_watch *w, uint64_t when_ms)
{
	pthread_mutex_lock(&w->mutex);
	w->armed = true;
	w->fired = false;
	w->when_ms = when_ms;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->mutex);
}

bool ladder_watch_disarm(struct ladder_watch *w)
{
	bool fired;

	pthread_mutex_lock(&w->mutex);
	fired = w->fired;
	w->armed = w->fired = false;
	pthread_mutex_unlock(&w->mutex);
	return fired;
}

void ladder_watch_free(struct ladder_watch *w)
{
	if (w == NULL)
		return;
	pthread_mutex_lock(&w->mutex);
	w->end = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->mutex);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->mutex);
	free(w);
}
