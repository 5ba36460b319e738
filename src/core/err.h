/* err.h: one failure value: what failed, why, what to do next.
 *
 * A `struct err` lives on the caller's stack. Every call that can fail takes `struct err *e` last and returns -1 on
 * failure (0, or 1/0 for iterators, otherwise). It is filled where the failure is seen (err_set, err_sys) and gets
 * context once per layer (err_wrap): "restore user.anna: open cyrus.index: Permission denied". All functions accept
 * e == NULL, for callers that only need to know *that* it failed. Thread-safe: there is no shared state. */
#ifndef CORE_ERR_H
#define CORE_ERR_H

enum err_code {
	ERR_NONE = 0,
	ERR_SYS,         /* the system refused: e->sys holds errno */
	ERR_FORMAT,      /* bytes are not what their format demands (a file of the server, an option's value) */
	ERR_CONFIG,      /* our configuration or the server's does not add up */
	ERR_USAGE,       /* the command line is wrong */
	ERR_NOT_FOUND,   /* archive, mailbox, message, file is not there */
	ERR_EXISTS,      /* it is there already, and must not be */
	ERR_LOCKED,      /* somebody else holds the lock */
	ERR_AUTH,        /* the server did not accept who we are */
	ERR_DAMAGE,      /* an archive's bytes are not those that were written */
	ERR_SPACE,       /* the file system or quota is full */
	ERR_CANCELLED,   /* the operator said stop */
	ERR_REFUSED,     /* we could, but would harm: the message says how to proceed */
	ERR_UNSUPPORTED, /* a version or a kind that this program does not know */
	ERR_TOOL,        /* a program we ran, or a server we talked to, reported failure */
	ERR_CONNECTION,  /* a host cannot be reached, or the connection to it broke: trying again may help */
	ERR_PARTIAL,     /* some of it was done; running it again continues */
};

struct err {
	enum err_code code;
	int sys;        /* errno for ERR_SYS, ERR_SPACE, ERR_NOT_FOUND raised by err_sys(), else 0 */
	char msg[768];  /* one line; what failed and why; control bytes escaped */
	char hint[384]; /* what the operator can do next; "" when nothing can be said */
};

/** err_clear(e): Forget an earlier failure. */
void err_clear(struct err *e);

/** err_set(e, code, fmt, ...): Fill ${e}; returns -1. Bytes that would disturb a terminal are escaped. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** err_sys(e, fmt, ...): Fill ${e} from errno as "FMT: strerror"; returns -1. ENOENT becomes ERR_NOT_FOUND, EEXIST
 * ERR_EXISTS, ENOSPC and EDQUOT ERR_SPACE, ECANCELED ERR_CANCELLED, all others ERR_SYS. A permission
 * that root would have is hinted at. */
int err_sys(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** err_wrap(e, fmt, ...): Put "FMT: " in front of the message; returns -1. Code, errno and hint stay. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** err_hint(e, fmt, ...): Say what to do next, unless a deeper layer has said it already; returns -1. */
int err_hint(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** err_exit_status(code): The documented exit status of a command that failed so (see cyrvault(1)): 2 failed, 10 not
 * found, 11 locked, 12 authentication, 13 damage, 14 no space, 15 partial, 64 usage, 78 configuration. */
int err_exit_status(enum err_code code);

/** err_code_name(code): A stable lower-case word for JSON output, such as "not_found". */
const char *err_code_name(enum err_code code);

#endif
