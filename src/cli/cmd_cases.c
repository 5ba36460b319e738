/* cmd_cases.c: cyrvault cases: the restores there were, and the receipt of one. */
#include "cli/verbs.h"

#include <string.h>

#include <jansson.h>

#include "core/buf.h"
#include "restore/case.h"

static const struct cli_exit exits[] = {
	{ 0, "listed; none is open" },
	{ 1, "listed; some were cut off" },
	{ 10, "there is no such case, or no receipt of it" },
	{ 0, NULL },
};

static const struct printer_column columns[] = {
	{ "case", "CASE", false, 0, false, 0 },
	{ "state", "STATE", false, 0, false, 0 },
	{ "begun", "WHEN", false, 0, false, 0 },
	{ "archive", "ARCHIVE", false, 16, false, 2 },
	{ "operator", "BY", false, 8, true, 1 },
	{ "what", "WHAT", false, 20, true, 0 },
};

static enum printer_tone tone_of(enum case_state s)
{
	return s == CASE_OPEN ? TONE_WARN : s == CASE_DONE ? TONE_GOOD : TONE_PLAIN;
}

static void print_case(struct printer *out, const struct app_case *c)
{
	const struct case_info *i = &c->info;

	printer_row(out, "case");
	printer_string(out, "case", i->id);
	printer_word(out, "state", case_state_name(i->state), tone_of(i->state));
	printer_time(out, "begun", i->begun);
	if (i->ended != 0)
		printer_time(out, "ended", i->ended);
	printer_string(out, "archive", i->archive);
	printer_string(out, "operator", i->who);
	printer_string(out, "reason", i->reason);
	printer_string(out, "what", c->what);
	printer_number(out, "unfinished", i->n_boxes);
	printer_string(out, "next", c->next);
	printer_row_end(out);
}

static int print_receipt(struct cli *c, const char *word, struct err *e)
{
	struct buf b = BUF_INIT;
	json_t *v;
	int rc = app_case_receipt(c->app, word, printer_is_json(c->out), &b, e);

	if (rc == 0 && printer_is_json(c->out)) {
		v = json_loadb(buf_text(&b), b.len, 0, NULL);
		printer_row(c->out, "receipt");
		printer_members(c->out, v != NULL ? v : json_null());
		printer_row_end(c->out);
		json_decref(v);
	} else if (rc == 0) {
		printer_text(c->out, buf_text(&b), b.len);
	}
	buf_done(&b);
	return rc;
}

static int run(struct cli *c, int argc, char **argv, struct err *e)
{
	struct app_cases l;
	size_t open = 0;

	if (argc > 0)
		return print_receipt(c, argv[0], e);
	if (app_cases(c->app, c->args.server, &l, e) == -1)
		return -1;
	printer_table(c->out, columns, sizeof columns / sizeof columns[0]);
	for (size_t i = 0; i < l.n; i++) {
		open += l.list[i].info.state == CASE_OPEN;
		print_case(c->out, &l.list[i]);
	}
	printer_table_end(c->out);
	for (size_t i = 0; i < l.n && i < open; i++)
		printer_line(c->out, "This goes on with %s: %s", l.list[i].info.id, l.list[i].next);
	printer_row(c->out, "summary");
	printer_number(c->out, "cases", l.n);
	printer_number(c->out, "open", open);
	printer_row_end(c->out);
	if (l.n == 0)
		printer_line(c->out, "No restore has changed anything.");
	app_cases_done(&l);
	return open > 0 ? 1 : 0;
}

const struct cli_verb verb_cases = {
	.name = "cases",
	.usage = { "[CASE]" },
	.purpose = "list the restores there were, or show the receipt of one",
	.about = "Each restore that changes something is a case: those that were cut off come\n"
	         "first, with the command that goes on with them. With the name of one: what came\n"
	         "of each mailbox, whether it was proved, and how it is taken back.\n",
	.least = 0,
	.most = 1,
	.exits = exits,
	.examples = {
	    { "What was restored lately", "cyrvault cases" },
	    { "What came of one", "cyrvault cases mail1-20261126T220000Z" },
	},
	.run = run,
};
