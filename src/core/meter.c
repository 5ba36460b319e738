/* meter.c: the rate of a job, and its line of progress. */
#include "core/meter.h"

#include "core/columns.h"
#include "core/str.h"

#define LEAST_MS   100
#define STALLED_MS 5000

static void add_duration(struct buf *b, uint64_t s)
{
	if (s < 60)
		buf_printf(b, "%us", (unsigned)s);
	else if (s < 3600)
		buf_printf(b, "%um%02us", (unsigned)(s / 60), (unsigned)(s % 60));
	else
		buf_printf(
		    b, "%uh%02um", (unsigned)(s / 3600 > 9999 ? 9999 : s / 3600), (unsigned)(s % 3600 / 60));
}

void meter_line(struct buf *b, const struct job_progress *p, double rate, size_t columns)
{
	char done[16], total[16], speed[16];
	struct buf tail = BUF_INIT;
	size_t tail_columns;

	if (p->cancelling)
		buf_str(&tail, "  stopping at the next safe point");
	else if (p->total_bytes > 0 && p->done_bytes <= p->total_bytes) {
		buf_printf(&tail, "  %3u%%  %s/%s",
		    (unsigned)((double)p->done_bytes * 100 / (double)p->total_bytes),
		    str_size(done, sizeof done, p->done_bytes),
		    str_size(total, sizeof total, p->total_bytes));
	} else if (p->done_bytes > 0) {
		buf_printf(&tail, "  %s", str_size(done, sizeof done, p->done_bytes));
	}
	if (!p->cancelling && p->idle_ms >= STALLED_MS) {
		buf_str(&tail, "  stalled for ");
		add_duration(&tail, p->idle_ms / 1000);
	} else if (!p->cancelling && rate >= 1) {
		buf_printf(&tail, "  %s/s", str_size(speed, sizeof speed, (uint64_t)rate));
		if (p->total_bytes > p->done_bytes) {
			buf_str(&tail, "  ETA ");
			add_duration(&tail, (uint64_t)((double)(p->total_bytes - p->done_bytes) / rate) + 1);
		}
	}
	tail_columns = columns_of(buf_text(&tail));
	columns_cut(
	    b, p->step[0] != '\0' ? p->step : "working", columns > tail_columns ? columns - tail_columns : 0);
	buf_str(b, buf_text(&tail));
	buf_done(&tail);
}

/* The rate is smoothed over about three seconds. */
void meter_update(struct meter *m, const struct job_progress *p)
{
	uint64_t ms = p->elapsed_ms - m->last_ms;
	double now;

	if (p->elapsed_ms <= m->last_ms || ms < LEAST_MS)
		return;
	now =
	    p->done_bytes >= m->last_bytes ? (double)(p->done_bytes - m->last_bytes) * 1000 / (double)ms : 0;
	m->rate = m->rate < 1 ? now : m->rate + (now - m->rate) * (ms < 3000 ? (double)ms / 3000 : 1);
	m->last_bytes = p->done_bytes;
	m->last_ms = p->elapsed_ms;
}
