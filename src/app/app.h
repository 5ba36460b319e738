/* app.h: the session behind every front end: configuration, stores, the server, and the verbs.
 *
 * The command line and the console do all they do through these calls. A struct app is immutable after app_open();
 * each verb may run in a job's thread, readers in parallel, mutating ones (backup, restore) one per server: they take the server's
 * lock and fail with ERR_LOCKED, naming the holder. */
#ifndef APP_APP_H
#define APP_APP_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/verify.h"
#include "backup/backup.h"
#include "core/conf.h"
#include "core/job.h"
#include "restore/export.h"
#include "restore/restore.h"
#include "restore/source.h"
#include "restore/case.h"
#include "restore/undo.h"
#include "store/store.h"

struct app;

/** app_open(conf_path, ret, e): Load the configuration (NULL: the default place) and open the log. Nothing else is touched. app_close() it. */
int app_open(const char *conf_path, struct app **ret, struct err *e);
void app_close(struct app *app);
const struct conf *app_conf(const struct app *app);

/** app_server(app, name, ret, e): What is known of the configured server (NULL: the first): its imapd.conf, tools, version. server_free() it. */
int app_server(struct app *app, const char *name, struct server **ret, struct err *e);

/** app_store(app, name, create, job, ret, e): Open a configured store (NULL: the first) for ${job}, which cancels and is asked. store_free() it. */
int app_store(
    struct app *app, const char *name, bool create, struct job *job, struct store **ret, struct err *e);

/** One archive, for lists. */
struct app_archive {
	char *name;
	char *store; /* its section's name */
	uint64_t size_bytes;
	int64_t mtime, when;
	bool looked;   /* false: what comes of the archive itself, as all below, is not known yet */
	bool readable; /* false: why says what is wrong, with its name */
	char *why;     /* heap or NULL */
	enum archive_kind kind;
	char *server; /* ours, else NULL */
	uint64_t
	    sequence; /* its number among those of its server, whatever the clock said; 0: made before there were such */
	bool protected; /* never removed by rotation; see prune.h */
	bool damaged;   /* it is readable, but a verification found damage in it, and it is as it was then */
	uint64_t mailboxes, messages;
	enum unit_health health; /* of its consistency report; HEALTH_UNCHECKED for foreign ones */
	char *quiesce; /* how the server was held still, "user", "mailbox" or "none"; NULL: not known */
	int64_t longest_hold_ms; /* the longest pause of any user; -1: not known */
	/* "local", "remote" (on another host), "away" (its store is; what is said of it is what was seen last), "tape" (in no store any more) or "gone" (its store
	 * had it); static */
	const char *where;
	char *label,
	    *box; /* of a tape that it is on, whether or not it is in its store, too; NULL: none. box may be "" */
};

/** A store that could not be looked into. */
enum app_store_state {
	STORE_NOT_YET, /* there is no such place, and this host has never put an archive there */
	STORE_GONE,    /* there is no such place, but there was one: not mounted? */
	STORE_FAILED,  /* it is there, or may be, and cannot be read */
};
struct app_store_away {
	char *store; /* its section's name */
	enum app_store_state state;
	char *what, *next; /* in words; next may be "" */
};

struct app_archives {
	struct app_archive *list; /* newest first */
	size_t n;
	struct app_archive *gone; /* known, but no longer in their store; newest first */
	size_t n_gone;
	struct app_store_away *away;
	size_t n_away;
};

/** app_archives(app, job, ret, e): All archives of all stores. A store that is away is reported in ${ret}, with those archives of it that the catalogue
 * knows; it is an error only if there is no other, and none is known: then ERR_NOT_FOUND for a place that is not there, and ${ret} still has
 * its state. Of each archive the end is read, of ours the report too; not of those that have been looked at before and are as they were. app_archives_done() it in either case. */
int app_archives(struct app *app, struct job *job, struct app_archives *ret, struct err *e);
void app_archives_done(struct app_archives *l);

/** Called in the worker's thread: ${a} is on the list (${looked} false: name, store, server, time and size are known), or has been opened. It
 * lives for the call. */
typedef void app_archive_fn(void *arg, const struct app_archive *a, bool looked);

/** app_archives_each(app, job, each, arg, ret, e): As app_archives(), for a list that fills while it is watched: ${each} is called for
 * what the catalogue knows, at once; then for all that are there, the newest first, then again for each that was opened, in the same order. */
int app_archives_each(struct app *app, struct job *job, app_archive_fn *each, void *arg,
    struct app_archives *ret, struct err *e);

/** app_archive_copy(a): On the heap, to job_post() it. app_archive_free(a): NULL-safe; it takes a void pointer as job_post() does. */
struct app_archive *app_archive_copy(const struct app_archive *a);
void app_archive_free(void *a);

/** app_source(app, archive, job, ret, ret_store, e): Open an archive by its name, an unambiguous beginning of it, "latest", or "./PATH" or an absolute path of a file;
 * or the running server, "live" (the first one) or "live@NAME", which has no store: ${*ret_store} is then NULL. The caller closes both, the source first. */
int app_source(struct app *app, const char *archive, struct job *job, struct source **ret,
    struct store **ret_store, struct err *e);

/** app_is_live(archive): It names a running server. app_archive_of(archive, server): "live" of ${server} (NULL: the first) as app_source() takes it;
 * anything else as it is. Heap. */
bool app_is_live(const char *archive);
char *app_archive_of(const char *archive, const char *server);

/** app_source_take(app, archive, whole, job, ret, ret_store, e): As app_source(), but the source that was given back last is kept open and
 * taken again if it is of this archive: opening a foreign one costs a pass over it. It is the caller's alone until app_source_give(), which
 * also frees what is not kept: what cannot be, and what knows all mailboxes of an archive of ours with very many; ${source} NULL does
 * nothing. ${whole} false: source_open_units() will do, which for an archive of ours is much cheaper. Any thread. */
int app_source_take(struct app *app, const char *archive, bool whole, struct job *job, struct source **ret,
    struct store **ret_store, struct err *e);
void app_source_give(struct app *app, struct source *source, struct store *store);

/** app_source_take_mailbox(app, archive, mailbox, job, ret, ret_store, e): As app_source_take() of one that need not be whole, for a mailbox
 * (internal name) and its owner's files alone: of an archive with very many mailboxes no others may be in it, and it is kept open in
 * their stead. */
int app_source_take_mailbox(struct app *app, const char *archive, const char *mailbox, struct job *job,
    struct source **ret, struct store **ret_store, struct err *e);

/** One message of an archive. */
struct app_message {
	const char *verb;   /* for the audit log: "show", "export" */
	const char *server; /* NULL: the first */
	const char *archive, *mailbox;
	bool internal; /* the mailbox is given by its internal name; else as names_find() takes it */
	uint32_t uid;
	size_t max_bytes;
};

/** app_message(app, q, job, ret, ret_when, e): Append it to ${ret}, verified, after it was recorded who reads it (audit.h); ${ret_when} (NULL: not asked
 * for) is its internal date. ERR_NOT_FOUND; ERR_FORMAT if it is larger than max_bytes; after a failure ${ret} is empty. */
int app_message(struct app *app, const struct app_message *q, struct job *job, struct buf *ret,
    int64_t *ret_when, struct err *e);

/** One line of a page of details; ${label} is NULL where it goes on with the label before. Both are safe text. */
struct app_detail {
	char *label, *value;
};
struct app_details {
	struct app_detail *list;
	size_t n, cap;
};

/** app_box_details(app, server, archive, internal, job, ret, e): What there is to say of one mailbox of an archive, and of what the live server
 * (NULL: the first) still has of it. A server that cannot be looked at is one of the lines. ERR_NOT_FOUND. app_details_done() it, in
 * either case. */
int app_box_details(struct app *app, const char *server, const char *archive, const char *internal,
    struct job *job, struct app_details *ret, struct err *e);
void app_details_done(struct app_details *d);

/** app_open_store_of(app, archive, job, ret, name, e): The store that has it and its exact name there (heap), without opening the archive (for
 * verify and salvage). */
int app_open_store_of(
    struct app *app, const char *archive, struct job *job, struct store **ret, char **name, struct err *e);

/** app_backup(app, server, opts, job, ret, e): Take a backup (see backup/backup.h) into the server's store, with all that belongs to a nightly one: the
 * server's lock, the hook before, the archive, the catalogue, the hook after, the rotation, the record of the run (runs.h), and who is told of a
 * failure, or of the first success after one; also when it could not even begin. The thread that calls it may go on
 * at low priority (core/priority.h). ${opts}: sequence is set here. What goes wrong once the archive is stored
 * is a warning in ${ret}. backup_result_done() in either case. */
int app_backup(struct app *app, const char *server, const struct backup_opts *opts, struct job *job,
    struct backup_result *ret, struct err *e);

/** app_backup_look(app, server, job, ret, e): What a backup would do now; see backup/backup.h. backup_outlook_done() it, in either case. */
int app_backup_look(
    struct app *app, const char *server, struct job *job, struct backup_outlook *ret, struct err *e);

/** app_plan(app, server, archive, request, job, ret, e): Build a restore plan without changing anything; restore_plan_free() it.
 * app_restore(app, plan, job, ret, e): Carry it out. See restore/restore.h. */
int app_plan(struct app *app, const char *server, const char *archive, const struct restore_request *request,
    struct job *job, struct restore_plan **ret, struct err *e);
int app_restore(struct app *app, const char *server, struct restore_plan *plan, struct job *job,
    struct restore_result *ret, struct err *e);

/** app_plan_text(app, server, plan, b, e): Append ${plan} as the text of a plan file (restore/plan_json.h). app_plan_again(app, file, job, differs, arg, ret,
 * e): As app_plan() of what the plan file asks for, and ERR_REFUSED, when ${differs} got a line for each difference, if the plan has become another one. */
int app_plan_text(
    struct app *app, const char *server, const struct restore_plan *plan, struct buf *b, struct err *e);
struct restore_plan_file;
int app_plan_again(struct app *app, const struct restore_plan_file *file, struct job *job,
    void (*differs)(void *arg, const char *line), void *arg, struct restore_plan **ret, struct err *e);

/** app_restore_settle(app, server, plan, e): Of a plan without steps: a case of the same request that is still open, because it was cut off
 * behind its last change, has come to its end. Nothing else is changed. */
int app_restore_settle(struct app *app, const char *server, const struct restore_plan *plan, struct err *e);

/** app_resume_plan(app, server, word, job, ret, e): As app_plan(), of the case that ${word} names (case_id_of(); NULL: the last open one of the
 * server): what is left to do of it. app_restore() of it goes on in that case. */
int app_resume_plan(struct app *app, const char *server, const char *word, struct job *job,
    struct restore_plan **ret, struct err *e);

/** app_undo_plan(app, server, word, ret, e): What can be undone of the case that ${word} names (case_id_of(); NULL: the last one of the server that
 * was not undone). Changes nothing. undo_plan_free() it. app_undo(app, server, plan, job, ret, e): Do it; undo_result_done() in either case. See restore/undo.h. */
int app_undo_plan(
    struct app *app, const char *server, const char *word, struct undo_plan **ret, struct err *e);
int app_undo(struct app *app, const char *server, const struct undo_plan *plan, struct job *job,
    struct undo_result *ret, struct err *e);

/** What became of a verification. */
enum app_verdict {
	VERDICT_GOOD,     /* every byte that was read is as it was written */
	VERDICT_DAMAGED,  /* see the findings */
	VERDICT_READABLE, /* something else's archive, which carries no checksums: it can be read to its end */
};
struct app_verified {
	char *name; /* of the archive; also after a failure, if it was found */
	enum app_verdict verdict;
	bool quick; /* only end mark and index were read */
	struct verify_result counts;
};

/** app_verify(app, archive, quick, job, finding, arg, ret, e): Prove an archive; findings (NULL: only counted) come from this thread.
 * -1 when it cannot be read at all. app_verified_done() in either case. */
int app_verify(struct app *app, const char *archive, bool quick, struct job *job, archive_finding_fn *finding,
    void *arg, struct app_verified *ret, struct err *e);
void app_verified_done(struct app_verified *v);

/** app_verdict_word(v): "good", "damaged", "readable". app_verified_words(v, b): Append what was read and found: "12 files in 3 units, 4M". */
const char *app_verdict_word(enum app_verdict verdict);
void app_verified_words(const struct app_verified *v, struct buf *b);

/** Something that could not be exported. */
struct app_export_trouble {
	enum export_trouble kind;
	const char *mailbox, *shown; /* internal, and for people */
	uint32_t uid;                /* 0: not about one message */
	const char *what;
};
typedef void app_export_trouble_fn(void *arg, const struct app_export_trouble *t);

/** app_export(app, server, archive, mailbox, how, job, trouble, arg, ret, e): Write messages of ${mailbox} (as names_find() takes it) as ${how}
 * says, whose mailbox is filled in here. ${trouble} (NULL: only counted in ${ret}) comes from this thread. See restore/export.h. */
int app_export(struct app *app, const char *server, const char *archive, const char *mailbox,
    const struct export_request *how, struct job *job, app_export_trouble_fn *trouble, void *arg,
    struct export_result *ret, struct err *e);

/** app_export_trouble_word(kind): "damaged", "lacking", "kept", "other". app_export_words(how, r, b): Append "wrote 3 messages of 1 mailbox,
 * 12K, to PATH", safe. */
const char *app_export_trouble_word(enum export_trouble kind);
void app_export_words(const struct export_request *how, const struct export_result *r, struct buf *b);

/** app_uid_ranges(text, list, n, e): Append the UIDs "7", "3:9", "12:*" or "1,4:6" to an array on the heap (NULL and 0 at first); ERR_USAGE. */
int app_uid_ranges(const char *text, struct export_range **list, size_t *n, struct err *e);

/** A restore that did not come to its end. */
struct app_unfinished_restore {
	char *id;         /* of its case (restore/case.h) */
	char *archive;    /* as the command line takes it */
	char *user;       /* a whole user, or NULL */
	int64_t begun;    /* unix time */
	char **mailboxes; /* internal names, ascending: those that were not all done */
	size_t n;
	char *
	    command; /* what finishes it: "cyrvault restore --resume ID", safe to show and to paste into a shell */
};
struct app_unfinished {
	struct app_unfinished_restore *list; /* the oldest first */
	size_t n;
};

/** app_unfinished(app, server, ret, e): The restores that were cut off on that server; none while a restore is running.
 * app_unfinished_done() it. */
int app_unfinished(struct app *app, const char *server, struct app_unfinished *ret, struct err *e);
void app_unfinished_done(struct app_unfinished *u);

/** A case (restore/case.h) as it is listed. */
struct app_case {
	struct case_info info;
	char *what; /* "merge, user alice", "replace, 3 mailboxes: user/alice/Work, ..."; safe */
	char *next; /* the command that resumes it, or takes it back; NULL: neither can be */
};
struct app_cases {
	struct app_case *list; /* open ones first, then the newest */
	size_t n;
};

/** app_cases(app, server, ret, e): All of that server. app_cases_done() it. */
int app_cases(struct app *app, const char *server, struct app_cases *ret, struct err *e);
void app_cases_done(struct app_cases *l);

/** app_case_receipt(app, word, json, b, e): Append the receipt of the case that ${word} names (case_id_of()), as one JSON object or for people. ERR_NOT_FOUND: there
 * is no such case, or its restore was killed before it had one. */
int app_case_receipt(struct app *app, const char *word, bool json, struct buf *b, struct err *e);

/** One line of doctor's. */
enum doctor_state { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL };
typedef void doctor_fn(
    void *arg, enum doctor_state state, const char *subject, const char *what, const char *next);

/** app_doctor(app, server, job, each, arg, e): Say what would go wrong: configuration, Cyrus version and layout, tools, spool and database readable, locks,
 * IMAP admin login, stores (space, writable), leftovers of interrupted runs, clock. Returns the number of failures, or -1. */
int app_doctor(
    struct app *app, const char *server, struct job *job, doctor_fn *each, void *arg, struct err *e);

#endif
