/* case.h: one restore that changes something, from its request to its receipt and, if need be, its undo: a directory
 * "cases/SERVER-20261126T220000Z" (0700) of the state directory.
 *
 *     case.json     what was asked for, of which archive, by whom, why; what became of it; which mailboxes are not all done
 *     plan.json     the plan as it was first (plan_json.h)
 *     journal       every change, forced to disk before it is made (journal.h)
 *     safety/       copies of files as they were before they were changed, by numbered names; the journal knows whose; in UNIQUEID/ those of
 *                   keep.h: cyrus.index, cyrus.header, cyrus.cache.size
 *     receipt.json, receipt.txt   what came of it (receipt.h)
 *
 * A case is open until its restore has come to its end, whoever stops it. The same request takes an open case up again. Two do not write
 * one: who begins, opens or ends a case holds the server's lock. Names are internal. */
#ifndef RESTORE_CASE_H
#define RESTORE_CASE_H

#include "restore/journal.h"
#include "restore/restore.h"

enum case_state {
	CASE_OPEN,   /* running, or cut off: can be resumed, and undone */
	CASE_DONE,   /* can be undone */
	CASE_UNDONE, /* was */
	CASE_FAILED, /* ended before it had changed anything */
};
const char *case_state_name(enum case_state s); /* "open", "done", "undone", "failed" */

/** A mailbox that is not all done. */
struct case_box {
	char *name;
	bool merge; /* messages are appended to what is there: nothing else of it is left to do */
};

/** What is known of a case. */
struct case_info {
	char *id;             /* name of its directory: "mail1-20261126T220000Z" */
	char *server;         /* as the configuration calls it */
	char *archive;        /* as the command line takes it */
	char *who;            /* who ran it; NULL: not known */
	char *reason;         /* why; NULL: none was given */
	int64_t begun, ended; /* unix time; ended 0: it is open */
	enum case_state state;
	struct restore_request request; /* its own */
	struct case_box *boxes;         /* none once it has ended */
	size_t n_boxes;
};
void case_info_done(struct case_info *i);

/** case_read(directory, id, ret, e): Of that case. ${directory} is the state directory. ERR_NOT_FOUND. case_info_done() it. */
int case_read(const char *directory, const char *id, struct case_info *ret, struct err *e);

/** case_id_of(word): The id of a case that is named by its id, the path of its directory, or that of a file in it; heap, NULL: none is. */
char *case_id_of(const char *word);

struct case_list {
	struct case_info *list; /* the oldest first */
	size_t n;
};

/** case_list(directory, server, ret, e): All of ${server} (NULL: of every one). One that cannot be read is left out, and logged.
 * case_list_done() it. */
int case_list(const char *directory, const char *server, struct case_list *ret, struct err *e);
void case_list_done(struct case_list *l);

/** case_find(l, archive, request): The open one of the same archive and request, or NULL. case_last(l, state): The newest in that state, or NULL. */
const struct case_info *case_find(
    const struct case_list *l, const char *archive, const struct restore_request *request);
const struct case_info *case_last(const struct case_list *l, enum case_state state);

/** case_last_undoable(l): The newest that is open or done, or NULL. */
const struct case_info *case_last_undoable(const struct case_list *l);

/** What the open cases mean to a plan: see restore_request. The names belong to the list; free() the arrays. */
struct case_marks {
	const char **unfinished, **cut_off;
	size_t n_unfinished, n_cut_off;
};
void case_marks(const struct case_list *l, struct case_marks *ret);
void case_marks_done(struct case_marks *m);

struct restore_case;

/** case_begin(directory, o, ret, e): The open case of the same server, archive and request, or a new one, which is there whole or not at all.
 * case_close() it, which says nothing of an end. */
struct case_begin {
	const char *server, *archive, *who, *reason; /* as in case_info */
	const struct restore_plan *plan;
};
int case_begin(const char *directory, const struct case_begin *o, struct restore_case **ret, struct err *e);

/** case_open(directory, id, ret, e): One that is there, to go on with it or to undo it. */
int case_open(const char *directory, const char *id, struct restore_case **ret, struct err *e);
void case_close(struct restore_case *c);

const struct case_info *case_about(const struct restore_case *c);
const char *case_path(const struct restore_case *c); /* of its directory, absolute */
struct journal *case_journal(struct restore_case *c);

/** case_safety_dir(c, e): Path of safety/, which is made when it is first asked for; NULL after a failure. Belongs to ${c}. */
const char *case_safety_dir(struct restore_case *c, struct err *e);

/** case_keep_file(c, mailbox, uniqueid, path, after, e): Copy the file ${path} into safety/, forced to disk, and note in the journal that it is about
 * to be changed. ${after}: SHA-1 in hex of what it is going to hold: undo then puts the copy back if that is what it still holds; NULL: the copy is kept
 * for a person, and undo says where. A file that is not there is noted as such. ${mailbox} and ${uniqueid} may be "". */
int case_keep_file(struct restore_case *c, const char *mailbox, const char *uniqueid, const char *path,
    const char *after, struct err *e);

/** case_put(c, name, p, n, e): Make file ${name} of the case hold these bytes, whole or not at all. */
int case_put(struct restore_case *c, const char *name, const void *p, size_t n, struct err *e);

/** case_end(c, state, e): It has come to its end. What a CASE_DONE has done is struck from other open cases of the server, but for what
 * single or expunged messages are of; those of which nothing is left end too. */
int case_end(struct restore_case *c, enum case_state state, struct err *e);

/** case_prune(directory, days, e): Remove ended ones older than ${days}, and what a begin that was cut off left. Returns how many, or -1. */
int case_prune(const char *directory, uint64_t days, struct err *e);

#endif
