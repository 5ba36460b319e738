/* boxes_impl.h: what the job posts and the table takes in. Only for the boxes files of this room. */
#ifndef APP_BOXES_IMPL_H
#define APP_BOXES_IMPL_H

#include "app/boxes.h"

/** Text of many rows in one piece, which never moves. */
struct boxes_text {
	struct boxes_text *next;
	char bytes[];
};

/** What is known of the whole list by now; all of it goes with every change. */
struct boxes_news {
	char *archive, *why_not, *deletedprefix; /* heap or NULL */
	int64_t when;
	enum archive_kind kind;
	bool decodes;  /* names can be shown as an administrator sees them */
	bool unixhier; /* unixhierarchysep of the imapd.conf by which they are */
	bool complete, comparing, compared;
	uint64_t fetched_bytes;
};

struct boxes_update {
	uint32_t number, live_messages;
	uint8_t state;
};

/** One item: rows in order with their text, states, or news. */
struct boxes_item {
	enum { BOXES_ITEM_ROWS, BOXES_ITEM_UPDATES, BOXES_ITEM_NEWS } kind;
	struct box *rows;
	struct boxes_text *text;
	struct boxes_update *updates;
	size_t n;
	struct boxes_news news;
};
void boxes_item_free(void *item);

/** boxes_news_copy(dst, src), boxes_news_done(n). */
void boxes_news_copy(struct boxes_news *dst, const struct boxes_news *src);
void boxes_news_done(struct boxes_news *n);

/** boxes_compare(a, b): Order of two rows. boxes_is_deleted(prefix, internal): As mboxname_is_deleted(), with that deletedprefix. */
int boxes_compare(const struct box *a, const struct box *b);
bool boxes_is_deleted(const char *prefix, const char *internal);

/** boxes_show(news, internal, out): Append the name for people. */
void boxes_show(const struct boxes_news *news, const char *internal, struct buf *out);

/** boxes_fill_name(news, row, internal, text): Append to ${text} what row->text will point at, and set what of ${row} comes from the name. */
void boxes_fill_name(const struct boxes_news *news, struct box *row, const char *internal, struct buf *text);

/* ---- the job ---- */

/** What the live server's list says of one mailbox of the archive. */
struct boxes_mate {
	uint32_t elsewhere; /* index + 1 of the entry that has its id under another name; 0: none */
	uint16_t partition; /* of the entry with its name, or elsewhere */
	bool named;         /* an entry has its name */
	bool knows_id;      /* both know an id */
	bool same_id;       /* which is the same, or not known */
	bool legacy;        /* MBTYPE_LEGACY_DIRS */
	bool gone_deleted;  /* elsewhere is DELETED.* */
};

struct boxes_job {
	struct job *job;
	const struct boxes_request *q;
	struct source *source;
	struct store *store;
	struct server *server; /* NULL: could not be opened; then server_why */
	struct err server_why;
	struct boxes_news news;

	/* The batch that is being filled, and rows that come last. */
	struct boxes_fill {
		struct box *rows; /* text: offset into text */
		size_t n, cap;
		struct buf text;
	} now, later;
	size_t limit; /* rows that make a batch */
	size_t next_number;
	size_t streamed; /* units of the archive that were made rows of while it was opened */
	bool did_stream;

	uint32_t *numbers; /* of the source's mailboxes */
	/* Those that are only listed, ascending by name. */
	struct boxes_listed {
		char *name, *uniqueid;
		uint32_t uidvalidity, number;
	} * listed;
	size_t n_listed, cap_listed;

	struct boxes_update *updates;
	size_t n_updates, cap_updates;
};

/** boxes_add(w, row, internal): Append a row, with what of it comes from elsewhere than the name. boxes_flush(w, all): Post rows; ${all}:
 * also those that come last. boxes_tell(w): Post the news. */
void boxes_add(struct boxes_job *w, struct box *row, const char *internal);
void boxes_flush(struct boxes_job *w, bool all);
void boxes_tell(struct boxes_job *w);

/** boxes_update(w, number, state, live_messages): Say the state of a row; posted sooner or later, at boxes_updates_post(w) at once. */
void boxes_update(struct boxes_job *w, uint32_t number, enum box_state state, uint32_t live_messages);
void boxes_updates_post(struct boxes_job *w);

/** boxes_compare_live(w, e): Compare with w->server. -1 only when cancelled; what cannot be read goes into the news. */
int boxes_compare_live(struct boxes_job *w, struct err *e);

#endif
