/* process.c: start a program without a shell, drain it, wait for it, stop it when asked. */
#include "core/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"

#define DEFAULT_PATH	 "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define DEFAULT_MAX	 ((size_t)16 << 20)
#define ERRORS_MAX	 ((size_t)64 << 10)
#define KILL_AFTER_MS	 5000
#define LINGER_MS	 1000 /* for output after the end: a daemon it left behind may keep the pipe open for ever */
#define CANCEL_TICK_MS	 50
#define NO_PIDFD_TICK_MS 10

struct child {
	pid_t pid;
	int pid_fd; /* -1 where the kernel has none */
	int out, err;
	bool ended;
	int wait_status;
	uint64_t start_ms, stop_ms, killed_ms, ended_ms; /* 0: not yet */
};

/* All that the new process needs, made before fork(): between fork and exec only async-signal-safe calls are allowed. */
struct start {
	char *path;
	char **argv, **env;
	int in, out, err, report;
	const struct process_opts *o;
};

/* A descriptor above 2, so that dup2() onto 0 to 2 never hits one that is still needed. */
static int above_stdio(int fd)
{
	int up;

	if (fd > 2 || fd == -1)
		return fd;
	up = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	close(fd);
	return up;
}

static int make_pipe(int ends[2], struct err *e)
{
	if (pipe2(ends, O_CLOEXEC) == -1)
		return err_sys(e, "make a pipe");
	ends[0] = above_stdio(ends[0]);
	ends[1] = above_stdio(ends[1]);
	if (ends[0] == -1 || ends[1] == -1)
		return err_sys(e, "make a pipe");
	return 0;
}

static void close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

/* A file in memory rather than a pipe: nothing to feed while draining, and no SIGPIPE. */
static int open_input(const struct process_opts *o, struct err *e)
{
	int fd;

	if (o->input == NULL) {
		fd = above_stdio(open("/dev/null", O_RDONLY | O_CLOEXEC));
		return fd == -1 ? err_sys(e, "open /dev/null") : fd;
	}
	fd = above_stdio(memfd_create("stdin", MFD_CLOEXEC));
	if (fd == -1)
		return err_sys(e, "keep the standard input in memory");
	if (io_write_all(fd, o->input, o->input_len, "the standard input", e) == -1 ||
	    lseek(fd, 0, SEEK_SET) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Where argv[0] is. free() it; NULL when there is no such program. */
static char *find_program(const char *name)
{
	const char *dir = DEFAULT_PATH;
	struct stat st;

	if (strchr(name, '/') != NULL)
		return mem_strdup(name);
	while (*dir != '\0') {
		size_t n = strcspn(dir, ":");
		char *path = mem_printf("%.*s/%s", (int)n, dir, name);

		if (access(path, X_OK) == 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode))
			return path;
		free(path);
		dir += n + (dir[n] == ':');
	}
	errno = ENOENT;
	return NULL;
}

/* A private copy of a NULL-terminated vector with ${extra} in front: exec wants char *const[]. */
static char **copy_vector(const char *const *v, const char *const *extra)
{
	size_t n = 0, m = 0;
	char **copy;

	while (v != NULL && v[n] != NULL)
		n++;
	while (extra != NULL && extra[m] != NULL)
		m++;
	copy = mem_array(n + m + 1, sizeof *copy);
	for (size_t i = 0; i < m; i++)
		copy[i] = mem_strdup(extra[i]);
	for (size_t i = 0; i < n; i++)
		copy[m + i] = mem_strdup(v[i]);
	return copy;
}

static void free_vector(char **v)
{
	for (size_t i = 0; v != NULL && v[i] != NULL; i++)
		free(v[i]);
	free(v);
}

static bool drop_privileges(const struct process_opts *o)
{
	if (geteuid() == 0 && setgroups(1, &o->gid) == -1)
		return false;
	return setresgid(o->gid, o->gid, o->gid) == 0 && setresuid(o->uid, o->uid, o->uid) == 0;
}

static void cloexec_all(void)
{
	struct rlimit rl;

#ifdef SYS_close_range
	if (syscall(SYS_close_range, 3u, UINT_MAX, 4u /* CLOSE_RANGE_CLOEXEC */) == 0)
		return;
#endif
	if (getrlimit(RLIMIT_NOFILE, &rl) == -1 || rl.rlim_cur > 65536)
		rl.rlim_cur = 65536;
	for (int fd = 3; fd < (int)rl.rlim_cur; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* In the new process: only async-signal-safe calls. */
static _Noreturn void become(const struct start *s)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;
	ssize_t ignored;
	int why;

	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &dfl, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	umask(077);
	if (dup2(s->in, 0) == -1 || dup2(s->out, 1) == -1 || dup2(s->err, 2) == -1 || chdir("/") == -1)
		goto fail;
	cloexec_all();
	if (s->o->drop_privileges && !drop_privileges(s->o))
		goto fail;
	execve(s->path, s->argv, s->env);
fail:
	why = errno;
	ignored = write(s->report, &why, sizeof why);
	(void)ignored;
	_exit(127);
}

static int launch(const struct process_opts *o, struct child *c, struct err *e)
{
	static const char *const base_env[] = { "LC_ALL=C", "PATH=" DEFAULT_PATH, NULL };
	int out[2] = { -1, -1 }, errs[2] = { -1, -1 }, report[2] = { -1, -1 };
	struct start s = { .o = o, .in = -1 };
	sigset_t all, old;
	int why = 0, rc = -1;
	ssize_t got;

	if ((s.path = find_program(o->argv[0])) == NULL) {
		err_sys(e, "run %s", o->argv[0]);
		goto out;
	}
	if ((s.in = open_input(o, e)) == -1 || make_pipe(out, e) == -1 || make_pipe(errs, e) == -1 ||
	    make_pipe(report, e) == -1)
		goto out;
	s.argv = copy_vector(o->argv, NULL);
	s.env = copy_vector(o->env, base_env);
	s.out = out[1];
	s.err = errs[1];
	s.report = report[1];

	/* No handler of ours may run in the new process before its signals are reset. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	c->pid = fork();
	if (c->pid == 0)
		become(&s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (c->pid == -1) {
		err_sys(e, "start %s", o->argv[0]);
		goto out;
	}
	close_fd(&report[1]);
	while ((got = read(report[0], &why, sizeof why)) == -1 && errno == EINTR)
		;
	if (got == (ssize_t)sizeof why) {
		while (waitpid(c->pid, NULL, 0) == -1 && errno == EINTR)
			;
		errno = why;
		err_sys(e, "run %s", s.path);
		goto out;
	}
	c->pid_fd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	c->out = out[0];
	c->err = errs[0];
	out[0] = errs[0] = -1;
	rc = 0;
out:
	for (int i = 0; i < 2; i++) {
		close_fd(&out[i]);
		close_fd(&errs[i]);
		close_fd(&report[i]);
	}
	close_fd(&s.in);
	free_vector(s.argv);
	free_vector(s.env);
	free(s.path);
	return rc;
}

/* Read what is there; beyond the buffer's ceiling it is dropped and buf.full stays set. Closes ${*fd} at the end. */
static void drain(int *fd, struct buf *b)
{
	char chunk[65536];
	ssize_t n = read(*fd, chunk, sizeof chunk);

	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		close_fd(fd);
		return;
	}
	if (!b->full && (size_t)n > b->max - b->len) {
		buf_add(b, chunk, b->max - b->len);
		b->full = true;
	} else if (!b->full) {
		buf_add(b, chunk, (size_t)n);
	}
}

/* The whole session the child leads, or it alone when that is gone already. */
static void send_signal(const struct child *c, int sig)
{
	if (kill(-c->pid, sig) == -1)
		kill(c->pid, sig);
}

/* Asks for the end when it is due; true when a cancel was seen. */
static bool stop_when_due(const struct process_opts *o, struct child *c, struct process_result *r)
{
	uint64_t now = clock_monotonic_ms();
	bool cancelled = job_cancelled(o->job, NULL);

	if (c->ended)
		return cancelled;
	if (c->stop_ms == 0 && (cancelled || (o->timeout_ms > 0 && now - c->start_ms >= o->timeout_ms))) {
		r->timed_out = !cancelled;
		c->stop_ms = now;
		send_signal(c, SIGTERM);
	} else if (c->stop_ms != 0 && c->killed_ms == 0 && !o->never_kill &&
		   now - c->stop_ms >= KILL_AFTER_MS) {
		c->killed_ms = now;
		send_signal(c, SIGKILL);
	}
	return cancelled;
}

static int wait_ms(const struct process_opts *o, const struct child *c)
{
	uint64_t now = clock_monotonic_ms(), due = 0;

	if (c->ended) {
		uint64_t left = c->ended_ms + LINGER_MS > now ? c->ended_ms + LINGER_MS - now : 0;

		return (int)left;
	}
	if (c->pid_fd == -1)
		return NO_PIDFD_TICK_MS;
	if (c->stop_ms == 0 && o->job != NULL)
		return CANCEL_TICK_MS;
	if (c->stop_ms == 0 && o->timeout_ms > 0)
		due = c->start_ms + o->timeout_ms;
	else if (c->stop_ms != 0 && c->killed_ms == 0 && !o->never_kill)
		due = c->stop_ms + KILL_AFTER_MS;
	if (due == 0)
		return -1;
	due = due > now ? due - now : 0;
	return due > 3600000 ? 3600000 : (int)due;
}

static void reap(struct child *c)
{
	pid_t pid;

	while ((pid = waitpid(c->pid, &c->wait_status, WNOHANG)) == -1 && errno == EINTR)
		;
	if (pid == 0)
		return;
	/* Somebody else reaped it (SIGCHLD ignored): its status is lost, and a lost status is no success. */
	if (pid == -1)
		c->wait_status = 127 << 8;
	c->ended = true;
	c->ended_ms = clock_monotonic_ms();
}

int process_run(const struct process_opts *o, struct process_result *ret, struct err *e)
{
	struct child c = { .pid_fd = -1, .out = -1, .err = -1, .start_ms = clock_monotonic_ms() };
	bool cancelled = false;

	*ret = (struct process_result){ .status = -1 };
	ret->out.max = o->max_output_bytes > 0 ? o->max_output_bytes : DEFAULT_MAX;
	ret->err.max = ERRORS_MAX;
	if (job_cancelled(o->job, e))
		return -1;
	if (launch(o, &c, e) == -1)
		return -1;
	while (!c.ended || c.out != -1 || c.err != -1) {
		struct pollfd fds[3] = { { c.out, POLLIN, 0 }, { c.err, POLLIN, 0 },
			{ c.ended ? -1 : c.pid_fd, POLLIN, 0 } };
		int ready = poll(fds, 3, wait_ms(o, &c));

		if (ready == -1 && errno != EINTR && errno != EAGAIN) {
			/* It cannot be watched any more, but it must not run on unwatched either. */
			send_signal(&c, o->never_kill ? SIGTERM : SIGKILL);
			while (waitpid(c.pid, &c.wait_status, 0) == -1 && errno == EINTR)
				;
			c.ended = true;
			break;
		}
		if (ready > 0 && fds[0].revents != 0)
			drain(&c.out, &ret->out);
		if (ready > 0 && fds[1].revents != 0)
			drain(&c.err, &ret->err);
		if (!c.ended)
			reap(&c);
		else if (wait_ms(o, &c) == 0)
			break;
		cancelled = stop_when_due(o, &c, ret) || cancelled;
	}
	close_fd(&c.out);
	close_fd(&c.err);
	close_fd(&c.pid_fd);
	ret->status = WIFSIGNALED(c.wait_status) ? 128 + WTERMSIG(c.wait_status) : WEXITSTATUS(c.wait_status);
	/* A program that ended by itself just when the operator said stop has done its work. */
	return cancelled && c.stop_ms != 0 && !ret->timed_out && job_cancelled(o->job, e) ? -1 : 0;
}

/* The program's name without its directory. */
static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

int process_check(const struct process_opts *o, const struct process_result *r, struct err *e)
{
	const char *name = base_name(o->argv[0]), *text = buf_text(&r->err), *rest;
	size_t n;

	if (r->timed_out)
		return err_set(e, ERR_TOOL, "%s was stopped: it took longer than %llu ms", name,
		    (unsigned long long)o->timeout_ms);
	if (r->status == 0 && r->out.full)
		return err_set(e, ERR_TOOL, "%s wrote more than %zu bytes", name, r->out.max);
	if (r->status == 0)
		return 0;
	text += strspn(text, " \t\r\n");
	n = strcspn(text, "\r\n");
	if (n == 0 && r->status > 128)
		return err_set(e, ERR_TOOL, "%s was ended by signal %d", name, r->status - 128);
	if (n == 0)
		return err_set(e, ERR_TOOL, "%s failed with exit status %d", name, r->status);
	err_set(e, ERR_TOOL, "%s: %.*s", name, (int)n, text);
	rest = text + n + strspn(text + n, " \t\r\n");
	return *rest != '\0' ? err_hint(e, "it also said: %.300s", rest) : -1;
}

int process_run_check(const struct process_opts *o, struct process_result *ret, struct err *e)
{
	if (process_run(o, ret, e) == -1)
		return -1;
	return process_check(o, ret, e);
}

void process_result_done(struct process_result *r)
{
	buf_done(&r->out);
	buf_done(&r->err);
}
