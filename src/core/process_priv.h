/* process_priv.h: what the two files of core/process.h share. */
#ifndef CORE_PROCESS_PRIV_H
#define CORE_PROCESS_PRIV_H

#include "core/process.h"

/** A program that was started. */
struct process_child {
	pid_t pid;
	int pid_fd; /* -1 where the kernel has none */
	int out, err;
	bool ended;
	int wait_status;
	uint64_t start_ms, stop_ms, killed_ms, ended_ms; /* 0: not yet */
};

/** process_launch(o, c, talk, e): Start it; what it writes comes from ${c}->out and ${c}->err. ${talk}: its standard input is c->out's other end, too. */
int process_launch(const struct process_opts *o, struct process_child *c, bool talk, struct err *e);

/** process_close_fd(fd): Close it, if it is one, and forget it. */
void process_close_fd(int *fd);

#endif
