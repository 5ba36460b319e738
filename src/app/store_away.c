/* store_away.c: why a store cannot be looked into: it is not there yet, it was there once, or something else. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/archives.h"
#include "core/io.h"
#include "core/mem.h"

#define MAX_URL 8192

/* Holds the url under which this host has put an archive into the store. */
static char *mark_of(struct app *app, const struct conf_store *store)
{
	return mem_printf("%s/store-%s.used", app_conf(app)->state_directory, store->name);
}

static bool was_used(struct app *app, const struct conf_store *store)
{
	char *path = mark_of(app, store);
	struct buf b = BUF_INIT;
	bool ret =
	    io_read_file(AT_FDCWD, path, MAX_URL, &b, NULL) == 0 && strcmp(buf_text(&b), store->url) == 0;

	buf_done(&b);
	free(path);
	return ret;
}

int archives_store_used(struct app *app, const struct conf_store *store, struct err *e)
{
	char *path;
	int rc;

	if (was_used(app, store))
		return 0;
	path = mark_of(app, store);
	rc = io_mkdirs(AT_FDCWD, app_conf(app)->state_directory, 0700, e) == -1
	         ? -1
	         : io_replace(AT_FDCWD, path, store->url, strlen(store->url), 0600, e);
	free(path);
	return rc;
}

void archives_store_away(
    struct app *app, const struct conf_store *store, struct app_store_away *away, struct err *e)
{
	*away = (struct app_store_away){ .store = mem_strdup(store->name), .state = STORE_FAILED };
	if (e->code == ERR_NOT_FOUND) {
		away->state = was_used(app, store) ? STORE_GONE : STORE_NOT_YET;
		e->hint[0] = '\0';
		if (away->state == STORE_GONE)
			err_hint(
			    e, "this host has put archives there: mount its file system, or correct the url");
		else
			err_hint(e, "the first backup makes it (cyrvault backup), unless a file system "
				    "should be mounted there");
	}
	away->what = mem_strdup(e->msg);
	away->next = mem_strdup(e->hint);
}

void archives_store_away_done(struct app_store_away *away)
{
	free(away->store);
	free(away->what);
	free(away->next);
}
