/* fuzz_canvas.c: any bytes, painted at any width and over each other: no cell may hold what a terminal obeys. */
#include <stdint.h>
#include <string.h>

#include "core/mem.h"
#include "core/str.h"
#include "harmless.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void row_must_be_safe(const struct canvas *c, int row)
{
	struct buf text = BUF_INIT, safe = BUF_INIT;

	canvas_row_text(c, row, &text);
	str_safe_buf(&safe, buf_text(&text), text.len);
	if (strcmp(buf_text(&text), buf_text(&safe)) != 0 || columns_of(buf_text(&text)) > (size_t)c->columns)
		abort();
	buf_done(&text);
	buf_done(&safe);
}

static void paint(const char *s, const char *over, int columns, bool ascii)
{
	struct canvas c;
	int used;

	canvas_init(&c, 3, columns, ascii);
	used = canvas_text(&c, 0, 0, columns, STYLE_NORMAL, s);
	if (used < 0 || used > columns)
		abort();
	canvas_text_right(&c, 1, 0, columns, STYLE_HEAD, s);
	must_be_harmless(&c);
	/* Whatever half a wide character lay there. */
	canvas_text(&c, 0, columns / 3, columns / 2, STYLE_BAD, over);
	canvas_text_right(&c, 1, 1, columns / 2, STYLE_BAD, over);
	canvas_text(&c, 2, columns - 1, columns, STYLE_BAD, over);
	canvas_style(&c, 0, columns / 2, columns, STYLE_SELECTED);
	must_be_harmless(&c);
	for (int row = 0; row < 3; row++)
		row_must_be_safe(&c, row);
	canvas_done(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int widths[] = { 1, 2, 3, 7, 24, 80, 201 };
	static bool ready;
	char *s = mem_strndup((const char *)data, size), *half = mem_strdup(s + strlen(s) / 2);

	if (!ready)
		use_utf8();
	ready = true;
	for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
		paint(s, half, widths[i], false);
		paint(half, s, widths[i], true);
	}
	free(s);
	free(half);
	return 0;
}
