/* source_live_files.c: files of a running server, never through a symlink. */
#include "restore/source_live_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/io.h"
#include "core/mem.h"
#include "restore/source_impl.h"

int live_files_open(const char *root, const char *rel, int flags, int *fd, struct err *e)
{
	int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct err why = { 0 };

	if (root_fd == -1)
		return errno == ENOENT ? 0 : err_sys(e, "open %s", root);
	*fd = io_open_beneath(root_fd, rel, O_RDONLY | O_NONBLOCK | flags, 0, &why);
	close(root_fd);
	if (*fd != -1)
		return 1;
	if (why.code == ERR_NOT_FOUND || why.sys == ENOTDIR)
		return 0;
	if (e != NULL)
		*e = why;
	return err_wrap(e, "%s", root);
}

/* Appends all of a regular file, or nothing. */
static int read_fd(int fd, const char *path, uint64_t max_bytes, struct buf *b, struct err *e)
{
	size_t start = b->len, n;
	struct stat st;
	char *to;

	if (fstat(fd, &st) == -1)
		return err_sys(e, "stat %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_FORMAT, "%s is not a regular file", path);
	for (uint64_t ask = (uint64_t)st.st_size + 1;; ask = 1 << 20) {
		if (b->len - start > max_bytes || ask > max_bytes + 1 || (to = buf_reserve(b, ask)) == NULL) {
			b->len = start;
			return err_set(e, ERR_FORMAT, "%s is larger than %llu bytes", path,
			    (unsigned long long)max_bytes);
		}
		if (io_read_all(fd, to, ask, path, &n, e) == -1) {
			b->len = start;
			return -1;
		}
		b->len += n;
		b->data[b->len] = '\0';
		if (n < ask)
			return 0;
	}
}

int live_files_read(const char *root, const char *rel, uint64_t max_bytes, struct buf *b, struct err *e)
{
	int fd, r = live_files_open(root, rel, 0, &fd, e);

	if (r != 1)
		return r;
	r = read_fd(fd, rel, max_bytes, b, e) == -1 ? -1 : 1;
	close(fd);
	return r;
}

int live_files_read_path(const char *root, const char *path, uint64_t max_bytes, struct buf *b, struct err *e)
{
	size_t n = strlen(root);

	if (strncmp(path, root, n) != 0 || path[n] != '/')
		return err_set(e, ERR_FORMAT, "%s is not below %s", path, root);
	return live_files_read(root, path + n + 1, max_bytes, b, e);
}

static int by_uid(const void *pa, const void *pb)
{
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;

	return (a > b) - (a < b);
}

/* A link called "5." is no message. */
static bool is_regular(int dir_fd, const struct dirent *de)
{
	struct stat st;

	if (de->d_type != DT_UNKNOWN)
		return de->d_type == DT_REG;
	return fstatat(dir_fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

void live_listing_done(struct live_listing *l)
{
	for (size_t i = 0; i < l->n_others; i++)
		free(l->others[i]);
	free(l->others);
	free(l->uids);
}

int live_files_list(const char *root, const char *rel, struct live_listing *l, struct err *e)
{
	struct dirent *de;
	uint32_t uid;
	DIR *d;
	int fd, r = live_files_open(root, rel, O_DIRECTORY, &fd, e);

	if (r != 1)
		return r;
	if ((d = fdopendir(fd)) == NULL) {
		close(fd);
		return err_sys(e, "list %s/%s", root, rel);
	}
	while ((de = readdir(d)) != NULL) {
		if (de->d_name[0] == '.' || !is_regular(dirfd(d), de))
			continue;
		if ((uid = source_message_uid(de->d_name)) != 0) {
			l->uids = mem_grow(l->uids, &l->cap_uids, l->n_uids + 1, sizeof *l->uids);
			l->uids[l->n_uids++] = uid;
		} else {
			l->others = mem_grow(l->others, &l->cap_others, l->n_others + 1, sizeof *l->others);
			l->others[l->n_others++] = mem_strdup(de->d_name);
		}
	}
	closedir(d);
	if (l->n_uids > 1)
		qsort(l->uids, l->n_uids, sizeof *l->uids, by_uid);
	return 1;
}
