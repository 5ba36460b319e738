/* boxes.h: the mailboxes of an archive beside those of the running server: what a list or a tree of them shows.
 *
 * A job (boxes_run()) reads the archive and posts what it finds piece by piece; the table (struct boxes) belongs to the thread that shows
 * it, which takes the pieces in (boxes_take()). Nothing is shared between the two but job_post().
 *
 * What a state says is what can be told cheaply, of a million mailboxes. First, from the live mailboxes.db alone: whether the mailbox is
 * there under its name and unique id. Then, of each that is, from the header of its cyrus.index and the number of files in its
 * directory: "same" means the same unique id (where both sides know one) and UIDVALIDITY, as many messages and as many unread ones;
 * not that they are the same messages with the same flags. "damaged" is certain, but not complete: there may be fewer message files than
 * visible messages without its being noticed when files of expunged ones lie among them. Message by message compares mails.h. That the
 * live mailbox changed after the archive was made does not matter where the counts agree. Cyrus 2.x knows no unique ids in its list:
 * there, a mailbox of another UIDVALIDITY is another one, and one that was renamed is "missing". */
#ifndef APP_BOXES_H
#define APP_BOXES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/app.h"

enum box_state {
	BOX_UNCOMPARED, /* not looked at yet, or there is no server to look at: see boxes_facts() */
	BOX_SAME,
	BOX_DIFFERS,
	BOX_MISSING,
	BOX_DELETED,  /* gone, but still there as DELETED.*: restoring renames it back */
	BOX_DAMAGED,  /* listed, but its directory, index, header or message files are missing */
	BOX_RENAMED,  /* lives on under another name */
	BOX_REPLACED, /* its name is taken by another unique id */
	BOX_ONLY_LIVE,
	BOX_STATES
};

/** box_state_name(s): "same", "differs", "missing", "deleted", "damaged", "renamed", "replaced", "only live"; "" for BOX_UNCOMPARED. */
const char *box_state_name(enum box_state s);

/** One mailbox. Of one that is only live, messages, unread and bytes are 0. */
struct box {
	uint64_t bytes;            /* of its files in the archive */
	const char *text;          /* boxes.c's own: see boxes_internal(), boxes_shown() */
	uint32_t messages, unread; /* in the archive */
	uint32_t live_messages; /* visible ones; of BOX_DELETED and BOX_RENAMED, those of where it is now */
	uint32_t number;        /* stays the same when rows move; from 0, without gaps when all are there */
	uint16_t
	    depth; /* components below the top: user.alice is 0, user.alice.Work 1; shared 0, shared.x 1; DELETED.* all 0 */
	uint8_t state;  /* enum box_state */
	uint8_t health; /* enum unit_health */
	bool has_files; /* false: the archive only lists it */
	bool deleted;   /* a DELETED.* mailbox */
	bool plain;     /* boxes.c's own */
};

struct boxes;

/** boxes_new(), boxes_free(b): The table; boxes_free() takes NULL. */
struct boxes *boxes_new(void);
void boxes_free(struct boxes *b);

/** boxes_n(b), boxes_row(b, i): The rows, in the order of a tree, compared component by component, so that children follow their parent at once:
 * users, then shared folders, then DELETED.*; those of a domain together. A row is valid until the next boxes_take(). */
size_t boxes_n(const struct boxes *b);
const struct box *boxes_row(const struct boxes *b, size_t i);

/** boxes_internal(b, i, out): Append the internal name, as it is: not safe to show. boxes_shown(b, i, out): the whole name as the
 * administrator sees it, safe UTF-8. boxes_leaf(b, i, out): for a tree, its last component alone ("Work"), safe; the whole shown name
 * where depth is 0 ("user/alice"). */
void boxes_internal(const struct boxes *b, size_t i, struct buf *out);
void boxes_shown(const struct boxes *b, size_t i, struct buf *out);
void boxes_leaf(const struct boxes *b, size_t i, struct buf *out);

/** boxes_fold(typed): What was typed, made ready for boxes_matches() and mails_matches(); heap. boxes_matches(b, i, folded): It stands
 * anywhere in the shown name; letter case does not count. Some 30 ns a row. */
char *boxes_fold(const char *typed);
bool boxes_matches(const struct boxes *b, size_t i, const char *folded);

/** boxes_find(b, internal): That mailbox's index, or (size_t)-1. */
size_t boxes_find(const struct boxes *b, const char *internal);

/** What is to be said of the whole list. */
struct boxes_facts {
	size_t n[BOX_STATES];     /* rows in each state */
	size_t in_archive;        /* rows that the archive has */
	size_t deleted;           /* of these, DELETED.* ones */
	uint64_t messages, bytes; /* of the archive's mailboxes */
	const char *archive; /* its whole name; "" until it is known. Belongs to the table, safe to show */
	int64_t when;        /* unix time of the backup */
	enum archive_kind kind;
	bool complete;          /* all rows of the archive are there */
	bool comparing;         /* a live server is being, or was, compared with */
	bool compared;          /* every state is final */
	const char *why_not;    /* why nothing is compared, in words, safe; "" */
	uint64_t fetched_bytes; /* read from the store */
};
const struct boxes_facts *boxes_facts(const struct boxes *b);

/** What is asked for; belongs to the caller, who keeps it until the job is reaped. */
struct boxes_request {
	struct app *app;
	const char *server; /* NULL: the first */
	const char *archive;
	bool live; /* compare with the running server */
};

/** boxes_run(job, request, e): A job_fn; ${request} is a struct boxes_request. Opens the archive, posts its mailboxes as they are read (of
 * an archive of ours the first within some milliseconds, and before its index is known to be whole: ERR_DAMAGE may follow), then compares
 * and posts states. A live server that cannot be looked at is no error. While the archive's store is away, what the catalogue knows of it is posted; why_not
 * says so. */
int boxes_run(struct job *job, void *request, struct err *e);

enum {                    /* what boxes_take() changed; bits */
	BOXES_ROWS = 1,   /* rows were appended */
	BOXES_ORDER = 2,  /* rows were put in between others, so that indices moved */
	BOXES_STATES = 4, /* states or facts changed */
};

/** boxes_take(b, item): Take in one item of job_take(), of a job with boxes_run(); frees it. Returns what changed. Some milliseconds at most,
 * unless the archive's order is an odd one. */
unsigned boxes_take(struct boxes *b, void *item);

#endif
