/* cli.c: from argv to a verb, and from its end to an exit status. */
#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "app/audit.h"
#include "cli/asker.h"
#include "core/columns.h"
#include "cli/options.h"
#include "cli/verbs.h"
#include "core/mem.h"
#include "core/str.h"

const struct cli_verb *const cli_verbs[] = {
	&verb_console,
	&verb_backup,
	&verb_archives,
	&verb_mailboxes,
	&verb_history,
	&verb_messages,
	&verb_show,
	&verb_find,
	&verb_lost,
	&verb_export,
	&verb_restore,
	&verb_verify,
	&verb_salvage,
	&verb_diff,
	&verb_catalogue,
	&verb_status,
	&verb_prune,
	&verb_protect,
	&verb_tape,
	&verb_cases,
	&verb_audit,
	&verb_doctor,
	&verb_help,
	NULL,
};

const struct cli_verb *cli_verb_find(const char *name, struct err *e)
{
	const char *known[32], *near;
	size_t n = 0;

	for (size_t i = 0; cli_verbs[i] != NULL; i++) {
		if (strcmp(cli_verbs[i]->name, name) == 0)
			return cli_verbs[i];
		known[n++] = cli_verbs[i]->name;
	}
	near = cli_nearest(name, known, n);
	err_set(e, ERR_USAGE, "unknown verb \"%s\"", name);
	if (near != NULL)
		err_hint(e, "did you mean \"cyrvault %s\"? (cyrvault help lists all)", near);
	err_hint(e, "cyrvault help lists all");
	return NULL;
}

int cli_confirm(struct cli *c, const char *question, struct err *e)
{
	char answer[16], *end;

	if (c->args.yes)
		return 1;
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
		err_set(e, ERR_USAGE, "there is no terminal to ask on, and nothing is done unasked");
		return err_hint(e, "look at the plan with -n, then give --yes");
	}
	fflush(stdout);
	/* What was typed before the question was seen is no answer to it. */
	tcflush(STDIN_FILENO, TCIFLUSH);
	fprintf(stderr, "%s Type \"yes\" to go on, anything else leaves all as it is: ", question);
	fflush(stderr);
	if (fgets(answer, sizeof answer, stdin) == NULL) {
		fputc('\n', stderr);
		return 0;
	}
	end = answer + strlen(answer);
	while (end > answer && (end[-1] == '\n' || end[-1] == ' '))
		*--end = '\0';
	return strcmp(answer, "yes") == 0;
}

/* ---- running a verb ---- */

static int check_count(const struct cli_verb *v, int argc, char **argv, struct err *e)
{
	if (argc < v->least)
		err_set(e, ERR_USAGE, "%s: %s", v->name,
		    argc == 0 ? "something is missing" : "something more is needed");
	else if (v->most >= 0 && argc > v->most)
		err_set(e, ERR_USAGE, "%s: \"%s\" is one argument too many", v->name, argv[v->most]);
	else
		return 0;
	return err_hint(e, "usage: cyrvault %s%s%s (cyrvault help %s)", v->name,
	    v->usage[0][0] != '\0' ? " " : "", v->usage[0], v->name);
}

static int run_verb(struct cli *c, int argc, char **argv, struct err *e)
{
	int status;

	if (c->args.help) {
		cli_help(c->out, c->verb);
		return 0;
	}
	if (check_count(c->verb, argc, argv, e) == -1)
		return -1;
	if (!c->verb->no_app && app_open(c->args.conf_path, &c->app, e) == -1)
		return -1;
	if (c->app != NULL && app_set_reason(c->app, c->args.reason, e) == -1)
		return -1;
	status = c->verb->run(c, argc, argv, e);
	printer_table_end(c->out);
	return status;
}

/* What ended in an error because of a signal is told as that signal. */
static int failed(struct cli *c, const struct err *e)
{
	int status = err_exit_status(e->code);

	if (e->code == ERR_SYS && e->sys == EPIPE && printer_broken(c->out))
		return 128 + SIGPIPE;
	printer_error(c->out, e);
	/* A failure that nobody gave a reason for is one all the same. */
	return c->stopped_by != 0 ? 128 + c->stopped_by : status != 0 ? status : 2;
}

static enum printer_color color_of(const char *word)
{
	if (word == NULL || strcmp(word, "auto") == 0)
		return COLOR_AUTO;
	return strcmp(word, "always") == 0 ? COLOR_ALWAYS : COLOR_NEVER;
}

/* --json counts for usage errors too, wherever it stands. */
static bool wants_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--json") == 0)
			return true;
	}
	return false;
}

static int parse(struct cli *c, int argc, char **argv, int *ret_first, struct err *e)
{
	int verb_at = 0, first;

	if (cli_parse(NULL, argc, argv, &c->args, &verb_at, e) == -1)
		return -1;
	*ret_first = verb_at;
	if (verb_at >= argc)
		return 0;
	c->verb = cli_verb_find(argv[verb_at], e);
	if (c->verb == NULL)
		return -1;
	if (cli_parse(c->verb, argc - verb_at, argv + verb_at, &c->args, &first, e) == -1)
		return -1;
	*ret_first = verb_at + first;
	return 0;
}

/* No verb, only options that the console has, and somebody who can see it. */
static bool wants_console(int argc, char **argv, struct cli_args *ret)
{
	char **copy = mem_array((size_t)argc + 1, sizeof *copy);
	bool wanted = false;
	int first = 0;

	memcpy(copy, argv, (size_t)argc * sizeof *copy);
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) &&
	    cli_parse(&verb_console, argc, copy, ret, &first, NULL) == 0)
		wanted = first >= argc && !ret->help && !ret->version;
	free(copy);
	return wanted;
}

static void start_printer(struct cli *c)
{
	const struct cli_args *a = &c->args;

	c->out = printer_new(&(struct printer_opts){
	    .json = a->json, .quiet = a->quiet, .verbose = a->verbose, .color = color_of(a->color) });
}

int cli_source(struct cli *c, const char *archive, struct job *job, struct source **ret, struct store **store,
    struct err *e)
{
	char *name = app_archive_of(archive, c->args.server);
	int rc = app_source(c->app, name, job, ret, store, e);

	free(name);
	return rc;
}

int cli_main(int argc, char **argv, cli_console_fn *console)
{
	struct cli c = { .console = console };
	struct cli_args args = { 0 };
	struct err e;
	int first = 0, status = -1;

	err_clear(&e);
	columns_setup();
	if (wants_console(argc, argv, &args)) {
		c.args = args;
		c.verb = &verb_console;
		first = argc;
	} else if (parse(&c, argc, argv, &first, &e) == -1) {
		c.args.json = wants_json(argc, argv);
		start_printer(&c);
		goto out;
	}
	/* Help is for people. */
	if (c.args.help || c.args.version)
		c.args.json = false;
	start_printer(&c);
	if (c.args.version) {
		printer_line(c.out, "cyrvault %s", CYRVAULT_VERSION);
		status = 0;
	} else if (c.verb != NULL) {
		status = run_verb(&c, argc - first, argv + first, &e);
	} else if (c.args.help) {
		cli_help(c.out, NULL);
		status = 0;
	} else {
		err_set(&e, ERR_USAGE, "a verb is missing: what shall be done?");
		err_hint(&e, "cyrvault help lists them");
	}
out:
	if (status == -1)
		status = failed(&c, &e);
	if (printer_close(c.out, &e) == -1)
		status = failed(&c, &e);
	app_close(c.app);
	for (size_t i = 0; i < c.n_jobs; i++)
		job_free(c.jobs[i]);
	free(c.jobs);
	cli_asker_free(c.asker);
	printer_free(c.out);
	return status;
}
