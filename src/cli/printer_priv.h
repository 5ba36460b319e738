/* printer_priv.h: what a printer is. Only for printer*.c. */
#ifndef CLI_PRINTER_PRIV_H
#define CLI_PRINTER_PRIV_H

#include <jansson.h>

#include "cli/printer.h"
#include "core/buf.h"

#define COLUMNS_MAX   12
#define ROWS_MEASURED 1000 /* widths come from so many rows; what follows streams */

struct cell {
	char *text;
	enum printer_tone tone;
};

struct printer {
	struct printer_opts o;
	bool color_out, color_err;
	bool out_plain, err_plain; /* a terminal that shows no UTF-8 */
	bool status_on, status_drawn;
	size_t status_used; /* columns of the line that stands */
	size_t out_columns; /* 0: no terminal */
	int broken;	    /* errno of the first failed write to stdout, or 0 */

	json_t *object; /* the row being filled in JSON */

	const struct printer_column *columns; /* NULL: not in a table */
	size_t n_columns;
	struct cell *cells; /* rows * n_columns */
	size_t n_rows, cap_cells;
	bool in_row, measured;
	bool hidden[COLUMNS_MAX];
	size_t widths[COLUMNS_MAX];
};

/* Bytes and a buffer to stdout (the buffer is emptied); a failure is kept in p->broken. */
void printer_put(struct printer *p, const char *s, size_t n);
void printer_put_buf(struct printer *p, struct buf *b);
void printer_flush(struct printer *p);

/* Text that is already safe, fit for the terminal's character set; and in a tone. */
void printer_add_fit(struct buf *b, bool plain, const char *s);
void printer_add_toned(struct buf *b, bool color, enum printer_tone tone, const char *s);

/* The table's rows so far: forget them; print them. */
void printer_cells_clear(struct printer *p);
void printer_table_flush(struct printer *p);

#endif
