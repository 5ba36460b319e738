/* sequence.c: the largest number that any of three memories has: a file of this host, the catalogue, the store. */
#include "app/sequence.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/app_impl.h"
#include "app/archives.h"
#include "app/catalogue_impl.h"
#include "core/io.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"

/* So many of the newest are looked at: the newest one may be of another program, or cut off. */
#define LOOK_AT 3

static uint64_t largest(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t in_file(const char *path)
{
	struct buf b = BUF_INIT;
	struct err e = { 0 };
	uint64_t n = 0;

	if (io_read_file(AT_FDCWD, path, 64, &b, &e) == -1) {
		if (e.code != ERR_NOT_FOUND)
			log_write(LOG_LEVEL_WARNING, "%s", e.msg);
	} else {
		char *text = buf_steal(&b);

		text[strcspn(text, "\n")] = '\0';
		if (str_u64(text, INT64_MAX, &n) == -1) {
			log_write(LOG_LEVEL_WARNING, "%s holds no number", path);
			n = 0;
		}
		free(text);
	}
	buf_done(&b);
	return n;
}

static uint64_t in_catalogue(const struct catalogue_archives *known, const char *server)
{
	uint64_t n = 0;

	for (size_t i = 0; i < known->n; i++)
		if (strcmp(known->list[i].server, server) == 0)
			n = largest(n, known->list[i].sequence);
	return n;
}

static int by_time(const void *x, const void *y)
{
	const struct app_archive *a = x, *b = y;

	return a->mtime != b->mtime ? (a->mtime > b->mtime ? -1 : 1) : 0;
}

static int by_name(const void *x, const void *y)
{
	const struct app_archive *a = x, *b = y;

	return strcmp(b->name, a->name);
}

static uint64_t in_store(const struct catalogue_archives *known, const char *server,
    const struct conf_store *conf, struct store *store, struct job *job)
{
	struct store_list l;
	struct app_archive *list;
	struct err e;
	uint64_t ret = 0;
	size_t n = 0;

	if (store_list(store, &l, &e) == -1) {
		log_write(LOG_LEVEL_WARNING, "%s", e.msg);
		return 0;
	}
	list = mem_array(l.n + 1, sizeof *list);
	for (size_t i = 0; i < l.n; i++) {
		archives_begin(conf, l.objects[i].name, &l.objects[i], &list[n]);
		if (list[n].server != NULL && strcmp(list[n].server, server) == 0)
			n++;
		else
			archives_end(&list[n]);
	}
	for (int pass = 0; pass < 2 && n > 0; pass++) {
		qsort(list, n, sizeof *list, pass == 0 ? by_name : by_time);
		for (size_t i = 0; i < n && i < LOOK_AT; i++) {
			const struct catalogue_archive *k = known_find(known, conf->name, list[i].name);

			/* What is known of it was counted already. */
			if (!list[i].looked && !known_is(k, conf, &list[i]))
				archives_describe(store, job, &list[i]);
			ret = largest(ret, list[i].sequence);
		}
	}
	for (size_t i = 0; i < n; i++)
		archives_end(&list[i]);
	free(list);
	store_list_done(&l);
	return ret;
}

uint64_t sequence_next(
    struct app *app, const char *server, const struct conf_store *conf, struct store *store, struct job *job)
{
	char *path = mem_printf("%s/sequence-%s", app->conf->state_directory, server), *text;
	struct catalogue_archives known;
	struct err e;
	uint64_t n;

	known_read(app, &known);
	n = largest(in_file(path), in_catalogue(&known, server));
	n = largest(n, in_store(&known, server, conf, store, job)) + 1;
	catalogue_archives_done(&known);
	text = mem_printf("%llu\n", (unsigned long long)n);
	if (io_mkdirs(AT_FDCWD, app->conf->state_directory, 0700, &e) == -1 ||
	    io_replace(AT_FDCWD, path, text, strlen(text), 0600, &e) == -1)
		log_write(LOG_LEVEL_WARNING, "%s", e.msg);
	free(text);
	free(path);
	return n;
}
