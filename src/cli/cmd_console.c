/* cmd_console.c: cyrvault console: the way from the command line to the full screen. */
#include "cli/verbs.h"

#include <unistd.h>

static const struct cli_option options[] = {
	{ "plain", 0, OPTION_FLAG, offsetof(struct cli_args, plain), NULL,
	    "numbered lines, for screen readers and dumb terminals" },
	{ "read-only", 0, OPTION_FLAG, offsetof(struct cli_args, read_only), NULL,
	    "only look: nothing is restored, backed up, written" },
	{ 0 },
};

static const struct cli_exit exits[] = {
	{ 0, "left" },
	{ 2, "this terminal cannot show it (--plain works on any)" },
	{ 0, NULL },
};

static int run(struct cli *c, int argc, char **argv, struct err *e)
{
	(void)argc;
	(void)argv;
	if (printer_is_json(c->out))
		return err_set(e, ERR_USAGE, "console: --json is for the other verbs");
	if (!c->args.plain && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))) {
		err_set(e, ERR_USAGE, "the console needs a terminal");
		return err_hint(e, "in a script use the verbs (cyrvault help), or --plain");
	}
	return c->console(c->app, &c->args, e);
}

const struct cli_verb verb_console = {
	.name = "console",
	.usage = { "" },
	.purpose = "all of it on a full screen; runs without a verb too",
	.about = "Lists the archives, shows the mailboxes of one beside those of the running\n"
		 "server, the messages themselves, and brings back what is lost. Takes backups.\n"
		 "? shows the keys; each screen shows the command that does the same.\n"
		 "Colours follow the terminal and NO_COLOR; see cyrvault.conf(5), [console],\n"
		 "[keys], [colors].\n",
	.least = 0,
	.most = 0,
	.options = options,
	.exits = exits,
	.examples = {
	    { "Open it; without a verb it is the same", "cyrvault console" },
	    { "Only look, over a slow line or with a screen reader", "cyrvault console --plain --read-only" },
	},
	.run = run,
};
