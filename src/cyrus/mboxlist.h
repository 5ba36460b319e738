/* mboxlist.h: the list of mailboxes: entries, mailboxes.db of every version, mailboxes.txt of every form.
 *
 * A list is immutable once loaded and may then be shared between threads. An entry owns each of its strings by itself (heap):
 * while the list has one owner, a field may be freed and replaced. Forms and sources: docs/cyrus-mailbox-list.md. */
#ifndef CYRUS_MBOXLIST_H
#define CYRUS_MBOXLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"
#include "cyrus/mboxname.h"
#include "db/cyrusdb.h"

enum { /* struct mailbox_entry.flags */
	MBTYPE_REMOTE = 1,
	MBTYPE_RESERVE = 2,
	MBTYPE_MOVING = 4,
	MBTYPE_DELETED = 8, /* a tombstone */
	MBTYPE_INTERMEDIATE = 16,
	MBTYPE_LEGACY_DIRS = 32
};

struct acl_item {
	char *user; /* "anyone", "-bob" for negative rights, "group:x" as they are */
	char *rights;
};

/** One mailbox as mailboxes.db or mailboxes.txt knows it. What the form does not carry is NULL or 0. */
struct mailbox_entry {
	char *name;	      /* internal */
	char type;	      /* 'e' e-mail, or n b c a s p j f; '?' unknown, as in raw_type */
	unsigned flags;	      /* MBTYPE_* */
	char *raw_type;	      /* mbtype as it stood; NULL: form A, or an unreadable record */
	char *partition;      /* NULL: none (tombstone, intermediate) */
	char *server;	      /* NULL: here */
	char *uniqueid;	      /* NULL: not carried (2.x forms): it is in cyrus.header */
	uint32_t uidvalidity; /* 0: not carried */
	uint64_t createdmodseq, foldermodseq;
	int64_t mtime;
	char *legacy_specialuse;
	struct acl_item *acl;
	size_t n_acl;
	char *raw_history; /* name_history as JSON text "[...]", NULL if none */
};

struct mboxlist {
	struct mailbox_entry *entries; /* ascending by name, bytewise */
	size_t n, cap;
	unsigned notes; /* CYRUSDB_NOTE_* of the database it was read from by server_list(), else 0 */
};

/** The text forms of ctl_mboxlist -d, named as in docs/cyrus-mailbox-list.md. */
enum mboxlist_form {
	MBOXLIST_A,	/* 2.1, 2.2: name TAB partition TAB acl */
	MBOXLIST_B,	/* 2.3 to 3.4: name TAB mbtype SP partition SP acl */
	MBOXLIST_JSON,	/* C; 3.6+ */
	MBOXLIST_LEGACY /* what 3.6+ ctl_mboxlist -L -u reads */
};

/** mboxlist_read_db(db, ret, e): Every entry of a mailboxes.db (of 2.1 to 3.13, told by its keys), derived keys ($RACL, $RUNQ,
 * A, I, J) skipped, tombstones kept with MBTYPE_DELETED. In a 3.6+ database I records whose N record is gone are not entries.
 * Former names are in the I records and are not read, as ctl_mboxlist -d does not print them. A record whose value cannot be read
 * is kept, with its name, type '?' and nothing else. */
int mboxlist_read_db(struct cyrusdb *db, struct mboxlist **ret, struct err *e);

/** mboxlist_each_db(db, each, arg, e): The same without a list, for servers of any size: ${each} gets every entry, valid during the
 * call, in the order of the database, which is that of ctl_mboxlist -d. It returns 0 to go on, 1 to stop, -1 with ${e} filled.
 * Returns 0, 1 when stopped, -1. */
typedef int mboxlist_each_fn(void *arg, const struct mailbox_entry *entry, struct err *e);
int mboxlist_each_db(struct cyrusdb *db, mboxlist_each_fn *each, void *arg, struct err *e);

/** mboxlist_read_text(text, n, ret, form, e): Read mailboxes.txt of any form, telling which it was in ${*form} (may be NULL): that
 * of the first line, for every line is taken by itself. ERR_FORMAT names the line. Of lines with the same name the last
 * counts. An empty text is an empty list. Memory: about 400 bytes a mailbox. */
int mboxlist_read_text(
    const char *text, size_t n, struct mboxlist **ret, enum mboxlist_form *form, struct err *e);

/** mboxlist_write_text(list, form, b, e): Append the text that ctl_mboxlist -u of that series reads.
 * JSON is byte for byte what ctl_mboxlist -d of 3.6 prints of the same database: in its order, with tombstones, without placeholders
 * (MBTYPE_INTERMEDIATE), and without users in an ACL whose name is not UTF-8. -u complains about tombstones on stderr and skips them:
 * leave them out of a list that it shall read silently. The other forms hold what can be restored: no tombstones, no placeholders.
 * JSON and LEGACY need uniqueid and uidvalidity of each entry with a directory (ERR_FORMAT names the first without); ERR_FORMAT also
 * for bytes that would end a field early and lines too long for ctl_mboxlist; ERR_UNSUPPORTED for a kind of mailbox that the
 * series did not have. What was appended before a failure stays in ${b}. */
int mboxlist_write_text(const struct mboxlist *list, enum mboxlist_form form, struct buf *b, struct err *e);

/** mboxlist_text_start(form, b), mboxlist_text_add(form, entry, first, b, e), mboxlist_text_end(form, b): The same piece by piece, in the
 * order in which the entries are given; ${first} says that none was added yet. mboxlist_text_add() is 1 when something was
 * appended, 0 when the form has nothing for this entry, -1. */
void mboxlist_text_start(enum mboxlist_form form, struct buf *b);
int mboxlist_text_add(
    enum mboxlist_form form, const struct mailbox_entry *entry, bool first, struct buf *b, struct err *e);
void mboxlist_text_end(enum mboxlist_form form, struct buf *b);

/** mboxlist_form_for(v): The form that ctl_mboxlist of version ${v} writes and reads. */
enum mboxlist_form mboxlist_form_for(struct cyrus_version v);

/** mboxlist_new(), mboxlist_add(l, entry): Build a list by hand; ${entry} is copied deeply; mboxlist_sort() when done. */
struct mboxlist *mboxlist_new(void);
struct mailbox_entry *mboxlist_add(struct mboxlist *l, const struct mailbox_entry *entry);
void mboxlist_sort(struct mboxlist *l);

/** mboxlist_find(l, name): That entry or NULL. mboxlist_find_id(l, uniqueid, from): The index of the first
 * entry at or after ${from} with that id and not a tombstone, or (size_t)-1. A linear search. */
const struct mailbox_entry *mboxlist_find(const struct mboxlist *l, const char *name);
size_t mboxlist_find_id(const struct mboxlist *l, const char *uniqueid, size_t from);

/** mailbox_entry_layout(c, entry): Where its directory is: by name before 3.6, with MBTYPE_LEGACY_DIRS, and without uniqueid. */
enum mailbox_layout mailbox_entry_layout(const struct imapd_conf *c, const struct mailbox_entry *entry);

/** mailbox_entry_has_directory(entry): It is a mailbox with files: it has a partition and is no tombstone, not remote,
 * no placeholder. */
bool mailbox_entry_has_directory(const struct mailbox_entry *entry);

/** mailbox_entry_copy(dst, src), mailbox_entry_done(e): Deep copy into raw memory; free what it holds. */
void mailbox_entry_copy(struct mailbox_entry *dst, const struct mailbox_entry *src);
void mailbox_entry_done(struct mailbox_entry *e);

void mboxlist_free(struct mboxlist *l);

#endif
