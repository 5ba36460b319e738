/* pack.c: captured files and messages into the archive. */
#include "backup/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "backup/consistency.h"
#include "core/fault.h"
#include "core/io.h"
#include "core/mem.h"

int pack_begin(struct pack_context *cx, enum unit_kind kind, const char *name, struct err *e)
{
	if (job_cancelled(cx->job, e))
		return -1;
	return cx->writer != NULL ? archive_writer_begin(cx->writer, kind, name, e) : 0;
}

int pack_end(struct pack_context *cx, const struct unit_info *info, struct err *e)
{
	return cx->writer != NULL ? archive_writer_end(cx->writer, info, e) : 0;
}

static void fill_meta(struct entry_meta *meta, const char *path, enum file_role role, const struct stat *st)
{
	*meta = (struct entry_meta){ .path = path + strspn(path, "/"),
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime = st->st_mtime,
		.size = S_ISDIR(st->st_mode) ? 0 : (uint64_t)st->st_size,
		.rdev = st->st_rdev,
		.role = role };
	/* Inode numbers are told apart by device, and only within one backup. */
	if (S_ISREG(st->st_mode) && st->st_nlink > 1)
		meta->link_group = (uint64_t)st->st_ino ^ (uint64_t)st->st_dev << 40;
}

/* Reads an open file to its end when nothing is written, so that a dry run sees read errors and GUIDs. */
static int read_only(
    int fd, const struct entry_meta *meta, uint8_t guid[SHA1_SIZE], uint64_t *missing, struct err *e)
{
	struct digest *d = digest_new(DIGEST_SHA1);
	uint64_t left = meta->size;
	char chunk[65536];
	size_t got = 1;
	int rc = 0;

	while (rc == 0 && left > 0 && got > 0) {
		rc = io_read_all(
		    fd, chunk, left < sizeof chunk ? (size_t)left : sizeof chunk, meta->path, &got, e);
		if (rc == 0)
			digest_add(d, chunk, got);
		left -= rc == 0 ? got : 0;
	}
	digest_end(d, guid);
	digest_free(d);
	*missing = left;
	return rc;
}

static int add_fd(struct pack_context *cx, const struct entry_meta *meta, int fd, uint8_t guid[SHA1_SIZE],
    uint64_t *missing, struct err *e)
{
	int rc;

	*missing = 0;
	if (lseek(fd, 0, SEEK_SET) == -1)
		return err_sys(e, "seek in /%s", meta->path);
	if (cx->writer != NULL)
		rc = archive_writer_add_fd(cx->writer, meta, fd, guid, missing, e);
	else
		rc = read_only(fd, meta, guid, missing, e);
	if (rc == 0) {
		cx->files++;
		cx->bytes += meta->size;
		job_advance(cx->job, meta->size);
	}
	return rc;
}

static void remember_directory(struct pack_context *cx, const char *path, const struct stat *st)
{
	cx->dirs = mem_grow(cx->dirs, &cx->cap_dirs, cx->n_dirs + 1, sizeof *cx->dirs);
	cx->dirs[cx->n_dirs++] = (struct captured_directory){ mem_strdup(path), *st };
}

static int deepest_first(const void *a, const void *b)
{
	return strcmp(
	    ((const struct captured_directory *)b)->path, ((const struct captured_directory *)a)->path);
}

int pack_directories(struct pack_context *cx, struct err *e)
{
	struct unit_info info = { .kind = UNIT_DIRECTORIES,
		.health = HEALTH_UNCHECKED,
		.name = "directories",
		.uniqueid = "",
		.partition = "" };
	int rc = pack_begin(cx, UNIT_DIRECTORIES, "directories", e);

	if (cx->n_dirs > 1)
		qsort(cx->dirs, cx->n_dirs, sizeof *cx->dirs, deepest_first);
	for (size_t i = 0; i < cx->n_dirs && rc == 0; i++) {
		struct entry_meta meta;

		if (i > 0 && strcmp(cx->dirs[i].path, cx->dirs[i - 1].path) == 0)
			continue;
		fill_meta(&meta, cx->dirs[i].path, ROLE_DIRECTORY, &cx->dirs[i].st);
		cx->files++;
		if (meta.path[0] != '\0' && cx->writer != NULL)
			rc = archive_writer_add(cx->writer, &meta, "", e);
	}
	pack_done(cx);
	return rc == 0 ? pack_end(cx, &info, e) : -1;
}

void pack_done(struct pack_context *cx)
{
	for (size_t i = 0; i < cx->n_dirs; i++)
		free(cx->dirs[i].path);
	free(cx->dirs);
	cx->dirs = NULL;
	cx->n_dirs = cx->cap_dirs = 0;
}

int pack_file(struct pack_context *cx, const struct captured_file *f, struct err *e)
{
	struct entry_meta meta;
	uint8_t guid[SHA1_SIZE];
	uint64_t missing;

	if (S_ISDIR(f->st.st_mode)) {
		remember_directory(cx, f->path, &f->st);
		return 0;
	}
	fill_meta(&meta, f->path, f->role, &f->st);
	if (meta.path[0] == '\0')
		return 0;
	if (f->fd != -1) {
		if (add_fd(cx, &meta, f->fd, guid, &missing, e) == -1)
			return -1;
		if (missing > 0)
			findings_add(cx->findings, FINDING_UNREADABLE, "",
			    "%s became %llu bytes shorter while it was packed", f->path,
			    (unsigned long long)missing);
		return 0;
	}
	cx->files++;
	cx->bytes += meta.size;
	job_advance(cx->job, meta.size);
	return cx->writer != NULL ? archive_writer_add(cx->writer, &meta, f->bytes, e) : 0;
}

int pack_bytes(struct pack_context *cx, const char *path, enum file_role role, const char *p, size_t n,
    int64_t mtime, struct err *e)
{
	struct entry_meta meta = {
		.path = path, .mode = S_IFREG | 0600, .mtime = mtime, .size = n, .role = role
	};

	cx->files++;
	return cx->writer != NULL ? archive_writer_add(cx->writer, &meta, p, e) : 0;
}

int pack_user(struct pack_context *cx, const struct capture *c, const char *inbox_id, struct err *e)
{
	struct unit_info info = { .kind = UNIT_USER,
		.health = HEALTH_UNCHECKED,
		.name = c->owner,
		.uniqueid = inbox_id,
		.partition = "" };

	if (c->n_user_files == 0)
		return 0;
	if (pack_begin(cx, UNIT_USER, c->owner, e) == -1)
		return -1;
	for (size_t i = 0; i < c->n_user_files; i++)
		if (pack_file(cx, &c->user_files[i], e) == -1)
			return -1;
	cx->users++;
	return pack_end(cx, &info, e);
}

/* One message. A file that has gone since it was listed is for the check to report. */
static int pack_message(struct pack_context *cx, struct captured_mailbox *m, struct captured_message *msg,
    struct mailbox_check *check, struct err *e)
{
	const char *dir = msg->in_archive ? m->archive_dir : m->dir;
	struct entry_meta meta;
	struct stat st;
	uint8_t guid[SHA1_SIZE];
	uint64_t missing;
	struct err why;
	char name[16];
	char *path;
	int rc = -1;

	snprintf(name, sizeof name, "%u.", (unsigned)msg->uid);
	if (msg->fd == -1)
		msg->fd = openat(msg->in_archive ? m->archive_fd : m->dir_fd, name,
		    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (msg->fd == -1) {
		check_message_unreadable(check, msg->uid, errno);
		return 0;
	}
	path = mem_printf("%s/%s", dir, name);
	if (fstat(msg->fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		check_message_unreadable(check, msg->uid, S_ISREG(st.st_mode) ? errno : EINVAL);
		rc = 0;
		goto out;
	}
	fill_meta(&meta, path, ROLE_MESSAGE, &st);
	if (add_fd(cx, &meta, msg->fd, guid, &missing, &why) == 0) {
		check_message(check, msg->uid, meta.size - missing, guid);
	} else if (why.code == ERR_SYS && (cx->writer == NULL || archive_writer_usable(cx->writer))) {
		/* A bad sector in one message must not cost the others. */
		check_message_unreadable(check, msg->uid, why.sys);
	} else {
		if (e != NULL)
			*e = why;
		goto out;
	}
	cx->messages++;
	rc = 0;
out:
	close(msg->fd);
	msg->fd = -1;
	free(path);
	return rc;
}

int pack_mailbox(
    struct pack_context *cx, struct captured_mailbox *m, struct cyrusdb *owner_seen, struct err *e)
{
	struct mailbox_check *check = check_new(m, cx->conf, owner_seen, cx->findings);
	struct unit_info info;
	int rc = -1;

	if (m->lost) {
		check_end(check, &info);
		return 0;
	}
	if (fault_point("pack-mailbox", e) == -1 ||
	    pack_begin(cx, m->entry != NULL ? UNIT_MAILBOX : UNIT_ORPHAN, m->name, e) == -1)
		goto out;
	for (size_t i = 0; i < m->n_files; i++)
		if (pack_file(cx, &m->files[i], e) == -1)
			goto out;
	for (size_t i = 0; i < m->n_messages; i++)
		if (pack_message(cx, m, &m->messages[i], check, e) == -1)
			goto out;
	rc = 0;
out:
	check_end(check, &info);
	if (rc == 0)
		rc = pack_end(cx, &info, e);
	if (rc == 0 && m->entry != NULL)
		cx->mailboxes++;
	return rc == -1 ? err_wrap(e, "mailbox %s", m->name) : 0;
}
