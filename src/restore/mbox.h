/* mbox.h: one message as a piece of an mbox file: From line, LF line ends, ">From " quoting as mboxrd has it. Pure. */
#ifndef RESTORE_MBOX_H
#define RESTORE_MBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"

/** What an mbox says of a message besides its text. */
struct mbox_flags {
	bool seen, answered, flagged, deleted, draft;
	const char *keywords; /* names separated by blanks, or NULL */
};

/** A message on its way; zero before mbox_begin(). */
struct mbox_filter {
	bool in_header, cr, dropping, in_line, ended_line;
	uint64_t quotes;
	unsigned n;
	char hold[16];
};

/** mbox_begin(f, internaldate, flags, out): Append the From line and the Status, X-Status and X-Keywords headers. mbox_add(f, p, n, out): The next
 * bytes of the message. Its own header fields that mean something to readers of mbox files (Status, X-Status, X-Keywords, X-UID,
 * X-IMAP, X-IMAPbase, Content-Length) are left out. mbox_end(f, out): The line end and the empty line after it. */
void mbox_begin(struct mbox_filter *f, int64_t internaldate, const struct mbox_flags *flags, struct buf *out);
void mbox_add(struct mbox_filter *f, const void *p, size_t n, struct buf *out);
void mbox_end(struct mbox_filter *f, struct buf *out);

#endif
