/* drive.c: drives of every kind; tapes are moved by MTIOCTOP. */
#include "store/drive.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mtio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/fault.h"
#include "core/io.h"
#include "core/mem.h"
#include "store/drive_priv.h"

#define TICK_NS 100000000

/* ---- the system's tapes ---- */

static int real_open(void *arg, const char *path, int flags)
{
	(void)arg;
	return open(path, flags | O_CLOEXEC);
}

static ssize_t real_read(void *arg, int fd, void *p, size_t n)
{
	(void)arg;
	return read(fd, p, n);
}

static ssize_t real_write(void *arg, int fd, const void *p, size_t n)
{
	(void)arg;
	return write(fd, p, n);
}

static int real_op(void *arg, int fd, short op, int count)
{
	struct mtop o = { .mt_op = op, .mt_count = count };

	(void)arg;
	return ioctl(fd, MTIOCTOP, &o);
}

static int real_status(void *arg, int fd, long *gstat)
{
	struct mtget get;

	(void)arg;
	if (ioctl(fd, MTIOCGET, &get) == -1)
		return -1;
	*gstat = get.mt_gstat;
	return 0;
}

static int real_close(void *arg, int fd)
{
	(void)arg;
	return close(fd);
}

static const struct drive_motion real_motion = { NULL, real_open, real_read, real_write, real_op, real_status,
	real_close };

/* ---- */

/* A character device is taken for a tape only if it answers as one. */
static int find_kind(struct drive *d, struct err *e)
{
	struct stat st;
	struct mtget get;
	int fd;

	if (stat(d->device, &st) == -1) {
		if (errno != ENOENT)
			return err_sys(e, "%s", d->device);
		d->kind = DRIVE_FILE;
		return 0;
	}
	if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) || S_ISFIFO(st.st_mode)) {
		d->kind = S_ISREG(st.st_mode) ? DRIVE_FILE : S_ISBLK(st.st_mode) ? DRIVE_DISK : DRIVE_FIFO;
		return 0;
	}
	if (!S_ISCHR(st.st_mode))
		return err_set(
		    e, ERR_CONFIG, "%s is neither a tape, a block device, a file nor a FIFO", d->device);
	fd = open(d->device, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return err_sys(e, "open %s", d->device);
	d->kind = DRIVE_TAPE;
	if (ioctl(fd, MTIOCGET, &get) == -1 && (errno == ENOTTY || errno == EINVAL)) {
		close(fd);
		return err_set(e, ERR_CONFIG, "%s is no tape drive", d->device);
	}
	close(fd);
	return 0;
}

int drive_new(const struct drive_opts *o, struct drive **ret, struct err *e)
{
	struct drive *d = mem_alloc(sizeof *d);

	d->device = mem_strdup(o->device);
	d->write_command = mem_strdup(o->write_command);
	d->read_command = mem_strdup(o->read_command);
	d->archive = mem_strdup(o->archive != NULL ? o->archive : "");
	d->label = mem_strdup(o->label != NULL ? o->label : "");
	d->block_bytes = o->block_bytes;
	d->job = o->job;
	d->fd = d->errors_fd = -1;
	d->motion = o->motion != NULL ? *o->motion : real_motion;
	if (o->motion != NULL) {
		d->kind = DRIVE_TAPE;
	} else if (d->device == NULL) {
		d->kind = DRIVE_COMMAND;
	} else if (find_kind(d, e) == -1) {
		drive_free(d);
		return -1;
	}
	*ret = d;
	return 0;
}

static void close_drive(struct drive *d)
{
	drive_command_stop(d);
	if (d->fd != -1 && d->kind == DRIVE_TAPE)
		d->motion.close(d->motion.arg, d->fd);
	else if (d->fd != -1)
		close(d->fd);
	d->fd = -1;
}

void drive_free(struct drive *d)
{
	if (d == NULL)
		return;
	close_drive(d);
	free(d->device);
	free(d->write_command);
	free(d->read_command);
	free(d->archive);
	free(d->label);
	free(d->pass);
	buf_done(&d->said);
	buf_done(&d->errors);
	free(d);
}

enum drive_kind drive_kind(const struct drive *d)
{
	return d->kind;
}

const char *drive_name(const struct drive *d)
{
	const char *command = d->writes && d->write_command != NULL ? d->write_command : d->read_command;

	if (d->device != NULL)
		return d->device;
	return command != NULL ? command : d->write_command != NULL ? d->write_command : "";
}

void drive_set_job(struct drive *d, struct job *job)
{
	d->job = job;
}

bool drive_takes_archive(const struct drive *d)
{
	return d->kind == DRIVE_COMMAND && d->write_command != NULL && strstr(d->write_command, "%a") != NULL;
}

bool drive_tells_files(const struct drive *d, bool write)
{
	const char *command = write ? d->write_command : d->read_command;

	if (d->kind == DRIVE_COMMAND)
		return command != NULL && (strstr(command, "%f") != NULL || strstr(command, "%a") != NULL);
	return d->kind != DRIVE_FIFO;
}

const char *drive_said(const struct drive *d)
{
	return buf_text(&d->said);
}

/* ---- positions ---- */

/* The other side may come late: nobody waits in the kernel, so that a cancel is heard. */
static int open_fifo(struct drive *d, int flags, struct err *e)
{
	job_step(d->job, "waiting for the other side of %s", d->device);
	while ((d->fd = open(d->device, flags | O_NONBLOCK | O_CLOEXEC)) == -1) {
		if (errno != ENXIO && errno != EINTR)
			return err_sys(e, "open %s", d->device);
		if (job_cancelled(d->job, e))
			return -1;
		nanosleep(&(struct timespec){ .tv_nsec = TICK_NS }, NULL);
	}
	return 0;
}

/* Blocks are as long as they are written. Drives that only know one size refuse, and then take multiples of it. */
static int open_tape(struct drive *d, bool write, struct err *e)
{
	if (d->fd != -1 && (d->writes || !write))
		return 0;
	close_drive(d);
	d->fd = d->motion.open(d->motion.arg, d->device, write ? O_RDWR : O_RDONLY);
	if (d->fd == -1 && (errno == EROFS || errno == EACCES) && write) {
		err_sys(e, "open %s for writing", d->device);
		return err_hint(e, "is the tape write-protected?");
	}
	if (d->fd == -1)
		return err_sys(e, "open %s", d->device);
	d->writes = write;
	d->motion.op(d->motion.arg, d->fd, MTSETBLK, 0);
	return 0;
}

static int move_tape(struct drive *d, short op, uint64_t count, const char *what, struct err *e)
{
	while (count > 0) {
		int step = count > 1 << 20 ? 1 << 20 : (int)count;

		if (job_cancelled(d->job, e))
			return -1;
		if (d->motion.op(d->motion.arg, d->fd, op, step) == -1)
			return err_sys(e, "%s: %s", d->device, what);
		count -= (uint64_t)step;
	}
	return 0;
}

static int place_tape(struct drive *d, uint64_t file, bool write, struct err *e)
{
	if (open_tape(d, write, e) == -1)
		return -1;
	job_step(d->job, "winding the tape in %s", d->device);
	if (move_tape(d, MTREW, 1, "rewind", e) == -1)
		return -1;
	return move_tape(d, MTFSF, file, "go to the file on the tape", e);
}

static int open_bytes(struct drive *d, bool write, struct err *e)
{
	int flags = !write ? O_RDONLY : d->kind == DRIVE_FILE ? O_RDWR | O_CREAT : O_RDWR | O_EXCL;

	if (d->fd != -1 && (d->writes || !write))
		return 0;
	close_drive(d);
	d->fd = open(d->device, flags | O_CLOEXEC, 0600);
	if (d->fd == -1)
		return err_sys(e, "open %s", d->device);
	d->writes = write;
	return 0;
}

int drive_read_from(struct drive *d, uint64_t file, uint64_t offset, struct err *e)
{
	d->ended = false;
	switch (d->kind) {
	case DRIVE_TAPE: return place_tape(d, file, false, e);
	case DRIVE_DISK:
	case DRIVE_FILE:
		if (open_bytes(d, false, e) == -1)
			return -1;
		if (lseek(d->fd, (off_t)offset, SEEK_SET) == -1)
			return err_sys(e, "%s", d->device);
		return 0;
	case DRIVE_FIFO:
		close_drive(d);
		d->writes = false;
		return open_fifo(d, O_RDONLY, e);
	default: drive_command_stop(d); return drive_command_start(d, false, file, e);
	}
}

int drive_write_at(struct drive *d, uint64_t file, uint64_t offset, struct err *e)
{
	d->begin = offset;
	switch (d->kind) {
	case DRIVE_TAPE: return place_tape(d, file, true, e);
	case DRIVE_DISK:
	case DRIVE_FILE:
		if (open_bytes(d, true, e) == -1)
			return -1;
		if (d->kind == DRIVE_FILE && ftruncate(d->fd, (off_t)offset) == -1)
			return err_sys(e, "truncate %s", d->device);
		if (lseek(d->fd, (off_t)offset, SEEK_SET) == -1)
			return err_sys(e, "%s", d->device);
		return 0;
	case DRIVE_FIFO:
		close_drive(d);
		d->writes = true;
		return open_fifo(d, O_WRONLY, e);
	default: drive_command_stop(d); return drive_command_start(d, true, file, e);
	}
}

/* ---- bytes ---- */

static ssize_t read_tape(struct drive *d, void *p, size_t n, struct err *e)
{
	long status;
	ssize_t r;
	int why;

	do
		r = d->motion.read(d->motion.arg, d->fd, p, n);
	while (r == -1 && errno == EINTR);
	if (r != -1)
		return r;
	why = errno;
	/* Behind the last file, and on an empty tape. */
	if (why == EIO && d->motion.status(d->motion.arg, d->fd, &status) == 0 && GMT_EOD(status))
		return 0;
	if (why == ENOMEM)
		return err_set(
		    e, ERR_FORMAT, "%s: a block of the tape is larger than %zu bytes", d->device, n);
	errno = why;
	return err_sys(e, "read %s", d->device);
}

static ssize_t read_fifo(struct drive *d, void *p, size_t n, struct err *e)
{
	ssize_t r;

	do {
		if (drive_wait(d, POLLIN, e) == -1)
			return -1;
		r = read(d->fd, p, n);
	} while (r == -1 && (errno == EINTR || errno == EAGAIN));
	return r == -1 ? err_sys(e, "read %s", d->device) : r;
}

ssize_t drive_read(struct drive *d, void *p, size_t n, struct err *e)
{
	ssize_t r = 0;

	if (job_cancelled(d->job, e))
		return -1;
	if (d->ended)
		return 0;
	if (d->kind == DRIVE_COMMAND)
		return drive_command_read(d, p, n, e);
	if (d->kind == DRIVE_TAPE) {
		r = read_tape(d, p, n, e);
	} else if (d->kind == DRIVE_FIFO) {
		r = read_fifo(d, p, n, e);
	} else {
		do
			r = read(d->fd, p, n);
		while (r == -1 && errno == EINTR);
		if (r == -1)
			err_sys(e, "read %s", d->device);
	}
	/* Behind a file mark lies the next file, which was not asked for. */
	d->ended = r == 0;
	return r;
}

static int skip_by_reading(struct drive *d, uint64_t bytes, struct err *e)
{
	size_t size = d->block_bytes > 65536 ? d->block_bytes : 65536;

	if (d->pass == NULL)
		d->pass = mem_alloc(size);
	while (bytes > 0) {
		ssize_t r =
		    drive_read(d, d->pass, d->kind == DRIVE_TAPE || bytes > size ? size : (size_t)bytes, e);

		if (r == -1)
			return -1;
		if (r == 0)
			return err_set(e, ERR_DAMAGE, "%s ends too early", drive_name(d));
		bytes -= (uint64_t)r < bytes ? (uint64_t)r : bytes;
	}
	return 0;
}

int drive_skip(struct drive *d, uint64_t blocks, struct err *e)
{
	uint64_t bytes = blocks * d->block_bytes;

	if (blocks == 0)
		return 0;
	if (d->kind == DRIVE_TAPE)
		return move_tape(d, MTFSR, blocks, "pass blocks of the tape", e);
	if (d->kind != DRIVE_FILE && d->kind != DRIVE_DISK)
		return skip_by_reading(d, bytes, e);
	return lseek(d->fd, (off_t)bytes, SEEK_CUR) == -1 ? err_sys(e, "%s", d->device) : 0;
}

/* A tape takes a block whole or not at all. */
static int write_tape(struct drive *d, const void *p, size_t n, struct err *e)
{
	ssize_t r;

	do
		r = d->motion.write(d->motion.arg, d->fd, p, n);
	while (r == -1 && errno == EINTR);
	if (r == -1)
		return err_sys(e, "write to %s", d->device);
	if ((size_t)r < n)
		return err_set(e, ERR_SPACE, "write to %s: the tape's end", d->device);
	return 0;
}

static int write_fifo(struct drive *d, const void *p, size_t n, struct err *e)
{
	const char *from = p;

	while (n > 0) {
		ssize_t r;

		if (drive_wait(d, POLLOUT, e) == -1)
			return -1;
		r = write(d->fd, from, n);
		if (r == -1 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (r == -1)
			return err_sys(e, "write to %s", d->device);
		from += r;
		n -= (size_t)r;
	}
	return 0;
}

int drive_write(struct drive *d, const void *p, size_t n, struct err *e)
{
	if (job_cancelled(d->job, e) || fault_point("tape-write", e) == -1)
		return -1;
	switch (d->kind) {
	case DRIVE_TAPE: return write_tape(d, p, n, e);
	case DRIVE_FIFO: return write_fifo(d, p, n, e);
	case DRIVE_COMMAND: return drive_command_write(d, p, n, e);
	default: return io_write_all(d->fd, p, n, d->device, e);
	}
}

/* So that what was on a block device before is not taken for a file behind the last one. Where there is no room for it, nothing follows. */
static void write_stop(struct drive *d)
{
	off_t end = lseek(d->fd, 0, SEEK_CUR);
	uint8_t *zeros = mem_alloc(d->block_bytes);

	if (end != -1)
		(void)!pwrite(d->fd, zeros, d->block_bytes, end);
	free(zeros);
}

/* What is read back shall come from the medium. */
static int sync_bytes(struct drive *d, struct err *e)
{
	if (d->kind == DRIVE_DISK)
		write_stop(d);
	if (io_fsync(d->fd, d->device, e) == -1)
		return -1;
	if (d->kind == DRIVE_DISK)
		ioctl(d->fd, BLKFLSBUF, 0);
	posix_fadvise(d->fd, 0, 0, POSIX_FADV_DONTNEED);
	return 0;
}

int drive_write_end(struct drive *d, struct err *e)
{
	switch (d->kind) {
	case DRIVE_TAPE: return move_tape(d, MTWEOF, 1, "write a file mark", e);
	case DRIVE_FIFO: close_drive(d); return 0;
	case DRIVE_COMMAND:
		if (drive_command_end(d, e) == -1)
			return -1;
		drive_command_stop(d);
		return 0;
	default: return sync_bytes(d, e);
	}
}

void drive_write_drop(struct drive *d)
{
	/* On a tape it stays until the next file is written over it: it has no check sum at its end, and is told by that. */
	if (d->kind == DRIVE_FILE && d->fd != -1 && d->writes)
		(void)!ftruncate(d->fd, (off_t)d->begin);
	close_drive(d);
}
