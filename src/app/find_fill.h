/* find_fill.h: what app_find() needs of an archive's messages, into the catalogue. */
#ifndef APP_FIND_FILL_H
#define APP_FIND_FILL_H

#include "db/catalogue_mails.h"
#include "restore/source.h"

/** find_fill(c, archive, source, job, e): Take in the messages of ${source}, which is ${archive}, whose mailboxes are in the catalogue. Of a mailbox that is as it
 * was in the archive taken in before nothing is read but its table; of one that changed cyrus.index, and cyrus.cache if there are
 * messages in it that are not known from elsewhere. A mailbox whose index cannot be read has no messages. ${job} (NULL: none) cancels; what
 * was done until then need not be done again. */
int find_fill(struct catalogue *c, const struct catalogue_archive *archive, struct source *source,
    struct job *job, struct err *e);

/** find_texts(env, r, ret, text): What is remembered of a message: ${ret}'s strings lie in ${text}, which is cleared first; its GUID is the record's, or made up
 * of what is there. ${env} may be all NULL. */
void find_texts(
    const struct envelope *env, const struct index_record *r, struct catalogue_mail *ret, struct buf *text);

#endif
