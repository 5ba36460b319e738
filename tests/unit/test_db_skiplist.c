/* test_db_skiplist.c: skiplist files of Cyrus 2.3, 2.4 and 3.6, and logs made here: whole, cut, with holes. */
#include "test_db_fixtures.h"

enum { INORDER = 1, ADD = 2, DELETE = 4, COMMIT = 255, DUMMY = 257 };

static void word(struct buf *b, uint32_t v)
{
	uint8_t p[4];

	put_be32(p, v);
	buf_add(b, p, 4);
}

static void bytes(struct buf *b, const char *s)
{
	word(b, (uint32_t)strlen(s));
	buf_str(b, s);
	while (b->len % 4 != 0)
		buf_char(b, '\0');
}

/* Appends a record; returns where it stands. Its links are nonsense, as nobody may look at them. */
static uint32_t record(struct buf *b, uint32_t type, const char *key, const char *value)
{
	uint32_t at = (uint32_t)b->len;

	word(b, type);
	bytes(b, key);
	bytes(b, value);
	for (uint32_t i = 0; i < (type == DUMMY ? 20 : 3); i++)
		word(b, 0xfffffff0);
	word(b, 0xffffffff);
	return at;
}

static void erase(struct buf *b, uint32_t at)
{
	word(b, DELETE);
	word(b, at);
}

static void start(struct buf *b)
{
	buf_add(b, "\241\002\213\015skiplist file\0\0\0", 20);
	word(b, 1);
	word(b, 2);
	word(b, 20);
	for (int i = 0; i < 4; i++)
		word(b, 0);
	record(b, DUMMY, "", "");
}

static void set_logstart(struct buf *b)
{
	put_be32((uint8_t *)b->data + 40, (uint32_t)b->len);
}

static void expect(const struct buf *b, size_t n, const char *want, unsigned want_notes)
{
	unsigned notes;
	char *got = text_of_bytes((const uint8_t *)b->data, n, &notes);

	if (got == NULL || strcmp(got, want) != 0 || notes != want_notes)
		fail_msg("%zu bytes: notes %u, not %u:\n%s", n, notes, want_notes,
		    got != NULL ? got : "refused\n");
	free(got);
}

static void as_cyrus_shows_them(void **state)
{
	static const char *const names[] = { "none", "three", "binary", "gone", "many", "packed", "busy",
		"long", "cyrus23-annotations", "cyrus23-alice-seen", "cyrus23-bob-seen",
		"cyrus24-annotations", "cyrus24-alice-seen", "cyrus24-bob-seen" };
	char data[64], want[64];

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(data, sizeof data, "db/%s.skiplist", names[i]);
		snprintf(want, sizeof want, "db/%s-skiplist.txt", names[i]);
		check_fixture(data, want, CYRUSDB_SKIPLIST, 0);
	}
}

static void caught_in_a_write(void **state)
{
	(void)state;
	check_fixture("db/midtxn.skiplist", "db/midtxn-skiplist.txt", CYRUSDB_SKIPLIST, CYRUSDB_NOTE_TAIL);
}

/* Cut at every byte: always what the last whole transaction left. */
static void transactions_count_whole(void **state)
{
	struct buf b = BUF_INIT;
	uint32_t one, two;
	struct {
		size_t end;
		const char *want;
	} states[8];
	size_t n = 0, logstart;

	(void)state;
	start(&b);
	states[n].end = b.len;
	states[n++].want = "";
	one = record(&b, INORDER, "1", "a");
	states[n].end = b.len;
	states[n++].want = "31\t61\n";
	two = record(&b, INORDER, "2", "b");
	set_logstart(&b);
	logstart = b.len;
	states[n].end = b.len;
	states[n++].want = "31\t61\n32\t62\n";
	erase(&b, two);
	two = record(&b, ADD, "2", "bb");
	record(&b, ADD, "0", "zero");
	word(&b, COMMIT);
	states[n].end = b.len;
	states[n++].want = "30\t7a65726f\n31\t61\n32\t6262\n";
	erase(&b, one);
	word(&b, COMMIT);
	states[n].end = b.len;
	states[n++].want = "30\t7a65726f\n32\t6262\n";
	record(&b, ADD, "1", "again");
	erase(&b, two);
	word(&b, COMMIT);
	states[n].end = b.len;
	states[n++].want = "30\t7a65726f\n31\t616761696e\n";

	for (size_t cut = states[0].end; cut <= b.len; cut++) {
		size_t k = n - 1;
		unsigned notes = 0;

		while (states[k].end > cut)
			k--;
		if (states[k].end < cut)
			notes |= CYRUSDB_NOTE_TAIL;
		if (cut < logstart)
			notes |= CYRUSDB_NOTE_TORN;
		expect(&b, cut, states[k].want, notes);
	}
	for (size_t cut = 1; cut < states[0].end; cut++) {
		unsigned notes;

		assert_null(text_of_bytes((const uint8_t *)b.data, cut, &notes));
	}
	buf_done(&b);
}

static void zero_words_between_transactions(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	start(&b);
	set_logstart(&b);
	record(&b, ADD, "1", "a");
	word(&b, COMMIT);
	for (int i = 0; i < 9; i++)
		word(&b, 0);
	record(&b, ADD, "2", "b");
	word(&b, COMMIT);
	expect(&b, b.len, "31\t61\n32\t62\n", 0);
	for (int i = 0; i < 9; i++)
		word(&b, 0);
	expect(&b, b.len, "31\t61\n32\t62\n", 0);
	buf_done(&b);
}

/* A transaction whose later blocks never reached the disk reads as zeros. */
static void zeros_within_a_transaction(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	start(&b);
	set_logstart(&b);
	record(&b, ADD, "1", "a");
	word(&b, COMMIT);
	record(&b, ADD, "2", "b");
	for (int i = 0; i < 1024; i++)
		word(&b, 0);
	expect(&b, b.len, "31\t61\n", CYRUSDB_NOTE_TAIL);
	buf_done(&b);
}

static void damage_is_no_torn_tail(void **state)
{
	struct buf b = BUF_INIT;
	size_t at;

	(void)state;
	start(&b);
	set_logstart(&b);
	record(&b, ADD, "1", "a");
	word(&b, COMMIT);
	at = b.len;
	record(&b, ADD, "2", "b");
	word(&b, COMMIT);
	record(&b, ADD, "3", "c");
	word(&b, COMMIT);
	b.data[at + 3] = 77; /* no known type */
	expect(&b, b.len, "31\t61\n", CYRUSDB_NOTE_TORN);
	b.data[at + 3] = ADD;
	b.data[at + 4] = 0x40; /* a key of a gigabyte: past the end, but commits follow */
	expect(&b, b.len, "31\t61\n", CYRUSDB_NOTE_TORN | CYRUSDB_NOTE_TAIL);
	buf_done(&b);
}

static void deletes_that_fit_nothing(void **state)
{
	struct buf b = BUF_INIT;
	uint32_t one;

	(void)state;
	start(&b);
	set_logstart(&b);
	one = record(&b, ADD, "1", "a");
	word(&b, COMMIT);
	erase(&b, 4);
	erase(&b, 0xfffffffc);
	word(&b, COMMIT);
	record(&b, ADD, "1", "replaced without a delete");
	word(&b, COMMIT);
	erase(&b, one); /* the record that was replaced: Cyrus leaves the newer one alone */
	word(&b, COMMIT);
	expect(&b, b.len, "31\t7265706c6163656420776974686f757420612064656c657465\n", 0);
	buf_done(&b);
}

static void unknown_headers(void **state)
{
	struct buf b = BUF_INIT;
	struct err e = { 0 };
	struct cyrusdb *db;

	(void)state;
	start(&b);
	b.data[23] = 2;
	assert_int_equal(cyrusdb_open_bytes(b.data, b.len, "later", &db, &e), -1);
	assert_int_equal(e.code, ERR_UNSUPPORTED);
	b.data[23] = 1;
	b.data[27] = 9; /* another minor version */
	expect(&b, b.len, "", 0);
	b.data[31] = 19; /* fewer levels than the dummy has */
	assert_int_equal(cyrusdb_open_bytes(b.data, b.len, "levels", &db, &e), -1);
	assert_int_equal(e.code, ERR_FORMAT);
	buf_done(&b);
}

static void wild_bytes(void **state)
{
	(void)state;
	flip_wildly("db/binary.skiplist", 1);
	flip_wildly("db/cyrus24-annotations.skiplist", 1);
	flip_wildly("db/busy.skiplist", 97);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_cyrus_shows_them),
		cmocka_unit_test(caught_in_a_write),
		cmocka_unit_test(transactions_count_whole),
		cmocka_unit_test(zero_words_between_transactions),
		cmocka_unit_test(zeros_within_a_transaction),
		cmocka_unit_test(damage_is_no_torn_tail),
		cmocka_unit_test(deletes_that_fit_nothing),
		cmocka_unit_test(unknown_headers),
		cmocka_unit_test(wild_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
