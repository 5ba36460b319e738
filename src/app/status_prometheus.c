/* status_prometheus.c: the status in the text format of Prometheus. */
#include <string.h>

#include "app/status.h"

static void put_label(struct buf *b, const char *name, const char *value)
{
	buf_printf(b, "%s=\"", name);
	for (; *value != '\0'; value++) {
		if (*value == '\n')
			buf_str(b, "\\n");
		else if (*value == '"' || *value == '\\')
			buf_printf(b, "\\%c", *value);
		else
			buf_char(b, *value);
	}
	buf_char(b, '"');
}

static void put_head(struct buf *b, const char *name, const char *help)
{
	buf_printf(b, "# HELP cyrvault_%s %s\n# TYPE cyrvault_%s gauge\n", name, help, name);
}

static void put(struct buf *b, const char *name, const char *label, const char *of, int64_t value)
{
	buf_printf(b, "cyrvault_%s{", name);
	put_label(b, label, of);
	buf_printf(b, "} %lld\n", (long long)value);
}

/* One figure of each server; false: that one has none. */
struct figure {
	const char *name, *help;
	bool (*get)(const struct app_status_server *s, int64_t *ret);
};

#define FIGURE(name, known, value)                                              \
	static bool get_##name(const struct app_status_server *s, int64_t *ret) \
	{                                                                       \
		*ret = (int64_t)(value);                                        \
		return known;                                                   \
	}
FIGURE(status, true, s->level)
FIGURE(last_success, s->archive != NULL, s->archive_when)
FIGURE(verified_all, s->archive != NULL, s->verified_all)
FIGURE(bytes, s->archive != NULL, s->archive_bytes)
FIGURE(messages, s->archive != NULL, s->archive_messages)
FIGURE(mailboxes, s->archive != NULL, s->archive_mailboxes)
FIGURE(run_begun, s->has_run, s->last_run.begun)
FIGURE(run_status, s->has_run && s->last_run.ended != 0, s->last_run.exit_status)
FIGURE(run_ok, s->has_run && s->last_run.outcome != RUN_RUNNING,
    s->last_run.outcome == RUN_OK || s->last_run.outcome == RUN_FINDINGS)
FIGURE(run_ms, s->has_run && s->last_run.ended != 0, s->last_run.elapsed_ms)
FIGURE(pause, s->has_run && s->last_run.ended != 0, s->last_run.pause_ms)
FIGURE(findings, s->has_run && s->last_run.ended != 0, s->last_run.n_findings)
FIGURE(failed, s->has_run, s->failed_since)
FIGURE(archives, true, s->archives)
FIGURE(live, true, s->live)
FIGURE(protected, true, s->protected_ones)
FIGURE(tape, true, s->waiting_for_tape)
FIGURE(damaged, true, s->damaged)

static const struct figure figures[] = {
	{ "status", "0 fine, 1 warning, 2 bad: as cyrvault status exits.", get_status },
	{ "last_success_timestamp_seconds", "When the newest verified archive was taken.", get_last_success },
	{ "last_success_verified_all", "Whether all of it was read back.", get_verified_all },
	{ "last_success_size_bytes", "Its size.", get_bytes },
	{ "last_success_messages", "Its messages.", get_messages },
	{ "last_success_mailboxes", "Its mailboxes.", get_mailboxes },
	{ "last_run_timestamp_seconds", "When the last backup began.", get_run_begun },
	{ "last_run_success", "Whether the last backup stored an archive.", get_run_ok },
	{ "last_run_exit_status", "The exit status of the last backup.", get_run_status },
	{ "last_run_duration_milliseconds", "How long the last backup took.", get_run_ms },
	{ "last_run_pause_milliseconds", "How long Cyrus, or any user of it, was held still.", get_pause },
	{ "last_run_findings", "What the last backup found wrong in the mail spool.", get_findings },
	{ "failed_runs", "Backups that failed since the last one that did not.", get_failed },
	{ "archives", "Archives that are known and not gone.", get_archives },
	{ "archives_live", "Of them the newest verified ones, which always stay.", get_live },
	{ "archives_protected", "Of them those that are protected.", get_protected },
	{ "archives_waiting_for_tape", "Of them those that wait for tape.", get_tape },
	{ "archives_damaged", "Of them those that are damaged.", get_damaged },
};

void app_status_prometheus(const struct app_status *s, struct buf *b)
{
	int64_t value;

	for (size_t f = 0; f < sizeof figures / sizeof figures[0]; f++) {
		put_head(b, figures[f].name, figures[f].help);
		for (size_t i = 0; i < s->n_servers; i++)
			if (figures[f].get(&s->servers[i], &value))
				put(b, figures[f].name, "server", s->servers[i].server, value);
	}
	put_head(b, "store_reachable", "Whether the store, on this host, is there.");
	for (size_t i = 0; i < s->n_stores; i++)
		if (s->stores[i].known)
			put(b, "store_reachable", "store", s->stores[i].store, s->stores[i].reachable);
	put_head(b, "store_free_bytes", "Room in the store; of one elsewhere, after the last backup.");
	for (size_t i = 0; i < s->n_stores; i++)
		if (s->stores[i].free_bytes >= 0)
			put(b, "store_free_bytes", "store", s->stores[i].store, s->stores[i].free_bytes);
	put_head(b, "status_timestamp_seconds", "When this was written.");
	buf_printf(b, "cyrvault_status_timestamp_seconds %lld\n", (long long)s->now);
}
