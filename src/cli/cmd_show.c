/* cmd_show.c: cyrvault show. */
#include "cli/progress.h"
#include "cli/verbs.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/io.h"
#include "core/str.h"
#include "cyrus/message.h"

#define MESSAGE_BYTES_MAX (512u << 20)

static const struct cli_option options[] = {
	{ "headers", 0, OPTION_FLAG, offsetof(struct cli_args, headers), NULL,
	    "all header fields, not only the usual ones" },
	{ "raw", 0, OPTION_FLAG, offsetof(struct cli_args, raw), NULL,
	    "the exact bytes; to a terminal only with --yes" },
	{ "reason", 0, OPTION_TEXT, offsetof(struct cli_args, reason), "TEXT", "why, for the audit log" },
	{ 0 },
};

static const struct cli_exit exits[] = {
	{ 0, "shown" },
	{ 10, "no such archive, mailbox or message" },
	{ 13, "the message is damaged in the archive" },
	{ 0, NULL },
};

struct work {
	struct cli *c;
	const char *archive, *mailbox;
	uint32_t uid;
	struct buf bytes;
};

static int work(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;
	int rc = app_message(w->c->app,
	    &(struct app_message){ .verb = "show",
		.server = w->c->args.server,
		.archive = w->archive,
		.mailbox = w->mailbox,
		.uid = w->uid,
		.max_bytes = MESSAGE_BYTES_MAX },
	    job, &w->bytes, NULL, e);

	if (rc == -1 && e->code != ERR_REFUSED)
		err_hint(e, "cyrvault messages %s %s lists what there is", w->archive, w->mailbox);
	return rc;
}

static int write_raw(struct cli *c, const struct buf *b, struct err *e)
{
	if (printer_is_json(c->out))
		return err_set(e, ERR_USAGE, "show: either --raw or --json");
	fflush(stdout);
	return io_write_all(STDOUT_FILENO, buf_text(b), b->len, "the output", e);
}

static bool is_usual(const char *name)
{
	static const char *const usual[] = { "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Date",
		"Subject" };

	for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
		if (strcasecmp(usual[i], name) == 0)
			return true;
	}
	return false;
}

static void print_text(struct printer *out, const struct message *m, bool all)
{
	char size[16];

	for (size_t i = 0; i < m->n_fields; i++) {
		if (all || is_usual(m->fields[i].name))
			printer_toned(out, TONE_HEAD, "", "%s: %s", m->fields[i].name, m->fields[i].value);
	}
	printer_line(out, "%s", "");
	if (m->text[0] != '\0')
		printer_text(out, m->text, strlen(m->text));
	else
		printer_say(out, "(no text)");
	if (m->text_is_html)
		printer_say(out, "(made from HTML)");
	if (m->n_attachments > 0)
		printer_line(out, "%s", "");
	for (size_t i = 0; i < m->n_attachments; i++) {
		const struct message_attachment *a = &m->attachments[i];

		printer_line(out, "[attachment %zu: %s%s%s, %s]", i + 1, a->name,
		    a->name[0] != '\0' ? ", " : "", a->type, str_size(size, sizeof size, a->size_bytes));
	}
	if (m->cut)
		printer_say(out, "(not all of it is shown; --raw gives every byte)");
}

static void print_json(struct printer *out, const struct work *w, const struct message *m)
{
	for (size_t i = 0; i < m->n_fields; i++) {
		printer_row(out, "header");
		printer_string(out, "name", m->fields[i].name);
		printer_string(out, "value", m->fields[i].value);
		printer_row_end(out);
	}
	printer_row(out, "text");
	printer_string(out, "text", m->text);
	printer_bool(out, "from_html", m->text_is_html);
	printer_row_end(out);
	for (size_t i = 0; i < m->n_attachments; i++) {
		printer_row(out, "attachment");
		printer_string(out, "name", m->attachments[i].name);
		printer_string(out, "media_type", m->attachments[i].type);
		printer_size(out, "size_bytes", m->attachments[i].size_bytes);
		printer_row_end(out);
	}
	printer_row(out, "summary");
	printer_number(out, "uid", w->uid);
	printer_size(out, "size_bytes", w->bytes.len);
	printer_number(out, "attachments", m->n_attachments);
	printer_bool(out, "cut", m->cut);
	printer_row_end(out);
}

static int run(struct cli *c, int argc, char **argv, struct err *e)
{
	struct work w = { .c = c, .archive = argv[0], .mailbox = argv[1] };
	struct message *m = NULL;
	uint64_t uid = 0;
	int status = -1;

	(void)argc;
	if (str_u64(argv[2], UINT32_MAX, &uid) == -1 || uid == 0)
		return err_set(e, ERR_USAGE, "show: \"%s\" is no UID: a number from 1 on is needed", argv[2]);
	if (c->args.raw && isatty(STDOUT_FILENO) && !c->args.yes) {
		err_set(e, ERR_REFUSED, "raw bytes of a mail can do harm to a terminal");
		return err_hint(
		    e, "redirect the output to a file or a pager, leave --raw out, or give --yes");
	}
	w.uid = (uint32_t)uid;
	if (progress_run(c, work, &w, e) == -1)
		goto out;
	if (c->args.raw) {
		status = write_raw(c, &w.bytes, e);
		goto out;
	}
	m = message_open(buf_text(&w.bytes), w.bytes.len);
	if (printer_is_json(c->out))
		print_json(c->out, &w, m);
	else
		print_text(c->out, m, c->args.headers);
	status = 0;
out:
	message_free(m);
	buf_done(&w.bytes);
	return status;
}

const struct cli_verb verb_show = {
	.name = "show",
	.usage = { "ARCHIVE MAILBOX UID" },
	.purpose = "show one message of an archive",
	.about = "Headers and text, decoded and made harmless for the terminal: control\n"
	         "characters are shown as \\xNN. Attachments are named with their sizes. With\n"
	         "--json all header fields are given.\n",
	.least = 3,
	.most = 3,
	.options = options,
	.exits = exits,
	.examples = {
	    { "Read message 17", "cyrvault show latest user/alice/Work 17" },
	    { "Save it as it arrived, byte for byte", "cyrvault show latest user/alice/Work 17 --raw >17.eml" },
	},
	.run = run,
};
