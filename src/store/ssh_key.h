/* ssh_key.h: what can be told of a file with a private key without its passphrase. */
#ifndef STORE_SSH_KEY_H
#define STORE_SSH_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/conf.h"
#include "core/err.h"

struct ssh_key {
	char *path;
	char *type;    /* "ssh-ed25519"; NULL: not told, as the public half is not there */
	uint8_t *blob; /* the public half; NULL: not there */
	size_t len;
	bool encrypted;
};

/** ssh_key_look(path, ret, e): Look at the key file. ERR_NOT_FOUND; ERR_CONFIG: others can read it; ERR_FORMAT: it is no private key. ssh_key_done() it. */
int ssh_key_look(const char *path, struct ssh_key *ret, struct err *e);
void ssh_key_done(struct ssh_key *k);

/** ssh_key_parse(text, n, ret): The contents of such a file; 0, or -1: it is no private key. Pure. */
int ssh_key_parse(const char *text, size_t n, struct ssh_key *ret);

/** ssh_key_files(conf, ret_n): Paths of the keys that are tried: those of ${conf}, or those that ssh tries and that are there. Free all. */
char **ssh_key_files(const struct conf_store *conf, size_t *ret_n);

#endif
