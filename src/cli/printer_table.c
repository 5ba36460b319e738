/* printer_table.c: rows gathered, measured and set in columns. */
#include <stdlib.h>

#include "core/columns.h"
#include "cli/printer_priv.h"

void printer_cells_clear(struct printer *p)
{
	for (size_t i = 0; i < p->n_rows * p->n_columns; i++) {
		free(p->cells[i].text);
		p->cells[i] = (struct cell){ 0 };
	}
	p->n_rows = 0;
}

void printer_table(struct printer *p, const struct printer_column *columns, size_t n)
{
	if (p->o.json)
		return;
	if (n > COLUMNS_MAX)
		n = COLUMNS_MAX;
	p->columns = columns;
	p->n_columns = n;
	p->n_rows = 0;
	p->in_row = p->measured = false;
}

/* Leaves out the columns that can be spared, until even the narrowest form of the others fits. */
static void drop_columns(struct printer *p, size_t *want, size_t *least)
{
	for (unsigned round = 1; round <= COLUMNS_MAX; round++) {
		size_t need = 0;

		for (size_t c = 0; c < p->n_columns; c++)
			need += p->hidden[c] ? 0 : least[c] + 2;
		if (need <= p->out_columns + 2)
			return;
		for (size_t c = 0; c < p->n_columns; c++) {
			if (p->columns[c].drop == round) {
				p->hidden[c] = true;
				want[c] = least[c] = 0;
			}
		}
	}
}

static void measure(struct printer *p)
{
	size_t want[COLUMNS_MAX], least[COLUMNS_MAX], room = p->out_columns + 2;

	for (size_t c = 0; c < p->n_columns; c++) {
		unsigned flex = p->columns[c].flex;

		want[c] = 0;
		for (size_t r = 0; r < p->n_rows; r++) {
			const char *text = p->cells[r * p->n_columns + c].text;
			size_t w = text != NULL ? columns_of(text) : 0;

			if (w > want[c])
				want[c] = w;
		}
		p->hidden[c] = want[c] == 0 && p->columns[c].optional;
		if (!p->hidden[c] && want[c] < columns_of(p->columns[c].title))
			want[c] = columns_of(p->columns[c].title);
		least[c] = flex != 0 && flex < want[c] ? flex : want[c];
	}
	if (p->out_columns != 0)
		drop_columns(p, want, least);
	for (size_t c = 0; c < p->n_columns; c++)
		room -= p->hidden[c] || room < 2 ? 0 : 2;
	columns_share(want, least, p->n_columns, p->out_columns != 0 ? room : SIZE_MAX, p->widths);
	p->measured = true;
}

static void add_cell(struct printer *p, struct buf *line, size_t c, const char *text, enum printer_tone tone)
{
	bool cut = p->out_columns != 0 && p->columns[c].flex != 0;
	struct buf cell = BUF_INIT;
	size_t used = columns_cut(&cell, text != NULL ? text : "", cut ? p->widths[c] : SIZE_MAX);
	size_t pad = used < p->widths[c] ? p->widths[c] - used : 0;

	if (c > 0)
		buf_str(line, "  ");
	if (p->columns[c].right)
		buf_printf(line, "%*s", (int)pad, "");
	printer_add_toned(line, p->color_out, tone, buf_text(&cell));
	if (!p->columns[c].right && c + 1 < p->n_columns)
		buf_printf(line, "%*s", (int)pad, "");
	buf_done(&cell);
}

static void put_cells(struct printer *p, const struct cell *cells, bool head)
{
	struct buf line = BUF_INIT;

	for (size_t c = 0; c < p->n_columns; c++) {
		if (!p->hidden[c])
			add_cell(p, &line, c, head ? p->columns[c].title : cells[c].text,
			    head ? TONE_HEAD : cells[c].tone);
	}
	while (line.len > 0 && line.data[line.len - 1] == ' ')
		line.data[--line.len] = '\0';
	buf_char(&line, '\n');
	printer_put_buf(p, &line);
}

void printer_table_flush(struct printer *p)
{
	if (p->n_rows == 0)
		return;
	printer_status(p, NULL);
	if (!p->measured) {
		measure(p);
		put_cells(p, NULL, true);
	}
	for (size_t r = 0; r < p->n_rows; r++)
		put_cells(p, p->cells + r * p->n_columns, false);
	printer_cells_clear(p);
}

void printer_table_end(struct printer *p)
{
	if (p->columns == NULL)
		return;
	printer_table_flush(p);
	p->columns = NULL;
	p->n_columns = 0;
}
