/* quiesce_all.c: the whole server held, for a snapshot. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/mem.h"
#include "cyrus/mboxlist.h"
#include "cyrus/quiesce_priv.h"
#include "db/cyrusdb.h"

#define PATIENCE_MS	250 /* for one lock of many, in the first round */
#define PATIENCE_MAX_MS 2000
#define DRAIN_MS	1000
#define ROUND_PAUSE_MS	20
#define FDS_FOR_OTHERS	64

/* Whom and what a whole-server hold takes: user ids and shared mailboxes, as the list knows them. */
struct everybody {
	char **users; /* sorted, the first is "" */
	size_t n_users, cap_users;
	struct mboxlist *list;
};

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_user(struct everybody *all, char *userid)
{
	all->users = mem_grow(all->users, &all->cap_users, all->n_users + 1, sizeof *all->users);
	all->users[all->n_users++] = userid;
}

static void everybody_done(struct everybody *all)
{
	for (size_t i = 0; i < all->n_users; i++)
		free(all->users[i]);
	free(all->users);
	mboxlist_free(all->list);
	*all = (struct everybody){ 0 };
}

/* mailboxes.db as it is: under a shared lock of its own until we hold it. 1, 0, -1 as quiesce_hold(). */
static int read_list(struct quiesce *q, bool held, uint64_t deadline_ms, struct mboxlist **ret, struct err *e)
{
	struct quiesce_wanted w = { AT_FDCWD, q->conf->mboxlist_path, "mailboxes.db", NULL, false,
		deadline_ms };
	int fd = open(w.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), r;
	struct cyrusdb *db = NULL;

	if (fd == -1)
		return err_sys(e, "open %s", w.path);
	r = held ? 1 : quiesce_lock_fd(q, fd, F_RDLCK, &w, e);
	if (r == 1 && (cyrusdb_open(AT_FDCWD, w.path, &db, e) == -1 || mboxlist_read_db(db, ret, e) == -1))
		r = -1;
	cyrusdb_close(db);
	close(fd);
	return r;
}

static int find_everybody(struct quiesce *q, const char *const *userids, size_t n, bool held,
    uint64_t deadline_ms, struct everybody *all, struct err *e)
{
	size_t kept = 0;
	int r;

	*all = (struct everybody){ 0 };
	r = read_list(q, held, deadline_ms, &all->list, e);
	if (r != 1)
		return r;
	add_user(all, mem_strdup(""));
	for (size_t i = 0; i < n; i++)
		add_user(all, mem_strdup(userids[i]));
	for (size_t i = 0; i < all->list->n; i++) {
		const struct mailbox_entry *m = &all->list->entries[i];
		char *user = m->flags & MBTYPE_DELETED ? NULL : mboxname_user(m->name);

		if (user != NULL)
			add_user(all, user);
	}
	qsort(all->users, all->n_users, sizeof *all->users, compare_strings);
	for (size_t i = 0; i < all->n_users; i++) {
		if (kept > 0 && strcmp(all->users[kept - 1], all->users[i]) == 0)
			free(all->users[i]);
		else
			all->users[kept++] = all->users[i];
	}
	all->n_users = kept;
	return 1;
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

static uint64_t patient(uint64_t deadline_ms)
{
	uint64_t soon = clock_monotonic_ms() + PATIENCE_MS;

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

/* User locks, then shared mailboxes: Cyrus's order, each waited for with a bounded patience. 1, 0, -1 as quiesce_hold(). */
static int hold_everybody(struct quiesce *q, const struct everybody *all, uint64_t deadline_ms, struct err *e)
{
	int r = 1;

	allow_descriptors(all->n_users + all->list->n);
	q->bulk = true;
	for (size_t i = 0; r == 1 && i < all->n_users; i++)
		r = quiesce_take_user(q, all->users[i], patient(deadline_ms), e);
	q->bulk = false;
	/* One directory may have two names (a deleted and a restored one). */
	for (size_t i = 0; r == 1 && i < all->list->n; i++) {
		const struct mailbox_entry *m = &all->list->entries[i];
		char *user = mboxname_user(m->name);

		if (user == NULL && mailbox_entry_has_directory(m))
			r = quiesce_take_mailbox(q, mailbox_entry_layout(q->conf, m), m->name, m->uniqueid,
			    patient(deadline_ms), e);
		free(user);
	}
	return r;
}

static int hold_databases(struct quiesce *q, uint64_t deadline_ms, struct err *e)
{
	int r = quiesce_take_database(q, q->conf->mboxlist_path, "mailboxes.db", patient(deadline_ms), e);

	if (r == 1 && quiesce_locked_as_file(q->conf->duplicate_path))
		r = quiesce_take_database(q, q->conf->duplicate_path, "deliver.db", patient(deadline_ms), e);
	return r;
}

static bool same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Is everything in ${now} held already? What was made while we took the locks is not. */
static bool covers(const struct everybody *then, const struct everybody *now)
{
	for (size_t i = 0; i < now->n_users; i++)
		if (bsearch(&now->users[i], then->users, then->n_users, sizeof *then->users,
			compare_strings) == NULL)
			return false;
	for (size_t i = 0; i < now->list->n; i++) {
		const struct mailbox_entry *m = &now->list->entries[i],
					   *old = mboxlist_find(then->list, m->name);
		char *user = mboxname_user(m->name);
		bool shared = user == NULL && mailbox_entry_has_directory(m);

		free(user);
		if (shared && (old == NULL || !same(old->uniqueid, m->uniqueid)))
			return false;
	}
	return true;
}

/* One attempt. 1: everything is held. 0: somebody was in the way (${e} says who); let go and try again. */
static int hold_round(
    struct quiesce *q, const char *const *userids, size_t n, uint64_t deadline_ms, struct err *e)
{
	struct everybody all = { 0 }, later = { 0 };
	int r = 1;

	if (q->level < QUIESCE_USER) {
		r = hold_databases(q, deadline_ms, e);
		return r == 1 && quiesce_pause(q, DRAIN_MS, e) == -1 ? -1 : r;
	}
	r = find_everybody(q, userids, n, false, deadline_ms, &all, e);
	if (r == 1)
		r = hold_blocked(q, deadline_ms, e);
	if (r == 1)
		r = hold_everybody(q, &all, deadline_ms, e);
	if (r == 1)
		r = hold_databases(q, deadline_ms, e);
	if (r == 1)
		r = find_everybody(q, userids, n, true, deadline_ms, &later, e);
	if (r == 1 && !covers(&all, &later)) {
		err_set(e, ERR_LOCKED, "mailboxes are being made faster than they can be held");
		r = 0;
	}
	everybody_done(&all);
	everybody_done(&later);
	return r;
}

int quiesce_hold_all(
    struct quiesce *q, const char *const *userids, size_t n, uint64_t timeout_ms, struct err *e)
{
	uint64_t deadline = clock_monotonic_ms() + timeout_ms;
	/* Two that collide must not meet again in step. */
	uint64_t pause = ROUND_PAUSE_MS + (uint64_t)getpid() % ROUND_PAUSE_MS;
	int r;

	if (quiesce_check_list(q, e) == -1)
		return -1;
	if (q->n_held > 0)
		return err_set(e, ERR_USAGE, "release what is held before holding everything");
	for (;;) {
		r = hold_round(q, userids, n, deadline, e);
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
