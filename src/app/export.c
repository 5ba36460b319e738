/* export.c: messages of an archive as files, by names as they are typed. */
#include <stdlib.h>
#include <string.h>

#include "app/app.h"
#include "app/audit.h"
#include "app/names.h"
#include "core/mem.h"
#include "core/str.h"

struct telling {
	app_export_trouble_fn *trouble;
	void *arg;
	struct names names;
};

static void tell(void *arg, enum export_trouble kind, const char *mailbox, uint32_t uid, const char *what)
{
	struct telling *t = arg;
	struct app_export_trouble trouble = { .kind = kind, .mailbox = mailbox, .uid = uid, .what = what };
	struct buf shown = BUF_INIT;

	names_show(&t->names, mailbox, &shown);
	trouble.shown = buf_text(&shown);
	t->trouble(t->arg, &trouble);
	buf_done(&shown);
}

/* "7,9:12", or nothing where all of them are meant. */
static char *ranges_text(const struct export_request *how)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < how->n_ranges; i++) {
		const struct export_range *r = &how->ranges[i];

		buf_printf(&b, "%s%u", i > 0 ? "," : "", r->first);
		if (r->last == UINT32_MAX)
			buf_str(&b, ":*");
		else if (r->last != r->first)
			buf_printf(&b, ":%u", r->last);
	}
	return buf_steal(&b);
}

int app_export(struct app *app, const char *server, const char *archive, const char *mailbox,
    const struct export_request *how, struct job *job, app_export_trouble_fn *trouble, void *arg,
    struct export_result *ret, struct err *e)
{
	struct telling t = { .trouble = trouble, .arg = arg };
	struct export_request request = *how;
	char *uids = ranges_text(how), *name = app_archive_of(archive, server);
	struct app_audit a = {
		.verb = "export", .server = server, .archive = archive, .mailbox = mailbox, .uids = uids
	};
	struct source *source = NULL;
	struct store *store = NULL;
	int rc;

	*ret = (struct export_result){ 0 };
	rc = how->dry_run ? 0 : app_audit_ask(app, &a, e);
	if (rc == 0)
		rc = app_source(app, name, job, &source, &store, e);
	if (rc == 0) {
		names_init(&t.names, app, server, source);
		a.archive = source_name(source);
		rc = names_find(&t.names, source, mailbox, &request.mailbox, e);
	}
	if (rc == 0) {
		a.mailbox = source_mailbox(source, request.mailbox)->name;
		rc = how->dry_run ? 0 : app_audit_begin(app, &a, e);
	}
	if (rc == 0) {
		rc = export_run(source, &request, job, trouble != NULL ? tell : NULL, &t, ret, e);
		a.messages = ret->messages;
		if (!how->dry_run)
			rc = app_audit_end(app, &a, rc, e);
	}
	free(uids);
	free(name);
	names_done(&t.names);
	source_close(source);
	store_free(store);
	return rc;
}

const char *app_export_trouble_word(enum export_trouble kind)
{
	static const char *const words[] = { [EXPORT_DAMAGED] = "damaged",
		[EXPORT_LACKING] = "lacking",
		[EXPORT_KEPT] = "kept",
		[EXPORT_OTHER] = "other" };

	return words[kind];
}

void app_export_words(const struct export_request *how, const struct export_result *r, struct buf *b)
{
	char mails[40], boxes[40], size[16];

	buf_printf(b, "%s %s of %s, %s, to ", how->dry_run ? "would write" : "wrote",
	    str_count(mails, sizeof mails, r->messages, "message", "messages"),
	    str_count(boxes, sizeof boxes, r->mailboxes, "mailbox", "mailboxes"),
	    str_size(size, sizeof size, r->bytes));
	str_safe_buf(b, how->output, strlen(how->output));
}

/* "7", "3:9", "12:*" */
static int parse_range(char *word, struct export_range *r)
{
	char *colon = strchr(word, ':');
	uint64_t first, last;
	int rc;

	if (colon != NULL)
		*colon = '\0';
	rc = str_u64(word, UINT32_MAX, &first);
	last = first;
	if (rc == 0 && colon != NULL && strcmp(colon + 1, "*") == 0)
		last = UINT32_MAX;
	else if (rc == 0 && colon != NULL)
		rc = str_u64(colon + 1, UINT32_MAX, &last);
	if (colon != NULL)
		*colon = ':';
	if (rc == -1 || first == 0 || last < first)
		return -1;
	*r = (struct export_range){ (uint32_t)first, (uint32_t)last };
	return 0;
}

int app_uid_ranges(const char *text, struct export_range **list, size_t *n, struct err *e)
{
	char *save = NULL, *words = mem_strdup(text);
	size_t cap = *n, before = *n;
	int rc = 0;

	for (char *w = strtok_r(words, ",", &save); w != NULL && rc == 0; w = strtok_r(NULL, ",", &save)) {
		*list = mem_grow(*list, &cap, *n + 1, sizeof **list);
		rc = parse_range(w, &(*list)[*n]);
		*n += rc == 0;
		if (rc == -1)
			err_set(e, ERR_USAGE, "\"%s\" is no UID", w);
	}
	/* Nothing asked for must not become everything. */
	if (rc == 0 && *n == before)
		rc = err_set(e, ERR_USAGE, "\"%s\" is no UID", text);
	free(words);
	return rc == 0 ? 0 : err_hint(e, "UIDs are written 7, 3:9, 12:* or 1,4:6");
}
