/* aside.c: what a restore does to other mailboxes than the one that comes back: one gives way, its newer mail is carried over; an empty one is
 * made. */
#include "restore/aside.h"

#include <stdlib.h>
#include <string.h>

#include "core/fault.h"
#include "core/mem.h"
#include "restore/match.h"
#include "restore/plan.h"
#include "restore/rights.h"
#include "restore/sides.h"

static bool is_there(const struct mailbox_entry *entry)
{
	return entry != NULL && mailbox_entry_has_directory(entry);
}

static bool has_id(const struct mailbox_entry *entry, const char *id)
{
	return is_there(entry) && entry->uniqueid != NULL && strcmp(entry->uniqueid, id) == 0;
}

const struct mailbox_entry *aside_find(
    const struct server *server, const struct mboxlist *list, const char *id)
{
	for (size_t at = mboxlist_find_id(list, id, 0); at != (size_t)-1;
	     at = mboxlist_find_id(list, id, at + 1))
		if (is_there(&list->entries[at]) &&
		    !mboxname_is_deleted(server->conf, list->entries[at].name))
			return &list->entries[at];
	return NULL;
}

int aside_rename(struct run *r, const struct restore_item *item, struct err *e)
{
	struct buf from = BUF_INIT, to = BUF_INIT;
	struct mboxlist *list = NULL;
	const struct mailbox_entry *is, *aside;
	int rc = run_admin_imap(r, e);

	if (rc == 0)
		rc = server_list(r->server, &list, e);
	if (rc == -1)
		goto out;
	is = mboxlist_find(list, item->name);
	aside = mboxlist_find(list, item->aside_name);
	if (!is_there(is) && has_id(aside, item->aside_id))
		goto out;
	if (!has_id(is, item->aside_id) || is_there(aside)) {
		rc = err_set(e, ERR_REFUSED, "%s changed since the plan was made", item->name);
		goto out;
	}
	mboxname_admin(r->server->conf, item->name, &from);
	mboxname_admin(r->server->conf, item->aside_name, &to);
	rc = journal_changing(
	    r->journal, "aside", item->name, item->aside_id, "", item->name, item->aside_name, e);
	if (rc == 0)
		rc = fault_point("restore-aside", e);
	if (rc == 0)
		rc = imap_rename(r->admin, buf_text(&from), buf_text(&to), e);
out:
	mboxlist_free(list);
	buf_done(&from);
	buf_done(&to);
	return rc == -1 ? err_wrap(e, "rename %s aside", item->name) : 0;
}

/* ---- newer mail ---- */

/* The UIDs of ${from} that have no partner in the mailbox they shall come to. */
static int copy_missing(const struct side_live *from, const struct match_result *match, struct imap *im,
    const char *to, struct err *e)
{
	uint32_t *uids = mem_array(from->n + 1, sizeof *uids);
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < from->n; i++)
		if (match->states[i] == MATCH_MISSING)
			uids[n++] = from->list[i].uid;
	rc = imap_copy_uids(im, uids, n, to, e);
	free(uids);
	return rc;
}

static int carry(
    struct run *r, const struct mailbox_entry *from, const struct mailbox_entry *to, struct err *e)
{
	struct live_mailbox *l_from = NULL, *l_to = NULL;
	struct side_live side_from = { 0 }, side_to = { 0 };
	struct match_result match = { 0 };
	struct rights rights_from = { 0 }, rights_to = { 0 };
	struct err why;
	int rc = -1;

	if (live_load(r->server, from, &l_from, e) == -1 || live_load(r->server, to, &l_to, e) == -1)
		goto out;
	if (l_from->index == NULL || l_to->index == NULL) {
		err_set(e, ERR_DAMAGE, "the index of %s cannot be read",
		    l_from->index == NULL ? from->name : to->name);
		goto out;
	}
	side_live_read(r->server, from, l_from, true, &side_from);
	side_live_read(r->server, to, l_to, true, &side_to);
	match_messages(side_from.list, side_from.n, side_to.list, side_to.n, NULL, NULL, &match);
	r->result->merged += match.same;
	rc = 0;
	if (match.missing == 0)
		goto out;
	rc = rights_get(r->server, from, r->journal, r->job, &rights_from, e);
	if (rc == 0)
		rc = rights_get(r->server, to, r->journal, r->job, &rights_to, e);
	if (rc == 0)
		rc = imap_select(rights_to.im, buf_text(&rights_from.name), true, NULL, e);
	if (rc == 0)
		rc = fault_point("restore-carry", e);
	if (rc == 0)
		rc = copy_missing(&side_from, &match, rights_to.im, buf_text(&rights_to.name), e);
	if (rc == 0)
		r->result->created += match.missing;
out:
	if (rights_to.server != NULL && rights_give_back(&rights_to, rc == 0 ? e : &why) == -1)
		rc = -1;
	if (rights_from.server != NULL && rights_give_back(&rights_from, rc == 0 ? e : &why) == -1)
		rc = -1;
	match_done(&match);
	side_live_done(&side_from);
	side_live_done(&side_to);
	live_free(l_from);
	live_free(l_to);
	return rc;
}

int aside_carry(struct run *r, const struct restore_item *item, struct err *e)
{
	struct mboxlist *list = NULL;
	const struct mailbox_entry *from, *to;
	int rc = server_list(r->server, &list, e);

	if (rc == 0) {
		/* Somebody may have renamed it, and have made another one of that name. */
		from = aside_find(r->server, list, item->aside_id);
		to = mboxlist_find(list, item->name);
		if (from == NULL || !is_there(to))
			rc = err_set(e, ERR_REFUSED, "%s is not there any more",
			    from == NULL ? item->aside_name : item->name);
		else if (strcmp(from->name, to->name) == 0)
			rc = err_set(e, ERR_REFUSED, "%s was renamed back", item->aside_name);
		else
			rc = carry(r, from, to, e);
	}
	mboxlist_free(list);
	return rc == -1 ? err_wrap(e, "carry newer mail over to %s", item->name) : 0;
}

/* ---- an empty one ---- */

static bool was_made_by_us(const struct journal *journal, const char *name)
{
	struct journal_log log;
	bool yes = false;

	if (journal_read(journal_path(journal), &log, NULL) == -1)
		return false;
	for (size_t i = 0; i < log.n; i++)
		yes = yes || (log.records[i].kind == JOURNAL_CHANGING &&
				 strcmp(log.records[i].what, "created") == 0 &&
				 strcmp(log.records[i].mailbox, name) == 0);
	journal_log_done(&log);
	return yes;
}

static int create(struct run *r, const struct restore_item *item, struct err *e)
{
	char *owner = mboxname_user(item->name), *inbox = owner != NULL ? mboxname_inbox(owner) : NULL;
	bool as_admin = owner == NULL || strcmp(inbox, item->name) == 0;
	struct buf name = BUF_INIT;
	struct imap *im = NULL;
	int rc = server_imap(r->server, as_admin ? NULL : owner, r->job, &im, e);

	plan_name_as(r->server->conf, item->name, as_admin ? NULL : owner, &name);
	if (rc == 0)
		rc = journal_changing(r->journal, "created", item->name, "", "empty", NULL, item->name, e);
	if (rc == 0)
		rc = imap_create(im, buf_text(&name), NULL, e);
	if (rc == 0)
		imap_logout(im);
	else
		imap_close(im);
	buf_done(&name);
	free(owner);
	free(inbox);
	return rc;
}

int aside_create(struct run *r, const struct restore_item *item, struct err *e)
{
	struct mboxlist *list = NULL;
	const struct mailbox_entry *made;
	int rc = server_list(r->server, &list, e);

	if (rc == 0 && is_there(mboxlist_find(list, item->name))) {
		rc = was_made_by_us(r->journal, item->name)
		         ? 0
		         : err_set(e, ERR_REFUSED, "%s is there now", item->name);
		goto out;
	}
	if (rc == 0)
		rc = create(r, item, e);
	mboxlist_free(list);
	list = NULL;
	if (rc == 0)
		rc = server_list(r->server, &list, e);
	made = rc == 0 ? mboxlist_find(list, item->name) : NULL;
	if (rc == 0 && !is_there(made))
		rc = err_set(e, ERR_TOOL, "the server has made %s, but does not list it", item->name);
	if (rc == 0)
		rc = journal_changing(
		    r->journal, "created", item->name, made->uniqueid, "empty", NULL, item->name, e);
out:
	mboxlist_free(list);
	return rc == -1 ? err_wrap(e, "make %s", item->name) : 0;
}
