/* ssh_impl.h: what the files of the SSH transport share. */
#ifndef STORE_SSH_IMPL_H
#define STORE_SSH_IMPL_H

#include <stdbool.h>

#include "core/buf.h"
#include "store/ssh.h"

/** A way to be connected: libssh2, or the ssh program. Each call as in ssh.h. */
struct ssh_ops {
	ssize_t (*read)(struct ssh_link *l, void *p, size_t n, struct err *e);
	ssize_t (*write)(struct ssh_link *l, const void *p, size_t n, struct err *e);
	size_t (*polls)(const struct ssh_link *l, int writing, struct pollfd fds[2]);
	int (*keepalive)(struct ssh_link *l, struct err *e);
	void (*close)(struct ssh_link *l); /* frees it all */
};

/** The first member of each way's own struct. */
struct ssh_link {
	const struct ssh_ops *ops;
	unsigned latency_ms; /* 0: not known */
	char *words;         /* heap, as all that follow */
	char *user;          /* NULL: not known */
	char *login;
	bool by_password;
};

/** One attempt to connect. */
struct ssh_try {
	const struct conf_store *conf;
	const struct ssh_target *target;
	const char *user; /* NULL: ssh's own choice */
	unsigned port;
	char *where; /* "user@host", or "user@host port 2222": for messages */
	struct job *job;
	uint64_t deadline_ms; /* clock_monotonic_ms() */
	char *why_program; /* heap; set with an error: libssh2 cannot do it, but the program could, and why */
};

/** ssh_link_done(l): Free what it holds. */
void ssh_link_done(struct ssh_link *l);

/** ssh_wait(t, fd, events, e): Until ${fd} is ready, the time is over (ERR_CONNECTION) or the job is cancelled. */
int ssh_wait(const struct ssh_try *t, int fd, short events, struct err *e);

/** ssh_check(t, e): Whether the time is over, or the job cancelled: -1. */
int ssh_check(const struct ssh_try *t, struct err *e);

/** ssh_ask(t, q, answer, size, e): As job_ask(); what the person takes to answer does not count as waiting. */
int ssh_ask(struct ssh_try *t, const struct question *q, char *answer, size_t size, struct err *e);

/** ssh_home(): The home directory of who we are, as ssh finds it; free() it. NULL: none. */
char *ssh_home(void);

/** ssh_secret_file(path, ret, size, e): The first line of the file ${path}; the caller wipes it. ERR_CONFIG: others can read it. */
int ssh_secret_file(const char *path, char *ret, size_t size, struct err *e);

/** ssh_tcp_connect(t, ret_fd, e): A non-blocking connection to one of the host's addresses. */
int ssh_tcp_connect(const struct ssh_try *t, int *ret_fd, struct err *e);

/** ssh_lib_connect(t, ret, e), ssh_program_connect(t, why, ret, e): The two ways; ${why} ends the words: why it is the program ("": no reason). */
int ssh_lib_connect(struct ssh_try *t, struct ssh_link **ret, struct err *e);
int ssh_program_connect(struct ssh_try *t, const char *why, struct ssh_link **ret, struct err *e);

#endif
