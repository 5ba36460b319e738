/* tape_write.h: what the files of tape_write() share. */
#ifndef APP_TAPE_WRITE_H
#define APP_TAPE_WRITE_H

#include "app/tape.h"
#include "app/tape_drive.h"

struct tape_writer {
	struct app *app;
	struct job *job;
	const struct tape_write_request *request;
	const struct conf_tape *conf;
	struct tape_copies copies; /* all that are remembered */
	/* The tape in the drive, and where the next archive goes. */
	char *label, *box; /* label NULL: not looked at yet */
	uint64_t file, offset_bytes;
	char *full; /* the tape before, which takes no more; or NULL */
	const char *why_full;
};

/** tape_prepare(w, e): Find out which tape is in the drive, and where its end is; ask for another one where it is not to be written to. */
int tape_prepare(struct tape_writer *w, struct err *e);

/** tape_write_one(w, a, ret, e): Write that archive there, read it back, remember it: 0 and ${ret}, which is the caller's; 1 the tape is full, and the archive not on it; -1. */
int tape_write_one(struct tape_writer *w, const struct tape_waiting *a, struct tape_write_result *times,
    struct tape_copy *ret, struct err *e);

/** tape_next_label(w): A label that no tape has: "NAME-0004"; heap. */
char *tape_next_label(const struct tape_writer *w);

#endif
