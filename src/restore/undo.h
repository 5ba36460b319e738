/* undo.h: take out again what a merge has appended, and nothing else.
 *
 * Only messages that are still there under the UID and with the content that the journal has, and that nobody has answered; what came
 * since, and what somebody has moved or deleted, is left. Running it again goes on, or finds nothing left to do. */
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

struct undo_plan {
	char *id; /* of the case */
	char *archive;
	int64_t begun;
	bool undone; /* that was done before */
	struct undo_box *boxes;
	size_t n_boxes;
	size_t remove, gone, answered;
	uint64_t bytes;
};

/** undo_plan_build(server, directory, id, ret, e): Read the journal of that case and look what of it is still there; changes nothing. undo_plan_free()
 * it. */
int undo_plan_build(
    struct server *server, const char *directory, const char *id, struct undo_plan **ret, struct err *e);
void undo_plan_free(struct undo_plan *p);

/** undo_box_words(box, b): Append "remove 3 messages (14K); no longer there: 1". */
void undo_box_words(const struct undo_box *box, struct buf *b);

/** undo_run(server, plan, c, job, removed, e): Do it, and note in the journal of the case ${c} that it is done. Each mailbox is looked at once more
 * before, and after. */
int undo_run(struct server *server, const struct undo_plan *plan, struct restore_case *c, struct job *job,
    uint64_t *removed, struct err *e);

#endif
