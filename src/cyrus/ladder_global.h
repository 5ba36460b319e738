/* ladder_global.h: all writers of a Cyrus kept out by the server's own cyr_withlock_run.
 *
 * Since pull request 4744 (2023) every exclusive lock of a mailbox or user comes with $GLOBAL.lock, shared, unless imapd.conf says
 * "global_lock: no" (the default is yes). cyr_withlock_run takes it exclusively, runs a program, and lets go when that ends
 * (imap/cyr_withlock_run.c, lib/command.c: execv, so an absolute path, with its own standard input and output). Here it runs cat: a
 * byte that comes back proves that the lock is held, and the end of our socket, however we end, ends cat, and with it the lock. Readers go on. */
#ifndef CYRUS_LADDER_GLOBAL_H
#define CYRUS_LADDER_GLOBAL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"
#include "core/job.h"
#include "cyrus/server.h"

struct ladder_global;

/** ladder_global_offered(s): The program is there, and global_lock is not switched off. */
bool ladder_global_offered(const struct server *s);

/** ladder_global_hold(s, timeout_ms, job, ret, e): 1: held; 0: not to be had in time (${e} says who has it), or the program failed; -1: cancelled.
 * Nobody waits for us meanwhile. ladder_global_release() it. */
int ladder_global_hold(
    const struct server *s, uint64_t timeout_ms, struct job *job, struct ladder_global **ret, struct err *e);

/** ladder_global_since_ms(g): clock_monotonic_ms() from which on it was held. ladder_global_release(g): Let go; NULL-safe. */
uint64_t ladder_global_since_ms(const struct ladder_global *g);
void ladder_global_release(struct ladder_global *g);

#endif
