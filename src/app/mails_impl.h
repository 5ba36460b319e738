/* mails_impl.h: what the job posts and the table takes in. Only for the mails files of this room. */
#ifndef APP_MAILS_IMPL_H
#define APP_MAILS_IMPL_H

#include "app/mails.h"
#include "app/names.h"
#include "restore/compare.h"

/** Senders and subjects of many rows in one piece, which never moves. */
struct mails_text {
	struct mails_text *next;
	char bytes[];
};

/** How a row stands. */
struct mails_state {
	uint8_t state;
	uint16_t place; /* 1: the first of all places that were posted; 0: none */
	uint32_t live_uid;
};

/** One item: rows, ascending and above all before, states of the rows from ${first} on, or news; each also brings the facts, and places that are
 * new. */
struct mails_item {
	struct mail *rows;
	struct mails_text *text;
	struct mails_state *states;
	size_t n, first;
	char **places;
	size_t n_places;
	struct mails_facts facts; /* without the counts that the table keeps; its text is in: */
	char *archive, *shown, *live_name, *why_not;
};
void mails_item_free(void *item);

/** A record, of cyrus.index or of cyrus.expunge. */
struct mails_record {
	const struct index_record *r;
	bool expunged;
};

/** The job. */
struct mails_run {
	struct job *job;
	const struct mails_request *q;
	struct source *source;
	struct store *store;
	struct server *server; /* NULL: not opened */
	size_t at;
	struct source_messages *m;
	struct mails_record *records; /* as the rows */
	size_t n;
	struct mails_facts facts;
	char *archive, *shown, *live_name, *why_not;
};

/** mails_new_item(w): One with the facts as they are. mails_post(w, item). */
struct mails_item *mails_new_item(const struct mails_run *w);
void mails_post(const struct mails_run *w, struct mails_item *item);

/** Rows that are being made: mails_fill_texts(f, env, row) adds sender and subject of ${env} (empty: none) for ${row}, of many; mails_fill_end(f, item)
 * gives all of it to ${item}, whose rows these are. */
struct mails_fill {
	struct buf text, scratch[2];
};
void mails_fill_texts(struct mails_fill *f, const struct envelope *env, struct mail *row);
void mails_fill_end(struct mails_fill *f, struct mails_item *item);

/** mails_compare(w, e): Compare what was read with the live server, and post that; what cannot be compared is said in the facts. mails_live.c */
int mails_compare(struct mails_run *w, struct err *e);

#endif
