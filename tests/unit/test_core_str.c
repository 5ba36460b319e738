/* test_core_str.c: hostile bytes made harmless, modified UTF-7, small conversions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/str.h"

static void expect_safe(const char *s, size_t n, const char *want)
{
	struct buf b = BUF_INIT;
	char dst[256];

	str_safe_buf(&b, s, n);
	assert_string_equal(buf_text(&b), want);
	assert_int_equal(str_safe(dst, sizeof dst, s, n), strlen(want));
	assert_string_equal(dst, want);
	/* What is harmless already stays as it is. */
	buf_clear(&b);
	str_safe_buf(&b, want, strlen(want));
	assert_string_equal(buf_text(&b), want);
	buf_done(&b);
}

static void test_safe(void **state)
{
	static const struct {
		const char *bytes, *want;
	} cases[] = {
		{ "plain text, ~!\\", "plain text, ~!\\" },
		{ "Entw\303\274rfe \346\226\207\344\273\266 \360\237\230\200",
		    "Entw\303\274rfe \346\226\207\344\273\266 \360\237\230\200" },
		{ "\033[2J\033]0;title\a", "\\x1b[2J\\x1b]0;title\\x07" },
		{ "a\r\nb\tc\x7f", "a\\x0d\\x0ab\\x09c\\x7f" },
		/* C1: as UTF-8 it is U+009B, as a bare byte it is no UTF-8. */
		{ "\302\2332J", "\\u{9b}2J" },
		{ "\2332J", "\\x9b2J" },
		/* Direction and what cannot be seen. */
		{ "exe.\342\200\256fdp", "exe.\\u{202e}fdp" },
		{ "\342\201\246x\342\201\251", "\\u{2066}x\\u{2069}" },
		{ "a\342\200\213b\342\200\215c\357\273\277", "a\\u{200b}b\\u{200d}c\\u{feff}" },
		{ "\302\255\330\234\315\217", "\\u{ad}\\u{61c}\\u{34f}" },
		{ "\342\200\250\342\200\251", "\\u{2028}\\u{2029}" },
		{ "\343\205\244\357\276\240\341\205\237", "\\u{3164}\\u{ffa0}\\u{115f}" },
		{ "\360\235\205\263\363\240\201\201", "\\u{1d173}\\u{e0041}" },
		{ "\357\277\277\357\277\271", "\\u{ffff}\\u{fff9}" },
		/* Not UTF-8: overlong, surrogates, too high, cut, stray. */
		{ "\300\257\301\277", "\\xc0\\xaf\\xc1\\xbf" },
		{ "\340\200\257", "\\xe0\\x80\\xaf" },
		{ "\355\240\200", "\\xed\\xa0\\x80" },
		{ "\364\220\200\200\365", "\\xf4\\x90\\x80\\x80\\xf5" },
		{ "\342\202", "\\xe2\\x82" },
		{ "\200x\377", "\\x80x\\xff" },
		{ "\303(", "\\xc3(" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		expect_safe(cases[i].bytes, strlen(cases[i].bytes), cases[i].want);
	expect_safe("a\0b", 3, "a\\x00b");
	expect_safe("", 0, "");
}

/* Every pair of bytes: what comes out is UTF-8 without controls. */
static void test_safe_everything(void **state)
{
	(void)state;
	for (unsigned v = 0; v < 0x10000; v++) {
		char in[2] = { (char)(v >> 8), (char)v }, out[16];
		size_t n = str_safe(out, sizeof out, in, 2);
		uint32_t cp;

		assert_true(n < sizeof out && out[n] == '\0');
		for (size_t i = 0, len; i < n; i += len) {
			len = str_utf8_next(out + i, n - i, &cp);
			assert_true(len > 0 && cp >= 0x20 && (cp < 0x7f || cp >= 0xa0));
		}
	}
}

static void test_safe_cut(void **state)
{
	char dst[8];

	(void)state;
	for (size_t size = 1; size <= sizeof dst; size++) {
		memset(dst, 'Z', sizeof dst);
		assert_true(str_safe(dst, size, "\346\226\207\344\273\266", 6) == (size - 1) / 3 * 3);
		assert_int_equal(strlen(dst), (size - 1) / 3 * 3);
	}
	/* Neither within an escape. */
	assert_int_equal(str_safe(dst, 6, "ab\033", 3), 2);
	assert_string_equal(dst, "ab");
	assert_int_equal(str_safe(dst, 7, "ab\033", 3), 6);
	memset(dst, 'Z', sizeof dst);
	assert_int_equal(str_safe(dst, 0, "x", 1), 0);
	assert_int_equal(dst[0], 'Z');
}

static void test_safe_lines(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	str_safe_lines(&b, "a\tb\r\nc\vd", 8);
	assert_string_equal(buf_text(&b), "a\tb\\x0d\nc\\x0bd");
	buf_done(&b);
}

static void test_utf8(void **state)
{
	static const uint32_t points[] = { 1, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000,
		0x10ffff };

	(void)state;
	for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
		struct buf b = BUF_INIT;
		uint32_t cp = 0;

		str_utf8_put(&b, points[i]);
		assert_int_equal(str_utf8_next(buf_text(&b), b.len, &cp), b.len);
		assert_int_equal(cp, points[i]);
		for (size_t n = 0; n < b.len; n++)
			assert_int_equal(str_utf8_next(buf_text(&b), n, &cp), 0);
		buf_done(&b);
	}
}

static void test_mutf7_both_ways(void **state)
{
	static const struct {
		const char *coded, *text;
	} cases[] = {
		{ "", "" },
		{ "INBOX", "INBOX" },
		{ "&-", "&" },
		{ "Sp ace &- Co", "Sp ace & Co" },
		{ "Entw&APw-rfe", "Entw\303\274rfe" },
		{ "&ZYdO9g-", "\346\226\207\344\273\266" },
		{ "~peter/mail/&U,BTFw-/&ZeVnLIqe-",
		    "~peter/mail/\345\217\260\345\214\227/\346\227\245\346\234\254\350\252\236" },
		{ "&2D3eAA-", "\360\237\230\200" },
		{ "&AOQ-&-", "\303\244&" },
		{ "&AOQ--", "\303\244-" },
		{ "&AAo-", "\n" },
		{ "&AH8-", "\x7f" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = BUF_INIT;

		assert_int_equal(str_mutf7_decode(&b, cases[i].coded, strlen(cases[i].coded)), 0);
		assert_string_equal(buf_text(&b), cases[i].text);
		buf_clear(&b);
		assert_int_equal(str_mutf7_encode(&b, cases[i].text, strlen(cases[i].text)), 0);
		assert_string_equal(buf_text(&b), cases[i].coded);
		buf_done(&b);
	}
}

static void test_mutf7_refused(void **state)
{
	static const char *const cases[] = {
		"&", /* no end */
		"Entw&APw",
		"&Jjo!",	      /* no shift back before the ! (RFC 3501) */
		"&U,BTFw-&ZeVnLIqe-", /* a superfluous shift (RFC 3501) */
		"&AGEA-",
		"&AGE-", /* 'a' needs no run: two names would look the same */
		"&ACY-", /* nor does & */
		"&2D0-", /* half a surrogate pair */
		"&3gA-",
		"&2D3YPQ-",
		"&AP-",	 /* bits left over */
		"&AOR-", /* padding bits that are not zero */
		"&AOQ=-",
		"&AO/-", /* ',' stands for '/' */
		"Entw\303\274rfe",
		"a\tb",
		"a\x7f",
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = BUF_INIT;

		buf_str(&b, "kept");
		if (str_mutf7_decode(&b, cases[i], strlen(cases[i])) != -1)
			fail_msg("%s was taken as %s", cases[i], buf_text(&b));
		assert_string_equal(buf_text(&b), "kept");
		buf_done(&b);
	}
	for (size_t i = 0; i < 2; i++) {
		static const char *const bad[] = { "\303", "fine\355\240\200" };
		struct buf b = BUF_INIT;

		buf_str(&b, "kept");
		assert_int_equal(str_mutf7_encode(&b, bad[i], strlen(bad[i])), -1);
		assert_string_equal(buf_text(&b), "kept");
		buf_done(&b);
	}
}

/* What the decoder takes, the encoder gives back: over every short run. */
static void test_mutf7_canonical(void **state)
{
	static const char digits[] = "ABCDghwxyz029+,";
	char s[] = "&....-";
	unsigned taken = 0;

	(void)state;
	for (unsigned v = 0; v < 15 * 15 * 15; v++) {
		struct buf text = BUF_INIT, again = BUF_INIT;

		s[1] = digits[v % 15];
		s[2] = digits[v / 15 % 15];
		s[3] = digits[v / 225];
		s[4] = '-';
		s[5] = '\0';
		if (str_mutf7_decode(&text, s, 5) == 0) {
			assert_int_equal(str_mutf7_encode(&again, buf_text(&text), text.len), 0);
			assert_string_equal(buf_text(&again), s);
			taken++;
		}
		buf_done(&text);
		buf_done(&again);
	}
	assert_true(taken > 10);
}

static void test_size(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *want;
	} cases[] = { { 0, "0" }, { 812, "812" }, { 1023, "1023" }, { 1024, "1.0K" }, { 4200, "4.1K" },
		{ 10239, "9.9K" }, { 10240, "10K" }, { 1048575, "1023K" }, { 1048576, "1.0M" },
		{ 24117248, "23M" }, { UINT64_MAX, "15E" } };
	char dst[16];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(str_size(dst, sizeof dst, cases[i].bytes), cases[i].want);
	for (uint64_t v = 1; v < UINT64_MAX / 3; v = v * 3 + 1)
		assert_true(strlen(str_size(dst, sizeof dst, v)) <= 5);
}

static void test_distance(void **state)
{
	char a[200], b[200];

	(void)state;
	assert_int_equal(str_distance("", ""), 0);
	assert_int_equal(str_distance("url", "url"), 0);
	assert_int_equal(str_distance("", "url"), 3);
	assert_int_equal(str_distance("imapd_conf", "imapd_cnf"), 1);
	assert_int_equal(str_distance("kitten", "sitting"), 3);
	assert_int_equal(str_distance("sitting", "kitten"), 3);
	memset(a, 'a', sizeof a);
	memset(b, 'a', sizeof b);
	a[199] = b[199] = '\0';
	b[100] = 'x';
	assert_int_equal(str_distance(a, b), 0);
	b[62] = 'x';
	assert_int_equal(str_distance(a, b), 1);
}

static void test_numbers(void **state)
{
	static const char *const bad[] = { "", " 1", "1 ", "+1", "-1", "0x1", "1.", "18446744073709551616",
		"99999999999999999999" };
	uint64_t v = 7;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(str_u64(bad[i], UINT64_MAX, &v), -1);
	assert_int_equal(str_u64("256", 255, &v), -1);
	assert_int_equal(v, 7);
	assert_int_equal(str_u64("255", 255, &v), 0);
	assert_int_equal(v, 255);
	assert_int_equal(str_u64("18446744073709551615", UINT64_MAX, &v), 0);
	assert_true(v == UINT64_MAX);
}

static void test_hex_and_base64(void **state)
{
	struct buf b = BUF_INIT;
	uint8_t back[3];

	(void)state;
	str_hex(&b, "\000\177\377", 3);
	assert_string_equal(buf_text(&b), "007fff");
	assert_int_equal(str_unhex("007FfF", back, 3), 0);
	assert_memory_equal(back, "\000\177\377", 3);
	assert_int_equal(str_unhex("007f", back, 3), -1);
	assert_int_equal(str_unhex("0g7fff", back, 3), -1);
	buf_clear(&b);
	for (size_t n = 0; n <= 4; n++) {
		str_base64(&b, "\373\377\276\000", n);
		buf_char(&b, ' ');
	}
	assert_string_equal(buf_text(&b), " +w== +/8= +/++ +/++AA== ");
	buf_done(&b);
	assert_true(str_starts("dir:/x", "dir:") && str_starts("x", "") && !str_starts("di", "dir"));
	assert_true(str_ends("a.gz", ".gz") && str_ends("x", "") && !str_ends("z", ".gz"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_safe),
		cmocka_unit_test(test_safe_everything),
		cmocka_unit_test(test_safe_cut),
		cmocka_unit_test(test_safe_lines),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_mutf7_both_ways),
		cmocka_unit_test(test_mutf7_refused),
		cmocka_unit_test(test_mutf7_canonical),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_hex_and_base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
