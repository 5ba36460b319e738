/* begin.c: how a backup begins: look, clean up, choose a snapshot, take it, read the list. */
#include "backup/run_priv.h"

#include <stdlib.h>
#include <string.h>

#include "backup/paths.h"
#include "backup/picture.h"
#include "core/log.h"

static void begin_stage(void *arg, enum backup_stage stage)
{
	run_stage(arg, stage);
}

/* What runs that were killed left behind is a danger to the server itself: it goes first, and loudly. */
static void clean_leftovers(struct run *r)
{
	struct err why;
	char *what = NULL;

	if (snapshot_clean(&r->snapshot_opts, &what, &why) == -1)
		findings_add(&r->findings, FINDING_OTHER, "", "left behind by a run that was killed: %s%s%s",
		    why.msg, why.hint[0] != '\0' ? "; " : "", why.hint);
	if (what != NULL)
		log_write(LOG_LEVEL_WARNING, "removed what a run that was killed had left: %s", what);
	free(what);
}

/* Instead of the snapshot that was planned. */
static int read_live(struct run *r, struct err *e)
{
	run_let_snapshot_go(r);
	r->snapshot_opts.kind = "none";
	return snapshot_plan(&r->snapshot_opts, (const char *const *)r->paths, r->n_paths, &r->snapshot, e);
}

void run_prepare(struct run *r)
{
	r->paths = backup_paths(r->server, &r->n_paths);
	r->snapshot_opts = backup_snapshot_opts(r->conf, (const char *const *)r->paths, r->n_paths, r->job);
}

void run_forget_paths(struct run *r)
{
	for (size_t i = 0; i < r->n_paths; i++)
		free(r->paths[i]);
	free(r->paths);
}

static int look(struct run *r, struct err *e)
{
	job_step(r->job, "look at the server");
	run_stage(r, BACKUP_LOOK);
	run_prepare(r);
	if (!r->opts->dry_run)
		clean_leftovers(r);
	if (snapshot_plan(&r->snapshot_opts, (const char *const *)r->paths, r->n_paths, &r->snapshot, e) ==
	    -1)
		return -1;
	if (!r->opts->dry_run)
		return 0;
	/* Nothing is changed: what the snapshot would be is said. */
	snapshot_facts(r->snapshot, &r->ret->snapshot);
	return read_live(r, e);
}

/* The live files: each user is held still in turn. */
static int begin_live(struct run *r, struct err *e)
{
	if (roster_read(r->server, &r->roster, e) == -1 ||
	    quiesce_open(r->server->conf, r->server->version, &r->quiesce, e) == -1)
		return -1;
	quiesce_set_job(r->quiesce, r->job);
	r->ret->quiesce = quiesce_level_name(quiesce_level(r->quiesce));
	return 0;
}

static int begin_snapshot(struct run *r, struct err *e)
{
	struct picture p = { .snapshot = r->snapshot,
		.findings = &r->findings,
		.job = r->job,
		.stage = begin_stage,
		.arg = r };
	int rc;

	if (ladder_open(r->server, r->conf->pause_ms, r->job, &r->ladder, e) == -1)
		return -1;
	p.ladder = r->ladder;
	job_step(r->job, "snapshot");
	rc = picture_take(&p, (const char *const *)r->paths, r->n_paths, e);
	r->tries = p.tries;
	if (rc == -1)
		return -1;
	run_collect(r);
	return roster_read_from(r->server, r->snapshot, ladder_list_text(r->ladder), &r->roster, e);
}

/* "auto" means the best that can be had: a backup of the live files is better than none. */
static int settle_for_live(struct run *r, struct err *e)
{
	findings_add(
	    &r->findings, FINDING_OTHER, "", "no snapshot could be had, the live files are read: %s", e->msg);
	ladder_free(r->ladder);
	r->ladder = NULL;
	r->tries = 0;
	return read_live(r, e) == 0 ? begin_live(r, e) : -1;
}

/* What the list came from, if it is not all that it could be. */
static void note_list(struct run *r)
{
	const struct roster *list = &r->roster;

	if (list->list->notes & (CYRUSDB_NOTE_TORN | CYRUSDB_NOTE_DAMAGED))
		findings_add(&r->findings, FINDING_OTHER, "",
		    "%s is damaged: some mailboxes may be missing from the list",
		    r->server->conf->mboxlist_path);
	if (list->source == ROSTER_TEXT)
		findings_add(&r->findings, FINDING_OTHER, "",
		    "the list is that of ctl_mboxlist -d, from just before the snapshot: %s", list->why);
	if (list->source == ROSTER_PAGES)
		findings_add(&r->findings, FINDING_OTHER, "",
		    "the list may lack the latest changes, which are in Berkeley's log only: %s", list->why);
}

int run_begin(struct run *r, struct err *e)
{
	int rc = look(r, e);

	if (rc == 0 && snapshot_is_live(r->snapshot))
		rc = begin_live(r, e);
	else if (rc == 0 && (rc = begin_snapshot(r, e)) == -1 && strcmp(r->conf->snapshot, "auto") == 0 &&
		 !job_cancelled(r->job, NULL))
		rc = settle_for_live(r, e);
	if (rc == 0)
		note_list(r);
	return rc;
}

/* Each change of the server costs time and room while a snapshot of it is there. */
void run_let_snapshot_go(struct run *r)
{
	struct err why;

	if (snapshot_release(r->snapshot, &why) == -1)
		findings_add(&r->findings, FINDING_OTHER, "", "%s%s%s", why.msg,
		    why.hint[0] != '\0' ? "; " : "", why.hint);
	r->snapshot = NULL;
}
