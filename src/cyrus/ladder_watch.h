/* ladder_watch.h: something that happens at a moment, in a thread of its own, unless it is called off before. */
#ifndef CYRUS_LADDER_WATCH_H
#define CYRUS_LADDER_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"

struct ladder_watch;

/** ladder_watch_new(fire, arg, ret, e): Start the thread, which sleeps. ladder_watch_free(w): Calls off and ends it; NULL-safe. */
int ladder_watch_new(void (*fire)(void *arg), void *arg, struct ladder_watch **ret, struct err *e);
void ladder_watch_free(struct ladder_watch *w);

/** ladder_watch_arm(w, when_ms): Call ${fire} at that time of clock_monotonic_ms(); at once if it is over. */
void ladder_watch_arm(struct ladder_watch *w, uint64_t when_ms);

/** ladder_watch_disarm(w): Call it off. true: it has happened, and is over. */
bool ladder_watch_disarm(struct ladder_watch *w);

#endif
