/* store_sftp.c: a directory on another host as a store, reached by SFTP. As in store_dir.c uncommitted objects are ".NAME.partial"; there are no locks over
 * SFTP, so what nobody has written to for a while is taken for the leavings of a killed run. */
#include "store/store_sftp.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "store/sftp_stream.h"

struct sftp_store {
	struct sftp_host host;
	char *dir;
};

static char *path_of(const struct sftp_store *d, const char *name)
{
	return sftp_path(d->dir, name);
}

/* Listing. */

struct listing {
	struct store_list *ret;
	size_t cap;
	/* Names of which the list does not say what they are: links. */
	char **others;
	size_t n_others, cap_others;
};

static void listing_clear(struct listing *l)
{
	store_list_done(l->ret);
	for (size_t i = 0; i < l->n_others; i++)
		free(l->others[i]);
	l->cap = l->n_others = 0;
}

static int list_one(void *arg, const struct sftp_name *n, struct err *e)
{
	struct listing *l = arg;
	char name[NAME_MAX + 1];

	(void)e;
	if (n->name.n > NAME_MAX || memchr(n->name.p, '\0', n->name.n) != NULL)
		return 0;
	memcpy(name, n->name.p, n->name.n);
	name[n->name.n] = '\0';
	if (!store_name_ok(name))
		return 0;
	if ((n->attrs.flags & SFTP_ATTR_MODE) && (n->attrs.flags & SFTP_ATTR_SIZE) &&
	    S_ISREG(n->attrs.mode)) {
		store_list_add(l->ret, &l->cap, name, n->attrs.size, n->attrs.mtime);
	} else if (!(n->attrs.flags & SFTP_ATTR_MODE) || S_ISLNK(n->attrs.mode)) {
		l->others = mem_grow(l->others, &l->cap_others, l->n_others + 1, sizeof *l->others);
		l->others[l->n_others++] = mem_strdup(name);
	}
	return 0;
}

static int look_at_others(struct sftp_store *d, struct listing *l, struct err *e)
{
	struct sftp *s = sftp_host_main(&d->host);

	for (size_t i = 0; i < l->n_others; i++) {
		char *path = path_of(d, l->others[i]);
		struct sftp_attrs a;
		int rc = sftp_stat(s, d->host.store->job, SFTP_STAT, path, &a, e);

		free(path);
		if (rc == -1 && (sftp_why(s) != NULL || job_cancelled(d->host.store->job, e)))
			return -1;
		if (rc == 0 && S_ISREG(a.mode))
			store_list_add(l->ret, &l->cap, l->others[i], a.size, a.mtime);
	}
	return 0;
}

static int remote_list(struct store *s, struct store_list *ret, struct err *e)
{
	struct sftp_store *d = s->ctx;
	struct listing l = { .ret = ret };
	unsigned tries = 0;
	int rc;

	do {
		listing_clear(&l);
		rc = sftp_list(sftp_host_main(&d->host), s->job, d->dir, list_one, &l, e);
		if (rc == 0)
			rc = look_at_others(d, &l, e);
	} while (rc == -1 && sftp_host_again(&d->host, &tries, e));
	for (size_t i = 0; i < l.n_others; i++)
		free(l.others[i]);
	free(l.others);
	return rc;
}

/* Objects. */

static int remote_stat(struct store *s, const char *name, struct store_object *ret, struct err *e)
{
	struct sftp_store *d = s->ctx;
	char *path = path_of(d, name);
	struct sftp_attrs a;
	unsigned tries = 0;
	int rc;

	do
		rc = sftp_stat(sftp_host_main(&d->host), s->job, SFTP_STAT, path, &a, e);
	while (rc == -1 && sftp_host_again(&d->host, &tries, e));
	free(path);
	if (rc == 0 && !S_ISREG(a.mode))
		return err_set(e, ERR_NOT_FOUND, "%s is not a regular file", name);
	if (rc == 0) {
		ret->size_bytes = a.size;
		ret->mtime = a.mtime;
	}
	return rc;
}

static int remote_read(struct store *s, const char *name, struct stream **ret, struct err *e)
{
	struct sftp_store *d = s->ctx;
	char *path = path_of(d, name);
	int rc = sftp_read_new(&d->host, path, name, ret, e);

	free(path);
	return rc;
}

static int remote_room(struct store *s, uint64_t *ret, struct err *e)
{
	struct sftp_store *d = s->ctx;
	unsigned tries = 0;
	int rc;

	do
		rc = sftp_free_bytes(sftp_host_main(&d->host), s->job, d->dir, ret, e);
	while (rc == -1 && sftp_host_again(&d->host, &tries, e));
	return rc;
}

static int check_space(struct sftp_store *d, uint64_t need, struct err *e)
{
	struct err why = { 0 };
	uint64_t room;
	char a[16], b[16];
	int rc = remote_room(d->host.store, &room, &why);

	/* Where that cannot be asked, writing will tell. */
	if (rc == -1 && (why.code == ERR_CONNECTION || why.code == ERR_CANCELLED || why.code == ERR_AUTH)) {
		if (e != NULL)
			*e = why;
		return -1;
	}
	if (rc == -1 || need < room)
		return 0;
	err_set(e, ERR_SPACE, "%s needed, %s free", str_size(a, sizeof a, need), str_size(b, sizeof b, room));
	return err_hint(e, "remove old archives or give the store more room");
}

static int remote_create(
    struct store *s, const char *name, uint64_t size_bytes, struct stream **ret, struct err *e)
{
	struct sftp_store *d = s->ctx;

	if (size_bytes > 0 && check_space(d, size_bytes, e) == -1)
		return -1;
	return sftp_upload_new(&d->host, d->dir, name, ret, e);
}

static int remote_commit(struct store *s, struct stream *out, struct err *e)
{
	struct sftp_upload *u = sftp_upload_of(out);

	(void)s;
	if (u == NULL)
		return err_set(e, ERR_USAGE, "%s was not created in this store", stream_name(out));
	return sftp_upload_commit(u, e);
}

static int remote_reread(struct store *s, struct stream *out, struct stream **ret, struct err *e)
{
	struct sftp_upload *u = sftp_upload_of(out);

	(void)s;
	if (u == NULL)
		return err_set(e, ERR_USAGE, "%s was not created in this store", stream_name(out));
	return sftp_upload_reread(u, ret, e);
}

static int remote_remove(struct store *s, const char *name, struct err *e)
{
	struct sftp_store *d = s->ctx;
	char *path = path_of(d, name);
	unsigned tries = 0;
	int rc;

	do
		rc = sftp_remove(sftp_host_main(&d->host), s->job, path, e);
	while (rc == -1 && sftp_host_again(&d->host, &tries, e));
	/* The first try may have done it. */
	if (rc == -1 && tries > 0 && e != NULL && e->code == ERR_NOT_FOUND) {
		err_clear(e);
		rc = 0;
	}
	free(path);
	return rc;
}

/* Cleaning. */

struct leavings {
	struct leaving {
		char *name;
		int64_t mtime;
	} * list;
	size_t n, cap;
};

static int leave_one(void *arg, const struct sftp_name *n, struct err *e)
{
	struct leavings *l = arg;
	char *name;

	(void)e;
	if (n->name.n > NAME_MAX || n->name.n == 0 || n->name.p[0] != '.' || !S_ISREG(n->attrs.mode) ||
	    memchr(n->name.p, '/', n->name.n) != NULL || memchr(n->name.p, '\0', n->name.n) != NULL)
		return 0;
	name = mem_strndup(n->name.p, n->name.n);
	if (!str_ends(name, ".partial")) {
		free(name);
		return 0;
	}
	l->list = mem_grow(l->list, &l->cap, l->n + 1, sizeof *l->list);
	l->list[l->n++] = (struct leaving){ name, n->attrs.mtime };
	return 0;
}

static int remove_leavings(struct sftp_store *d, const struct leavings *l, int64_t min_age, struct err *e)
{
	struct sftp *s = sftp_host_main(&d->host);
	struct job *job = d->host.store->job;
	int64_t now;
	int removed = 0;

	if (sftp_server_time(&d->host, d->dir, &now, e) == -1)
		return -1;
	for (size_t i = 0; i < l->n; i++) {
		char *path = path_of(d, l->list[i].name);
		struct sftp_attrs a;

		/* As it is now: somebody may have begun again. */
		if (now - l->list[i].mtime >= min_age && sftp_stat(s, job, SFTP_LSTAT, path, &a, NULL) == 0 &&
		    S_ISREG(a.mode) && a.mtime == l->list[i].mtime && sftp_remove(s, job, path, NULL) == 0) {
			log_write(LOG_LEVEL_WARNING, "removed %s, left by an interrupted run", path);
			removed++;
		}
		free(path);
		if (sftp_why(s) != NULL) {
			if (e != NULL)
				*e = *sftp_why(s);
			return -1;
		}
	}
	return removed;
}

static int remote_clean(struct store *s, int64_t min_age_seconds, struct err *e)
{
	struct sftp_store *d = s->ctx;
	struct leavings l = { 0 };
	int rc = sftp_list(sftp_host_main(&d->host), s->job, d->dir, leave_one, &l, e);

	/* Who writes cannot be told from who wrote but by the time. */
	if (min_age_seconds < SFTP_PARTIAL_SECONDS)
		min_age_seconds = SFTP_PARTIAL_SECONDS;
	if (rc == 0 && l.n > 0)
		rc = remove_leavings(d, &l, min_age_seconds, e);
	for (size_t i = 0; i < l.n; i++)
		free(l.list[i].name);
	free(l.list);
	return rc;
}

static void remote_free(struct store *s)
{
	struct sftp_store *d = s->ctx;

	sftp_host_close(&d->host);
	free(d->dir);
	free(d);
}

/* Opening. */

/* Makes what is missing of the way to ${d}->dir. */
static int make_dirs(struct sftp_store *d, struct err *e)
{
	struct sftp *s = sftp_host_main(&d->host);
	struct job *job = d->host.store->job;
	struct sftp_attrs a;
	int rc = 0;

	for (char *slash = strchr(d->dir + 1, '/');; slash = strchr(slash + 1, '/')) {
		if (slash != NULL)
			*slash = '\0';
		rc = sftp_stat(s, job, SFTP_STAT, d->dir, &a, e);
		if (rc == -1 && e != NULL && e->code == ERR_NOT_FOUND) {
			err_clear(e);
			rc = sftp_mkdir(s, job, d->dir, e);
			/* Somebody else may have made it. */
			if (rc == -1 && sftp_stat(s, job, SFTP_STAT, d->dir, &a, NULL) == 0)
				rc = 0;
		}
		if (slash != NULL)
			*slash = '/';
		if (slash == NULL || rc == -1)
			return rc;
	}
}

static int look_at_dir(struct sftp_store *d, bool create, struct err *e)
{
	struct sftp *s = sftp_host_main(&d->host);
	struct job *job = d->host.store->job;
	struct sftp_attrs a;
	int rc = sftp_stat(s, job, SFTP_STAT, d->dir, &a, e);

	if (rc == -1 && create && e != NULL && e->code == ERR_NOT_FOUND) {
		err_clear(e);
		if (make_dirs(d, e) == -1)
			return err_hint(e,
			    "is the file system mounted there, and the directory writable for the account?");
		rc = sftp_stat(s, job, SFTP_STAT, d->dir, &a, e);
	}
	if (rc == 0 && (a.flags & SFTP_ATTR_MODE) && !S_ISDIR(a.mode)) {
		rc = err_set(e, ERR_CONFIG, "%s is not a directory", d->dir);
		return err_hint(e, "let the url name a directory on that host");
	}
	return rc == -1 ? err_hint(e, "is the file system mounted there, and the url right?") : 0;
}

int store_sftp_open(struct store *s, const struct conf_store *conf, struct store_links *links,
    const char *path, bool create, sftp_dial_fn *dial, struct err *e)
{
	static const struct store_ops ops = { remote_list, remote_stat, remote_read, remote_create,
		remote_commit, remote_reread, remote_remove, remote_clean, remote_room, remote_free };
	struct sftp_store *d = mem_alloc(sizeof *d);
	struct err mine = { 0 };
	size_t n = strlen(path);
	unsigned tries = 0;
	int rc;

	if (e == NULL)
		e = &mine;
	while (n > 1 && path[n - 1] == '/')
		n--;
	d->dir = mem_strndup(path, n);
	s->ops = &ops;
	s->ctx = d;
	rc = sftp_host_open(&d->host, s, conf, links, dial, e);
	/* A kept connection may break just now. */
	if (rc == 0)
		do
			rc = look_at_dir(d, create, e);
		while (rc == -1 && sftp_host_again(&d->host, &tries, e));
	if (rc == -1)
		remote_free(s);
	return rc;
}
