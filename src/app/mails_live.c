/* mails_live.c: how each message of a mailbox of the archive stands on the live server, and what is only there. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "app/app_impl.h"
#include "app/mails_impl.h"
#include "core/io.h"
#include "core/mem.h"
#include "restore/match.h"
#include "restore/whereabouts.h"

#define BATCH     16384
#define CACHE_MAX ((size_t)2048 << 20)

/* Both sides while they are compared. */
struct comparing {
	struct mails_run *w;
	const struct mailbox_entry *entry; /* the live mailbox; NULL: there is none */
	struct compare_live live;
	struct buf cache; /* the live one */
	struct match_message *archive, *there;
	size_t *rows;                        /* of the archive's messages */
	const struct index_record **records; /* of the live ones */
	size_t n, m;
	char **ids; /* Message-IDs of both */
	size_t n_ids;
	struct match_result match;
	bool *has_partner;          /* of the live ones */
	struct mails_state *states; /* of all rows */
	struct whereabouts where;
	size_t lost, other; /* rows whose file is lost; that are not the same */
};

static int say_why(struct mails_run *w, const char *why)
{
	free(w->why_not);
	w->why_not = mem_strdup(why);
	return 0;
}

/* ---- both sides ---- */

static void take_record(struct match_message *to, const struct index_record *r)
{
	*to = (struct match_message){
		.uid = r->uid, .has_guid = r->has_guid, .size = r->size, .internaldate = r->internaldate
	};
	memcpy(to->guid, r->guid, sizeof to->guid);
}

static void read_cache(struct comparing *c)
{
	struct buf path = BUF_INIT;

	if (server_mailbox_dir(c->w->server, c->entry, META_CACHE, &path, NULL) == 0) {
		buf_str(&path, "/cyrus.cache");
		io_read_file(AT_FDCWD, buf_text(&path), CACHE_MAX, &c->cache, NULL);
	}
	buf_done(&path);
}

static const char *id_of(
    struct comparing *c, const struct buf *cache, uint32_t generation, const struct index_record *r)
{
	struct envelope env;

	if (mailbox_cache_envelope((const uint8_t *)cache->data, cache->len, generation, r, &env, NULL) == -1)
		return NULL;
	c->ids[c->n_ids] = mem_strdup(env.message_id);
	envelope_done(&env);
	return c->ids[c->n_ids++];
}

/* Only where a GUID is wanting, and where both sides can tell. */
static void read_ids(struct comparing *c)
{
	const struct source_messages *m = c->w->m;

	if (m->cache.len == 0 || c->cache.len == 0)
		return;
	c->ids = mem_array(c->n + c->m + 1, sizeof *c->ids);
	for (size_t i = 0; i < c->n; i++)
		c->archive[i].message_id =
		    id_of(c, &m->cache, m->index->h.generation, c->w->records[c->rows[i]].r);
	for (size_t i = 0; i < c->m; i++)
		c->there[i].message_id =
		    id_of(c, &c->cache, c->live.mailbox->index->h.generation, c->records[i]);
}

/* What its owner had thrown away already is not matched. */
static void read_sides(struct comparing *c)
{
	const struct mails_run *w = c->w;
	const struct mailbox_index *ix = c->entry != NULL ? c->live.mailbox->index : NULL;
	bool guids = true;

	c->archive = mem_array(w->n + 1, sizeof *c->archive);
	c->rows = mem_array(w->n + 1, sizeof *c->rows);
	for (size_t i = 0; i < w->n; i++)
		if (!w->records[i].expunged) {
			take_record(&c->archive[c->n], w->records[i].r);
			guids = guids && c->archive[c->n].has_guid;
			c->rows[c->n++] = i;
		}
	c->there = mem_array((ix != NULL ? ix->n : 0) + 1, sizeof *c->there);
	c->records = mem_array((ix != NULL ? ix->n : 0) + 1, sizeof *c->records);
	for (size_t i = 0; ix != NULL && i < ix->n; i++)
		if (index_record_visible(&ix->records[i])) {
			take_record(&c->there[c->m], &ix->records[i]);
			guids = guids && c->there[c->m].has_guid;
			c->records[c->m++] = &ix->records[i];
		}
	if (ix != NULL)
		read_cache(c);
	if (!guids)
		read_ids(c);
}

static void comparing_done(struct comparing *c)
{
	for (size_t i = 0; i < c->n_ids; i++)
		free(c->ids[i]);
	free(c->ids);
	free(c->archive);
	free(c->there);
	free(c->rows);
	free(c->records);
	free(c->has_partner);
	free(c->states);
	match_done(&c->match);
	whereabouts_done(&c->where);
	compare_live_done(&c->live);
	buf_done(&c->cache);
}

/* ---- each message ---- */

static enum mail_state partner_state(
    const struct comparing *c, const struct index_record *a, const struct index_record *r)
{
	unsigned differ;

	if (!live_has_file(c->live.mailbox, r->uid))
		return MAIL_LOST;
	differ = compare_flags(&c->live, c->w->m, a, r);
	if ((differ & COMPARE_DIFF_FLAGS) != 0)
		return MAIL_FLAGS;
	if (differ != 0)
		return MAIL_SEEN;
	return a->uid == r->uid ? MAIL_SAME : MAIL_OTHER_UID;
}

/* By UID: what was expunged, or has no partner. */
static enum mail_state uid_state(const struct comparing *c, const struct index_record *a)
{
	if (c->entry == NULL)
		return MAIL_MISSING;
	switch (compare_message(&c->live, c->w->m, a)) {
	case COMPARE_SAME:
	case COMPARE_FLAGS: return MAIL_SAME;
	case COMPARE_EXPUNGED: return MAIL_EXPUNGED;
	case COMPARE_LOST: return MAIL_LOST;
	default: return MAIL_MISSING;
	}
}

static void judge(struct comparing *c)
{
	const struct mails_run *w = c->w;

	c->states = mem_array(w->n + 1, sizeof *c->states);
	c->has_partner = mem_array(c->m + 1, sizeof *c->has_partner);
	for (size_t i = 0; i < w->n; i++)
		if (w->records[i].expunged)
			c->states[i].state = (uint8_t)uid_state(c, w->records[i].r);
	for (size_t i = 0; i < c->n; i++) {
		const struct index_record *a = w->records[c->rows[i]].r;
		struct mails_state *s = &c->states[c->rows[i]];
		size_t k = c->match.live[i];

		if (k != MATCH_NONE) {
			c->has_partner[k] = true;
			s->state = (uint8_t)partner_state(c, a, c->records[k]);
			s->live_uid = c->records[k]->uid;
		} else {
			/* Of two equal ones in the archive and one there, one is missing, whatever its UID. */
			s->state = uid_state(c, a) == MAIL_EXPUNGED ? MAIL_EXPUNGED : MAIL_MISSING;
			if (a->has_guid)
				whereabouts_add(&c->where, a->guid, c->rows[i]);
		}
		c->other += s->state != MAIL_SAME;
		c->lost += s->state == MAIL_LOST;
	}
	if (c->entry == NULL || c->where.n == 0)
		return;
	whereabouts_kept(&c->where, c->live.mailbox);
	for (size_t i = 0; i < c->where.n; i++)
		if (c->where.list[i].kept) {
			c->states[c->where.list[i].at].state = MAIL_EXPUNGED;
			c->states[c->where.list[i].at].live_uid = c->where.list[i].kept_uid;
		}
}

static int post_states(const struct comparing *c, char **places, size_t n_places, struct err *e)
{
	const struct mails_run *w = c->w;

	for (size_t i = 0; i < w->n; i += BATCH) {
		struct mails_item *item = mails_new_item(w);

		item->first = i;
		item->n = w->n - i < BATCH ? w->n - i : BATCH;
		item->states = mem_dup(&c->states[i], item->n * sizeof *item->states);
		if (i == 0) {
			item->places = places;
			item->n_places = n_places;
		}
		mails_post(w, item);
		if (job_cancelled(w->job, e))
			return -1;
	}
	return 0;
}

/* ---- what is only there ---- */

static bool archive_knows(const struct comparing *c, const struct index_record *r)
{
	const struct index_record *a = mailbox_index_find(c->w->m->index, r->uid);

	return a != NULL && !index_record_visible(a) && compare_same_message(a, r);
}

static void fill_live(
    const struct comparing *c, const struct index_record *r, struct mail *row, struct mails_fill *f)
{
	const struct compare_live *l = &c->live;
	bool seen = l->seen_in_index ? (r->flags & FLAG_SEEN) != 0 : uidset_contains(&l->seen, r->uid);
	struct envelope env = { 0 };
	bool have = c->cache.len > 0 && mailbox_cache_envelope((const uint8_t *)c->cache.data, c->cache.len,
					    l->mailbox->index->h.generation, r, &env, NULL) == 0;

	row->uid = row->live_uid = r->uid;
	row->internaldate = r->internaldate;
	row->size = r->size;
	row->state = MAIL_ONLY_LIVE;
	row->has_file = live_has_file(l->mailbox, r->uid);
	mail_letters(r, seen, false, row->letters);
	mails_fill_texts(f, &env, row);
	if (have)
		envelope_done(&env);
}

static int post_only_live(const struct comparing *c, struct err *e)
{
	size_t *only = mem_array(c->m + 1, sizeof *only), n = 0;
	int rc = 0;

	for (size_t i = 0; i < c->m; i++)
		if (!c->has_partner[i] && !archive_knows(c, c->records[i]))
			only[n++] = i;
	c->w->facts.only_live = n;
	for (size_t i = 0; i < n && rc == 0; i += BATCH) {
		struct mails_item *item = mails_new_item(c->w);
		struct mails_fill fill = { 0 };

		item->n = n - i < BATCH ? n - i : BATCH;
		item->rows = mem_array(item->n, sizeof *item->rows);
		for (size_t k = 0; k < item->n; k++)
			fill_live(c, c->records[only[i + k]], &item->rows[k], &fill);
		mails_fill_end(&fill, item);
		mails_post(c->w, item);
		rc = job_cancelled(c->w->job, e) ? -1 : 0;
	}
	free(only);
	return rc;
}

/* ---- where the missing ones are ---- */

struct theirs {
	struct mailbox_entry *list;
	size_t n, cap, seen;
	const struct imapd_conf *conf;
	const char *inbox;
	struct job *job;
};

/* The mailboxes of one user, also those that were deleted, out of a list of any size. */
static int on_entry(void *arg, const struct mailbox_entry *entry, struct err *e)
{
	struct theirs *t = arg;
	char *before = NULL;
	const char *name = entry->name;

	if (t->seen++ % 1024 == 0 && job_cancelled(t->job, e))
		return -1;
	if (mboxname_is_deleted(t->conf, name) && (before = mboxname_undeleted(t->conf, name, NULL)) != NULL)
		name = before;
	if (mboxname_is_below(name, t->inbox)) {
		t->list = mem_grow(t->list, &t->cap, t->n + 1, sizeof *t->list);
		mailbox_entry_copy(&t->list[t->n++], entry);
	}
	free(before);
	return 0;
}

/* Names are listed once each, in ${places}. */
static uint16_t place_number(
    const struct mails_run *w, const char *name, char ***places, size_t *n, size_t *cap)
{
	struct buf shown = BUF_INIT;
	size_t at = 0;

	mboxname_display(w->server->conf, name, &shown);
	while (at < *n && strcmp((*places)[at], buf_text(&shown)) != 0)
		at++;
	if (at == *n && at < UINT16_MAX) {
		*places = mem_grow(*places, cap, at + 1, sizeof **places);
		(*places)[(*n)++] = buf_steal(&shown);
	}
	buf_done(&shown);
	return at < UINT16_MAX ? (uint16_t)(at + 1) : 0;
}

static int post_places(struct comparing *c, struct err *e)
{
	char **places = NULL;
	size_t n = 0, cap = 0;

	for (size_t i = 0; i < c->where.n; i++) {
		const struct whereabouts_message *m = &c->where.list[i];
		const char *name = m->moved_to != NULL ? m->moved_to : m->deleted_in;
		struct mails_state *s = &c->states[m->at];

		if (name == NULL)
			continue;
		s->place = place_number(c->w, name, &places, &n, &cap);
		if (m->moved_to == NULL)
			continue;
		s->state = MAIL_MOVED;
		s->live_uid = 0;
	}
	return n > 0 ? post_states(c, places, n, e) : 0;
}

static int find_places(struct comparing *c, struct err *e)
{
	struct mails_run *w = c->w;
	const char *name = c->entry != NULL ? c->entry->name : w->q->mailbox;
	char *owner = mboxname_user(w->q->mailbox), *inbox = owner != NULL ? mboxname_inbox(owner) : NULL;
	struct theirs t = { .conf = w->server->conf, .inbox = inbox, .job = w->job };
	struct source *whole = NULL;
	struct store *store = NULL;
	unsigned notes;
	int rc = 0;

	if (inbox == NULL || c->where.n == 0)
		goto out;
	job_step(w->job, "look for what is missing in the other mailboxes of %s", owner);
	c->where.server = w->server;
	c->where.job = w->job;
	c->where.source = w->source;
	c->where.mailbox = name;
	rc = server_each(w->server, on_entry, &t, &notes, e) == -1 ? -1 : 0;
	/* What the other mailboxes had is not known to a source of one mailbox. */
	if (rc == 0 && source_only(w->source) != NULL) {
		rc = app_source_take(w->q->app, w->q->archive, false, w->job, &whole, &store, e);
		c->where.source = whole;
	}
	if (rc == 0)
		rc = whereabouts_user(&c->where, owner, t.list, t.n, e);
	if (rc == 0)
		rc = post_places(c, e);
	app_source_give(w->q->app, whole, store);
out:
	for (size_t i = 0; i < t.n; i++)
		mailbox_entry_done(&t.list[i]);
	free(t.list);
	free(owner);
	free(inbox);
	return rc;
}

/* ---- all ---- */

/* With c->entry, or with nothing where there is no such mailbox. */
static int compare_all(struct comparing *c, struct err *e)
{
	read_sides(c);
	match_messages(c->archive, c->n, c->there, c->m, NULL, NULL, &c->match);
	judge(c);
	if (post_states(c, NULL, 0, e) == -1 || post_only_live(c, e) == -1)
		return -1;
	return find_places(c, e);
}

static int compare_with(
    struct mails_run *w, const struct mailbox_entry *entry, const struct compare_found *found, struct err *e)
{
	bool here = entry == &found->here, same_uids;
	struct comparing c = { .w = w, .entry = entry };
	const struct live_mailbox *l;
	struct err why = { 0 };
	struct buf shown = BUF_INIT;
	int r;

	if (!here) {
		mboxname_display(w->server->conf, entry->name, &shown);
		w->live_name = buf_steal(&shown);
	}
	job_step(w->job, "compare with the running server");
	r = compare_live_open(w->server, entry, w->m, &c.live, &why);
	if (r == -1) {
		say_why(w, why.msg);
		r = 0;
	} else if (r == 0) {
		if (here)
			w->facts.box = BOX_DAMAGED;
		say_why(w, "on the live server its cyrus.index is missing or damaged");
	} else if (r == 1) {
		l = c.live.mailbox;
		same_uids = l->index->h.uidvalidity == w->m->index->h.uidvalidity;
		if (here && !found->knows_id && !same_uids)
			w->facts.box = BOX_REPLACED;
		r = compare_all(&c, e) == -1 ? -1 : 1;
		if (here && w->facts.box != BOX_REPLACED)
			w->facts.box = c.lost > 0 || l->header == NULL                       ? BOX_DAMAGED
			               : c.other > 0 || w->facts.only_live > 0 || !same_uids ? BOX_DIFFERS
			                                                                     : BOX_SAME;
		w->facts.compared = r == 1;
	}
	comparing_done(&c);
	return r == -1 ? -1 : 0;
}

static int compare_with_nothing(struct mails_run *w, struct err *e)
{
	struct comparing c = { .w = w };
	int rc = compare_all(&c, e);

	w->facts.compared = rc == 0;
	comparing_done(&c);
	return rc;
}

int mails_compare(struct mails_run *w, struct err *e)
{
	const struct source_mailbox *box = source_mailbox(w->source, w->at);
	struct compare_found found = { 0 };
	struct err why = { 0 };
	int rc = 0;

	if (app_server(w->q->app, w->q->server, &w->server, &why) == -1) {
		w->server = NULL;
		return say_why(w, why.msg);
	}
	job_step(w->job, "look for it on the running server");
	if (compare_find(w->server, box->name, box->uniqueid, w->job, &found, &why) == -1) {
		rc = job_cancelled(w->job, e) ? -1 : say_why(w, why.msg);
	} else {
		if (!found.named || !found.same_id)
			w->facts.box = found.named       ? BOX_REPLACED
			               : found.deleted   ? BOX_DELETED
			               : found.elsewhere ? BOX_RENAMED
			                                 : BOX_MISSING;
		/* Another mailbox that has the name now is what a restore merges into. */
		rc = found.named       ? compare_with(w, &found.here, &found, e)
		     : found.elsewhere ? compare_with(w, &found.there, &found, e)
		                       : compare_with_nothing(w, e);
	}
	compare_found_done(&found);
	return rc;
}
