/* list_draw.c: paint the rows of a list that are on the screen. */
#include "ui/list.h"

#include <string.h>

#include "core/columns.h"
#include "core/str.h"

#define COLUMNS_MAX 16
#define GAP         2

bool list_has_titles(const struct list *l)
{
	for (size_t i = 0; i < l->n_columns; i++)
		if (l->columns[i].title[0] != '\0')
			return true;
	return false;
}

/* The width of each column; 0: not shown. */
static void share(const struct list *l, int room, int widths[COLUMNS_MAX])
{
	int used = 0, flex = 0, left;

	for (size_t i = 0; i < l->n_columns && i < COLUMNS_MAX; i++) {
		const struct list_column *c = &l->columns[i];

		widths[i] = c->from <= room ? c->width : 0;
		if (widths[i] == 0)
			continue;
		used += widths[i] + (used > 0 ? GAP : 0);
		flex += c->flex;
	}
	left = room - used;
	for (size_t i = 0; i < l->n_columns && i < COLUMNS_MAX && left > 0 && flex > 0; i++) {
		const struct list_column *c = &l->columns[i];
		int more;

		if (widths[i] == 0 || c->flex == 0)
			continue;
		more = left * c->flex / flex;
		widths[i] += more;
		left -= more;
		flex -= c->flex;
	}
}

static void draw_titles(
    const struct list *l, struct canvas *c, int row, int column, int columns, const int *widths)
{
	int at = column + 1;

	canvas_text(c, row, column, columns, STYLE_HEAD, "");
	for (size_t i = 0; i < l->n_columns && i < COLUMNS_MAX; i++) {
		if (widths[i] == 0)
			continue;
		if (l->columns[i].right)
			canvas_text_right(c, row, at, widths[i], STYLE_HEAD, l->columns[i].title);
		else
			canvas_text(c, row, at, widths[i], STYLE_HEAD, l->columns[i].title);
		at += widths[i] + GAP;
	}
}

static void draw_row(const struct list *l, struct canvas *c, int row, int column, int columns,
    const int *widths, size_t number, bool selected)
{
	bool marked = l->ops->marked != NULL && l->ops->marked(l->model, number);
	int at = column + 1;

	canvas_text(c, row, column, columns, STYLE_NORMAL, marked ? "*" : "");
	for (size_t i = 0; i < l->n_columns && i < COLUMNS_MAX; i++) {
		struct buf text = BUF_INIT;
		enum style style = STYLE_NORMAL;

		if (widths[i] == 0)
			continue;
		l->ops->cell(l->model, number, i, &text, &style);
		if (marked && style == STYLE_NORMAL)
			style = STYLE_MARK;
		if (l->columns[i].right)
			canvas_text_right(c, row, at, widths[i], style, buf_text(&text));
		else
			canvas_text(c, row, at, widths[i], style, buf_text(&text));
		at += widths[i] + GAP;
		buf_done(&text);
	}
	if (marked)
		canvas_style(c, row, column, 1, STYLE_MARK);
	if (selected)
		canvas_style(c, row, column, columns, STYLE_SELECTED);
}

void list_draw(struct list *l, struct canvas *c, int row, int column, int rows, int columns)
{
	int widths[COLUMNS_MAX] = { 0 };
	size_t n;

	share(l, columns - 2, widths);
	if (list_has_titles(l)) {
		draw_titles(l, c, row, column, columns, widths);
		row++;
		rows--;
	}
	if (rows < 1)
		return;
	list_set_height(l, rows);
	list_work(l, 0);
	n = list_n(l);
	for (int i = 0; i < rows && l->top + (size_t)i < n; i++) {
		size_t at = l->top + (size_t)i;
		bool selected = !l->pager && at == l->cursor;

		draw_row(l, c, row + i, column, columns, widths, list_row(l, at), selected);
		if (selected) {
			c->cursor_row = row + i;
			c->cursor_column = column;
		}
	}
}
