/* foreign.c: what was found out about archives of something else is kept in the catalogue. */
#include <stdlib.h>

#include "app/app_impl.h"
#include "core/log.h"
#include "core/mem.h"
#include "db/catalogue.h"

/* The set of one archive. An archive that was replaced has the same, which then does not open and is written anew. */
static char *owner_of(const char *url, const char *name)
{
	return mem_printf("foreign\t%s\t%s", url, name);
}

struct pieces {
	struct catalogue *catalogue;
	char *owner;
	struct job *job;		/* of the one who opens the archive: begin and end come then only */
	struct catalogue_blobs *coming; /* between begin and end */
};

static int pieces_begin(void *arg, struct err *e)
{
	struct pieces *p = arg;

	catalogue_blobs_free(p->coming);
	p->coming = NULL;
	return catalogue_blobs_begin(p->catalogue, p->owner, p->job, &p->coming, e);
}

static int pieces_put(void *arg, uint8_t kind, uint64_t number, const void *p, size_t n, struct err *e)
{
	return catalogue_blobs_put(((struct pieces *)arg)->coming, kind, number, p, n, e);
}

static int pieces_end(void *arg, struct err *e)
{
	struct pieces *p = arg;
	int rc = catalogue_blobs_commit(p->coming, e);

	catalogue_blobs_free(p->coming);
	p->coming = NULL;
	return rc;
}

/* A catalogue that cannot be read makes an archive unknown, and no more. */
static int pieces_get(void *arg, uint8_t kind, uint64_t number, struct buf *b, struct err *e)
{
	struct pieces *p = arg;
	struct err why = { 0 };
	size_t before = b->len;
	uint64_t at = 0;
	int r = catalogue_blob_get(p->catalogue, p->owner, kind, number, &at, b, &why);

	if (r == 1 && at == number)
		return 1;
	b->len = before;
	if (r == -1 && why.code == ERR_CANCELLED) {
		if (e != NULL)
			*e = why;
		return -1;
	}
	if (r == -1)
		log_write(LOG_LEVEL_WARNING, "what is known of archives of something else is not used: %s",
		    why.msg);
	return 0;
}

static void pieces_drop(void *arg, bool all)
{
	struct pieces *p = arg;
	struct err why = { 0 };

	catalogue_blobs_free(p->coming);
	p->coming = NULL;
	if (all && catalogue_blobs_have(p->catalogue, p->owner, NULL) == 1 &&
	    catalogue_blobs_drop(p->catalogue, p->owner, NULL, &why) == -1)
		log_write(LOG_LEVEL_WARNING, "what is known of an archive cannot be forgotten: %s", why.msg);
}

static void pieces_close(void *arg)
{
	struct pieces *p = arg;

	catalogue_blobs_free(p->coming);
	free(p->owner);
	free(p);
}

int app_source_open(struct app *app, struct store *store, const char *name, const struct source_opts *o,
    struct source **ret, struct err *e)
{
	struct foreign_memory m = { NULL, pieces_begin, pieces_put, pieces_end, pieces_get, pieces_drop,
		pieces_close };
	struct source_opts with = *o;
	struct pieces *p = mem_alloc(sizeof *p);

	p->catalogue = app->catalogue;
	p->job = o->job;
	p->owner = owner_of(store_url(store), name);
	m.arg = p;
	with.memory = &m;
	return source_open_as(store, name, &with, ret, e);
}

int app_foreign_forget(struct app *app, const char *url, const char *name, struct job *job, struct err *e)
{
	char *owner = owner_of(url, name);
	int rc = catalogue_blobs_drop(app->catalogue, owner, job, e);

	free(owner);
	return rc;
}
