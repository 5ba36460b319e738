/* live.h: a mailbox as it is on the live server's disk. Read without locks: what is decided on it is looked at again
 * under the lock before anything is changed. */
#ifndef RESTORE_LIVE_H
#define RESTORE_LIVE_H

#include "cyrus/mailbox.h"
#include "cyrus/server.h"

struct live_mailbox {
	char *dir; /* absolute */
	bool has_dir;
	struct mailbox_header *header; /* NULL: missing or not readable */
	struct mailbox_index *index;   /* NULL: missing or not readable */
	bool has_cache;                /* there, and of the index's generation */
	uint32_t *uids;                /* message files there are, ascending */
	size_t n_uids;
};

/** live_load(server, entry, ret, e): Look at the directory of ${entry}. What is missing or damaged is not an error; -1 only when the entry has
 * no place on this server. live_free() it. */
int live_load(
    const struct server *server, const struct mailbox_entry *entry, struct live_mailbox **ret, struct err *e);
void live_free(struct live_mailbox *l);

/** live_index(server, entry): Its index alone, or NULL; mailbox_index_free() it. */
struct mailbox_index *live_index(const struct server *server, const struct mailbox_entry *entry);

/** live_index_head(server, entry, ret): The header of its index alone: 0, or -1 when there is none that can be read. */
int live_index_head(const struct server *server, const struct mailbox_entry *entry, struct index_header *ret);

/** live_has_file(l, uid): Its message file is there. */
bool live_has_file(const struct live_mailbox *l, uint32_t uid);

#endif
