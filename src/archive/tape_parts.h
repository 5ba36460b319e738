/* tape_parts.h: what of an archive on tape is kept beside the memory of tapes, so that one can look into it without the tape. */
#ifndef ARCHIVE_TAPE_PARTS_H
#define ARCHIVE_TAPE_PARTS_H

#include "archive/archive.h"

/** Bytes of the archive. */
struct tape_part {
	uint64_t off, n;
};

/** tape_parts_make(a, out_fd, ret, ret_n, sha, e): Write the parts of an archive of ours to ${out_fd}, one behind the other, ascending: what describes it
 * (archive.json, mailboxes.txt, report, imapd.conf), its tables, its index, its end. ${*ret}: heap; ${sha}: of what was written. */
int tape_parts_make(struct archive *a, int out_fd, struct tape_part **ret, size_t *ret_n,
    uint8_t sha[SHA256_SIZE], struct err *e);

#endif
