/* crew.c: a ring of slots between one caller and several workers. */
#include "archive/crew.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "core/mem.h"

#define CREW_THREADS_MAX 64u

struct crew {
	const struct crew_ops *ops;
	char *slots;
	bool *finished;
	size_t n_slots;
	/* Counters that only grow; a slot is counter % n_slots. taken <= begun <= given. */
	size_t given, begun, taken;
	bool stop;
	pthread_mutex_t lock;
	pthread_cond_t work, done;
	unsigned n_threads;
	struct crew_worker {
		struct crew *crew;
		void *state;
		pthread_t thread;
	} workers[CREW_THREADS_MAX];
};

unsigned crew_threads(unsigned wanted)
{
	cpu_set_t set;

	if (wanted == 0)
		wanted = sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 2;
	else
		return wanted > CREW_THREADS_MAX ? CREW_THREADS_MAX : wanted;
	return wanted < 1 ? 1 : wanted > 16 ? 16 : wanted;
}

static void *slot_at(struct crew *c, size_t n)
{
	return c->slots + n % c->n_slots * c->ops->slot_size;
}

static void *worker_main(void *p)
{
	struct crew_worker *w = p;
	struct crew *c = w->crew;

	pthread_mutex_lock(&c->lock);
	for (;;) {
		size_t mine;

		while (!c->stop && c->begun == c->given)
			pthread_cond_wait(&c->work, &c->lock);
		if (c->stop)
			break;
		mine = c->begun++;
		pthread_mutex_unlock(&c->lock);
		c->ops->work(w->state, slot_at(c, mine));
		pthread_mutex_lock(&c->lock);
		c->finished[mine % c->n_slots] = true;
		pthread_cond_signal(&c->done);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

int crew_new(
    const struct crew_ops *ops, void *arg, unsigned threads, size_t n_slots, struct crew **ret, struct err *e)
{
	struct crew *c = mem_alloc(sizeof *c);

	c->ops = ops;
	c->n_slots = n_slots;
	c->slots = mem_array(n_slots, ops->slot_size);
	c->finished = mem_array(n_slots, sizeof *c->finished);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->work, NULL);
	pthread_cond_init(&c->done, NULL);
	for (unsigned i = 0; i < crew_threads(threads); i++) {
		struct crew_worker *w = &c->workers[i];

		w->crew = c;
		w->state = ops->worker_new(arg);
		errno = pthread_create(&w->thread, NULL, worker_main, w);
		if (errno != 0) {
			err_sys(e, "start a worker thread");
			ops->worker_free(w->state);
			crew_free(c);
			return -1;
		}
		c->n_threads++;
	}
	*ret = c;
	return 0;
}

void *crew_free_slot(struct crew *c)
{
	/* Only the caller moves given and taken, so it may read them without the lock. */
	return c->given - c->taken == c->n_slots ? NULL : slot_at(c, c->given);
}

void crew_submit(struct crew *c)
{
	pthread_mutex_lock(&c->lock);
	c->given++;
	pthread_cond_signal(&c->work);
	pthread_mutex_unlock(&c->lock);
}

void *crew_done(struct crew *c, bool wait)
{
	void *slot = NULL;

	if (c->taken == c->given)
		return NULL;
	pthread_mutex_lock(&c->lock);
	while (wait && !c->finished[c->taken % c->n_slots])
		pthread_cond_wait(&c->done, &c->lock);
	if (c->finished[c->taken % c->n_slots])
		slot = slot_at(c, c->taken);
	pthread_mutex_unlock(&c->lock);
	return slot;
}

void crew_release(struct crew *c)
{
	pthread_mutex_lock(&c->lock);
	c->finished[c->taken % c->n_slots] = false;
	c->taken++;
	pthread_mutex_unlock(&c->lock);
}

void crew_free(struct crew *c)
{
	if (c == NULL)
		return;
	pthread_mutex_lock(&c->lock);
	c->stop = true;
	pthread_cond_broadcast(&c->work);
	pthread_mutex_unlock(&c->lock);
	for (unsigned i = 0; i < c->n_threads; i++) {
		pthread_join(c->workers[i].thread, NULL);
		c->ops->worker_free(c->workers[i].state);
	}
	for (size_t i = 0; i < c->n_slots; i++)
		c->ops->slot_done(slot_at(c, i));
	pthread_cond_destroy(&c->done);
	pthread_cond_destroy(&c->work);
	pthread_mutex_destroy(&c->lock);
	free(c->finished);
	free(c->slots);
	free(c);
}
