/* btrfs.h: subvolumes of a btrfs file system, by ioctl. Root only.
 *
 * All is done from the top level of a file system, which btrfs_top() mounts at no place. Paths are relative to it: "@mail", "" is the top itself. */
#ifndef SNAPSHOT_BTRFS_H
#define SNAPSHOT_BTRFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

/** btrfs_top(device, e): The descriptor of the top level, writable; -1. */
int btrfs_top(const char *device, struct err *e);

struct btrfs_subvolume {
	uint64_t id, parent;
	char *path;
};

struct btrfs_subvolumes {
	struct btrfs_subvolume *list; /* the top first */
	size_t n;
};

/** btrfs_subvolumes(top_fd, ret, e): All of them. btrfs_subvolumes_done() it. */
int btrfs_subvolumes(int top_fd, struct btrfs_subvolumes *ret, struct err *e);
void btrfs_subvolumes_done(struct btrfs_subvolumes *s);

/** btrfs_id(fd, ret, e): The subvolume that an open file lies in. btrfs_read_only(fd, ret, e): Whether an open subvolume is. */
int btrfs_id(int fd, uint64_t *ret, struct err *e);
int btrfs_read_only(int fd, bool *ret, struct err *e);

/** btrfs_snapshot(fd, dir_fd, name, e): A read-only snapshot of the open subvolume. Nested subvolumes are not in it. */
int btrfs_snapshot(int fd, int dir_fd, const char *name, struct err *e);

/** btrfs_remove(dir_fd, name, e): Remove a subvolume. */
int btrfs_remove(int dir_fd, const char *name, struct err *e);

#endif
