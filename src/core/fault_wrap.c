/* fault_wrap.c: system calls that fail, or at which the process dies, when a test build is told to (fault.h).
 *
 * The linker sends our own calls here (-Wl,--wrap in the Makefile); those of libraries go their usual way. Nothing of this is in
 * other builds. */
#include "core/fault.h"

#ifdef CYRVAULT_FAULTS

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* What to do with one call. */
enum act { ACT_CALL, ACT_FAIL, ACT_CALL_AND_DIE, ACT_SHORT, ACT_TORN };

static enum act act_on(const char *name, unsigned *counter)
{
	static const struct {
		const char *name;
		int number;
	} numbers[] = { { "EIO", EIO }, { "ENOSPC", ENOSPC }, { "EDQUOT", EDQUOT }, { "EACCES", EACCES },
		{ "EROFS", EROFS } };
	const char *want = fault_wanted("CYRVAULT_WRAP", name, counter);

	if (want == NULL)
		return ACT_CALL;
	if (strcmp(want, "exit") == 0)
		_exit(137);
	if (strcmp(want, "after") == 0)
		return ACT_CALL_AND_DIE;
	if (strcmp(want, "short") == 0)
		return ACT_SHORT;
	if (strcmp(want, "torn") == 0)
		return ACT_TORN;
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		if (strcmp(want, numbers[i].name) == 0) {
			errno = numbers[i].number;
			return ACT_FAIL;
		}
	}
	abort();
}

#define WRAP(type, name, label, parameters, arguments)  \
	type __real_##name parameters;                  \
	type __wrap_##name parameters;                  \
	type __wrap_##name parameters                   \
	{                                               \
		static unsigned counter;                \
		enum act act = act_on(label, &counter); \
		type r;                                 \
                                                        \
		if (act == ACT_FAIL)                    \
			return -1;                      \
		r = __real_##name arguments;            \
		if (act == ACT_CALL_AND_DIE)            \
			_exit(137);                     \
		return r;                               \
	}

WRAP(int, fsync, "fsync", (int fd), (fd))
WRAP(int, fdatasync, "fdatasync", (int fd), (fd))
WRAP(int, syncfs, "syncfs", (int fd), (fd))
WRAP(int, ftruncate64, "ftruncate", (int fd, off_t size), (fd, size))
WRAP(int, rename, "rename", (const char *from, const char *to), (from, to))
WRAP(int, renameat, "renameat", (int a, const char *from, int b, const char *to), (a, from, b, to))
WRAP(int, renameat2, "renameat2", (int a, const char *from, int b, const char *to, unsigned flags),
    (a, from, b, to, flags))
WRAP(int, link, "link", (const char *from, const char *to), (from, to))
WRAP(int, linkat, "linkat", (int a, const char *from, int b, const char *to, int flags),
    (a, from, b, to, flags))
WRAP(int, symlink, "symlink", (const char *to, const char *path), (to, path))
WRAP(int, symlinkat, "symlinkat", (const char *to, int dir, const char *path), (to, dir, path))
WRAP(int, unlink, "unlink", (const char *path), (path))
WRAP(int, unlinkat, "unlinkat", (int dir, const char *path, int flags), (dir, path, flags))
WRAP(int, rmdir, "rmdir", (const char *path), (path))
WRAP(int, mkdir, "mkdir", (const char *path, mode_t mode), (path, mode))
WRAP(int, mkdirat, "mkdirat", (int dir, const char *path, mode_t mode), (dir, path, mode))
WRAP(int, fchmod, "fchmod", (int fd, mode_t mode), (fd, mode))
WRAP(int, fchown, "fchown", (int fd, uid_t uid, gid_t gid), (fd, uid, gid))
WRAP(int, fchownat, "fchownat", (int dir, const char *path, uid_t uid, gid_t gid, int flags),
    (dir, path, uid, gid, flags))
WRAP(int, lchown, "lchown", (const char *path, uid_t uid, gid_t gid), (path, uid, gid))
WRAP(int, futimens, "futimens", (int fd, const struct timespec times[2]), (fd, times))

/* What is killed while it writes has written a part. */
static size_t part_of(size_t n, enum act act)
{
	return act != ACT_CALL && n > 1 ? n / 2 : n;
}

/* Only files: terminals, pipes and eventfds have no disk that could be full. */
static bool is_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* What a write of which ${r} came to looks like. */
static ssize_t end_write(enum act act, ssize_t r)
{
	if (act == ACT_CALL_AND_DIE)
		_exit(137);
	if (act == ACT_TORN) {
		errno = ENOSPC;
		return -1;
	}
	return r;
}

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n)
{
	static unsigned counter;
	enum act act = is_file(fd) ? act_on("write", &counter) : ACT_CALL;

	return act == ACT_FAIL ? -1 : end_write(act, __real_write(fd, p, part_of(n, act)));
}

ssize_t __real_pwrite64(int fd, const void *p, size_t n, off_t off);
ssize_t __wrap_pwrite64(int fd, const void *p, size_t n, off_t off);
ssize_t __wrap_pwrite64(int fd, const void *p, size_t n, off_t off)
{
	static unsigned counter;
	enum act act = act_on("pwrite", &counter);

	return act == ACT_FAIL ? -1 : end_write(act, __real_pwrite64(fd, p, part_of(n, act), off));
}

/* Those that may create something; one that only opens changes nothing. */
static unsigned opened;

#define WRAP_OPEN(name, parameters, arguments, flags, last)                \
	int __real_##name parameters;                                      \
	int __wrap_##name parameters;                                      \
	int __wrap_##name parameters                                       \
	{                                                                  \
		enum act act = ACT_CALL;                                   \
		mode_t mode = 0;                                           \
		va_list ap;                                                \
		int r;                                                     \
                                                                           \
		if ((flags)&O_CREAT || ((flags)&O_TMPFILE) == O_TMPFILE) { \
			va_start(ap, last);                                \
			mode = va_arg(ap, mode_t);                         \
			va_end(ap);                                        \
			act = act_on("open", &opened);                     \
		}                                                          \
		if (act == ACT_FAIL)                                       \
			return -1;                                         \
		r = __real_##name arguments;                               \
		if (act == ACT_CALL_AND_DIE)                               \
			_exit(137);                                        \
		return r;                                                  \
	}

WRAP_OPEN(open64, (const char *path, int flags, ...), (path, flags, mode), flags, flags)
WRAP_OPEN(openat64, (int dir, const char *path, int flags, ...), (dir, path, flags, mode), flags, flags)

#else
typedef int fault_wrap_is_not_built_in;
#endif
