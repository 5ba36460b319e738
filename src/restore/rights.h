/* rights.h: an IMAP connection that may append to, and remove from, one mailbox.
 *
 * To what belongs to a user the administrator comes as that user. In shared mailboxes he gets the rights he needs for that time; what
 * he had before is in the journal first, so that a run after one that was cut off gives them back. */
#ifndef RESTORE_RIGHTS_H
#define RESTORE_RIGHTS_H

#include "cyrus/imap.h"
#include "restore/journal.h"
#include "restore/restore.h"

struct rights {
	struct server *server;
	const struct mailbox_entry *entry;
	struct imap *im; /* logged in; NULL after rights_drop() until the next rights_imap() */
	char *owner;     /* NULL: shared */
	struct buf name; /* of the mailbox over this connection */
	char *before;    /* the administrator's rights to give back; NULL: nothing was changed */
	struct job *job;
};

/** rights_get(server, entry, journal, job, ret, e): Connect, and see to the rights. rights_give_back() in any case, also after a failure. */
int rights_get(struct server *server, const struct mailbox_entry *entry, struct journal *journal,
    struct job *job, struct rights *ret, struct err *e);

/** rights_imap(r, e): The connection, anew if it was dropped, or NULL. rights_drop(r): Close it, with all that is under way on it. */
struct imap *rights_imap(struct rights *r, struct err *e);
void rights_drop(struct rights *r);
int rights_give_back(struct rights *r, struct err *e);

/** rights_same(a, b): The same letters, in whatever order. */
bool rights_same(const char *a, const char *b);

#endif
