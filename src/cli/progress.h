/* progress.h: run a piece of work in its own thread, show how far it is, and let signals stop it.
 *
 * SIGINT, SIGTERM and SIGHUP ask the work to stop at its next safe point while it runs, and kill as usual while it does
 * not. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "cli/cli.h"
#include "core/job.h"

/** progress_run(c, fn, arg, e): Run ${fn} with a status line on stderr if that is a terminal. Returns what it returned; the signal that
 * stopped it is in c->stopped_by. */
int progress_run(struct cli *c, job_fn *fn, void *arg, struct err *e);

/** progress_run_posts(c, fn, arg, take, to, e): The same; ${take} gets each item that ${fn} posts (core/job.h) in the main thread, with ${to}. */
typedef void progress_take(void *to, void *item);
int progress_run_posts(struct cli *c, job_fn *fn, void *arg, progress_take *take, void *to, struct err *e);

/** A queue of rows of text from the worker to the main thread. */
struct finds;

/** Shows one row in the main thread. ${words} are as given to finds_add(). */
typedef void finds_show(struct cli *c, void *arg, int kind, const char *const words[3]);

/** finds_new(show, arg): An empty queue. finds_free(f): NULL-safe. finds_add(f, kind, a, b, c): Append a copy; any thread; NULL is "". */
struct finds *finds_new(finds_show *show, void *arg);
void finds_free(struct finds *f);
void finds_add(struct finds *f, int kind, const char *a, const char *b, const char *c);

/** finds_total(f): How many there were. */
size_t finds_total(const struct finds *f);

/** progress_run_finds(c, fn, arg, finds, e): As progress_run(), and show what is found while it runs. */
int progress_run_finds(struct cli *c, job_fn *fn, void *arg, struct finds *finds, struct err *e);

#endif
