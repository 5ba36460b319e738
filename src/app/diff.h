/* diff.h: what changed between two archives, or between an archive and the running server, mail by mail.
 *
 * A job (diff_run()) reads both sides and posts one item for each mailbox that is not the same, when all have been compared: only then it is
 * known what moved where. Mailboxes are the same mailbox by unique id, else by name. One whose cyrus.index and cyrus.header are the
 * same bytes on both sides is the same without being read (also if a message file of it is gone: that is boxes.h's to say); of the others index and header are read, and no message. Messages are
 * compared as in mails.h: by UID, then by GUID (else size and internal date), then by flags; of a mailbox whose UIDVALIDITY or id is
 * another by GUID alone. What is gone from one mailbox and new in another, or under another UID, with the same GUID has moved. DELETED.*
 * mailboxes count as gone.
 *
 * Memory: some 150 bytes a mailbox, and 100 bytes a message that differs, of which at most DIFF_MAILS_MAX are kept: further ones are
 * counted, and neither listed nor looked for elsewhere. */
#ifndef APP_DIFF_H
#define APP_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/app.h"
#include "app/mails.h"

#define DIFF_MAILS_MAX 1000000u

/** What is written for the running server in the place of an archive. */
#define DIFF_LIVE "live"

enum diff_box_state {
	DIFF_BOX_CHANGED,
	DIFF_BOX_NEW,
	DIFF_BOX_GONE,
	DIFF_BOX_RENAMED,    /* the same unique id under another name; its messages may differ, too */
	DIFF_BOX_RECREATED,  /* its name, with another unique id or UIDVALIDITY */
	DIFF_BOX_UNREADABLE, /* on one of the sides; why says more */
	DIFF_BOX_STATES
};

enum diff_mail_state {
	DIFF_MAIL_NEW,
	DIFF_MAIL_GONE, /* also: expunged */
	DIFF_MAIL_MOVED_HERE,
	DIFF_MAIL_MOVED_AWAY,
	DIFF_MAIL_FLAGS, /* flags, or \Seen of the owner */
	DIFF_MAIL_LOST,  /* still listed, but its file is gone */
	DIFF_MAIL_STATES
};

/** diff_box_word(s), diff_mail_word(s): "changed", "new", "gone", "renamed", "recreated", "unreadable"; "new", "gone", "moved here", "moved away",
 * "flags", "file lost". */
const char *diff_box_word(enum diff_box_state s);
const char *diff_mail_word(enum diff_mail_state s);

/** One message that differs. Text belongs to the mailbox. */
struct diff_mail {
	uint32_t uid;       /* in the second side; of what is gone, moved away or lost, in the first */
	uint32_t other_uid; /* of what moved: its UID there */
	const char *other,
	    *other_shown;           /* of what moved: that mailbox, internal, and safe to show; else NULL */
	const char *before, *after; /* of DIFF_MAIL_FLAGS: "\Seen $Label1"; else NULL */
	uint64_t size_bytes;
	int64_t internaldate;
	uint8_t guid[SHA1_SIZE];
	bool has_guid;
	uint8_t state;              /* enum diff_mail_state */
	char letters[MAIL_LETTERS]; /* on the side of uid */
};

/** One mailbox that differs. */
struct diff_box {
	enum diff_box_state state;
	char *name, *shown; /* internal, and safe to show; of a renamed one the second side's */
	char *other,
	    *other_shown; /* renamed: what it was called; gone: the DELETED.* one that is kept; else NULL */
	char *why;        /* DIFF_BOX_UNREADABLE: safe; else NULL */
	uint32_t uidvalidity[2], messages[2]; /* on each side; 0: not there */
	size_t n[DIFF_MAIL_STATES];
	struct diff_mail *mails; /* by state, those that moved by mailbox, then ascending by uid */
	size_t n_mails;          /* less than the sum of n where they were too many */
	char *text, *names;      /* diff's own */
};

struct diff_facts {
	char *sides[2];  /* names of the archives, safe; DIFF_LIVE */
	int64_t when[2]; /* of the backups; of the live side, now */
	size_t compared; /* mailboxes on either side */
	size_t same;     /* of these */
	size_t unread;   /* of these, the same without being read */
	size_t boxes[DIFF_BOX_STATES];
	size_t mails[DIFF_MAIL_STATES]; /* of all mailboxes */
	size_t not_listed;              /* of these, messages that were too many to keep */
	uint64_t fetched_bytes;         /* read from the stores */
	bool complete;
};

/** One posted item: a mailbox, or news. Belongs to who takes it; diff_item_free() takes NULL, and a void pointer as job_post() does. */
struct diff_item {
	struct diff_box *box; /* NULL: only facts */
	struct diff_facts facts;
};
void diff_item_free(void *item);

/** What is asked for; belongs to the caller, who keeps it until the job is reaped. */
struct diff_request {
	struct app *app;
	const char *server;           /* NULL: the first; for DIFF_LIVE */
	const char *first, *second;   /* archives as app_source() takes them; the second may be DIFF_LIVE */
	const char *const *mailboxes; /* only these, as names_find() takes them */
	size_t n_mailboxes;           /* 0: all */
	bool recursive;               /* and those below them */
};

/** diff_run(job, request, e): A job_fn; ${request} is a struct diff_request. Posts news first (names and times of both sides), then mailboxes ascending
 * by name, then news with complete set. A mailbox that cannot be read is DIFF_BOX_UNREADABLE and no failure. ERR_NOT_FOUND: no
 * such archive, or neither side has a mailbox that was asked for. */
int diff_run(struct job *job, void *request, struct err *e);

#endif
