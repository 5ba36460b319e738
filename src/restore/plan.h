/* plan.h: between the files that build a plan. Only for this room. */
#ifndef RESTORE_PLAN_H
#define RESTORE_PLAN_H

#include "cyrus/sessions.h"
#include "restore/live.h"
#include "restore/restore.h"

/** Everything a plan is built from. */
struct planning {
	struct server *server;
	struct source *source;
	struct job *job;
	struct mboxlist *live; /* the server's list now */
	struct restore_plan *plan;
	size_t cap_items, cap_steps, cap_notes;
	struct sessions sessions; /* who is connected; read when first asked for */
	bool knows_sessions;
};

/** plan_note(g, fmt, ...): Something the operator should know before. */
void plan_note(struct planning *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** plan_make_steps(g, e): The steps of all items. */
int plan_make_steps(struct planning *g, struct err *e);

/** plan_steps_free(p): The steps and notes of ${p}, and what they own. */
void plan_steps_free(struct restore_plan *p);

/** plan_step(g, kind, item, fmt, ...): Append a step with its words; the caller fills in the rest. */
struct restore_step *plan_step(struct planning *g, enum step_kind kind, size_t item, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/** plan_choose(g, e): Items for what is asked for. ERR_NOT_FOUND, ERR_USAGE. plan_add_item(g, i, name): Mailbox ${i} of the source, called ${name} on the
 * server; NULL: as the request has it, its own name or another one, then with an id of its own. plan_has_target(g, name): An item is called so. */
int plan_choose(struct planning *g, struct err *e);
void plan_add_item(struct planning *g, size_t source_index, const char *name);
bool plan_has_target(const struct planning *g, const char *name);

/** plan_choose_live(g, asked, e): Items for what is asked for of the running server itself: of what was deleted the newest of each name, under the name it
 * had; with asked->expunged the mailboxes themselves. ERR_NOT_FOUND. */
int plan_choose_live(struct planning *g, const struct restore_request *asked, struct err *e);

/** plan_judge(g, item, e): Decide how ${item} stands against the live server: fills state, why, entry, dir, what comes back. */
int plan_judge(struct planning *g, struct restore_item *item, struct err *e);

/** plan_merge(g, item, entry, l, m, e): Compare the messages ${m} of the archive with ${l}, the live mailbox of ${entry}, which has an index: fills
 * merge, adds to bytes, messages and why. plan_room(g): Say what it all does to
 * quota roots; refuse to append what would not fit. */
int plan_merge(struct planning *g, struct restore_item *item, const struct mailbox_entry *entry,
    struct live_mailbox *l, const struct source_messages *m, struct err *e);
void plan_room(struct planning *g);

/** plan_keep(g, item, entry, l, e): After plan_merge(), if that was asked for: whether the messages can have their old UIDs; fills merge->keep, adds to why.
 * plan_keep_step(g, item_index): The steps for it. */
int plan_keep(struct planning *g, struct restore_item *item, const struct mailbox_entry *entry,
    const struct live_mailbox *l, struct err *e);
void plan_keep_step(struct planning *g, size_t item_index);

/** plan_quota_root(g, item_index, e): A step for its quota root if the server has lost it. plan_extras(g, item_index, e): steps for
 * what else a mailbox has outside its directory: seen records of readers, subscriptions, annotations. */
int plan_quota_root(struct planning *g, size_t item_index, struct err *e);
int plan_extras(struct planning *g, size_t item_index, struct err *e);

/** plan_acl(g, item_index): Steps that make the ACL of a mailbox that is renamed back what it is in the archive: to delete it, an admin
 * may have had to give himself rights. */
void plan_acl(struct planning *g, size_t item_index);

/** plan_kept_annotations(g, item_index, e): Steps that set again the annotations that a mailbox has on the live server now, because the
 * server will lose them in the RENAME. Returns how many, or -1. */
int plan_kept_annotations(struct planning *g, size_t item_index, struct err *e);

/** plan_state_too(g, i, e): Steps that make the state of item ${i}, which is there or will be renamed back, as in the archive; STATE_SAME becomes STATE_DIFFERS if there are any.
 * plan_state(g, e): RESTORE_STATE: judge all items and make their steps. plan_rename_item(item, name): It is called ${name} on the server. */
int plan_state_too(struct planning *g, size_t i, struct err *e);
int plan_state(struct planning *g, struct err *e);
void plan_rename_item(struct restore_item *item, const char *name);

/** plan_append_readers(g, item_index, e): After STEP_APPEND: a step for each reader but the owner who had read some of what is appended.
 * plan_append_notes(g, item_index, e): One for annotations of single messages of these. */
int plan_append_readers(struct planning *g, size_t item_index, struct err *e);
int plan_append_notes(struct planning *g, size_t item_index, struct err *e);

/** Parts of the above: plan_step_acl(g, item_index, who, rights): ${rights} "": they are taken away. plan_subscription(g, item_index, reader, e): What he was
 * subscribed to. plan_annotations(g, item_index, owner, e): Those that are gone or have another value. plan_step_prove(g, item_index). */
void plan_step_acl(struct planning *g, size_t item_index, const char *who, const char *rights);
int plan_subscription(struct planning *g, size_t item_index, const char *reader, struct err *e);

/** plan_other_subscriptions(g, userid, e): To mailboxes of others and shared ones that are still there: steps without an item, whose entry is the internal name. */
int plan_other_subscriptions(struct planning *g, const char *userid, struct err *e);
int plan_annotations(struct planning *g, size_t item_index, const char *owner, struct err *e);
void plan_step_prove(struct planning *g, size_t item_index);

/** plan_user(g, userid, e): A step for the user's own files, if any is missing. */
int plan_user(struct planning *g, const char *userid, struct err *e);

/** plan_is_root_of(root, name): A quota root ${root} can be that of mailbox ${name}: it, one above, or its domain ("example.org!"). */
bool plan_is_root_of(const char *root, const char *name);

/** plan_quota_is_off(g, item): What the item's quota root counts is not what its mailboxes hold: a restore was cut off before it counted. */
bool plan_quota_is_off(const struct planning *g, const struct restore_item *item);

/** restore_user_path(server, live, plan, which, userid, b, e): Absolute path of a user's file on the live server; the unique id of
 * the INBOX is taken from the live list, else from the plan. ERR_NOT_FOUND: the user has no INBOX in either. */
int restore_user_path(const struct server *server, const struct mboxlist *live,
    const struct restore_plan *plan, enum user_file which, const char *userid, struct buf *b, struct err *e);

/** restore_fits_list(server, live, plan, e): As restore_fits(), against a list that was just read. */
int restore_fits_list(
    const struct server *server, const struct mboxlist *live, const struct restore_plan *plan, struct err *e);

/** What the steps do to a mailbox that somebody has selected meanwhile. */
enum session_effect {
	SESSION_APPENDED, /* messages are appended: he goes on and sees them come */
	SESSION_GONE,     /* it is renamed aside, or replaced whole: he is told that it is gone */
	SESSION_DROPPED,  /* UIDs that he has seen go reappear: his connection ends at its next command */
};

/** plan_sessions(g, item_index, effect): A note of who has the item's mailbox selected now, and what he will notice; none if nobody has. */
void plan_sessions(struct planning *g, size_t item_index, enum session_effect effect);

/** plan_name_as(conf, internal, userid, b): The name to send over IMAP when acting as ${userid} (NULL: the admin). */
void plan_name_as(const struct imapd_conf *conf, const char *internal, const char *userid, struct buf *b);

#endif
