/* picture.h: where the files of a picture are: live paths on one side, descriptors on the other.
 *
 * Each place of the live tree (a mount, a subvolume) is either in the picture, as a directory below an open root, or live. A path is
 * followed component by component through all of them, so that a symlink or a mount within leads where it leads on the live server, and never
 * to a live file of what is in the picture. */
#ifndef SNAPSHOT_PICTURE_H
#define SNAPSHOT_PICTURE_H

#include <stddef.h>

#include "core/err.h"

struct picture_place {
	char *live;   /* absolute, without symlinks */
	int root_fd;  /* -1: this place is live. Not owned */
	char *inside; /* relative to the root: "" is the root itself */
};

struct picture {
	struct picture_place *places;
	size_t n;
};

/** picture_add(p, live, root_fd, inside): The longest matching place counts; of two with the same path the later one. */
void picture_add(struct picture *p, const char *live, int root_fd, const char *inside);

/** picture_open(p, path, flags, e): open() of a live path. errno is as open() leaves it. Paths on no place are live. */
int picture_open(const struct picture *p, const char *path, int flags, struct err *e);

/** picture_prove(p, paths, n, e): Read something of each of the paths, so that what cannot be read is seen now: ERR_DAMAGE. */
int picture_prove(const struct picture *p, const char *const *paths, size_t n, struct err *e);

/** picture_done(p): Forget all places. */
void picture_done(struct picture *p);

#endif
