/* text.c: paragraphs into lines. */
#include "ui/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/columns.h"
#include "core/mem.h"
#include "core/str.h"

static size_t count(void *model)
{
	return ((struct text *)model)->n_lines;
}

static void cell(void *model, size_t row, size_t column, struct buf *b, enum style *style)
{
	struct text *t = model;
	const struct text_line *line = &t->lines[row];

	(void)column;
	*style = t->paragraphs[line->paragraph].style;
	buf_printf(b, "%*s", (int)line->indent, "");
	buf_add(b, t->paragraphs[line->paragraph].s + line->start, line->len);
}

static const struct list_ops ops = { .count = count, .cell = cell };
static const struct list_column columns[] = { { "", 10, 1, false, 0 } };

void text_init(struct text *t, struct list *l)
{
	*t = (struct text){ .columns = 80 };
	list_init(l, &ops, t, columns, 1);
	l->pager = true;
}

void text_clear(struct text *t)
{
	for (size_t i = 0; i < t->n_paragraphs; i++)
		free(t->paragraphs[i].s);
	t->n_paragraphs = t->n_lines = 0;
}

void text_done(struct text *t)
{
	text_clear(t);
	free(t->paragraphs);
	free(t->lines);
	*t = (struct text){ 0 };
}

/* Of the one terminal that there is. */
static bool ascii;

void text_ascii(bool yes)
{
	ascii = yes;
}

static void add_line(struct text *t, size_t paragraph, size_t start, size_t len, size_t indent)
{
	t->lines = mem_grow(t->lines, &t->cap_lines, t->n_lines + 1, sizeof *t->lines);
	t->lines[t->n_lines++] = (struct text_line){ .paragraph = (uint32_t)paragraph,
		.start = (uint32_t)start,
		.len = (uint32_t)len,
		.indent = (uint16_t)indent };
}

/* Where the line that begins at ${s} must end: at the last blank that fits, else in the middle of a word. Looks at no more than
 * the line: paragraphs may be long. */
static size_t fit(const char *s, size_t n, size_t room)
{
	size_t used = 0, blank = 0, len;
	uint32_t cp = 0;

	for (size_t i = 0; i < n; i += len) {
		char one[8] = "";

		len = str_utf8_next(s + i, n - i, &cp);
		if (len <= 1) {
			len = 1;
			used++;
		} else {
			memcpy(one, s + i, len);
			used += columns_of(one);
		}
		if (used > room)
			return blank > 0 ? blank : i > 0 ? i : len;
		if (s[i] == ' ')
			blank = i;
	}
	return n;
}

static void wrap(struct text *t, size_t paragraph)
{
	const struct text_paragraph *p = &t->paragraphs[paragraph];
	size_t at = 0, n = strlen(p->s), indent = 0, most = (size_t)(t->columns > 2 ? t->columns - 2 : 1);

	if (p->indent < 0 || n == 0) {
		add_line(t, paragraph, 0, n, 0);
		return;
	}
	while (at < n) {
		size_t room = most > indent ? most - indent : 1, len = fit(p->s + at, n - at, room);

		add_line(t, paragraph, at, len, indent);
		at += len;
		while (p->s[at] == ' ')
			at++;
		indent = (size_t)p->indent < most / 2 ? (size_t)p->indent : 0;
	}
}

static void add(struct text *t, enum style style, int indent, char *safe)
{
	t->paragraphs =
	    mem_grow(t->paragraphs, &t->cap_paragraphs, t->n_paragraphs + 1, sizeof *t->paragraphs);
	t->paragraphs[t->n_paragraphs++] = (struct text_paragraph){ style, indent, safe };
	wrap(t, t->n_paragraphs - 1);
}

/* Bytes as they are shown, which is what lines are measured by. */
static void add_shown(struct buf *b, const char *s, size_t n)
{
	struct buf safe = BUF_INIT;

	if (!ascii) {
		str_safe_buf(b, s, n);
		return;
	}
	str_safe_buf(&safe, s, n);
	columns_plain(b, buf_text(&safe));
	buf_done(&safe);
}

/* With blanks for tabs: the screen has none. */
static char *expand(const char *s, size_t n)
{
	struct buf shown = BUF_INIT;
	size_t columns_used = 0;

	for (;;) {
		const char *tab = n > 0 ? memchr(s, '\t', n) : NULL;
		size_t len = tab != NULL ? (size_t)(tab - s) : n, begin = shown.len, blanks;

		add_shown(&shown, s, len);
		if (tab == NULL)
			return buf_steal(&shown);
		columns_used += shown.len > begin ? columns_of(shown.data + begin) : 0;
		blanks = 8 - columns_used % 8;
		buf_add(&shown, "        ", blanks);
		columns_used += blanks;
		s += len + 1;
		n -= len + 1;
	}
}

void text_bytes(struct text *t, enum style style, int indent, const char *s, size_t n)
{
	for (;;) {
		const char *end = n > 0 ? memchr(s, '\n', n) : NULL;
		size_t len = end != NULL ? (size_t)(end - s) : n;

		add(t, style, indent, expand(s, len > 0 && s[len - 1] == '\r' ? len - 1 : len));
		if (end == NULL || len + 1 >= n)
			return;
		s += len + 1;
		n -= len + 1;
	}
}

void text_add(struct text *t, enum style style, int indent, const char *fmt, ...)
{
	char line[1024], *s = line;
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(line, sizeof line, fmt, ap);
	if (n >= (int)sizeof line) {
		s = mem_alloc((size_t)n + 1);
		vsnprintf(s, (size_t)n + 1, fmt, again);
	}
	va_end(again);
	va_end(ap);
	text_bytes(t, style, indent, s, n > 0 ? (size_t)n : 0);
	if (s != line)
		free(s);
}

void text_layout(struct text *t, int columns_now)
{
	if (columns_now == t->columns)
		return;
	t->columns = columns_now;
	t->n_lines = 0;
	for (size_t i = 0; i < t->n_paragraphs; i++)
		wrap(t, i);
}
