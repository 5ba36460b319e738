/* job.h: one piece of work with progress, cancel and a result.
 *
 * The thread that starts a job owns the terminal; the worker owns its argument and its result until the job is
 * reaped. While it runs the two share only what is in this header: atomic counters, a cancel flag, the step's text.
 * Functions marked [worker] are called by the work and accept job == NULL, so that everything can also be called
 * straight, without a job. */
#ifndef CORE_JOB_H
#define CORE_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct job;

/** A worker: does the work on ${arg}, reports through ${job}, returns 0 or -1 with ${e} filled. */
typedef int job_fn(struct job *job, void *arg, struct err *e);

enum job_state { JOB_NEW, JOB_RUNNING, JOB_DONE, JOB_FAILED };

struct job_progress {
	enum job_state state;
	uint64_t done_bytes;
	uint64_t total_bytes; /* 0: not known */
	uint64_t elapsed_ms;
	uint64_t idle_ms; /* since the last step or advance: "stalled" from 5 s on */
	bool cancelling;
	char step[160]; /* what it is doing, safe text */
};

/** job_new(): A job that has not started; it may be handed to code as the progress sink without a thread of its own. */
struct job *job_new(void);

/** job_start(job, fn, arg, e): Run ${fn} in a new thread. Once per job. */
int job_start(struct job *job, job_fn *fn, void *arg, struct err *e);

/** job_fd(job): An eventfd, readable when the job has ended, or has posted something. Belongs to the job. */
int job_fd(const struct job *job);

/** job_reap(job, e): Wait for the end; returns what ${fn} returned and copies its error. The result in ${arg} is the
 * caller's from here on. */
int job_reap(struct job *job, struct err *e);

/** job_cancel(job): Ask it to stop at its next safe point. Async-signal-safe; any thread. */
void job_cancel(struct job *job);

/** job_ended(job): It has ended and can be reaped without waiting; any thread. */
bool job_ended(const struct job *job);

/** job_get_progress(job, p): What it is doing now; any thread. */
void job_get_progress(struct job *job, struct job_progress *p);

/** job_free(job): NULL-safe; a running job is cancelled and waited for. */
void job_free(struct job *job);

/** job_post(job, item, drop): [worker] Hand a partial result to whoever watches: ${item} is his from here on; ${drop} frees it when nobody
 * takes it. Without a job it is dropped at once. job_take(job): The oldest item not taken yet, or NULL; any thread. job_fd() is readable
 * while there may be some. */
void job_post(struct job *job, void *item, void (*drop)(void *item));
void *job_take(struct job *job);

/** job_step(job, fmt, ...): [worker] Say what is being done. */
void job_step(struct job *job, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** job_set_total(job, bytes), job_advance(job, bytes): [worker] What there is to do, and that so much more was done. */
void job_set_total(struct job *job, uint64_t bytes);
void job_advance(struct job *job, uint64_t bytes);

/** job_cancelled(job, e): [worker] 1 with ERR_CANCELLED in ${e} once somebody asked to stop, else 0. */
int job_cancelled(struct job *job, struct err *e);

/** A question that only a person can answer, and that could not be asked before the work began: a host key, a passphrase. */
struct question {
	const char *title;  /* what it is about, one line of safe text */
	const char *text;   /* what one must know to answer, lines of safe text; "" */
	const char *prompt; /* "Passphrase of /root/.ssh/id_ed25519" */
	bool secret;        /* the answer is not shown */
	bool yes_no;        /* the answer is "yes" or "no"; "no" is the default */
	bool lasts;         /* the same question has the same answer later: who asks may remember it while the program runs */
	bool again;         /* the answer before was wrong */
};

/** Called in the worker's thread; waits for the person. 0 with the answer; 1: there is nobody for such a question; -1: ERR_CANCELLED: he does not want to. */
typedef int job_ask_fn(void *arg, const struct question *q, char *answer, size_t size, struct err *e);

/** job_set_ask(job, ask, arg): Who asks; before the job starts. job_ask(job, q, answer, size, e): [worker] 1 and the answer; 0: there is nobody to ask;
 * -1. The caller wipes a secret. */
void job_set_ask(struct job *job, job_ask_fn *ask, void *arg);
int job_ask(struct job *job, const struct question *q, char *answer, size_t size, struct err *e);

/** job_can_ask(job): [worker] Whether there is somebody to ask. */
bool job_can_ask(const struct job *job);

#endif
