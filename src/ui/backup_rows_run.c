/* backup_rows_run.c: the stages of a backup that runs. */
#include "ui/backup_rows_priv.h"

#include <stdio.h>
#include <string.h>

#include "app/words.h"
#include "core/str.h"

/* A trial neither holds nor writes anything; what reads the live files has no snapshot. */
static bool has_stage(
    const struct backup_sight *sight, const struct backup_pace *pace, enum backup_stage stage)
{
	bool live = pace->dry_run || backup_sight_is_live(sight);

	if (stage == BACKUP_HOLD || stage == BACKUP_SNAPSHOT || stage == BACKUP_MOUNT)
		return !live;
	return !pace->dry_run || stage < BACKUP_VERIFY;
}

static const char *to_come(enum backup_stage stage, const struct backup_pace *pace)
{
	switch (stage) {
	case BACKUP_LOOK: return "at the server, and whether there is room";
	case BACKUP_HOLD: return "Cyrus is held still";
	case BACKUP_SNAPSHOT: return "while it is";
	case BACKUP_MOUNT: return "Cyrus goes on, the snapshot is opened";
	case BACKUP_PACK:
		return pace->dry_run ? "read and check all that is there" : "read, check, pack and send";
	case BACKUP_VERIFY:
		return pace->verify_all ? "read all of it back" : "read its end mark and index back";
	case BACKUP_COMMIT: return "the archive gets its name";
	default: return "older archives go, as the store's keep keys say";
	}
}

static void add_hold(struct buf *b, const struct backup_sight *s)
{
	if (!s->has_ladder || s->ladder.tries == 0)
		return;
	buf_printf(b, "; %s", app_quiesce_words(ladder_rung_name(s->ladder.reached)));
	if (s->ladder.pause_ms > 0)
		buf_printf(b, ", %llu ms", (unsigned long long)s->ladder.pause_ms);
}

static void add_times(struct buf *b, const struct backup_sight *s)
{
	if (s->tries > 1)
		buf_printf(b, "; the %u. try", s->tries);
}

/* What goes on changes once a second, not with each look at it. */
static void add_time(struct buf *b, uint64_t ms, bool now)
{
	if (now && ms < 10000)
		buf_printf(b, "%u s", (unsigned)(ms / 1000));
	else
		rows_seconds(b, ms);
}

static void add_stage(struct sheet *s, const struct backup_sight *sight, const struct backup_pace *pace,
    enum backup_stage stage)
{
	bool now = sight->stage == stage;
	struct buf b = BUF_INIT;

	if (!now && !sight->been[stage]) {
		sheet_add(s, STYLE_DIM, "to come", backup_stage_name(stage), to_come(stage, pace), NULL);
		return;
	}
	add_time(&b, sight->took_ms[stage] + (now ? pace->now_ms - sight->begun_ms : 0), now);
	if (stage == BACKUP_HOLD && !now)
		add_hold(&b, sight);
	if (stage == BACKUP_SNAPSHOT)
		add_times(&b, sight);
	if (now && pace->progress.step[0] != '\0')
		buf_printf(&b, "; %s", pace->progress.step);
	sheet_add(s, now ? STYLE_STRONG : STYLE_GOOD, now ? "doing" : "done", backup_stage_name(stage),
	    buf_text(&b), stage == BACKUP_HOLD && sight->ladder.why[0] != '\0' ? sight->ladder.why : NULL);
	buf_done(&b);
}

static void add_pace(struct sheet *s, const struct backup_pace *pace)
{
	const struct job_progress *p = &pace->progress;
	char done[16], total[16], rate[16], percent[16];
	struct buf b = BUF_INIT;

	if (p->done_bytes == 0)
		return;
	str_size(done, sizeof done, p->done_bytes);
	if (p->total_bytes >= p->done_bytes) {
		snprintf(percent, sizeof percent, "%u %%",
		    (unsigned)((double)p->done_bytes * 100 / (double)p->total_bytes));
		buf_printf(&b, "%s of %s", done, str_size(total, sizeof total, p->total_bytes));
	} else {
		percent[0] = '\0';
		buf_str(&b, done);
	}
	if (pace->rate >= 1)
		buf_printf(&b, ", %s/s", str_size(rate, sizeof rate, (uint64_t)pace->rate));
	if (pace->rate >= 1 && p->total_bytes > p->done_bytes) {
		buf_str(&b, ", ETA ");
		rows_seconds(&b, (uint64_t)((double)(p->total_bytes - p->done_bytes) / pace->rate) * 1000);
	}
	sheet_add(s, STYLE_NORMAL, "", percent, buf_text(&b), NULL);
	buf_done(&b);
}

size_t backup_rows_running(struct sheet *s, const struct backup_sight *sight, const struct backup_pace *pace)
{
	size_t now = 0;
	char n[40];

	for (int i = 0; i < BACKUP_STAGES; i++) {
		if (!has_stage(sight, pace, i))
			continue;
		if ((int)sight->stage == i)
			now = s->n;
		add_stage(s, sight, pace, i);
		if ((int)sight->stage == i && (i == BACKUP_PACK || i == BACKUP_VERIFY))
			add_pace(s, pace);
	}
	for (size_t i = 0; i < sight->snapshot.n; i++)
		if (sight->snapshot.volumes[i].name != NULL)
			rows_volume(
			    s, sight->stage > BACKUP_PACK ? "was" : "volume", &sight->snapshot.volumes[i]);
	rows_add(s, sight->findings > 0 ? STYLE_WARN : STYLE_NORMAL, "", "noticed",
	    "they are listed at the end", "%s",
	    str_count(n, sizeof n, sight->findings, "finding", "findings"));
	return now;
}
