/* snap_btrfs.c: read-only snapshots of btrfs subvolumes. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/io.h"
#include "core/log.h"
#include "core/mem.h"
#include "snapshot/btrfs_priv.h"

static void free_all(void *ctx)
{
	struct btrfs_picture *s = ctx;

	for (size_t i = 0; i < s->n; i++) {
		free(s->volumes[i].path);
		free(s->volumes[i].mounted_on);
		free(s->volumes[i].name);
	}
	for (size_t i = 0; i < s->n_fs; i++) {
		free(s->fs[i].device);
		btrfs_subvolumes_done(&s->fs[i].subvolumes);
		if (s->fs[i].top_fd != -1)
			close(s->fs[i].top_fd);
	}
	for (size_t i = 0; i < s->n_places; i++) {
		free(s->places[i].live);
		free(s->places[i].inside);
	}
	free(s->volumes);
	free(s->fs);
	free(s->places);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static int plan(const struct snapshot_opts *o, const char *const *paths, size_t n, void **ret, struct err *e)
{
	struct btrfs_picture *s = mem_alloc(sizeof *s);
	int r;

	s->o = o;
	s->paths = paths;
	s->n_paths = n;
	pthread_mutex_init(&s->lock, NULL);
	r = btrfs_plan(s, e);
	if (r == 1)
		*ret = s;
	else
		free_all(s);
	return r;
}

/* ---- take and drop ---- */

static void set_taken(struct btrfs_picture *s, struct btrfs_volume *v, bool taken)
{
	pthread_mutex_lock(&s->lock);
	v->taken = taken;
	v->invalid = false;
	pthread_mutex_unlock(&s->lock);
	if (!taken)
		owner_lets_go(v->name);
}

static void rename_volume(struct btrfs_picture *s, struct btrfs_volume *v)
{
	static atomic_uint serial;

	pthread_mutex_lock(&s->lock);
	free(v->name);
	v->name = btrfs_name(&s->owner, atomic_fetch_add(&serial, 1));
	pthread_mutex_unlock(&s->lock);
	owner_keeps(v->name);
}

static int take_one(struct btrfs_picture *s, struct btrfs_volume *v, struct err *e)
{
	int top = s->fs[v->fs].top_fd, dir = btrfs_dir(top, true, e), from = -1, rc = -1;

	if (dir == -1)
		return -1;
	if (*v->path == '\0')
		from = fcntl(top, F_DUPFD_CLOEXEC, 0);
	else
		from = io_open_beneath(top, v->path, O_RDONLY | O_DIRECTORY, 0, e);
	if (from != -1) {
		rename_volume(s, v);
		rc = btrfs_snapshot(from, dir, v->name, e);
		set_taken(s, v, rc == 0);
		close(from);
	}
	close(dir);
	return rc == -1 ? err_wrap(e, "take a snapshot of %s", v->mounted_on) : 0;
}

static void unmount(struct btrfs_picture *s)
{
	places_done(&s->map);
	for (size_t i = 0; i < s->n; i++)
		if (s->volumes[i].root_fd != -1) {
			close(s->volumes[i].root_fd);
			s->volumes[i].root_fd = -1;
		}
}

static int drop(void *ctx, struct err *e)
{
	struct btrfs_picture *s = ctx;
	struct buf left = BUF_INIT;
	struct err why = { 0 };

	unmount(s);
	for (size_t i = 0; i < s->n; i++) {
		struct btrfs_volume *v = &s->volumes[i];
		int dir;

		if (!v->taken)
			continue;
		set_taken(s, v, false);
		dir = btrfs_dir(s->fs[v->fs].top_fd, false, &why);
		if (dir == -1 || btrfs_remove_patiently(dir, v->name, &why) == -1)
			buf_printf(
			    &left, "%s%s of %s", left.len > 0 ? ", " : "", v->name, s->fs[v->fs].device);
		if (dir != -1)
			close(dir);
	}
	if (left.len == 0)
		return 0;
	err_set(e, why.code, "not removed: %s: %s", buf_text(&left), why.msg);
	err_hint(e, "mount the top level (-o subvolid=5) and use: btrfs subvolume delete " BTRFS_DIR "/NAME");
	buf_done(&left);
	return -1;
}

static int take(void *ctx, struct err *e)
{
	struct btrfs_picture *s = ctx;
	struct err why;
	int rc = 0;

	for (size_t i = 0; i < s->n && rc == 0; i++)
		rc = job_cancelled(s->o->job, e) ? -1 : take_one(s, &s->volumes[i], e);
	if (rc == -1 && drop(s, &why) == -1)
		log_write(LOG_LEVEL_ERROR, "snapshot (btrfs): %s", why.msg);
	return rc;
}

/* ---- read ---- */

static int open_one(struct btrfs_picture *s, struct btrfs_volume *v, struct err *e)
{
	int dir = btrfs_dir(s->fs[v->fs].top_fd, false, e);

	if (dir == -1)
		return -1;
	v->root_fd = openat(dir, v->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (v->root_fd == -1)
		err_sys(e, "open the snapshot %s", v->name);
	close(dir);
	return v->root_fd == -1 ? -1 : btrfs_id(v->root_fd, &v->id, e);
}

static int mount_all(void *ctx, struct err *e)
{
	struct btrfs_picture *s = ctx;
	int rc = 0;

	for (size_t i = 0; i < s->n && rc == 0; i++)
		rc = open_one(s, &s->volumes[i], e);
	for (size_t i = 0; i < s->n_places && rc == 0; i++) {
		const struct btrfs_place *p = &s->places[i];

		places_add(&s->map, p->live, p->volume == -1 ? -1 : s->volumes[p->volume].root_fd, p->inside);
	}
	if (rc == 0)
		rc = places_prove(&s->map, s->paths, s->n_paths, e);
	if (rc == -1)
		unmount(s);
	return rc;
}

static int open_path(void *ctx, const char *path, int flags, struct err *e)
{
	const struct btrfs_picture *s = ctx;

	return places_open(&s->map, path, flags, e);
}

/* Somebody may delete a snapshot that is being read: its files vanish then as if they had never been. Whether its name still leads to it. */
static bool is_there(const struct btrfs_picture *s, const struct btrfs_volume *v)
{
	int dir = btrfs_dir(s->fs[v->fs].top_fd, false, NULL), fd = -1;
	uint64_t id = 0;
	bool read_only = false, is;

	if (dir != -1)
		fd = openat(dir, v->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	is = fd != -1 && btrfs_id(fd, &id, NULL) == 0 && id == v->id &&
	     btrfs_read_only(fd, &read_only, NULL) == 0 && read_only;
	if (fd != -1)
		close(fd);
	if (dir != -1)
		close(dir);
	return is;
}

static int check(const void *ctx, struct err *e)
{
	/* The lock, and what it guards, change. */
	struct btrfs_picture *s = (struct btrfs_picture *)(uintptr_t)ctx;

	for (size_t i = 0; i < s->n; i++) {
		struct btrfs_volume *v = &s->volumes[i];

		if (!v->taken || is_there(s, v))
			continue;
		pthread_mutex_lock(&s->lock);
		v->invalid = true;
		pthread_mutex_unlock(&s->lock);
		return err_set(e, ERR_DAMAGE,
		    "somebody removed or changed the snapshot " BTRFS_DIR
		    "/%s: what was read of it counts for nothing",
		    v->name);
	}
	return 0;
}

static int health(void *ctx, struct err *e)
{
	return check(ctx, e);
}

static void facts(const void *ctx, struct snapshot_facts *ret)
{
	struct btrfs_picture *s = (struct btrfs_picture *)(uintptr_t)ctx;

	ret->volumes = mem_array(s->n, sizeof *ret->volumes);
	ret->n = s->n;
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n; i++) {
		const struct btrfs_volume *v = &s->volumes[i];

		ret->volumes[i] = (struct snapshot_volume){ .origin = mem_printf("%s of %s",
								*v->path != '\0' ? v->path : "the top level",
								s->fs[v->fs].device),
			.name =
			    v->taken ? mem_printf(BTRFS_DIR "/%s of %s", v->name, s->fs[v->fs].device) : NULL,
			.fs = mem_strdup("btrfs"),
			.mounted_on = mem_strdup(v->mounted_on),
			.origin_bytes = s->fs[v->fs].bytes,
			.free_bytes = s->fs[v->fs].free_bytes,
			.invalid = v->invalid };
	}
	pthread_mutex_unlock(&s->lock);
}

const struct snapshot_provider snap_btrfs = {
	.name = "btrfs",
	.plan = plan,
	.take = take,
	.mount = mount_all,
	.drop = drop,
	.open = open_path,
	.check = check,
	.health = health,
	.facts = facts,
	.free = free_all,
	.clean = btrfs_clean,
};
