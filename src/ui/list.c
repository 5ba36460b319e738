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
#define SLICE 4096

void list_init(
    struct list *l, const struct list_ops *ops, void *model, const struct list_column *columns, size_t n)
{
	*l =
	    (struct list){ .ops = ops, .model = model, .columns = columns, .n_columns = n, .wanted = NO_ROW };
}

void list_done(struct list *l)
{
	free(l->search);
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

/* The cursor onto ${row}, which stays as far from the top of the screen as it was. */
static void put_cursor(struct list *l, size_t row)
{
	size_t below = l->cursor >= l->top ? l->cursor - l->top : 0;

	l->cursor = position_of(l, row);
	l->top = l->cursor >= below ? l->cursor - below : 0;
	clamp(l);
}

void list_select(struct list *l, size_t row)
{
	l->wanted = row;
	if (l->partial && l->scanned <= row)
		return;
	put_cursor(l, row);
	l->wanted = NO_ROW;
}

static void restart(struct list *l, size_t selected)
{
	l->partial = l->filter != NULL || l->ops->hidden != NULL;
	l->n_order = l->scanned = 0;
	l->wanted = selected;
	if (l->partial) {
		/* What is quick is done at once: nothing flickers. */
		list_work(l, 5);
		return;
	}
	if (selected != NO_ROW)
		put_cursor(l, selected);
	l->wanted = NO_ROW;
	clamp(l);
}

void list_changed(struct list *l)
{
	size_t row = NO_ROW;

	if (l->wanted != NO_ROW)
		row = l->wanted;
	else if (!list_selected(l, &row))
		row = NO_ROW;
	restart(l, row);
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
}

void list_set_filter(struct list *l, const char *text)
{
	char *before = l->filter;
	size_t row = NO_ROW, kept = 0, done;

	l->filter = NULL;
	set_text(&l->filter, text);
	/* What no longer matches because the text grew is among what matched: a key more costs less and less. */
	if (before != NULL && l->filter != NULL && strstr(l->filter, before) != NULL && l->partial) {
		list_selected(l, &row);
		done = l->n_order;
		for (size_t i = 0; i < done; i++)
			if (l->ops->matches != NULL && l->ops->matches(l->model, l->order[i], l->filter))
				l->order[kept++] = l->order[i];
		if (l->ops->matches != NULL) {
			l->n_order = kept;
			if (row != NO_ROW)
				put_cursor(l, row);
			clamp(l);
			free(before);
			return;
		}
	}
	free(before);
	list_changed(l);
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

bool list_work(struct list *l, unsigned budget_ms)
{
	uint64_t end = clock_monotonic_ms() + budget_ms;
	size_t n = l->ops->count(l->model);

	if (!l->partial)
		return false;
	while (l->scanned < n) {
		size_t stop = n - l->scanned > SLICE ? l->scanned + SLICE : n;

		for (; l->scanned < stop; l->scanned++) {
			if (l->ops->hidden != NULL && l->ops->hidden(l->model, l->scanned))
				continue;
			if (l->filter != NULL && !matches(l, l->scanned, l->filter))
				continue;
			l->order = mem_grow(l->order, &l->cap_order, l->n_order + 1, sizeof *l->order);
			l->order[l->n_order++] = (uint32_t)l->scanned;
		}
		if (l->wanted != NO_ROW && l->scanned > l->wanted) {
			put_cursor(l, l->wanted);
			l->wanted = NO_ROW;
		}
		if (clock_monotonic_ms() >= end)
			break;
	}
	if (l->scanned >= n)
		l->wanted = NO_ROW;
	clamp(l);
	return l->scanned < n;
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

bool list_find(struct list *l, size_t from, bool forward)
{
	size_t n = list_n(l);

	if (l->search == NULL || n == 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		size_t at = forward ? (from + i) % n : (from + n - i) % n;

		if (!matches(l, list_row(l, at), l->search))
			continue;
		if (l->pager)
			l->top = at;
		else
			l->cursor = at;
		clamp(l);
		return true;
	}
	return false;
}
