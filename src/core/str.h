/* str.h: bytes from anywhere -> text that may be shown, and back.
 *
 * Nothing from an archive, a mail or a server reaches a terminal but through str_safe(). All functions are pure and
 * thread-safe. */
#ifndef CORE_STR_H
#define CORE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

/** str_safe(dst, size, s, n): Render ${n} bytes as one line of valid, harmless UTF-8, NUL-terminated within ${size}.
 * Well-formed UTF-8 passes, but C0 and C1 controls, DEL, line and paragraph separators, bidirectional controls,
 * zero-width and other format characters become \xNN or \u{NNNN}, and so does each byte that is not UTF-8. Never cuts within a
 * character; returns the bytes written without the NUL. */
size_t str_safe(char *dst, size_t size, const char *s, size_t n);

/** str_safe_buf(b, s, n): The same, appended to ${b} in full length. str_safe_lines() lets newline and tab through. */
void str_safe_buf(struct buf *b, const char *s, size_t n);
void str_safe_lines(struct buf *b, const char *s, size_t n);

/** str_safe_vprintf(fmt, ap): Formatted text, cut at 1 KiB, then made safe as by str_safe(); heap. */
char *str_safe_vprintf(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

/** str_utf8_next(s, n, cp): Length of the well-formed UTF-8 character at ${s} (RFC 3629), its code point in ${*cp}; 0
 * when the bytes are not well-formed or ${n} is 0. */
size_t str_utf8_next(const char *s, size_t n, uint32_t *cp);

/** str_utf8_put(b, cp): Append ${cp} as UTF-8. */
void str_utf8_put(struct buf *b, uint32_t cp);

/** str_mutf7_decode(b, s, n): Append the modified UTF-7 (RFC 3501 5.1.3) text as UTF-8. Returns 0, or -1 when it is
 * not modified UTF-7; then nothing was appended. */
int str_mutf7_decode(struct buf *b, const char *s, size_t n);

/** str_mutf7_encode(b, s, n): Append UTF-8 text as modified UTF-7. -1 when ${s} is not UTF-8; then nothing was appended. What one
 * of the two takes, the other gives back. */
int str_mutf7_encode(struct buf *b, const char *s, size_t n);

/** str_starts(s, prefix), str_ends(s, suffix): Plain byte comparison. */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);

/** str_u64(s, max, ret): Parse all of ${s} as an unsigned decimal not above ${max}; -1 if it is anything else. */
int str_u64(const char *s, uint64_t max, uint64_t *ret);

/** str_base64(b, p, n): Append standard base64 with padding. */
void str_base64(struct buf *b, const void *p, size_t n);

/** str_hex(b, p, n): Append lower-case hex. */
void str_hex(struct buf *b, const void *p, size_t n);

/** str_unhex(s, out, n): Exactly 2n hex digits at ${s} -> ${n} bytes; -1 if one is none. */
int str_unhex(const char *s, void *out, size_t n);

/** str_size(dst, size, bytes): "0", "812", "4.1K", "23M": at most five columns, 1024-based. */
const char *str_size(char *dst, size_t size, uint64_t bytes);

/** str_count(dst, size, n, one, many): "1 mailbox", "12 mailboxes". */
const char *str_count(char *dst, size_t size, uint64_t n, const char *one, const char *many);

/** str_distance(a, b): Edit distance of two short words (at most 63 bytes count), for "did you mean". */
unsigned str_distance(const char *a, const char *b);

#endif
