/* snap_lvm.c: snapshots of logical volumes, classic and thin. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "snapshot/lvm_priv.h"

static void lvm_free(void *ctx)
{
	struct lvm_snapshot *s = ctx;

	for (size_t i = 0; i < s->n; i++) {
		struct lvm_volume *v = &s->volumes[i];

		free(v->vg);
		free(v->lv);
		free(v->pool);
		free(v->name);
		free(v->full);
		free(v->fs);
		free(v->mounted_on);
	}
	for (size_t i = 0; i < s->n_places; i++) {
		free(s->places[i].live);
		free(s->places[i].inside);
	}
	free(s->volumes);
	free(s->places);
	free(s->lvm);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static int plan(const struct snapshot_opts *o, const char *const *paths, size_t n, void **ret, struct err *e)
{
	struct lvm_snapshot *s = mem_alloc(sizeof *s);
	int r;

	s->o = o;
	s->paths = paths;
	s->n_paths = n;
	pthread_mutex_init(&s->lock, NULL);
	r = lvm_plan(s, e);
	if (r == 1)
		*ret = s;
	else
		lvm_free(s);
	return r;
}

static int take(void *ctx, struct err *e)
{
	return lvm_take(ctx, e);
}

static int mount_all(void *ctx, struct err *e)
{
	return lvm_mount(ctx, e);
}

static int drop(void *ctx, struct err *e)
{
	return lvm_drop(ctx, e);
}

static int open_path(void *ctx, const char *path, int flags, struct err *e)
{
	const struct lvm_snapshot *s = ctx;

	return places_open(&s->map, path, flags, e);
}

static int check(const void *ctx, struct err *e)
{
	/* The lock is all that changes. */
	return lvm_verdict((struct lvm_snapshot *)(uintptr_t)ctx, e);
}

static int health(void *ctx, struct err *e)
{
	struct lvm_snapshot *s = ctx;

	if (lvm_look(s, s->o->job, e) == -1)
		return err_wrap(e, "whether the snapshot is still good cannot be told");
	return lvm_verdict(s, e);
}

static void facts(const void *ctx, struct snapshot_facts *ret)
{
	struct lvm_snapshot *s = (struct lvm_snapshot *)(uintptr_t)ctx;

	ret->volumes = mem_array(s->n, sizeof *ret->volumes);
	ret->n = s->n;
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n; i++) {
		const struct lvm_volume *v = &s->volumes[i];

		ret->volumes[i] = (struct snapshot_volume){ .origin = mem_printf("%s/%s", v->vg, v->lv),
			.name = v->taken ? mem_strdup(v->full) : NULL,
			.fs = mem_strdup(v->fs),
			.mounted_on = mem_strdup(v->mounted_on),
			.thin = v->thin,
			.origin_bytes = v->origin_bytes,
			.size_bytes = v->thin ? 0 : v->size_bytes,
			.free_bytes = v->free_bytes,
			.fill_permille = v->fill_permille,
			.extended = v->extended,
			.invalid = v->invalid };
	}
	pthread_mutex_unlock(&s->lock);
}

const struct snapshot_provider snap_lvm = {
	.name = "lvm",
	.plan = plan,
	.take = take,
	.mount = mount_all,
	.drop = drop,
	.open = open_path,
	.check = check,
	.health = health,
	.facts = facts,
	.free = lvm_free,
	.clean = lvm_clean,
};
