/* lvm_plan.c: which volumes the paths lie on, and whether a snapshot of them can be had. Nothing is changed. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"
#include "snapshot/detached.h"
#include "snapshot/lvm_priv.h"
#include "snapshot/mounts.h"

/* A pool fuller than this may be full before the backup ends; then the origin's writers fail. */
#define POOL_FULL_PERMILLE 950

/* ---- mounts ---- */

/* Device mapper says whose a device is, sooner than lvm would. */
static bool is_logical_volume(const struct mount *m)
{
	struct buf b = BUF_INIT;
	char path[64];
	bool is;

	snprintf(path, sizeof path, "/sys/dev/block/%u:%u/dm/uuid", m->major, m->minor);
	is = io_read_file(AT_FDCWD, path, 4096, &b, NULL) == 0 && str_starts(buf_text(&b), "LVM-");
	buf_done(&b);
	return is;
}

/* 1; 0 with why not. A program that was named is asked about devices of any kind. */
static int suits(const struct lvm_snapshot *s, const char *path, const struct mount *m, struct err *e)
{
	if (m == NULL)
		err_set(e, ERR_CONFIG, "what %s lies on is not to be seen from here", path);
	else if (m->major == 0 || (s->o->lvm == NULL && !is_logical_volume(m)))
		err_set(
		    e, ERR_CONFIG, "%s is on %s (%s), which is no logical volume", path, m->source, m->fs);
	else if (mount_has_option(m, "logdev=") || mount_has_option(m, "rtdev=") ||
		 mount_has_option(m, "journal_dev=") || mount_has_option(m, "journal_path="))
		err_set(e, ERR_CONFIG, "the journal of %s (%s) lies on another device", m->source, m->fs);
	else
		return 1;
	return 0;
}

static int volume_of(const struct lvm_snapshot *s, const struct mount *m)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->volumes[i].major == m->major && s->volumes[i].minor == m->minor)
			return (int)i;
	return -1;
}

/* Where people know it: the mount of all of it, not one of a directory of it. */
static const struct mount *home(const struct mounts *all, const struct mount *m)
{
	for (size_t i = 0; i < all->n && strcmp(m->root, "/") != 0; i++)
		if (all->list[i].major == m->major && all->list[i].minor == m->minor &&
		    strcmp(all->list[i].root, "/") == 0 && mounts_visible(all, &all->list[i]))
			m = &all->list[i];
	return m;
}

static int need(
    struct lvm_snapshot *s, const char *path, const struct mounts *all, const struct mount *m, struct err *e)
{
	struct lvm_volume *v;

	if (suits(s, path, m, e) == 0)
		return 0;
	if (volume_of(s, m) != -1)
		return 1;
	if (s->n == LVM_MAX_VOLUMES) {
		err_set(e, ERR_UNSUPPORTED, "the paths lie on more than %d volumes", LVM_MAX_VOLUMES);
		return 0;
	}
	s->volumes = mem_resize(s->volumes, s->n + 1, sizeof *s->volumes);
	v = &s->volumes[s->n++];
	*v = (struct lvm_volume){ .root_fd = -1, .major = m->major, .minor = m->minor };
	v->fs = mem_strdup(m->fs);
	v->mounted_on = mem_strdup(home(all, m)->point);
	/* Until it is known as a volume: what it is called here. */
	v->lv = mem_strdup(m->source);
	return 1;
}

/* What is mounted below a path is part of it, but for what lies in memory. */
static int need_all(struct lvm_snapshot *s, const struct mounts *m, struct err *e)
{
	for (size_t i = 0; i < s->n_paths; i++) {
		if (need(s, s->paths[i], m, mounts_of(m, s->paths[i]), e) == 0)
			return 0;
		for (size_t k = 0; k < m->n; k++) {
			const struct mount *x = &m->list[k];

			if (path_below(x->point, s->paths[i]) == NULL || mount_is_memory(x) ||
			    !mounts_visible(m, x))
				continue;
			if (need(s, x->point, m, x, e) == 0)
				return 0;
		}
	}
	if (s->n > 0)
		return 1;
	err_set(e, ERR_CONFIG, "none of the paths is there");
	return 0;
}

/* Every mount is a place of its own, so that a path below one that is not in the picture is live. */
static void note_places(struct lvm_snapshot *s, const struct mounts *m)
{
	s->places = mem_array(m->n, sizeof *s->places);
	for (size_t k = 0; k < m->n; k++) {
		const struct mount *x = &m->list[k];
		const char *inside = path_below(x->root, "/");

		if (!mounts_visible(m, x))
			continue;
		s->places[s->n_places++] = (struct lvm_place){ .live = mem_strdup(x->point),
			.inside = mem_strdup(inside != NULL ? inside : ""),
			.volume = inside != NULL ? volume_of(s, x) : -1 };
	}
}

/* ---- volumes ---- */

static const struct lvm_lv *by_device(const struct lvm_lvs *l, const struct lvm_volume *v)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->list[i].major == (int)v->major && l->list[i].minor == (int)v->minor)
			return &l->list[i];
	return NULL;
}

static int check_pool(const struct lvm_lvs *l, struct lvm_volume *v, const struct lvm_lv *lv, struct err *e)
{
	const struct lvm_lv *pool = lvm_lvs_find(l, lv->vg, lv->pool);

	if (pool == NULL)
		return err_set(e, ERR_TOOL, "lvm knows no pool %s/%s", lv->vg, lv->pool);
	if (*pool->health != '\0')
		return err_set(
		    e, ERR_SPACE, "the thin pool %s/%s is not well: %s", pool->vg, pool->name, pool->health);
	if (pool->fill_permille >= POOL_FULL_PERMILLE || pool->meta_permille >= POOL_FULL_PERMILLE) {
		err_set(e, ERR_SPACE, "the thin pool %s/%s is full to %d %%, its metadata to %d %%", pool->vg,
		    pool->name, pool->fill_permille / 10, pool->meta_permille / 10);
		return err_hint(
		    e, "give it room: lvextend %s/%s; mail stops when it is full", pool->vg, pool->name);
	}
	v->free_bytes =
	    pool->fill_permille >= 0 ? pool->bytes / 1000 * (uint64_t)(1000 - pool->fill_permille) : 0;
	return 0;
}

static int check_volume(
    const struct lvm_lvs *l, const struct lvm_vgs *vgs, struct lvm_volume *v, struct err *e)
{
	const struct lvm_lv *lv = by_device(l, v);
	const struct lvm_vg *vg;

	if (lv == NULL) {
		err_set(e, ERR_CONFIG, "%s is on %s (%s), which is no logical volume", v->mounted_on, v->lv,
		    v->fs);
		return 0;
	}
	if (strchr("sSO", lv->attr[0]) != NULL) {
		err_set(e, ERR_CONFIG, "%s is on %s/%s, which is a snapshot itself or being merged",
		    v->mounted_on, lv->vg, lv->name);
		return 0;
	}
	vg = lvm_vgs_find(vgs, lv->vg);
	if (vg == NULL)
		return err_set(e, ERR_TOOL, "lvm knows no volume group %s", lv->vg);
	if (vg->missing > 0) {
		err_set(e, ERR_TOOL, "volume group %s is missing %u physical volume%s", vg->name, vg->missing,
		    vg->missing == 1 ? "" : "s");
		return err_hint(
		    e, "no snapshot can be made while they are missing: look at pvs and vgreduce(8)");
	}
	if (lv->suspended) {
		err_set(e, ERR_TOOL, "%s/%s is suspended: what writes to it waits", lv->vg, lv->name);
		return err_hint(e, "if no lvm command is running, dmsetup resume wakes it");
	}
	free(v->lv);
	v->vg = mem_strdup(lv->vg);
	v->lv = mem_strdup(lv->name);
	v->pool = mem_strdup(lv->pool);
	v->thin = lvm_lv_is_thin(lv);
	v->has_snapshots = lv->attr[0] == 'o';
	v->origin_bytes = lv->bytes;
	v->extent_bytes = vg->extent_bytes;
	v->free_bytes = vg->free_extents * vg->extent_bytes;
	return v->thin && check_pool(l, v, lv, e) == -1 ? -1 : 1;
}

/* The classic ones of one group share what it has. */
static int share_group(struct lvm_snapshot *s, const struct lvm_vg *vg, const uint64_t *rates, struct err *e)
{
	uint64_t wants[LVM_MAX_VOLUMES], extents[LVM_MAX_VOLUMES];
	struct lvm_volume *of[LVM_MAX_VOLUMES];
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct lvm_volume *v = &s->volumes[i];

		if (v->thin || strcmp(v->vg, vg->name) != 0)
			continue;
		wants[n] = lvm_size_want(s->o, v->origin_bytes, rates[i]);
		of[n++] = v;
	}
	if (n == 0)
		return 0;
	if (lvm_size_share(s->o, vg, wants, n, extents, e) == -1)
		return err_hint(e, "give the group room (vgextend), or take snapshots of thin volumes, or "
				   "set snapshot = none");
	for (size_t k = 0; k < n; k++) {
		of[k]->extents = extents[k];
		of[k]->size_bytes = extents[k] * vg->extent_bytes;
	}
	return 0;
}

static int share_room(struct lvm_snapshot *s, const struct lvm_vgs *vgs, struct err *e)
{
	uint64_t rates[LVM_MAX_VOLUMES] = { 0 };
	bool any = false;

	for (size_t i = 0; i < s->n; i++)
		any = any || !s->volumes[i].thin;
	if (any && s->o->size_bytes == 0 && s->o->size_percent == 0)
		lvm_size_rates(s->volumes, s->n, rates);
	for (size_t i = 0; i < vgs->n; i++)
		if (share_group(s, &vgs->list[i], rates, e) == -1)
			return -1;
	return 1;
}

/* Some lvm command that runs just now suspends a volume for a moment. */
static int report_settled(const struct lvm_snapshot *s, struct lvm_lvs *ret, struct err *e)
{
	const struct timespec pause = { .tv_nsec = 700000000L };

	for (unsigned tries = 0;; tries++) {
		bool suspended = false;

		if (lvm_lvs(s->lvm, s->o->job, NULL, ret, e) == -1)
			return -1;
		for (size_t i = 0; i < s->n; i++) {
			const struct lvm_lv *lv = by_device(ret, &s->volumes[i]);

			suspended = suspended || (lv != NULL && lv->suspended);
		}
		if (!suspended || tries == 2)
			return 0;
		lvm_lvs_done(ret);
		nanosleep(&pause, NULL);
	}
}

static int look_at_volumes(struct lvm_snapshot *s, struct err *e)
{
	struct lvm_lvs lvs = { 0 };
	struct lvm_vgs vgs = { 0 };
	int r = 1;

	if (report_settled(s, &lvs, e) == -1 || lvm_vgs(s->lvm, s->o->job, NULL, &vgs, e) == -1)
		r = -1;
	for (size_t i = 0; i < s->n && r == 1; i++)
		r = check_volume(&lvs, &vgs, &s->volumes[i], e);
	if (r == 1)
		r = share_room(s, &vgs, e);
	lvm_lvs_done(&lvs);
	lvm_vgs_done(&vgs);
	return r;
}

int lvm_plan(struct lvm_snapshot *s, struct err *e)
{
	struct mounts m = { 0 };
	int r;

	if (geteuid() != 0) {
		err_set(e, ERR_CONFIG, "only root takes snapshots of logical volumes");
		return 0;
	}
	if (detached_possible(e) == 0)
		return 0;
	if (mounts_read(&m, e) == -1 || owner_self(&s->owner, e) == -1) {
		mounts_done(&m);
		return -1;
	}
	r = need_all(s, &m, e);
	if (r == 1 && lvm_find(s->o->lvm, &s->lvm, e) == -1)
		r = s->o->lvm != NULL ? -1 : 0;
	if (r == 1)
		note_places(s, &m);
	mounts_done(&m);
	return r == 1 ? look_at_volumes(s, e) : r;
}
