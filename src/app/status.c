/* status.c: is there a good backup, and is it recent: from the catalogue, the records of runs, and the directories of this host. */
#include "app/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "app/app_impl.h"
#include "app/catalogue_impl.h"
#include "app/damage.h"
#include "app/runs_impl.h"
#include "app/tape.h"
#include "backup/retention.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"

/* Clocks of two hosts may differ by so much. */
#define CLOCK_SLACK 300

const char *status_level_word(enum status_level l)
{
	static const char *const words[] = { "fine", "warning", "bad" };

	return words[l];
}

int app_status_age(const char *text, int64_t *ret, struct err *e)
{
	static const struct {
		char letter;
		int64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 7 * 86400 } };
	size_t n = strlen(text);
	int64_t unit = 1;
	char *digits;
	uint64_t number = 0;
	int rc;

	for (size_t i = 0; n > 0 && i < sizeof units / sizeof units[0]; i++)
		if (text[n - 1] == units[i].letter)
			unit = units[i].seconds;
	if (n > 0 && (text[n - 1] < '0' || text[n - 1] > '9') && (unit != 1 || text[n - 1] == 's'))
		n--;
	digits = mem_strndup(text, n);
	rc = str_u64(digits, INT32_MAX, &number);
	free(digits);
	if (rc == -1 || number == 0)
		return err_set(e, ERR_USAGE, "%s: a time such as 26h, 90m or 2d is needed", text);
	*ret = (int64_t)number * unit;
	return 0;
}

static void note(struct app_status_server *s, enum status_level level, const char *next, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static void note(struct app_status_server *s, enum status_level level, const char *next, const char *fmt, ...)
{
	struct app_status_note n = { .level = level, .next = mem_strdup(next) };
	size_t at = 0;
	va_list ap;

	va_start(ap, fmt);
	n.what = str_safe_vprintf(fmt, ap);
	va_end(ap);
	s->notes = mem_resize(s->notes, s->n_notes + 1, sizeof *s->notes);
	while (at < s->n_notes && s->notes[at].level >= level)
		at++;
	memmove(s->notes + at + 1, s->notes + at, (s->n_notes - at) * sizeof *s->notes);
	s->notes[at] = n;
	s->n_notes++;
	if (level > s->level)
		s->level = level;
}

/* ---- archives ---- */

/* What is known, once for all servers. */
struct known {
	struct app *app;
	struct catalogue_archives list;
	struct damage damage;
};

static const struct conf_store *store_of(const struct app *app, const struct catalogue_archive *k)
{
	for (size_t i = 0; i < app->conf->n_stores; i++)
		if (strcmp(app->conf->stores[i].name, k->store) == 0 &&
		    strcmp(app->conf->stores[i].url, k->url) == 0)
			return &app->conf->stores[i];
	return NULL;
}

static struct retention_item item_of(const struct known *w, const struct catalogue_archive *k)
{
	bool damaged = damage_is_object(&w->damage, k->store, k->name, k->size_bytes, k->mtime);

	return (struct retention_item){ .server = k->server,
		.name = k->name,
		.when = k->when,
		.sequence = k->sequence,
		.foreign = k->readable && k->foreign,
		.readable = k->readable && k->state >= CATALOGUE_LOOKED,
		.verified = !damaged && (k->health == HEALTH_OK || k->health == HEALTH_FINDINGS),
		.protect = k->protected,
		.waits_for_tape = tape_waits(w->app, k->store, k->name, NULL) != 0 };
}

static bool is_newer(const struct catalogue_archive *a, const struct catalogue_archive *b)
{
	return b == NULL || (a->sequence != b->sequence ? a->sequence > b->sequence : a->when > b->when);
}

/* The archives of one server in one store. Returns the newest verified one, or ${best}. */
static const struct catalogue_archive *look_in(const struct known *w, const struct conf_store *store,
    const struct catalogue_archive *best, struct app_status_server *s)
{
	struct retention_item *items = mem_array(w->list.n + 1, sizeof *items);
	struct retention_policy policy = { .live = store->keep_live };
	size_t n = 0;

	for (size_t i = 0; i < w->list.n; i++) {
		const struct catalogue_archive *k = &w->list.list[i];

		if (k->gone || strcmp(k->server, s->server) != 0 || store_of(w->app, k) != store)
			continue;
		items[n] = item_of(w, k);
		if (items[n].verified && items[n].readable && !items[n].foreign && is_newer(k, best))
			best = k;
		s->protected_ones += items[n].protect;
		s->waiting_for_tape += items[n].waits_for_tape;
		s->damaged += !items[n].foreign &&
		              (!items[n].readable ||
				  damage_is_object(&w->damage, k->store, k->name, k->size_bytes, k->mtime));
		n++;
	}
	retention_decide(items, n, &policy);
	for (size_t i = 0; i < n; i++)
		s->live += items[i].why == RETENTION_LIVE;
	s->archives += n;
	free(items);
	return best;
}

static void look_at_archives(const struct known *w, struct app_status_server *s)
{
	const struct catalogue_archive *best = NULL;

	for (size_t i = 0; i < w->app->conf->n_stores; i++)
		best = look_in(w, &w->app->conf->stores[i], best, s);
	if (best == NULL)
		return;
	s->archive = mem_strdup(best->name);
	s->archive_store = mem_strdup(best->store);
	s->archive_when = best->when;
	s->findings = best->health == HEALTH_FINDINGS;
	s->archive_bytes = best->size_bytes;
	s->archive_messages = best->messages;
	s->archive_mailboxes = best->mailboxes;
}

/* ---- runs ---- */

static struct app_run run_copy(const struct app_run *r)
{
	struct app_run copy = *r;

	copy.store = mem_strdup(r->store);
	copy.archive = mem_strdup(r->archive);
	copy.error = mem_strdup(r->error);
	copy.next = mem_strdup(r->next);
	copy.warnings = mem_array(r->n_warnings + 1, sizeof(char *));
	for (size_t i = 0; i < r->n_warnings; i++)
		copy.warnings[i] = mem_strdup(r->warnings[i]);
	copy.quiesce = mem_strdup(r->quiesce);
	copy.quiesce_why = mem_strdup(r->quiesce_why);
	copy.snapshot = mem_strdup(r->snapshot);
	return copy;
}

static bool is_success(const struct app_run *r)
{
	return r->outcome == RUN_OK || r->outcome == RUN_FINDINGS;
}

static bool is_known(const struct known *w, const char *archive)
{
	for (size_t i = 0; i < w->list.n; i++)
		if (strcmp(w->list.list[i].name, archive) == 0)
			return true;
	return false;
}

/* The catalogue may not have been writable: the record of the run tells of the archive, too. */
static void take_from_run(const struct known *w, struct app_status_server *s, const struct app_run *r)
{
	if (r->archive == NULL || is_known(w, r->archive))
		return;
	free(s->archive);
	free(s->archive_store);
	s->archive = mem_strdup(r->archive);
	s->archive_store = mem_strdup(r->store);
	s->archive_when = r->begun;
	s->findings = r->n_findings > 0;
	s->archive_bytes = r->stored_bytes;
	s->archive_messages = r->messages;
	s->archive_mailboxes = r->mailboxes;
}

static void look_at_runs(const struct known *w, const struct app_runs *l, struct app_status_server *s)
{
	const struct app_run *success = NULL;

	for (size_t i = 0; i < l->n && success == NULL; i++) {
		if (is_success(&l->list[i]))
			success = &l->list[i];
		else
			s->failed_since += run_is_bad(&l->list[i]);
	}
	if (l->n > 0) {
		s->has_run = true;
		s->last_run = run_copy(&l->list[0]);
	}
	if (success == NULL)
		return;
	s->last_success = success->ended;
	take_from_run(w, s, success);
	if (s->archive != NULL && success->archive != NULL && strcmp(s->archive, success->archive) == 0)
		s->verified_all = success->verified_all;
}

/* ---- what there is to say ---- */

static void judge_archive(const struct app_status *st, struct app_status_server *s)
{
	char age[16], most[16];

	s->age_seconds = -1;
	if (s->archive == NULL) {
		note(s, STATUS_BAD, s->configured ? "cyrvault backup" : "",
		    s->archives > 0 ? "none of its archives is verified"
				    : "there is no archive that is known of");
		return;
	}
	if (s->archive_when > st->now + CLOCK_SLACK) {
		note(s, STATUS_BAD, "set the clock, then run cyrvault backup",
		    "how old the newest verified archive is cannot be told: its time is in the future");
		return;
	}
	s->age_seconds = st->now > s->archive_when ? st->now - s->archive_when : 0;
	clock_age(age, sizeof age, s->age_seconds);
	clock_age(most, sizeof most, st->max_age_seconds);
	if (s->age_seconds > st->max_age_seconds)
		note(s, STATUS_BAD, s->configured ? "cyrvault backup" : "",
		    "the newest verified archive is %s old, which is more than %s", age, most);
	if (s->findings)
		note(s, STATUS_WARN, "",
		    "the newest verified archive is whole, but something was wrong in the mail spool");
	if (s->archives > 1 && s->live < 2)
		note(s, STATUS_WARN, "", "only one of %zu archives is verified", s->archives);
	if (s->damaged > 0)
		note(s, STATUS_WARN, "cyrvault archives shows which; cyrvault salvage gets out what is whole",
		    "%zu of %zu archives %s damaged", s->damaged, s->archives,
		    s->damaged == 1 ? "is" : "are");
}

static void judge_run(const struct app_status *st, struct app_status_server *s)
{
	const struct app_run *r = &s->last_run;
	char age[16];

	if (!s->has_run)
		return;
	clock_age(age, sizeof age, st->now > r->begun ? st->now - r->begun : 0);
	if (r->outcome == RUN_FAILED)
		note(s, STATUS_BAD, r->next != NULL ? r->next : "", "the last backup (%s ago) failed: %s",
		    age, r->error != NULL ? r->error : "");
	else if (r->outcome == RUN_BROKEN_OFF)
		note(s, STATUS_BAD, "cyrvault backup", "the last backup (%s ago) was broken off", age);
	else if (r->outcome == RUN_CANCELLED)
		note(s, STATUS_WARN, "", "the last backup (%s ago) was called off", age);
	else if (r->outcome == RUN_RUNNING && st->now - r->begun > st->max_age_seconds)
		note(s, STATUS_WARN, "", "a backup has been running for %s", age);
	if (r->outcome == RUN_OK || r->outcome == RUN_FINDINGS)
		for (size_t i = 0; i < r->n_warnings; i++)
			note(s, STATUS_WARN, "", "the last backup: %s", r->warnings[i]);
}

static void look_at_server(const struct known *w, struct app_status *st, const char *name, bool configured)
{
	struct app_status_server *s;
	struct app_runs runs = { 0 };
	struct err why;

	st->servers = mem_resize(st->servers, st->n_servers + 1, sizeof *st->servers);
	s = &st->servers[st->n_servers++];
	*s = (struct app_status_server){ .server = mem_strdup(name), .configured = configured };
	look_at_archives(w, s);
	if (configured && app_runs(w->app, name, &runs, &why) == -1)
		note(s, STATUS_WARN, "", "the records of its runs cannot be read: %s", why.msg);
	look_at_runs(w, &runs, s);
	judge_archive(st, s);
	judge_run(st, s);
	app_runs_done(&runs);
}

/* Of servers that only archives tell of. */
static void look_at_others(const struct known *w, struct app_status *st, const char *only)
{
	for (size_t i = 0; i < w->list.n; i++) {
		const struct catalogue_archive *k = &w->list.list[i];
		bool there =
		    k->server[0] == '\0' || k->gone || (only != NULL && strcmp(only, k->server) != 0);

		for (size_t j = 0; j < st->n_servers && !there; j++)
			there = strcmp(st->servers[j].server, k->server) == 0;
		if (!there)
			look_at_server(w, st, k->server, false);
	}
}

static void look_at_stores(const struct app *app, struct app_status *st)
{
	st->stores = mem_array(app->conf->n_stores + 1, sizeof *st->stores);
	for (size_t i = 0; i < app->conf->n_stores; i++) {
		const struct conf_store *c = &app->conf->stores[i];
		struct app_status_store *s = &st->stores[st->n_stores++];
		const char *path = str_starts(c->url, "dir:") ? c->url + 4 : c->url;
		struct statvfs v;

		*s = (struct app_status_store){
			.store = mem_strdup(c->name), .url = mem_strdup(c->url), .free_bytes = -1
		};
		if (path[0] == '/') {
			s->known = true;
			s->reachable = statvfs(path, &v) == 0;
			if (s->reachable)
				s->free_bytes = (int64_t)(v.f_bavail * v.f_frsize);
		}
		for (size_t j = 0; j < st->n_servers && !s->known; j++)
			if (st->servers[j].has_run && st->servers[j].last_run.store != NULL &&
			    strcmp(st->servers[j].last_run.store, c->name) == 0)
				s->free_bytes = st->servers[j].last_run.store_free;
	}
}

int app_status(
    struct app *app, const char *server, int64_t max_age_seconds, struct app_status *ret, struct err *e)
{
	struct known w = { .app = app };
	size_t configured;
	int rc = 0;

	*ret = (struct app_status){ .now = clock_now(),
		.max_age_seconds = max_age_seconds > 0 ? max_age_seconds : STATUS_MAX_AGE };
	known_read(app, &w.list);
	damage_read(app, &w.damage);
	for (size_t i = 0; i < app->conf->n_servers; i++)
		if (server == NULL || strcmp(app->conf->servers[i].name, server) == 0)
			look_at_server(&w, ret, app->conf->servers[i].name, true);
	configured = ret->n_servers;
	look_at_others(&w, ret, server);
	if (ret->n_servers == 0)
		rc = err_set(
		    e, ERR_NOT_FOUND, "no server %s is configured, and no archive of it is known", server);
	for (size_t i = 0; i < ret->n_servers; i++)
		if ((i < configured || server != NULL) && ret->servers[i].level > ret->level)
			ret->level = ret->servers[i].level;
	look_at_stores(app, ret);
	catalogue_archives_done(&w.list);
	damage_done(&w.damage);
	return rc;
}

void app_status_done(struct app_status *s)
{
	for (size_t i = 0; i < s->n_servers; i++) {
		struct app_status_server *v = &s->servers[i];

		for (size_t j = 0; j < v->n_notes; j++) {
			free(v->notes[j].what);
			free(v->notes[j].next);
		}
		free(v->notes);
		free(v->server);
		free(v->archive);
		free(v->archive_store);
		app_run_done(&v->last_run);
	}
	for (size_t i = 0; i < s->n_stores; i++) {
		free(s->stores[i].store);
		free(s->stores[i].url);
	}
	free(s->servers);
	free(s->stores);
	*s = (struct app_status){ 0 };
}
