/* archive.h: what is in an archive: units, their tables, their files.
 *
 * An archive is a gzip'd cpio (docs/archive-format.md). Its entries come in units: one mailbox, one user's other files, the
 * global files. A unit begins a gzip member, so it is one byte range. The root lists the units; a unit's table lists its files and
 * members. Opening reads the tail and the root; reading a unit reads its table and its members, nothing else.
 *
 * A `struct archive` belongs to one thread at a time; what it hands out is immutable and lives until archive_close(). */
#ifndef ARCHIVE_ARCHIVE_H
#define ARCHIVE_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/buf.h"
#include "core/digest.h"
#include "core/err.h"
#include "core/stream.h"
#include "store/store.h"

enum unit_kind {
	UNIT_CONTROL = 'c', /* cyrvault/archive.json and mailboxes.txt: name "control" */
	UNIT_GLOBAL = 'g',  /* imapd.conf, global databases, extra paths: name "global" */
	UNIT_USER = 'u', /* a user's seen, subscriptions, sieve, quota roots; name: the user id, "" never */
	UNIT_MAILBOX = 'm', /* name: the internal name */
	UNIT_ORPHAN = 'o',  /* a mailbox directory that no mailbox has; name: its path */
	/* all directories, deepest first, so that unpacking by hand leaves them their times: name "directories" */
	UNIT_DIRECTORIES = 'd',
	UNIT_LEFT_OUT = '.', /* not in an archive: see archive_open_picked() */
	UNIT_REPORT =
	    'r', /* cyrvault/report.json, and a later mailboxes.txt if there is one: name "report" */
};

enum unit_health { HEALTH_UNCHECKED = '-', HEALTH_OK = '=', HEALTH_FINDINGS = '!' };

/** What the root says of a unit. */
struct unit_info {
	enum unit_kind kind;
	enum unit_health health;
	const char *name;      /* bytes as Cyrus has them */
	const char *uniqueid;  /* mailboxes: "" if not known; users: unique id of the INBOX or "" */
	const char *partition; /* mailboxes; "" otherwise */
	uint32_t uidvalidity;
	uint32_t messages; /* visible ones */
	uint32_t unread;   /* of the owner */
	uint32_t files;	   /* entries of any kind */
	uint64_t bytes;	   /* of its files' content */
};

/** What a file is for, so that a restore need not guess from paths; stored as the word in file_role_name(). */
enum file_role {
	ROLE_OTHER,
	ROLE_DIRECTORY,
	ROLE_CONTROL,
	ROLE_MAILBOXES_TXT,
	ROLE_IMAPD_CONF,
	ROLE_CYRUS_CONF,
	ROLE_DATABASE,
	ROLE_HEADER,
	ROLE_INDEX,
	ROLE_CACHE,
	ROLE_EXPUNGE,
	ROLE_ANNOTATIONS,
	ROLE_MESSAGE,
	ROLE_MAILBOX_OTHER,
	ROLE_SEEN,
	ROLE_SUBS,
	ROLE_CONVERSATIONS,
	ROLE_COUNTERS,
	ROLE_XAPIAN,
	ROLE_DAV,
	ROLE_MBOXKEY,
	ROLE_SIEVE,
	ROLE_QUOTA,
	ROLE_EXTRA,
	ROLE_COUNT
};
const char *file_role_name(enum file_role role);
enum file_role file_role_parse(const char *word); /* ROLE_OTHER for a word of a later version */

/** One file (or directory, link) of a unit, as its table has it. */
struct archive_file {
	const char *path; /* relative, as in the cpio: "var/spool/cyrus/mail/a/user/alice/1." */
	enum file_role role;
	uint64_t size;
	int64_t mtime;
	uint64_t plain_off;  /* of its cpio header within the unit's plain bytes */
	uint64_t link_group; /* nonzero: files of all units with this number were one inode */
	uint64_t
	    split_bytes; /* nonzero: lies in the cpio as parts of so many bytes, PATH.cyrvault-part-0001 and on */
	uint8_t sha256[SHA256_SIZE];
};

struct archive_table {
	const struct archive_file *files;
	size_t n_files;
	struct archive_member {
		uint64_t off, stored_size, plain_size; /* in the archive; in order */
	} const *members;
	size_t n_members;
};

enum archive_kind { ARCHIVE_OURS, ARCHIVE_FOREIGN };

struct archive;

/** archive_open(store, name, job, ret, e): Open the archive ${name}. ERR_NOT_FOUND. ERR_DAMAGE: ours, but without end mark
 * or with a damaged index (the hint names salvage). Anything else that libarchive reads is ARCHIVE_FOREIGN and is streamed
 * once by archive_foreign_each() (archive/foreign.h). ${job} (NULL allowed) cancels all reading. archive_close() it. */
int archive_open(struct store *store, const char *name, struct job *job, struct archive **ret, struct err *e);

/** archive_open_stream(in, name, job, ret, e): The same of a stream that reads and seeks, which it takes over also when it fails; it must be ours: anything
 * else is ERR_DAMAGE. */
int archive_open_stream(struct stream *in, const char *name, struct job *job, struct archive **ret, struct err *e);

/** archive_open_watched(store, name, job, watch, arg, ret, e): The same, and ${watch} (NULL: none) is called whenever more of the root is decoded:
 * archive_n_units() of ${a} then is how many units are known so far, archive_unit() gives them, and files can be read of those below
 * ${ready}; nothing else may be asked of ${a}. A row's strings stay, the row itself only during the call. What is shown so is not proved:
 * the root's check sum is compared at its end. ${watch} returns 0, or -1 with ${e} filled, which ends it. */
typedef int archive_watch_fn(void *arg, struct archive *a, size_t ready, struct err *e);
int archive_open_watched(struct store *store, const char *name, struct job *job, archive_watch_fn *watch,
    void *arg, struct archive **ret, struct err *e);

/** archive_open_picked(store, name, job, pick, ret, e): The same, but if the archive has more units than ${pick}->many, only those that
 * ${pick}->wants can be looked at; others stand there as UNIT_LEFT_OUT, without a name, many in a row as one. What is known of a million
 * mailboxes takes 130 MiB. All of the root is read and proved nevertheless. */
struct archive_pick {
	bool (*wants)(void *arg, const struct unit_info *u); /* asked for each; strings of ${u} stay only for the call */
	void *arg;
	size_t many;
};
int archive_open_picked(struct store *store, const char *name, struct job *job,
    const struct archive_pick *pick, struct archive **ret, struct err *e);

/** archive_set_job(a, job): Cancel with ${job} (NULL: not) from now on. */
void archive_set_job(struct archive *a, struct job *job);
void archive_close(struct archive *a);

enum archive_kind archive_get_kind(const struct archive *a);
const char *archive_name(const struct archive *a);
uint64_t archive_size(const struct archive *a);

/** archive_n_units(a), archive_unit(a, i): The root's rows, in archive order. */
size_t archive_n_units(const struct archive *a);
const struct unit_info *archive_unit(const struct archive *a, size_t i);

/** archive_find(a, kind, name): Index of that unit, or (size_t)-1. Of several control/report units the last counts. */
size_t archive_find(const struct archive *a, enum unit_kind kind, const char *name);

/** archive_table(a, i, ret, e): Unit ${i}'s table, fetched and checked against the root; cached: a few tables live at a time, so
 * ${*ret} stays valid only until the next archive_table() call for another unit, or archive_close(). */
int archive_table(struct archive *a, size_t i, const struct archive_table **ret, struct err *e);

/** archive_forget_tables(a): Of a unit with 100,000 files the table takes 15 MiB: who has done with it may say so. */
void archive_forget_tables(struct archive *a);

/** What a cpio entry says of itself, given with its content. */
struct entry_meta {
	const char *path;
	mode_t mode; /* with type bits */
	uid_t uid;
	gid_t gid;
	int64_t mtime;
	uint64_t size; /* regular files; symlinks: length of the target, which is the content */
	dev_t rdev;
	enum file_role role;
	uint64_t link_group; /* 0: none */
};

/** Where files go when a unit is read. begin: 1 = wanted, 0 = skip, -1 fail. data: the next bytes. end: only after the
 * SHA-256 matched; a mismatch calls abort instead (which must discard what was written) and is then ERR_DAMAGE for the
 * whole call unless damage_ok. */
struct file_sink {
	void *arg;
	bool damage_ok;
	int (*begin)(
	    void *arg, const struct archive_file *file, const struct entry_meta *meta, struct err *e);
	int (*data)(void *arg, const void *p, size_t n, struct err *e);
	int (*end)(void *arg, struct err *e);
	void (*abort)(void *arg);
};

/** archive_read_unit(a, i, sink, e): Decode unit ${i}'s members in order and give the wanted files to ${sink}. Members that hold
 * no wanted file are not fetched: ${sink}->begin is asked for all files first (with ${meta} NULL), and again with ${meta}. With damage_ok
 * a file whose own header cannot be read is not asked for again: who wants to know counts. ${sink} must not read from ${a}. Threads
 * decode ahead; memory is some 16 MiB and the table (about 150 bytes a file), whatever the unit's size. */
int archive_read_unit(struct archive *a, size_t i, const struct file_sink *sink, struct err *e);

/** archive_read_file(a, i, file, max_bytes, b, e): One file of unit ${i}, whole, verified, appended to ${b}; larger than ${max_bytes}: ERR_FORMAT. */
int archive_read_file(struct archive *a, size_t i, const struct archive_file *file, size_t max_bytes,
    struct buf *b, struct err *e);

/** archive_bytes_fetched(a): Bytes read from the store so far, for measuring. */
uint64_t archive_bytes_fetched(const struct archive *a);

#endif
