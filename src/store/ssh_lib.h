/* ssh_lib.h: a link over libssh2, as its files see it. */
#ifndef STORE_SSH_LIB_H
#define STORE_SSH_LIB_H

#include <libssh2.h>

#include "store/ssh_hosts.h"
#include "store/ssh_impl.h"

struct auth;
struct lib_block;

struct ssh_lib {
	struct ssh_link link;
	struct ssh_try *t; /* NULL once connected */
	LIBSSH2_SESSION *session;
	LIBSSH2_CHANNEL *channel;
	int fd;
	/* What libssh2 sends is kept here until the socket takes it: libssh2 thus never stops in the middle of a packet, after which it would
	 * insist on the same call with the same bytes. */
	uint8_t *out;
	size_t out_at, out_len, out_cap;
	int broken; /* errno of the socket; ENOTCONN: the host closed it */
	bool closing;
	struct buf greeting; /* what the host said first, in the clear; full: too much */
	bool greeted;
	struct lib_block *blocks;
	bool secret; /* memory that libssh2 frees is wiped */
	bool used;   /* a byte of the subsystem's has come */
	struct buf errors;
	struct auth *auth; /* while proving who we are */
};

/** lib_alloc(l, n): Memory that libssh2 frees; NULL: none is left. */
void *lib_alloc(struct ssh_lib *l, size_t n);

/** lib_wait(l, e): While connecting: send what there is to send, and wait until libssh2 may go on. */
int lib_wait(struct ssh_lib *l, struct err *e);

/** lib_failed(l, what, e): ${e} from what libssh2 or the socket said last: "WHAT: why". Returns -1. */
int lib_failed(struct ssh_lib *l, const char *what, struct err *e);

/** lib_latency(l, ms): A round trip took so long; the shortest one counts. */
void lib_latency(struct ssh_lib *l, uint64_t ms);

/** lib_methods_set(l, hosts, e): What we want to agree on with the host, its known keys first. ERR_UNSUPPORTED: it is known by keys only that libssh2 cannot prove. */
int lib_methods_set(struct ssh_lib *l, const struct ssh_hosts *hosts, struct err *e);

/** lib_methods_why(l): What of the host's greeting has nothing in common with us: "its ciphers (aes256-gcm@openssh.com)"; free() it. NULL: it does not show. */
char *lib_methods_why(struct ssh_lib *l);

/** lib_can_sign(type): Whether this libssh2 can use such a key of ours, in a way that today's servers take. */
bool lib_can_sign(const char *type);

/** lib_host_check(l, hosts, e): Is the key that the host has proved the one it should have? Asks, or accepts, or refuses with ERR_AUTH. */
int lib_host_check(struct ssh_lib *l, struct ssh_hosts *hosts, struct err *e);

/** lib_auth(l, e): Prove who we are. ERR_AUTH: not let in. */
int lib_auth(struct ssh_lib *l, struct err *e);

#endif
