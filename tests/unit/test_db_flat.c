/* test_db_flat.c: flat databases and subscription files of every version. */
#include "test_db_fixtures.h"

static void expect(const char *data, size_t n, const char *want, unsigned want_notes)
{
	unsigned notes;
	char *got = text_of_bytes((const uint8_t *)data, n, &notes);

	if (want == NULL) {
		assert_null(got);
		return;
	}
	if (got == NULL || strcmp(got, want) != 0 || notes != want_notes)
		fail_msg(
		    "%s: notes %u, not %u:\n%s", data, notes, want_notes, got != NULL ? got : "refused\n");
	free(got);
}

#define EXPECT(data, want, notes) expect(data, sizeof(data) - 1, want, notes)

static void as_cyrus_shows_them(void **state)
{
	(void)state;
	check_fixture("db/three.flat", "db/three-flat.txt", CYRUSDB_FLAT, 0);
	check_fixture("db/binary.flat", "db/binary-flat.txt", CYRUSDB_FLAT, 0);
	check_fixture("db/many.flat", "db/many-flat.txt", CYRUSDB_FLAT, 0);
	check_fixture("db/cyrus23-bob-sub.flat", "db/cyrus23-bob-sub-flat.txt", CYRUSDB_FLAT, 0);
	check_fixture("db/cyrus24-bob-sub.flat", "db/cyrus24-bob-sub-flat.txt", CYRUSDB_FLAT, 0);
}

static void escapes(void **state)
{
	(void)state;
	EXPECT("a\xff\x89"
	       "b\t\xff\x80\xff\x8a\xff\x8d\xff\xff\n",
	    "610962\t000a0dff\n", 0);
	EXPECT("a\tv\xff\n", "61\t76\n", 0); /* an escape of nothing: dropped, as Cyrus does */
	EXPECT("\xff\x80\tv\n", "00\t76\n", 0);
}

static void subscriptions(void **state)
{
	(void)state;
	EXPECT("user.bob\t\nuser.bob.Work\t\n", "757365722e626f62\t\n757365722e626f622e576f726b\t\n", 0);
	EXPECT("\x1fVER\x1f\t2\nNINBOX\t\nNuser\x1f"
	       "al\t\n",
	    "1f5645521f\t32\n4e494e424f58\t\n4e757365721f616c\t\n", 0);
}

/* Cyrus 2.1 wrote no escapes: an ACL's TABs stand in the value as they are. */
static void values_with_tabs(void **state)
{
	(void)state;
	EXPECT("user.a\tdefault a\tlrs\t\n", "757365722e61\t64656661756c742061096c727309\n", 0);
}

/* Cyrus sorts '.' first; our order is that of the bytes. */
static void sorted_anew(void **state)
{
	(void)state;
	EXPECT("a\t\na.b\t\na b\t\nab\t\n", "61\t\n612062\t\n612e62\t\n6162\t\n", 0);
	EXPECT("b\t1\na\t2\n", "61\t32\n62\t31\n", 0);
	EXPECT("a\t1\na\t2\n", "61\t32\n", CYRUSDB_NOTE_DAMAGED);
}

static void cut_lines(void **state)
{
	(void)state;
	EXPECT("a\t1\nb\t2", "61\t31\n", CYRUSDB_NOTE_TORN);
	EXPECT("a\t1\nb", "61\t31\n", CYRUSDB_NOTE_TORN);
	EXPECT("a\t1", NULL, 0);
	EXPECT("a", NULL, 0);
	EXPECT("a\t1\nb\n", NULL, 0);
	EXPECT("a\t1\n\n", NULL, 0);
	EXPECT("a\t1\nb\t\0\n", NULL, 0);
	EXPECT("a\t1\n\0", NULL, 0);
}

static void wild_bytes(void **state)
{
	(void)state;
	flip_wildly("db/binary.flat", 1);
	flip_wildly("db/cyrus24-bob-sub.flat", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_cyrus_shows_them),
		cmocka_unit_test(escapes),
		cmocka_unit_test(subscriptions),
		cmocka_unit_test(values_with_tabs),
		cmocka_unit_test(sorted_anew),
		cmocka_unit_test(cut_lines),
		cmocka_unit_test(wild_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
