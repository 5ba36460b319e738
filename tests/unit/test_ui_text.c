/* test_ui_text.c: paragraphs into lines, messages into text, and sets of UIDs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "../fuzz/harmless.h"
#include "core/clock.h"
#include "core/mem.h"
#include "ui/message_text.h"
#include "ui/shell.h"
#include "ui/uids.h"

/* ---- wrapping ---- */

static struct list l;
static struct text t;

static void begin(int columns)
{
	text_init(&t, &l);
	text_layout(&t, columns);
}

static void end(void)
{
	list_done(&l);
	text_done(&t);
}

/* All lines, each behind '|'. */
static void lines_are(const char *expected)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < list_n(&l); i++) {
		buf_char(&b, '|');
		list_row_text(&l, i, &b);
	}
	assert_string_equal(buf_text(&b), expected);
	buf_done(&b);
}

static void test_wrap(void **state)
{
	(void)state;
	begin(12);
	text_add(&t, STYLE_NORMAL, 0, "one two three four");
	lines_are("|one two|three four");
	/* Another width, other lines. */
	text_layout(&t, 80);
	lines_are("|one two three four");
	text_layout(&t, 7);
	lines_are("|one|two|three|four");
	text_clear(&t);
	lines_are("");
	end();
}

static void test_indent(void **state)
{
	(void)state;
	begin(16);
	text_add(&t, STYLE_NORMAL, 4, "To: alice bob carol dave");
	lines_are("|To: alice bob|    carol dave");
	text_clear(&t);
	/* Not wrapped at all. */
	text_add(&t, STYLE_NORMAL, -1, "one two three four five six");
	lines_are("|one two three four five six");
	text_clear(&t);
	/* An indent that would leave no room is none. */
	text_add(&t, STYLE_NORMAL, 15, "one two three four");
	lines_are("|one two three|four");
	end();
}

static void test_no_blank(void **state)
{
	(void)state;
	begin(8);
	text_add(&t, STYLE_NORMAL, 0, "abcdefghijklm");
	lines_are("|abcdef|ghijkl|m");
	text_clear(&t);
	text_add(&t, STYLE_NORMAL, 0, "\u6587\u4ef6\u6587\u4ef6");
	lines_are("|\u6587\u4ef6\u6587|\u4ef6");
	text_clear(&t);
	/* Marks take no room. */
	text_add(&t, STYLE_NORMAL, 0, "a\u0301b\u0301c\u0301d\u0301e\u0301f\u0301");
	assert_int_equal(list_n(&l), 1);
	/* A screen that is narrower than one character. */
	text_layout(&t, 1);
	assert_int_equal(list_n(&l), 6);
	end();
}

static void test_lines(void **state)
{
	(void)state;
	begin(40);
	text_bytes(&t, STYLE_NORMAL, 0, "a\r\nb\n\nc\n", 8);
	lines_are("|a|b||c");
	text_clear(&t);
	text_bytes(&t, STYLE_NORMAL, 0, "", 0);
	lines_are("|");
	text_clear(&t);
	text_bytes(&t, STYLE_NORMAL, 0, "x\r", 2);
	text_bytes(&t, STYLE_NORMAL, 0, "a\0b\x1b[2J\xff\r x", 11);
	lines_are("|x|a\\x00b\\x1b[2J\\xff\\x0d x");
	end();
}

static void test_tabs(void **state)
{
	(void)state;
	begin(80);
	text_bytes(&t, STYLE_NORMAL, 0, "a\tb", 3);
	/* Where they lead to depends on columns, not on bytes. */
	text_add(&t, STYLE_NORMAL, 0, "%s", "\u6587\u00fc\tb");
	text_add(&t, STYLE_NORMAL, 0, "%s", "\x1b\tb");
	text_add(&t, STYLE_NORMAL, 0, "%s", "\t\tb");
	lines_are("|a       b|\u6587\u00fc     b|\\x1b    b|                b");
	end();
}

/* Nothing is lost where a character takes more room than it has columns. */
static void test_ascii(void **state)
{
	(void)state;
	text_ascii(true);
	begin(18);
	text_add(&t, STYLE_NORMAL, 2, "%s", "\u6587\u4ef6 z\u00fc b");
	lines_are("|\\u{6587}\\u{4ef6}|  z\\u{fc} b");
	end();
	text_ascii(false);
}

/* ---- messages ---- */

static void open_as(enum message_form form, const char *raw, size_t n)
{
	struct message *m = message_open(raw, n);

	begin(78);
	message_text(&t, form, m, raw, n);
	message_free(m);
}

static const char parts[] =
    "Received: by mx\r\nFrom: =?utf-8?q?J=C3=BCrgen?= <j@example.org>\r\nSubject: re\r\n"
    "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/plain\r\n\r\nhello\x1b[1m\r\n"
    "--b\r\nContent-Type: application/pdf; name=\"a.pdf\"\r\n"
    "Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n";

static void test_message(void **state)
{
	(void)state;
	open_as(MESSAGE_DECODED, parts, sizeof parts - 1);
	lines_are("|From: J\u00fcrgen <j@example.org>|Subject: re||hello\\x1b[1m||[attachment 1: a.pdf, "
		  "application/pdf, 3]");
	end();
	open_as(MESSAGE_HEADERS, parts, sizeof parts - 1);
	assert_true(list_n(&l) == 9);
	end();
	open_as(MESSAGE_RAW, "A: =?utf-8?q?b?=\r\n\r\n\x1b\r\n", 23);
	lines_are("|A: =?utf-8?q?b?=||\\x1b");
	end();
	open_as(MESSAGE_DECODED, "Subject: x\r\n\r\n", 14);
	lines_are("|Subject: x||(no text)");
	end();
}

static const char *last_line(void)
{
	return t.paragraphs[t.n_paragraphs - 1].s;
}

/* However large: only so much is laid out, quickly, and that is said. */
static void test_large(void **state)
{
	static const char head[] = "Subject: large\r\n\r\n";
	size_t n = 10u << 20;
	char *raw = mem_alloc(n);
	static const char fills[] = { 'x', ' ', '\n', '\t', '\0', '\xff' };

	(void)state;
	for (size_t i = 0; i < sizeof fills; i++) {
		memset(raw, fills[i], n);
		memcpy(raw, head, sizeof head - 1);
		for (int form = 0; form < MESSAGE_FORMS; form += 2) {
			struct message *m = message_open(raw, n);
			uint64_t before = clock_monotonic_ms(), took;

			begin(80);
			message_text(&t, (enum message_form)form, m, raw, n);
			took = clock_monotonic_ms() - before;
			printf("fill %02x form %d: %zu lines, %llu ms\n", (unsigned char)fills[i], form,
			    t.n_lines, (unsigned long long)took);
			/* Generous, for sanitizers and busy machines; what it guards against takes minutes. */
			assert_true(took < 5000);
			assert_true(t.n_lines < 60000);
			if (form == MESSAGE_RAW)
				assert_non_null(strstr(last_line(), "this is its beginning"));
			text_layout(&t, 132);
			end();
			message_free(m);
		}
	}
	free(raw);
}

/* ---- sets of UIDs ---- */

static void text_is(const struct uids *u, const char *expected)
{
	struct buf b = BUF_INIT;
	size_t n;
	struct export_range *r = uids_ranges(u, &n);

	uids_text(r, n, &b);
	assert_string_equal(buf_text(&b), expected);
	buf_done(&b);
	free(r);
}

static void test_uids(void **state)
{
	struct uids u = { 0 };

	(void)state;
	text_is(&u, "");
	uids_turn(&u, 7);
	uids_turn(&u, 4294967295u);
	uids_turn(&u, 5);
	uids_turn(&u, 6);
	text_is(&u, "5:7,4294967295");
	assert_true(uids_has(&u, 6));
	uids_turn(&u, 6);
	assert_false(uids_has(&u, 6));
	text_is(&u, "5,7,4294967295");
	uids_append(&u, 6);
	uids_append(&u, 1);
	uids_append(&u, 7);
	uids_sort(&u);
	text_is(&u, "1,5:7,4294967295");
	assert_int_equal(u.n, 5);
	uids_done(&u);
	assert_false(uids_has(&u, 1));
	uids_sort(&u);
}

static void test_shell_word(void **state)
{
	(void)state;
	assert_string_equal(shell_word("user.z&APw-", "user/z\u00fc"), "user/z\u00fc");
	assert_string_equal(shell_word("user.a\x1b", "user/a\\x1b"), "user.a\x1b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_indent),
		cmocka_unit_test(test_no_blank),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_tabs),
		cmocka_unit_test(test_ascii),
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_uids),
		cmocka_unit_test(test_shell_word),
	};

	use_utf8();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
