/* app_impl.h: the session's inside. Only for this room. */
#ifndef APP_APP_IMPL_H
#define APP_APP_IMPL_H

#include <pthread.h>

#include "app/app.h"

struct app {
	struct conf *conf;
	struct store_links *links;
	struct catalogue *catalogue;
	/* Units from which an archive has very many: see app_source_give(). */
	size_t many_units;
	/* Of the session, for the audit log; NULL: none. */
	pthread_mutex_t reason_lock;
	char *reason;
	/* The source that was given back last. */
	pthread_mutex_t kept_lock;
	struct kept {
		struct source *source; /* NULL: none */
		struct store *store;
		struct store_object object; /* what the archive was when it was opened */
	} kept;
};

/* What is known of so many units is 20 MiB. */
#define APP_MANY_UNITS 100000

/** app_source_watch(app, archive, job, watch, arg, ret, ret_store, e): As app_source_take() of one that need not be whole; if it has to be
 * opened, ${watch} looks on as in source_open_units(). */
int app_source_watch(struct app *app, const char *archive, struct job *job, source_watch_fn *watch, void *arg,
    struct source **ret, struct store **ret_store, struct err *e);

/** app_store_open(app, c, create, job, ret, e): Open that store of the configuration, for ${job}. */
int app_store_open(struct app *app, const struct conf_store *c, bool create, struct job *job,
    struct store **ret, struct err *e);

/** app_source_open(app, store, name, o, ret, e): As source_open_as(), with what the catalogue knows of an archive of something else.
 * app_foreign_forget(app, url, name, job, e): Have it forgotten; nothing known is no error. */
int app_source_open(struct app *app, struct store *store, const char *name, const struct source_opts *o,
    struct source **ret, struct err *e);
int app_foreign_forget(struct app *app, const char *url, const char *name, struct job *job, struct err *e);

/** app_live_open(app, archive, job, ret, e): The running server that ${archive} names, for which app_is_live() is true. */
int app_live_open(struct app *app, const char *archive, struct job *job, struct source **ret, struct err *e);

/** app_kept_drop(app): Close what is kept. */
void app_kept_drop(struct app *app);

#endif
