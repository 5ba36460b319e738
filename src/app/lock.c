/* lock.c: a lock file per server that says who holds it. */
#include "app/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/io.h"
#include "core/mem.h"

/* Of the open file: it goes with the descriptor, and can be asked for without being taken. */
static struct flock whole_file(void)
{
	return (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
}

static void read_holder(int fd, char text[256])
{
	ssize_t n = pread(fd, text, 255, 0);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

char *lock_holder(const char *directory, const char *server)
{
	char *path = mem_printf("%s/%s.lock", directory, server), *ret = NULL, text[256];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct flock lock = whole_file();

	if (fd != -1 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK) {
		read_holder(fd, text);
		ret = mem_strdup(text);
	}
	if (fd != -1)
		close(fd);
	free(path);
	return ret;
}

int lock_moment(const char *directory, const char *name, struct err *e)
{
	char *path = mem_printf("%s/%s", directory, name);
	struct flock lock = whole_file();
	int fd = -1;

	if (io_mkdirs(AT_FDCWD, directory, 0700, e) == 0) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd == -1)
			err_sys(e, "open %s", path);
	}
	if (fd != -1 && fcntl(fd, F_OFD_SETLKW, &lock) == -1) {
		err_sys(e, "lock %s", path);
		close(fd);
		fd = -1;
	}
	free(path);
	return fd;
}

int lock_take(const char *directory, const char *server, const char *what, struct err *e)
{
	char *path = mem_printf("%s/%s.lock", directory, server);
	char text[256], when[32];
	struct flock lock = whole_file();
	int fd = -1, rc = -1;

	if (io_mkdirs(AT_FDCWD, directory, 0700, e) == -1) {
		err_hint(e, "run as root, or set lock_directory in [state]");
		goto out;
	}
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1) {
		err_sys(e, "open lock file %s", path);
		err_hint(e, "nothing was changed; see to it, or set lock_directory in [state]");
		goto out;
	}
	if (fcntl(fd, F_OFD_SETLK, &lock) == -1) {
		read_holder(fd, text);
		err_set(e, ERR_LOCKED, "%s %s is being worked on: %s", server[0] == '@' ? "store" : "server",
		    server + (server[0] == '@'), text);
		err_hint(e, "wait for it to end");
		goto out;
	}
	snprintf(text, sizeof text, "%s, process %ld, since %s\n", what, (long)getpid(),
	    clock_iso(when, sizeof when, clock_now()));
	rc = ftruncate(fd, 0) == -1 ? err_sys(e, "write %s", path)
	                            : io_pwrite_all(fd, text, strlen(text), 0, path, e);
	if (rc == -1)
		err_hint(e, "nothing was changed; make room there, or set lock_directory in [state]");
out:
	if (rc == -1 && fd != -1)
		close(fd);
	free(path);
	return rc == -1 ? -1 : fd;
}
