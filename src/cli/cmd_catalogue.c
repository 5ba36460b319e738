/* cmd_catalogue.c: cyrvault catalogue. */
#include "app/catalogue.h"
#include "cli/progress.h"
#include "cli/verbs.h"

#include <string.h>

#include "core/clock.h"
#include "core/str.h"

static const struct cli_exit exits[] = {
	{ 0, "done" },
	{ 1, "an archive could not be taken in, or a store is away (said on stderr)" },
	{ 10, "forget: it knows no such archive" },
	{ 11, "another process writes it" },
	{ 0, NULL },
};

struct work {
	struct cli *c;
	const char *archive;
	bool rebuild;
	struct app_catalogue_result result;
};

static int update(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;

	return app_catalogue_update(w->c->app, w->rebuild, job, &w->result, e);
}

static int forget(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;

	return app_catalogue_forget(w->c->app, w->archive, job, e);
}

static int run_update(struct cli *c, bool rebuild, struct err *e)
{
	struct work w = { .c = c, .rebuild = rebuild };
	const struct app_catalogue_result *r = &w.result;
	char n[40], all[40];
	int status = -1;

	if (progress_run(c, update, &w, e) == 0) {
		printer_line(c->out, "%s taken in, of %s; messages of %zu",
		    str_count(n, sizeof n, r->filled, "archive", "archives"),
		    str_count(all, sizeof all, r->archives, "archive", "archives"), r->messages_filled);
		if (r->messages_why != NULL)
			printer_warn(c->out, "messages could not be taken in: %s", r->messages_why);
		if (r->unreadable > 0)
			printer_warn(c->out, "%s could not be taken in: %s",
			    str_count(n, sizeof n, r->unreadable, "archive", "archives"), r->why);
		if (r->away > 0)
			printer_warn(c->out, "%s away: cyrvault archives tells why",
			    str_count(n, sizeof n, r->away, "store is", "stores are"));
		printer_row(c->out, "summary");
		printer_number(c->out, "archives", r->archives);
		printer_number(c->out, "filled", r->filled);
		printer_number(c->out, "messages_filled", r->messages_filled);
		printer_number(c->out, "unreadable", r->unreadable);
		printer_number(c->out, "gone", r->gone);
		printer_number(c->out, "unreachable_stores", r->away);
		printer_row_end(c->out);
		status = r->unreadable > 0 || r->away > 0 || r->messages_why != NULL ? 1 : 0;
	}
	app_catalogue_result_done(&w.result);
	return status;
}

static int run_status(struct cli *c, struct err *e)
{
	struct catalogue_status s;
	char size[16], when[32];

	if (catalogue_status(app_catalogue(c->app), &s, e) == -1)
		return -1;
	if (s.there)
		printer_line(c->out,
		    "%zu archives known, the mailboxes of %zu; %zu are gone from their stores; %s, last "
		    "changed %s%s",
		    s.archives, s.filled, s.gone, str_size(size, sizeof size, s.size_bytes),
		    clock_local(when, sizeof when, s.changed), s.writing ? "; it is being written" : "");
	else
		printer_line(c->out, "there is none yet; cyrvault catalogue update makes it");
	if (s.moved_aside[0] != '\0')
		printer_say(c->out, "one that was damaged lies in %s", s.moved_aside);
	printer_row(c->out, "summary");
	printer_bool(c->out, "there", s.there);
	printer_number(c->out, "archives", s.archives);
	printer_number(c->out, "filled", s.filled);
	printer_number(c->out, "gone", s.gone);
	printer_size(c->out, "size_bytes", s.size_bytes);
	if (s.changed != 0)
		printer_time(c->out, "changed", s.changed);
	printer_bool(c->out, "writing", s.writing);
	printer_string(c->out, "moved_aside", s.moved_aside[0] != '\0' ? s.moved_aside : NULL);
	printer_row_end(c->out);
	return 0;
}

static int run_forget(struct cli *c, const char *archive, struct err *e)
{
	struct work w = { .c = c, .archive = archive };

	if (progress_run(c, forget, &w, e) == -1)
		return -1;
	printer_say(c->out, "the catalogue has forgotten %s", archive);
	printer_row(c->out, "summary");
	printer_string(c->out, "forgotten", archive);
	printer_row_end(c->out);
	return 0;
}

static int run(struct cli *c, int argc, char **argv, struct err *e)
{
	const char *what = argc > 0 ? argv[0] : "status";

	if (strcmp(what, "forget") == 0 && argc == 2)
		return run_forget(c, argv[1], e);
	if (strcmp(what, "status") == 0 && argc <= 1)
		return run_status(c, e);
	if (strcmp(what, "update") == 0 && argc == 1)
		return run_update(c, false, e);
	if (strcmp(what, "rebuild") == 0 && argc == 1)
		return run_update(c, true, e);
	err_set(e, ERR_USAGE, "cyrvault catalogue takes status, update, rebuild, or forget ARCHIVE");
	return err_hint(e, "cyrvault help catalogue");
}

const struct cli_verb verb_catalogue = {
	.name = "catalogue",
	.usage = { "[status]", "update|rebuild", "forget ARCHIVE" },
	.purpose = "what is remembered of all archives",
	.about = "The catalogue remembers what every known archive holds, so that lists come at\n"
	         "once, and also while a store is away. Each backup adds itself; \"update\" takes\n"
	         "in all that is not known yet (an archive that something else made is read once\n"
	         "from front to end), \"rebuild\" begins with nothing. It is a cache, in the\n"
	         "directory \"catalogue\" of the state directory, and may be deleted at any time.\n"
	         "Archives that are gone from their store stay known, until \"forget\".\n",
	.least = 0,
	.most = 2,
	.exits = exits,
	.examples = {
	    { "Take in all archives, the first time", "cyrvault catalogue update" },
	    { "An archive that was deleted for good", "cyrvault catalogue forget mail1-20251122T010203Z.cpio.gz" },
	},
	.run = run,
};
