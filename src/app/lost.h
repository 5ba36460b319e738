/* lost.h: what a user has lost between two moments: messages that were visible in one of his mailboxes in an archive of that time, and are
 * visible in none of them now.
 *
 * Looked into are the archives of the server whose time lies in the window, and the last one before it; an archive of something else, which does not
 * tell whose it is, only if one server is configured or its store is named. Of each, index and cache of that user's mailboxes are read, of ours not
 * even those where a mailbox has the same index as in a newer archive; of the running server the indexes of all his mailboxes, DELETED.* ones too.
 * Messages are the same by GUID; where one side has none, by Message-ID, Date, From, Subject and size (find_fill.h).
 *
 * Memory: some 60 bytes for a message of the running server, and 500 for one that is lost, of which at most LOST_MAX are kept: further ones are counted. */
#ifndef APP_LOST_H
#define APP_LOST_H

#include "app/app.h"

#define LOST_MAX 1000000u

/** What is asked for; strings belong to the caller, who keeps them until the job is reaped. */
struct lost_request {
	struct app *app;
	const char *server; /* NULL: the first */
	const char *user;
	int64_t since, before; /* of the archives; before 0: now */
	const char *store;     /* only its archives; NULL: all stores' */
	const char *verb;      /* for the audit log; NULL: "lost" */

	/* The worker's, and the caller's once it is reaped. */
	struct lost_counts {
		size_t archives; /* that were read */
		size_t unread;   /* archives that should have been and could not; or some mailbox in them */
		size_t
		    live_unread; /* mailboxes of the running server that cannot be read: what is in them counts as lost */
		size_t messages;   /* that are lost */
		size_t not_listed; /* of these, were too many */
		uint64_t bytes;
		char unread_why[200]; /* of the first of both */
	} counts;
};

/** Whether the server still has it in some way. */
enum lost_kept {
	LOST_GONE,
	LOST_EXPUNGED, /* expunged, but its file is still kept */
	LOST_DELETED,  /* in a mailbox that is DELETED.* now */
	LOST_FILE,     /* it is still listed, but its file is gone */
};
/** lost_kept_name(k): "gone", "expunged", "deleted", "file lost". */
const char *lost_kept_name(enum lost_kept k);

/** One message. */
struct lost_mail {
	char *archive;         /* the newest that has it, with its file if any has that */
	char *mailbox, *shown; /* there: internal; as people see it, safe */
	uint32_t uid;
	int64_t last_seen; /* time of the newest archive in which it was visible */
	int64_t date;      /* internal date */
	uint64_t size_bytes;
	char *from, *subject, *message_id; /* safe, never NULL */
	bool has_file;                     /* false: no archive has more of it than this */
	enum lost_kept kept;
	char *kept_shown; /* LOST_EXPUNGED, LOST_DELETED, LOST_FILE: the mailbox, safe; else NULL */
	uint32_t kept_uid;
};

/** lost_run(job, request, e): A job_fn; ${request} is a struct lost_request. Posts a struct lost_mail for each message when all have been compared, by
 * mailbox, then by date; lost_mail_free() it. Recorded (audit.h) before the first is posted. ERR_NOT_FOUND: there is no archive of that time, or none
 * has a mailbox of that user. */
int lost_run(struct job *job, void *request, struct err *e);
void lost_mail_free(void *mail);

#endif
