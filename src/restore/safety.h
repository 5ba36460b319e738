/* safety.h: messages that the server may remove any moment, copied out of cyr_expire's reach before they are brought back.
 *
 * A directory, made when it is first needed, with one for each mailbox in it: its cyrus.header, its cyrus.index (and cyrus.expunge) as they were, and the message
 * files wanted. The index comes last: without it the copy was cut off, and is made again. source_live_keep() reads a mailbox from there. */
#ifndef RESTORE_SAFETY_H
#define RESTORE_SAFETY_H

#include "restore/restore.h"

#define SAFETY_LIVE "live" /* name of the directory in a case's safety/ */

/** safety_name(mailbox, b): Append the name of a mailbox's directory. safety_is_whole(dir, mailbox): A whole copy of it is in ${dir}. */
void safety_name(const char *mailbox, struct buf *b);
bool safety_is_whole(const char *dir, const char *mailbox);

/** safety_keep(source, i, merge, dir, e): Copy those messages of merge->archive that are to be appended, unless that was done already. What is gone by then, or damaged, is
 * left out. All of it is on disk when this returns. ERR_SPACE. safety_drop(dir, e): Remove the directory with all copies. */
int safety_keep(
    struct source *source, size_t i, const struct restore_merge *merge, const char *dir, struct err *e);
int safety_drop(const char *dir, struct err *e);

#endif
