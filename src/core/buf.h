/* buf.h: growable bytes with a ceiling.
 *
 * A buf owns its bytes; data is always followed by a NUL that len does not count, so a buf of text is a C string.
 * Appending beyond max truncates nothing: it fails once and for all (buf->full stays set), so that a row of appends
 * needs one check at its end. Not thread-safe. */
#ifndef CORE_BUF_H
#define CORE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *data; /* NULL until the first append */
	size_t len;
	size_t cap;
	size_t max; /* 0: no ceiling */
	bool full;  /* an append was refused */
};

#define BUF_INIT         { 0 }
#define BUF_INIT_MAX(m)  { .max = (m) }

/** buf_add(b, p, n), buf_str(b, s), buf_char(b, c), buf_printf(b, fmt, ...): Append. Refused whole when len would pass max. */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** buf_reserve(b, n): Room for ${n} more bytes; returns where they go, or NULL when max forbids. Add to len by hand. */
void *buf_reserve(struct buf *b, size_t n);

/** buf_clear(b): Empty it, keep the room. buf_done(b): Free the room; ${b} is then as BUF_INIT. */
void buf_clear(struct buf *b);
void buf_done(struct buf *b);

/** buf_steal(b): The bytes as a heap string (never NULL); free() it. ${b} is then empty. */
char *buf_steal(struct buf *b);

/** buf_text(b): The bytes as a C string, "" when nothing was appended. Belongs to ${b}. */
const char *buf_text(const struct buf *b);

#endif
