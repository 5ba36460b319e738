/* cmd_audit.c: cyrvault audit. */
#include "app/audit.h"
#include "app/find.h"
#include "cli/verbs.h"

#include <string.h>

#include "core/str.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX     1000000

static const struct cli_option options[] = {
	{ "user", 'u', OPTION_TEXT, offsetof(struct cli_args, user), "NAME",
	    "only what was done with the mail of that user" },
	{ "since", 0, OPTION_TEXT, offsetof(struct cli_args, since), "DATE",
	    "not older: 2026-11-22, or 3d, 2w" },
	{ "limit", 0, OPTION_TEXT, offsetof(struct cli_args, limit), "N",
	    "at most so many, the newest (100)" },
	{ 0 },
};

static const struct cli_exit exits[] = {
	{ 0, "listed" },
	{ 1, "listed, but some lines of the log cannot be read" },
	{ 10, "nothing is recorded, or nothing that was asked for" },
	{ 0, NULL },
};

static const struct printer_column columns[] = {
	{ "time", "TIME", false, 0, false, 0 },
	{ "operator", "WHO", false, 8, false, 0 },
	{ "from", "FROM", false, 8, true, 1 },
	{ "verb", "DID", false, 0, false, 0 },
	{ "users", "WHOSE MAIL", false, 10, false, 0 },
	{ "what", "WHAT", false, 12, false, 0 },
	{ "archive", "ARCHIVE", false, 12, false, 2 },
	{ "reason", "REASON", false, 12, true, 0 },
	{ "outcome", "OUTCOME", false, 0, false, 0 },
	{ "message", "NOTE", false, 12, true, 3 },
};

/* "user.alice.Work 7,9", "5 messages", "from:billing". */
static void what_words(const struct app_audit_entry *a, struct buf *b)
{
	char n[40];

	if (a->query != NULL)
		buf_printf(b, "%s", a->query);
	else if (a->mailbox != NULL)
		buf_printf(
		    b, "%s%s%s", a->mailbox, a->uids != NULL ? " " : "", a->uids != NULL ? a->uids : "");
	if (b->len == 0 || (a->uids == NULL && a->messages > 0))
		buf_printf(b, "%s%s", b->len > 0 ? ": " : "",
		    a->messages > 0 ? str_count(n, sizeof n, a->messages, "message", "messages") : "");
}

static enum printer_tone tone_of(const char *outcome)
{
	return outcome == NULL || strcmp(outcome, "done") == 0 || strcmp(outcome, "begun") == 0 ? TONE_PLAIN
	       : strcmp(outcome, "refused") == 0                                                ? TONE_WARN
	                                                                                        : TONE_BAD;
}

static void print_entry(struct printer *out, const struct app_audit_entry *a)
{
	struct buf what = BUF_INIT;

	what_words(a, &what);
	printer_row(out, "audit");
	printer_time(out, "time", a->when);
	printer_string(out, "operator", a->who);
	if (printer_is_json(out) && a->uid >= 0)
		printer_number(out, "uid", (uint64_t)a->uid);
	if (printer_is_json(out) && a->pid >= 0)
		printer_number(out, "pid", (uint64_t)a->pid);
	printer_string(out, "tty", a->tty);
	printer_string(out, "from", a->from);
	printer_string(out, "verb", a->verb);
	printer_string(out, "server", a->server);
	printer_string(out, "archive", a->archive);
	printer_words(out, "users", a->users);
	printer_string(out, "mailbox", a->mailbox);
	printer_string(out, "uids", a->uids);
	printer_number(out, "messages", a->messages);
	printer_string(out, "query", a->query);
	printer_string(out, "receipt", a->receipt);
	printer_shown(out, "what", buf_text(&what));
	printer_string(out, "reason", a->reason);
	printer_word(out, "outcome", a->outcome != NULL ? a->outcome : "", tone_of(a->outcome));
	printer_string(out, "message", a->message);
	printer_row_end(out);
	buf_done(&what);
}

static int run(struct cli *c, int argc, char **argv, struct err *e)
{
	const struct cli_args *a = &c->args;
	struct app_audit_log l = { 0 };
	uint64_t limit = LIMIT_DEFAULT;
	int64_t since = 0;
	int status = -1;

	(void)argc;
	(void)argv;
	if (a->since != NULL && find_parse_date(a->since, &since, e) == -1)
		return -1;
	if (a->limit != NULL && (str_u64(a->limit, LIMIT_MAX, &limit) == -1 || limit == 0))
		return err_set(e, ERR_USAGE, "--limit %s: not a number from 1 to %d", a->limit, LIMIT_MAX);
	if (app_audit_read(c->app, a->user, since, (size_t)limit, &l, e) == 0) {
		printer_table(c->out, columns, sizeof columns / sizeof columns[0]);
		for (size_t i = 0; i < l.n && !printer_broken(c->out); i++)
			print_entry(c->out, &l.list[i]);
		printer_table_end(c->out);
		if (l.left_out > 0)
			printer_say(
			    c->out, "%llu older ones were left out: --limit", (unsigned long long)l.left_out);
		if (l.unreadable > 0)
			printer_warn(c->out, "%llu lines of the audit log cannot be read",
			    (unsigned long long)l.unreadable);
		if (l.n == 0)
			printer_say(c->out, "Nothing of that is recorded");
		printer_row(c->out, "summary");
		printer_number(c->out, "entries", l.n);
		printer_number(c->out, "left_out", l.left_out);
		printer_number(c->out, "unreadable", l.unreadable);
		printer_row_end(c->out);
		status = l.n == 0 ? 10 : l.unreadable > 0 ? 1 : 0;
	}
	app_audit_log_done(&l);
	return status;
}

const struct cli_verb verb_audit = {
	.name = "audit",
	.usage = { "" },
	.purpose = "who looked at, or restored, whose mail",
	.about = "What messages, show, find, export, restore, restore --undo and salvage did,\n"
	         "here and in the console: when, by whom, from where, with whose mail, and the\n"
	         "reason given (--reason, or :reason in the console). The oldest stands first.\n"
	         "What writes is there twice: begun, and what came of it. [audit] in\n"
	         "cyrvault.conf(5) tells where it is kept, and can make reasons a must.\n",
	.least = 0,
	.most = 0,
	.options = options,
	.exits = exits,
	.examples = {
	    { "Who has looked into alice's mail this month", "cyrvault audit --user alice --since 30d" },
	    { "All of it, for a program", "cyrvault audit --limit 1000000 --json" },
	},
	.run = run,
};
