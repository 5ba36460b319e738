/* cyrus_conf.h: what cyrus.conf makes the master run, and where its services listen.
 *
 * Immutable after loading; thread-safe then. Source: Cyrus master/masterconf.c of 2.3.19, 2.4.22, 3.6.1. */
#ifndef CYRUS_CYRUS_CONF_H
#define CYRUS_CYRUS_CONF_H

#include <stddef.h>

#include "core/err.h"

struct cyrus_conf_item {
	char *key, *value;
};

/** One line of a section: name key=value key="value"... */
struct cyrus_conf_entry {
	char *section; /* "START", "SERVICES", "EVENTS", "DAEMON", upper case */
	char *name;
	struct cyrus_conf_item *items; /* keys lower case */
	size_t n_items;
};

struct cyrus_conf {
	char *path;
	struct cyrus_conf_entry *entries; /* in the file's order */
	size_t n;
};

/** cyrus_conf_load(path, ret, e): Read cyrus.conf; at most 1 MiB and 10000 entries. ERR_CONFIG names the line.
 * cyrus_conf_free() the result. cyrus_conf_parse(text, n, path, ret, e): The same from memory. */
int cyrus_conf_load(const char *path, struct cyrus_conf **ret, struct err *e);
int cyrus_conf_parse(const char *text, size_t n, const char *path, struct cyrus_conf **ret, struct err *e);
void cyrus_conf_free(struct cyrus_conf *c);

/** cyrus_conf_get(entry, key): That value or NULL; belongs to ${entry}. */
const char *cyrus_conf_get(const struct cyrus_conf_entry *entry, const char *key);

/** cyrus_conf_imap_address(c): Where a client on this host reaches plain IMAP, as "127.0.0.1:143", "[::1]:143" (a
 * wildcard becomes loopback, a service name its number) or an absolute socket path; loopback is preferred where
 * there are several. Heap; NULL when no SERVICES entry runs imapd without -s. */
char *cyrus_conf_imap_address(const struct cyrus_conf *c);

/** cyrus_conf_lmtp_address(c): Where mail is delivered: an lmtpd's socket path, else its "host:port". Heap or NULL. */
char *cyrus_conf_lmtp_address(const struct cyrus_conf *c);

/** cyrus_conf_sieve_address(c): Where a client on this host reaches ManageSieve (timsieved), as cyrus_conf_imap_address(). */
char *cyrus_conf_sieve_address(const struct cyrus_conf *c);

#endif
