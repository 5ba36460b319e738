/* lvm_priv.h: what the files of the LVM provider share.
 *
 * lvm_plan.c looks, lvm_size.c reckons, lvm_take.c makes, mounts and removes, lvm_watch.c looks after it, lvm_clean.c removes leftovers;
 * snap_lvm.c is the provider. */
#ifndef SNAPSHOT_LVM_PRIV_H
#define SNAPSHOT_LVM_PRIV_H

#include <pthread.h>

#include "snapshot/lvm.h"
#include "snapshot/owner.h"
#include "snapshot/places.h"
#include "snapshot/snapshot.h"

/* A volume that would be written to for this long is what the room is reckoned for, at least. */
#define LVM_MIN_SECONDS 600
#define LVM_MAX_VOLUMES 16

/* What every snapshot of ours carries, and how its name begins. */
#define LVM_TAG    "cyrvault"
#define LVM_PREFIX "cyrvault-"

/** One volume: the origin, and its snapshot once it is taken. */
struct lvm_volume {
	char *vg, *lv, *pool; /* pool: "" for a classic snapshot */
	char *name, *full;    /* of the snapshot: "cyrvault-u1-42", "spool/cyrvault-u1-42" */
	char *fs;
	char *mounted_on;
	unsigned major, minor; /* of the origin */
	uint64_t origin_bytes, extent_bytes, free_bytes;
	uint64_t extents; /* of a classic snapshot */
	bool thin, has_snapshots;
	bool taken;
	int root_fd;
	/* These, the names and taken change under the lock. */
	uint64_t size_bytes;
	unsigned fill_permille, extended;
	bool invalid, told_pool;
	bool told_no_room; /* the watch's own */
};

/** A mount of the live tree: on a volume, or (-1) not in the picture. */
struct lvm_place {
	char *live, *inside;
	int volume;
};

struct lvm_snapshot {
	const struct snapshot_opts *o;
	const char *const *paths;
	size_t n_paths;
	char *lvm;
	struct owner owner;
	struct lvm_volume *volumes;
	size_t n;
	struct lvm_place *places;
	size_t n_places;
	struct places map;
	pthread_mutex_t lock;
	struct job *watch; /* NULL: nobody watches */
};

/** lvm_plan(s, e): Fill volumes and places. 1, 0 with why not, -1. */
int lvm_plan(struct lvm_snapshot *s, struct err *e);

/** lvm_size_rates(v, n, rates): What is written to each volume, bytes a second: since boot, or in the half second that this takes, whichever is
 * more. */
void lvm_size_rates(const struct lvm_volume *v, size_t n, uint64_t *rates);

/** lvm_size_want(o, origin_bytes, rate): The room that a classic snapshot should have, in bytes. lvm_size_most(origin_bytes): More than that is of no use. */
uint64_t lvm_size_want(const struct snapshot_opts *o, uint64_t origin_bytes, uint64_t rate);
uint64_t lvm_size_most(uint64_t origin_bytes);

/** lvm_size_share(o, vg, wants, n, ret, e): So many extents for each of the volumes of one group; when there are too few, in proportion.
 * ERR_SPACE when that makes no sense. */
int lvm_size_share(const struct snapshot_opts *o, const struct lvm_vg *vg, const uint64_t *wants, size_t n,
    uint64_t *ret, struct err *e);

/** lvm_take(s, e), lvm_mount(s, e), lvm_drop(s, e): As of struct snapshot_provider. */
int lvm_take(struct lvm_snapshot *s, struct err *e);
int lvm_mount(struct lvm_snapshot *s, struct err *e);
int lvm_drop(struct lvm_snapshot *s, struct err *e);

/** lvm_remove(lvm, full, e): lvremove, again and again for some seconds while somebody has it open. */
int lvm_remove(const char *lvm, const char *full, struct err *e);

/** lvm_watch_start(s, e): Look at it now and then in a thread of its own. lvm_watch_stop(s): Promptly; NULL-safe. */
int lvm_watch_start(struct lvm_snapshot *s, struct err *e);
void lvm_watch_stop(struct lvm_snapshot *s);

/** lvm_look(s, job, e): Ask lvm how full each is, and take it down. lvm_verdict(s, e): What is known: ERR_DAMAGE. */
int lvm_look(struct lvm_snapshot *s, struct job *job, struct err *e);
int lvm_verdict(struct lvm_snapshot *s, struct err *e);

/** lvm_ask(s, job, ret, e): A report of all that lies in the volume groups of ${s}. */
int lvm_ask(const struct lvm_snapshot *s, struct job *job, struct lvm_lvs *ret, struct err *e);

/** lvm_tags(o, ret): The four tags of an owner, heap. lvm_tags_owner(lv, ret): The owner that its tags name; -1 when they name none. */
#define LVM_N_TAGS 4
void lvm_tags(const struct owner *o, char *ret[LVM_N_TAGS]);
int lvm_tags_owner(const struct lvm_lv *lv, struct owner *ret);

/** lvm_is_ours_to_remove(lv): It is a snapshot with an origin, or what an lvcreate that was broken off left of one, which nobody has
 * open: nothing that only carries our tag. */
bool lvm_is_ours_to_remove(const struct lvm_lv *lv);

/** lvm_clean(o, remove, ret_what, e): As of struct snapshot_provider. */
int lvm_clean(const struct snapshot_opts *o, bool remove, char **ret_what, struct err *e);

#endif
