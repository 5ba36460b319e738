/* runs.h: what became of the last backups of each server.
 *
 * One file per server in the state directory, "runs-NAME.jsonl": a line for each run, the one that ended last stands last, at most RUNS_KEPT; rewritten whole or not at all. A
 * run's line is written when it begins and completed when it ends, so that one that was killed is seen as broken off. */
#ifndef APP_RUNS_H
#define APP_RUNS_H

#include "app/app.h"

#define RUNS_KEPT 400

enum run_outcome {
	RUN_RUNNING,
	RUN_OK,
	RUN_FINDINGS, /* the archive is there; something is wrong in the spool, or went wrong afterwards */
	RUN_FAILED,   /* also one that could not even start */
	RUN_CANCELLED,
	RUN_BROKEN_OFF, /* killed, or the host went down */
};

/** run_outcome_name(o): "running", "ok", "findings", "failed", "cancelled", "broken-off", for JSON. run_outcome_words(o): "broken off". Static. */
const char *run_outcome_name(enum run_outcome o);
const char *run_outcome_words(enum run_outcome o);

/** One run. Strings are on the heap, NULL where there is none; texts are safe. */
struct app_run {
	uint64_t number;      /* of the run, counted per server */
	int64_t begun, ended; /* unix time; ended 0: it has not, or not by itself */
	int64_t pid;
	enum run_outcome outcome;
	char *store;   /* its section */
	char *archive; /* NULL: there is none */
	uint64_t sequence;
	char *error, *next; /* why it failed, what to do next */
	int exit_status;    /* of the command: 0, 1, 2, ...; of a run that has not ended: 0 */
	char **warnings;    /* what went wrong after the archive was stored: a hook, the rotation */
	size_t n_warnings;
	char *quiesce, *quiesce_why; /* how Cyrus was held still; why no firmer */
	uint64_t pause_ms;
	char *snapshot; /* "lvm", "btrfs", "none" */
	unsigned tries;
	bool verified_all; /* the whole archive was read back; else its end mark and index */
	uint64_t mailboxes, messages, users, files, plain_bytes, stored_bytes, elapsed_ms;
	uint64_t n_findings, by_kind[FINDING_KINDS];
	uint64_t removed;   /* archives, by the rotation */
	int64_t store_free; /* bytes that its store had left at the end; -1: not known */
};

struct app_runs {
	struct app_run *list; /* the one that ended last first */
	size_t n;
};

/** app_runs(app, server, ret, e): The runs of that server (NULL: the first). None is no error. Quick: one file is read. app_runs_done() it in either case. */
int app_runs(struct app *app, const char *server, struct app_runs *ret, struct err *e);
void app_runs_done(struct app_runs *l);

#endif
