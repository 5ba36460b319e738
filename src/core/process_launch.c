/* process_launch.c: start a program without a shell: its descriptors, its environment, fork and exec. */
#include "core/process_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/fault.h"
#include "core/io.h"
#include "core/mem.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

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

/* One socket in both directions, so that writing to what has ended is an error and no signal. */
static int make_pair(int ends[2], struct err *e)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == -1)
		return err_sys(e, "make a pair of sockets");
	ends[0] = above_stdio(ends[0]);
	ends[1] = above_stdio(ends[1]);
	if (ends[0] == -1 || ends[1] == -1)
		return err_sys(e, "make a pair of sockets");
	return 0;
}

void process_close_fd(int *fd)
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

int process_launch(const struct process_opts *o, struct process_child *c, bool talk, struct err *e)
{
	static const char *const base_env[] = { "LC_ALL=C", "PATH=" DEFAULT_PATH, NULL };
	int out[2] = { -1, -1 }, errs[2] = { -1, -1 }, report[2] = { -1, -1 };
	struct start s = { .o = o, .in = -1 };
	sigset_t all, old;
	int why = 0, rc = -1;
	ssize_t got;

	if (fault_point("process-start", e) == -1)
		return -1;
	if ((s.path = find_program(o->argv[0])) == NULL) {
		err_sys(e, "run %s", o->argv[0]);
		goto out;
	}
	if (talk ? make_pair(out, e) == -1 : (s.in = open_input(o, e)) == -1 || make_pipe(out, e) == -1)
		goto out;
	if (make_pipe(errs, e) == -1 || make_pipe(report, e) == -1)
		goto out;
	s.argv = copy_vector(o->argv, NULL);
	s.env = copy_vector(o->env, base_env);
	s.out = out[1];
	if (talk)
		s.in = out[1];
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
	process_close_fd(&report[1]);
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
		process_close_fd(&out[i]);
		process_close_fd(&errs[i]);
		process_close_fd(&report[i]);
	}
	if (!talk)
		process_close_fd(&s.in);
	free_vector(s.argv);
	free_vector(s.env);
	free(s.path);
	return rc;
}
