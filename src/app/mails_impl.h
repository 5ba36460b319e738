/* mails_impl.h: what the job posts and the table takes in. Only for the mails files of this room. */
#ifndef APP_MAILS_IMPL_H
#define APP_MAILS_IMPL_H

#include "app/mails.h"

/** Senders and subjects of many rows in one piece, which never moves. */
struct mails_text {
	struct mails_text *next;
	char bytes[];
};

/** One item: rows, ascending and above all before, states of the rows from ${first} on, or news; each also brings the facts. */
struct mails_item {
	struct mail *rows;
	struct mails_text *text;
	uint8_t *states;
	size_t n, first;
	struct mails_facts facts; /* without the counts that the table keeps; its text is in: */
	char *archive, *shown, *live_name, *why_not;
};
void mails_item_free(void *item);

#endif
