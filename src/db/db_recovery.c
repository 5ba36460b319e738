/* db_recovery.c: libdb's recovery, in a child process that can reach nothing but the copies.
 *
 * The process that forked may have threads. A child of such a process may go on using the heap (glibc holds its locks over
 * fork()), and libdb brings its own locks, new in this child: it is used nowhere else. */
#include "db/db_recovery.h"

#include <db.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/bytes.h"

#define HOME        "/" DB_RECOVERY_HOME
#define PROBE       "/" DB_RECOVERY_HOME ".probe"
#define REPORT_FD   3
#define CACHE_BYTES (32u << 20)
#define CPU_SECONDS 600
#define RECORD_HEAD 12 /* where the one before begins, length, check sum */
#define ENV_FLAGS   (DB_PRIVATE | DB_CREATE | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_MPOOL | DB_INIT_LOCK)

static char said[400]; /* the first thing libdb complained about */

static _Noreturn void end(enum db_recovery_status status, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static _Noreturn void end(enum db_recovery_status status, const char *fmt, ...)
{
	char text[600];
	va_list ap;
	ssize_t ignored;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	ignored = write(REPORT_FD, text, strlen(text));
	(void)ignored;
	_exit(status);
}

static void on_error(const DB_ENV *env, const char *prefix, const char *text)
{
	(void)env;
	(void)prefix;
	if (said[0] == '\0')
		snprintf(said, sizeof said, "%s", text);
}

static void on_message(const DB_ENV *env, const char *text)
{
	(void)env;
	(void)text;
}

/* The copies need not outlive a loss of power. */
static int no_fsync(int fd)
{
	(void)fd;
	return 0;
}

/* Only the report and the standard three, which lead nowhere, stay open: others may hold locks. */
static void close_all(int root_fd, int report_fd)
{
	int null = open("/dev/null", O_RDWR);
	struct rlimit rl = { 0 };

	/* Not even by a name of /proc: the root is entered while it is still open. */
	if (fchdir(root_fd) == -1)
		_exit(RECOVERY_FAILED);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	if (report_fd != REPORT_FD)
		dup2(report_fd, REPORT_FD);
#ifdef SYS_close_range
	if (syscall(SYS_close_range, REPORT_FD + 1u, UINT_MAX, 0u) == 0)
		return;
#endif
	getrlimit(RLIMIT_NOFILE, &rl);
	for (int fd = REPORT_FD + 1; fd < (int)rl.rlim_cur; fd++)
		close(fd);
}

static void be_alone(int root_fd, int report_fd)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	struct rlimit cpu = { CPU_SECONDS, CPU_SECONDS }, core = { 0, 0 };
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &dfl, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setrlimit(RLIMIT_CPU, &cpu);
	setrlimit(RLIMIT_CORE, &core);
	umask(077);
	close_all(root_fd, report_fd);
	if (chroot(".") == -1 && (unshare(CLONE_NEWUSER) == -1 || chroot(".") == -1))
		end(RECOVERY_REFUSED, "a directory cannot be made the root of a process: %s",
		    strerror(errno));
	if (chdir("/") == -1)
		end(RECOVERY_FAILED, "enter the copies: %s", strerror(errno));
}

static DB_ENV *open_env(const char *home, u_int32_t flags)
{
	DB_ENV *env;
	int r = db_env_create(&env, 0);

	if (r != 0)
		end(RECOVERY_FAILED, "%s", db_strerror(r));
	env->set_errcall(env, on_error);
	env->set_msgcall(env, on_message);
	env->set_cachesize(env, 0, CACHE_BYTES, 1);
	r = env->open(env, home, flags, 0600);
	if (r != 0)
		end(RECOVERY_FAILED, "%s", said[0] != '\0' ? said : db_strerror(r));
	return env;
}

static size_t read_at(const char *path, off_t at, void *p, size_t n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t got = 0;
	ssize_t r;

	while (fd != -1 && got < n && (r = pread(fd, (char *)p + got, n - got, at + (off_t)got)) > 0)
		got += (size_t)r;
	if (fd != -1)
		close(fd);
	return got;
}

/* Which version of logs this libdb writes, nothing but a log that it wrote tells. */
static uint32_t own_log_version(void)
{
	uint32_t head[5] = { 0 };
	DB_ENV *env;

	if (mkdir(PROBE, 0700) == -1)
		end(RECOVERY_FAILED, "make a directory: %s", strerror(errno));
	env = open_env(PROBE, ENV_FLAGS);
	env->txn_checkpoint(env, 0, 0, DB_FORCE);
	env->close(env, 0);
	if (read_at(PROBE "/log.0000000001", 0, head, sizeof head) != sizeof head || head[3] != DB_LOG_MAGIC)
		end(RECOVERY_FAILED, "Berkeley DB wrote no log");
	return head[4];
}

/* libdb takes the first record that fails its check for the end of the log, and writes zeros over what comes behind. It is the end when a write was
 * cut short; it is not when another record comes behind: each says where the one before it begins. */
static void check_end(uint32_t last_log)
{
	char path[64];
	struct stat st;
	DB_LOGC *cursor = NULL;
	DBT record = { 0 };
	DB_LSN last;
	uint8_t *log;
	size_t n, broken;
	DB_ENV *env;

	snprintf(path, sizeof path, HOME "/log.%010u", last_log);
	if (stat(path, &st) == -1 || (log = malloc((size_t)st.st_size + 1)) == NULL)
		end(RECOVERY_FAILED, "%s: %s", path + sizeof HOME, strerror(errno));
	n = read_at(path, 0, log, (size_t)st.st_size);
	env = open_env(HOME, ENV_FLAGS);
	if (env->log_cursor(env, &cursor, 0) != 0 || cursor->get(cursor, &last, &record, DB_LAST) != 0)
		end(RECOVERY_FAILED, "the log cannot be read: %s", said);
	cursor->close(cursor, 0);
	env->close(env, 0);
	if (n < DB_LOG_HEAD || last.offset > n - RECORD_HEAD ||
	    (last.file != last_log && last.file + 1 != last_log))
		end(RECOVERY_FAILED, "%s is damaged", path + sizeof HOME);
	/* One that was just begun has no record yet. */
	broken = last.file == last_log ? last.offset + (size_t)le32(log + last.offset + 4) : DB_LOG_HEAD;
	for (size_t i = broken + RECORD_HEAD; i + RECORD_HEAD <= n; i++)
		if (le32(log + i) == broken && le32(log + i + 4) > RECORD_HEAD && le32(log + i + 4) <= n - i)
			end(RECOVERY_FAILED, "%s is damaged at byte %zu, and goes on behind it",
			    path + sizeof HOME, broken);
	free(log);
}

_Noreturn void db_recovery_child(int root_fd, int report_fd, uint32_t log_version, uint32_t last_log)
{
	uint32_t own;
	DB_ENV *env;
	int r;

	be_alone(root_fd, report_fd);
	db_env_set_func_fsync(no_fsync);
	own = own_log_version();
	if (log_version != own)
		end(RECOVERY_REFUSED, "the log is of version %u, and %s writes version %u", log_version,
		    db_version(NULL, NULL, NULL), own);
	check_end(last_log);
	env = open_env(HOME, ENV_FLAGS | DB_RECOVER);
	r = env->txn_checkpoint(env, 0, 0, DB_FORCE);
	if (r == 0)
		r = env->close(env, 0);
	if (r != 0)
		end(RECOVERY_FAILED, "%s", said[0] != '\0' ? said : db_strerror(r));
	_exit(RECOVERED);
}
