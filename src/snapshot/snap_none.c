/* snap_none.c: no snapshot: the live files themselves. */
#include <fcntl.h>

#include "snapshot/snapshot.h"

static int none_probe(const char *const *paths, size_t n, struct err *e)
{
	(void)paths;
	(void)n;
	(void)e;
	return 1;
}

static int none_create(const char *const *paths, size_t n, struct job *job, void **ret, struct err *e)
{
	(void)paths;
	(void)n;
	(void)job;
	(void)e;
	*ret = NULL;
	return 0;
}

static int none_health(void *ctx, struct err *e)
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

static void none_release(void *ctx)
{
	(void)ctx;
}

const struct snapshot_provider snap_none = { "none", true, none_probe, none_create, none_health, none_open,
	none_release };
