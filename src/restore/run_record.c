/* run_record.c: what a step is about to change, into the journal of the case. restore/undo.c takes it back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/fault.h"
#include "core/mem.h"
#include "restore/live.h"
#include "restore/room.h"
#include "restore/run_priv.h"

static const char *id_of(const struct mailbox_entry *entry)
{
	return entry->uniqueid != NULL ? entry->uniqueid : "";
}

/* "UIDVALIDITY LASTUID": a message above has come since. */
static char *bounds(uint32_t uidvalidity, uint32_t last_uid)
{
	return mem_printf("%u %u", uidvalidity, last_uid);
}

int record_files(struct run *r, const struct restore_item *item, struct err *e)
{
	struct source_messages *m;
	char *key;
	uint32_t last;
	int rc;

	if (!item->whole || item->state == STATE_DAMAGED)
		return journal_changing(r->journal, "repaired", item->name, id_of(&item->entry),
		    item->whole ? "whole" : "files", NULL, NULL, e);
	if (source_load(r->plan->source, item->source_index, false, &m, e) == -1)
		return -1;
	last = m->index->h.last_uid;
	if (item->least_uidnext > last + 1)
		last = item->least_uidnext - 1;
	key = bounds(item->entry.uidvalidity, last);
	source_messages_free(m);
	rc = journal_changing(
	    r->journal, "created", item->name, id_of(&item->entry), key, NULL, item->name, e);
	free(key);
	return rc == 0 ? fault_point("restore-recorded", e) : -1;
}

/* All of them before the first: Cyrus takes the children of a user's INBOX along. */
int record_renames(struct run *r, struct err *e)
{
	struct mboxlist *list = NULL;
	int rc;

	if (r->renames_recorded)
		return 0;
	rc = server_list(r->server, &list, e);
	for (size_t i = 0; i < r->plan->n_items && rc == 0; i++) {
		const struct restore_item *item = &r->plan->items[i];
		const struct mailbox_entry *entry;
		struct index_header h = { 0 };
		char *key;

		if (item->state != STATE_DELETED_COPY)
			continue;
		entry = mboxlist_find(list, item->deleted_name);
		if (entry == NULL || live_index_head(r->server, entry, &h) == -1)
			h = (struct index_header){ 0 };
		key = bounds(h.uidvalidity, h.last_uid);
		rc = journal_changing(r->journal, "renamed", item->name, id_of(&item->entry), key,
		    item->deleted_name, item->name, e);
		free(key);
	}
	mboxlist_free(list);
	r->renames_recorded = rc == 0;
	return rc == 0 ? fault_point("restore-recorded", e) : -1;
}

int record_seen(struct run *r, const struct restore_item *item, const char *reader, const char *path,
    const char *kind, const char *value, struct err *e)
{
	struct buf before = BUF_INIT;
	int rc = access(path, F_OK) == -1 && errno == ENOENT
	             ? 0
	             : cyrus_dbtool_get(r->server->tools, path, kind, item->entry.uniqueid, &before, e);

	/* Noted as none, undo would take away what cannot be read now. */
	if (rc == -1) {
		buf_done(&before);
		return err_wrap(e, "what %s has read of %s", reader, item->name);
	}
	rc = journal_changing(r->journal, "seen", item->name, id_of(&item->entry), reader,
	    rc == 1 ? buf_text(&before) : NULL, value, e);
	buf_done(&before);
	return rc == 0 ? fault_point("state-change", e) : -1;
}

int record_quota_root(struct run *r, const char *root, struct err *e)
{
	struct quota_root q;
	char *after;
	int rc = source_quota(r->plan->source, root, &q, e);

	if (rc != 1 || room_read(r->server, root, &(struct quota_root){ 0 }))
		return rc == -1 ? -1 : 0;
	after = room_limits_text(&q);
	rc = journal_changing(r->journal, "quota", root, "", root, NULL, after, e);
	free(after);
	return rc;
}
