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

static int put_back(struct undo_context *cx, const char *path, const char *copy, struct err *e)
{
	char *from = mem_printf("%s/%s", cx->safety, copy), *tmp = mem_printf("%s.cyrvault-new", path);
	struct buf b = BUF_INIT;
	struct stat st;
	int fd = -1, rc = -1;

	if (!io_path_is_safe(copy, strlen(copy)))
		err_set(e, ERR_FORMAT, "%s is no name of a copy", copy);
	else if (io_read_file(AT_FDCWD, from, MAX_BYTES, &b, e) == 0 && lstat(from, &st) == 0) {
		unlink(tmp);
		fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd == -1 || fchown(fd, cx->server->uid, cx->server->gid) == -1 ||
		    fchmod(fd, st.st_mode & 0777) == -1)
			err_sys(e, "create %s", tmp);
		else if (io_write_all(fd, buf_text(&b), b.len, tmp, e) == 0 && io_fsync(fd, tmp, e) == 0)
			rc = rename(tmp, path) == -1 ? err_sys(e, "create %s", path) : 0;
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
	return unlink(path) == -1 && errno != ENOENT ? err_sys(e, "remove %s", path) : 0;
}

static bool has_directory(const char *path)
{
	char *parent = mem_strndup(path, (size_t)(strrchr(path, '/') - path));
	bool there = access(parent, F_OK) == 0;

	free(parent);
	return there;
}

/* KEY is the path, BEFORE the name of the copy, AFTER the SHA-1 of what was put there. */
int undo_file(struct undo_context *cx, const struct journal_record *r, struct err *e)
{
	struct buf now = BUF_INIT, is = BUF_INIT, was = BUF_INIT;
	char *copy = r->before != NULL ? mem_printf("%s/%s", cx->safety, r->before) : NULL;
	struct err why = { 0 };
	bool there = io_read_file(AT_FDCWD, r->key, MAX_BYTES, &now, &why) == 0;
	int rc = 0;

	undo_says(cx, r->before != NULL ? "put back %s as it was" : "remove %s", r->key);
	if (there)
		sum_of(&now, &is);
	buf_clear(&now);
	if (copy != NULL && io_read_file(AT_FDCWD, copy, MAX_BYTES, &now, NULL) == 0)
		sum_of(&now, &was);
	if (r->key[0] != '/')
		undo_left(cx, "the journal is not readable");
	else if (!there && why.code != ERR_NOT_FOUND)
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

/* A symbolic link: KEY is its path, values are where it leads. */
int undo_link(struct undo_context *cx, const struct journal_record *r, struct err *e)
{
	char now[4096];
	ssize_t n = readlink(r->key, now, sizeof now - 1);
	int rc = 0;

	undo_says(cx, r->before != NULL ? "link %s as it was" : "remove %s", r->key);
	now[n > 0 ? n : 0] = '\0';
	if (n <= 0 || (r->before != NULL && strcmp(now, r->before) == 0))
		undo_nothing(cx);
	else if (r->after == NULL || strcmp(now, r->after) != 0)
		undo_left(cx, "it was changed since");
	else if (undo_goes(cx)) {
		rc = remove_file(r->key, e);
		if (rc == 0 && r->before != NULL &&
		    (symlink(r->before, r->key) == -1 ||
			lchown(r->key, cx->server->uid, cx->server->gid) == -1))
			rc = err_sys(e, "link %s", r->key);
	}
	return rc;
}
