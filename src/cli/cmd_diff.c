/* cmd_diff.c: cyrvault diff. */
#include "app/diff.h"
#include "cli/progress.h"
#include "cli/verbs.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/str.h"

static const struct cli_option options[] = {
	{ "recursive", 'r', OPTION_FLAG, offsetof(struct cli_args, recursive), NULL,
	    "also the mailboxes below MAILBOX" },
	{ "summary", 's', OPTION_FLAG, offsetof(struct cli_args, summary), NULL,
	    "only how many messages of each mailbox, not which" },
	{ 0 },
};

static const struct cli_exit exits[] = {
	{ 0, "both are the same" },
	{ 1, "there are differences" },
	{ 2, "a mailbox could not be read (which is said)" },
	{ 10, "no such archive, or no such mailbox on either side" },
	{ 0, NULL },
};

static const struct printer_column columns[] = {
	{ "mailbox", "MAILBOX", false, 20, false, 0 },
	{ "what", "WHAT", false, 0, false, 0 },
	{ "uid", "UID", true, 0, true, 0 },
	{ "internaldate", "DATE", false, 0, true, 2 },
	{ "size_bytes", "SIZE", true, 0, true, 1 },
	{ "detail", "DETAIL", false, 24, false, 0 },
};

struct kept {
	struct diff_item **items; /* with mailboxes */
	size_t n, cap;
	struct diff_item *last;
};

static void take(void *to, void *posted)
{
	struct kept *k = to;
	struct diff_item *item = posted;

	if (item->box != NULL) {
		k->items = mem_grow(k->items, &k->cap, k->n + 1, sizeof *k->items);
		k->items[k->n++] = item;
		return;
	}
	diff_item_free(k->last);
	k->last = item;
}

static enum printer_tone box_tone(enum diff_box_state s)
{
	return s == DIFF_BOX_NEW                                ? TONE_GOOD
	       : s == DIFF_BOX_GONE || s == DIFF_BOX_UNREADABLE ? TONE_BAD
	                                                        : TONE_WARN;
}

static enum printer_tone mail_tone(enum diff_mail_state s)
{
	return s == DIFF_MAIL_NEW                           ? TONE_GOOD
	       : s == DIFF_MAIL_GONE || s == DIFF_MAIL_LOST ? TONE_BAD
	                                                    : TONE_PLAIN;
}

/* "3 new, 1 gone" */
static void add_counts(struct buf *b, const size_t n[DIFF_MAIL_STATES])
{
	for (int i = 0; i < DIFF_MAIL_STATES; i++)
		if (n[i] > 0)
			buf_printf(b, "%s%zu %s", b->len > 0 ? ", " : "", n[i],
			    diff_mail_word((enum diff_mail_state)i));
}

static void print_counts(struct printer *out, const size_t n[DIFF_MAIL_STATES])
{
	static const char *const keys[DIFF_MAIL_STATES] = { "new", "gone", "moved_here", "moved_away",
		"flags", "lost" };

	for (int i = 0; i < DIFF_MAIL_STATES; i++)
		printer_number(out, keys[i], n[i]);
}

static void print_box(struct printer *out, const struct diff_box *b)
{
	struct buf detail = BUF_INIT;

	if (b->state == DIFF_BOX_RENAMED)
		buf_printf(&detail, "was %s", b->other_shown);
	if (b->state == DIFF_BOX_GONE && b->other != NULL)
		buf_printf(&detail, "kept as %s", b->other_shown);
	if (b->state == DIFF_BOX_UNREADABLE)
		buf_str(&detail, b->why);
	add_counts(&detail, b->n);
	printer_row(out, "mailbox");
	printer_string(out, "name", b->name);
	printer_shown(out, "mailbox", b->shown);
	printer_word(out, "what", diff_box_word(b->state), box_tone(b->state));
	printer_string(out, "other_name", b->other);
	printer_shown(out, "detail", buf_text(&detail));
	printer_numbers(out, "uidvalidity", b->uidvalidity, 2);
	printer_numbers(out, "messages", b->messages, 2);
	print_counts(out, b->n);
	printer_string(out, "why", b->why);
	printer_row_end(out);
	buf_done(&detail);
}

static void print_mail(struct printer *out, const struct diff_box *b, const struct diff_mail *m)
{
	struct buf detail = BUF_INIT, guid = BUF_INIT;

	if (m->state == DIFF_MAIL_FLAGS)
		buf_printf(&detail, "%s -> %s", m->before[0] != '\0' ? m->before : "none",
		    m->after[0] != '\0' ? m->after : "none");
	else if (m->other != NULL)
		buf_printf(&detail, "%s %s %u", m->state == DIFF_MAIL_MOVED_HERE ? "from" : "to",
		    m->other_shown, m->other_uid);
	else
		buf_str(&detail, m->letters);
	if (m->has_guid)
		str_hex(&guid, m->guid, sizeof m->guid);
	printer_row(out, "message");
	printer_string(out, "name", b->name);
	printer_shown(out, "mailbox", b->shown);
	printer_word(out, "what", diff_mail_word((enum diff_mail_state)m->state),
	    mail_tone((enum diff_mail_state)m->state));
	printer_number(out, "uid", m->uid);
	printer_time(out, "internaldate", m->internaldate);
	printer_size(out, "size_bytes", m->size_bytes);
	printer_string(out, "guid", guid.len > 0 ? buf_text(&guid) : NULL);
	if (m->other != NULL) {
		printer_string(out, "other_name", m->other);
		printer_number(out, "other_uid", m->other_uid);
	}
	if (m->state == DIFF_MAIL_FLAGS) {
		printer_words(out, "before", m->before);
		printer_words(out, "after", m->after);
	}
	printer_shown(out, "detail", buf_text(&detail));
	printer_row_end(out);
	buf_done(&detail);
	buf_done(&guid);
}

static void print_summary(struct printer *out, const struct diff_facts *f)
{
	static const char *const keys[DIFF_BOX_STATES] = { "mailboxes_changed", "mailboxes_new",
		"mailboxes_gone", "mailboxes_renamed", "mailboxes_recreated", "mailboxes_unreadable" };
	struct buf boxes = BUF_INIT, mails = BUF_INIT;
	char count[40];

	for (int i = 0; i < DIFF_BOX_STATES; i++)
		if (f->boxes[i] > 0)
			buf_printf(&boxes, ", %zu %s", f->boxes[i], diff_box_word((enum diff_box_state)i));
	add_counts(&mails, f->mails);
	printer_say(out, "%s -> %s: %s, %zu the same%s%s%s", f->sides[0], f->sides[1],
	    str_count(count, sizeof count, f->compared, "mailbox", "mailboxes"), f->same, buf_text(&boxes),
	    mails.len > 0 ? "; messages: " : "", buf_text(&mails));
	if (f->not_listed > 0)
		printer_warn(out, "%zu messages more than can be listed differ; narrow it to some mailboxes",
		    f->not_listed);
	printer_row(out, "summary");
	printer_string(out, "first", f->sides[0]);
	printer_string(out, "second", f->sides[1]);
	printer_time(out, "first_time", f->when[0]);
	printer_time(out, "second_time", f->when[1]);
	printer_number(out, "mailboxes", f->compared);
	printer_number(out, "mailboxes_same", f->same);
	printer_number(out, "mailboxes_not_read", f->unread);
	for (int i = 0; i < DIFF_BOX_STATES; i++)
		printer_number(out, keys[i], f->boxes[i]);
	print_counts(out, f->mails);
	printer_number(out, "not_listed", f->not_listed);
	printer_size(out, "fetched_bytes", f->fetched_bytes);
	printer_row_end(out);
	buf_done(&boxes);
	buf_done(&mails);
}

static int print_all(const struct cli *c, const struct kept *k)
{
	const struct diff_facts *f = &k->last->facts;
	struct printer *out = c->out;

	printer_table(out, columns, sizeof columns / sizeof columns[0]);
	for (size_t i = 0; i < k->n && !printer_broken(out); i++) {
		const struct diff_box *b = k->items[i]->box;

		print_box(out, b);
		for (size_t j = 0; j < b->n_mails && !c->args.summary; j++)
			print_mail(out, b, &b->mails[j]);
	}
	printer_table_end(out);
	print_summary(out, f);
	return f->boxes[DIFF_BOX_UNREADABLE] > 0 ? 2 : k->n > 0 ? 1 : 0;
}

static int run(struct cli *c, int argc, char **argv, struct err *e)
{
	struct diff_request q = { .app = c->app,
		.server = c->args.server,
		.first = argv[0],
		.second = argv[1],
		.n_mailboxes = (size_t)argc - 2,
		.recursive = c->args.recursive };
	const char **mailboxes = mem_array((size_t)argc, sizeof *mailboxes);
	struct kept k = { 0 };
	int status = -1;

	for (int i = 2; i < argc; i++)
		mailboxes[i - 2] = argv[i];
	q.mailboxes = mailboxes;
	if (progress_run_posts(c, diff_run, &q, take, &k, e) == 0)
		status = print_all(c, &k);
	for (size_t i = 0; i < k.n; i++)
		diff_item_free(k.items[i]);
	free(k.items);
	diff_item_free(k.last);
	free(mailboxes);
	return status;
}

const struct cli_verb verb_diff = {
	.name = "diff",
	.usage = { "ARCHIVE ARCHIVE|live [MAILBOX...]" },
	.purpose = "what changed between two archives, or since one",
	.about = "Compares mail by mail: what is new, gone, moved (the same message in another\n"
	         "mailbox, or under another UID), and whose flags changed; and which\n"
	         "mailboxes are new, gone, renamed (the same unique id) or recreated\n"
	         "(UIDVALIDITY or unique id is another). \"live\" is the running server.\n"
	         "Mailboxes whose index is the same on both sides are not read; of others\n"
	         "index and header are, and no message.\n",
	.least = 2,
	.most = -1,
	.options = options,
	.exits = exits,
	.examples = {
	    { "What alice has lost since last night", "cyrvault diff latest live user/alice --recursive" },
	    { "Two nights, mailbox by mailbox", "cyrvault diff mail1-20261121 mail1-20261122 --summary" },
	},
	.run = run,
};
