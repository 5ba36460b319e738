/* run_priv.h: what the files of a run share: its state, and telling what there is new. */
#ifndef BACKUP_RUN_PRIV_H
#define BACKUP_RUN_PRIV_H

#include "backup/backup.h"
#include "backup/capture.h"
#include "backup/pack.h"
#include "backup/roster.h"

struct run {
	struct server *server;
	const struct conf_server *conf;
	struct store *store;
	const struct backup_opts *opts;
	struct job *job;
	struct backup_result *ret;
	int64_t when;
	char *name, *previous;
	char **paths; /* all that is read lies below one of these */
	size_t n_paths;
	struct snapshot_opts snapshot_opts;
	struct snapshot *snapshot;
	struct quiesce *quiesce; /* of a live backup, else NULL */
	struct ladder *ladder;   /* of one from a snapshot, else NULL */
	unsigned tries;
	enum backup_stage stage;
	uint64_t told_ms;
	struct roster roster;
	bool list_changed; /* mailboxes.txt at the beginning is no longer the whole truth */
	struct findings findings;
	struct capture_context capture;
	struct pack_context pack;
	struct stream *out;
	struct archive_writer *writer;
};

/** run_begin(r, e): Look at the server, and have all that is read stand still: a snapshot is taken and mounted, or the live files are to be held
 * owner by owner. The list is read. */
int run_begin(struct run *r, struct err *e);

/** run_prepare(r): What is to be in the snapshot, and what is asked of it. run_forget_paths(r). */
void run_prepare(struct run *r);
void run_forget_paths(struct run *r);

/** run_let_snapshot_go(r): Nothing more is read of it; one that cannot be removed is a finding. */
void run_let_snapshot_go(struct run *r);

/** run_stage(r, stage): That stage begins. run_tell(r): Say what is known now. */
void run_stage(struct run *r, enum backup_stage stage);
void run_tell(struct run *r);

/** run_collect(r): What is known so far, into the result. */
void run_collect(struct run *r);

#endif
