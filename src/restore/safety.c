/* safety.c: copy messages of the running server to where nobody but us removes them. */
#include "restore/safety.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/fault.h"
#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/source_impl.h"

void safety_name(const char *mailbox, struct buf *b)
{
	uint8_t sum[SHA1_SIZE];

	sha1(mailbox, strlen(mailbox), sum);
	str_hex(b, sum, sizeof sum);
}

static char *path_of(const char *dir, const char *mailbox, const char *file)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "%s/", dir);
	safety_name(mailbox, &b);
	if (file != NULL)
		buf_printf(&b, "/%s", file);
	return buf_steal(&b);
}

bool safety_is_whole(const char *dir, const char *mailbox)
{
	char *path = path_of(dir, mailbox, "cyrus.index");
	bool yes = access(path, F_OK) == 0;

	free(path);
	return yes;
}

struct copying {
	const struct restore_merge *merge;
	int dir_fd, fd;
	char name[16];
};

static bool is_wanted(const struct copying *c, uint32_t uid)
{
	const struct restore_merge *m = c->merge;
	size_t low = 0, high = m->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (m->archive[mid].uid < uid)
			low = mid + 1;
		else
			high = mid;
	}
	return uid != 0 && low < m->n && m->archive[low].uid == uid && m->append[low];
}

static int copy_begin(
    void *arg, const struct archive_file *file, const struct entry_meta *meta, struct err *e)
{
	struct copying *c = arg;
	uint32_t uid = file->role == ROLE_MESSAGE ? source_message_uid(source_base(file->path)) : 0;

	if (!is_wanted(c, uid))
		return 0;
	if (meta == NULL)
		return 1;
	snprintf(c->name, sizeof c->name, "%u.", uid);
	c->fd = openat(c->dir_fd, c->name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	return c->fd == -1 ? err_sys(e, "create the copy %s", c->name) : 1;
}

static int copy_data(void *arg, const void *p, size_t n, struct err *e)
{
	struct copying *c = arg;

	return io_write_all(c->fd, p, n, c->name, e);
}

static int copy_end(void *arg, struct err *e)
{
	struct copying *c = arg;
	int rc = close(c->fd) == -1 ? err_sys(e, "write the copy %s", c->name) : 0;

	c->fd = -1;
	return rc;
}

static void copy_abort(void *arg)
{
	struct copying *c = arg;

	close(c->fd);
	c->fd = -1;
	unlinkat(c->dir_fd, c->name, 0);
}

static int put(int dir_fd, const char *name, bool has, const struct buf *b, struct err *e)
{
	return has ? io_replace(dir_fd, name, buf_text(b), b->len, 0600, e) : 0;
}

static int copy_into(struct source *source, size_t i, struct copying *c, struct err *e)
{
	struct file_sink sink = { c, true, copy_begin, copy_data, copy_end, copy_abort };
	struct source_parts p = { 0 };
	int rc = source->ops->parts(source, i, false, &p, e);

	if (rc == 0 && !p.has_index)
		rc = err_set(e, ERR_NOT_FOUND, "its index is gone");
	if (rc == 0)
		rc = source_extract(source, i, &sink, e);
	if (c->fd != -1)
		close(c->fd);
	if (rc == 0 && syncfs(c->dir_fd) == -1)
		rc = err_sys(e, "force the copies to disk");
	if (rc == 0)
		rc = put(c->dir_fd, "cyrus.header", p.has_header, &p.header, e);
	if (rc == 0)
		rc = put(c->dir_fd, "cyrus.expunge", p.has_expunge, &p.expunge, e);
	if (rc == 0)
		rc = put(c->dir_fd, "cyrus.index", true, &p.index, e);
	source_parts_done(&p);
	return rc;
}

int safety_keep(
    struct source *source, size_t i, const struct restore_merge *merge, const char *dir, struct err *e)
{
	const char *mailbox = source_mailbox(source, i)->name;
	struct copying c = { .merge = merge, .dir_fd = -1, .fd = -1 };
	char *path = path_of(dir, mailbox, NULL);
	int rc = 0;

	if (!safety_is_whole(dir, mailbox)) {
		rc = io_mkdirs(AT_FDCWD, path, 0700, e);
		if (rc == 0 && (c.dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
			rc = err_sys(e, "open %s", path);
		if (rc == 0)
			rc = copy_into(source, i, &c, e);
		if (c.dir_fd != -1)
			close(c.dir_fd);
	}
	if (rc == 0)
		rc = fault_point("merge-kept", e);
	if (rc == -1)
		err_wrap(e, "copy messages of %s to %s, out of cyr_expire's reach", mailbox, path);
	free(path);
	return rc;
}

int safety_drop(const char *dir, struct err *e)
{
	return io_remove_tree(AT_FDCWD, dir, e);
}
