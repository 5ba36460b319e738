/* btrfs.c: the ioctls of btrfs. */
#include "snapshot/btrfs.h"

#include <errno.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "core/bytes.h"
#include "core/mem.h"
#include "snapshot/detached.h"

/* Hosts that keep a snapshot of every hour have thousands. */
#define MAX_SUBVOLUMES 100000
#define MAX_DEPTH      64

int btrfs_top(const char *device, struct err *e)
{
	return detached_mount("btrfs", device, (const char *const[]){ "subvolid=5", NULL }, true, e);
}

/* ---- the list ---- */

/* An entry of the tree of roots: the directory and the name under which a subvolume hangs in its parent. */
struct hook {
	uint64_t id, parent, dir;
	char *name;
};

struct hooks {
	struct hook *list;
	size_t n, cap;
};

/* The item of one search result: where from, which number, how long the name. */
static int add_hook(
    struct hooks *h, const struct btrfs_ioctl_search_header *head, const uint8_t *item, struct err *e)
{
	size_t fixed = sizeof(struct btrfs_root_ref), len;

	if (head->len < fixed)
		return err_set(e, ERR_FORMAT, "a subvolume's entry is too short");
	len = le16(item + 16);
	if (len == 0 || len > head->len - fixed || memchr(item + fixed, '/', len) != NULL ||
	    memchr(item + fixed, '\0', len) != NULL)
		return err_set(e, ERR_FORMAT, "a subvolume's name is none");
	if (h->n == MAX_SUBVOLUMES)
		return err_set(e, ERR_UNSUPPORTED, "more than %d subvolumes", MAX_SUBVOLUMES);
	h->list = mem_grow(h->list, &h->cap, h->n + 1, sizeof *h->list);
	h->list[h->n++] = (struct hook){ .id = head->objectid,
		.parent = head->offset,
		.dir = le64(item),
		.name = mem_strndup((const char *)item + fixed, len) };
	return 0;
}

static int read_hooks(int top_fd, struct hooks *h, struct err *e)
{
	struct btrfs_ioctl_search_args a = { .key = { .tree_id = BTRFS_ROOT_TREE_OBJECTID,
						 .min_objectid = BTRFS_FIRST_FREE_OBJECTID,
						 .max_objectid = UINT64_MAX - 256,
						 .max_offset = UINT64_MAX,
						 .max_transid = UINT64_MAX,
						 .min_type = BTRFS_ROOT_BACKREF_KEY,
						 .max_type = BTRFS_ROOT_BACKREF_KEY } };
	struct btrfs_ioctl_search_header head = { 0 };

	for (;;) {
		size_t at = 0;

		a.key.nr_items = 4096;
		if (ioctl(top_fd, BTRFS_IOC_TREE_SEARCH, &a) == -1)
			return err_sys(e, "list the subvolumes");
		if (a.key.nr_items == 0)
			return 0;
		for (uint32_t i = 0; i < a.key.nr_items; i++) {
			if (sizeof a.buf - at < sizeof head)
				return err_set(e, ERR_FORMAT, "the list of subvolumes is cut off");
			memcpy(&head, a.buf + at, sizeof head);
			at += sizeof head;
			if (sizeof a.buf - at < head.len)
				return err_set(e, ERR_FORMAT, "the list of subvolumes is cut off");
			if (head.type == BTRFS_ROOT_BACKREF_KEY &&
			    add_hook(h, &head, (const uint8_t *)a.buf + at, e) == -1)
				return -1;
			at += head.len;
		}
		/* From the key behind the last one. */
		a.key.min_objectid = head.objectid;
		a.key.min_type = head.type;
		a.key.min_offset = head.offset + 1;
		if (a.key.min_offset == 0 && ++a.key.min_type == 0)
			a.key.min_objectid++;
	}
}

static int by_id(const void *a, const void *b)
{
	uint64_t x = ((const struct hook *)a)->id, y = ((const struct hook *)b)->id;

	return x < y ? -1 : x > y;
}

/* The path of a directory within its subvolume: "" or "a/b/"; heap, NULL when it is gone. */
static char *directory(int top_fd, uint64_t tree, uint64_t dir)
{
	struct btrfs_ioctl_ino_lookup_args a = { .treeid = tree, .objectid = dir };

	if (ioctl(top_fd, BTRFS_IOC_INO_LOOKUP, &a) == -1)
		return NULL;
	return mem_strndup(a.name, strnlen(a.name, sizeof a.name));
}

/* The whole path; NULL when it is not to be had: deleted meanwhile, or a circle. */
static char *path_of(int top_fd, const struct hooks *h, uint64_t id, unsigned depth)
{
	struct hook key = { .id = id };
	const struct hook *hook = h->n > 0 ? bsearch(&key, h->list, h->n, sizeof key, by_id) : NULL;
	char *above, *dir, *path = NULL;

	if (id == BTRFS_FS_TREE_OBJECTID)
		return mem_strdup("");
	if (hook == NULL || depth == 0)
		return NULL;
	above = path_of(top_fd, h, hook->parent, depth - 1);
	dir = directory(top_fd, hook->parent, hook->dir);
	if (above != NULL && dir != NULL)
		path = mem_printf("%s%s%s%s", above, *above != '\0' ? "/" : "", dir, hook->name);
	free(above);
	free(dir);
	return path;
}

int btrfs_subvolumes(int top_fd, struct btrfs_subvolumes *ret, struct err *e)
{
	struct hooks h = { 0 };
	int rc = read_hooks(top_fd, &h, e);

	*ret = (struct btrfs_subvolumes){ 0 };
	if (rc == 0) {
		if (h.n > 1)
			qsort(h.list, h.n, sizeof *h.list, by_id);
		ret->list = mem_array(h.n + 1, sizeof *ret->list);
		ret->list[ret->n++] = (struct btrfs_subvolume){ BTRFS_FS_TREE_OBJECTID, 0, mem_strdup("") };
		for (size_t i = 0; i < h.n; i++) {
			char *path = path_of(top_fd, &h, h.list[i].id, MAX_DEPTH);

			if (path != NULL)
				ret->list[ret->n++] =
				    (struct btrfs_subvolume){ h.list[i].id, h.list[i].parent, path };
		}
	}
	for (size_t i = 0; i < h.n; i++)
		free(h.list[i].name);
	free(h.list);
	return rc;
}

void btrfs_subvolumes_done(struct btrfs_subvolumes *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->list[i].path);
	free(s->list);
	*s = (struct btrfs_subvolumes){ 0 };
}

/* ---- one of them ---- */

int btrfs_id(int fd, uint64_t *ret, struct err *e)
{
	struct btrfs_ioctl_ino_lookup_args a = { .objectid = BTRFS_FIRST_FREE_OBJECTID };

	if (ioctl(fd, BTRFS_IOC_INO_LOOKUP, &a) == -1)
		return err_sys(e, "ask for the number of a subvolume");
	*ret = a.treeid;
	return 0;
}

int btrfs_read_only(int fd, bool *ret, struct err *e)
{
	uint64_t flags;

	if (ioctl(fd, BTRFS_IOC_SUBVOL_GETFLAGS, &flags) == -1)
		return err_sys(e, "ask for the flags of a subvolume");
	*ret = (flags & BTRFS_SUBVOL_RDONLY) != 0;
	return 0;
}

int btrfs_snapshot(int fd, int dir_fd, const char *name, struct err *e)
{
	struct btrfs_ioctl_vol_args_v2 a = { .fd = fd, .flags = BTRFS_SUBVOL_RDONLY };

	if ((size_t)snprintf(a.name, sizeof a.name, "%s", name) >= sizeof a.name) {
		errno = ENAMETOOLONG;
		return err_sys(e, "%s", name);
	}
	return ioctl(dir_fd, BTRFS_IOC_SNAP_CREATE_V2, &a) == -1 ? err_sys(e, "make the snapshot %s", name)
	                                                         : 0;
}

int btrfs_remove(int dir_fd, const char *name, struct err *e)
{
	struct btrfs_ioctl_vol_args a = { 0 };

	if ((size_t)snprintf(a.name, sizeof a.name, "%s", name) >= sizeof a.name) {
		errno = ENAMETOOLONG;
		return err_sys(e, "%s", name);
	}
	return ioctl(dir_fd, BTRFS_IOC_SNAP_DESTROY, &a) == -1 ? err_sys(e, "remove the snapshot %s", name)
	                                                       : 0;
}
