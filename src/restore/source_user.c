/* source_user.c: what an archive holds beside the mailbox directories: seen state, subscriptions, quota roots,
 * annotations, users; the databases in it stay open in a small cache. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/str.h"
#include "restore/source_impl.h"

/* A restore of one user asks for the same few databases again and again. */
#define CACHE_SLOTS	8
#define CACHE_BYTES_MAX (256u << 20)

struct source_cache {
	struct slot {
		char *key; /* "seen alice", "database /var/..."; NULL: free */
		struct buf bytes;
		struct cyrusdb *db; /* NULL: the archive has no such file */
		uint64_t used;
	} slots[CACHE_SLOTS];
	uint64_t clock;
	char *subs_user; /* whose subscriptions are in subs */
	char **subs;	 /* ascending */
	size_t n_subs, cap_subs;
};

static void slot_done(struct slot *t)
{
	cyrusdb_close(t->db);
	buf_done(&t->bytes);
	free(t->key);
	*t = (struct slot){ 0 };
}

static void subs_done(struct source_cache *c)
{
	for (size_t i = 0; i < c->n_subs; i++)
		free(c->subs[i]);
	free(c->subs);
	free(c->subs_user);
	c->subs = NULL;
	c->subs_user = NULL;
	c->n_subs = c->cap_subs = 0;
}

void source_cache_free(struct source_cache *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < CACHE_SLOTS; i++)
		slot_done(&c->slots[i]);
	subs_done(c);
	free(c);
}

static struct source_cache *cache_of(struct source *s)
{
	if (s->cache == NULL)
		s->cache = mem_alloc(sizeof *s->cache);
	return s->cache;
}

/* A free slot; the least recently used ones go while all together hold too much. */
static struct slot *take_slot(struct source_cache *c)
{
	for (;;) {
		struct slot *oldest = NULL, *empty = NULL;
		size_t bytes = 0;

		for (size_t i = 0; i < CACHE_SLOTS; i++) {
			struct slot *t = &c->slots[i];

			bytes += t->bytes.len;
			if (t->key == NULL)
				empty = t;
			else if (oldest == NULL || t->used < oldest->used)
				oldest = t;
		}
		if (empty != NULL && (bytes <= CACHE_BYTES_MAX || oldest == NULL))
			return empty;
		slot_done(oldest);
	}
}

/* What a database is read by: one of the two. */
struct db_ask {
	const char *userid;
	enum file_role role;
	const char *path;
};

/* 1 and the open database, 0 when the archive has none, -1. It belongs to the cache, until the next call. */
static int open_db(struct source *s, struct db_ask ask, struct cyrusdb **ret, struct err *e)
{
	struct source_cache *c = cache_of(s);
	struct slot *t;
	char *key = ask.path != NULL ? mem_printf("database %s", ask.path)
				     : mem_printf("%s %s", file_role_name(ask.role), ask.userid);
	int r;

	for (size_t i = 0; i < CACHE_SLOTS; i++) {
		t = &c->slots[i];
		if (t->key == NULL || strcmp(t->key, key) != 0)
			continue;
		free(key);
		t->used = ++c->clock;
		*ret = t->db;
		return t->db != NULL;
	}
	t = take_slot(c);
	r = ask.path != NULL ? s->ops->database(s, ask.path, &t->bytes, e)
			     : s->ops->user_file(s, ask.userid, ask.role, &t->bytes, e);
	if (r == 1 && cyrusdb_open_bytes(buf_text(&t->bytes), t->bytes.len, key, &t->db, e) == -1)
		r = -1;
	if (r == -1) {
		err_wrap(e, "%s", key);
		free(key);
		slot_done(t);
		return -1;
	}
	t->key = key;
	t->used = ++c->clock;
	*ret = t->db;
	return r;
}

/* Seen state. */

int source_seen(
    struct source *s, const char *userid, const char *uniqueid, struct seen_record *ret, struct err *e)
{
	struct cyrusdb *db;
	int r = open_db(s, (struct db_ask){ .userid = userid, .role = ROLE_SEEN }, &db, e);

	*ret = (struct seen_record){ 0 };
	return r == 1 ? seen_get(db, uniqueid, ret, e) : r;
}

char *source_owner_seen(struct source *s, size_t i, const struct index_header *h, struct err *e)
{
	const struct source_mailbox *box = &s->boxes[i];
	struct seen_record r;
	char *owner = h->options & OPT_SHAREDSEEN ? mem_strdup("anyone") : mboxname_user(box->name),
	     *uids = NULL;
	int found = 0;

	if (owner != NULL && *box->uniqueid != '\0')
		found = source_seen(s, owner, box->uniqueid, &r, e);
	if (found == 1) {
		uids = r.uids;
		r.uids = NULL;
		seen_record_done(&r);
	} else if (found == 0) {
		uids = mem_strdup("");
	}
	free(owner);
	return uids;
}

/* Subscriptions. */

static int add_sub(void *arg, const char *internal, struct err *e)
{
	struct source_cache *c = arg;

	(void)e;
	c->subs = mem_grow(c->subs, &c->cap_subs, c->n_subs + 1, sizeof *c->subs);
	c->subs[c->n_subs++] = mem_strdup(internal);
	return 0;
}

static int text_cmp(const void *pa, const void *pb)
{
	const char *const *a = pa, *const *b = pb;

	return strcmp(*a, *b);
}

int source_subscribed(struct source *s, const char *userid, const char *internal, struct err *e)
{
	struct source_cache *c = cache_of(s);
	struct cyrusdb *db;

	if (c->subs_user == NULL || strcmp(c->subs_user, userid) != 0) {
		int r = open_db(s, (struct db_ask){ .userid = userid, .role = ROLE_SUBS }, &db, e);

		subs_done(c);
		if (r == 1)
			r = subs_each(db, userid, add_sub, c, e);
		if (r == -1) {
			subs_done(c);
			return -1;
		}
		if (c->n_subs > 1)
			qsort(c->subs, c->n_subs, sizeof *c->subs, text_cmp);
		c->subs_user = mem_strdup(userid);
	}
	return c->n_subs > 0 && bsearch(&internal, c->subs, c->n_subs, sizeof *c->subs, text_cmp) != NULL;
}

/* Quota roots. */

int source_quota_text(struct source *s, const char *root_internal, struct buf *b, struct err *e)
{
	const char *path = s->conf != NULL ? s->conf->quota_path : NULL;
	struct cyrusdb *db;
	int r;

	if (path != NULL) {
		struct cyrusdb_bytes key = { (const uint8_t *)root_internal, strlen(root_internal) }, value;

		if ((r = open_db(s, (struct db_ask){ .path = path }, &db, e)) == 1 &&
		    (r = cyrusdb_get(db, key, &value, e)) == 1)
			buf_add(b, value.p, value.n);
	} else {
		r = s->ops->quota_file(s, root_internal, b, e);
	}
	return r == -1 ? err_wrap(e, "quota root %s", root_internal) : r;
}

int source_quota(struct source *s, const char *root_internal, struct quota_root *ret, struct err *e)
{
	struct buf b = BUF_INIT;
	int r = source_quota_text(s, root_internal, &b, e);

	*ret = (struct quota_root){ 0 };
	if (r == 1 && quota_parse(buf_text(&b), b.len, ret, e) == -1)
		r = err_wrap(e, "quota root %s", root_internal);
	buf_done(&b);
	return r;
}

/* Annotations. */

int source_annotations(struct source *s, size_t i, annotations_each_fn *each, void *arg, struct err *e)
{
	const struct source_mailbox *box = &s->boxes[i];
	const char *path = s->conf != NULL ? s->conf->annotation_path : "/annotations.db";
	bool known = s->version.major != 0, by_id = cyrus_version_at_least(s->version, 3, 5);
	struct cyrusdb *db;
	int r = open_db(s, (struct db_ask){ .path = path }, &db, e);

	if (r != 1)
		return r;
	r = 0;
	if ((!known || by_id) && *box->uniqueid != '\0')
		r = annotations_each(db, box->uniqueid, each, arg, e);
	if ((!known || !by_id) && r == 0)
		r = annotations_each(db, box->name, each, arg, e);
	return r == -1 ? err_wrap(e, "annotations of %s", box->name) : 0;
}

/* Users. */

struct user_list {
	char **ids;
	size_t n, cap;
};

static int add_user(void *arg, const char *userid, struct err *e)
{
	struct user_list *l = arg;

	(void)e;
	l->ids = mem_grow(l->ids, &l->cap, l->n + 1, sizeof *l->ids);
	l->ids[l->n++] = mem_strdup(userid);
	return 0;
}

int source_users(
    struct source *s, int (*each)(void *arg, const char *userid, struct err *e), void *arg, struct err *e)
{
	struct user_list l = { 0 };
	int rc = s->ops->users(s, add_user, &l, e);

	for (size_t i = 0; i < s->n && rc == 0; i++) {
		char *user = mboxname_user(s->boxes[i].name);

		/* Names ascend, so that most mailboxes of a user stand together. */
		if (user != NULL && (l.n == 0 || strcmp(l.ids[l.n - 1], user) != 0))
			add_user(&l, user, e);
		free(user);
	}
	if (l.n > 1)
		qsort(l.ids, l.n, sizeof *l.ids, text_cmp);
	for (size_t i = 0; i < l.n && rc == 0; i++)
		if (i == 0 || strcmp(l.ids[i], l.ids[i - 1]) != 0)
			rc = each(arg, l.ids[i], e);
	for (size_t i = 0; i < l.n; i++)
		free(l.ids[i]);
	free(l.ids);
	return rc == 1 ? 0 : rc;
}
