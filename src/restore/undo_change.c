/* undo_change.c: the changes of a journal, the last one first, each handed to what takes it back. */
#include "restore/undo_change.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/fault.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/live.h"

static const struct undo_op ops[] = {
	{ "created", undo_created },
	{ "renamed", undo_renamed },
	{ "aside", undo_aside },
	{ "repaired", undo_repaired },
	{ "acl", undo_acl },
	{ "annotation", undo_annotation },
	{ "subscription", undo_subscription },
	{ "seen", undo_seen },
	{ "quota", undo_quota },
	{ "flags", undo_flags },
	{ "reader", undo_reader },
	{ "sieve", undo_sieve },
	{ "sieve-active", undo_sieve_active },
	{ "file", undo_file },
	{ "link", undo_link },
};

/* ---- for the functions ---- */

int undo_left(struct undo_context *cx, const char *fmt, ...)
{
	va_list ap;
	char *why;

	va_start(ap, fmt);
	why = str_safe_vprintf(fmt, ap);
	va_end(ap);
	buf_str(&cx->why, why);
	free(why);
	cx->fate = UNDO_LEFT;
	return 0;
}

int undo_nothing(struct undo_context *cx)
{
	cx->fate = UNDO_NOTHING;
	return 0;
}

bool undo_goes(struct undo_context *cx)
{
	cx->fate = UNDO_BACK;
	if (cx->journal != NULL)
		job_step(cx->job, "%s", buf_text(&cx->words));
	return cx->journal != NULL;
}

void undo_says(struct undo_context *cx, const char *fmt, ...)
{
	va_list ap;
	char *words;

	va_start(ap, fmt);
	words = str_safe_vprintf(fmt, ap);
	va_end(ap);
	buf_clear(&cx->words);
	buf_str(&cx->words, words);
	free(words);
}

const char *undo_name(const struct undo_context *cx, const char *internal, struct buf *b)
{
	mboxname_display(cx->server->conf, internal, b);
	return buf_text(b);
}

/* Lists of older servers carry no unique ids: there only the cyrus.header tells that it is not another one of that name. */
static bool header_has_id(
    const struct server *server, const struct mailbox_entry *entry, const char *uniqueid)
{
	struct live_mailbox *l;
	bool yes;

	if (live_load(server, entry, &l, NULL) == -1)
		return false;
	yes = l->header != NULL && strcmp(l->header->uniqueid, uniqueid) == 0;
	live_free(l);
	return yes;
}

const struct mailbox_entry *undo_find(
    const struct server *server, const struct mboxlist *list, const char *uniqueid, const char *name)
{
	const struct mailbox_entry *entry;

	for (size_t at = *uniqueid != '\0' ? mboxlist_find_id(list, uniqueid, 0) : (size_t)-1;
	     at != (size_t)-1; at = mboxlist_find_id(list, uniqueid, at + 1)) {
		entry = &list->entries[at];
		if (mailbox_entry_has_directory(entry) && !mboxname_is_deleted(server->conf, entry->name))
			return entry;
	}
	entry = mboxlist_find(list, name);
	if (entry == NULL || !mailbox_entry_has_directory(entry))
		return NULL;
	return *uniqueid == '\0' || (entry->uniqueid == NULL && header_has_id(server, entry, uniqueid))
	           ? entry
	           : NULL;
}

const struct mailbox_entry *undo_entry(const struct undo_context *cx, const struct journal_record *r)
{
	return undo_find(cx->server, cx->list, r->uniqueid, r->mailbox);
}

int undo_admin(struct undo_context *cx, struct err *e)
{
	return cx->admin != NULL ? 0 : server_imap(cx->server, NULL, cx->job, &cx->admin, e);
}

int undo_reload(struct undo_context *cx, struct err *e)
{
	struct mboxlist *list;

	if (server_list(cx->server, &list, e) == -1)
		return -1;
	mboxlist_free(cx->list);
	cx->list = list;
	return 0;
}

/* ---- all of them ---- */

static bool same_value(const char *a, size_t n_a, const char *b, size_t n_b)
{
	return (a == NULL) == (b == NULL) && n_a == n_b && (n_a == 0 || memcmp(a, b, n_a) == 0);
}

static bool same_record(const struct journal_record *a, const struct journal_record *b)
{
	return b->kind == JOURNAL_CHANGING && strcmp(a->what, b->what) == 0 &&
	       strcmp(a->mailbox, b->mailbox) == 0 && strcmp(a->uniqueid, b->uniqueid) == 0 &&
	       strcmp(a->key, b->key) == 0 &&
	       same_value(a->before, a->before_len, b->before, b->before_len) &&
	       same_value(a->after, a->after_len, b->after, b->after_len);
}

/* A run that was cut off before it did it has written it too. */
static bool comes_again(const struct journal_log *log, size_t at)
{
	for (size_t i = at + 1; i < log->n; i++)
		if (same_record(&log->records[at], &log->records[i]))
			return true;
	return false;
}

static const struct undo_op *op_of(const char *what)
{
	for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
		if (strcmp(ops[i].what, what) == 0)
			return &ops[i];
	return NULL;
}

/* Both names of a RENAME are there, and are names. */
static bool is_readable(const struct journal_record *r)
{
	if (strcmp(r->what, "renamed") != 0 && strcmp(r->what, "aside") != 0)
		return true;
	return r->before != NULL && mboxname_valid(r->before) && r->after != NULL && mboxname_valid(r->after);
}

static int one(struct undo_context *cx, const struct journal_record *r, struct err *e)
{
	const struct undo_op *op = op_of(r->what);
	struct buf name = BUF_INIT;
	int rc;

	buf_clear(&cx->words);
	buf_clear(&cx->why);
	undo_says(cx, "%s of %s", r->what, *r->mailbox != '\0' ? undo_name(cx, r->mailbox, &name) : r->key);
	buf_done(&name);
	if (op == NULL)
		return undo_left(cx, "a later version of cyrvault has changed it");
	if (!is_readable(r))
		return undo_left(cx, "the journal is not readable");
	rc = op->undo(cx, r, e);
	if (rc == 0 && cx->journal != NULL && cx->fate == UNDO_BACK)
		rc = fault_point("undo-change", e);
	return rc == -1 ? err_wrap(e, "%s", buf_text(&cx->words)) : 0;
}

int undo_changes(struct undo_context *cx, struct undo_plan *ret, struct err *e)
{
	size_t cap = 0;
	int rc = 0;

	for (size_t i = cx->log->n; i-- > 0 && rc == 0;) {
		const struct journal_record *r = &cx->log->records[i];
		struct undo_change *c;

		if (r->kind != JOURNAL_CHANGING || comes_again(cx->log, i))
			continue;
		rc = job_cancelled(cx->job, e) ? -1 : one(cx, r, e);
		if (rc == -1)
			break;
		ret->changes = mem_grow(ret->changes, &cap, ret->n_changes + 1, sizeof *ret->changes);
		c = &ret->changes[ret->n_changes++];
		*c = (struct undo_change){ .what = mem_strdup(r->what),
			.mailbox = mem_strdup(r->mailbox),
			.words = mem_strdup(buf_text(&cx->words)),
			.why = cx->fate == UNDO_LEFT ? mem_strdup(buf_text(&cx->why)) : NULL,
			.fate = cx->fate };
		ret->back += cx->fate == UNDO_BACK;
		ret->left += cx->fate == UNDO_LEFT;
	}
	imap_logout(cx->admin);
	cx->admin = NULL;
	buf_done(&cx->words);
	buf_done(&cx->why);
	return rc;
}
