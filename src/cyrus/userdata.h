/* userdata.h: what a mailbox or a user has outside the mailbox directory: seen state, subscriptions, quota roots, annotations.
 *
 * Read from open databases or bytes. Results own their memory. */
#ifndef CYRUS_USERDATA_H
#define CYRUS_USERDATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"
#include "db/cyrusdb.h"

/** A user's seen record of one mailbox: "1 lastread lastuid lastchange uidset". */
struct seen_record {
	int64_t lastread, lastchange;
	uint32_t lastuid;
	char *uids; /* "1,4:6"; "" when nothing was read */
};

/** seen_get(db, uniqueid, ret, e): 1 and the record, 0 when that user never opened the mailbox, -1. seen_record_done() it. */
int seen_get(struct cyrusdb *db, const char *uniqueid, struct seen_record *ret, struct err *e);
void seen_record_done(struct seen_record *s);

/** uidset_has(uids, uid): ${uid} is in the set "1,4:6". A malformed set ends at its first bad byte. */
bool uidset_has(const char *uids, uint32_t uid);

/** subs_each(db, userid, each, arg, e): Call ${each} with the internal name of every subscription, of every version of the
 * file ("INBOX\x1f..." of 3.6+ becomes user.NAME...). */
typedef int subs_each_fn(void *arg, const char *internal, struct err *e);
int subs_each(struct cyrusdb *db, const char *userid, subs_each_fn *each, void *arg, struct err *e);

enum quota_resource { QUOTA_STORAGE_KB, QUOTA_MESSAGES, QUOTA_ANNOTATION_KB, QUOTA_FOLDERS, QUOTA_RESOURCES };

/** A quota root: used (bytes for STORAGE as on disk) and limit (-1: none) of each resource. */
struct quota_root {
	uint64_t used[QUOTA_RESOURCES];
	int64_t limit[QUOTA_RESOURCES];
	bool has[QUOTA_RESOURCES];
};

/** quota_parse(p, n, ret, e): A quota file's text, of 2.x (two lines) or 2.5+ (dlist). */
int quota_parse(const char *p, size_t n, struct quota_root *ret, struct err *e);

/** One annotation of annotations.db or cyrus.annotations. */
struct annotation {
	const char *mboxkey; size_t mboxkey_len; /* internal name to 3.4, unique id from 3.6; decimal UID in cyrus.annotations; "" server-wide */
	const char *entry;                       /* "/comment" as stored */
	const char *userid;                      /* "" shared; the owner as "[.OwNeR.]" in 3.6 */
	const uint8_t *value; size_t value_len;
	bool deleted;                            /* a deletion marker of 2.5+ */
};

/** annotation_parse(key, value, ret, e): Decode one record; pointers into the given bytes. */
int annotation_parse(struct cyrusdb_bytes key, struct cyrusdb_bytes value, struct annotation *ret, struct err *e);

/** annotations_each(db, mboxkey, each, arg, e): All live annotations whose key begins with exactly ${mboxkey} (NULL: all). */
typedef int annotations_each_fn(void *arg, const struct annotation *a, struct err *e);
int annotations_each(struct cyrusdb *db, const char *mboxkey, annotations_each_fn *each, void *arg, struct err *e);

#endif
