/* fault.c: act on CYRVAULT_FAULT in test builds. */
#include "core/fault.h"

#ifdef CYRVAULT_FAULTS

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* By the bare system call: what is traced here must not be counted itself. */
static void trace(const char *name, unsigned number, bool fired)
{
	const char *path = getenv("CYRVAULT_TRACE");
	int keep = errno, fd = path != NULL ? (int)syscall(SYS_openat, AT_FDCWD, path,
						  O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)
	                                    : -1;
	char line[80];
	int n = snprintf(line, sizeof line, "%s %u%s\n", name, number, fired ? " fired" : "");

	if (fd != -1) {
		syscall(SYS_write, fd, line, (size_t)n);
		close(fd);
	}
	errno = keep;
}

const char *fault_wanted(const char *variable, const char *name, unsigned *counter)
{
	unsigned number = __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
	const char *want = getenv(variable);
	size_t n = strlen(name);
	char *end;

	if (want != NULL && (strncmp(want, name, n) != 0 || (want[n] != '=' && want[n] != ':')))
		want = NULL;
	if (want != NULL && want[n] == ':' && (strtoul(want + n + 1, &end, 10) != number || *end != '='))
		want = NULL;
	trace(name, number, want != NULL);
	return want != NULL ? strchr(want, '=') + 1 : NULL;
}

/* Each place counts for itself; there are few. */
static unsigned *counter_of(const char *name)
{
	static struct {
		const char *name;
		unsigned counter;
	} known[64];
	static char lock;
	unsigned *found = NULL;

	while (__atomic_test_and_set(&lock, __ATOMIC_ACQUIRE))
		;
	for (size_t i = 0; i < sizeof known / sizeof known[0] && found == NULL; i++) {
		if (known[i].name == NULL)
			known[i].name = name;
		if (strcmp(known[i].name, name) == 0)
			found = &known[i].counter;
	}
	__atomic_clear(&lock, __ATOMIC_RELEASE);
	return found;
}

/* The action, unless it was to die. */
static const char *wanted_here(const char *name)
{
	unsigned *counter = counter_of(name);
	const char *want = counter != NULL ? fault_wanted("CYRVAULT_FAULT", name, counter) : NULL;

	if (want != NULL && strcmp(want, "exit") == 0)
		_exit(137);
	return want;
}

bool fault_refuses(const char *name)
{
	const char *want = wanted_here(name);

	return want != NULL && strcmp(want, "no") == 0;
}

int fault_point(const char *name, struct err *e)
{
	const char *want = wanted_here(name);

	if (want == NULL)
		return 0;
	if (strcmp(want, "error") == 0) {
		errno = EIO;
		return err_sys(e, "fault point %s", name);
	}
	if (strncmp(want, "wait:", 5) == 0) {
		int fd = (int)syscall(SYS_openat, AT_FDCWD, want + 5, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

		if (fd != -1)
			close(fd);
		while (access(want + 5, F_OK) == 0)
			nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	return 0;
}

#else
typedef int fault_is_not_built_in;
#endif
