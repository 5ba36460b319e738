/* restore.h: bring mailboxes back into a running server: first a plan, which is pure data, then its steps.
 *
 * This form restores what is absent or damaged, identically; a mailbox that is there with other content is refused, never
 * touched. Every prefix of the steps leaves live mail intact, and running the same restore again goes on from where it is. */
#ifndef RESTORE_RESTORE_H
#define RESTORE_RESTORE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/job.h"
#include "cyrus/server.h"
#include "restore/source.h"

/** What is asked for. */
struct restore_request {
	const char *const *mailboxes; /* internal names */
	size_t n_mailboxes;
	bool recursive;   /* and everything below them */
	const char *user; /* a whole user: mailboxes, seen, subscriptions, quota, sieve; NULL */
	const char *const
	    *unfinished; /* internal names of which an earlier restore did not come to its end */
	size_t n_unfinished;
};

/** How a mailbox of the archive stands against the live server. */
enum mailbox_state {
	STATE_ABSENT,       /* no such mailbox: comes back whole */
	STATE_DELETED_COPY, /* still there as DELETED.*: renamed back */
	STATE_LOST_FILES,   /* there, but message files are missing: these come back */
	STATE_DAMAGED,      /* there, but its directory or index is gone: comes back whole */
	STATE_SAME,         /* there, nothing is missing */
	STATE_OTHER,        /* there with other content, or its name or id is taken: refused */
};
const char *mailbox_state_name(enum mailbox_state s);

struct restore_item {
	size_t source_index;
	const char *name; /* internal; belongs to the source */
	enum mailbox_state state;
	char *why;                  /* in words, for STATE_OTHER and for notes; else NULL */
	struct mailbox_entry entry; /* as it will be in the live list */
	char *deleted_name;         /* STATE_DELETED_COPY: the name it has now */
	char *dir;                  /* absolute live directory */
	bool
	    unfinished; /* nothing is missing of it, but an earlier restore was cut off before its last step */
	bool whole;     /* every file comes back; else only: */
	bool want_header, want_cache;
	uint32_t *missing; /* and these message files */
	size_t n_missing;
	uint64_t bytes; /* that will be written */
	uint32_t messages;
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
	STEP_SUBSCRIBE,   /* detail: user; item */
	STEP_ANNOTATION,  /* item, entry, user, value */
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
	size_t n_refused; /* items in STATE_OTHER */
	char *user;       /* whole user, or NULL */
	uint64_t bytes;
};

/** restore_plan_build(server, source, request, job, ret, e): Look at the archive and the live server and decide. Changes nothing. The plan takes neither
 * ${source} nor a store over (app_plan() does). ERR_NOT_FOUND when the archive lacks what is asked for. */
int restore_plan_build(struct server *server, struct source *source, const struct restore_request *request,
    struct job *job, struct restore_plan **ret, struct err *e);
void restore_plan_free(struct restore_plan *p);

/** restore_refusal(plan, e): Why a plan with refused items cannot be carried out, and what to do; returns -1. */
int restore_refusal(const struct restore_plan *plan, struct err *e);

struct restore_result {
	uint64_t mailboxes, messages, files, bytes;
	uint64_t steps_done;
	char **warnings;
	size_t n_warnings;
	uint64_t elapsed_ms;
	uint64_t fetched_bytes; /* read from the store */
};

/** restore_fits(server, plan, e): The names and unique ids that the plan is about are on the live server as they were when it was made;
 * else -1, ERR_REFUSED. Changes nothing. restore_run() asks once more before it enters anything. */
int restore_fits(struct server *server, const struct restore_plan *plan, struct err *e);

/** restore_run(server, plan, job, ret, e): Carry the plan out, step by step. A plan with refused items is ERR_REFUSED before anything is touched. Failing in
 * the middle says which step and what is done; ERR_PARTIAL when running it again will go on. restore_result_done() in either case. */
int restore_run(struct server *server, struct restore_plan *plan, struct job *job, struct restore_result *ret,
    struct err *e);
void restore_result_done(struct restore_result *r);

#endif
