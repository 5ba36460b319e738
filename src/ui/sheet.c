/* sheet.c: rows of a few words, kept. */
#include "ui/sheet.h"

#include <stdlib.h>

#include "core/mem.h"
#include "ui/views.h"

static size_t count(void *model)
{
	return ((struct sheet *)model)->n;
}

static void cell(void *model, size_t row, size_t column, struct buf *b, enum style *style)
{
	const struct sheet_row *r = &((struct sheet *)model)->rows[row];

	if (column == 0)
		*style = r->style;
	if (r->cells[column] != NULL)
		buf_str(b, r->cells[column]);
}

static const struct list_ops ops = { .count = count, .cell = cell };

void sheet_init(struct sheet *s, struct list *l, const struct list_column *columns, size_t n)
{
	*s = (struct sheet){ 0 };
	list_init(l, &ops, s, columns, n < SHEET_CELLS ? n : SHEET_CELLS);
}

void sheet_clear(struct sheet *s)
{
	for (size_t i = 0; i < s->n; i++) {
		for (size_t k = 0; k < SHEET_CELLS; k++)
			free(s->rows[i].cells[k]);
		free(s->rows[i].more);
	}
	s->n = 0;
}

void sheet_done(struct sheet *s)
{
	sheet_clear(s);
	free(s->rows);
	*s = (struct sheet){ 0 };
}

void sheet_add(
    struct sheet *s, enum style style, const char *a, const char *b, const char *c, const char *more)
{
	s->rows = mem_grow(s->rows, &s->cap, s->n + 1, sizeof *s->rows);
	s->rows[s->n++] = (struct sheet_row){ .style = style,
		.cells = { mem_strdup(a), mem_strdup(b), mem_strdup(c) },
		.more = more != NULL && more[0] != '\0' ? mem_strdup(more) : NULL };
}

const struct sheet_row *sheet_selected(const struct sheet *s, const struct list *l)
{
	size_t row;

	return list_selected(l, &row) ? &s->rows[row] : NULL;
}

static bool has(const struct sheet_row *r, size_t i)
{
	return r->cells[i] != NULL && r->cells[i][0] != '\0';
}

void sheet_detail(const struct sheet *s, const struct list *l, struct text *t)
{
	const struct sheet_row *r = sheet_selected(s, l);

	if (r == NULL)
		return;
	for (size_t i = 0; i < SHEET_CELLS; i++)
		if (has(r, i))
			text_add(t, i == 0 ? r->style : STYLE_NORMAL, 0, "%s", r->cells[i]);
	if (r->more != NULL)
		text_add(t, STYLE_NORMAL, 6, "next: %s", r->more);
}

void sheet_open(struct console *c, const struct sheet *s, const struct list *l, const char *name)
{
	const struct sheet_row *r = sheet_selected(s, l);
	struct buf b = BUF_INIT;

	if (r == NULL)
		return;
	for (size_t i = 0; i < SHEET_CELLS; i++)
		if (has(r, i))
			buf_printf(&b, "%s%s", b.len > 0 ? "\n\n" : "", r->cells[i]);
	if (r->more != NULL)
		buf_printf(&b, "\n\nnext: %s", r->more);
	console_push(c, view_text_new(c, name, has(r, 1) ? r->cells[1] : name, buf_text(&b)));
	buf_done(&b);
}
