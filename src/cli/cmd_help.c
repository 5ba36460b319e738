/* cmd_help.c: cyrvault help. */
#include "cli/verbs.h"

static const struct cli_exit exits[] = {
	{ 0, "shown" },
	{ 64, "there is no such verb" },
	{ 0, NULL },
};

static int run(struct cli *c, int argc, char **argv, struct err *e)
{
	const struct cli_verb *verb = NULL;

	if (argc > 0 && (verb = cli_verb_find(argv[0], e)) == NULL)
		return -1;
	cli_help(c->out, verb);
	return 0;
}

const struct cli_verb verb_help = {
	.name = "help",
	.usage = { "[VERB]" },
	.purpose = "explain a verb, or list them all",
	.about = "The same as VERB --help. The manual is cyrvault(1); cyrvault.conf(5) lists\n"
	         "every key of the configuration.\n",
	.least = 0,
	.most = 1,
	.no_app = true,
	.exits = exits,
	.examples = {
	    { "List the verbs", "cyrvault help" },
	    { "How to restore", "cyrvault help restore" },
	},
	.run = run,
};
