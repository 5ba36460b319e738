/* priority.h: take what others leave. */
#ifndef CORE_PRIORITY_H
#define CORE_PRIORITY_H

/** priority_lower(): This thread, and all that it starts from now on, threads and programs, gets processor and disks after others: nice 10, SCHED_BATCH, the lowest
 * best-effort class of the disk. Not the idle class: there a backup might wait without an end, with somebody's mail held still. What
 * the system refuses stays as it is. There is no way back: meant for a job's own thread. */
void priority_lower(void);

#endif
