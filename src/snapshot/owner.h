/* owner.h: who made a snapshot: host, process, its start. So a leftover is told from what another run is using: its process is gone.
 *
 * A number of a process is used again, after a boot quickly: only with the boot and the tick of its start it is that process. */
#ifndef SNAPSHOT_OWNER_H
#define SNAPSHOT_OWNER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/err.h"

struct owner {
	char host[65]; /* letters, digits, '.', '-' and '_' only */
	pid_t pid;
	char boot[9];   /* the beginning of the boot's id */
	uint64_t start; /* clock ticks from boot to the process's start */
};

enum owner_state { OWNER_ELSEWHERE, OWNER_LIVES, OWNER_GONE };

/** owner_self(ret, e): This process. */
int owner_self(struct owner *ret, struct err *e);

/** owner_state(o): ELSEWHERE: of another host, nothing is known about it. Only GONE may be removed. */
enum owner_state owner_state(const struct owner *o);

/** owner_is_self(o): It is this process. */
bool owner_is_self(const struct owner *o);

/** owner_keeps(name), owner_lets_go(name), owner_holds(name): What this very process is using, by full name, so that it can remove what
 * an earlier run of its own failed to. Any thread. */
void owner_keeps(const char *name);
void owner_lets_go(const char *name);
bool owner_holds(const char *name);

#endif
