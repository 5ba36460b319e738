/* imap.h: a small IMAP4rev1 client for the server on this host.
 *
 * One connection, one command at a time, one thread at a time. Everything a server sends is bounded by the options and
 * checked before it is believed; memory grows with what was received, never with what was promised. Errors: ERR_TOOL
 * carries the server's NO or BAD text, ERR_AUTH a refused login, ERR_FORMAT an answer that is no IMAP, ERR_SYS a lost
 * connection or time-out (ETIMEDOUT); after ERR_FORMAT and ERR_SYS the connection is dead and every call fails.
 * Passwords appear in no message and no log. Mailbox names are those of the server, still modified UTF-7 (mboxname_admin()).
 * Source: RFC 3501, 4314, 2087, 2342, 5464, 4315, 4959, 7888; Cyrus 2.3.19, 2.4.22, 3.6.1. */
#ifndef CYRUS_IMAP_H
#define CYRUS_IMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/job.h"

struct imap;

/** Zero is the default of each. */
struct imap_opts {
	uint64_t connect_timeout_ms; /* 10 s */
	uint64_t read_timeout_ms;    /* 300 s without a byte */
	size_t max_response_bytes;   /* of one response with its literals: 64 MiB */
	size_t max_reply_bytes;	     /* of all that is kept of one command: 256 MiB */
	struct job *job;	     /* its cancel ends every wait; must outlive the connection */
};

/** imap_connect(address, o, ret, e): Connect to "host:port", "[::1]:143" or an absolute socket path, read the
 * greeting and the capabilities. ${o} may be NULL. imap_close() the result. */
int imap_connect(const char *address, const struct imap_opts *o, struct imap **ret, struct err *e);

/** imap_open_fd(fd, local, o, ret, e): The same over a connected stream socket, which is taken over in any case.
 * ${local}: a password may be sent in clear. */
int imap_open_fd(int fd, bool local, const struct imap_opts *o, struct imap **ret, struct err *e);

/** imap_logout(im): LOGOUT kindly, then imap_close(). imap_close(im): Drop the connection. Both NULL-safe. */
void imap_logout(struct imap *im);
void imap_close(struct imap *im);

/** imap_has(im, capability): The server offers that ("UIDPLUS", "METADATA", "SASL-IR"). */
bool imap_has(const struct imap *im, const char *capability);

/** imap_login_plain(im, authcid, authzid, password, e): AUTHENTICATE PLAIN as ${authcid}, acting as ${authzid}
 * (NULL: as itself); LOGIN where PLAIN is not offered and no ${authzid} asked for. ERR_AUTH: the server said no,
 * or takes no password without TLS. ERR_REFUSED: the server is not on this host, and the password would cross the
 * net in clear. */
int imap_login_plain(
    struct imap *im, const char *authcid, const char *authzid, const char *password, struct err *e);

/* ---- answers ---- */

enum imap_kind { IMAP_NIL, IMAP_ATOM, IMAP_STRING, IMAP_NUMBER, IMAP_LIST };

/** One token of an answer. BODY[HEADER.FIELDS (A B)]<0> is one atom. */
struct imap_value {
	enum imap_kind kind;
	const char *text; /* atom, string, number: its bytes and a NUL; "" otherwise */
	size_t len;
	uint64_t number;		/* IMAP_NUMBER */
	const struct imap_value *items; /* IMAP_LIST */
	size_t n;
};

/** One untagged response. OK, NO, BAD, BYE and PREAUTH have code and text, all others args. */
struct imap_response {
	const char *name;	     /* "LIST", "FETCH", "EXISTS", "OK", upper case */
	uint64_t number;	     /* "* 12 FETCH": 12; else 0 */
	struct imap_value args;	     /* a list of what follows the name */
	const char *code;	     /* "UIDVALIDITY" of "[UIDVALIDITY 12]", upper case, or NULL */
	struct imap_value code_args; /* a list */
	const char *text;	     /* what is for people; "" */
};

enum imap_status { IMAP_OK, IMAP_NO, IMAP_BAD };

/** What came back from one command. */
struct imap_reply {
	enum imap_status status;
	struct imap_response tagged; /* code and text of the final OK, NO or BAD */
	struct imap_response *responses;
	size_t n;
	void *memory; /* what all of it is made of */
};

/** imap_reply_free(r): NULL-safe. What belongs to a reply ends with it. */
void imap_reply_free(struct imap_reply *r);

/** imap_reply_find(r, name, from): The first response called ${name} at or after index ${from}, its index in
 * ${*at} (may be NULL); NULL at the end. */
const struct imap_response *imap_reply_find(
    const struct imap_reply *r, const char *name, size_t from, size_t *at);

/** imap_reply_code(r, code): The arguments of a response code, in the final response or an untagged one; or NULL. */
const struct imap_value *imap_reply_code(const struct imap_reply *r, const char *code);

/** imap_value_is(v, atom): An atom of that name, whatever its case. imap_value_pair(list, key): The value after
 * ${key} in a list of pairs, as in FETCH and STATUS; or NULL. imap_value_text(v): Bytes of an atom, string or
 * number; NULL for NIL and lists. */
bool imap_value_is(const struct imap_value *v, const char *atom);
const struct imap_value *imap_value_pair(const struct imap_value *list, const char *key);
const char *imap_value_text(const struct imap_value *v);

/** imap_response_parse(p, n, ret, e): Parse one response as it came ("* LIST () ..." with literals in place,
 * without the last CRLF) into a reply of one response; pure, for tests and fuzzers. A tagged line fills
 * ret->tagged and ret->status. */
int imap_response_parse(const char *p, size_t n, struct imap_reply **ret, struct err *e);

/* ---- commands ---- */

/** A command being put together; IMAP_CMD_INIT, then imap_cmd_*(), imap_run(), imap_cmd_done(). */
struct imap_cmd {
	struct buf text;
	size_t *stops; /* after which bytes the server's leave must be awaited */
	size_t n_stops, cap_stops;
	bool glue; /* the next argument follows without a blank */
};
#define IMAP_CMD_INIT        \
	{                    \
		.glue = true \
	}

/** imap_cmd_raw(c, s): ${s} as it stands; for words of the protocol, never for data. imap_cmd_join(c, s): The
 * same without the blank that is put between arguments (there is none after a "(" or a blank either).
 * imap_cmd_bytes(c, p, n): Any bytes as a string: quoted where that can be, else a literal. imap_cmd_string(c,
 * s): The same of a C string. imap_cmd_literal(c, p, n): Always a literal. */
void imap_cmd_raw(struct imap_cmd *c, const char *s);
void imap_cmd_join(struct imap_cmd *c, const char *s);
void imap_cmd_bytes(struct imap_cmd *c, const void *p, size_t n);
void imap_cmd_string(struct imap_cmd *c, const char *s);
void imap_cmd_literal(struct imap_cmd *c, const void *p, size_t n);
void imap_cmd_done(struct imap_cmd *c);

/** imap_run(im, c, ret, e): Send ${c}, read up to its final response. 0 with ${*ret} when that is OK. NO and BAD:
 * -1, ERR_TOOL, and ${*ret} is the reply all the same. Other failures: -1 and ${*ret} NULL. ${ret} may be NULL. */
int imap_run(struct imap *im, const struct imap_cmd *c, struct imap_reply **ret, struct err *e);

/** imap_each_fn(arg, response, e): 0 to go on; -1 with ${e} filled: the rest is read and dropped, and the command
 * fails so. */
typedef int imap_each_fn(void *arg, const struct imap_response *response, struct err *e);

/** imap_run_each(im, c, each, arg, e): As imap_run(), but hands every untagged response to ${each} and forgets
 * it: for answers of any number of responses. */
int imap_run_each(struct imap *im, const struct imap_cmd *c, imap_each_fn *each, void *arg, struct err *e);

/** imap_command(im, ret, e, fmt, ...): imap_run() of a formatted command: %s is data and becomes a safe string
 * (as imap_cmd_string()), %.*s data of that length, %d %u %lu %llu numbers, all else stands as it is. No other
 * directives. */
int imap_command(struct imap *im, struct imap_reply **ret, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- what we need of it ---- */

/** imap_create(im, mailbox, partition or NULL, e), imap_rename(im, from, to, e), imap_delete(im, mailbox, e). */
int imap_create(struct imap *im, const char *mailbox, const char *partition, struct err *e);
int imap_rename(struct imap *im, const char *from, const char *to, struct err *e);
int imap_delete(struct imap *im, const char *mailbox, struct err *e);

/** imap_list(im, pattern, each, arg, e): LIST "" ${pattern}; ${each} gets name, hierarchy separator (0: none) and
 * whether it can be selected. */
typedef int imap_list_fn(void *arg, const char *name, char separator, bool selectable, struct err *e);
int imap_list(struct imap *im, const char *pattern, imap_list_fn *each, void *arg, struct err *e);

/** imap_separator(im, ret, e): The server's hierarchy separator. */
int imap_separator(struct imap *im, char *ret, struct err *e);

/** imap_namespace(im, personal, other, shared, e): Prefixes as heap strings, "" or NULL where there is none
 * (NAMESPACE). */
int imap_namespace(struct imap *im, char **personal, char **other, char **shared, struct err *e);

struct imap_mailbox_status {
	uint32_t uidvalidity, uidnext;
	uint64_t messages, unseen;
	uint64_t highestmodseq; /* 0: the server does not tell */
};

/** imap_status(im, mailbox, ret, e): STATUS of a mailbox; ERR_NOT_FOUND when the server says there is none. */
int imap_status(struct imap *im, const char *mailbox, struct imap_mailbox_status *ret, struct err *e);

/** imap_select(im, mailbox, read_only, ret, e): SELECT or EXAMINE. ${ret} may be NULL; unseen is not filled. */
int imap_select(
    struct imap *im, const char *mailbox, bool read_only, struct imap_mailbox_status *ret, struct err *e);

/** A message to append. */
struct imap_append {
	const char *mailbox;
	const char *flags;	  /* "\\Seen $Label1" without parentheses, or NULL */
	const char *internaldate; /* "17-Jul-1996 02:44:25 -0700", or NULL: now */
	const void *bytes;	  /* of imap_append() alone */
	size_t len;
};

/** imap_append(im, a, uidvalidity, uid, e): APPEND; where it landed (APPENDUID), or 0 when the server does not tell. */
int imap_append(
    struct imap *im, const struct imap_append *a, uint32_t *uidvalidity, uint32_t *uid, struct err *e);

/** imap_append_begin(im, a, e), imap_append_data(im, p, n, e), imap_append_end(im, uidvalidity, uid, e): The same of a message that comes
 * piece by piece: a->len bytes in all. The server has given leave to send when imap_append_begin() returns 0. ERR_SPACE: over quota;
 * ERR_TOOL: refused, and the connection lives on. Ended only by its last byte: until then imap_close() takes it all back. No other call
 * in between. */
int imap_append_begin(struct imap *im, const struct imap_append *a, struct err *e);
int imap_append_data(struct imap *im, const void *p, size_t n, struct err *e);
int imap_append_end(struct imap *im, uint32_t *uidvalidity, uint32_t *uid, struct err *e);

/** imap_expunge_uids(im, uids, n, e): Remove these messages (ascending UIDs) from the selected mailbox, and no others: needs UIDPLUS, else
 * ERR_UNSUPPORTED. Those that are not there are no error. */
int imap_expunge_uids(struct imap *im, const uint32_t *uids, size_t n, struct err *e);

/** imap_store_uids(im, uids, n, flag, on, e): Set ${flag} (an atom, "\Seen" or a keyword) on these messages (ascending UIDs) of the selected mailbox,
 * or take it from them. Those that are not there are no error; a server's NO is ERR_TOOL. */
int imap_store_uids(
    struct imap *im, const uint32_t *uids, size_t n, const char *flag, bool on, struct err *e);

/** imap_copy_uids(im, uids, n, to, e): Copy these messages (ascending UIDs) of the selected mailbox to mailbox ${to}, with flags and internal date. */
int imap_copy_uids(struct imap *im, const uint32_t *uids, size_t n, const char *to, struct err *e);

/** imap_internaldate(dst, size, t): A time in the form of APPEND, in UTC. */
const char *imap_internaldate(char *dst, size_t size, int64_t t);

/** imap_setmetadata(im, mailbox, entry, p, n, e): Set annotation ${entry} ("/private/comment"); ${p} NULL: remove
 * it (Cyrus does so for an empty value too). ${mailbox} "" is the server itself. Falls back to SETANNOTATION
 * (2.x). */
int imap_setmetadata(
    struct imap *im, const char *mailbox, const char *entry, const void *p, size_t n, struct err *e);

/** imap_getmetadata(im, mailbox, entry, b, e): 1 and the value appended, 0 when there is none, -1. */
int imap_getmetadata(struct imap *im, const char *mailbox, const char *entry, struct buf *b, struct err *e);

/** imap_subscribe(im, mailbox, e), imap_unsubscribe(im, mailbox, e): For whom we act as. */
int imap_subscribe(struct imap *im, const char *mailbox, struct err *e);
int imap_unsubscribe(struct imap *im, const char *mailbox, struct err *e);

/** imap_setacl(im, mailbox, user, rights, e): Replace the rights of ${user}; "" removes them (DELETEACL). */
int imap_setacl(struct imap *im, const char *mailbox, const char *user, const char *rights, struct err *e);

/** imap_setquota(im, root, storage_kb, messages, e): Limits of a quota root; -1: none. */
int imap_setquota(struct imap *im, const char *root, int64_t storage_kb, int64_t messages, struct err *e);

#endif
