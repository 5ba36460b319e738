/* mails.h: the messages of one mailbox of an archive, beside those of the running server.
 *
 * As boxes.h: mails_run() is the job that reads and compares, struct mails the table of the thread that shows it. Messages are told apart
 * by content (restore/match.h), whatever UIDs they have by now; those that the mailbox lacks are looked for in the user's other ones. */
#ifndef APP_MAILS_H
#define APP_MAILS_H

#include "app/boxes.h"

enum mail_state {
	MAIL_UNCOMPARED, /* not looked at yet, or there is nothing to compare with: see mails_facts() */
	MAIL_SAME,
	MAIL_MISSING,   /* not there; maybe in a DELETED.* mailbox: mails_place() */
	MAIL_EXPUNGED,  /* expunged there, but its file is still kept */
	MAIL_LOST,      /* listed there, but its file is gone */
	MAIL_FLAGS,     /* there, but flags differ, maybe \Seen too */
	MAIL_SEEN,      /* there, but \Seen of the owner, and nothing else, differs */
	MAIL_MOVED,     /* in another mailbox of the user: mails_place() */
	MAIL_OTHER_UID, /* the same, but under another UID, as after a merge: live_uid */
	MAIL_ONLY_LIVE, /* a row of the live mailbox: the archive does not have it */
	MAIL_STATES
};

/** mail_state_name(s): "same", "missing", "expunged", "file lost", "flags differ", "seen differs", "moved", "other UID", "only live"; "" for
 * MAIL_UNCOMPARED. mail_is_lacking(s), mail_is_there(s): The live mailbox lacks it, and it was not moved; has it, whole. */
const char *mail_state_name(enum mail_state s);
bool mail_is_lacking(enum mail_state s);
bool mail_is_there(enum mail_state s);

/** mail_letters(r, seen, expunged, ret): "NAFDd*x" of a record: not seen by the owner, answered, flagged, marked as deleted, draft, other
 * keywords, expunged. At most 7 letters and NUL. */
#define MAIL_LETTERS 8
void mail_letters(const struct index_record *r, bool seen, bool expunged, char ret[MAIL_LETTERS]);

/** mail_sender(from, b): Of a decoded "Name <address>" the name, else all of it: enough for a line of a list. */
void mail_sender(const char *from, struct buf *b);

/** One message. */
struct mail {
	int64_t internaldate;
	uint64_t size;    /* bytes of the message file */
	const char *text; /* mails.c's own, as the three offsets into it: see mails_from(), mails_subject() */
	uint16_t subject, search_from, search_subject;
	uint8_t state; /* enum mail_state */
	bool has_file; /* the archive holds the message itself; of MAIL_ONLY_LIVE: the server does */
	bool expunged; /* it was already, in the archive */
	char letters[MAIL_LETTERS];
	uint16_t place; /* see mails_place() */
	uint32_t uid;
	uint32_t live_uid; /* what it has there; 0: not there, not known */
};

struct mails;

/** mails_new(), mails_free(m): The table; mails_free() takes NULL. Some 130 bytes a message. */
struct mails *mails_new(void);
void mails_free(struct mails *m);

/** mails_n(m), mails_row(m, i): The messages, ascending by UID (cyrus.expunge's of 2.3 in their place); behind mails_n_archive(m) those of the
 * archive come those that are only live. Valid until the next mails_take(). */
size_t mails_n(const struct mails *m);
size_t mails_n_archive(const struct mails *m);
const struct mail *mails_row(const struct mails *m, size_t i);

/** mails_from(m, i), mails_subject(m, i): Decoded, safe, one line, cut at some 90 and 240 bytes; "" where the archive has no cache that tells.
 * Belong to ${m}, until the next mails_take(). */
const char *mails_from(const struct mails *m, size_t i);
const char *mails_subject(const struct mails *m, size_t i);

/** mails_place(m, i): The mailbox of the user in which it is instead, as it is shown; "" if it is nowhere else, or not known. As above. */
const char *mails_place(const struct mails *m, size_t i);

/** mails_matches(m, i, folded): ${folded}, from boxes_fold(), stands in the sender, the subject or the place. */
bool mails_matches(const struct mails *m, size_t i, const char *folded);

/** mails_find(m, uid): The index of that message of the archive, or (size_t)-1. mails_find_live(m, uid): Of one that is only live. */
size_t mails_find(const struct mails *m, uint32_t uid);
size_t mails_find_live(const struct mails *m, uint32_t uid);

/** mails_live_words(m, i, b): Append how it stands on the live server, in a sentence: "moved to user/alice/Archive", "there, under UID 7; ...". */
void mails_live_words(const struct mails *m, size_t i, struct buf *b);

struct mails_facts {
	size_t n[MAIL_STATES];   /* messages in each state, without those that were expunged in the archive */
	size_t expunged;         /* that were expunged in the archive */
	size_t lacking;          /* whose message file the archive lacks, though its index promises it */
	size_t only_live;        /* messages that the live mailbox shows and the archive does not have */
	uint64_t bytes;          /* of all messages that were not expunged */
	const char *archive;     /* safe; belongs to the table, as all text here */
	const char *shown;       /* the mailbox's name, safe */
	int64_t when;            /* of the archive */
	bool has_cache;          /* false: no senders and subjects can be had */
	bool deleted;            /* it is a DELETED.* mailbox */
	bool complete;           /* all messages are there */
	bool compared;           /* every state is final */
	enum unit_health health; /* of the mailbox in the archive */
	enum box_state box;      /* the mailbox against the live server */
	const char *
	    live_name; /* where its messages were compared with, if not under its own name: shown, safe; "" */
	const char *why_not; /* why messages are not compared, in words, safe; "" */
};
const struct mails_facts *mails_facts(const struct mails *m);

/** What is asked for; belongs to the caller, who keeps it until the job is reaped. */
struct mails_request {
	struct app *app;
	const char *server; /* NULL: the first */
	const char *archive;
	const char *mailbox; /* internal name */
	bool live;
	bool recorded; /* it is in the audit log already (audit.h), which else is done here */
};

/** mails_run(job, request, e): A job_fn; ${request} is a struct mails_request. ERR_NOT_FOUND: no such archive or mailbox; ERR_DAMAGE: no index. */
int mails_run(struct job *job, void *request, struct err *e);

enum { /* what mails_take() changed; bits */
	MAILS_ROWS = 1,
	MAILS_STATES = 4,
};

/** mails_take(m, item): As boxes_take(). */
unsigned mails_take(struct mails *m, void *item);

#endif
