/* canvas.h: a grid of cells that views paint on. What it shows is decided here, and nowhere else is it made harmless.
 *
 * A canvas knows no terminal: term.c paints it, tests and the plain console read it as text. It belongs to the UI
 * thread. Text given to it may be any bytes: control characters, invalid UTF-8, bidirectional marks come out as \xNN and
 * \u{NNNN}, as str_safe() makes them; wide and combining characters take the columns that they take. */
#ifndef UI_CANVAS_H
#define UI_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

/** How a cell is meant. The names are those of section [colors] of the configuration. */
#define STYLES(S)               \
	S(NORMAL, "normal")     \
	S(TITLE, "title")       \
	S(HEAD, "head")         \
	S(SELECTED, "selected") \
	S(STATUS, "status")     \
	S(KEY, "key")           \
	S(DIM, "dim")           \
	S(STRONG, "strong")     \
	S(GOOD, "good")         \
	S(WARN, "warn")         \
	S(BAD, "bad")           \
	S(MARK, "mark")         \
	S(MATCH, "match")       \
	S(COMMAND, "command")   \
	S(PROMPT, "prompt")
enum style {
#define S(id, name) STYLE_##id,
	STYLES(S)
#undef S
	    STYLE_COUNT
};

/** style_name(s): As in the configuration. */
const char *style_name(enum style s);

#define CELL_MARKS 2 /* combining characters kept on one cell; more are dropped */

struct cell {
	uint32_t cp;                /* its character; 0: the right half of a wide one */
	uint32_t marks[CELL_MARKS]; /* 0: none */
	uint8_t style;
};

struct canvas {
	int rows, columns;
	bool ascii; /* the terminal has no UTF-8: other characters are shown as \u{NNNN} */
	int cursor_row, cursor_column;
	bool cursor; /* to be seen: somebody types there */
	struct cell *cells;
};

/** canvas_init(c, rows, columns, ascii): A blank one. canvas_done(c) frees it. canvas_resize(c, rows, columns): Blank again. */
void canvas_init(struct canvas *c, int rows, int columns, bool ascii);
void canvas_done(struct canvas *c);
void canvas_resize(struct canvas *c, int rows, int columns);

/** canvas_clear(c): All blank, no cursor. */
void canvas_clear(struct canvas *c);

/** canvas_text(c, row, column, width, style, s): Paint ${s} into ${width} columns, cut with a mark at its end where it is longer, blanks behind
 * it where it is shorter. What lies outside the canvas is not painted. Returns the columns that the text itself took. */
int canvas_text(struct canvas *c, int row, int column, int width, enum style style, const char *s);

/** canvas_text_right(...): The same, at the right end of ${width}. */
int canvas_text_right(struct canvas *c, int row, int column, int width, enum style style, const char *s);

/** canvas_style(c, row, column, width, style): Paint over the style only. */
void canvas_style(struct canvas *c, int row, int column, int width, enum style style);

/** canvas_glyph(c, utf8, ascii): The one that this canvas can show. */
const char *canvas_glyph(const struct canvas *c, const char *utf8, const char *ascii);

/** canvas_row_text(c, row, b): Append the row as UTF-8 without the blanks at its end. */
void canvas_row_text(const struct canvas *c, int row, struct buf *b);

#endif
