/* catalogue_mail_rows.h: keys and rows about messages as bytes; private to src/db. Pure.
 *
 *   'G' GUID:20                  the number of a message's text
 *   'N'                          the next number for a text
 *   'T' NUMBER:4                 a text
 *   'F' LINEAGE:4                the last number given to a fill of messages
 *   'A' ARCHIVE:4                an archive's messages are known: the number of its mailboxes' fill, that of its messages'
 *   'M' LINEAGE:4 NAME           a mailbox as it was last taken in: the beginning of the SHA-256 of its cyrus.index; empty: it was not there
 *   'P' LINEAGE:4 NAME 0 FIRST:4 its messages from that fill on, until the next row of that mailbox; empty: none
 *
 * A fill that was broken off leaves rows that are right for every fill that counts: its number is nobody's, and the next fill compares with what
 * it left.
 *
 * As in catalogue_rows.h, decoding whatever a file holds ends with a row or with ERR_FORMAT. */
#ifndef DB_CATALOGUE_MAIL_ROWS_H
#define DB_CATALOGUE_MAIL_ROWS_H

#include "db/catalogue_mails.h"
#include "db/catalogue_rows.h"

#define MAIL_CONTENT 8 /* bytes of a SHA-256 that are kept */

struct mail_place {
	uint32_t uid, id;
	bool expunged;
};

void mail_key_guid(struct buf *b, const uint8_t guid[SHA1_SIZE]);
void mail_key_list(struct buf *b, uint32_t lineage, const char *name, uint32_t first);

/** mail_key_name(key, n, ret_n): Of an 'M' (${list} false) or 'P' row's key the name, not ended by NUL; NULL: it is none. mail_key_first(): the rest of a 'P'. */
const char *mail_key_name(const uint8_t *key, size_t n, bool list, size_t *ret_n);
uint32_t mail_key_first(const uint8_t *key, size_t n);

/** Appended to ${b}. Places are ascending by UID. */
void mail_put_text(struct buf *b, const struct catalogue_mail *mail);
void mail_put_places(struct buf *b, const struct mail_place *list, size_t n);

/** mail_get_text(p, n, ret, e): Strings lie in ${p}. */
int mail_get_text(const uint8_t *p, size_t n, struct catalogue_mail *ret, struct err *e);

/** A list of places, decoded one by one: zero it and set at and end; mail_next_place(): 1, 0, -1 with ERR_FORMAT. */
struct mail_places {
	const uint8_t *at, *end;
	uint32_t uid, id;
};
int mail_next_place(struct mail_places *l, struct mail_place *ret, struct err *e);

#endif
