/* proof.h: read a restored mailbox back and compare it with the archive. */
#ifndef RESTORE_PROOF_H
#define RESTORE_PROOF_H

#include "cyrus/imap.h"
#include "restore/restore.h"

/** proof_mailbox(server, source, item, im, why, e): The entry is in mailboxes.db, header and index are readable, every message of the archive is there
 * with its UID, size, flags and content's GUID; over IMAP (${im}, logged in as the owner, or as admin for shared folders; may be NULL) UIDVALIDITY, UIDNEXT and the count agree. 1 proven,
 * 0 with the difference in ${why}, -1. For a mailbox that was renamed back, or that is
 * merged into (merge_prove() does the rest): that it can be read and opened. */
int proof_mailbox(struct server *server, struct source *source, const struct restore_item *item,
    struct imap *im, struct buf *why, struct err *e);

#endif
