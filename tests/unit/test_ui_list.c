/* test_ui_list.c: lists of a million rows, of which only the screen is asked for; filter, search, rows that move. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "../fuzz/harmless.h"
#include "core/str.h"
#include "ui/list.h"

#define MILLION 1000000

struct model {
	size_t n, cells, looks;
	size_t shift; /* row 0 is called so */
	bool odd_hidden;
	bool slow; /* a row takes a while: what has a budget stops after its first slice */
};

static size_t count(void *model)
{
	return ((struct model *)model)->n;
}

static void cell(void *model, size_t row, size_t column, struct buf *b, enum style *style)
{
	struct model *m = model;

	m->cells++;
	if (column == 0)
		buf_printf(b, "row %zu", row + m->shift);
	else if (column == 1)
		buf_printf(b, "%zu", row % 7);
	else
		*style = STYLE_BAD;
}

static bool matches(void *model, size_t row, const char *folded)
{
	struct model *m = model;
	char text[40];

	m->looks++;
	if (m->slow && m->looks % 1000 == 0)
		nanosleep(&(struct timespec){ .tv_nsec = 3000000 }, NULL);
	snprintf(text, sizeof text, "row %zu", row + m->shift);
	return strstr(text, folded) != NULL;
}

static bool hidden(void *model, size_t row)
{
	return ((struct model *)model)->odd_hidden && row % 2 == 1;
}

static bool marked(void *model, size_t row)
{
	(void)model;
	return row == 1;
}

static const struct list_ops all = { .count = count, .cell = cell, .matches = matches };
static const struct list_ops by_cells = { .count = count, .cell = cell, .marked = marked };
static const struct list_ops some = { .count = count, .cell = cell, .matches = matches, .hidden = hidden };

static const struct list_column columns[] = {
	{ "NAME", 12, 1, false, 0 },
	{ "N", 4, 0, true, 0 },
	{ "WIDE", 5, 0, false, 100 },
};

static void begin(struct list *l, const struct list_ops *ops, struct model *m, size_t n)
{
	*m = (struct model){ .n = n };
	list_init(l, ops, m, columns, 3);
	list_set_height(l, 20);
}

static void finish(struct list *l)
{
	while (list_work(l, 100))
		;
}

static size_t selected(const struct list *l)
{
	size_t row = 0;

	assert_true(list_selected(l, &row));
	return row;
}

static void test_only_the_screen(void **state)
{
	struct list l;
	struct model m;
	struct canvas c;

	(void)state;
	begin(&l, &all, &m, MILLION);
	canvas_init(&c, 24, 80, false);
	list_draw(&l, &c, 0, 0, 24, 80);
	list_move(&l, REQUEST_LAST);
	list_draw(&l, &c, 0, 0, 24, 80);
	list_move(&l, REQUEST_PAGE_UP);
	list_draw(&l, &c, 0, 0, 24, 80);
	/* 23 rows of two columns each, three times. */
	assert_int_equal(m.cells, 3 * 23 * 2);
	assert_int_equal(m.looks, 0);
	assert_int_equal(c.cursor_row, 23);
	canvas_done(&c);
	list_done(&l);
}

static void test_moves(void **state)
{
	struct list l;
	struct model m;

	(void)state;
	begin(&l, &all, &m, 100);
	list_move(&l, REQUEST_UP);
	assert_int_equal(selected(&l), 0);
	list_move(&l, REQUEST_DOWN);
	assert_int_equal(selected(&l), 1);
	list_move(&l, REQUEST_PAGE_DOWN);
	assert_int_equal(selected(&l), 20);
	assert_int_equal(l.top, 19);
	list_move(&l, REQUEST_LAST);
	assert_int_equal(selected(&l), 99);
	assert_int_equal(l.top, 80);
	list_move(&l, REQUEST_DOWN);
	list_move(&l, REQUEST_PAGE_DOWN);
	assert_int_equal(selected(&l), 99);
	list_move(&l, REQUEST_FIRST);
	assert_int_equal(l.top, 0);
	assert_false(list_move(&l, REQUEST_OPEN));
	/* The screen shrinks around the cursor. */
	list_select(&l, 50);
	list_set_height(&l, 3);
	assert_int_equal(selected(&l), 50);
	assert_in_range(50 - l.top, 0, 2);
	m.n = 0;
	list_moved(&l, (size_t)-1);
	for (enum request r = REQUEST_UP; r <= REQUEST_LAST; r++)
		list_move(&l, r);
	assert_false(list_selected(&l, &(size_t){ 0 }));
	list_done(&l);
}

static void test_pager(void **state)
{
	struct list l;
	struct model m;

	(void)state;
	begin(&l, &all, &m, 50);
	l.pager = true;
	assert_false(list_selected(&l, &(size_t){ 0 }));
	list_move(&l, REQUEST_DOWN);
	assert_int_equal(l.top, 1);
	list_move(&l, REQUEST_LAST);
	assert_int_equal(l.top, 30);
	list_move(&l, REQUEST_PAGE_DOWN);
	assert_int_equal(l.top, 30);
	list_set_search(&l, "row 12");
	assert_true(list_find(&l, l.top, true));
	assert_int_equal(l.top, 12);
	list_done(&l);
}

static void test_filter(void **state)
{
	struct list l;
	struct model m;

	(void)state;
	begin(&l, &all, &m, MILLION);
	list_select(&l, 777777);
	list_set_filter(&l, "ROW 7777");
	finish(&l);
	assert_int_equal(list_n(&l), 1 + 10 + 100);
	assert_int_equal(selected(&l), 777777);
	/* One character more costs what is left, not all. */
	m.looks = 0;
	list_set_filter(&l, "row 77777");
	finish(&l);
	assert_int_equal(list_n(&l), 11);
	assert_true(m.looks <= 111);
	assert_int_equal(selected(&l), 777777);
	list_set_filter(&l, NULL);
	assert_int_equal(list_n(&l), MILLION);
	assert_int_equal(selected(&l), 777777);
	/* Nothing matches: nothing is selected; and back. */
	list_set_filter(&l, "no such row");
	finish(&l);
	assert_int_equal(list_n(&l), 0);
	assert_false(list_selected(&l, &(size_t){ 0 }));
	list_set_filter(&l, "");
	assert_int_equal(list_n(&l), MILLION);
	list_done(&l);
}

/* No key waits for all rows: neither for the filter's first letter, nor for further ones while the scan goes on. */
static void test_filter_in_slices(void **state)
{
	struct list l;
	struct model m;
	size_t row;

	(void)state;
	begin(&l, &all, &m, 20000);
	list_select(&l, 12345);
	m.slow = true;
	list_set_filter(&l, "row 1");
	assert_in_range(m.looks, 1, 3000);
	assert_true(list_work(&l, 0));
	assert_in_range(m.looks, 2, 6000);
	assert_int_equal(list_row(&l, 0), 1);
	/* A letter more, and one more, with most rows not looked at yet. */
	list_set_filter(&l, "row 12");
	m.looks = 0;
	list_set_filter(&l, "row 123");
	assert_in_range(m.looks, 0, 3000);
	assert_int_equal(list_row(&l, 0), 123);
	m.slow = false;
	finish(&l);
	assert_int_equal(list_n(&l), 1 + 10 + 100);
	assert_int_equal(selected(&l), 12345);
	for (size_t i = 1; i < list_n(&l); i++)
		assert_true(list_row(&l, i) > list_row(&l, i - 1));
	/* Narrower in slices, when all had been found. */
	list_set_filter(&l, "row");
	finish(&l);
	list_select(&l, 19999);
	m.slow = true;
	m.looks = 0;
	list_set_filter(&l, "row 199");
	list_set_filter(&l, "row 1999");
	assert_in_range(m.looks, 1, 6000);
	assert_false(list_selected(&l, &row) && row == 19999);
	/* Rows come meanwhile. */
	m.n = 20001;
	m.slow = false;
	finish(&l);
	assert_int_equal(list_n(&l), 1 + 10);
	assert_int_equal(selected(&l), 19999);
	/* Away with the filter in the middle of it. */
	m.slow = true;
	list_set_filter(&l, "row 19999");
	list_set_filter(&l, NULL);
	assert_int_equal(list_n(&l), 20001);
	assert_int_equal(selected(&l), 19999);
	list_done(&l);
}

/* The row keeps its line of the screen, however late it is found. */
static void test_line_of_the_row(void **state)
{
	struct list l;
	struct model m;

	(void)state;
	begin(&l, &all, &m, 20000);
	list_select(&l, 15000);
	for (int i = 0; i < 7; i++)
		list_move(&l, REQUEST_DOWN);
	assert_int_equal(l.cursor - l.top, 7);
	m.slow = true;
	list_set_filter(&l, "row 1");
	list_set_filter(&l, "row 15");
	m.slow = false;
	finish(&l);
	assert_int_equal(selected(&l), 15007);
	assert_int_equal(l.cursor - l.top, 7);
	list_done(&l);
}

static void test_filter_by_cells(void **state)
{
	struct list l;
	struct model m;

	(void)state;
	begin(&l, &by_cells, &m, 300);
	list_set_filter(&l, "ROW 29");
	finish(&l);
	assert_int_equal(list_n(&l), 11);
	list_set_filter(&l, "row 299");
	finish(&l);
	assert_int_equal(list_n(&l), 1);
	assert_int_equal(list_row(&l, 0), 299);
	list_done(&l);
}

static void test_hidden(void **state)
{
	struct list l;
	struct model m;

	(void)state;
	begin(&l, &some, &m, 1000);
	list_changed(&l);
	finish(&l);
	assert_int_equal(list_n(&l), 1000);
	list_select(&l, 500);
	m.odd_hidden = true;
	list_changed(&l);
	finish(&l);
	assert_int_equal(list_n(&l), 500);
	assert_int_equal(selected(&l), 500);
	/* A row that is hidden itself: the next one takes its place. */
	m.odd_hidden = false;
	list_changed(&l);
	finish(&l);
	list_select(&l, 501);
	m.odd_hidden = true;
	list_changed(&l);
	finish(&l);
	assert_int_equal(selected(&l), 502);
	list_done(&l);
}

static void test_rows_come_and_move(void **state)
{
	struct list l;
	struct model m;
	size_t below;

	(void)state;
	begin(&l, &all, &m, 100);
	list_select(&l, 40);
	list_move(&l, REQUEST_UP);
	below = l.cursor - l.top;
	/* Fifty rows came before it: it keeps its line of the screen. */
	m.n = 150;
	list_moved(&l, selected(&l) + 50);
	assert_int_equal(selected(&l), 89);
	assert_int_equal(l.cursor - l.top, below);
	/* With a filter, rows that are appended are found by and by. */
	list_set_filter(&l, "row 1");
	finish(&l);
	below = list_n(&l);
	m.n = 200;
	finish(&l);
	assert_int_equal(list_n(&l), below + 50);
	list_done(&l);
}

static void test_find(void **state)
{
	struct list l;
	struct model m;

	(void)state;
	begin(&l, &all, &m, 1000);
	assert_false(list_find(&l, 0, true));
	list_set_search(&l, "Row 99");
	assert_true(list_find(&l, 0, true));
	assert_int_equal(selected(&l), 99);
	assert_true(list_find(&l, l.cursor + 1, true));
	assert_int_equal(selected(&l), 990);
	/* Around the end, both ways. */
	list_move(&l, REQUEST_LAST);
	assert_true(list_find(&l, l.cursor + 1, true));
	assert_int_equal(selected(&l), 99);
	assert_true(list_find(&l, l.cursor + list_n(&l) - 1, false));
	assert_int_equal(selected(&l), 999);
	list_set_search(&l, "nowhere");
	assert_false(list_find(&l, 0, true));
	assert_int_equal(selected(&l), 999);
	list_done(&l);
}

static void test_seek(void **state)
{
	struct list l;
	struct model m;

	(void)state;
	begin(&l, &all, &m, 20000);
	m.slow = true;
	list_set_search(&l, "row 19999");
	list_seek(&l, 0, true);
	assert_in_range(m.looks, 1, 3000);
	assert_int_equal(selected(&l), 0);
	assert_true(list_work(&l, 0));
	m.slow = false;
	finish(&l);
	assert_int_equal(selected(&l), 19999);
	assert_false(list_missed(&l));
	/* Backwards, around the end; each row is looked at once. */
	list_set_search(&l, "nowhere");
	m.looks = 0;
	list_seek(&l, 5, false);
	finish(&l);
	assert_int_equal(m.looks, 20000);
	assert_true(list_missed(&l));
	assert_false(list_missed(&l));
	assert_int_equal(selected(&l), 19999);
	/* Who moves on does not want to be taken away again. */
	m.slow = true;
	list_set_search(&l, "row 15000");
	list_seek(&l, 0, true);
	list_move(&l, REQUEST_UP);
	m.slow = false;
	finish(&l);
	assert_int_equal(selected(&l), 19998);
	assert_false(list_missed(&l));
	/* Among what a filter shows, when it has found all. */
	list_set_search(&l, "row 19");
	list_set_filter(&l, "99");
	list_seek(&l, 0, true);
	finish(&l);
	assert_int_equal(selected(&l), 199);
	m.n = 0;
	list_moved(&l, (size_t)-1);
	list_seek(&l, 0, true);
	finish(&l);
	assert_true(list_missed(&l));
	list_done(&l);
}

static void draws(struct list *l, int width, int row, const char *expected)
{
	struct canvas c;
	struct buf b = BUF_INIT;

	canvas_init(&c, 6, width, false);
	list_draw(l, &c, 0, 0, 6, width);
	canvas_row_text(&c, row, &b);
	assert_string_equal(buf_text(&b), expected);
	buf_done(&b);
	canvas_done(&c);
}

#define BLANKS_44 "                                            "

static void test_columns(void **state)
{
	struct list l;
	struct model m;
	struct buf b = BUF_INIT;

	(void)state;
	begin(&l, &by_cells, &m, 10);
	draws(&l, 24, 0, " NAME                 N");
	draws(&l, 24, 2, "*row 1                1");
	draws(&l, 40, 1, " row 0                                0");
	/* What a wide screen has room for. */
	draws(&l, 102, 0, " NAME" BLANKS_44 BLANKS_44 "N  WIDE");
	/* Too narrow for all of it: cut, not crashed. */
	draws(&l, 5, 1, " row\u2026");
	draws(&l, 1, 1, "");
	list_row_text(&l, 8, &b);
	assert_string_equal(buf_text(&b), "row 8  1");
	buf_done(&b);
	list_done(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_the_screen),
		cmocka_unit_test(test_moves),
		cmocka_unit_test(test_pager),
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_filter_in_slices),
		cmocka_unit_test(test_line_of_the_row),
		cmocka_unit_test(test_filter_by_cells),
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_rows_come_and_move),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_seek),
		cmocka_unit_test(test_columns),
	};

	use_utf8();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
