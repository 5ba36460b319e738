/* quiesce.c: Cyrus's users, mailboxes, indexes and databases held by its own locks. */
#include "cyrus/quiesce.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/mem.h"
#include "cyrus/quiesce_priv.h"
#include "cyrus/tools.h"
#include "db/cyrusdb.h"

static int check_level(const struct quiesce *q, struct err *e)
{
	if (q->level != QUIESCE_NONE)
		return 0;
	err_set(e, ERR_REFUSED, "Cyrus's locks are open to root and the cyrus user only");
	return err_hint(e, "run this as root");
}

bool quiesce_locked_as_file(const char *path)
{
	return cyrusdb_is_berkeley(AT_FDCWD, path) == 0;
}

static bool has_uuid_directories(const struct imapd_conf *conf)
{
	for (size_t i = 0; i < conf->n_partitions; i++) {
		char *path = mem_printf("%s/uuid", conf->partitions[i].spool);
		bool there = access(path, F_OK) == 0;

		free(path);
		if (there)
			return true;
	}
	return false;
}

int quiesce_open(
    const struct imapd_conf *conf, struct cyrus_version version, struct quiesce **ret, struct err *e)
{
	struct quiesce *q = mem_alloc(sizeof *q);
	bool known = version.major != 0;

	q->conf = conf;
	q->version = version;
	if (cyrus_user_ids(conf, &q->uid, &q->gid, e) == -1) {
		free(q);
		return -1;
	}
	q->level = (known ? cyrus_version_at_least(version, 3, 4) : has_uuid_directories(conf))
	               ? QUIESCE_USER
	               : QUIESCE_INDEX;
	if (geteuid() != 0 && geteuid() != q->uid)
		q->level = QUIESCE_NONE;
	q->can_hold_list = q->level != QUIESCE_NONE && quiesce_locked_as_file(conf->mboxlist_path);
	*ret = q;
	return 0;
}

void quiesce_free(struct quiesce *q)
{
	if (q == NULL)
		return;
	quiesce_release(q);
	free(q->held);
	free(q->blocked_path);
	free(q->blocked_what);
	free(q);
}

void quiesce_set_job(struct quiesce *q, struct job *job)
{
	q->job = job;
}

enum quiesce_level quiesce_level(const struct quiesce *q)
{
	return q->level;
}

const char *quiesce_level_name(enum quiesce_level level)
{
	switch (level) {
	case QUIESCE_INDEX: return "index";
	case QUIESCE_USER: return "user";
	case QUIESCE_NONE: break;
	}
	return "none";
}

bool quiesce_can_hold_list(const struct quiesce *q)
{
	return q->can_hold_list;
}

static int take_user(struct quiesce *q, const char *userid, uint64_t deadline_ms, struct err *e)
{
	struct buf path = BUF_INIT;
	char *what = *userid != '\0' ? mem_printf("the lock of user %s", userid)
	                             : mem_strdup("the lock of shared mailboxes");
	struct quiesce_wanted w = { AT_FDCWD, NULL, what, NULL, true, deadline_ms };
	int r = mboxname_user_lock(q->conf, userid, &path, e);

	w.path = buf_text(&path);
	if (r == 0)
		r = quiesce_hold(q, &w, e);
	buf_done(&path);
	free(what);
	return r;
}

static int take_mailbox(struct quiesce *q, enum mailbox_layout layout, const char *internal,
    const char *uniqueid, uint64_t deadline_ms, struct err *e)
{
	struct buf path = BUF_INIT;
	char *what = mem_printf("mailbox %s", internal);
	struct quiesce_wanted w = { AT_FDCWD, NULL, what, NULL, true, deadline_ms };
	int r = mboxname_lock(q->conf, layout, internal, uniqueid, &path, e);

	w.path = buf_text(&path);
	if (r == 0)
		r = quiesce_hold(q, &w, e);
	buf_done(&path);
	free(what);
	return r;
}

int quiesce_take_database(
    struct quiesce *q, const char *path, const char *what, uint64_t deadline_ms, struct err *e)
{
	struct quiesce_wanted w = { AT_FDCWD, path, what, NULL, false, deadline_ms };

	return quiesce_hold(q, &w, e);
}

static int one_way(int r)
{
	return r == 1 ? 0 : -1;
}

int quiesce_hold_user(struct quiesce *q, const char *userid, uint64_t timeout_ms, struct err *e)
{
	if (check_level(q, e) == -1)
		return -1;
	if (q->level < QUIESCE_USER)
		return err_set(e, ERR_UNSUPPORTED, "this Cyrus has no lock of a user: it came with 3.4");
	return one_way(take_user(q, userid, clock_monotonic_ms() + timeout_ms, e));
}

int quiesce_hold_mailbox(struct quiesce *q, enum mailbox_layout layout, const char *internal,
    const char *uniqueid, uint64_t timeout_ms, struct err *e)
{
	if (check_level(q, e) == -1)
		return -1;
	if (!cyrus_version_at_least(q->version, 2, 4))
		return err_set(
		    e, ERR_UNSUPPORTED, "this Cyrus has no lock of a mailbox's name: it came with 2.4");
	return one_way(take_mailbox(q, layout, internal, uniqueid, clock_monotonic_ms() + timeout_ms, e));
}

int quiesce_check_list(const struct quiesce *q, struct err *e)
{
	if (check_level(q, e) == -1)
		return -1;
	if (q->can_hold_list)
		return 0;
	err_set(
	    e, ERR_UNSUPPORTED, "%s is of a kind that cannot be held from outside", q->conf->mboxlist_path);
	return err_hint(e, "a Berkeley database has its locks in memory: run ctl_cyrusdb -c before the "
			   "snapshot, and pause mail "
			   "delivery if mailboxes must match to the message");
}

int quiesce_hold_list(struct quiesce *q, uint64_t timeout_ms, struct err *e)
{
	if (quiesce_check_list(q, e) == -1)
		return -1;
	return one_way(quiesce_take_database(
	    q, q->conf->mboxlist_path, "mailboxes.db", clock_monotonic_ms() + timeout_ms, e));
}

int quiesce_hold_index(struct quiesce *q, int dir_fd, const char *path, uint64_t timeout_ms, struct err *e)
{
	char key[96];
	struct quiesce_wanted w = { dir_fd, path, path, key, false, clock_monotonic_ms() + timeout_ms };
	struct stat st;

	if (check_level(q, e) == -1)
		return -1;
	/* Paths relative to directories do not tell mailboxes apart: their inodes do. */
	if (fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return err_sys(e, "stat %s", path);
	snprintf(key, sizeof key, "%llx:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	return one_way(quiesce_hold(q, &w, e));
}

/* Closing drops the locks; the last taken goes first, so that nobody gets a later one while we keep an earlier. */
static void let_go(struct quiesce *q)
{
	while (q->n_held > 0) {
		struct quiesce_held *h = &q->held[--q->n_held];

		close(h->fd);
		free(h->key);
	}
}

uint64_t quiesce_since_ms(const struct quiesce *q)
{
	return q->n_held > 0 ? q->since_ms : 0;
}

uint64_t quiesce_release(struct quiesce *q)
{
	uint64_t ms;

	if (q->n_held == 0)
		return 0;
	let_go(q);
	ms = clock_monotonic_ms() - q->since_ms;
	q->stats.holds++;
	q->stats.total_ms += ms;
	if (ms > q->stats.longest_ms)
		q->stats.longest_ms = ms;
	return ms;
}

void quiesce_stats(const struct quiesce *q, struct quiesce_stats *ret)
{
	*ret = q->stats;
}
