/* picture.c: hold, take, let go, open; and again. */
#include "backup/picture.h"

#include <fcntl.h>
#include <unistd.h>

#include "core/fault.h"
#include "core/log.h"

/* The snapshot syncs the file system while everybody waits: the less there is left to write, the shorter. */
static void sync_file_systems(const char *const *paths, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int fd = open(paths[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd == -1)
			continue;
		syncfs(fd);
		close(fd);
	}
}

/* Whatever happens, Cyrus goes on. */
static int take(struct picture *p, struct err *e)
{
	int rc;

	p->stage(p->arg, BACKUP_HOLD);
	if (ladder_hold(p->ladder, e) == -1)
		return -1;
	p->tries++;
	p->stage(p->arg, BACKUP_SNAPSHOT);
	rc = fault_point("backup-held", e) == -1 ? -1 : snapshot_take(p->snapshot, e);
	ladder_release(p->ladder);
	return rc;
}

static void note_hold(struct picture *p)
{
	struct ladder_facts f;

	ladder_facts(p->ladder, &f);
	log_write(LOG_LEVEL_INFO, "Cyrus stood still for %llu ms (%s)", (unsigned long long)f.pause_ms,
	    ladder_rung_name(f.reached));
	if (f.reached < f.best)
		findings_add(p->findings, FINDING_OTHER, "",
		    "Cyrus was held less firmly than it can be (%s, not %s): %s", ladder_rung_name(f.reached),
		    ladder_rung_name(f.best), f.why);
}

int picture_take(struct picture *p, const char *const *paths, size_t n, struct err *e)
{
	struct err own;

	if (e == NULL)
		e = &own;
	for (;;) {
		struct err left = { 0 };

		sync_file_systems(paths, n);
		if (take(p, e) == -1)
			return -1;
		p->stage(p->arg, BACKUP_MOUNT);
		if (fault_point("backup-taken", e) == 0 && snapshot_mount(p->snapshot, e) == 0) {
			note_hold(p);
			return 0;
		}
		if (snapshot_drop(p->snapshot, &left) == -1)
			findings_add(p->findings, FINDING_OTHER, "", "%s", left.msg);
		if (e->code != ERR_DAMAGE || left.msg[0] != '\0' || job_cancelled(p->job, e))
			return -1;
		if (p->tries == PICTURE_TRIES) {
			err_wrap(e, "%u snapshots in a row cannot be read", p->tries);
			return err_hint(e, "check the file system; snapshot = none backs up without one");
		}
		log_write(LOG_LEVEL_WARNING, "%s: another snapshot is taken", e->msg);
	}
}
