/* io.c: full reads and writes, atomic replacement, opens beneath a root. */
#include "core/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/mem.h"

int io_write_all(int fd, const void *p, size_t n, const char *what, struct err *e)
{
	const char *s = p;

	while (n > 0) {
		ssize_t w = write(fd, s, n);

		if (w == -1 && errno == EINTR)
			continue;
		if (w == -1)
			return err_sys(e, "write %s", what);
		s += w;
		n -= (size_t)w;
	}
	return 0;
}

int io_read_all(int fd, void *p, size_t n, const char *what, size_t *ret, struct err *e)
{
	char *s = p;

	*ret = 0;
	while (*ret < n) {
		ssize_t r = read(fd, s + *ret, n - *ret);

		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1)
			return err_sys(e, "read %s", what);
		if (r == 0)
			break;
		*ret += (size_t)r;
	}
	return 0;
}

int io_pread_all(int fd, void *p, size_t n, uint64_t off, const char *what, struct err *e)
{
	char *s = p;

	while (n > 0) {
		ssize_t r = pread(fd, s, n, (off_t)off);

		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1)
			return err_sys(e, "read %s", what);
		if (r == 0)
			return err_set(e, ERR_DAMAGE, "%s ends at byte %llu, where more was expected", what,
			    (unsigned long long)off);
		s += r;
		off += (uint64_t)r;
		n -= (size_t)r;
	}
	return 0;
}

int io_pwrite_all(int fd, const void *p, size_t n, uint64_t off, const char *what, struct err *e)
{
	const char *s = p;

	while (n > 0) {
		ssize_t w = pwrite(fd, s, n, (off_t)off);

		if (w == -1 && errno == EINTR)
			continue;
		if (w == -1)
			return err_sys(e, "write %s", what);
		s += w;
		off += (uint64_t)w;
		n -= (size_t)w;
	}
	return 0;
}

int io_read_file(int dir_fd, const char *path, size_t max_bytes, struct buf *b, struct err *e)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	size_t got = 0, start = b->len;
	char *to;
	int rc = -1;

	if (fd == -1)
		return err_sys(e, "open %s", path);
	if (fstat(fd, &st) == -1) {
		err_sys(e, "stat %s", path);
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		err_set(e, ERR_FORMAT, "%s is not a regular file", path);
		goto out;
	}
	/* Files may grow while they are read: read what is there now and let one byte more prove the limit. */
	do {
		size_t ask = (uint64_t)st.st_size > got && (uint64_t)st.st_size - got < 1 << 20
		    ? (size_t)((uint64_t)st.st_size - got) + 1 : 1 << 20;
		size_t n;

		to = buf_reserve(b, ask);
		if (to == NULL || got > max_bytes) {
			err_set(e, ERR_FORMAT, "%s is larger than %zu bytes", path, max_bytes);
			goto out;
		}
		if (io_read_all(fd, to, ask, path, &n, e) == -1)
			goto out;
		b->len += n;
		b->data[b->len] = '\0';
		got += n;
		if (n < ask)
			break;
	} while (1);
	if (got > max_bytes) {
		err_set(e, ERR_FORMAT, "%s is larger than %zu bytes", path, max_bytes);
		goto out;
	}
	rc = 0;
out:
	if (rc == -1 && b->data != NULL) {
		b->len = start;
		b->data[start] = '\0';
	}
	close(fd);
	return rc;
}

int io_fsync(int fd, const char *what, struct err *e)
{
	return fsync(fd) == -1 ? err_sys(e, "fsync %s", what) : 0;
}

int io_fsync_dir(int dir_fd, const char *path, struct err *e)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd == -1)
		return err_sys(e, "open directory %s", path);
	rc = io_fsync(fd, path, e);
	close(fd);
	return rc;
}

/* The directory part of a path: "." when there is none. free() it. */
static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return mem_strdup(".");
	return mem_strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

int io_replace(int dir_fd, const char *path, const void *p, size_t n, mode_t mode, struct err *e)
{
	char *tmp = mem_printf("%s.%ld.tmp", path, (long)getpid());
	char *parent = parent_of(path);
	int fd, rc = -1;

	unlinkat(dir_fd, tmp, 0);
	fd = openat(dir_fd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd == -1) {
		err_sys(e, "create %s", tmp);
		goto out;
	}
	if (io_write_all(fd, p, n, tmp, e) == -1 || io_fsync(fd, tmp, e) == -1)
		goto discard;
	if (renameat(dir_fd, tmp, dir_fd, path) == -1) {
		err_sys(e, "rename %s to %s", tmp, path);
		goto discard;
	}
	rc = io_fsync_dir(dir_fd, parent, e);
	goto out;
discard:
	unlinkat(dir_fd, tmp, 0);
out:
	if (fd != -1)
		close(fd);
	free(parent);
	free(tmp);
	return rc;
}

/* The same where openat2() is missing (Linux before 5.6, some sandboxes): one component after the other, no link followed. */
static int open_beneath_stepwise(int root_fd, const char *path, int flags, mode_t mode)
{
	int fd = *path == '/' || *path == '\0' ? -1 : fcntl(root_fd, F_DUPFD_CLOEXEC, 0);

	if (fd == -1) {
		errno = *path == '/' ? EXDEV : *path == '\0' ? ENOENT : errno;
		return -1;
	}
	for (;;) {
		size_t n = strcspn(path, "/"), skip = n + strspn(path + n, "/");
		bool last = path[skip] == '\0', is_dir = path[n] == '/';
		char *name = mem_strndup(path, n);
		int next = -1, keep;

		if (strcmp(name, "..") == 0)
			errno = EXDEV;
		else if (last)
			next = openat(fd, name, flags | O_NOFOLLOW | O_CLOEXEC | (is_dir ? O_DIRECTORY : 0), mode);
		else
			next = openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		keep = errno;
		free(name);
		close(fd);
		errno = keep;
		if (next == -1 || last)
			return next;
		fd = next;
		path += skip;
	}
}

int io_open_beneath(int root_fd, const char *path, int flags, mode_t mode, struct err *e)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.mode = flags & (O_CREAT | O_TMPFILE) ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	do
		fd = syscall(SYS_openat2, root_fd, path, &how, sizeof how);
	while (fd == -1 && (errno == EINTR || errno == EAGAIN));
	if (fd == -1 && (errno == ENOSYS || errno == EPERM))
		fd = open_beneath_stepwise(root_fd, path, flags, mode);
	if (fd == -1)
		return err_sys(e, "open %s", path);
	return (int)fd;
}

int io_mkdirs(int dir_fd, const char *path, mode_t mode, struct err *e)
{
	char *copy = mem_strdup(path);
	int rc = 0;

	for (char *s = copy + (*copy == '/'); rc == 0; s++) {
		char end = *s;

		if (end != '/' && end != '\0')
			continue;
		*s = '\0';
		if (*copy != '\0' && mkdirat(dir_fd, copy, mode) == -1 && errno != EEXIST)
			rc = err_sys(e, "create directory %s", copy);
		*s = end;
		if (end == '\0')
			break;
	}
	free(copy);
	return rc;
}

int io_mkdirs_beneath(int root_fd, const char *path, mode_t mode, struct err *e)
{
	int fd;

	if (!io_path_is_safe(path, strlen(path)))
		return err_set(e, ERR_FORMAT, "path %s would leave its directory", path);
	fd = io_open_beneath(root_fd, ".", O_RDONLY | O_DIRECTORY, 0, e);
	while (fd != -1 && *path != '\0') {
		size_t n = strcspn(path, "/");
		char *name = mem_strndup(path, n);
		int next = -1;

		if (mkdirat(fd, name, mode) == -1 && errno != EEXIST)
			err_sys(e, "create directory %s", name);
		else
			next = io_open_beneath(fd, name, O_RDONLY | O_DIRECTORY, 0, e);
		free(name);
		close(fd);
		fd = next;
		path += n + (path[n] == '/');
	}
	return fd;
}

int io_mkdir_as(int dir_fd, const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	/* The ids that file systems look at are the thread's own. They also take root's power to write anywhere from it. */
	int old_uid = setfsuid((uid_t)-1), old_gid = setfsgid((gid_t)-1), rc, keep;

	setfsgid(gid);
	setfsuid(uid);
	rc = mkdirat(dir_fd, path, mode);
	keep = errno;
	setfsuid((uid_t)old_uid);
	setfsgid((gid_t)old_gid);
	if (rc == -1 && keep == EACCES && uid != geteuid()) {
		rc = mkdirat(dir_fd, path, mode);
		if (rc == 0)
			rc = fchownat(dir_fd, path, uid, gid, AT_SYMLINK_NOFOLLOW);
		keep = errno;
	}
	errno = keep;
	return rc;
}

static int remove_entries(int fd, dev_t dev, struct err *e)
{
	DIR *d = fdopendir(fd);
	struct dirent *de;
	int rc = 0;

	if (d == NULL) {
		close(fd);
		return err_sys(e, "list directory");
	}
	while (rc == 0 && (errno = 0, de = readdir(d)) != NULL) {
		struct stat st;
		int sub;

		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
			continue;
		if (fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
			rc = err_sys(e, "stat %s", de->d_name);
		} else if (!S_ISDIR(st.st_mode)) {
			if (unlinkat(dirfd(d), de->d_name, 0) == -1 && errno != ENOENT)
				rc = err_sys(e, "remove %s", de->d_name);
		} else if (st.st_dev != dev) {
			rc = err_set(e, ERR_REFUSED, "%s is another file system", de->d_name);
		} else {
			sub = io_open_beneath(dirfd(d), de->d_name, O_RDONLY | O_DIRECTORY, 0, e);
			rc = sub == -1 ? -1 : remove_entries(sub, dev, e);
			if (rc == 0 && unlinkat(dirfd(d), de->d_name, AT_REMOVEDIR) == -1)
				rc = err_sys(e, "remove %s", de->d_name);
		}
	}
	closedir(d);
	return rc;
}

int io_remove_tree(int dir_fd, const char *name, struct err *e)
{
	struct stat st;
	int fd;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : err_sys(e, "stat %s", name);
	if (!S_ISDIR(st.st_mode))
		return unlinkat(dir_fd, name, 0) == -1 ? err_sys(e, "remove %s", name) : 0;
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return err_sys(e, "open directory %s", name);
	if (remove_entries(fd, st.st_dev, e) == -1)
		return err_wrap(e, "remove %s", name);
	return unlinkat(dir_fd, name, AT_REMOVEDIR) == -1 ? err_sys(e, "remove %s", name) : 0;
}

int io_temp_fd(const char *dir, struct err *e)
{
	char *name;
	int fd;

	if (dir == NULL)
		dir = getenv("TMPDIR");
	if (dir == NULL || *dir == '\0')
		dir = "/var/tmp";
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd != -1)
		return fd;
	name = mem_printf("%s/cyrvault.XXXXXX", dir);
	fd = mkostemp(name, O_CLOEXEC);
	if (fd != -1)
		unlink(name);
	else
		err_sys(e, "create a temporary file in %s", dir);
	free(name);
	return fd;
}

int io_path_is_safe(const char *path, size_t n)
{
	size_t start = 0;

	if (n == 0 || n >= PATH_MAX || memchr(path, '\0', n) != NULL)
		return 0;
	for (size_t i = 0; i <= n; i++) {
		if (i < n && path[i] != '/')
			continue;
		if (i == start || (i - start == 1 && path[start] == '.') ||
		    (i - start == 2 && path[start] == '.' && path[start + 1] == '.'))
			return 0;
		start = i + 1;
	}
	return 1;
}
