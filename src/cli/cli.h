/* cli.h: the command line: verbs, their options, and what each command gets and gives.
 *
 * One table per verb (struct cli_verb) yields the parser, the help and the exit codes that the manual lists. A command
 * runs in the main thread and starts its work as a job (progress.h). */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "app/app.h"
#include "cli/printer.h"
#include "core/err.h"

/** All values that options can give; one struct for all verbs, so that a table row is a name and a place in here. */
struct cli_args {
	const char *conf_path, *server, *color; /* of every verb */
	bool dry_run, json, quiet, verbose, yes, help, version;

	bool plain, read_only; /* console */

	bool verify, raw, deleted, expunged, live, headers, quick, recursive, summary, all;
	bool prometheus, off;
	const char *max_age, *reason; /* status, protect */
	bool identical, moved, undo, resume, keep_uids, replace, beside; /* restore */
	const char *mark, *state, *what, *to_user, *into, *uid, *plan, *plan_out;
	const char *level, *threads, *format, *output, *user;
	const char *add, *drop, *tape, *label, *box, *device; /* tape */
	bool overwrite;
	const char *from, *to, *subject, *message_id, *body, *since, *before, *mailbox, *archive, *limit; /* find */
	const char *store; /* lost */
	const char *batch, *on_error, *lost; /* restore */
};

/** OPTION_OPTIONAL: a text that may be left out: "" then. */
enum cli_option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_OPTIONAL };

/** A row; a list ends with one whose name is NULL. */
struct cli_option {
	const char *name; /* "recursive" */
	char letter;      /* 'r', or 0 */
	enum cli_option_kind kind;
	size_t place;      /* offsetof(struct cli_args, ...) */
	const char *value; /* of a text: "DIR" in the help; "a|b|c": one of these and nothing else */
	const char *about;
};

struct cli_exit {
	int status;
	const char *about;
};

struct cli_example {
	const char *purpose, *command;
};

struct cli;

/** A command: what stands on the command line besides options is in argv[0..argc). Returns the exit status, or -1 with ${e}
 * filled, which is then printed and makes the status. */
typedef int cli_run_fn(struct cli *c, int argc, char **argv, struct err *e);

struct cli_verb {
	const char *name;
	const char *usage[8]; /* what follows "cyrvault NAME [OPTION...]", NULL at the end */
	const char *purpose;  /* half a line */
	const char *about;    /* paragraphs of at most 76 columns, each line ended with \n */
	int least, most;      /* arguments; most -1: any number */
	bool no_app;          /* it needs no configuration */
	const struct cli_option *options;
	const struct cli_exit
	    *exits; /* of its own, besides the common ones; status 0 first; about NULL at the end */
	struct cli_example examples[4]; /* command NULL at the end */
	cli_run_fn *run;
};

/** The console, which this room does not know: given by main(). Returns an exit status, or -1 with ${e} filled. */
typedef int cli_console_fn(struct app *app, const struct cli_args *args, struct err *e);

/** What a command works with. */
struct cli {
	struct cli_args args;
	const struct cli_verb *verb;
	struct app *app; /* NULL where verb->no_app */
	cli_console_fn *console;
	struct printer *out;
	int stopped_by;          /* the signal that asked a job to stop, or 0 */
	struct cli_asker *asker; /* asker.h; NULL: there is nobody to ask */
	struct job **jobs; /* all that ran: what they opened may refer to them until the command is over */
	size_t n_jobs, cap_jobs;
};

extern const struct cli_verb *const cli_verbs[]; /* NULL at the end */
extern const struct cli_option cli_common_options[];
extern const struct cli_exit cli_common_exits[];

/** cli_main(argc, argv, console): Everything; returns the exit status. Without a verb on a terminal it is ${console}. */
int cli_main(int argc, char **argv, cli_console_fn *console);

/** cli_verb_find(name, e): That verb, or NULL with ERR_USAGE and the nearest one as the hint. */
const struct cli_verb *cli_verb_find(const char *name, struct err *e);

/** cli_parse(verb, argc, argv, a, ret_first, e): Read the options of ${verb} (NULL: only the common ones, up to the first argument) from
 * argv[1..argc) into ${a}; arguments move to the end, the first is argv[${*ret_first}]. ERR_USAGE names the nearest option. */
int cli_parse(
    const struct cli_verb *verb, int argc, char **argv, struct cli_args *a, int *ret_first, struct err *e);

/** cli_help(out, verb): The help of one verb, NULL: of the program. */
void cli_help(struct printer *out, const struct cli_verb *verb);

/** cli_source(c, archive, job, ret, store, e): As app_source(), where "live" is the server that --server names. */
int cli_source(struct cli *c, const char *archive, struct job *job, struct source **ret, struct store **store,
    struct err *e);

/** cli_confirm(c, question): 1 when --yes was given or the operator types "yes", 0 otherwise; -1 with ERR_USAGE when there is no
 * terminal to ask on. */
int cli_confirm(struct cli *c, const char *question, struct err *e);

#endif
