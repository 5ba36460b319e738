/* asking.h: questions that workers have in mid-work, on their way to the person at the terminal.
 *
 * A worker waits in asking_ask() until the thread that owns the terminal has the answer, or its job is cancelled. One question is before the person at a
 * time, the others wait in the order in which they came. An answer that lasts is remembered, in memory, until asking_free(), and given to who asks the same
 * again: once, for if it was wrong, the person is asked. */
#ifndef CORE_ASKING_H
#define CORE_ASKING_H

#include "core/job.h"

struct asking;

/** asking_new(), asking_free(a): When it goes, no worker may be left in it. */
struct asking *asking_new(void);
void asking_free(struct asking *a);

/** Whose question it is: the argument of asking_ask(), a job_ask_fn. */
struct asker {
	struct asking *asking;
	struct job *job;
};
int asking_ask(void *asker, const struct question *q, char *answer, size_t size, struct err *e);

/** asking_fd(a): Readable while there may be something to take, or the question that was taken is no longer waited for. The terminal's thread, as all below. */
int asking_fd(const struct asking *a);

/** asking_take(a): The next question, if none is taken: a copy that is the caller's, for asking_question_free(); NULL: none. */
struct question *asking_take(struct asking *a);
void asking_question_free(struct question *q);

/** asking_waits(a): The worker whose question was taken still waits. asking_answer(a, text): Give it the answer, NULL: the person does not want to. */
bool asking_waits(struct asking *a);
void asking_answer(struct asking *a, const char *text);

#endif
