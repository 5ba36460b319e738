/* html_text.h: HTML reduced to its text. Thread-safe. */
#ifndef CYRUS_HTML_TEXT_H
#define CYRUS_HTML_TEXT_H

#include <stddef.h>

#include "core/buf.h"

/** html_text(p, n, b): Append what a reader of the UTF-8 HTML would see: tags, comments, scripts and styles
 * dropped, blocks on lines of their own, white space collapsed, character references resolved. At most 3 * ${n}
 * bytes are added, in linear time. Not made safe to show. */
void html_text(const char *p, size_t n, struct buf *b);

#endif
