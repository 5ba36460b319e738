/* cmd_mailboxes.c: cyrvault mailboxes. */
#include "app/names.h"
#include "cli/progress.h"
#include "cli/verbs.h"

#include <string.h>

#include "core/str.h"

static const struct cli_option options[] = {
	{ "deleted", 0, OPTION_FLAG, offsetof(struct cli_args, deleted), NULL,
	    "also mailboxes that were already deleted (DELETED.*)" },
	{ "raw", 0, OPTION_FLAG, offsetof(struct cli_args, raw), NULL, "names as Cyrus keeps them" },
	{ 0 },
};

static const struct cli_exit exits[] = {
	{ 0, "listed" },
	{ 10, "no such archive, or no mailbox in it fits PATTERN" },
	{ 0, NULL },
};

static const struct printer_column columns[] = {
	{ "name", "MAILBOX", false, 24, false, 0 },
	{ "messages", "MSGS", true, 0, false, 0 },
	{ "unread", "UNREAD", true, 0, false, 0 },
	{ "size_bytes", "SIZE", true, 0, false, 0 },
	{ "partition", "PARTITION", false, 0, false, 1 },
	{ "health", "HEALTH", false, 0, false, 0 },
};

struct work {
	struct cli *c;
	const char *archive;
	struct source *source;
	struct store *store;
	struct names names;
};

static int work(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;

	if (app_source(w->c->app, w->archive, job, &w->source, &w->store, e) == -1)
		return -1;
	names_init(&w->names, w->c->app, w->c->args.server, w->source);
	return 0;
}

static void print_health(struct printer *out, const struct source_mailbox *m)
{
	if (!m->has_files)
		printer_word(out, "health", "no files", TONE_WARN);
	else if (m->health == HEALTH_OK)
		printer_word(out, "health", "ok", TONE_GOOD);
	else if (m->health == HEALTH_FINDINGS)
		printer_word(out, "health", "findings", TONE_WARN);
	else
		printer_word(out, "health", "unchecked", TONE_PLAIN);
}

static void print_mailbox(struct printer *out, const struct work *w, const struct source_mailbox *m)
{
	struct buf shown = BUF_INIT;

	if (w->c->args.raw)
		str_safe_buf(&shown, m->name, strlen(m->name));
	else
		names_show(&w->names, m->name, &shown);
	printer_row(out, "mailbox");
	printer_string(out, "name", buf_text(&shown));
	printer_string(out, "internal", m->name);
	printer_string(out, "uniqueid", m->uniqueid[0] != '\0' ? m->uniqueid : NULL);
	printer_number(out, "uidvalidity", m->uidvalidity);
	printer_number(out, "messages", m->messages);
	printer_number(out, "unread", m->unread);
	printer_size(out, "size_bytes", m->bytes);
	printer_string(out, "partition", m->partition);
	printer_bool(out, "deleted", m->deleted);
	print_health(out, m);
	printer_row_end(out);
	buf_done(&shown);
}

static int print_all(struct work *w, const char *pattern, struct err *e)
{
	struct printer *out = w->c->out;
	uint64_t n = 0, hidden = 0, messages = 0, bytes = 0;
	char boxes[40], mails[40], size[16];

	printer_table(out, columns, sizeof columns / sizeof columns[0]);
	for (size_t i = 0; i < source_n(w->source) && !printer_broken(out); i++) {
		const struct source_mailbox *m = source_mailbox(w->source, i);

		if (pattern != NULL && !names_match(&w->names, m->name, pattern))
			continue;
		if (m->deleted && !w->c->args.deleted) {
			hidden++;
			continue;
		}
		print_mailbox(out, w, m);
		n++;
		messages += m->messages;
		bytes += m->bytes;
	}
	printer_table_end(out);
	if (n == 0 && pattern != NULL && hidden == 0) {
		err_set(e, ERR_NOT_FOUND, "no mailbox in %s fits \"%s\"", source_name(w->source), pattern);
		return err_hint(e, "cyrvault mailboxes %s lists all", w->archive);
	}
	printer_say(out, "%s, %s, %s", str_count(boxes, sizeof boxes, n, "mailbox", "mailboxes"),
	    str_count(mails, sizeof mails, messages, "message", "messages"),
	    str_size(size, sizeof size, bytes));
	if (hidden > 0)
		printer_say(out, "%s not shown, see --deleted",
		    str_count(boxes, sizeof boxes, hidden, "deleted mailbox", "deleted mailboxes"));
	printer_row(out, "summary");
	printer_string(out, "archive", source_name(w->source));
	printer_time(out, "when", source_when(w->source));
	printer_number(out, "mailboxes", n);
	printer_number(out, "deleted_not_shown", hidden);
	printer_number(out, "messages", messages);
	printer_size(out, "bytes", bytes);
	printer_row_end(out);
	return 0;
}

static int run(struct cli *c, int argc, char **argv, struct err *e)
{
	struct work w = { .c = c, .archive = argv[0] };
	int status = -1;

	if (progress_run(c, work, &w, e) == 0)
		status = print_all(&w, argc > 1 ? argv[1] : NULL, e);
	names_done(&w.names);
	source_close(w.source);
	store_free(w.store);
	return status;
}

const struct cli_verb verb_mailboxes = {
	.name = "mailboxes",
	.usage = { "ARCHIVE [PATTERN]" },
	.purpose = "list the mailboxes of an archive",
	.about = "Names are shown as the administrator sees them over IMAP. PATTERN is a shell\n"
	         "pattern (* ? [a-z]) over the whole name; without these characters it may stand\n"
	         "anywhere in it. Letter case does not count.\n"
	         "HEALTH is what the backup found: \"ok\", \"findings\" (see the archive's report),\n"
	         "\"unchecked\", or \"no files\" when only the list of mailboxes knows it.\n",
	.least = 1,
	.most = 2,
	.options = options,
	.exits = exits,
	.examples = {
	    { "All of the newest archive", "cyrvault mailboxes latest" },
	    { "What alice had, deleted folders too", "cyrvault mailboxes latest 'user?alice*' --deleted" },
	},
	.run = run,
};
