/* list.h: rows, of which only those on the screen are ever asked for: a million cost one screen.
 *
 * Used by every view: a list to choose from, or, as a pager, text to scroll through. It knows rows by number; what they are is the
 * model's. Rows may be appended at any time; when they move, list_moved() must be told. Belongs to the UI thread. */
#ifndef UI_LIST_H
#define UI_LIST_H

#include "ui/canvas.h"
#include "ui/request.h"

struct list_column {
	const char *title;
	int width;  /* columns; of a flexible one the least */
	int flex;   /* its weight when what is left is shared; 0: it keeps its width */
	bool right; /* numbers stand at the right */
	int from;   /* only on screens at least so wide; 0: always */
};

struct list_ops {
	size_t (*count)(void *model);
	/** Append the text of one cell and say how it is meant (STYLE_NORMAL before the call). */
	void (*cell)(void *model, size_t row, size_t column, struct buf *text, enum style *style);
	/** Whether the row has ${folded} (fold_add()) in it; NULL: its cells are compared. */
	bool (*matches)(void *model, size_t row, const char *folded);
	bool (*hidden)(void *model, size_t row); /* not to be shown now; NULL: none is */
	bool (*marked)(void *model, size_t row); /* NULL: none is */
};

struct list {
	const struct list_ops *ops;
	void *model;
	const struct list_column *columns;
	size_t n_columns;
	bool pager; /* nothing is selected; moving scrolls */

	size_t cursor, top;    /* positions among what is shown */
	int height;            /* rows on the screen when it was last drawn */
	char *search, *filter; /* folded, or NULL */
	char *searched;        /* what is searched for as it was typed; NULL with ${search} */

	/* What is shown, where not all is: row numbers, as far as ${scanned}. Of what a shorter filter had found, order[next] to order[end]
	 * are still to be looked at. */
	bool partial;
	uint32_t *order;
	size_t n_order, cap_order, scanned, next, end;
	size_t wanted;       /* row the cursor was on before; (size_t)-1: none */
	size_t wanted_below; /* and how far below the top of the screen */

	size_t seek_at, seek_left; /* list_seek(): the next position, and of how many; 0: nothing is sought */
	bool seek_forward, missed;
};

/** list_init(l, ops, model, columns, n): list_done() it. */
void list_init(
    struct list *l, const struct list_ops *ops, void *model, const struct list_column *columns, size_t n);
void list_done(struct list *l);

/** list_n(l): Rows that are shown. list_row(l, position): The model's number of one. list_selected(l, ret): False when there is none. */
size_t list_n(const struct list *l);
size_t list_row(const struct list *l, size_t position);
bool list_selected(const struct list *l, size_t *ret);

/** list_select(l, row): Put the cursor on that row, if it is shown. */
void list_select(struct list *l, size_t row);

/** list_set_filter(l, text): Show only rows that match; NULL or "": all. list_set_search(l, text) likewise for list_find(). */
void list_set_filter(struct list *l, const char *text);
void list_set_search(struct list *l, const char *text);

/** list_changed(l): What ops->hidden says has changed. list_moved(l, selected): Rows have other numbers now; ${selected} is the one
 * the cursor was on ((size_t)-1: gone). Both keep the cursor on its row, and the row where it is on the screen. */
void list_changed(struct list *l);
void list_moved(struct list *l, size_t selected);

/** list_set_height(l, rows): The screen has so many rows for it. */
void list_set_height(struct list *l, int rows);

/** list_work(l, budget_ms): Go on finding what is to be shown, then what list_seek() seeks; true when there is more to do. A little longer
 * than that at most: every other call here takes some milliseconds, whatever the number of rows. */
bool list_work(struct list *l, unsigned budget_ms);

/** list_move(l, r): UP, DOWN, PAGE_UP, PAGE_DOWN, FIRST, LAST; false for another request. */
bool list_move(struct list *l, enum request r);

/** list_find(l, from, forward): Move the cursor to the next match at or after position ${from} (before it: !forward), around the end. False
 * when nothing matches. Takes what it takes. list_seek(l, from, forward): The same by and by: list_work() goes on with it, a move ends it.
 * list_missed(l): It has ended without a match; true once. */
bool list_find(struct list *l, size_t from, bool forward);
void list_seek(struct list *l, size_t from, bool forward);
bool list_missed(struct list *l);

/** list_row_text(l, row, b): Its cells, separated by two blanks, those that are empty left out. */
void list_row_text(const struct list *l, size_t row, struct buf *b);

/** list_has_titles(l): It has a line of titles, which list_draw() paints first. */
bool list_has_titles(const struct list *l);

/** list_draw(l, c, row, column, rows, columns): Paint it there. The canvas's cursor is put on the selected row. */
void list_draw(struct list *l, struct canvas *c, int row, int column, int rows, int columns);

#endif
