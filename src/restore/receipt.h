/* receipt.h: what came of a restore, for each mailbox and each kind of its state, with the proof: kept in the case, printed, and shown. */
#ifndef RESTORE_RECEIPT_H
#define RESTORE_RECEIPT_H

#include "restore/case.h"

enum receipt_proof {
	RECEIPT_UNPROVED, /* it did not get so far, or there was nothing to prove */
	RECEIPT_PROVED,   /* read back: as in the archive */
	RECEIPT_DIFFERS,
};
const char *receipt_proof_name(enum receipt_proof p); /* "not proved", "proved", "differs" */

/** One kind of state of a mailbox, read back. */
struct receipt_state {
	unsigned kind; /* its bit of RESTORE_FLAGS..., as a number: restore_what_name() */
	bool same;     /* as in the archive */
	char *why;     /* what is not; NULL */
};

struct receipt_box {
	char *name;                                /* internal */
	enum mailbox_state was;                    /* before */
	uint64_t created, merged, skipped, failed; /* messages: see struct restore_result */
	uint64_t files, bytes;
	enum receipt_proof proof;
	char *why; /* not proved, differs: why; NULL */
	struct receipt_state *state;
	size_t n_state;
};

struct receipt {
	char *case_id, *server, *archive, *who, *reason; /* as in struct case_info */
	int64_t begun, ended;
	uint64_t elapsed_ms;
	bool done;   /* to its end */
	char *error; /* why not, or NULL */
	char *undo;  /* the command line that takes it back */
	struct receipt_box *boxes;
	size_t n_boxes;
	struct restore_result counts; /* its own copy of numbers, warnings and failures */
};

/** receipt_make(c, result, e, undo, ret): Of a run that has ended, ${e} NULL: well. receipt_done() it. */
void receipt_make(const struct restore_case *c, const struct restore_result *result, const struct err *e,
    const char *undo, struct receipt *ret);
void receipt_done(struct receipt *r);

/** receipt_json(r, b), receipt_text(r, conf, b): Append it, as one JSON object, and for people; ${conf} is that of the server, for names. */
void receipt_json(const struct receipt *r, struct buf *b);
void receipt_text(const struct receipt *r, const struct imapd_conf *conf, struct buf *b);

/** receipt_keep(c, r, conf, e): Both into the case. */
int receipt_keep(
    struct restore_case *c, const struct receipt *r, const struct imapd_conf *conf, struct err *e);

/** receipt_boxes_free(boxes, n). */
void receipt_boxes_free(struct receipt_box *boxes, size_t n);

#endif
