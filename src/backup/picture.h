/* picture.h: the moment of a backup: Cyrus held still, the snapshot taken, Cyrus let go, the snapshot opened; again if it cannot be. */
#ifndef BACKUP_PICTURE_H
#define BACKUP_PICTURE_H

#include "backup/backup.h"
#include "backup/findings.h"

/** So many snapshots are taken at most until one can be read. */
#define PICTURE_TRIES 3

/** What is needed for one; lives as long as the backup. */
struct picture {
	struct snapshot *snapshot; /* planned */
	struct ladder *ladder;
	struct findings *findings; /* what was not as it should be goes there */
	struct job *job;
	unsigned tries;
	/** Called when a stage begins. */
	void (*stage)(void *arg, enum backup_stage stage);
	void *arg;
};

/** picture_take(p, paths, n, e): Take it. ${paths}: what is in it; their file systems are synced before Cyrus is held, so that it need not wait
 * for that. 0: the snapshot can be read; -1: none is left. */
int picture_take(struct picture *p, const char *const *paths, size_t n, struct err *e);

#endif
