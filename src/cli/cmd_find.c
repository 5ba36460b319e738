/* cmd_find.c: cyrvault find. */
#include "app/find.h"
#include "cli/progress.h"
#include "cli/verbs.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/str.h"

static const struct cli_option options[] = {
	{ "from", 0, OPTION_TEXT, offsetof(struct cli_args, from), "TEXT", "in the sender" },
	{ "to", 0, OPTION_TEXT, offsetof(struct cli_args, to), "TEXT", "in To or Cc" },
	{ "subject", 0, OPTION_TEXT, offsetof(struct cli_args, subject), "TEXT", "in the subject" },
	{ "message-id", 0, OPTION_TEXT, offsetof(struct cli_args, message_id), "ID",
	    "the whole of its Message-ID, with or without <>" },
	{ "body", 0, OPTION_TEXT, offsetof(struct cli_args, body), "TEXT",
	    "in the text of the message; archives are read for it" },
	{ "since", 0, OPTION_TEXT, offsetof(struct cli_args, since), "DATE", "not older: 2026-11-22, or 3d, 2w" },
	{ "before", 0, OPTION_TEXT, offsetof(struct cli_args, before), "DATE", "older than that" },
	{ "mailbox", 0, OPTION_TEXT, offsetof(struct cli_args, mailbox), "PATTERN", "only in mailboxes of such a name" },
	{ "archive", 0, OPTION_TEXT, offsetof(struct cli_args, archive), "ARCHIVE", "only in this one, or latest" },
	{ "limit", 0, OPTION_TEXT, offsetof(struct cli_args, limit), "N", "at most so many, the newest (1000)" },
	{ "live", 0, OPTION_FLAG, offsetof(struct cli_args, live), NULL,
	    "also on the running server, and say what it still has" },
	{ "reason", 0, OPTION_TEXT, offsetof(struct cli_args, reason), "TEXT", "why, for the audit log" },
	{ 0 },
};

static const struct cli_exit exits[] = {
	{ 0, "something was found" },
	{ 1, "found, but not everything could be searched (which is said)" },
	{ 10, "nothing was found" },
	{ 0, NULL },
};

static const struct printer_column columns[] = {
	{ "date", "DATE", false, 0, false, 0 },
	{ "from", "FROM", false, 14, false, 0 },
	{ "subject", "SUBJECT", false, 16, false, 0 },
	{ "mailbox_shown", "MAILBOX", false, 12, false, 0 },
	{ "uid", "UID", true, 0, false, 0 },
	{ "archives", "IN", true, 0, false, 3 },
	{ "archive", "ARCHIVE", false, 16, false, 2 },
	{ "size_bytes", "SIZE", true, 0, false, 1 },
	{ "live", "LIVE", false, 0, true, 0 },
};

static void print_place(struct printer *out, const struct find_place *p, const char *key_shown)
{
	printer_string(out, "mailbox", p->mailbox);
	printer_string(out, key_shown, p->shown);
	printer_number(out, "uid", p->uid);
	printer_bool(out, "expunged", p->expunged);
	printer_number(out, "archives", p->n_archives);
	printer_string(out, "archive", p->archive);
	if (p->archive != NULL) {
		printer_time(out, "archive_time", p->when);
		printer_string(out, "first_archive", p->first);
		printer_time(out, "first_time", p->first_when);
		printer_bool(out, "gone", p->gone);
	}
}

static void take(void *to, void *item)
{
	static const enum printer_tone tones[] = { [FIND_NOT_LOOKED] = TONE_PLAIN,
		[FIND_THERE] = TONE_GOOD,
		[FIND_ELSEWHERE] = TONE_WARN,
		[FIND_EXPUNGED] = TONE_WARN,
		[FIND_MISSING] = TONE_BAD };
	struct printer *out = to;
	struct find_mail *mail = item;

	/* Each mailbox that has it is a row; the first is the one to restore from. */
	for (size_t i = 0; i < mail->n && (i == 0 || printer_is_json(out) || printer_is_verbose(out)); i++) {
		printer_row(out, "message");
		printer_string(out, "guid", mail->guid);
		printer_time(out, "date", mail->date);
		printer_string(out, "from", mail->from);
		printer_string(out, "to", mail->to);
		printer_string(out, "subject", mail->subject);
		printer_string(out, "message_id", mail->message_id);
		printer_size(out, "size_bytes", mail->size_bytes);
		print_place(out, &mail->places[i], "mailbox_shown");
		printer_number(out, "places", mail->n);
		if (mail->live == FIND_NOT_LOOKED)
			printer_string(out, "live", NULL);
		else
			printer_word(out, "live", find_live_name(mail->live), tones[mail->live]);
		printer_string(out, "live_mailbox", mail->live_shown);
		printer_row_end(out);
	}
	find_mail_free(mail);
}

static int finish(struct cli *c, const struct find_request *r)
{
	const struct find_counts *n = &r->counts;
	char mails[40], archives[40];
	bool partly = n->unknown > 0 || n->unread > 0;

	printer_say(c->out, "%s, in %s", str_count(mails, sizeof mails, n->found, "message", "messages"),
	    str_count(archives, sizeof archives, n->archives, "archive", "archives"));
	if (n->more > 0)
		printer_say(c->out, "%zu older ones were left out: --limit", n->more);
	if (n->unknown > 0)
		printer_warn(c->out, "the messages of %s are not known yet: cyrvault catalogue update",
		    str_count(archives, sizeof archives, n->unknown, "archive", "archives"));
	if (n->unread > 0)
		printer_warn(c->out, "%s could not be looked into: %s",
		    str_count(mails, sizeof mails, n->unread, "message", "messages"), n->unread_why);
	printer_row(c->out, "summary");
	printer_number(c->out, "messages", n->found);
	printer_number(c->out, "left_out", n->more);
	printer_number(c->out, "archives", n->archives);
	printer_number(c->out, "archives_not_known", n->unknown);
	printer_number(c->out, "messages_not_read", n->unread);
	printer_row_end(c->out);
	return n->found == 0 ? 10 : partly ? 1 : 0;
}

static int read_options(const struct cli_args *a, struct find_request *r, struct err *e)
{
	uint64_t limit = 0;

	if ((a->since != NULL && find_parse_date(a->since, &r->since, e) == -1) ||
	    (a->before != NULL && find_parse_date(a->before, &r->before, e) == -1))
		return -1;
	if (a->limit != NULL && (str_u64(a->limit, 10000000, &limit) == -1 || limit == 0))
		return err_set(e, ERR_USAGE, "--limit %s: not a number of messages", a->limit);
	r->limit = (size_t)limit;
	return 0;
}

static int run(struct cli *c, int argc, char **argv, struct err *e)
{
	const struct cli_args *a = &c->args;
	struct find_request r = { .app = c->app,
		.server = a->server,
		.from = a->from,
		.to = a->to,
		.subject = a->subject,
		.message_id = a->message_id,
		.body = a->body,
		.mailbox = a->mailbox,
		.archive = a->archive,
		.live = a->live };
	struct buf line = BUF_INIT, words = BUF_INIT;
	int status = -1;

	for (int i = 0; i < argc; i++)
		buf_printf(&line, "%s%s", i > 0 ? " " : "", argv[i]);
	if ((argc == 0 || find_parse_line(line.data, &r, &words, e) == 0) && read_options(a, &r, e) == 0) {
		printer_table(c->out, columns, sizeof columns / sizeof columns[0]);
		status = progress_run_posts(c, find_run, &r, take, c->out, e);
		printer_table_end(c->out);
		if (status == 0)
			status = finish(c, &r);
	}
	buf_done(&line);
	buf_done(&words);
	return status;
}

const struct cli_verb verb_find = {
	.name = "find",
	.usage = { "[WORD...]" },
	.purpose = "find messages in all archives",
	.about = "Each WORD must stand in sender, recipients or subject; letter case does not\n"
	         "matter. from:TEXT, to:, subject:, id:, body:, mailbox:, archive:, since: and\n"
	         "before: among them are the options of that name. The answer comes from the\n"
	         "catalogue, whether or not the stores can be reached; only --body reads\n"
	         "archives. One line a message: the mailbox and UID to restore it from, IN how\n"
	         "many archives it is there, and the newest of them; with -v (and in JSON) one\n"
	         "for each mailbox that has it.\n"
	         "LIVE, with --live: \"there\", \"elsewhere\" (in another mailbox), \"expunged\" (but\n"
	         "its file is still kept) or \"missing\".\n",
	.least = 0,
	.most = -1,
	.options = options,
	.exits = exits,
	.examples = {
	    { "The invoice that was lost last week", "cyrvault find invoice --from billing --since 2w --live" },
	    { "A message whose id a log names", "cyrvault find --message-id '<x1@example.org>'" },
	    { "What mentions a word in alice's mail", "cyrvault find --mailbox user/alice* --body contract" },
	},
	.run = run,
};
