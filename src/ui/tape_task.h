/* tape_task.h: the jobs of the tape screen: to write what waits, to prove what is written; they outlive it. */
#ifndef UI_TAPE_TASK_H
#define UI_TAPE_TASK_H

#include <pthread.h>

#include "app/tape.h"
#include "ui/console.h"

/** What became of one archive. */
struct tape_line {
	enum tape_verdict verdict;
	char *archive, *label, *why; /* why may be "" */
	uint64_t file;
};

/** The worker's while it runs, but for the lines. */
struct tape_work {
	struct app *app;
	bool writes; /* else it proves */
	char *what;  /* to prove: a label or an archive */
	char *box;   /* to write: where the tape will be kept; NULL: as remembered */
	struct tape_write_result written;
	struct tape_verify_result verified;
	pthread_mutex_t lock; /* for the lines */
	struct tape_line *lines;
	size_t n, cap;
};

/** tape_write_start(c, box, open): Write what waits. tape_verify_start(c, what, open): Prove a tape, or an archive on one. NULL: it could not be begun
 * (said). */
struct task *tape_write_start(
    struct console *c, const char *box, struct view *(*open)(struct console *c, struct task *t));
struct task *tape_verify_start(
    struct console *c, const char *what, struct view *(*open)(struct console *c, struct task *t));

/** tape_find(c, number): That job, if it is one of these. */
struct task *tape_find(struct console *c, unsigned number);

/** tape_write_command(c, box, b), tape_verify_command(c, what, b): Append the command line that does the same. */
void tape_write_command(struct console *c, const char *box, struct buf *b);
void tape_verify_command(struct console *c, const char *what, struct buf *b);

#endif
