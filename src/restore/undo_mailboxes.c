/* undo_mailboxes.c: mailboxes that a restore has made, renamed back, or renamed aside. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/fault.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/compare.h"
#include "restore/live.h"
#include "restore/match.h"
#include "restore/sides.h"
#include "restore/undo_change.h"

/* By name the one in DELETED is called after the second. */
#define NEXT_SECOND_US 1100000
#define ROUNDS_MAX     10
#define ALL_RIGHTS     "lrswipkxtea"

/* ---- what has come since ---- */

/* Of a mailbox that a restore has made or renamed back. */
struct made {
	const struct mailbox_entry *entry;
	struct mailbox_index *ix;
	uint32_t last_uid;              /* above came since, but for: */
	uint32_t *appended;             /* by the restore; ascending */
	size_t n_appended, since, ours; /* visible messages */
};

static int by_uid(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static bool came_since(const struct made *m, const struct index_record *r)
{
	return r->uid > m->last_uid && !compare_has_uid(m->appended, m->n_appended, r->uid);
}

static void made_done(struct made *m)
{
	mailbox_index_free(m->ix);
	free(m->appended);
}

/* "UIDVALIDITY LASTUID", or "empty": it was made without a message. */
static bool read_bounds(const char *key, uint32_t *uidvalidity, uint32_t *last_uid)
{
	int end = 0;

	*uidvalidity = *last_uid = 0;
	if (strcmp(key, "empty") == 0)
		return true;
	return sscanf(key, "%u %u%n", uidvalidity, last_uid, &end) == 2 && key[end] == '\0';
}

/* False: said why it is left. */
static bool look(struct undo_context *cx, const struct journal_record *r, const struct mailbox_entry *entry,
    struct made *m)
{
	uint32_t uidvalidity;

	*m = (struct made){ .entry = entry, .ix = live_index(cx->server, entry) };
	if (!read_bounds(r->key, &uidvalidity, &m->last_uid) || m->ix == NULL) {
		undo_left(cx, m->ix == NULL ? "its index cannot be read" : "the journal is not readable");
		return false;
	}
	if (uidvalidity != 0 && uidvalidity != m->ix->h.uidvalidity) {
		undo_left(cx, "it has got a new UIDVALIDITY since");
		return false;
	}
	m->appended = mem_array(cx->log->n + 1, sizeof *m->appended);
	for (size_t i = 0; i < cx->log->n; i++) {
		const struct journal_record *a = &cx->log->records[i];

		if (a->kind == JOURNAL_APPENDED && strcmp(a->uniqueid, r->uniqueid) == 0 &&
		    a->uidvalidity == m->ix->h.uidvalidity)
			m->appended[m->n_appended++] = a->uid;
	}
	if (m->n_appended > 1)
		qsort(m->appended, m->n_appended, sizeof *m->appended, by_uid);
	for (size_t i = 0; i < m->ix->n; i++)
		if (index_record_visible(&m->ix->records[i])) {
			m->since += came_since(m, &m->ix->records[i]);
			m->ours += !came_since(m, &m->ix->records[i]);
		}
	return true;
}

/* It is taken back before those that lie above it. */
static bool is_taken_back(const struct undo_context *cx, const struct mailbox_entry *entry)
{
	for (size_t i = 0; i < cx->log->n; i++) {
		const struct journal_record *r = &cx->log->records[i];

		if (r->kind == JOURNAL_CHANGING && entry->uniqueid != NULL &&
		    (strcmp(r->what, "created") == 0 || strcmp(r->what, "renamed") == 0) &&
		    strcmp(r->uniqueid, entry->uniqueid) == 0)
			return true;
	}
	return false;
}

/* Deleting it would take these along, or the server would refuse. */
static size_t count_below(const struct undo_context *cx, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < cx->list->n; i++) {
		const struct mailbox_entry *entry = &cx->list->entries[i];

		n += strcmp(entry->name, name) != 0 && mailbox_entry_has_directory(entry) &&
		     mboxname_is_below(entry->name, name) &&
		     (cx->journal != NULL || !is_taken_back(cx, entry));
	}
	return n;
}

/* ---- taking away ---- */

static const char *admin_rights(const struct undo_context *cx, const struct mailbox_entry *entry)
{
	const char *who = cx->server->imap_admin;

	for (size_t i = 0; i < entry->n_acl; i++)
		if (who != NULL && strcmp(entry->acl[i].user, who) == 0)
			return entry->acl[i].rights;
	return "";
}

/* The administrator gives himself the right to, which goes with the mailbox. */
static int delete_box(struct undo_context *cx, const struct mailbox_entry *entry, struct err *e)
{
	const char *who = cx->server->imap_admin, *had = admin_rights(cx, entry);
	char *internal = mem_strdup(entry->name);
	const struct mailbox_entry *is;
	struct buf name = BUF_INIT;
	struct err why;
	int rc = undo_admin(cx, e);

	mboxname_admin(cx->server->conf, internal, &name);
	if (rc == 0)
		rc = imap_setacl(cx->admin, buf_text(&name), who, ALL_RIGHTS, e);
	if (rc == 0)
		rc = fault_point("undo-remove", e);
	if (rc == 0) {
		rc = imap_delete(cx->admin, buf_text(&name), e);
		if (rc == -1) {
			usleep(NEXT_SECOND_US);
			rc = imap_delete(cx->admin, buf_text(&name), e);
		}
		if (rc == -1)
			imap_setacl(cx->admin, buf_text(&name), who, had, &why);
	}
	if (rc == 0)
		rc = undo_reload(cx, e);
	is = rc == 0 ? mboxlist_find(cx->list, internal) : NULL;
	if (is != NULL && mailbox_entry_has_directory(is))
		rc = err_set(e, ERR_TOOL, "the server still lists it");
	buf_done(&name);
	free(internal);
	return rc;
}

/* Only what the restore has brought. */
static int empty_box(struct undo_context *cx, const struct made *m, struct err *e)
{
	uint32_t *uids = mem_array(m->ix->n + 1, sizeof *uids);
	struct imap_mailbox_status st;
	struct rights rights;
	struct err why;
	size_t n = 0;
	int rc = rights_get(cx->server, m->entry, cx->journal, cx->job, &rights, e);

	for (size_t i = 0; i < m->ix->n; i++)
		if (index_record_visible(&m->ix->records[i]) && !came_since(m, &m->ix->records[i]))
			uids[n++] = m->ix->records[i].uid;
	if (rc == 0)
		rc = imap_select(rights.im, buf_text(&rights.name), false, &st, e);
	if (rc == 0 && st.uidvalidity != m->ix->h.uidvalidity)
		rc = err_set(e, ERR_REFUSED, "it was made anew meanwhile");
	if (rc == 0 && n > 0)
		rc = imap_expunge_uids(rights.im, uids, n, e);
	if (rights_give_back(&rights, rc == 0 ? e : &why) == -1)
		rc = -1;
	free(uids);
	return rc;
}

/* Where it is kept now that it is deleted, if it is. */
static const struct mailbox_entry *deleted_copy(const struct undo_context *cx, const char *id)
{
	for (size_t at = mboxlist_find_id(cx->list, id, 0); at != (size_t)-1;
	     at = mboxlist_find_id(cx->list, id, at + 1))
		if (mailbox_entry_has_directory(&cx->list->entries[at]) &&
		    mboxname_is_deleted(cx->server->conf, cx->list->entries[at].name))
			return &cx->list->entries[at];
	return NULL;
}

static bool has_above(const struct mailbox_index *ix, uint32_t uid)
{
	for (size_t i = 0; ix != NULL && i < ix->n; i++)
		if (ix->records[i].uid > uid && index_record_visible(&ix->records[i]))
			return true;
	return false;
}

/* Under its name again, with only what came since. */
static int bring_back(struct undo_context *cx, const struct made *m, const struct mailbox_entry *copy,
    const char *internal, const char *had, struct err *e)
{
	struct made now = { .last_uid = m->last_uid, .appended = m->appended, .n_appended = m->n_appended };
	struct buf from = BUF_INIT, to = BUF_INIT;
	int rc;

	mboxname_admin(cx->server->conf, copy->name, &from);
	mboxname_admin(cx->server->conf, internal, &to);
	rc = imap_rename(cx->admin, buf_text(&from), buf_text(&to), e);
	if (rc == 0)
		rc = imap_setacl(cx->admin, buf_text(&to), cx->server->imap_admin, had, e);
	if (rc == 0)
		rc = undo_reload(cx, e);
	now.entry = rc == 0 ? mboxlist_find(cx->list, internal) : NULL;
	now.ix = now.entry != NULL ? live_index(cx->server, now.entry) : NULL;
	if (rc == 0)
		rc = now.ix != NULL ? empty_box(cx, &now, e)
		                    : err_set(e, ERR_DAMAGE, "its index cannot be read");
	mailbox_index_free(now.ix);
	buf_done(&from);
	buf_done(&to);
	return rc;
}

/* Into DELETED again, as it was; where the server does not permit that it is deleted anew. */
static int rename_away(
    struct undo_context *cx, const struct journal_record *r, const struct mailbox_entry *entry, struct err *e)
{
	struct buf from = BUF_INIT, to = BUF_INIT;
	struct err why;
	int rc = undo_admin(cx, e);

	mboxname_admin(cx->server->conf, entry->name, &from);
	mboxname_admin(cx->server->conf, r->before, &to);
	if (rc == 0)
		rc = fault_point("undo-remove", e);
	if (rc == 0) {
		rc = imap_rename(cx->admin, buf_text(&from), buf_text(&to), &why);
		if (rc == -1)
			rc = delete_box(cx, entry, e);
		else
			rc = undo_reload(cx, e);
	}
	buf_done(&from);
	buf_done(&to);
	return rc;
}

/* Deletes it, or with ${r} renames it to what it was called. Mail may come in between the last look and that moment: then it comes back with that. */
static int remove_made(
    struct undo_context *cx, const struct made *m, const struct journal_record *r, struct err *e)
{
	char *internal = mem_strdup(m->entry->name), *id = mem_strdup(m->entry->uniqueid);
	char *had = mem_strdup(admin_rights(cx, m->entry));
	const struct mailbox_entry *copy;
	struct mailbox_index *ix;
	int rc = r != NULL ? rename_away(cx, r, m->entry, e) : delete_box(cx, m->entry, e);

	copy = rc == 0 && id != NULL ? deleted_copy(cx, id) : NULL;
	ix = copy != NULL ? live_index(cx->server, copy) : NULL;
	if (has_above(ix, m->ix->h.last_uid))
		rc = bring_back(cx, m, copy, internal, had, e);
	mailbox_index_free(ix);
	free(internal);
	free(id);
	free(had);
	return rc;
}

static int take_away(struct undo_context *cx, const struct made *m, struct err *e)
{
	size_t below = count_below(cx, m->entry->name);
	struct buf name = BUF_INIT;
	char ours[40], since[40], others[40];

	undo_name(cx, m->entry->name, &name);
	str_count(ours, sizeof ours, m->ours, "message", "messages");
	str_count(since, sizeof since, m->since, "message", "messages");
	if (m->since == 0 && below == 0)
		undo_says(cx, "delete %s with %s", buf_text(&name), ours);
	else if (m->since > 0)
		undo_says(
		    cx, "remove %s from %s, and leave %s that came since", ours, buf_text(&name), since);
	else
		undo_says(cx, "remove %s from %s, which stays above %s", ours, buf_text(&name),
		    str_count(others, sizeof others, below, "other mailbox", "other mailboxes"));
	buf_done(&name);
	if ((m->since > 0 || below > 0) && m->ours == 0)
		return undo_nothing(cx);
	if (!undo_goes(cx))
		return 0;
	return m->since == 0 && below == 0 ? remove_made(cx, m, NULL, e) : empty_box(cx, m, e);
}

/* ---- over to the mailbox that is renamed back ---- */

/* What came since and is not there yet, by content. */
static int copy_over(struct undo_context *cx, const struct made *m, const struct side_live *from,
    const struct side_live *to, const struct mailbox_entry *aside, struct err *e)
{
	struct rights rights_from = { 0 }, rights_to = { 0 };
	uint32_t *uids = mem_array(from->n + 1, sizeof *uids);
	struct match_result match;
	struct err why;
	size_t n = 0;
	int rc;

	match_messages(from->list, from->n, to->list, to->n, NULL, NULL, &match);
	rc = rights_get(cx->server, m->entry, cx->journal, cx->job, &rights_from, e);
	if (rc == 0)
		rc = rights_get(cx->server, aside, cx->journal, cx->job, &rights_to, e);
	if (rc == 0)
		rc = imap_select(rights_to.im, buf_text(&rights_from.name), true, NULL, e);
	for (size_t i = 0; i < from->n; i++)
		if (match.states[i] == MATCH_MISSING && came_since(m, from->records[i]))
			uids[n++] = from->list[i].uid;
	if (rc == 0)
		rc = imap_copy_uids(rights_to.im, uids, n, buf_text(&rights_to.name), e);
	if (rights_to.server != NULL && rights_give_back(&rights_to, rc == 0 ? e : &why) == -1)
		rc = -1;
	if (rights_from.server != NULL && rights_give_back(&rights_from, rc == 0 ? e : &why) == -1)
		rc = -1;
	free(uids);
	match_done(&match);
	return rc;
}

static int carry_back(
    struct undo_context *cx, const struct made *m, const struct mailbox_entry *aside, struct err *e)
{
	struct live_mailbox *l_from = NULL, *l_to = NULL;
	struct side_live from = { 0 }, to = { 0 };
	int rc = -1;

	if (live_load(cx->server, m->entry, &l_from, e) == 0 && live_load(cx->server, aside, &l_to, e) == 0) {
		if (l_from->index == NULL || l_to->index == NULL)
			err_set(e, ERR_DAMAGE, "the index of %s cannot be read",
			    l_from->index == NULL ? m->entry->name : aside->name);
		else {
			side_live_read(cx->server, m->entry, l_from, true, &from);
			side_live_read(cx->server, aside, l_to, true, &to);
			rc = copy_over(cx, m, &from, &to, aside, e);
		}
	}
	side_live_done(&from);
	side_live_done(&to);
	live_free(l_from);
	live_free(l_to);
	return rc;
}

/* The mailbox that ${name} was renamed aside to, if it is still there: undo_aside() renames it back. */
static const struct mailbox_entry *aside_of(const struct undo_context *cx, const char *name)
{
	for (size_t i = cx->log->n; i-- > 0;) {
		const struct journal_record *r = &cx->log->records[i];
		const struct mailbox_entry *entry;

		if (r->kind != JOURNAL_CHANGING || strcmp(r->what, "aside") != 0 || r->before == NULL ||
		    r->after == NULL || strcmp(r->before, name) != 0)
			continue;
		entry = undo_entry(cx, r);
		return entry != NULL && strcmp(entry->name, r->after) == 0 ? entry : NULL;
	}
	return NULL;
}

/* What came in while the rest was carried over is carried over too. */
static int delete_carried(
    struct undo_context *cx, const struct made *m, const struct mailbox_entry *aside, struct err *e)
{
	uint32_t last = m->ix->h.last_uid;
	struct index_header now;

	for (int i = 0; i < ROUNDS_MAX; i++) {
		if (live_index_head(cx->server, m->entry, &now) == -1)
			return err_set(e, ERR_DAMAGE, "the index of %s cannot be read", m->entry->name);
		if (now.uidvalidity != m->ix->h.uidvalidity)
			return err_set(e, ERR_REFUSED, "it was made anew meanwhile");
		if (now.last_uid == last)
			return delete_box(cx, m->entry, e);
		last = now.last_uid;
		if (carry_back(cx, m, aside, e) == -1)
			return -1;
	}
	return err_set(e, ERR_PARTIAL, "%s gets mail faster than it can be carried over", m->entry->name);
}

static int replace_back(
    struct undo_context *cx, const struct made *m, const struct mailbox_entry *aside, struct err *e)
{
	struct buf name = BUF_INIT, other = BUF_INIT;
	char since[40];

	undo_name(cx, m->entry->name, &name);
	undo_name(cx, aside->name, &other);
	if (m->since > 0)
		undo_says(cx, "carry over to %s what it lacks of %s that came since, and delete %s",
		    buf_text(&other), str_count(since, sizeof since, m->since, "message", "messages"),
		    buf_text(&name));
	else
		undo_says(
		    cx, "delete %s, which stands in the place of %s", buf_text(&name), buf_text(&other));
	buf_done(&name);
	buf_done(&other);
	/* What lies below stays where it is: the name is taken again at once. */
	if (count_below(cx, m->entry->name) > 0)
		return undo_left(cx, "there are mailboxes below it that the restore has not made");
	if (!undo_goes(cx))
		return 0;
	if (m->since > 0 && carry_back(cx, m, aside, e) == -1)
		return -1;
	return delete_carried(cx, m, aside, e);
}

/* ---- the functions ---- */

static bool has_record_after(const struct undo_context *cx, const struct journal_record *r)
{
	for (size_t i = 0; i < cx->log->n; i++) {
		const struct journal_record *x = &cx->log->records[i];

		if (x->kind == JOURNAL_CHANGING && strcmp(x->what, "created") == 0 && *x->uniqueid != '\0' &&
		    strcmp(x->mailbox, r->mailbox) == 0)
			return true;
	}
	return false;
}

int undo_created(struct undo_context *cx, const struct journal_record *r, struct err *e)
{
	const struct mailbox_entry *entry = undo_entry(cx, r), *aside;
	struct buf name = BUF_INIT;
	struct made m;
	int rc = 0;

	undo_says(cx, "delete %s", undo_name(cx, r->mailbox, &name));
	buf_done(&name);
	if (entry == NULL)
		return undo_nothing(cx);
	/* Written before it was there: what it is can only be told by the record after. */
	if (*r->uniqueid == '\0')
		return has_record_after(cx, r)
		           ? undo_nothing(cx)
		           : undo_left(cx, "the restore was cut off while it made it, or somebody else did");
	aside = aside_of(cx, entry->name);
	if (look(cx, r, entry, &m))
		rc = aside != NULL ? replace_back(cx, &m, aside, e) : take_away(cx, &m, e);
	made_done(&m);
	return rc;
}

int undo_renamed(struct undo_context *cx, const struct journal_record *r, struct err *e)
{
	const struct mailbox_entry *entry = undo_entry(cx, r);
	struct buf name = BUF_INIT, other = BUF_INIT;
	struct made m;
	int rc = 0;

	undo_says(cx, "rename %s to %s again", undo_name(cx, r->mailbox, &name), r->before);
	buf_done(&name);
	if (entry == NULL)
		return undo_nothing(cx);
	if (strcmp(entry->name, r->after) != 0) {
		undo_left(cx, "it is called %s now", undo_name(cx, entry->name, &other));
		buf_done(&other);
		return 0;
	}
	if (look(cx, r, entry, &m)) {
		if (m.since > 0 || count_below(cx, entry->name) > 0)
			rc = take_away(cx, &m, e);
		else if (undo_goes(cx))
			rc = remove_made(cx, &m, r, e);
	}
	made_done(&m);
	return rc;
}

int undo_aside(struct undo_context *cx, const struct journal_record *r, struct err *e)
{
	const struct mailbox_entry *entry = undo_entry(cx, r), *taken = mboxlist_find(cx->list, r->before);
	struct buf name = BUF_INIT, other = BUF_INIT, from = BUF_INIT, to = BUF_INIT;
	int rc = 0;

	undo_says(
	    cx, "rename %s back to %s", undo_name(cx, r->after, &other), undo_name(cx, r->before, &name));
	if (entry == NULL)
		undo_left(cx, "it is not there any more");
	else if (strcmp(entry->name, r->before) == 0)
		undo_nothing(cx);
	else if (strcmp(entry->name, r->after) != 0)
		undo_left(cx, "it is called otherwise now");
	else if (taken != NULL && mailbox_entry_has_directory(taken) &&
		 (cx->journal != NULL || !is_taken_back(cx, taken)))
		undo_left(cx, "the name is taken");
	else if (undo_goes(cx)) {
		mboxname_admin(cx->server->conf, r->after, &from);
		mboxname_admin(cx->server->conf, r->before, &to);
		rc = undo_admin(cx, e);
		if (rc == 0)
			rc = imap_rename(cx->admin, buf_text(&from), buf_text(&to), e);
		if (rc == 0)
			rc = undo_reload(cx, e);
	}
	buf_done(&name);
	buf_done(&other);
	buf_done(&from);
	buf_done(&to);
	return rc;
}

int undo_repaired(struct undo_context *cx, const struct journal_record *r, struct err *e)
{
	struct buf name = BUF_INIT;

	(void)e;
	undo_says(cx, "what was lost of %s", undo_name(cx, r->mailbox, &name));
	buf_done(&name);
	return undo_left(cx, "it was damaged: what was repaired stays");
}
