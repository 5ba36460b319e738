/* run_priv.h: between the files that carry a plan out. Only for this room. */
#ifndef RESTORE_RUN_PRIV_H
#define RESTORE_RUN_PRIV_H

#include "restore/case.h"
#include "restore/place.h"

struct run {
	struct server *server;
	struct restore_plan *plan;
	struct restore_case *kase;
	bool renames_recorded;
	struct journal *journal; /* of kase */
	struct job *job;
	struct restore_result *result;
	size_t cap_warnings;
	struct place_context place;
	struct imap *admin;  /* NULL: not yet connected */
	struct imap *prover; /* acts as prover_user ("": the admin) */
	char *prover_user;
	bool no_imap; /* the server cannot be asked */
	bool refused; /* the server did not take a message */
	char *safety; /* where messages that the server may remove are copied to first; NULL: nowhere */
};

/** run_warn(r, what, e): Something failed that is no reason to stop: one of the result's warnings. */
void run_warn(struct run *r, const char *what, const struct err *e);

/** record_files(r, item, e), record_renames(r, e), record_seen(r, item, reader, path, kind, value, e), record_quota_root(r, root, e): Before a step puts the
 * files of ${item} into place, renames, sets the reader's record in the database ${path} to ${value}, makes a quota root: that into the journal. */
int record_files(struct run *r, const struct restore_item *item, struct err *e);
int record_renames(struct run *r, struct err *e);
int record_seen(struct run *r, const struct restore_item *item, const char *reader, const char *path,
    const char *kind, const char *value, struct err *e);
int record_quota_root(struct run *r, const char *root, struct err *e);

/** receipt_prove_state(r, item, box, e): Read back what item number ${item}, which came back whole, has besides messages: a line of ${box} for each kind asked
 * for, and counted in r->result. */
struct receipt_box;
int receipt_prove_state(struct run *r, size_t item, struct receipt_box *box, struct err *e);

/** run_admin_imap(r, e): Fill r->admin, if it is not there yet. */
int run_admin_imap(struct run *r, struct err *e);

#endif
