/* places.c: open live paths as a picture has them. */
#include "snapshot/places.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/mem.h"
#include "snapshot/mounts.h"

#define MAX_LINKS   40
#define PROVE_NAMES 1000

void places_add(struct places *p, const char *live, int root_fd, const char *inside)
{
	struct place place = { mem_strdup(live), root_fd, mem_strdup(inside) };

	p->list = mem_resize(p->list, p->n + 1, sizeof *p->list);
	p->list[p->n++] = place;
}

void places_done(struct places *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->list[i].live);
		free(p->list[i].inside);
	}
	free(p->list);
	*p = (struct places){ 0 };
}

/* Where a path without symlinks is: the descriptor, AT_FDCWD for a live one, and in ${*ret} the path from there; heap. */
static int locate(const struct places *p, const char *path, char **ret)
{
	const struct place *best = NULL;
	const char *rest = NULL;

	for (size_t i = 0; i < p->n; i++) {
		const char *r = path_below(path, p->list[i].live);

		if (r != NULL && (best == NULL || strlen(p->list[i].live) >= strlen(best->live))) {
			best = &p->list[i];
			rest = r;
		}
	}
	if (best == NULL || best->root_fd == -1) {
		*ret = mem_strdup(path);
		return AT_FDCWD;
	}
	*ret = path_join(best->inside, rest);
	if (**ret == '\0') {
		free(*ret);
		*ret = mem_strdup(".");
	}
	return best->root_fd;
}

/* openat2() that follows no link; within the picture it does not leave its root either. */
static int open_plain(const struct places *p, const char *path, int flags)
{
	struct open_how how = { .flags = (unsigned)flags | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	char *inside;
	int dir = locate(p, path, &inside), saved;
	long fd;

	if (dir != AT_FDCWD)
		how.resolve |= RESOLVE_BENEATH | RESOLVE_NO_XDEV;
	do
		fd = syscall(SYS_openat2, dir, inside, &how, sizeof how);
	while (fd == -1 && (errno == EINTR || errno == EAGAIN));
	saved = errno;
	free(inside);
	errno = saved;
	return (int)fd;
}

/* Where the symlink at a path without other symlinks leads: length, 0 when it is none, -1. */
static ssize_t read_link(const struct places *p, const char *path, char *dst, size_t size)
{
	char *inside;
	int dir = locate(p, path, &inside), saved;
	ssize_t n = readlinkat(dir, inside, dst, size);

	saved = errno;
	free(inside);
	errno = saved;
	if (n == -1 && errno == EINVAL)
		return 0;
	if (n == (ssize_t)size) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return n;
}

/* ${done} loses its last component; that of "/" is "/". */
static void go_up(struct buf *done)
{
	while (done->len > 0 && done->data[--done->len] != '/')
		;
	done->data[done->len] = '\0';
}

/* ${path} with every symlink but, if ${keep_last}, a last one resolved as the picture has them; heap, or NULL and errno. */
static char *resolve(const struct places *p, const char *path, bool keep_last)
{
	struct buf done = BUF_INIT_MAX(PATH_MAX);
	char *left = mem_strdup(path), link[PATH_MAX];
	unsigned links = 0;
	const char *at = left;

	buf_str(&done, "");
	for (;;) {
		size_t n, before = done.len;
		ssize_t len;
		char *next;

		at += strspn(at, "/");
		n = strcspn(at, "/");
		if (n == 0)
			break;
		if (n == 1 && *at == '.') {
			at += n;
			continue;
		}
		if (n == 2 && at[0] == '.' && at[1] == '.') {
			go_up(&done);
			at += n;
			continue;
		}
		buf_printf(&done, "/%.*s", (int)n, at);
		if (done.full) {
			errno = ENAMETOOLONG;
			goto fail;
		}
		at += n;
		if (keep_last && *at == '\0')
			break;
		len = read_link(p, buf_text(&done), link, sizeof link);
		if (len == -1)
			goto fail;
		if (len == 0)
			continue;
		if (++links > MAX_LINKS) {
			errno = ELOOP;
			goto fail;
		}
		next = mem_printf("%.*s/%s", (int)len, link, at);
		if (*at == '\0')
			next[len] = '\0';
		done.len = *link == '/' ? 0 : before;
		done.data[done.len] = '\0';
		free(left);
		at = left = next;
	}
	free(left);
	if (done.len == 0)
		buf_char(&done, '/');
	return buf_steal(&done);
fail:
	links = (unsigned)errno;
	free(left);
	buf_done(&done);
	errno = (int)links;
	return NULL;
}

/* Its text alone says where it leads, but for symlinks. */
static bool is_clean(const char *path)
{
	for (const char *p = path; *p == '/'; p += 1 + strcspn(p + 1, "/"))
		if (p[1] == '/' || (p[1] == '\0' && p != path) ||
		    (p[1] == '.' &&
			(p[2] == '/' || p[2] == '\0' || (p[2] == '.' && (p[3] == '/' || p[3] == '\0')))))
			return false;
	return true;
}

static int open_followed(const struct places *p, const char *path, int flags)
{
	size_t n = strlen(path);
	bool slash = n > 1 && path[n - 1] == '/';
	char *real = resolve(p, path, (flags & O_NOFOLLOW) && !slash);
	int fd, saved;

	if (real == NULL)
		return -1;
	fd = open_plain(p, real, flags | (slash ? O_DIRECTORY : 0));
	saved = errno;
	free(real);
	errno = saved;
	return fd;
}

int places_open(const struct places *p, const char *path, int flags, struct err *e)
{
	int fd, saved;

	if (*path != '/') {
		errno = EINVAL;
		return err_sys(e, "open %s", path);
	}
	fd = is_clean(path) ? open_plain(p, path, flags) : open_followed(p, path, flags);
	if (fd == -1 && errno == ELOOP)
		fd = open_followed(p, path, flags);
	if (fd != -1)
		return fd;
	saved = errno;
	err_sys(e, "open %s", path);
	errno = saved;
	return -1;
}

/* ---- proof ---- */

static int read_some(int fd)
{
	struct stat st;
	char bytes[4096];
	DIR *d;
	int n = 0;

	if (fstat(fd, &st) == -1)
		return -1;
	if (!S_ISDIR(st.st_mode))
		return S_ISREG(st.st_mode) && pread(fd, bytes, sizeof bytes, 0) == -1 ? -1 : 0;
	fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd != -1 ? fdopendir(fd) : NULL;
	if (d == NULL)
		return -1;
	for (errno = 0; n < PROVE_NAMES; n++) {
		struct dirent *de = readdir(d);

		if (de == NULL ||
		    (fstatat(fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1 && errno != ENOENT))
			break;
		errno = 0;
	}
	n = errno;
	closedir(d);
	errno = n;
	return n != 0 ? -1 : 0;
}

int places_prove(const struct places *p, const char *const *paths, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		int fd = places_open(p, paths[i], O_RDONLY | O_NONBLOCK | O_NOCTTY, NULL), rc, saved;

		rc = fd != -1 ? read_some(fd) : -1;
		saved = errno;
		if (fd != -1)
			close(fd);
		if (rc == -1)
			return err_set(e, ERR_DAMAGE, "%s cannot be read in the snapshot: %s", paths[i],
			    strerror(saved));
	}
	return 0;
}
