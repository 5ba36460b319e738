/* cyrusdb.h: read any database of any Cyrus, whatever imapd.conf says it is.
 *
 * The kind is told by the file's own magic: Berkeley (btree or hash, page by page, without an environment), skiplist,
 * twoskip, twom, or flat text. Read-only by design: Cyrus's databases are changed by Cyrus's own tools. A copy taken
 * while the server wrote (dirty header, bytes past the end, torn tail) is read as far as it was committed; nothing
 * uncommitted ever comes out. Formats: docs/cyrus-databases.md names the sources.
 *
 * The whole file is read and checked at open (at most 4 GiB and 33 million keys; memory: the file, and 24 to 100 bytes
 * a key), so the handle is a picture of that moment: later changes of the file do not reach it. A file that is
 * replaced while it is read, or comes out torn while it is written, is read again, some times; one that never stands still may come
 * out torn, unless the caller holds the lock that its format demands.
 *
 * Keys and values are bytes, may hold NULs, and belong to the database: valid until cyrusdb_close(). A handle belongs
 * to one thread at a time. No fcntl lock is taken or dropped on the caller's behalf, except that the file is opened and
 * closed (classic fcntl locks of this process on it would be lost: hold OFD locks). */
#ifndef DB_CYRUSDB_H
#define DB_CYRUSDB_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

enum cyrusdb_kind {
	CYRUSDB_EMPTY, /* a file of 0 bytes: a valid database without keys, of no known kind */
	CYRUSDB_BERKELEY_BTREE,
	CYRUSDB_BERKELEY_HASH,
	CYRUSDB_SKIPLIST,
	CYRUSDB_TWOSKIP,
	CYRUSDB_TWOM,
	CYRUSDB_FLAT,
};

/** What was noticed on opening that the operator should know; bits. TORN and DAMAGED: keys are missing. */
enum {
	CYRUSDB_NOTE_DIRTY = 1,    /* the header says a change was under way */
	CYRUSDB_NOTE_TAIL = 2,     /* uncommitted bytes past the end were ignored */
	CYRUSDB_NOTE_REPLAYED = 4, /* links were unusable; the log was replayed instead */
	CYRUSDB_NOTE_TORN =
	    8, /* cut short, or unreadable from some place on: what lies before was read, the rest is lost */
	CYRUSDB_NOTE_NEEDS_LOG =
	    16, /* Berkeley: pages hold no keys though a log lies beside in db/: a copy of a live server,
	                                whose keys are only in that log. cyrusdb_open() alone can tell */
	CYRUSDB_NOTE_DAMAGED =
	    32 /* single records or pages failed their checks and were left out, all others are right */
};

struct cyrusdb;

struct cyrusdb_bytes {
	const uint8_t *p;
	size_t n;
};

/** A callback: 0 to go on, -1 with ${e} filled to fail, 1 to stop without an error. */
typedef int cyrusdb_each(void *arg, struct cyrusdb_bytes key, struct cyrusdb_bytes value, struct err *e);

/** cyrusdb_open(dir_fd, path, ret, e): Open the database file ${path} (relative to ${dir_fd}, which may be AT_FDCWD).
 * ERR_NOT_FOUND: no such file. ERR_FORMAT: none of the known kinds, or damaged beyond reading. ERR_UNSUPPORTED: a
 * version, checksum or comparator this program does not know, or the file is too large. cyrusdb_close() the result. */
int cyrusdb_open(int dir_fd, const char *path, struct cyrusdb **ret, struct err *e);

/** cyrusdb_open_bytes(p, n, name, ret, e): The same from memory (for archives), which the caller keeps alive until
 * cyrusdb_close(). ${name} is for messages. */
int cyrusdb_open_bytes(const void *p, size_t n, const char *name, struct cyrusdb **ret, struct err *e);

/** cyrusdb_is_berkeley(dir_fd, path): By its magic, whatever else is wrong with it: 1; 0: no, or shorter than a magic; -1: it cannot be read. */
int cyrusdb_is_berkeley(int dir_fd, const char *path);

/** cyrusdb_kind(db), cyrusdb_kind_name(kind), cyrusdb_notes(db): What it is ("twoskip", ...) and what was noticed. */
enum cyrusdb_kind cyrusdb_kind(const struct cyrusdb *db);
const char *cyrusdb_kind_name(enum cyrusdb_kind kind);
unsigned cyrusdb_notes(const struct cyrusdb *db);

/** cyrusdb_get(db, key, value, e): 1 and ${*value}, 0 when the key is not there, -1. A binary search. */
int cyrusdb_get(struct cyrusdb *db, struct cyrusdb_bytes key, struct cyrusdb_bytes *value, struct err *e);

/** cyrusdb_foreach(db, prefix, each, arg, e): Call ${each} for every live key that begins with ${prefix} (n = 0: all),
 * in ascending byte order. Returns 0, 1 when ${each} stopped it, -1. */
int cyrusdb_foreach(
    struct cyrusdb *db, struct cyrusdb_bytes prefix, cyrusdb_each *each, void *arg, struct err *e);

/** cyrusdb_close(db): NULL-safe. */
void cyrusdb_close(struct cyrusdb *db);

#endif
