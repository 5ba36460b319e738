/* undo.h: take back what a restore has changed, and nothing else.
 *
 * Of messages that were appended only those that are still there under the UID and with the content that the journal has, and that nobody has
 * answered; of all other changes those that nobody has changed since, the last one first. What came since is left, and what is left is said, with the reason.
 * Running it again goes on, or finds nothing left to do. Of two restores of the same the later one is undone first. */
#ifndef RESTORE_UNDO_H
#define RESTORE_UNDO_H

#include "core/job.h"
#include "cyrus/server.h"
#include "restore/case.h"

/** One mailbox that was merged into. */
struct undo_box {
	char *name;     /* internal, as it is called now; as it was called then if it is not there any more */
	char *uniqueid; /* "": not known */
	uint32_t *uids; /* to be removed, ascending */
	size_t n;
	uint64_t bytes;
	size_t gone, answered; /* left: no longer there; answered since */
	const char *why;       /* static: nothing of it can be removed; or NULL */
};

/** What becomes of a change. */
enum undo_fate {
	UNDO_BACK,    /* it is taken back */
	UNDO_NOTHING, /* it is as it was before the restore already */
	UNDO_LEFT,    /* it stays */
};
const char *undo_fate_name(enum undo_fate f); /* "taken back", "as before", "left" */

/** Anything that was changed besides messages that were appended. */
struct undo_change {
	char *what;    /* as the journal calls it: "acl", "created"... */
	char *mailbox; /* internal; "": of none */
	char *words;   /* what is done; safe */
	char *why;     /* UNDO_LEFT: the reason; else NULL */
	enum undo_fate fate;
};

struct undo_plan {
	char *id; /* of the case */
	char *archive;
	int64_t begun;
	bool undone; /* that was done before */
	struct undo_box *boxes;
	size_t n_boxes;
	size_t remove, gone, answered;
	uint64_t bytes;
	struct undo_change *changes; /* in the order in which they are taken back */
	size_t n_changes;
	size_t back, left; /* of these */
};

/** undo_check_order(server, directory, i, e): Nothing that the case ${i} has brought or changed was brought or changed once more by a later restore
 * into its server, and no later one touched a mailbox that it made, renamed or set aside: what is there now could be of that one. Else -1,
 * ERR_REFUSED says which is to be undone first. A later one of which nothing is there any more does not count. ${directory} is the state directory. */
int undo_check_order(struct server *server, const char *directory, const struct case_info *i, struct err *e);

/** undo_plan_build(server, directory, id, ret, e): Read the journal of that case and look what of it is still there; changes nothing. undo_plan_free()
 * it. */
int undo_plan_build(
    struct server *server, const char *directory, const char *id, struct undo_plan **ret, struct err *e);
void undo_plan_free(struct undo_plan *p);

/** undo_box_words(box, b): Append "remove 3 messages (14K); no longer there: 1". */
void undo_box_words(const struct undo_box *box, struct buf *b);

/** undo_run(server, plan, c, job, ret, e): Do it, and note in the journal of the case ${c} that it is done. All is looked at once more
 * before, and after. undo_result_done() in either case. */
struct undo_result {
	uint64_t removed;       /* messages */
	struct undo_plan *done; /* its changes: what became of each; NULL: it did not get so far */
};
int undo_run(struct server *server, const struct undo_plan *plan, struct restore_case *c, struct job *job,
    struct undo_result *ret, struct err *e);
void undo_result_done(struct undo_result *r);

#endif
