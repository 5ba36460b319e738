/* sftp_calls.h: single requests of SFTP with their answers, for whoever wants to wait for them.
 *
 * A call is sent by sftp_call(), several may be under way, and sftp_answer() waits. Errors say ${what}, and by the server's status: ERR_NOT_FOUND, ERR_SYS
 * (refused: e->sys is EACCES, else 0), ERR_UNSUPPORTED; a broken session: sftp_why(). */
#ifndef STORE_SFTP_CALLS_H
#define STORE_SFTP_CALLS_H

#include "store/sftp.h"

/** A handle of the server's. */
struct sftp_handle {
	char p[SFTP_HANDLE_MAX];
	size_t n; /* 0: none */
};

struct sftp_call {
	uint32_t id;
	bool done, lost;
	enum sftp_type type;
	uint32_t status;
	struct sftp_handle handle;
	struct sftp_attrs attrs;
	struct buf rest; /* names or what an extension says, as they came; STATUS: the message */
	uint32_t count;
};

/** sftp_call(s, c, reply_bytes): Send what was begun with sftp_begin_request(); ${c} stays where it is until sftp_answer(). */
void sftp_call(struct sftp *s, struct sftp_call *c, size_t reply_bytes);

/** sftp_answer(s, c, job, want, what, e): Wait for the answer; 0 if it is of type ${want} (STATUS: and ok), else -1. sftp_call_done() it in any case. When it was
 * cancelled, nobody waits for the answer any more. */
int sftp_answer(struct sftp *s, struct sftp_call *c, struct job *job, enum sftp_type want, const char *what,
    struct err *e);
void sftp_call_done(struct sftp_call *c);

/** sftp_status_err(status, message, what, e): A refusal as an error; returns -1. */
int sftp_status_err(uint32_t status, struct sftp_string message, const char *what, struct err *e);

/* The requests, ready to be sent by sftp_call(). */
void sftp_ask_open(struct sftp *s, const char *path, uint32_t flags);
void sftp_ask_path(struct sftp *s, enum sftp_type type, const char *path); /* STAT, LSTAT, REMOVE, OPENDIR */
void sftp_ask_handle(
    struct sftp *s, enum sftp_type type, const struct sftp_handle *h); /* CLOSE, FSTAT, READDIR */
void sftp_ask_two(struct sftp *s, enum sftp_type type, const char *from, const char *to); /* RENAME */

/* Sent and waited for. */
int sftp_stat(struct sftp *s, struct job *job, enum sftp_type how, const char *path, struct sftp_attrs *ret,
    struct err *e);
int sftp_fstat(
    struct sftp *s, struct job *job, const struct sftp_handle *h, struct sftp_attrs *ret, struct err *e);
int sftp_open_file(struct sftp *s, struct job *job, const char *path, uint32_t flags, struct sftp_handle *ret,
    struct err *e);
int sftp_close(struct sftp *s, struct job *job, struct sftp_handle *h, struct err *e);
int sftp_mkdir(struct sftp *s, struct job *job, const char *path, struct err *e);
int sftp_remove(struct sftp *s, struct job *job, const char *path, struct err *e);
int sftp_truncate(struct sftp *s, struct job *job, const char *path, struct err *e);
/** sftp_rename(..., from, to): Refuses to replace ${to}. */
int sftp_rename(struct sftp *s, struct job *job, const char *from, const char *to, struct err *e);
/** sftp_link(...): ERR_UNSUPPORTED without hardlink@openssh.com; likewise sftp_fsync() and sftp_free_bytes(). */
int sftp_link(struct sftp *s, struct job *job, const char *from, const char *to, struct err *e);
int sftp_fsync(struct sftp *s, struct job *job, const struct sftp_handle *h, struct err *e);
int sftp_free_bytes(struct sftp *s, struct job *job, const char *path, uint64_t *ret, struct err *e);

/** sftp_path(dir, name): Heap. */
char *sftp_path(const char *dir, const char *name);

/** sftp_forget_handle(s, h): Close it, and do not wait for the answer. */
void sftp_forget_handle(struct sftp *s, struct sftp_handle *h);

/** sftp_list(s, job, path, each, arg, e): The entries of a directory, as the server has them. */
typedef int sftp_each_fn(void *arg, const struct sftp_name *name, struct err *e);
int sftp_list(
    struct sftp *s, struct job *job, const char *path, sftp_each_fn *each, void *arg, struct err *e);

#endif
