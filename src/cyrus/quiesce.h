/* quiesce.h: hold Cyrus still, for an instant, with Cyrus's own locks.
 *
 * What is held waits: deliveries and IMAP commands go on when it is released, and none fails. Nothing is stopped and no
 * signal is sent. All locks vanish with this process, however it ends. A handle belongs to one thread at a time.
 *
 * Locks are whole-file fcntl locks, taken here as open file description locks (F_OFD_SETLK), which conflict with Cyrus's
 * classic ones but are not dropped when this process closes another descriptor of the same file. They are asked for
 * without blocking, again and again with a growing pause, until the time-out: nothing of ours ever waits in the kernel while
 * Cyrus waits for us. */
#ifndef CYRUS_QUIESCE_H
#define CYRUS_QUIESCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "core/job.h"
#include "cyrus/imapd_conf.h"

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

/** quiesce_open(conf, version, ret, e): Find out how ${conf}'s server can be held; nothing is locked yet. ${conf} must outlive
 * the result. An all-zero ${version} is told by the lock files there are. quiesce_free() it. */
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

/** quiesce_hold_user(q, userid, timeout_ms, e): Hold everything of that user ("": all that belongs to no user) until
 * quiesce_release(). ERR_LOCKED after ${timeout_ms} names the process that has it. ERR_UNSUPPORTED below QUIESCE_USER. Take
 * several in ascending order of bytes, and before the list. Holding what is held already is 0. */
int quiesce_hold_user(struct quiesce *q, const char *userid, uint64_t timeout_ms, struct err *e);

/** quiesce_hold_list(q, timeout_ms, e): Hold mailboxes.db: no mailbox is looked up, made, renamed or removed. The whole
 * server waits: for instants only. ERR_UNSUPPORTED where quiesce_can_hold_list() is false. Cyrus's own tools wait too. */
int quiesce_hold_list(struct quiesce *q, uint64_t timeout_ms, struct err *e);

/** quiesce_hold_index(q, dir_fd, path, timeout_ms, e): Hold one mailbox by its cyrus.index, ${path} relative to ${dir_fd}: no
 * message comes, goes or changes its flags. For every version; the choice below QUIESCE_USER. */
int quiesce_hold_index(struct quiesce *q, int dir_fd, const char *path, uint64_t timeout_ms, struct err *e);

/** quiesce_hold_all(q, userids, n, timeout_ms, e): Hold the whole server for a snapshot: at QUIESCE_USER the locks of these users
 * and of what belongs to nobody, then mailboxes.db, then deliver.db; at QUIESCE_INDEX the two databases, and a second for
 * what was under way to end. Whatever another process holds too long makes it let go of everything, pause and begin
 * again, so that no deadlock with Cyrus can last. Users that come into being meanwhile wait for mailboxes.db.
 * ERR_LOCKED with nothing held when ${timeout_ms} is over. */
int quiesce_hold_all(
    struct quiesce *q, const char *const *userids, size_t n, uint64_t timeout_ms, struct err *e);

/** quiesce_release(q): Let go of everything, the last first. Returns how long it was held, in ms; 0 when nothing was. */
uint64_t quiesce_release(struct quiesce *q);

/** quiesce_stats(q, ret): What was held so far, without what is held now. */
void quiesce_stats(const struct quiesce *q, struct quiesce_stats *ret);

#endif
