/* places.h: where the files of a picture are: live paths on one side, descriptors on the other.
 *
 * Each place of the live tree (a mount, a subvolume) is either in the picture, as a directory below an open root, or live. A path is
 * followed component by component through all of them, so that a symlink or a mount within leads where it leads on the live server, and never
 * to a live file of what is in the picture. */
#ifndef SNAPSHOT_PLACES_H
#define SNAPSHOT_PLACES_H

#include <stddef.h>

#include "core/err.h"

struct place {
	char *live;   /* absolute, without symlinks */
	int root_fd;  /* -1: this place is live. Not owned */
	char *inside; /* relative to the root: "" is the root itself */
};

struct places {
	struct place *list;
	size_t n;
};

/** places_add(p, live, root_fd, inside): The longest matching place counts; of two with the same path the later one. */
void places_add(struct places *p, const char *live, int root_fd, const char *inside);

/** places_open(p, path, flags, e): open() of a live path. errno is as open() leaves it. Paths on no place are live. */
int places_open(const struct places *p, const char *path, int flags, struct err *e);

/** places_prove(p, paths, n, e): Read something of each of the paths, so that what cannot be read is seen now: ERR_DAMAGE. */
int places_prove(const struct places *p, const char *const *paths, size_t n, struct err *e);

/** places_done(p): Forget all places. */
void places_done(struct places *p);

#endif
