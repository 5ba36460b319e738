/* diff_mails.c: the messages of a mailbox on both sides, and what moved between mailboxes. */
#include <stdlib.h>
#include <string.h>

#include "app/diff_impl.h"
#include "core/mem.h"
#include "core/str.h"

/* ---- a mailbox that is being filled; its text stands in a message as an offset + 1 until that is whole ---- */

struct filling {
	struct diff_found *f;
	struct diff_box *b;
	struct buf text;
	size_t cap;
};

static const char *add_text(struct buf *text, const char *s)
{
	uintptr_t at = text->len + 1;

	buf_add(text, s, strlen(s) + 1);
	return (const char *)at;
}

static void settle(const char **p, const char *text)
{
	if (*p != NULL)
		*p = text + ((uintptr_t)*p - 1);
}

static struct diff_mail *add_mail(struct filling *w, enum diff_mail_state state,
    const struct diff_loaded *side, const struct index_record *r)
{
	struct diff_box *b = w->b;
	struct diff_mail *m;

	b->n[state]++;
	if (w->f->kept == DIFF_MAILS_MAX) {
		w->f->facts->not_listed++;
		return NULL;
	}
	w->f->kept++;
	b->mails = mem_grow(b->mails, &w->cap, b->n_mails + 1, sizeof *b->mails);
	m = &b->mails[b->n_mails++];
	*m = (struct diff_mail){ .uid = r->uid,
		.size_bytes = r->size,
		.internaldate = r->internaldate,
		.has_guid = r->has_guid,
		.state = (uint8_t)state };
	memcpy(m->guid, r->guid, sizeof m->guid);
	mail_letters(r, diff_loaded_seen(side, r), false, m->letters);
	return m;
}

static const char *add_flags(struct filling *w, const struct diff_loaded *side, const struct index_record *r)
{
	struct buf flags = BUF_INIT, safe = BUF_INIT;
	const char *at;

	index_flags_text(r, side->live.mailbox->header, diff_loaded_seen(side, r), &flags);
	str_safe_buf(&safe, buf_text(&flags), flags.len);
	at = add_text(&w->text, buf_text(&safe));
	buf_done(&flags);
	buf_done(&safe);
	return at;
}

static uint32_t visible(const struct diff_loaded *l)
{
	const struct mailbox_index *ix = l->live.mailbox->index;
	uint32_t n = 0;

	for (size_t i = 0; i < ix->n; i++)
		n += index_record_visible(&ix->records[i]);
	return n;
}

/* What the first side has. */
static void compare_first(
    struct filling *w, const struct diff_loaded *first, const struct diff_loaded *second, bool by_uid)
{
	const struct mailbox_index *ix = first->live.mailbox->index;

	for (size_t i = 0; i < ix->n; i++) {
		const struct index_record *r = &ix->records[i], *other;
		enum compare_message state = COMPARE_MISSING;
		struct diff_mail *m;

		if (!index_record_visible(r))
			continue;
		if (second != NULL && by_uid)
			state = compare_message(&second->live, first->m, r);
		switch (state) {
		case COMPARE_SAME: break;
		case COMPARE_LOST:
			/* Where the first side's is not there either, nothing has changed. */
			if (compare_has_uid(first->m->uids, first->m->n_uids, r->uid))
				add_mail(w, DIFF_MAIL_LOST, first, r);
			break;
		case COMPARE_FLAGS:
			other = mailbox_index_find(second->live.mailbox->index, r->uid);
			m = add_mail(w, DIFF_MAIL_FLAGS, second, other);
			if (m != NULL) {
				m->before = add_flags(w, first, r);
				m->after = add_flags(w, second, other);
			}
			break;
		case COMPARE_MISSING:
		case COMPARE_EXPUNGED:
		case COMPARE_OTHER: add_mail(w, DIFF_MAIL_GONE, first, r); break;
		}
	}
}

/* What only the second side has. */
static void compare_second(
    struct filling *w, const struct diff_loaded *first, const struct diff_loaded *second, bool by_uid)
{
	const struct mailbox_index *ix = second->live.mailbox->index;

	for (size_t i = 0; i < ix->n; i++) {
		const struct index_record *r = &ix->records[i], *old = NULL;

		if (!index_record_visible(r))
			continue;
		if (first != NULL && by_uid)
			old = mailbox_index_find(first->live.mailbox->index, r->uid);
		if (old == NULL || !index_record_visible(old) || !compare_same_message(old, r))
			add_mail(w, DIFF_MAIL_NEW, second, r);
	}
}

static int by_state(const void *a, const void *b)
{
	const struct diff_mail *x = a, *y = b;

	if (x->state != y->state)
		return x->state < y->state ? -1 : 1;
	if (x->other != NULL && y->other != NULL && strcmp(x->other, y->other) != 0)
		return strcmp(x->other, y->other);
	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

void diff_mails(struct diff_found *f, struct diff_box *b, const struct diff_loaded *first,
    const struct diff_loaded *second, bool by_uid)
{
	struct filling w = { .f = f, .b = b };

	if (first != NULL) {
		b->messages[0] = visible(first);
		b->uidvalidity[0] = first->live.mailbox->index->h.uidvalidity;
		compare_first(&w, first, second, by_uid);
	}
	if (second != NULL) {
		b->messages[1] = visible(second);
		b->uidvalidity[1] = second->live.mailbox->index->h.uidvalidity;
		compare_second(&w, first, second, by_uid);
	}
	b->text = buf_steal(&w.text);
	for (size_t i = 0; i < b->n_mails; i++) {
		settle(&b->mails[i].before, b->text);
		settle(&b->mails[i].after, b->text);
	}
}

/* ---- mailboxes ---- */

struct diff_box *diff_box_new(const struct diff_found *f, enum diff_box_state state, const char *name)
{
	struct diff_box *b = mem_alloc(sizeof *b);
	struct buf shown = BUF_INIT;

	names_show(f->names, name, &shown);
	b->state = state;
	b->name = mem_strdup(name);
	b->shown = buf_steal(&shown);
	return b;
}

void diff_box_free(struct diff_box *b)
{
	if (b == NULL)
		return;
	free(b->name);
	free(b->shown);
	free(b->other);
	free(b->other_shown);
	free(b->why);
	free(b->mails);
	free(b->text);
	free(b->names);
	free(b);
}

void diff_add(struct diff_found *f, struct diff_box *b)
{
	f->boxes = mem_grow(f->boxes, &f->cap, f->n + 1, sizeof *f->boxes);
	f->boxes[f->n++] = b;
}

/* ---- what moved ---- */

struct place {
	struct diff_mail *m;
	size_t box;
};

struct places {
	struct place *list;
	size_t n, cap;
};

static void collect(const struct diff_found *f, enum diff_mail_state state, struct places *ret)
{
	for (size_t i = 0; i < f->n; i++) {
		for (size_t k = 0; k < f->boxes[i]->n_mails; k++) {
			struct diff_mail *m = &f->boxes[i]->mails[k];

			if (m->state != state || !m->has_guid)
				continue;
			ret->list = mem_grow(ret->list, &ret->cap, ret->n + 1, sizeof *ret->list);
			ret->list[ret->n++] = (struct place){ m, i };
		}
	}
}

static int by_guid(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int c = memcmp(x->m->guid, y->m->guid, sizeof x->m->guid);

	if (c != 0)
		return c;
	if (x->box != y->box)
		return x->box < y->box ? -1 : 1;
	return x->m->uid < y->m->uid ? -1 : x->m->uid > y->m->uid;
}

static void pair(struct diff_found *f, struct place *from, struct place *to)
{
	struct diff_box *a = f->boxes[from->box], *b = f->boxes[to->box];

	from->m->state = DIFF_MAIL_MOVED_AWAY;
	from->m->other_uid = to->m->uid;
	from->m->other = b->name;
	to->m->state = DIFF_MAIL_MOVED_HERE;
	to->m->other_uid = from->m->uid;
	to->m->other = a->name;
	a->n[DIFF_MAIL_GONE]--;
	a->n[DIFF_MAIL_MOVED_AWAY]++;
	b->n[DIFF_MAIL_NEW]--;
	b->n[DIFF_MAIL_MOVED_HERE]++;
}

/* Mailboxes go their own ways: the names of others become text of each one's own, once for a row of messages from the same. */
static void own_names(const struct diff_found *f, struct diff_box *b)
{
	struct buf text = BUF_INIT, shown = BUF_INIT;
	const char *last = NULL, *name = NULL, *name_shown = NULL;

	for (size_t i = 0; i < b->n_mails; i++) {
		struct diff_mail *m = &b->mails[i];

		if (m->other == NULL)
			continue;
		if (m->other != last) {
			last = m->other;
			buf_clear(&shown);
			names_show(f->names, last, &shown);
			name = add_text(&text, last);
			name_shown = add_text(&text, buf_text(&shown));
		}
		m->other = name;
		m->other_shown = name_shown;
	}
	buf_done(&shown);
	b->names = buf_steal(&text);
	for (size_t i = 0; i < b->n_mails; i++) {
		settle(&b->mails[i].other, b->names);
		settle(&b->mails[i].other_shown, b->names);
	}
}

void diff_moves(struct diff_found *f)
{
	struct places gone = { 0 }, fresh = { 0 };

	collect(f, DIFF_MAIL_GONE, &gone);
	collect(f, DIFF_MAIL_NEW, &fresh);
	if (gone.n > 0 && fresh.n > 0) {
		qsort(gone.list, gone.n, sizeof *gone.list, by_guid);
		qsort(fresh.list, fresh.n, sizeof *fresh.list, by_guid);
		for (size_t i = 0, k = 0; i < gone.n && k < fresh.n;) {
			int c =
			    memcmp(gone.list[i].m->guid, fresh.list[k].m->guid, sizeof gone.list[i].m->guid);

			if (c == 0)
				pair(f, &gone.list[i], &fresh.list[k]);
			i += c <= 0;
			k += c >= 0;
		}
	}
	free(gone.list);
	free(fresh.list);
	for (size_t i = 0; i < f->n; i++) {
		struct diff_box *b = f->boxes[i];

		if (b->n_mails > 1)
			qsort(b->mails, b->n_mails, sizeof *b->mails, by_state);
	}
	for (size_t i = 0; i < f->n; i++)
		own_names(f, f->boxes[i]);
}
