/* place_stage.h: a directory aside in one root of a partition, from which files are renamed into a mailbox. Only for this room.
 *
 * On the same file system as where they go, so that each appears in one instant, whole. */
#ifndef RESTORE_PLACE_STAGE_H
#define RESTORE_PLACE_STAGE_H

#include "cyrus/server.h"

/* What interrupted restores leave behind begins with it. */
#define STAGE_PREFIX ".cyrvault-restore."

/** Of one root of the partition: the mailbox's directory in it, and what was staged for it. */
struct stage {
	const char *root; /* absolute; the caller's */
	char *target;     /* the mailbox's directory below it, relative */
	char *name;       /* the staging directory's name in the root */
	int root_fd, dir_fd;
	int target_fd; /* while files are moved, else -1 */
};

/** stage_open(server, entry, root, number, s, e): Make one, empty; ${number} tells those of one process apart. stage_done() it, which removes it with
 * what is left in it, in either case. */
int stage_open(const struct server *server, const struct mailbox_entry *entry, const char *root,
    size_t number, struct stage *s, struct err *e);
void stage_done(struct stage *s);

/** stage_create(server, s, name, e): A new file in it that belongs to Cyrus; its descriptor or -1. */
int stage_create(const struct server *server, const struct stage *s, const char *name, struct err *e);

/** stage_target(server, s, e): Open s->target_fd; directories that are missing are made. */
int stage_target(const struct server *server, struct stage *s, struct err *e);

/** stage_move(s, name, keep, e): Rename a file into the target. ${keep}: one of that name that is there already stays, and must be the same:
 * else ERR_REFUSED. */
int stage_move(const struct stage *s, const char *name, bool keep, struct err *e);

#endif
