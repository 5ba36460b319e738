/* drive.h: a device that is written and read from front to end: a tape drive, a block device, a file, a FIFO, or commands that stand for one.
 *
 * What lies on it are files, one behind the other: on a tape each ends with a file mark; on a block device, or in a file, each begins where the
 * one before ended; a FIFO or a command gives and takes one file a run. All is done in blocks of one size. A drive belongs to one thread. */
#ifndef STORE_DRIVE_H
#define STORE_DRIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/err.h"
#include "core/job.h"

#define DRIVE_BLOCK_MAX ((size_t)4 << 20)

enum drive_kind { DRIVE_TAPE, DRIVE_DISK, DRIVE_FILE, DRIVE_FIFO, DRIVE_COMMAND };

/** How a tape is moved: by the system, or by a test's stand-in. As open(), read(), write(), close() and the MTIOCTOP of ${op} with ${count}. */
struct drive_motion {
	void *arg;
	int (*open)(void *arg, const char *path, int flags);
	ssize_t (*read)(void *arg, int fd, void *p, size_t n);
	ssize_t (*write)(void *arg, int fd, const void *p, size_t n);
	int (*op)(void *arg, int fd, short op, int count);
	int (*status)(void *arg, int fd, long *gstat); /* mt_gstat of MTIOCGET */
	int (*close)(void *arg, int fd);
};

struct drive_opts {
	const char *device; /* NULL: the commands */
	const char *write_command,
	    *read_command; /* words; %a ${archive}, %l ${label}, %f the number of the file, %% a % */
	const char *archive, *label; /* for the commands; may be NULL: "" */
	size_t block_bytes;
	struct job *job;                   /* cancels waiting */
	const struct drive_motion *motion; /* not NULL: ${device} is a tape that moves so */
};

struct drive;

/** drive_new(o, ret, e): What kind it is; nothing is opened yet. A device that is not there is a file that will be made. drive_free(d): NULL-safe; what was being written is
 * broken off. */
int drive_new(const struct drive_opts *o, struct drive **ret, struct err *e);
void drive_free(struct drive *d);

enum drive_kind drive_kind(const struct drive *d);

/** drive_name(d): For people: the device, or the command as it is configured. */
const char *drive_name(const struct drive *d);

/** drive_set_job(d, job): Who cancels from now on. */
void drive_set_job(struct drive *d, struct job *job);

/** drive_takes_archive(d): Its write command has %a: it finds the archive itself, and nothing is written to it. drive_tells_files(d, write): Its files can be told apart: not a FIFO, nor a command
 * without %f and %a. */
bool drive_takes_archive(const struct drive *d);
bool drive_tells_files(const struct drive *d, bool write);

/** drive_read_from(d, file, offset, e): Be ready to read file number ${file}, which begins at byte ${offset} where bytes are counted. A tape is rewound for that. A FIFO is opened, which waits for
 * its other side; a command is begun anew. */
int drive_read_from(struct drive *d, uint64_t file, uint64_t offset, struct err *e);

/** drive_read(d, p, n, e): The next bytes; 0: the file's end. Of a tape one block, which must fit: ERR_FORMAT if not. */
ssize_t drive_read(struct drive *d, void *p, size_t n, struct err *e);

/** drive_skip(d, blocks, e): Pass so many whole blocks; as quickly as it can be done. */
int drive_skip(struct drive *d, uint64_t blocks, struct err *e);

/** drive_write_at(d, file, offset, e): Be ready to write that file; what lay there and behind is lost. */
int drive_write_at(struct drive *d, uint64_t file, uint64_t offset, struct err *e);

/** drive_write(d, p, n, e): One block. ERR_SPACE: the end of the tape. */
int drive_write(struct drive *d, const void *p, size_t n, struct err *e);

/** drive_write_end(d, e): It is all: a file mark on a tape; on disk when it returns; the command has ended well. drive_write_drop(d): Not to be kept, as far as that can be done. */
int drive_write_end(struct drive *d, struct err *e);
void drive_write_drop(struct drive *d);

/** drive_said(d): What the write command wrote to its standard output, up to 4 KiB. */
const char *drive_said(const struct drive *d);

#endif
