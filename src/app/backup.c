/* backup.c: a backup with all that belongs to a nightly one: lock, hooks, catalogue, rotation, the record of the run, notices. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/app_impl.h"
#include "app/archives.h"
#include "app/catalogue_impl.h"
#include "app/hook.h"
#include "app/lock.h"
#include "app/prune_impl.h"
#include "app/runs_impl.h"
#include "app/sequence.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"

struct session {
	struct app *app;
	const struct conf_server *conf;
	const struct conf_store *place; /* NULL: not found */
	struct server *server;
	struct store *store;
	const struct backup_opts *opts;
	struct job *job;
	struct backup_result *ret;
	struct app_run run;
	bool recorded;
	char **warnings; /* what went wrong beside the archive */
	size_t n_warnings;
};

/* The first store that the server's "stores" names. */
static const struct conf_store *store_of_server(
    const struct app *app, const struct conf_server *c, struct err *e)
{
	const struct conf_store *ret;
	char *first = NULL;

	if (c->stores != NULL) {
		const char *s = c->stores + strspn(c->stores, " ,\t");

		first = mem_strndup(s, strcspn(s, " ,\t"));
	}
	ret = conf_find_store(app->conf, first, e);
	free(first);
	return ret;
}

static void warn(struct session *s, const char *what, const struct err *e)
{
	log_write(LOG_LEVEL_WARNING, "backup of %s: %s: %s", s->conf->name, what, e->msg);
	s->warnings = mem_resize(s->warnings, s->n_warnings + 1, sizeof(char *));
	s->warnings[s->n_warnings++] = mem_printf("%s: %s", what, e->msg);
}

/* ---- the record of the run ---- */

static void record_begin(struct session *s)
{
	struct err e;

	s->run = (struct app_run){ .begun = clock_now(),
		.pid = getpid(),
		.store_free = -1,
		.store = mem_strdup(s->place != NULL ? s->place->name : NULL) };
	s->recorded = runs_begin(s->app->conf->state_directory, s->conf->name, &s->run, &e) == 0;
	if (!s->recorded)
		warn(s, "record of the run", &e);
}

static int status_of(const struct session *s, int rc, const struct err *e)
{
	if (rc == -1)
		return err_exit_status(e->code);
	return s->ret->n_findings > 0 || s->n_warnings > 0 ? 1 : 0;
}

static void record_end(struct session *s, int rc, const struct err *why)
{
	const struct backup_result *r = s->ret;
	struct app_run *run = &s->run;
	struct err e;
	uint64_t room;

	run->ended = clock_now();
	run->exit_status = status_of(s, rc, why);
	run->outcome = rc == 0                      ? (run->exit_status == 0 ? RUN_OK : RUN_FINDINGS)
	               : why->code == ERR_CANCELLED ? RUN_CANCELLED
	                                            : RUN_FAILED;
	run->archive = mem_strdup(r->archive);
	run->error = rc == -1 ? mem_strdup(why->msg) : NULL;
	run->next = rc == -1 && why->hint[0] != '\0' ? mem_strdup(why->hint) : NULL;
	run->warnings = mem_array(s->n_warnings + 1, sizeof(char *));
	for (; run->n_warnings < s->n_warnings; run->n_warnings++)
		run->warnings[run->n_warnings] = mem_strdup(s->warnings[run->n_warnings]);
	run->quiesce = mem_strdup(r->quiesce);
	run->quiesce_why = mem_strdup(r->quiesce_why);
	run->pause_ms = r->pause_ms != 0 ? r->pause_ms : r->longest_hold_ms;
	run->snapshot = mem_strdup(r->snapshot.kind);
	run->tries = r->tries;
	run->verified_all = s->opts->verify_all;
	run->mailboxes = r->mailboxes;
	run->messages = r->messages;
	run->users = r->users;
	run->files = r->files;
	run->plain_bytes = r->plain_bytes;
	run->stored_bytes = r->stored_bytes;
	run->elapsed_ms = r->elapsed_ms;
	run->n_findings = r->n_findings;
	memcpy(run->by_kind, r->by_kind, sizeof run->by_kind);
	run->removed = r->removed;
	if (s->store != NULL && !job_cancelled(s->job, NULL) && store_room(s->store, &room, NULL) == 0)
		run->store_free = room < INT64_MAX ? (int64_t)room : INT64_MAX;
	if (s->recorded && runs_end(s->app->conf->state_directory, s->conf->name, run, &e) == -1)
		log_write(LOG_LEVEL_WARNING, "record of the run: %s", e.msg);
}

/* ---- hooks and notices ---- */

/* A job that was called off still gets its "after". */
static int run_hook(
    struct session *s, const char *when, const char *path, int status, const struct err *why, struct err *e)
{
	struct hook_facts f = { .when = when,
		.server = s->conf->name,
		.store = s->place != NULL ? s->place->name : NULL,
		.status = status,
		.why = why,
		.result = status >= 0 ? s->ret : NULL };

	if (path == NULL)
		return 0;
	job_step(s->job, "program %s", path);
	return hook_run(path, &f, job_cancelled(s->job, NULL) ? NULL : s->job, e);
}

static void tell(struct session *s, int rc, const struct err *why, bool was_bad)
{
	struct hook_facts f = { .when = rc == -1 ? "failed" : "recovered",
		.server = s->conf->name,
		.store = s->place != NULL ? s->place->name : NULL,
		.status = status_of(s, rc, why),
		.why = rc == -1 ? why : NULL,
		.result = s->ret };
	struct err e;

	if ((rc == 0 && !was_bad) || (rc == -1 && why->code == ERR_CANCELLED))
		return;
	if (hook_notify(&s->app->conf->notify, &f, &e) == -1)
		warn(s, "notice", &e);
}

/* ---- the stages ---- */

static void after_stored(struct session *s)
{
	struct err e;

	if (s->opts->news != NULL)
		s->opts->news(s->opts->news_arg, &(struct backup_news){ .stage = BACKUP_ROTATE,
						     .snapshot = &s->ret->snapshot,
						     .tries = s->ret->tries,
						     .findings = s->ret->n_findings });
	if (archives_store_used(s->app, s->place, &e) == -1)
		log_write(LOG_LEVEL_WARNING, "%s", e.msg);
	known_fill_new(s->app, s->place, s->store, s->ret->archive, s->job);
}

static void rotate(struct session *s)
{
	struct app_pruned done = { 0 };
	struct err e;

	if (!s->place->keeps || job_cancelled(s->job, NULL))
		return;
	job_step(s->job, "rotation of %s", s->place->name);
	if (prune_rotate(s->app, s->place, s->conf->name, s->job, &done, &e) == -1)
		warn(s, "rotation", &e);
	s->ret->removed = done.removed;
	if (done.removed > 0)
		log_write(
		    LOG_LEVEL_INFO, "rotation of %s: %zu archives removed", s->place->name, done.removed);
}

/* With the server's lock; the archive is stored, or not. */
static int take(struct session *s, struct err *e)
{
	struct backup_opts opts = *s->opts;
	struct err why;
	int rc = -1;

	if (run_hook(s, "before", s->conf->before, -1, NULL, e) == -1) {
		err_wrap(e, "no backup was taken: the program before it");
		e->code = e->code == ERR_CANCELLED ? ERR_CANCELLED : ERR_TOOL;
	} else if (server_open(s->conf, &s->server, e) == 0 &&
		   app_store_open(s->app, s->place, true, s->job, &s->store, e) == 0) {
		opts.sequence = sequence_next(s->app, s->conf->name, s->place, s->store, s->job);
		s->run.sequence = opts.sequence;
		rc = backup_run(s->server, s->conf, s->store, &opts, s->job, s->ret, e);
	}
	if (rc == 0)
		after_stored(s);
	if (run_hook(s, "after", s->conf->after, status_of(s, rc, e), rc == -1 ? e : NULL, &why) == -1)
		warn(s, "the program after it", &why);
	if (rc == 0)
		rotate(s);
	return rc;
}

static int dry_run(struct session *s, struct err *e)
{
	if (server_open(s->conf, &s->server, e) == -1)
		return -1;
	return backup_run(s->server, s->conf, NULL, s->opts, s->job, s->ret, e);
}

/* The run that ended last, before this one: it may have been tried while this one ran. */
static bool last_was_bad(const struct session *s)
{
	struct app_runs l;
	struct err e;
	bool ret;

	if (app_runs(s->app, s->conf->name, &l, &e) == -1)
		log_write(LOG_LEVEL_WARNING, "%s", e.msg);
	ret = runs_last_bad(&l);
	app_runs_done(&l);
	return ret;
}

static int take_and_tell(struct session *s, struct err *e)
{
	bool was_bad;
	int lock, rc = -1;

	s->place = store_of_server(s->app, s->conf, e);
	lock = s->place != NULL ? lock_take(s->app->conf->lock_directory, s->conf->name, "backup", e) : -1;
	record_begin(s);
	if (lock != -1)
		rc = take(s, e);
	was_bad = last_was_bad(s);
	record_end(s, rc, e);
	if (lock != -1)
		close(lock);
	tell(s, rc, e, was_bad);
	return rc;
}

int app_backup(struct app *app, const char *server, const struct backup_opts *opts, struct job *job,
    struct backup_result *ret, struct err *e)
{
	struct session s = { .app = app,
		.conf = conf_find_server(app->conf, server, e),
		.opts = opts,
		.job = job,
		.ret = ret };
	struct err why = { 0 };
	int rc;

	*ret = (struct backup_result){ 0 };
	if (s.conf == NULL)
		return -1;
	rc = opts->dry_run ? dry_run(&s, &why) : take_and_tell(&s, &why);
	store_free(s.store);
	server_free(s.server);
	app_run_done(&s.run);
	ret->warnings = s.warnings;
	ret->n_warnings = s.n_warnings;
	if (rc == -1 && e != NULL)
		*e = why;
	return rc;
}

int app_backup_look(
    struct app *app, const char *server, struct job *job, struct backup_outlook *ret, struct err *e)
{
	const struct conf_server *c = conf_find_server(app->conf, server, e);
	struct server *s = NULL;
	int rc = -1;

	*ret = (struct backup_outlook){ 0 };
	if (c != NULL && server_open(c, &s, e) == 0)
		rc = backup_look(s, c, job, ret, e);
	server_free(s);
	return rc;
}
