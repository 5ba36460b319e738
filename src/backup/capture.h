/* capture.h: one owner's mail as it is at one instant: small files copied, large ones and messages held open.
 *
 * Taken while Cyrus is held still for that owner, packed after it was let go. What is open cannot vanish, what only
 * grows (cyrus.cache) is remembered with its length, what changes in place (cyrus.index, databases) is copied. */
#ifndef BACKUP_CAPTURE_H
#define BACKUP_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "archive/archive.h"
#include "backup/findings.h"
#include "backup/roster.h"
#include "cyrus/mboxlist.h"
#include "cyrus/quiesce.h"
#include "cyrus/server.h"
#include "snapshot/snapshot.h"

/** A file that is not a message. Exactly one of bytes and fd holds what it contains. */
struct captured_file {
	char *path; /* absolute, as on the server */
	enum file_role role;
	struct stat st; /* st_size: as much as belongs to the capture */
	char *bytes;    /* a copy, or a symlink's target */
	int fd;         /* -1: see bytes */
};

/** A message file. */
struct captured_message {
	uint32_t uid;
	int fd;          /* -1: to be opened by name */
	bool in_archive; /* it lies on the archive partition */
};

struct captured_mailbox {
	const struct mailbox_entry *entry; /* NULL for an orphaned directory */
	char *name;                        /* internal, or the path of an orphan */
	char *dir, *archive_dir;           /* absolute; archive_dir NULL: none */
	int dir_fd, archive_fd;            /* -1: not open */
	bool lost;                         /* there is no such directory */
	struct captured_file *files;       /* directory entries first, then header, index, cache, others */
	size_t n_files;
	struct captured_message *messages; /* ascending by UID */
	size_t n_messages;
};

struct capture {
	const char *owner; /* user id, "" for shared folders; belongs to the caller */
	struct captured_file *user_files;
	size_t n_user_files;
	struct captured_mailbox *mailboxes;
	size_t n_mailboxes;
	bool held; /* Cyrus was held still */
	uint64_t held_ms;
};

/** What a capture needs to know; lives as long as the backup. */
struct capture_context {
	struct server *server;
	struct snapshot *snapshot;
	struct quiesce *quiesce; /* NULL: the snapshot stands still by itself */
	uint64_t hold_ms; /* longest hold: messages that could not be opened within it are opened later */
	uint64_t lock_wait_ms;
	size_t max_open; /* descriptors that may be held open for messages */
	struct findings *findings;
	struct job *job;
};

/** capture_owner(cx, owner, roster, arg, ret, e): Capture everything of ${owner}. ${roster} is called once the owner is held, for the
 * list as it is then; what it returns must live until capture_done(). -1 only when the work cannot go on (cancelled, list
 * unreadable); what else could not be read is a finding. capture_done() ${ret} in either case. */
typedef const struct roster *capture_roster_fn(void *arg, struct err *e);
int capture_owner(struct capture_context *cx, const char *owner, capture_roster_fn *roster, void *arg,
    struct capture *ret, struct err *e);
void capture_done(struct capture *c);

/** capture_orphan(cx, dir, ret, e): Capture a directory that no mailbox of the list has. */
int capture_orphan(struct capture_context *cx, const char *dir, struct captured_mailbox *ret, struct err *e);
void captured_mailbox_done(struct captured_mailbox *m);

/** capture_file(cx, path, role, ret, e): Capture one file (a database under its own shared lock). 1, 0 when there is none, -1. */
int capture_file(struct capture_context *cx, const char *path, enum file_role role, struct captured_file *ret,
    struct err *e);
void captured_file_done(struct captured_file *f);

#endif
