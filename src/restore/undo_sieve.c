/* undo_sieve.c: sieve scripts, and which one is active, as they were before, unless somebody has changed them since. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "cyrus/sieve.h"
#include "restore/undo_change.h"

static bool is_text(const struct buf *now, const char *text, size_t n)
{
	return now->len == n && (n == 0 || memcmp(now->data, text, n) == 0);
}

/* KEY is "USER SCRIPT"; a user id has no blank. */
int undo_sieve(struct undo_context *cx, const struct journal_record *r, struct err *e)
{
	const char *blank = strchr(r->key, ' '), *name = blank != NULL ? blank + 1 : "";
	char *user = mem_strndup(r->key, blank != NULL ? (size_t)(blank - r->key) : 0);
	struct buf now = BUF_INIT;
	struct sieve *s = NULL;
	int there, rc = 0;

	if (r->before != NULL)
		undo_says(cx, "put %s's sieve script %s back as it was", user, name);
	else
		undo_says(cx, "remove %s's sieve script %s", user, name);
	if (*user == '\0' || *name == '\0' || r->after == NULL) {
		free(user);
		return undo_left(cx, "the journal is not readable");
	}
	rc = server_sieve(cx->server, user, cx->job, &s, e);
	there = rc == 0 ? sieve_get(s, name, &now, e) : -1;
	if (there == -1)
		rc = -1;
	else if (there == 0 ? r->before == NULL
			    : r->before != NULL && is_text(&now, r->before, r->before_len))
		undo_nothing(cx);
	else if (there == 0 || !is_text(&now, r->after, r->after_len))
		undo_left(cx, "it was changed since");
	else if (undo_goes(cx))
		rc = r->before != NULL ? sieve_put(s, name, r->before, r->before_len, e)
		                       : sieve_delete(s, name, e);
	sieve_close(s);
	buf_done(&now);
	free(user);
	return rc;
}

int undo_sieve_active(struct undo_context *cx, const struct journal_record *r, struct err *e)
{
	const char *before = r->before != NULL ? r->before : "", *after = r->after != NULL ? r->after : "",
		   *now;
	struct sieve_list l = { .active = (size_t)-1 };
	struct sieve *s = NULL;
	bool exists = *before == '\0';
	int rc;

	if (*before != '\0')
		undo_says(cx, "make %s's sieve script %s the active one again", r->key, before);
	else
		undo_says(cx, "make none of %s's sieve scripts the active one again", r->key);
	rc = server_sieve(cx->server, r->key, cx->job, &s, e);
	if (rc == 0)
		rc = sieve_names(s, &l, e);
	if (rc == 0) {
		for (size_t i = 0; i < l.n; i++)
			exists = exists || strcmp(l.names[i], before) == 0;
		now = l.active != (size_t)-1 ? l.names[l.active] : "";
		if (strcmp(now, before) == 0)
			undo_nothing(cx);
		else if (strcmp(now, after) != 0)
			undo_left(cx, "another one was made the active one since");
		else if (!exists)
			undo_left(cx, "it is not there any more");
		else if (undo_goes(cx))
			rc = sieve_activate(s, before, e);
	}
	sieve_list_done(&l);
	sieve_close(s);
	return rc;
}
