/* cmd_history.c: cyrvault history. */
#include "app/history.h"
#include "cli/progress.h"
#include "cli/verbs.h"

#include <stdio.h>

#include "core/clock.h"
#include "core/str.h"

static const struct cli_exit exits[] = {
	{ 0, "shown" },
	{ 10, "no archive that the catalogue knows holds that mailbox" },
	{ 0, NULL },
};

static const struct printer_column columns[] = {
	{ "when", "DATE", false, 0, false, 0 },
	{ "archives", "ARCHIVES", true, 0, false, 2 },
	{ "messages", "MSGS", true, 0, false, 0 },
	{ "unread", "UNREAD", true, 0, false, 1 },
	{ "size_bytes", "SIZE", true, 0, false, 0 },
	{ "uidvalidity", "UIDVALIDITY", true, 0, false, 3 },
	{ "what", "WHAT", false, 16, true, 0 },
	{ "archive", "ARCHIVE", false, 22, false, 0 },
};

static const char *const live_words[] = { [HISTORY_LIVE_UNKNOWN] = "unknown",
	[HISTORY_LIVE_THERE] = "there",
	[HISTORY_LIVE_REPLACED] = "replaced",
	[HISTORY_LIVE_RENAMED] = "renamed",
	[HISTORY_LIVE_DELETED] = "deleted",
	[HISTORY_LIVE_MISSING] = "missing" };

struct work {
	struct cli *c;
	const char *mailbox;
	struct app_history h;
};

static int work(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;

	return app_history(w->c->app, w->c->args.server, w->mailbox, job, &w->h, e);
}

static void print_name(
    struct printer *out, const struct app_history *h, const char *key, const char *internal)
{
	struct buf shown = BUF_INIT;

	if (internal != NULL)
		app_history_show(h, internal, &shown);
	printer_string(out, key, internal != NULL ? buf_text(&shown) : NULL);
	buf_done(&shown);
}

/* A row, which stands for so many archives that say the same. */
static void print_row(struct printer *out, const struct app_history *h, size_t i, size_t archives)
{
	const struct history_row *r = &h->rows[i];
	struct buf what = BUF_INIT;
	char n[24];

	app_history_words(h, i, &what);
	snprintf(n, sizeof n, "%zu", archives);
	printer_row(out, "archive");
	printer_string(out, "archive", r->archive);
	printer_string(out, "store", r->store);
	printer_time(out, "when", r->when);
	printer_bool(out, "gone", r->gone);
	printer_bool(out, "there", r->there);
	printer_shown(out, "archives", n);
	print_name(out, h, "name", r->name);
	printer_string(out, "internal", r->name);
	printer_string(out, "uniqueid", r->there && r->uniqueid[0] != '\0' ? r->uniqueid : NULL);
	if (r->there) {
		printer_number(out, "uidvalidity", r->uidvalidity);
		printer_number(out, "messages", r->messages);
		printer_number(out, "unread", r->unread);
		printer_size(out, "size_bytes", r->bytes);
	} else {
		printer_string(out, "uidvalidity", NULL);
		printer_string(out, "messages", NULL);
		printer_string(out, "unread", NULL);
		printer_string(out, "size_bytes", NULL);
	}
	printer_string(out, "what", what.len > 0 ? buf_text(&what) : NULL);
	printer_row_end(out);
	buf_done(&what);
}

static void print_summary(struct cli *c, const struct app_history *h)
{
	struct printer *out = c->out;
	struct buf shown = BUF_INIT, live = BUF_INIT;
	char n[40], all[40], first[32], last[32];

	app_history_show(h, h->internal, &shown);
	app_history_live_words(h, &live);
	printer_say(out, "%s: in %s of %s, from %s to %s", buf_text(&shown),
	    str_count(n, sizeof n, h->in_archives, "archive", "archives"),
	    str_count(all, sizeof all, h->archives, "archive", "archives"),
	    clock_local(first, sizeof first, h->first), clock_local(last, sizeof last, h->last));
	if (h->vanished != 0)
		printer_say(out, "It is not in the archive of %s any more",
		    clock_local(first, sizeof first, h->vanished));
	printer_say(out, "On the running server now: %s", buf_text(&live));
	if (h->unknown > 0)
		printer_warn(out, "%s not in the catalogue yet: cyrvault catalogue update",
		    str_count(n, sizeof n, h->unknown, "archive is", "archives are"));
	printer_row(out, "summary");
	print_name(out, h, "name", h->internal);
	printer_string(out, "internal", h->internal);
	printer_number(out, "archives", h->archives);
	printer_number(out, "in_archives", h->in_archives);
	printer_number(out, "not_in_catalogue", h->unknown);
	printer_time(out, "first", h->first);
	printer_time(out, "last", h->last);
	if (h->vanished != 0)
		printer_time(out, "vanished", h->vanished);
	else
		printer_string(out, "vanished", NULL);
	printer_string(out, "live", live_words[h->live]);
	print_name(out, h, "live_name", h->live_name);
	printer_string(out, "live_why", h->live_why);
	printer_row_end(out);
	buf_done(&shown);
	buf_done(&live);
}

static int run(struct cli *c, int argc, char **argv, struct err *e)
{
	struct work w = { .c = c, .mailbox = argv[0] };
	bool all = printer_is_json(c->out) || printer_is_verbose(c->out);
	int status = -1;

	(void)argc;
	if (progress_run(c, work, &w, e) == -1)
		goto out;
	printer_table(c->out, columns, sizeof columns / sizeof columns[0]);
	for (size_t i = 0; i < w.h.n && !printer_broken(c->out);) {
		size_t n = 1;

		while (!all && i + n < w.h.n && app_history_same(&w.h.rows[i], &w.h.rows[i + n]))
			n++;
		print_row(c->out, &w.h, i, n);
		i += n;
	}
	printer_table_end(c->out);
	print_summary(c, &w.h);
	status = 0;
out:
	app_history_done(&w.h);
	return status;
}

const struct cli_verb verb_history = {
	.name = "history",
	.usage = { "MAILBOX" },
	.purpose = "what became of one mailbox, archive by archive",
	.about = "In which archives it is, with how many messages; when it was renamed, made\n"
	         "anew (another UIDVALIDITY) and when it vanished; and whether the running\n"
	         "server has it now. The oldest archive stands first; those that say the same\n"
	         "are one line, ARCHIVES of them from DATE on (with -v, a line each).\n"
	         "Answered from the catalogue, also while a store is away, and of archives that\n"
	         "are gone. MAILBOX as in the other commands.\n",
	.least = 1,
	.most = 1,
	.exits = exits,
	.examples = {
	    { "When did alice lose her folder?", "cyrvault history user/alice/Work" },
	    { "Every archive, for a program", "cyrvault history user/alice --json" },
	},
	.run = run,
};
