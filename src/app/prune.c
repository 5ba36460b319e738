/* prune.c: which archives are to go, told from what the stores have; prune_run.c removes them. */
#include "app/prune_impl.h"

#include <stdlib.h>
#include <string.h>

#include "app/app_impl.h"
#include "app/archives.h"
#include "app/tape.h"
#include "core/mem.h"
#include "core/str.h"

void app_prune_done(struct app_prune *p)
{
	for (size_t i = 0; i < p->n; i++) {
		app_archive_free(p->list[i].archive);
		free(p->list[i].text);
		free(p->list[i].kept_because);
	}
	for (size_t i = 0; i < p->n_away; i++)
		archives_store_away_done(&p->away[i]);
	free(p->list);
	free(p->away);
	*p = (struct app_prune){ 0 };
}

static struct retention_policy policy_of(const struct conf_store *c)
{
	return (struct retention_policy){ .live = c->keep_live,
		.last = c->keep_last,
		.daily = c->keep_daily,
		.weekly = c->keep_weekly,
		.monthly = c->keep_monthly };
}

/* An archive of ours is proved before it gets its name. */
static struct retention_item item_of(struct app *app, const struct app_archive *a)
{
	bool ours = a->readable && a->kind == ARCHIVE_OURS;

	return (struct retention_item){ .server = a->server,
		.name = a->name,
		.when = a->when,
		.sequence = a->sequence,
		.foreign = a->readable && !ours,
		.readable = a->readable,
		.verified = ours && !a->damaged && (a->health == HEALTH_OK || a->health == HEALTH_FINDINGS),
		.protect = a->protected,
		.waits_for_tape = tape_waits(app, a->store, a->name, NULL) != 0 };
}

void app_prune_judge(struct app *app, const struct app_archives *l, enum retention_why *ret)
{
	struct retention_item *items = mem_array(l->n + 1, sizeof *items);
	size_t *at = mem_array(l->n + 1, sizeof *at);

	for (size_t i = 0; i < l->n; i++)
		ret[i] = RETENTION_FOREIGN;
	for (size_t s = 0; s < app->conf->n_stores; s++) {
		const struct conf_store *conf = &app->conf->stores[s];
		struct retention_policy policy = policy_of(conf);
		size_t n = 0;

		for (size_t i = 0; i < l->n; i++) {
			if (strcmp(l->list[i].store, conf->name) != 0)
				continue;
			items[n] = item_of(app, &l->list[i]);
			at[n++] = i;
		}
		retention_decide(items, n, &policy);
		for (size_t i = 0; i < n; i++)
			ret[at[i]] = items[i].why;
	}
	free(items);
	free(at);
}

static char *words_of(struct store *store, const struct app_archive *a, enum retention_why why)
{
	struct app_protection p = { 0 };
	struct buf b = BUF_INIT;

	buf_str(&b, retention_words(why));
	if (a->protected && why != RETENTION_PROTECTED)
		buf_str(&b, "; protected");
	if (a->protected && store != NULL && protection_read(store, a->name, &p, NULL) == 1 &&
	    p.reason != NULL) {
		buf_str(&b, ": ");
		str_safe_buf(&b, p.reason, strlen(p.reason));
	}
	app_protection_done(&p);
	return buf_steal(&b);
}

/* By server, the newest first, as retention.c has it; those of no server at the end. */
static int compare(const void *x, const void *y)
{
	const struct app_archive *a = ((const struct app_prune_item *)x)->archive,
				 *b = ((const struct app_prune_item *)y)->archive;
	int servers = a->server == NULL || b->server == NULL ? (a->server == NULL) - (b->server == NULL)
	                                                     : strcmp(a->server, b->server);

	if (servers != 0)
		return servers;
	if (a->sequence != b->sequence)
		return a->sequence > b->sequence ? -1 : 1;
	if (a->when != b->when)
		return a->when > b->when ? -1 : 1;
	return strcmp(b->name, a->name);
}

static void add(
    struct app_prune *p, size_t *cap, const struct app_archive *a, enum retention_why why, char *text)
{
	p->list = mem_grow(p->list, cap, p->n + 1, sizeof *p->list);
	p->list[p->n++] = (struct app_prune_item){
		.archive = app_archive_copy(a), .why = why, .text = text, .remove = retention_removes(why)
	};
	p->n_remove += retention_removes(why);
	p->remove_bytes += retention_removes(why) ? a->size_bytes : 0;
}

static bool is_asked_for(const char *server, const struct app_archive *a)
{
	return server == NULL || (a->server != NULL && strcmp(a->server, server) == 0);
}

/* All archives of the store are judged, those of ${server} are planned. */
static void plan_store(struct app *app, const struct conf_store *conf, const char *server,
    const struct app_archives *l, struct job *job, size_t *cap, struct app_prune *ret)
{
	struct retention_item *items = mem_array(l->n + 1, sizeof *items);
	struct retention_policy policy = policy_of(conf);
	struct store *store = NULL;
	size_t first = ret->n;

	for (size_t i = 0; i < l->n; i++)
		items[i] = item_of(app, &l->list[i]);
	retention_decide(items, l->n, &policy);
	for (size_t i = 0; i < l->n; i++) {
		const struct app_archive *a = &l->list[i];

		if (!is_asked_for(server, a))
			continue;
		if (a->protected && store == NULL)
			app_store_open(app, conf, false, job, &store, NULL);
		add(ret, cap, a, items[i].why, words_of(store, a, items[i].why));
	}
	if (ret->n - first > 1)
		qsort(ret->list + first, ret->n - first, sizeof *ret->list, compare);
	store_free(store);
	free(items);
}

/* ${only} NULL: all stores. */
static int plan(struct app *app, const struct conf_store *only, const char *server, struct job *job,
    struct app_prune *ret, struct err *e)
{
	const struct conf *c = app->conf;
	size_t cap = 0, looked = 0;
	struct err why = { 0 };

	*ret = (struct app_prune){ .away = mem_array(c->n_stores + 1, sizeof(struct app_store_away)) };
	for (size_t i = 0; i < c->n_stores; i++) {
		struct app_archives l;

		if (only != NULL && only != &c->stores[i])
			continue;
		if (archives_list_store(app, &c->stores[i], job, &l, &why) == 0 && l.n_away == 0) {
			plan_store(app, &c->stores[i], server, &l, job, &cap, ret);
			looked++;
		} else if (why.code != ERR_CANCELLED && l.n_away > 0) {
			ret->away[ret->n_away++] = l.away[0];
			l.n_away = 0;
		}
		app_archives_done(&l);
		if (job_cancelled(job, e))
			return -1;
	}
	if (looked > 0)
		return 0;
	if (why.code == ERR_NONE && ret->n_away > 0) {
		err_set(&why, ERR_CONNECTION, "store %s: %s", ret->away[0].store, ret->away[0].what);
		err_hint(&why, "%s", ret->away[0].next);
	}
	if (e != NULL)
		*e = why;
	return -1;
}

int app_prune_plan(
    struct app *app, const struct app_prune_opts *o, struct job *job, struct app_prune *ret, struct err *e)
{
	const struct conf_store *only = NULL;

	*ret = (struct app_prune){ 0 };
	if (o->store != NULL) {
		only = conf_find_store(app->conf, o->store, e);
		if (only == NULL)
			return -1;
	}
	return plan(app, only, o->server, job, ret, e);
}

int prune_rotate(struct app *app, const struct conf_store *store, const char *server, struct job *job,
    struct app_pruned *ret, struct err *e)
{
	struct app_prune p;
	int rc = plan(app, store, server, job, &p, e);

	*ret = (struct app_pruned){ 0 };
	if (rc == 0)
		rc = app_prune_run(app, &p, job, NULL, NULL, ret, e);
	app_prune_done(&p);
	return rc;
}
