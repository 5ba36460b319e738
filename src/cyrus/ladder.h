/* ladder.h: hold the whole of Cyrus still while a snapshot is taken, as firmly as this server offers.
 *
 * The rungs, the firmest first (docs/quiesce.md has what each costs):
 *   global      where the server has cyr_withlock_run (3.12) and global_lock is on: that holds $GLOBAL.lock; nothing is written
 *   users       3.4+: every user lock, shared mailboxes, mailboxes.db, deliver.db, in Cyrus's order (quiesce_hold_all)
 *   list        to 3.2, and where users could not be held: mailboxes.db, deliver.db, and a second for what was under way to end
 *   checkpoint  Berkeley databases, whose locks are in memory: ctl_cyrusdb -c, and the list as text, just before
 *   filesystem  nothing is held: the snapshot itself stops the file system for an instant. Each database recovers from that, but
 *               list, indexes and message files may be of slightly different moments
 * A rung that cannot be reached within the bound is given up for the next lower one, and so is one that has been held for the bound: then all
 * is let go by a thread of its own, whatever the owner is doing. Everything vanishes with this process, however it ends. The waiting for locks is part
 * of the bound from the first lock on that is held to the end; that of rounds that were given up is not, and holds nobody for more than moments.
 *
 * A ladder belongs to one thread at a time. While it is held, this process must not wait for Cyrus: no tool of it that locks, no server_list(). */
#ifndef CYRUS_LADDER_H
#define CYRUS_LADDER_H

#include "core/buf.h"
#include "core/err.h"
#include "core/job.h"
#include "cyrus/server.h"

enum ladder_rung { RUNG_FILESYSTEM, RUNG_CHECKPOINT, RUNG_LIST, RUNG_USERS, RUNG_GLOBAL };

/** ladder_rung_name(r): "filesystem", "checkpoint", "list", "users", "global"; static. */
const char *ladder_rung_name(enum ladder_rung r);

struct ladder_facts {
	enum ladder_rung best;    /* what this server offers */
	enum ladder_rung reached; /* what is held, or was to the end of the last hold */
	uint64_t
	    pause_ms; /* how long Cyrus stood still in the last hold, the most a client waited; 0: it did not, or is held now */
	uint64_t wait_ms; /* from the first try until it was held */
	unsigned tries;   /* holds so far */
	char why[256];    /* why it is not the best one, and why that is no better, safe text; "" */
};

struct ladder;

/** ladder_open(s, bound_ms, job, ret, e): Look what ${s}, which must outlive it, offers; nothing is locked. ladder_free(l): NULL-safe, lets go. */
int ladder_open(
    const struct server *s, uint64_t bound_ms, struct job *job, struct ladder **ret, struct err *e);
void ladder_free(struct ladder *l);

/** ladder_hold(l, e): Hold Cyrus as firmly as can be within the bound. A lower rung is no error: ladder_facts() says which and why. -1: cancelled. */
int ladder_hold(struct ladder *l, struct err *e);

/** ladder_release(l): Let go; the facts are those of this hold then. Not held: nothing happens. */
void ladder_release(struct ladder *l);

void ladder_facts(const struct ladder *l, struct ladder_facts *ret);

/** ladder_list_text(l): Of a Berkeley mailboxes.db, the list as ctl_mboxlist -d printed it just before the last hold; NULL: of another kind, or it
 * could not be printed. Belongs to ${l}, until the next hold. */
const struct buf *ladder_list_text(const struct ladder *l);

#endif
