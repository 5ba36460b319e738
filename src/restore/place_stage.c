/* place_stage.c: files aside, then in place. */
#include "restore/place_stage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/io.h"
#include "core/log.h"
#include "core/mem.h"

void stage_done(struct stage *s)
{
	struct err e;

	if (s->target_fd != -1)
		close(s->target_fd);
	if (s->dir_fd != -1)
		close(s->dir_fd);
	if (s->root_fd != -1 && s->name != NULL && io_remove_tree(s->root_fd, s->name, &e) == -1)
		log_write(LOG_LEVEL_WARNING, "%s/%s stays: %s", s->root, s->name, e.msg);
	if (s->root_fd != -1)
		close(s->root_fd);
	free(s->target);
	free(s->name);
}

int stage_open(const struct server *server, const struct mailbox_entry *entry, const char *root,
    size_t number, struct stage *s, struct err *e)
{
	struct buf target = BUF_INIT;

	*s = (struct stage){ .root = root, .root_fd = -1, .dir_fd = -1, .target_fd = -1 };
	if (mboxname_dir(server->conf, mailbox_entry_layout(server->conf, entry), entry->name,
		entry->uniqueid, &target, e) == -1) {
		buf_done(&target);
		return -1;
	}
	s->target = buf_steal(&target);
	s->root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->root_fd == -1)
		return err_sys(e, "open partition %s", root);
	s->name = mem_printf("%s%ld.%zu", STAGE_PREFIX, (long)getpid(), number);
	if (io_remove_tree(s->root_fd, s->name, e) == -1)
		return -1;
	if (mkdirat(s->root_fd, s->name, 0700) == -1)
		return err_sys(e, "create %s/%s", root, s->name);
	s->dir_fd = openat(s->root_fd, s->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return s->dir_fd == -1 ? err_sys(e, "open %s/%s", root, s->name) : 0;
}

int stage_create(const struct server *server, const struct stage *s, const char *name, struct err *e)
{
	int fd = openat(s->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd == -1)
		return err_sys(e, "create %s in %s", name, s->root);
	if (fchown(fd, server->uid, server->gid) == -1) {
		err_sys(e, "give %s to Cyrus", name);
		close(fd);
		return -1;
	}
	return fd;
}

/* mkdir -p below a partition's root; what is made belongs to Cyrus. */
int stage_target(const struct server *server, struct stage *s, struct err *e)
{
	int fd = io_open_beneath(s->root_fd, ".", O_RDONLY | O_DIRECTORY, 0, e);

	for (const char *p = s->target; fd != -1 && *p != '\0';) {
		size_t n = strcspn(p, "/");
		char *name = mem_strndup(p, n);
		int next = -1;

		if (io_mkdir_as(fd, name, 0700, server->uid, server->gid) == -1 && errno != EEXIST)
			err_sys(e, "create directory %s", name);
		else if (io_fsync(fd, s->root, e) == 0)
			next = io_open_beneath(fd, name, O_RDONLY | O_DIRECTORY, 0, e);
		free(name);
		close(fd);
		fd = next;
		p += n + (p[n] == '/');
	}
	s->target_fd = fd;
	return fd == -1 ? -1 : 0;
}

static int compare_files(int dir_a, int dir_b, const char *name, struct err *e)
{
	struct buf a = BUF_INIT, b = BUF_INIT;
	int rc = -1;

	if (io_read_file(dir_a, name, (size_t)1 << 31, &a, e) == 0 &&
	    io_read_file(dir_b, name, (size_t)1 << 31, &b, e) == 0)
		rc = a.len == b.len && memcmp(buf_text(&a), buf_text(&b), a.len) == 0;
	buf_done(&a);
	buf_done(&b);
	return rc;
}

int stage_move(const struct stage *s, const char *name, bool keep, struct err *e)
{
	struct stat st;
	int same;

	if (keep && fstatat(s->target_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		same = compare_files(s->dir_fd, s->target_fd, name, e);
		if (same == 0)
			err_set(e, ERR_REFUSED, "message file %s/%s is there with other content", s->target,
			    name);
		return same == 1 ? 0 : -1;
	}
	if (renameat(s->dir_fd, name, s->target_fd, name) == -1)
		return err_sys(e, "move %s into %s", name, s->target);
	return 0;
}
