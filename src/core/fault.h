/* fault.h: named places where a test build can stop, fail or die.
 *
 * With -DCYRVAULT_FAULTS (MODE=fault) the environment variable CYRVAULT_FAULT="name=action" makes the place of that
 * name do: "exit" (_exit at once, as kill -9 would), "error" (the call fails with EIO), or "wait:PATH" (create PATH,
 * then sleep until somebody removes it). Without it, the places are gone from the program. */
#ifndef CORE_FAULT_H
#define CORE_FAULT_H

#include "core/err.h"

#ifdef CYRVAULT_FAULTS
/** fault_point(name, e): 0, or -1 with ${e} filled when a test asked for an error here. */
int fault_point(const char *name, struct err *e);
#else
static inline int fault_point(const char *name, struct err *e)
{
	(void)name;
	(void)e;
	return 0;
}
#endif

#endif
