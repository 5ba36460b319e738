/* canvas.c: text into cells. */
#include "ui/canvas.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "core/columns.h"
#include "core/mem.h"
#include "core/str.h"

/* More bytes than that no row shows. */
#define TEXT_MAX 4096

const char *style_name(enum style s)
{
	static const char *const names[] = {
#define S(id, name) name,
		STYLES(S)
#undef S
	};

	return names[s];
}

void canvas_init(struct canvas *c, int rows, int columns, bool ascii)
{
	*c = (struct canvas){ .ascii = ascii };
	canvas_resize(c, rows, columns);
}

void canvas_done(struct canvas *c)
{
	free(c->cells);
	c->cells = NULL;
	c->rows = c->columns = 0;
}

void canvas_resize(struct canvas *c, int rows, int columns)
{
	free(c->cells);
	c->rows = rows > 0 ? rows : 1;
	c->columns = columns > 0 ? columns : 1;
	c->cells = mem_array((size_t)c->rows * (size_t)c->columns, sizeof *c->cells);
	canvas_clear(c);
}

void canvas_clear(struct canvas *c)
{
	size_t n = (size_t)c->rows * (size_t)c->columns;

	for (size_t i = 0; i < n; i++)
		c->cells[i] = (struct cell){ .cp = ' ', .style = STYLE_NORMAL };
	c->cursor = false;
}

static struct cell *cell_at(struct canvas *c, int row, int column)
{
	return &c->cells[(size_t)row * (size_t)c->columns + (size_t)column];
}

static void blank(struct cell *cell)
{
	*cell = (struct cell){ .cp = ' ', .style = cell->style };
}

/* Half a wide character must not stay behind where something is painted over its other half. */
static void put(struct canvas *c, int row, int column, uint32_t cp, enum style style)
{
	struct cell *cell = cell_at(c, row, column);

	if (cell->cp == 0 && column > 0)
		blank(cell_at(c, row, column - 1));
	if (column + 1 < c->columns && cell_at(c, row, column + 1)->cp == 0)
		blank(cell_at(c, row, column + 1));
	*cell = (struct cell){ .cp = cp, .style = (uint8_t)style };
}

static void put_wide(struct canvas *c, int row, int column, uint32_t cp, enum style style)
{
	put(c, row, column, cp, style);
	put(c, row, column + 1, ' ', style);
	cell_at(c, row, column + 1)->cp = 0;
}

static void add_mark(struct cell *cell, uint32_t cp)
{
	for (size_t i = 0; i < CELL_MARKS; i++) {
		if (cell->marks[i] == 0) {
			cell->marks[i] = cp;
			return;
		}
	}
}

static int char_columns(uint32_t cp)
{
	int w = cp < 0x80 ? 1 : wcwidth((wchar_t)cp);

	return w < 0 ? 1 : w;
}

/* ${s} as text that this terminal can show, in at most ${width} columns; the columns it takes. */
static int prepare(const struct canvas *c, const char *s, int width, struct buf *out)
{
	char safe[TEXT_MAX];
	size_t n = strnlen(s, TEXT_MAX);

	str_safe(safe, sizeof safe, s, n);
	if (c->ascii) {
		/* A mark that is ASCII, too, also where the locale has more. */
		columns_plain(out, safe);
		if (out->len <= (size_t)width)
			return (int)out->len;
		out->len = (size_t)width;
		out->data[width] = '\0';
		out->data[width - 1] = '~';
		return width;
	}
	return (int)columns_cut(out, safe, (size_t)width);
}

static void paint(struct canvas *c, int row, int column, int width, enum style style, const char *s)
{
	size_t n = strlen(s), len;
	int at = column, end = column + width;
	uint32_t cp = 0;

	for (size_t i = 0; i < n && at <= end; i += len) {
		int w;

		len = str_utf8_next(s + i, n - i, &cp);
		if (len == 0) {
			len = 1;
			cp = '?';
		}
		w = char_columns(cp);
		if (w == 0) {
			if (at > column)
				add_mark(cell_at(c, row, at - 1)->cp != 0 || at < column + 2
					     ? cell_at(c, row, at - 1)
					     : cell_at(c, row, at - 2),
				    cp);
			continue;
		}
		if (at + w > end)
			break;
		if (w == 2)
			put_wide(c, row, at, cp, style);
		else
			put(c, row, at, cp, style);
		at += w;
	}
	while (at < end)
		put(c, row, at++, ' ', style);
}

static int text(struct canvas *c, int row, int column, int width, enum style style, const char *s, bool right)
{
	struct buf shown = BUF_INIT;
	int used, blanks;

	if (row < 0 || row >= c->rows || column < 0 || column >= c->columns || width <= 0)
		return 0;
	if (width > c->columns - column)
		width = c->columns - column;
	used = prepare(c, s, width, &shown);
	blanks = right ? width - used : 0;
	if (blanks > 0)
		paint(c, row, column, blanks, style, "");
	paint(c, row, column + blanks, width - blanks, style, buf_text(&shown));
	buf_done(&shown);
	return used;
}

int canvas_text(struct canvas *c, int row, int column, int width, enum style style, const char *s)
{
	return text(c, row, column, width, style, s, false);
}

int canvas_text_right(struct canvas *c, int row, int column, int width, enum style style, const char *s)
{
	return text(c, row, column, width, style, s, true);
}

void canvas_style(struct canvas *c, int row, int column, int width, enum style style)
{
	if (row < 0 || row >= c->rows)
		return;
	for (int i = column > 0 ? column : 0; i < column + width && i < c->columns; i++)
		cell_at(c, row, i)->style = (uint8_t)style;
}

const char *canvas_glyph(const struct canvas *c, const char *utf8, const char *ascii)
{
	return c->ascii ? ascii : utf8;
}

void canvas_row_text(const struct canvas *c, int row, struct buf *b)
{
	size_t begin = b->len, end = begin;

	for (int i = 0; i < c->columns; i++) {
		const struct cell *cell = &c->cells[(size_t)row * (size_t)c->columns + (size_t)i];

		if (cell->cp == 0)
			continue;
		str_utf8_put(b, cell->cp);
		for (size_t k = 0; k < CELL_MARKS && cell->marks[k] != 0; k++)
			str_utf8_put(b, cell->marks[k]);
		if (cell->cp != ' ')
			end = b->len;
	}
	if (b->data != NULL) {
		b->len = end;
		b->data[end] = '\0';
	}
}
