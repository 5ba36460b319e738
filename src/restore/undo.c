/* undo.c: from a journal and the live indexes to the messages that may be removed, their removal, and then the rest. */
#include "restore/undo.h"

#include <stdlib.h>
#include <string.h>

#include "core/fault.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/compare.h"
#include "restore/live.h"
#include "restore/rights.h"
#include "restore/undo_change.h"

static struct undo_box *box_of(struct undo_plan *p, const struct journal_record *r, size_t *cap)
{
	for (size_t i = 0; i < p->n_boxes; i++)
		if (strcmp(p->boxes[i].uniqueid, r->uniqueid) == 0 &&
		    (*r->uniqueid != '\0' || strcmp(p->boxes[i].name, r->mailbox) == 0))
			return &p->boxes[i];
	p->boxes = mem_grow(p->boxes, cap, p->n_boxes + 1, sizeof *p->boxes);
	p->boxes[p->n_boxes] =
	    (struct undo_box){ .name = mem_strdup(r->mailbox), .uniqueid = mem_strdup(r->uniqueid) };
	return &p->boxes[p->n_boxes++];
}

static bool is_about(const struct undo_box *box, const struct journal_record *r, enum journal_kind kind)
{
	return r->kind == kind && strcmp(r->uniqueid, box->uniqueid) == 0 &&
	       (*box->uniqueid != '\0' || strcmp(r->mailbox, box->name) == 0);
}

/* An APPEND of which the answer was not seen any more: the first message of that content that came after. */
static const struct index_record *find_cut_off(
    const struct mailbox_index *ix, const struct journal_record *r, const uint32_t *known, size_t n_known)
{
	for (size_t i = 0; i < ix->n; i++) {
		const struct index_record *x = &ix->records[i];

		if (x->uid > r->uid && index_record_visible(x) && x->has_guid &&
		    memcmp(x->guid, r->guid, SHA1_SIZE) == 0 && !compare_has_uid(known, n_known, x->uid))
			return x;
	}
	return NULL;
}

static int by_uid(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void take(struct undo_box *box, size_t *cap, const struct index_record *x, uint32_t flags)
{
	if (x->flags & FLAG_ANSWERED && !(flags & FLAG_ANSWERED)) {
		box->answered++;
		return;
	}
	box->uids = mem_grow(box->uids, cap, box->n + 1, sizeof *box->uids);
	box->uids[box->n++] = x->uid;
	box->bytes += x->size;
}

/* The UIDs that the journal knows of the box, heap, ascending. */
static uint32_t *known_uids(const struct journal_log *log, const struct undo_box *box, size_t *n)
{
	uint32_t *known = mem_array(log->n + 1, sizeof *known);

	*n = 0;
	for (size_t i = 0; i < log->n; i++)
		if (is_about(box, &log->records[i], JOURNAL_APPENDED))
			known[(*n)++] = log->records[i].uid;
	if (*n > 1)
		qsort(known, *n, sizeof *known, by_uid);
	return known;
}

/* What became of the one at ${at} was written down, then or when the restore went on, before the next message of the same box: unless it was
 * cut off and is the last. */
static bool was_cut_off(const struct undo_box *box, const struct journal_log *log, size_t at)
{
	for (size_t i = at + 1; i < log->n; i++)
		if (is_about(box, &log->records[i], JOURNAL_SENDING) ||
		    is_about(box, &log->records[i], JOURNAL_APPENDED) ||
		    is_about(box, &log->records[i], JOURNAL_REFUSED))
			return false;
	return true;
}

/* UIDs of the journal, each once, and which of them were looked at: a run that took up one that was cut off has written some again. */
struct once {
	uint32_t *uids;
	bool *met;
	size_t n;
};

static struct once once_of(const uint32_t *sorted, size_t n)
{
	struct once o = { mem_array(n + 1, sizeof *o.uids), mem_array(n + 1, sizeof *o.met), 0 };

	for (size_t i = 0; i < n; i++)
		if (i == 0 || sorted[i] != sorted[i - 1])
			o.uids[o.n++] = sorted[i];
	return o;
}

static bool meet(struct once *o, uint32_t uid)
{
	const uint32_t *at = o->n > 0 ? bsearch(&uid, o->uids, o->n, sizeof uid, by_uid) : NULL;
	bool first = at != NULL && !o->met[at - o->uids];

	if (first)
		o->met[at - o->uids] = true;
	return first;
}

static void look(struct undo_box *box, const struct journal_log *log, const struct mailbox_index *ix)
{
	size_t n_known, cap = 0;
	uint32_t *known = known_uids(log, box, &n_known);
	struct once once = once_of(known, n_known);

	for (size_t i = 0; i < log->n; i++) {
		const struct journal_record *r = &log->records[i];
		const struct index_record *x = NULL;

		if (r->uidvalidity != ix->h.uidvalidity)
			continue;
		if (is_about(box, r, JOURNAL_APPENDED)) {
			if (r->uid != 0 && !meet(&once, r->uid))
				continue;
			x = mailbox_index_find(ix, r->uid);
			if (x == NULL || !index_record_visible(x) || !x->has_guid ||
			    memcmp(x->guid, r->guid, SHA1_SIZE) != 0)
				box->gone++;
			else
				take(box, &cap, x, r->flags);
		} else if (is_about(box, r, JOURNAL_SENDING) && was_cut_off(box, log, i) &&
			   (x = find_cut_off(ix, r, known, n_known)) != NULL) {
			/* Known from now on, so that it is not found twice. */
			known = mem_resize(known, n_known + 1, sizeof *known);
			known[n_known++] = x->uid;
			qsort(known, n_known, sizeof *known, by_uid);
			take(box, &cap, x, r->flags);
		}
	}
	if (box->n > 1)
		qsort(box->uids, box->n, sizeof *box->uids, by_uid);
	free(once.uids);
	free(once.met);
	free(known);
}

static void judge(const struct server *server, const struct mboxlist *list, const struct journal_log *log,
    struct undo_box *box)
{
	const struct mailbox_entry *entry = undo_find(server, list, box->uniqueid, box->name);
	struct mailbox_index *ix = entry != NULL ? live_index(server, entry) : NULL;
	bool valid = false;

	free(box->uids);
	box->uids = NULL;
	box->n = box->gone = box->answered = 0;
	box->bytes = 0;
	if (entry == NULL) {
		box->why = "the mailbox is not there any more";
		return;
	}
	free(box->name);
	box->name = mem_strdup(entry->name);
	for (size_t i = 0; ix != NULL && i < log->n; i++)
		valid = valid || (log->records[i].uidvalidity == ix->h.uidvalidity &&
				     (is_about(box, &log->records[i], JOURNAL_SENDING) ||
					 is_about(box, &log->records[i], JOURNAL_APPENDED)));
	if (ix == NULL)
		box->why = "its index cannot be read";
	else if (!valid)
		box->why = "it has got a new UIDVALIDITY since";
	else
		look(box, log, ix);
	mailbox_index_free(ix);
}

const char *undo_fate_name(enum undo_fate f)
{
	static const char *const names[] = { "taken back", "as before", "left" };

	return names[f];
}

/* What it would do, or with ${journal} does. */
static int changes(struct server *server, const char *directory, const struct journal_log *log,
    struct journal *journal, struct job *job, struct undo_plan *ret, struct err *e)
{
	char *safety = mem_printf("%s/safety", directory);
	struct undo_context cx = {
		.server = server, .log = log, .journal = journal, .safety = safety, .job = job
	};
	int rc = server_list(server, &cx.list, e);

	if (rc == 0)
		rc = undo_changes(&cx, ret, e);
	mboxlist_free(cx.list);
	free(safety);
	return rc;
}

/* Of what was appended. */
static int plan_messages(struct server *server, const struct journal_log *log, const char *id,
    struct undo_plan **ret, struct err *e)
{
	struct undo_plan *p = mem_alloc(sizeof *p);
	struct mboxlist *list = NULL;
	size_t cap = 0;

	p->id = mem_strdup(id);
	p->archive = mem_strdup(log->archive);
	p->begun = log->begun;
	p->undone = log->undone;
	if (strcmp(log->server, server->name) != 0) {
		err_set(e, ERR_REFUSED, "%s is of server %s", id, log->server);
		goto fail;
	}
	if (server_list(server, &list, e) == -1)
		goto fail;
	for (size_t i = 0; i < log->n; i++)
		if (log->records[i].kind == JOURNAL_SENDING || log->records[i].kind == JOURNAL_APPENDED)
			box_of(p, &log->records[i], &cap);
	for (size_t i = 0; i < p->n_boxes; i++) {
		judge(server, list, log, &p->boxes[i]);
		p->remove += p->boxes[i].n;
		p->gone += p->boxes[i].gone;
		p->answered += p->boxes[i].answered;
		p->bytes += p->boxes[i].bytes;
	}
	mboxlist_free(list);
	*ret = p;
	return 0;
fail:
	mboxlist_free(list);
	undo_plan_free(p);
	return -1;
}

int undo_plan_build(
    struct server *server, const char *directory, const char *id, struct undo_plan **ret, struct err *e)
{
	char *path = mem_printf("%s/cases/%s", directory, id), *journal = mem_printf("%s/journal", path);
	struct journal_log log = { 0 };
	struct undo_plan *p = NULL;
	int rc = journal_read(journal, &log, e);

	if (rc == 0)
		rc = plan_messages(server, &log, id, &p, e);
	if (rc == 0)
		rc = changes(server, path, &log, NULL, NULL, p, e);
	if (rc == 0)
		*ret = p;
	else
		undo_plan_free(p);
	journal_log_done(&log);
	free(journal);
	free(path);
	return rc == -1 ? err_hint(e, "nothing was changed: run it again when that is mended") : 0;
}

void undo_plan_free(struct undo_plan *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->n_boxes; i++) {
		free(p->boxes[i].name);
		free(p->boxes[i].uniqueid);
		free(p->boxes[i].uids);
	}
	for (size_t i = 0; i < p->n_changes; i++) {
		free(p->changes[i].what);
		free(p->changes[i].mailbox);
		free(p->changes[i].words);
		free(p->changes[i].why);
	}
	free(p->changes);
	free(p->boxes);
	free(p->id);
	free(p->archive);
	free(p);
}

void undo_box_words(const struct undo_box *box, struct buf *b)
{
	char n[40], size[16];

	if (box->why != NULL) {
		buf_printf(b, "left: %s", box->why);
		return;
	}
	if (box->n > 0)
		buf_printf(b, "remove %s (%s)", str_count(n, sizeof n, box->n, "message", "messages"),
		    str_size(size, sizeof size, box->bytes));
	else
		buf_str(b, "nothing to remove");
	if (box->gone > 0)
		buf_printf(b, "; moved or deleted since: %zu", box->gone);
	if (box->answered > 0)
		buf_printf(b, "; answered since, and left: %zu", box->answered);
}

/* ---- removing ---- */

static size_t still_there(
    const struct server *server, const struct mailbox_entry *entry, const struct undo_box *box)
{
	struct mailbox_index *ix = live_index(server, entry);
	size_t n = 0;

	for (size_t i = 0; ix != NULL && i < box->n; i++) {
		const struct index_record *r = mailbox_index_find(ix, box->uids[i]);

		n += r != NULL && index_record_visible(r);
	}
	mailbox_index_free(ix);
	return n;
}

static int remove_from(struct server *server, const struct mailbox_entry *entry, const struct undo_box *box,
    struct journal *journal, struct job *job, struct err *e)
{
	struct imap_mailbox_status st;
	struct mailbox_index *ix = live_index(server, entry);
	uint32_t uidvalidity = ix != NULL ? ix->h.uidvalidity : 0;
	struct rights rights;
	struct err why;
	size_t left;
	int rc = rights_get(server, entry, journal, job, &rights, e);

	mailbox_index_free(ix);
	if (rc == 0)
		rc = imap_select(rights.im, buf_text(&rights.name), false, &st, e);
	if (rc == 0 && st.uidvalidity != uidvalidity)
		rc = err_set(e, ERR_REFUSED, "it was made anew meanwhile");
	if (rc == 0)
		rc = imap_expunge_uids(rights.im, box->uids, box->n, e);
	if (rc == 0 && (left = still_there(server, entry, box)) > 0)
		rc = err_set(e, ERR_TOOL, "the server has not removed %zu of %zu messages", left, box->n);
	if (rights_give_back(&rights, rc == 0 ? e : &why) == -1)
		rc = -1;
	return rc;
}

static int remove_messages(struct server *server, const struct undo_plan *plan, struct journal *journal,
    struct job *job, uint64_t *removed, struct err *e)
{
	struct mboxlist *list = NULL;
	int rc = server_list(server, &list, e);

	for (size_t i = 0; i < plan->n_boxes && rc == 0; i++) {
		const struct undo_box *box = &plan->boxes[i];
		const struct mailbox_entry *entry = undo_find(server, list, box->uniqueid, box->name);

		if (box->n == 0 || entry == NULL)
			continue;
		job_step(job, "remove %zu messages from %s", box->n, box->name);
		rc = job_cancelled(job, e) ? -1 : remove_from(server, entry, box, journal, job, e);
		if (rc == -1)
			err_wrap(e, "mailbox %s", box->name);
		else
			*removed += box->n;
	}
	mboxlist_free(list);
	return rc;
}

int undo_run(struct server *server, const struct undo_plan *plan, struct restore_case *c, struct job *job,
    struct undo_result *ret, struct err *e)
{
	struct journal_record done = { .kind = JOURNAL_UNDONE };
	struct journal *journal = case_journal(c);
	struct journal_log log = { 0 };
	int rc = journal_read(journal_path(journal), &log, e);

	*ret = (struct undo_result){ 0 };
	/* Minutes may have passed: what somebody has answered, moved or changed meanwhile stays too. */
	if (rc == 0)
		rc = plan_messages(server, &log, plan->id, &ret->done, e);
	if (rc == 0)
		rc = remove_messages(server, ret->done, journal, job, &ret->removed, e);
	if (rc == 0)
		rc = changes(server, case_path(c), &log, journal, job, ret->done, e);
	if (rc == 0)
		rc = journal_add(journal, &done, e);
	journal_log_done(&log);
	log_write(rc == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
	    "undo of %s: %llu messages removed, %zu changes taken back, %zu left%s%s", plan->id,
	    (unsigned long long)ret->removed, ret->done != NULL ? ret->done->back : 0,
	    ret->done != NULL ? ret->done->left : 0, rc == -1 ? ": " : "",
	    rc == -1 && e != NULL ? e->msg : "");
	return rc == -1 ? err_hint(e, "running it again goes on from here") : 0;
}

void undo_result_done(struct undo_result *r)
{
	undo_plan_free(r->done);
	*r = (struct undo_result){ 0 };
}
