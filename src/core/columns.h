/* columns.h: text measured and cut by what it takes on a terminal, not by bytes. */
#ifndef CORE_COLUMNS_H
#define CORE_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"

/** columns_setup(): Take the character set of the locale; call once, before any other. columns_utf8(): The terminal's
 * characters are UTF-8. */
void columns_setup(void);
bool columns_utf8(void);

/** columns_of(s): Columns that this safe UTF-8 takes. */
size_t columns_of(const char *s);

/** columns_cut(b, s, max): Append ${s}, cut to at most ${max} columns with a mark at its end. Returns the columns used. */
size_t columns_cut(struct buf *b, const char *s, size_t max);

/** columns_plain(b, s): Append ${s} with every character that is not ASCII as \u{N}, for a terminal that has no other. */
void columns_plain(struct buf *b, const char *s);

/** columns_wrap(b, s, first, indent, max): Append ${s}, which begins in column ${first}, with a line end and ${indent} blanks in place of the
 * blank before a word that would pass column ${max}. */
void columns_wrap(struct buf *b, const char *s, size_t first, size_t indent, size_t max);

/** columns_terminal(fd): Width of that terminal; 0 when it is none. */
size_t columns_terminal(int fd);

/** columns_share(want, least, n, room, ret): Give each of ${n} columns the room it wants, or, if there is not enough,
 * take from the widest first, but leave each its ${least}. */
void columns_share(const size_t *want, const size_t *least, size_t n, size_t room, size_t *ret);

#endif
