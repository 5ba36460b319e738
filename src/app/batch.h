/* batch.h: several restores, one after the other: planned together, confirmed once, each with a case of its own; what became of each is remembered, so
 * that a batch that was stopped goes on where it was.
 *
 * A file "batches/batch-20261122T010203Z.jsonl" (0600) of the state directory: a JSON object on each line, appended and forced to disk. First the batch
 * ("batch", "server", "begun", "on_error", "lines": how many), then its lines ("line", "number", "text", "archive", "request"), then what became of them ("line", "state", "why",
 * "case", "time"), the last one of a line counts, and "ended" when all had their turn. A line that was torn counts as not written. Those that were not touched for
 * keep_cases days of [state] go when there is a new one. */
#ifndef APP_BATCH_H
#define APP_BATCH_H

#include "app/app.h"
#include "app/lost.h"

#define BATCH_LINES_MAX 100000
#define BATCH_FILE_MAX  (16u << 20)

/* ---- the file that an administrator writes ---- */

/** One line: "user NAME", "recursive NAME", "mailbox NAME", or a mailbox's name alone. */
struct batch_word {
	enum { BATCH_USER, BATCH_MAILBOX, BATCH_RECURSIVE } kind;
	char *name;    /* as it was typed */
	size_t number; /* of the line, from 1 */
};
struct batch_words {
	struct batch_word *list;
	size_t n, cap;
};

/** batch_parse(text, n, ret, e): Blanks around a line do not count, nor do empty lines and those that begin with '#'. ERR_USAGE names the line: control
 * characters, a keyword without a name; also if there is no line at all, or more than BATCH_LINES_MAX. batch_words_done() it, in either case. Pure. */
int batch_parse(const char *text, size_t n, struct batch_words *ret, struct err *e);
void batch_words_done(struct batch_words *w);

/* ---- a batch ---- */

enum batch_state { BATCH_WAITING, BATCH_DONE, BATCH_FAILED, BATCH_REFUSED };
/** batch_state_name(s): "waiting", "done", "failed", "refused". */
const char *batch_state_name(enum batch_state s);

struct batch_line {
	size_t number;                  /* in the administrator's file; else counted from 1 */
	char *text;                     /* "user alice", safe */
	char *archive;                  /* as app_plan() takes it */
	struct restore_request request; /* its own */
	enum batch_state state;
	char *why;     /* it failed, or was refused, or a word on it; safe; NULL */
	char *case_id; /* of its restore; NULL */
	/* What app_batch_plan() has found. */
	size_t mailboxes;
	uint64_t messages, bytes;
	bool nothing; /* nothing is missing */
	bool warned;  /* it was done now, with a warning */
};

struct batch {
	char *id; /* NULL: it was not begun */
	char *server;
	int64_t begun;
	bool go_on; /* after a line that failed or was refused; else it stops there */
	bool ended;
	struct batch_line *lines;
	size_t n, cap;
	int fd; /* batch.c's own */
};
void batch_done(struct batch *b);

/** app_batch_new(app, server, archive, words, how, job, ret, e): The lines of a file, of one archive; ${how} gives mode, mark, moved and what. A mailbox that neither the
 * archive nor the server has is BATCH_REFUSED; ERR_USAGE, with the line, if there can be none of that name. batch_done() it, in either case.
 * app_batch_of_lost(app, server, mails, n, how, ret, e): What a user has lost, a line for each archive; what no archive has the file of is left out. */
int app_batch_new(struct app *app, const char *server, const char *archive, const struct batch_words *words,
    const struct restore_request *how, struct job *job, struct batch *ret, struct err *e);
int app_batch_of_lost(struct app *app, const char *server, const struct lost_mail *const *mails, size_t n,
    const struct restore_request *how, struct batch *ret, struct err *e);

/** app_batch_read(app, server, id, ret, e): One that was begun, and is not all done: lines that failed or were refused wait again. ${id} NULL: the newest of the server
 * that has not ended, unless a restore that is none of its lines was cut off since. ERR_NOT_FOUND; ERR_FORMAT. */
int app_batch_read(struct app *app, const char *server, const char *id, struct batch *ret, struct err *e);

/** app_batch_plan(app, b, job, e): Plan every line that waits, and keep what it would do; nothing is changed. A line that cannot be planned, or whose plan
 * is refused, is BATCH_REFUSED. */
int app_batch_plan(struct app *app, struct batch *b, struct job *job, struct err *e);

/** What became of a line: posted by app_batch_run(). batch_news_free() takes a void pointer as job_post() does. */
struct batch_news {
	size_t line; /* index */
	enum batch_state state;
	char *why, *case_id; /* as in the line */
	uint64_t messages, bytes;
};
void batch_news_free(void *news);

/** app_batch_run(app, b, job, e): Plan each line that waits once more and carry it out; those that are refused stay so. It is remembered before the first one
 * (id is set then). 0: all had their turn. ERR_PARTIAL: it stopped at a line (or was cancelled: ERR_CANCELLED) and can go on. ERR_LOCKED: another process is at it. */
int app_batch_run(struct app *app, struct batch *b, struct job *job, struct err *e);

#endif
