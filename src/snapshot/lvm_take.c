/* lvm_take.c: make the snapshots, mount them, remove them. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "snapshot/detached.h"
#include "snapshot/lvm_priv.h"

#define REMOVE_FOR_MS   10000
#define REMOVE_AGAIN_MS 300

/* ---- tags ---- */

void lvm_tags(const struct owner *o, char *ret[LVM_N_TAGS])
{
	ret[0] = mem_strdup(LVM_TAG);
	ret[1] = mem_printf(LVM_TAG "_host_%s", o->host);
	ret[2] = mem_printf(LVM_TAG "_pid_%ld", (long)o->pid);
	ret[3] = mem_printf(LVM_TAG "_start_%s_%llu", o->boot, (unsigned long long)o->start);
}

/* ---- take ---- */

/* Under the lock. A name that no other snapshot of this process has; long names of volumes are cut, LVM's own limit is near. */
static void name_volume(const struct lvm_snapshot *s, struct lvm_volume *v)
{
	static atomic_uint serial;
	unsigned n = atomic_fetch_add(&serial, 1);

	free(v->name);
	free(v->full);
	v->name = n == 0 ? mem_printf(LVM_PREFIX "%.40s-%ld", v->lv, (long)s->owner.pid)
	                 : mem_printf(LVM_PREFIX "%.40s-%ld-%u", v->lv, (long)s->owner.pid, n);
	v->full = mem_printf("%s/%s", v->vg, v->name);
	v->fill_permille = v->extended = 0;
	v->invalid = v->told_pool = v->told_no_room = false;
}

static void set_taken(struct lvm_snapshot *s, struct lvm_volume *v, bool taken)
{
	pthread_mutex_lock(&s->lock);
	v->taken = taken;
	pthread_mutex_unlock(&s->lock);
	if (!taken)
		owner_lets_go(v->full);
}

static int create(struct lvm_snapshot *s, struct lvm_volume *v, char *const tags[LVM_N_TAGS], struct err *e)
{
	const char *args[32] = { "lvcreate", "-y", "-s", "-n", v->name };
	char *origin = mem_printf("%s/%s", v->vg, v->lv);
	char *extents = mem_printf("%llu", (unsigned long long)v->extents);
	size_t n = 5;
	int rc;

	for (size_t i = 0; i < LVM_N_TAGS; i++) {
		args[n++] = "--addtag";
		args[n++] = tags[i];
	}
	if (v->thin) {
		/* Active at once. No --monitor n: it is the pool that would no longer be watched, for good. */
		args[n++] = "-kn";
	} else {
		args[n++] = "-l";
		args[n++] = extents;
		/* We watch it. While it lives that would hold for all snapshots of the origin, so not beside somebody else's. */
		if (!v->has_snapshots) {
			args[n++] = "--monitor";
			args[n++] = "n";
		}
	}
	args[n] = origin;
	rc = lvm_change(s->lvm, args, e);
	free(origin);
	free(extents);
	return rc;
}

/* A failed suspend leaves a plain volume of our name. */
static void remove_debris(struct lvm_snapshot *s, struct lvm_volume *v, char *const tags[LVM_N_TAGS])
{
	struct lvm_lvs l;
	const struct lvm_lv *lv;

	if (lvm_ask(s, NULL, &l, NULL) == -1)
		return;
	lv = lvm_lvs_find(&l, v->vg, v->name);
	if (lv != NULL && lvm_lv_has_tag(lv, tags[2]) && lvm_lv_has_tag(lv, tags[3]))
		lvm_remove(s->lvm, v->full, NULL);
	lvm_lvs_done(&l);
}

int lvm_take(struct lvm_snapshot *s, struct err *e)
{
	char *tags[LVM_N_TAGS];
	int rc = 0;

	lvm_tags(&s->owner, tags);
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n; i++)
		name_volume(s, &s->volumes[i]);
	pthread_mutex_unlock(&s->lock);
	for (size_t i = 0; i < s->n && rc == 0; i++) {
		struct lvm_volume *v = &s->volumes[i];

		if (job_cancelled(s->o->job, e)) {
			rc = -1;
			break;
		}
		owner_keeps(v->full);
		rc = create(s, v, tags, e);
		if (rc == 0) {
			set_taken(s, v, true);
		} else {
			remove_debris(s, v, tags);
			owner_lets_go(v->full);
			err_wrap(e, "take a snapshot of %s/%s", v->vg, v->lv);
		}
	}
	for (size_t i = 0; i < LVM_N_TAGS; i++)
		free(tags[i]);
	if (rc == -1) {
		struct err why;

		if (lvm_drop(s, &why) == -1)
			log_write(LOG_LEVEL_ERROR, "snapshot (lvm): %s", why.msg);
	}
	return rc;
}

/* ---- mount ---- */

/* XFS would refuse a second one with the same id. A volume that is made to stop the machine when it meets errors must not do so for
 * a snapshot that overflows. */
static const char *const *options_for(const char *fs)
{
	static const char *const xfs[] = { "nouuid", NULL }, *const ext[] = { "errors=continue", NULL },
				 *const none[] = { NULL };

	return strcmp(fs, "xfs") == 0 ? xfs : strncmp(fs, "ext", 3) == 0 ? ext : none;
}

static int mount_volume(struct lvm_snapshot *s, struct lvm_volume *v, const struct lvm_lv *lv, struct err *e)
{
	struct stat st;

	if (lv == NULL || lv->invalid)
		return err_set(e, ERR_DAMAGE, "%s %s", v->full, lv == NULL ? "is gone" : "has overflown");
	if (*lv->path == '\0' || lv->major == -1)
		return err_set(e, ERR_TOOL, "%s is not active", v->full);
	pthread_mutex_lock(&s->lock);
	if (!v->thin)
		v->size_bytes = lv->bytes;
	pthread_mutex_unlock(&s->lock);
	v->root_fd = detached_mount(v->fs, lv->path, options_for(v->fs), false, e);
	if (v->root_fd == -1)
		return -1;
	if (fstat(v->root_fd, &st) == -1)
		return err_sys(e, "stat %s", v->full);
	if (st.st_dev != makedev((unsigned)lv->major, (unsigned)lv->minor) ||
	    st.st_dev == makedev(v->major, v->minor))
		return err_set(e, ERR_DAMAGE, "%s is device %u:%u, but what was mounted is %u:%u", v->full,
		    (unsigned)lv->major, (unsigned)lv->minor, major(st.st_dev), minor(st.st_dev));
	return 0;
}

static void unmount(struct lvm_snapshot *s)
{
	places_done(&s->map);
	for (size_t i = 0; i < s->n; i++)
		if (s->volumes[i].root_fd != -1) {
			close(s->volumes[i].root_fd);
			s->volumes[i].root_fd = -1;
		}
}

int lvm_mount(struct lvm_snapshot *s, struct err *e)
{
	struct lvm_lvs l;
	int rc = 0;

	if (lvm_ask(s, s->o->job, &l, e) == -1)
		return -1;
	for (size_t i = 0; i < s->n && rc == 0; i++)
		rc = mount_volume(
		    s, &s->volumes[i], lvm_lvs_find(&l, s->volumes[i].vg, s->volumes[i].name), e);
	lvm_lvs_done(&l);
	for (size_t i = 0; i < s->n_places && rc == 0; i++) {
		const struct lvm_place *p = &s->places[i];

		places_add(&s->map, p->live, p->volume == -1 ? -1 : s->volumes[p->volume].root_fd, p->inside);
	}
	if (rc == 0)
		rc = places_prove(&s->map, s->paths, s->n_paths, e);
	if (rc == 0)
		rc = lvm_watch_start(s, e);
	if (rc == -1)
		unmount(s);
	return rc;
}

/* ---- drop ---- */

int lvm_remove(const char *lvm, const char *full, struct err *e)
{
	const char *const args[] = { "lvremove", "-y", full, NULL };
	const struct timespec pause = { .tv_nsec = REMOVE_AGAIN_MS * 1000000L };
	uint64_t end = clock_monotonic_ms() + REMOVE_FOR_MS;
	struct err why;

	while (lvm_change(lvm, args, &why) == -1) {
		/* Its words for one that somebody has open. All else will not get better. */
		bool busy = strstr(why.msg, "in use") != NULL || strstr(why.msg, "busy") != NULL;

		if (!busy || clock_monotonic_ms() >= end) {
			if (e != NULL)
				*e = why;
			return -1;
		}
		nanosleep(&pause, NULL);
	}
	return 0;
}

int lvm_drop(struct lvm_snapshot *s, struct err *e)
{
	struct buf left = BUF_INIT;
	struct err why = { 0 };

	lvm_watch_stop(s);
	unmount(s);
	for (size_t i = 0; i < s->n; i++) {
		struct lvm_volume *v = &s->volumes[i];

		if (!v->taken)
			continue;
		set_taken(s, v, false);
		if (lvm_remove(s->lvm, v->full, &why) == -1)
			buf_printf(&left, "%s%s", left.len > 0 ? " " : "", v->full);
	}
	if (left.len == 0)
		return 0;
	err_set(e, why.code, "not removed: %s: %s", buf_text(&left), why.msg);
	err_hint(e, "see who has it open (lsof, dmsetup ls --tree), then: lvremove -y %s", buf_text(&left));
	buf_done(&left);
	return -1;
}
