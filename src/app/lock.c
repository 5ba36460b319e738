/* lock.c: a lock file per server that says who holds it. */
#include "app/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/io.h"
#include "core/mem.h"

int lock_take(const char *directory, const char *server, const char *what, struct err *e)
{
	char *path = mem_printf("%s/%s.lock", directory, server);
	char text[256], when[32];
	ssize_t n;
	int fd = -1, rc = -1;

	if (io_mkdirs(AT_FDCWD, directory, 0700, e) == -1) {
		err_hint(e, "run as root, or set lock_directory in [state]");
		goto out;
	}
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1) {
		err_sys(e, "open lock file %s", path);
		goto out;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		n = pread(fd, text, sizeof text - 1, 0);
		text[n > 0 ? n : 0] = '\0';
		text[strcspn(text, "\n")] = '\0';
		err_set(e, ERR_LOCKED, "server %s is being worked on: %s", server, text);
		err_hint(e, "wait for it to end");
		goto out;
	}
	snprintf(text, sizeof text, "%s, process %ld, since %s\n", what, (long)getpid(),
	    clock_iso(when, sizeof when, clock_now()));
	if (ftruncate(fd, 0) == -1 || io_pwrite_all(fd, text, strlen(text), 0, path, e) == -1)
		goto out;
	rc = 0;
out:
	if (rc == -1 && fd != -1)
		close(fd);
	free(path);
	return rc == -1 ? -1 : fd;
}
