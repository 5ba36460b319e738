/* imap_priv.h: what imap*.c share: the connection, the parser's memory. */
#ifndef CYRUS_IMAP_PRIV_H
#define CYRUS_IMAP_PRIV_H

#include "cyrus/imap.h"

/** Memory that is freed at once; zeroed when given out. */
struct imap_arena {
	struct imap_chunk *chunks;
	size_t total_bytes;
};

void imap_arena_done(struct imap_arena *a);

/** imap_parse(a, p, n, r, tag, tag_size, e): One response without its last CRLF into ${r}, whose memory is ${a}.
 * ${tag} gets "*", "+" or the tag of a final response. */
int imap_parse(struct imap_arena *a, const char *p, size_t n, struct imap_response *r, char *tag,
    size_t tag_size, struct err *e);

/** imap_status_of(name): IMAP_OK, IMAP_NO, IMAP_BAD for "OK", "NO", "BAD"; -1 for any other name. */
int imap_status_of(const char *name);

struct imap {
	int fd;
	bool local; /* a password may be sent in clear */
	bool dead;
	char bye[200]; /* its last words; "" while it has not said them */
	struct imap_opts o;
	unsigned tag;
	char **caps;
	size_t n_caps;
	struct buf in; /* what was received and not yet read: from in_at on */
	size_t in_at;
	struct buf response;
};

/** imap_conn_open(address, o, local, e): A connected socket or -1. */
int imap_conn_open(const char *address, const struct imap_opts *o, bool *local, struct err *e);

/** imap_conn_send(im, p, n, e): All of it. imap_conn_response(im, e): The next response with its literals into
 * im->response, without the last CRLF. Both kill the connection when they fail. */
int imap_conn_send(struct imap *im, const void *p, size_t n, struct err *e);
int imap_conn_response(struct imap *im, struct err *e);

/** imap_take_caps(im, list): Remember a capability list. */
void imap_take_caps(struct imap *im, const struct imap_value *list);

#endif
