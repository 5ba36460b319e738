/* history.h: what became of one mailbox, archive by archive, as the catalogue knows it, and where it is now. */
#ifndef APP_HISTORY_H
#define APP_HISTORY_H

#include "app/catalogue.h"

/** What is new in an archive against the one before; bits. */
enum {
	HISTORY_FIRST = 1,     /* the first that has it */
	HISTORY_RECREATED = 2, /* another UIDVALIDITY or unique id: it was deleted, and made anew */
	HISTORY_RENAMED = 4,   /* it has another name, see name */
	HISTORY_VANISHED = 8,  /* the first that does not have it */
	HISTORY_BACK = 16,     /* it is there again */
};

/** One archive, the first that has it or a later one. */
struct history_row {
	char *archive, *store;
	int64_t when;
	bool gone;      /* the archive is not in its store any more */
	bool there;     /* false: the mailbox is not in it, and nothing of what stands below is known */
	char *name;     /* internal: what it was called then */
	char *uniqueid; /* or "" */
	uint32_t uidvalidity, messages, unread;
	uint64_t bytes;
	enum unit_health health;
	bool has_files;
	unsigned changes;
};

/** Where it is now. */
enum history_live {
	HISTORY_LIVE_UNKNOWN,  /* the server cannot be looked at: live_why */
	HISTORY_LIVE_THERE,    /* under its name */
	HISTORY_LIVE_REPLACED, /* another one has its name */
	HISTORY_LIVE_RENAMED,  /* as live_name */
	HISTORY_LIVE_DELETED,  /* still there as live_name, DELETED.* */
	HISTORY_LIVE_MISSING,
};

struct app_history {
	char *internal;           /* the mailbox */
	struct history_row *rows; /* the oldest archive first */
	size_t n, cap;
	size_t in_archives;  /* that have it */
	size_t archives;     /* whose mailboxes are known */
	size_t unknown;      /* archives that are not taken in: they may have it */
	int64_t first, last; /* of archives that have it */
	int64_t vanished; /* of the first of the newest archives that have it no more; 0: the newest has it */
	enum history_live live;
	char *live_name, *live_why; /* internal; safe words; or NULL */
	uint32_t live_messages, live_uidvalidity;
	/* How names are shown. */
	bool decodes, unixhier, virtdomains;
};

/** app_history(app, server, mailbox, job, ret, e): ${mailbox} is an internal name or as the administrator sees it; archives are those of ${server} (NULL: the first; if none of
 * it is known, of all), and those that something else made. A mailbox that was renamed is followed by its unique id. Some milliseconds, and
 * the live server's list of mailboxes. ERR_NOT_FOUND: in no archive that is known. app_history_done() it in either case. */
int app_history(struct app *app, const char *server, const char *mailbox, struct job *job,
    struct app_history *ret, struct err *e);
void app_history_done(struct app_history *h);

/** app_history_show(h, internal, b): Append a name as people see it, safe. app_history_same(a, b): Two rows say the same but for the archive.
 * app_history_words(h, row, b): Append what is new in it: "renamed from user/anna/Work", "made anew", "not there any more"; or nothing. ${row}
 * is an index. app_history_live_words(h, b): Append where it is now. */
void app_history_show(const struct app_history *h, const char *internal, struct buf *b);
bool app_history_same(const struct history_row *a, const struct history_row *b);
void app_history_words(const struct app_history *h, size_t row, struct buf *b);
void app_history_live_words(const struct app_history *h, struct buf *b);

#endif
