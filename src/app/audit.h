/* audit.h: who looked at, or restored, whose mail, when, from where, and why.
 *
 * One JSON object a line, appended to "audit.log" in the state directory, or to [audit] file, and forced to disk; and to syslog (facility authpriv).
 * What only shows is recorded before anything of it is shown; what writes (export, restore, undo) is recorded as begun before it
 * begins, and once more with what came of it. What cannot be recorded is not done. An operator who is not root, may not write the file, and has a
 * configuration that says nothing in [audit], is recorded in syslog alone.
 *
 * Keys of a line, in this order; one of which nothing is known is null or not there:
 *     time      "2026-11-22T01:02:03Z"
 *     operator  login name: the kernel's audit login uid, else SUDO_USER, else the user id's
 *     sudo_user, uid (real), tty, from (address of SSH_CONNECTION, of this process or the nearest one above it), pid
 *     verb      "messages", "show", "find", "export", "restore", "undo", ...
 *     server, archive
 *     users     array of user ids whose mail it is; users_cut: true where there may be more: beyond AUDIT_USERS_MAX, or of a whole archive
 *     mailbox   internal name
 *     uids      "7,9:12"
 *     messages  how many
 *     query     what was looked for
 *     receipt   of a restore
 *     reason    --reason TEXT, or :reason TEXT in the console
 *     outcome   "begun", "done", "failed", "refused"; message: why it failed or was refused */
#ifndef APP_AUDIT_H
#define APP_AUDIT_H

#include "app/app.h"

#define AUDIT_USERS_MAX  1000
#define AUDIT_REASON_MAX 1000

enum audit_outcome { AUDIT_BEGUN, AUDIT_DONE, AUDIT_FAILED, AUDIT_REFUSED };

/** What is to be recorded; what is NULL or 0 is not known. Who does it, when and why is added. */
struct app_audit {
	const char *verb;
	const char *server; /* NULL: the first configured */
	const char *archive;
	const char *mailbox;      /* internal */
	const char *const *users; /* NULL: who owns the mailbox */
	size_t n_users;
	bool everybody; /* it may be anybody's */
	const char *uids;
	uint64_t messages;
	const char *query;
	const char *receipt;
	enum audit_outcome outcome;
	const char *message;
};

/** app_set_reason(app, text, e): Why this session does what it does, recorded with all that follows; NULL or "": no reason. ERR_USAGE if it is longer than
 * AUDIT_REASON_MAX bytes. app_reason(app): It, on the heap, or NULL. Any thread. */
int app_set_reason(struct app *app, const char *text, struct err *e);
char *app_reason(struct app *app);

/** app_audit(app, a, e): Record it. Any thread. */
int app_audit(struct app *app, const struct app_audit *a, struct err *e);

/** app_audit_ask(app, a, e): May ${a} be done? ERR_REFUSED, which is recorded, if the configuration wants a reason and there is none. Asked before anything is
 * opened. app_audit_begin(app, a, e): The same, and record it as begun. */
int app_audit_ask(struct app *app, const struct app_audit *a, struct err *e);
int app_audit_begin(struct app *app, const struct app_audit *a, struct err *e);

/** app_audit_end(app, a, rc, e): Record what came of it: done if ${rc} is 0, else failed with what ${e} says. Returns ${rc}, or -1 when it could not be recorded. */
int app_audit_end(struct app *app, const struct app_audit *a, int rc, struct err *e);

/** User ids, each once, ascending. */
struct audit_users {
	char **list;
	size_t n, cap;
};

/** audit_users_add(u, internal): Add the owner of a mailbox; shared folders have none. audit_users_done(u). */
void audit_users_add(struct audit_users *u, const char *internal);
void audit_users_done(struct audit_users *u);

/** One line, as it was read. Strings are what is written there, NULL where it is not: hostile. */
struct app_audit_entry {
	int64_t when;
	const char *who, *tty, *from, *verb, *server, *archive, *mailbox, *uids, *query, *receipt, *reason,
	    *outcome, *message;
	char *users;      /* separated by blanks */
	int64_t uid, pid; /* -1: not there */
	uint64_t messages;
	void *own;
};
struct app_audit_log {
	struct app_audit_entry *list; /* the oldest first */
	size_t n, cap;
	uint64_t left_out;   /* older ones that fit, too, but for the limit */
	uint64_t unreadable; /* lines that are none of ours, or torn */
};

/** app_audit_read(app, user, since, limit, ret, e): The last ${limit} lines about the mail of ${user} (NULL: of all) from ${since} on. ERR_NOT_FOUND: there is
 * no file. app_audit_log_done() it, in either case. */
int app_audit_read(
    struct app *app, const char *user, int64_t since, size_t limit, struct app_audit_log *ret, struct err *e);
void app_audit_log_done(struct app_audit_log *l);

#endif
