/* tape_label.h: what stands first in each file of a tape, and says which tape it is (docs/tape.md).
 *
 * A label comes from whatever tape is in the drive: it is hostile. Thread-safe. */
#ifndef ARCHIVE_TAPE_LABEL_H
#define ARCHIVE_TAPE_LABEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"

#define TAPE_LABEL_NAME "cyrvault-tape.json" /* its name in the tar */
#define TAPE_LABEL_MAX  65536                /* bytes of it */

struct tape_label {
	char *label, *box;          /* of the tape */
	char *host, *program;       /* who wrote it, as text */
	char *archive;              /* what follows */
	char *store, *url, *server; /* where that came from */
	uint64_t file;              /* the how-manieth of the tape, from 0 */
	uint64_t block_bytes;
	uint64_t size_bytes; /* of the archive */
	int64_t mtime, when; /* of the archive */
	int64_t written;     /* unix time */
};

/** tape_label_ok(label): 1 to 64 bytes of A-Z a-z 0-9 . _ -, the first a letter or digit. */
bool tape_label_ok(const char *label);

/** tape_label_text(l, b): Append it as the tape has it. */
void tape_label_text(const struct tape_label *l, struct buf *b);

/** tape_label_parse(p, n, ret, e): ERR_FORMAT for what is no label, ERR_UNSUPPORTED for one of a later version. tape_label_done() it. */
int tape_label_parse(const void *p, size_t n, struct tape_label *ret, struct err *e);
void tape_label_done(struct tape_label *l);

#endif
