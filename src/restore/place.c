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
#include "restore/fresh.h"
#include "restore/live.h"
#include "restore/place_stage.h"

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
	g->fd = stage_create(g->cx->server, g->at, name, e);
	if (g->fd == -1)
		return -1;
	g->file = mem_strdup(name);
	g->mtime = file->mtime;
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

/* The stage in which ${name} lies, or NULL. */
static const struct stage *stage_with(const struct staging *g, const char *name)
{
	for (size_t i = 0; i < g->n_stages; i++)
		if (faccessat(g->stages[i].dir_fd, name, F_OK, 0) == 0)
			return &g->stages[i];
	return NULL;
}

static int rewrite(struct staging *g, struct err *e)
{
	const struct stage *header = stage_with(g, "cyrus.header"), *index = stage_with(g, "cyrus.index");

	if (header == NULL || index == NULL)
		return err_set(e, ERR_DAMAGE, "the archive has no %s of it",
		    header == NULL ? "cyrus.header" : "cyrus.index");
	return fresh_rewrite(g->cx->server, g->item, header->dir_fd, index->dir_fd, e);
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
	if (rc == -1 || (g->item->fresh && g->item->whole && rewrite(g, e) == -1))
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

/* Moves one staged file into place. A message that is there already must be the same one. */
static int move_file(struct stage *s, const char *name, struct err *e)
{
	if (stage_move(s, name, uid_of(name) != 0, e) == -1)
		return -1;
	return fault_point("restore-move", e);
}

static int move_rank(struct stage *s, int rank, struct err *e)
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
			rc = move_file(s, de->d_name, e);
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
		if (i == 0 || has_files(&g->stages[i]))
			rc = stage_target(g->cx->server, &g->stages[i], e);
	for (int rank = 0; rank <= 3 && rc == 0; rank++)
		for (size_t i = 0; i < g->n_stages && rc == 0; i++)
			if (g->stages[i].target_fd != -1)
				rc = move_rank(&g->stages[i], rank, e);
	for (size_t i = 0; i < g->n_stages && rc == 0; i++)
		if (g->stages[i].target_fd != -1)
			rc = io_fsync(g->stages[i].target_fd, g->stages[i].target, e);
	return rc;
}

static bool is_staged(const struct staging *g, const char *name)
{
	return stage_with(g, name) != NULL;
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
		if (stage_open(cx->server, &item->entry, roots[i], ++g.n_stages, &g.stages[i], e) == -1)
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
		cx->result->messages += item->messages - (item->merge != NULL ? item->merge->n_append : 0);
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
