/* cmd_lost.c: cyrvault lost. */
#include "app/find.h"
#include "app/lost.h"
#include "cli/progress.h"
#include "cli/verbs.h"

#include "core/str.h"

static const struct cli_option options[] = {
	{ "since", 0, OPTION_TEXT, offsetof(struct cli_args, since), "DATE",
	    "archives from then on: 2026-11-22, or 3d, 2w; needed" },
	{ "before", 0, OPTION_TEXT, offsetof(struct cli_args, before), "DATE",
	    "and from before that; else up to now" },
	{ "store", 0, OPTION_TEXT, offsetof(struct cli_args, store), "NAME", "only archives of this store" },
	{ "reason", 0, OPTION_TEXT, offsetof(struct cli_args, reason), "TEXT", "why, for the audit log" },
	{ 0 },
};

static const struct cli_exit exits[] = {
	{ 0, "something is lost, and listed; or nothing is" },
	{ 1, "listed, but not everything could be looked into (which is said)" },
	{ 10, "no archive of that time, or none has that user" },
	{ 0, NULL },
};

static const struct printer_column columns[] = {
	{ "date", "DATE", false, 0, false, 0 },
	{ "from", "FROM", false, 14, false, 0 },
	{ "subject", "SUBJECT", false, 16, false, 0 },
	{ "mailbox_shown", "MAILBOX", false, 12, false, 0 },
	{ "uid", "UID", true, 0, false, 0 },
	{ "size_bytes", "SIZE", true, 0, false, 1 },
	{ "last_seen", "LAST SEEN", false, 0, false, 0 },
	{ "archive", "ARCHIVE", false, 16, false, 3 },
	{ "kept", "NOW", false, 0, false, 0 },
};

static void take(void *to, void *item)
{
	static const enum printer_tone tones[] = { [LOST_GONE] = TONE_BAD,
		[LOST_EXPUNGED] = TONE_WARN,
		[LOST_DELETED] = TONE_WARN,
		[LOST_FILE] = TONE_BAD };
	struct printer *out = to;
	struct lost_mail *m = item;

	printer_row(out, "message");
	printer_string(out, "archive", m->archive);
	printer_string(out, "mailbox", m->mailbox);
	printer_string(out, "mailbox_shown", m->shown);
	printer_number(out, "uid", m->uid);
	printer_time(out, "date", m->date);
	printer_string(out, "from", m->from);
	printer_string(out, "subject", m->subject);
	printer_string(out, "message_id", m->message_id);
	printer_size(out, "size_bytes", m->size_bytes);
	printer_time(out, "last_seen", m->last_seen);
	printer_bool(out, "in_archive", m->has_file);
	printer_word(out, "kept", lost_kept_name(m->kept), tones[m->kept]);
	printer_string(out, "kept_mailbox", m->kept_shown);
	if (printer_is_json(out) && m->kept_shown != NULL)
		printer_number(out, "kept_uid", m->kept_uid);
	printer_row_end(out);
	lost_mail_free(m);
}

static int finish(struct cli *c, const struct lost_request *r)
{
	const struct lost_counts *n = &r->counts;
	char mails[40], size[16], archives[40];

	printer_say(c->out, "%s of %s lost, %s; looked into %s",
	    n->messages == 0 ? "No message"
			     : str_count(mails, sizeof mails, n->messages, "message", "messages"),
	    r->user, str_size(size, sizeof size, n->bytes),
	    str_count(archives, sizeof archives, n->archives, "archive", "archives"));
	if (n->not_listed > 0)
		printer_say(c->out, "%zu of them are too many to be listed", n->not_listed);
	if (n->unread > 0)
		printer_warn(
		    c->out, "not looked into: %s%s", n->unread_why, n->unread > 1 ? ", and others" : "");
	if (n->live_unread > 0)
		printer_warn(c->out,
		    "%zu of the user's mailboxes on the running server cannot be read: what is in them "
		    "counts as lost (%s)",
		    n->live_unread, n->unread_why);
	printer_row(c->out, "summary");
	printer_string(c->out, "user", r->user);
	printer_number(c->out, "messages", n->messages);
	printer_number(c->out, "not_listed", n->not_listed);
	printer_size(c->out, "bytes", n->bytes);
	printer_number(c->out, "archives", n->archives);
	printer_number(c->out, "archives_not_read", n->unread);
	printer_number(c->out, "live_mailboxes_not_read", n->live_unread);
	printer_row_end(c->out);
	return n->unread > 0 || n->live_unread > 0 ? 1 : 0;
}

static int run(struct cli *c, int argc, char **argv, struct err *e)
{
	const struct cli_args *a = &c->args;
	struct lost_request r = { .app = c->app, .server = a->server, .user = argv[0], .store = a->store };
	int status;

	(void)argc;
	if (a->since == NULL) {
		err_set(e, ERR_USAGE, "lost: --since is needed: from when on was it there?");
		return err_hint(e, "for example --since 2w, or --since 2026-11-01 --before 2026-11-15");
	}
	if (find_parse_date(a->since, &r.since, e) == -1 ||
	    (a->before != NULL && find_parse_date(a->before, &r.before, e) == -1))
		return -1;
	if (r.before != 0 && r.before <= r.since)
		return err_set(
		    e, ERR_USAGE, "lost: --before %s is not behind --since %s", a->before, a->since);
	printer_table(c->out, columns, sizeof columns / sizeof columns[0]);
	status = progress_run_posts(c, lost_run, &r, take, c->out, e);
	printer_table_end(c->out);
	return status == 0 ? finish(c, &r) : -1;
}

const struct cli_verb verb_lost = {
	.name = "lost",
	.usage = { "USER" },
	.purpose = "what a user has lost between two moments",
	.about = "Messages that were visible in one of the user's mailboxes in an archive of\n"
	         "that time, or in the last one before it, and are in none of them now; each\n"
	         "once, from the newest archive that has it. What was moved, or copied\n"
	         "elsewhere, is not lost. NOW: \"gone\", \"expunged\" (but its file is still\n"
	         "kept), \"deleted\" (in a mailbox that is DELETED.* now), or \"file lost\"\n"
	         "(listed, but not there). Only indexes and caches of that user's mailboxes are\n"
	         "read. cyrvault restore --lost brings them back.\n",
	.least = 1,
	.most = 1,
	.options = options,
	.exits = exits,
	.examples = {
	    { "What alice lost in the last two weeks", "cyrvault lost alice --since 2w" },
	    { "Between two days, for a program", "cyrvault lost alice --since 2026-11-01 --before 2026-11-15 --json" },
	},
	.run = run,
};
