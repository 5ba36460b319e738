/* archives.c: list archives, and find the one that is meant. */
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/app.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"

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

static void describe(struct store *store, struct job *job, struct app_archive *a)
{
	struct archive *ar;
	struct err e;
	size_t report;

	if (archive_open(store, a->name, job, &ar, &e) == -1) {
		a->why = mem_strdup(e.msg);
		return;
	}
	a->readable = true;
	a->kind = archive_get_kind(ar);
	a->health = HEALTH_UNCHECKED;
	if (a->kind == ARCHIVE_OURS) {
		for (size_t i = 0; i < archive_n_units(ar); i++) {
			const struct unit_info *u = archive_unit(ar, i);

			a->mailboxes += u->kind == UNIT_MAILBOX;
			a->messages += u->kind == UNIT_MAILBOX ? u->messages : 0;
		}
		report = archive_find(ar, UNIT_REPORT, "report");
		if (report != (size_t)-1)
			a->health = archive_unit(ar, report)->health;
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

/* Lists one store; opens its archives when ${look} is set. */
static int list_store(const struct conf_store *c, struct job *job, bool look, struct app_archives *ret,
    size_t *cap, struct err *e)
{
	struct store *store;
	struct store_list l;

	if (store_open(c->url, false, &store, e) == -1)
		return -1;
	if (store_list(store, &l, e) == -1) {
		store_free(store);
		return -1;
	}
	for (size_t i = 0; i < l.n; i++) {
		struct app_archive a = { .when = l.objects[i].mtime, .size_bytes = l.objects[i].size_bytes };

		if (!looks_like_archive(l.objects[i].name))
			continue;
		a.name = mem_strdup(l.objects[i].name);
		a.store = mem_strdup(c->name);
		a.server = parse_name(a.name, &a.when);
		if (look)
			describe(store, job, &a);
		ret->list = mem_grow(ret->list, cap, ret->n + 1, sizeof *ret->list);
		ret->list[ret->n++] = a;
	}
	store_list_done(&l);
	store_free(store);
	return job_cancelled(job, e) ? -1 : 0;
}

static int list_all(struct app *app, struct job *job, bool look, struct app_archives *ret, struct err *e)
{
	const struct conf *c = app_conf(app);
	size_t cap = 0;

	*ret = (struct app_archives){ 0 };
	ret->unreachable = mem_array(c->n_stores, sizeof *ret->unreachable);
	for (size_t i = 0; i < c->n_stores; i++) {
		struct err why = { 0 };

		if (list_store(&c->stores[i], job, look, ret, &cap, &why) == 0)
			continue;
		if (why.code == ERR_NOT_FOUND) {
			why.hint[0] = '\0';
			err_hint(&why, "the first backup makes it (cyrvault backup), unless a file system "
				       "should be mounted there");
		}
		if (why.code == ERR_CANCELLED || c->n_stores == 1) {
			if (e != NULL)
				*e = why;
			app_archives_done(ret);
			return -1;
		}
		ret->unreachable[ret->n_unreachable++] = mem_strdup(why.msg);
	}
	if (ret->n > 1)
		qsort(ret->list, ret->n, sizeof *ret->list, newest_first);
	return 0;
}

int app_archives(struct app *app, struct job *job, struct app_archives *ret, struct err *e)
{
	return list_all(app, job, true, ret, e);
}

void app_archives_done(struct app_archives *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->list[i].name);
		free(l->list[i].store);
		free(l->list[i].why);
		free(l->list[i].server);
	}
	for (size_t i = 0; i < l->n_unreachable; i++)
		free(l->unreachable[i]);
	free(l->list);
	free(l->unreachable);
	*l = (struct app_archives){ 0 };
}

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

int app_open_store_of(struct app *app, const char *archive, struct store **ret, char **name, struct err *e)
{
	const struct app_archive *found = NULL;
	struct app_archives l;
	int rc = -1;

	if (archive[0] == '/' || str_starts(archive, "./") || str_starts(archive, "../"))
		return open_path(archive, ret, name, e);
	if (list_all(app, NULL, false, &l, e) == -1)
		return -1;
	for (size_t i = 0; i < l.n; i++) {
		const struct app_archive *a = &l.list[i];

		if (strcmp(archive, "latest") == 0) {
			/* The newest of ours; of others only when there is none of ours. */
			if (found == NULL || (found->server == NULL && a->server != NULL))
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
		for (size_t i = 0; i < l.n_unreachable; i++)
			err_wrap(e, "%s", l.unreachable[i]);
		goto out;
	}
	rc = app_store(app, found->store, false, ret, e);
	if (rc == 0)
		*name = mem_strdup(found->name);
out:
	app_archives_done(&l);
	return rc;
}

int app_source(struct app *app, const char *archive, struct job *job, struct source **ret,
    struct store **ret_store, struct err *e)
{
	char *name;

	if (app_open_store_of(app, archive, ret_store, &name, e) == -1)
		return -1;
	if (source_open(*ret_store, name, job, ret, e) == -1) {
		store_free(*ret_store);
		*ret_store = NULL;
		free(name);
		return -1;
	}
	free(name);
	return 0;
}
