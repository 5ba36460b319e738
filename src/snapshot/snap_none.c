/* snap_none.c: no snapshot: the live files themselves. */
#include <fcntl.h>

#include "snapshot/snapshot.h"

static int none_plan(
    const struct snapshot_opts *o, const char *const *paths, size_t n, void **ret, struct err *e)
{
	(void)o;
	(void)paths;
	(void)n;
	(void)e;
	*ret = NULL;
	return 1;
}

static int none_step(void *ctx, struct err *e)
{
	(void)ctx;
	(void)e;
	return 0;
}

static int none_check(const void *ctx, struct err *e)
{
	(void)ctx;
	(void)e;
	return 0;
}

static int none_open(void *ctx, const char *path, int flags, struct err *e)
{
	int fd = open(path, flags);

	(void)ctx;
	return fd == -1 ? err_sys(e, "open %s", path) : fd;
}

static void none_facts(const void *ctx, struct snapshot_facts *ret)
{
	(void)ctx;
	(void)ret;
}

static void none_free(void *ctx)
{
	(void)ctx;
}

static int none_clean(const struct snapshot_opts *o, bool remove, char **ret_what, struct err *e)
{
	(void)o;
	(void)remove;
	(void)ret_what;
	(void)e;
	return 0;
}

const struct snapshot_provider snap_none = {
	.name = "none",
	.live = true,
	.plan = none_plan,
	.take = none_step,
	.mount = none_step,
	.drop = none_step,
	.open = none_open,
	.check = none_check,
	.health = none_step,
	.facts = none_facts,
	.free = none_free,
	.clean = none_clean,
};
