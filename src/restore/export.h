/* export.h: messages of an archive as files: one .eml each, an mbox, or a Maildir.
 *
 * Only content that the archive vouches for is written; a file appears whole or not at all and never over another;
 * no name in the archive can lead outside the output (restore/outdir.h). */
#ifndef RESTORE_EXPORT_H
#define RESTORE_EXPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "core/job.h"
#include "restore/source.h"

enum export_format {
	EXPORT_EML,	/* DIR/UID.eml as they are, mtime = internal date; mailboxes below: DIR/A/B/UID.eml */
	EXPORT_MBOX,	/* FILE, mboxrd; recursive: DIR/NAME.mbox, DIR/NAME/A.mbox */
	EXPORT_MAILDIR, /* DIR/cur/..., mtime = internal date; mailboxes below: Maildir++ DIR/.A.B/cur/... */
};

struct export_range {
	uint32_t first, last; /* UIDs */
};

struct export_request {
	enum export_format format;
	const char *output;
	size_t mailbox;			   /* index in the source */
	bool recursive;			   /* and all below it; then ranges do not apply */
	bool deleted;			   /* of these, also DELETED.* ones */
	bool expunged;			   /* also expunged messages */
	const struct export_range *ranges; /* none: all messages */
	size_t n_ranges;
	bool dry_run; /* count, write nothing */
};

enum export_trouble {
	EXPORT_DAMAGED, /* bytes are not what the archive promises */
	EXPORT_LACKING, /* the index knows the message, the archive has no file */
	EXPORT_KEPT,	/* there was a file of that name; it stays */
	EXPORT_OTHER,	/* no index, no such UID... */
};

/** Called from the thread that runs export_run(). ${mailbox} is internal; ${uid} 0: not about one message. */
typedef void export_trouble_fn(
    void *arg, enum export_trouble kind, const char *mailbox, uint32_t uid, const char *what);

struct export_result {
	uint64_t mailboxes, messages, bytes;
	uint64_t troubles[EXPORT_OTHER + 1]; /* how often each was met */
};

/** export_run(s, r, job, trouble, arg, ret, e): Write them. What cannot be had is told through ${trouble} and counted; -1 only when nothing more
 * could be done (no space, cancelled; what has appeared by then is whole). An mbox FILE that is there already: ERR_EXISTS. */
int export_run(struct source *s, const struct export_request *r, struct job *job, export_trouble_fn *trouble,
    void *arg, struct export_result *ret, struct err *e);

/** export_component(internal, n, b): Append one component of an internal name as a file name: UTF-8 where it decodes and is harmless,
 * else as it stands. */
void export_component(const char *internal, size_t n, struct buf *b);

#endif
