/* aside.h: make room for a mailbox, and bring over what came into the one that gave way. Only for this room. */
#ifndef RESTORE_ASIDE_H
#define RESTORE_ASIDE_H

#include "restore/run_priv.h"

/** aside_rename(r, item, e): Rename the mailbox that has the item's name, and the id the plan found, to item->aside_name. Done already: 0.
 * ERR_REFUSED when another one is there by now. */
int aside_rename(struct run *r, const struct restore_item *item, struct err *e);

/** aside_find(server, list, id): The mailbox that gave way, as it is called now; NULL: it is not there, or deleted. */
const struct mailbox_entry *aside_find(
    const struct server *server, const struct mboxlist *list, const char *id);

/** aside_carry(r, item, e): Copy, over IMAP, the messages of the mailbox that gave way, whatever it is called now, that item->name does not have: flags and dates go along. Run again, none comes
 * twice. */
int aside_carry(struct run *r, const struct restore_item *item, struct err *e);

/** aside_create(r, item, e): Make the item's mailbox, empty; the one that is there already will do if this restore has made it. */
int aside_create(struct run *r, const struct restore_item *item, struct err *e);

#endif
