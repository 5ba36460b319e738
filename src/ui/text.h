/* text.h: text to scroll through, in paragraphs that are wrapped anew when the screen changes: the model of a pager's list. */
#ifndef UI_TEXT_H
#define UI_TEXT_H

#include "ui/list.h"

struct text_paragraph {
	enum style style;
	int indent; /* of all lines but the first; -1: not wrapped */
	char *s;
};

struct text_line {
	uint32_t paragraph;
	uint32_t start, len; /* bytes of it */
	uint16_t indent;
};

struct text {
	struct text_paragraph *paragraphs;
	size_t n_paragraphs, cap_paragraphs;
	struct text_line *lines;
	size_t n_lines, cap_lines;
	int columns;
};

/** text_init(t, l): Empty; ${l} becomes the pager that shows it. text_done(t) frees it, and list_done() the list. */
void text_init(struct text *t, struct list *l);
void text_done(struct text *t);

/** text_clear(t): Empty again. text_add(t, style, indent, fmt, ...): A paragraph: each line of the text by itself; further lines of one that is
 * wrapped begin ${indent} columns in; -1: not wrapped. */
void text_clear(struct text *t);
void text_add(struct text *t, enum style style, int indent, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/** text_bytes(t, style, indent, s, n): The same for bytes from anywhere, of any length. */
void text_bytes(struct text *t, enum style style, int indent, const char *s, size_t n);

/** text_ascii(yes): The terminal shows no more than ASCII: what is added from here on is worded, and so wrapped, as it will be painted. */
void text_ascii(bool yes);

/** text_layout(t, columns): Wrap it for a screen so wide. */
void text_layout(struct text *t, int columns);

#endif
