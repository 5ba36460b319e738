/* sides.h: the messages of an archived and of a live mailbox, made ready to be matched (match.h). Only for this room. */
#ifndef RESTORE_SIDES_H
#define RESTORE_SIDES_H

#include "restore/live.h"
#include "restore/restore.h"

/** The visible messages of a live mailbox. */
struct side_live {
	struct live_mailbox *mailbox; /* of which records below are */
	struct match_message *list;   /* ascending by UID */
	const struct index_record **records;
	char **message_ids; /* or NULL */
	size_t n;
};

/** side_live_read(server, l, message_ids, ret): Those of ${l}, which must have an index. A message without a GUID gets one from its file's bytes;
 * with ${message_ids}, if one cannot be had, the Message-IDs are looked up in the cache. side_live_done() it; ${l} stays the
 * caller's. */
void side_live_read(const struct server *server, const struct mailbox_entry *entry, struct live_mailbox *l,
    bool message_ids, struct side_live *ret);
void side_live_done(struct side_live *s);

/** side_live_has_guids(s): All of them have one. */
bool side_live_has_guids(const struct side_live *s);

/** side_archive_read(source, i, m, pick, job, merge, e): Fill merge->archive with the visible messages of ${m}, mailbox ${i} of ${source}; if merge->expunged is
 * set, with the expunged ones whose files are there; with ${pick} only those. Where the format has no GUID the messages are read from the archive for it.
 * side_archive_ids(): Look up their Message-IDs too. */
int side_archive_read(struct source *source, size_t i, const struct source_messages *m,
    const struct restore_pick *pick, struct job *job, struct restore_merge *merge, struct err *e);
int side_archive_ids(struct source *source, size_t i, struct restore_merge *merge, struct err *e);

/** side_find(merge, uid): Which of merge->archive has it; merge->n: none. */
size_t side_find(const struct restore_merge *merge, uint32_t uid);

/** side_record(merge, m, uid, ret): The record of a message of merge->archive, as it is to come back: an expunged one without \Deleted. false: ${m} has
 * no such message, or no longer. */
bool side_record(const struct restore_merge *merge, const struct source_messages *m, uint32_t uid,
    struct index_record *ret);

/** restore_merge_free(m): NULL-safe. */
void restore_merge_free(struct restore_merge *m);

#endif
