/* proof.c: a restored mailbox against the archive. */
#include "restore/proof.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/digest.h"
#include "restore/live.h"
#include "restore/plan.h"

/* The content of a live message is what its record says: by GUID, or by size where the format has none. */
static bool content_holds(const char *dir, const struct index_record *r)
{
	struct digest *d = digest_new(DIGEST_SHA1);
	uint8_t guid[SHA1_SIZE];
	char path[4200], chunk[65536];
	uint64_t size = 0;
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof path, "%s/%u.", dir, r->uid);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	while (fd != -1 && (n = read(fd, chunk, sizeof chunk)) > 0) {
		digest_add(d, chunk, (size_t)n);
		size += (uint64_t)n;
	}
	if (fd != -1)
		close(fd);
	digest_end(d, guid);
	digest_free(d);
	return fd != -1 && n == 0 && size == r->size &&
	       (!r->has_guid || memcmp(guid, r->guid, SHA1_SIZE) == 0);
}

/* Mail may have come and flags may have changed since the lock was released: what was restored must still be there. */
static int compare_records(
    const struct source_messages *m, const struct live_mailbox *l, bool merged, struct buf *why)
{
	for (size_t i = 0; i < m->index->n; i++) {
		const struct index_record *a = &m->index->records[i];
		const struct index_record *r = mailbox_index_find(l->index, a->uid);

		if (!index_record_visible(a))
			continue;
		if (r == NULL || r->size != a->size ||
		    (r->has_guid && a->has_guid && memcmp(r->guid, a->guid, SHA1_SIZE) != 0)) {
			/* Of a merged one only those that have kept their UID are looked at here. */
			if (merged)
				continue;
			buf_printf(why, "message %u is not in the index as the archive has it", a->uid);
			return 0;
		}
		if (!(r->flags & FLAG_ARCHIVED) && index_record_has_file(r) && index_record_has_file(a) &&
		    !content_holds(l->dir, r)) {
			buf_printf(why, "the file of message %u is not what the archive has", a->uid);
			return 0;
		}
	}
	return 1;
}

/* Asked as the owner, who has rights that an admin need not have; what he may not ask either is left to the files. */
static int compare_imap(struct server *server, const struct restore_item *item, const struct live_mailbox *l,
    struct imap *im, struct buf *why, struct err *e)
{
	struct imap_mailbox_status st;
	char *owner = mboxname_user(item->name);
	struct buf name = BUF_INIT;
	uint64_t visible = 0;
	struct err no;
	int rc;

	plan_name_as(server->conf, item->name, owner, &name);
	rc = imap_status(im, buf_text(&name), &st, &no);
	buf_done(&name);
	free(owner);
	if (rc == -1 && no.code == ERR_TOOL)
		return 1;
	if (rc == -1 && no.code == ERR_NOT_FOUND) {
		buf_printf(why, "over IMAP: %s", no.msg);
		return 0;
	}
	if (rc == -1) {
		if (e != NULL)
			*e = no;
		return -1;
	}
	for (size_t i = 0; i < l->index->n; i++)
		visible += index_record_visible(&l->index->records[i]);
	if (st.uidvalidity != l->index->h.uidvalidity || st.messages < visible) {
		buf_printf(why, "over IMAP it shows UIDVALIDITY %u and %llu messages, not %u and %llu",
		    st.uidvalidity, (unsigned long long)st.messages, l->index->h.uidvalidity,
		    (unsigned long long)visible);
		return 0;
	}
	return 1;
}

int proof_mailbox(struct server *server, struct source *source, const struct restore_item *item,
    struct imap *im, struct buf *why, struct err *e)
{
	struct source_messages *m = NULL;
	struct live_mailbox *l = NULL;
	struct mboxlist *list = NULL;
	const struct mailbox_entry *entry;
	int rc = -1;

	bool alone = item->state == STATE_DELETED_COPY || item->state == STATE_DIFFERS;

	/* What was renamed back, or appended to, is not compared with the archive here. */
	if (server_list(server, &list, e) == -1 ||
	    (!alone && source_load(source, item->source_index, false, &m, e) == -1))
		goto out;
	entry = mboxlist_find(list, item->name);
	rc = 0;
	if (entry == NULL || entry->flags & MBTYPE_DELETED) {
		buf_str(why, "it is not in mailboxes.db");
		goto out;
	}
	rc = live_load(server, entry, &l, e);
	if (rc == -1)
		goto out;
	if (l->header == NULL || l->index == NULL || !l->has_cache)
		buf_printf(why, "%s is not readable",
		    l->header == NULL ? "cyrus.header" : "cyrus.index or cyrus.cache");
	else
		rc = alone ? 1 : compare_records(m, l, item->merge != NULL, why);
	if (rc == 1 && im != NULL && entry->type == 'e')
		rc = compare_imap(server, item, l, im, why, e);
out:
	live_free(l);
	source_messages_free(m);
	mboxlist_free(list);
	return rc;
}
