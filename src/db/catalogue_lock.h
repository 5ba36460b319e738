/* catalogue_lock.h: who may read and write the catalogue, and whether it is whole. Only for the catalogue files of this room. */
#ifndef DB_CATALOGUE_LOCK_H
#define DB_CATALOGUE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"
#include "core/job.h"

/* Bytes of the lock file that are locked; they need not be there. */
enum catalogue_lock { LOCK_WRITER = 1000, LOCK_GATE, LOCK_DATA };

/** lock_open(path, create, e): A file descriptor of its own; -1 with ERR_NOT_FOUND if it is not there. lock_stale(fd): The file was removed since. */
int lock_open(const char *path, bool create, struct err *e);
bool lock_stale(int fd);

/** lock_wait(fd, which, alone, wait_ms, job, e): Take it, shared or alone; ERR_LOCKED after so long, ERR_CANCELLED. lock_drop(fd, which): Give it back.
 * lock_data(fd, alone, job, e): LOCK_DATA, by way of LOCK_GATE. */
int lock_wait(
    int fd, enum catalogue_lock which, bool alone, unsigned wait_ms, struct job *job, struct err *e);
void lock_drop(int fd, enum catalogue_lock which);
int lock_data(int fd, bool alone, struct job *job, struct err *e);

/** What the lock file says, to him who holds LOCK_DATA. */
struct lock_state {
	bool dirty; /* a batch was begun and has not ended: it is not whole before the log was followed */
	uint64_t generation; /* grows with each change */
};

/** lock_read(fd, ret, e): Also dirty if the host has been started since: what was not on disk then is lost. lock_write(fd, s, e). */
int lock_read(int fd, struct lock_state *ret, struct err *e);
int lock_write(int fd, const struct lock_state *s, struct err *e);

#endif
