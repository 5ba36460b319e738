/* backup_watch.h: the news of a backup, on their way from its worker to whoever looks, however late he comes. */
#ifndef UI_BACKUP_WATCH_H
#define UI_BACKUP_WATCH_H

#include <pthread.h>

#include "backup/backup.h"

/** What is known of a backup. */
struct backup_sight {
	enum backup_stage stage;         /* what it is at; before there is news, the first */
	uint64_t begun_ms;               /* since when, by clock_monotonic_ms() */
	bool been[BACKUP_STAGES];        /* it is done with that */
	uint64_t took_ms[BACKUP_STAGES]; /* of those: all times together */
	bool has_ladder, has_snapshot;
	struct ladder_facts ladder;
	struct snapshot_facts
	    snapshot; /* the last that was known of it; a copy, freed by backup_sight_done() */
	unsigned tries;
	uint64_t findings;
};

struct backup_watch {
	pthread_mutex_t lock;
	struct backup_sight sight;
};

/** backup_watch_init(w), backup_watch_done(w). backup_watch_news(w, n): backup_opts.news, with ${w} for its argument. */
void backup_watch_init(struct backup_watch *w);
void backup_watch_done(struct backup_watch *w);
void backup_watch_news(void *w, const struct backup_news *n);

/** backup_watch_end(w): It has ended well. */
void backup_watch_end(struct backup_watch *w);

/** backup_watch_look(w, ret): A copy of what is known now; any thread. backup_sight_done() it. backup_sight_is_live(s): It is known to read the live files. */
void backup_watch_look(struct backup_watch *w, struct backup_sight *ret);
void backup_sight_done(struct backup_sight *s);
bool backup_sight_is_live(const struct backup_sight *s);

#endif
