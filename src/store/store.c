/* store.c: the calls common to all stores: names are checked here, errors get the store's url. */
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/str.h"
#include "store/ssh.h"
#include "store/store_sftp.h"

/* ${s}->url says what kind it is. */
static int open_kind(struct store *s, const struct store_opts *o, struct err *e)
{
	const char *url = s->url;
	struct ssh_target target;
	int rc;

	if (str_starts(url, "dir:/"))
		return store_dir_open(s, url + 4, o->create, e);
	if (url[0] == '/')
		return store_dir_open(s, url, o->create, e);
	if (str_starts(url, "sftp://")) {
		if (ssh_parse_url(url, &target, e) == -1)
			return -1;
		rc = store_sftp_open(s, o->conf, o->links, target.path, o->create, sftp_dial_ssh, e);
		ssh_target_done(&target);
		return rc;
	}
	err_set(e, ERR_CONFIG, "\"%s\" is no store that this version knows", url);
	return err_hint(e, "write url = dir:/path, or sftp://user@host/path");
}

static void free_store(struct store *s)
{
	if (s->own_conf != NULL)
		free(s->own_conf->url);
	free(s->own_conf);
	free(s->url);
	free(s);
}

static int open_store(struct store *s, const struct store_opts *o, struct store **ret, struct err *e)
{
	s->url = mem_strdup(o->conf->url);
	s->job = o->job;
	if (open_kind(s, o, e) == -1) {
		err_wrap(e, "open store %s", s->url);
		free_store(s);
		return -1;
	}
	*ret = s;
	return 0;
}

int store_open(const char *url, bool create, struct store **ret, struct err *e)
{
	struct store *s = mem_alloc(sizeof *s);

	s->own_conf = mem_dup(
	    &(struct conf_store){ .url = mem_strdup(url), .timeout_ms = 30000 }, sizeof *s->own_conf);
	return open_store(s, &(struct store_opts){ .conf = s->own_conf, .create = create }, ret, e);
}

int store_open_as(const struct store_opts *o, struct store **ret, struct err *e)
{
	return open_store(mem_alloc(sizeof(struct store)), o, ret, e);
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

int store_reread(struct store *s, struct stream *out, struct stream **ret, struct err *e)
{
	return in_store(s, s->ops->reread(s, out, ret, e), e);
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

int store_room(struct store *s, uint64_t *ret, struct err *e)
{
	return in_store(s, s->ops->room(s, ret, e), e);
}

void store_free(struct store *s)
{
	if (s == NULL)
		return;
	s->ops->free(s);
	free_store(s);
}
