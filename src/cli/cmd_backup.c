/* cmd_backup.c: cyrvault backup. */
#include "cli/progress.h"
#include "cli/verbs.h"

#include <string.h>

#include "core/str.h"

static const struct cli_option options[] = {
	{ "verify", 0, OPTION_FLAG, offsetof(struct cli_args, verify), NULL,
	    "read the whole archive back and check it" },
	{ "level", 0, OPTION_TEXT, offsetof(struct cli_args, level), "default|fast|store",
	    "how hard to compress" },
	{ "threads", 0, OPTION_TEXT, offsetof(struct cli_args, threads), "N",
	    "compressors; as many as processors" },
	{ 0 },
};

static const struct cli_exit exits[] = {
	{ 0, "the archive is there, and nothing is wrong with the mailboxes" },
	{ 1, "the archive is there, but the mail spool, a hook or rotation is not well" },
	{ 14, "there is not enough space in the store" },
	{ 0, NULL },
};

struct work {
	struct cli *c;
	const char *server;
	struct backup_opts opts;
	struct backup_result result;
};

static int work(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;

	return app_backup(w->c->app, w->server, &w->opts, job, &w->result, e);
}

static int set_options(struct work *w, struct err *e)
{
	const struct cli_args *a = &w->c->args;
	uint64_t threads = 0;

	w->opts.dry_run = a->dry_run;
	w->opts.verify_all = a->verify;
	if (a->level != NULL && strcmp(a->level, "fast") == 0)
		w->opts.level = LEVEL_FAST;
	else if (a->level != NULL && strcmp(a->level, "store") == 0)
		w->opts.level = LEVEL_STORE;
	if (a->threads != NULL && (str_u64(a->threads, 256, &threads) == -1 || threads == 0))
		return err_set(e, ERR_USAGE, "--threads=%s: a number from 1 to 256 is needed", a->threads);
	w->opts.threads = (unsigned)threads;
	return 0;
}

static void print_findings(struct printer *out, const struct backup_result *r)
{
	for (size_t i = 0; i < r->n_kept; i++) {
		const struct backup_finding *f = &r->findings[i];

		if (printer_is_json(out)) {
			printer_row(out, "finding");
			printer_string(out, "kind", finding_kind_name(f->kind));
			printer_string(out, "mailbox", f->mailbox[0] != '\0' ? f->mailbox : NULL);
			printer_string(out, "what", f->what);
			printer_row_end(out);
		} else if (f->mailbox[0] != '\0') {
			printer_warn(out, "%s: %s", f->mailbox, f->what);
		} else {
			printer_warn(out, "%s", f->what);
		}
	}
	if (r->n_findings > r->n_kept)
		printer_warn(out, "and %llu findings more", (unsigned long long)(r->n_findings - r->n_kept));
}

static void print_volumes(struct printer *out, const struct snapshot_facts *f)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct snapshot_volume *v = &f->volumes[i];

		printer_row(out, "volume");
		printer_string(out, "origin", v->origin);
		printer_string(out, "name", v->name);
		printer_string(out, "fs", v->fs);
		printer_string(out, "mounted_on", v->mounted_on);
		printer_bool(out, "thin", v->thin);
		printer_size(out, "origin_bytes", v->origin_bytes);
		printer_size(out, "size_bytes", v->size_bytes);
		printer_size(out, "free_bytes", v->free_bytes);
		printer_number(out, "fill_permille", v->fill_permille);
		printer_number(out, "extended", v->extended);
		printer_row_end(out);
	}
}

static void print_summary_json(struct printer *out, const struct backup_result *r, bool dry_run)
{
	printer_row(out, "summary");
	printer_string(out, "archive", r->archive);
	printer_string(out, "store", r->store);
	printer_bool(out, "dry_run", dry_run);
	printer_number(out, "mailboxes", r->mailboxes);
	printer_number(out, "messages", r->messages);
	printer_number(out, "users", r->users);
	printer_number(out, "files", r->files);
	printer_size(out, "plain_bytes", r->plain_bytes);
	printer_size(out, "stored_bytes", r->stored_bytes);
	printer_size(out, "index_bytes", r->index_bytes);
	printer_string(out, "snapshot", r->snapshot.kind);
	printer_string(out, "snapshot_why", r->snapshot.why_not);
	printer_number(out, "snapshot_ms", r->snapshot.taken_ms);
	printer_number(out, "tries", r->tries);
	printer_string(out, "quiesce", r->quiesce);
	printer_string(out, "quiesce_why", r->quiesce_why);
	printer_number(out, "pause_ms", r->pause_ms);
	printer_number(out, "holds", r->holds);
	printer_number(out, "longest_hold_ms", r->longest_hold_ms);
	printer_number(out, "total_hold_ms", r->total_hold_ms);
	printer_number(out, "elapsed_ms", r->elapsed_ms);
	printer_number(out, "findings", r->n_findings);
	printer_number(out, "removed", r->removed);
	printer_row_end(out);
}

/* A snapshot of btrfs has no room of its own to fill. */
static void print_fill(struct printer *out, const char *kind, const struct snapshot_volume *v)
{
	if (v->size_bytes > 0 || v->thin)
		printer_say(out, "%s snapshot of %s on %s, filled to %u.%u %%%s", kind, v->origin,
		    v->mounted_on, v->fill_permille / 10, v->fill_permille % 10,
		    v->thin ? " of its pool" : "");
	else
		printer_say(out, "%s snapshot of %s on %s", kind, v->origin, v->mounted_on);
}

static void print_moment(struct printer *out, const struct backup_result *r, bool dry_run)
{
	const struct snapshot_facts *f = &r->snapshot;

	if (f->why_not != NULL)
		printer_say(out, "no snapshot, the live files are read: %s", f->why_not);
	for (size_t i = 0; i < f->n; i++) {
		const struct snapshot_volume *v = &f->volumes[i];
		char room[16];

		str_size(room, sizeof room, v->size_bytes);
		if (dry_run)
			printer_say(out, "would take a%s %s snapshot of %s on %s%s%s", v->thin ? " thin" : "",
			    f->kind, v->origin, v->mounted_on, v->size_bytes > 0 ? ", with room for " : "",
			    v->size_bytes > 0 ? room : "");
		else
			print_fill(out, f->kind, v);
	}
	if (r->tries > 0)
		printer_say(out, "Cyrus stood still for %llu ms (level %s)", (unsigned long long)r->pause_ms,
		    r->quiesce);
	else if (r->quiesce != NULL)
		printer_say(out, "held still: level %s, %llu times, longest %llu ms", r->quiesce,
		    (unsigned long long)r->holds, (unsigned long long)r->longest_hold_ms);
}

static void print_summary(struct printer *out, const struct backup_result *r, bool dry_run)
{
	char plain[16], stored[16], rate[16], boxes[40], messages[40];
	double seconds = (double)r->elapsed_ms / 1000;

	str_count(boxes, sizeof boxes, r->mailboxes, "mailbox", "mailboxes");
	str_count(messages, sizeof messages, r->messages, "message", "messages");
	str_size(plain, sizeof plain, r->plain_bytes);
	str_size(stored, sizeof stored, r->stored_bytes);
	str_size(rate, sizeof rate, seconds > 0 ? (uint64_t)((double)r->plain_bytes / seconds) : 0);
	if (dry_run)
		printer_say(out, "would back up %s, %s, %s", boxes, messages, plain);
	else if (r->stored_bytes > 0)
		printer_say(out, "%s, %s, %s in %s (%.1f : 1), %.2f s, %s/s", boxes, messages, plain, stored,
		    (double)r->plain_bytes / (double)r->stored_bytes, seconds, rate);
	print_moment(out, r, dry_run);
	if (!dry_run && r->store != NULL)
		printer_say(out, "stored in %s", r->store);
	if (r->removed > 0)
		printer_say(out, "%s",
		    str_count(
			boxes, sizeof boxes, r->removed, "older archive removed", "older archives removed"));
	if (r->n_findings > 0)
		printer_say(out, "%s, listed above%s",
		    str_count(boxes, sizeof boxes, r->n_findings, "finding", "findings"),
		    dry_run ? "" : " and in the archive's report");
}

static int run(struct cli *c, int argc, char **argv, struct err *e)
{
	struct work w = { .c = c, .server = argc > 0 ? argv[0] : c->args.server };
	int status = -1, rc;

	if (set_options(&w, e) == -1)
		return -1;
	rc = progress_run(c, work, &w, e);
	for (size_t i = 0; i < w.result.n_warnings; i++)
		printer_warn(c->out, "%s", w.result.warnings[i]);
	if (rc == -1)
		goto out;
	print_findings(c->out, &w.result);
	if (printer_is_json(c->out)) {
		print_volumes(c->out, &w.result.snapshot);
		print_summary_json(c->out, &w.result, c->args.dry_run);
	} else {
		print_summary(c->out, &w.result, c->args.dry_run);
	}
	if (w.result.archive != NULL)
		printer_line(c->out, "%s", w.result.archive);
	status = w.result.n_findings > 0 || w.result.n_warnings > 0 ? 1 : 0;
out:
	backup_result_done(&w.result);
	return status;
}

const struct cli_verb verb_backup = {
	.name = "backup",
	.usage = { "[SERVER]" },
	.purpose = "take a backup of the running server",
	.about = "Holds Cyrus still for an instant, takes a snapshot of its volumes (LVM, btrfs),\n"
	         "lets Cyrus go on, and packs mailboxes, flags, seen state, subscriptions and\n"
	         "configuration out of the snapshot into one archive, which is checked. Where no\n"
	         "snapshot can be had, each user is held still in turn while his mail is read.\n"
	         "Cyrus keeps running: mail that arrives meanwhile waits, none is refused.\n"
	         "The archive's name goes to stdout, nothing else. An archive appears in its\n"
	         "store only when it is whole.\n"
	         "With -n the spool is looked at and checked, but nothing is written.\n",
	.least = 0,
	.most = 1,
	.options = options,
	.exits = exits,
	.examples = {
	    { "Back up the first configured server", "cyrvault backup" },
	    { "Every night from cron, checked to the last byte, silent if all is well", "cyrvault -q backup --verify >/dev/null" },
	},
	.run = run,
};
