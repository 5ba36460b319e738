/* merge_plan.c: what a live mailbox lacks of an archived one, and where it may be instead. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/str.h"
#include "restore/compare.h"
#include "restore/plan.h"
#include "restore/sides.h"
#include "restore/whereabouts.h"

/* ---- where a missing message may be instead ---- */

#define PLACES 3

struct search {
	struct planning *g;
	struct restore_item *item;
	struct whereabouts where;
	const char *places[PLACES]; /* mailboxes to which some were moved */
	size_t n_places;
	const char *deleted; /* a DELETED.* mailbox that has some */
};

static void note_places(struct search *s)
{
	for (size_t i = 0; i < s->where.n; i++) {
		const struct whereabouts_message *m = &s->where.list[i];
		size_t k = 0;

		if (m->deleted_in != NULL)
			s->deleted = m->deleted_in;
		while (k < s->n_places && m->moved_to != NULL && strcmp(s->places[k], m->moved_to) != 0)
			k++;
		if (m->moved_to != NULL && k == s->n_places && k < PLACES)
			s->places[s->n_places++] = m->moved_to;
	}
}

static int search_all(struct search *s, const struct live_mailbox *l, const char *owner, struct err *e)
{
	const struct mboxlist *live = s->g->live;

	if (s->where.n == 0)
		return 0;
	/* That they are kept is how they come back. */
	if (!(s->item->merge->expunged && source_is_live(s->g->source)))
		whereabouts_kept(&s->where, l);
	if (owner != NULL && whereabouts_user(&s->where, owner, live->entries, live->n, e) == -1)
		return -1;
	note_places(s);
	return 0;
}

/* ---- words ---- */

static void add_part(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add_part(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = str_safe_vprintf(fmt, ap);
	va_end(ap);
	buf_printf(b, "%s%s", b->len > 0 ? "; " : "", s);
	free(s);
}

static void put_words(const struct search *s, bool moved_too, struct buf *b)
{
	const struct imapd_conf *conf = s->g->server->conf;
	const struct restore_merge *m = s->item->merge;
	struct buf places = BUF_INIT;
	char size[16];

	for (size_t i = 0; i < s->n_places; i++) {
		buf_str(&places, i > 0 ? ", " : "");
		mboxname_display(conf, s->places[i], &places);
	}
	if (m->recreated && !s->item->fresh && !s->item->create)
		add_part(b, "a newer mailbox has this name: the messages go into it");
	add_part(b,
	    m->expunged ? "expunged, and not there again: %zu of %zu, %s" : "missing here: %zu of %zu, %s",
	    m->n_append, m->n, str_size(size, sizeof size, m->append_bytes));
	if (m->moved > 0 && moved_too)
		add_part(b, "of these in %s as well: %zu", buf_text(&places), m->moved);
	else if (m->moved > 0)
		add_part(b, "moved to %s, and left there: %zu (--moved brings them back too)",
		    buf_text(&places), m->moved);
	if (m->kept > 0)
		add_part(b, "expunged, but still kept by the server: %zu", m->kept);
	if (m->in_deleted > 0)
		add_part(b, "still in %s: %zu", s->deleted, m->in_deleted);
	if (m->flags > 0)
		add_part(b, "other flags here, which stay: %zu", m->flags);
	if (m->only_live > 0)
		add_part(b, "only here, which stay: %zu", m->only_live);
	if (m->lacking > 0)
		add_part(b, "whose files the archive lacks: %zu", m->lacking);
	buf_done(&places);
}

/* As a shell takes it. */
static void put_quoted(struct buf *b, const char *word)
{
	if (word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/@-")] ==
	    '\0') {
		buf_str(b, word);
		return;
	}
	buf_char(b, '\'');
	for (; *word != '\0'; word++)
		buf_str(b, *word == '\'' ? "'\\''" : (char[]){ *word, '\0' });
	buf_char(b, '\'');
}

/* What the server itself still has is offered before the archive. */
static void offer(const struct search *s)
{
	const struct restore_merge *m = s->item->merge;
	const struct imapd_conf *conf = s->g->server->conf;
	char *before = m->in_deleted > 0 ? mboxname_undeleted(conf, s->deleted, NULL) : NULL, n[40];
	struct buf name = BUF_INIT, word = BUF_INIT;

	mboxname_display(conf, s->item->name, &name);
	put_quoted(&word, buf_text(&name));
	if (m->kept > 0)
		plan_note(s->g,
		    "%s that %s lacks %s only expunged: cyrvault restore %s %s --expunged takes %s from the "
		    "server itself",
		    str_count(n, sizeof n, m->kept, "message", "messages"), buf_text(&name),
		    m->kept == 1 ? "is" : "are", SOURCE_LIVE, buf_text(&word), m->kept == 1 ? "it" : "them");
	/* From there they would go into the mailbox of the name it had. */
	if (before != NULL && strcmp(before, s->item->name) == 0) {
		buf_clear(&word);
		put_quoted(&word, s->deleted);
		plan_note(s->g,
		    "%s that %s lacks %s in a deleted mailbox: cyrvault restore %s %s takes %s from the "
		    "server "
		    "itself",
		    str_count(n, sizeof n, m->in_deleted, "message", "messages"), buf_text(&name),
		    m->in_deleted == 1 ? "is" : "are", SOURCE_LIVE, buf_text(&word),
		    m->in_deleted == 1 ? "it" : "them");
	}
	buf_done(&name);
	buf_done(&word);
	free(before);
}

/* ---- one mailbox ---- */

struct flags_arg {
	const struct compare_live *live;
	const struct source_messages *m;
	const struct restore_merge *merge;
	const struct side_live *side;
};

static bool same_flags(const void *arg, size_t a, size_t l)
{
	const struct flags_arg *f = arg;
	struct index_record r;

	return !side_record(f->merge, f->m, f->merge->archive[a].uid, &r) ||
	       compare_same_flags(f->live, f->m, &r, f->side->records[l]);
}

static void find_missing(struct search *s, const struct match_result *r)
{
	const struct restore_merge *m = s->item->merge;

	for (size_t i = 0; i < m->n; i++)
		if (r->states[i] == MATCH_MISSING && m->archive[i].has_guid)
			whereabouts_add(&s->where, m->archive[i].guid, i);
}

static void decide(struct search *s, const struct match_result *r, bool moved_too)
{
	struct restore_merge *m = s->item->merge;

	m->same = r->same;
	m->flags = r->flags;
	m->only_live = r->only_live;
	for (size_t i = 0; i < m->n; i++)
		m->append[i] = r->states[i] == MATCH_MISSING;
	for (size_t i = 0; i < s->where.n; i++) {
		const struct whereabouts_message *w = &s->where.list[i];

		m->moved += w->moved_to != NULL;
		m->kept += w->kept;
		m->in_deleted += w->deleted_in != NULL;
		if (w->moved_to != NULL && !moved_too)
			m->append[w->at] = false;
	}
	for (size_t i = 0; i < m->n; i++)
		if (m->append[i]) {
			m->n_append++;
			m->append_bytes += m->archive[i].size;
		}
}

static bool is_other_mailbox(const struct planning *g, const struct restore_item *item,
    const struct mailbox_entry *entry, const struct source_messages *m)
{
	const char *was = source_mailbox(g->source, item->source_index)->uniqueid;

	if (*was == '\0')
		was = m->header->uniqueid;
	return *was != '\0' && entry->uniqueid != NULL && strcmp(was, entry->uniqueid) != 0;
}

int plan_merge(struct planning *g, struct restore_item *item, const struct mailbox_entry *entry,
    struct live_mailbox *l, const struct source_messages *m, struct err *e)
{
	bool live = source_is_live(g->source);
	struct search s = { .g = g,
		.item = item,
		.where = { .server = g->server,
		    .job = g->job,
		    .source = live ? NULL : g->source,
		    .mailbox = item->name,
		    .copy =
			live ? source_mailbox(g->source, item->source_index)->name : item->deleted_name } };
	struct compare_live flags = { .mailbox = l };
	struct side_live side = { 0 };
	struct flags_arg arg = { &flags, m, NULL, &side };
	struct match_result r = { 0 };
	struct buf words = BUF_INIT;
	char *owner = mboxname_user(item->name);
	/* Who names a message, or another place for all of them, wants it there; replaced, it is as it was. */
	bool moved_too = g->plan->request.moved || item->pick != NULL || item->fresh ||
	                 g->plan->request.mode == RESTORE_REPLACE;
	int rc;

	arg.merge = item->merge = mem_alloc(sizeof *item->merge);
	item->merge->expunged = g->plan->request.expunged;
	if (l->header != NULL && l->header->quotaroot != NULL && l->header->quotaroot[0] != '\0')
		item->merge->quota_root = mem_strdup(l->header->quotaroot);
	item->merge->recreated = is_other_mailbox(g, item, entry, m);
	rc = side_archive_read(g->source, item->source_index, m, item->pick, g->job, item->merge, e);
	if (rc == 0)
		side_live_read(g->server, entry, l, true, &side);
	if (rc == 0 && side.message_ids != NULL)
		rc = side_archive_ids(g->source, item->source_index, item->merge, e);
	if (rc == 0) {
		compare_live_flags(g->server, entry, m, &flags);
		match_messages(item->merge->archive, item->merge->n, side.list, side.n, same_flags, &arg, &r);
		find_missing(&s, &r);
		rc = search_all(&s, l, owner, e);
		decide(&s, &r, moved_too);
		item->bytes += item->merge->append_bytes;
		item->messages += (uint32_t)item->merge->n_append;
		match_done(&r);
	}
	if (rc == 0) {
		if (item->why != NULL)
			buf_str(&words, item->why);
		put_words(&s, moved_too, &words);
		free(item->why);
		item->why = buf_steal(&words);
		if (!live && item->merge->n_append > 0)
			offer(&s);
	}
	flags.mailbox = NULL;
	compare_live_done(&flags);
	side_live_done(&side);
	buf_done(&words);
	whereabouts_done(&s.where);
	free(owner);
	return rc;
}
