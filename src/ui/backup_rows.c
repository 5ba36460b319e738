/* backup_rows.c: what a backup would do, and rows that it has at any time. */
#include "ui/backup_rows_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/words.h"
#include "core/mem.h"
#include "core/str.h"
#include "ui/gauge.h"

#define GAUGE 10

const char *backup_stage_name(enum backup_stage stage)
{
	static const char *const names[BACKUP_STAGES] = { [BACKUP_LOOK] = "look",
		[BACKUP_HOLD] = "hold",
		[BACKUP_SNAPSHOT] = "snapshot",
		[BACKUP_MOUNT] = "mount",
		[BACKUP_PACK] = "pack",
		[BACKUP_VERIFY] = "verify",
		[BACKUP_COMMIT] = "commit",
		[BACKUP_ROTATE] = "rotate" };

	return names[stage];
}

/* ---- rows of any time ---- */

void rows_add(
    struct sheet *s, enum style style, const char *a, const char *b, const char *more, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = str_safe_vprintf(fmt, ap);
	va_end(ap);
	sheet_add(s, style, a, b, text, more);
	free(text);
}

void rows_seconds(struct buf *b, uint64_t ms)
{
	unsigned long long seconds = ms / 1000;

	if (ms < 10000)
		buf_printf(b, "%.1f s", (double)ms / 1000);
	else if (seconds < 60)
		buf_printf(b, "%llu s", seconds);
	else if (seconds < 3600)
		buf_printf(b, "%llu min %llu s", seconds / 60, seconds % 60);
	else
		buf_printf(b, "%llu h %llu min", seconds / 3600, seconds / 60 % 60);
}

void rows_volume(struct sheet *s, const char *label, const struct snapshot_volume *v)
{
	char size[16];
	struct buf b = BUF_INIT;
	enum style style = v->invalid ? STYLE_BAD : v->fill_permille >= 800 ? STYLE_WARN : STYLE_NORMAL;

	if (v->invalid)
		buf_str(&b, "LOST: it ran full, what was read of it does not count; ");
	if (v->size_bytes > 0 || v->thin || v->fill_permille > 0)
		gauge_add(&b, v->fill_permille, GAUGE);
	if (v->size_bytes > 0)
		buf_printf(&b, " of %s", str_size(size, sizeof size, v->size_bytes));
	else if (v->thin)
		buf_str(&b, " of its pool");
	else if (v->fill_permille == 0)
		buf_printf(&b, "no limit of its own; %s free when it was taken",
		    str_size(size, sizeof size, v->free_bytes));
	if (v->extended > 0)
		buf_printf(&b, ", got more room %u times", v->extended);
	sheet_add(s, style, v->invalid ? "LOST" : label, v->origin, buf_text(&b), v->name);
	buf_done(&b);
}

/* ---- before it begins ---- */

static void add_planned_volume(struct sheet *s, const struct snapshot_volume *v)
{
	char size[16], room[16], left[16];
	struct buf b = BUF_INIT;

	str_size(left, sizeof left, v->free_bytes);
	if (v->thin)
		buf_printf(&b, "thin, its pool has %s free", left);
	else if (v->size_bytes > 0)
		buf_printf(
		    &b, "%s for changes, of %s free", str_size(room, sizeof room, v->size_bytes), left);
	else
		buf_printf(&b, "%s free", left);
	buf_printf(&b, "; %s %s on %s", str_size(size, sizeof size, v->origin_bytes),
	    v->fs != NULL ? v->fs : "volume", v->mounted_on != NULL ? v->mounted_on : "no place");
	sheet_add(s, STYLE_NORMAL, "plan", v->origin, buf_text(&b),
	    "what changes while the snapshot is read takes that room");
	buf_done(&b);
}

static void add_planned_kind(struct sheet *s, const struct snapshot_facts *f)
{
	char n[40];

	if (strcmp(f->kind, "none") == 0)
		rows_add(s, f->why_not != NULL ? STYLE_WARN : STYLE_NORMAL, "plan", "snapshot", f->why_not,
		    "%s", "none: the live files are read");
	else
		rows_add(s, STYLE_GOOD, "plan", "snapshot", f->why_not, "%s, of %s", f->kind,
		    str_count(n, sizeof n, f->n, "volume", "volumes"));
	for (size_t i = 0; i < f->n; i++)
		add_planned_volume(s, &f->volumes[i]);
	if (f->why_not != NULL)
		sheet_add(s, STYLE_NORMAL, "", "no better one", f->why_not,
		    "snapshot = in the [server] section chooses the kind");
}

void backup_rows_outlook(struct sheet *s, const struct backup_outlook *o, const struct conf_server *server)
{
	bool live = strcmp(o->snapshot.kind, "none") == 0;
	struct buf b = BUF_INIT;

	add_planned_kind(s, &o->snapshot);
	rows_seconds(&b, live ? server->hold_ms : server->pause_ms);
	rows_add(s, strcmp(o->quiesce, "none") == 0 ? STYLE_WARN : STYLE_NORMAL, "plan", "held still",
	    live ? "each is captured in that moment; what comes meanwhile waits as long"
		 : "while the snapshot is taken; then Cyrus goes on, and the snapshot is read",
	    "%s, at most %s", app_quiesce_words(o->quiesce), buf_text(&b));
	buf_done(&b);
	if (o->quiesce_why != NULL)
		sheet_add(s, STYLE_NORMAL, "", "no firmer", o->quiesce_why, NULL);
}
