/* outdir.c: files that appear whole, beneath a directory, never over another. */
#include "restore/outdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/io.h"
#include "core/mem.h"

#define WAITING_MAX	  400 /* descriptors kept open; fewer when the process may not have so many */
#define SYNCED_SINGLY	  32
#define WAITING_BYTES_MAX (64u << 20)
#define BUFFER_BYTES	  (64u << 10)

struct outfile {
	int fd;	    /* -1: none */
	char *path; /* where it will appear */
	char *temp; /* its name until then, beside it; NULL: it has none */
};

struct outdir {
	struct outdir_opts o;
	int root;
	char *name;
	bool no_tmpfile;
	unsigned serial;
	struct outfile now;
	uint64_t size; /* of now, with what is still in the buffer */
	struct outfile waiting[WAITING_MAX];
	size_t n_waiting;
	uint64_t waiting_bytes;
	char *dir; /* the directory used last, and its descriptor */
	int dir_fd;
	size_t buffered;
	char buffer[BUFFER_BYTES];
};

static int check_empty(int fd, const char *path, struct err *e)
{
	DIR *dir = fdopendir(fd);
	const struct dirent *ent;
	int rc = 0;

	if (dir == NULL) {
		err_sys(e, "read directory %s", path);
		close(fd);
		return -1;
	}
	while ((errno = 0, ent = readdir(dir)) != NULL) {
		if (strcmp(ent->d_name, ".") == 0 || strcmp(ent->d_name, "..") == 0)
			continue;
		err_set(e, ERR_EXISTS, "%s is not empty", path);
		rc = err_hint(e, "give a directory that does not exist yet");
		break;
	}
	closedir(dir);
	return rc;
}

int outdir_open(const char *path, const struct outdir_opts *o, struct outdir **ret, struct err *e)
{
	struct outdir *d;
	int root;

	if (io_mkdirs(AT_FDCWD, path, 0700, e) == -1)
		return -1;
	root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root == -1)
		return err_sys(e, "open directory %s", path);
	if (o->must_be_new &&
	    check_empty(openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), path, e) == -1) {
		close(root);
		return -1;
	}
	d = mem_alloc(sizeof *d);
	d->o = *o;
	d->root = root;
	d->name = mem_strdup(path);
	d->no_tmpfile = o->named_temp;
	d->now.fd = d->dir_fd = -1;
	*ret = d;
	return 0;
}

/* ---- directories ---- */

/* The directory above ${path}, which stays open until another is asked for; ${*base} is the last component. */
static int parent_of(struct outdir *d, const char *path, const char **base, struct err *e)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash != NULL ? (size_t)(slash - path) : 0;

	*base = slash != NULL ? slash + 1 : path;
	if (!io_path_is_safe(path, strlen(path)))
		return err_set(e, ERR_REFUSED, "the path \"%s\" could lead elsewhere", path);
	if (n == 0)
		return d->root;
	if (d->dir != NULL && strlen(d->dir) == n && memcmp(d->dir, path, n) == 0)
		return d->dir_fd;
	free(d->dir);
	if (d->dir_fd != -1)
		close(d->dir_fd);
	d->dir = mem_strndup(path, n);
	d->dir_fd = io_mkdirs_beneath(d->root, d->dir, 0700, e);
	if (d->dir_fd == -1) {
		free(d->dir);
		d->dir = NULL;
	}
	return d->dir_fd;
}

int outdir_mkdir(struct outdir *d, const char *path, struct err *e)
{
	int fd;

	if (!io_path_is_safe(path, strlen(path)))
		return err_set(e, ERR_REFUSED, "the path \"%s\" could lead elsewhere", path);
	fd = io_mkdirs_beneath(d->root, path, 0700, e);
	if (fd == -1)
		return -1;
	close(fd);
	return 0;
}

int outdir_symlink(struct outdir *d, const char *path, const char *target, struct err *e)
{
	const char *base;
	int dir;

	if (!io_path_is_safe(target, strlen(target)))
		return err_set(e, ERR_REFUSED, "the link %s points to \"%s\"", path, target);
	dir = parent_of(d, path, &base, e);
	if (dir == -1)
		return -1;
	if (d->o.replace)
		unlinkat(dir, base, 0);
	if (symlinkat(target, dir, base) == -1)
		return err_sys(e, "make the link %s/%s", d->name, path);
	return 0;
}

/* ---- one file ---- */

static void file_drop(struct outdir *d, struct outfile *f)
{
	const char *base;
	int dir;

	if (f->fd != -1)
		close(f->fd);
	if (f->temp != NULL && (dir = parent_of(d, f->path, &base, NULL)) != -1)
		unlinkat(dir, f->temp, 0);
	free(f->temp);
	free(f->path);
	*f = (struct outfile){ .fd = -1 };
}

static int open_unnamed(struct outdir *d, int dir, mode_t mode)
{
	int fd;

	if (d->no_tmpfile)
		return -1;
	fd = openat(dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
	if (fd == -1 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL || errno == ENOENT))
		d->no_tmpfile = true;
	return fd;
}

static int open_new(struct outdir *d, int dir, mode_t mode, char **temp)
{
	int fd = open_unnamed(d, dir, mode);

	if (fd != -1 || !d->no_tmpfile)
		return fd;
	*temp = mem_printf(".cyrvault-%ld-%u.tmp", (long)getpid(), d->serial++);
	fd = openat(dir, *temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd == -1) {
		free(*temp);
		*temp = NULL;
	}
	return fd;
}

int outdir_begin(struct outdir *d, const char *path, mode_t mode, struct err *e)
{
	const char *base;
	int dir = parent_of(d, path, &base, e);
	struct outfile f = { .fd = -1 };

	if (dir == -1)
		return err_wrap(e, "write %s/%s", d->name, path);
	f.fd = open_new(d, dir, mode, &f.temp);
	if (f.fd == -1 && errno == EMFILE && d->n_waiting > 0) {
		if (outdir_flush(d, e) == -1 || (dir = parent_of(d, path, &base, e)) == -1)
			return -1;
		f.fd = open_new(d, dir, mode, &f.temp);
	}
	if (f.fd == -1)
		return err_sys(e, "write %s/%s", d->name, path);
	f.path = mem_strdup(path);
	d->now = f;
	d->size = 0;
	d->buffered = 0;
	if (fchmod(f.fd, mode) == -1) {
		err_sys(e, "set the mode of %s/%s", d->name, path);
		outdir_abort(d);
		return -1;
	}
	return 0;
}

static int drain(struct outdir *d, struct err *e)
{
	size_t n = d->buffered;

	d->buffered = 0;
	return n > 0 ? io_write_all(d->now.fd, d->buffer, n, d->now.path, e) : 0;
}

int outdir_write(struct outdir *d, const void *p, size_t n, struct err *e)
{
	const char *s = p;

	d->size += n;
	while (n > 0) {
		size_t room = BUFFER_BYTES - d->buffered, k = n < room ? n : room;

		memcpy(d->buffer + d->buffered, s, k);
		d->buffered += k;
		s += k;
		n -= k;
		if (d->buffered == BUFFER_BYTES && drain(d, e) == -1)
			return -1;
	}
	return 0;
}

uint64_t outdir_tell(const struct outdir *d)
{
	return d->size;
}

int outdir_truncate(struct outdir *d, uint64_t size, struct err *e)
{
	if (drain(d, e) == -1)
		return -1;
	if (ftruncate(d->now.fd, (off_t)size) == -1 || lseek(d->now.fd, (off_t)size, SEEK_SET) == -1)
		return err_sys(e, "truncate %s/%s", d->name, d->now.path);
	d->size = size;
	return 0;
}

int outdir_end(struct outdir *d, int64_t mtime, struct err *e)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { .tv_sec = (time_t)mtime } };

	if (drain(d, e) == -1) {
		outdir_abort(d);
		return -1;
	}
	if (futimens(d->now.fd, times) == -1) {
		err_sys(e, "set the time of %s/%s", d->name, d->now.path);
		outdir_abort(d);
		return -1;
	}
	d->waiting[d->n_waiting++] = d->now;
	d->waiting_bytes += d->size;
	d->now = (struct outfile){ .fd = -1 };
	return d->n_waiting == WAITING_MAX || d->waiting_bytes >= WAITING_BYTES_MAX ? outdir_flush(d, e) : 0;
}

void outdir_abort(struct outdir *d)
{
	if (d->now.fd != -1)
		file_drop(d, &d->now);
	d->buffered = 0;
}

/* ---- appearing ---- */

static int link_unnamed(int fd, int dir, const char *base)
{
	char path[40];
	int rc;

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	rc = linkat(AT_FDCWD, path, dir, base, AT_SYMLINK_FOLLOW);
	/* Without /proc. */
	if (rc == -1 && errno == ENOENT)
		rc = linkat(fd, "", dir, base, AT_EMPTY_PATH);
	return rc;
}

static int link_file(const struct outfile *f, int dir, const char *base)
{
	int rc;

	if (f->temp == NULL)
		return link_unnamed(f->fd, dir, base);
	rc = linkat(dir, f->temp, dir, base, 0);
	/* File systems without hard links. */
	if (rc == -1 && (errno == EPERM || errno == EOPNOTSUPP))
		rc = renameat2(dir, f->temp, dir, base, RENAME_NOREPLACE);
	return rc;
}

bool outdir_only_this(const struct err *e)
{
	return e->code == ERR_REFUSED || e->code == ERR_EXISTS || e->code == ERR_FORMAT ||
	       (e->code == ERR_SYS &&
		   (e->sys == ENAMETOOLONG || e->sys == ENOTDIR || e->sys == ELOOP || e->sys == EISDIR));
}

static int make_appear(struct outdir *d, const struct outfile *f, struct err *e)
{
	const char *base;
	int dir = parent_of(d, f->path, &base, e), rc;
	struct stat st;

	if (dir == -1)
		return -1;
	rc = link_file(f, dir, base);
	if (rc == -1 && errno == EEXIST && d->o.replace) {
		unlinkat(dir, base, 0);
		rc = link_file(f, dir, base);
	}
	if (rc == -1 && errno == EEXIST && !d->o.replace) {
		if (d->o.existed != NULL)
			d->o.existed(d->o.arg, f->path, fstat(f->fd, &st) == 0 ? (uint64_t)st.st_size : 0);
		return 0;
	}
	return rc == -1 ? err_sys(e, "write %s/%s", d->name, f->path) : 0;
}

static int appear(struct outdir *d, const struct outfile *f, struct err *e)
{
	struct err why = { 0 };
	struct stat st;

	if (make_appear(d, f, &why) == 0)
		return 0;
	if (d->o.refused != NULL && outdir_only_this(&why)) {
		d->o.refused(d->o.arg, f->path, fstat(f->fd, &st) == 0 ? (uint64_t)st.st_size : 0, &why);
		return 0;
	}
	if (e != NULL)
		*e = why;
	return -1;
}

/* A few files are forced to disk one by one, so as not to wait for what others write to this file system; many with one
 * call. A name that is there then has its bytes, whenever the power fails. */
static int sync_waiting(struct outdir *d, struct err *e)
{
	if (d->n_waiting > SYNCED_SINGLY && syncfs(d->root) == -1)
		return err_sys(e, "write to disk below %s", d->name);
	for (size_t i = 0; i < d->n_waiting && d->n_waiting <= SYNCED_SINGLY; i++) {
		if (io_fsync(d->waiting[i].fd, d->waiting[i].path, e) == -1)
			return -1;
	}
	return 0;
}

int outdir_flush(struct outdir *d, struct err *e)
{
	int rc = sync_waiting(d, e);

	for (size_t i = 0; i < d->n_waiting; i++) {
		if (rc == 0)
			rc = appear(d, &d->waiting[i], e);
		file_drop(d, &d->waiting[i]);
	}
	d->n_waiting = 0;
	d->waiting_bytes = 0;
	return rc;
}

void outdir_close(struct outdir *d)
{
	if (d == NULL)
		return;
	outdir_abort(d);
	for (size_t i = 0; i < d->n_waiting; i++)
		file_drop(d, &d->waiting[i]);
	if (d->dir_fd != -1)
		close(d->dir_fd);
	close(d->root);
	free(d->dir);
	free(d->name);
	free(d);
}
