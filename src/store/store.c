/* store.c: the calls common to all stores: names are checked here, errors get the store's url. */
#include "store/store.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/str.h"
#include "store/store_impl.h"

bool store_name_ok(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > 200 || name[0] == '.' || name[0] == '-')
		return false;
	return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-+@:") == n;
}

int store_open(const char *url, bool create, struct store **ret, struct err *e)
{
	struct store *s = mem_alloc(sizeof *s);
	int rc;

	s->url = mem_strdup(url);
	if (str_starts(url, "dir:/")) {
		rc = store_dir_open(s, url + 4, create, e);
	} else if (url[0] == '/') {
		rc = store_dir_open(s, url, create, e);
	} else {
		err_set(e, ERR_CONFIG, "\"%s\" is no store that this version knows", url);
		rc = err_hint(e, "write url = dir:/path");
	}
	if (rc == -1) {
		free(s->url);
		free(s);
		return err_wrap(e, "open store %s", url);
	}
	*ret = s;
	return 0;
}

struct store_links {
	pthread_mutex_t lock;
};

struct store_links *store_links_new(void)
{
	struct store_links *l = mem_alloc(sizeof *l);

	pthread_mutex_init(&l->lock, NULL);
	return l;
}

void store_links_free(struct store_links *l)
{
	if (l == NULL)
		return;
	pthread_mutex_destroy(&l->lock);
	free(l);
}

int store_open_as(const struct store_opts *o, struct store **ret, struct err *e)
{
	if (store_open(o->conf->url, o->create, ret, e) == -1)
		return -1;
	store_set_job(*ret, o->job);
	return 0;
}

void store_set_job(struct store *s, struct job *job)
{
	s->job = job;
}

const char *store_url(const struct store *s)
{
	return s->url;
}

static int check_name(const char *name, struct err *e)
{
	if (store_name_ok(name))
		return 0;
	return err_set(e, ERR_USAGE, "\"%s\" cannot be the name of an archive", name);
}

static int in_store(const struct store *s, int rc, struct err *e)
{
	return rc == -1 ? err_wrap(e, "store %s", s->url) : rc;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct store_object *)a)->name, ((const struct store_object *)b)->name);
}

void store_list_add(struct store_list *l, size_t *cap, const char *name, uint64_t size_bytes, int64_t mtime)
{
	l->objects = mem_grow(l->objects, cap, l->n + 1, sizeof *l->objects);
	l->objects[l->n++] = (struct store_object){ mem_strdup(name), size_bytes, mtime };
}

int store_list(struct store *s, struct store_list *ret, struct err *e)
{
	*ret = (struct store_list){ 0 };
	if (s->ops->list(s, ret, e) == -1) {
		store_list_done(ret);
		return in_store(s, -1, e);
	}
	if (ret->n > 0)
		qsort(ret->objects, ret->n, sizeof *ret->objects, by_name);
	return 0;
}

void store_list_done(struct store_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->objects[i].name);
	free(l->objects);
	*l = (struct store_list){ 0 };
}

int store_stat(struct store *s, const char *name, struct store_object *ret, struct err *e)
{
	*ret = (struct store_object){ 0 };
	if (check_name(name, e) == -1)
		return -1;
	return in_store(s, s->ops->stat(s, name, ret, e), e);
}

int store_read(struct store *s, const char *name, struct stream **ret, struct err *e)
{
	if (check_name(name, e) == -1)
		return -1;
	return in_store(s, s->ops->read(s, name, ret, e), e);
}

int store_create(struct store *s, const char *name, uint64_t size_bytes, struct stream **ret, struct err *e)
{
	if (check_name(name, e) == -1)
		return -1;
	return in_store(s, s->ops->create(s, name, size_bytes, ret, e), e);
}

int store_commit(struct store *s, struct stream *out, struct err *e)
{
	return in_store(s, s->ops->commit(s, out, e), e);
}

int store_remove(struct store *s, const char *name, struct err *e)
{
	if (check_name(name, e) == -1)
		return -1;
	return in_store(s, s->ops->remove(s, name, e), e);
}

int store_clean(struct store *s, int64_t min_age_seconds, struct err *e)
{
	return in_store(s, s->ops->clean(s, min_age_seconds, e), e);
}

void store_free(struct store *s)
{
	if (s == NULL)
		return;
	s->ops->free(s);
	free(s->url);
	free(s);
}
