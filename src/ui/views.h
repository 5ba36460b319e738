/* views.h: the screens there are, each in its view_*.c. */
#ifndef UI_VIEWS_H
#define UI_VIEWS_H

#include "backup/retention.h"
#include "ui/console.h"
#include "ui/uids.h"

/** Each makes a view for console_push(). What they need is copied. */
struct view *view_archives_new(struct console *c); /* the start screen */
/** archives_where(v, store, archive): Where that archive is, as the start screen somewhere below ${v} last saw it: app_archive.where; "" not known. */
const char *archives_where(const struct view *v, const char *store, const char *archive);
/** view_archive_new(c, archive, why, protect): All that is known of one; ${protect}: what to do with its protection is asked at once. */
struct view *view_archive_new(
    struct console *c, const struct app_archive *archive, enum retention_why why, bool protect);
struct view *view_rotation_new(struct console *c);
/** view_tapes_new(c): What waits for tape, and the tapes. view_tape_new(c, label): What is on one. view_tape_job_new(c, t): One of tape_task.h. */
struct view *view_tapes_new(struct console *c);
struct view *view_tape_new(struct console *c, const char *label);
struct view *view_tape_job_new(struct console *c, struct task *t);
struct view *view_mailboxes_new(struct console *c, const char *archive);
struct view *view_messages_new(
    struct console *c, const char *archive, const char *internal, const char *shown);
/** view_message_new(c, archive, internal, shown, uid, live): ${live}: how it stands on the live server, in words; NULL: nothing is said. */
struct view *view_message_new(struct console *c, const char *archive, const char *internal, const char *shown,
    uint32_t uid, const char *live);
struct view *view_details_new(
    struct console *c, const char *archive, const char *internal, const char *shown);
struct view *view_basket_new(struct console *c);
struct view *view_backup_new(struct console *c);
struct view *view_verify_new(struct console *c, const char *archive);
struct view *view_find_new(struct console *c, const char *line); /* what to look for; NULL: it asks */
/** view_diff_new(c, first, second, internal, shown): What changed from the one to the other, which may be DIFF_LIVE (app/diff.h); ${internal} NULL:
 * in all mailboxes. */
struct view *view_diff_new(
    struct console *c, const char *first, const char *second, const char *internal, const char *shown);
/** view_history_new(c, mailbox, shown): ${mailbox} is an internal name, or with ${shown} NULL one as it was typed. */
struct view *view_history_new(struct console *c, const char *mailbox, const char *shown);
/** view_lost_new(c, user, since, before): What that user has lost between two dates, as find_parse_date() takes them; NULL: it asks; ${before} alone NULL:
 * up to now. */
struct view *view_lost_new(struct console *c, const char *user, const char *since, const char *before);
/** view_cases_new(c): The restores there were. view_undo_new(c, id): What undoing that case would do, to be confirmed. */
struct view *view_cases_new(struct console *c);
struct view *view_undo_new(struct console *c, const char *id);

/** view_receipt_new(c, id, state, text): The receipt of a case, as text. view_undo_ask(c, id, state): Show view_undo_new(), or say why there is nothing to undo. */
struct view *view_receipt_new(struct console *c, const char *id, enum case_state state, const char *text);
void view_undo_ask(struct console *c, const char *id, enum case_state state);
struct view *view_jobs_new(struct console *c);
/** view_question_new(c, asking, q): A question that was taken; it goes with the view. view_question_ask(v): It is on top: ask. */
struct asking;
struct view *view_question_new(struct console *c, struct asking *asking, struct question *q);
void view_question_ask(struct view *v);
struct view *view_log_new(struct console *c);
struct view *view_doctor_new(struct console *c);
struct view *view_help_new(struct console *c, struct view *about);

/** What is to be restored: mailboxes of one archive (internal names and as they are shown), or a whole user. */
struct restore_wish {
	const char *archive;
	const char *const *internal, *const *shown;
	size_t n;
	const char *user;   /* his INBOX is the one mailbox named: a whole user may be chosen; NULL: no */
	bool below;         /* there are mailboxes below them */
	bool whole_user;    /* what to begin with: the whole user, */
	bool only_it;       /* or without what is below; else with it */
	const char *resume; /* what is left of this case instead (restore/case.h); NULL */
	const struct uids *uids; /* only these messages of the one mailbox named; NULL or empty: all */
	const struct restore_pick *picks; /* only these of each of the mailboxes named; NULL: all */
	size_t n_picks;
	bool expunged; /* what is wanted was expunged, but is still kept */
};
struct view *view_restore_new(struct console *c, const struct restore_wish *wish);

/** view_text_new(c, name, title, text): Some text to read: ${name} for the help, ${title} for the title line. */
struct view *view_text_new(struct console *c, const char *name, const char *title, const char *text);

#endif
