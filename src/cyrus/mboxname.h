/* mboxname.h: mailbox names, as Cyrus stores them, as an administrator writes them, and where they lie on disk.
 *
 * The internal name has '.' between components and '^' for a dot within one: "user.dot^ty.Work"; with virtual domains a
 * domain and '!' stand in front: "example.org!user.bob". All functions are pure and thread-safe; those that build a path
 * refuse what could lead out of its root, wherever the name came from, and append nothing when they fail. Sources: Cyrus
 * imap/mboxname.c, imap/user.c, lib/libconfig.c, lib/cyrusdb_quotalegacy.c of 2.3 to 3.13; checked against mbpath -j and
 * the lock files of 3.6.1 (tests/cyrus/test_names) and the directories of 2.3.19 and 2.4.22. */
#ifndef CYRUS_MBOXNAME_H
#define CYRUS_MBOXNAME_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"
#include "core/err.h"
#include "cyrus/imapd_conf.h"

/** MAX_MAILBOX_NAME is 490 to 1024 in the versions there are; names of deleted mailboxes are longer. */
#define MBOXNAME_MAX 1100

/** The two directory layouts. */
enum mailbox_layout { LAYOUT_BY_NAME, LAYOUT_UUID };

/** mboxname_parse(c, text, internal, e): What an administrator typed -> internal name (heap). Accepts the internal name
 * ("user.alice.Work"), the admin's view with the server's separator ("user/alice/Work", "user/dot.ty/a.b" with
 * unixhierarchysep), UTF-8 or modified UTF-7 components, "user/alice@example.org" with virtdomains, and
 * "DELETED.user.alice.Work.65A..." forms. A text without '/' is taken as internal; one with '/' is split there, whatever the server's
 * separator is. An '&' that begins no modified UTF-7 means itself ("R&D"). ERR_USAGE for names Cyrus could not have. */
int mboxname_parse(const struct imapd_conf *c, const char *text, char **internal, struct err *e);

/** mboxname_display(c, internal, b): As the administrator sees it over IMAP, in UTF-8 and safe to show: server's separator,
 * modified UTF-7 decoded where it decodes. mboxname_admin(c, internal, b): The exact name to send over IMAP as an admin (still
 * modified UTF-7). */
void mboxname_display(const struct imapd_conf *c, const char *internal, struct buf *b);
void mboxname_admin(const struct imapd_conf *c, const char *internal, struct buf *b);

/** mboxname_from_dbname(dbname, n, b): A key of a 3.6+ mailboxes.db (without its leading N: byte 0x1F as separator, 0x1D
 * behind a domain, dots kept) -> internal name. mboxname_to_dbname(internal, b): the inverse. */
void mboxname_from_dbname(const char *dbname, size_t n, struct buf *b);
void mboxname_to_dbname(const char *internal, struct buf *b);

/** mboxname_user(internal): The user id ("alice", "dot.ty", "bob@example.org") that owns ${internal}, heap; NULL for shared
 * folders. DELETED.user.alice.x.HEX belongs to alice (for another deletedprefix ask mboxname_undeleted() first). */
char *mboxname_user(const char *internal);

/** mboxname_inbox(userid): "user.dot^ty" (heap; with a domain "example.org!user.bob"). On a 2.x server without virtdomains
 * the INBOX of bob@example.org is "user.bob@example^org" instead. */
char *mboxname_inbox(const char *userid);

/** mboxname_is_deleted(c, internal): It is below deletedprefix. mboxname_undeleted(c, internal, when): The name it had (heap), and
 * when it was deleted (unix time from the suffix of eight hex digits, 0 if none), or NULL when it is not a deleted name.
 * ${when} may be NULL. */
bool mboxname_is_deleted(const struct imapd_conf *c, const char *internal);
char *mboxname_undeleted(const struct imapd_conf *c, const char *internal, long long *when);

/** mboxname_is_below(internal, root): ${internal} is ${root} or lies below it. */
bool mboxname_is_below(const char *internal, const char *root);

/** mboxname_compare(a, b): The order of a tree, below 0, 0, above 0: component by component, so that what is below a mailbox follows it at
 * once, which plain bytes do not do ("user.a-b" lies between "user.a" and "user.a.b"). Without a domain first, then each domain's. */
int mboxname_compare(const char *a, const char *b);

/** mboxname_valid(internal): No empty component (which also rules out "." and ".."), no '/', no control byte, length
 * within MBOXNAME_MAX, and the same for a domain: safe to build a path from. */
bool mboxname_valid(const char *internal);

/** mboxname_dir(c, layout, internal, uniqueid, b): Path of the mailbox's directory relative to a partition's root (spool, meta or
 * archive): "a/user/alice/Work" or "uuid/i/t/itct...". ${uniqueid} may be NULL for LAYOUT_BY_NAME. ERR_FORMAT if the name or id
 * could lead elsewhere, and for a name below deletedprefix without its hex suffix: 3.0+ puts that into the directory of another. */
int mboxname_dir(const struct imapd_conf *c, enum mailbox_layout layout, const char *internal,
    const char *uniqueid, struct buf *b, struct err *e);

/** What belongs to a user besides mailboxes. */
enum user_file {
	USER_SEEN,
	USER_SUBS,
	USER_CONVERSATIONS,
	USER_COUNTERS,
	USER_XAPIAN,
	USER_DAV,
	USER_MBOXKEY,
	USER_SIEVE_DIR,
	USER_FILES
};

/** mboxname_user_file(c, layout, which, userid, inbox_id, b): Absolute path of the user's file (a directory for
 * USER_SIEVE_DIR); ${inbox_id} is the unique id of the INBOX, needed for LAYOUT_UUID. ${layout} is that of the INBOX. */
int mboxname_user_file(const struct imapd_conf *c, enum mailbox_layout layout, enum user_file which,
    const char *userid, const char *inbox_id, struct buf *b, struct err *e);

/** mboxname_quota_file(c, root_internal, b): Absolute path of a quota root's file (quotalegacy). "example.org!" is the root of
 * a whole domain. */
int mboxname_quota_file(const struct imapd_conf *c, const char *root_internal, struct buf *b, struct err *e);

/** mboxname_user_lock(c, userid, b): Absolute path of the user namespace lock ("" : shared folders) of Cyrus 3.2+.
 * mboxname_lock(c, layout, internal, uniqueid, b): of the mailbox name lock of 2.4+. Cyrus never removes these files. */
int mboxname_user_lock(const struct imapd_conf *c, const char *userid, struct buf *b, struct err *e);
int mboxname_lock(const struct imapd_conf *c, enum mailbox_layout layout, const char *internal,
    const char *uniqueid, struct buf *b, struct err *e);

/** mboxname_hash(c, component): The one directory character Cyrus uses for that component (dir_hash_c). */
char mboxname_hash(const struct imapd_conf *c, const char *component);

#endif
