/* undo_values.c: rights, annotations, subscriptions, seen records and limits, set back to what they were. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/str.h"
#include "cyrus/userdata.h"
#include "restore/plan.h"
#include "restore/room.h"
#include "restore/undo_change.h"

/* ---- rights ---- */

static bool has_all(const char *has, const char *needed)
{
	for (; *needed != '\0'; needed++)
		if (strchr(has, *needed) == NULL)
			return false;
	return true;
}

static bool same_rights(const char *a, const char *b)
{
	return has_all(a, b) && has_all(b, a);
}

int undo_acl(struct undo_context *cx, const struct journal_record *r, struct err *e)
{
	const struct mailbox_entry *entry = undo_entry(cx, r);
	const char *before = r->before != NULL ? r->before : "", *after = r->after != NULL ? r->after : "";
	const char *now = "";
	struct buf name = BUF_INIT;
	int rc = 0;

	undo_says(cx, "%s the rights of %s on %s%s%s", *before != '\0' ? "set" : "take away", r->key,
	    undo_name(cx, r->mailbox, &name), *before != '\0' ? " to " : "", before);
	buf_clear(&name);
	for (size_t i = 0; entry != NULL && i < entry->n_acl; i++)
		if (strcmp(entry->acl[i].user, r->key) == 0)
			now = entry->acl[i].rights;
	if (entry == NULL || same_rights(now, before))
		undo_nothing(cx);
	else if (!same_rights(now, after))
		undo_left(cx, "they were changed since, to %s", *now != '\0' ? now : "none");
	else if (undo_goes(cx)) {
		mboxname_admin(cx->server->conf, entry->name, &name);
		rc = undo_admin(cx, e);
		if (rc == 0)
			rc = imap_setacl(cx->admin, buf_text(&name), r->key, before, e);
		if (rc == 0)
			rc = undo_reload(cx, e);
	}
	buf_done(&name);
	return rc;
}

/* ---- annotations ---- */

static bool is_value(const struct buf *b, bool there, const char *value, size_t len)
{
	/* To set none and to set an empty one is the same. */
	if (value == NULL || len == 0)
		return !there || b->len == 0;
	return there && b->len == len && memcmp(b->data, value, len) == 0;
}

static int set_annotation(struct undo_context *cx, const struct journal_record *r, struct imap *im,
    const char *name, const char *entry, struct err *e)
{
	struct buf now = BUF_INIT;
	int there = imap_getmetadata(im, name, entry, &now, e), rc = there == -1 ? -1 : 0;

	if (rc == -1)
		;
	else if (is_value(&now, there, r->before, r->before_len))
		undo_nothing(cx);
	else if (!is_value(&now, there, r->after, r->after_len))
		undo_left(cx, "it was changed since");
	else if (undo_goes(cx))
		rc = imap_setmetadata(im, name, entry, r->before, r->before_len, e);
	buf_done(&now);
	return rc;
}

/* KEY is "/private/comment alice": an entry and whose it is, nobody's if it is shared. */
int undo_annotation(struct undo_context *cx, const struct journal_record *r, struct err *e)
{
	const struct mailbox_entry *box = undo_entry(cx, r);
	const char *blank = strchr(r->key, ' ');
	char *entry = mem_strndup(r->key, blank != NULL ? (size_t)(blank - r->key) : strlen(r->key));
	char *user = blank != NULL && blank[1] != '\0' ? mem_strdup(blank + 1)
	             : box != NULL                     ? mboxname_user(box->name)
	                                               : NULL;
	struct buf shown = BUF_INIT, name = BUF_INIT;
	struct imap *im = NULL;
	int rc = 0;

	undo_says(cx, "set annotation %s of %s back", r->key, undo_name(cx, r->mailbox, &shown));
	if (box == NULL)
		undo_nothing(cx);
	else {
		plan_name_as(cx->server->conf, box->name, user, &name);
		rc = server_imap(cx->server, user, cx->job, &im, e);
		if (rc == 0)
			rc = set_annotation(cx, r, im, buf_text(&name), entry, e);
		imap_logout(im);
	}
	buf_done(&shown);
	buf_done(&name);
	free(entry);
	free(user);
	return rc;
}

/* ---- users' own databases ---- */

/* False: he is no user of this server any more. */
static bool user_path(
    const struct undo_context *cx, enum user_file which, const char *userid, struct buf *path)
{
	char *inbox = mboxname_inbox(userid);
	const struct mailbox_entry *entry = mboxlist_find(cx->list, inbox);
	bool there = entry != NULL && mailbox_entry_has_directory(entry) &&
	             mboxname_user_file(cx->server->conf, mailbox_entry_layout(cx->server->conf, entry),
			 which, userid, entry->uniqueid, path, NULL) == 0;

	free(inbox);
	return there;
}

static int on_subscription(void *arg, const char *internal, struct err *e)
{
	(void)e;
	return strcmp(internal, arg) == 0;
}

static bool is_subscribed(const struct undo_context *cx, const char *userid, const char *internal)
{
	struct buf path = BUF_INIT;
	struct cyrusdb *db = NULL;
	char *wanted = mem_strdup(internal);
	bool there = user_path(cx, USER_SUBS, userid, &path) &&
	             cyrusdb_open(AT_FDCWD, buf_text(&path), &db, NULL) == 0 &&
	             subs_each(db, userid, on_subscription, wanted, NULL) == 1;

	cyrusdb_close(db);
	buf_done(&path);
	free(wanted);
	return there;
}

/* KEY is the user; BEFORE is none, AFTER any. */
int undo_subscription(struct undo_context *cx, const struct journal_record *r, struct err *e)
{
	struct buf shown = BUF_INIT, name = BUF_INIT;
	struct imap *im = NULL;
	int rc = 0;

	undo_says(cx, "unsubscribe %s from %s", r->key, undo_name(cx, r->mailbox, &shown));
	buf_done(&shown);
	if (r->before != NULL || !is_subscribed(cx, r->key, r->mailbox))
		return undo_nothing(cx);
	if (!undo_goes(cx))
		return 0;
	plan_name_as(cx->server->conf, r->mailbox, r->key, &name);
	rc = server_imap(cx->server, r->key, cx->job, &im, e);
	if (rc == 0)
		rc = imap_unsubscribe(im, buf_text(&name), e);
	imap_logout(im);
	buf_done(&name);
	return rc;
}

/* KEY is the reader; values are records of his seen database. */
int undo_seen(struct undo_context *cx, const struct journal_record *r, struct err *e)
{
	struct buf shown = BUF_INIT, path = BUF_INIT, now = BUF_INIT;
	struct cyrusdb *db = NULL;
	const char *kind = NULL;
	int rc = 0, there = 0;

	undo_says(cx, "set back what %s has read of %s", r->key, undo_name(cx, r->mailbox, &shown));
	buf_done(&shown);
	if (cx->server->tools == NULL)
		return err_set(e, ERR_TOOL, "%s", cx->server->tools_why);
	if (user_path(cx, USER_SEEN, r->key, &path) &&
	    cyrusdb_open(AT_FDCWD, buf_text(&path), &db, NULL) == 0 && cyrusdb_kind(db) != CYRUSDB_EMPTY)
		kind = cyrusdb_kind_name(cyrusdb_kind(db));
	if (kind != NULL)
		there = cyrus_dbtool_get(cx->server->tools, buf_text(&path), kind, r->uniqueid, &now, e);
	if (there == -1)
		rc = -1;
	else if (there == 0 || (r->before != NULL && strcmp(buf_text(&now), r->before) == 0))
		undo_nothing(cx);
	else if (r->after == NULL || strcmp(buf_text(&now), r->after) != 0)
		undo_left(cx, "more was read since");
	else if (undo_goes(cx))
		rc = r->before != NULL
		         ? cyrus_dbtool_set(
			       cx->server->tools, buf_text(&path), kind, r->uniqueid, r->before, e)
		         : cyrus_dbtool_delete(cx->server->tools, buf_text(&path), kind, r->uniqueid, e);
	cyrusdb_close(db);
	buf_done(&path);
	buf_done(&now);
	return rc;
}

/* ---- limits ---- */

static bool has_mailboxes(const struct undo_context *cx, const char *root)
{
	for (size_t i = 0; i < cx->list->n; i++)
		if (mailbox_entry_has_directory(&cx->list->entries[i]) &&
		    mboxname_is_below(cx->list->entries[i].name, root) &&
		    !mboxname_is_deleted(cx->server->conf, cx->list->entries[i].name))
			return true;
	return false;
}

/* A root that was not there: the server drops it once no mailbox lies below it. */
static int drop_root(struct undo_context *cx, const char *root, struct err *e)
{
	if (has_mailboxes(cx, root) && cx->journal != NULL)
		return undo_left(cx, "there are mailboxes below it");
	if (!undo_goes(cx))
		return 0;
	if (cx->server->tools == NULL)
		return err_set(e, ERR_TOOL, "%s", cx->server->tools_why);
	return cyrus_quota_fix_root(cx->server->tools, root, e);
}

int undo_quota(struct undo_context *cx, const struct journal_record *r, struct err *e)
{
	struct quota_root is = { 0 }, was;
	bool there = room_read(cx->server, r->key, &is);
	char *now = there ? room_limits_text(&is) : NULL;
	struct buf name = BUF_INIT, words = BUF_INIT;
	int rc = 0;

	if (r->before == NULL)
		undo_says(cx, "take quota root %s away", r->key);
	else if (room_limits_parse(r->before, &was, NULL) == 0) {
		room_limits_words(&was, &words);
		undo_says(cx, "set the limits of quota root %s back to %s", r->key, buf_text(&words));
	} else {
		free(now);
		return undo_left(cx, "the journal is not readable");
	}
	if (now == NULL || (r->before != NULL && strcmp(now, r->before) == 0))
		undo_nothing(cx);
	else if (r->after == NULL || strcmp(now, r->after) != 0)
		undo_left(cx, "they were changed since");
	else if (r->before == NULL)
		rc = drop_root(cx, r->key, e);
	else if (undo_goes(cx)) {
		mboxname_admin(cx->server->conf, r->key, &name);
		rc = undo_admin(cx, e);
		if (rc == 0)
			rc = room_set_limits(cx->admin, buf_text(&name), &was, e);
	}
	buf_done(&name);
	buf_done(&words);
	free(now);
	return rc;
}
