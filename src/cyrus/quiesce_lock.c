/* quiesce_lock.c: one lock of Cyrus: find its file or make it, wait for it in slices, make sure it is still the right file. */
#include "cyrus/quiesce_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/mem.h"

#define SLICE_MS    50 /* after so long in the kernel a cancel and the deadline are looked at */
#define WAIT_SIGNAL (SIGRTMIN + 4)

int quiesce_pause(struct quiesce *q, uint64_t ms, struct err *e)
{
	struct timespec ts = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };

	nanosleep(&ts, NULL);
	return job_cancelled(q->job, e) ? -1 : 0;
}

void quiesce_name_holder(int fd, char *dst, size_t size)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[64], comm[64] = "";
	ssize_t n = -1;
	int proc;

	if (fcntl(fd, F_OFD_GETLK, &fl) == -1 || fl.l_type == F_UNLCK) {
		snprintf(dst, size, "changing processes");
		return;
	}
	if (fl.l_pid <= 0) {
		snprintf(dst, size, "another program's open file lock");
		return;
	}
	snprintf(path, sizeof path, "/proc/%ld/comm", (long)fl.l_pid);
	proc = open(path, O_RDONLY | O_CLOEXEC);
	if (proc != -1) {
		n = read(proc, comm, sizeof comm - 1);
		close(proc);
	}
	comm[n > 0 ? n : 0] = '\0';
	comm[strcspn(comm, "\n")] = '\0';
	snprintf(dst, size, "%s%sprocess %ld%s", comm, *comm != '\0' ? " (" : "", (long)fl.l_pid,
	    *comm != '\0' ? ")" : "");
}

static void interrupt(int sig)
{
	(void)sig;
}

static void install_interrupt(void)
{
	struct sigaction sa = { .sa_handler = interrupt }; /* without SA_RESTART: it is there to end a wait */

	sigaction(WAIT_SIGNAL, &sa, NULL);
}

/* Waits in the kernel for at most ${ms}: behind a lock that changes hands all the time, whoever only asks now and then never gets it. The
 * timer rings again and again: what rings before the wait begins would be lost. 0, or -1 with errno (EINTR: not yet). */
static int wait_for_lock(int fd, short type, uint64_t ms)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct flock fl = { .l_type = type, .l_whence = SEEK_SET };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = WAIT_SIGNAL };
	const long ns = (long)(ms > 0 ? ms : 1) * 1000000;
	const struct itimerspec slice = { { 0, ns }, { 0, ns } };
	sigset_t set, old;
	timer_t timer;
	int rc, saved;

	pthread_once(&once, install_interrupt);
	event._sigev_un._tid = gettid();
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) == -1)
		return -1;
	sigemptyset(&set);
	sigaddset(&set, WAIT_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &set, &old);
	timer_settime(timer, 0, &slice, NULL);
	rc = fcntl(fd, F_OFD_SETLKW, &fl);
	saved = errno;
	timer_delete(timer);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = saved;
	return rc;
}

int quiesce_lock_fd(struct quiesce *q, int fd, short type, const struct quiesce_wanted *w, struct err *e)
{
	char holder[160];

	for (;;) {
		struct flock fl = { .l_type = type, .l_whence = SEEK_SET };
		uint64_t now = clock_monotonic_ms();

		if (fcntl(fd, F_OFD_SETLK, &fl) == 0)
			return 1;
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return err_sys(e, "lock %s", w->what);
		if (now >= w->deadline_ms)
			break;
		if (wait_for_lock(
			fd, type, w->deadline_ms - now < SLICE_MS ? w->deadline_ms - now : SLICE_MS) == 0)
			return 1;
		if (errno != EINTR)
			return err_sys(e, "lock %s", w->what);
		if (job_cancelled(q->job, e))
			return -1;
	}
	quiesce_name_holder(fd, holder, sizeof holder);
	err_set(e, ERR_LOCKED, "%s is held by %s", w->what, holder);
	return 0;
}

/* Whatever is made here appears under its name with Cyrus's owner at once: Cyrus must never meet one it cannot open. */
static int give_to_cyrus(struct quiesce *q, int fd, const char *path, struct err *e)
{
	if (geteuid() == 0 && fchown(fd, q->uid, q->gid) == -1)
		return err_sys(e, "chown %s", path);
	return 0;
}

static int make_directory(struct quiesce *q, const char *path, struct err *e)
{
	char *tmp, *parent;
	const char *slash = strrchr(path, '/');
	int fd = -1, rc = -1;

	if (access(path, F_OK) == 0)
		return 0;
	if (slash == NULL || slash == path)
		return err_sys(e, "create directory %s", path);
	parent = mem_strndup(path, (size_t)(slash - path));
	tmp = mem_printf("%s.%ld.tmp", path, (long)getpid());
	if (make_directory(q, parent, e) == -1)
		goto out;
	rmdir(tmp);
	if (mkdir(tmp, 0755) == -1 ||
	    (fd = open(tmp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) == -1) {
		err_sys(e, "create directory %s", path);
		goto out;
	}
	if (give_to_cyrus(q, fd, path, e) == 0 && fchmod(fd, 0755) == 0 &&
	    (rename(tmp, path) == 0 || errno == ENOTEMPTY || errno == EEXIST))
		rc = 0;
	else
		err_sys(e, "create directory %s", path);
	rmdir(tmp);
out:
	if (fd != -1)
		close(fd);
	free(parent);
	free(tmp);
	return rc;
}

static int make_lock_file(struct quiesce *q, const char *path, struct err *e)
{
	char *dir = mem_strdup(path), *tmp = mem_printf("%s.%ld.tmp", path, (long)getpid());
	int fd = -1, rc = -1;

	dir[strrchr(dir, '/') - dir] = '\0';
	if (make_directory(q, dir, e) == -1)
		goto out;
	unlink(tmp);
	fd = open(tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1) {
		err_sys(e, "create %s", path);
		goto out;
	}
	if (give_to_cyrus(q, fd, path, e) == -1)
		goto discard;
	if (link(tmp, path) == 0 || errno == EEXIST)
		rc = 0;
	else
		err_sys(e, "create %s", path);
discard:
	unlink(tmp);
	close(fd);
out:
	free(dir);
	free(tmp);
	return rc;
}

int quiesce_make(struct quiesce *q, const char *path, struct err *e)
{
	return access(path, F_OK) == 0 ? 0 : make_lock_file(q, path, e);
}

static int open_wanted(struct quiesce *q, const struct quiesce_wanted *w, struct err *e)
{
	const int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	int fd = openat(w->dir_fd, w->path, flags);

	if (fd == -1 && errno == ENOENT && w->create) {
		if (make_lock_file(q, w->path, e) == -1)
			return -1;
		fd = openat(w->dir_fd, w->path, flags);
	}
	if (fd == -1 && (errno == EMFILE || errno == ENFILE)) {
		err_sys(e, "open %s", w->path);
		return err_hint(e, "each user is one open file: raise the limit (ulimit -n, LimitNOFILE=)");
	}
	return fd == -1 ? err_sys(e, "open %s", w->path) : fd;
}

int quiesce_hold(struct quiesce *q, const struct quiesce_wanted *w, struct err *e)
{
	const char *key = w->key != NULL ? w->key : w->path;
	struct stat opened, now;
	int fd, r;

	for (size_t i = 0; i < q->n_held && !(q->bulk && i > 0); i++)
		if (strcmp(q->held[i].key, key) == 0)
			return 1;
	for (;;) {
		if ((fd = open_wanted(q, w, e)) == -1)
			return -1;
		r = quiesce_lock_fd(q, fd, F_WRLCK, w, e);
		if (r != 1)
			break;
		/* Databases and indexes are replaced by rename: a lock on the old file locks nothing. */
		if (fstat(fd, &opened) == -1 ||
		    fstatat(w->dir_fd, w->path, &now, AT_SYMLINK_NOFOLLOW) == -1) {
			if (errno != ENOENT) {
				r = err_sys(e, "stat %s", w->path);
				break;
			}
		} else if (opened.st_dev == now.st_dev && opened.st_ino == now.st_ino) {
			q->held = mem_grow(q->held, &q->cap_held, q->n_held + 1, sizeof *q->held);
			q->held[q->n_held++] = (struct quiesce_held){ fd, mem_strdup(key) };
			if (q->n_held == 1)
				q->since_ms = clock_monotonic_ms();
			return 1;
		}
		close(fd);
	}
	close(fd);
	if (r == 0 && w->create) {
		free(q->blocked_path);
		free(q->blocked_what);
		q->blocked_path = mem_strdup(w->path);
		q->blocked_what = mem_strdup(w->what);
	}
	return r;
}
