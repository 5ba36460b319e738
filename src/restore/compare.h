/* compare.h: how a mailbox of the live server, and its messages, stand beside an archive's.
 *
 * Read without locks, as live.h. A file that the server replaces at that moment is looked at again. */
#ifndef RESTORE_COMPARE_H
#define RESTORE_COMPARE_H

#include "restore/live.h"
#include "restore/source.h"

/** compare_same_message(a, b): By GUID where both know it, else by size and internal date. */
bool compare_same_message(const struct index_record *a, const struct index_record *b);

/** compare_has_uid(uids, n, uid): ${uid} is in the ascending list. */
bool compare_has_uid(const uint32_t *uids, size_t n, uint32_t uid);

/** What a look at a live mailbox finds, without reading its records. */
struct compare_look {
	bool
	    whole; /* directory, header and a readable index are there, and no fewer message files than visible messages */
	uint32_t uidvalidity, messages;
	uint32_t unread;   /* of the owner */
	bool knows_unread; /* the index's header tells (from minor version 14 on) */
};

/** compare_look(server, entry, ret): Look at the mailbox of a live ${entry}; what is not there is not whole. Some 20 µs where the kernel knows it. */
void compare_look(const struct server *server, const struct mailbox_entry *entry, struct compare_look *ret);

/** Where a mailbox of an archive is on the live server. */
struct compare_found {
	bool named;    /* a mailbox has its name */
	bool same_id;  /* and its unique id, or one of both is not known */
	bool knows_id; /* both are known */
	bool
	    elsewhere; /* one of another name has its id, or is a DELETED.* copy by name where no ids are known */
	bool deleted;                     /* that one is DELETED.* */
	struct mailbox_entry here, there; /* of named, of elsewhere */
	struct mailbox_entry
	    *copies; /* all DELETED.* ones that once had its name, in the order of the list */
	size_t n_copies;
};

/** compare_find(server, name, uniqueid, job, ret, e): Look through the live list; ${uniqueid} may be "". compare_found_done() it, in either case. */
int compare_find(const struct server *server, const char *name, const char *uniqueid, struct job *job,
    struct compare_found *ret, struct err *e);
void compare_found_done(struct compare_found *f);

/** How one message of an archive stands. */
enum compare_message {
	COMPARE_SAME,
	COMPARE_MISSING,
	COMPARE_EXPUNGED,
	COMPARE_LOST,
	COMPARE_FLAGS,
	COMPARE_OTHER
};

/** A live mailbox, made ready to be compared with message by message. */
struct compare_live {
	struct live_mailbox *mailbox; /* index is not NULL */
	bool seen_known;              /* \Seen of the owner can be told */
	bool seen_in_index;
	struct uidset seen;
	int flags[MAILBOX_USER_FLAGS]; /* number of the archive's keyword over there; -1: none of that name */
	uint32_t compared[4], compared_live[4]; /* keywords that have a name on their side */
};

/** compare_live_open(server, entry, m, ret, e): Read the live mailbox of ${entry}, to be compared with ${m}. 1; 0 when it has no index that can be read;
 * -1. compare_live_done() it, in any case. */
int compare_live_open(const struct server *server, const struct mailbox_entry *entry,
    const struct source_messages *m, struct compare_live *ret, struct err *e);
void compare_live_done(struct compare_live *l);

/** compare_live_flags(server, entry, m, l): The part of compare_live_open() after l->mailbox is loaded. compare_same_flags(l, m, a, r): Record
 * ${a} of the archive's ${m} has the flags of the live record ${r}. */
void compare_live_flags(const struct server *server, const struct mailbox_entry *entry,
    const struct source_messages *m, struct compare_live *l);
bool compare_same_flags(const struct compare_live *l, const struct source_messages *m,
    const struct index_record *a, const struct index_record *r);

/** compare_flags(l, m, a, r): What of the flags differs. */
enum { COMPARE_DIFF_FLAGS = 1, COMPARE_DIFF_SEEN = 2 };
unsigned compare_flags(const struct compare_live *l, const struct source_messages *m,
    const struct index_record *a, const struct index_record *r);

/** compare_map_flags(l, archive): Find each keyword of the archive's header among those of the live one; done by compare_live_open(). */
void compare_map_flags(struct compare_live *l, const struct mailbox_header *archive);

/** compare_message(l, m, r): Record ${r} of the archive's ${m}, by its UID. */
enum compare_message compare_message(
    const struct compare_live *l, const struct source_messages *m, const struct index_record *r);

/** compare_count(l, m, ret): How all visible messages stand: by content where both sides know GUIDs, whatever UIDs they have by now; else by UID. */
struct compare_counts {
	size_t all;       /* of the archive; each is one of: */
	size_t same;      /* with the same flags */
	size_t flags;     /* with others */
	size_t missing;   /* not there, or another message has its UID */
	size_t expunged;  /* not shown, but still kept as a file */
	size_t lost;      /* shown, but without the file */
	size_t other_uid; /* of all that are shown: under another UID */
	size_t only_live; /* shown there, and not in the archive */
};
void compare_count(const struct compare_live *l, const struct source_messages *m, struct compare_counts *ret);

#endif
