/* test_db_twom.c: twom files made by the library of Cyrus 3.13, whole, cut, damaged and caught in a write. */
#include "test_db_fixtures.h"

#include <xxhash.h>

#define HEADER	  96
#define DUMMY_END 368

static const struct {
	const char *name;
	unsigned notes;
} shapes[] = {
	{ "empty", 0 },
	{ "three", 0 },
	{ "big", 0 },
	{ "repacked", 0 },
	{ "binary", 0 },
	{ "fat", 0 },
	{ "nocsum", 0 },
	{ "midtxn", CYRUSDB_NOTE_DIRTY | CYRUSDB_NOTE_TAIL },
	{ "aborted", CYRUSDB_NOTE_TAIL },
	{ "torn", CYRUSDB_NOTE_TAIL | CYRUSDB_NOTE_REPLAYED },
};

#define SHAPES (sizeof shapes / sizeof *shapes)

static void names(const char *shape, char data[64], char expect[64])
{
	snprintf(data, 64, "twom/%s.twom", shape);
	snprintf(expect, 64, "twom/%s.txt", shape);
}

static void seal(uint8_t *header)
{
	put_le32(header + 92, (uint32_t)XXH3_64bits(header, 92));
}

static void as_the_library_shows_them(void **state)
{
	char data[64], expect[64];

	(void)state;
	for (size_t i = 0; i < SHAPES; i++) {
		names(shapes[i].name, data, expect);
		check_fixture(data, expect, CYRUSDB_TWOM, shapes[i].notes);
	}
}

static void the_log_says_what_the_list_says(void **state)
{
	char data[64], expect[64];

	(void)state;
	for (size_t i = 0; i < SHAPES; i++) {
		size_t n, len;
		unsigned notes;
		uint8_t *p;
		char *want, *got;

		names(shapes[i].name, data, expect);
		p = fixture(data, &n);
		want = (char *)fixture(expect, &len);
		memset(p + HEADER + 8, 0xff, 16);
		got = text_of_bytes(p, n, &notes);
		assert_non_null(got);
		assert_int_equal(notes, shapes[i].notes | CYRUSDB_NOTE_REPLAYED);
		assert_string_equal(got, want);
		free(got);
		free(want);
		free(p);
	}
}

static uint64_t end_of(const uint8_t *p)
{
	return le64(p + 80);
}

static void cuts(void **state)
{
	static const struct {
		const char *shape, *past;
		size_t step;
	} some[] = { { "empty", "", 1 }, { "three", "", 1 }, { "nocsum", NULL, 1 }, { "binary", NULL, 1 },
		{ "repacked", NULL, 1031 }, { "aborted", NULL, 331 } };
	char data[64], expect[64];

	(void)state;
	for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
		size_t n, len;
		uint8_t *p;
		char *want;

		names(some[i].shape, data, expect);
		p = fixture(data, &n);
		want = (char *)fixture(expect, &len);
		for (size_t cut = 1; cut < n; cut += cut < end_of(p) ? some[i].step : 1024) {
			const char *const all[] = { want, some[i].past, NULL };
			unsigned notes;
			char *got = text_of_bytes(p, cut, &notes);

			if (cut >= end_of(p)) {
				assert_non_null(got);
				assert_string_equal(got, want);
			}
			if (got == NULL)
				continue;
			assert_int_equal((notes & CYRUSDB_NOTE_TORN) != 0, cut < end_of(p));
			if (some[i].past != NULL)
				assert_true(lines_within(got, all));
			assert_null(strstr(got, "554e434f4d4d4954544544")); /* UNCOMMITTED */
			free(got);
		}
		free(want);
		free(p);
	}
}

static void flipped_bytes(void **state)
{
	/* Twelve in each record of type 1, 6, 7 that is in the file: the four bytes nobody sums, three changes each; the
	 * rest of the silent ones hit records that no list leads to. */
	size_t n;
	uint8_t *p = fixture("twom/three.twom", &n);

	(void)state;
	assert_int_equal(flip_each("twom/empty.twom", "twom/empty.txt", 0, DUMMY_END, ""), 12);
	flip_each("twom/three.twom", "twom/three.txt", 0, end_of(p), "");
	free(p);
	p = fixture("twom/binary.twom", &n);
	flip_each("twom/binary.twom", "twom/binary.txt", 0, end_of(p),
	    "676f6e65\t78\n6261636b\t6f6c64\n7477696365\t31\n7477696365\t32\n");
	free(p);
}

/* The last key leads back to the first, all sums right: the walk must end, and the log is asked. */
static void a_list_that_circles(void **state)
{
	size_t n, len;
	uint8_t *p = fixture("twom/three.twom", &n);
	char *want = (char *)fixture("twom/three.txt", &len), *got;
	unsigned notes;
	uint64_t at = HEADER, first = 0;

	(void)state;
	for (;;) {
		uint64_t a = le64(p + at + 8), b = le64(p + at + 16), next = a > b ? a : b;

		if (first == 0)
			first = next;
		if (next == 0)
			break;
		at = next;
	}
	assert_int_equal(p[at], 2);
	put_le64(p + at + 8, first);
	put_le64(p + at + 16, first);
	n = end_of(p);
	put_le32(
	    p + at + 8 + 8 * (p[at + 1] + 1), (uint32_t)XXH3_64bits(p + at, 8 + 8 * (p[at + 1] + (size_t)1)));
	got = text_of_bytes(p, n, &notes);
	assert_non_null(got);
	assert_string_equal(got, want);
	assert_int_equal(notes, CYRUSDB_NOTE_REPLAYED);
	free(got);
	free(want);
	free(p);
}

/* Behind the end may lie anything. */
static void junk_behind_the_end(void **state)
{
	size_t n, len;
	uint8_t *p = fixture("twom/three.twom", &n);
	char *want = (char *)fixture("twom/three.txt", &len), *got;
	unsigned notes;

	(void)state;
	memset(p + end_of(p), 0xa5, n - end_of(p));
	got = text_of_bytes(p, n, &notes);
	assert_non_null(got);
	assert_string_equal(got, want);
	assert_int_equal(notes, CYRUSDB_NOTE_TAIL);
	free(got);
	free(want);
	free(p);
}

static void unknown_headers(void **state)
{
	static const struct {
		size_t at;
		uint32_t value;
		enum err_code code;
	} bad[] = {
		{ 32, 2, ERR_UNSUPPORTED },
		{ 36, 1u << 28 | 1u << 30, ERR_UNSUPPORTED },
		{ 36, 1u << 29, ERR_UNSUPPORTED },
		{ 80, 360, ERR_FORMAT },
		{ 80, 372, ERR_FORMAT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err e = { 0 };
		struct cyrusdb *db;
		size_t n;
		uint8_t *p = fixture("twom/three.twom", &n);

		put_le32(p + bad[i].at, bad[i].value);
		seal(p);
		assert_int_equal(cyrusdb_open_bytes(p, n, "strange", &db, &e), -1);
		assert_int_equal(e.code, bad[i].code);
		free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_library_shows_them),
		cmocka_unit_test(the_log_says_what_the_list_says),
		cmocka_unit_test(cuts),
		cmocka_unit_test(flipped_bytes),
		cmocka_unit_test(a_list_that_circles),
		cmocka_unit_test(junk_behind_the_end),
		cmocka_unit_test(unknown_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
