/* backup_rows.h: a backup as rows of a sheet: what it would do, what it is at, what came of it. Pure but for the sheet. */
#ifndef UI_BACKUP_ROWS_H
#define UI_BACKUP_ROWS_H

#include "backup/backup.h"
#include "core/job.h"
#include "ui/backup_watch.h"
#include "ui/sheet.h"

/** backup_rows_outlook(s, o, server): What kind of snapshot, of which volumes, with how much room; how Cyrus is held, and for how long at most. */
void backup_rows_outlook(struct sheet *s, const struct backup_outlook *o, const struct conf_server *server);

/** What else there is to say of one that runs. */
struct backup_pace {
	bool dry_run, verify_all;
	uint64_t now_ms; /* by clock_monotonic_ms() */
	struct job_progress progress;
	double rate; /* bytes a second */
};

/** backup_rows_running(s, sight, pace): The stages, what is known of the snapshot, what was noticed. Returns the row of the stage that it is at. */
size_t backup_rows_running(struct sheet *s, const struct backup_sight *sight, const struct backup_pace *pace);

/** backup_rows_report(s, r, sight): What came of one that has made an archive, or was a trial. backup_rows_stages(s, sight): How far one came, and
 * how long each stage took. */
void backup_rows_report(struct sheet *s, const struct backup_result *r, const struct backup_sight *sight);
void backup_rows_stages(struct sheet *s, const struct backup_sight *sight);

/** backup_stage_name(stage): "look", "hold", ...; static. */
const char *backup_stage_name(enum backup_stage stage);

#endif
