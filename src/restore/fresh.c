/* fresh.c: a mailbox that comes back under another name: its own unique id, the rights and the quota root of its new place, and its files
 * rewritten accordingly. Everything else, UIDs too, stays as in the archive. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/io.h"
#include "core/mem.h"
#include "cyrus/mailbox_write.h"
#include "restore/fresh.h"

/* ---- its entry ---- */

/* The same restore run again finds what it began: an id that follows from what is restored, and to where. */
char *fresh_id(const char *archive, const char *old_id, const char *name, bool long_id)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	struct digest *d = digest_new(DIGEST_SHA256);
	uint8_t hash[SHA256_SIZE];
	size_t n = long_id ? 24 : 16;
	char *id = mem_alloc(n + 1);

	digest_add(d, archive, strlen(archive) + 1);
	digest_add(d, old_id, strlen(old_id) + 1);
	digest_add(d, name, strlen(name) + 1);
	digest_end(d, hash);
	digest_free(d);
	/* Ids of 2.x are hex; those of 3.6 as Debian builds it begin with any letter or digit. */
	for (size_t i = 0; i < n; i++)
		id[i] = digits[hash[i] % (long_id ? 36 : 16)];
	id[n] = '\0';
	return id;
}

static void set_text(char **s, const char *text)
{
	free(*s);
	*s = mem_strdup(text);
}

/* The nearest mailbox above that is there. */
static const struct mailbox_entry *parent_of(const struct planning *g, const char *name)
{
	char *up = mem_strdup(name), *dot;
	const struct mailbox_entry *found = NULL;

	while (found == NULL && (dot = strrchr(up, '.')) != NULL) {
		*dot = '\0';
		found = mboxlist_find(g->live, up);
		if (found != NULL && !mailbox_entry_has_directory(found))
			found = NULL;
	}
	free(up);
	return found;
}

void fresh_entry(struct planning *g, const struct restore_item *item, struct mailbox_entry *entry)
{
	const char *was = source_mailbox(g->source, item->source_index)->name;
	const struct mailbox_entry *parent = parent_of(g, item->name);
	char *old_owner = mboxname_user(was), *owner = mboxname_user(item->name);
	char *id = fresh_id(source_name(g->source), entry->uniqueid, item->name,
	    cyrus_version_at_least(g->server->version, 2, 5));

	set_text(&entry->name, item->name);
	free(entry->uniqueid);
	entry->uniqueid = id;
	free(entry->raw_history);
	entry->raw_history = NULL;
	if (parent != NULL)
		set_text(&entry->partition, parent->partition);
	/* What was the owner's is the new owner's. */
	for (size_t i = 0; i < entry->n_acl && owner != NULL && old_owner != NULL; i++)
		if (strcmp(entry->acl[i].user, old_owner) == 0)
			set_text(&entry->acl[i].user, owner);
	free(old_owner);
	free(owner);
}

char *fresh_quota_root(const struct server *server, const char *name)
{
	char *root = mem_strdup(name), *dot;
	struct buf path = BUF_INIT;
	bool found = false;

	for (;;) {
		buf_clear(&path);
		found = mboxname_quota_file(server->conf, root, &path, NULL) == 0 &&
		        access(buf_text(&path), F_OK) == 0;
		dot = strrchr(root, '.');
		if (found || dot == NULL)
			break;
		*dot = '\0';
	}
	buf_done(&path);
	if (!found) {
		free(root);
		root = NULL;
	}
	return root;
}

/* ---- its files ---- */

static int write_back(int dir_fd, const char *name, const struct buf *b, struct err *e)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC);
	int rc;

	if (fd == -1)
		return err_sys(e, "write %s", name);
	rc = io_write_all(fd, b->data, b->len, name, e);
	close(fd);
	return rc;
}

static void free_acl(struct acl_item *acl, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(acl[i].user);
		free(acl[i].rights);
	}
	free(acl);
}

static int write_header(const struct server *server, const struct restore_item *item,
    struct mailbox_header *h, struct buf *ret, struct err *e)
{
	struct mailbox_entry copy;

	mailbox_entry_copy(&copy, &item->entry);
	set_text(&h->name, item->entry.name);
	set_text(&h->uniqueid, item->entry.uniqueid);
	free(h->quotaroot);
	h->quotaroot = fresh_quota_root(server, item->entry.name);
	free_acl(h->acl, h->n_acl);
	h->acl = copy.acl;
	h->n_acl = copy.n_acl;
	copy.acl = NULL;
	copy.n_acl = 0;
	mailbox_entry_done(&copy);
	return mailbox_header_write(h, cyrus_version_at_least(server->version, 3, 6), ret, e);
}

int fresh_rewrite(const struct server *server, const struct restore_item *item, int header_dir, int index_dir,
    struct err *e)
{
	struct buf old = BUF_INIT, header = BUF_INIT, index = BUF_INIT;
	struct mailbox_header *h = NULL;
	struct index_patch patch = { .last_uid = item->least_uidnext > 0 ? item->least_uidnext - 1 : 0,
		.highestmodseq = item->least_modseq,
		.set_header_file_crc = true };
	int rc = -1;

	if (io_read_file(header_dir, "cyrus.header", (size_t)16 << 20, &old, e) == -1 ||
	    io_read_file(index_dir, "cyrus.index", (size_t)1 << 30, &index, e) == -1 ||
	    mailbox_header_parse((const uint8_t *)old.data, old.len, &h, e) == -1 ||
	    write_header(server, item, h, &header, e) == -1)
		goto out;
	patch.header_file_crc = mailbox_crc(header.data, header.len);
	if (mailbox_index_patch((uint8_t *)index.data, index.len, &patch, e) == -1 ||
	    write_back(header_dir, "cyrus.header", &header, e) == -1 ||
	    write_back(index_dir, "cyrus.index", &index, e) == -1)
		goto out;
	rc = 0;
out:
	mailbox_header_free(h);
	buf_done(&old);
	buf_done(&header);
	buf_done(&index);
	return rc;
}
