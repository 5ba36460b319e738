/* meter.h: how fast a job goes, and the line that shows it. */
#ifndef CORE_METER_H
#define CORE_METER_H

#include "core/buf.h"
#include "core/job.h"

/** The rate of one job; zeroed at first. */
struct meter {
	uint64_t last_bytes, last_ms;
	double rate; /* bytes a second, smoothed over about three seconds */
};

/** meter_update(m, p): Take in ${p}, read off the job just now. */
void meter_update(struct meter *m, const struct job_progress *p);

/** meter_line(b, p, rate, columns): Append step, percentage, bytes, rate, ETA or "stalled" in at most ${columns}; pure. */
void meter_line(struct buf *b, const struct job_progress *p, double rate, size_t columns);

#endif
