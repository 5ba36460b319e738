/* cmd_doctor.c: cyrvault doctor. */
#include "cli/progress.h"
#include "cli/verbs.h"

static const struct cli_exit exits[] = {
	{ 0, "nothing stands in the way" },
	{ 1, "there are warnings" },
	{ 2, "something would fail" },
	{ 0, NULL },
};

struct work {
	struct cli *c;
	const char *server;
	struct finds *finds;
	unsigned count[3];
};

static const struct {
	const char *text, *json;
	enum printer_tone tone;
} states[] = {
	[DOCTOR_OK] = { "ok  ", "ok", TONE_GOOD },
	[DOCTOR_WARN] = { "warn", "warn", TONE_WARN },
	[DOCTOR_FAIL] = { "FAIL", "fail", TONE_BAD },
};

static void looked(
    void *arg, enum doctor_state state, const char *subject, const char *what, const char *next)
{
	finds_add(arg, (int)state, subject, what, next);
}

static void show_line(struct cli *c, void *arg, int kind, const char *const words[3])
{
	struct work *w = arg;

	w->count[kind]++;
	if (printer_is_json(c->out)) {
		printer_row(c->out, "check");
		printer_string(c->out, "state", states[kind].json);
		printer_string(c->out, "subject", words[0]);
		printer_string(c->out, "what", words[1]);
		printer_string(c->out, "next", words[2][0] != '\0' ? words[2] : NULL);
		printer_row_end(c->out);
		return;
	}
	printer_wrapped(c->out, states[kind].tone, states[kind].text, 8, "  %s: %s", words[0], words[1]);
	if (words[2][0] != '\0')
		printer_wrapped(c->out, TONE_PLAIN, "", 14, "        next: %s", words[2]);
}

static int work(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;

	return app_doctor(w->c->app, w->server, job, looked, w->finds, e) == -1 ? -1 : 0;
}

static int run(struct cli *c, int argc, char **argv, struct err *e)
{
	struct work w = { .c = c, .server = argc > 0 ? argv[0] : c->args.server };
	int status = -1;

	w.finds = finds_new(show_line, &w);
	if (progress_run_finds(c, work, &w, w.finds, e) == 0) {
		printer_say(c->out, "%u ok, %u warning%s, %u failure%s", w.count[DOCTOR_OK],
		    w.count[DOCTOR_WARN], w.count[DOCTOR_WARN] == 1 ? "" : "s", w.count[DOCTOR_FAIL],
		    w.count[DOCTOR_FAIL] == 1 ? "" : "s");
		printer_row(c->out, "summary");
		printer_number(c->out, "ok", w.count[DOCTOR_OK]);
		printer_number(c->out, "warnings", w.count[DOCTOR_WARN]);
		printer_number(c->out, "failures", w.count[DOCTOR_FAIL]);
		printer_row_end(c->out);
		status = w.count[DOCTOR_FAIL] > 0 ? 2 : w.count[DOCTOR_WARN] > 0 ? 1 : 0;
	}
	finds_free(w.finds);
	return status;
}

const struct cli_verb verb_doctor = {
	.name = "doctor",
	.usage = { "[SERVER]" },
	.purpose = "say what would go wrong, before it does",
	.about = "Looks at the configuration, the version and layout of Cyrus, its programs,\n"
	         "spool and databases, locks, the IMAP login, the stores and what interrupted\n"
	         "runs left. Changes nothing. One line each: ok, warn or FAIL, and what to do.\n",
	.least = 0,
	.most = 1,
	.exits = exits,
	.examples = {
	    { "After installation, and whenever something is odd", "cyrvault doctor" },
	    { "Only what is not well", "cyrvault doctor | grep -v ^ok" },
	},
	.run = run,
};
