/* runs.c: the records of runs: JSON, a line for each. */
#include "app/runs_impl.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "app/app_impl.h"
#include "app/lock.h"
#include "core/io.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"

#define MAX_BYTES ((size_t)16 << 20)

static const char *const names[] = { "running", "ok", "findings", "failed", "cancelled", "broken-off" };

const char *run_outcome_name(enum run_outcome o)
{
	return names[o];
}

const char *run_outcome_words(enum run_outcome o)
{
	return o == RUN_BROKEN_OFF ? "broken off" : names[o];
}

void app_run_done(struct app_run *r)
{
	free(r->store);
	free(r->archive);
	free(r->error);
	free(r->next);
	for (size_t i = 0; i < r->n_warnings; i++)
		free(r->warnings[i]);
	free(r->warnings);
	free(r->quiesce);
	free(r->quiesce_why);
	free(r->snapshot);
	*r = (struct app_run){ 0 };
}

void app_runs_done(struct app_runs *l)
{
	for (size_t i = 0; i < l->n; i++)
		app_run_done(&l->list[i]);
	free(l->list);
	*l = (struct app_runs){ 0 };
}

bool run_is_bad(const struct app_run *r)
{
	return r->outcome == RUN_FAILED || r->outcome == RUN_BROKEN_OFF;
}

bool runs_last_bad(const struct app_runs *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->list[i].outcome != RUN_RUNNING && l->list[i].outcome != RUN_CANCELLED)
			return run_is_bad(&l->list[i]);
	return false;
}

/* ---- a line ---- */

static void put(json_t *j, const char *key, const char *s)
{
	json_t *v = s != NULL ? json_string(s) : NULL;

	if (v != NULL)
		json_object_set_new(j, key, v);
}

static void put_n(json_t *j, const char *key, uint64_t n)
{
	if (n != 0)
		json_object_set_new(j, key, json_integer((json_int_t)n));
}

static void put_lists(json_t *j, const struct app_run *r)
{
	json_t *warnings = json_array(), *kinds = json_object();

	for (size_t i = 0; i < r->n_warnings; i++)
		json_array_append_new(warnings, json_string(r->warnings[i]));
	for (int k = 0; k < FINDING_KINDS; k++)
		put_n(kinds, finding_kind_name((enum finding_kind)k), r->by_kind[k]);
	json_object_set_new(j, "warnings", warnings);
	json_object_set_new(j, "by_kind", kinds);
}

/* What is 0 or NULL is left out. */
static void put_line(struct buf *b, const struct app_run *r)
{
	json_t *j = json_object();
	char *line;

	put_n(j, "number", r->number);
	put_n(j, "begun", (uint64_t)r->begun);
	put_n(j, "ended", (uint64_t)r->ended);
	put_n(j, "pid", (uint64_t)r->pid);
	put(j, "outcome", run_outcome_name(r->outcome));
	put(j, "store", r->store);
	put(j, "archive", r->archive);
	put_n(j, "sequence", r->sequence);
	put(j, "error", r->error);
	put(j, "next", r->next);
	put_n(j, "exit_status", (uint64_t)r->exit_status);
	put(j, "quiesce", r->quiesce);
	put(j, "quiesce_why", r->quiesce_why);
	put_n(j, "pause_ms", r->pause_ms);
	put(j, "snapshot", r->snapshot);
	put_n(j, "tries", r->tries);
	put(j, "verified", r->archive == NULL ? NULL : r->verified_all ? "all" : "quick");
	put_n(j, "mailboxes", r->mailboxes);
	put_n(j, "messages", r->messages);
	put_n(j, "users", r->users);
	put_n(j, "files", r->files);
	put_n(j, "plain_bytes", r->plain_bytes);
	put_n(j, "stored_bytes", r->stored_bytes);
	put_n(j, "elapsed_ms", r->elapsed_ms);
	put_n(j, "findings", r->n_findings);
	put_n(j, "removed", r->removed);
	if (r->store_free >= 0)
		json_object_set_new(j, "store_free", json_integer((json_int_t)r->store_free));
	put_lists(j, r);
	line = json_dumps(j, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(j);
	if (line != NULL)
		buf_printf(b, "%s\n", line);
	free(line);
}

/* The file is ours, but a person may have been at it: texts are made safe again. */
static char *get(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));
	struct buf b = BUF_INIT;

	if (s == NULL)
		return NULL;
	str_safe_buf(&b, s, strlen(s));
	return buf_steal(&b);
}

static uint64_t get_n(const json_t *j, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(j, key));

	return n > 0 ? (uint64_t)n : 0;
}

static void get_lists(const json_t *j, struct app_run *r)
{
	const json_t *warnings = json_object_get(j, "warnings"), *kinds = json_object_get(j, "by_kind");
	size_t n = json_array_size(warnings);

	r->warnings = mem_array(n + 1, sizeof(char *));
	for (size_t i = 0; i < n; i++) {
		const char *s = json_string_value(json_array_get(warnings, i));
		struct buf b = BUF_INIT;

		str_safe_buf(&b, s != NULL ? s : "", s != NULL ? strlen(s) : 0);
		r->warnings[r->n_warnings++] = buf_steal(&b);
	}
	for (int k = 0; k < FINDING_KINDS; k++)
		r->by_kind[k] = get_n(kinds, finding_kind_name((enum finding_kind)k));
}

static bool get_line(const char *line, struct app_run *r)
{
	json_t *j = json_loads(line, 0, NULL);
	const char *outcome = json_string_value(json_object_get(j, "outcome")),
		   *verified = json_string_value(json_object_get(j, "verified"));
	const json_t *left = json_object_get(j, "store_free");
	bool known = false;

	*r = (struct app_run){ .store_free = -1 };
	for (size_t i = 0; outcome != NULL && i < sizeof names / sizeof names[0]; i++)
		if (strcmp(outcome, names[i]) == 0) {
			r->outcome = (enum run_outcome)i;
			known = true;
		}
	r->number = get_n(j, "number");
	r->begun = (int64_t)get_n(j, "begun");
	r->ended = (int64_t)get_n(j, "ended");
	r->pid = (int64_t)get_n(j, "pid");
	r->store = get(j, "store");
	r->archive = get(j, "archive");
	r->sequence = get_n(j, "sequence");
	r->error = get(j, "error");
	r->next = get(j, "next");
	r->exit_status = (int)(get_n(j, "exit_status") & 255);
	r->quiesce = get(j, "quiesce");
	r->quiesce_why = get(j, "quiesce_why");
	r->pause_ms = get_n(j, "pause_ms");
	r->snapshot = get(j, "snapshot");
	r->tries = (unsigned)get_n(j, "tries");
	r->verified_all = verified != NULL && strcmp(verified, "all") == 0;
	r->mailboxes = get_n(j, "mailboxes");
	r->messages = get_n(j, "messages");
	r->users = get_n(j, "users");
	r->files = get_n(j, "files");
	r->plain_bytes = get_n(j, "plain_bytes");
	r->stored_bytes = get_n(j, "stored_bytes");
	r->elapsed_ms = get_n(j, "elapsed_ms");
	r->n_findings = get_n(j, "findings");
	r->removed = get_n(j, "removed");
	if (json_is_integer(left) && json_integer_value(left) >= 0)
		r->store_free = json_integer_value(left);
	get_lists(j, r);
	json_decref(j);
	if (!known || r->number == 0)
		app_run_done(r);
	return known && r->number != 0;
}

/* ---- the file ---- */

static char *file_of(const char *directory, const char *server)
{
	return mem_printf("%s/runs-%s.jsonl", directory, server);
}

/* The oldest first. */
static int read_file(const char *path, struct app_runs *ret, struct err *e)
{
	struct buf b = BUF_INIT;
	struct err why = { 0 };
	size_t cap = 0;
	char *text, *save = NULL;

	*ret = (struct app_runs){ 0 };
	if (io_read_file(AT_FDCWD, path, MAX_BYTES, &b, &why) == -1) {
		buf_done(&b);
		if (why.code == ERR_NOT_FOUND)
			return 0;
		if (e != NULL)
			*e = why;
		return -1;
	}
	text = buf_steal(&b);
	for (char *s = strtok_r(text, "\n", &save); s != NULL; s = strtok_r(NULL, "\n", &save)) {
		struct app_run r;

		if (!get_line(s, &r)) {
			log_write(LOG_LEVEL_WARNING, "%s: a line is not understood, and left out", path);
			continue;
		}
		ret->list = mem_grow(ret->list, &cap, ret->n + 1, sizeof *ret->list);
		ret->list[ret->n++] = r;
	}
	free(text);
	return 0;
}

static int write_file(const char *path, const struct app_runs *l, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc;

	for (size_t i = l->n > RUNS_KEPT ? l->n - RUNS_KEPT : 0; i < l->n; i++)
		put_line(&b, &l->list[i]);
	rc = io_replace(AT_FDCWD, path, buf_text(&b), b.len, 0600, e);
	buf_done(&b);
	return rc;
}

/* Takes the record of that number out. */
static void take_out(struct app_runs *l, uint64_t number)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (l->list[i].number == number)
			app_run_done(&l->list[i]);
		else
			l->list[n++] = l->list[i];
	}
	l->n = n;
}

static uint64_t next_number(const struct app_runs *l)
{
	uint64_t largest = 0;

	for (size_t i = 0; i < l->n; i++)
		if (l->list[i].number > largest)
			largest = l->list[i].number;
	return largest + 1;
}

/* Appends ${run}, so that the one that ended last stands last; ${ret}: it gets a number. */
static int record(
    const char *directory, const char *server, const struct app_run *run, uint64_t *ret, struct err *e)
{
	char *path = file_of(directory, server), *lock = mem_printf("runs-%s.lock", server);
	struct app_runs l = { 0 };
	int fd = lock_moment(directory, lock, e), rc = -1;

	free(lock);
	if (fd == -1 || read_file(path, &l, e) == -1)
		goto out;
	if (ret == NULL)
		take_out(&l, run->number);
	else
		*ret = next_number(&l);
	/* Borrowed while it is written. */
	l.list = mem_resize(l.list, l.n + 1, sizeof *l.list);
	l.list[l.n++] = *run;
	rc = write_file(path, &l, e);
	l.n--;
out:
	app_runs_done(&l);
	if (fd != -1)
		close(fd);
	free(path);
	return rc;
}

int runs_begin(const char *directory, const char *server, struct app_run *run, struct err *e)
{
	run->outcome = RUN_RUNNING;
	return record(directory, server, run, &run->number, e);
}

int runs_end(const char *directory, const char *server, const struct app_run *run, struct err *e)
{
	return record(directory, server, run, NULL, e);
}

/* ---- reading ---- */

/* The process that wrote the record still holds the server's lock for a backup. */
static bool is_running(const struct app *app, const char *server, const struct app_run *r)
{
	char *holder = lock_holder(app->conf->lock_directory, server);
	char *mine = mem_printf("backup, process %lld,", (long long)r->pid);
	bool ret = holder != NULL && str_starts(holder, mine);

	free(holder);
	free(mine);
	return ret;
}

int app_runs(struct app *app, const char *server, struct app_runs *ret, struct err *e)
{
	const struct conf_server *c = conf_find_server(app->conf, server, e);
	char *path;
	int rc;

	*ret = (struct app_runs){ 0 };
	if (c == NULL)
		return -1;
	path = file_of(app->conf->state_directory, c->name);
	rc = read_file(path, ret, e);
	free(path);
	for (size_t i = 0; i < ret->n / 2; i++) {
		struct app_run swap = ret->list[i];

		ret->list[i] = ret->list[ret->n - 1 - i];
		ret->list[ret->n - 1 - i] = swap;
	}
	for (size_t i = 0; i < ret->n; i++)
		if (ret->list[i].outcome == RUN_RUNNING && !is_running(app, c->name, &ret->list[i]))
			ret->list[i].outcome = RUN_BROKEN_OFF;
	return rc;
}
