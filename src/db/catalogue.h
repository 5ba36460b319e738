/* catalogue.h: what every known archive holds, so that lists come at once, and also while a store is away.
 *
 * A cache and nothing else: all of it is rebuilt from the archives' own indexes at any time, so a file that is damaged or of another version
 * is moved aside and begun anew. It lies in a directory of its own: "catalogue.db", one Berkeley DB btree with page checksums; "log.*", the
 * log of the change under way; "set-*", side tables; "lock", which says who reads and writes.
 *
 * Several processes, and threads of one, use it at once; a struct catalogue may be shared by threads. No shared memory: locks are those of
 * open files and vanish with who held them. A change is made of batches of a tenth of a second; between them readers get their turn. After a
 * kill -9 in a batch the next one to come undoes it by the log; what was filled before is as it was, and what was being filled is not there
 * at all until it is filled again. Readers wait only for a batch.
 *
 * Mailboxes are kept per lineage: the archives of one server, or those of which the server is not known (""). Each complete fill of an archive
 * has a number of its own in its lineage, and a mailbox has one row with spans: from this fill to that one it was so. A mailbox that did not
 * change costs nothing however many archives have it. A fill that did not come to its end leaves its number for ever unfilled; what rows say
 * of it means nothing and is swept when they are next written.
 *
 * Rows are told by the first byte of their keys ("catalogue_rows.h"); 'G', 'M' and 'T' are left free for messages. */
#ifndef DB_CATALOGUE_H
#define DB_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/job.h"

struct catalogue;

/** catalogue_open(directory, ret, e): Make ready to use the one in ${directory}, which is made (0700) by the first who writes. Cheap: nothing is read.
 * One that is not there yet is empty. catalogue_close(c): NULL-safe; after all fills and blobs of it have ended. */
int catalogue_open(const char *directory, struct catalogue **ret, struct err *e);
void catalogue_close(struct catalogue *c);

/* ---- archives ---- */

/** How far an archive has been taken in. */
enum catalogue_fill_state {
	CATALOGUE_LISTED, /* seen in a store, nothing more */
	CATALOGUE_LOOKED, /* its end was read: what stands below "looked" is known */
	CATALOGUE_FILLED, /* its mailboxes are known */
};

/** One archive: the object ${name} of a store. Strings are never NULL; what is not known is "". */
struct catalogue_archive {
	uint32_t id; /* its own for ever; 0: not in the catalogue yet */
	enum catalogue_fill_state state;
	uint32_t seq; /* CATALOGUE_FILLED: its number in its lineage */
	char *store, *url, *name;
	uint64_t size_bytes;
	int64_t mtime, when;
	int64_t first_seen, last_seen; /* in its store; unix time */
	bool gone;                     /* its store had it and has it no more */
	bool protected;                /* it has a mark in its store that it must stay */
	char *server;                  /* its lineage; "": not known */
	char *where; /* "": in its store; else a word for where it lies now, such as "tape" */
	/* looked */
	bool readable; /* false: ${why} */
	char *why;
	bool foreign;
	uint8_t health; /* as the archive says it: '=', '!' or '-' */
	uint64_t mailboxes, messages;
	char *quiesce;
	int64_t longest_hold_ms; /* -1: not known */
	uint64_t sequence;       /* its number among those of its server; 0: none */
	/* filled: how names are shown */
	bool decodes, unixhier, virtdomains;
	char *deletedprefix, *defaultdomain;
};

struct catalogue_archives {
	struct catalogue_archive *list; /* ascending by id: the first noted first */
	size_t n;
};

/** catalogue_archives(c, ret, e): All that are known. catalogue_archives_done() it. */
int catalogue_archives(struct catalogue *c, struct catalogue_archives *ret, struct err *e);
void catalogue_archives_done(struct catalogue_archives *l);
void catalogue_archive_done(struct catalogue_archive *a);

/** catalogue_note(c, list, n, job, e): Remember what is said of these archives, told apart by store and name: a new one gets its id (also in ${list}), a
 * known one is overwritten but for id, state, seq and first_seen; if its size, mtime or url differ it is taken as another one, whose fill is
 * forgotten. A state below the known one does not take anything away. Writes nothing where nothing but last_seen differs by less than a day. */
int catalogue_note(
    struct catalogue *c, struct catalogue_archive *list, size_t n, struct job *job, struct err *e);

/** catalogue_forget(c, id, job, e): Forget that archive. ERR_NOT_FOUND. Its mailboxes are swept by the next fill of its lineage. */
int catalogue_forget(struct catalogue *c, uint32_t id, struct job *job, struct err *e);

/* ---- mailboxes ---- */

/** One mailbox as an archive has it. */
struct catalogue_box {
	const char *name; /* internal */
	const char *uniqueid, *partition;
	uint32_t uidvalidity, messages, unread;
	uint64_t bytes;
	uint8_t health; /* '=', '!' or '-' */
	bool has_files;
};

struct catalogue_fill;

/** catalogue_fill_new(c, job): Collect the mailboxes of an archive, in memory up to 16 MiB, the rest in a file without a name. Nothing is written to the
 * catalogue, and nobody waits, until catalogue_fill_commit(). catalogue_fill_add(f, box, e): In any order, ascending is quickest; of two
 * with one name the first counts.
 *
 * catalogue_fill_commit(f, archive, e): Write what changed, and mark ${archive} (all of it is noted, as by catalogue_note()) as filled; its id and
 * seq are set. ERR_CANCELLED by the job; ERR_LOCKED if others write for more than a minute.
 * catalogue_fill_free(): NULL-safe. A fill belongs to one thread. */
struct catalogue_fill *catalogue_fill_new(struct catalogue *c, struct job *job);
int catalogue_fill_add(struct catalogue_fill *f, const struct catalogue_box *box, struct err *e);
int catalogue_fill_commit(struct catalogue_fill *f, struct catalogue_archive *archive, struct err *e);
void catalogue_fill_free(struct catalogue_fill *f);

/** catalogue_boxes(c, archive, from, each, arg, e): Call ${each} for the mailboxes of a filled archive, ascending by bytes of the name, from ${from} ("": all) on; it
 * returns 0, 1 to stop, -1 with ${e} filled. Strings live for the call, in which no lock is held. ERR_NOT_FOUND: it is not filled (any more). */
typedef int catalogue_box_fn(void *arg, const struct catalogue_box *box, struct err *e);
int catalogue_boxes(struct catalogue *c, const struct catalogue_archive *archive, const char *from,
    catalogue_box_fn *each, void *arg, struct err *e);

/** What one mailbox was, fill by fill. */
#define CATALOGUE_OPEN UINT32_MAX
struct catalogue_span {
	uint32_t first, last; /* numbers of fills; CATALOGUE_OPEN: to the newest */
	struct catalogue_box box;
};
struct catalogue_spans {
	struct catalogue_span *list; /* ascending, without overlap */
	size_t n;
	char *text, *name;
};

/** catalogue_box_spans(c, server, name, ret, e): 1 and all that is known of that mailbox (internal name) of a lineage, 0: no archive has it, -1.
 * catalogue_spans_done() it. catalogue_span_at(s, seq): What it was in that fill, or NULL. Only numbers of filled archives mean something. */
int catalogue_box_spans(
    struct catalogue *c, const char *server, const char *name, struct catalogue_spans *ret, struct err *e);
void catalogue_spans_done(struct catalogue_spans *s);
const struct catalogue_box *catalogue_span_at(const struct catalogue_spans *s, uint32_t seq);

/** catalogue_names(c, server, uniqueid, each, arg, e): Each name that a mailbox with that unique id may have had, ascending: its spans tell. ${each} as above. */
typedef int catalogue_name_fn(void *arg, const char *name, struct err *e);
int catalogue_names(struct catalogue *c, const char *server, const char *uniqueid, catalogue_name_fn *each,
    void *arg, struct err *e);

/* ---- side tables, of what cannot be asked of an archive itself ---- */

struct catalogue_blobs;

/** catalogue_blobs_begin(c, owner, job, ret, e): Collect a new set of rows of ${owner} (any string of at most 2000 bytes: what archive it is, and which bytes: size,
 * mtime), as a fill does: it may take hours, and nothing is written before catalogue_blobs_commit(), which then also drops the set that was
 * there before. catalogue_blobs_put(b, kind, at, p, n, e): Add the row (kind 1 to 255, at), at most 16 MiB, in any order; of two with one key
 * the first counts. catalogue_blobs_free(): NULL-safe; drops what is not committed. */
int catalogue_blobs_begin(
    struct catalogue *c, const char *owner, struct job *job, struct catalogue_blobs **ret, struct err *e);
int catalogue_blobs_put(
    struct catalogue_blobs *b, uint8_t kind, uint64_t at, const void *p, size_t n, struct err *e);
int catalogue_blobs_commit(struct catalogue_blobs *b, struct err *e);
void catalogue_blobs_free(struct catalogue_blobs *b);

/** catalogue_blobs_have(c, owner, e): 1 if a set of that owner was committed, 0, -1.
 * catalogue_blob_get(c, owner, kind, at, ret_at, ret, e): 1 with the row whose key is the largest not above ${at}, appended to ${ret}; 0: there is none.
 * catalogue_blob_each(c, owner, kind, from, each, arg, e): All of one kind from ${from} on, ascending; no lock is held in ${each}.
 * catalogue_blobs_drop(c, owner, job, e): Forget all sets of that owner; none is no error. */
typedef int catalogue_blob_fn(void *arg, uint64_t at, const void *p, size_t n, struct err *e);
int catalogue_blobs_have(struct catalogue *c, const char *owner, struct err *e);
int catalogue_blob_get(struct catalogue *c, const char *owner, uint8_t kind, uint64_t at, uint64_t *ret_at,
    struct buf *ret, struct err *e);
int catalogue_blob_each(struct catalogue *c, const char *owner, uint8_t kind, uint64_t from,
    catalogue_blob_fn *each, void *arg, struct err *e);
int catalogue_blobs_drop(struct catalogue *c, const char *owner, struct job *job, struct err *e);

/* ---- the whole ---- */

struct catalogue_status {
	bool there;          /* it has been made */
	uint64_t size_bytes; /* of its files */
	size_t archives, filled, gone;
	int64_t changed;       /* unix time of the last change; 0 */
	bool writing;          /* somebody writes now */
	char moved_aside[256]; /* the name of a damaged one that was moved aside; "" */
};

/** catalogue_status(c, ret, e): What it looks like. -1 also when it is damaged, and cannot be moved aside now. */
int catalogue_status(struct catalogue *c, struct catalogue_status *ret, struct err *e);

/** catalogue_clear(c, job, e): Begin anew with nothing. */
int catalogue_clear(struct catalogue *c, struct job *job, struct err *e);

#endif
