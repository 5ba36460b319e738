/* consistency.h: is this mailbox what its index says? Checked while it is packed. One thread at a time. */
#ifndef BACKUP_CONSISTENCY_H
#define BACKUP_CONSISTENCY_H

#include "archive/archive.h"
#include "backup/capture.h"
#include "db/cyrusdb.h"

/** check_list(list, findings): Two mailboxes with one unique id share what is kept by it: seen state, annotations, in the uuid layout the directory. */
void check_list(const struct mboxlist *list, struct findings *findings);

struct mailbox_check;

/** check_new(m, conf, owner_seen, findings): Begin: header, index and cache of ${m} are read and judged now. ${owner_seen} may be NULL. check_end()
 * must follow; ${m} must live until then. */
struct mailbox_check *check_new(const struct captured_mailbox *m, const struct imapd_conf *conf,
    struct cyrusdb *owner_seen, struct findings *findings);

/** check_message(c, uid, size, guid): This message file was read. check_message_unreadable(c, uid, errno_value): it could not be. */
void check_message(struct mailbox_check *c, uint32_t uid, uint64_t size, const uint8_t guid[SHA1_SIZE]);
void check_message_unreadable(struct mailbox_check *c, uint32_t uid, int errno_value);

/** check_end(c, ret): Add what is missing to the findings, fill ${ret} for the archive's root (its strings belong to the capture), free ${c}. */
void check_end(struct mailbox_check *c, struct unit_info *ret);

#endif
