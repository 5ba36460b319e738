/* test_db_twoskip.c: twoskip files made by Cyrus 3.6, whole, cut, damaged and caught in the middle of a write. */
#include "test_db_fixtures.h"

#define HEADER	  64
#define DUMMY_END 336

static const char *const shapes[] = { "none", "three", "binary", "gone", "many", "packed", "busy", "long",
	"boxes" };

/* What binary.twoskip held once: hex(key) TAB hex(value). */
static const char binary_past[] = "61\t707265666978\n6162\t7072656669782066616d696c79\n80\t68696768\n";

static void names(const char *shape, char data[64], char expect[64])
{
	snprintf(data, 64, "db/%s.twoskip", shape);
	snprintf(expect, 64, "db/%s-twoskip.txt", shape);
}

static void seal(uint8_t *header)
{
	put_be32(header + 60, (uint32_t)crc32_z(0, header, 60));
}

static void as_cyrus_shows_them(void **state)
{
	char data[64], expect[64];

	(void)state;
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		names(shapes[i], data, expect);
		check_fixture(data, expect, CYRUSDB_TWOSKIP, 0);
	}
}

static void caught_in_a_write(void **state)
{
	(void)state;
	check_fixture("db/midtxn.twoskip", "db/midtxn-twoskip.txt", CYRUSDB_TWOSKIP,
	    CYRUSDB_NOTE_DIRTY | CYRUSDB_NOTE_TAIL);
	check_fixture("db/torn.twoskip", "db/torn-twoskip.txt", CYRUSDB_TWOSKIP,
	    CYRUSDB_NOTE_TAIL | CYRUSDB_NOTE_REPLAYED);
}

/* Without the dummy's links nothing can be walked: the log must say the same. */
static void the_log_says_what_the_list_says(void **state)
{
	static const char *const more[] = { "midtxn", "torn" };
	char data[64], expect[64];

	(void)state;
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes + 2; i++) {
		size_t n, len;
		unsigned notes;
		uint8_t *p;
		char *want, *got;

		names(
		    i < sizeof shapes / sizeof *shapes ? shapes[i] : more[i - sizeof shapes / sizeof *shapes],
		    data, expect);
		p = fixture(data, &n);
		want = (char *)fixture(expect, &len);
		memset(p + HEADER + 8, 0xff, 16);
		got = text_of_bytes(p, n, &notes);
		assert_non_null(got);
		assert_true(notes & CYRUSDB_NOTE_REPLAYED);
		assert_false(notes & MISSING);
		assert_string_equal(got, want);
		free(got);
		free(want);
		free(p);
	}
}

/* ---- logs made here, in either order of keys ---- */

static int raw_order(const char *a, const char *b)
{
	return strcmp(a, b);
}

/* improved_mboxlist_sort, for keys of letters, '-' and '.' */
static int dot_first(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	if (*a != '\0' && *b != '\0' && (*a == '.') != (*b == '.'))
		return *a == '.' ? -1 : 1;
	return (uint8_t)*a - (uint8_t)*b;
}

struct maker {
	struct buf b;
	int (*order)(const char *, const char *);
	struct {
		char key[16];
		uint64_t at;
		unsigned value;
	} live[200];
	size_t n;
	uint64_t start;
};

static void append(struct maker *m, char type, const char *key, const char *value, uint64_t link)
{
	uint8_t head[24 + 8] = { (uint8_t)type, type == '+', 0, (uint8_t)strlen(key), 0, 0, 0,
		(uint8_t)strlen(value) };
	size_t n = type == '+' ? 24 : 16, tail = (strlen(key) + strlen(value) + 7) & ~(size_t)7;
	char *body = mem_alloc(tail);

	memcpy(body, key, strlen(key));
	memcpy(body + strlen(key), value, strlen(value));
	put_be64(head + n - 8, link);
	put_be32(head + n, (uint32_t)crc32_z(0, head, n));
	put_be32(head + n + 4, (uint32_t)crc32_z(0, (uint8_t *)body, tail));
	buf_add(&m->b, head, n + 8);
	buf_add(&m->b, body, tail);
	free(body);
}

/* The place of a key among the live ones, or where it would stand. */
static size_t place_of(const struct maker *m, const char *key, bool *there)
{
	size_t i = 0;

	while (i < m->n && m->order(m->live[i].key, key) < 0)
		i++;
	*there = i < m->n && strcmp(m->live[i].key, key) == 0;
	return i;
}

static void store(struct maker *m, const char *key, unsigned value)
{
	char text[16];
	bool there;
	size_t i = place_of(m, key, &there);
	uint64_t at = m->b.len;

	snprintf(text, sizeof text, "%u", value);
	append(m, '+', key, text, i + there < m->n ? m->live[i + there].at : 0);
	if (!there) {
		memmove(m->live + i + 1, m->live + i, (m->n - i) * sizeof *m->live);
		m->n++;
		snprintf(m->live[i].key, sizeof m->live[i].key, "%s", key);
	}
	m->live[i].at = at;
	m->live[i].value = value;
}

static void erase(struct maker *m, size_t i)
{
	append(m, '-', "", "", i + 1 < m->n ? m->live[i + 1].at : 0);
	memmove(m->live + i, m->live + i + 1, (m->n - i - 1) * sizeof *m->live);
	m->n--;
}

static void commit(struct maker *m)
{
	append(m, '$', "", "", m->start);
	m->start = m->b.len;
}

static int by_key(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void a_log_in_order(int (*order)(const char *, const char *), uint32_t seed)
{
	static const char alphabet[] = "ab-.";
	struct maker m = { .order = order };
	struct buf want = BUF_INIT;
	unsigned notes;
	char *got;
	size_t n;
	uint8_t *p = fixture("db/none.twoskip", &n);

	buf_add(&m.b, p, DUMMY_END);
	m.start = DUMMY_END;
	for (int i = 0; i < 300; i++) {
		char key[8] = "";

		seed = seed * 1664525 + 1013904223;
		for (unsigned k = 0; k < 1 + (seed >> 8) % 4; k++)
			key[k] = alphabet[seed >> (10 + 2 * k) & 3];
		if (seed >> 28 < 9 || m.n == 0)
			store(&m, key, (unsigned)i);
		else
			erase(&m, (seed >> 12) % m.n);
		if (i % 7 == 6 || i == 299)
			commit(&m);
	}
	memset(m.b.data + HEADER + 8, 0xff, 16);
	put_be64((uint8_t *)m.b.data + 32, m.n);
	put_be64((uint8_t *)m.b.data + 48, m.b.len);
	seal((uint8_t *)m.b.data);
	qsort(m.live, m.n, sizeof *m.live, by_key);
	for (size_t i = 0; i < m.n; i++) {
		char value[16];

		snprintf(value, sizeof value, "%u", m.live[i].value);
		str_hex(&want, m.live[i].key, strlen(m.live[i].key));
		buf_char(&want, '\t');
		str_hex(&want, value, strlen(value));
		buf_char(&want, '\n');
	}
	got = text_of_bytes((uint8_t *)m.b.data, m.b.len, &notes);
	assert_non_null(got);
	assert_int_equal(notes, CYRUSDB_NOTE_REPLAYED);
	assert_string_equal(got, buf_text(&want));
	free(got);
	buf_done(&want);
	buf_done(&m.b);
	free(p);
}

static void either_order_by_the_log(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 40; seed++) {
		a_log_in_order(raw_order, seed);
		a_log_in_order(dot_first, seed);
	}
}

/* A header of an earlier commit on the same body is a slow copy of a live file. Every such state must be readable by
 * the log, and where the list can be walked, both must agree. */
static void every_earlier_commit(void **state)
{
	static const char *const some[] = { "busy", "boxes", "binary" };
	char data[64], expect[64];

	(void)state;
	for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
		size_t n, commits = 0;
		uint8_t *p;

		names(some[i], data, expect);
		p = fixture(data, &n);
		for (size_t at = DUMMY_END; at + 24 <= n; at += 8) {
			size_t end = at + 24;
			unsigned notes;
			char *walked, *logged;
			uint8_t *copy;

			if (p[at] != '$' || p[at + 1] != 0 || be32(p + at + 16) != crc32_z(0, p + at, 16))
				continue;
			commits++;
			copy = mem_dup(p, n);
			put_be64(copy + 48, end);
			put_be32(copy + 56, 1); /* dirty: the number of keys is not known */
			seal(copy);
			walked = text_of_bytes(copy, n, &notes);
			assert_non_null(walked);
			assert_false(notes & MISSING);
			memset(copy + HEADER + 8, 0xff, 16);
			logged = text_of_bytes(copy, end, &notes);
			assert_non_null(logged);
			assert_true(notes & CYRUSDB_NOTE_REPLAYED);
			assert_string_equal(walked, logged);
			free(walked);
			free(logged);
			free(copy);
		}
		assert_true(commits > 1);
		free(p);
	}
}

static void cuts(void **state)
{
	static const struct {
		const char *shape, *past;
		size_t step;
	} some[] = { { "binary", binary_past, 1 }, { "packed", "", 56 }, { "gone", "61\t31\n62\t32\n", 1 } };
	char data[64], expect[64];

	(void)state;
	for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
		size_t n, len;
		uint8_t *p;
		char *want;

		names(some[i].shape, data, expect);
		p = fixture(data, &n);
		want = (char *)fixture(expect, &len);
		for (size_t cut = 1; cut < n; cut += some[i].step) {
			const char *const all[] = { want, some[i].past, NULL };
			unsigned notes;
			char *got = text_of_bytes(p, cut, &notes);

			if (cut < HEADER)
				assert_null(got);
			if (got == NULL)
				continue;
			assert_true(notes & CYRUSDB_NOTE_TORN);
			/* packed: one key was deleted after the repack; before that it was there. */
			if (strcmp(some[i].shape, "packed") != 0)
				assert_true(lines_within(got, all));
			free(got);
		}
		free(want);
		free(p);
	}
}

static void a_cut_repack_keeps_its_keys(void **state)
{
	size_t n;
	uint8_t *p = fixture("db/many.twoskip", &n);
	unsigned notes;
	char *got;

	(void)state;
	got = text_of_bytes(p, n / 2, &notes);
	assert_non_null(got);
	assert_int_equal(notes, CYRUSDB_NOTE_TORN | CYRUSDB_NOTE_REPLAYED);
	assert_true(strlen(got) > 10000);
	free(got);
	free(p);
}

static void flipped_bytes(void **state)
{
	(void)state;
	flip_each("db/three.twoskip", "db/three-twoskip.txt", 0, SIZE_MAX, "");
	flip_each("db/gone.twoskip", "db/gone-twoskip.txt", 0, SIZE_MAX, "61\t31\n62\t32\n");
	flip_each("db/binary.twoskip", "db/binary-twoskip.txt", 0, SIZE_MAX, binary_past);
	/* The dummy's sum of no tail at all: nobody looks at those four bytes. */
	assert_int_equal(flip_each("db/none.twoskip", "db/none-twoskip.txt", 0, DUMMY_END, ""), 12);
}

/* A value that rotted: its key is left out and said so, all others come. */
static void one_bad_value(void **state)
{
	size_t n;
	uint8_t *p = fixture("db/three.twoskip", &n);
	unsigned notes;
	char *got;

	(void)state;
	for (size_t i = 0; i + 4 < n; i++)
		if (memcmp(p + i, "atwo", 4) == 0 || memcmp(p + i, "btwo", 4) == 0)
			p[i + 2] ^= 4;
	got = text_of_bytes(p, n, &notes);
	assert_non_null(got);
	assert_int_equal(notes, CYRUSDB_NOTE_DAMAGED);
	assert_string_equal(got, "61\t6f6e65\n63\t\n");
	free(got);
	free(p);
}

/* The last key leads back to the first, all sums right: the walk must end, and the log is asked. */
static void a_list_that_circles(void **state)
{
	size_t n, len;
	uint8_t *p = fixture("db/three.twoskip", &n);
	char *want = (char *)fixture("db/three-twoskip.txt", &len), *got;
	uint64_t at = HEADER, first = 0;
	unsigned notes;

	(void)state;
	for (;;) {
		uint64_t a = be64(p + at + 8), b = be64(p + at + 16), next = a > b ? a : b;

		if (first == 0)
			first = next;
		if (next == 0)
			break;
		at = next;
	}
	assert_int_equal(p[at], '+');
	put_be64(p + at + 8, first);
	put_be64(p + at + 16, first);
	put_be32(
	    p + at + 8 + 8 * (p[at + 1] + 1), (uint32_t)crc32_z(0, p + at, 8 + 8 * (p[at + 1] + (size_t)1)));
	got = text_of_bytes(p, n, &notes);
	assert_non_null(got);
	assert_string_equal(got, want);
	assert_int_equal(notes, CYRUSDB_NOTE_REPLAYED);
	free(got);
	free(want);
	free(p);
}

static void unknown_headers(void **state)
{
	size_t n;
	uint8_t *p = fixture("db/three.twoskip", &n);
	struct err e = { 0 };
	struct cyrusdb *db;
	uint8_t version[4];

	(void)state;
	memcpy(version, p + 20, 4);
	put_be32(p + 20, 2);
	seal(p);
	assert_int_equal(cyrusdb_open_bytes(p, n, "later", &db, &e), -1);
	assert_int_equal(e.code, ERR_UNSUPPORTED);
	memcpy(p + 20, version, 4);
	put_be64(p + 48, 335);
	seal(p);
	assert_int_equal(cyrusdb_open_bytes(p, n, "end in the dummy", &db, &e), -1);
	assert_int_equal(e.code, ERR_FORMAT);
	put_be64(p + 48, UINT64_MAX & ~(uint64_t)7);
	seal(p);
	if (cyrusdb_open_bytes(p, n, "end beyond everything", &db, &e) == 0) {
		assert_true(cyrusdb_notes(db) & CYRUSDB_NOTE_TORN);
		cyrusdb_close(db);
	}
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_cyrus_shows_them),
		cmocka_unit_test(caught_in_a_write),
		cmocka_unit_test(the_log_says_what_the_list_says),
		cmocka_unit_test(either_order_by_the_log),
		cmocka_unit_test(every_earlier_commit),
		cmocka_unit_test(cuts),
		cmocka_unit_test(a_cut_repack_keeps_its_keys),
		cmocka_unit_test(flipped_bytes),
		cmocka_unit_test(one_bad_value),
		cmocka_unit_test(a_list_that_circles),
		cmocka_unit_test(unknown_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
