/* sheet.h: rows of a few words that are kept, with more to read behind each: what short lists of findings and choices are made of.
 *
 * For some thousands of rows; what has more brings its own list_ops. Belongs to the UI thread. */
#ifndef UI_SHEET_H
#define UI_SHEET_H

#include "ui/console.h"
#include "ui/list.h"

#define SHEET_CELLS 3

struct sheet_row {
	enum style style; /* of its first cell */
	char *cells[SHEET_CELLS];
	char *more; /* what to do next, NULL: nothing is known */
};

struct sheet {
	struct sheet_row *rows;
	size_t n, cap;
};

/** sheet_init(s, l, columns, n): Empty; ${l} becomes the list that shows it in at most SHEET_CELLS columns. sheet_done(s) frees it, not the list. */
void sheet_init(struct sheet *s, struct list *l, const struct list_column *columns, size_t n);
void sheet_done(struct sheet *s);

/** sheet_clear(s): Empty again. sheet_add(s, style, a, b, c, more): A row at the end; all is copied, any of them may be NULL. Tell the list of both
 * (list_changed()). */
void sheet_clear(struct sheet *s);
void sheet_add(
    struct sheet *s, enum style style, const char *a, const char *b, const char *c, const char *more);

/** sheet_selected(s, l): The row the cursor is on, or NULL. */
const struct sheet_row *sheet_selected(const struct sheet *s, const struct list *l);

/** sheet_detail(s, l, t): The selected row, whole, into a pane. sheet_open(c, s, l, name): The same as a screen of its own. */
void sheet_detail(const struct sheet *s, const struct list *l, struct text *t);
void sheet_open(struct console *c, const struct sheet *s, const struct list *l, const char *name);

#endif
