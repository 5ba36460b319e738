/* quiesce_all.c: the whole server held, for a snapshot. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/io.h"
#include "core/mem.h"
#include "cyrus/mboxlist.h"
#include "cyrus/quiesce_priv.h"
#include "db/cyrusdb.h"

#define PATIENCE_MS    500 /* for one lock of many, while others are held */
#define DRAIN_MS       1000
#define ROUND_PAUSE_MS 20
#define FDS_FOR_OTHERS 64
#define LIST_MAX       ((size_t)4 << 30)

/* What shall be held. */
struct whole {
	bool users; /* users, shared mailboxes and the databases; else the databases alone, */
	const char *const *userids;
	size_t n;
	uint64_t drain_ms; /* and so long for what was under way to end */
};

/* What a whole-server hold takes before the databases, in the order in which it is taken: user locks by user id, "" the first, then
 * shared mailboxes. Each once: one directory may have two names (a deleted and a restored one). */
struct everybody {
	struct lock {
		char *path;
		char *name; /* of the user or mailbox */
	} * locks;
	size_t n, cap, n_users;
};

/* One list being read: user ids and shared mailboxes, by and by. */
struct finding {
	const struct imapd_conf *conf;
	struct everybody users, shared;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct lock *)a)->name, ((const struct lock *)b)->name);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct lock *)a)->path, ((const struct lock *)b)->path);
}

static void add_lock(struct everybody *all, char *path, char *name)
{
	all->locks = mem_grow(all->locks, &all->cap, all->n + 1, sizeof *all->locks);
	all->locks[all->n++] = (struct lock){ path, name };
}

static void everybody_done(struct everybody *all)
{
	for (size_t i = 0; i < all->n; i++) {
		free(all->locks[i].path);
		free(all->locks[i].name);
	}
	free(all->locks);
	*all = (struct everybody){ 0 };
}

static int add_user(struct finding *f, char *userid, struct err *e)
{
	struct buf path = BUF_INIT;

	/* A user's mailboxes stand together: mostly he is the one of the entry before. */
	if (f->users.n > 0 && strcmp(f->users.locks[f->users.n - 1].name, userid) == 0) {
		free(userid);
		return 0;
	}
	if (mboxname_user_lock(f->conf, userid, &path, e) == -1) {
		free(userid);
		buf_done(&path);
		return -1;
	}
	add_lock(&f->users, buf_steal(&path), userid);
	return 0;
}

static int add_entry(void *arg, const struct mailbox_entry *m, struct err *e)
{
	struct finding *f = arg;
	char *user = m->flags & MBTYPE_DELETED ? NULL : mboxname_user(m->name);
	struct buf path = BUF_INIT;

	if (user != NULL)
		return add_user(f, user, e);
	if (!mailbox_entry_has_directory(m))
		return 0;
	if (mboxname_lock(f->conf, mailbox_entry_layout(f->conf, m), m->name, m->uniqueid, &path, e) == -1) {
		buf_done(&path);
		return -1;
	}
	add_lock(&f->shared, buf_steal(&path), mem_strdup(m->name));
	return 0;
}

static void sort_once_each(struct everybody *all, int (*compare)(const void *, const void *))
{
	size_t kept = 0;

	if (all->n > 1)
		qsort(all->locks, all->n, sizeof *all->locks, compare);
	for (size_t i = 0; i < all->n; i++) {
		if (kept > 0 && compare(&all->locks[kept - 1], &all->locks[i]) == 0) {
			free(all->locks[i].path);
			free(all->locks[i].name);
		} else {
			all->locks[kept++] = all->locks[i];
		}
	}
	all->n = kept;
}

/* mailboxes.db as it is: under a shared lock of its own until we hold it. 1, 0, -1 as quiesce_hold(). */
static int read_list(struct quiesce *q, bool held, uint64_t deadline_ms, struct buf *list, struct err *e)
{
	struct quiesce_wanted w = { AT_FDCWD, q->conf->mboxlist_path, "mailboxes.db", NULL, false,
		deadline_ms };
	int fd = open(w.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), r;

	if (fd == -1)
		return err_sys(e, "open %s", w.path);
	r = held ? 1 : quiesce_lock_fd(q, fd, F_RDLCK, &w, e);
	if (r == 1 && io_read_file(AT_FDCWD, w.path, LIST_MAX, list, e) == -1)
		r = -1;
	close(fd);
	return r;
}

static int find_everybody(const struct quiesce *q, const struct whole *w, const struct buf *list,
    struct everybody *all, struct err *e)
{
	struct finding f = { .conf = q->conf };
	struct cyrusdb *db = NULL;
	int rc = add_user(&f, mem_strdup(""), e);

	for (size_t i = 0; rc == 0 && i < w->n; i++)
		rc = add_user(&f, mem_strdup(w->userids[i]), e);
	if (rc == 0 && (cyrusdb_open_bytes(buf_text(list), list->len, q->conf->mboxlist_path, &db, e) == -1 ||
			   mboxlist_each_db(db, add_entry, &f, e) == -1))
		rc = -1;
	cyrusdb_close(db);
	sort_once_each(&f.users, by_name);
	sort_once_each(&f.shared, by_path);
	*all = f.users;
	all->n_users = f.users.n;
	for (size_t i = 0; i < f.shared.n; i++)
		add_lock(all, f.shared.locks[i].path, f.shared.locks[i].name);
	free(f.shared.locks);
	return rc;
}

static void allow_descriptors(size_t n)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1 || rl.rlim_cur >= n + FDS_FOR_OTHERS)
		return;
	rl.rlim_cur = rl.rlim_max == RLIM_INFINITY || n + FDS_FOR_OTHERS < rl.rlim_max ? n + FDS_FOR_OTHERS
	                                                                               : rl.rlim_max;
	setrlimit(RLIMIT_NOFILE, &rl);
}

/* Each time the kernel makes the table of descriptors of a process with threads larger, it waits for some milliseconds: before, then. */
static void make_room_for_descriptors(size_t n)
{
	int fd = open("/", O_PATH | O_CLOEXEC), high;

	if (fd == -1)
		return;
	high = fcntl(fd, F_DUPFD_CLOEXEC, (int)(n + FDS_FOR_OTHERS / 2));
	if (high != -1)
		close(high);
	close(fd);
}

/* How long to wait for one lock: to the end while nobody waits for us; else a moment, and all these moments of a round together no
 * longer than the round may last. */
static uint64_t patient(const struct quiesce *q, uint64_t deadline_ms)
{
	uint64_t soon = clock_monotonic_ms() + PATIENCE_MS;

	if (q->n_held == 0)
		return deadline_ms;
	if (q->since_ms + q->round_ms < soon)
		soon = q->since_ms + q->round_ms;
	return soon < deadline_ms ? soon : deadline_ms;
}

/* The lock that an earlier round waited for in vain comes first: nobody else waits while we wait for it. */
static int hold_blocked(struct quiesce *q, uint64_t deadline_ms, struct err *e)
{
	char *path = q->blocked_path, *what = q->blocked_what;
	struct quiesce_wanted w = { AT_FDCWD, path, what, NULL, true, deadline_ms };
	int r;

	if (path == NULL)
		return 1;
	q->blocked_path = q->blocked_what = NULL;
	r = quiesce_hold(q, &w, e);
	free(path);
	free(what);
	return r;
}

static char *what_it_is(const struct everybody *all, size_t i)
{
	const char *name = all->locks[i].name;

	if (i >= all->n_users)
		return mem_printf("mailbox %s", name);
	return *name != '\0' ? mem_printf("the lock of user %s", name)
	                     : mem_strdup("the lock of shared mailboxes");
}

/* Cyrus's order, each waited for with a bounded patience. 1, 0, -1 as quiesce_hold(). */
static int hold_everybody(struct quiesce *q, const struct everybody *all, uint64_t deadline_ms, struct err *e)
{
	int r = 1;

	q->bulk = true;
	for (size_t i = 0; r == 1 && i < all->n; i++) {
		char *what = what_it_is(all, i);
		struct quiesce_wanted w = { AT_FDCWD, all->locks[i].path, what, NULL, true,
			patient(q, deadline_ms) };

		r = quiesce_hold(q, &w, e);
		free(what);
	}
	q->bulk = false;
	return r;
}

static int hold_databases(struct quiesce *q, uint64_t deadline_ms, struct err *e)
{
	int r = quiesce_take_database(q, q->conf->mboxlist_path, "mailboxes.db", patient(q, deadline_ms), e);

	if (r == 1 && quiesce_locked_as_file(q->conf->duplicate_path))
		r = quiesce_take_database(
		    q, q->conf->duplicate_path, "deliver.db", patient(q, deadline_ms), e);
	return r;
}

/* Is everything in ${now} held already? What was made while we took the locks is not. */
static bool covers(struct everybody *then, const struct everybody *now)
{
	qsort(then->locks, then->n, sizeof *then->locks, by_path);
	for (size_t i = 0; i < now->n; i++)
		if (bsearch(&now->locks[i], then->locks, then->n, sizeof *then->locks, by_path) == NULL)
			return false;
	return true;
}

/* While all wait, bytes are compared: only a list that has changed is looked through again. 1, 0, -1 as users_round(). */
static int check_list(
    struct quiesce *q, const struct whole *w, const struct buf *list, struct everybody *all, struct err *e)
{
	struct everybody later = { 0 };
	struct buf now = BUF_INIT;
	int r = read_list(q, true, 0, &now, e);
	bool same = r == 1 && now.len == list->len && memcmp(buf_text(&now), buf_text(list), now.len) == 0;

	if (r == 1 && !same && find_everybody(q, w, &now, &later, e) == -1)
		r = -1;
	if (r == 1 && !same && !covers(all, &later)) {
		err_set(e, ERR_LOCKED, "mailboxes are being made faster than they can be held");
		r = 0;
	}
	everybody_done(&later);
	buf_done(&now);
	return r;
}

/* Whatever takes time and may as well be done before anybody waits for us. */
static int prepare(struct quiesce *q, const struct whole *w, uint64_t deadline_ms, struct buf *list,
    struct everybody *all, struct err *e)
{
	int r = read_list(q, false, deadline_ms, list, e);

	if (r == 1 && find_everybody(q, w, list, all, e) == -1)
		r = -1;
	for (size_t i = 0; r == 1 && i < all->n; i++)
		if (quiesce_make(q, all->locks[i].path, e) == -1)
			r = -1;
	allow_descriptors(all->n);
	make_room_for_descriptors(all->n);
	return r;
}

/* One attempt at users and all. 1: everything is held. 0: somebody was in the way (${e} says who); let go and try again. */
static int users_round(struct quiesce *q, const struct whole *w, uint64_t deadline_ms, struct err *e)
{
	struct everybody all = { 0 };
	struct buf list = BUF_INIT;
	int r = prepare(q, w, deadline_ms, &list, &all, e);

	if (r == 1)
		r = hold_blocked(q, deadline_ms, e);
	if (r == 1)
		r = hold_everybody(q, &all, deadline_ms, e);
	if (r == 1)
		r = hold_databases(q, deadline_ms, e);
	if (r == 1)
		r = check_list(q, w, &list, &all, e);
	/* Nobody waits for this to be freed. */
	if (r != 1)
		quiesce_release(q);
	everybody_done(&all);
	buf_done(&list);
	return r;
}

static int list_round(struct quiesce *q, const struct whole *w, uint64_t deadline_ms, struct err *e)
{
	int r = hold_databases(q, deadline_ms, e);

	return r == 1 && quiesce_pause(q, w->drain_ms, e) == -1 ? -1 : r;
}

static int hold_whole(struct quiesce *q, const struct whole *w, uint64_t timeout_ms, struct err *e)
{
	uint64_t deadline = clock_monotonic_ms() + timeout_ms;
	/* Two that collide must not meet again in step. */
	uint64_t pause = ROUND_PAUSE_MS + (uint64_t)getpid() % ROUND_PAUSE_MS;
	int r;

	if (quiesce_check_list(q, e) == -1)
		return -1;
	if (q->n_held > 0)
		return err_set(e, ERR_USAGE, "release what is held before holding everything");
	q->round_ms = timeout_ms / 2;
	for (;;) {
		r = w->users ? users_round(q, w, deadline, e) : list_round(q, w, deadline, e);
		if (r == 1)
			return 0;
		quiesce_release(q);
		if (r == -1 || clock_monotonic_ms() + pause >= deadline)
			return -1;
		q->stats.retries++;
		if (quiesce_pause(q, pause, e) == -1)
			return -1;
		pause = pause * 2 < PATIENCE_MS ? pause * 2 : PATIENCE_MS;
	}
}

int quiesce_hold_all(
    struct quiesce *q, const char *const *userids, size_t n, uint64_t timeout_ms, struct err *e)
{
	struct whole w = { q->level == QUIESCE_USER, userids, n, DRAIN_MS };

	return hold_whole(q, &w, timeout_ms, e);
}

int quiesce_hold_databases(struct quiesce *q, uint64_t timeout_ms, uint64_t drain_ms, struct err *e)
{
	struct whole w = { .drain_ms = drain_ms };

	return hold_whole(q, &w, timeout_ms, e);
}
