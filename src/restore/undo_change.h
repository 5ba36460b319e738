/* undo_change.h: taking one change back: a function for each WHAT of a journal's "changing" records. Only for this room. */
#ifndef RESTORE_UNDO_CHANGE_H
#define RESTORE_UNDO_CHANGE_H

#include "restore/rights.h"
#include "restore/undo.h"

struct undo_context {
	struct server *server;
	const struct journal_log *log; /* all of the journal */
	struct journal *journal;       /* for rights that are needed; NULL: nothing is changed, only said */
	const char *safety;            /* the directory of copies */
	struct mboxlist *list;         /* the live one; undo_reload() it after a change of it */
	struct imap *admin;            /* NULL: not yet connected; undo_admin() */
	struct job *job;
	/* What the function says of it. */
	enum undo_fate fate;
	struct buf words; /* what it does: "take bob's rights on user.alice.Work away" */
	struct buf why;   /* UNDO_LEFT: why */
};

/** An undo function looks at what is there now. It is to be taken back only while it is still what the restore has made of it, and only then the
 * function changes something, if cx->journal is there; else it says UNDO_LEFT or UNDO_NOTHING. Killed and run again it comes to the same end. -1 with
 * ${e}: it could not be looked at, or taken back. */
struct undo_op {
	const char *what;
	int (*undo)(struct undo_context *cx, const struct journal_record *r, struct err *e);
};

/** undo_changes(cx, ret, e): All changes of the journal, the last one first: what becomes, or became, of each is added to ${ret}. Of ${cx} the caller fills
 * what stands before the blank line, and frees list. */
int undo_changes(struct undo_context *cx, struct undo_plan *ret, struct err *e);

/** undo_left(cx, fmt, ...), undo_nothing(cx): It stays, for that reason; it is as it was before already. Both return 0. undo_goes(cx): Say that it is taken
 * back, and whether it is to be done now. */
int undo_left(struct undo_context *cx, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int undo_nothing(struct undo_context *cx);
bool undo_goes(struct undo_context *cx);

/** undo_says(cx, fmt, ...): What it does. undo_name(cx, internal, b): A mailbox's name as people see it, appended. */
void undo_says(struct undo_context *cx, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *undo_name(const struct undo_context *cx, const char *internal, struct buf *b);

/** undo_find(server, list, uniqueid, name): The mailbox of that unique id, however it is called now, or NULL: it is not there, or deleted. Where the id ("") or
 * those of the list are not known, it is the one of that ${name}, unless its cyrus.header says otherwise. undo_entry(cx, r): That of the record. */
const struct mailbox_entry *undo_find(
    const struct server *server, const struct mboxlist *list, const char *uniqueid, const char *name);
const struct mailbox_entry *undo_entry(const struct undo_context *cx, const struct journal_record *r);

/** undo_admin(cx, e): Fill cx->admin. undo_reload(cx, e): Read cx->list anew. */
int undo_admin(struct undo_context *cx, struct err *e);
int undo_reload(struct undo_context *cx, struct err *e);

/** undo_shared(older, newer): A record of ${newer} about what ${older} has brought or changed too, or about what is in a mailbox that ${older} made, renamed or
 * set aside; NULL: there is none. */
const struct journal_record *undo_shared(const struct journal_log *older, const struct journal_log *newer);

/* undo_mailboxes.c */
int undo_created(struct undo_context *cx, const struct journal_record *r, struct err *e);
int undo_renamed(struct undo_context *cx, const struct journal_record *r, struct err *e);
int undo_aside(struct undo_context *cx, const struct journal_record *r, struct err *e);
int undo_repaired(struct undo_context *cx, const struct journal_record *r, struct err *e);

/* undo_values.c */
int undo_acl(struct undo_context *cx, const struct journal_record *r, struct err *e);
int undo_annotation(struct undo_context *cx, const struct journal_record *r, struct err *e);
int undo_subscription(struct undo_context *cx, const struct journal_record *r, struct err *e);
int undo_seen(struct undo_context *cx, const struct journal_record *r, struct err *e);
int undo_quota(struct undo_context *cx, const struct journal_record *r, struct err *e);

/* undo_flags.c */
int undo_flags(struct undo_context *cx, const struct journal_record *r, struct err *e);
int undo_reader(struct undo_context *cx, const struct journal_record *r, struct err *e);

/* undo_sieve.c */
int undo_sieve(struct undo_context *cx, const struct journal_record *r, struct err *e);
int undo_sieve_active(struct undo_context *cx, const struct journal_record *r, struct err *e);

/* undo_files.c */
int undo_file(struct undo_context *cx, const struct journal_record *r, struct err *e);
int undo_link(struct undo_context *cx, const struct journal_record *r, struct err *e);

#endif
