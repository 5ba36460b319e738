/* fresh.h: a mailbox that comes back under another name, with a unique id of its own. Only for this room. */
#ifndef RESTORE_FRESH_H
#define RESTORE_FRESH_H

#include "restore/plan.h"

/** fresh_id(archive, old_id, name, long_id): The unique id of mailbox ${old_id} of ${archive} under ${name}: always the same one. 24 letters and digits, or 16 of
 * hex as 2.x has them; heap. */
char *fresh_id(const char *archive, const char *old_id, const char *name, bool long_id);

/** fresh_entry(g, item, entry): Make of the archive's ${entry} what stands for it under item->name: name, id, the owner's rights, the partition of the
 * mailbox above. */
void fresh_entry(struct planning *g, const struct restore_item *item, struct mailbox_entry *entry);

/** fresh_quota_root(server, name): The quota root that a mailbox of that name comes under, internal, heap; NULL: none. */
char *fresh_quota_root(const struct server *server, const char *name);

/** fresh_rewrite(server, item, header_dir, index_dir, e): Rewrite the staged cyrus.header and cyrus.index of ${item}, which are not in place yet, for
 * item->entry; UIDNEXT and HIGHESTMODSEQ are raised to what the item asks for. */
int fresh_rewrite(const struct server *server, const struct restore_item *item, int header_dir, int index_dir,
    struct err *e);

#endif
