/* catalogue.c: what the catalogue knows of archives, for lists; and what lists tell the catalogue. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "app/app_impl.h"
#include "app/archives.h"
#include "app/catalogue_impl.h"
#include "app/find_update.h"
#include "app/tape_drive.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"

/* An archive that was written so lately may be written again within the same second. */
#define SETTLED_SECONDS 60

struct catalogue *app_catalogue(struct app *app)
{
	return app->catalogue;
}

/* ---- what is known ---- */

void known_read(struct app *app, struct catalogue_archives *ret)
{
	struct err e;

	if (catalogue_archives(app->catalogue, ret, &e) == -1)
		log_write(LOG_LEVEL_WARNING, "catalogue: %s", e.msg);
}

const struct catalogue_archive *known_find(
    const struct catalogue_archives *l, const char *store, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->list[i].name, name) == 0 && strcmp(l->list[i].store, store) == 0)
			return &l->list[i];
	return NULL;
}

bool known_is(const struct catalogue_archive *k, const struct conf_store *store, const struct app_archive *a)
{
	return k != NULL && k->state >= CATALOGUE_LOOKED && k->size_bytes == a->size_bytes &&
	       k->mtime == a->mtime && strcmp(k->url, store->url) == 0 &&
	       clock_now() - a->mtime > SETTLED_SECONDS;
}

void known_tell(const struct catalogue_archive *k, struct app_archive *a)
{
	a->looked = k->state >= CATALOGUE_LOOKED;
	a->readable = k->readable;
	a->kind = k->foreign ? ARCHIVE_FOREIGN : ARCHIVE_OURS;
	a->mailboxes = k->mailboxes;
	a->messages = k->messages;
	a->health = (enum unit_health)k->health;
	a->longest_hold_ms = k->longest_hold_ms;
	a->sequence = k->sequence;
	free(a->quiesce);
	a->quiesce = k->quiesce[0] != '\0' ? mem_strdup(k->quiesce) : NULL;
}

void known_archive(const struct catalogue_archive *k, const char *where, struct app_archive *ret)
{
	*ret = (struct app_archive){ .name = mem_strdup(k->name),
		.store = mem_strdup(k->store),
		.size_bytes = k->size_bytes,
		.mtime = k->mtime,
		.when = k->when,
		.server = k->server[0] != '\0' ? mem_strdup(k->server) : NULL,
		.protected = k->protected,
		.where = where };
	known_tell(k, ret);
}

/* ---- what is seen ---- */

/* Strings of ${a} and ${conf}; those that are not there are one empty one. */
static void describe(
    const struct app_archive *a, const struct conf_store *conf, struct catalogue_archive *ret)
{
	static char empty[] = "", tape[] = "tape";

	*ret = (struct catalogue_archive){ .state =
					       a->looked && a->readable ? CATALOGUE_LOOKED : CATALOGUE_LISTED,
		.store = a->store,
		.url = conf->url,
		.name = a->name,
		.size_bytes = a->size_bytes,
		.mtime = a->mtime,
		.when = a->when,
		.last_seen = clock_now(),
		.server = a->server != NULL ? a->server : empty,
		.where = strcmp(a->where, "tape") == 0 ? tape : empty,
		.readable = a->readable,
		.why = empty,
		.foreign = a->kind == ARCHIVE_FOREIGN,
		.health = (uint8_t)(a->health != 0 ? a->health : HEALTH_UNCHECKED),
		.mailboxes = a->mailboxes,
		.messages = a->messages,
		.quiesce = a->quiesce != NULL ? a->quiesce : empty,
		.longest_hold_ms = a->longest_hold_ms,
		.sequence = a->sequence,
		.protected = a->protected,
		.deletedprefix = empty,
		.defaultdomain = empty };
}

static const struct conf_store *store_of(const struct app *app, const char *name)
{
	for (size_t i = 0; i < app->conf->n_stores; i++)
		if (strcmp(app->conf->stores[i].name, name) == 0)
			return &app->conf->stores[i];
	return NULL;
}

void known_note(struct app *app, const struct app_archives *list, struct job *job)
{
	struct catalogue_archive *notes = mem_array(list->n + list->n_gone + 1, sizeof *notes);
	struct err e;
	size_t n = 0;

	for (size_t i = 0; i < list->n + list->n_gone; i++) {
		const struct app_archive *a = i < list->n ? &list->list[i] : &list->gone[i - list->n];
		const struct conf_store *conf = store_of(app, a->store);

		if (conf == NULL || strcmp(a->where, "away") == 0)
			continue;
		describe(a, conf, &notes[n]);
		if (i >= list->n) {
			notes[n].state = CATALOGUE_LISTED;
			notes[n].gone = true;
			notes[n].last_seen = 0;
		}
		n++;
	}
	if (n > 0 && catalogue_note(app->catalogue, notes, n, job, &e) == -1 && e.code != ERR_CANCELLED)
		log_write(LOG_LEVEL_WARNING, "catalogue: %s", e.msg);
	free(notes);
}

void known_protect(struct app *app, const char *store, const char *name, bool on, struct job *job)
{
	struct catalogue_archives l;
	struct err e;

	known_read(app, &l);
	for (size_t i = 0; i < l.n; i++) {
		struct catalogue_archive *k = &l.list[i];

		if (strcmp(k->name, name) != 0 || strcmp(k->store, store) != 0 || k->protected == on)
			continue;
		k->protected = on;
		if (catalogue_note(app->catalogue, k, 1, job, &e) == -1)
			log_write(LOG_LEVEL_WARNING, "catalogue: %s", e.msg);
	}
	catalogue_archives_done(&l);
}

/* ---- filling ---- */

struct filling {
	struct catalogue_fill *fill;
	struct err e; /* of the first that could not be added */
	bool failed;
};

static void add(struct filling *f, const struct catalogue_box *box)
{
	if (!f->failed)
		f->failed = catalogue_fill_add(f->fill, box, &f->e) == -1;
}

static bool add_unit(void *arg, const struct unit_info *u)
{
	if (u->kind == UNIT_MAILBOX)
		add(arg, &(struct catalogue_box){ .name = u->name,
			     .uniqueid = u->uniqueid,
			     .partition = u->partition,
			     .uidvalidity = u->uidvalidity,
			     .messages = u->messages,
			     .unread = u->unread,
			     .bytes = u->bytes,
			     .health = (uint8_t)u->health,
			     .has_files = true });
	return false;
}

static void add_mailbox(struct filling *f, const struct source_mailbox *m)
{
	add(f, &(struct catalogue_box){ .name = m->name,
		   .uniqueid = m->uniqueid,
		   .partition = m->partition != NULL ? m->partition : "",
		   .uidvalidity = m->uidvalidity,
		   .messages = m->messages,
		   .unread = m->unread,
		   .bytes = m->bytes,
		   .health = (uint8_t)m->health,
		   .has_files = m->has_files });
}

static int add_listed(void *arg, const struct mailbox_entry *entry, struct err *e)
{
	(void)e;
	add(arg, &(struct catalogue_box){ .name = entry->name,
		     .uniqueid = entry->uniqueid != NULL ? entry->uniqueid : "",
		     .partition = entry->partition != NULL ? entry->partition : "",
		     .uidvalidity = entry->uidvalidity,
		     .health = HEALTH_UNCHECKED });
	return 0;
}

/* Of an archive with very many mailboxes they are taken as they come by; those that it only lists are left out there. */
static int add_all(struct source *s, struct store *store, struct filling *f, struct job *job, struct err *e)
{
	struct archive *ar;

	if (source_only(s) != NULL) {
		if (archive_open_picked(
			store, source_name(s), job, &(struct archive_pick){ add_unit, f, 0 }, &ar, e) == -1)
			return -1;
		archive_close(ar);
	} else {
		for (size_t i = 0; i < source_n(s); i++)
			add_mailbox(f, source_mailbox(s, i));
		if (!source_is_whole(s) && source_each_listed(s, add_listed, f, e) == -1)
			return -1;
	}
	if (f->failed && e != NULL)
		*e = f->e;
	return f->failed ? -1 : 0;
}

int known_fill(struct app *app, struct store *store, const struct conf_store *conf,
    const struct app_archive *a, struct job *job, struct err *e)
{
	struct filling f = { .fill = catalogue_fill_new(app->catalogue, job) };
	struct catalogue_archive k;
	const struct imapd_conf *c;
	struct source *s;
	int rc;

	describe(a, conf, &k);
	/* No mailbox is called so: of an archive that is large nothing is kept in memory. */
	rc = app_source_open(app, store, a->name,
	    &(struct source_opts){ .job = job, .mailbox = " ", .many = app->many_units }, &s, e);
	if (rc == 0) {
		c = source_conf(s);
		if (c != NULL) {
			k.decodes = true;
			k.unixhier = c->unixhierarchysep;
			k.virtdomains = c->virtdomains;
			k.deletedprefix = c->deletedprefix != NULL ? c->deletedprefix : k.deletedprefix;
			k.defaultdomain = c->defaultdomain != NULL ? c->defaultdomain : k.defaultdomain;
		}
		k.when = source_when(s);
		rc = add_all(s, store, &f, job, e);
		if (rc == 0)
			rc = catalogue_fill_commit(f.fill, &k, e);
		source_close(s);
	}
	catalogue_fill_free(f.fill);
	return rc;
}

void known_fill_new(
    struct app *app, const struct conf_store *conf, struct store *store, const char *name, struct job *job)
{
	struct app_archive a;
	struct store_object o;
	char *not_read = NULL;
	size_t n = 0;
	struct err e;

	/* A backup leaves much in small pieces, of which nothing here can make use. */
	malloc_trim(0);
	job_step(job, "take %s into the catalogue", name);
	if (store_stat(store, name, &o, &e) == 0) {
		archives_begin(conf, name, &o, &a);
		archives_describe(store, job, &a);
		if (!a.readable)
			err_set(&e, ERR_DAMAGE, "%s", a.why);
		else if (known_fill(app, store, conf, &a, job, &e) == 0 &&
			 find_update(app, name, job, &n, &not_read, &e) == 0)
			err_clear(&e);
		archives_end(&a);
	}
	if (e.code != ERR_NONE || not_read != NULL)
		log_write(LOG_LEVEL_WARNING, "catalogue: %s", not_read != NULL ? not_read : e.msg);
	free(not_read);
}

/* ---- the verbs ---- */

/* What is kept of an archive on tape has all that is taken in. */
static void open_on_tape(
    struct app *app, const struct app_archive *a, struct job *job, struct store **ret, struct err *e)
{
	struct tape_copies copies;
	const struct tape_copy *c;

	if (tape_copies(app, &copies, e) == -1)
		return;
	c = tape_copies_find(&copies, a->store, a->name);
	if (c == NULL)
		err_set(e, ERR_NOT_FOUND, "%s is on no tape any more", a->name);
	else if (tape_open_copy(app, c, NULL, true, job, ret, e) == -1)
		*ret = NULL;
	tape_copies_done(&copies);
}

int app_catalogue_update(
    struct app *app, bool rebuild, struct job *job, struct app_catalogue_result *ret, struct err *e)
{
	struct app_archives l = { 0 };
	struct catalogue_archives known;
	struct store *store = NULL;
	const char *store_name = NULL;
	int rc = -1;

	*ret = (struct app_catalogue_result){ 0 };
	if (rebuild && catalogue_clear(app->catalogue, job, e) == -1)
		return -1;
	if (archives_list(app, job, true, NULL, NULL, &l, e) == -1)
		goto out;
	ret->away = l.n_away;
	ret->gone = l.n_gone;
	known_read(app, &known);
	/* The newest stands first. */
	for (size_t i = l.n; i > 0; i--) {
		const struct app_archive *a = &l.list[i - 1];
		const struct conf_store *conf = store_of(app, a->store);
		const struct catalogue_archive *k = known_find(&known, a->store, a->name);
		struct err why = { 0 };

		if (job_cancelled(job, e))
			goto known;
		ret->archives++;
		if (conf == NULL || strcmp(a->where, "away") == 0 ||
		    (k != NULL && k->state == CATALOGUE_FILLED && k->size_bytes == a->size_bytes &&
			k->mtime == a->mtime))
			continue;
		job_step(job, "take in %s", a->name);
		if (store_name == NULL || strcmp(store_name, a->store) != 0 || strcmp(a->where, "tape") == 0) {
			store_free(store);
			store = NULL;
			store_name = NULL;
			if (strcmp(a->where, "tape") == 0)
				open_on_tape(app, a, job, &store, &why);
			else if (app_store_open(app, conf, false, job, &store, &why) == 0)
				store_name = a->store;
		}
		if (store != NULL && !a->readable)
			err_set(&why, ERR_DAMAGE, "%s", a->why != NULL ? a->why : a->name);
		else if (store != NULL && known_fill(app, store, conf, a, job, &why) == 0)
			why.code = ERR_NONE;
		if (job_cancelled(job, e))
			goto known;
		if (why.code == ERR_NONE) {
			ret->filled++;
			continue;
		}
		/* What of it cannot be written will not be with the next one. */
		if (why.code == ERR_SPACE || why.code == ERR_LOCKED) {
			if (e != NULL)
				*e = why;
			goto known;
		}
		ret->unreadable++;
		free(ret->why);
		ret->why = mem_strdup(why.msg);
	}
	rc = find_update(app, NULL, job, &ret->messages_filled, &ret->messages_why, e);
known:
	catalogue_archives_done(&known);
out:
	store_free(store);
	app_archives_done(&l);
	return rc;
}

void app_catalogue_result_done(struct app_catalogue_result *r)
{
	free(r->why);
	free(r->messages_why);
	*r = (struct app_catalogue_result){ 0 };
}

int app_catalogue_forget(struct app *app, const char *archive, struct job *job, struct err *e)
{
	struct catalogue_archives l;
	size_t n = 0;
	int rc = catalogue_archives(app->catalogue, &l, e);

	for (size_t i = 0; i < l.n && rc == 0; i++)
		if (strcmp(l.list[i].name, archive) == 0) {
			rc = catalogue_forget(app->catalogue, l.list[i].id, job, e);
			if (rc == 0)
				rc = app_foreign_forget(app, l.list[i].url, archive, job, e);
			n++;
		}
	if (rc == 0 && n == 0) {
		rc = err_set(e, ERR_NOT_FOUND, "the catalogue knows no archive %s", archive);
		err_hint(e, "cyrvault archives --all lists all that are known");
	}
	catalogue_archives_done(&l);
	return rc;
}

/* ---- while a store is away ---- */

/* The store answers and does not have it: then it is gone, and nothing is away. */
static bool is_away(struct app *app, const struct catalogue_archive *k, struct job *job)
{
	const struct conf_store *conf = store_of(app, k->store);
	struct store *store = NULL;
	struct store_object o;
	bool there;

	if (conf == NULL)
		return true;
	there = app_store_open(app, conf, false, job, &store, NULL) == 0;
	if (there) {
		struct err e = { 0 };

		there = store_stat(store, k->name, &o, &e) == 0 || e.code == ERR_NOT_FOUND;
	}
	store_free(store);
	return !there;
}

int app_known_archive(struct app *app, const char *archive, struct job *job, struct catalogue_archive *ret,
    const struct err *why)
{
	struct catalogue_archives l;
	struct catalogue_archive *found = NULL, none = { 0 };
	bool latest = strcmp(archive, "latest") == 0;
	int rc = 0;

	if (why->code == ERR_CANCELLED || why->code == ERR_USAGE || why->code == ERR_DAMAGE)
		return 0;
	known_read(app, &l);
	for (size_t i = 0; i < l.n; i++) {
		struct catalogue_archive *k = &l.list[i];

		if (k->state != CATALOGUE_FILLED || k->gone || (!latest && !str_starts(k->name, archive)))
			continue;
		if (latest ? found == NULL || k->when > found->when : strcmp(k->name, archive) == 0) {
			found = k;
			if (!latest)
				break;
		} else if (!latest) {
			/* Of several beginnings none is meant. */
			found = found == NULL ? k : &none;
		}
	}
	if (found != NULL && found != &none && is_away(app, found, job)) {
		*ret = *found;
		*found = (struct catalogue_archive){ 0 };
		rc = 1;
	}
	catalogue_archives_done(&l);
	return rc;
}

bool app_known_conf(const struct catalogue_archive *a, struct imapd_conf *ret)
{
	*ret = (struct imapd_conf){ .unixhierarchysep = a->unixhier,
		.virtdomains = a->virtdomains,
		.deletedprefix = a->deletedprefix,
		.defaultdomain = a->defaultdomain[0] != '\0' ? a->defaultdomain : NULL };
	return a->decodes;
}
