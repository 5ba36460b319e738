/* archives.c: list the archives of all stores, and say what each is. */
#include "app/archives.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "app/app_impl.h"
#include "archive/archive.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"

/* What is read of an archive only to describe it. */
#define MAX_JSON ((size_t)1 << 20)

/* "mail1-20261122T010203Z.cpio.gz": the server's name (heap) and the time; NULL when the name is not of this form. */
static char *parse_name(const char *name, int64_t *when)
{
	size_t n = strlen(name);

	if (!str_ends(name, ".cpio.gz") || n < 8 + 16 + 2)
		return NULL;
	n -= 8 + 16;
	if (name[n - 1] != '-' || clock_parse_stamp(name + n, when) == -1)
		return NULL;
	return mem_strndup(name, n - 1);
}

static bool looks_like_archive(const char *name)
{
	static const char *const ends[] = { ".cpio", ".cpio.gz", ".cpio.xz", ".cpio.zst", ".cpio.bz2",
		".cpio.Z", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.zst", ".tar.bz2" };

	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
		if (str_ends(name, ends[i]))
			return true;
	return false;
}

/* Report and archive.json are texts from outside. */
static char *level_word(const json_t *j)
{
	const char *word = json_string_value(json_object_get(j, "quiesce"));
	struct buf b = BUF_INIT_MAX(64);

	if (word == NULL)
		return NULL;
	str_safe_buf(&b, word, strlen(word));
	if (!b.full)
		return buf_steal(&b);
	buf_done(&b);
	return NULL;
}

/* The first file of a unit that is called so, as JSON; NULL if it cannot be had cheaply. */
static json_t *load_json(struct archive *ar, enum unit_kind kind, const char *unit, const char *path)
{
	size_t at = archive_find(ar, kind, unit);
	const struct archive_table *t;
	struct buf b = BUF_INIT;
	json_t *j = NULL;

	if (at == (size_t)-1 || archive_table(ar, at, &t, NULL) == -1)
		return NULL;
	for (size_t i = 0; i < t->n_files; i++) {
		if (strcmp(t->files[i].path, path) != 0)
			continue;
		if (archive_read_file(ar, at, &t->files[i], MAX_JSON, &b, NULL) == 0)
			j = json_loadb(buf_text(&b), b.len, 0, NULL);
		break;
	}
	buf_done(&b);
	return j;
}

/* The report has both level and pause; one with very many findings is not worth reading, archive.json has the level too. */
static void describe_quiesce(struct archive *ar, struct app_archive *a)
{
	json_t *j = load_json(ar, UNIT_REPORT, "report", "cyrvault/report.json"), *hold;

	if (j == NULL)
		j = load_json(ar, UNIT_CONTROL, "control", "cyrvault/archive.json");
	a->quiesce = level_word(j);
	hold = json_object_get(j, "longest_hold_ms");
	if (json_is_integer(hold) && json_integer_value(hold) >= 0)
		a->longest_hold_ms = json_integer_value(hold);
	json_decref(j);
}

static bool is_not_mail(void *arg, const struct unit_info *u)
{
	struct app_archive *a = arg;

	a->mailboxes += u->kind == UNIT_MAILBOX;
	a->messages += u->kind == UNIT_MAILBOX ? u->messages : 0;
	return u->kind == UNIT_CONTROL || u->kind == UNIT_REPORT;
}

/* Mailboxes are counted as they come by: there may be a million. */
static void describe(struct store *store, struct job *job, struct app_archive *a)
{
	struct archive *ar;
	struct err e;
	size_t report;

	a->looked = true;
	if (archive_open_picked(store, a->name, job, &(struct archive_pick){ is_not_mail, a, 0 }, &ar, &e) ==
	    -1) {
		a->mailboxes = a->messages = 0;
		a->why =
		    str_starts(e.msg, a->name) ? mem_strdup(e.msg) : mem_printf("%s: %s", a->name, e.msg);
		return;
	}
	a->readable = true;
	a->kind = archive_get_kind(ar);
	a->health = HEALTH_UNCHECKED;
	if (a->kind == ARCHIVE_OURS) {
		report = archive_find(ar, UNIT_REPORT, "report");
		if (report != (size_t)-1)
			a->health = archive_unit(ar, report)->health;
		describe_quiesce(ar, a);
	}
	archive_close(ar);
}

static int newest_first(const void *x, const void *y)
{
	const struct app_archive *a = x, *b = y;

	if (a->when != b->when)
		return a->when > b->when ? -1 : 1;
	return strcmp(b->name, a->name);
}

/* Appends what one store has. The caller frees ${*ret_store}. */
static int list_store(struct app *app, const struct conf_store *c, struct job *job, struct app_archives *ret, size_t *cap,
    struct store **ret_store, struct err *e)
{
	struct store_list l;

	if (job_cancelled(job, e) || app_store_open(app, c, false, job, ret_store, e) == -1 ||
	    store_list(*ret_store, &l, e) == -1)
		return -1;
	for (size_t i = 0; i < l.n; i++) {
		struct app_archive a = { .when = l.objects[i].mtime,
			.size_bytes = l.objects[i].size_bytes,
			.longest_hold_ms = -1,
			.where = "local" };

		if (!looks_like_archive(l.objects[i].name))
			continue;
		a.name = mem_strdup(l.objects[i].name);
		a.store = mem_strdup(c->name);
		a.server = parse_name(a.name, &a.when);
		ret->list = mem_grow(ret->list, cap, ret->n + 1, sizeof *ret->list);
		ret->list[ret->n++] = a;
	}
	store_list_done(&l);
	return 0;
}

/* Lists all stores; ${stores} are as many as are configured. */
static int list_stores(
    struct app *app, struct job *job, struct app_archives *ret, struct store **stores, struct err *e)
{
	const struct conf *c = app_conf(app);
	size_t cap = 0;

	ret->away = mem_array(c->n_stores, sizeof *ret->away);
	for (size_t i = 0; i < c->n_stores; i++) {
		struct err why = { 0 };

		if (list_store(app, &c->stores[i], job, ret, &cap, &stores[i], &why) == 0)
			continue;
		if (why.code != ERR_CANCELLED)
			archives_store_away(app, &c->stores[i], &ret->away[ret->n_away++], &why);
		if (why.code == ERR_CANCELLED || c->n_stores == 1) {
			if (e != NULL)
				*e = why;
			return -1;
		}
	}
	if (ret->n > 1)
		qsort(ret->list, ret->n, sizeof *ret->list, newest_first);
	return 0;
}

static struct store *store_named(const struct conf *c, struct store **stores, const char *name)
{
	for (size_t i = 0; i < c->n_stores; i++)
		if (strcmp(c->stores[i].name, name) == 0)
			return stores[i];
	return NULL;
}

int archives_list(struct app *app, struct job *job, bool look, app_archive_fn *each, void *arg,
    struct app_archives *ret, struct err *e)
{
	const struct conf *c = app_conf(app);
	struct store **stores = mem_array(c->n_stores, sizeof(struct store *));
	int rc;

	*ret = (struct app_archives){ 0 };
	job_step(job, "listing archives");
	rc = list_stores(app, job, ret, stores, e);
	for (size_t i = 0; i < ret->n && rc == 0 && each != NULL; i++)
		each(arg, &ret->list[i], false);
	for (size_t i = 0; i < ret->n && rc == 0 && look; i++) {
		struct app_archive *a = &ret->list[i];

		if (job_cancelled(job, e)) {
			rc = -1;
			break;
		}
		job_step(job, "looking at %s", a->name);
		describe(store_named(c, stores, a->store), job, a);
		if (each != NULL && !job_cancelled(job, NULL))
			each(arg, a, true);
	}
	for (size_t i = 0; i < c->n_stores; i++)
		store_free(stores[i]);
	free(stores);
	return rc == -1 || job_cancelled(job, e) ? -1 : 0;
}

int app_archives_each(struct app *app, struct job *job, app_archive_fn *each, void *arg,
    struct app_archives *ret, struct err *e)
{
	return archives_list(app, job, true, each, arg, ret, e);
}

int app_archives(struct app *app, struct job *job, struct app_archives *ret, struct err *e)
{
	return archives_list(app, job, true, NULL, NULL, ret, e);
}

static void archive_done(struct app_archive *a)
{
	free(a->name);
	free(a->store);
	free(a->why);
	free(a->server);
	free(a->quiesce);
}

struct app_archive *app_archive_copy(const struct app_archive *a)
{
	struct app_archive *copy = mem_dup(a, sizeof *a);

	copy->name = mem_strdup(a->name);
	copy->store = mem_strdup(a->store);
	copy->why = mem_strdup(a->why);
	copy->server = mem_strdup(a->server);
	copy->quiesce = mem_strdup(a->quiesce);
	return copy;
}

void app_archive_free(void *a)
{
	if (a != NULL)
		archive_done(a);
	free(a);
}

void app_archives_done(struct app_archives *l)
{
	for (size_t i = 0; i < l->n; i++)
		archive_done(&l->list[i]);
	for (size_t i = 0; i < l->n_away; i++)
		archives_store_away_done(&l->away[i]);
	free(l->list);
	free(l->away);
	*l = (struct app_archives){ 0 };
}
