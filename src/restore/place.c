/* place.c: stage a mailbox's files beside the spool, then move them into place. */
#include "restore/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fault.h"
#include "core/io.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/live.h"

#define STAGE_PREFIX ".cyrvault-restore."

/* Of one root of the partition: the mailbox's directory in it, and what was staged for it. */
struct stage {
	const char *root; /* absolute */
	char *target;     /* the mailbox's directory below it, relative */
	char *name;       /* the staging directory's name in the root */
	int root_fd, dir_fd;
	int target_fd; /* while files are moved */
};

struct staging {
	struct place_context *cx;
	const struct restore_item *item;
	struct stage stages[IMAPD_ROOTS_MAX]; /* the spool first */
	size_t n_stages;
	/* the file being written */
	struct stage *at;
	int fd;
	char *file;
	int64_t mtime;
	uint64_t files, bytes;
};

static void stage_done(struct stage *s)
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

static int stage_open(struct staging *g, const char *root, struct err *e)
{
	const struct server *server = g->cx->server;
	const struct mailbox_entry *entry = &g->item->entry;
	struct stage *s = &g->stages[g->n_stages++];
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
	s->name = mem_printf("%s%ld.%zu", STAGE_PREFIX, (long)getpid(), g->n_stages);
	if (io_remove_tree(s->root_fd, s->name, e) == -1)
		return -1;
	if (mkdirat(s->root_fd, s->name, 0700) == -1)
		return err_sys(e, "create %s/%s", root, s->name);
	s->dir_fd = openat(s->root_fd, s->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return s->dir_fd == -1 ? err_sys(e, "open %s/%s", root, s->name) : 0;
}

static unsigned meta_of(enum file_role role)
{
	switch (role) {
	case ROLE_HEADER: return META_HEADER;
	case ROLE_INDEX: return META_INDEX;
	case ROLE_CACHE: return META_CACHE;
	case ROLE_EXPUNGE: return META_EXPUNGE;
	case ROLE_ANNOTATIONS: return META_ANNOTATIONS;
	default: return 0;
	}
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static uint32_t uid_of(const char *name)
{
	char digits[16];
	size_t n = strspn(name, "0123456789");
	uint64_t uid = 0;

	if (n == 0 || n > 10 || strcmp(name + n, ".") != 0)
		return 0;
	memcpy(digits, name, n);
	digits[n] = '\0';
	return str_u64(digits, UINT32_MAX, &uid) == 0 ? (uint32_t)uid : 0;
}

static int by_uid(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static bool is_wanted(const struct restore_item *item, const struct archive_file *file)
{
	uint32_t uid;

	if (file->role == ROLE_DIRECTORY)
		return false;
	if (item->whole)
		return true;
	if (file->role == ROLE_HEADER)
		return item->want_header;
	if (file->role == ROLE_CACHE)
		return item->want_cache;
	uid = file->role == ROLE_MESSAGE ? uid_of(base_name(file->path)) : 0;
	return uid != 0 && item->n_missing > 0 &&
	       bsearch(&uid, item->missing, item->n_missing, sizeof uid, by_uid) != NULL;
}

static struct stage *stage_of(struct staging *g, const struct archive_file *file)
{
	const struct imapd_conf *conf = g->cx->server->conf;
	const struct cyrus_partition *part = imapd_conf_partition(conf, g->item->entry.partition);
	unsigned meta = meta_of(file->role);
	const char *root = part->spool;

	if (meta != 0)
		root = imapd_conf_meta_root(conf, part, meta);
	else if (part->archive != NULL && source_on_archive_partition(g->cx->source, file->path))
		root = part->archive;
	for (size_t i = 0; i < g->n_stages; i++)
		if (strcmp(g->stages[i].root, root) == 0)
			return &g->stages[i];
	return &g->stages[0];
}

static int sink_begin(
    void *arg, const struct archive_file *file, const struct entry_meta *meta, struct err *e)
{
	struct staging *g = arg;
	const char *name = base_name(file->path);

	if (!is_wanted(g->item, file))
		return 0;
	if (meta == NULL)
		return 1;
	if (!S_ISREG(meta->mode))
		return 0;
	if (!io_path_is_safe(name, strlen(name)))
		return err_set(e, ERR_FORMAT, "%s is no name for a file", file->path);
	g->at = stage_of(g, file);
	g->fd = openat(g->at->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (g->fd == -1)
		return err_sys(e, "create %s in %s", name, g->at->root);
	g->file = mem_strdup(name);
	g->mtime = file->mtime;
	if (fchown(g->fd, g->cx->server->uid, g->cx->server->gid) == -1)
		return err_sys(e, "give %s to Cyrus", name);
	return 1;
}

static int sink_data(void *arg, const void *p, size_t n, struct err *e)
{
	struct staging *g = arg;

	if (job_cancelled(g->cx->job, e) || io_write_all(g->fd, p, n, g->file, e) == -1)
		return -1;
	g->bytes += n;
	job_advance(g->cx->job, n);
	return 0;
}

static void sink_close(struct staging *g)
{
	if (g->fd != -1)
		close(g->fd);
	free(g->file);
	g->fd = -1;
	g->file = NULL;
}

static int sink_end(void *arg, struct err *e)
{
	struct staging *g = arg;
	/* Servers without an index take the internal date from a message's modification time. */
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = (time_t)g->mtime } };
	int rc = futimens(g->fd, times) == -1 ? err_sys(e, "set the time of %s", g->file) : 0;

	sink_close(g);
	g->files++;
	return rc;
}

static void sink_abort(void *arg)
{
	struct staging *g = arg;

	if (g->file != NULL)
		unlinkat(g->at->dir_fd, g->file, 0);
	sink_close(g);
}

static int stage_files(struct staging *g, struct err *e)
{
	struct file_sink sink = {
		.arg = g, .begin = sink_begin, .data = sink_data, .end = sink_end, .abort = sink_abort
	};
	int rc;

	job_step(g->cx->job, "%s: read from the archive", g->item->name);
	rc = source_extract(g->cx->source, g->item->source_index, &sink, e);
	sink_close(g);
	if (rc == -1)
		return -1;
	for (size_t i = 0; i < g->n_stages; i++)
		if (syncfs(g->stages[i].dir_fd) == -1)
			return err_sys(e, "force %s to disk", g->stages[i].root);
	return fault_point("restore-staged", e);
}

/* The order in which files may appear: what an index speaks of is there before the index is. */
static int rank_of(const char *name)
{
	if (strcmp(name, "cyrus.index") == 0)
		return 3;
	if (strcmp(name, "cyrus.header") == 0)
		return 2;
	return uid_of(name) != 0 ? 0 : 1;
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

/* Moves one staged file into place. A message that is there already must be the same one. */
static int move_file(const struct stage *s, int target_fd, const char *name, struct err *e)
{
	struct stat st;
	int same;

	if (uid_of(name) != 0 && fstatat(target_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		same = compare_files(s->dir_fd, target_fd, name, e);
		if (same == 0)
			err_set(e, ERR_REFUSED, "message file %s/%s is there with other content", s->target,
			    name);
		return same == 1 ? 0 : -1;
	}
	if (renameat(s->dir_fd, name, target_fd, name) == -1)
		return err_sys(e, "move %s into %s", name, s->target);
	return fault_point("restore-move", e);
}

/* mkdir -p below a partition's root; what is made belongs to Cyrus. Returns an fd of the last directory. */
static int open_target(const struct place_context *cx, const struct stage *s, struct err *e)
{
	int fd = io_open_beneath(s->root_fd, ".", O_RDONLY | O_DIRECTORY, 0, e);

	for (const char *p = s->target; fd != -1 && *p != '\0';) {
		size_t n = strcspn(p, "/");
		char *name = mem_strndup(p, n);
		int next = -1;

		if (io_mkdir_as(fd, name, 0700, cx->server->uid, cx->server->gid) == -1 && errno != EEXIST)
			err_sys(e, "create directory %s", name);
		else if (io_fsync(fd, s->root, e) == 0)
			next = io_open_beneath(fd, name, O_RDONLY | O_DIRECTORY, 0, e);
		free(name);
		close(fd);
		fd = next;
		p += n + (p[n] == '/');
	}
	return fd;
}

static int move_rank(const struct stage *s, int target_fd, int rank, struct err *e)
{
	int fd = openat(s->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd != -1 ? fdopendir(fd) : NULL;
	struct dirent *de;
	int rc = 0;

	if (d == NULL) {
		if (fd != -1)
			close(fd);
		return err_sys(e, "list %s/%s", s->root, s->name);
	}
	while (rc == 0 && (de = readdir(d)) != NULL)
		if (de->d_name[0] != '.' && rank_of(de->d_name) == rank)
			rc = move_file(s, target_fd, de->d_name, e);
	closedir(d);
	return rc;
}

/* A root in which nothing was staged gets no directory. */
static bool has_files(const struct stage *s)
{
	struct stat st;
	int fd = openat(s->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd != -1 ? fdopendir(fd) : NULL;
	struct dirent *de;
	bool any = false;

	while (d != NULL && !any && (de = readdir(d)) != NULL)
		any = de->d_name[0] != '.';
	if (d != NULL)
		closedir(d);
	else if (fd != -1)
		close(fd);
	return any || fstatat(s->root_fd, s->target, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int move_all(struct staging *g, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < g->n_stages && rc == 0; i++)
		if ((i == 0 || has_files(&g->stages[i])) &&
		    (g->stages[i].target_fd = open_target(g->cx, &g->stages[i], e)) == -1)
			rc = -1;
	for (int rank = 0; rank <= 3 && rc == 0; rank++)
		for (size_t i = 0; i < g->n_stages && rc == 0; i++)
			if (g->stages[i].target_fd != -1)
				rc = move_rank(&g->stages[i], g->stages[i].target_fd, rank, e);
	for (size_t i = 0; i < g->n_stages && rc == 0; i++)
		if (g->stages[i].target_fd != -1)
			rc = io_fsync(g->stages[i].target_fd, g->stages[i].target, e);
	return rc;
}

static bool is_staged(const struct staging *g, const char *name)
{
	for (size_t i = 0; i < g->n_stages; i++)
		if (faccessat(g->stages[i].dir_fd, name, F_OK, 0) == 0)
			return true;
	return false;
}

/* The live mailbox is still as the plan found it; asked under the lock. */
static int still_as_planned(struct staging *g, struct err *e)
{
	const struct restore_item *item = g->item;
	struct live_mailbox *l;
	int rc = 0;

	if (live_load(g->cx->server, &item->entry, &l, e) == -1)
		return -1;
	if (item->whole && l->index != NULL && l->index->h.last_uid > 0)
		rc = err_set(e, ERR_REFUSED, "it has an index again");
	else if (!item->whole && l->index == NULL)
		rc = err_set(e, ERR_REFUSED, "its index is gone now");
	for (size_t i = 0; i < l->n_uids && rc == 0 && item->whole; i++) {
		char name[16];

		snprintf(name, sizeof name, "%u.", l->uids[i]);
		if (!is_staged(g, name))
			rc = err_set(e, ERR_REFUSED,
			    "message %u has come in, which the archive does not have", l->uids[i]);
	}
	live_free(l);
	if (rc == -1) {
		err_wrap(e, "%s changed since the plan was made", item->name);
		return err_hint(e, "run the restore again: it plans anew");
	}
	return 0;
}

/* Nothing reads or writes the mailbox until quiesce_release(). */
static int hold(struct place_context *cx, const struct restore_item *item, const char *owner, struct err *e)
{
	const struct mailbox_entry *entry = &item->entry;

	if (quiesce_level(cx->quiesce) != QUIESCE_USER)
		return 0;
	if (quiesce_hold_user(cx->quiesce, owner != NULL ? owner : "", cx->lock_wait_ms, e) == -1)
		return -1;
	return owner != NULL
	           ? 0
	           : quiesce_hold_mailbox(cx->quiesce, mailbox_entry_layout(cx->server->conf, entry),
			 entry->name, entry->uniqueid, cx->lock_wait_ms, e);
}

int place_mailbox(struct place_context *cx, const struct restore_item *item, struct err *e)
{
	struct staging g = { .cx = cx, .item = item, .fd = -1 };
	const struct cyrus_partition *part = imapd_conf_partition(cx->server->conf, item->entry.partition);
	char *owner = mboxname_user(item->name);
	const char *roots[IMAPD_ROOTS_MAX];
	size_t n_roots;
	int rc = -1;

	if (part == NULL) {
		err_set(e, ERR_CONFIG, "partition %s is not in imapd.conf", item->entry.partition);
		goto out;
	}
	n_roots = imapd_conf_roots(cx->server->conf, part, roots);
	for (size_t i = 0; i < n_roots; i++)
		if (stage_open(&g, roots[i], e) == -1)
			goto out;
	if (stage_files(&g, e) == -1)
		goto out;
	job_step(cx->job, "%s: move into place", item->name);
	if (hold(cx, item, owner, e) == 0 && still_as_planned(&g, e) == 0)
		rc = move_all(&g, e);
	quiesce_release(cx->quiesce);
	if (rc == 0) {
		cx->result->files += g.files;
		cx->result->bytes += g.bytes;
		cx->result->messages +=
		    item->messages - (item->merge != NULL ? item->merge->n_append : 0);
	}
out:
	for (size_t i = 0; i < g.n_stages; i++)
		stage_done(&g.stages[i]);
	free(owner);
	return rc == -1 ? err_wrap(e, "mailbox %s", item->name) : 0;
}

size_t place_leftovers(const struct server *server, bool remove)
{
	size_t found = 0;

	for (size_t i = 0; i < server->conf->n_partitions; i++) {
		const char *roots[IMAPD_ROOTS_MAX];
		size_t n = imapd_conf_roots(server->conf, &server->conf->partitions[i], roots);

		for (size_t k = 0; k < n; k++) {
			DIR *d = opendir(roots[k]);
			struct dirent *de;

			while (d != NULL && (de = readdir(d)) != NULL) {
				if (!str_starts(de->d_name, STAGE_PREFIX))
					continue;
				found++;
				if (remove && io_remove_tree(dirfd(d), de->d_name, NULL) == 0)
					log_write(LOG_LEVEL_WARNING,
					    "removed %s/%s, left by an interrupted restore", roots[k],
					    de->d_name);
			}
			if (d != NULL)
				closedir(d);
		}
	}
	return found;
}
