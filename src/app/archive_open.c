/* archive_open.c: find the archive that is meant, and open it. */
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

#include "app/app_impl.h"
#include "app/archives.h"
#include "app/catalogue_impl.h"
#include "app/tape_drive.h"
#include "core/mem.h"
#include "core/str.h"

/* A file outside all stores: its directory is the store. */
static int open_path(const char *path, struct store **ret, char **name, struct err *e)
{
	char *real = realpath(path, NULL), *copy, *url;
	int rc;

	if (real == NULL) {
		err_sys(e, "%s", path);
		return err_hint(e, "give the path of a file, or a name that cyrvault archives shows");
	}
	copy = mem_strdup(real);
	url = mem_printf("dir:%s", dirname(copy));
	rc = store_open(url, false, ret, e);
	if (rc == 0)
		*name = mem_strdup(strrchr(real, '/') + 1);
	free(real);
	free(copy);
	free(url);
	return rc;
}

/* The name of an archive that is known, and is there as it was, in one store only: then no store need be listed. */
static bool open_known(struct app *app, const char *archive, struct job *job, struct store **ret, char **name)
{
	const struct conf *c = app_conf(app);
	const struct conf_store *place = NULL;
	const struct catalogue_archive *k = NULL;
	struct catalogue_archives known;
	struct store_object o;
	struct store *store = NULL;
	size_t n = 0;

	known_read(app, &known);
	for (size_t i = 0; i < known.n; i++)
		if (strcmp(known.list[i].name, archive) == 0 && !known.list[i].gone) {
			k = &known.list[i];
			n++;
		}
	for (size_t i = 0; i < c->n_stores && n == 1; i++)
		if (strcmp(c->stores[i].name, k->store) == 0 && strcmp(c->stores[i].url, k->url) == 0)
			place = &c->stores[i];
	if (place != NULL && app_store_open(app, place, false, job, &store, NULL) == 0 &&
	    store_stat(store, archive, &o, NULL) == 0 && o.size_bytes == k->size_bytes &&
	    o.mtime == k->mtime) {
		*ret = store;
		*name = mem_strdup(archive);
		store = NULL;
		n = 2;
	}
	store_free(store);
	catalogue_archives_done(&known);
	return place != NULL && n == 2;
}

/* For "latest", of two the newer of which is ${was}: ours before others', at hand before on tape. */
static bool is_better(const struct app_archive *a, const struct app_archive *was)
{
	bool tape = strcmp(a->where, "tape") == 0, was_tape = strcmp(was->where, "tape") == 0;

	if (tape != was_tape)
		return was_tape;
	return was->server == NULL && a->server != NULL;
}

static int open_on_tape(
    struct app *app, const struct app_archive *a, struct job *job, struct store **ret, struct err *e)
{
	struct tape_copies copies;
	const struct tape_copy *c;
	int rc = tape_copies(app, &copies, e);

	if (rc == -1)
		return -1;
	c = tape_copies_find(&copies, a->store, a->name);
	rc = c != NULL ? tape_open_copy(app, c, NULL, false, job, ret, e)
	               : err_set(e, ERR_NOT_FOUND, "%s is on no tape any more", a->name);
	tape_copies_done(&copies);
	return rc;
}

int app_open_store_of(
    struct app *app, const char *archive, struct job *job, struct store **ret, char **name, struct err *e)
{
	const struct app_archive *found = NULL;
	struct app_archives l;
	int rc = -1;

	if (app_is_live(archive)) {
		err_set(e, ERR_USAGE, "%s is the running server, no archive", archive);
		return err_hint(
		    e, "mailboxes, messages, show, export and restore take it in an archive's place");
	}
	if (archive[0] == '/' || str_starts(archive, "./") || str_starts(archive, "../"))
		return open_path(archive, ret, name, e);
	if (open_known(app, archive, job, ret, name))
		return 0;
	if (archives_list(app, job, false, NULL, NULL, &l, e) == -1)
		goto out;
	for (size_t i = 0; i < l.n; i++) {
		const struct app_archive *a = &l.list[i];

		if (strcmp(archive, "latest") == 0) {
			/* The newest of ours; of others only when there is none of ours. */
			if (found == NULL || is_better(a, found))
				found = a;
		} else if (strcmp(a->name, archive) == 0) {
			found = a;
			break;
		} else if (str_starts(a->name, archive)) {
			if (found != NULL) {
				err_set(e, ERR_USAGE, "%s may be %s or %s", archive, found->name, a->name);
				goto out;
			}
			found = a;
		}
	}
	if (found == NULL) {
		if (strcmp(archive, "latest") == 0)
			err_set(e, ERR_NOT_FOUND, "there is no archive yet");
		else
			err_set(e, ERR_NOT_FOUND, "no archive %s", archive);
		err_hint(e, strcmp(archive, "latest") == 0 ? "take one: cyrvault backup"
							   : "cyrvault archives lists all");
		for (size_t i = 0; i < l.n_away; i++)
			err_wrap(e, "%s", l.away[i].what);
		goto out;
	}
	rc = strcmp(found->where, "tape") == 0 ? open_on_tape(app, found, job, ret, e)
	                                       : app_store(app, found->store, false, job, ret, e);
	if (rc == 0)
		*name = mem_strdup(found->name);
out:
	app_archives_done(&l);
	return rc;
}

bool app_is_live(const char *archive)
{
	return strcmp(archive, SOURCE_LIVE) == 0 || str_starts(archive, SOURCE_LIVE "@");
}

char *app_archive_of(const char *archive, const char *server)
{
	if (server == NULL || strcmp(archive, SOURCE_LIVE) != 0)
		return mem_strdup(archive);
	return mem_printf("%s@%s", archive, server);
}

int app_live_open(struct app *app, const char *archive, struct job *job, struct source **ret, struct err *e)
{
	const char *at = strchr(archive, '@');
	struct server *s;

	if (app_server(app, at != NULL ? at + 1 : NULL, &s, e) == -1)
		return -1;
	return source_open_live(s, job, ret, e);
}

int app_source(struct app *app, const char *archive, struct job *job, struct source **ret,
    struct store **ret_store, struct err *e)
{
	char *name;

	*ret_store = NULL;
	if (app_is_live(archive))
		return app_live_open(app, archive, job, ret, e);
	if (app_open_store_of(app, archive, job, ret_store, &name, e) == -1)
		return -1;
	if (app_source_open(app, *ret_store, name, &(struct source_opts){ .job = job }, ret, e) == -1) {
		store_free(*ret_store);
		*ret_store = NULL;
		free(name);
		return -1;
	}
	free(name);
	return 0;
}
