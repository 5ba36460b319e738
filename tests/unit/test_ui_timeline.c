/* test_ui_timeline.c: the rows of a mailbox's history: what is folded, what counts as more or less, what the live server adds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "ui/timeline.h"

static char archive[] = "a", name[] = "user.a", id[] = "id";

#define THERE(n)                                                                                           \
	{                                                                                                  \
		.archive = archive, .there = true, .name = name, .uniqueid = id, .uidvalidity = 7,         \
		.messages = (n), .has_files = true                                                         \
	}

static void check(const struct timeline_row *t, size_t first, size_t last, bool has_change, int64_t change)
{
	assert_false(t->live);
	assert_int_equal(t->first, first);
	assert_int_equal(t->last, last);
	assert_int_equal(t->has_change, has_change);
	assert_int_equal(t->change, change);
}

static void test_nothing_is_no_row(void **state)
{
	struct app_history h = { 0 };
	struct timeline_row *rows;

	(void)state;
	assert_int_equal(timeline_make(&h, true, &rows), 0);
	assert_null(rows);
}

/* Three that say the same, one with more, two that do not have it. */
static void test_folding(void **state)
{
	struct history_row list[] = { THERE(5), THERE(5), THERE(5), THERE(9), { .archive = archive }, { .archive = archive } };
	struct app_history h = { .rows = list, .n = 6, .live = HISTORY_LIVE_MISSING };
	struct timeline_row *rows;

	(void)state;
	assert_int_equal(timeline_make(&h, true, &rows), 4);
	assert_true(rows[0].live);
	assert_false(rows[0].has_change); /* it was gone already */
	check(&rows[1], 4, 5, true, -9);
	check(&rows[2], 3, 3, true, 4);
	check(&rows[3], 0, 2, false, 0);
	free(rows);
	assert_int_equal(timeline_make(&h, false, &rows), 7);
	check(&rows[1], 5, 5, false, 0);
	check(&rows[2], 4, 4, true, -9);
	check(&rows[5], 1, 1, true, 0);
	check(&rows[6], 0, 0, false, 0);
	free(rows);
}

/* An archive that is gone is not the same row as one that can be opened. */
static void test_gone_is_apart(void **state)
{
	struct history_row list[] = { THERE(5), THERE(5) };
	struct app_history h = { .rows = list, .n = 2 };
	struct timeline_row *rows;

	(void)state;
	list[0].gone = true;
	assert_int_equal(timeline_make(&h, true, &rows), 3);
	check(&rows[1], 1, 1, true, 0);
	check(&rows[2], 0, 0, false, 0);
	free(rows);
}

static void test_the_live_server(void **state)
{
	static const struct {
		enum history_live live;
		bool has_change;
		int64_t change;
	} cases[] = { { HISTORY_LIVE_UNKNOWN, false, 0 }, { HISTORY_LIVE_THERE, true, -2 }, { HISTORY_LIVE_REPLACED, false, 0 },
		{ HISTORY_LIVE_RENAMED, true, -2 }, { HISTORY_LIVE_DELETED, true, -2 }, { HISTORY_LIVE_MISSING, true, -5 } };
	struct history_row list[] = { THERE(5) };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct app_history h = { .rows = list, .n = 1, .live = cases[i].live, .live_messages = 3 };
		struct timeline_row *rows;

		assert_int_equal(timeline_make(&h, true, &rows), 2);
		assert_true(rows[0].live);
		assert_int_equal(rows[0].has_change, cases[i].has_change);
		assert_int_equal(rows[0].change, cases[i].change);
		free(rows);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_no_row),
		cmocka_unit_test(test_folding),
		cmocka_unit_test(test_gone_is_apart),
		cmocka_unit_test(test_the_live_server),
	};

	return cmocka_run_group_tests_name("ui_timeline", tests, NULL, NULL);
}
