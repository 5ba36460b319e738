/* merge_proof.c: after a merge: what the archive has is in the live mailbox, with its flags. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/mem.h"
#include "restore/compare.h"
#include "restore/merge.h"
#include "restore/sides.h"

struct proving {
	const struct restore_item *item;
	const char *id; /* in the live list; "": not known */
	const struct source_messages *m;
	struct compare_live live;
	struct side_live side;
	const struct journal_log *log;
	bool *used; /* of each record of the journal: stands for a message that is not there */
};

/* The archive does not know the mark: it makes no difference. */
static void forget_mark(struct compare_live *l, const struct mailbox_header *archive, const char *mark)
{
	const struct mailbox_header *live = l->mailbox->header;

	for (unsigned i = 0; archive != NULL && i < MAILBOX_USER_FLAGS; i++)
		if (archive->flag_names[i] != NULL && strcasecmp(archive->flag_names[i], mark) == 0)
			return;
	for (unsigned i = 0; live != NULL && i < MAILBOX_USER_FLAGS; i++)
		if (live->flag_names[i] != NULL && strcasecmp(live->flag_names[i], mark) == 0)
			l->compared_live[i / 32] &= ~(1u << i % 32);
}

static bool is_about(const struct proving *p, const struct journal_record *r, enum journal_kind kind)
{
	return r->kind == kind && strcmp(r->uniqueid, p->id) == 0 &&
	       (*p->id != '\0' || strcmp(r->mailbox, p->item->name) == 0);
}

static bool was_refused(struct proving *p, const struct match_message *m)
{
	for (size_t i = 0; i < p->log->n; i++)
		if (!p->used[i] && is_about(p, &p->log->records[i], JOURNAL_REFUSED) &&
		    memcmp(p->log->records[i].guid, m->guid, SHA1_SIZE) == 0)
			return p->used[i] = true;
	return false;
}

static int all_there(struct proving *p, struct buf *why)
{
	const struct restore_merge *merge = p->item->merge;
	struct match_result r;
	int rc = 1;

	match_messages(merge->archive, merge->n, p->side.list, p->side.n, NULL, NULL, &r);
	for (size_t i = 0; i < merge->n && rc == 1; i++)
		if (merge->append[i] && r.states[i] == MATCH_MISSING && !was_refused(p, &merge->archive[i])) {
			buf_printf(why, "message %u of the archive is not in it", merge->archive[i].uid);
			rc = 0;
		}
	match_done(&r);
	return rc;
}

/* One message of the archive with this content has these flags. */
static bool flags_hold(const struct proving *p, const struct index_record *r)
{
	const struct restore_merge *merge = p->item->merge;

	for (size_t i = 0; i < merge->n; i++) {
		struct index_record a;

		if (memcmp(merge->archive[i].guid, r->guid, SHA1_SIZE) == 0 &&
		    side_record(merge, p->m, merge->archive[i].uid, &a) &&
		    compare_same_flags(&p->live, p->m, &a, r))
			return true;
	}
	return false;
}

static int flags_as_archived(const struct proving *p, struct buf *why)
{
	const struct mailbox_index *ix = p->live.mailbox->index;

	for (size_t i = 0; i < p->log->n; i++) {
		const struct journal_record *j = &p->log->records[i];
		const struct index_record *r =
		    is_about(p, j, JOURNAL_APPENDED) ? mailbox_index_find(ix, j->uid) : NULL;

		/* What somebody has changed since is his. */
		if (r == NULL || !index_record_visible(r) || j->uidvalidity != ix->h.uidvalidity ||
		    r->createdmodseq == 0 || r->modseq != r->createdmodseq)
			continue;
		if (!flags_hold(p, r)) {
			buf_printf(why, "message %u has other flags than in the archive", r->uid);
			return 0;
		}
	}
	return 1;
}

int merge_prove(struct server *server, struct source *source, const struct journal *journal,
    const struct restore_item *item, const char *mark, struct buf *why, struct err *e)
{
	struct proving p = { .item = item };
	struct source_messages *m = NULL;
	struct mboxlist *list = NULL;
	struct journal_log log = { 0 };
	const struct mailbox_entry *entry;
	int rc = -1;

	if (server_list(server, &list, e) == -1 || journal_read(journal_path(journal), &log, e) == -1 ||
	    source_load(source, item->source_index, false, &m, e) == -1)
		goto out;
	rc = 0;
	p.m = m;
	p.log = &log;
	p.used = mem_array(log.n + 1, sizeof *p.used);
	entry = mboxlist_find(list, item->name);
	if (entry == NULL || !mailbox_entry_has_directory(entry)) {
		buf_str(why, "it is not in mailboxes.db");
		goto out;
	}
	/* One that was made for this had none yet when it was planned. */
	p.id = entry->uniqueid != NULL ? entry->uniqueid : "";
	rc = live_load(server, entry, &p.live.mailbox, e);
	if (rc == -1)
		goto out;
	if (p.live.mailbox->index == NULL) {
		buf_str(why, "its index cannot be read");
		goto out;
	}
	compare_live_flags(server, entry, m, &p.live);
	if (mark != NULL)
		forget_mark(&p.live, m->header, mark);
	side_live_read(server, entry, p.live.mailbox, item->merge->message_ids != NULL, &p.side);
	rc = all_there(&p, why);
	if (rc == 1)
		rc = flags_as_archived(&p, why);
out:
	side_live_done(&p.side);
	compare_live_done(&p.live);
	source_messages_free(m);
	journal_log_done(&log);
	mboxlist_free(list);
	free(p.used);
	return rc;
}
