/* names.c: mailbox names as people type them. */
#include "app/names.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/mem.h"
#include "core/str.h"

#define SUGGESTIONS 3

void names_init(struct names *n, struct app *app, const char *server, const struct source *source)
{
	*n = (struct names){ .conf = source != NULL ? source_conf(source) : NULL };
	if (n->conf == NULL && app_server(app, server, &n->server, NULL) == 0)
		n->conf = n->server->conf;
}

void names_done(struct names *n)
{
	server_free(n->server);
	*n = (struct names){ 0 };
}

void names_show(const struct names *n, const char *internal, struct buf *b)
{
	if (n->conf != NULL)
		mboxname_display(n->conf, internal, b);
	else
		str_safe_buf(b, internal, strlen(internal));
}

void names_typed(const struct names *n, const char *internal, struct buf *b)
{
	struct buf shown = BUF_INIT;
	char *back = NULL;

	names_show(n, internal, &shown);
	if (n->conf != NULL && mboxname_parse(n->conf, buf_text(&shown), &back, NULL) == 0 &&
	    strcmp(back, internal) == 0)
		buf_str(b, buf_text(&shown));
	else
		buf_str(b, internal);
	free(back);
	buf_done(&shown);
}

/* ---- what may have been meant ---- */

struct suggestion {
	size_t index;
	unsigned cost;
};

struct suggestions {
	struct suggestion best[SUGGESTIONS]; /* cheapest first */
	size_t n;
};

static void suggest(struct suggestions *s, size_t index, unsigned cost)
{
	size_t at = s->n;

	while (at > 0 && s->best[at - 1].cost > cost)
		at--;
	if (at == SUGGESTIONS)
		return;
	if (s->n < SUGGESTIONS)
		s->n++;
	memmove(s->best + at + 1, s->best + at, (s->n - at - 1) * sizeof s->best[0]);
	s->best[at] = (struct suggestion){ index, cost };
}

/* 0 is as near as can be; UINT32_MAX: not meant. */
static unsigned cost_of(const char *typed, const char *name)
{
	size_t n = strlen(typed), m = strlen(name);
	unsigned d = str_distance(typed, name);

	if (strcasecmp(typed, name) == 0)
		return 0;
	/* "Work" or "alice/Work" for user/alice/Work. */
	if (m > n && strcasecmp(name + m - n, typed) == 0 && strchr("./!", name[m - n - 1]) != NULL)
		return 1;
	if (n < 63 && m < 63 && d <= 1 + n / 4)
		return 1 + d;
	if (n >= 3 && strcasestr(name, typed) != NULL)
		return 20 + (unsigned)(m - n);
	return UINT32_MAX;
}

static void hint_nearest(const struct names *n, const struct source *source, const char *text, struct err *e)
{
	struct suggestions found = { .n = 0 };
	struct buf hint = BUF_INIT;

	for (size_t i = 0; i < source_n(source); i++) {
		const char *internal = source_mailbox(source, i)->name;
		struct buf shown = BUF_INIT;
		unsigned cost = cost_of(text, internal), other;

		names_show(n, internal, &shown);
		other = cost_of(text, buf_text(&shown));
		buf_done(&shown);
		if (other < cost)
			cost = other;
		if (cost != UINT32_MAX)
			suggest(&found, i, cost);
	}
	/* Beside a near one, far ones only confuse. */
	while (found.n > 1 && found.best[found.n - 1].cost > found.best[0].cost + 2)
		found.n--;
	for (size_t i = 0; i < found.n; i++) {
		buf_str(&hint, i == 0 ? "did you mean " : i + 1 < found.n ? ", " : " or ");
		names_show(n, source_mailbox(source, found.best[i].index)->name, &hint);
	}
	if (found.n > 0)
		err_hint(e, "%s?", buf_text(&hint));
	err_hint(e, "cyrvault mailboxes %s lists all", source_name(source));
	buf_done(&hint);
}

int names_find(
    const struct names *n, const struct source *source, const char *text, size_t *ret, struct err *e)
{
	char *internal = NULL;

	*ret = source_find(source, text);
	if (*ret != (size_t)-1)
		return 0;
	if (n->conf != NULL && mboxname_parse(n->conf, text, &internal, e) == 0) {
		*ret = source_find(source, internal);
		free(internal);
		if (*ret != (size_t)-1)
			return 0;
	}
	err_set(e, ERR_NOT_FOUND, "the archive %s holds no mailbox \"%s\"", source_name(source), text);
	hint_nearest(n, source, text, e);
	return -1;
}

char *names_live(struct app *app, const char *server, const char *text)
{
	struct server *s = NULL;
	struct mboxlist *list = NULL;
	const struct mailbox_entry *entry = NULL;
	char *internal = NULL, *found = NULL;

	if (app_server(app, server, &s, NULL) == 0 && mboxname_parse(s->conf, text, &internal, NULL) == 0 &&
	    server_list(s, &list, NULL) == 0)
		entry = mboxlist_find(list, internal);
	if (entry != NULL && mailbox_entry_has_directory(entry))
		found = mem_strdup(internal);
	free(internal);
	mboxlist_free(list);
	server_free(s);
	return found;
}

char *names_deleted(const struct names *n, const struct source *source, const char *text)
{
	char *internal = NULL;
	bool found = false;

	if (!source_is_live(source) || mboxname_parse(n->conf, text, &internal, NULL) == -1)
		return NULL;
	for (size_t i = 0; i < source_n(source) && !found; i++) {
		const struct source_mailbox *m = source_mailbox(source, i);
		char *before = m->deleted ? mboxname_undeleted(n->conf, m->name, NULL) : NULL;

		found = before != NULL && mboxname_is_below(before, internal);
		free(before);
	}
	if (!found) {
		free(internal);
		internal = NULL;
	}
	return internal;
}

static bool match(const char *name, const char *pattern)
{
	if (strpbrk(pattern, "*?[") == NULL)
		return strcasestr(name, pattern) != NULL;
	return fnmatch(pattern, name, FNM_CASEFOLD) == 0;
}

bool names_match(const struct names *n, const char *internal, const char *pattern)
{
	struct buf shown = BUF_INIT;
	bool ret;

	names_show(n, internal, &shown);
	ret = match(internal, pattern) || match(buf_text(&shown), pattern);
	buf_done(&shown);
	return ret;
}
