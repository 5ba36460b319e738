/* mounts.h: what is mounted where, as /proc/self/mountinfo has it.
 *
 * The text is the kernel's, but mount points and sources are anyone's words: they are decoded here and made safe where they are shown. */
#ifndef SNAPSHOT_MOUNTS_H
#define SNAPSHOT_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/err.h"

struct mount {
	unsigned id, parent;
	unsigned major, minor;
	char
	    *root; /* which directory of the file system is mounted: "/", that of a bind mount, a subvolume */
	char *point;  /* where */
	char *fs;     /* "ext4" */
	char *source; /* "/dev/mapper/vg-lv", or any word */
	char *super;  /* options of the file system, separated by commas */
};

struct mounts {
	struct mount *list;
	size_t n;
};

/** mounts_parse(text, n, ret, e): ERR_FORMAT for what is not a mountinfo. mounts_read(ret, e): That of this process. mounts_done() both. */
int mounts_parse(const char *text, size_t n, struct mounts *ret, struct err *e);
int mounts_read(struct mounts *ret, struct err *e);
void mounts_done(struct mounts *m);

/** mounts_of(m, path): The mount that an absolute path without symlinks lies on: the topmost one, as the kernel goes from mount to mount.
 * NULL: none that is known. */
const struct mount *mounts_of(const struct mounts *m, const char *path);

/** mounts_visible(m, mount): It is not hidden beneath another one. */
bool mounts_visible(const struct mounts *m, const struct mount *mount);

/** mount_is_memory(mount): It holds nothing that outlives a reboot: tmpfs, proc and their like. */
bool mount_is_memory(const struct mount *mount);

/** mount_has_option(mount, option): Among the options of its file system; "logdev=" finds one with any value. */
bool mount_has_option(const struct mount *mount, const char *option);

/** path_below(path, dir): What follows ${dir} in ${path} without the slash ("" when they are the same), or NULL when it is not below. */
const char *path_below(const char *path, const char *dir);

/** path_join(dir, rest): "dir/rest" without doubled slashes, or ${dir} when ${rest} is empty; heap. */
char *path_join(const char *dir, const char *rest);

#endif
