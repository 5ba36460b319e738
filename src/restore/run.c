/* run.c: carry a plan out, step by step. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/fault.h"
#include "core/log.h"
#include "core/mem.h"
#include "restore/keep.h"
#include "restore/aside.h"
#include "restore/merge.h"
#include "restore/place.h"
#include "restore/plan.h"
#include "restore/proof.h"
#include "restore/receipt.h"
#include "restore/run_priv.h"
#include "restore/safety.h"
#include "restore/state.h"

void run_warn(struct run *r, const char *what, const struct err *e)
{
	struct restore_result *ret = r->result;

	ret->warnings = mem_grow(ret->warnings, &r->cap_warnings, ret->n_warnings + 1, sizeof *ret->warnings);
	ret->warnings[ret->n_warnings++] = mem_printf("%s: %s", what, e->msg);
	log_write(LOG_LEVEL_WARNING, "%s: %s", what, e->msg);
}

int run_admin_imap(struct run *r, struct err *e)
{
	if (r->admin != NULL)
		return 0;
	return server_imap(r->server, NULL, r->job, &r->admin, e);
}

/* The connection of whom ${mailbox} belongs to; kept while the next mailbox has the same owner. */
static int prover_imap(struct run *r, const char *mailbox, struct err *e)
{
	char *owner = mboxname_user(mailbox);
	const char *who = owner != NULL ? owner : "";
	int rc = 0;

	if (r->prover == NULL || strcmp(r->prover_user, who) != 0) {
		imap_logout(r->prover);
		r->prover = NULL;
		free(r->prover_user);
		r->prover_user = mem_strdup(who);
		rc = server_imap(r->server, owner, r->job, &r->prover, e);
	}
	free(owner);
	return rc;
}

/* Older lists carry no ids: there it is done if the other name is gone. */
static bool was_renamed(
    const struct mboxlist *list, const struct restore_item *item, const struct mailbox_entry *is)
{
	if (is->uniqueid != NULL && item->entry.uniqueid != NULL)
		return strcmp(is->uniqueid, item->entry.uniqueid) == 0;
	return mboxlist_find(list, item->deleted_name) == NULL;
}

static int do_rename(struct run *r, const struct restore_item *item, struct err *e)
{
	struct buf from = BUF_INIT, to = BUF_INIT;
	struct mboxlist *list = NULL;
	const struct mailbox_entry *is;
	int rc = run_admin_imap(r, e);

	if (rc == 0)
		rc = record_renames(r, e);
	mboxname_admin(r->server->conf, item->deleted_name, &from);
	mboxname_admin(r->server->conf, item->name, &to);
	if (rc == 0)
		rc = server_list(r->server, &list, e);
	if (rc == 0) {
		/* Cyrus takes the children of a user's INBOX along: then the work is done already. */
		is = mboxlist_find(list, item->name);
		if (is == NULL || is->flags & MBTYPE_DELETED || !was_renamed(list, item, is))
			rc = imap_rename(r->admin, buf_text(&from), buf_text(&to), e);
	}
	mboxlist_free(list);
	buf_done(&from);
	buf_done(&to);
	return rc == -1 ? err_wrap(e, "rename %s back", item->deleted_name) : 0;
}

static bool entry_is_there(const struct mboxlist *list, const struct mailbox_entry *want)
{
	const struct mailbox_entry *is = mboxlist_find(list, want->name);

	if (is == NULL || is->flags & MBTYPE_DELETED || is->partition == NULL)
		return false;
	/* Older lists carry neither id nor UIDVALIDITY. */
	if (is->uniqueid != NULL && strcmp(is->uniqueid, want->uniqueid) != 0)
		return false;
	if (is->uidvalidity != 0 && is->uidvalidity != want->uidvalidity)
		return false;
	return strcmp(is->partition, want->partition) == 0 && is->n_acl == want->n_acl;
}

/* What gave way has not come back: its entry would be overwritten. */
static int check_asides(const struct mboxlist *list, const struct restore_plan *plan, struct err *e)
{
	for (size_t i = 0; i < plan->n_items; i++) {
		const struct restore_item *item = &plan->items[i];
		const struct mailbox_entry *is = mboxlist_find(list, item->name);

		if (item->aside_id == NULL || item->state == STATE_OTHER || is == NULL ||
		    is->flags & MBTYPE_DELETED || is->uniqueid == NULL ||
		    strcmp(is->uniqueid, item->aside_id) != 0)
			continue;
		err_set(e, ERR_REFUSED,
		    "%s changed since the plan was made: what gave way has its name again", item->name);
		return err_hint(e, "run the restore again: it plans anew");
	}
	return 0;
}

/* Cyrus's own tool enters them. It exits 0 even when it did not understand: the database is read again. */
static int do_entries(struct run *r, struct err *e)
{
	struct mboxlist *list = NULL, *want = mboxlist_new();
	struct buf text = BUF_INIT;
	int rc = -1;

	if (server_list(r->server, &list, e) == -1 || restore_fits_list(r->server, list, r->plan, e) == -1 ||
	    check_asides(list, r->plan, e) == -1)
		goto out;
	for (size_t i = 0; i < r->plan->n_items; i++) {
		const struct restore_item *item = &r->plan->items[i];
		const struct mailbox_entry *is = mboxlist_find(list, item->name);

		if ((item->state == STATE_ABSENT || item->state == STATE_DAMAGED) &&
		    !entry_is_there(list, &item->entry))
			mboxlist_add(want, &item->entry);
		/* Renamed back, by name: entered as it is now, so that its unique id leads to it again. */
		if ((item->state == STATE_DELETED_COPY || item->unfinished) && is != NULL &&
		    mailbox_entry_layout(r->server->conf, is) == LAYOUT_BY_NAME)
			mboxlist_add(want, is);
	}
	rc = 0;
	if (want->n == 0)
		goto out;
	rc = -1;
	mboxlist_sort(want);
	if (r->server->tools == NULL) {
		err_set(e, ERR_TOOL, "%s", r->server->tools_why);
		goto out;
	}
	if (mboxlist_write_text(want, mboxlist_form_for(r->server->version), &text, e) == -1 ||
	    cyrus_mboxlist_undump(r->server->tools, buf_text(&text), text.len, false, e) == -1)
		goto out;
	mboxlist_free(list);
	list = NULL;
	if (server_list(r->server, &list, e) == -1)
		goto out;
	for (size_t i = 0; i < want->n; i++)
		if (!entry_is_there(list, &want->entries[i])) {
			err_set(e, ERR_TOOL, "ctl_mboxlist did not enter %s into mailboxes.db",
			    want->entries[i].name);
			goto out;
		}
	rc = 0;
out:
	mboxlist_free(list);
	mboxlist_free(want);
	buf_done(&text);
	return rc;
}

static int do_user_files(struct run *r, const struct restore_step *s, struct err *e)
{
	struct mboxlist *list = NULL;
	int rc = server_list(r->server, &list, e);

	if (rc == 0)
		rc = place_user_files(&r->place, r->plan, list, s->detail, s->replace, e);
	mboxlist_free(list);
	return rc;
}

static int do_seen(struct run *r, const struct restore_step *s, struct err *e)
{
	const struct restore_item *item = &r->plan->items[s->item];
	const char *kind = "twoskip";
	struct mboxlist *list = NULL;
	struct cyrusdb *db = NULL;
	struct buf path = BUF_INIT;
	int rc = server_list(r->server, &list, e);

	if (rc == 0)
		rc = restore_user_path(r->server, list, r->plan, USER_SEEN, s->detail, &path, e);
	if (rc == 0 && r->server->tools == NULL)
		rc = err_set(e, ERR_TOOL, "%s", r->server->tools_why);
	if (rc == 0 && cyrusdb_open(AT_FDCWD, buf_text(&path), &db, NULL) == 0 &&
	    cyrusdb_kind(db) != CYRUSDB_EMPTY)
		kind = cyrusdb_kind_name(cyrusdb_kind(db));
	cyrusdb_close(db);
	if (rc == 0)
		rc = record_seen(r, item, s->detail, buf_text(&path), kind, s->value, e);
	if (rc == 0)
		rc = cyrus_dbtool_set(
		    r->server->tools, buf_text(&path), kind, item->entry.uniqueid, s->value, e);
	buf_done(&path);
	mboxlist_free(list);
	return rc;
}

static int do_acl(struct run *r, const struct restore_step *s, struct err *e)
{
	struct buf name = BUF_INIT;
	int rc = run_admin_imap(r, e);

	mboxname_admin(r->server->conf, r->plan->items[s->item].name, &name);
	if (rc == 0)
		rc = state_remember(r, s, e);
	if (rc == 0)
		rc = imap_setacl(r->admin, buf_text(&name), s->detail, s->value, e);
	buf_done(&name);
	return rc;
}

/* Over IMAP, as the user concerned (NULL: the admin). */
static int do_imap_as(struct run *r, const struct restore_step *s, struct err *e)
{
	const char *box = s->item != (size_t)-1 ? r->plan->items[s->item].name : s->entry;
	struct imap *im = NULL;
	struct buf name = BUF_INIT;
	int rc = server_imap(r->server, s->detail, r->job, &im, e);

	plan_name_as(r->server->conf, box, s->detail, &name);
	if (rc == 0)
		rc = state_remember(r, s, e);
	if (rc == 0 && s->kind == STEP_SUBSCRIBE)
		rc = imap_subscribe(im, buf_text(&name), e);
	else if (rc == 0)
		rc = imap_setmetadata(im, buf_text(&name), s->entry, s->value, s->value_len, e);
	if (rc == 0)
		imap_logout(im);
	else
		imap_close(im);
	buf_done(&name);
	return rc;
}

static int do_quota_fix(struct run *r, const struct restore_step *s, struct err *e)
{
	if (r->server->tools == NULL)
		return err_set(e, ERR_TOOL, "%s", r->server->tools_why);
	if (s->of_user)
		return cyrus_quota_fix(r->server->tools, s->detail, e);
	return cyrus_quota_fix_root(r->server->tools, s->detail, e);
}

static int do_reconstruct(struct run *r, const struct restore_item *item, struct err *e)
{
	struct cyrus_reconstruct_opts o = { 0 };
	const char *name = item->name;

	if (r->server->tools == NULL)
		return err_set(e, ERR_TOOL, "%s", r->server->tools_why);
	return cyrus_reconstruct(r->server->tools, &o, &name, 1, NULL, e);
}

static int do_append(struct run *r, const struct restore_item *item, struct err *e)
{
	struct merge_context cx = { .server = r->server,
		.source = r->plan->source,
		.journal = r->journal,
		.mark = r->plan->request.mark,
		.safety = r->safety,
		.job = r->job,
		.result = r->result };

	int rc = merge_mailbox(&cx, item, e);

	r->refused = r->refused || cx.refused;
	return rc;
}

static int do_keep(struct run *r, const struct restore_item *item, struct err *e)
{
	struct keep_context cx = { .place = &r->place,
		.journal = r->journal,
		.mark = r->plan->request.mark,
		.safety = case_safety_dir(r->kase, e) };

	return cx.safety != NULL ? keep_mailbox(&cx, item, e) : -1;
}

static bool was_merged(const struct run *r, const struct restore_item *item)
{
	for (size_t i = 0; i < r->plan->n_steps; i++)
		if ((r->plan->steps[i].kind == STEP_APPEND || r->plan->steps[i].kind == STEP_KEEP) &&
		    &r->plan->items[r->plan->steps[i].item] == item)
			return true;
	return false;
}

static int do_prove(struct run *r, const struct restore_item *item, struct err *e)
{
	struct buf why = BUF_INIT;
	struct err no;
	int rc;

	/* Without an administrator, or with the server down, the files alone must prove it. */
	if (r->server->imap_admin != NULL && !r->no_imap && prover_imap(r, item->name, &no) == -1) {
		if (job_cancelled(r->job, e))
			return -1;
		run_warn(r, "prove it over IMAP", &no);
		r->no_imap = true;
	}
	rc = proof_mailbox(r->server, r->plan->source, item, r->prover, &why, e);
	if (rc == 1 && was_merged(r, item))
		rc =
		    merge_prove(r->server, r->plan->source, r->journal, item, r->plan->request.mark, &why, e);
	if (rc == 1 && item->merge != NULL && item->merge->keep)
		rc = keep_prove(r->server, r->plan->source, item, r->plan->request.mark, r->prover, &why, e);
	if (rc == 0) {
		err_set(e, ERR_DAMAGE, "%s is not as in the archive: %s", item->name, buf_text(&why));
		err_hint(e, "see what the server says in its log; running the restore again does what is "
			    "still missing");
	}
	buf_done(&why);
	return rc == 1 ? 0 : -1;
}

/* What the steps will need is there: asked before anything is touched. */
static int check_means(struct run *r, struct err *e)
{
	for (size_t i = 0; i < r->plan->n_steps; i++) {
		enum step_kind kind = r->plan->steps[i].kind;

		if (kind == STEP_RENAME && run_admin_imap(r, e) == -1)
			return err_wrap(e, "a deleted mailbox can only be renamed back over IMAP");
		if (kind == STEP_APPEND && run_admin_imap(r, e) == -1)
			return err_wrap(e, "messages can only be appended over IMAP");
		if ((kind == STEP_ENTRIES || kind == STEP_SEEN || kind == STEP_RECONSTRUCT ||
			kind == STEP_QUOTA_FIX) &&
		    r->server->tools == NULL) {
			err_set(
			    e, ERR_TOOL, "the server's own programs are needed: %s", r->server->tools_why);
			return err_hint(e, "set cyrus_bin in [server \"%s\"]", r->server->name);
		}
	}
	return 0;
}

/* Steps without which the mailbox is there all the same: their failure is a warning, and running again repeats them. */
static bool is_essential(enum step_kind kind)
{
	return kind != STEP_ACL && kind != STEP_SEEN && kind != STEP_SUBSCRIBE && kind != STEP_ANNOTATION &&
	       kind != STEP_RECONSTRUCT && kind != STEP_QUOTA_FIX && kind != STEP_READER &&
	       kind != STEP_NOTES && kind != STEP_FLAGS && kind != STEP_QUOTA_LIMIT && kind != STEP_SIEVE;
}

static int do_step(struct run *r, struct restore_step *s, struct err *e)
{
	const struct restore_item *item = s->item != (size_t)-1 ? &r->plan->items[s->item] : NULL;
	int rc = -1;

	job_step(r->job, "%s", s->words);
	switch (s->kind) {
	case STEP_CLEAN:
		place_leftovers(r->server, true);
		rc = 0;
		break;
	case STEP_RENAME: rc = do_rename(r, item, e); break;
	case STEP_FILES: rc = record_files(r, item, e) == 0 ? place_mailbox(&r->place, item, e) : -1; break;
	case STEP_USER_FILES: rc = do_user_files(r, s, e); break;
	case STEP_QUOTA_ROOT:
		rc = record_quota_root(r, s->detail, e) == 0 ? place_quota_root(&r->place, s->detail, e) : -1;
		break;
	case STEP_ENTRIES: rc = do_entries(r, e); break;
	case STEP_ACL: rc = do_acl(r, s, e); break;
	case STEP_SEEN: rc = do_seen(r, s, e); break;
	case STEP_SUBSCRIBE:
	case STEP_ANNOTATION: rc = do_imap_as(r, s, e); break;
	case STEP_APPEND: rc = do_append(r, item, e); break;
	case STEP_KEEP: rc = do_keep(r, item, e); break;
	case STEP_RECONSTRUCT: rc = do_reconstruct(r, item, e); break;
	case STEP_SIEVE: rc = state_run_sieve(r, s, e); break;
	case STEP_ASIDE: rc = aside_rename(r, item, e); break;
	case STEP_CREATE: rc = aside_create(r, item, e); break;
	case STEP_CARRY: rc = aside_carry(r, item, e); break;
	case STEP_FLAGS: rc = state_run_flags(r, s, e); break;
	case STEP_READER: rc = state_run_reader(r, s, e); break;
	case STEP_NOTES: rc = state_run_notes(r, s, e); break;
	case STEP_QUOTA_LIMIT: rc = state_run_limit(r, s, e); break;
	case STEP_QUOTA_FIX: rc = do_quota_fix(r, s, e); break;
	case STEP_PROVE:
		rc = r->plan->request.mode == RESTORE_STATE ? state_prove(r, s, e) : do_prove(r, item, e);
		break;
	}
	if (rc == 0)
		rc = fault_point("restore-step", e);
	return rc;
}

/* What has come of its mailbox by this step. */
static void count_step(struct run *r, const struct restore_step *s, const struct restore_result *before,
    bool done, const struct err *why)
{
	const struct restore_result *now = r->result;
	struct receipt_box *box;

	if (s->item == (size_t)-1 || s->item >= now->n_boxes)
		return;
	box = &now->boxes[s->item];
	box->created += now->created - before->created;
	if (s->kind == STEP_FILES)
		box->created += now->messages - before->messages;
	box->merged += now->merged - before->merged;
	box->skipped += now->skipped - before->skipped;
	box->failed += now->failed - before->failed;
	box->files += now->files - before->files;
	box->bytes += now->bytes - before->bytes;
	if (s->kind == STEP_PROVE)
		box->proof = done                      ? RECEIPT_PROVED
		             : why->code == ERR_DAMAGE ? RECEIPT_DIFFERS
		                                       : RECEIPT_UNPROVED;
	if (!done && box->why == NULL)
		box->why = mem_printf("%s: %s", s->words, why->msg);
}

/* It came back as it was: also what it has besides messages. */
static bool came_back(const struct restore_item *item)
{
	return item->unfinished ||
	       (!item->create && item->state != STATE_SAME && item->state != STATE_DIFFERS &&
		   item->state != STATE_OTHER && item->state != STATE_LOST_FILES);
}

static void prove_state(struct run *r, const struct restore_step *s)
{
	struct receipt_box *box;
	struct err why;

	if (s->kind != STEP_PROVE || !came_back(&r->plan->items[s->item]))
		return;
	box = &r->result->boxes[s->item];
	if (receipt_prove_state(r, s->item, box, &why) == -1)
		run_warn(r, s->words, &why);
	for (size_t i = 0; i < box->n_state; i++)
		if (!box->state[i].same) {
			err_set(&why, ERR_DAMAGE, "%s not as in the archive: %s",
			    restore_what_name(box->state[i].kind), box->state[i].why);
			run_warn(r, box->name, &why);
		}
}

static int run_steps(struct run *r, struct err *e)
{
	for (size_t i = 0; i < r->plan->n_steps; i++) {
		struct restore_step *s = &r->plan->steps[i];
		struct restore_result before = *r->result;
		struct err why;
		bool done;

		if (job_cancelled(r->job, e))
			return err_hint(e,
			    "%zu of %zu steps are done; running the restore again does the others", i,
			    r->plan->n_steps);
		done = do_step(r, s, &why) == 0;
		count_step(r, s, &before, done, &why);
		if (done) {
			prove_state(r, s);
			s->done = true;
			r->result->steps_done++;
			r->result->mailboxes += s->kind == STEP_PROVE;
		} else if (!is_essential(s->kind) && why.code != ERR_CANCELLED) {
			run_warn(r, s->words, &why);
		} else {
			if (e != NULL)
				*e = why;
			err_wrap(e, "step %zu of %zu", i + 1, r->plan->n_steps);
			return err_hint(
			    e, "nothing live was damaged; running the restore again goes on from here");
		}
	}
	return 0;
}

/* Where messages of the running server are copied to before they are appended. */
static int find_safety(struct run *r, struct err *e)
{
	const char *dir;

	if (!source_is_live(r->plan->source) || !restore_merges(r->plan))
		return 0;
	if ((dir = case_safety_dir(r->kase, e)) == NULL)
		return -1;
	r->safety = mem_printf("%s/%s", dir, SAFETY_LIVE);
	return 0;
}

/* They have done their duty, unless the server did not take one of them. */
static void drop_copies(struct run *r)
{
	struct err why = { 0 };

	source_live_keep(r->plan->source, NULL);
	if (!r->refused) {
		if (safety_drop(r->safety, &why) == -1)
			run_warn(r, "remove the copies of the messages", &why);
	} else if (access(r->safety, F_OK) == 0) {
		err_set(&why, ERR_PARTIAL, "they are in %s", r->safety);
		run_warn(r, "the server did not take all of the messages; their copies stay", &why);
	}
}

int restore_run(struct server *server, struct restore_plan *plan, struct restore_case *c, struct job *job,
    struct restore_result *ret, struct err *e)
{
	struct run r = { .server = server,
		.plan = plan,
		.kase = c,
		.journal = case_journal(c),
		.job = job,
		.result = ret };
	struct journal_record end = { .kind = JOURNAL_END };
	uint64_t start = clock_monotonic_ms();
	int rc = -1;

	*ret = (struct restore_result){ 0 };
	if (plan->n_refused > 0)
		return restore_refusal(plan, e);
	ret->case_id = mem_strdup(case_about(c)->id);
	ret->boxes = mem_array(plan->n_items + 1, sizeof *ret->boxes);
	for (; ret->n_boxes < plan->n_items; ret->n_boxes++) {
		ret->boxes[ret->n_boxes].name = mem_strdup(plan->items[ret->n_boxes].name);
		ret->boxes[ret->n_boxes].was = plan->items[ret->n_boxes].state;
	}
	job_set_total(job, plan->bytes);
	r.place = (struct place_context){ .server = server,
		.source = plan->source,
		.lock_wait_ms = 30000,
		.job = job,
		.result = ret,
		.kase = c };
	if (quiesce_open(server->conf, server->version, &r.place.quiesce, e) == 0) {
		quiesce_set_job(r.place.quiesce, job);
		rc = check_means(&r, e) == -1 || find_safety(&r, e) == -1 ? -1 : run_steps(&r, e);
	}
	if (rc == 0 && r.safety != NULL)
		drop_copies(&r);
	free(r.safety);
	if (rc == 0 && (rc = journal_add(r.journal, &end, e)) == -1)
		err_hint(e, "all of it is done; running the restore again notes that too");
	quiesce_free(r.place.quiesce);
	imap_logout(r.admin);
	imap_logout(r.prover);
	free(r.prover_user);
	ret->elapsed_ms = clock_monotonic_ms() - start;
	if (source_archive(plan->source) != NULL)
		ret->fetched_bytes = archive_bytes_fetched(source_archive(plan->source));
	log_write(rc == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
	    "restore from %s: %llu of %zu steps, %llu mailboxes%s%s", source_name(plan->source),
	    (unsigned long long)ret->steps_done, plan->n_steps, (unsigned long long)ret->mailboxes,
	    rc == -1 ? ": " : "", rc == -1 && e != NULL ? e->msg : "");
	return rc;
}

void restore_result_done(struct restore_result *r)
{
	for (size_t i = 0; i < r->n_warnings; i++)
		free(r->warnings[i]);
	for (size_t i = 0; i < r->n_failures; i++)
		free(r->failures[i]);
	free(r->warnings);
	free(r->failures);
	receipt_boxes_free(r->boxes, r->n_boxes);
	free(r->case_id);
	*r = (struct restore_result){ 0 };
}

void restore_counts_words(const struct restore_result *r, struct buf *b)
{
	buf_printf(b, "Messages: %llu appended, %llu were there already", (unsigned long long)r->created,
	    (unsigned long long)r->merged);
	if (r->skipped > 0)
		buf_printf(
		    b, ", %llu left out (moved, or come in meanwhile)", (unsigned long long)r->skipped);
	if (r->failed > 0)
		buf_printf(b, ", %llu could not be appended", (unsigned long long)r->failed);
	buf_char(b, '.');
}

const char *restore_nothing_words(const struct restore_plan *plan)
{
	if (plan->request.mode == RESTORE_STATE)
		return "Nothing to do: what was asked for is as in the archive.";
	for (size_t i = 0; i < plan->n_items; i++)
		if (plan->items[i].state == STATE_DIFFERS)
			return "Nothing to do: what is missing was moved to other mailboxes of the user "
			       "(--moved brings it "
			       "back too).";
	if (plan->request.expunged)
		return "Nothing to do: no expunged message is kept that is not there again.";
	return "Nothing to do: what the archive holds is there.";
}

int restore_refusal(const struct restore_plan *plan, struct err *e)
{
	const char *next = NULL;

	for (size_t i = 0; i < plan->n_items; i++) {
		const struct restore_item *item = &plan->items[i];

		if (item->state != STATE_OTHER)
			continue;
		next = item->next;
		err_set(e, ERR_REFUSED, "%s: %s", item->name,
		    item->why != NULL ? item->why : "it is there with other content");
		if (plan->n_refused > 1)
			err_wrap(
			    e, "%zu mailboxes are refused, nothing was changed; the first", plan->n_refused);
		else
			err_wrap(e, "refused, nothing was changed");
		break;
	}
	return err_hint(e, "%s",
	    next != NULL
		? next
		: "rename the live mailbox aside, then run this again; or take the messages out as files: "
		  "cyrvault export");
}
