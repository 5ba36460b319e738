/* message.c: one message of an archive, read for somebody who is recorded. */
#include <stdio.h>
#include <stdlib.h>

#include "app/app.h"
#include "app/audit.h"
#include "app/names.h"

static int64_t date_of(struct source *s, size_t at, uint32_t uid)
{
	struct source_messages *m = NULL;
	const struct index_record *r;
	int64_t ret = source_when(s);

	/* Without an index the message is as good, only not dated. */
	if (source_load(s, at, false, &m, NULL) == -1)
		return ret;
	r = mailbox_index_find(m->index, uid);
	if (r != NULL)
		ret = r->internaldate;
	source_messages_free(m);
	return ret;
}

static int find(
    const struct app_message *q, const struct names *names, struct source *s, size_t *at, struct err *e)
{
	struct buf shown = BUF_INIT;

	if (!q->internal)
		return names_find(names, s, q->mailbox, at, e);
	*at = source_find(s, q->mailbox);
	if (*at != (size_t)-1)
		return 0;
	names_show(names, q->mailbox, &shown);
	err_set(e, ERR_NOT_FOUND, "%s is not in %s", buf_text(&shown), source_name(s));
	buf_done(&shown);
	return -1;
}

int app_message(struct app *app, const struct app_message *q, struct job *job, struct buf *ret,
    int64_t *ret_when, struct err *e)
{
	char uid[16];
	struct app_audit a = { .verb = q->verb,
		.server = q->server,
		.archive = q->archive,
		.mailbox = q->mailbox,
		.uids = uid,
		.messages = 1 };
	char *archive = app_archive_of(q->archive, q->server);
	struct source *source = NULL;
	struct store *store = NULL;
	struct names names = { 0 };
	size_t at = 0;
	int rc;

	snprintf(uid, sizeof uid, "%u", q->uid);
	rc = app_audit_ask(app, &a, e);
	if (rc == -1)
		goto out;
	rc = q->internal ? app_source_take_mailbox(app, archive, q->mailbox, job, &source, &store, e)
	                 : app_source_take(app, archive, true, job, &source, &store, e);
	if (rc == 0) {
		a.archive = source_name(source);
		names_init(&names, app, q->server, source);
		rc = find(q, &names, source, &at, e);
	}
	if (rc == 0) {
		a.mailbox = source_mailbox(source, at)->name;
		rc = source_read_message(source, at, q->uid, q->max_bytes, ret, e);
	}
	if (rc == 0 && ret_when != NULL)
		*ret_when = date_of(source, at, q->uid);
	rc = app_audit_end(app, &a, rc, e);
	if (rc == -1)
		buf_clear(ret);
out:
	free(archive);
	names_done(&names);
	app_source_give(app, source, store);
	return rc;
}
