/* mboxlist_priv.h: what the readers and writers of the list of mailboxes share among themselves. */
#ifndef CYRUS_MBOXLIST_PRIV_H
#define CYRUS_MBOXLIST_PRIV_H

#include "cyrus/mboxlist.h"

#define MBOXLIST_NAME_MAX 4096 /* longer names are damage, not names */

/** mboxlist_push(l): A zeroed entry at the end, to be filled in place with heap strings. Valid until the next one. */
struct mailbox_entry *mboxlist_push(struct mboxlist *l);

/** mboxlist_finish(l): Sort; of several entries of one name only the last stays, as when Cyrus stores them in turn. */
void mboxlist_finish(struct mboxlist *l);

/** entry_add_acl(m, user, n_user, rights, n_rights): Append one item. entry_parse_acl(m, s, n): All of "user TAB rights TAB"... */
void entry_add_acl(
    struct mailbox_entry *m, const char *user, size_t n_user, const char *rights, size_t n_rights);
void entry_parse_acl(struct mailbox_entry *m, const char *s, size_t n);

/** entry_parse_place(m, s, end): "[server!]partition acl", as values of 2.x and the text forms have it after the kind. */
void entry_parse_place(struct mailbox_entry *m, const char *s, const char *end);

/** The kind of a mailbox as letters (databases of 2.5+, JSON), as the bits of 2.x to 3.4, as the bits of 3.6+ (-L). The
 * setters set type, flags and raw_type; entry_old_bits() is -1 for kinds those versions do not have. */
void entry_set_letters(struct mailbox_entry *m, const char *letters);
void entry_set_old_bits(struct mailbox_entry *m, unsigned long bits);
void entry_set_new_bits(struct mailbox_entry *m, unsigned long bits);
void entry_letters(const struct mailbox_entry *m, struct buf *b);
long entry_old_bits(const struct mailbox_entry *m);
long entry_new_bits(const struct mailbox_entry *m);

/** json_add_string(b, s): ${s} quoted and escaped as Cyrus's library does it; -1 and nothing appended when it is not UTF-8. */
int json_add_string(struct buf *b, const char *s);

/** mboxlist_read_json_line(p, end, l): Append the mailbox of one line "\"NAME\": {...}"; false, and nothing done, when the line is not in the
 * plainest shape. */
bool mboxlist_read_json_line(const char *p, const char *end, struct mboxlist *l);

/** mboxlist_read_json(text, n, l, e): Form C in any shape; the list is not sorted after reading. */
int mboxlist_read_json(const char *text, size_t n, struct mboxlist *l, struct err *e);

/** mboxlist_write_json_entry(m, b, e): One member, without what stands between members. */
int mboxlist_write_json_entry(const struct mailbox_entry *m, struct buf *b, struct err *e);

/** mboxlist_db_order(l): Heap array of the entries in the order of the keys of a 3.6+ mailboxes.db, in which Cyrus prints them. */
const struct mailbox_entry **mboxlist_db_order(const struct mboxlist *l);

#endif
