/* tell.c: what is known of a run: news while it goes on, its result. */
#include "backup/run_priv.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/mem.h"

void run_tell(struct run *r)
{
	struct backup_news n = { .stage = r->stage, .tries = r->tries, .findings = r->findings.n };
	struct snapshot_facts snapshot = { 0 };
	struct ladder_facts ladder;

	r->told_ms = clock_monotonic_ms();
	if (r->opts->news == NULL)
		return;
	if (r->snapshot != NULL) {
		snapshot_facts(r->snapshot, &snapshot);
		n.snapshot = &snapshot;
	}
	if (r->ladder != NULL) {
		ladder_facts(r->ladder, &ladder);
		n.ladder = &ladder;
	}
	r->opts->news(r->opts->news_arg, &n);
	snapshot_facts_done(&snapshot);
}

void run_stage(struct run *r, enum backup_stage stage)
{
	r->stage = stage;
	run_tell(r);
}

/* All of Cyrus stood still at once: the longest hold of any user is that of everybody. */
static void collect_ladder(struct run *r)
{
	struct backup_result *ret = r->ret;
	struct ladder_facts f;

	if (r->ladder == NULL || r->tries == 0)
		return;
	ladder_facts(r->ladder, &f);
	ret->quiesce = ladder_rung_name(f.reached);
	free(ret->quiesce_why);
	ret->quiesce_why = f.why[0] != '\0' ? mem_strdup(f.why) : NULL;
	ret->holds = r->tries;
	ret->pause_ms = ret->longest_hold_ms = ret->total_hold_ms = f.pause_ms;
}

void run_collect(struct run *r)
{
	struct backup_result *ret = r->ret;
	struct quiesce_stats stats = { 0 };

	if (r->quiesce != NULL)
		quiesce_stats(r->quiesce, &stats);
	if (r->snapshot != NULL && !r->opts->dry_run) {
		snapshot_facts_done(&ret->snapshot);
		snapshot_facts(r->snapshot, &ret->snapshot);
	}
	ret->tries = r->tries;
	ret->holds = stats.holds;
	ret->pause_ms = ret->longest_hold_ms = stats.longest_ms;
	ret->total_hold_ms = stats.total_ms;
	collect_ladder(r);
	ret->mailboxes = r->pack.mailboxes;
	ret->messages = r->pack.messages;
	ret->users = r->pack.users;
	ret->files = r->pack.files;
	if (ret->plain_bytes == 0)
		ret->plain_bytes = r->pack.bytes;
	ret->findings = r->findings.list;
	ret->n_kept = r->findings.n_kept;
	ret->n_findings = r->findings.n;
	memcpy(ret->by_kind, r->findings.by_kind, sizeof ret->by_kind);
}
