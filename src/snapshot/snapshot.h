/* snapshot.h: a still picture of the file systems a backup reads, or the live ones where there is no such thing.
 *
 * The life of one: snapshot_plan() looks and changes nothing; snapshot_take() makes the picture, in the moment in which Cyrus is held still;
 * snapshot_mount() opens it; it is read by snapshot_open(); snapshot_health() is asked meanwhile and once more before the archive is called
 * good; snapshot_release() removes it. One that cannot be mounted is removed by snapshot_drop() and taken again.
 *
 * Whatever is made is tagged with this process (pid, its start, the host), so that the next start tells the leftovers of a killed run from
 * what another run is using: snapshot_clean(). A picture is mounted without a place in any directory tree (fsmount): nobody else can unmount it,
 * nothing stays mounted when this process is killed, and its files are reached only from the descriptor of its root.
 *
 * A snapshot belongs to one thread at a time; a thread of its own watches how full it gets. Paths are those of the live server; what is
 * opened may lie elsewhere. */
#ifndef SNAPSHOT_SNAPSHOT_H
#define SNAPSHOT_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "core/job.h"

struct snapshot;

/** What is asked for. Strings outlive the snapshot. */
struct snapshot_opts {
	const char *kind;         /* "auto", "lvm", "btrfs", "none": what [server] snapshot says */
	const char *lvm;          /* the lvm program; NULL: looked for */
	uint64_t size_bytes;      /* room for what changes while it is read; 0: size_percent */
	unsigned size_percent;    /* of the origin; 0 too: by the measured rate of writing */
	uint64_t expected_bytes;  /* what will be read of it; 0: not known */
	struct job *job;          /* cancels; may be NULL */
};

/** One volume of which a picture is taken. */
struct snapshot_volume {
	char *origin;       /* "vg/lv", or the subvolume's path */
	char *name;         /* of its picture, as the administrator would name it to remove it; NULL: not taken */
	char *fs;           /* "ext4" */
	char *mounted_on;   /* where the origin is */
	bool thin;          /* takes its room from a pool */
	uint64_t origin_bytes;
	uint64_t size_bytes;   /* room for changes now; 0: not limited by a number of its own */
	uint64_t free_bytes;   /* what its volume group or pool had left at the start */
	unsigned fill_permille; /* the highest that was seen */
	unsigned extended;      /* how often it got more room */
	bool invalid;           /* overflown or lost: what was read of it counts for nothing */
};

/** A copy of what is known; strings belong to it. */
struct snapshot_facts {
	const char *kind; /* static */
	struct snapshot_volume *volumes;
	size_t n;
	uint64_t taken_ms; /* how long snapshot_take() took, of the last try */
	char *why_not;     /* "auto" settled for less: why nothing better could be had, or NULL */
};

/** snapshot_clean(o, ret_what, e): Remove what killed runs left on this host, of every kind; anyone else's is never touched. Returns how many were
 * removed, ${*ret_what} (heap, NULL when 0) names them; -1 when some could not be, which ${e} names with what to do. Leftovers are a danger: a
 * damaged one can keep its origin from coming up after a reboot. */
int snapshot_clean(const struct snapshot_opts *o, char **ret_what, struct err *e);

/** snapshot_leftovers(o, ret_what, e): Those that snapshot_clean() would remove; nothing is changed. */
int snapshot_leftovers(const struct snapshot_opts *o, char **ret_what, struct err *e);

/** snapshot_plan(o, paths, n, ret, e): Choose how these absolute paths, and all that is mounted below them, can be had as one picture, and look whether there is room:
 * nothing is changed. "auto" takes the best that will do, at last the live files. ERR_CONFIG for a kind that does not fit this host,
 * ERR_SPACE, ERR_TOOL. snapshot_release() it. */
int snapshot_plan(const struct snapshot_opts *o, const char *const *paths, size_t n, struct snapshot **ret, struct err *e);

/** snapshot_take(s, e): Take the picture of all volumes, one right after the other. -1 leaves none of them. */
int snapshot_take(struct snapshot *s, struct err *e);

/** snapshot_mount(s, e): Open what was taken, and begin to watch it. ERR_DAMAGE: a picture that cannot be read: drop it and take another. */
int snapshot_mount(struct snapshot *s, struct err *e);

/** snapshot_drop(s, e): Remove what was taken; it can be taken again. -1: something is left over (${e} names it). */
int snapshot_drop(struct snapshot *s, struct err *e);

/** snapshot_name(s): "lvm", "btrfs", "none". snapshot_is_live(s): files change while they are read: mailboxes must be held still one by one. */
const char *snapshot_name(const struct snapshot *s);
bool snapshot_is_live(const struct snapshot *s);

/** snapshot_open(s, path, flags, e): open() the live server's absolute ${path} as the picture has it; O_CLOEXEC is added. What lies on no volume of the
 * picture (a configuration file on the root file system) is opened live. errno is as open() leaves it. */
int snapshot_open(struct snapshot *s, const char *path, int flags, struct err *e);

/** snapshot_check(s, e): What the watching thread has seen so far, at once: -1, ERR_DAMAGE when what was read cannot be trusted.
 * snapshot_health(s, e): The same, asked anew. */
int snapshot_check(const struct snapshot *s, struct err *e);
int snapshot_health(struct snapshot *s, struct err *e);

/** snapshot_facts(s, ret): What is known now; any thread, while ${s} lives. snapshot_facts_done() it. */
void snapshot_facts(const struct snapshot *s, struct snapshot_facts *ret);
void snapshot_facts_done(struct snapshot_facts *f);

/** snapshot_release(s, e): snapshot_drop() and free, NULL-safe. -1: something is left over; the next start removes it. */
int snapshot_release(struct snapshot *s, struct err *e);

/** What a kind of snapshot must do; see "To add a snapshot provider" in HACKING.md. The context is its own. */
struct snapshot_provider {
	const char *name;
	bool live;
	/** 1 and a context; 0: not on this host, ${e} says why; -1. ${o} and the paths (resolved, no symlinks) outlive the context. */
	int (*plan)(const struct snapshot_opts *o, const char *const *paths, size_t n, void **ret, struct err *e);
	int (*take)(void *ctx, struct err *e);
	int (*mount)(void *ctx, struct err *e);
	int (*drop)(void *ctx, struct err *e);
	int (*open)(void *ctx, const char *path, int flags, struct err *e);
	int (*check)(const void *ctx, struct err *e);
	int (*health)(void *ctx, struct err *e);
	void (*facts)(const void *ctx, struct snapshot_facts *ret);
	void (*free)(void *ctx); /* after drop() */
	int (*clean)(const struct snapshot_opts *o, bool remove, char **ret_what, struct err *e); /* or only look */
};
extern const struct snapshot_provider snap_lvm, snap_btrfs, snap_none;

#endif
