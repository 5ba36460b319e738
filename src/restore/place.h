/* place.h: files of the archive into the live spool: first aside, then, in one moment under the user's lock, into place.
 *
 * Until that moment nothing live is touched; killed in it, the mailbox is still either without an entry or without a
 * usable index, and the same restore finishes it: messages go first, cyrus.index last. */
#ifndef RESTORE_PLACE_H
#define RESTORE_PLACE_H

#include "cyrus/quiesce.h"
#include "restore/restore.h"

struct place_context {
	struct server *server;
	struct source *source;
	struct quiesce *quiesce;
	uint64_t lock_wait_ms;
	struct job *job;
	struct restore_result *result;
	struct restore_case *kase; /* where a user's files are kept before they are replaced; NULL: nowhere */
};

/** place_mailbox(cx, item, e): Bring back the files of ${item} that its plan names. ERR_REFUSED, nothing touched, when the live mailbox is no
 * longer as it was planned for. */
int place_mailbox(struct place_context *cx, const struct restore_item *item, struct err *e);

/** place_user_files(cx, plan, live, userid, replace, e): Write those of the user's files that the server does not have; with
 * ${replace} also those it has: for a user who is gone, of whom they are only what cyr_expire left behind. */
int place_user_files(struct place_context *cx, const struct restore_plan *plan, const struct mboxlist *live,
    const char *userid, bool replace, struct err *e);

/** place_count_user_files(cx, plan, live, userid, e): How many of the user's files in the archive the server does not have; or -1. Fetches no
 * file. Of ${cx} only server and source are used. */
int place_count_user_files(struct place_context *cx, const struct restore_plan *plan,
    const struct mboxlist *live, const char *userid, struct err *e);

/** place_quota_root(cx, userid, root, e): Write the quota root's file as the archive has it, if it is not there. */
int place_quota_root(struct place_context *cx, const char *root, struct err *e);

/** place_leftovers(server, remove): How many directories interrupted restores left aside in the partitions; removes them if asked to. */
size_t place_leftovers(const struct server *server, bool remove);

#endif
