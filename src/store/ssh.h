/* ssh.h: a byte channel to the SFTP server of another host, over libssh2 or the system's ssh program.
 *
 * A link is one connection with one channel, on which the "sftp" subsystem runs. It belongs to one thread at a time. After it is
 * made, no call waits: who uses it polls. What breaks it is ERR_CONNECTION. */
#ifndef STORE_SSH_H
#define STORE_SSH_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/conf.h"
#include "core/err.h"
#include "core/job.h"

struct ssh_link;

/** ssh_parse_url(url, ret, e): "sftp://[user@]host[:port]/path", "[::1]" for an address; %XX in user and path. ERR_CONFIG. ssh_target_done() it. Pure. */
struct ssh_target {
	char *user; /* NULL: not said */
	char *host;
	unsigned port; /* 0: not said */
	char *path;    /* absolute; "/~/x" and "/~" are below the home directory: "x", "." */
};
int ssh_parse_url(const char *url, struct ssh_target *ret, struct err *e);
void ssh_target_done(struct ssh_target *t);

/** ssh_connect(conf, job, ret, e): Connect to the host of ${conf}->url, prove its key, prove who we are, begin the sftp subsystem. ${job} cancels
 * the waiting and answers questions. ERR_CONNECTION: unreachable, or in vain for ${conf}->timeout_ms; ERR_AUTH: wrong or unknown host key, or we were not let
 * in; ERR_UNSUPPORTED: no algorithm in common. ssh_close() takes NULL. */
int ssh_connect(const struct conf_store *conf, struct job *job, struct ssh_link **ret, struct err *e);
void ssh_close(struct ssh_link *l);

/** ssh_askpass_main(argc, argv, ret_status): In main(), before all else: true if the ssh program has started this process to have a question answered
 * (it is named in SSH_ASKPASS while ssh_connect() runs); then that is done, and the process ends with ${*ret_status}. */
bool ssh_askpass_main(int argc, char **argv, int *ret_status);

/** ssh_read(l, p, n, e): Bytes that are there: how many; 0: none now; -1. ssh_write(l, p, n, e): as many as can be sent now, 0 allowed; -1.
 * The first that is written is SSH_FXP_INIT of version 3, without extensions. */
ssize_t ssh_read(struct ssh_link *l, void *p, size_t n, struct err *e);
ssize_t ssh_write(struct ssh_link *l, const void *p, size_t n, struct err *e);

/** ssh_polls(l, writing, fds): What to poll for until ssh_read(), or, with ${writing}, ssh_write(), may do more: fills up to two, returns how many. */
size_t ssh_polls(const struct ssh_link *l, int writing, struct pollfd fds[2]);

/** ssh_keepalive(l, e): Say that we are still there, if it is time to; -1: it broke. ssh_latency_ms(l): One round trip, as measured while connecting; 0: not known. */
int ssh_keepalive(struct ssh_link *l, struct err *e);
unsigned ssh_latency_ms(const struct ssh_link *l);

/** ssh_words(l): How it is connected, for doctor and log: "libssh2, ssh-ed25519, aes128-ctr"; belongs to ${l}. */
const char *ssh_words(const struct ssh_link *l);

/** ssh_login(l, ret_user, ret_by_password): Who was let in (NULL: not known), and whether by a password; returns by what: "the key /root/.ssh/id_ed25519";
 * NULL: not known. Belongs to ${l}. */
const char *ssh_login(const struct ssh_link *l, const char **ret_user, bool *ret_by_password);

#endif
