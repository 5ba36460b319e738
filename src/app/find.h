/* find.h: messages by sender, recipient, subject, date or Message-ID, over all archives that are known and, if asked for, the live server.
 *
 * Answered from the catalogue: no archive is opened but for a search in bodies. */
#ifndef APP_FIND_H
#define APP_FIND_H

#include "app/app.h"

/** What to look for; what is NULL or 0 does not matter. Text may stand anywhere, without regard to letter case. The strings belong to the caller,
 * who keeps them until the job is reaped. */
struct find_request {
	struct app *app;
	const char *server;              /* the live one; NULL: the first */
	const char *words;               /* each of these words in sender, recipients or subject */
	const char *from, *to, *subject; /* to: Cc too */
	const char *message_id;          /* the whole of it; with or without <> */
	const char *body;                /* in the message's text: archives are read, newest message first */
	const char *mailbox;             /* as names_match() takes it */
	const char *archive;             /* only in this one: a name, or "latest" */
	int64_t since, before;           /* unix time of the message's date: not before, and before */
	bool live;                       /* look at the live server too */
	size_t limit;                    /* at most so many, the newest; 0: FIND_LIMIT */

	/* The worker's, and the caller's once it is reaped. */
	struct find_counts {
		size_t found;    /* messages that were given */
		size_t more;     /* that were left out because of the limit */
		size_t archives; /* that were searched */
		size_t unknown;  /* that are known, but whose messages are not: cyrvault catalogue update */
		size_t unread;   /* messages whose body could not be had */
		char unread_why[160]; /* of the first of them */
	} counts;
};
#define FIND_LIMIT 1000

/** Whether a message is on the live server. */
enum find_live {
	FIND_NOT_LOOKED,
	FIND_THERE,     /* in a mailbox where an archive has it */
	FIND_ELSEWHERE, /* in another one */
	FIND_EXPUNGED,  /* expunged, but its file is still kept */
	FIND_MISSING,
};
/** find_live_name(l): "", "there", "elsewhere", "expunged", "missing". */
const char *find_live_name(enum find_live l);

/** A mailbox that has, or had, it. */
struct find_place {
	char *mailbox, *shown; /* internal; as people see it, safe */
	uint32_t uid;
	bool expunged; /* in the newest archive it was already */
	char *
	    archive; /* the newest that has it there, if possible one that is still in its store; NULL: only the live server has it */
	char *first; /* the oldest */
	int64_t when, first_when;
	size_t n_archives;
	bool gone; /* none of them is in its store any more */
};

struct find_mail {
	char guid[41];
	int64_t date;
	uint64_t size_bytes;
	char *from, *to, *subject, *message_id; /* safe, never NULL */
	struct find_place *places;              /* at least one; the one to restore from first */
	size_t n;
	enum find_live live;
	char *live_shown; /* where it is there; NULL */
};

/** find_run(job, request, e): A job_fn; ${request} is a struct find_request. Posts a struct find_mail for each message, the newest first; find_mail_free() it.
 * ERR_USAGE: nothing is asked for. ERR_NOT_FOUND: no such archive. */
int find_run(struct job *job, void *request, struct err *e);
void find_mail_free(void *mail);

/** find_parse_line(line, r, words, e): What is typed as one line: words, and from:TEXT, to:TEXT, subject:TEXT, id:TEXT, body:TEXT, mailbox:PATTERN, archive:NAME,
 * since:DATE, before:DATE; "..." around what holds blanks. ${line} is changed; strings of ${r} lie in it and in ${words}, which is cleared first. ERR_USAGE. */
int find_parse_line(char *line, struct find_request *r, struct buf *words, struct err *e);

/** find_parse_date(text, ret, e): "2026-11-22" (its first second, local time), "3d", "6h", "2w" (so long ago). ERR_USAGE. */
int find_parse_date(const char *text, int64_t *ret, struct err *e);

#endif
