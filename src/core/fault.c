/* fault.c: act on CYRVAULT_FAULT in test builds. */
#include "core/fault.h"

#ifdef CYRVAULT_FAULTS

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int fault_point(const char *name, struct err *e)
{
	const char *want = getenv("CYRVAULT_FAULT");
	size_t n = strlen(name);

	if (want == NULL || strncmp(want, name, n) != 0 || want[n] != '=')
		return 0;
	want += n + 1;
	if (strcmp(want, "exit") == 0)
		_exit(137);
	if (strcmp(want, "error") == 0) {
		errno = EIO;
		return err_sys(e, "fault point %s", name);
	}
	if (strncmp(want, "wait:", 5) == 0) {
		int fd = open(want + 5, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

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
