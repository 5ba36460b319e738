/* undo_order.c: what was restored once more since is undone first. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "restore/undo_change.h"

static bool is_message(const struct journal_record *r)
{
	return r->kind == JOURNAL_SENDING || r->kind == JOURNAL_APPENDED;
}

/* A mailbox is its unique id; where that is not known, its name. */
static int by_mailbox(const struct journal_record *a, const struct journal_record *b)
{
	int d = strcmp(a->uniqueid, b->uniqueid);

	return d != 0 || *a->uniqueid != '\0' ? d : strcmp(a->mailbox, b->mailbox);
}

/* Records that undo cannot tell apart by what is there are equal. */
static int by_thing(const void *x, const void *y)
{
	const struct journal_record *a = *(const struct journal_record *const *)x,
				    *b = *(const struct journal_record *const *)y;
	int d = by_mailbox(a, b);

	if (d != 0)
		return d;
	if (is_message(a) != is_message(b))
		return is_message(a) ? -1 : 1;
	if (!is_message(a))
		return (d = strcmp(a->what, b->what)) != 0 ? d : strcmp(a->key, b->key);
	if (a->uidvalidity != b->uidvalidity)
		return a->uidvalidity < b->uidvalidity ? -1 : 1;
	return memcmp(a->guid, b->guid, SHA1_SIZE);
}

/* The mailbox came, went or got another name as a whole: all that is in it is concerned. */
static bool is_whole(const struct journal_record *r)
{
	return r->kind == JOURNAL_CHANGING &&
	       (strcmp(r->what, "created") == 0 || strcmp(r->what, "renamed") == 0 ||
		   strcmp(r->what, "aside") == 0);
}

static bool same_mailbox(const struct journal_record *a, const struct journal_record *b)
{
	return *a->uniqueid != '\0' && *b->uniqueid != '\0' ? strcmp(a->uniqueid, b->uniqueid) == 0
	                                                    : strcmp(a->mailbox, b->mailbox) == 0;
}

/* Repairs are never taken back. */
static bool is_thing(const struct journal_record *r)
{
	return is_message(r) || (r->kind == JOURNAL_CHANGING && strcmp(r->what, "repaired") != 0);
}

/* Sorted: ${n} of them in heap. */
static const struct journal_record **things_of(const struct journal_log *log, size_t *n)
{
	const struct journal_record **things = mem_array(log->n + 1, sizeof *things);

	*n = 0;
	for (size_t i = 0; i < log->n; i++)
		if (is_thing(&log->records[i]))
			things[(*n)++] = &log->records[i];
	if (*n > 1)
		qsort(things, *n, sizeof *things, by_thing);
	return things;
}

static bool is_in_whole(const struct journal_log *older, const struct journal_record *r)
{
	for (size_t i = 0; i < older->n; i++)
		if (is_whole(&older->records[i]) && same_mailbox(&older->records[i], r))
			return true;
	return false;
}

const struct journal_record *undo_shared(const struct journal_log *older, const struct journal_log *newer)
{
	const struct journal_record *found = NULL, **things;
	size_t n;

	things = things_of(older, &n);
	for (size_t i = 0; i < newer->n && found == NULL; i++) {
		const struct journal_record *r = &newer->records[i];

		if (is_thing(r) &&
		    ((n > 0 && bsearch(&r, things, n, sizeof r, by_thing) != NULL) || is_in_whole(older, r)))
			found = r;
	}
	free(things);
	return found;
}

/* What the later one has brought is not there any more, or not as it made it. */
static int is_without_effect(struct server *server, const char *directory, const char *id, struct err *e)
{
	struct undo_plan *p;
	int rc = undo_plan_build(server, directory, id, &p, e);

	if (rc == 0) {
		rc = p->remove == 0 && p->back == 0;
		undo_plan_free(p);
	}
	return rc;
}

static int read_journal(const char *directory, const char *id, struct journal_log *ret, struct err *e)
{
	char *path = mem_printf("%s/cases/%s/journal", directory, id);
	int rc = journal_read(path, ret, e);

	free(path);
	return rc;
}

static int check_against(struct server *server, const char *directory, const char *id,
    const struct journal_log *log, const char *later, struct err *e)
{
	struct journal_log newer = { 0 };
	struct buf where = BUF_INIT;
	const struct journal_record *shared;
	int rc = read_journal(directory, later, &newer, e);

	shared = rc == 0 ? undo_shared(log, &newer) : NULL;
	if (shared != NULL && (rc = is_without_effect(server, directory, later, e)) == 0) {
		if (*shared->mailbox != '\0')
			mboxname_display(server->conf, shared->mailbox, &where);
		else
			buf_str(&where, "users' files");
		err_set(e, ERR_REFUSED,
		    "%s is a later restore, and in %s what it brought could not be told from that of %s",
		    later, buf_text(&where), id);
		rc = err_hint(e, "undo that one first: cyrvault restore --undo %s", later);
	}
	journal_log_done(&newer);
	buf_done(&where);
	return rc == -1 ? -1 : 0;
}

int undo_check_order(struct server *server, const char *directory, const struct case_info *i, struct err *e)
{
	struct journal_log log = { 0 };
	struct case_list l = { 0 };
	int rc = read_journal(directory, i->id, &log, e);

	if (rc == 0)
		rc = case_list(directory, i->server, &l, e);
	for (size_t k = l.n; k-- > 0 && rc == 0 && strcmp(l.list[k].id, i->id) != 0;)
		if (l.list[k].state == CASE_OPEN || l.list[k].state == CASE_DONE)
			rc = check_against(server, directory, i->id, &log, l.list[k].id, e);
	case_list_done(&l);
	journal_log_done(&log);
	return rc;
}
