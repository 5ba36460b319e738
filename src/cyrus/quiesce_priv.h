/* quiesce_priv.h: what quiesce*.c share: the handle, and one lock. */
#ifndef CYRUS_QUIESCE_PRIV_H
#define CYRUS_QUIESCE_PRIV_H

#include <sys/types.h>

#include "cyrus/quiesce.h"

struct quiesce_held {
	int fd;
	char *key; /* to know it again: two descriptors of one file would wait for each other */
};

struct quiesce {
	const struct imapd_conf *conf;
	struct cyrus_version version;
	enum quiesce_level level;
	bool can_hold_list;
	uid_t uid;
	gid_t gid;
	struct job *job;
	struct quiesce_held *held;
	size_t n_held, cap_held;
	bool bulk;                         /* nothing but the first is asked for twice now: look no further */
	char *blocked_path, *blocked_what; /* the lock file that was last waited for in vain, or NULL */
	uint64_t since_ms;                 /* the first lock since the last release */
	uint64_t round_ms; /* how long quiesce_hold_all() may hold some while it waits for others */
	struct quiesce_stats stats;
};

/** What to lock, and how long to be patient. */
struct quiesce_wanted {
	int dir_fd;
	const char *path;
	const char *what; /* for messages */
	const char *key;  /* NULL: the path */
	bool create;      /* a lock file of Cyrus that may have to be made */
	uint64_t deadline_ms;
};

/** quiesce_hold(q, w, e): Lock ${w}. 1; 0 when others have it until the deadline (${e} says who); -1. */
int quiesce_hold(struct quiesce *q, const struct quiesce_wanted *w, struct err *e);

/** quiesce_make(q, path, e): Make that lock file where it is missing. */
int quiesce_make(struct quiesce *q, const char *path, struct err *e);

/** quiesce_lock_fd(q, fd, type, w, e): F_RDLCK or F_WRLCK on one descriptor; the caller keeps it. 1, 0, -1 as above. */
int quiesce_lock_fd(struct quiesce *q, int fd, short type, const struct quiesce_wanted *w, struct err *e);

/** quiesce_pause(q, ms, e): Sleep; -1 once the job is cancelled. */
int quiesce_pause(struct quiesce *q, uint64_t ms, struct err *e);

/** quiesce_take_database(q, path, what, deadline_ms, e): quiesce_hold() of a database. */
int quiesce_take_database(
    struct quiesce *q, const char *path, const char *what, uint64_t deadline_ms, struct err *e);

/** quiesce_check_list(q, e): -1 and why mailboxes.db cannot be held. */
int quiesce_check_list(const struct quiesce *q, struct err *e);

/** quiesce_locked_as_file(path): That database is of a kind that is locked as a file: not Berkeley, which has its locks in a shared
 * region, not SQL, which has no file. */
bool quiesce_locked_as_file(const char *path);

/** quiesce_name_holder(fd, dst, size): Who has a lock on that open file: "imapd (process 123)". */
void quiesce_name_holder(int fd, char *dst, size_t size);

#endif
