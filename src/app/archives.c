/* archives.c: list the archives of all stores, and say what each is. */
#include "app/archives.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "app/app_impl.h"
#include "app/catalogue_impl.h"
#include "app/damage.h"
#include "app/tape_drive.h"
#include "app/tape_memory.h"
#include "archive/archive.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"

/* What is read of an archive only to describe it. */
#define MAX_JSON ((size_t)1 << 20)

/* No server has made so many. */
#define MAX_SEQUENCE ((json_int_t)1 << 53)

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

/* The report has level, pause and number; one with very many findings is not worth reading, archive.json has level and number too. */
static void describe_run(struct archive *ar, struct app_archive *a)
{
	json_t *j = load_json(ar, UNIT_REPORT, "report", "cyrvault/report.json"), *hold, *number;

	if (j == NULL)
		j = load_json(ar, UNIT_CONTROL, "control", "cyrvault/archive.json");
	a->quiesce = level_word(j);
	hold = json_object_get(j, "longest_hold_ms");
	if (json_is_integer(hold) && json_integer_value(hold) >= 0)
		a->longest_hold_ms = json_integer_value(hold);
	number = json_object_get(j, "sequence");
	if (json_integer_value(number) > 0 && json_integer_value(number) <= MAX_SEQUENCE)
		a->sequence = (uint64_t)json_integer_value(number);
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
void archives_describe(struct store *store, struct job *job, struct app_archive *a)
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
		describe_run(ar, a);
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

void archives_begin(
    const struct conf_store *store, const char *name, const struct store_object *o, struct app_archive *ret)
{
	*ret = (struct app_archive){ .name = mem_strdup(name),
		.store = mem_strdup(store->name),
		.when = o->mtime,
		.mtime = o->mtime,
		.size_bytes = o->size_bytes,
		.longest_hold_ms = -1,
		.where = str_starts(store->url, "sftp:") ? "remote" : "local" };
	ret->server = parse_name(name, &ret->when);
}

static int by_name(const void *x, const void *y)
{
	const struct store_object *a = x, *b = y;

	return strcmp(a->name, b->name);
}

char *archives_keep_name(const char *name)
{
	return mem_printf("%s.keep", name);
}

static bool has_mark(const struct store_list *l, const char *name)
{
	struct store_object mark = { .name = archives_keep_name(name) };
	bool ret = bsearch(&mark, l->objects, l->n, sizeof mark, by_name) != NULL;

	free(mark.name);
	return ret;
}

/* While they are listed. */
struct listing {
	struct app *app;
	struct job *job;
	struct app_archives *ret;
	size_t cap, cap_gone;
	struct catalogue_archives known;
	bool *seen; /* of the known ones */
	struct damage damage;
	const struct conf_store *only; /* NULL: all */
	struct tape_copies copies;
};

/* Appends what one store has. The caller frees ${*ret_store}. */
static int list_store(struct listing *w, const struct conf_store *c, struct store **ret_store, struct err *e)
{
	struct app_archives *ret = w->ret;
	struct store_list l;

	if (job_cancelled(w->job, e) || app_store_open(w->app, c, false, w->job, ret_store, e) == -1 ||
	    store_list(*ret_store, &l, e) == -1)
		return -1;
	for (size_t i = 0; i < l.n; i++) {
		const struct catalogue_archive *k;
		struct app_archive a;

		if (!looks_like_archive(l.objects[i].name))
			continue;
		archives_begin(c, l.objects[i].name, &l.objects[i], &a);
		k = known_find(&w->known, c->name, a.name);
		if (k != NULL)
			w->seen[k - w->known.list] = true;
		if (known_is(k, c, &a))
			known_tell(k, &a);
		a.protected = has_mark(&l, a.name);
		a.damaged = damage_is(&w->damage, &a);
		ret->list = mem_grow(ret->list, &w->cap, ret->n + 1, sizeof *ret->list);
		ret->list[ret->n++] = a;
	}
	store_list_done(&l);
	return 0;
}

/* Those on tape that were not listed, and, of those that were, which tape they are on, too. */
static void add_on_tape(struct listing *w)
{
	struct app_archives *ret = w->ret;
	size_t listed = ret->n;

	for (size_t i = 0; i < listed; i++) {
		struct app_archive *a = &ret->list[i];
		const struct tape_copy *c = tape_copies_find(&w->copies, a->store, a->name);

		if (c == NULL)
			continue;
		a->label = mem_strdup(c->label);
		a->box = mem_strdup(c->box);
	}
	for (size_t i = 0; i < w->copies.n; i++) {
		const struct tape_copy *c = &w->copies.list[i];
		const struct conf_store *conf = conf_find_store(app_conf(w->app), c->store, NULL);
		const struct catalogue_archive *k = known_find(&w->known, c->store, c->archive);
		struct conf_store place = { .name = c->store, .url = conf != NULL ? conf->url : c->url };
		bool there = tape_copies_find(&w->copies, c->store, c->archive) != c;
		struct app_archive a;

		for (size_t n = 0; n < ret->n && !there; n++)
			there = strcmp(ret->list[n].name, c->archive) == 0 && strcmp(ret->list[n].store, c->store) == 0;
		if (k != NULL && !there)
			w->seen[k - w->known.list] = true;
		/* Who asks for one store wants to know what is there. */
		if (there || w->only != NULL)
			continue;
		archives_begin(&place, c->archive,
		    &(struct store_object){ .size_bytes = c->size_bytes, .mtime = c->mtime }, &a);
		a.when = c->when;
		a.where = "tape";
		a.label = mem_strdup(c->label);
		a.box = mem_strdup(c->box);
		if (known_is(k, &place, &a))
			known_tell(k, &a);
		ret->list = mem_grow(ret->list, &w->cap, ret->n + 1, sizeof *ret->list);
		ret->list[ret->n++] = a;
	}
}

/* What is known of a store whose listing has failed (${away}), or has not shown it. */
static void add_known(struct listing *w, const struct conf_store *c, bool away)
{
	struct app_archives *ret = w->ret;

	for (size_t i = 0; i < w->known.n; i++) {
		const struct catalogue_archive *k = &w->known.list[i];
		struct app_archive a;

		if (w->seen[i] || strcmp(k->store, c->name) != 0 || strcmp(k->url, c->url) != 0)
			continue;
		w->seen[i] = true;
		known_archive(k, away && !k->gone ? "away" : "gone", &a);
		a.damaged = damage_is(&w->damage, &a);
		if (away && !k->gone) {
			ret->list = mem_grow(ret->list, &w->cap, ret->n + 1, sizeof *ret->list);
			ret->list[ret->n++] = a;
		} else {
			ret->gone = mem_grow(ret->gone, &w->cap_gone, ret->n_gone + 1, sizeof *ret->gone);
			ret->gone[ret->n_gone++] = a;
		}
	}
}

/* Lists all stores; ${stores} are as many as are configured. */
static int list_stores(struct listing *w, bool look, struct store **stores, struct err *e)
{
	const struct conf *c = app_conf(w->app);
	struct app_archives *ret = w->ret;

	ret->away = mem_array(c->n_stores, sizeof *ret->away);
	for (size_t i = 0; i < c->n_stores; i++) {
		struct err why = { 0 };
		bool listed;

		if (w->only != NULL && w->only != &c->stores[i])
			continue;
		listed = list_store(w, &c->stores[i], &stores[i], &why) == 0;

		if (!listed && why.code != ERR_CANCELLED)
			archives_store_away(w->app, &c->stores[i], &ret->away[ret->n_away++], &why);
		if (look && !listed && why.code != ERR_CANCELLED)
			add_known(w, &c->stores[i], true);
		if (!listed && (why.code == ERR_CANCELLED ||
		                   ((c->n_stores == 1 || w->only != NULL) && ret->n == 0 &&
		                       (w->copies.n == 0 || w->only != NULL)))) {
			if (e != NULL)
				*e = why;
			return -1;
		}
	}
	add_on_tape(w);
	for (size_t i = 0; i < c->n_stores && look; i++)
		if (w->only == NULL || w->only == &c->stores[i])
			add_known(w, &c->stores[i], false);
	if (ret->n > 1)
		qsort(ret->list, ret->n, sizeof *ret->list, newest_first);
	if (ret->n_gone > 1)
		qsort(ret->gone, ret->n_gone, sizeof *ret->gone, newest_first);
	return 0;
}

/* Before any store is asked. */
static void tell_known(struct listing *w, app_archive_fn *each, void *arg)
{
	const struct conf *c = app_conf(w->app);
	struct app_archive *list = mem_array(w->known.n + 1, sizeof *list);
	size_t n = 0;

	for (size_t i = 0; i < w->known.n; i++) {
		const struct catalogue_archive *k = &w->known.list[i];

		for (size_t j = 0; j < c->n_stores && !k->gone && k->state >= CATALOGUE_LOOKED; j++)
			if (strcmp(c->stores[j].name, k->store) == 0 &&
			    strcmp(c->stores[j].url, k->url) == 0) {
				known_archive(k,
				    k->where[0] != '\0'               ? "tape"
				    : str_starts(k->url, "sftp:") ? "remote"
				                                  : "local",
				    &list[n]);
				list[n].damaged = damage_is(&w->damage, &list[n]);
				n++;
			}
	}
	if (n > 1)
		qsort(list, n, sizeof *list, newest_first);
	for (size_t i = 0; i < n; i++) {
		each(arg, &list[i], true);
		archives_end(&list[i]);
	}
	free(list);
}

static struct store *store_named(const struct conf *c, struct store **stores, const char *name)
{
	for (size_t i = 0; i < c->n_stores; i++)
		if (strcmp(c->stores[i].name, name) == 0)
			return stores[i];
	return NULL;
}

/* From what is kept beside the memory of tapes. */
static void describe_on_tape(struct listing *w, struct app_archive *a)
{
	const struct tape_copy *c = tape_copies_find(&w->copies, a->store, a->name);
	struct store *store;
	struct err e;

	if (tape_open_copy(w->app, c, NULL, true, w->job, &store, &e) == 0) {
		archives_describe(store, w->job, a);
		store_free(store);
	} else {
		a->looked = true;
		a->why = mem_printf("%s: %s", a->name, e.msg);
	}
}

static int list_them(struct listing *w, bool look, app_archive_fn *each, void *arg, struct err *e)
{
	struct app *app = w->app;
	struct job *job = w->job;
	struct app_archives *ret = w->ret;
	const struct conf *c = app_conf(app);
	struct store **stores = mem_array(c->n_stores, sizeof(struct store *));
	struct err why;
	int rc;

	*ret = (struct app_archives){ 0 };
	job_step(job, "listing archives");
	if (look)
		known_read(app, &w->known);
	damage_read(app, &w->damage);
	w->seen = mem_array(w->known.n + 1, sizeof *w->seen);
	/* Archives in stores are listed whatever has become of the memory of tapes. */
	if (tape_copies(app, &w->copies, &why) == -1)
		log_write(LOG_LEVEL_WARNING, "memory of tapes: %s", why.msg);
	if (each != NULL)
		tell_known(w, each, arg);
	rc = list_stores(w, look, stores, e);
	for (size_t i = 0; i < ret->n && rc == 0 && each != NULL; i++)
		each(arg, &ret->list[i], ret->list[i].looked);
	for (size_t i = 0; i < ret->n && rc == 0 && look; i++) {
		struct app_archive *a = &ret->list[i];

		if (job_cancelled(job, e)) {
			rc = -1;
			break;
		}
		if (a->looked || strcmp(a->where, "away") == 0)
			continue;
		job_step(job, "looking at %s", a->name);
		if (strcmp(a->where, "tape") == 0)
			describe_on_tape(w, a);
		else
			archives_describe(store_named(c, stores, a->store), job, a);
		if (each != NULL && !job_cancelled(job, NULL))
			each(arg, a, true);
	}
	for (size_t i = 0; i < c->n_stores; i++)
		store_free(stores[i]);
	free(stores);
	if (rc == 0 && look && !job_cancelled(job, NULL))
		known_note(app, ret, job);
	catalogue_archives_done(&w->known);
	damage_done(&w->damage);
	tape_copies_done(&w->copies);
	free(w->seen);
	return rc == -1 || job_cancelled(job, e) ? -1 : 0;
}

int archives_list(struct app *app, struct job *job, bool look, app_archive_fn *each, void *arg,
    struct app_archives *ret, struct err *e)
{
	return list_them(&(struct listing){ .app = app, .job = job, .ret = ret }, look, each, arg, e);
}

int archives_list_store(
    struct app *app, const struct conf_store *store, struct job *job, struct app_archives *ret, struct err *e)
{
	return list_them(
	    &(struct listing){ .app = app, .job = job, .ret = ret, .only = store }, true, NULL, NULL, e);
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

void archives_end(struct app_archive *a)
{
	free(a->name);
	free(a->store);
	free(a->why);
	free(a->server);
	free(a->quiesce);
	free(a->label);
	free(a->box);
}

struct app_archive *app_archive_copy(const struct app_archive *a)
{
	struct app_archive *copy = mem_dup(a, sizeof *a);

	copy->name = mem_strdup(a->name);
	copy->store = mem_strdup(a->store);
	copy->why = mem_strdup(a->why);
	copy->server = mem_strdup(a->server);
	copy->quiesce = mem_strdup(a->quiesce);
	copy->label = mem_strdup(a->label);
	copy->box = mem_strdup(a->box);
	return copy;
}

void app_archive_free(void *a)
{
	if (a != NULL)
		archives_end(a);
	free(a);
}

void app_archives_done(struct app_archives *l)
{
	for (size_t i = 0; i < l->n; i++)
		archives_end(&l->list[i]);
	for (size_t i = 0; i < l->n_gone; i++)
		archives_end(&l->gone[i]);
	for (size_t i = 0; i < l->n_away; i++)
		archives_store_away_done(&l->away[i]);
	free(l->list);
	free(l->gone);
	free(l->away);
	*l = (struct app_archives){ 0 };
}
