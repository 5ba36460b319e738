/* serve_place.c: the directory of a served store: names, and what may be done to files (see serve_place.h for why it is safe). */
#include "store/serve_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "core/fault.h"
#include "core/io.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "store/store.h"

#define PARTIAL ".partial"

/* Free space is asked for again after so many bytes. */
#define SPACE_EVERY ((uint64_t)1 << 20)

/* How long to wait for a lock that others hold for moments. */
#define LOCK_TRIES  500
#define LOCK_NAP_NS 10000000

int place_open(struct place *p, const struct serve_opts *o, struct err *e)
{
	*p = (struct place){ .o = *o, .fd = open(o->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	if (p->fd == -1)
		return err_sys(e, "%s", o->directory);
	p->path = mem_strdup(o->directory);
	p->o.directory = p->path;
	/* The first write asks. */
	p->unchecked = SPACE_EVERY;
	return 0;
}

void place_close(struct place *p)
{
	if (p->path != NULL)
		close(p->fd);
	free(p->path);
	p->path = NULL;
}

/* What a file name is: ${n} bytes. */
static void parse_name(const char *s, size_t n, struct place_name *ret)
{
	const size_t tail = strlen(PARTIAL);

	if (n >= sizeof ret->file || memchr(s, '\0', n) != NULL)
		return;
	memcpy(ret->file, s, n);
	ret->file[n] = '\0';
	if (store_name_ok(ret->file)) {
		ret->kind = PLACE_ARCHIVE;
		return;
	}
	if (s[0] != '.' || n <= 1 + tail || memcmp(s + n - tail, PARTIAL, tail) != 0)
		return;
	memcpy(ret->archive, s + 1, n - 1 - tail);
	ret->archive[n - 1 - tail] = '\0';
	if (store_name_ok(ret->archive))
		ret->kind = PLACE_UPLOAD;
}

void place_parse(const struct place *p, const char *path, size_t n, struct place_name *ret)
{
	size_t alias = strlen(p->path);
	bool named = false;

	*ret = (struct place_name){ .kind = PLACE_DIRECTORY };
	while (alias > 1 && p->path[alias - 1] == '/')
		alias--;
	if (alias > 1 && n >= alias && memcmp(path, p->path, alias) == 0 &&
	    (n == alias || path[alias] == '/')) {
		path += alias;
		n -= alias;
	}
	while (n > 0) {
		const char *slash = memchr(path, '/', n);
		size_t len = slash != NULL ? (size_t)(slash - path) : n;

		if (len == 2 && memcmp(path, "..", 2) == 0) {
			ret->kind = PLACE_OUTSIDE;
			return;
		}
		if (named && len > 0) { /* there are no directories below */
			*ret = (struct place_name){ .kind = PLACE_NOTHING };
			return;
		}
		if (len > 0 && !(len == 1 && path[0] == '.')) {
			named = true;
			ret->kind = PLACE_NOTHING;
			parse_name(path, len, ret);
		}
		n -= slash != NULL ? len + 1 : len;
		path += slash != NULL ? len + 1 : len;
	}
}

/* ---- locks ---- */

static int lock(int fd, int how, struct err *e)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, how | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(e, "lock");
		nanosleep(&(struct timespec){ .tv_nsec = LOCK_NAP_NS }, NULL);
	}
	return err_set(e, ERR_LOCKED, "it is being written by another program");
}

static void unlock(int fd)
{
	flock(fd, LOCK_UN);
}

static bool is_sealed(const struct stat *st)
{
	return (st->st_mode & (S_IWUSR | S_IWGRP | S_IWOTH)) == 0;
}

/* ---- looking ---- */

static int no_file(const struct place_name *name, struct err *e)
{
	if (name->kind == PLACE_OUTSIDE)
		return err_set(e, ERR_REFUSED, "outside of the store");
	return err_set(e, ERR_NOT_FOUND, "no such file");
}

static bool is_file(const struct place_name *name)
{
	return name->kind == PLACE_ARCHIVE || name->kind == PLACE_UPLOAD;
}

int place_stat(const struct place *p, const struct place_name *name, struct stat *st, struct err *e)
{
	if (name->kind == PLACE_DIRECTORY)
		return fstat(p->fd, st) == 0 ? 0 : err_sys(e, "the store");
	if (!is_file(name))
		return no_file(name, e);
	if (fstatat(p->fd, name->file, st, AT_SYMLINK_NOFOLLOW) == -1)
		return err_sys(e, "%s", name->file);
	return S_ISREG(st->st_mode) ? 0 : no_file(name, e);
}

/* A regular file of the directory itself; nothing is followed. */
static int open_file(const struct place *p, const char *file, int flags, struct stat *st, struct err *e)
{
	int fd = io_open_beneath(p->fd, file, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0, e);

	if (fd == -1)
		return -1;
	if (fstat(fd, st) == -1 || !S_ISREG(st->st_mode)) {
		close(fd);
		return err_set(e, ERR_NOT_FOUND, "no such file");
	}
	return fd;
}

int place_read(const struct place *p, const struct place_name *name, struct err *e)
{
	struct stat st;

	return is_file(name) ? open_file(p, name->file, O_RDONLY, &st, e) : no_file(name, e);
}

DIR *place_list(const struct place *p, struct err *e)
{
	int fd = openat(p->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd != -1 ? fdopendir(fd) : NULL;

	if (d == NULL) {
		err_sys(e, "list the store");
		if (fd != -1)
			close(fd);
	}
	return d;
}

int place_next(const struct place *p, DIR *d, struct place_name *ret, struct stat *st, struct err *e)
{
	struct dirent *de;

	while (errno = 0, (de = readdir(d)) != NULL) {
		*ret = (struct place_name){ .kind = PLACE_NOTHING };
		parse_name(de->d_name, strlen(de->d_name), ret);
		if (is_file(ret) && fstatat(p->fd, de->d_name, st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st->st_mode))
			return 1;
	}
	return errno == 0 ? 0 : err_sys(e, "list the store");
}

int place_space(const struct place *p, struct statvfs *ret, struct err *e)
{
	uint64_t keep;

	if (fstatvfs(p->fd, ret) == -1)
		return err_sys(e, "free space");
	if (ret->f_frsize == 0)
		ret->f_frsize = ret->f_bsize != 0 ? ret->f_bsize : 1;
	keep = p->o.keep_free / ret->f_frsize;
	ret->f_bfree = ret->f_bfree > keep ? ret->f_bfree - keep : 0;
	ret->f_bavail = ret->f_bavail > keep ? ret->f_bavail - keep : 0;
	if (p->o.read_only)
		ret->f_flag |= ST_RDONLY;
	return 0;
}

/* ---- changing ---- */

static int may_change(const struct place *p, const struct place_name *name, struct err *e)
{
	if (p->o.read_only)
		return err_set(e, ERR_REFUSED, "this key only reads");
	if (name->kind == PLACE_ARCHIVE)
		return err_set(e, ERR_REFUSED,
		    "archives are not changed; upload to .NAME.partial and rename it to NAME");
	return name->kind == PLACE_UPLOAD ? 0 : err_set(e, ERR_REFUSED, "not a name of this store");
}

static int check_space(struct place *p, uint64_t need, struct err *e)
{
	struct statvfs v;

	if (p->o.keep_free == 0)
		return 0;
	p->unchecked += need;
	if (p->unchecked < SPACE_EVERY)
		return 0;
	if (place_space(p, &v, e) == -1)
		return -1;
	if (v.f_bavail <= need / v.f_frsize)
		return err_set(e, ERR_SPACE, "no space left that may be used");
	p->unchecked = 0;
	return 0;
}

static int check_size(const struct place *p, uint64_t off, uint64_t n, struct err *e)
{
	uint64_t max = p->o.max_size_bytes != 0 ? p->o.max_size_bytes : INT64_MAX;

	if (n > max || off > max - n)
		return err_set(e, ERR_SPACE, "an archive may not be that large here");
	return 0;
}

/* A kill between seal and name leaves an upload sealed; as long as that is its only name it may be taken up again. */
static int break_seal(int fd, struct err *e)
{
	if (lock(fd, LOCK_EX, e) == -1)
		return -1;
	if (fchmod(fd, 0600) == -1)
		return err_sys(e, "take up");
	unlock(fd);
	return 0;
}

static int begin_locked(
    struct place *p, const struct place_name *name, bool create, bool exclusive, struct err *e)
{
	struct stat st;
	int fd;

	if (create && fstatat(p->fd, name->archive, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(e, ERR_EXISTS, "%s is there already", name->archive);
	if (create && check_space(p, SPACE_EVERY, e) == -1)
		return -1;
	if (create) {
		fd = openat(p->fd, name->file, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd != -1)
			return fd;
		if (errno != EEXIST || exclusive)
			return err_sys(e, "%s", name->file);
	}
	/* Sealed, it can be opened for reading only. */
	fd = open_file(p, name->file, O_RDONLY, &st, e);
	if (fd == -1)
		return -1;
	if (st.st_nlink != 1)
		err_set(e, ERR_REFUSED, "it is committed");
	if (st.st_nlink != 1 || (is_sealed(&st) && break_seal(fd, e) == -1)) {
		close(fd);
		return -1;
	}
	close(fd);
	return open_file(p, name->file, O_RDWR, &st, e);
}

int place_begin(
    struct place *p, const struct place_name *name, bool create, bool exclusive, bool truncate, struct err *e)
{
	int fd;

	if (may_change(p, name, e) == -1 || lock(p->fd, LOCK_EX, e) == -1)
		return -1;
	fd = begin_locked(p, name, create, exclusive, e);
	unlock(p->fd);
	if (fd != -1 && (truncate || exclusive))
		p->spoiled = false;
	if (fd != -1 && truncate && place_truncate(p, name, fd, 0, e) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool is_still(const struct place *p, const struct place_name *name, const struct stat *st)
{
	struct stat named;

	return fstatat(p->fd, name->file, &named, AT_SYMLINK_NOFOLLOW) == 0 && named.st_dev == st->st_dev &&
	       named.st_ino == st->st_ino;
}

/* Between this and unlock(fd) it is an upload, and not committed. */
static int lock_upload(const struct place *p, const struct place_name *name, int fd, struct err *e)
{
	struct stat st;

	if (lock(fd, LOCK_SH, e) == -1)
		return -1;
	if (fstat(fd, &st) == 0 && !is_sealed(&st) && st.st_nlink == 1 && is_still(p, name, &st))
		return 0;
	unlock(fd);
	return err_set(e, ERR_REFUSED, "it was committed or removed");
}

static int write_locked(struct place *p, const struct place_name *name, int fd, const void *b, size_t n,
    uint64_t off, struct err *e)
{
	int rc;

	if (check_size(p, off, n, e) == -1 || check_space(p, n, e) == -1 || lock_upload(p, name, fd, e) == -1)
		return -1;
	rc = fault_point("serve-write", e) == -1 ? -1 : io_pwrite_all(fd, b, n, off, "write", e);
	unlock(fd);
	return rc;
}

int place_write(struct place *p, const struct place_name *name, int fd, const void *b, size_t n, uint64_t off,
    struct err *e)
{
	int rc = write_locked(p, name, fd, b, n, off, e);

	if (rc == -1)
		p->spoiled = true;
	return rc;
}

int place_truncate(struct place *p, const struct place_name *name, int fd, uint64_t size, struct err *e)
{
	int rc;

	if (check_size(p, size, 0, e) == -1 || lock_upload(p, name, fd, e) == -1)
		return -1;
	rc = ftruncate(fd, (off_t)size) == 0 ? 0 : err_sys(e, "truncate");
	unlock(fd);
	return rc;
}

int place_sync(struct place *p, int fd, struct err *e)
{
	if (io_fsync(fd, "the upload", e) == 0)
		return 0;
	p->spoiled = true;
	return -1;
}

/* ${fd}, which is locked against writers, and the directory, too. */
static int commit_locked(struct place *p, int fd, const struct place_name *from, const struct place_name *to,
    bool keep, struct err *e)
{
	struct stat was;

	if (fstat(fd, &was) == -1 || !is_still(p, from, &was))
		return err_set(e, ERR_NOT_FOUND, "the upload was removed");
	if (was.st_nlink != 1)
		return err_set(e, ERR_EXISTS, "it is committed already");
	if (fchmod(fd, 0400) == -1)
		return err_sys(e, "seal");
	/* What was written since the first one; few, or none. */
	if (place_sync(p, fd, e) == -1 || fault_point("serve-commit", e) == -1)
		goto unseal;
	/* link() refuses where there is such a name, and a kill after it leaves two names of the whole archive. */
	if (linkat(p->fd, from->file, p->fd, to->file, 0) == -1) {
		err_sys(e, "%s", to->file);
		goto unseal;
	}
	/* What is told as failed is not there. */
	if (io_fsync(p->fd, "the store", e) == -1) {
		unlinkat(p->fd, to->file, 0);
		goto unseal;
	}
	/* Where nothing may be removed (chattr +a) it stays a second name. */
	if (!keep && unlinkat(p->fd, from->file, 0) == -1)
		log_write(LOG_LEVEL_WARNING, "store: %s stays: %s", from->file, strerror(errno));
	return 0;
unseal:
	fchmod(fd, 0600);
	return -1;
}

int place_commit(
    struct place *p, const struct place_name *from, const struct place_name *to, bool keep, struct err *e)
{
	struct stat st;
	int fd, rc;

	if (may_change(p, from, e) == -1)
		return -1;
	if (to->kind != PLACE_ARCHIVE || strcmp(from->archive, to->file) != 0)
		return err_set(e, ERR_REFUSED, ".NAME.partial can become NAME and nothing else");
	if (fstatat(p->fd, to->file, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(e, ERR_EXISTS, "%s is there already", to->file);
	if (p->spoiled)
		return err_set(e, ERR_SYS, "not all that was sent reached the disk; begin the upload anew");
	fd = open_file(p, from->file, O_RDONLY, &st, e);
	if (fd == -1)
		return -1;
	/* The long wait for the disk is before the locks. */
	rc = place_sync(p, fd, e);
	if (rc == 0)
		rc = lock(p->fd, LOCK_EX, e);
	if (rc == 0) {
		rc = lock(fd, LOCK_EX, e);
		if (rc == 0)
			rc = commit_locked(p, fd, from, to, keep, e);
		unlock(p->fd);
	}
	close(fd);
	return rc;
}

int place_remove(struct place *p, const struct place_name *name, struct err *e)
{
	int rc;

	if (may_change(p, name, e) == -1 || lock(p->fd, LOCK_EX, e) == -1)
		return -1;
	rc = unlinkat(p->fd, name->file, 0) == 0 ? 0 : err_sys(e, "%s", name->file);
	unlock(p->fd);
	return rc;
}
