/* priority.c: priorities of one thread. On Linux all three are those of a thread, and 0 is the one that calls. */
#include "core/priority.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NICE 10

/* linux/ioprio.h, which not all systems have. */
#define IO_WHO_PROCESS 1
#define IO_BEST_EFFORT 2
#define IO_CLASS_SHIFT 13
#define IO_LOWEST      7

void priority_lower(void)
{
	struct sched_param none = { 0 };

	if (getpriority(PRIO_PROCESS, 0) < NICE)
		setpriority(PRIO_PROCESS, 0, NICE);
	sched_setscheduler(0, SCHED_BATCH, &none);
	syscall(SYS_ioprio_set, IO_WHO_PROCESS, 0, IO_BEST_EFFORT << IO_CLASS_SHIFT | IO_LOWEST);
}
