/* userdata.h: what a mailbox or a user has outside the mailbox directory: seen state, subscriptions, quota roots,
 * annotations.
 *
 * Read from open databases or bytes, which may be hostile. Results own their memory unless said otherwise; a
 * database belongs to one thread at a time, everything else is thread-safe. Formats: docs/cyrus-mailbox-files.md.
 * Sources: Cyrus imap/seen_db.c, mboxlist.c, quota_db.c, annotate.c of 2.1 to 3.13. */
#ifndef CYRUS_USERDATA_H
#define CYRUS_USERDATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"
#include "db/cyrusdb.h"

/** A user's seen record of one mailbox: "1 lastread lastuid lastchange uidset"; times in seconds since 1970. */
struct seen_record {
	int64_t lastread, lastchange;
	uint32_t lastuid; /* highest UID that is no longer \Recent to this user */
	char *uids;	  /* "1,4:6"; "" when nothing was read */
};

/** seen_get(db, uniqueid, ret, e): 1 and the record, 0 when that user never opened the mailbox, -1. seen_parse()
 * decodes the value of a record (0 or -1). seen_record_done() the result. */
int seen_get(struct cyrusdb *db, const char *uniqueid, struct seen_record *ret, struct err *e);
int seen_parse(const void *p, size_t n, struct seen_record *ret, struct err *e);
void seen_record_done(struct seen_record *s);

/** seen_is_in_index(minor, options, owner): Where \Seen of a user is kept: true when it is flag FLAG_SEEN of
 * cyrus.index (minor 12 on: the ${owner}, and everybody with OPT_SHAREDSEEN), false when it is a record in a seen
 * database: the user's own, or, before minor 12 with OPT_SHAREDSEEN, that of user "anyone". */
bool seen_is_in_index(uint32_t minor, uint32_t options, bool owner);

/** A set of UIDs such as "1,4:6", made ready for many questions. */
struct uidset {
	struct uidrange {
		uint32_t first, last;
	} * ranges; /* ascending, apart from each other */
	size_t n;
};

/** uidset_parse(text, ret): Decode; a malformed set ends at its first bad byte. "*" is the highest UID there can
 * be. uidset_done() it. uidset_contains(set, uid): Binary search. */
void uidset_parse(const char *text, struct uidset *ret);
bool uidset_contains(const struct uidset *set, uint32_t uid);
void uidset_done(struct uidset *set);

/** uidset_put(b, uids, n): Append ascending UIDs in that form, "1,4:6"; nothing of none. */
void uidset_put(struct buf *b, const uint32_t *uids, size_t n);

/** uidset_has(uids, uid): ${uid} is in the set "1,4:6": for one question, reads the text each time. */
bool uidset_has(const char *uids, uint32_t uid);

/** subs_each(db, userid, each, arg, e): Call ${each} with the internal name of every subscription, of every
 * version of the file ("INBOX\x1f..." of 3.6+ becomes user.NAME...). ${each} returns 0 to go on, 1 to stop, -1 to
 * fail; so does this. */
typedef int subs_each_fn(void *arg, const char *internal, struct err *e);
int subs_each(struct cyrusdb *db, const char *userid, subs_each_fn *each, void *arg, struct err *e);

enum quota_resource { QUOTA_STORAGE_KB, QUOTA_MESSAGES, QUOTA_ANNOTATION_KB, QUOTA_FOLDERS, QUOTA_RESOURCES };

/** A quota root: used (bytes for the two *_KB as on disk) and limit (KB for those; -1: none) of each resource. */
struct quota_root {
	uint64_t used[QUOTA_RESOURCES];
	int64_t limit[QUOTA_RESOURCES];
	bool has[QUOTA_RESOURCES]; /* the file speaks of it */
};

/** quota_parse(p, n, ret, e): A quota file's text, or a value of a quota database: of 2.x (two lines) or 2.5+
 * (dlist). ERR_FORMAT, also for an empty file, which is what a quota root that is being created looks like. */
int quota_parse(const char *p, size_t n, struct quota_root *ret, struct err *e);

/** One annotation of annotations.db or cyrus.annotations. */
struct annotation {
	const char
	    *mboxkey; /* internal name to 3.4, unique id from 3.6; UID in cyrus.annotations; "" server-wide */
	size_t mboxkey_len;
	const char *entry;  /* "/comment" as stored */
	const char *userid; /* "" shared; the owner as "[.OwNeR.]" in 3.6 */
	const uint8_t *value;
	size_t value_len;
	uint64_t modseq; /* 2.5+, else 0 */
	bool deleted;	 /* a deletion marker of 2.5+; an empty value also means that there is none */
};

/** annotation_parse(key, value, ret, e): Decode one record, written by a 64-bit or 32-bit host; pointers into the
 * given bytes. */
int annotation_parse(
    struct cyrusdb_bytes key, struct cyrusdb_bytes value, struct annotation *ret, struct err *e);

/** annotations_each(db, mboxkey, each, arg, e): Call ${each} for all live annotations whose mailbox part is
 * exactly ${mboxkey} (NULL: all). ${each} returns 0 to go on, 1 to stop, -1 to fail; so does this. A record that
 * cannot be decoded does not hide the others: they are given first, then the call fails with ERR_FORMAT. */
typedef int annotations_each_fn(void *arg, const struct annotation *a, struct err *e);
int annotations_each(
    struct cyrusdb *db, const char *mboxkey, annotations_each_fn *each, void *arg, struct err *e);

#endif
