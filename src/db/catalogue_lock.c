/* catalogue_lock.c: locks of open files, which end with their holder, and the state that the lock file keeps.
 *
 * No lock is waited for in the kernel, so that a job can be cancelled, and a holder that was stopped does not stop all others for ever. */
#include "db/catalogue_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/clock.h"
#include "core/io.h"

#define DATA_WAIT_MS 20000

/* The file: magic, dirty, generation, id of the boot in which it was written. */
#define MAGIC      "cvcatal1"
#define STATE_SIZE (8 + 1 + 8 + BOOT_SIZE)
#define BOOT_SIZE  36

int lock_open(const char *path, bool create, struct err *e)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT : 0), 0600);

	return fd != -1 ? fd : err_sys(e, "open %s", path);
}

bool lock_stale(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_nlink == 0;
}

static struct flock range(enum catalogue_lock which, short type)
{
	return (struct flock){ .l_type = type, .l_whence = SEEK_SET, .l_start = which, .l_len = 1 };
}

int lock_wait(int fd, enum catalogue_lock which, bool alone, unsigned wait_ms, struct job *job, struct err *e)
{
	uint64_t begin = 0;
	long pause_ns = 200000;

	for (;;) {
		struct flock lock = range(which, alone ? F_WRLCK : F_RDLCK);

		if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
			return 0;
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return err_sys(e, "lock the catalogue");
		if (begin == 0)
			begin = clock_monotonic_ms();
		if (job_cancelled(job, e))
			return -1;
		if (clock_monotonic_ms() - begin >= wait_ms) {
			err_set(e, ERR_LOCKED, "the catalogue is being written by another process");
			return err_hint(e, "try again later");
		}
		nanosleep(&(struct timespec){ 0, pause_ns }, NULL);
		if (pause_ns < 2000000)
			pause_ns *= 2;
	}
}

void lock_drop(int fd, enum catalogue_lock which)
{
	struct flock lock = range(which, F_UNLCK);

	fcntl(fd, F_OFD_SETLK, &lock);
}

int lock_data(int fd, bool alone, struct job *job, struct err *e)
{
	int rc;

	if (lock_wait(fd, LOCK_GATE, alone, DATA_WAIT_MS, job, e) == -1)
		return -1;
	rc = lock_wait(fd, LOCK_DATA, alone, DATA_WAIT_MS, job, e);
	lock_drop(fd, LOCK_GATE);
	return rc;
}

/* Read once: it does not change, and reading it takes longer than a row. All zero where the system has none. */
static uint8_t this_boot[BOOT_SIZE];

static void read_boot_id(void)
{
	struct buf b = BUF_INIT;

	if (io_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 4096, &b, NULL) == 0 &&
	    b.len >= BOOT_SIZE)
		memcpy(this_boot, b.data, BOOT_SIZE);
	buf_done(&b);
}

static void boot_id(uint8_t ret[BOOT_SIZE])
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, read_boot_id);
	memcpy(ret, this_boot, BOOT_SIZE);
}

int lock_read(int fd, struct lock_state *ret, struct err *e)
{
	uint8_t bytes[STATE_SIZE + 1], boot[BOOT_SIZE];
	ssize_t n = pread(fd, bytes, sizeof bytes, 0);

	if (n == -1)
		return err_sys(e, "read the catalogue's lock file");
	boot_id(boot);
	*ret = (struct lock_state){ .dirty = true };
	if (n != STATE_SIZE || memcmp(bytes, MAGIC, 8) != 0)
		return 0;
	ret->generation = be64(bytes + 9);
	ret->dirty = bytes[8] != 0 || memcmp(bytes + 17, boot, BOOT_SIZE) != 0;
	return 0;
}

int lock_write(int fd, const struct lock_state *s, struct err *e)
{
	uint8_t bytes[STATE_SIZE];

	memcpy(bytes, MAGIC, 8);
	bytes[8] = s->dirty;
	put_be64(bytes + 9, s->generation);
	boot_id(bytes + 17);
	return io_pwrite_all(fd, bytes, sizeof bytes, 0, "the catalogue's lock file", e);
}
