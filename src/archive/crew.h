/* crew.h: threads that work on a ring of slots; results come back in the order they were given.
 *
 * The caller fills slots and takes them back in one thread. Sequence:
 *	while (there is more) {
 *		while ((s = crew_free_slot(c)) == NULL)
 *			take(crew_done(c, true)), crew_release(c);
 *		fill(s);
 *		crew_submit(c);
 *	}
 *	while ((s = crew_done(c, true)) != NULL)
 *		take(s), crew_release(c); */
#ifndef ARCHIVE_CREW_H
#define ARCHIVE_CREW_H

#include <stdbool.h>
#include <stddef.h>

#include "core/err.h"

struct crew;

struct crew_ops {
	size_t slot_size;
	void *(*worker_new)(void *arg); /* a worker's own state */
	void (*worker_free)(void *worker);
	void (*work)(void *worker, void *slot);
	void (*slot_done)(void *slot); /* frees what a slot owns */
};

/** crew_new(ops, arg, threads, n_slots, ret, e): ${threads} workers, ${n_slots} zeroed slots. crew_free() it. */
int crew_new(const struct crew_ops *ops, void *arg, unsigned threads, size_t n_slots, struct crew **ret,
    struct err *e);

/** crew_free_slot(c): The slot to fill next (the same until crew_submit()), or NULL while all are taken. */
void *crew_free_slot(struct crew *c);

/** crew_submit(c): Hand that slot to the workers. */
void crew_submit(struct crew *c);

/** crew_done(c, wait): The oldest submitted slot if it has been worked on (or, with ${wait}, once it has); NULL if none. */
void *crew_done(struct crew *c, bool wait);

/** crew_release(c): The slot crew_done() gave is free again. */
void crew_release(struct crew *c);

/** crew_free(c): NULL-safe; slots not begun are dropped. */
void crew_free(struct crew *c);

/** crew_threads(wanted): ${wanted}, or for 0 one per CPU of this process, at most 16. */
unsigned crew_threads(unsigned wanted);

#endif
