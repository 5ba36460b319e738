/* snapshot.c: choose a provider, pass its calls on. */
#include "snapshot/snapshot.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

struct snapshot {
	const struct snapshot_provider *provider;
	void *ctx;
};

/* In the order in which "auto" prefers them. */
static const struct snapshot_provider *const providers[] = { &snap_none };
#define N_PROVIDERS (sizeof providers / sizeof providers[0])

static const struct snapshot_provider *choose(
    const char *kind, const char *const *paths, size_t n, struct err *e)
{
	for (size_t i = 0; i < N_PROVIDERS; i++) {
		if (strcmp(kind, "auto") == 0 && providers[i]->probe(paths, n, e) == 1)
			return providers[i];
		if (strcmp(kind, providers[i]->name) == 0)
			return providers[i];
	}
	err_set(e, ERR_CONFIG, "snapshot = %s is not something this version can do", kind);
	err_hint(e, "set snapshot = none in the [server] section: Cyrus is then held still user by user");
	return NULL;
}

int snapshot_create(const char *kind, const char *const *paths, size_t n, struct job *job,
    struct snapshot **ret, struct err *e)
{
	const struct snapshot_provider *p = choose(kind, paths, n, e);
	struct snapshot *s;

	if (p == NULL)
		return -1;
	s = mem_alloc(sizeof *s);
	s->provider = p;
	if (p->create(paths, n, job, &s->ctx, e) == -1) {
		free(s);
		return err_wrap(e, "snapshot (%s)", p->name);
	}
	*ret = s;
	return 0;
}

const char *snapshot_name(const struct snapshot *s)
{
	return s->provider->name;
}

bool snapshot_is_live(const struct snapshot *s)
{
	return s->provider->live;
}

int snapshot_open(struct snapshot *s, const char *path, int flags, struct err *e)
{
	return s->provider->open(s->ctx, path, flags | O_CLOEXEC, e);
}

int snapshot_health(struct snapshot *s, struct err *e)
{
	return s->provider->health(s->ctx, e);
}

void snapshot_release(struct snapshot *s)
{
	if (s == NULL)
		return;
	s->provider->release(s->ctx);
	free(s);
}
