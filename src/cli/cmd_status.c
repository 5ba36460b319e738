/* cmd_status.c: cyrvault status. */
#include "app/status.h"
#include "cli/verbs.h"

#include <string.h>

#include "core/clock.h"
#include "core/str.h"

static const struct cli_option options[] = {
	{ "max-age", 0, OPTION_TEXT, offsetof(struct cli_args, max_age), "TIME",
	    "how old the newest verified archive may be; 26h" },
	{ "prometheus", 0, OPTION_FLAG, offsetof(struct cli_args, prometheus), NULL,
	    "in the text format of Prometheus" },
	{ 0 },
};

static const struct cli_exit exits[] = {
	{ 0, "there is a recent verified archive, and nothing to look at" },
	{ 1, "there is one, but there are warnings (listed)" },
	{ 2, "there is none that is recent enough, or the last backup failed" },
	{ 0, NULL },
};

static const enum printer_tone tones[] = { TONE_GOOD, TONE_WARN, TONE_BAD };

/* ---- JSON ---- */

static void print_run_json(struct printer *out, const struct app_status_server *s)
{
	const struct app_run *r = &s->last_run;

	printer_row(out, "run");
	printer_string(out, "server", s->server);
	printer_string(out, "outcome", run_outcome_name(r->outcome));
	printer_number(out, "begun", (uint64_t)r->begun);
	printer_number(out, "ended", (uint64_t)r->ended);
	printer_number(out, "exit_status", (uint64_t)r->exit_status);
	printer_string(out, "archive", r->archive);
	printer_string(out, "store", r->store);
	printer_number(out, "sequence", r->sequence);
	printer_string(out, "error", r->error);
	printer_string(out, "next", r->next);
	printer_string(out, "quiesce", r->quiesce);
	printer_number(out, "pause_ms", r->pause_ms);
	printer_string(out, "snapshot", r->snapshot);
	printer_number(out, "mailboxes", r->mailboxes);
	printer_number(out, "messages", r->messages);
	printer_number(out, "plain_bytes", r->plain_bytes);
	printer_number(out, "stored_bytes", r->stored_bytes);
	printer_number(out, "elapsed_ms", r->elapsed_ms);
	printer_number(out, "findings", r->n_findings);
	for (int k = 0; k < FINDING_KINDS; k++)
		if (r->by_kind[k] > 0) {
			char key[64] = "findings_";

			strncat(key, finding_kind_name((enum finding_kind)k), sizeof key - strlen(key) - 1);
			printer_number(out, key, r->by_kind[k]);
		}
	printer_number(out, "removed", r->removed);
	printer_row_end(out);
}

static void print_notes_json(struct printer *out, const struct app_status_server *s)
{
	for (size_t i = 0; i < s->n_notes; i++) {
		printer_row(out, "note");
		printer_string(out, "server", s->server);
		printer_string(out, "level", status_level_word(s->notes[i].level));
		printer_string(out, "what", s->notes[i].what);
		printer_string(out, "next", s->notes[i].next[0] != '\0' ? s->notes[i].next : NULL);
		printer_row_end(out);
	}
}

static void print_server_json(struct printer *out, const struct app_status_server *s)
{
	printer_row(out, "server");
	printer_string(out, "server", s->server);
	printer_bool(out, "configured", s->configured);
	printer_string(out, "status", status_level_word(s->level));
	printer_string(out, "archive", s->archive);
	printer_string(out, "store", s->archive_store);
	if (s->archive != NULL)
		printer_time(out, "when", s->archive_when);
	else
		printer_string(out, "when", NULL);
	if (s->age_seconds >= 0)
		printer_number(out, "age_seconds", (uint64_t)s->age_seconds);
	else
		printer_string(out, "age_seconds", NULL);
	printer_bool(out, "findings", s->findings);
	printer_bool(out, "verified_all", s->verified_all);
	printer_number(out, "size_bytes", s->archive_bytes);
	printer_number(out, "messages", s->archive_messages);
	printer_number(out, "mailboxes", s->archive_mailboxes);
	printer_number(out, "failed_runs", s->failed_since);
	printer_number(out, "archives", s->archives);
	printer_number(out, "live", s->live);
	printer_number(out, "protected", s->protected_ones);
	printer_number(out, "waiting_for_tape", s->waiting_for_tape);
	printer_number(out, "damaged", s->damaged);
	printer_row_end(out);
	if (s->has_run)
		print_run_json(out, s);
	print_notes_json(out, s);
}

static void print_store_json(struct printer *out, const struct app_status_store *s)
{
	printer_row(out, "store");
	printer_string(out, "store", s->store);
	printer_string(out, "url", s->url);
	if (s->known)
		printer_bool(out, "reachable", s->reachable);
	else
		printer_string(out, "reachable", NULL);
	if (s->free_bytes >= 0)
		printer_number(out, "free_bytes", (uint64_t)s->free_bytes);
	else
		printer_string(out, "free_bytes", NULL);
	printer_row_end(out);
}

/* ---- text ---- */

static void print_archive(struct printer *out, const struct app_status_server *s)
{
	char when[32], age[16] = "?", size[16];

	if (s->archive == NULL)
		return;
	if (s->age_seconds >= 0)
		clock_age(age, sizeof age, s->age_seconds);
	printer_line(out, "  newest:   %s, %s (%s ago), %s, %llu messages%s%s", s->archive,
	    clock_local(when, sizeof when, s->archive_when), age,
	    str_size(size, sizeof size, s->archive_bytes), (unsigned long long)s->archive_messages,
	    s->verified_all ? ", verified to the last byte" : ", verified",
	    s->findings ? ", with findings" : "");
}

static void print_run(struct printer *out, const struct app_status_server *s)
{
	const struct app_run *r = &s->last_run;
	char when[32], boxes[40] = "", removed[64] = "";

	if (!s->has_run)
		return;
	if (r->n_findings > 0)
		str_count(boxes, sizeof boxes, r->n_findings, "finding", "findings");
	if (r->removed > 0)
		str_count(
		    removed, sizeof removed, r->removed, "older archive removed", "older archives removed");
	printer_line(out, "  last run: %s, %s%s%s%s%s", clock_local(when, sizeof when, r->begun),
	    r->outcome == RUN_FINDINGS ? "done" : run_outcome_words(r->outcome), boxes[0] != '\0' ? ", " : "",
	    boxes, removed[0] != '\0' ? ", " : "", removed);
	for (int k = 0; k < FINDING_KINDS; k++)
		if (r->by_kind[k] > 0)
			printer_line(out, "            %llu: %s", (unsigned long long)r->by_kind[k],
			    finding_kind_words((enum finding_kind)k));
	if (s->failed_since > 0)
		printer_line(
		    out, "  failed:   %llu since the last that did not", (unsigned long long)s->failed_since);
}

static void print_server(struct printer *out, const struct app_status_server *s)
{
	printer_toned(out, tones[s->level], status_level_word(s->level), ": %s", s->server);
	print_archive(out, s);
	print_run(out, s);
	printer_line(out,
	    "  archives: %zu, %zu of them live, %zu protected, %zu waiting for tape, %zu damaged",
	    s->archives, s->live, s->protected_ones, s->waiting_for_tape, s->damaged);
	for (size_t i = 0; i < s->n_notes; i++) {
		printer_toned(out, tones[s->notes[i].level], status_level_word(s->notes[i].level), ": %s",
		    s->notes[i].what);
		if (s->notes[i].next[0] != '\0')
			printer_line(out, "  next: %s", s->notes[i].next);
	}
}

static void print_store(struct printer *out, const struct app_status_store *s)
{
	char size[16];

	if (s->known && !s->reachable)
		printer_toned(out, TONE_WARN, "warning", ": store %s: %s is not there", s->store, s->url);
	else if (s->free_bytes >= 0)
		printer_line(out, "store %s: %s free%s", s->store,
		    str_size(size, sizeof size, (uint64_t)s->free_bytes),
		    s->known ? "" : " after the last backup");
}

static void print_all(struct printer *out, const struct app_status *s)
{
	bool json = printer_is_json(out);

	for (size_t i = 0; i < s->n_servers; i++) {
		if (json)
			print_server_json(out, &s->servers[i]);
		else
			print_server(out, &s->servers[i]);
	}
	for (size_t i = 0; i < s->n_stores; i++) {
		if (json)
			print_store_json(out, &s->stores[i]);
		else
			print_store(out, &s->stores[i]);
	}
	printer_row(out, "summary");
	printer_string(out, "status", status_level_word(s->level));
	printer_number(out, "max_age_seconds", (uint64_t)s->max_age_seconds);
	printer_row_end(out);
}

static int run(struct cli *c, int argc, char **argv, struct err *e)
{
	struct app_status s;
	int64_t max_age = 0;
	int status = -1;

	if (c->args.max_age != NULL && app_status_age(c->args.max_age, &max_age, e) == -1)
		return -1;
	if (c->args.prometheus && c->args.json)
		return err_set(e, ERR_USAGE, "status: either --json or --prometheus, not both");
	if (app_status(c->app, argc > 0 ? argv[0] : c->args.server, max_age, &s, e) == 0) {
		status = (int)s.level;
		if (c->args.prometheus) {
			struct buf b = BUF_INIT;

			app_status_prometheus(&s, &b);
			printer_text(c->out, buf_text(&b), b.len);
			buf_done(&b);
		} else {
			print_all(c->out, &s);
		}
	}
	app_status_done(&s);
	return status;
}

const struct cli_verb verb_status = {
	.name = "status",
	.usage = { "[SERVER]" },
	.purpose = "is there a good backup, and is it recent? For monitoring",
	.about = "Says of each server which verified archive is the newest and how old it is,\n"
	         "what became of the last backup, and what to look at. It asks what this host\n"
	         "remembers, and no other host, so it is quick. A server that only archives tell\n"
	         "of is listed too, but counts only if it is named.\n"
	         "An archive whose time is in the future has no known age, and that is bad: with\n"
	         "a clock that jumps, ask for the clock first.\n",
	.least = 0,
	.most = 1,
	.options = options,
	.exits = exits,
	.examples = {
	    { "For a monitoring system that looks at exit statuses", "cyrvault status --max-age=26h" },
	    { "For node_exporter's textfile collector", "cyrvault status --prometheus >cyrvault.prom.new; mv cyrvault.prom.new cyrvault.prom" },
	},
	.run = run,
};
