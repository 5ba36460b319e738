/* sftp.h: a client of SFTP version 3 on one connection, with many requests in flight.
 *
 * A session belongs to one thread at a time. Requests are given to it, sftp_step() moves bytes, and replies come to the functions that were
 * given with the requests, from within sftp_step(). What the server refuses is told by its status; what breaks the session (a lost connection, no
 * answer, a malformed reply) is told once, by sftp_why(), and ends all its requests. */
#ifndef STORE_SFTP_H
#define STORE_SFTP_H

#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>

#include "core/conf.h"
#include "core/err.h"
#include "core/job.h"
#include "store/sftp_packet.h"
#include "store/sftp_rate.h"

/** A channel of bytes to an SFTP server; each function as its namesake in ssh.h. */
struct sftp_channel_ops {
	ssize_t (*read)(void *ctx, void *p, size_t n, struct err *e);
	ssize_t (*write)(void *ctx, const void *p, size_t n, struct err *e);
	size_t (*polls)(const void *ctx, int writing, struct pollfd fds[2]);
	int (*keepalive)(void *ctx, struct err *e);
	unsigned (*latency_ms)(const void *ctx);
	void (*close)(void *ctx);
};

struct sftp_channel {
	const struct sftp_channel_ops *ops;
	void *ctx;
};

/** Makes a channel to the host of ${conf}. */
typedef int sftp_dial_fn(
    const struct conf_store *conf, struct job *job, struct sftp_channel *ret, struct err *e);

/** sftp_dial_ssh(): The one that is used outside tests: ssh_connect(). */
sftp_dial_fn sftp_dial_ssh;

struct sftp;

/** sftp_new(channel, timeout_ms, rate, job, ret, e): Greet the server and ask for its limits; it may be silent for ${timeout_ms}, 0: for ever. Takes ${channel} over, also when it fails. ${rate} (NULL: none)
 * outlives the session. ERR_CONNECTION, ERR_UNSUPPORTED, ERR_FORMAT: it is no SFTP server. sftp_free() takes NULL. */
int sftp_new(const struct sftp_channel *channel, uint64_t timeout_ms, struct sftp_rate *rate, struct job *job,
    struct sftp **ret, struct err *e);
void sftp_free(struct sftp *s);

/** sftp_why(s): NULL while it works; else what broke it, ERR_CONNECTION or ERR_FORMAT. */
const struct err *sftp_why(const struct sftp *s);

/** sftp_alive(s, wait_ms): Still usable after a time in which nobody looked: not known to be broken, and, with ${wait_ms}, it answers within that time. */
bool sftp_alive(struct sftp *s, unsigned wait_ms);

/** sftp_break(s, code, fmt, ...): What the server sent cannot be. */
void sftp_break(struct sftp *s, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** sftp_latency_ms(s): One round trip. */
unsigned sftp_latency_ms(const struct sftp *s);

/** How much one request may move, and what else the server can. */
struct sftp_limits {
	size_t read_bytes, write_bytes;
	bool fsync, statvfs, hardlink, posix_rename;
};
const struct sftp_limits *sftp_limits(const struct sftp *s);

/* Requests. */

/** What a reply is given to, once; ${r} (alive only for the call) is NULL when the session broke before it came. It may make further requests. */
typedef void sftp_done_fn(void *arg, struct sftp *s, const struct sftp_reply *r);

/** sftp_begin_request(s, type): A packet whose further fields go into the buf returned. sftp_send_request(s, done, arg, reply_bytes): Put it in the
 * row. ${reply_bytes}: how large its reply may be, for the limit of the rate. Returns its number, for sftp_forget(). On a broken session
 * ${done} is called at once. */
struct buf *sftp_begin_request(struct sftp *s, enum sftp_type type);
uint32_t sftp_send_request(struct sftp *s, sftp_done_fn *done, void *arg, size_t reply_bytes);

/** sftp_send_write(s, handle, off, data, n, done, arg): A WRITE whose packet is made in place: SFTP_WRITE_ROOM bytes before ${data} are its to use, and
 * all stays the caller's, untouched until ${done}. */
#define SFTP_WRITE_ROOM (SFTP_HANDLE_MAX + 32u)
void sftp_send_write(struct sftp *s, struct sftp_string handle, uint64_t off, uint8_t *data, size_t n,
    sftp_done_fn *done, void *arg);

/** sftp_withdraw_writes(s): Those of which nothing was sent yet will not be; they are done as if the session had broken. */
void sftp_withdraw_writes(struct sftp *s);

/** sftp_forget(s, id): Nobody wants the reply of that request any more. Not for writes. */
void sftp_forget(struct sftp *s, uint32_t id);

/** sftp_in_flight(s): Requests without a reply. */
size_t sftp_in_flight(const struct sftp *s);

/** sftp_step(list, n, job, e): Send and receive what can be; if nothing can, wait until something can, for a tenth of a second. Broken sessions
 * are left alone. -1 only when ${job} was cancelled. */
int sftp_step(struct sftp *const *list, size_t n, struct job *job, struct err *e);

/** sftp_poke(list, n): Send and receive what can be, and do not wait. */
void sftp_poke(struct sftp *const *list, size_t n);

#endif
