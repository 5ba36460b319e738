/* roster.h: the mailbox list, grouped by owner, and kept in step with the server's while a backup runs. */
#ifndef BACKUP_ROSTER_H
#define BACKUP_ROSTER_H

#include <sys/stat.h>

#include "cyrus/mboxlist.h"
#include "cyrus/server.h"
#include "snapshot/snapshot.h"

/** Where a list came from. */
enum roster_source {
	ROSTER_DATABASE,  /* mailboxes.db itself */
	ROSTER_RECOVERED, /* a Berkeley one, with what its log has */
	ROSTER_TEXT,      /* the text that ctl_mboxlist -d printed just before: a moment older */
	ROSTER_PAGES      /* a Berkeley one, without its log: latest changes may be missing */
};

struct roster {
	struct mboxlist *list;
	struct roster_row {
		char *owner;  /* user id, "" for shared folders */
		size_t entry; /* index in list */
	} * rows;             /* ascending by owner, then by name */
	size_t n;
	struct stat stamp; /* of mailboxes.db when it was read */
	enum roster_source source;
	char *why; /* it is ROSTER_TEXT or ROSTER_PAGES: why nothing better could be had; else NULL */
};

/** roster_read(server, ret, e): Read the server's list. roster_done() it. */
int roster_read(const struct server *server, struct roster *ret, struct err *e);

/** roster_read_from(server, snapshot, text, ret, e): The list that ${snapshot} has, without a lock: nothing changes there. A Berkeley database is recovered from its
 * log first; when that cannot be, or when mailboxes.db is none that can be read, ${text} counts (ladder_list_text(); NULL: none), which a
 * checkpoint came before; without it the pages as they are. roster_done() it. */
int roster_read_from(const struct server *server, struct snapshot *snapshot, const struct buf *text,
    struct roster *ret, struct err *e);

/** roster_is_current(r, server): mailboxes.db has not changed since. */
bool roster_is_current(const struct roster *r, const struct server *server);

/** roster_range(r, owner, n): The first row of that owner, ${*n} how many there are. */
const struct roster_row *roster_range(const struct roster *r, const char *owner, size_t *n);

void roster_done(struct roster *r);

#endif
