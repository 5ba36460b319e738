/* btrfs_clean.c: names of snapshots, and those that killed runs left. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "snapshot/btrfs_priv.h"
#include "snapshot/mounts.h"

#define NAME_PREFIX     "cyrvault-"
#define REMOVE_FOR_MS   10000
#define REMOVE_AGAIN_MS 300

char *btrfs_name(const struct owner *o, unsigned serial)
{
	return mem_printf(NAME_PREFIX "%s-%ld-%s-%llu-%u", o->host, (long)o->pid, o->boot,
	    (unsigned long long)o->start, serial);
}

/* Cut the last word off at its '-': the host's name may have some, too. */
static const char *last_word(char *s)
{
	char *dash = strrchr(s, '-');

	if (dash == NULL)
		return "";
	*dash = '\0';
	return dash + 1;
}

int btrfs_name_owner(const char *name, struct owner *ret)
{
	char *rest = mem_strdup(name);
	uint64_t serial, pid = 0;
	const char *boot;
	int rc = -1;

	*ret = (struct owner){ 0 };
	if (str_starts(name, NAME_PREFIX) && str_u64(last_word(rest), UINT32_MAX, &serial) == 0 &&
	    str_u64(last_word(rest), UINT64_MAX, &ret->start) == 0) {
		boot = last_word(rest);
		if (strlen(boot) == sizeof ret->boot - 1 &&
		    strspn(boot, "0123456789abcdef") == sizeof ret->boot - 1 &&
		    str_u64(last_word(rest), INT32_MAX, &pid) == 0 && pid > 0 &&
		    str_starts(rest, NAME_PREFIX) && strlen(rest) - strlen(NAME_PREFIX) < sizeof ret->host) {
			memcpy(ret->boot, boot, sizeof ret->boot);
			snprintf(ret->host, sizeof ret->host, "%s", rest + strlen(NAME_PREFIX));
			ret->pid = (pid_t)pid;
			rc = 0;
		}
	}
	free(rest);
	return rc;
}

int btrfs_dir(int top_fd, bool make, struct err *e)
{
	int fd;

	if (make && mkdirat(top_fd, BTRFS_DIR, 0700) == -1 && errno != EEXIST)
		return err_sys(e, "make the directory " BTRFS_DIR);
	fd = openat(top_fd, BTRFS_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd == -1 ? err_sys(e, "open the directory " BTRFS_DIR) : fd;
}

int btrfs_remove_patiently(int dir_fd, const char *name, struct err *e)
{
	const struct timespec pause = { .tv_nsec = REMOVE_AGAIN_MS * 1000000L };
	uint64_t end = clock_monotonic_ms() + REMOVE_FOR_MS;
	struct err why;

	while (btrfs_remove(dir_fd, name, &why) == -1) {
		if (why.code == ERR_NOT_FOUND)
			return 0;
		if (why.sys != EBUSY || clock_monotonic_ms() >= end) {
			if (e != NULL)
				*e = why;
			return -1;
		}
		nanosleep(&pause, NULL);
	}
	return 0;
}

struct cleaning {
	bool remove;
	struct buf what, left;
	struct err why;
	int n;
};

static void clean_dir(struct cleaning *c, int dir_fd, const char *device)
{
	int again = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = again != -1 ? fdopendir(again) : NULL;
	struct dirent *de;

	while (d != NULL && (de = readdir(d)) != NULL) {
		struct owner owner;
		bool gone;

		if (btrfs_name_owner(de->d_name, &owner) == -1)
			continue;
		gone =
		    owner_state(&owner) == OWNER_GONE || (owner_is_self(&owner) && !owner_holds(de->d_name));
		if (!gone)
			continue;
		if (c->remove && btrfs_remove_patiently(dir_fd, de->d_name, &c->why) == -1) {
			buf_printf(&c->left, "%s%s of %s", c->left.len > 0 ? ", " : "", de->d_name, device);
			continue;
		}
		c->n++;
		buf_printf(
		    &c->what, "%s" BTRFS_DIR "/%s of %s", c->what.len > 0 ? ", " : "", de->d_name, device);
	}
	if (d != NULL)
		closedir(d);
}

static void clean_fs(struct cleaning *c, const char *device)
{
	struct err why;
	int top = btrfs_top(device, &why), dir;

	if (top == -1) {
		log_write(LOG_LEVEL_WARNING, "not looked for leftover snapshots: %s", why.msg);
		return;
	}
	dir = btrfs_dir(top, false, NULL);
	if (dir != -1) {
		clean_dir(c, dir, device);
		close(dir);
	}
	close(top);
}

int btrfs_clean(const struct snapshot_opts *o, bool remove, char **ret_what, struct err *e)
{
	struct cleaning c = { .remove = remove };
	struct mounts m;

	(void)o;
	if (geteuid() != 0)
		return 0;
	if (mounts_read(&m, e) == -1)
		return -1;
	for (size_t i = 0; i < m.n; i++) {
		bool seen = strcmp(m.list[i].fs, "btrfs") != 0 || mount_has_option(&m.list[i], "ro");

		for (size_t k = 0; k < i && !seen; k++)
			seen = m.list[k].major == m.list[i].major && m.list[k].minor == m.list[i].minor;
		if (!seen)
			clean_fs(&c, m.list[i].source);
	}
	mounts_done(&m);
	if (c.what.len > 0)
		*ret_what = buf_steal(&c.what);
	if (c.left.len > 0) {
		err_set(e, c.why.code, "left over and not removed: %s: %s", buf_text(&c.left), c.why.msg);
		err_hint(e,
		    "mount the top level (-o subvolid=5) and use: btrfs subvolume delete " BTRFS_DIR "/NAME");
		c.n = -1;
	}
	buf_done(&c.what);
	buf_done(&c.left);
	return c.n;
}
