/* find_update.c: the messages of archives that are not in the catalogue yet. */
#include "app/find_update.h"

#include <stdlib.h>
#include <string.h>

#include "app/app_impl.h"
#include "app/find_fill.h"
#include "core/mem.h"

static int oldest_first(const void *a, const void *b)
{
	const struct catalogue_archive *const *x = a, *const *y = b;

	return (*x)->when < (*y)->when ? -1 : (*x)->when > (*y)->when;
}

static int fill(struct app *app, struct store *store, const struct catalogue_archive *a, struct job *job, struct err *e)
{
	struct source *s;
	int rc;

	if (app_source_open(app, store, a->name, &(struct source_opts){ .job = job, .units = true }, &s, e) == -1)
		return -1;
	rc = find_fill(app->catalogue, a, s, job, e);
	source_close(s);
	return rc;
}

/* The store of ${a}, opened if it is not the one before; NULL: it cannot be had now. */
static struct store *store_for(
    struct app *app, const struct catalogue_archive *a, const struct conf_store **was, struct store **store, struct job *job)
{
	const struct conf_store *conf = conf_find_store(app->conf, a->store, NULL);

	if (conf == NULL || strcmp(conf->url, a->url) != 0)
		return NULL;
	if (*was != conf) {
		store_free(*store);
		*store = NULL;
		*was = conf;
		if (app_store_open(app, conf, false, job, store, NULL) == -1)
			*store = NULL;
	}
	return *store;
}

int find_update(struct app *app, const char *only, struct job *job, size_t *ret_filled, char **ret_why, struct err *e)
{
	struct catalogue_archives l;
	const struct catalogue_archive **order;
	const struct conf_store *conf = NULL;
	struct store *store = NULL;
	bool *have;
	size_t n = 0;
	int rc;

	if (!app->conf->catalogue_messages)
		return 0;
	rc = catalogue_archives(app->catalogue, &l, e);
	order = mem_array(l.n + 1, sizeof(struct catalogue_archive *));
	have = mem_array(l.n + 1, sizeof *have);
	if (rc == 0)
		rc = catalogue_mails_have(app->catalogue, &l, have, e);
	for (size_t i = 0; rc == 0 && i < l.n; i++)
		/* Of those on tape nearly all would have to be read. */
		if (!have[i] && !l.list[i].gone && l.list[i].where[0] == '\0' && l.list[i].state == CATALOGUE_FILLED &&
		    (only == NULL || strcmp(only, l.list[i].name) == 0))
			order[n++] = &l.list[i];
	qsort(order, n, sizeof(struct catalogue_archive *), oldest_first);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct err why = { 0 };

		if (job_cancelled(job, e)) {
			rc = -1;
		} else if (store_for(app, order[i], &conf, &store, job) == NULL) {
			continue;
		} else if (fill(app, store, order[i], job, &why) == 0) {
			++*ret_filled;
		} else if (why.code == ERR_CANCELLED || why.code == ERR_SPACE || why.code == ERR_LOCKED) {
			if (e != NULL)
				*e = why;
			rc = -1;
		} else {
			free(*ret_why);
			*ret_why = mem_strdup(why.msg);
		}
	}
	store_free(store);
	free(order);
	free(have);
	catalogue_archives_done(&l);
	return rc;
}
