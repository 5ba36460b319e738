/* state.h: flags and \Seen of the messages that an archived and a live mailbox both have, whatever their UIDs are by now: what must be set and
 * taken away so that they are as in the archive. Messages that only one side has are left alone. Only for this room. */
#ifndef RESTORE_STATE_H
#define RESTORE_STATE_H

#include "restore/compare.h"
#include "restore/plan.h"
#include "restore/rights.h"
#include "restore/run_priv.h"
#include "restore/sides.h"

/** One message on both sides. */
struct state_pair {
	const struct index_record *was, *is; /* of the archive, of the live mailbox */
};

/** A flag, and the messages of the live mailbox that lack it or have it too much. */
struct state_change {
	char *flag;            /* "\\Flagged", "$Label1": can stand in a command as it is */
	uint32_t *set, *clear; /* UIDs, ascending */
	size_t n_set, n_clear;
};

struct state_changes {
	struct state_change *list;
	size_t n, cap;
};

/** state_flag_changes(pairs, n, was, is, ret): System flags but \Seen and \Recent, and keywords, of which ${was} and ${is} have the names. Keywords are
 * left as they are when the archive has lost their names. ${pairs} ascend by the live UID. Pure. state_changes_done() it. */
void state_flag_changes(const struct state_pair *pairs, size_t n, const struct mailbox_header *was,
    const struct mailbox_header *is, struct state_changes *ret);

/** state_knows_keywords(pairs, n, was): A header that was lost and made anew has no names, though the messages have keywords: then false. */
bool state_knows_keywords(const struct state_pair *pairs, size_t n, const struct mailbox_header *was);

/** state_seen_changes(pairs, n, was, was_arg, is, is_arg, ret): The same of \Seen, wherever each side keeps it. */
typedef bool state_seen_fn(const void *arg, const struct index_record *r);
void state_seen_changes(const struct state_pair *pairs, size_t n, state_seen_fn *was, const void *was_arg,
    state_seen_fn *is, const void *is_arg, struct state_changes *ret);
void state_changes_done(struct state_changes *c);

/** state_changes_add(c, flag, uid, on): Message ${uid} gets or loses ${flag}; UIDs ascend. state_changes_count(c, set, clear): Of all flags together. */
void state_changes_add(struct state_changes *c, const char *flag, uint32_t uid, bool on);
void state_changes_count(const struct state_changes *c, size_t *set, size_t *clear);

/** state_new_keywords(c, is): Keywords to be set of which the live mailbox has not heard yet. */
size_t state_new_keywords(const struct state_changes *c, const struct mailbox_header *is);

/** A mailbox on both sides. */
struct state_box {
	struct server *server;
	struct source *source;
	const struct mailbox_entry *entry; /* of the live one */
	char *owner;                       /* NULL: shared */
	struct source_messages *m;
	struct compare_live live;
	struct side_live side;
	struct restore_merge *merge;
	struct state_pair *pairs; /* ascending by the live UID */
	size_t n;
};

/** state_box_open(server, source, item, entry, job, ret, e): Read the mailbox of ${item} in ${source} and the live one of ${entry}, and match their messages, or
 * those that were picked. ${entry} must outlive it. ERR_REFUSED: the live one's header or index cannot be read. state_box_done() it, in any case. */
int state_box_open(struct server *server, struct source *source, const struct restore_item *item,
    const struct mailbox_entry *entry, struct job *job, struct state_box *ret, struct err *e);
void state_box_done(struct state_box *box);

/** state_box_keep(box, uids, n): Leave only those pairs whose live UID is in the ascending list. */
void state_box_keep(struct state_box *box, const uint32_t *uids, size_t n);

/** state_owner_changes(box, ret): \Seen of the owner, or of all in a shared mailbox where both sides have one for all. False: there is no such \Seen,
 * or it cannot be told. */
bool state_owner_changes(const struct state_box *box, struct state_changes *ret);

/** state_reader_changes(box, live, plan, reader, ret, e): \Seen of another reader: 1; 0 when the archive has no record of his, or everybody's is one; -1.
 * ERR_NOT_FOUND: he is no user of this server. */
int state_reader_changes(const struct state_box *box, const struct mboxlist *live,
    const struct restore_plan *plan, const char *reader, struct state_changes *ret, struct err *e);

/** state_may_read(acl, n, reader): What the list gives him lets him read and keep his own \Seen; where groups are named it may be so. */
bool state_may_read(const struct acl_item *acl, size_t n, const char *reader);

/** state_acl(source, i): The rights that the archive has of mailbox ${i}: false when it knows none. They belong to ${m} or ${source}. */
bool state_acl(const struct source *source, size_t i, const struct source_messages *m,
    const struct acl_item **acl, size_t *n);

/** A user's sieve scripts on one side. */
struct state_scripts {
	struct state_script {
		char *name;
		struct buf text;
	} * list; /* by name */
	size_t n, cap;
	char *active; /* NULL: none */
};

/** state_scripts_archive(source, userid, ret, e), state_scripts_live(server, live, plan, userid, ret): As they are in messages of user.NAME.#sieve (3.6 on), else
 * in files of the sieve directory. Live they are read from the disk: asked over ManageSieve, the server would make that mailbox. What cannot be
 * read is not there. state_scripts_done() it. */
int state_scripts_archive(
    struct source *source, const char *userid, struct state_scripts *ret, struct err *e);
void state_scripts_live(const struct server *server, const struct mboxlist *live,
    const struct restore_plan *plan, const char *userid, struct state_scripts *ret);
void state_scripts_done(struct state_scripts *s);
const struct state_script *state_script_find(const struct state_scripts *s, const char *name);

/** state_plan_sieve(g, userid, e): A step for what is gone or differs of them, or another one is active. state_run_sieve(r, step, e): STEP_SIEVE, over ManageSieve;
 * in the journal as "sieve" with "USER SCRIPT" and the texts, "sieve-active" with "USER" and the names. */
int state_plan_sieve(struct planning *g, const char *userid, struct err *e);
int state_run_sieve(struct run *r, const struct restore_step *s, struct err *e);

/** state_prove(r, step, e): STEP_PROVE of RESTORE_STATE: read back over IMAP, as the owner, the readers, the administrator, what was to be set of the item,
 * count it in the result's kinds, and warn of what is not as in the archive. Limits and sieve scripts are read back by their own steps. */
int state_prove(struct run *r, const struct restore_step *step, struct err *e);

/** state_count(r, kind, same, differ): Add to what was read back of a kind. */
void state_count(struct run *r, unsigned kind, size_t same, size_t differ);

/** state_run_notes(r, step, e): STEP_NOTES, by UID STORE ANNOTATION, as whom they belong to. state_appended_open(r, item, list, box, e): state_box_open()
 * of the mailbox as it is in ${list} now, of the messages alone that the journal says were appended. */
int state_run_notes(struct run *r, const struct restore_step *s, struct err *e);
int state_appended_open(struct run *r, const struct restore_item *item, const struct mboxlist *list,
    struct state_box *ret, struct err *e);

/** state_remember(r, step, e): Before STEP_ACL, STEP_ANNOTATION or STEP_SUBSCRIBE: what is there now, and what will be, into the run's journal, if it has one:
 * "acl" with the identifier as key, "annotation" with "/private/comment alice" ("/shared/comment " for a shared one), "subscription" with the user. */
int state_remember(struct run *r, const struct restore_step *s, struct err *e);

/** state_run_flags(r, step, e), state_run_reader(r, step, e), state_run_limit(r, step, e): Carry out STEP_FLAGS, STEP_READER, STEP_QUOTA_LIMIT: both sides are
 * looked at anew, what differs is written into the journal, then set over IMAP. What the server refuses is a warning of the run. After a merge a
 * reader's \Seen is set only on what it has appended. */
int state_run_flags(struct run *r, const struct restore_step *s, struct err *e);
int state_run_reader(struct run *r, const struct restore_step *s, struct err *e);
int state_run_limit(struct run *r, const struct restore_step *s, struct err *e);

#endif
