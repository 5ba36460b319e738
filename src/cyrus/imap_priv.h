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
	struct imap_appending *appending; /* between imap_append_begin() and imap_append_end(), else NULL */
};

/** imap_conn_open(address, o, local, e): A connected socket or -1. */
int imap_conn_open(const char *address, const struct imap_opts *o, bool *local, struct err *e);

/** imap_conn_send(im, p, n, e): All of it. imap_conn_response(im, e): The next response with its literals into
 * im->response, without the last CRLF. Both kill the connection when they fail. */
int imap_conn_send(struct imap *im, const void *p, size_t n, struct err *e);
int imap_conn_response(struct imap *im, struct err *e);

/** One command under way: its responses go to a reply, or to a callback and are forgotten. */
struct imap_exchange {
	struct imap *im;
	char tag[16];
	struct imap_arena *arena;
	struct imap_reply *reply; /* NULL: to the callback */
	size_t cap;
	imap_each_fn *each;
	void *arg;
	bool stopped; /* the callback failed; ${e} says how */
	struct imap_response final;
	struct err *e;
};

enum { STEP_FAILED = -1, STEP_FINAL, STEP_CONTINUE, STEP_UNTAGGED };

/** imap_exchange_send(x, c, open): Send the command; STEP_CONTINUE when all of it is out. ${open}: more follows, the line is not ended.
 * imap_exchange_await(x, want_continue): Until the server gives leave to send on, or ends the command. */
int imap_exchange_send(struct imap_exchange *x, const struct imap_cmd *c, bool open);
int imap_exchange_await(struct imap_exchange *x, bool want_continue);

/** imap_append_drop(im): Forget an APPEND that was not ended. */
void imap_append_drop(struct imap *im);

/** imap_take_caps(im, list): Remember a capability list. */
void imap_take_caps(struct imap *im, const struct imap_value *list);

#endif
