/* keep_impl.h: what the parts of keep.h share: the bringing back of one mailbox. Only for this room. */
#ifndef RESTORE_KEEP_IMPL_H
#define RESTORE_KEEP_IMPL_H

#include "core/buf.h"
#include "core/digest.h"
#include "restore/keep.h"
#include "restore/place_stage.h"
#include "restore/source_impl.h"

/* A mailbox's own files as they are at one moment. */
struct keep_now {
	struct buf index, header;
	uint64_t cache_size; /* 0: there is none */
	uint32_t cache_generation;
};

/* What is put in their place. */
struct keep_made {
	struct keep_now of;              /* was made of these */
	struct buf index, header, cache; /* header: empty if it stays; cache: what comes to its end */
	bool *wanted;                    /* of each message of merge->archive */
	size_t n;
	uint64_t bytes, modseq;
	bool ready;
};

struct keeping {
	struct keep_context *cx;
	struct server *server;
	const struct restore_item *item;
	const struct mailbox_entry *entry;
	struct source_messages *m;
	struct buf index, cache; /* of the archive, as they are there */
	struct stage stages[IMAPD_ROOTS_MAX];
	size_t n_stages;
	bool *staged; /* of each message of merge->archive */
	struct keep_made made;
	/* the file being read */
	struct buf *to; /* of index or cache; else: */
	size_t at;
	int fd;
	int64_t mtime;
	uint64_t size;
	struct digest *digest;
};

/** keep_stage_for(g, meta): Where files of this kind (META_*; 0: messages) are made ready. */
struct stage *keep_stage_for(struct keeping *g, unsigned meta);

/** keep_stage_all(g, e): The messages that are to come back, out of the archive into the stages, forced to disk; cyrus.index and cyrus.cache into memory. One
 * that is damaged in the archive is a failure of its own. */
int keep_stage_all(struct keeping *g, struct err *e);

/** keep_meta_path(g, meta, name, path, e): Path of a mailbox's own file: name "/cyrus.index". */
int keep_meta_path(const struct keeping *g, unsigned meta, const char *name, struct buf *path, struct err *e);

/** keep_read_now(g, n, e): How it is. keep_now_done() it in either case. keep_same_now(a, b): Nothing has changed in between. */
int keep_read_now(const struct keeping *g, struct keep_now *n, struct err *e);
bool keep_same_now(const struct keep_now *a, const struct keep_now *b);
void keep_now_done(struct keep_now *n);

/** keep_prepare(g, now, e): Fill g->made from ${now}, which it takes over, and write what is new beside the spool. ERR_REFUSED: it cannot be done to what
 * is there by now. keep_made_done() it. */
int keep_prepare(struct keeping *g, struct keep_now *now, struct err *e);
void keep_made_done(struct keep_made *m);

#endif
