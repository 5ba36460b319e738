/* test_ui_canvas.c: text into cells: wide, combining, cut, right-aligned, hostile, ASCII. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "../fuzz/harmless.h"

static void row_is(const struct canvas *c, int row, const char *expected)
{
	struct buf b = BUF_INIT;

	canvas_row_text(c, row, &b);
	assert_string_equal(buf_text(&b), expected);
	buf_done(&b);
}

static const struct cell *cell_of(const struct canvas *c, int row, int column)
{
	return &c->cells[row * c->columns + column];
}

static void test_plain(void **state)
{
	struct canvas c;

	(void)state;
	canvas_init(&c, 2, 10, false);
	assert_int_equal(canvas_text(&c, 0, 1, 6, STYLE_BAD, "abc"), 3);
	row_is(&c, 0, " abc");
	/* The blanks behind it are its own. */
	assert_int_equal(cell_of(&c, 0, 0)->style, STYLE_NORMAL);
	assert_int_equal(cell_of(&c, 0, 6)->style, STYLE_BAD);
	assert_int_equal(cell_of(&c, 0, 7)->style, STYLE_NORMAL);
	assert_int_equal(canvas_text(&c, 1, 0, 6, STYLE_NORMAL, "abcdefgh"), 6);
	row_is(&c, 1, "abcde\u2026");
	assert_int_equal(canvas_text_right(&c, 0, 0, 10, STYLE_NORMAL, "123"), 3);
	row_is(&c, 0, "       123");
	canvas_style(&c, 0, -3, 100, STYLE_SELECTED);
	assert_int_equal(cell_of(&c, 0, 9)->style, STYLE_SELECTED);
	row_is(&c, 0, "       123");
	canvas_done(&c);
}

static void test_outside(void **state)
{
	struct canvas c;

	(void)state;
	canvas_init(&c, 2, 5, false);
	assert_int_equal(canvas_text(&c, 2, 0, 5, STYLE_NORMAL, "x"), 0);
	assert_int_equal(canvas_text(&c, -1, 0, 5, STYLE_NORMAL, "x"), 0);
	assert_int_equal(canvas_text(&c, 0, 5, 5, STYLE_NORMAL, "x"), 0);
	assert_int_equal(canvas_text(&c, 0, 0, 0, STYLE_NORMAL, "x"), 0);
	assert_int_equal(canvas_text(&c, 0, 0, -4, STYLE_NORMAL, "x"), 0);
	assert_int_equal(canvas_text(&c, 0, 3, 500, STYLE_NORMAL, "xyz"), 2);
	canvas_style(&c, 7, 0, 5, STYLE_BAD);
	row_is(&c, 0, "   x\u2026");
	row_is(&c, 1, "");
	canvas_resize(&c, 0, -7);
	assert_int_equal(c.rows, 1);
	assert_int_equal(c.columns, 1);
	row_is(&c, 0, "");
	canvas_done(&c);
}

static void test_wide(void **state)
{
	struct canvas c;

	(void)state;
	canvas_init(&c, 1, 10, false);
	assert_int_equal(canvas_text(&c, 0, 0, 10, STYLE_NORMAL, "\u6587\u4ef6x"), 5);
	assert_int_equal(cell_of(&c, 0, 0)->cp, 0x6587);
	assert_int_equal(cell_of(&c, 0, 1)->cp, 0);
	row_is(&c, 0, "\u6587\u4ef6x");
	/* No half of one is left where the other half goes. */
	canvas_text(&c, 0, 1, 2, STYLE_NORMAL, "ab");
	row_is(&c, 0, " ab x");
	must_be_harmless(&c);
	/* One that does not fit is not painted in half. */
	assert_int_equal(canvas_text(&c, 0, 0, 3, STYLE_NORMAL, "a\u6587"), 3);
	assert_int_equal(canvas_text(&c, 0, 4, 3, STYLE_NORMAL, "\u6587\u4ef6"), 3);
	row_is(&c, 0, "a\u6587 \u6587\u2026");
	must_be_harmless(&c);
	assert_int_equal(canvas_text(&c, 0, 9, 1, STYLE_NORMAL, "\u6587"), 1);
	must_be_harmless(&c);
	canvas_done(&c);
}

static void test_combining(void **state)
{
	struct canvas c;

	(void)state;
	canvas_init(&c, 1, 8, false);
	assert_int_equal(canvas_text(&c, 0, 0, 8, STYLE_NORMAL, "e\u0301x"), 2);
	assert_int_equal(cell_of(&c, 0, 0)->marks[0], 0x301);
	row_is(&c, 0, "e\u0301x");
	/* On a wide one it goes to its left half; more than fit are dropped. */
	canvas_text(&c, 0, 0, 8, STYLE_NORMAL, "\u6587\u0301\u0302\u0303");
	assert_int_equal(cell_of(&c, 0, 0)->marks[1], 0x302);
	row_is(&c, 0, "\u6587\u0301\u0302");
	/* It goes with its character. */
	canvas_text(&c, 0, 1, 1, STYLE_NORMAL, "a");
	row_is(&c, 0, " a");
	/* One with nothing before it has no place. */
	canvas_text(&c, 0, 0, 8, STYLE_NORMAL, "\u0301a");
	row_is(&c, 0, "a");
	must_be_harmless(&c);
	canvas_done(&c);
}

static void test_hostile(void **state)
{
	struct canvas c;

	(void)state;
	canvas_init(&c, 1, 60, false);
	canvas_text(&c, 0, 0, 60, STYLE_NORMAL, "\x1b[2J\x9b\xc2\x9b\x7f\r\n\t\u202e\u200b\xff");
	must_be_harmless(&c);
	row_is(&c, 0, "\\x1b[2J\\x9b\\u{9b}\\x7f\\x0d\\x0a\\x09\\u{202e}\\u{200b}\\xff");
	canvas_done(&c);
}

static void test_ascii(void **state)
{
	struct canvas c;

	(void)state;
	canvas_init(&c, 1, 30, true);
	assert_int_equal(canvas_text(&c, 0, 0, 30, STYLE_NORMAL, "z\u00fc\u6587e\u0301"), 23);
	row_is(&c, 0, "z\\u{fc}\\u{6587}e\\u{301}");
	/* The locale has more than ASCII, this terminal has not: nor has the mark where it is cut. */
	assert_int_equal(canvas_text(&c, 0, 0, 4, STYLE_NORMAL, "abcdef"), 4);
	assert_int_equal(cell_of(&c, 0, 3)->cp, '~');
	must_be_harmless(&c);
	assert_string_equal(canvas_glyph(&c, "\u203a", ">"), ">");
	c.ascii = false;
	assert_string_equal(canvas_glyph(&c, "\u203a", ">"), "\u203a");
	canvas_done(&c);
}

static void test_style_names(void **state)
{
	(void)state;
	assert_string_equal(style_name(STYLE_NORMAL), "normal");
	assert_string_equal(style_name(STYLE_PROMPT), "prompt");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_outside),
		cmocka_unit_test(test_wide),
		cmocka_unit_test(test_combining),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_ascii),
		cmocka_unit_test(test_style_names),
	};

	use_utf8();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
