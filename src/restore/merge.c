/* merge.c: append the messages that a live mailbox lacks, as they are read from the archive. */
#include "restore/merge.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/fault.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/compare.h"
#include "restore/rights.h"
#include "restore/safety.h"
#include "restore/sides.h"
#include "restore/source_impl.h"

/* The server may still be at the last message of a run that was killed. */
#define SETTLE_MS 1000

struct merging {
	struct merge_context *cx;
	const struct restore_item *item;
	const struct mailbox_entry *entry; /* of the live mailbox */
	struct source_messages *m;
	struct rights rights;
	bool sharedseen;
	bool *missing;  /* of each message of merge->archive: is to be appended, and not there yet */
	bool *done;     /* of each: was appended here */
	uint32_t *ours; /* the UIDs they got, ascending */
	size_t n_ours, cap_ours, n_done, n_failed;
	uint32_t uidvalidity, last_uid; /* when the live mailbox was looked at last */
	/* the message that is being sent */
	size_t at;
	struct digest *digest;
	struct journal_record record;
	char held; /* its last byte so far: sent only when all of it is proved */
	bool holds;
	bool stopped;        /* by us or the server, in the middle of it: the archive is not to blame */
	bool journal_broken; /* so: */
	struct err journal_failed;
};

/* ---- what is missing now ---- */

/* What was appended here, on both sides, is left out: the rest is matched as if it were all there is. */
static void match_rest(struct merging *g, const struct side_live *side)
{
	const struct restore_merge *merge = g->item->merge;
	struct match_message *a = mem_array(merge->n + 1, sizeof *a), *l = mem_array(side->n + 1, sizeof *l);
	size_t *index = mem_array(merge->n + 1, sizeof *index), n = 0, n_live = 0;
	struct match_result r;

	for (size_t i = 0; i < merge->n; i++)
		if (!g->done[i]) {
			index[n] = i;
			a[n++] = merge->archive[i];
		}
	for (size_t i = 0; i < side->n; i++)
		if (!compare_has_uid(g->ours, g->n_ours, side->list[i].uid))
			l[n_live++] = side->list[i];
	match_messages(a, n, l, n_live, NULL, NULL, &r);
	for (size_t i = 0; i < n; i++)
		g->missing[index[i]] = merge->append[index[i]] && r.states[i] == MATCH_MISSING;
	match_done(&r);
	free(a);
	free(l);
	free(index);
}

static int look(struct merging *g, struct err *e)
{
	struct live_mailbox *l;
	struct side_live side;

	if (live_load(g->cx->server, g->entry, &l, e) == -1)
		return -1;
	if (l->index == NULL) {
		live_free(l);
		return err_set(e, ERR_REFUSED, "its index cannot be read");
	}
	if (g->uidvalidity != 0 && g->uidvalidity != l->index->h.uidvalidity) {
		live_free(l);
		return err_set(e, ERR_REFUSED, "it was made anew meanwhile");
	}
	g->uidvalidity = l->index->h.uidvalidity;
	g->last_uid = l->index->h.last_uid;
	g->sharedseen = l->index->h.options & OPT_SHAREDSEEN;
	side_live_read(g->cx->server, g->entry, l, g->item->merge->message_ids != NULL, &side);
	match_rest(g, &side);
	side_live_done(&side);
	live_free(l);
	return 0;
}

/* Something has come in since the last look, which may be one of ours. */
static int look_if_changed(struct merging *g, struct err *e)
{
	struct index_header h;

	if (live_index_head(g->cx->server, g->entry, &h) == 0 && h.last_uid == g->last_uid &&
	    h.uidvalidity == g->uidvalidity)
		return 0;
	return look(g, e);
}

/* ---- one message ---- */

static void failed(struct merging *g, const char *why)
{
	struct restore_result *r = g->cx->result;
	const struct match_message *m = &g->item->merge->archive[g->at];

	r->failures = mem_grow(r->failures, &r->cap_failures, r->n_failures + 1, sizeof *r->failures);
	r->failures[r->n_failures] =
	    mem_printf("%s, message %u of the archive: %s", g->item->name, m->uid, why);
	log_write(LOG_LEVEL_WARNING, "%s", r->failures[r->n_failures++]);
	r->failed++;
	g->n_failed++;
	g->missing[g->at] = false;
}

/* It will not be there, and the proof must know. */
static int give_up(struct merging *g, const char *why, struct err *e)
{
	g->record.kind = JOURNAL_REFUSED;
	g->record.uid = 0;
	g->record.flags = 0;
	failed(g, why);
	return journal_add(g->cx->journal, &g->record, e);
}

/* 0: said no, and the connection lives on; -1. */
static int refused(struct merging *g, struct err *why, struct err *e)
{
	if (why->code == ERR_TOOL) {
		g->cx->refused = true;
		return give_up(g, why->msg, e);
	}
	if (e != NULL)
		*e = *why;
	if (why->code == ERR_SPACE)
		err_hint(e, "raise the quota (SETQUOTA, as the administrator), then run the restore again: "
			    "it goes on "
			    "from here");
	return -1;
}

static void put_flags(const struct merging *g, const struct index_record *r, struct buf *b)
{
	bool own = g->rights.owner != NULL || g->sharedseen;

	index_flags_text(r, g->m->header, own && source_seen_flag(g->m, r), b);
	if (g->cx->mark != NULL)
		buf_printf(b, "%s%s", b->len > 0 ? " " : "", g->cx->mark);
}

static uint32_t flags_of(const struct merging *g, const struct index_record *r)
{
	return (r->flags & (FLAG_ANSWERED | FLAG_FLAGGED | FLAG_DELETED | FLAG_DRAFT)) |
	       (source_seen_flag(g->m, r) ? FLAG_SEEN : 0);
}

static bool find_wanted(struct merging *g, const struct archive_file *file)
{
	const struct restore_merge *merge = g->item->merge;
	uint32_t uid = file->role == ROLE_MESSAGE ? source_message_uid(source_base(file->path)) : 0;

	g->at = uid != 0 ? side_find(merge, uid) : merge->n;
	return g->at < merge->n && g->missing[g->at];
}

static int begin(void *arg, const struct archive_file *file, const struct entry_meta *meta, struct err *e)
{
	struct merging *g = arg;
	struct index_record r;
	struct buf flags = BUF_INIT;
	struct imap_append a;
	struct err why;
	char date[40];
	int rc;

	if (!find_wanted(g, file))
		return 0;
	if (meta == NULL)
		return 1;
	if (job_cancelled(g->cx->job, e) || look_if_changed(g, e) == -1)
		return -1;
	if (!find_wanted(g, file))
		return 0;
	if (!side_record(g->item->merge, g->m, g->item->merge->archive[g->at].uid, &r))
		return 0;
	put_flags(g, &r, &flags);
	a = (struct imap_append){ .mailbox = buf_text(&g->rights.name),
		.flags = buf_text(&flags),
		.internaldate = imap_internaldate(date, sizeof date, r.internaldate),
		.len = file->size };
	g->record = (struct journal_record){ .kind = JOURNAL_SENDING,
		.mailbox = g->item->name,
		.uniqueid = g->entry->uniqueid != NULL ? g->entry->uniqueid : "",
		.uidvalidity = g->uidvalidity,
		.uid = g->last_uid,
		.flags = flags_of(g, &r) };
	memcpy(g->record.guid, g->item->merge->archive[g->at].guid, SHA1_SIZE);
	if (file->size == 0) {
		buf_done(&flags);
		return give_up(g, "it is empty, which APPEND does not take", e);
	}
	digest_start(g->digest);
	g->holds = false;
	rc = rights_imap(&g->rights, e) == NULL || journal_add(g->cx->journal, &g->record, e) == -1 ? -1 : 1;
	if (rc == 1 && imap_append_begin(g->rights.im, &a, &why) == -1)
		rc = refused(g, &why, e);
	buf_done(&flags);
	return rc == 1 && fault_point("merge-begin", e) == -1 ? -1 : rc;
}

static int send_piece(struct merging *g, const void *p, size_t n, struct err *e)
{
	if (job_cancelled(g->cx->job, e) ||
	    (g->holds && imap_append_data(g->rights.im, &g->held, 1, e) == -1) ||
	    imap_append_data(g->rights.im, p, n - 1, e) == -1)
		return -1;
	g->held = ((const char *)p)[n - 1];
	g->holds = true;
	digest_add(g->digest, p, n);
	job_advance(g->cx->job, n);
	return 0;
}

/* A message is there only with its last byte: that one waits until the SHA-256 of all is proved. */
static int data(void *arg, const void *p, size_t n, struct err *e)
{
	struct merging *g = arg;

	g->stopped = n > 0 && send_piece(g, p, n, e) == -1;
	return g->stopped ? -1 : 0;
}

/* A server that does not tell where the message went: the first new one of this content. */
static uint32_t find_landed(struct merging *g)
{
	struct mailbox_index *ix = live_index(g->cx->server, g->entry);
	uint32_t uid = 0;

	for (size_t i = 0; ix != NULL && i < ix->n && uid == 0; i++) {
		const struct index_record *r = &ix->records[i];

		if (r->uid > g->last_uid && r->has_guid && memcmp(r->guid, g->record.guid, SHA1_SIZE) == 0)
			uid = r->uid;
	}
	mailbox_index_free(ix);
	return uid;
}

static int appended(struct merging *g, uint32_t uid, struct err *e)
{
	struct restore_result *r = g->cx->result;

	if (fault_point("merge-answered", e) == -1)
		return -1;
	if (uid == 0)
		uid = find_landed(g);
	g->done[g->at] = true;
	g->missing[g->at] = false;
	g->n_done++;
	if (uid > g->last_uid) {
		g->ours = mem_grow(g->ours, &g->cap_ours, g->n_ours + 1, sizeof *g->ours);
		g->ours[g->n_ours++] = uid;
	}
	/* Nothing else came in between, or the next look finds that it did. */
	g->last_uid = uid == g->last_uid + 1 ? uid : 0;
	g->record.kind = JOURNAL_APPENDED;
	g->record.uid = uid;
	r->created++;
	r->bytes += g->item->merge->archive[g->at].size;
	if (journal_add(g->cx->journal, &g->record, e) == -1)
		return -1;
	return fault_point("merge-appended", e);
}

static int send_end(struct merging *g, struct err *e)
{
	uint32_t uidvalidity = 0, uid = 0;
	struct err why;

	digest_end(g->digest, g->record.guid);
	if (imap_append_data(g->rights.im, &g->held, 1, e) == -1)
		return -1;
	if (imap_append_end(g->rights.im, &uidvalidity, &uid, &why) == -1)
		return refused(g, &why, e);
	if (uidvalidity != 0 && uidvalidity != g->uidvalidity) {
		err_set(e, ERR_REFUSED, "it was made anew meanwhile");
		return -1;
	}
	return appended(g, uid, e);
}

static int end(void *arg, struct err *e)
{
	struct merging *g = arg;

	g->stopped = send_end(g, e) == -1;
	return g->stopped ? -1 : 0;
}

/* What was sent of it is nothing without its last byte. */
static void broken(void *arg)
{
	struct merging *g = arg;

	rights_drop(&g->rights);
	if (!g->stopped && give_up(g, "it is damaged in the archive", &g->journal_failed) == -1)
		g->journal_broken = true;
}

/* ---- one mailbox ---- */

/* Of the running server: what cyr_expire took between the plan and its being carried out. */
static int give_up_gone(struct merging *g, struct err *e)
{
	const struct restore_merge *merge = g->item->merge;
	int rc = 0;

	for (g->at = 0; g->at < merge->n && rc == 0; g->at++) {
		if (!g->missing[g->at])
			continue;
		g->record = (struct journal_record){ .mailbox = g->item->name,
			.uniqueid = g->entry->uniqueid != NULL ? g->entry->uniqueid : "",
			.uidvalidity = g->uidvalidity };
		memcpy(g->record.guid, merge->archive[g->at].guid, SHA1_SIZE);
		rc = give_up(g, "the server has not kept it any longer, or it is damaged there", e);
	}
	return rc;
}

static bool is_ours(const struct merging *g, const struct journal_record *r)
{
	return (r->kind == JOURNAL_SENDING || r->kind == JOURNAL_APPENDED || r->kind == JOURNAL_REFUSED) &&
	       strcmp(r->uniqueid, g->entry->uniqueid != NULL ? g->entry->uniqueid : "") == 0 &&
	       strcmp(r->mailbox, g->item->name) == 0;
}

/* The first new message of the content that was being sent when a run was cut off, and that no record has yet; 0. */
static uint32_t find_arrived(
    const struct mailbox_index *ix, const struct journal_log *log, const struct journal_record *sent)
{
	for (size_t i = 0; i < ix->n; i++) {
		const struct index_record *x = &ix->records[i];
		bool known = false;

		if (x->uid <= sent->uid || !index_record_visible(x) || !x->has_guid ||
		    memcmp(x->guid, sent->guid, SHA1_SIZE) != 0)
			continue;
		for (size_t k = 0; k < log->n && !known; k++)
			known = log->records[k].kind == JOURNAL_APPENDED && log->records[k].uid == x->uid &&
			        strcmp(log->records[k].uniqueid, sent->uniqueid) == 0;
		if (!known)
			return x->uid;
	}
	return 0;
}

/* A run that was cut off between a message and its record: what became of the message is written down now, so that it counts as ours. */
static int settle(struct merging *g, struct err *e)
{
	struct mailbox_index *ix = live_index(g->cx->server, g->entry);
	const struct journal_record *last = NULL;
	struct journal_record arrived;
	struct journal_log log;
	int rc = 0;

	if (journal_read(journal_path(g->cx->journal), &log, e) == -1) {
		mailbox_index_free(ix);
		return -1;
	}
	for (size_t i = 0; i < log.n; i++)
		if (is_ours(g, &log.records[i]))
			last = &log.records[i];
	if (last != NULL && last->kind == JOURNAL_SENDING && ix != NULL &&
	    last->uidvalidity == ix->h.uidvalidity) {
		arrived = *last;
		arrived.kind = JOURNAL_APPENDED;
		arrived.uid = find_arrived(ix, &log, last);
		if (arrived.uid != 0)
			rc = journal_add(g->cx->journal, &arrived, e);
	}
	journal_log_done(&log);
	mailbox_index_free(ix);
	return rc;
}

static int append_all(struct merging *g, struct err *e)
{
	struct file_sink sink = { g, true, begin, data, end, broken };
	int rc = 0;

	if (g->item->merge->cut_off) {
		usleep(SETTLE_MS * 1000);
		if (settle(g, e) == -1)
			return -1;
	}
	if (look(g, e) == -1)
		return -1;
	for (size_t i = 0; i < g->item->merge->n && rc == 0; i++)
		if (g->missing[i]) {
			rc = source_extract(g->cx->source, g->item->source_index, &sink, e);
			break;
		}
	if (rc == 0 && !g->journal_broken && source_is_live(g->cx->source))
		rc = give_up_gone(g, e);
	if (rc == 0 && g->journal_broken) {
		if (e != NULL)
			*e = g->journal_failed;
		rc = -1;
	}
	return rc;
}

static void count(struct merging *g)
{
	const struct restore_merge *merge = g->item->merge;
	struct restore_result *r = g->cx->result;
	size_t there = merge->same + merge->flags;

	r->merged += there;
	r->skipped += merge->n - there - g->n_done - g->n_failed;
	r->messages += g->n_done;
}

int merge_mailbox(struct merge_context *cx, const struct restore_item *item, struct err *e)
{
	struct merging g = { .cx = cx, .item = item };
	struct mboxlist *list = NULL;
	struct err why;
	int rc = server_list(cx->server, &list, e);

	g.missing = mem_array(item->merge->n + 1, sizeof *g.missing);
	g.done = mem_array(item->merge->n + 1, sizeof *g.done);
	g.digest = digest_new(DIGEST_SHA1);
	if (rc == 0) {
		g.entry = mboxlist_find(list, item->name);
		if (g.entry == NULL || !mailbox_entry_has_directory(g.entry) ||
		    (g.entry->uniqueid != NULL && item->entry.uniqueid != NULL &&
			strcmp(g.entry->uniqueid, item->entry.uniqueid) != 0))
			rc = err_set(e, ERR_REFUSED, "it is no longer the mailbox that was planned for");
	}
	if (rc == 0)
		rc = fault_point("merge-look", e);
	if (rc == 0 && cx->safety != NULL && source_is_live(cx->source) && item->merge->n_append > 0) {
		rc = safety_keep(cx->source, item->source_index, item->merge, cx->safety, e);
		source_live_keep(cx->source, cx->safety);
	}
	if (rc == 0)
		rc = source_load(cx->source, item->source_index, false, &g.m, e);
	if (rc == 0) {
		rc = rights_get(cx->server, g.entry, cx->journal, cx->job, &g.rights, e);
		if (rc == 0)
			rc = append_all(&g, e);
		if (rights_give_back(&g.rights, rc == 0 ? e : &why) == -1)
			rc = -1;
		count(&g);
	}
	source_messages_free(g.m);
	mboxlist_free(list);
	digest_free(g.digest);
	free(g.missing);
	free(g.done);
	free(g.ours);
	return rc == -1 ? err_wrap(e, "mailbox %s", item->name) : 0;
}
