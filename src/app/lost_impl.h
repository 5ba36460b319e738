/* lost_impl.h: between the files that look for what was lost. Only for them. */
#ifndef APP_LOST_IMPL_H
#define APP_LOST_IMPL_H

#include "app/find_fill.h"
#include "app/lost.h"
#include "app/names.h"

/** Messages by what tells them apart: a GUID, or what find_texts() makes up for one. */
struct lost_keys {
	struct lost_key {
		uint8_t bytes[SHA1_SIZE];
		size_t value;
	} * list;
	size_t n, cap;
	size_t *table, table_size; /* 0 or index + 1 */
};

/** lost_keys_find(k, bytes): Its value, or NULL. lost_keys_add(k, bytes, value): It is not in there yet. lost_keys_done(k). */
size_t *lost_keys_find(const struct lost_keys *k, const uint8_t bytes[SHA1_SIZE]);
void lost_keys_add(struct lost_keys *k, const uint8_t bytes[SHA1_SIZE], size_t value);
void lost_keys_done(struct lost_keys *k);

/** A message of the running server: the best place of those that have it. */
struct lost_place {
	enum { PLACE_VISIBLE, PLACE_EXPUNGED, PLACE_DELETED, PLACE_NO_FILE } kind;
	uint32_t uid;
	size_t box;
};

/** What the running server has of the user. */
struct lost_live {
	struct lost_keys keys; /* values are indices of places */
	struct lost_place *places;
	size_t n, cap;
	char **boxes; /* shown names */
	size_t n_boxes, cap_boxes;
	bool lacks_guids; /* some message has none */
	bool made;        /* made-up ones of all messages are among the keys */
};

/** The user whose mailboxes are looked for. lost_is_his(u, internal): It is his, deleted or not. */
struct lost_user {
	const char *name;
	char *inbox;
	const struct imapd_conf *conf; /* for DELETED.*; or NULL */
};
bool lost_is_his(const struct lost_user *u, const char *internal);

/** lost_made_key(m, ix, r, ret, text, mail): The made-up GUID of a record; ${mail}'s strings lie in ${text}. */
void lost_made_key(const struct source_messages *m, const struct mailbox_index *ix,
    const struct index_record *r, uint8_t ret[SHA1_SIZE], struct buf *text, struct catalogue_mail *mail);

/** lost_look_live(l, q, made, job, e): Read what there is; ${made}: with made-up keys for all. Once more is no harm. lost_live_done(l). */
int lost_look_live(struct lost_live *l, struct lost_request *q, bool made, struct job *job, struct err *e);
void lost_live_done(struct lost_live *l);

#endif
