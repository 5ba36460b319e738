/* fault_wrap.c: system calls that fail, or at which the process dies, when a test build is told to (fault.h).
 *
 * The linker sends our own calls here (-Wl,--wrap in the Makefile); those of libraries go their usual way. Nothing of this is in
 * other builds. */
#include "core/fault.h"

#ifdef CYRVAULT_FAULTS

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* What to do with one call. */
enum act { ACT_CALL, ACT_FAIL, ACT_CALL_AND_DIE };

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

WRAP(ssize_t, pwrite64, "pwrite", (int fd, const void *p, size_t n, off_t off), (fd, p, n, off))
WRAP(int, fsync, "fsync", (int fd), (fd))
WRAP(int, syncfs, "syncfs", (int fd), (fd))
WRAP(int, rename, "rename", (const char *from, const char *to), (from, to))
WRAP(int, renameat, "renameat", (int a, const char *from, int b, const char *to), (a, from, b, to))
WRAP(int, renameat2, "renameat2", (int a, const char *from, int b, const char *to, unsigned flags),
    (a, from, b, to, flags))
WRAP(int, link, "link", (const char *from, const char *to), (from, to))
WRAP(int, linkat, "linkat", (int a, const char *from, int b, const char *to, int flags),
    (a, from, b, to, flags))
WRAP(int, unlinkat, "unlinkat", (int dir, const char *path, int flags), (dir, path, flags))
WRAP(int, mkdir, "mkdir", (const char *path, mode_t mode), (path, mode))
WRAP(int, mkdirat, "mkdirat", (int dir, const char *path, mode_t mode), (dir, path, mode))
WRAP(int, fchown, "fchown", (int fd, uid_t uid, gid_t gid), (fd, uid, gid))

/* Only files: terminals, pipes and eventfds have no disk that could be full. */
ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n)
{
	static unsigned counter;
	enum act act = ACT_CALL;
	struct stat st;
	ssize_t r;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		act = act_on("write", &counter);
	if (act == ACT_FAIL)
		return -1;
	/* What is killed while it writes has written a part. */
	r = __real_write(fd, p, act == ACT_CALL_AND_DIE && n > 1 ? n / 2 : n);
	if (act == ACT_CALL_AND_DIE)
		_exit(137);
	return r;
}

#else
typedef int fault_wrap_is_not_built_in;
#endif
