/* detached.h: mount a file system at no place: it is reached by the descriptor of its root alone, and gone when that is closed, however this
 * process ends. */
#ifndef SNAPSHOT_DETACHED_H
#define SNAPSHOT_DETACHED_H

#include <stdbool.h>

#include "core/err.h"

/** detached_possible(e): This kernel has what it takes (Linux 5.6), and we may: 1; or 0, and why not. */
int detached_possible(struct err *e);

/** detached_mount(fs, device, options, writable, e): The descriptor of the root, nosuid, nodev, noexec, and read-only unless ${writable}; -1.
 * ${options}: "name" or "name=value", NULL-terminated. ERR_DAMAGE: what lies on the device is not a file system that can be read. */
int detached_mount(
    const char *fs, const char *device, const char *const *options, bool writable, struct err *e);

#endif
