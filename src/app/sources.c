/* sources.c: the archive looked at last stays open, for whoever looks at it next. */
#include <stdlib.h>
#include <string.h>

#include "app/app_impl.h"
#include "core/mem.h"

static void drop(struct kept *k)
{
	source_close(k->source);
	store_free(k->store);
	*k = (struct kept){ 0 };
}

void app_kept_drop(struct app *app)
{
	struct kept k;

	pthread_mutex_lock(&app->kept_lock);
	k = app->kept;
	app->kept = (struct kept){ 0 };
	pthread_mutex_unlock(&app->kept_lock);
	drop(&k);
}

/* What is kept, if it is that archive and still as it was. Another one goes on being kept. */
static bool take_kept(struct app *app, struct store *store, const char *name, bool whole, struct kept *ret)
{
	struct store_object now;
	bool fits;

	if (store_stat(store, name, &now, NULL) == -1)
		return false;
	pthread_mutex_lock(&app->kept_lock);
	*ret = app->kept;
	fits = ret->source != NULL && strcmp(store_url(ret->store), store_url(store)) == 0 &&
	       strcmp(source_name(ret->source), name) == 0 && (!whole || source_is_whole(ret->source)) &&
	       ret->object.size_bytes == now.size_bytes && ret->object.mtime == now.mtime;
	if (fits)
		app->kept = (struct kept){ 0 };
	pthread_mutex_unlock(&app->kept_lock);
	return fits;
}

/* How it is opened, if it is not kept. */
struct manner {
	bool whole;
	source_watch_fn *watch;
	void *arg;
};

static int take(struct app *app, const char *archive, const struct manner *m, struct job *job,
    struct source **ret, struct store **ret_store, struct err *e)
{
	struct store *store = NULL;
	struct kept kept;
	char *name = NULL;
	int rc = -1;

	*ret = NULL;
	*ret_store = NULL;
	if (app_open_store_of(app, archive, &store, &name, e) == -1)
		return -1;
	if (take_kept(app, store, name, m->whole, &kept)) {
		store_free(store);
		store = kept.store;
		*ret = kept.source;
		source_set_job(*ret, job);
		rc = 0;
	} else if (m->whole) {
		rc = source_open(store, name, job, ret, e);
	} else {
		rc = source_open_units(store, name, job, m->watch, m->arg, ret, e);
	}
	if (rc == 0)
		*ret_store = store;
	else
		store_free(store);
	free(name);
	return rc;
}

int app_source_take(struct app *app, const char *archive, bool whole, struct job *job, struct source **ret,
    struct store **ret_store, struct err *e)
{
	return take(app, archive, &(struct manner){ whole, NULL, NULL }, job, ret, ret_store, e);
}

int app_source_watch(struct app *app, const char *archive, struct job *job, source_watch_fn *watch, void *arg,
    struct source **ret, struct store **ret_store, struct err *e)
{
	return take(app, archive, &(struct manner){ false, watch, arg }, job, ret, ret_store, e);
}

void app_source_give(struct app *app, struct source *source, struct store *store)
{
	struct kept k = { source, store, { 0 } }, old;

	if (source == NULL) {
		store_free(store);
		return;
	}
	source_set_job(source, NULL);
	if (store_stat(store, source_name(source), &k.object, NULL) == -1) {
		drop(&k);
		return;
	}
	pthread_mutex_lock(&app->kept_lock);
	old = app->kept;
	app->kept = k;
	pthread_mutex_unlock(&app->kept_lock);
	drop(&old);
}
