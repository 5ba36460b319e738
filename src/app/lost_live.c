/* lost_live.c: the messages that the running server has of a user, by what tells them apart. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/lost_impl.h"
#include "core/bytes.h"
#include "core/mem.h"
#include "cyrus/mboxname.h"
#include "restore/compare.h"

/* ---- keys ---- */

size_t *lost_keys_find(const struct lost_keys *k, const uint8_t bytes[SHA1_SIZE])
{
	size_t mask = k->table_size - 1;

	if (k->table_size == 0)
		return NULL;
	for (size_t at = be32(bytes) & mask; k->table[at] != 0; at = (at + 1) & mask)
		if (memcmp(k->list[k->table[at] - 1].bytes, bytes, SHA1_SIZE) == 0)
			return &k->list[k->table[at] - 1].value;
	return NULL;
}

static void enter(struct lost_keys *k, size_t i)
{
	size_t at = be32(k->list[i].bytes) & (k->table_size - 1);

	while (k->table[at] != 0)
		at = (at + 1) & (k->table_size - 1);
	k->table[at] = i + 1;
}

void lost_keys_add(struct lost_keys *k, const uint8_t bytes[SHA1_SIZE], size_t value)
{
	k->list = mem_grow(k->list, &k->cap, k->n + 1, sizeof *k->list);
	k->list[k->n].value = value;
	memcpy(k->list[k->n++].bytes, bytes, SHA1_SIZE);
	if (2 * k->n <= k->table_size) {
		enter(k, k->n - 1);
		return;
	}
	free(k->table);
	k->table_size = k->table_size == 0 ? 1024 : 4 * k->table_size;
	k->table = mem_array(k->table_size, sizeof *k->table);
	for (size_t i = 0; i < k->n; i++)
		enter(k, i);
}

void lost_keys_done(struct lost_keys *k)
{
	free(k->list);
	free(k->table);
	*k = (struct lost_keys){ 0 };
}

void lost_made_key(const struct source_messages *m, const struct mailbox_index *ix,
    const struct index_record *r, uint8_t ret[SHA1_SIZE], struct buf *text, struct catalogue_mail *mail)
{
	struct index_record without = *r;
	struct envelope env = { 0 };
	bool have = m->cache.len > 0 && mailbox_cache_envelope((const uint8_t *)m->cache.data, m->cache.len,
					    ix->h.generation, r, &env, NULL) == 0;

	without.has_guid = false;
	find_texts(&env, &without, mail, text);
	memcpy(ret, mail->guid, SHA1_SIZE);
	if (have)
		envelope_done(&env);
}

bool lost_is_his(const struct lost_user *u, const char *internal)
{
	char *was = u->conf != NULL ? mboxname_undeleted(u->conf, internal, NULL) : NULL;
	const char *name = was != NULL ? was : internal;
	bool ret = mboxname_is_below(name, u->inbox);
	char *owner = ret ? NULL : mboxname_user(name);

	/* A domain within the name: a 2.x server without virtual domains. */
	if (owner != NULL)
		ret = strcmp(owner, u->name) == 0;
	free(owner);
	free(was);
	return ret;
}

/* ---- the server ---- */

static void take_key(struct lost_live *l, const uint8_t key[SHA1_SIZE], const struct lost_place *p)
{
	size_t *value = lost_keys_find(&l->keys, key);

	if (value != NULL) {
		if (p->kind < l->places[*value].kind)
			l->places[*value] = *p;
		return;
	}
	l->places = mem_grow(l->places, &l->cap, l->n + 1, sizeof *l->places);
	l->places[l->n] = *p;
	lost_keys_add(&l->keys, key, l->n++);
}

static void take_index(struct lost_live *l, const struct source_messages *m, const struct mailbox_index *ix,
    bool deleted, bool made)
{
	struct buf text = BUF_INIT;
	struct catalogue_mail mail;
	uint8_t key[SHA1_SIZE];

	for (size_t i = 0; i < ix->n; i++) {
		const struct index_record *r = &ix->records[i];
		bool visible = ix != m->expunged && index_record_visible(r);
		struct lost_place p = { .uid = r->uid, .box = l->n_boxes - 1 };

		p.kind = !compare_has_uid(m->uids, m->n_uids, r->uid) ? PLACE_NO_FILE
		         : !visible                                   ? PLACE_EXPUNGED
		         : deleted                                    ? PLACE_DELETED
		                                                      : PLACE_VISIBLE;
		if (p.kind == PLACE_NO_FILE && !visible)
			continue;
		if (r->has_guid)
			take_key(l, r->guid, &p);
		if (made || !r->has_guid) {
			lost_made_key(m, ix, r, key, &text, &mail);
			take_key(l, key, &p);
		}
		l->lacks_guids |= !r->has_guid;
	}
	buf_done(&text);
}

static bool all_have_guids(const struct mailbox_index *ix)
{
	for (size_t i = 0; ix != NULL && i < ix->n; i++)
		if (!ix->records[i].has_guid)
			return false;
	return true;
}

static int load(struct source *s, size_t at, bool made, struct source_messages **m, struct err *e)
{
	if (source_load(s, at, made, m, e) == -1)
		return -1;
	if (made || (all_have_guids((*m)->index) && all_have_guids((*m)->expunged)))
		return 0;
	source_messages_free(*m);
	*m = NULL;
	return source_load(s, at, true, m, e);
}

static int take_box(struct lost_live *l, struct lost_request *q, struct source *s, size_t at, bool made,
    const struct names *names, struct err *e)
{
	const struct source_mailbox *box = source_mailbox(s, at);
	struct source_messages *m = NULL;
	struct buf shown = BUF_INIT;
	struct err why = { 0 };

	if (load(s, at, made, &m, &why) == -1) {
		if (why.code == ERR_CANCELLED) {
			if (e != NULL)
				*e = why;
			return -1;
		}
		if (q->counts.live_unread++ == 0 && q->counts.unread == 0)
			snprintf(q->counts.unread_why, sizeof q->counts.unread_why, "%.190s", why.msg);
		return 0;
	}
	names_show(names, box->name, &shown);
	l->boxes = mem_grow(l->boxes, &l->cap_boxes, l->n_boxes + 1, sizeof *l->boxes);
	l->boxes[l->n_boxes++] = buf_steal(&shown);
	take_index(l, m, m->index, box->deleted, made);
	if (m->expunged != NULL)
		take_index(l, m, m->expunged, box->deleted, made);
	source_messages_free(m);
	return 0;
}

int lost_look_live(struct lost_live *l, struct lost_request *q, bool made, struct job *job, struct err *e)
{
	char *name = app_archive_of(SOURCE_LIVE, q->server);
	struct lost_user user = { .name = q->user, .inbox = mboxname_inbox(q->user) };
	struct source *s = NULL;
	struct store *store = NULL;
	struct names names = { 0 };
	int rc;

	job_step(job, "look at the running server");
	q->counts.live_unread = 0;
	rc = app_source_take(q->app, name, false, job, &s, &store, e);
	if (rc == 0) {
		names_init(&names, q->app, q->server, s);
		user.conf = source_conf(s);
	}
	for (size_t i = 0; rc == 0 && i < source_n(s); i++) {
		if (!source_mailbox(s, i)->has_files || !lost_is_his(&user, source_mailbox(s, i)->name))
			continue;
		rc = job_cancelled(job, e) ? -1 : take_box(l, q, s, i, made, &names, e);
	}
	l->made |= made;
	names_done(&names);
	app_source_give(q->app, s, store);
	free(user.inbox);
	free(name);
	return rc;
}

void lost_live_done(struct lost_live *l)
{
	lost_keys_done(&l->keys);
	free(l->places);
	for (size_t i = 0; i < l->n_boxes; i++)
		free(l->boxes[i]);
	free(l->boxes);
	*l = (struct lost_live){ 0 };
}
