/* fault.h: named places where a test build can stop, fail or die.
 *
 * With -DCYRVAULT_FAULTS (MODE=fault) the environment variable CYRVAULT_FAULT="name=action" makes the place of that
 * name do: "exit" (_exit at once, as kill -9 would), "error" (the call fails with EIO), or "wait:PATH" (create PATH,
 * then sleep until somebody removes it). "name:3=action" does so the third time the place is passed, "name=action" every
 * time. Where an answer of a server is awaited, "no" makes it a refusal. Without CYRVAULT_FAULTS the places are gone from the
 * program.
 *
 * System calls that change the disk are such places too (fault_wrap.c): CYRVAULT_WRAP="fsync:3=EIO" makes the third fsync()
 * fail, "fsync:3=exit" dies in its place, "fsync:3=after" dies once it is done (a write: by half), "write:3=short" writes half of
 * what it was asked to, "write:3=torn" half, and then there is no room. CYRVAULT_TRACE=PATH names a file to which each place and
 * call appends a line: its name, and "fired" after the one that acted. */
#ifndef CORE_FAULT_H
#define CORE_FAULT_H

#include <stdbool.h>

#include "core/err.h"

#ifdef CYRVAULT_FAULTS
/** fault_point(name, e): 0, or -1 with ${e} filled when a test asked for an error here. */
int fault_point(const char *name, struct err *e);

/** fault_refuses(name): A test asked for a refusal ("no") here. */
bool fault_refuses(const char *name);

/** fault_wanted(variable, name, counter): What the environment's ${variable} wants done at the place ${name}, now that it is passed once
 * more: the action, or NULL. ${counter} belongs to the place, 0 at first. Thread-safe. */
const char *fault_wanted(const char *variable, const char *name, unsigned *counter);
#else
static inline int fault_point(const char *name, struct err *e)
{
	(void)name;
	(void)e;
	return 0;
}

static inline bool fault_refuses(const char *name)
{
	(void)name;
	return false;
}
#endif

#endif
