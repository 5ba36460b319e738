/* list.c: which rows are shown, where the cursor is, what is found. list_draw.c paints. */
#include "ui/list.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/fold.h"
#include "core/mem.h"
#include "core/str.h"

#define NO_ROW ((size_t)-1)
/* Rows looked at between two looks at the clock. */
#define SLICE 1024
/* What is quick is done at once, so that nothing flickers; the rest by and by, so that no key waits for it. */
#define AT_ONCE_MS 2

void list_init(
    struct list *l, const struct list_ops *ops, void *model, const struct list_column *columns, size_t n)
{
	*l =
	    (struct list){ .ops = ops, .model = model, .columns = columns, .n_columns = n, .wanted = NO_ROW };
}

void list_done(struct list *l)
{
	free(l->search);
	free(l->searched);
	free(l->filter);
	free(l->order);
	*l = (struct list){ 0 };
}

size_t list_n(const struct list *l)
{
	return l->partial ? l->n_order : l->ops->count(l->model);
}

size_t list_row(const struct list *l, size_t position)
{
	return l->partial ? l->order[position] : position;
}

bool list_selected(const struct list *l, size_t *ret)
{
	if (l->pager || l->cursor >= list_n(l))
		return false;
	*ret = list_row(l, l->cursor);
	return true;
}

/* Its position among what is shown, or of the row behind it. */
static size_t position_of(const struct list *l, size_t row)
{
	size_t low = 0, high = l->n_order;

	if (!l->partial)
		return row;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (l->order[mid] < row)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void clamp(struct list *l)
{
	size_t n = list_n(l), height = l->height > 0 ? (size_t)l->height : 1,
	       last = n > height ? n - height : 0;

	if (l->pager) {
		l->top = l->top > last ? last : l->top;
		l->cursor = l->top;
		return;
	}
	if (l->cursor >= n)
		l->cursor = n > 0 ? n - 1 : 0;
	if (l->top > l->cursor)
		l->top = l->cursor;
	if (l->cursor >= l->top + height)
		l->top = l->cursor - height + 1;
	/* No empty lines below while there are rows above. */
	if (l->top > last)
		l->top = last;
}

/* How far below the top of the screen the cursor is. */
static size_t below_top(const struct list *l)
{
	return l->cursor >= l->top ? l->cursor - l->top : 0;
}

static void put_cursor(struct list *l, size_t row, size_t below)
{
	l->cursor = position_of(l, row);
	l->top = l->cursor >= below ? l->cursor - below : 0;
	clamp(l);
}

/* Whether it is known by now if the row is shown. */
static bool passed(const struct list *l, size_t row)
{
	return !l->partial || (l->next < l->end ? l->order[l->next] > row : l->scanned > row);
}

/* The cursor onto ${row} as soon as it is there, as far from the top of the screen as it is now. */
static void want(struct list *l, size_t row)
{
	l->wanted = row;
	l->wanted_below = below_top(l);
}

static void put_wanted(struct list *l)
{
	if (l->wanted == NO_ROW || !passed(l, l->wanted))
		return;
	put_cursor(l, l->wanted, l->wanted_below);
	l->wanted = NO_ROW;
}

void list_select(struct list *l, size_t row)
{
	want(l, row);
	put_wanted(l);
}

static void restart(struct list *l, size_t selected)
{
	if (l->wanted != selected)
		want(l, selected);
	l->partial = l->filter != NULL || l->ops->hidden != NULL;
	l->n_order = l->scanned = l->next = l->end = l->seek_left = 0;
	if (l->partial) {
		list_work(l, AT_ONCE_MS);
		return;
	}
	put_wanted(l);
	clamp(l);
}

static size_t row_to_keep(const struct list *l)
{
	size_t row;

	return l->wanted != NO_ROW ? l->wanted : list_selected(l, &row) ? row : NO_ROW;
}

void list_changed(struct list *l)
{
	restart(l, row_to_keep(l));
}

void list_moved(struct list *l, size_t selected)
{
	restart(l, selected);
}

static void set_text(char **to, const char *text)
{
	struct buf folded = BUF_INIT;

	free(*to);
	*to = NULL;
	if (text == NULL || text[0] == '\0')
		return;
	fold_add(&folded, text, strlen(text));
	*to = buf_steal(&folded);
}

void list_set_search(struct list *l, const char *text)
{
	set_text(&l->search, text);
	free(l->searched);
	l->searched = l->search != NULL ? mem_strdup(text) : NULL;
	l->seek_left = 0;
}

/* What no longer matches because the text grew is among what matched: a key more costs less and less. */
static void narrow(struct list *l)
{
	size_t row = row_to_keep(l), left = l->end - l->next;

	if (l->wanted != row)
		want(l, row);
	if (left > 0)
		memmove(l->order + l->n_order, l->order + l->next, left * sizeof *l->order);
	l->next = 0;
	l->end = l->n_order + left;
	l->n_order = l->seek_left = 0;
	list_work(l, AT_ONCE_MS);
}

void list_set_filter(struct list *l, const char *text)
{
	char *before = l->filter;

	l->filter = NULL;
	set_text(&l->filter, text);
	if (before != NULL && l->filter != NULL && l->partial && strstr(l->filter, before) != NULL)
		narrow(l);
	else
		list_changed(l);
	free(before);
}

void list_row_text(const struct list *l, size_t row, struct buf *b)
{
	size_t begin = b->len;

	for (size_t i = 0; i < l->n_columns; i++) {
		struct buf cell = BUF_INIT;
		enum style style = STYLE_NORMAL;

		l->ops->cell(l->model, row, i, &cell, &style);
		if (cell.len > 0)
			buf_printf(b, "%s%s", b->len > begin ? "  " : "", buf_text(&cell));
		buf_done(&cell);
	}
}

static bool matches(const struct list *l, size_t row, const char *folded)
{
	struct buf text = BUF_INIT, low = BUF_INIT;
	bool ret;

	if (l->ops->matches != NULL)
		return l->ops->matches(l->model, row, folded);
	list_row_text(l, row, &text);
	fold_add(&low, buf_text(&text), text.len);
	ret = strstr(buf_text(&low), folded) != NULL;
	buf_done(&text);
	buf_done(&low);
	return ret;
}

static void narrow_slice(struct list *l)
{
	size_t stop = l->end - l->next > SLICE ? l->next + SLICE : l->end;

	for (; l->next < stop; l->next++)
		if (matches(l, l->order[l->next], l->filter))
			l->order[l->n_order++] = l->order[l->next];
}

static void scan_slice(struct list *l, size_t n)
{
	size_t stop = n - l->scanned > SLICE ? l->scanned + SLICE : n;

	for (; l->scanned < stop; l->scanned++) {
		if (l->ops->hidden != NULL && l->ops->hidden(l->model, l->scanned))
			continue;
		if (l->filter != NULL && !matches(l, l->scanned, l->filter))
			continue;
		l->order = mem_grow(l->order, &l->cap_order, l->n_order + 1, sizeof *l->order);
		l->order[l->n_order++] = (uint32_t)l->scanned;
	}
}

/* Until ${end_ms}, but at least a slice; true when there is more. */
static bool show_more(struct list *l, uint64_t end_ms)
{
	size_t n = l->ops->count(l->model);
	bool more;

	do {
		if (l->next < l->end)
			narrow_slice(l);
		else if (l->scanned < n)
			scan_slice(l, n);
		put_wanted(l);
		more = l->next < l->end || l->scanned < n;
	} while (more && clock_monotonic_ms() < end_ms);
	if (!more)
		l->wanted = NO_ROW;
	clamp(l);
	return more;
}

/* A match for what is searched for; true when there are more rows to look at. */
static bool seek_more(struct list *l, uint64_t end_ms)
{
	size_t n = list_n(l);

	if (l->seek_left > n)
		l->seek_left = n;
	while (l->seek_left > 0) {
		size_t stop = l->seek_left > SLICE ? l->seek_left - SLICE : 0;

		for (; l->seek_left > stop; l->seek_left--) {
			size_t at = l->seek_at % n;

			if (matches(l, list_row(l, at), l->search)) {
				*(l->pager ? &l->top : &l->cursor) = at;
				l->seek_left = 0;
				clamp(l);
				return false;
			}
			l->seek_at = l->seek_forward ? at + 1 : at + n - 1;
		}
		if (l->seek_left > 0 && clock_monotonic_ms() >= end_ms)
			return true;
	}
	l->missed = true;
	return false;
}

bool list_work(struct list *l, unsigned budget_ms)
{
	uint64_t end_ms = clock_monotonic_ms() + budget_ms;
	bool more = l->partial && show_more(l, end_ms);

	return more || (l->seek_left > 0 && seek_more(l, end_ms));
}

void list_set_height(struct list *l, int rows)
{
	l->height = rows;
	clamp(l);
}

bool list_move(struct list *l, enum request r)
{
	size_t n = list_n(l), page = l->height > 1 ? (size_t)l->height - 1 : 1,
	       *at = l->pager ? &l->top : &l->cursor;

	l->seek_left = 0;
	switch ((int)r) {
	case REQUEST_UP: *at -= *at > 0; break;
	case REQUEST_DOWN: *at += *at + 1 < n; break;
	case REQUEST_PAGE_UP:
		*at = *at > page ? *at - page : 0;
		l->top = l->top > page ? l->top - page : 0;
		break;
	case REQUEST_PAGE_DOWN:
		*at = *at + page < n ? *at + page : n > 0 ? n - 1 : 0;
		if (!l->pager && l->top + page < n)
			l->top += page;
		break;
	case REQUEST_FIRST: *at = 0; break;
	case REQUEST_LAST: *at = n > 0 ? n - 1 : 0; break;
	default: return false;
	}
	clamp(l);
	return true;
}

void list_seek(struct list *l, size_t from, bool forward)
{
	l->missed = false;
	if (l->search == NULL)
		return;
	l->seek_at = from;
	l->seek_forward = forward;
	l->seek_left = NO_ROW;
	list_work(l, AT_ONCE_MS);
}

bool list_missed(struct list *l)
{
	bool ret = l->missed;

	l->missed = false;
	return ret;
}

bool list_find(struct list *l, size_t from, bool forward)
{
	if (l->search == NULL)
		return false;
	list_seek(l, from, forward);
	while (list_work(l, 100))
		;
	return !list_missed(l);
}
