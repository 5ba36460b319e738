/* lock.h: one changing job per server. The lock vanishes with the process, however it ends. */
#ifndef APP_LOCK_H
#define APP_LOCK_H

#include "core/err.h"

/** lock_take(directory, server, what, e): Take the lock of ${server}; returns an fd to close, or -1: ERR_LOCKED names who has it (pid, since when,
 * ${what} it does). "@NAME" stands for the store of that name. */
int lock_take(const char *directory, const char *server, const char *what, struct err *e);

/** lock_holder(directory, server): What the holder of the lock says of itself ("restore, process 17, since ..."), heap; NULL when nobody
 * holds it. */
char *lock_holder(const char *directory, const char *server);

/** lock_moment(directory, name, e): The lock file ${name} in ${directory} (made if it is not there), waited for: others hold it for moments, while they rewrite a file. Returns an
 * fd to close, or -1. */
int lock_moment(const char *directory, const char *name, struct err *e);

#endif
