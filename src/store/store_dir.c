/* store_dir.c: a directory as a store. Uncommitted objects are ".NAME.partial", held by an exclusive lock while a
 * process writes them, so that the leavings of a killed run can be told from work in progress. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/fault.h"
#include "core/io.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "store/store_impl.h"

struct dir_store {
	int fd;
	char *path;
};

/* An object being written. */
struct dir_object {
	int dir_fd;
	int fd;
	char *name;
	char *partial;
	bool committed;
};

static int dir_list(struct store *s, struct store_list *ret, struct err *e)
{
	struct dir_store *d = s->ctx;
	int fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd != -1 ? fdopendir(fd) : NULL;
	struct dirent *de;
	size_t cap = 0;

	if (dir == NULL) {
		err_sys(e, "list %s", d->path);
		if (fd != -1)
			close(fd);
		return -1;
	}
	while (errno = 0, (de = readdir(dir)) != NULL) {
		struct stat st;

		if (!store_name_ok(de->d_name) || fstatat(d->fd, de->d_name, &st, 0) == -1 || !S_ISREG(st.st_mode))
			continue;
		store_list_add(ret, &cap, de->d_name, (uint64_t)st.st_size, st.st_mtime);
	}
	if (errno != 0) {
		err_sys(e, "list %s", d->path);
		closedir(dir);
		return -1;
	}
	closedir(dir);
	return 0;
}

static int dir_stat(struct store *s, const char *name, struct store_object *ret, struct err *e)
{
	struct dir_store *d = s->ctx;
	struct stat st;

	if (fstatat(d->fd, name, &st, 0) == -1)
		return err_sys(e, "%s", name);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_NOT_FOUND, "%s is not a regular file", name);
	ret->size_bytes = (uint64_t)st.st_size;
	ret->mtime = st.st_mtime;
	return 0;
}

static int dir_read(struct store *s, const char *name, struct stream **ret, struct err *e)
{
	struct dir_store *d = s->ctx;
	int fd = openat(d->fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd == -1)
		return err_sys(e, "open %s", name);
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		close(fd);
		return err_set(e, ERR_NOT_FOUND, "%s is not a regular file", name);
	}
	*ret = stream_from_fd(fd, name);
	return 0;
}

/* What failed on the way to the store's disk left nothing behind. */
static int next_step(struct err *e)
{
	if (e != NULL && e->code == ERR_SPACE)
		return err_hint(e, "nothing was stored; remove old archives or give the store more room, then run it again");
	return err_hint(e, "nothing was stored; check the store's disk, then run it again");
}

static int object_write(void *ctx, const void *p, size_t n, struct err *e)
{
	struct dir_object *o = ctx;

	if (fault_point("store-write", e) == -1 || io_write_all(o->fd, p, n, o->name, e) == -1)
		return next_step(e);
	return 0;
}

/* The name still leads to this very file. Asked while holding the file's lock, it stays so: others remove or commit only what
 * they have locked. */
static bool is_still(int dir_fd, const char *name, int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstatat(dir_fd, name, &b, AT_SYMLINK_NOFOLLOW) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

static void object_close(void *ctx)
{
	struct dir_object *o = ctx;

	if (!o->committed && is_still(o->dir_fd, o->partial, o->fd))
		unlinkat(o->dir_fd, o->partial, 0);
	close(o->fd);
	close(o->dir_fd);
	free(o->name);
	free(o->partial);
	free(o);
}

static const struct stream_ops object_ops = { .write = object_write, .close = object_close };

static int dir_room(struct store *s, uint64_t *ret, struct err *e)
{
	const struct dir_store *d = s->ctx;
	struct statvfs v;

	if (fstatvfs(d->fd, &v) == -1)
		return err_sys(e, "ask for free space");
	*ret = (uint64_t)v.f_bavail * v.f_frsize;
	return 0;
}

static int check_space(int fd, uint64_t need, struct err *e)
{
	struct statvfs v;
	char a[16], b[16];

	if (fstatvfs(fd, &v) == -1)
		return err_sys(e, "ask for free space");
	if (need / v.f_frsize < v.f_bavail)
		return 0;
	err_set(e, ERR_SPACE, "%s needed, %s free", str_size(a, sizeof a, need),
	    str_size(b, sizeof b, (uint64_t)v.f_bavail * v.f_frsize));
	return err_hint(e, "remove old archives or give the store more room");
}

/* A new, empty, locked file; what an interrupted run left under the name goes. */
static int open_partial(struct dir_store *d, const char *partial, const char *name, struct err *e)
{
	for (int tries = 0; tries < 100; tries++) {
		int fd = openat(d->fd, partial, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		bool is_new = fd != -1, locked;

		if (fd == -1 && errno != EEXIST) {
			err_sys(e, "create %s", partial);
			return next_step(e);
		}
		if (!is_new)
			fd = openat(d->fd, partial, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fd == -1 && errno == ENOENT)
			continue;
		if (fd == -1)
			return err_sys(e, "open %s", partial);
		locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
		if (locked && is_still(d->fd, partial, fd)) {
			if (is_new)
				return fd;
			unlinkat(d->fd, partial, 0);
		}
		close(fd);
		if (!locked && !is_new) {
			err_set(e, ERR_LOCKED, "%s is being written by another run", name);
			return err_hint(e, "wait for it to end");
		}
		if (!locked) /* somebody cleans, and takes it for a leftover: in a moment it is gone */
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return err_set(e, ERR_LOCKED, "%s is being written and removed by others", name);
}

static int dir_create(struct store *s, const char *name, uint64_t size_bytes, struct stream **ret, struct err *e)
{
	struct dir_store *d = s->ctx;
	struct dir_object *o;
	struct stat st;
	char *partial;
	int fd;

	if (fstatat(d->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(e, ERR_EXISTS, "%s is there already", name);
	if (size_bytes > 0 && check_space(d->fd, size_bytes, e) == -1)
		return -1;
	partial = mem_printf(".%s.partial", name);
	fd = open_partial(d, partial, name, e);
	if (fd == -1) {
		free(partial);
		return -1;
	}
	o = mem_alloc(sizeof *o);
	o->dir_fd = fcntl(d->fd, F_DUPFD_CLOEXEC, 0);
	o->fd = fd;
	o->name = mem_strdup(name);
	o->partial = partial;
	*ret = stream_new(&object_ops, o, name);
	return 0;
}

static int dir_commit(struct store *s, struct stream *out, struct err *e)
{
	struct dir_store *d = s->ctx;
	struct dir_object *o = stream_ctx(out, &object_ops);

	if (o == NULL)
		return err_set(e, ERR_USAGE, "%s was not created in this store", stream_name(out));
	if (o->committed)
		return err_set(e, ERR_EXISTS, "%s was committed before", o->name);
	if (io_fsync(o->fd, o->name, e) == -1 || fault_point("store-commit", e) == -1)
		return next_step(e);
	if (!is_still(d->fd, o->partial, o->fd)) {
		err_set(e, ERR_SYS, "commit %s: the unfinished archive was removed from the store", o->name);
		return err_hint(e, "nothing was stored; find out who clears %s, then run it again", d->path);
	}
	/* link() and not rename(): it refuses to put the new archive in an old one's place. */
	if (linkat(d->fd, o->partial, d->fd, o->name, 0) == -1) {
		err_sys(e, "commit %s", o->name);
		return next_step(e);
	}
	/* What is told as failed is not there. */
	if (io_fsync(d->fd, d->path, e) == -1) {
		unlinkat(d->fd, o->name, 0);
		return next_step(e);
	}
	o->committed = true;
	/* A second name is no harm: the next clean removes it. */
	if (unlinkat(d->fd, o->partial, 0) == -1)
		log_write(LOG_LEVEL_WARNING, "%s/%s stays: %s", d->path, o->partial, strerror(errno));
	return 0;
}

static int dir_reread(struct store *s, struct stream *out, struct stream **ret, struct err *e)
{
	struct dir_store *d = s->ctx;
	struct dir_object *o = stream_ctx(out, &object_ops);
	int fd;

	if (o == NULL)
		return err_set(e, ERR_USAGE, "%s was not created in this store", stream_name(out));
	fd = openat(o->dir_fd, o->partial, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1 && errno != ENOENT) {
		err_sys(e, "open %s", o->partial);
		return next_step(e);
	}
	if (fd == -1 || !is_still(o->dir_fd, o->partial, o->fd)) {
		if (fd != -1)
			close(fd);
		err_set(e, ERR_SYS, "read %s back: the unfinished archive was removed from the store", o->name);
		return err_hint(e, "nothing was stored; find out who clears %s, then run it again", d->path);
	}
	*ret = stream_from_fd(fd, o->name);
	return 0;
}

static int dir_remove(struct store *s, const char *name, struct err *e)
{
	struct dir_store *d = s->ctx;

	if (unlinkat(d->fd, name, 0) == -1)
		return err_sys(e, "remove %s", name);
	return io_fsync(d->fd, d->path, e);
}

static int dir_clean(struct store *s, int64_t min_age_seconds, struct err *e)
{
	struct dir_store *d = s->ctx;
	int fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd != -1 ? fdopendir(fd) : NULL;
	struct dirent *de;
	int removed = 0;

	if (dir == NULL) {
		err_sys(e, "list %s", d->path);
		if (fd != -1)
			close(fd);
		return -1;
	}
	while ((de = readdir(dir)) != NULL) {
		struct stat st;
		int o;

		if (de->d_name[0] != '.' || !str_ends(de->d_name, ".partial"))
			continue;
		o = openat(d->fd, de->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (o == -1)
			continue;
		if (flock(o, LOCK_EX | LOCK_NB) == 0 && fstat(o, &st) == 0 && S_ISREG(st.st_mode) &&
		    clock_now() - st.st_mtime >= min_age_seconds && is_still(d->fd, de->d_name, o) &&
		    unlinkat(d->fd, de->d_name, 0) == 0) {
			log_write(LOG_LEVEL_WARNING, "removed %s/%s, left by an interrupted run", d->path, de->d_name);
			removed++;
		}
		close(o);
	}
	closedir(dir);
	return removed;
}

static void dir_free(struct store *s)
{
	struct dir_store *d = s->ctx;

	close(d->fd);
	free(d->path);
	free(d);
}

int store_dir_open(struct store *s, const char *path, bool create, struct err *e)
{
	static const struct store_ops ops = { dir_list, dir_stat, dir_read, dir_create, dir_commit, dir_reread, dir_remove, dir_clean,
		dir_room, dir_free };
	struct dir_store *d;
	int fd;

	if (create && io_mkdirs(AT_FDCWD, path, 0700, e) == -1)
		return err_hint(e, "is the file system mounted, and writable for you?");
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1) {
		err_sys(e, "its directory");
		return err_hint(e, "is the file system mounted, and the url right?");
	}
	d = mem_alloc(sizeof *d);
	d->fd = fd;
	d->path = mem_strdup(path);
	s->ops = &ops;
	s->ctx = d;
	return 0;
}
