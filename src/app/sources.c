/* sources.c: the archive looked at last stays open, for whoever looks at it next. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "app/app_impl.h"
#include "core/mem.h"

static bool is_large(const struct app *app, const struct source *s)
{
	const struct archive *a = s != NULL ? source_archive(s) : NULL;

	return a != NULL && source_only(s) == NULL && archive_n_units(a) > app->many_units;
}

static void drop(const struct app *app, struct kept *k)
{
	bool large = is_large(app, k->source);

	source_close(k->source);
	store_free(k->store);
	/* The system has it back: it was in so many small pieces that nobody else would. */
	if (large)
		malloc_trim(0);
	*k = (struct kept){ 0 };
}

void app_kept_drop(struct app *app)
{
	struct kept k;

	pthread_mutex_lock(&app->kept_lock);
	k = app->kept;
	app->kept = (struct kept){ 0 };
	pthread_mutex_unlock(&app->kept_lock);
	drop(app, &k);
}

/* What is asked for, and who looks on if it is not kept. */
struct manner {
	bool whole;
	const char *mailbox; /* the only one that is asked for; NULL: all */
	source_watch_fn *watch;
	void *arg;
};

/* What is kept, if it is that archive and still as it was. Another one goes on being kept. */
static bool take_kept(
    struct app *app, struct store *store, const char *name, const struct manner *m, struct kept *ret)
{
	const char *only;
	struct store_object now;
	bool fits;

	if (store_stat(store, name, &now, NULL) == -1)
		return false;
	pthread_mutex_lock(&app->kept_lock);
	*ret = app->kept;
	only = ret->source != NULL ? source_only(ret->source) : NULL;
	fits = ret->source != NULL && strcmp(store_url(ret->store), store_url(store)) == 0 &&
	       strcmp(source_name(ret->source), name) == 0 && (!m->whole || source_is_whole(ret->source)) &&
	       (only == NULL || (m->mailbox != NULL && strcmp(only, m->mailbox) == 0)) &&
	       ret->object.size_bytes == now.size_bytes && ret->object.mtime == now.mtime;
	if (fits)
		app->kept = (struct kept){ 0 };
	pthread_mutex_unlock(&app->kept_lock);
	return fits;
}

static int take(struct app *app, const char *archive, const struct manner *m, struct job *job,
    struct source **ret, struct store **ret_store, struct err *e)
{
	struct store *store = NULL;
	struct kept kept;
	char *name = NULL;
	int rc = -1;

	*ret = NULL;
	*ret_store = NULL;
	/* What it was a moment ago is no good any more: it is never kept. */
	if (app_is_live(archive))
		return app_live_open(app, archive, job, ret, e);
	if (app_open_store_of(app, archive, job, &store, &name, e) == -1)
		return -1;
	if (take_kept(app, store, name, m, &kept)) {
		store_free(store);
		store = kept.store;
		*ret = kept.source;
		source_set_job(*ret, job);
		rc = 0;
	} else {
		rc = app_source_open(app, store, name,
		    &(struct source_opts){ .job = job,
			.units = !m->whole,
			.mailbox = m->mailbox,
			.many = app->many_units,
			.watch = m->watch,
			.arg = m->arg },
		    ret, e);
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
	return take(app, archive, &(struct manner){ .whole = whole }, job, ret, ret_store, e);
}

int app_source_take_mailbox(struct app *app, const char *archive, const char *mailbox, struct job *job,
    struct source **ret, struct store **ret_store, struct err *e)
{
	return take(app, archive, &(struct manner){ .mailbox = mailbox }, job, ret, ret_store, e);
}

int app_source_watch(struct app *app, const char *archive, struct job *job, source_watch_fn *watch, void *arg,
    struct source **ret, struct store **ret_store, struct err *e)
{
	return take(app, archive, &(struct manner){ .watch = watch, .arg = arg }, job, ret, ret_store, e);
}

void app_source_give(struct app *app, struct source *source, struct store *store)
{
	struct kept k = { source, store, { 0 } }, old;

	if (source == NULL) {
		store_free(store);
		return;
	}
	source_set_job(source, NULL);
	if (store == NULL) {
		drop(app, &k);
		return;
	}
	if (is_large(app, source) || store_stat(store, source_name(source), &k.object, NULL) == -1) {
		drop(app, &k);
		return;
	}
	pthread_mutex_lock(&app->kept_lock);
	old = app->kept;
	app->kept = k;
	pthread_mutex_unlock(&app->kept_lock);
	drop(app, &old);
}
