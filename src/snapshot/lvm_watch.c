/* lvm_watch.c: how full the snapshots are while they are read; more room for one that fills up. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "snapshot/lvm_priv.h"

#define MORE_AT_PERMILLE   700
#define WARN_POOL_PERMILLE 850
#define MIN_INTERVAL_MS    1000
#define MAX_INTERVAL_MS    10000
#define TICK_MS            50
#define BURST_PER_MS       50000 /* bytes that a burst may write */

int lvm_ask(const struct lvm_snapshot *s, struct job *job, struct lvm_lvs *ret, struct err *e)
{
	const char *groups[LVM_MAX_VOLUMES + 1] = { NULL };
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		bool seen = false;

		for (size_t k = 0; k < n; k++)
			seen = seen || strcmp(groups[k], s->volumes[i].vg) == 0;
		if (!seen)
			groups[n++] = s->volumes[i].vg;
	}
	return lvm_lvs(s->lvm, job, groups, ret, e);
}

/* Under the lock. */
static void take_down(struct lvm_volume *v, const struct lvm_lvs *l)
{
	const struct lvm_lv *lv = lvm_lvs_find(l, v->vg, v->name);
	const struct lvm_lv *pool = v->thin ? lvm_lvs_find(l, v->vg, v->pool) : NULL;
	int fill = pool != NULL ? pool->fill_permille : lv != NULL ? lv->fill_permille : -1;

	/* A thin snapshot keeps what it has when its pool is full; only a pool that failed is lost. */
	v->invalid = v->invalid || lv == NULL || lv->invalid || (!v->thin && lv->fill_permille < 0) ||
	             (pool != NULL && strstr(pool->health, "failed") != NULL) ||
	             (v->thin && lv->attr[8] == 'F');
	if (lv != NULL && !v->thin)
		v->size_bytes = lv->bytes;
	if (fill > (int)v->fill_permille)
		v->fill_permille = (unsigned)fill;
	if (v->thin && pool != NULL && !v->told_pool &&
	    (fill >= WARN_POOL_PERMILLE || *pool->health != '\0')) {
		v->told_pool = true;
		log_write(LOG_LEVEL_WARNING,
		    "snapshot (lvm): the thin pool %s/%s is full to %d %%%s%s; mail stops when it is full",
		    v->vg, v->pool, fill / 10, *pool->health != '\0' ? ", " : "", pool->health);
	}
}

int lvm_look(struct lvm_snapshot *s, struct job *job, struct err *e)
{
	struct lvm_lvs l;

	if (lvm_ask(s, job, &l, e) == -1)
		return -1;
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n; i++)
		if (s->volumes[i].taken)
			take_down(&s->volumes[i], &l);
	pthread_mutex_unlock(&s->lock);
	lvm_lvs_done(&l);
	return 0;
}

int lvm_verdict(struct lvm_snapshot *s, struct err *e)
{
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n && rc == 0; i++) {
		const struct lvm_volume *v = &s->volumes[i];
		char size[16];

		if (!v->invalid)
			continue;
		rc = err_set(e, ERR_DAMAGE,
		    "the snapshot %s is lost (overflown, or removed by somebody): what was read of it counts "
		    "for nothing",
		    v->full);
		if (!v->thin)
			err_hint(e,
			    "%s of room were not enough: set snapshot_size, or give volume group %s free "
			    "extents",
			    str_size(size, sizeof size, v->size_bytes), v->vg);
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

/* ---- more room ---- */

/* So many extents more, as far as the group has them and they are of use. */
static uint64_t step(const struct lvm_volume *v, uint64_t size_bytes, const struct lvm_vg *vg)
{
	uint64_t has = size_bytes / vg->extent_bytes,
		 most = lvm_size_most(v->origin_bytes) / vg->extent_bytes + 1;
	uint64_t more = has / 2 > 2 ? has / 2 : 2;

	if (has >= most)
		return 0;
	if (more > most - has)
		more = most - has;
	return more < vg->free_extents ? more : vg->free_extents;
}

static void extend(struct lvm_snapshot *s, struct lvm_volume *v, uint64_t size_bytes, int fill)
{
	struct lvm_vgs vgs;
	const struct lvm_vg *vg;
	struct err why = { 0 };
	char *more;
	uint64_t n = 0, extent_bytes = 0;

	if (lvm_vgs(s->lvm, s->watch, v->vg, &vgs, NULL) == -1)
		return;
	vg = lvm_vgs_find(&vgs, v->vg);
	if (vg != NULL) {
		n = step(v, size_bytes, vg);
		extent_bytes = vg->extent_bytes;
	}
	lvm_vgs_done(&vgs);
	more = mem_printf("+%llu", (unsigned long long)n);
	if (n > 0 &&
	    lvm_change(s->lvm, (const char *const[]){ "lvextend", "-l", more, v->full, NULL }, &why) == 0) {
		pthread_mutex_lock(&s->lock);
		v->extended++;
		v->size_bytes = size_bytes + n * extent_bytes;
		pthread_mutex_unlock(&s->lock);
	} else if (!v->told_no_room) {
		v->told_no_room = true;
		log_write(LOG_LEVEL_WARNING,
		    "snapshot (lvm): %s is full to %d %% and cannot have more room%s%s", v->full, fill / 10,
		    n > 0 ? ": " : "", n > 0 ? why.msg : "");
	}
	free(more);
}

/* How full a classic one is now: the highest ever says nothing once it has been given more room. */
struct pace {
	int fill[LVM_MAX_VOLUMES];
	uint64_t when_ms;
};

static int look_and_extend(struct lvm_snapshot *s, struct pace *p, uint64_t *ret_wait_ms)
{
	struct lvm_lvs l;
	uint64_t now = clock_monotonic_ms(), wait = MAX_INTERVAL_MS;

	if (lvm_ask(s, s->watch, &l, NULL) == -1)
		return -1;
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n; i++)
		take_down(&s->volumes[i], &l);
	pthread_mutex_unlock(&s->lock);
	for (size_t i = 0; i < s->n; i++) {
		struct lvm_volume *v = &s->volumes[i];
		const struct lvm_lv *lv = lvm_lvs_find(&l, v->vg, v->name);
		int fill = lv != NULL && !lv->invalid && !v->thin ? lv->fill_permille : 0;

		/* Not later than half the time in which a burst would fill it, nor than a tenth of that at the pace of now. */
		if (lv != NULL && !v->thin && lv->bytes / 2 / BURST_PER_MS < wait)
			wait = lv->bytes / 2 / BURST_PER_MS;
		if (fill > p->fill[i]) {
			uint64_t left =
			    (uint64_t)(1000 - fill) * (now - p->when_ms) / (uint64_t)(fill - p->fill[i]) / 10;

			wait = left < wait ? left : wait;
		}
		p->fill[i] = fill;
		if (fill >= MORE_AT_PERMILLE) {
			extend(s, v, lv->bytes, fill);
			p->fill[i] = 0;
			wait = MIN_INTERVAL_MS;
		}
	}
	p->when_ms = now;
	lvm_lvs_done(&l);
	*ret_wait_ms = wait < MIN_INTERVAL_MS ? MIN_INTERVAL_MS : wait;
	return 0;
}

static int watch(struct job *job, void *arg, struct err *e)
{
	struct lvm_snapshot *s = arg;
	const struct timespec tick = { .tv_nsec = TICK_MS * 1000000L };
	struct pace pace = { .when_ms = clock_monotonic_ms() };
	uint64_t wait_ms = MIN_INTERVAL_MS;

	(void)e;
	for (;;) {
		for (uint64_t end = clock_monotonic_ms() + wait_ms; clock_monotonic_ms() < end;
		     nanosleep(&tick, NULL))
			if (job_cancelled(job, NULL))
				return 0;
		/* A report that could not be had says nothing about the snapshot; health() insists. */
		if (look_and_extend(s, &pace, &wait_ms) == -1)
			wait_ms = MIN_INTERVAL_MS;
	}
}

int lvm_watch_start(struct lvm_snapshot *s, struct err *e)
{
	s->watch = job_new();
	if (job_start(s->watch, watch, s, e) == 0)
		return 0;
	job_free(s->watch);
	s->watch = NULL;
	return -1;
}

void lvm_watch_stop(struct lvm_snapshot *s)
{
	job_free(s->watch);
	s->watch = NULL;
}
