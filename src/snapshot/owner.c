/* owner.c: which process made a snapshot, and whether it still runs. */
#include "snapshot/owner.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/io.h"
#include "core/mem.h"

static int read_host(char *dst, size_t size, struct err *e)
{
	if (gethostname(dst, size) == -1)
		return err_sys(e, "ask for this host's name");
	dst[size - 1] = '\0';
	for (char *p = dst; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && *p != '.' && *p != '-')
			*p = '_';
	if (*dst == '\0')
		snprintf(dst, size, "localhost");
	return 0;
}

static int read_boot(char *dst, size_t size, struct err *e)
{
	struct buf b = BUF_INIT;

	if (io_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 4096, &b, e) == -1)
		return -1;
	snprintf(dst, size, "%.*s", (int)size - 1, buf_text(&b));
	buf_done(&b);
	return strspn(dst, "0123456789abcdef") == size - 1 ? 0
	                                                   : err_set(e, ERR_FORMAT, "the boot id is none");
}

/* The 22nd field of /proc/PID/stat; the second, a name, may hold anything but ends at the last parenthesis. */
static int read_start(pid_t pid, uint64_t *ret, struct err *e)
{
	struct buf b = BUF_INIT;
	char path[64];
	const char *p;
	unsigned long long start;
	int rc = -1;

	snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
	if (io_read_file(AT_FDCWD, path, 65536, &b, e) == -1)
		return -1;
	p = strrchr(buf_text(&b), ')');
	for (int field = 2; p != NULL && field < 22; field++)
		p = strchr(p + 1, ' ');
	if (p != NULL && sscanf(p, " %llu", &start) == 1) {
		*ret = start;
		rc = 0;
	} else {
		err_set(e, ERR_FORMAT, "%s is not understood", path);
	}
	buf_done(&b);
	return rc;
}

int owner_self(struct owner *ret, struct err *e)
{
	*ret = (struct owner){ .pid = getpid() };
	if (read_host(ret->host, sizeof ret->host, e) == -1 ||
	    read_boot(ret->boot, sizeof ret->boot, e) == -1)
		return -1;
	return read_start(ret->pid, &ret->start, e);
}

enum owner_state owner_state(const struct owner *o)
{
	struct owner self;
	struct err why = { 0 };
	uint64_t start;

	if (owner_self(&self, NULL) == -1 || strcmp(o->host, self.host) != 0)
		return OWNER_ELSEWHERE;
	if (strcmp(o->boot, self.boot) != 0)
		return OWNER_GONE;
	if (read_start(o->pid, &start, &why) == -1)
		return why.code == ERR_NOT_FOUND || why.sys == ESRCH ? OWNER_GONE : OWNER_LIVES;
	return start == o->start ? OWNER_LIVES : OWNER_GONE;
}

bool owner_is_self(const struct owner *o)
{
	struct owner self;

	return owner_self(&self, NULL) == 0 && strcmp(o->host, self.host) == 0 &&
	       strcmp(o->boot, self.boot) == 0 && o->pid == self.pid && o->start == self.start;
}

/* ---- what this process is using ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char **held;
static size_t n_held;

static size_t find(const char *name)
{
	size_t i = 0;

	while (i < n_held && strcmp(held[i], name) != 0)
		i++;
	return i;
}

void owner_keeps(const char *name)
{
	pthread_mutex_lock(&lock);
	if (find(name) == n_held) {
		held = mem_resize(held, n_held + 1, sizeof *held);
		held[n_held++] = mem_strdup(name);
	}
	pthread_mutex_unlock(&lock);
}

void owner_lets_go(const char *name)
{
	size_t i;

	pthread_mutex_lock(&lock);
	i = find(name);
	if (i < n_held) {
		free(held[i]);
		held[i] = held[--n_held];
	}
	if (n_held == 0) {
		free(held);
		held = NULL;
	}
	pthread_mutex_unlock(&lock);
}

bool owner_holds(const char *name)
{
	bool is;

	pthread_mutex_lock(&lock);
	is = find(name) < n_held;
	pthread_mutex_unlock(&lock);
	return is;
}
