/* btrfs_priv.h: what the files of the btrfs provider share: btrfs_plan.c looks, btrfs_clean.c removes leftovers, snap_btrfs.c is the provider. */
#ifndef SNAPSHOT_BTRFS_PRIV_H
#define SNAPSHOT_BTRFS_PRIV_H

#include <pthread.h>

#include "snapshot/btrfs.h"
#include "snapshot/owner.h"
#include "snapshot/places.h"
#include "snapshot/snapshot.h"

/* Where snapshots are made, in the top level of the file system. */
#define BTRFS_DIR "cyrvault-snapshots"

/** A file system. */
struct btrfs_fs {
	unsigned major, minor;
	char *device;
	int top_fd;
	struct btrfs_subvolumes subvolumes;
	uint64_t bytes, free_bytes;
};

/** A subvolume, and its snapshot once it is taken. */
struct btrfs_volume {
	size_t fs;
	char *path;       /* from the top */
	char *mounted_on; /* where it is in the live tree */
	char *name;       /* in BTRFS_DIR; NULL: never taken */
	uint64_t id;      /* of the snapshot */
	int root_fd;
	bool taken, invalid;
};

/** A place of the live tree: in a volume, or (-1) not in the picture. */
struct btrfs_place {
	char *live, *inside;
	int volume;
};

struct btrfs_picture {
	const struct snapshot_opts *o;
	const char *const *paths;
	size_t n_paths;
	struct owner owner;
	struct btrfs_fs *fs;
	size_t n_fs;
	struct btrfs_volume *volumes;
	size_t n;
	struct btrfs_place *places;
	size_t n_places;
	struct places map;
	pthread_mutex_t lock; /* for names, taken and invalid */
};

/** btrfs_plan(s, e): Fill file systems, volumes and places. 1, 0 with why not, -1. */
int btrfs_plan(struct btrfs_picture *s, struct err *e);

/** btrfs_dir(top_fd, make, e): The directory of snapshots; -1. */
int btrfs_dir(int top_fd, bool make, struct err *e);

/** btrfs_remove_patiently(dir_fd, name, e): Again and again for some seconds while somebody has it mounted. */
int btrfs_remove_patiently(int dir_fd, const char *name, struct err *e);

/** btrfs_name(o, serial): The name of a snapshot of this owner, heap. btrfs_name_owner(name, ret): Whose it is; -1 when it is no such name. */
char *btrfs_name(const struct owner *o, unsigned serial);
int btrfs_name_owner(const char *name, struct owner *ret);

/** btrfs_clean(o, remove, ret_what, e): As of struct snapshot_provider. */
int btrfs_clean(const struct snapshot_opts *o, bool remove, char **ret_what, struct err *e);

#endif
