/* snapshot.h: a still picture of the file systems a backup reads, or the live ones where there is no such thing.
 *
 * A snapshot belongs to one thread at a time. Paths are those of the live server; what is opened may lie elsewhere. */
#ifndef SNAPSHOT_SNAPSHOT_H
#define SNAPSHOT_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/err.h"
#include "core/job.h"

struct snapshot;

/** What a kind of snapshot must do. */
struct snapshot_provider {
	const char *name; /* "none", "lvm", "btrfs": what [server] snapshot says */
	bool live;        /* files change while they are read: mailboxes must be held still one by one */
	/** All of these absolute paths can be snapshot so: 1, 0 (with the reason in ${e}), -1. */
	int (*probe)(const char *const *paths, size_t n, struct err *e);
	int (*create)(const char *const *paths, size_t n, struct job *job, void **ret, struct err *e);
	/** Still whole? Asked during the run and once more before the archive is called good. */
	int (*health)(void *ctx, struct err *e);
	int (*open)(void *ctx, const char *path, int flags, struct err *e);
	void (*release)(void *ctx);
};

/** snapshot_create(kind, paths, n, job, ret, e): Make a snapshot of ${kind} ("auto": the best that probes well) that covers ${paths}.
 * ERR_CONFIG for a kind that this version does not have. snapshot_release() it. */
int snapshot_create(const char *kind, const char *const *paths, size_t n, struct job *job,
    struct snapshot **ret, struct err *e);

/** snapshot_name(s), snapshot_is_live(s): Of its provider. */
const char *snapshot_name(const struct snapshot *s);
bool snapshot_is_live(const struct snapshot *s);

/** snapshot_open(s, path, flags, e): open() the live server's absolute ${path} as the snapshot has it; O_CLOEXEC is added. */
int snapshot_open(struct snapshot *s, const char *path, int flags, struct err *e);

/** snapshot_health(s, e): 0, or -1 when what was read cannot be trusted. */
int snapshot_health(struct snapshot *s, struct err *e);

/** snapshot_release(s): Remove it; NULL-safe. */
void snapshot_release(struct snapshot *s);

/** The providers there are. */
extern const struct snapshot_provider snap_none;

#endif
