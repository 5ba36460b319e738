/* snapshot.c: choose a provider, pass its calls on. */
#include "snapshot/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/mem.h"
#include "snapshot/mounts.h"

struct snapshot {
	const struct snapshot_provider *provider;
	void *ctx;
	char **asked, **paths; /* as they were asked for, and without symlinks */
	size_t n;
	char *why_not;
	uint64_t taken_ms;
};

/* In the order in which "auto" prefers them. */
static const struct snapshot_provider *const providers[] = { &snap_lvm, &snap_btrfs, &snap_none };
#define N_PROVIDERS (sizeof providers / sizeof providers[0])

/* What is not there is in no picture. */
static int resolve_paths(struct snapshot *s, const char *const *paths, size_t n, struct err *e)
{
	s->asked = mem_array(n, sizeof *s->asked);
	s->paths = mem_array(n, sizeof *s->paths);
	for (size_t i = 0; i < n; i++) {
		char *real = realpath(paths[i], NULL);

		if (real == NULL && (errno == ENOENT || errno == ENOTDIR))
			continue;
		if (real == NULL)
			return err_sys(e, "%s", paths[i]);
		s->asked[s->n] = mem_strdup(paths[i]);
		s->paths[s->n++] = real;
	}
	return 0;
}

static void free_snapshot(struct snapshot *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->asked[i]);
		free(s->paths[i]);
	}
	free(s->asked);
	free(s->paths);
	free(s->why_not);
	free(s);
}

static int plan_with(
    const struct snapshot_provider *p, const struct snapshot_opts *o, struct snapshot *s, struct err *e)
{
	int r = p->plan(o, (const char *const *)s->paths, s->n, &s->ctx, e);

	if (r == 1)
		s->provider = p;
	return r == -1 ? err_wrap(e, "snapshot (%s)", p->name) : r;
}

static int plan_auto(const struct snapshot_opts *o, struct snapshot *s, struct err *e)
{
	struct buf why_not = BUF_INIT;
	int r = 0;

	for (size_t i = 0; i < N_PROVIDERS && r != 1; i++) {
		struct err why = { 0 };

		r = plan_with(providers[i], o, s, &why);
		if (r == -1 && why.code == ERR_CANCELLED) {
			job_cancelled(o->job, e);
			break;
		}
		if (r != 1)
			buf_printf(&why_not, "%s%s", why_not.len > 0 ? "; " : "", why.msg);
	}
	/* A picture of one kind or of another is the same to who reads it; the live files are not. */
	if (r == 1 && s->provider->live && why_not.len > 0)
		s->why_not = buf_steal(&why_not);
	buf_done(&why_not);
	return r;
}

static int plan_named(const struct snapshot_opts *o, struct snapshot *s, struct err *e)
{
	for (size_t i = 0; i < N_PROVIDERS; i++) {
		int r;

		if (strcmp(o->kind, providers[i]->name) != 0)
			continue;
		r = plan_with(providers[i], o, s, e);
		if (r == 0)
			err_hint(e, "set snapshot = auto (or none) in the [server] section: Cyrus is then "
				    "held still user by user");
		return r == 1 ? 0 : -1;
	}
	err_set(e, ERR_CONFIG, "snapshot = %s is not something this version can do", o->kind);
	return err_hint(e, "it is one of auto, lvm, btrfs, none");
}

int snapshot_plan(
    const struct snapshot_opts *o, const char *const *paths, size_t n, struct snapshot **ret, struct err *e)
{
	struct snapshot *s = mem_alloc(sizeof *s);
	int rc;

	rc = resolve_paths(s, paths, n, e);
	if (rc == 0 && strcmp(o->kind, "auto") == 0)
		rc = plan_auto(o, s, e) == 1 ? 0 : -1;
	else if (rc == 0)
		rc = plan_named(o, s, e);
	if (rc == -1) {
		free_snapshot(s);
		return -1;
	}
	*ret = s;
	return 0;
}

int snapshot_take(struct snapshot *s, struct err *e)
{
	uint64_t start = clock_monotonic_ms();
	int rc = s->provider->take(s->ctx, e);

	s->taken_ms = clock_monotonic_ms() - start;
	return rc == -1 ? err_wrap(e, "snapshot (%s)", s->provider->name) : 0;
}

int snapshot_mount(struct snapshot *s, struct err *e)
{
	return s->provider->mount(s->ctx, e) == -1 ? err_wrap(e, "snapshot (%s)", s->provider->name) : 0;
}

int snapshot_drop(struct snapshot *s, struct err *e)
{
	return s->provider->drop(s->ctx, e) == -1 ? err_wrap(e, "snapshot (%s)", s->provider->name) : 0;
}

const char *snapshot_name(const struct snapshot *s)
{
	return s->provider->name;
}

bool snapshot_is_live(const struct snapshot *s)
{
	return s->provider->live;
}

/* The path behind the symlinks that led to it, where it is below one that was asked for; heap, or NULL. */
static char *real_path(const struct snapshot *s, const char *path)
{
	const char *best_rest = NULL;
	size_t best = 0;

	for (size_t i = 0; i < s->n; i++) {
		const char *rest = path_below(path, s->asked[i]);

		if (rest != NULL && (best_rest == NULL || rest > best_rest)) {
			best_rest = rest;
			best = i;
		}
	}
	return best_rest != NULL && strcmp(s->asked[best], s->paths[best]) != 0
	           ? path_join(s->paths[best], best_rest)
	           : NULL;
}

int snapshot_open(struct snapshot *s, const char *path, int flags, struct err *e)
{
	char *real = s->provider->live ? NULL : real_path(s, path);
	int fd = s->provider->open(s->ctx, real != NULL ? real : path, flags | O_CLOEXEC, e), saved = errno;

	free(real);
	errno = saved;
	return fd;
}

int snapshot_check(const struct snapshot *s, struct err *e)
{
	return s->provider->check(s->ctx, e);
}

int snapshot_health(struct snapshot *s, struct err *e)
{
	return s->provider->health(s->ctx, e);
}

void snapshot_facts(const struct snapshot *s, struct snapshot_facts *ret)
{
	*ret = (struct snapshot_facts){
		.kind = s->provider->name, .taken_ms = s->taken_ms, .why_not = mem_strdup(s->why_not)
	};
	s->provider->facts(s->ctx, ret);
}

void snapshot_facts_done(struct snapshot_facts *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->volumes[i].origin);
		free(f->volumes[i].name);
		free(f->volumes[i].fs);
		free(f->volumes[i].mounted_on);
	}
	free(f->volumes);
	free(f->why_not);
	*f = (struct snapshot_facts){ 0 };
}

int snapshot_release(struct snapshot *s, struct err *e)
{
	int rc;

	if (s == NULL)
		return 0;
	rc = snapshot_drop(s, e);
	s->provider->free(s->ctx);
	free_snapshot(s);
	return rc;
}

static int clean(const struct snapshot_opts *o, bool remove, char **ret_what, struct err *e)
{
	struct buf what = BUF_INIT;
	int total = 0, rc = 0;

	for (size_t i = 0; i < N_PROVIDERS; i++) {
		char *some = NULL;
		int n = providers[i]->clean(o, remove, &some, rc == 0 ? e : NULL);

		if (n == -1)
			rc = -1;
		else
			total += n;
		if (some != NULL)
			buf_printf(&what, "%s%s", what.len > 0 ? ", " : "", some);
		free(some);
	}
	*ret_what = what.len > 0 ? buf_steal(&what) : NULL;
	buf_done(&what);
	return rc == -1 ? -1 : total;
}

int snapshot_clean(const struct snapshot_opts *o, char **ret_what, struct err *e)
{
	return clean(o, true, ret_what, e);
}

int snapshot_leftovers(const struct snapshot_opts *o, char **ret_what, struct err *e)
{
	return clean(o, false, ret_what, e);
}
