/* restore.h: bring mailboxes back into a running server: first a plan, which is pure data, then its steps.
 *
 * What is absent or damaged comes back identically. Into a mailbox that is there with other content the messages that it lacks are appended:
 * never a second time, never over another one. Every prefix of the steps leaves live mail intact, and running the same restore again
 * goes on from where it is. */
#ifndef RESTORE_RESTORE_H
#define RESTORE_RESTORE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/job.h"
#include "cyrus/server.h"
#include "restore/export.h"
#include "restore/match.h"
#include "restore/source.h"

/** How a mailbox comes back; one that is absent, or damaged, comes back as it was in all but RESTORE_STATE. */
enum restore_mode {
	RESTORE_DEFAULT,   /* there with other content: append the messages that it lacks */
	RESTORE_IDENTICAL, /* there with other content: refuse */
	RESTORE_KEEP_UIDS, /* as default; what it lacks gets its old UIDs again where that can be done safely */
	RESTORE_REPLACE, /* there: renamed aside, comes back as in the archive, newer mail is carried over */
	RESTORE_BESIDE,  /* as another mailbox beside it, "NAME.Restored-2026-11-22" */
	RESTORE_STATE,   /* no message: only what request.what names */
};
const char *restore_mode_name(
    enum restore_mode m); /* "merge", "identical", "keep UIDs", "replace", "beside", "state" */

/** What belongs to a mailbox or a user besides messages; bits. */
enum {
	RESTORE_FLAGS = 1, /* system flags and keywords, without \Seen */
	RESTORE_SEEN = 2,  /* \Seen of the owner and of every other reader */
	RESTORE_SUBSCRIPTIONS = 4,
	RESTORE_ACL = 8,
	RESTORE_ANNOTATIONS = 16,
	RESTORE_SIEVE = 32, /* of the user: scripts and which is active */
	RESTORE_QUOTA = 64, /* limits of the quota root */
	RESTORE_ALL_STATE = 127,
};

/** Single messages of one mailbox of the archive. */
struct restore_pick {
	const char *mailbox; /* internal name in the archive */
	const struct export_range *ranges;
	size_t n_ranges;
};

struct journal_log; /* journal.h */

/** What is asked for. */
struct restore_request {
	const char *const *mailboxes; /* internal names */
	size_t n_mailboxes;
	const char *to_user; /* what belongs to a user goes to the same place of this one; NULL */
	const char
	    *into; /* internal name that the one mailbox asked for shall have; those below it follow; NULL */
	const struct restore_pick *picks; /* of these mailboxes only these messages */
	size_t n_picks;
	bool expunged; /* what is asked for are messages that were expunged, but are still kept */
	unsigned
	    what; /* RESTORE_FLAGS...; of what comes back besides messages; 0: all (RESTORE_STATE: ERR_USAGE) */
	bool recursive;   /* and everything below them */
	const char *user; /* a whole user: mailboxes, seen, subscriptions, quota, sieve; NULL */
	const char *const
	    *unfinished; /* internal names of which an earlier restore did not come to its end */
	size_t n_unfinished;
	const char *const *cut_off; /* internal names of which an earlier merge did not come to its end */
	size_t n_cut_off;
	const struct journal_log
	    *earlier; /* of the same request, which was cut off: what it has changed; NULL */
	enum restore_mode mode;
	const char *mark; /* a keyword for what is appended, such as "$Restored"; NULL: none */
	bool moved;       /* append also what is missing, but lies in another mailbox of the user */
};

/** restore_request_copy(dst, src): Deep copy into raw memory, without unfinished, cut_off and earlier, which are of one moment. restore_request_done() it. */
void restore_request_copy(struct restore_request *dst, const struct restore_request *src);
void restore_request_done(struct restore_request *r);

/** restore_what_name(i): Of bit ${i}, below RESTORE_KINDS: "flags", "seen", "subscriptions", "acl", "annotations", "sieve", "quota". restore_what_parse(list, ret, e):
 * Names with commas in between, "" and "all" all of them. ERR_USAGE. */
#define RESTORE_KINDS 7
const char *restore_what_name(unsigned i);
int restore_what_parse(const char *list, unsigned *ret, struct err *e);

/** restore_wants(r, what): One of these RESTORE_FLAGS... is asked for. */
bool restore_wants(const struct restore_request *r, unsigned what);

/** restore_mark_is_valid(mark): It can be an IMAP keyword. */
bool restore_mark_is_valid(const char *mark);

/** How a mailbox of the archive stands against the live server. */
enum mailbox_state {
	STATE_ABSENT,       /* no such mailbox: comes back whole */
	STATE_DELETED_COPY, /* still there as DELETED.*: renamed back */
	STATE_LOST_FILES,   /* there, but message files are missing: these come back */
	STATE_DAMAGED,      /* there, but its directory or index is gone: comes back whole */
	STATE_SAME,         /* there, nothing is missing */
	STATE_DIFFERS,      /* there with other content: what it lacks is appended */
	STATE_OTHER,        /* as that, or its id is taken, or it is too damaged: refused */
};
const char *mailbox_state_name(enum mailbox_state s);

/** The messages of the archive beside those of the live mailbox. */
struct restore_merge {
	/* Its visible messages, of which it has the files, or, as was asked for, the expunged ones that it still keeps, of equal ones the last: ascending by UID */
	struct match_message *archive;
	bool expunged;
	char **message_ids; /* theirs, if the live mailbox has messages without a GUID; else NULL */
	bool *append;       /* of each: it is to be appended */
	size_t n;
	size_t n_append, same, flags, only_live; /* flags: there, with other flags, which stay */
	size_t moved; /* missing, but in another mailbox of the user; appended only if that was asked for */
	size_t kept;  /* missing, but still there as expunged messages */
	size_t in_deleted; /* missing, but in a DELETED.* mailbox of the user */
	size_t lacking;    /* in the archive's index, but not in the archive */
	uint64_t append_bytes;
	bool recreated;   /* the mailbox was made since: another one of the same name */
	bool cut_off;     /* an earlier merge into it did not come to its end */
	bool keep;        /* what is appended gets its old UIDs: STEP_KEEP */
	bool annotated;   /* the live mailbox has annotations of some of them */
	uint64_t keep_modseq; /* STEP_KEEP is done: the highest modseq before it */
	char *quota_root; /* of the live mailbox; NULL: none */
};

/** The live mailbox when the plan was made. */
struct item_live {
	bool there;
	char *uniqueid; /* NULL: not known */
	uint32_t uidvalidity, uidnext, messages;
	uint64_t modseq;
};

struct restore_item {
	size_t source_index;
	char *name; /* on the server; internal */
	enum mailbox_state state;
	char *why;                  /* in words; or NULL */
	const char *next;           /* STATE_OTHER: what the operator can do, static; NULL: the usual */
	struct mailbox_entry entry; /* as it will be in the live list */
	char *deleted_name;         /* STATE_DELETED_COPY: the name it has now */
	char *dir;                  /* absolute live directory */
	bool fresh; /* it comes back under a name or id of its own: header and index are rewritten */
	char *
	    aside_name; /* what the mailbox of another id that is there is renamed to first; internal; NULL */
	char *aside_id; /* its unique id */
	bool create;    /* made over IMAP, for single messages */
	uint32_t least_uidnext; /* fresh: UIDs below were given to other messages of that name; 0 */
	uint64_t least_modseq;
	const struct restore_pick *pick; /* NULL: all messages */
	bool
	    unfinished; /* nothing is missing of it, but an earlier restore was cut off before its last step */
	bool whole;     /* every file comes back; else only: */
	bool want_header, want_cache;
	uint32_t *missing; /* and these message files */
	size_t n_missing;
	uint64_t bytes; /* that will be written */
	uint32_t messages;
	struct restore_merge *merge; /* NULL: nothing is appended */
	char *quota_root;                     /* that it had in the archive; NULL: none */
	struct item_live live;
	uint64_t quota_bytes, quota_messages; /* what it will count there, unless it is there and counted */
};

enum step_kind {
	STEP_CLEAN,       /* remove what an interrupted restore left aside */
	STEP_RENAME,      /* item */
	STEP_FILES,       /* item: stage, then move into place under the user's lock */
	STEP_USER_FILES,  /* user's seen, subscriptions, sieve... that are missing */
	STEP_QUOTA_ROOT,  /* detail: root */
	STEP_ENTRIES,     /* all items that need one, by ctl_mboxlist -u */
	STEP_ACL,         /* item; detail: identifier; value: its rights, "" none */
	STEP_SEEN,        /* detail: reader; item */
	STEP_SUBSCRIBE,   /* detail: user; item, or entry: the internal name */
	STEP_ASIDE,       /* item: the live mailbox is renamed to its aside_name */
	STEP_CREATE,      /* item: an empty mailbox, over IMAP */
	STEP_CARRY,       /* item: newer mail, from aside_name */
	STEP_KEEP,        /* item: what it lacks, with its UIDs, under Cyrus's locks */
	STEP_FLAGS,       /* item: state.c's */
	STEP_READER,      /* item; detail: reader, whose \Seen is set over IMAP: state.c's */
	STEP_NOTES,       /* item: annotations of single messages that were appended: state_notes.c's */
	STEP_QUOTA_LIMIT, /* detail: root; value: "STORAGE MESSAGES", -1: none */
	STEP_SIEVE,       /* detail: user */
	STEP_ANNOTATION,  /* item, entry, user, value */
	STEP_APPEND,      /* item: what the mailbox lacks, over IMAP */
	STEP_RECONSTRUCT, /* item: only to count its annotations again */
	STEP_QUOTA_FIX,   /* detail: root */
	STEP_PROVE,       /* item */
};

struct restore_step {
	enum step_kind kind;
	size_t item;   /* index, or (size_t)-1 */
	char *words;   /* what will be done */
	char *command; /* the command that does the same, or NULL */
	char *detail;  /* user, root, reader */
	char *entry;   /* STEP_ANNOTATION: "/shared/comment"; */
	char *value;   /* STEP_SEEN: the record; STEP_ANNOTATION: bytes */
	size_t value_len;
	bool replace; /* STEP_USER_FILES: what is there is left over from a user who is gone */
	bool of_user; /* STEP_QUOTA_FIX: detail is a user, all of whose roots are counted */
	bool done;
};

struct restore_plan {
	struct source *source; /* belongs to the plan, with its store */
	struct store *store;
	struct restore_item *items;
	size_t n_items;
	struct restore_step *steps;
	size_t n_steps;
	char **notes; /* what the operator should know before */
	size_t n_notes;
	size_t *moments; /* notes, by index, about who is connected now */
	size_t n_moments;
	size_t n_refused; /* items in STATE_OTHER */
	uint64_t bytes;
	struct restore_request request; /* what was asked for; the plan's own copy */
};

/** restore_plan_build(server, source, request, job, ret, e): Look at the archive and the live server and decide. Changes nothing. The plan takes neither
 * ${source} nor a store over (app_plan() does). ERR_NOT_FOUND when the archive lacks what is asked for. */
int restore_plan_build(struct server *server, struct source *source, const struct restore_request *request,
    struct job *job, struct restore_plan **ret, struct err *e);
void restore_plan_free(struct restore_plan *p);

/** restore_refusal(plan, e): Why a plan with refused items cannot be carried out, and what to do; returns -1. */
int restore_refusal(const struct restore_plan *plan, struct err *e);

/** What was read back over IMAP afterwards, of one kind: as in the archive, or not. */
struct restore_kind {
	uint64_t same, differ;
};

struct receipt_box;
struct restore_result {
	struct restore_kind kinds[RESTORE_KINDS]; /* by bit of RESTORE_FLAGS... */
	uint64_t mailboxes, messages, files, bytes;
	/* Of messages that were merged: appended; there already; left where they are, or come in meanwhile; not to be had, or refused. */
	uint64_t created, merged, skipped, failed;
	uint64_t flags_set, flags_cleared; /* over IMAP, on messages that are there */
	char **failures; /* why, a line for each */
	size_t n_failures, cap_failures;
	struct receipt_box *boxes; /* of each item of the plan: receipt.h */
	size_t n_boxes;
	char *case_id; /* of what undo needs (case.h); NULL: it did not begin */
	uint64_t steps_done;
	char **warnings;
	size_t n_warnings;
	uint64_t elapsed_ms;
	uint64_t fetched_bytes; /* read from the store */
};

/** restore_fits(server, plan, e): The names and unique ids that the plan is about are on the live server as they were when it was made;
 * else -1, ERR_REFUSED. Changes nothing. restore_run() asks once more before it enters anything. */
int restore_fits(struct server *server, const struct restore_plan *plan, struct err *e);

/** restore_merges(plan): It appends something, or finishes that. */
bool restore_merges(const struct restore_plan *plan);

/** restore_run(server, plan, c, job, ret, e): Carry the plan out, step by step; what it changes goes into the journal of the case ${c} first. A plan
 * with refused items is ERR_REFUSED before anything is touched. Failing in the middle says which step and what is done; ERR_PARTIAL when
 * running it again will go on. restore_result_done() in either case. */
struct restore_case;
int restore_run(struct server *server, struct restore_plan *plan, struct restore_case *c, struct job *job,
    struct restore_result *ret, struct err *e);
void restore_result_done(struct restore_result *r);

/** restore_counts_words(r, b): Append "Messages: 3 appended, 9 were there, ...", of a merge. restore_nothing_words(plan): Why a plan without steps
 * has none, static. */
void restore_counts_words(const struct restore_result *r, struct buf *b);

/** restore_kinds_words(r, b): Append "Read back, as in the archive: flags of messages 12, ...", nothing if nothing was. */
void restore_kinds_words(const struct restore_result *r, struct buf *b);
const char *restore_nothing_words(const struct restore_plan *plan);

#endif
