/* capture.c: copy and open what must agree, within the moment in which Cyrus is held still. */
#include "backup/capture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"

/* Copies up to this size are kept in memory, larger ones in an unnamed temporary file. */
#define COPY_IN_MEMORY ((uint64_t)64 << 10)

void captured_file_done(struct captured_file *f)
{
	free(f->path);
	free(f->bytes);
	if (f->fd != -1)
		close(f->fd);
}

void captured_mailbox_done(struct captured_mailbox *m)
{
	for (size_t i = 0; i < m->n_files; i++)
		captured_file_done(&m->files[i]);
	for (size_t i = 0; i < m->n_messages; i++)
		if (m->messages[i].fd != -1)
			close(m->messages[i].fd);
	if (m->dir_fd != -1)
		close(m->dir_fd);
	if (m->archive_fd != -1)
		close(m->archive_fd);
	free(m->files);
	free(m->messages);
	free(m->name);
	free(m->dir);
	free(m->archive_dir);
}

void capture_done(struct capture *c)
{
	for (size_t i = 0; i < c->n_user_files; i++)
		captured_file_done(&c->user_files[i]);
	for (size_t i = 0; i < c->n_mailboxes; i++)
		captured_mailbox_done(&c->mailboxes[i]);
	free(c->user_files);
	free(c->mailboxes);
	*c = (struct capture){ 0 };
}

/* Copies ${size} bytes of ${fd} into memory or a temporary file; the file keeps its own descriptor afterwards. */
static int copy_content(struct captured_file *f, int fd, struct err *e)
{
	uint64_t left = (uint64_t)f->st.st_size;
	char chunk[65536];
	size_t got;
	int to;

	if (left <= COPY_IN_MEMORY) {
		f->bytes = mem_alloc((size_t)left + 1);
		if (io_read_all(fd, f->bytes, (size_t)left, f->path, &got, e) == -1)
			return -1;
		f->st.st_size = (off_t)got;
		return 0;
	}
	to = io_temp_fd(NULL, e);
	if (to == -1)
		return -1;
	while (left > 0) {
		ssize_t n = copy_file_range(fd, NULL, to, NULL, left > 1 << 30 ? 1 << 30 : (size_t)left, 0);

		if (n <= 0)
			break; /* another file system, or the end: the plain way decides */
		left -= (uint64_t)n;
	}
	while (left > 0) {
		if (io_read_all(fd, chunk, left < sizeof chunk ? (size_t)left : sizeof chunk, f->path, &got,
			e) == -1 ||
		    io_write_all(to, chunk, got, "temporary file", e) == -1) {
			close(to);
			return -1;
		}
		if (got == 0)
			break;
		left -= got;
	}
	f->st.st_size -= (off_t)left;
	f->fd = to;
	return 0;
}

static bool is_database(enum file_role role)
{
	return role == ROLE_DATABASE || role == ROLE_SEEN || role == ROLE_SUBS ||
	       role == ROLE_CONVERSATIONS || role == ROLE_COUNTERS || role == ROLE_XAPIAN ||
	       role == ROLE_MBOXKEY || role == ROLE_QUOTA;
}

/* Captures an open file. ${fd} is consumed. */
static int capture_fd(struct captured_file *f, int fd, struct err *e)
{
	int rc;

	if (fstat(fd, &f->st) == -1) {
		err_sys(e, "stat %s", f->path);
		close(fd);
		return -1;
	}
	if (!S_ISREG(f->st.st_mode)) {
		close(fd);
		return S_ISDIR(f->st.st_mode) ? 0
		                              : err_set(e, ERR_FORMAT, "%s is not a regular file", f->path);
	}
	/* The cache only grows, and is replaced whole by rename: its length is all that must be remembered. */
	if (f->role == ROLE_CACHE) {
		f->fd = fd;
		return 0;
	}
	/* Cyrus locks whole database files; wait for a transaction to end, but not forever. */
	if (is_database(f->role))
		server_lock_file(fd, F_RDLCK, 2000);
	if (fstat(fd, &f->st) == -1) {
		close(fd);
		return err_sys(e, "stat %s", f->path);
	}
	rc = copy_content(f, fd, e);
	close(fd);
	return rc;
}

/* What is no message, no directory and no regular file of its own kind: symlinks are kept as such. */
static int capture_link(struct captured_file *f, int dir_fd, const char *name, struct err *e)
{
	ssize_t n;

	f->bytes = mem_alloc(4097);
	n = readlinkat(dir_fd, name, f->bytes, 4096);
	if (n == -1)
		return err_sys(e, "read link %s", f->path);
	f->st.st_size = (off_t)n;
	return 0;
}

int capture_file(struct capture_context *cx, const char *path, enum file_role role, struct captured_file *ret,
    struct err *e)
{
	int fd = snapshot_open(cx->snapshot, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, e);

	*ret = (struct captured_file){ .role = role, .fd = -1 };
	if (fd == -1 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	ret->path = mem_strdup(path);
	if (fd == -1 && errno == ELOOP) {
		char *parent = mem_strndup(path, (size_t)(strrchr(path, '/') - path));
		const char *name = strrchr(path, '/') + 1;
		int dir =
		    snapshot_open(cx->snapshot, *parent != '\0' ? parent : "/", O_RDONLY | O_DIRECTORY, e);
		int rc = -1;

		if (dir != -1 && fstatat(dir, name, &ret->st, AT_SYMLINK_NOFOLLOW) == 0)
			rc = capture_link(ret, dir, name, e);
		if (dir != -1)
			close(dir);
		free(parent);
		if (rc == 0)
			return 1;
	} else if (fd != -1 && capture_fd(ret, fd, e) == 0) {
		return 1;
	}
	captured_file_done(ret);
	*ret = (struct captured_file){ .fd = -1 };
	return -1;
}

static struct captured_file *add_file(struct captured_file **files, size_t *n)
{
	size_t cap = *n;

	*files = mem_grow(*files, &cap, *n + 1, sizeof **files);
	(*files)[*n] = (struct captured_file){ .fd = -1 };
	return &(*files)[(*n)++];
}

/* A file by its path, if it is there; what cannot be read is a finding. */
static void take(struct capture_context *cx, const char *path, enum file_role role, const char *about,
    struct captured_file **files, size_t *n)
{
	struct captured_file f;
	struct err why;
	int r = capture_file(cx, path, role, &f, &why);

	if (r == -1)
		findings_add(cx->findings, FINDING_UNREADABLE, about, "not packed: %s", why.msg);
	if (r == 1)
		*add_file(files, n) = f;
}

static void take_directory(struct captured_file **files, size_t *n, const char *path, const struct stat *st)
{
	struct captured_file *f = add_file(files, n);

	f->path = mem_strdup(path);
	f->role = ROLE_DIRECTORY;
	f->st = *st;
	f->st.st_size = 0;
	f->bytes = mem_strdup("");
}

/* "12." -> 12; 0 when the name is not that of a message. */
static uint32_t message_uid(const char *name)
{
	char digits[16];
	size_t n = strlen(name);
	uint64_t uid;

	if (n < 2 || n > 11 || name[n - 1] != '.' || name[0] == '0')
		return 0;
	memcpy(digits, name, n - 1);
	digits[n - 1] = '\0';
	return str_u64(digits, UINT32_MAX, &uid) == 0 ? (uint32_t)uid : 0;
}

static const struct {
	const char *name;
	enum file_role role;
	unsigned meta;
} mailbox_files[] = {
	{ "cyrus.header", ROLE_HEADER, META_HEADER },
	{ "cyrus.index", ROLE_INDEX, META_INDEX },
	{ "cyrus.cache", ROLE_CACHE, META_CACHE },
	{ "cyrus.expunge", ROLE_EXPUNGE, META_EXPUNGE },
	{ "cyrus.annotations", ROLE_ANNOTATIONS, META_ANNOTATIONS },
};
#define N_MAILBOX_FILES (sizeof mailbox_files / sizeof mailbox_files[0])

/* Files of a mailbox directory that the server makes anew. */
static bool is_rebuilt(const char *name)
{
	return str_starts(name, "cyrus.squat") || str_ends(name, ".NEW") || strcmp(name, "cyrus.lock") == 0;
}

static bool is_known(const char *name)
{
	for (size_t i = 0; i < N_MAILBOX_FILES; i++)
		if (strcmp(name, mailbox_files[i].name) == 0)
			return true;
	return false;
}

static int by_uid(const void *a, const void *b)
{
	uint32_t x = ((const struct captured_message *)a)->uid, y = ((const struct captured_message *)b)->uid;

	return x < y ? -1 : x > y;
}

/* Lists a directory of the mailbox: message files by UID, other files captured. Returns its fd or -1. */
static int list_directory(
    struct capture_context *cx, struct captured_mailbox *m, const char *dir, bool in_archive)
{
	struct err why;
	int fd = snapshot_open(cx->snapshot, dir, O_RDONLY | O_DIRECTORY, &why), again;
	struct dirent *de;
	struct stat st;
	size_t cap = m->n_messages;
	DIR *d;

	if (fd == -1) {
		if (errno == ENOENT || errno == ENOTDIR)
			return -1;
		findings_add(cx->findings, FINDING_UNREADABLE, m->name, "directory not packed: %s", why.msg);
		return -1;
	}
	if (fstat(fd, &st) == 0)
		take_directory(&m->files, &m->n_files, dir, &st);
	again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = again != -1 ? fdopendir(again) : NULL;
	if (d == NULL) {
		findings_add(cx->findings, FINDING_UNREADABLE, m->name, "directory %s cannot be listed: %s",
		    dir, strerror(errno));
		close(fd);
		return -1;
	}
	while (errno = 0, (de = readdir(d)) != NULL) {
		uint32_t uid = message_uid(de->d_name);
		char *path;

		if (uid != 0) {
			m->messages = mem_grow(m->messages, &cap, m->n_messages + 1, sizeof *m->messages);
			m->messages[m->n_messages++] = (struct captured_message){ uid, -1, in_archive };
			continue;
		}
		if (de->d_name[0] == '.' || de->d_type == DT_DIR || is_known(de->d_name) ||
		    is_rebuilt(de->d_name))
			continue;
		path = mem_printf("%s/%s", dir, de->d_name);
		take(cx, path, ROLE_MAILBOX_OTHER, m->name, &m->files, &m->n_files);
		free(path);
	}
	if (errno != 0)
		findings_add(cx->findings, FINDING_UNREADABLE, m->name,
		    "directory %s cannot be listed to its end: %s", dir, strerror(errno));
	closedir(d);
	return fd;
}

static void sort_messages(struct captured_mailbox *m)
{
	if (m->n_messages > 1)
		qsort(m->messages, m->n_messages, sizeof *m->messages, by_uid);
}

static void capture_mailbox(
    struct capture_context *cx, const struct mailbox_entry *entry, struct captured_mailbox *m)
{
	const struct cyrus_partition *part =
	    imapd_conf_partition(cx->server->conf, entry->partition != NULL ? entry->partition : "");
	struct buf b = BUF_INIT;
	struct err why;
	bool index_held = false;

	*m = (struct captured_mailbox){
		.entry = entry, .name = mem_strdup(entry->name), .dir_fd = -1, .archive_fd = -1
	};
	if (server_mailbox_dir(cx->server, entry, 0, &b, &why) == -1) {
		findings_add(cx->findings, FINDING_UNREADABLE, m->name, "%s", why.msg);
		m->lost = true;
		goto out;
	}
	m->dir = buf_steal(&b);
	if (cx->quiesce != NULL && quiesce_level(cx->quiesce) == QUIESCE_INDEX) {
		char *index;

		server_mailbox_dir(cx->server, entry, META_INDEX, &b, NULL);
		index = mem_printf("%s/cyrus.index", buf_text(&b));
		buf_clear(&b);
		index_held = quiesce_hold_index(cx->quiesce, AT_FDCWD, index, cx->lock_wait_ms, &why) == 0;
		if (!index_held && access(index, F_OK) == 0)
			findings_add(cx->findings, FINDING_IN_USE, m->name, "read while in use: %s", why.msg);
		free(index);
	}
	m->dir_fd = list_directory(cx, m, m->dir, false);
	if (part != NULL && part->archive != NULL) {
		buf_printf(&b, "%s/", part->archive);
		if (mboxname_dir(cx->server->conf, mailbox_entry_layout(cx->server->conf, entry), entry->name,
			entry->uniqueid, &b, NULL) == 0) {
			m->archive_dir = buf_steal(&b);
			m->archive_fd = list_directory(cx, m, m->archive_dir, true);
		}
		buf_clear(&b);
	}
	for (size_t i = 0; i < N_MAILBOX_FILES; i++) {
		char *path;

		server_mailbox_dir(cx->server, entry, mailbox_files[i].meta, &b, NULL);
		path = mem_printf("%s/%s", buf_text(&b), mailbox_files[i].name);
		buf_clear(&b);
		take(cx, path, mailbox_files[i].role, m->name, &m->files, &m->n_files);
		free(path);
	}
	/* With metapartitions an empty mailbox may have no directory in the spool. */
	m->lost = m->dir_fd == -1 && m->archive_fd == -1 && m->n_files == 0;
	sort_messages(m);
	if (index_held)
		quiesce_release(cx->quiesce);
out:
	buf_done(&b);
}

int capture_orphan(struct capture_context *cx, const char *dir, struct captured_mailbox *ret, struct err *e)
{
	*ret = (struct captured_mailbox){
		.name = mem_strdup(dir), .dir = mem_strdup(dir), .dir_fd = -1, .archive_fd = -1
	};
	if (job_cancelled(cx->job, e))
		return -1;
	ret->dir_fd = list_directory(cx, ret, dir, false);
	ret->lost = ret->dir_fd == -1;
	for (size_t i = 0; i < N_MAILBOX_FILES; i++) {
		char *path = mem_printf("%s/%s", dir, mailbox_files[i].name);

		take(cx, path, mailbox_files[i].role, ret->name, &ret->files, &ret->n_files);
		free(path);
	}
	sort_messages(ret);
	return 0;
}

/* All files below a directory: sieve scripts, a user's own directory of the uuid layout. */
static void take_tree(struct capture_context *cx, const char *dir, enum file_role role, const char *about,
    struct captured_file **files, size_t *n, unsigned depth)
{
	int fd = snapshot_open(cx->snapshot, dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, NULL);
	DIR *d = fd != -1 ? fdopendir(fd) : NULL;
	struct dirent *de;
	struct stat st;

	if (d == NULL) {
		if (fd != -1)
			close(fd);
		return;
	}
	if (fstat(fd, &st) == 0)
		take_directory(files, n, dir, &st);
	while ((de = readdir(d)) != NULL) {
		char *path;

		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0 ||
		    str_ends(de->d_name, ".NEW"))
			continue;
		path = mem_printf("%s/%s", dir, de->d_name);
		if (de->d_type == DT_DIR && depth > 0)
			take_tree(cx, path, role, about, files, n, depth - 1);
		else if (de->d_type == DT_REG || de->d_type == DT_LNK || de->d_type == DT_UNKNOWN)
			take(cx, path, role, about, files, n);
		free(path);
	}
	closedir(d);
}

/* Captures each kind of user file, in each layout this server may have it. */
static void capture_user_files(
    struct capture_context *cx, const char *owner, const struct roster *roster, struct capture *c)
{
	static const enum file_role roles[USER_FILES] = { ROLE_SEEN, ROLE_SUBS, ROLE_CONVERSATIONS,
		ROLE_COUNTERS, ROLE_XAPIAN, ROLE_DAV, ROLE_MBOXKEY, ROLE_SIEVE };
	char *inbox = mboxname_inbox(owner);
	const struct mailbox_entry *entry = mboxlist_find(roster->list, inbox);
	const struct roster_row *rows;
	size_t n_rows;
	const char *id = entry != NULL ? entry->uniqueid : NULL;
	struct buf b = BUF_INIT;

	for (int layout = LAYOUT_BY_NAME; layout <= LAYOUT_UUID; layout++) {
		if (layout == LAYOUT_UUID &&
		    (id == NULL || !cyrus_version_at_least(cx->server->version, 3, 6)))
			break;
		for (unsigned which = 0; which < USER_FILES; which++) {
			buf_clear(&b);
			if (mboxname_user_file(cx->server->conf, (enum mailbox_layout)layout,
				(enum user_file)which, owner, id, &b, NULL) == -1)
				continue;
			if (which == USER_SIEVE_DIR)
				take_tree(
				    cx, buf_text(&b), ROLE_SIEVE, "", &c->user_files, &c->n_user_files, 4);
			else
				take(cx, buf_text(&b), roles[which], "", &c->user_files, &c->n_user_files);
		}
	}
	/* Quota roots bear names of mailboxes, in every layout. */
	rows = roster_range(roster, owner, &n_rows);
	for (size_t i = 0; i < n_rows; i++) {
		const char *name = roster->list->entries[rows[i].entry].name;

		buf_clear(&b);
		if (mboxname_is_below(name, inbox) &&
		    mboxname_quota_file(cx->server->conf, name, &b, NULL) == 0)
			take(cx, buf_text(&b), ROLE_QUOTA, "", &c->user_files, &c->n_user_files);
	}
	buf_done(&b);
	free(inbox);
}

/* Opens message files while there is time and there are descriptors: what is open cannot vanish. */
static void open_messages(struct capture_context *cx, struct capture *c, uint64_t deadline_ms)
{
	size_t open_now = 0;

	for (size_t i = 0; i < c->n_mailboxes; i++) {
		struct captured_mailbox *m = &c->mailboxes[i];

		for (size_t k = 0; k < m->n_messages; k++) {
			char name[16];

			if (open_now >= cx->max_open || (k % 64 == 0 && clock_monotonic_ms() > deadline_ms))
				return;
			snprintf(name, sizeof name, "%u.", (unsigned)m->messages[k].uid);
			m->messages[k].fd = openat(m->messages[k].in_archive ? m->archive_fd : m->dir_fd,
			    name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
			open_now += m->messages[k].fd != -1;
		}
	}
}

/* The lock of no user holds the making and removing of shared mailboxes only: their content is held one by one. */
static void hold_shared(
    struct capture_context *cx, const struct roster *roster, const struct roster_row *rows, size_t n)
{
	struct err why;

	for (size_t i = 0; i < n; i++) {
		const struct mailbox_entry *entry = &roster->list->entries[rows[i].entry];

		if (mailbox_entry_has_directory(entry) &&
		    quiesce_hold_mailbox(cx->quiesce, mailbox_entry_layout(cx->server->conf, entry),
			entry->name, entry->uniqueid, cx->lock_wait_ms, &why) == -1)
			findings_add(
			    cx->findings, FINDING_IN_USE, entry->name, "read while in use: %s", why.msg);
	}
}

int capture_owner(struct capture_context *cx, const char *owner, capture_roster_fn *roster, void *arg,
    struct capture *ret, struct err *e)
{
	bool by_user = cx->quiesce != NULL && quiesce_level(cx->quiesce) == QUIESCE_USER;
	const struct roster_row *rows;
	const struct roster *now;
	uint64_t start;
	size_t n_rows;
	struct err why;

	*ret = (struct capture){ .owner = owner };
	if (job_cancelled(cx->job, e))
		return -1;
	if (by_user) {
		if (quiesce_hold_user(cx->quiesce, owner, cx->lock_wait_ms, &why) == 0)
			ret->held = true;
		else if (job_cancelled(cx->job, e))
			return -1;
		else
			findings_add(cx->findings, FINDING_IN_USE, "", "user %s: read while in use: %s",
			    owner, why.msg);
	}
	start = clock_monotonic_ms();
	now = roster(arg, e);
	if (now == NULL) {
		if (ret->held)
			quiesce_release(cx->quiesce);
		return -1;
	}
	rows = roster_range(now, owner, &n_rows);
	if (ret->held && *owner == '\0')
		hold_shared(cx, now, rows, n_rows);
	ret->mailboxes = mem_array(n_rows, sizeof *ret->mailboxes);
	for (size_t i = 0; i < n_rows; i++) {
		const struct mailbox_entry *entry = &now->list->entries[rows[i].entry];

		if (mailbox_entry_has_directory(entry))
			capture_mailbox(cx, entry, &ret->mailboxes[ret->n_mailboxes++]);
	}
	if (*owner != '\0')
		capture_user_files(cx, owner, now, ret);
	/* In a snapshot nothing vanishes. */
	if (cx->quiesce != NULL)
		open_messages(cx, ret, start + cx->hold_ms);
	if (ret->held)
		ret->held_ms = quiesce_release(cx->quiesce);
	return 0;
}
