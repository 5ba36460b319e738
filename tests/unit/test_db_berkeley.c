/* test_db_berkeley.c: Berkeley DB files of Cyrus 2.3 and 2.4 and of libdb, which is asked what is in them. */
#include "test_db_fixtures.h"

#include <db.h>
#include <fcntl.h>
#include <unistd.h>

static void as_db_dump_shows_them(void **state)
{
	static const struct {
		const char *name, *kind;
	} files[] = {
		{ "plain", "btree" },
		{ "none", "btree" },
		{ "deep", "btree" },
		{ "swapped", "btree" },
		{ "plain", "hash" },
		{ "none", "hash" },
		{ "deep", "hash" },
		{ "swapped", "hash" },
		{ "cyrus23-mailboxes", "btree" },
		{ "cyrus23-deliver", "btree" },
		{ "cyrus23-live", "btree" },
		{ "cyrus24-mailboxes", "btree" },
		{ "cyrus24-deliver", "btree" },
		{ "cyrus24-live", "btree" },
	};
	char data[64], want[64];

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		snprintf(data, sizeof data, "db/%s.%s", files[i].name, files[i].kind);
		snprintf(want, sizeof want, "db/%s-%s.txt", files[i].name, files[i].kind);
		check_fixture(data, want,
		    strcmp(files[i].kind, "btree") == 0 ? CYRUSDB_BERKELEY_BTREE : CYRUSDB_BERKELEY_HASH, 0);
	}
}

/* ---- against libdb itself ---- */

static uint32_t seed = 5;

static uint32_t rnd(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % below;
}

/* A key and a value that number i has, sometimes long. */
static void fill(struct buf *b, uint32_t i, uint32_t salt, uint32_t long_one_in)
{
	uint32_t n = i % long_one_in == 3 ? 3000 + i % 2000 : 5 + (i * 7 + salt) % 60;

	buf_clear(b);
	buf_printf(b, "user.%u.", i * 2654435761u);
	while (b->len < n)
		buf_char(b, (char)(b->len * 31 + salt));
}

static DB *open_libdb(const char *path, DBTYPE type, uint32_t page_size, int order)
{
	DB *db;

	assert_int_equal(db_create(&db, NULL, 0), 0);
	assert_int_equal(db->set_pagesize(db, page_size), 0);
	assert_int_equal(db->set_lorder(db, order), 0);
	assert_int_equal(db->open(db, NULL, path, NULL, type, DB_CREATE | DB_TRUNCATE, 0600), 0);
	return db;
}

static int by_line(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All that libdb's cursor sees, as sorted text. */
static char *libdb_text(DB *db)
{
	struct buf line = BUF_INIT, all = BUF_INIT;
	char **lines = NULL;
	size_t n = 0, cap = 0;
	DBT key = { 0 }, value = { 0 };
	DBC *c;

	assert_int_equal(db->cursor(db, NULL, &c, 0), 0);
	while (c->get(c, &key, &value, DB_NEXT) == 0) {
		buf_clear(&line);
		str_hex(&line, key.data, key.size);
		buf_char(&line, '\t');
		str_hex(&line, value.data, value.size);
		buf_char(&line, '\n');
		lines = mem_grow(lines, &cap, n + 1, sizeof *lines);
		lines[n++] = mem_strdup(buf_text(&line));
	}
	c->close(c);
	if (n > 0)
		qsort(lines, n, sizeof *lines, by_line);
	for (size_t i = 0; i < n; i++) {
		buf_str(&all, lines[i]);
		free(lines[i]);
	}
	free(lines);
	buf_done(&line);
	return buf_steal(&all);
}

static void histories(const char *path, DBTYPE type, uint32_t page_size, int order)
{
	struct buf k = BUF_INIT, v = BUF_INIT;
	DB *db = open_libdb(path, type, page_size, order);

	for (uint32_t round = 0; round < 4; round++) {
		struct err e = { 0 };
		struct cyrusdb *ours;
		char *want, *got;

		for (uint32_t n = rnd(400); n > 0; n--) {
			uint32_t i = rnd(500);
			DBT key = { 0 }, value = { 0 };

			fill(&k, i, 1, 41);
			fill(&v, i, rnd(200), 9);
			key.data = k.data;
			key.size = (uint32_t)k.len;
			value.data = v.data;
			value.size = (uint32_t)v.len;
			if (rnd(5) < 2)
				db->del(db, NULL, &key, 0);
			else
				assert_int_equal(db->put(db, NULL, &key, &value, 0), 0);
		}
		assert_int_equal(db->sync(db, 0), 0);
		want = libdb_text(db);
		if (cyrusdb_open(AT_FDCWD, path, &ours, &e) == -1)
			fail_msg("%s", e.msg);
		assert_int_equal(cyrusdb_notes(ours), 0);
		got = text_of(ours);
		assert_string_equal(got, want);
		cyrusdb_close(ours);
		free(got);
		free(want);
	}
	db->close(db, 0);
	buf_done(&k);
	buf_done(&v);
}

static void as_libdb_reads_them(void **state)
{
	static const uint32_t sizes[] = { 512, 4096, 65536 };
	char path[] = "/tmp/cyrvault-db.XXXXXX";
	int fd;

	(void)state;
	if (RUNNING_ON_VALGRIND)
		skip(); /* libdb jumps on uninitialised bytes of its own */
	fd = mkstemp(path);
	assert_true(fd != -1);
	close(fd);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		for (int order = 1234; order <= 4321; order += 4321 - 1234) {
			histories(path, DB_BTREE, sizes[i], order);
			histories(path, DB_HASH, sizes[i], order);
		}
	}
	unlink(path);
}

/* Hash files from before 4.6 have version 8 and unsorted pages, otherwise the same; btree version 8 is as 9. */
static void older_versions(void **state)
{
	static const char *const files[][2] = { { "db/plain.hash", "db/plain-hash.txt" },
		{ "db/plain.btree", "db/plain-btree.txt" } };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		size_t n, len;
		uint8_t *p = fixture(files[i][0], &n);
		char *want = (char *)fixture(files[i][1], &len), *got;
		unsigned notes;

		p[16] = 8;
		for (size_t page = 4096; page < n; page += 4096)
			if (p[page + 25] == 13)
				p[page + 25] = 2;
		got = text_of_bytes(p, n, &notes);
		assert_non_null(got);
		assert_int_equal(notes, 0);
		assert_string_equal(got, want);
		free(got);
		free(want);
		free(p);
	}
}

/* ---- damage ---- */

static void lost_pages(void **state)
{
	size_t n, len;
	uint8_t *p = fixture("db/deep.btree", &n);
	char *want = (char *)fixture("db/deep-btree.txt", &len);
	const char *const all[] = { want, NULL };

	(void)state;
	for (size_t cut = 512; cut < n; cut += 21000) {
		unsigned notes;
		char *got = text_of_bytes(p, cut, &notes);

		if (got == NULL)
			continue;
		assert_true(notes & CYRUSDB_NOTE_TORN);
		assert_true(strlen(got) < strlen(want) && lines_within(got, all));
		free(got);
	}
	free(want);
	free(p);
}

/* A page that leads back to one already read, or to itself, ends there. */
static void circles(void **state)
{
	static const char *const files[] = { "db/deep.btree", "db/deep.hash" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		size_t n;
		uint8_t *p = fixture(files[i], &n);

		for (size_t page = 512; page + 512 <= n; page += 512) {
			uint8_t keep[4];

			memcpy(keep, p + page + 16, 4);
			put_le32(p + page + 16, le32(p + page + 8));
			read_wildly(p, n);
			memcpy(p + page + 16, keep, 4);
			if (page > 512 * 20)
				page += 512 * 40;
		}
		free(p);
	}
}

static void unknown_headers(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		enum err_code code;
	} bad[] = {
		{ 16, 7, ERR_UNSUPPORTED }, /* version */
		{ 16, 10, ERR_UNSUPPORTED },
		{ 24, 1, ERR_UNSUPPORTED },    /* encrypted */
		{ 26, 1, ERR_UNSUPPORTED },    /* checksums */
		{ 48, 1, ERR_UNSUPPORTED },    /* duplicates */
		{ 48, 0x20, ERR_UNSUPPORTED }, /* databases within */
		{ 25, 8, ERR_FORMAT },	       /* a hash's first page */
		{ 20, 1, ERR_FORMAT },	       /* page size 4097 */
		{ 21, 0, ERR_FORMAT },	       /* page size 0 */
		{ 88, 77, ERR_FORMAT },	       /* root */
		{ 88, 0, ERR_FORMAT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err e = { 0 };
		struct cyrusdb *db;
		size_t n;
		uint8_t *p = fixture("db/cyrus23-mailboxes.btree", &n);

		p[bad[i].at] = bad[i].value;
		assert_int_equal(cyrusdb_open_bytes(p, n, "strange", &db, &e), -1);
		if (e.code != bad[i].code)
			fail_msg("byte %zu: %s", bad[i].at, e.msg);
		free(p);
	}
}

/* The pages of a file that a live server made and has not written yet. */
static void root_not_written(void **state)
{
	size_t n;
	uint8_t *p = fixture("db/cyrus23-live.btree", &n);
	unsigned notes;
	char *got;

	(void)state;
	memset(p + 4096, 0, 4096);
	got = text_of_bytes(p, n, &notes);
	assert_non_null(got);
	assert_string_equal(got, "");
	assert_int_equal(notes, CYRUSDB_NOTE_DAMAGED);
	free(got);
	free(p);
}

static void wild_bytes(void **state)
{
	(void)state;
	flip_wildly("db/cyrus23-mailboxes.btree", 5);
	flip_wildly("db/none.hash", 61);
	flip_wildly("db/deep.hash", 1511);
	flip_wildly("db/deep.btree", 2503);
	flip_wildly("db/swapped.btree", 307);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_db_dump_shows_them),
		cmocka_unit_test(as_libdb_reads_them),
		cmocka_unit_test(older_versions),
		cmocka_unit_test(lost_pages),
		cmocka_unit_test(circles),
		cmocka_unit_test(unknown_headers),
		cmocka_unit_test(root_not_written),
		cmocka_unit_test(wild_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
