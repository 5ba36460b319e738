/* boxes.c: the table of mailboxes: rows in the order of a tree, their names, their states. */
#include <stdlib.h>
#include <string.h>

#include "app/boxes_impl.h"
#include "core/fold.h"
#include "core/mem.h"
#include "core/str.h"

#define NOWHERE UINT32_MAX

struct boxes {
	struct box *rows;
	size_t n, cap;
	uint32_t *where; /* number of a row -> its index */
	size_t n_where, cap_where;
	struct boxes_text *text;
	struct boxes_news news;
	struct boxes_facts facts;
	unsigned char map[256]; /* plain names, byte by byte, to how they are searched */
};

const char *box_state_name(enum box_state s)
{
	static const char *const names[BOX_STATES] = { "", "same", "differs", "missing", "deleted", "damaged",
		"renamed", "replaced", "only live" };

	return names[s];
}

/* ---- names ---- */

static const char *skip_domain(const char *internal)
{
	const char *bang = strchr(internal, '!');

	return bang != NULL ? bang + 1 : internal;
}

bool boxes_is_deleted(const char *prefix, const char *internal)
{
	const char *name = skip_domain(internal);
	size_t n = prefix != NULL ? strlen(prefix) : 0;

	return n > 0 && strncmp(name, prefix, n) == 0 && name[n] == '.' && name[n + 1] != '\0';
}

void boxes_show(const struct boxes_news *news, const char *internal, struct buf *out)
{
	const struct imapd_conf style = { .unixhierarchysep = news->unixhier };

	if (news->decodes)
		mboxname_display(&style, internal, out);
	else
		str_safe_buf(out, internal, strlen(internal));
}

/* Shown byte by byte as it is, but for the separator. */
static bool is_plain(const struct boxes_news *news, const char *name)
{
	for (const char *p = name; *p != '\0'; p++) {
		if (*p < 0x20 || *p > 0x7e)
			return false;
		if (news->decodes && (*p == '&' || *p == '!' || (*p == '^' && news->unixhier)))
			return false;
	}
	return true;
}

static uint16_t depth_of(const char *internal, bool deleted)
{
	const char *name = skip_domain(internal);
	unsigned depth = 0;

	for (const char *p = name; *p != '\0' && !deleted; p++)
		depth += *p == '.' && depth < UINT16_MAX;
	return (uint16_t)(depth > 0 && str_starts(name, "user.") ? depth - 1 : depth);
}

void boxes_fill_name(const struct boxes_news *news, struct box *row, const char *internal, struct buf *text)
{
	row->deleted = boxes_is_deleted(news->deletedprefix, internal);
	row->depth = depth_of(internal, row->deleted);
	row->plain = is_plain(news, internal);
	buf_add(text, internal, strlen(internal) + 1);
	if (!row->plain) {
		struct buf shown = BUF_INIT;

		boxes_show(news, internal, &shown);
		fold_add(text, buf_text(&shown), shown.len);
		buf_char(text, '\0');
		buf_done(&shown);
	}
}

/* Users, shared folders, deleted ones. */
static int class_of(const char *internal, bool deleted)
{
	return deleted ? 2 : str_starts(skip_domain(internal), "user.") ? 0 : 1;
}

int boxes_compare(const struct box *a, const struct box *b)
{
	int c = class_of(a->text, a->deleted) - class_of(b->text, b->deleted);

	if (c == 0)
		c = mboxname_compare(a->text, b->text);
	return c != 0 ? c : (a->number > b->number) - (a->number < b->number);
}

void boxes_internal(const struct boxes *b, size_t i, struct buf *out)
{
	buf_str(out, b->rows[i].text);
}

static char separator(const struct boxes *b)
{
	return b->news.decodes && b->news.unixhier ? '/' : '.';
}

void boxes_shown(const struct boxes *b, size_t i, struct buf *out)
{
	const char *name = b->rows[i].text;
	size_t from = out->len;

	if (!b->rows[i].plain) {
		boxes_show(&b->news, name, out);
		return;
	}
	buf_str(out, name);
	for (; separator(b) != '.' && from < out->len; from++)
		if (out->data[from] == '.')
			out->data[from] = '/';
}

void boxes_leaf(const struct boxes *b, size_t i, struct buf *out)
{
	const struct box *row = &b->rows[i];
	const char *dot = row->depth > 0 ? strrchr(row->text, '.') : NULL;

	if (dot != NULL)
		boxes_show(&b->news, dot + 1, out);
	else
		boxes_shown(b, i, out);
}

char *boxes_fold(const char *typed)
{
	struct buf b = BUF_INIT;

	fold_add(&b, typed, strlen(typed));
	return buf_steal(&b);
}

bool boxes_matches(const struct boxes *b, size_t i, const char *folded)
{
	const struct box *row = &b->rows[i];

	if (row->plain)
		return fold_find(row->text, folded, b->map);
	return fold_find(row->text + strlen(row->text) + 1, folded, fold_map);
}

/* The first in [low, high) that does not come before ${row}. */
static size_t first_not_before(const struct boxes *b, const struct box *row, size_t low, size_t high)
{

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (boxes_compare(&b->rows[mid], row) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

size_t boxes_find(const struct boxes *b, const char *internal)
{
	struct box like = { .text = internal, .deleted = boxes_is_deleted(b->news.deletedprefix, internal) };
	size_t i = first_not_before(b, &like, 0, b->n);

	return i < b->n && strcmp(b->rows[i].text, internal) == 0 ? i : (size_t)-1;
}

/* ---- the table ---- */

struct boxes *boxes_new(void)
{
	struct boxes *b = mem_alloc(sizeof *b);

	memcpy(b->map, fold_map, sizeof b->map);
	b->facts.archive = b->facts.why_not = "";
	return b;
}

static void free_text(struct boxes_text *t)
{
	while (t != NULL) {
		struct boxes_text *next = t->next;

		free(t);
		t = next;
	}
}

void boxes_free(struct boxes *b)
{
	if (b == NULL)
		return;
	free_text(b->text);
	boxes_news_done(&b->news);
	free(b->rows);
	free(b->where);
	free(b);
}

size_t boxes_n(const struct boxes *b)
{
	return b->n;
}

const struct box *boxes_row(const struct boxes *b, size_t i)
{
	return &b->rows[i];
}

const struct boxes_facts *boxes_facts(const struct boxes *b)
{
	return &b->facts;
}

void boxes_news_copy(struct boxes_news *dst, const struct boxes_news *src)
{
	*dst = *src;
	dst->archive = mem_strdup(src->archive);
	dst->why_not = mem_strdup(src->why_not);
	dst->deletedprefix = mem_strdup(src->deletedprefix);
}

void boxes_news_done(struct boxes_news *n)
{
	free(n->archive);
	free(n->why_not);
	free(n->deletedprefix);
}

void boxes_item_free(void *p)
{
	struct boxes_item *item = p;

	if (item == NULL)
		return;
	free(item->rows);
	free_text(item->text);
	free(item->updates);
	boxes_news_done(&item->news);
	free(item);
}

/* ---- taking in ---- */

static void number_rows(struct boxes *b, size_t from)
{
	for (size_t i = from; i < b->n; i++) {
		size_t number = b->rows[i].number;

		if (number >= b->n_where) {
			b->where = mem_grow(b->where, &b->cap_where, number + 1, sizeof *b->where);
			while (b->n_where <= number)
				b->where[b->n_where++] = NOWHERE;
		}
		b->where[number] = (uint32_t)i;
	}
}

static void count_row(struct boxes_facts *f, const struct box *row)
{
	f->n[row->state]++;
	if (row->state == BOX_ONLY_LIVE)
		return;
	f->in_archive++;
	f->deleted += row->deleted;
	f->messages += row->messages;
	f->bytes += row->bytes;
}

/* From the end, so that each old row moves once: by the place that each new one has, or, if they are many, one by one. */
static void merge(struct boxes *b, const struct box *rows, size_t m, size_t at)
{
	size_t old = b->n, to = b->n + m;

	if ((old - at) / 16 <= m) {
		for (size_t i = m; i > 0; to--) {
			if (old > at && boxes_compare(&b->rows[old - 1], &rows[i - 1]) > 0)
				b->rows[to - 1] = b->rows[--old];
			else
				b->rows[to - 1] = rows[--i];
		}
	} else {
		for (size_t i = m; i > 0; i--) {
			size_t from = first_not_before(b, &rows[i - 1], at, old);

			to -= old - from;
			memmove(&b->rows[to], &b->rows[from], (old - from) * sizeof *rows);
			old = from;
			b->rows[--to] = rows[i - 1];
		}
	}
}

static unsigned take_rows(struct boxes *b, struct boxes_item *item)
{
	size_t at, old = b->n;

	if (item->n == 0)
		return 0;
	if (item->text != NULL) {
		item->text->next = b->text;
		b->text = item->text;
		item->text = NULL;
	}
	b->rows = mem_grow(b->rows, &b->cap, b->n + item->n, sizeof *b->rows);
	for (size_t i = 0; i < item->n; i++)
		count_row(&b->facts, &item->rows[i]);
	at = old == 0 || boxes_compare(&b->rows[old - 1], &item->rows[0]) < 0
	         ? old
	         : first_not_before(b, &item->rows[0], 0, old);
	if (at == old)
		memcpy(&b->rows[old], item->rows, item->n * sizeof *b->rows);
	else
		merge(b, item->rows, item->n, at);
	b->n = old + item->n;
	number_rows(b, at);
	return BOXES_ROWS | (at < old ? BOXES_ORDER : 0);
}

static void take_update(struct boxes *b, const struct boxes_update *u)
{
	struct box *row;

	if (u->number >= b->n_where || b->where[u->number] == NOWHERE)
		return;
	row = &b->rows[b->where[u->number]];
	b->facts.n[row->state]--;
	b->facts.n[u->state]++;
	row->state = u->state;
	row->live_messages = u->live_messages;
}

static void take_news(struct boxes *b, struct boxes_item *item)
{
	struct boxes_facts *f = &b->facts;
	const struct boxes_news *n = &item->news;

	boxes_news_done(&b->news);
	boxes_news_copy(&b->news, n);
	f->archive = b->news.archive != NULL ? b->news.archive : "";
	f->why_not = b->news.why_not != NULL ? b->news.why_not : "";
	f->when = n->when;
	f->kind = n->kind;
	f->complete = n->complete;
	f->comparing = n->comparing;
	f->compared = n->compared;
	f->fetched_bytes = n->fetched_bytes;
	b->map['.'] = (unsigned char)separator(b);
}

unsigned boxes_take(struct boxes *b, void *p)
{
	struct boxes_item *item = p;
	unsigned changed = BOXES_STATES;

	switch (item->kind) {
	case BOXES_ITEM_ROWS: changed = take_rows(b, item); break;
	case BOXES_ITEM_UPDATES:
		for (size_t i = 0; i < item->n; i++)
			take_update(b, &item->updates[i]);
		break;
	case BOXES_ITEM_NEWS: take_news(b, item); break;
	}
	boxes_item_free(item);
	return changed;
}
