/* state_run.c: set flags, \Seen and limits as the archive has them, each change in the journal first. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "core/fault.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/rights.h"
#include "restore/room.h"
#include "restore/state.h"

/* A change of one flag: both directions in one record. */
static int remember(const struct run *r, const struct state_box *box, const char *what, const char *of,
    const struct state_change *c, struct err *e)
{
	char *key = mem_printf("%u %s", box->live.mailbox->index->h.uidvalidity, of);
	struct buf before = BUF_INIT, after = BUF_INIT;
	int rc;

	uidset_put(&before, c->clear, c->n_clear);
	uidset_put(&after, c->set, c->n_set);
	rc = journal_changing(r->journal, what, box->entry->name, box->live.mailbox->header->uniqueid, key,
	    buf_text(&before), buf_text(&after), e);
	buf_done(&before);
	buf_done(&after);
	free(key);
	return rc == 0 ? fault_point("state-change", e) : -1;
}

/* What the server refuses of one flag is no reason to leave the others. */
static int store(struct run *r, struct imap *im, const char *box, const char *who,
    const struct state_change *c, struct err *e)
{
	struct err why;
	int rc = 0;

	if (c->n_clear > 0)
		rc = imap_store_uids(im, c->clear, c->n_clear, c->flag, false, &why);
	if (rc == 0 && c->n_set > 0)
		rc = imap_store_uids(im, c->set, c->n_set, c->flag, true, &why);
	if (rc == 0) {
		r->result->flags_set += c->n_set;
		r->result->flags_cleared += c->n_clear;
		return 0;
	}
	if (why.code == ERR_TOOL) {
		char *what = mem_printf(
		    "%s of %s%s%s", c->flag, box, who != NULL ? ", for " : "", who != NULL ? who : "");

		run_warn(r, what, &why);
		free(what);
		return 0;
	}
	if (e != NULL)
		*e = why;
	return -1;
}

static int select_box(struct imap *im, const char *name, const struct state_box *box, struct err *e)
{
	struct imap_mailbox_status st;

	if (imap_select(im, name, false, &st, e) == -1)
		return -1;
	if (st.uidvalidity != box->live.mailbox->index->h.uidvalidity)
		return err_set(e, ERR_REFUSED, "it was made anew meanwhile");
	return 0;
}

static int apply(struct run *r, struct imap *im, const char *name, const struct state_box *box,
    const char *what, const char *reader, const struct state_changes *c, struct err *e)
{
	if (select_box(im, name, box, e) == -1)
		return -1;
	for (size_t i = 0; i < c->n; i++)
		if (job_cancelled(r->job, e) ||
		    remember(r, box, what, reader != NULL ? reader : c->list[i].flag, &c->list[i], e) == -1 ||
		    store(r, im, box->entry->name, reader, &c->list[i], e) == -1)
			return -1;
	return 0;
}

/* As the owner, in shared mailboxes as the administrator, who gets the rights for it. */
static int apply_as_owner(
    struct run *r, const struct state_box *box, const struct state_changes *c, struct err *e)
{
	struct rights rights;
	struct err why;
	int rc = rights_get(r->server, box->entry, r->journal, r->job, &rights, e);

	if (rc == 0)
		rc = apply(r, rights.im, buf_text(&rights.name), box, "flags", NULL, c, e);
	if (rights_give_back(&rights, rc == 0 ? e : &why) == -1)
		rc = -1;
	return rc;
}

static int apply_as_reader(struct run *r, const struct state_box *box, const char *reader,
    const struct state_changes *c, struct err *e)
{
	struct buf name = BUF_INIT;
	struct imap *im = NULL;
	int rc = server_imap(r->server, reader, r->job, &im, e);

	plan_name_as(r->server->conf, box->entry->name, reader, &name);
	if (rc == 0)
		rc = apply(r, im, buf_text(&name), box, "reader", reader, c, e);
	if (rc == 0)
		imap_logout(im);
	else
		imap_close(im);
	buf_done(&name);
	return rc;
}

/* ---- the mailbox as it is now ---- */

static const struct mailbox_entry *entry_now(
    const struct mboxlist *list, const struct restore_item *item, struct err *e)
{
	const struct mailbox_entry *entry = mboxlist_find(list, item->name);

	if (entry != NULL && mailbox_entry_has_directory(entry) &&
	    (entry->uniqueid == NULL || item->entry.uniqueid == NULL ||
		strcmp(entry->uniqueid, item->entry.uniqueid) == 0))
		return entry;
	err_set(e, ERR_REFUSED, "it is no longer the mailbox that was planned for");
	return NULL;
}

static int by_uid(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* A merge notes the unique id that the list has: in those of older servers there is none. */
static bool is_of(const struct state_box *box, const struct journal_record *r)
{
	return *r->uniqueid != '\0' ? strcmp(r->uniqueid, box->live.mailbox->header->uniqueid) == 0
	                            : strcmp(r->mailbox, box->entry->name) == 0;
}

/* After a merge it is about those messages alone that it has appended. */
static int keep_appended(const struct run *r, struct state_box *box, struct err *e)
{
	struct journal_log log;
	uint32_t *uids;
	size_t n = 0;

	if (journal_read(journal_path(r->journal), &log, e) == -1)
		return -1;
	uids = mem_array(log.n + 1, sizeof *uids);
	for (size_t i = 0; i < log.n; i++)
		if (log.records[i].kind == JOURNAL_APPENDED && is_of(box, &log.records[i]) &&
		    log.records[i].uidvalidity == box->live.mailbox->index->h.uidvalidity)
			uids[n++] = log.records[i].uid;
	if (n > 1)
		qsort(uids, n, sizeof *uids, by_uid);
	state_box_keep(box, uids, n);
	free(uids);
	journal_log_done(&log);
	return 0;
}

int state_appended_open(struct run *r, const struct restore_item *item, const struct mboxlist *list,
    struct state_box *ret, struct err *e)
{
	const struct mailbox_entry *entry = entry_now(list, item, e);

	if (entry == NULL || state_box_open(r->server, r->plan->source, item, entry, r->job, ret, e) == -1)
		return -1;
	return keep_appended(r, ret, e);
}

int state_run_flags(struct run *r, const struct restore_step *s, struct err *e)
{
	const struct restore_item *item = &r->plan->items[s->item];
	struct state_changes c = { 0 };
	struct state_box box = { 0 };
	struct mboxlist *list = NULL;
	const struct mailbox_entry *entry;
	int rc = server_list(r->server, &list, e);

	if (rc == 0)
		rc = (entry = entry_now(list, item, e)) == NULL
		         ? -1
		         : state_box_open(r->server, r->plan->source, item, entry, r->job, &box, e);
	if (rc == 0) {
		state_flag_changes(box.pairs, box.n, box.m->header, box.live.mailbox->header, &c);
		if (c.n > 0)
			rc = apply_as_owner(r, &box, &c, e);
	}
	state_changes_done(&c);
	state_box_done(&box);
	mboxlist_free(list);
	return rc == -1 ? err_wrap(e, "mailbox %s", item->name) : 0;
}

int state_run_reader(struct run *r, const struct restore_step *s, struct err *e)
{
	const struct restore_item *item = &r->plan->items[s->item];
	struct state_changes c = { 0 };
	struct state_box box = { 0 };
	struct mboxlist *list = NULL;
	const struct mailbox_entry *entry = NULL;
	int rc = server_list(r->server, &list, e);
	bool owner;

	if (rc == 0)
		rc = (entry = entry_now(list, item, e)) == NULL
		         ? -1
		         : state_box_open(r->server, r->plan->source, item, entry, r->job, &box, e);
	if (rc == 0 && r->plan->request.mode != RESTORE_STATE && r->plan->request.mode != RESTORE_REPLACE)
		rc = keep_appended(r, &box, e);
	if (rc == 0) {
		owner = s->detail == NULL || (box.owner != NULL && strcmp(s->detail, box.owner) == 0);
		if (owner)
			state_owner_changes(&box, &c);
		else
			rc = state_reader_changes(&box, list, r->plan, s->detail, &c, e) == -1 ? -1 : 0;
		if (rc == 0 && c.n > 0)
			rc = owner ? apply_as_owner(r, &box, &c, e)
			           : apply_as_reader(r, &box, s->detail, &c, e);
	}
	state_changes_done(&c);
	state_box_done(&box);
	mboxlist_free(list);
	return rc == -1 ? err_wrap(e, "mailbox %s", item->name) : 0;
}

/* ---- what other steps change ---- */

struct finding {
	const char *entry, *user, *owner;
	bool found;
	struct buf value;
};

static int on_annotation(void *arg, const struct annotation *a, struct err *e)
{
	struct finding *f = arg;
	bool owners = strcmp(a->userid, "[.OwNeR.]") == 0;
	const char *user = owners && f->owner != NULL ? f->owner : a->userid;

	(void)e;
	if (a->deleted || strcmp(a->entry, f->entry) != 0 || strcmp(user, f->user) != 0)
		return 0;
	f->found = true;
	buf_clear(&f->value);
	buf_add(&f->value, a->value, a->value_len);
	return 1;
}

/* The value that it has on the server now. */
static void find_annotation(const struct run *r, const struct mailbox_entry *entry, struct finding *f)
{
	const char *key = cyrus_version_at_least(r->server->version, 3, 6) ? entry->uniqueid : entry->name;
	struct cyrusdb *db = NULL;

	if (key != NULL && cyrusdb_open(AT_FDCWD, r->server->conf->annotation_path, &db, NULL) == 0)
		annotations_each(db, key, on_annotation, f, NULL);
	cyrusdb_close(db);
}

static int remember_annotation(
    struct run *r, const struct restore_step *s, const struct mailbox_entry *entry, struct err *e)
{
	bool private = str_starts(s->entry, "/private/");
	char *owner = mboxname_user(entry->name);
	struct finding f = { .entry = strchr(s->entry + 1, '/'), .owner = owner };
	char *key;
	struct journal_record record = { .kind = JOURNAL_CHANGING,
		.what = "annotation",
		.mailbox = entry->name,
		.uniqueid = entry->uniqueid != NULL ? entry->uniqueid : "",
		.after = s->value,
		.after_len = s->value_len };
	int rc;

	f.user = private && s->detail != NULL ? s->detail : "";
	key = mem_printf("%s %s", s->entry, f.user);
	record.key = key;
	find_annotation(r, entry, &f);
	record.before = f.found ? buf_text(&f.value) : NULL;
	record.before_len = f.value.len;
	rc = journal_add(r->journal, &record, e);
	buf_done(&f.value);
	free(owner);
	free(key);
	return rc;
}

int state_remember(struct run *r, const struct restore_step *s, struct err *e)
{
	const struct restore_item *item = s->item != (size_t)-1 ? &r->plan->items[s->item] : NULL;
	const struct mailbox_entry *entry;
	struct mboxlist *list = NULL;
	const char *id, *before = NULL;
	int rc;

	if (r->journal == NULL)
		return 0;
	if (server_list(r->server, &list, e) == -1)
		return -1;
	entry = mboxlist_find(list, item != NULL ? item->name : s->entry);
	if (entry == NULL && item != NULL)
		entry = &item->entry;
	if (entry == NULL) {
		mboxlist_free(list);
		return err_set(e, ERR_REFUSED, "%s is no longer there", s->entry);
	}
	id = entry->uniqueid != NULL ? entry->uniqueid : "";
	for (size_t i = 0; s->kind == STEP_ACL && i < entry->n_acl; i++)
		if (strcmp(entry->acl[i].user, s->detail) == 0)
			before = entry->acl[i].rights;
	if (s->kind == STEP_ANNOTATION)
		rc = remember_annotation(r, s, entry, e);
	else if (s->kind == STEP_ACL)
		rc = journal_changing(r->journal, "acl", entry->name, id, s->detail, before,
		    *s->value != '\0' ? s->value : NULL, e);
	else
		rc = journal_changing(r->journal, "subscription", entry->name, id, s->detail, NULL, "", e);
	mboxlist_free(list);
	return rc == 0 ? fault_point("state-change", e) : -1;
}

/* ---- limits ---- */

int state_run_limit(struct run *r, const struct restore_step *s, struct err *e)
{
	struct quota_root is = { 0 }, want;
	struct buf name = BUF_INIT;
	char *before = NULL;
	int rc = room_limits_parse(s->value, &want, e);

	if (rc == 0 && room_read(r->server, s->detail, &is))
		before = room_limits_text(&is);
	if (rc == 0)
		rc = journal_changing(r->journal, "quota", s->detail, "", s->detail, before, s->value, e);
	if (rc == 0)
		rc = fault_point("state-change", e);
	if (rc == 0)
		rc = run_admin_imap(r, e);
	mboxname_admin(r->server->conf, s->detail, &name);
	if (rc == 0)
		rc = room_set_limits(r->admin, buf_text(&name), &want, e);
	if (rc == 0)
		rc = room_get_limits(r->admin, buf_text(&name), &is, e);
	if (rc == 0) {
		bool same = is.limit[QUOTA_STORAGE_KB] == want.limit[QUOTA_STORAGE_KB] &&
		            is.limit[QUOTA_MESSAGES] == want.limit[QUOTA_MESSAGES];

		state_count(r, RESTORE_QUOTA, same, !same);
		if (!same)
			rc = err_set(
			    e, ERR_DAMAGE, "read back, the limits of %s are not what was set", s->detail);
	}
	buf_done(&name);
	free(before);
	return rc;
}
