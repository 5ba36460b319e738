/* diff_impl.h: what the diff files of this room share. */
#ifndef APP_DIFF_IMPL_H
#define APP_DIFF_IMPL_H

#include "app/diff.h"
#include "app/names.h"
#include "restore/compare.h"

/** A mailbox on one side. */
struct diff_side_box {
	const char *name, *id; /* id "" if not known */
	uint32_t uidvalidity;  /* 0: not known yet */
	size_t at;             /* in the source, or in entries */
	bool used;
};

/** One side: an archive, or the live server. */
struct diff_side {
	struct source *source;
	struct store *store;
	struct server *server; /* live */
	struct mailbox_entry *entries;
	size_t n_entries, cap_entries;
	struct diff_side_box *boxes; /* ascending by name, without DELETED.* */
	size_t n, cap;
	struct diff_side_box *deleted;
	size_t n_deleted, cap_deleted;
};

/* diff_side.c */

/** diff_side_open(s, q, what, job, e): Open archive ${what}, or the live server, and list it. diff_side_done(s, app) in either case. */
int diff_side_open(
    struct diff_side *s, const struct diff_request *q, const char *what, struct job *job, struct err *e);
void diff_side_done(struct diff_side *s, struct app *app);

/** diff_side_find(s, name): The one with that name, or NULL. */
struct diff_side_box *diff_side_find(const struct diff_side *s, const char *name);

/** diff_side_messages(s, b): How many, where that is known without reading it; else 0. diff_side_fetched(s): Bytes read from the store. */
uint32_t diff_side_messages(const struct diff_side *s, const struct diff_side_box *b);
uint64_t diff_side_fetched(const struct diff_side *s);

/** diff_side_hashes(s, b, index, header): SHA-256 of the two files; false if that is not to be had without reading the messages. */
bool diff_side_hashes(const struct diff_side *s, const struct diff_side_box *b, uint8_t index[SHA256_SIZE],
    uint8_t header[SHA256_SIZE]);

/** A mailbox made ready to be compared: ${live} has index, header, files and \Seen of either kind of side. */
struct diff_loaded {
	struct source_messages *m; /* of an archive */
	struct compare_live live;
	struct live_mailbox borrowed;
};

/** diff_side_load(s, b, ret, e): Read it. diff_loaded_done() in either case. diff_loaded_seen(l, r): \Seen of the owner; false if not known. */
int diff_side_load(
    const struct diff_side *s, const struct diff_side_box *b, struct diff_loaded *ret, struct err *e);
void diff_loaded_done(struct diff_loaded *l);
bool diff_loaded_seen(const struct diff_loaded *l, const struct index_record *r);

/* diff_mails.c */

/** Mailboxes that differ, while they are collected. */
struct diff_found {
	struct diff_box **boxes;
	size_t n, cap;
	size_t kept; /* messages, of all */
	const struct names *names;
	struct diff_facts *facts;
};

/** diff_box_new(f, state, name): A box to be filled in. diff_box_free(b): NULL-safe. diff_add(f, b): It is complete but for what moved. */
struct diff_box *diff_box_new(const struct diff_found *f, enum diff_box_state state, const char *name);
void diff_box_free(struct diff_box *b);
void diff_add(struct diff_found *f, struct diff_box *b);

/** diff_mails(f, b, first, second): Compare; either may be NULL: not there. The first is of an archive. ${by_uid} false: their UIDs mean nothing to each other. */
void diff_mails(struct diff_found *f, struct diff_box *b, const struct diff_loaded *first,
    const struct diff_loaded *second, bool by_uid);

/** diff_moves(f): Find what moved, among all. */
void diff_moves(struct diff_found *f);

#endif
