/* retention.h: which archives stay and which may go: a rule over what is known of them, without a store, a clock or a file. */
#ifndef BACKUP_RETENTION_H
#define BACKUP_RETENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** How many stay. */
struct retention_policy {
	uint64_t live; /* the newest verified ones, whatever else is said; below 2 it means 2 */
	uint64_t last, daily, weekly, monthly;
};

/** Why an archive stays, or goes; the first that holds, in this order. */
enum retention_why {
	RETENTION_FOREIGN,    /* not ours, or nobody knows of which server */
	RETENTION_UNREADABLE, /* cannot be opened: what it is cannot be told, so only a person may remove it */
	RETENTION_LIVE,       /* one of the newest verified ones of its server */
	RETENTION_PROTECTED,  /* somebody said that it must stay */
	RETENTION_TAPE,       /* waits to be written to tape */
	RETENTION_LAST,       /* one of the newest so many */
	RETENTION_DAILY,      /* the newest of its day (UTC), which is one of the newest so many */
	RETENTION_WEEKLY,     /* of its week, which begins on Monday */
	RETENTION_MONTHLY,    /* of its month */
	RETENTION_NEWER, /* not verified, or damaged; but newer than the oldest live one, or there are too few of these */
	RETENTION_REMOVE_OLD,     /* goes: verified, and nothing asks for it any more */
	RETENTION_REMOVE_DAMAGED, /* goes: not verified, or damaged, and older than all live ones */
	RETENTION_WHYS,
};

/** One archive. Strings are the caller's. */
struct retention_item {
	const char *server; /* NULL: not known */
	const char *name;
	int64_t when;
	uint64_t sequence; /* 0: made before there were such numbers; older than all that have one */
	bool foreign, readable;
	bool verified; /* proved when it was written, and nothing is known against it */
	bool protect, waits_for_tape;
	/* set by retention_decide() */
	enum retention_why why;
};

/** retention_decide(items, n, policy): Set ${why} of each. Each server is judged by itself. Older and newer are told by sequence, then by
 * when, then by name, so that no clock moves the two newest verified ones; days, weeks and months are those of ${when}. Only verified ones
 * are counted. Pure; any order. */
void retention_decide(struct retention_item *items, size_t n, const struct retention_policy *policy);

/** retention_removes(why): Whether it goes. retention_name(why): "live", for JSON. retention_words(why): "one of the newest verified ones". Static. */
bool retention_removes(enum retention_why why);
const char *retention_name(enum retention_why why);
const char *retention_words(enum retention_why why);

#endif
