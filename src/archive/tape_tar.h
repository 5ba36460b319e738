/* tape_tar.h: one file of a tape: a pax tar of a label, an archive and its SHA-256 (docs/tape.md), written and read through libarchive. */
#ifndef ARCHIVE_TAPE_TAR_H
#define ARCHIVE_TAPE_TAR_H

#include "archive/tape_label.h"
#include "core/digest.h"
#include "core/job.h"
#include "core/stream.h"
#include "store/drive.h"

/** What was written. */
struct tape_written {
	uint64_t data_offset;  /* where in the tar the archive's bytes begin */
	uint64_t stored_bytes; /* of the tar, whole blocks */
	uint8_t sha256[SHA256_SIZE];
};

/** tape_tar_write(d, label, in, job, ret, e): Write label->size_bytes bytes of ${in} to the drive, which stands where they shall go; ends the file there. ${job}
 * advances by them. ERR_SPACE: the end of the tape. In case of failure drive_write_drop() is the caller's. */
int tape_tar_write(struct drive *d, const struct tape_label *label, struct stream *in, struct job *job,
    struct tape_written *ret, struct err *e);

/** What lies where the drive stands. */
enum tape_state {
	TAPE_EMPTY,      /* nothing: the end of what was written */
	TAPE_OTHER,      /* something that is not ours */
	TAPE_LABELLED,   /* ours; only the label was looked at */
	TAPE_UNFINISHED, /* ours, without its end: writing was broken off, or the tape */
	TAPE_BAD,        /* ours, but the archive is not what its SHA-256 says, or is in parts unreadable */
	TAPE_WHOLE,      /* ours, and sound */
};
struct tape_seen {
	enum tape_state state;
	struct err why;          /* TAPE_OTHER, TAPE_UNFINISHED, TAPE_BAD */
	struct tape_label label; /* from TAPE_LABELLED on */
	uint64_t data_offset;
	uint64_t stored_bytes;       /* TAPE_WHOLE, TAPE_BAD if known, else 0 */
	uint8_t sha256[SHA256_SIZE]; /* of what was read */
};

/** tape_tar_read(d, through, job, ret, e): Look at what lies there; ${through}: to its end, so that ${job} advances by its bytes. -1 only when the drive fails before there is a
 * label, or the job is cancelled. tape_seen_done() it in either case. */
int tape_tar_read(struct drive *d, bool through, struct job *job, struct tape_seen *ret, struct err *e);
void tape_seen_done(struct tape_seen *s);

/** tape_head_parse(p, n, ret, e): The label in the first ${n} bytes of a tar. ERR_FORMAT: there is none. tape_label_done() it. */
int tape_head_parse(const void *p, size_t n, struct tape_label *ret, struct err *e);

#endif
