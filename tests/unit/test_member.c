/* test_member.c: gzip headers with and without padding, end marks, cpio headers, index lines, strict walking. */
#include "test_archive_util.h"

#include "archive/cpio.h"
#include "archive/index.h"
#include "archive/member.h"
#include "archive/rows.h"
#include "archive/walk.h"
#include "core/bytes.h"

static size_t make_member(uint8_t *out, const void *p, size_t n)
{
	struct member_head h = { .kind = MEMBER_DATA, .begins_unit = true, .first = 0 };
	struct codec *c = codec_new(LEVEL_DEFAULT);
	size_t len = member_encode(c, &h, p, n, out);

	codec_free(c);
	return len;
}

static void test_head(void **state)
{
	uint8_t m[4096], out[64];
	size_t n = make_member(m, "hello, hello, hello", 19);
	struct decoder *d = decoder_new();
	struct member_head h;
	size_t harmless = 0;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(member_parse(m, n, &h), 1);
	assert_int_equal(h.kind, MEMBER_DATA);
	assert_true(h.begins_unit);
	assert_int_equal(h.stored, n);
	assert_int_equal(h.plain, 19);
	assert_int_equal(h.first, 0);
	assert_int_equal(h.head, MEMBER_HEAD);
	OK(member_decode(d, &h, m, out, &err));
	assert_memory_equal(out, "hello, hello, hello", 19);
	/* Not enough is not wrong. */
	for (size_t i = 0; i < MEMBER_HEAD; i++)
		assert_int_equal(member_parse(m, i, &h), 0);
	/* Every flipped bit is seen, in the header or by the checksum, or changes nothing (deflate has bits that mean nothing). */
	for (size_t bit = 0; bit < 8 * n; bit++) {
		m[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (member_parse(m, n, &h) == 1 && h.stored == n && member_decode(d, &h, m, out, &err) == 0) {
			assert_in_range(bit / 8, MEMBER_HEAD, n - MEMBER_TAIL - 1);
			harmless++;
			assert_memory_equal(out, "hello, hello, hello", 19);
		}
		m[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_true(harmless <= 10);
	decoder_free(d);
}

/* A store that aligns members may add subfields on either side of ours. */
static void test_padding(void **state)
{
	uint8_t m[256], padded[1024] = { 0 }, out[64];
	struct decoder *d = decoder_new();
	struct member_head h;
	struct err err = { 0 };

	(void)state;
	for (int before = 0; before < 2; before++) {
		size_t n = make_member(m, "hello", 5), pad = 300, at = 12;
		struct member_head fixed = { .kind = MEMBER_DATA,
			.begins_unit = true,
			.stored = (uint32_t)(n + 4 + pad),
			.plain = 5,
			.first = 0 };

		memset(padded, 0, sizeof padded);
		member_put_head(&fixed, NULL, 0, m);
		memcpy(padded, m, 12);
		put_le16(padded + 10, (uint16_t)(20 + 4 + pad));
		if (!before) {
			memcpy(padded + at, m + 12, 20);
			at += 20;
		}
		memcpy(padded + at, "PD", 2);
		put_le16(padded + at + 2, (uint16_t)pad);
		at += 4 + pad;
		if (before) {
			memcpy(padded + at, m + 12, 20);
			at += 20;
		}
		memcpy(padded + at, m + MEMBER_HEAD, n - MEMBER_HEAD);
		assert_int_equal(member_parse(padded, n + 4 + pad, &h), 1);
		assert_int_equal(h.head, MEMBER_HEAD + 4 + pad);
		assert_int_equal(h.stored, n + 4 + pad);
		OK(member_decode(d, &h, padded, out, &err));
		assert_memory_equal(out, "hello", 5);
		assert_int_equal(member_find(padded, sizeof padded, 1), sizeof padded);
	}
	decoder_free(d);
}

static void test_find(void **state)
{
	uint8_t b[2048];
	size_t n;

	(void)state;
	memset(b, 0x1f, sizeof b);
	n = make_member(b + 1000, "x", 1);
	assert_int_equal(member_find(b, sizeof b, 0), 1000);
	assert_int_equal(member_find(b, sizeof b, 1000), 1000);
	/* At the end: the byte that could begin one, were there more. */
	assert_int_equal(member_find(b, sizeof b, 1001), sizeof b - 1);
	b[1000 + n - 1] = 0;
	assert_int_equal(member_find(b, 1000, 0), 999);
}

static void test_end_mark(void **state)
{
	struct end_mark m = { .index_off = 1000,
		.root_off = 2000,
		.root_stored = 300,
		.root_plain = 900,
		.total = 2500 + END_MARK_SIZE,
		.units = 12 },
			got;
	uint8_t b[END_MARK_SIZE];

	(void)state;
	memset(m.root_sha256, 0xab, sizeof m.root_sha256);
	end_mark_put(&m, b);
	assert_int_equal(end_mark_parse(b, sizeof b, 2500, &got), 0);
	assert_int_equal(got.index_off, m.index_off);
	assert_int_equal(got.root_off, m.root_off);
	assert_int_equal(got.root_stored, m.root_stored);
	assert_int_equal(got.root_plain, m.root_plain);
	assert_int_equal(got.total, m.total);
	assert_int_equal(got.units, m.units);
	assert_memory_equal(got.root_sha256, m.root_sha256, sizeof m.root_sha256);
	assert_int_equal(end_mark_parse(b, sizeof b, 2501, &got), -1);
	assert_int_equal(end_mark_parse(b, sizeof b - 1, 2500, &got), -1);
	for (size_t bit = 0; bit < 8 * sizeof b; bit++) {
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(end_mark_parse(b, sizeof b, 2500, &got), -1);
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	/* A later version says so. */
	b[16 + 24] = 2;
	put_le32(b + 16 + 128, codec_crc32(0, b, 16 + 128));
	assert_int_equal(end_mark_parse(b, sizeof b, 2500, &got), 1);
}

static void test_cpio(void **state)
{
	struct cpio_head h = { .mode = 0100644, .uid = UINT32_MAX, .gid = 5, .mtime = 1, .size = 77 }, got;
	uint8_t b[256];
	char name[CPIO_NAME_MAX];

	(void)state;
	for (size_t n = 1; n < 9; n++) {
		char path[16] = "abcdefghijk";

		path[n] = '\0';
		assert_int_equal(cpio_put(&h, path, b), cpio_head_len(n));
		assert_int_equal(cpio_head_len(n) % 4, 0);
		assert_int_equal(cpio_parse(b, &got), 0);
		assert_int_equal(got.uid, UINT32_MAX);
		assert_int_equal(got.size, 77);
		assert_int_equal(got.name_size, n + 1);
	}
	b[20] = 'g';
	assert_int_equal(cpio_parse(b, &got), -1);
	assert_int_equal(cpio_mtime(-1), 0);
	assert_int_equal(cpio_mtime(INT64_C(1) << 40), UINT32_MAX);
	cpio_part_name(name, sizeof name, "x", 12);
	assert_string_equal(name, "x.cyrvault-part-0012");
	assert_int_equal(cpio_entry_len(1, 0, 0), 112);
	assert_int_equal(cpio_entry_len(1, 5, 0), 112 + 8);
	assert_int_equal(cpio_entry_len(1, 5, 2), 3 * 132 + 3 * 4);
	assert_int_equal(cpio_entry_len(1, 4, 2), 2 * 132 + 2 * 4);
}

static void test_rows(void **state)
{
	char text[] = "a\t\tb%09c\t+5\nlast\n", *p = text, *end = text + sizeof text - 1;
	char odd[] = "x%0\ty%00\tz%g1\t-\t+\t99999999999999999999\n", *q = odd;
	struct row row;
	uint64_t u;
	int64_t s;

	(void)state;
	assert_int_equal(row_next(&p, end, &row), 1);
	assert_int_equal(row.n, 4);
	assert_int_equal(row.len[1], 0);
	assert_int_equal(row_unescape(&row, 2), 0);
	assert_string_equal(row.field[2], "b\tc");
	assert_int_equal(row_i64(&row, 3, &s), 0);
	assert_int_equal(s, 5);
	assert_int_equal(row_u64(&row, 3, UINT64_MAX, &u), -1);
	assert_int_equal(row_next(&p, end, &row), 1);
	assert_int_equal(row_next(&p, end, &row), 0);
	assert_int_equal(row_next(&q, odd + sizeof odd - 1, &row), 1);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(row_unescape(&row, i), -1);
	assert_int_equal(row_i64(&row, 3, &s), -1);
	assert_int_equal(row_i64(&row, 4, &s), -1);
	assert_int_equal(row_u64(&row, 5, UINT64_MAX, &u), -1);
	assert_int_equal(row_unescape(&row, 6), -1);
	p = text;
	memcpy(text, "no newline", 10);
	assert_int_equal(row_next(&p, text + 10, &row), -1);
}

/* Tables that lie. */
static int parse_table(const char *text, uint32_t files)
{
	struct table_parser *p = table_parser_new(0, files, strlen(text));
	char *copy = mem_strdup(text);
	struct table t = { 0 };
	struct err err = { 0 };
	int rc = table_parser_add(p, copy, strlen(copy), &err);

	if (rc == 0)
		rc = table_parser_end(p, &t, &err);
	if (rc == -1)
		assert_int_equal(err.code, ERR_DAMAGE);
	table_parser_free(p);
	table_done(&t);
	free(copy);
	return rc;
}

#define SHA  "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\n"
#define UNIT "unit\tm\tx\n"

static void test_tables(void **state)
{
	static const char *const bad[] = {
		"",
		"f\ta\t5\t+1\n" SHA "m\t100\t120\n",
		UNIT "f\ta\t5\t+1\n" SHA "m\t100\t124\n",
		UNIT "f\ta\t5\t+1\n" SHA "m\t100\t116\n",
		UNIT "f\ta\t5\t+1\nm\t100\t120\n",
		UNIT SHA "f\ta\t5\t+1\nm\t100\t120\n",
		UNIT "f\t../a\t5\t+1\n" SHA "m\t100\t120\n",
		UNIT "d\t/\nf\ta\t5\t+1\n" SHA "m\t100\t120\n",
		UNIT "f\ta\t5\t1\n" SHA "m\t100\t120\n",
		UNIT "f\ta\t-5\t+1\n" SHA "m\t100\t120\n",
		UNIT "f\ta\t5\t+1\ts=5\n" SHA "m\t100\t120\n",
		UNIT "f\ta\t5\t+1\tx=5\n" SHA "m\t100\t120\n",
		UNIT "f\ta\t5\t+1\n" SHA "m\t1\t120\n",
		UNIT "f\ta\t5\t+1\n" SHA "m\t100\t99999999999\n",
		UNIT "f\t\t5\t+1\n" SHA "m\t100\t120\n",
		UNIT "?\n"
		     "f\ta\t5\t+1\n" SHA "m\t100\t120\n",
		UNIT "f\ta%00\t5\t+1\n" SHA "m\t100\t120\n",
		UNIT "f\ta\t9000000000\t+1\n" SHA "m\t100\t120\n",
	};

	(void)state;
	assert_int_equal(parse_table(UNIT "f\ta\t5\t+1\n" SHA "m\t100\t120\n", 1), 0);
	assert_int_equal(
	    parse_table(UNIT "d\tx/\nr\tmessage\nf\ta\t5\t-1\tl=4\n" SHA "m\t100\t122\n", 1), -1);
	assert_int_equal(parse_table(UNIT "d\tx/\nr\tmessage\nf\ta\t5\t-1\tl=4\n" SHA "m\t100\t124\n", 1), 0);
	assert_int_equal(
	    parse_table(UNIT "d\tx/\nr\tlater-word\nf\ta\t5\t-1\ts=3\n" SHA "m\t100\t280\n", 1), 0);
	assert_int_equal(parse_table(UNIT "f\ta\t5\t+1\n" SHA "m\t100\t120\n", 2), -1);
	assert_int_equal(parse_table(UNIT "f\ta\t5\t+1\n" SHA "m\t100\t120\n", 0), -1);
	assert_int_equal(parse_table(UNIT, 0), 0);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		if (parse_table(bad[i], 1) != -1)
			fail_msg("accepted: %s", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_end_mark),
		cmocka_unit_test(test_cpio),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
