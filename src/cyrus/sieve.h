/* sieve.h: a small ManageSieve client: a user's scripts as the server itself keeps them, wherever that is in its version.
 *
 * One connection, one command at a time, one thread at a time. Everything a server sends is bounded. Errors as in imap.h. Source: RFC 5804;
 * timsieved of Cyrus 2.3.19, 3.6.1. */
#ifndef CYRUS_SIEVE_H
#define CYRUS_SIEVE_H

#include "cyrus/imap.h"

struct sieve;

/** A user's scripts. */
struct sieve_list {
	char **names;
	size_t n, cap;
	size_t active; /* index; (size_t)-1: none is */
};

/** sieve_connect(address, authcid, authzid, password, o, ret, e): Connect and log in as ${authcid}, acting as ${authzid}; ${o} may be NULL. ERR_AUTH;
 * ERR_REFUSED: the server is not on this host. sieve_close() it, NULL-safe. */
int sieve_connect(const char *address, const char *authcid, const char *authzid, const char *password,
    const struct imap_opts *o, struct sieve **ret, struct err *e);
void sieve_close(struct sieve *s);

/** sieve_names(s, ret, e): LISTSCRIPTS. sieve_list_done() it. */
int sieve_names(struct sieve *s, struct sieve_list *ret, struct err *e);
void sieve_list_done(struct sieve_list *l);

/** sieve_get(s, name, b, e): Append the script: 1; 0: there is none of that name; -1. sieve_put(s, name, p, n, e): Make it so; ERR_TOOL: the server does not
 * take it. sieve_activate(s, name, e): It is the active one; "": none is. sieve_delete(s, name, e). */
int sieve_get(struct sieve *s, const char *name, struct buf *b, struct err *e);
int sieve_put(struct sieve *s, const char *name, const void *p, size_t n, struct err *e);
int sieve_activate(struct sieve *s, const char *name, struct err *e);
int sieve_delete(struct sieve *s, const char *name, struct err *e);

#endif
