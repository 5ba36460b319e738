/* keep.h: give a live mailbox the messages that it lacks under the UIDs that they had, under Cyrus's own locks.
 *
 * Clients then know them again, and every reader's \Seen, which is kept by UID. Records of the archive's cyrus.index are put into the live one, with
 * new modseqs, so that CONDSTORE and QRESYNC clients are told; their cache records go to the end of cyrus.cache; a keyword gets the number that it has in
 * the live cyrus.header, or a free one. All is made ready beside the spool, then moved into place while nobody can open the mailbox:
 * message files, cache, header, and last, in one rename, the index. Killed in between, the mailbox is as it was before (with files that no
 * record speaks of, which the same restore finds and takes), or done. A session that had it open and has seen these UIDs go is cut off by
 * Cyrus at its next command. */
#ifndef RESTORE_KEEP_H
#define RESTORE_KEEP_H

#include "restore/journal.h"
#include "restore/live.h"
#include "restore/place.h"

struct keep_context {
	struct place_context *place;
	struct journal *journal;
	const char *mark;   /* or NULL */
	const char *safety; /* case_safety_dir(); NULL: no copies are made of what is replaced */
};

/** keep_mailbox(cx, item, e): Bring back what item->merge says and is still missing. ERR_REFUSED, nothing touched, when a UID has got another message
 * since the plan was made. ERR_LOCKED when somebody keeps a lock too long. Sets item->merge->keep_modseq. */
int keep_mailbox(struct keep_context *cx, const struct restore_item *item, struct err *e);

/** keep_prove(server, source, item, mark, im, why, e): What was to come back is there under its UID, with its content, and with its flags if nobody has touched it since; ${im}
 * (or NULL), logged in as the owner, shows it. merge_prove() says that none is lacking. 1, 0 with the difference in ${why}, -1. */
int keep_prove(struct server *server, struct source *source, const struct restore_item *item,
    const char *mark, struct imap *im, struct buf *why, struct err *e);

/** keep_why_not(item, m, l, mark): Why the messages of item->merge cannot have the UIDs of the archive's ${m}, loaded with its cache, in the live ${l}, in
 * words, heap; NULL: they can. */
char *keep_why_not(const struct restore_item *item, const struct source_messages *m,
    const struct live_mailbox *l, const char *mark);

#endif
