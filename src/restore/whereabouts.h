/* whereabouts.h: where on the live server messages are that their mailbox lacks: in another mailbox of the user, expunged but still kept, or
 * in a DELETED.* mailbox. By GUID, one to one; without one nothing is found. Read without locks. */
#ifndef RESTORE_WHEREABOUTS_H
#define RESTORE_WHEREABOUTS_H

#include "cyrus/server.h"
#include "restore/live.h"
#include "restore/source.h"

struct whereabouts_message {
	uint8_t guid[SHA1_SIZE];
	size_t at; /* the caller's number of it */
	bool kept; /* whereabouts_kept() has found it, with this UID: */
	uint32_t kept_uid;
	const char *moved_to, *deleted_in; /* names out of the entries; NULL: not */
};

struct whereabouts {
	const struct server *server;
	struct job *job;
	/* The archive: a copy that the other mailbox had already then is not where a message went. NULL: that cannot be told, and every copy is taken for it. */
	struct source *source;
	const char *mailbox; /* internal name of the one that lacks them, which is not looked into; NULL */
	const char *copy;    /* nor is this one, a DELETED.* mailbox that will be renamed back; NULL */
	struct whereabouts_message *list; /* by GUID, once something was looked for */
	size_t n, cap;
	bool sorted;
};

/** whereabouts_add(w, guid, at): Look for this one too. Before anything is looked for. whereabouts_done(w): Free the list. */
void whereabouts_add(struct whereabouts *w, const uint8_t guid[SHA1_SIZE], size_t at);
void whereabouts_done(struct whereabouts *w);

/** whereabouts_kept(w, l): Look among what was expunged in ${l}, which must have an index, and has its file still. */
void whereabouts_kept(struct whereabouts *w, const struct live_mailbox *l);

/** whereabouts_user(w, owner, entries, n, e): Look into the mailboxes of ${owner} among ${entries}, and those of his that were deleted. -1: cancelled. */
int whereabouts_user(
    struct whereabouts *w, const char *owner, const struct mailbox_entry *entries, size_t n, struct err *e);

#endif
