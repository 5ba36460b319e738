/* source.h: an archive seen as mailboxes: ours through its index, anyone's cpio or tar through one pass over it; or the running server
 * itself, seen as if it were one.
 *
 * Joins the archive's units (or, in a foreign archive, the directories that hold a cyrus.header) with its
 * mailboxes.txt and its imapd.conf. Names are internal. A source belongs to one thread at a time; what it returns
 * lives until source_close(). */
#ifndef RESTORE_SOURCE_H
#define RESTORE_SOURCE_H

#include "archive/archive.h"
#include "archive/foreign.h"
#include "cyrus/mailbox.h"
#include "cyrus/mboxlist.h"
#include "cyrus/userdata.h"

struct source;
struct server;

/** One mailbox of the archive. */
struct source_mailbox {
	const char *name;     /* internal */
	const char *uniqueid; /* "" if not known: a foreign archive whose header was not readable */
	const char *partition;
	/* Its line of mailboxes.txt, completed with uniqueid and uidvalidity; NULL: not listed there. */
	const struct mailbox_entry *entry;
	/* Counts are 0 also where they are not known: a foreign archive's index of more than 64 MiB. */
	uint32_t uidvalidity, messages, unread;
	uint64_t bytes;
	/* Foreign: HEALTH_FINDINGS if header, index or messages are missing, else unchecked. */
	enum unit_health health;
	bool has_files; /* false: listed in mailboxes.txt, but the archive holds no directory of it */
	bool deleted;   /* a DELETED.* mailbox */
};

/** source_open(store, name, job, ret, e): Open. Ours: end mark, root and mailboxes.txt are read. Foreign: the archive is
 * read once from front to end; names of entries may take 512 MiB of memory (ERR_UNSUPPORTED beyond), small files another
 * 64 MiB, a list of mailboxes 256 MiB. ERR_NOT_FOUND, ERR_DAMAGE as archive_open(), the latter also for a foreign archive that
 * breaks off. ERR_FORMAT: no mailbox is in it. ERR_REFUSED: its mailboxes.db is a live copy of a Berkeley database,
 * hence empty, and there is no text; the hint says what to put beside the archive (NAME.mailboxes.txt, which always
 * counts before what is inside). source_close() takes NULL. */
int source_open(struct store *store, const char *name, struct job *job, struct source **ret, struct err *e);
void source_close(struct source *s);

/** source_open_units(store, name, job, watch, arg, ret, e): The same, but of an archive of ours its mailboxes.txt is left aside: source_list() is
 * empty, no mailbox has an entry, and those that are only listed there are not among them (source_each_listed() finds them): at a million
 * mailboxes that is some seconds and 400 MB less. ${watch} (NULL: none), called for an archive of ours alone, sees its units while they are
 * read, as in archive_open_watched(); source_conf(), source_version() and source_when() are then known already if they can be. */
typedef int source_watch_fn(void *arg, const struct source *s, const struct archive *a, struct err *e);
int source_open_units(struct store *store, const char *name, struct job *job, source_watch_fn *watch,
    void *arg, struct source **ret, struct err *e);

/** source_open_mailbox(store, name, mailbox, many, job, ret, e): As source_open_units(), for one mailbox and its owner's files: of an archive of
 * ours with more units than ${many} no others are in the source, which then takes little memory. source_only(s): That mailbox's name, if
 * others were left out, else NULL. */
int source_open_mailbox(struct store *store, const char *name, const char *mailbox, size_t many,
    struct job *job, struct source **ret, struct err *e);
const char *source_only(const struct source *s);

/** source_open_as(store, name, o, ret, e): Any of the above. */
struct source_opts {
	struct job *job;
	bool units;          /* as source_open_units() */
	const char *mailbox; /* as source_open_mailbox(), of more units than many */
	size_t many;
	source_watch_fn *watch; /* or NULL */
	void *arg;
	/* Where is kept what the first reading of this archive, if it is a foreign one, has found out: later ones then read nothing of it but the files
	 * asked for. NULL: nothing is kept, and each opening reads it all. It is ${ret}'s from now on, also after a failure. */
	const struct foreign_memory *memory;
};
int source_open_as(
    struct store *store, const char *name, const struct source_opts *o, struct source **ret, struct err *e);

/** The name of the running server where an archive could stand; no archive is called so. */
#define SOURCE_LIVE "live"

/** source_open_live(server, job, ret, e): What is on ${server} now, DELETED.* mailboxes too, as if it were an archive: source_name() is SOURCE_LIVE, source_when()
 * is now. It has no store. The list of mailboxes is that of the moment of the call; a mailbox's files are read when they are asked for, beneath the
 * partitions' roots, no link followed, nothing locked: an index that is being written is read again (ERR_LOCKED in the end), a message file that
 * is not what its index says is ERR_DAMAGE, and so is a mailbox whose index is gone. ${server} is ${ret}'s from now on, also after a failure: then it is freed.
 * Errors as of server_list().
 *
 * As of a foreign archive a sink's begin is asked once, with its meta; a message is told to be whole by its GUID, no SHA-256 is known.
 */
int source_open_live(struct server *server, struct job *job, struct source **ret, struct err *e);

/** source_live_keep(s, dir): From now on a mailbox of which a whole copy is in ${dir} (restore/safety.h) is read from there; NULL: none is. */
void source_live_keep(struct source *s, const char *dir);

/** source_is_live(s): It is one. source_count(s, e): Of a live source messages, unread, bytes and health of the mailboxes are not known until this
 * was called: it looks into every mailbox's index (10 s for a million mailboxes that the kernel knows). Of others nothing is done. */
bool source_is_live(const struct source *s);
int source_count(struct source *s, struct err *e);

/** source_is_whole(s): It was not opened by source_open_units(), or makes no difference to it. */
bool source_is_whole(const struct source *s);

/** source_each_listed(s, each, arg, e): Each mailbox that mailboxes.txt lists, with a directory, and of which the archive holds none. ${each}
 * returns 0, or -1 with ${e} filled. */
int source_each_listed(struct source *s,
    int (*each)(void *arg, const struct mailbox_entry *entry, struct err *e), void *arg, struct err *e);

/** source_set_job(s, job): Cancel with ${job} (NULL: not) from now on, and show progress there; its store too. A job that ends before the source does is unset. */
void source_set_job(struct source *s, struct job *job);

enum archive_kind source_kind(const struct source *s); /* of a live one ARCHIVE_FOREIGN: it has no units */
struct archive *source_archive(const struct source *s); /* NULL for a foreign one */
const char *source_name(const struct source *s);

/** source_bytes_fetched(s): Bytes read from the store so far, for measuring; of a foreign archive that was read from front to end, only what was read since. */
uint64_t source_bytes_fetched(const struct source *s);

/** source_conf(s): The imapd.conf inside (paths are those of the server it came from); NULL if there is none that can be
 * used. source_version(s): The Cyrus it came from (archive.json; the series guessed from headers and indexes in a
 * foreign one). source_list(s): its mailboxes.txt; may be empty, never NULL; a foreign archive without any list has one made of its
 * cyrus.headers. source_when(s): unix time of the backup (archive.json, else the name's stamp, else the object's
 * mtime). */
const struct imapd_conf *source_conf(const struct source *s);
struct cyrus_version source_version(const struct source *s);
const struct mboxlist *source_list(const struct source *s);
int64_t source_when(const struct source *s);

/** source_text(s, which, b, e): "archive.json", "report.json" or "mailboxes.txt" as they stand in the archive. ERR_NOT_FOUND. */
int source_text(struct source *s, const char *which, struct buf *b, struct err *e);

/** source_n(s), source_mailbox(s, i): All mailboxes, ascending by name. source_find(s, internal): its index or (size_t)-1. */
size_t source_n(const struct source *s);
const struct source_mailbox *source_mailbox(const struct source *s, size_t i);
size_t source_find(const struct source *s, const char *internal);

/** source_unit(s, i): The unit of source_archive() that mailbox ${i} is; (size_t)-1: none, or the archive is a foreign one. */
size_t source_unit(const struct source *s, size_t i);

/** What the archive knows of one mailbox's messages. */
struct source_messages {
	struct mailbox_header *header; /* without flag names and rights if the archive has lost it */
	struct mailbox_index *index;
	struct mailbox_index *expunged; /* cyrus.expunge of 2.3, or NULL */
	struct buf cache;               /* whole cyrus.cache if asked for, else empty */
	/* Where \Seen is not in the index (2.3 and older): the uid set in the owner's seen database, "" if he has none. */
	char *owner_seen;       /* else NULL */
	struct uidset seen_set; /* the same, made ready for source_seen_flag() */
	uint32_t *uids;         /* of the message files the archive holds, ascending */
	size_t n_uids;
};

/** source_load(s, i, with_cache, ret, e): Read header, index and, if asked, cache of mailbox ${i}; nothing else of it is
 * fetched. ERR_NOT_FOUND: listed only. ERR_DAMAGE: no cyrus.index. ERR_FORMAT: one that cannot be read.
 * source_messages_free() it. */
int source_load(struct source *s, size_t i, bool with_cache, struct source_messages **ret, struct err *e);
void source_messages_free(struct source_messages *m);

/** source_seen_flag(m, r): \Seen of the owner for record ${r}, wherever this version keeps it. */
bool source_seen_flag(const struct source_messages *m, const struct index_record *r);

/** source_read_message(s, i, uid, max_bytes, b, e): Append message file ${uid} of mailbox ${i}, verified. ERR_NOT_FOUND;
 * ERR_FORMAT if it is larger. */
int source_read_message(
    struct source *s, size_t i, uint32_t uid, size_t max_bytes, struct buf *b, struct err *e);

/** source_extract(s, i, sink, e): All files of mailbox ${i} through ${sink}, with their roles, in archive order; of ours also
 * directories. source_extract_user(s, userid, sink, e): the user's other files. ERR_NOT_FOUND when the archive has none.
 *
 * Of a foreign archive of which nothing is kept (source_open_as()), content costs another pass up to the last file wanted; the files go through an unnamed temporary
 * file ($TMPDIR or /var/tmp; ERR_SPACE), which keeps all mailboxes of the user (of everybody, up to 256 MiB) for the calls
 * that follow, and ${sink}'s begin is asked only once, with ${meta}; file->sha256 is that of the content read. */
int source_extract(struct source *s, size_t i, const struct file_sink *sink, struct err *e);
int source_extract_user(struct source *s, const char *userid, const struct file_sink *sink, struct err *e);

/** source_on_archive_partition(s, path): That file of a mailbox, by its path in the archive, lay on an archive
 * partition. */
bool source_on_archive_partition(const struct source *s, const char *path);

/** source_seen(s, userid, uniqueid, ret, e): That reader's record of that mailbox: 1, 0 none, -1. */
int source_seen(
    struct source *s, const char *userid, const char *uniqueid, struct seen_record *ret, struct err *e);

/** source_users(s, each, arg, e): Each user id of whom the archive holds files or mailboxes, ascending. */
int source_users(
    struct source *s, int (*each)(void *arg, const char *userid, struct err *e), void *arg, struct err *e);

/** source_annotations(s, i, each, arg, e): Mailbox ${i}'s annotations out of the archive's annotations.db (keyed by name or
 * id as that version does); none is no error. */
int source_annotations(struct source *s, size_t i, annotations_each_fn *each, void *arg, struct err *e);

/** source_subscribed(s, userid, internal, e): 1 if that user's subscriptions hold ${internal}, 0, -1. */
int source_subscribed(struct source *s, const char *userid, const char *internal, struct err *e);

/** source_quota(s, root_internal, ret, e): The quota root's file as it was: 1, 0 none, -1. */
int source_quota(struct source *s, const char *root_internal, struct quota_root *ret, struct err *e);

/** source_quota_text(s, root_internal, b, e): The same as it stands on disk, appended to ${b}. */
int source_quota_text(struct source *s, const char *root_internal, struct buf *b, struct err *e);

#endif
