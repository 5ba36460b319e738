/* live.c: look at a mailbox directory of the live server. */
#include "restore/live.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"

/* An index of more than two million messages is not one that a mailbox has. */
#define MAX_META_BYTES ((size_t)256 << 20)
#define TRIES          3

static int read_meta(const struct server *server, const struct mailbox_entry *entry, unsigned meta,
    const char *name, struct buf *b)
{
	struct buf path = BUF_INIT;
	int rc = server_mailbox_dir(server, entry, meta, &path, NULL);

	if (rc == 0) {
		buf_printf(&path, "/%s", name);
		rc = io_read_file(AT_FDCWD, buf_text(&path), MAX_META_BYTES, b, NULL);
	}
	buf_done(&path);
	return rc;
}

/* An empty mailbox needs no cache. */
static bool cache_matches(
    const struct server *server, const struct mailbox_entry *entry, const struct mailbox_index *ix)
{
	struct buf path = BUF_INIT;
	uint8_t head[4];
	bool ok = false;
	int fd = -1;

	if (server_mailbox_dir(server, entry, META_CACHE, &path, NULL) == 0) {
		buf_str(&path, "/cyrus.cache");
		fd = open(buf_text(&path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	}
	if (fd != -1) {
		ok = io_pread_all(fd, head, sizeof head, 0, "cyrus.cache", NULL) == 0 &&
		     be32(head) == ix->h.generation;
		close(fd);
	} else {
		ok = ix->n == 0;
	}
	buf_done(&path);
	return ok;
}

static int by_uid(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void list_messages(struct live_mailbox *l, const char *dir, size_t *cap)
{
	DIR *d = opendir(dir);
	struct dirent *de;

	if (d == NULL)
		return;
	while ((de = readdir(d)) != NULL) {
		char digits[16];
		size_t n = strspn(de->d_name, "0123456789");
		uint64_t uid;

		if (n == 0 || n > 10 || strcmp(de->d_name + n, ".") != 0)
			continue;
		memcpy(digits, de->d_name, n);
		digits[n] = '\0';
		if (str_u64(digits, UINT32_MAX, &uid) == -1)
			continue;
		l->uids = mem_grow(l->uids, cap, l->n_uids + 1, sizeof *l->uids);
		l->uids[l->n_uids++] = (uint32_t)uid;
	}
	closedir(d);
}

struct mailbox_index *live_index(const struct server *server, const struct mailbox_entry *entry)
{
	struct mailbox_index *ix = NULL;

	/* The server writes it in pieces: a bad check sum may be one that is being written. */
	for (int i = 0; i < TRIES && ix == NULL; i++) {
		struct buf b = BUF_INIT;

		if (i > 0)
			usleep(2000);
		if (read_meta(server, entry, META_INDEX, "cyrus.index", &b) == 0 &&
		    mailbox_index_parse((const uint8_t *)buf_text(&b), b.len, &ix, NULL) == 0 &&
		    (!ix->h.crc_ok || ix->short_file)) {
			mailbox_index_free(ix);
			ix = NULL;
		}
		buf_done(&b);
	}
	return ix;
}

int live_load(
    const struct server *server, const struct mailbox_entry *entry, struct live_mailbox **ret, struct err *e)
{
	const struct cyrus_partition *part = imapd_conf_partition(server->conf, entry->partition);
	struct live_mailbox *l = mem_alloc(sizeof *l);
	struct buf b = BUF_INIT;
	size_t cap = 0;

	if (server_mailbox_dir(server, entry, 0, &b, e) == -1) {
		buf_done(&b);
		live_free(l);
		return -1;
	}
	l->dir = buf_steal(&b);
	l->has_dir = access(l->dir, F_OK) == 0;
	if (read_meta(server, entry, META_HEADER, "cyrus.header", &b) == 0)
		mailbox_header_parse((const uint8_t *)buf_text(&b), b.len, &l->header, NULL);
	l->index = live_index(server, entry);
	if (l->index != NULL)
		l->has_cache = cache_matches(server, entry, l->index);
	list_messages(l, l->dir, &cap);
	if (part != NULL && part->archive != NULL) {
		buf_clear(&b);
		buf_printf(&b, "%s/", part->archive);
		if (mboxname_dir(server->conf, mailbox_entry_layout(server->conf, entry), entry->name,
			entry->uniqueid, &b, NULL) == 0)
			list_messages(l, buf_text(&b), &cap);
	}
	if (l->n_uids > 1)
		qsort(l->uids, l->n_uids, sizeof *l->uids, by_uid);
	buf_done(&b);
	*ret = l;
	return 0;
}

int live_index_head(const struct server *server, const struct mailbox_entry *entry, struct index_header *ret)
{
	struct buf path = BUF_INIT;
	uint8_t head[256];
	size_t n = 0;
	int fd = -1, rc = -1;

	if (server_mailbox_dir(server, entry, META_INDEX, &path, NULL) == 0) {
		buf_str(&path, "/cyrus.index");
		fd = open(buf_text(&path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	}
	if (fd != -1) {
		if (io_read_all(fd, head, sizeof head, "cyrus.index", &n, NULL) == 0 &&
		    mailbox_index_header_parse(head, n, ret, NULL) == 0 && ret->crc_ok)
			rc = 0;
		close(fd);
	}
	buf_done(&path);
	return rc;
}

void live_free(struct live_mailbox *l)
{
	if (l == NULL)
		return;
	mailbox_header_free(l->header);
	mailbox_index_free(l->index);
	free(l->uids);
	free(l->dir);
	free(l);
}

bool live_has_file(const struct live_mailbox *l, uint32_t uid)
{
	return l->n_uids > 0 && bsearch(&uid, l->uids, l->n_uids, sizeof *l->uids, by_uid) != NULL;
}
