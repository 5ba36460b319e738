/* backup_rows_report.c: what came of a backup. */
#include "ui/backup_rows_priv.h"

#include <string.h>

#include "app/words.h"
#include "core/str.h"

static void add_contents(struct sheet *s, const struct backup_result *r)
{
	char boxes[40], messages[40], users[40], plain[16], stored[16];

	rows_add(s, STYLE_NORMAL, "", "contents", NULL, "%s, %s, %s",
	    str_count(boxes, sizeof boxes, r->mailboxes, "mailbox", "mailboxes"),
	    str_count(messages, sizeof messages, r->messages, "message", "messages"),
	    str_count(users, sizeof users, r->users, "user", "users"));
	str_size(plain, sizeof plain, r->plain_bytes);
	if (r->stored_bytes > 0)
		rows_add(s, STYLE_NORMAL, "", "size", NULL, "%s in %s (%.1f : 1)", plain,
		    str_size(stored, sizeof stored, r->stored_bytes),
		    (double)r->plain_bytes / (double)r->stored_bytes);
	else
		sheet_add(s, STYLE_NORMAL, "", "size", plain, NULL);
}

void backup_rows_stages(struct sheet *s, const struct backup_sight *sight)
{
	struct buf b = BUF_INIT;

	for (int i = 0; i < BACKUP_STAGES; i++) {
		if (!sight->been[i])
			continue;
		buf_printf(&b, "%s%s ", b.len > 0 ? ", " : "", backup_stage_name(i));
		rows_seconds(&b, sight->took_ms[i]);
	}
	if (!sight->been[sight->stage])
		buf_printf(&b, "%s%s", b.len > 0 ? ", then " : "", backup_stage_name(sight->stage));
	if (b.len > 0)
		sheet_add(s, STYLE_NORMAL, "", "stages", buf_text(&b), NULL);
	buf_done(&b);
}

static void add_time(struct sheet *s, const struct backup_result *r)
{
	double seconds = (double)r->elapsed_ms / 1000;
	char rate[16];
	struct buf b = BUF_INIT;

	rows_seconds(&b, r->elapsed_ms);
	buf_printf(&b, ", %s/s",
	    str_size(rate, sizeof rate, seconds > 0 ? (uint64_t)((double)r->plain_bytes / seconds) : 0));
	sheet_add(s, STYLE_NORMAL, "", "time", buf_text(&b), NULL);
	buf_done(&b);
}

/* Of live files everybody is held in turn, for a snapshot all are at once. */
static void add_held(struct sheet *s, const struct backup_result *r)
{
	struct buf b = BUF_INIT;

	buf_str(&b, app_quiesce_words(r->quiesce));
	if (r->holds > 1 && r->tries == 0)
		buf_printf(&b, ", %llu times, at most %llu ms", (unsigned long long)r->holds,
		    (unsigned long long)r->longest_hold_ms);
	else if (r->longest_hold_ms > 0)
		buf_printf(&b, ", %llu ms", (unsigned long long)r->longest_hold_ms);
	else if (r->holds > 0)
		buf_str(&b, ", less than 1 ms");
	sheet_add(s, STYLE_NORMAL, "", "held still", buf_text(&b), r->quiesce_why);
	if (r->quiesce_why != NULL)
		sheet_add(s, STYLE_WARN, "", "no firmer", r->quiesce_why, NULL);
	buf_done(&b);
}

static void add_snapshot(struct sheet *s, const struct backup_result *r)
{
	const struct snapshot_facts *f = &r->snapshot;
	struct buf b = BUF_INIT;
	char n[40];

	if (f->kind == NULL)
		return;
	str_count(n, sizeof n, f->n, "volume", "volumes");
	if (strcmp(f->kind, "none") == 0) {
		buf_str(&b, "none: the live files were read");
	} else if (r->tries == 0) {
		buf_printf(&b, "%s, of %s, would be taken", f->kind, n);
	} else {
		buf_printf(&b, "%s, of %s, taken in ", f->kind, n);
		rows_seconds(&b, f->taken_ms);
		if (r->tries > 1)
			buf_printf(&b, ", at the %u. try", r->tries);
	}
	sheet_add(s, STYLE_NORMAL, "", "snapshot", buf_text(&b), f->why_not);
	buf_done(&b);
	if (f->why_not != NULL)
		sheet_add(s, STYLE_NORMAL, "", "no better one", f->why_not, NULL);
	for (size_t i = 0; i < f->n && r->tries > 0; i++)
		rows_volume(s, "at most", &f->volumes[i]);
}

static void add_findings(struct sheet *s, const struct backup_result *r)
{
	char n[40];

	for (int k = 0; k < FINDING_KINDS; k++)
		if (r->by_kind[k] > 0)
			sheet_add(s, STYLE_WARN, "kind",
			    str_count(n, sizeof n, r->by_kind[k], "time", "times"), finding_kind_words(k),
			    NULL);
	for (size_t i = 0; i < r->n_kept; i++)
		sheet_add(s, STYLE_WARN, "finding",
		    r->findings[i].mailbox[0] != '\0' ? r->findings[i].mailbox : "the run",
		    r->findings[i].what, finding_kind_words(r->findings[i].kind));
	if (r->n_findings > r->n_kept)
		rows_add(s, STYLE_WARN, "finding", "", "all are in the archive's report", "%llu more",
		    (unsigned long long)(r->n_findings - r->n_kept));
}

void backup_rows_report(struct sheet *s, const struct backup_result *r, const struct backup_sight *sight)
{
	char n[40];

	sheet_add(s, r->n_findings + r->n_warnings > 0 ? STYLE_WARN : STYLE_GOOD, "done", "archive",
	    r->archive != NULL ? r->archive : "none: it was a trial run", NULL);
	if (r->n_findings > 0)
		rows_add(s, STYLE_WARN, "warn", "consistency", NULL, "%s; each is listed below",
		    str_count(n, sizeof n, r->n_findings, "finding", "findings"));
	else
		sheet_add(s, STYLE_GOOD, "ok", "consistency", "nothing is wrong with the mailboxes", NULL);
	for (size_t i = 0; i < r->n_warnings; i++)
		sheet_add(
		    s, STYLE_WARN, "warn", "afterwards", r->warnings[i], "the archive is there all the same");
	if (r->store != NULL)
		sheet_add(s, STYLE_NORMAL, "", "store", r->store, NULL);
	add_contents(s, r);
	add_time(s, r);
	add_held(s, r);
	add_snapshot(s, r);
	backup_rows_stages(s, sight);
	if (r->removed > 0)
		rows_add(s, STYLE_NORMAL, "", "rotation", NULL, "%s removed",
		    str_count(n, sizeof n, r->removed, "older archive", "older archives"));
	add_findings(s, r);
}
