/* lvm.h: the lvm program: what it reports, and what it is told to do.
 *
 * Every value of its JSON reports is a string, "" when there is none. Names are checked: what is handed back to it as an argument is a
 * name that LVM allows. Its other words are anybody's and go through str_safe when shown, as all of struct err does. */
#ifndef SNAPSHOT_LVM_H
#define SNAPSHOT_LVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "core/job.h"

/** lvm_find(wanted, ret, e): The program, heap: ${wanted}, or where it usually is. ERR_NOT_FOUND. */
int lvm_find(const char *wanted, char **ret, struct err *e);

/** A logical volume. */
struct lvm_lv {
	char *vg, *name;
	char *path;       /* its device, "" while it is not active */
	char *attr;       /* lv_attr, at least ten characters */
	char *origin;     /* "" */
	char *pool;       /* "" unless it is thin */
	char *health;     /* "" is good */
	char *tags;       /* separated by commas */
	int major, minor; /* -1 while it is not active */
	uint64_t bytes;
	int fill_permille; /* of a snapshot, a pool; -1: not known */
	int meta_permille; /* of a pool's metadata; -1: not known */
	bool invalid;      /* a classic snapshot that has overflown */
	bool suspended;
};

struct lvm_lvs {
	struct lvm_lv *list;
	size_t n;
};

/** lvm_lvs(lvm, job, what, ret, e): The volumes that ${what} selects: "vg/lv" names or "@tag", NULL-terminated; NULL: all. One that is not there is
 * an error of lvm's, but not for a tag. A cancelled ${job} ends it. lvm_lvs_done() it. */
int lvm_lvs(const char *lvm, struct job *job, const char *const *what, struct lvm_lvs *ret, struct err *e);
void lvm_lvs_done(struct lvm_lvs *l);

/** lvm_lvs_find(l, vg, name): One of them, or NULL. lvm_lv_has_tag(lv, tag): Whether it carries it. */
const struct lvm_lv *lvm_lvs_find(const struct lvm_lvs *l, const char *vg, const char *name);
bool lvm_lv_has_tag(const struct lvm_lv *lv, const char *tag);

/** lvm_lv_is_thin(lv), lvm_lv_is_snapshot(lv): By its attributes: a thin volume; a classic snapshot. */
bool lvm_lv_is_thin(const struct lvm_lv *lv);
bool lvm_lv_is_snapshot(const struct lvm_lv *lv);

/** A volume group. */
struct lvm_vg {
	char *name;
	uint64_t free_extents, extent_bytes;
	unsigned missing; /* physical volumes */
};

struct lvm_vgs {
	struct lvm_vg *list;
	size_t n;
};

/** lvm_vgs(lvm, job, vg, ret, e): That one; NULL: all. lvm_vgs_done() it. lvm_vgs_find(l, name): One of them, or NULL. */
int lvm_vgs(const char *lvm, struct job *job, const char *vg, struct lvm_vgs *ret, struct err *e);
void lvm_vgs_done(struct lvm_vgs *l);
const struct lvm_vg *lvm_vgs_find(const struct lvm_vgs *l, const char *name);

/** lvm_change(lvm, args, e): Run a command that changes something: never interrupted, never killed: it may be holding the origin's writers.
 * ERR_TOOL with what lvm says; ERR_SPACE when that is that there is no room. */
int lvm_change(const char *lvm, const char *const *args, struct err *e);

#endif
