/* process.h: run another program by its argument vector, and read what it says.
 *
 * No shell ever. The program gets /dev/null or the given bytes as standard input, its own session (no controlling
 * terminal, so it neither prompts nor dies of our Ctrl-C), no descriptor of ours but 0 to 2, default signals, umask 077,
 * "/" as its directory and an environment of LC_ALL=C, PATH and what the options add. Output and errors are drained
 * together, so neither can block it. Thread-safe; each run is on its own. */
#ifndef CORE_PROCESS_H
#define CORE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/job.h"

/** How to run it. Zero is the safe default of every member but argv. */
struct process_opts {
	const char *const
	    *argv; /* NULL-terminated; argv[0] is an absolute path, or a name looked up in PATH */
	const char *const *env; /* NULL, or further "NAME=value" strings, NULL-terminated */
	const void *input;	/* NULL: /dev/null */
	size_t input_len;
	size_t
	    max_output_bytes; /* of standard output; what passes it is read and dropped. 0: 16 MiB. Errors: always 64 KiB */
	uint64_t timeout_ms;  /* 0: never. Then SIGTERM, and SIGKILL five seconds later */
	struct job *job;      /* its cancel ends the program as a time-out does; may be NULL */
	bool never_kill;      /* stop at SIGTERM: for programs that must not die half-way (LVM) */
	bool drop_privileges; /* run as uid and gid, without other groups; needs root unless they are ours */
	uid_t uid;
	gid_t gid;
};

struct process_result {
	int status;	     /* exit status; 128 + N when signal N ended it */
	struct buf out, err; /* what it wrote; buf.full: more than fitted was dropped */
	bool timed_out;
};

/** process_run(o, ret, e): Run to the end. 0 whatever its exit status is; -1 when it could not be started
 * (ERR_NOT_FOUND: no such program) or the job was cancelled (ERR_CANCELLED, after it has ended).
 * process_result_done() ${ret} in both cases. */
int process_run(const struct process_opts *o, struct process_result *ret, struct err *e);

/** process_check(o, r, e): 0 when it exited 0 in time and nothing of its output was dropped, else -1, ERR_TOOL:
 * "NAME: first line of its errors". The other lines become the hint. */
int process_check(const struct process_opts *o, const struct process_result *r, struct err *e);

/** process_run_check(o, ret, e): Both. */
int process_run_check(const struct process_opts *o, struct process_result *ret, struct err *e);

/** A program that runs beside us, as process_run() would start it. */
struct process;

/** process_start(o, ret_talk, ret_err, ret, e): Start it and go on. ${*ret_talk} is a socket to its standard input and from its standard output,
 * ${*ret_err} a pipe from its errors; the caller closes both. Of ${o} input, limits, time-out and job are not heeded. A program that outlives us
 * sees the end of its input. process_stop() it. */
int process_start(const struct process_opts *o, int *ret_talk, int *ret_err, struct process **ret, struct err *e);

/** process_ended(p, ret_status): Whether it has ended by now, and how (as in struct process_result). Does not wait. */
bool process_ended(struct process *p, int *ret_status);

/** process_stop(p, wait_ms): SIGTERM to its session, after ${wait_ms} SIGKILL; waits for the end. NULL-safe. */
void process_stop(struct process *p, uint64_t wait_ms);

/** process_result_done(r): Free what it holds. */
void process_result_done(struct process_result *r);

#endif
