/* tape.h: archives on tape: which wait for it, writing them, what is on which tape, and proving it.
 *
 * What a tape holds, and how it is written, is in docs/tape.md. What was written is remembered in the state directory, "tapes/": one file for
 * each archive on a tape (a copy), whole or not at all. It is no cache: nothing but reading the tape again would tell. Beside it stands what of
 * the archive is needed to look into it (its index, its tables, what describes it), so that one that is in no store any more is still listed,
 * browsed and restored from. */
#ifndef APP_TAPE_H
#define APP_TAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "app/app.h"
#include "archive/tape_parts.h"
#include "core/digest.h"

/* ---- what is on tapes ---- */

/** One archive on one tape. Strings are never NULL; what is not known is "". */
struct tape_copy {
	char *archive;     /* its name */
	char *store, *url; /* the store that it came from: its section and url */
	char *server;
	char *tape;            /* the section [tape] */
	char *label, *box;     /* of the tape; where it is kept */
	uint64_t file;         /* which of the tape's files it is, from 0 on */
	uint64_t offset_bytes; /* where that begins, on what counts bytes: a file, a block device */
	uint64_t stored_bytes; /* its length */
	uint64_t block_bytes;  /* of one block of it */
	uint64_t
	    data_offset; /* where in it the archive's bytes begin; 0: it lies there without tar and label */
	uint64_t size_bytes; /* of the archive */
	int64_t mtime, when; /* of the archive, as in its store; when it was taken */
	uint8_t sha256[SHA256_SIZE];
	int64_t written;  /* unix time */
	int64_t verified; /* when it was last read back and was good; never 0 */
	int64_t damaged;  /* when it was read and was not good, after that; else 0 */
	/* The parts of the archive that stand beside this, in this order. */
	struct tape_part *parts;
	size_t n_parts;
	uint8_t parts_sha256[SHA256_SIZE];
};
struct tape_copies {
	struct tape_copy *list; /* by label, then by file */
	size_t n;
	size_t unreadable; /* files of the memory that could not be read: in the log */
};

/** tape_copies(app, ret, e): All that are remembered; none is no error. tape_copies_done() it. */
int tape_copies(struct app *app, struct tape_copies *ret, struct err *e);
void tape_copies_done(struct tape_copies *l);

/** tape_copies_find(l, store, archive): The copy of that archive to read: the one that was good last; ${store} NULL: of any store. NULL: none. */
const struct tape_copy *tape_copies_find(const struct tape_copies *l, const char *store, const char *archive);

/* ---- what waits ---- */

/** tape_waits(app, store, archive, e): Whether that archive of the configured store (its section's name) still waits for its tape, so that it must not be
 * removed: 1; 0: its store names no tape, it is on one and was read back from there, or it was taken off the queue; -1: that cannot be told,
 * so it must stay. Looks at no store and no tape. */
int tape_waits(struct app *app, const char *store, const char *archive, struct err *e);

struct tape_waiting {
	char *archive, *store;
	char *tape; /* the section; "" if neither the store nor anything else names one */
	uint64_t size_bytes;
	int64_t when;
	bool added; /* by name; else its store's section names a tape */
};
struct tape_queue {
	struct tape_waiting *list; /* the oldest first: the order in which they are written */
	size_t n;
	uint64_t bytes;
	size_t unverified; /* archives that wait for their own verification first */
	struct app_store_away *away;
	size_t n_away;
};

/** tape_queue(app, job, ret, e): What waits, of all stores that can be looked into. tape_queue_done() it in either case. */
int tape_queue(struct app *app, struct job *job, struct tape_queue *ret, struct err *e);
void tape_queue_done(struct tape_queue *q);

/** tape_queue_add(app, archive, job, ret, e): Let an archive wait whether or not its store names a tape; it may be on one already. tape_queue_drop(): Let it not
 * wait any more. ${*ret}: its full name, heap. ERR_NOT_FOUND. */
int tape_queue_add(struct app *app, const char *archive, struct job *job, char **ret, struct err *e);
int tape_queue_drop(struct app *app, const char *archive, struct job *job, char **ret, struct err *e);

/* ---- writing ---- */

struct tape_write_request {
	const char *const *archives; /* as app_open_store_of() takes them; none: those that wait */
	size_t n;
	const char *tape;   /* section; NULL: that of the stores, else the only one */
	const char *label;  /* NULL: what the tape in the drive is called; of an empty one, the next number */
	const char *box;    /* NULL: as remembered of the tape */
	const char *device; /* in place of the configured one; NULL */
	bool
	    overwrite; /* a tape that holds something else is begun anew; asked about, if copies are lost by it */
};
struct tape_write_result {
	size_t written, left; /* archives; those that were to be written and are not */
	uint64_t bytes;
	uint64_t write_ms, verify_ms;
};

/** Called in the worker's thread when an archive is on tape, was read back and is remembered. */
typedef void tape_written_fn(void *arg, const struct tape_copy *copy);

/** tape_write(app, request, job, written, arg, ret, e): Write archives, one after the other, the oldest first; each is read back and compared before it is
 * remembered. At a tape's end the next tape is asked for; with nobody to ask ERR_PARTIAL says which (ERR_SPACE if nothing was written at all). After
 * a failure what was written before stays; the same call goes on with what is left. ERR_REFUSED: what is in the drive is not to be written to. */
int tape_write(struct app *app, const struct tape_write_request *request, struct job *job,
    tape_written_fn *written, void *arg, struct tape_write_result *ret, struct err *e);

/** tape_live(app, list, job, ret, e): Which of these archives are in a store, too; ${ret}: one for each. A store that is away has none. */
int tape_live(struct app *app, const struct tape_copies *list, struct job *job, bool *ret, struct err *e);

/* ---- proving ---- */

enum tape_verdict {
	TAPE_GOOD,    /* every byte as it was written */
	TAPE_TAKEN,   /* the same, and it was not remembered before: it is now */
	TAPE_DAMAGED, /* it is not, or cannot be read */
};
struct tape_verify_request {
	const char *what;   /* a label or an archive's name; NULL: whatever tape is in the drive */
	const char *tape;   /* section; NULL: as remembered, else the only one */
	const char *device; /* in place of the configured one; NULL */
};
struct tape_verify_result {
	size_t good, taken, damaged;
	size_t unfinished; /* writing was broken off there: not an error */
	uint64_t bytes;
};
typedef void tape_verdict_fn(
    void *arg, const struct tape_copy *copy, enum tape_verdict verdict, const char *why);

/** tape_verify(app, request, job, each, arg, ret, e): Read tapes through and compare with what is remembered, or, of what is not, with what the tape itself
 * says. Which tape is in the drive is checked, and the right one asked for. */
int tape_verify(struct app *app, const struct tape_verify_request *request, struct job *job,
    tape_verdict_fn *each, void *arg, struct tape_verify_result *ret, struct err *e);

/** tape_forget(app, label, e): Forget all that is remembered of a tape that is gone for good; returns how many archives, or -1. ERR_NOT_FOUND. */
int tape_forget(struct app *app, const char *label, struct err *e);

#endif
