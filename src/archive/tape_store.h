/* tape_store.h: one archive on a tape as a store, for all that reads archives.
 *
 * What was kept of it is read from there. All else is read from the tape, which only goes forward: what passes of the bytes that are wanted is kept in a
 * temporary file without a name, so that they need not pass again; going back means to wind back, or to begin the command anew. Before the first byte is
 * taken from it the tape's label is looked at; if it is the wrong one, or none is there, the right one is asked for. */
#ifndef ARCHIVE_TAPE_STORE_H
#define ARCHIVE_TAPE_STORE_H

#include "archive/tape_parts.h"
#include "store/drive.h"
#include "store/store.h"

/** The most that is kept of what was read. */
#define TAPE_KEEP_BYTES ((uint64_t)1 << 30)

struct tape_store_opts {
	struct drive_opts drive;           /* strings are copied */
	const char *archive, *label, *box; /* copied; box "" if not known */
	uint64_t file, offset_bytes, data_offset, size_bytes;
	int64_t mtime;
	const struct tape_part *parts; /* copied */
	size_t n_parts;
	int parts_fd;    /* taken over; -1 if there are no parts */
	bool parts_only; /* the tape is not asked for: what is not in the parts fails */
	bool
	    bare; /* it lies there without label and tar: what a command gives back that was not written by us */
	uint64_t keep_bytes; /* 0: TAPE_KEEP_BYTES */
};

/** tape_store_open(o, job, ret): Reads nothing yet. Its url is "tape:LABEL". store_free() it. */
void tape_store_open(const struct tape_store_opts *o, struct job *job, struct store **ret);

/** tape_store_rewinds(s): How often the tape was begun anew so far; for measuring. */
unsigned tape_store_rewinds(const struct store *s);

/** tape_ask(job, label, box, device, why, e): Ask for a tape: "Insert tape L0007 (box 3) into /dev/nst0". ${why} that: what is in it now. ${label} "" : any other one. 0: somebody has
 * said that it is in; -1, ERR_NOT_FOUND with that text: there is nobody to ask; ERR_CANCELLED: it is not to be had. */
int tape_ask(
    struct job *job, const char *label, const char *box, const char *device, const char *why, struct err *e);

#endif
