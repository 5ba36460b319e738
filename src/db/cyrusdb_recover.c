/* cyrusdb_recover.c: private copies of a Berkeley database and its logs, a child that recovers them, and what came of it. */
#include "db/cyrusdb_recover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/clock.h"
#include "core/io.h"
#include "core/mem.h"
#include "db/db_backend.h"
#include "db/db_recovery.h"

#define LOG_MAX    ((size_t)256 << 20)
#define LOGS_MAX   ((size_t)1 << 30)
#define NAME_MAX_N 4096u
#define SPARSE     65536
#define TICK_MS    50
#define WAIT_MS    (600 * 1000)
#define ROOT_NAME  "cyrvault-recover."
#define LEFTOVER_S 3600

/* One recovery. */
struct recovery {
	const char *live_path;
	char *root_path;
	int root; /* what the child sees as / */
	uint32_t log_version, last_log;
	size_t log_bytes;
	unsigned logs;
	bool named;  /* the log has the live path as it is, */
	char *other; /* or another path with the same last name */
};

static const char *last_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* ---- copies ---- */

static int write_copy(int dir, const char *path, const struct buf *b, struct err *e)
{
	int fd = openat(dir, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600), rc = 0;
	const char *p = buf_text(b);

	if (fd == -1)
		return err_sys(e, "create a copy of %s", path);
	for (size_t at = 0; rc == 0 && at < b->len; at += SPARSE) {
		size_t n = b->len - at < SPARSE ? b->len - at : SPARSE;

		/* Most of a log is room for what comes. */
		if (p[at] != 0 || memcmp(p + at, p + at + 1, n - 1) != 0)
			rc = io_pwrite_all(fd, p + at, n, at, path, e);
	}
	if (rc == 0 && ftruncate(fd, (off_t)b->len) == -1)
		rc = err_sys(e, "write a copy of %s", path);
	close(fd);
	return rc;
}

/* The directories above an absolute path, below the root of the child. A path that leads up is not followed. */
static int make_above(struct recovery *r, const char *path, struct err *e)
{
	char *copy = mem_strdup(path + strspn(path, "/"));
	int rc = strstr(path, "/../") != NULL
	             ? err_set(e, ERR_DAMAGE, "the log names a file by a path that leads up")
	             : 0;

	for (char *p = strchr(copy, '/'); rc == 0 && p != NULL; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdirat(r->root, copy, 0700) == -1 && errno != EEXIST)
			rc = err_sys(e, "make a directory");
		*p = '/';
	}
	free(copy);
	return rc;
}

/* One name in a log: of which file changes are told, and where libdb will make files anew. */
static int take_name(struct recovery *r, const char *name, struct err *e)
{
	if (strcmp(name, r->live_path) == 0) {
		r->named = true;
	} else if (strcmp(last_name(name), last_name(r->live_path)) == 0) {
		if (r->other != NULL && strcmp(r->other, name) != 0)
			return err_set(e, ERR_UNSUPPORTED, "the log names both %s and %s", r->other, name);
		if (r->other == NULL)
			r->other = mem_strdup(name);
	}
	return make_above(r, name, e);
}

/* Names stand in records with their lengths, NUL and all, before them. */
static int take_names(struct recovery *r, const struct buf *b, struct err *e)
{
	const uint8_t *p = (const uint8_t *)buf_text(b), *end = p + b->len;

	for (const uint8_t *s = p + DB_LOG_HEAD; (s = memchr(s, '/', (size_t)(end - s))) != NULL; s++) {
		uint32_t n = le32(s - 4);

		if (n > 2 && n <= NAME_MAX_N && n <= (size_t)(end - s) &&
		    strnlen((const char *)s, n) == n - 1 && take_name(r, (const char *)s, e) == -1)
			return -1;
	}
	return 0;
}

/* The release whose logs have that version, from rep.h of 5.3. */
static const char *release_of(uint32_t log_version)
{
	static const char *const names[] = { [8] = "4.2",
		[10] = "4.3",
		[11] = "4.4",
		[12] = "4.5",
		[13] = "4.6",
		[14] = "4.7",
		[15] = "4.8",
		[16] = "4.8",
		[17] = "5.0 or 5.1",
		[18] = "5.2",
		[19] = "5.3" };

	return log_version < sizeof names / sizeof *names && names[log_version] != NULL ? names[log_version]
	                                                                                : "another release";
}

static int check_head(struct recovery *r, const char *name, const struct buf *b, struct err *e)
{
	const uint8_t *p = (const uint8_t *)buf_text(b);

	if (b->len < DB_LOG_HEAD || (le32(p + 12) != DB_LOG_MAGIC && be32(p + 12) != DB_LOG_MAGIC))
		return err_set(e, ERR_DAMAGE, "%s is no log of Berkeley DB, or its begin is lost", name);
	if (le32(p + 12) != DB_LOG_MAGIC)
		return err_set(e, ERR_UNSUPPORTED, "%s is of a machine with another byte order", name);
	/* Each is made as long as it may become (less one byte) before it is written. */
	if (b->len + 1 < le32(p + 20))
		return err_set(e, ERR_DAMAGE, "%s is cut short: %zu of %u bytes", name, b->len, le32(p + 20));
	if (r->log_version != 0 && r->log_version != le32(p + 16))
		return err_set(e, ERR_UNSUPPORTED, "the logs are of Berkeley DB %s and %s",
		    release_of(r->log_version), release_of(le32(p + 16)));
	r->log_version = le32(p + 16);
	return 0;
}

static int copy_log(struct recovery *r, int log_fd, const char *name, struct err *e)
{
	char *to = mem_printf(DB_RECOVERY_HOME "/%s", name);
	struct buf b = BUF_INIT;
	int rc = io_read_file(log_fd, name, LOG_MAX, &b, e);
	uint32_t number;

	if (rc == 0 && b.len > LOGS_MAX - r->log_bytes)
		rc = err_set(e, ERR_UNSUPPORTED, "more than %zu MiB of logs", LOGS_MAX >> 20);
	if (rc == 0) {
		r->log_bytes += b.len;
		r->logs++;
		number = (uint32_t)strtoul(name + 4, NULL, 10);
		if (number > r->last_log)
			r->last_log = number;
		rc = check_head(r, name, &b, e);
	}
	if (rc == 0)
		rc = take_names(r, &b, e);
	if (rc == 0)
		rc = write_copy(r->root, to, &b, e);
	buf_done(&b);
	free(to);
	return rc;
}

static int copy_logs(struct recovery *r, int log_fd, struct job *job, struct err *e)
{
	int fd = openat(log_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *d = fd != -1 ? fdopendir(fd) : NULL;
	struct dirent *de;

	if (d == NULL)
		return err_sys(e, "read the directory of the logs");
	while (rc == 0 && (errno = 0, de = readdir(d)) != NULL) {
		if (strncmp(de->d_name, "log.", 4) == 0 && strlen(de->d_name) == 14 &&
		    strspn(de->d_name + 4, "0123456789") == 10)
			rc = job_cancelled(job, e) ? -1 : copy_log(r, log_fd, de->d_name, e);
	}
	if (rc == 0 && errno != 0)
		rc = err_sys(e, "read the directory of the logs");
	closedir(d);
	if (rc == 0 && r->logs == 0)
		rc = err_set(e, ERR_NOT_FOUND, "there is no log of Berkeley DB");
	return rc;
}

/* A database that was made since the last checkpoint may have no file yet. */
static int copy_database(struct recovery *r, int dir_fd, const char *name, struct err *e)
{
	const char *place = !r->named && r->other != NULL ? r->other : r->live_path;
	struct buf b = BUF_INIT;
	struct stat st;
	int rc = 0;

	if (make_above(r, place, e) == -1)
		return -1;
	if (fstatat(dir_fd, name, &st, 0) == 0 || errno != ENOENT)
		rc = io_read_file(dir_fd, name, DB_MAX_BYTES, &b, e);
	if (rc == 0 && b.len > 0)
		rc = write_copy(r->root, place + strspn(place, "/"), &b, e);
	buf_done(&b);
	return rc;
}

/* ---- the child ---- */

static int judge(int wait_status, const char *said, struct err *e)
{
	if (WIFSIGNALED(wait_status))
		return err_set(e, ERR_DAMAGE, "Berkeley DB died of signal %d", WTERMSIG(wait_status));
	switch (WEXITSTATUS(wait_status)) {
	case RECOVERED: return 0;
	case RECOVERY_REFUSED: return err_set(e, ERR_UNSUPPORTED, "%s", said);
	default: return err_set(e, ERR_DAMAGE, "%s", *said != '\0' ? said : "Berkeley DB gave up");
	}
}

static int wait_for(pid_t pid, int report, struct job *job, struct err *e)
{
	uint64_t end = clock_monotonic_ms() + WAIT_MS;
	int wait_status = 0, rc = 0;
	char said[700];
	size_t n = 0;

	for (;;) {
		struct pollfd fd = { .fd = report, .events = POLLIN };
		ssize_t got = poll(&fd, 1, TICK_MS) > 0 ? read(report, said + n, sizeof said - 1 - n) : -1;

		if (got == 0)
			break;
		if (got > 0)
			n += (size_t)got;
		if (n == sizeof said - 1)
			break;
		if (job_cancelled(job, e))
			rc = -1;
		else if (clock_monotonic_ms() >= end)
			rc = err_set(e, ERR_DAMAGE, "Berkeley DB did not come to an end");
		if (rc == -1)
			kill(pid, SIGKILL);
		if (rc == -1)
			break;
	}
	said[n] = '\0';
	while (waitpid(pid, &wait_status, 0) == -1 && errno == EINTR)
		;
	return rc == -1 ? -1 : judge(wait_status, said, e);
}

static int run_child(struct recovery *r, struct job *job, struct err *e)
{
	int report[2], rc;
	sigset_t all, before;
	pid_t pid;

	if (pipe2(report, O_CLOEXEC) == -1)
		return err_sys(e, "make a pipe");
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		db_recovery_child(r->root, report[1], r->log_version, r->last_log);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	close(report[1]);
	rc = pid == -1 ? err_sys(e, "start a process") : wait_for(pid, report[0], job, e);
	close(report[0]);
	return rc;
}

/* ---- the whole ---- */

/* What runs that were killed left: none takes as long as that. */
static void remove_leftovers(const char *tmp)
{
	DIR *d = opendir(tmp);
	struct dirent *de;
	struct stat st;

	while (d != NULL && (de = readdir(d)) != NULL)
		if (strncmp(de->d_name, ROOT_NAME, strlen(ROOT_NAME)) == 0 &&
		    fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) &&
		    st.st_uid == geteuid() && st.st_mtime < time(NULL) - LEFTOVER_S)
			io_remove_tree(dirfd(d), de->d_name, NULL);
	if (d != NULL)
		closedir(d);
}

static int make_root(struct recovery *r, struct err *e)
{
	const char *tmp = getenv("TMPDIR");

	if (tmp == NULL || *tmp != '/')
		tmp = "/var/tmp";
	remove_leftovers(tmp);
	r->root_path = mem_printf("%s/" ROOT_NAME "XXXXXX", tmp);
	if (mkdtemp(r->root_path) == NULL) {
		err_sys(e, "create %s", r->root_path);
		free(r->root_path);
		r->root_path = NULL;
		return -1;
	}
	r->root = open(r->root_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->root == -1 || mkdirat(r->root, DB_RECOVERY_HOME, 0700) == -1)
		return err_sys(e, "create %s", r->root_path);
	return 0;
}

int cyrusdb_recover(int dir_fd, const char *name, const char *live_path, int log_fd, struct job *job,
    struct cyrusdb **ret, struct err *e)
{
	struct recovery r = { .live_path = live_path, .root = -1 };
	int rc = make_root(&r, e);

	if (rc == 0)
		rc = copy_logs(&r, log_fd, job, e);
	if (rc == 0)
		rc = copy_database(&r, dir_fd, name, e);
	if (rc == 0)
		rc = run_child(&r, job, e);
	if (rc == 0) {
		const char *place = !r.named && r.other != NULL ? r.other : live_path;

		rc = cyrusdb_open(r.root, place + strspn(place, "/"), ret, e);
	}
	if (rc == -1 && e != NULL && e->code == ERR_UNSUPPORTED && r.log_version != 0)
		err_hint(e, "it was written by Berkeley DB %s", release_of(r.log_version));
	if (r.root != -1)
		close(r.root);
	if (r.root_path != NULL)
		io_remove_tree(AT_FDCWD, r.root_path, NULL);
	free(r.root_path);
	free(r.other);
	return rc == -1 ? err_wrap(e, "recover %s from its log", name) : 0;
}
