/* btrfs_plan.c: which subvolumes the paths lie in, and those nested below, which a snapshot does not take along. Nothing is changed. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"
#include "snapshot/btrfs_priv.h"
#include "snapshot/detached.h"
#include "snapshot/mounts.h"

#define MAX_VOLUMES 64
/* Without it not even the tree of a snapshot can be written. */
#define LEAST_FREE ((uint64_t)16 << 20)

static int find_fs(const struct btrfs_picture *s, const struct mount *m)
{
	for (size_t i = 0; i < s->n_fs; i++)
		if (s->fs[i].major == m->major && s->fs[i].minor == m->minor)
			return (int)i;
	return -1;
}

/* Its number, or -1. */
static int open_fs(struct btrfs_picture *s, const struct mount *m, struct err *e)
{
	struct btrfs_fs *fs;
	struct statvfs v;
	char free_words[16];
	int i = find_fs(s, m);

	if (i != -1)
		return i;
	s->fs = mem_resize(s->fs, s->n_fs + 1, sizeof *s->fs);
	fs = &s->fs[s->n_fs++];
	*fs = (struct btrfs_fs){ .major = m->major, .minor = m->minor, .device = mem_strdup(m->source) };
	fs->top_fd = btrfs_top(fs->device, e);
	if (fs->top_fd == -1 || btrfs_subvolumes(fs->top_fd, &fs->subvolumes, e) == -1)
		return -1;
	if (fstatvfs(fs->top_fd, &v) == -1)
		return err_sys(e, "look at %s", fs->device);
	fs->bytes = (uint64_t)v.f_blocks * v.f_frsize;
	fs->free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
	if (fs->free_bytes < LEAST_FREE) {
		err_set(e, ERR_SPACE, "%s (btrfs) has only %s free", fs->device,
		    str_size(free_words, sizeof free_words, fs->free_bytes));
		return err_hint(e, "what a snapshot keeps takes room, too");
	}
	return (int)s->n_fs - 1;
}

/* The subvolume that a path from the top lies in: the longest one. */
static const struct btrfs_subvolume *subvolume_of(const struct btrfs_fs *fs, const char *path)
{
	const struct btrfs_subvolume *best = &fs->subvolumes.list[0];

	for (size_t i = 1; i < fs->subvolumes.n; i++)
		if (path_below(path, fs->subvolumes.list[i].path) != NULL &&
		    strlen(fs->subvolumes.list[i].path) > strlen(best->path))
			best = &fs->subvolumes.list[i];
	return best;
}

/* What follows ${dir} in ${path}; "" as a directory is the top. */
static const char *below(const char *path, const char *dir)
{
	return *dir == '\0' ? path : path_below(path, dir);
}

static int volume_of(const struct btrfs_picture *s, int fs, const char *path)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->volumes[i].fs == (size_t)fs && strcmp(s->volumes[i].path, path) == 0)
			return (int)i;
	return -1;
}

static int add_volume(
    struct btrfs_picture *s, int fs, const struct btrfs_subvolume *v, char *mounted_on, struct err *e)
{
	if (volume_of(s, fs, v->path) != -1) {
		free(mounted_on);
		return 0;
	}
	if (s->n == MAX_VOLUMES) {
		free(mounted_on);
		return err_set(e, ERR_UNSUPPORTED, "the paths lie in more than %d subvolumes", MAX_VOLUMES);
	}
	s->volumes = mem_resize(s->volumes, s->n + 1, sizeof *s->volumes);
	s->volumes[s->n++] = (struct btrfs_volume){
		.fs = (size_t)fs, .path = mem_strdup(v->path), .mounted_on = mounted_on, .root_fd = -1
	};
	return 0;
}

/* A nested one that cannot change needs no snapshot; what this program made itself is no mail. */
static int is_still(const struct btrfs_fs *fs, const struct btrfs_subvolume *v, bool *ret, struct err *e)
{
	int fd, rc;

	*ret = path_below(v->path, BTRFS_DIR) != NULL;
	if (*ret)
		return 0;
	fd = io_open_beneath(fs->top_fd, v->path, O_RDONLY | O_DIRECTORY, 0, e);
	if (fd == -1)
		return -1;
	rc = btrfs_read_only(fd, ret, e);
	close(fd);
	return rc;
}

/* All subvolumes that a path, or a mount, needs. */
static int need(struct btrfs_picture *s, const char *path, const struct mount *m, struct err *e)
{
	const struct btrfs_subvolume *own;
	char *inner;
	int fs, rc;

	if (m == NULL || strcmp(m->fs, "btrfs") != 0) {
		err_set(e, ERR_CONFIG, "%s is on %s (%s), which is not btrfs", path,
		    m != NULL ? m->source : "?", m != NULL ? m->fs : "?");
		return 0;
	}
	fs = open_fs(s, m, e);
	if (fs == -1)
		return -1;
	inner = path_join(*m->root == '/' ? m->root + 1 : m->root, path_below(path, m->point));
	own = subvolume_of(&s->fs[fs], inner);
	rc = add_volume(s, fs, own, mem_strdup(m->point), e);
	for (size_t i = 1; i < s->fs[fs].subvolumes.n && rc == 0; i++) {
		const struct btrfs_subvolume *v = &s->fs[fs].subvolumes.list[i];
		const char *rest = v != own ? below(v->path, inner) : NULL;
		bool still = true;

		if (rest == NULL)
			continue;
		rc = is_still(&s->fs[fs], v, &still, e);
		if (rc == 0 && !still)
			rc = add_volume(s, fs, v, path_join(path, rest), e);
	}
	free(inner);
	return rc == -1 ? -1 : 1;
}

static int need_all(struct btrfs_picture *s, const struct mounts *m, struct err *e)
{
	int r = 1;

	for (size_t i = 0; i < s->n_paths && r == 1; i++) {
		r = need(s, s->paths[i], mounts_of(m, s->paths[i]), e);
		for (size_t k = 0; k < m->n && r == 1; k++) {
			const struct mount *x = &m->list[k];

			if (path_below(x->point, s->paths[i]) == NULL || mount_is_memory(x) ||
			    !mounts_visible(m, x))
				continue;
			r = need(s, x->point, x, e);
		}
	}
	if (r == 1 && s->n == 0) {
		err_set(e, ERR_CONFIG, "none of the paths is there");
		r = 0;
	}
	return r;
}

static void add_place(struct btrfs_picture *s, char *live, const char *inside, int volume)
{
	s->places = mem_resize(s->places, s->n_places + 1, sizeof *s->places);
	s->places[s->n_places++] = (struct btrfs_place){ live, mem_strdup(inside), volume };
}

/* A mount of one of the file systems, and the subvolumes nested below. */
static void note_mount(struct btrfs_picture *s, const struct mounts *all, const struct mount *m, int fs)
{
	const char *root = *m->root == '/' ? m->root + 1 : m->root;
	const struct btrfs_subvolume *own = subvolume_of(&s->fs[fs], root);

	add_place(s, mem_strdup(m->point), below(root, own->path), volume_of(s, fs, own->path));
	for (size_t i = 1; i < s->fs[fs].subvolumes.n; i++) {
		const struct btrfs_subvolume *v = &s->fs[fs].subvolumes.list[i];
		const char *rest = v != own ? below(v->path, root) : NULL;
		char *live;

		if (rest == NULL || *rest == '\0')
			continue;
		live = path_join(m->point, rest);
		if (mounts_of(all, live) == m)
			add_place(s, live, "", volume_of(s, fs, v->path));
		else
			free(live);
	}
}

/* Every mount is a place of its own, so that a path below one that is not in the picture is live. */
static void note_places(struct btrfs_picture *s, const struct mounts *m)
{
	for (size_t k = 0; k < m->n; k++) {
		const struct mount *x = &m->list[k];
		int fs = find_fs(s, x);

		if (!mounts_visible(m, x))
			continue;
		if (fs == -1)
			add_place(s, mem_strdup(x->point), "", -1);
		else
			note_mount(s, m, x, fs);
	}
}

int btrfs_plan(struct btrfs_picture *s, struct err *e)
{
	struct mounts m = { 0 };
	int r;

	if (geteuid() != 0) {
		err_set(e, ERR_CONFIG, "only root takes snapshots of subvolumes");
		return 0;
	}
	if (detached_possible(e) == 0)
		return 0;
	if (mounts_read(&m, e) == -1 || owner_self(&s->owner, e) == -1) {
		mounts_done(&m);
		return -1;
	}
	r = need_all(s, &m, e);
	if (r == 1)
		note_places(s, &m);
	mounts_done(&m);
	return r;
}
