/* quiesce.h: hold Cyrus still, for an instant, with Cyrus's own locks.
 *
 * What is held waits: deliveries and IMAP commands go on when it is released, and none fails. Nothing is stopped and no
 * signal is sent. All locks vanish with this process, however it ends. A handle belongs to one thread at a time.
 *
 * Locks are whole-file fcntl locks, taken here as open file description locks (F_OFD_SETLK), which conflict with Cyrus's
 * classic ones but are not dropped when this process closes another descriptor of the same file. They are waited
 * for in the kernel, in slices of 50 ms, until the time-out: of a lock that changes hands all the time (one user, several deliveries) whoever
 * only asks now and then never gets hold. SIGRTMIN + 4 ends a slice.
 *
 * What Cyrus 3.6.1 locks (system calls of its running imapd, lmtpd, timsieved and tools), in its order:
 *   1. the user lock LOCK[/H]/"*U*"USER.lock, exclusive even for SELECT, NOOP and FETCH, shared for STATUS, by every access
 *      to a mailbox that has an owner. It is let go at the end of each command: an idle session holds nothing. (A pop3d
 *      keeps the name lock of its INBOX, and whoever waits for that one may keep the user lock: the time-out is real.)
 *   2. "*U*.lock", the one of no user: for CREATE, DELETE, RENAME, SETACL of shared mailboxes only. Reading, appending and flags
 *      of a shared mailbox take nothing above the name lock: quiesce_hold_mailbox() holds them.
 *   3. mailboxes.db for reading, at every lookup, many times in one delivery. For writing with 4 and 5 still to come.
 *   4. the mailbox's name lock LOCK[/H]/ID.lock, or LOCK[/H]/NAME/PATH.lock of a by-name directory: shared; exclusive to
 *      create, rename, delete.
 *   5. cyrus.index, then cyrus.annotations, annotations.db, the quota file, deliver.db.
 * Not under the user lock: sub.db, the owner's seen.db for other people's mailboxes, quota files set by SETQUOTA (which has
 * $QUOTACHANGE.lock). Each is one file that changes as a whole under its own lock, and needs mailboxes.db to begin.
 *
 * So: ctl_mboxlist -u, quota -f and reconstruct take the user lock themselves. Run while WE hold that user, they wait for us
 * and we for them: release first. ctl_mboxlist -d, cyr_dbtool and mbpath do not; they wait for quiesce_hold_list() only.
 * From 3.10 on, every exclusive lock of kinds 1 and 4 comes with $GLOBAL.lock, shared, so that cyr_withlock_run can keep
 * all writers out with that one lock (ladder.h does). These locks here do without it: a writer that waits for one of our user
 * locks holds it already. */
#ifndef CYRUS_QUIESCE_H
#define CYRUS_QUIESCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "core/job.h"
#include "cyrus/imapd_conf.h"
#include "cyrus/mboxname.h"

/** How still this server can be held. */
enum quiesce_level {
	QUIESCE_NONE, /* not at all */
	QUIESCE_INDEX, /* 2.1 to 3.2: mailbox by mailbox, by cyrus.index; mailboxes.db too unless it is a Berkeley database */
	QUIESCE_USER, /* 3.4+: user by user; nothing of a held user's mail is read or written */
};

struct quiesce_stats {
	unsigned
	    holds; /* how often something was held: from the first lock after a release to quiesce_release() */
	uint64_t longest_ms;
	uint64_t total_ms;
	unsigned retries; /* how often quiesce_hold_all() let go of everything and began again */
};

struct quiesce;

/** quiesce_open(conf, version, ret, e): Find out how ${conf}'s server can be held; nothing is locked yet. ${conf}
 * must outlive the result. An all-zero ${version} counts as older than 3.4 unless the spool has 3.6's
 * directories. quiesce_free() it. */
int quiesce_open(
    const struct imapd_conf *conf, struct cyrus_version version, struct quiesce **ret, struct err *e);

/** quiesce_free(q): Releases what is held; NULL-safe. */
void quiesce_free(struct quiesce *q);

/** quiesce_set_job(q, job): Its cancel ends a wait with ERR_CANCELLED; NULL: none. */
void quiesce_set_job(struct quiesce *q, struct job *job);

/** quiesce_level(q): What this server offers. quiesce_level_name(level): "none", "index", "user". */
enum quiesce_level quiesce_level(const struct quiesce *q);
const char *quiesce_level_name(enum quiesce_level level);

/** quiesce_can_hold_list(q): mailboxes.db is of a kind that is locked as a file (not Berkeley, not SQL). */
bool quiesce_can_hold_list(const struct quiesce *q);

/** quiesce_hold_user(q, userid, timeout_ms, e): Hold all mailboxes of that user until quiesce_release(). "" is
 * the lock of no user: no shared mailbox is made, renamed, removed; its content is held by
 * quiesce_hold_mailbox(). ERR_LOCKED after ${timeout_ms} names the process that has it. ERR_UNSUPPORTED below
 * QUIESCE_USER. Take several in ascending order of bytes, and before mailboxes and the list. Holding what is held
 * already is 0. */
int quiesce_hold_user(struct quiesce *q, const char *userid, uint64_t timeout_ms, struct err *e);

/** quiesce_hold_mailbox(q, layout, internal, uniqueid, timeout_ms, e): Hold one mailbox by its name lock (2.4+, else
 * ERR_UNSUPPORTED): nothing opens it. For shared mailboxes; take the user first where there is one. */
int quiesce_hold_mailbox(struct quiesce *q, enum mailbox_layout layout, const char *internal,
    const char *uniqueid, uint64_t timeout_ms, struct err *e);

/** quiesce_hold_list(q, timeout_ms, e): Hold mailboxes.db: no mailbox is looked up, made, renamed or removed. The
 * whole server waits: for instants only. ERR_UNSUPPORTED where quiesce_can_hold_list() is false. Cyrus's own
 * tools wait too. */
int quiesce_hold_list(struct quiesce *q, uint64_t timeout_ms, struct err *e);

/** quiesce_hold_index(q, dir_fd, path, timeout_ms, e): Hold one mailbox by its cyrus.index, ${path} relative to
 * ${dir_fd}: no message comes, goes or changes its flags. For every version; the choice below QUIESCE_USER. */
int quiesce_hold_index(struct quiesce *q, int dir_fd, const char *path, uint64_t timeout_ms, struct err *e);

/** quiesce_hold_all(q, userids, n, timeout_ms, e): Hold the whole server for a snapshot. At QUIESCE_USER: the
 * locks of these users and of all that mailboxes.db knows, the name locks of shared mailboxes, then mailboxes.db,
 * then deliver.db; ${userids} may be NULL. At QUIESCE_INDEX: the two databases, and a second for what was under
 * way to end. Whatever another process holds too long makes it let go of everything, pause and begin again, so
 * that no deadlock with Cyrus can last; so does a user or shared mailbox that came into being meanwhile. While it
 * waits for a lock it holds the others for half a second at most, and for half of ${timeout_ms} in all, then waits for that one
 * alone. Lock files that are missing are made, and mailboxes.db is read, before anything is held. Read
 * mailboxes.db by cyrusdb_open() while it is held: whoever locks it, server_list() of this very process too,
 * waits for us. Raises RLIMIT_NOFILE up to its hard limit: one descriptor a lock. ERR_LOCKED with nothing held
 * when ${timeout_ms} is over; ERR_UNSUPPORTED where mailboxes.db cannot be held. */
int quiesce_hold_all(
    struct quiesce *q, const char *const *userids, size_t n, uint64_t timeout_ms, struct err *e);

/** quiesce_hold_databases(q, timeout_ms, drain_ms, e): The same for mailboxes.db and deliver.db alone, whatever the version, and
 * ${drain_ms} for what was under way to end. */
int quiesce_hold_databases(struct quiesce *q, uint64_t timeout_ms, uint64_t drain_ms, struct err *e);

/** quiesce_since_ms(q): clock_monotonic_ms() at the first lock of those that are held; 0: none is. */
uint64_t quiesce_since_ms(const struct quiesce *q);

/** quiesce_release(q): Let go of everything, the last first. Returns how long it was held, in ms; 0 when nothing
 * was. */
uint64_t quiesce_release(struct quiesce *q);

/** quiesce_stats(q, ret): What was held so far, without what is held now. */
void quiesce_stats(const struct quiesce *q, struct quiesce_stats *ret);

#endif
