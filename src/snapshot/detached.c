/* detached.c: fsopen(), fsconfig(), fsmount(). */
#include "snapshot/detached.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/str.h"

int detached_possible(struct err *e)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_DIRECTORY, .resolve = RESOLVE_BENEATH };
	int fs = fsopen("tmpfs", FSOPEN_CLOEXEC), why = errno;
	long dir;

	if (fs == -1) {
		errno = why;
		err_sys(e, "a file system cannot be mounted without a place (fsopen)");
		return 0;
	}
	close(fs);
	dir = syscall(SYS_openat2, AT_FDCWD, ".", &how, sizeof how);
	if (dir == -1) {
		err_sys(e, "paths cannot be opened beneath a directory (openat2)");
		return 0;
	}
	close((int)dir);
	return 1;
}

/* What the file system has said, in one line: the errors, or else all of it. */
static void read_log(int fs, struct buf *b)
{
	char line[1024];
	ssize_t n;

	for (int i = 0; i < 32 && (n = read(fs, line, sizeof line)) > 0; i++) {
		while (n > 0 && line[n - 1] == '\n')
			n--;
		if (n > 2 && line[0] == 'e')
			buf_printf(b, "%s%.*s", b->len > 0 ? "; " : "", (int)(n - 2), line + 2);
	}
}

/* What a device that holds no readable file system gives; an overflown snapshot: EIO. */
static bool is_damage(int sys)
{
	return sys == EIO || sys == EINVAL || sys == EUCLEAN || sys == EBADMSG || sys == ENXIO ||
	       sys == ENODATA || sys == ERANGE;
}

static int fail(int fs, const char *fstype, const char *device, const char *what, struct err *e)
{
	struct buf said = BUF_INIT;
	int sys = errno;

	read_log(fs, &said);
	errno = sys;
	if (is_damage(sys))
		err_set(e, ERR_DAMAGE, "%s %s (%s): %s%s%s", what, device, fstype,
		    said.len > 0 ? buf_text(&said) : "", said.len > 0 ? ": " : "", strerror(sys));
	else
		err_sys(e, "%s %s (%s)%s%s", what, device, fstype, said.len > 0 ? ": " : "", buf_text(&said));
	buf_done(&said);
	errno = sys;
	return -1;
}

static int set_option(int fs, const char *option)
{
	const char *equals = strchr(option, '=');
	char *name;
	int rc;

	if (equals == NULL)
		return fsconfig(fs, FSCONFIG_SET_FLAG, option, NULL, 0);
	name = mem_strndup(option, (size_t)(equals - option));
	rc = fsconfig(fs, FSCONFIG_SET_STRING, name, equals + 1, 0);
	free(name);
	return rc;
}

int detached_mount(
    const char *fs, const char *device, const char *const *options, bool writable, struct err *e)
{
	unsigned attributes =
	    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | (writable ? 0 : MOUNT_ATTR_RDONLY);
	int context = fsopen(fs, FSOPEN_CLOEXEC), place = -1, root = -1, rc;

	if (context == -1)
		return err_sys(e, "mount %s (%s)", device, fs);
	rc = fsconfig(context, FSCONFIG_SET_STRING, "source", device, 0);
	if (rc == 0 && !writable)
		rc = fsconfig(context, FSCONFIG_SET_FLAG, "ro", NULL, 0);
	for (; rc == 0 && options != NULL && *options != NULL; options++)
		rc = set_option(context, *options);
	if (rc == 0)
		rc = fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (rc == 0)
		place = fsmount(context, FSMOUNT_CLOEXEC, attributes);
	/* What fsmount() gives is no more than a place (O_PATH); a directory that is open holds the mount as well. */
	if (place != -1)
		root = openat(place, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root == -1)
		fail(context, fs, device, "mount", e);
	if (place != -1)
		close(place);
	close(context);
	return root;
}
