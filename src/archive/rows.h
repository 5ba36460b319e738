/* rows.h: the index's lines of tab-separated fields: written, and taken apart where they lie. Pure. */
#ifndef ARCHIVE_ROWS_H
#define ARCHIVE_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

#define ROW_FIELDS_MAX 16
#define ROW_MAX	       (64u << 10) /* bytes of the longest line */

/** row_escape(b, s): Append ${s}; control bytes, DEL and '%' become %XX. */
void row_escape(struct buf *b, const char *s);

struct row {
	char *field[ROW_FIELDS_MAX]; /* NUL-terminated, still escaped; in the caller's buffer */
	size_t len[ROW_FIELDS_MAX];
	size_t n;
};

/** row_next(p, end, row): Split the line at ${*p} in place and step behind it; 1, 0 at ${end}, -1 if it has no newline, too many
 * fields or a NUL. */
int row_next(char **p, char *end, struct row *row);

/** row_unescape(row, i): Undo row_escape() in field ${i}, in place; -1 if it is not well-formed or holds %00. */
int row_unescape(struct row *row, size_t i);

/** row_u64(row, i, max, ret): Field ${i} as a plain decimal; row_i64: with a sign '+' or '-' before it. -1. */
int row_u64(const struct row *row, size_t i, uint64_t max, uint64_t *ret);
int row_i64(const struct row *row, size_t i, int64_t *ret);

#endif
