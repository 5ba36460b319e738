/* help.c: the help of the program and of each verb, made from the same tables as the parser. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "core/buf.h"

#define ABOUT_COLUMN 26

const struct cli_exit cli_common_exits[] = {
	{ 0, "done" },
	{ 1, "done, with warnings, which are listed" },
	{ 2, "failed" },
	{ 10, "not found: archive, mailbox, message" },
	{ 11, "locked: somebody else is at it" },
	{ 12, "the server did not accept the login" },
	{ 13, "damage found" },
	{ 14, "no space" },
	{ 15, "partly done; the same command goes on" },
	{ 64, "usage" },
	{ 78, "configuration" },
	{ 130, "stopped by Ctrl-C (128 + the number of the signal)" },
	{ 0, NULL },
};

static void add_options(struct buf *b, const struct cli_option *o)
{
	for (; o != NULL && o->name != NULL; o++) {
		size_t start = b->len, used;

		if (o->letter != 0)
			buf_printf(b, "  -%c, --%s", o->letter, o->name);
		else
			buf_printf(b, "      --%s", o->name);
		if (o->kind == OPTION_TEXT)
			buf_printf(b, "=%s", o->value);
		else if (o->kind == OPTION_OPTIONAL)
			buf_printf(b, "[=%s]", o->value);
		used = b->len - start;
		if (used > ABOUT_COLUMN - 2) {
			buf_char(b, '\n');
			used = 0;
		}
		buf_printf(b, "%*s%s\n", (int)(ABOUT_COLUMN - used), "", o->about);
	}
}

static bool has_exit(const struct cli_exit *list, int status)
{
	for (; list->about != NULL; list++) {
		if (list->status == status)
			return true;
	}
	return false;
}

/* Those of the verb, and the common ones that every verb can end with. */
static void add_exits(struct buf *b, const struct cli_exit *own)
{
	static const int always[] = { 2, 64, 78, 130 };

	for (const struct cli_exit *x = own; x->about != NULL; x++)
		buf_printf(b, "  %3d  %s\n", x->status, x->about);
	for (const struct cli_exit *x = cli_common_exits; x->about != NULL; x++) {
		for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
			if (x->status == always[i] && !has_exit(own, x->status))
				buf_printf(b, "  %3d  %s\n", x->status, x->about);
		}
	}
}

static void program_help(struct buf *b)
{
	buf_str(b, "cyrvault - back up and restore the mailboxes of a running Cyrus IMAP server\n"
		   "\n"
		   "Usage: cyrvault [OPTION...] VERB [ARGUMENT...]\n"
		   "\n");
	for (size_t i = 0; cli_verbs[i] != NULL; i++)
		buf_printf(b, "  %-11s %s\n", cli_verbs[i]->name, cli_verbs[i]->purpose);
	buf_str(b, "\n"
		   "ARCHIVE is a name that \"cyrvault archives\" shows, an unambiguous beginning of\n"
		   "it, \"latest\", or a file: /absolute/path or ./path. MAILBOX is written as the\n"
		   "administrator sees it (user/alice/Work, in UTF-8) or as Cyrus keeps it\n"
		   "(user.alice.Work).\n"
		   "\n"
		   "Options of every verb:\n");
	add_options(b, cli_common_options);
	buf_str(b, "\nExit status:\n");
	for (const struct cli_exit *x = cli_common_exits; x->about != NULL; x++)
		buf_printf(b, "  %3d  %s\n", x->status, x->about);
	buf_str(b, "\n"
		   "Begin with:\n"
		   "  See whether all is well with this host:\n"
		   "      cyrvault doctor\n"
		   "  Take a backup, and see that it is there:\n"
		   "      cyrvault backup && cyrvault archives\n"
		   "  Bring back a mailbox that was deleted:\n"
		   "      cyrvault restore latest user/alice/Work\n"
		   "\n"
		   "More: cyrvault help VERB, cyrvault(1), cyrvault.conf(5)\n");
}

static void verb_help(struct buf *b, const struct cli_verb *v)
{
	buf_printf(b, "cyrvault %s - %s\n\n", v->name, v->purpose);
	for (size_t i = 0; i < sizeof v->usage / sizeof v->usage[0] && v->usage[i] != NULL; i++)
		buf_printf(b, "%s cyrvault %s [OPTION...]%s%s\n", i == 0 ? "Usage:" : "      ", v->name,
		    v->usage[i][0] != '\0' ? " " : "", v->usage[i]);
	buf_printf(b, "\n%s", v->about);
	if (v->options != NULL && v->options->name != NULL) {
		buf_str(b, "\nOptions:\n");
		add_options(b, v->options);
	}
	buf_str(b, "\nOptions of every verb:\n");
	add_options(b, cli_common_options);
	buf_str(b, "\nExit status:\n");
	add_exits(b, v->exits);
	buf_str(b, "\nExamples:\n");
	for (size_t i = 0; i < sizeof v->examples / sizeof v->examples[0] && v->examples[i].command != NULL;
	     i++)
		buf_printf(b, "  %s:\n      %s\n", v->examples[i].purpose, v->examples[i].command);
}

void cli_help(struct printer *out, const struct cli_verb *verb)
{
	struct buf b = BUF_INIT;

	if (verb != NULL)
		verb_help(&b, verb);
	else
		program_help(&b);
	printer_text(out, buf_text(&b), b.len);
	buf_done(&b);
}
