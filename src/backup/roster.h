/* roster.h: the mailbox list, grouped by owner, and kept in step with the server's while a backup runs. */
#ifndef BACKUP_ROSTER_H
#define BACKUP_ROSTER_H

#include <sys/stat.h>

#include "cyrus/mboxlist.h"
#include "cyrus/server.h"
#include "snapshot/snapshot.h"

struct roster {
	struct mboxlist *list;
	struct roster_row {
		char *owner;  /* user id, "" for shared folders */
		size_t entry; /* index in list */
	} * rows;             /* ascending by owner, then by name */
	size_t n;
	struct stat stamp; /* of mailboxes.db when it was read */
};

/** roster_read(server, ret, e): Read the server's list. roster_done() it. */
int roster_read(const struct server *server, struct roster *ret, struct err *e);

/** roster_read_from(server, snapshot, text, ret, e): Read the list as the snapshot has it. ${text}: the list as ctl_mboxlist -d printed it, or NULL:
 * for a database that cannot be read out of a snapshot. */
int roster_read_from(const struct server *server, struct snapshot *snapshot, const struct buf *text,
    struct roster *ret, struct err *e);

/** roster_is_current(r, server): mailboxes.db has not changed since. */
bool roster_is_current(const struct roster *r, const struct server *server);

/** roster_range(r, owner, n): The first row of that owner, ${*n} how many there are. */
const struct roster_row *roster_range(const struct roster *r, const char *owner, size_t *n);

void roster_done(struct roster *r);

#endif
