/* drive_priv.h: what the files of store/drive.h share. */
#ifndef STORE_DRIVE_PRIV_H
#define STORE_DRIVE_PRIV_H

#include "core/buf.h"
#include "core/process.h"
#include "store/drive.h"

struct drive {
	enum drive_kind kind;
	char *device, *write_command, *read_command, *archive, *label;
	size_t block_bytes;
	struct job *job;
	struct drive_motion motion;
	int fd; /* -1: not open */
	bool writes;
	uint64_t begin; /* where bytes are counted: of the file that is being written */
	bool ended;     /* nothing more can be read */
	uint8_t *pass;  /* of one block, for skipping by reading */
	/* DRIVE_COMMAND; fd is the socket to it */
	struct process *process;
	int errors_fd;
	struct buf said, errors;
};

/** drive_wait(d, events, e): Wait until the descriptor is ready for them, or the job is cancelled; drains the command's errors meanwhile. */
int drive_wait(struct drive *d, short events, struct err *e);

/** The command: begin, take bytes from it, give it bytes, end well, break off. */
int drive_command_start(struct drive *d, bool write, uint64_t file, struct err *e);
ssize_t drive_command_read(struct drive *d, void *p, size_t n, struct err *e);
int drive_command_write(struct drive *d, const void *p, size_t n, struct err *e);
int drive_command_end(struct drive *d, struct err *e);
void drive_command_stop(struct drive *d);

#endif
