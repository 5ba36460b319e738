/* merge.h: append to a live mailbox what it lacks of an archived one.
 *
 * Over IMAP, as the owner by proxy, in shared mailboxes as the administrator. Nothing that is there is changed. What is missing is
 * looked up by content in the live index on disk before it begins, and again whenever a message has come in: nothing is
 * ever appended twice, however often it is cut off and run again. */
#ifndef RESTORE_MERGE_H
#define RESTORE_MERGE_H

#include "restore/journal.h"
#include "restore/restore.h"

struct merge_context {
	struct server *server;
	struct source *source;
	struct journal *journal;
	const char *mark; /* or NULL */
	const char *safety; /* where messages of a live source are copied to first (safety.h); NULL: nowhere */
	struct job *job;
	struct restore_result *result;
	bool refused; /* out: the server did not take one of them */
};

/** merge_mailbox(cx, item, e): Append what item->merge says and is still missing. Messages that the archive has damaged or that the server
 * refuses are counted as failed in cx->result; a full quota ends it with ERR_SPACE. ERR_REFUSED: the mailbox is no longer the one that was
 * planned for. */
int merge_mailbox(struct merge_context *cx, const struct restore_item *item, struct err *e);

/** merge_prove(server, source, journal, item, mark, why, e): Every message of the archive is in the live mailbox, or was not to be
 * appended, or was refused; what was appended, and has not been touched since, has the flags of the archive. 1, 0 with the difference in
 * ${why}, -1. */
int merge_prove(struct server *server, struct source *source, const struct journal *journal,
    const struct restore_item *item, const char *mark, struct buf *why, struct err *e);

#endif
