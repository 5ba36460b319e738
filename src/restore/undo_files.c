/* undo_files.c: files of users that a restore has put into place, taken away again, or replaced by what was there. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/digest.h"
#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/undo_change.h"

#define MAX_BYTES ((size_t)1 << 30)

static void sum_of(const struct buf *b, struct buf *hex)
{
	struct digest *d = digest_new(DIGEST_SHA1);
	uint8_t sum[SHA1_SIZE];

	digest_add(d, buf_text(b), b->len);
	digest_end(d, sum);
	digest_free(d);
	str_hex(hex, sum, sizeof sum);
}

static int sync_parent(const char *path, struct err *e)
{
	char *parent = mem_strndup(path, (size_t)(strrchr(path, '/') - path) + 1);
	int rc = io_fsync_dir(AT_FDCWD, parent, e);

	free(parent);
	return rc;
}

static int put_back(struct undo_context *cx, const char *path, const char *copy, struct err *e)
{
	char *from = mem_printf("%s/%s", cx->safety, copy), *tmp = mem_printf("%s.cyrvault-new", path);
	struct buf b = BUF_INIT;
	struct stat st;
	int fd = -1, rc = -1;

	if (io_read_file(AT_FDCWD, from, MAX_BYTES, &b, e) == 0 && lstat(from, &st) == 0) {
		unlink(tmp);
		fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd == -1 || fchown(fd, cx->server->uid, cx->server->gid) == -1 ||
		    fchmod(fd, st.st_mode & 0777) == -1)
			err_sys(e, "create %s", tmp);
		else if (io_write_all(fd, buf_text(&b), b.len, tmp, e) == 0 && io_fsync(fd, tmp, e) == 0)
			rc = rename(tmp, path) == -1 ? err_sys(e, "create %s", path) : sync_parent(path, e);
	}
	if (fd != -1)
		close(fd);
	unlink(tmp);
	buf_done(&b);
	free(from);
	free(tmp);
	return rc;
}

static int remove_file(const char *path, struct err *e)
{
	if (unlink(path) == -1)
		return errno == ENOENT ? 0 : err_sys(e, "remove %s", path);
	return sync_parent(path, e);
}

static bool has_directory(const char *path)
{
	char *parent = mem_strndup(path, (size_t)(strrchr(path, '/') - path));
	bool there = access(parent, F_OK) == 0;

	free(parent);
	return there;
}

static bool is_below(const char *path, const char *dir)
{
	return dir != NULL && str_starts(path, dir) && (path[strlen(dir)] == '/' || str_ends(dir, "/"));
}

/* Where a restore puts users' files, whatever the journal says. */
static bool is_path(const struct undo_context *cx, const char *path)
{
	const struct imapd_conf *conf = cx->server->conf;

	return path[0] == '/' && strstr(path, "/../") == NULL && !str_ends(path, "/..") &&
	       (is_below(path, conf->configdirectory) || is_below(path, conf->userpath) ||
		   is_below(path, conf->sievedir));
}

/* KEY is the path, BEFORE the name of the copy, AFTER the SHA-1 of what was put there. */
int undo_file(struct undo_context *cx, const struct journal_record *r, struct err *e)
{
	struct buf now = BUF_INIT, is = BUF_INIT, was = BUF_INIT;
	bool readable =
		 is_path(cx, r->key) && (r->before == NULL || io_path_is_safe(r->before, strlen(r->before))),
	     there;
	char *copy;
	struct err why = { 0 };
	int rc = 0;

	undo_says(cx, r->before != NULL ? "put back %s as it was" : "remove %s", r->key);
	if (!readable)
		return undo_left(cx, "the journal is not readable");
	copy = r->before != NULL ? mem_printf("%s/%s", cx->safety, r->before) : NULL;
	there = io_read_file(AT_FDCWD, r->key, MAX_BYTES, &now, &why) == 0;
	if (there)
		sum_of(&now, &is);
	buf_clear(&now);
	if (copy != NULL && io_read_file(AT_FDCWD, copy, MAX_BYTES, &now, NULL) == 0)
		sum_of(&now, &was);
	if (!there && why.code != ERR_NOT_FOUND)
		undo_left(cx, "%s", why.msg);
	else if ((!there && r->before == NULL) ||
		 (there && was.len > 0 && strcmp(buf_text(&is), buf_text(&was)) == 0))
		undo_nothing(cx);
	else if (r->after == NULL)
		undo_left(cx, "a copy of it as it was is %s", copy != NULL ? copy : "not needed");
	else if (!there && !has_directory(r->key))
		/* The user is gone again, and all of his with him. */
		undo_nothing(cx);
	else if (there && strcmp(buf_text(&is), r->after) != 0)
		undo_left(cx, "it was changed since");
	else if (undo_goes(cx))
		rc = r->before != NULL ? put_back(cx, r->key, r->before, e) : remove_file(r->key, e);
	buf_done(&now);
	buf_done(&is);
	buf_done(&was);
	free(copy);
	return rc;
}

/* In one move: killed before, the one of the restore is still there, and known. */
static int link_back(struct undo_context *cx, const char *path, const char *to, struct err *e)
{
	char *tmp = mem_printf("%s.cyrvault-new", path);
	int rc = 0;

	unlink(tmp);
	if (symlink(to, tmp) == -1 || lchown(tmp, cx->server->uid, cx->server->gid) == -1 ||
	    rename(tmp, path) == -1)
		rc = err_sys(e, "link %s", path);
	else
		rc = sync_parent(path, e);
	unlink(tmp);
	free(tmp);
	return rc;
}

/* A symbolic link: KEY is its path, values are where it leads. */
int undo_link(struct undo_context *cx, const struct journal_record *r, struct err *e)
{
	char now[4096];
	ssize_t n = is_path(cx, r->key) ? readlink(r->key, now, sizeof now - 1) : -1;
	int rc = 0;

	undo_says(cx, r->before != NULL ? "link %s as it was" : "remove %s", r->key);
	if (!is_path(cx, r->key))
		return undo_left(cx, "the journal is not readable");
	now[n > 0 ? n : 0] = '\0';
	if (n <= 0 || (r->before != NULL && strcmp(now, r->before) == 0))
		undo_nothing(cx);
	else if (r->after == NULL || strcmp(now, r->after) != 0)
		undo_left(cx, "it was changed since");
	else if (undo_goes(cx))
		rc = r->before != NULL ? link_back(cx, r->key, r->before, e) : remove_file(r->key, e);
	return rc;
}
