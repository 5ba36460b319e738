/* asking.c: questions from workers to the terminal's thread, and the answers back. */
#include "core/asking.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "core/mem.h"

/* How soon a worker that waits sees that it is to stop. */
#define LOOK_MS 100

/* On the stack of the worker, which waits. */
struct waiting {
	struct waiting *next;
	const struct question *q;
	char *answer;
	size_t size;
	enum { WAITING, ANSWERED, GIVEN_UP } state;
};

/* An answer that lasts. */
struct kept {
	struct kept *next;
	char *title, *prompt, *answer;
};

struct asking {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int fd;
	struct waiting *first;
	struct waiting *taken; /* one of them, or NULL */
	struct kept *kept;
};

struct asking *asking_new(void)
{
	struct asking *a = mem_alloc(sizeof *a);
	pthread_condattr_t attr;

	pthread_mutex_init(&a->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&a->changed, &attr);
	pthread_condattr_destroy(&attr);
	a->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return a;
}

static void forget(struct kept **at)
{
	struct kept *k = *at;

	*at = k->next;
	explicit_bzero(k->answer, strlen(k->answer));
	free(k->title);
	free(k->prompt);
	free(k->answer);
	free(k);
}

static struct kept **find_kept(struct asking *a, const struct question *q)
{
	struct kept **at = &a->kept;

	while (*at != NULL && (strcmp((*at)->title, q->title) != 0 || strcmp((*at)->prompt, q->prompt) != 0))
		at = &(*at)->next;
	return at;
}

static bool answer_kept(struct asking *a, const struct question *q, char *answer, size_t size)
{
	struct kept **at = find_kept(a, q);

	if (!q->lasts || *at == NULL)
		return false;
	if (q->again) {
		forget(at);
		return false;
	}
	snprintf(answer, size, "%s", (*at)->answer);
	return true;
}

/* Those who wait with the same question need not ask it again. */
static void keep(struct asking *a, const struct waiting *w)
{
	struct kept **at = find_kept(a, w->q), *k;

	if (*at != NULL)
		forget(at);
	k = mem_alloc(sizeof *k);
	*k = (struct kept){ a->kept, mem_strdup(w->q->title), mem_strdup(w->q->prompt), mem_strdup(w->answer) };
	a->kept = k;
	for (struct waiting *o = a->first; o != NULL; o = o->next)
		if (o->state == WAITING && o != a->taken && !o->q->again && answer_kept(a, o->q, o->answer, o->size))
			o->state = ANSWERED;
}

void asking_free(struct asking *a)
{
	if (a == NULL)
		return;
	while (a->kept != NULL)
		forget(&a->kept);
	if (a->fd != -1)
		close(a->fd);
	pthread_cond_destroy(&a->changed);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

static void wake(struct asking *a)
{
	ssize_t ignored = write(a->fd, &(uint64_t){ 1 }, sizeof(uint64_t));

	(void)ignored;
}

static void wait_a_while(struct asking *a)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += LOOK_MS * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	pthread_cond_timedwait(&a->changed, &a->lock, &until);
}

int asking_ask(void *arg, const struct question *q, char *answer, size_t size, struct err *e)
{
	struct asker *asker = arg;
	struct asking *a = asker->asking;
	struct waiting w = { .q = q, .answer = answer, .size = size }, **at;
	int rc = 0;

	pthread_mutex_lock(&a->lock);
	if (answer_kept(a, q, answer, size)) {
		pthread_mutex_unlock(&a->lock);
		return 0;
	}
	for (at = &a->first; *at != NULL; at = &(*at)->next)
		;
	*at = &w;
	wake(a);
	while (w.state == WAITING && (rc = -job_cancelled(asker->job, e)) == 0)
		wait_a_while(a);
	for (at = &a->first; *at != &w; at = &(*at)->next)
		;
	*at = w.next;
	if (a->taken == &w)
		a->taken = NULL;
	wake(a);
	pthread_mutex_unlock(&a->lock);
	if (rc == 0 && w.state == GIVEN_UP)
		return err_set(e, ERR_CANCELLED, "%s: not answered", q->title);
	return rc;
}

int asking_fd(const struct asking *a)
{
	return a->fd;
}

struct question *asking_take(struct asking *a)
{
	struct question *copy = NULL;
	struct waiting *w;
	uint64_t ignored;

	pthread_mutex_lock(&a->lock);
	if (read(a->fd, &ignored, sizeof ignored) == -1)
		ignored = 0;
	/* One that was answered is here until its worker has woken up. */
	for (w = a->first; w != NULL && w->state != WAITING; w = w->next)
		;
	if (a->taken == NULL && w != NULL) {
		a->taken = w;
		copy = mem_dup(w->q, sizeof *copy);
		copy->title = mem_strdup(copy->title);
		copy->text = mem_strdup(copy->text);
		copy->prompt = mem_strdup(copy->prompt);
	}
	pthread_mutex_unlock(&a->lock);
	return copy;
}

void asking_question_free(struct question *q)
{
	if (q == NULL)
		return;
	free((char *)(uintptr_t)q->title);
	free((char *)(uintptr_t)q->text);
	free((char *)(uintptr_t)q->prompt);
	free(q);
}

bool asking_waits(struct asking *a)
{
	bool ret;

	pthread_mutex_lock(&a->lock);
	ret = a->taken != NULL;
	pthread_mutex_unlock(&a->lock);
	return ret;
}

void asking_answer(struct asking *a, const char *text)
{
	pthread_mutex_lock(&a->lock);
	if (a->taken != NULL && text != NULL) {
		snprintf(a->taken->answer, a->taken->size, "%s", text);
		a->taken->state = ANSWERED;
		if (a->taken->q->lasts)
			keep(a, a->taken);
	} else if (a->taken != NULL) {
		a->taken->state = GIVEN_UP;
	}
	a->taken = NULL;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
}
