/* test_message.c: messages made readable: headers, texts, character sets, structure, and what hostile senders
 * think of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/mem.h"
#include "core/str.h"
#include "cyrus/html_text.h"
#include "cyrus/message.h"

static bool is_safe(const char *s)
{
	struct buf b = BUF_INIT;
	bool same;

	str_safe_lines(&b, s, strlen(s));
	same = strcmp(buf_text(&b), s) == 0;
	buf_done(&b);
	return same;
}

/* Opens an exact copy of the bytes, so that a sanitizer sees one too far, and checks what holds for every message. */
static struct message *open_bytes(const char *p, size_t n)
{
	char *copy = mem_dup(p, n);
	struct message *m = message_open(copy, n);

	free(copy);
	assert_true(is_safe(m->text));
	assert_true(strlen(m->text) <= 4 * MESSAGE_TEXT_BYTES + 1);
	assert_true(m->n_fields <= MESSAGE_FIELDS_MAX);
	assert_true(m->n_attachments <= MESSAGE_PARTS_MAX);
	for (size_t i = 0; i < m->n_fields; i++) {
		assert_true(is_safe(m->fields[i].name) && is_safe(m->fields[i].value));
		assert_null(strchr(m->fields[i].value, '\n'));
	}
	for (size_t i = 0; i < m->n_attachments; i++) {
		assert_true(is_safe(m->attachments[i].name) && is_safe(m->attachments[i].type));
		assert_null(strchr(m->attachments[i].name, '\n'));
	}
	return m;
}

static struct message *open_text(const char *s)
{
	return open_bytes(s, strlen(s));
}

static void expect_text(const char *raw, const char *text)
{
	struct message *m = open_text(raw);

	assert_string_equal(m->text, text);
	message_free(m);
}

static void expect_header(const char *raw, const char *decoded)
{
	struct buf b = BUF_INIT;

	message_header_decode(raw, strlen(raw), &b);
	assert_string_equal(buf_text(&b), decoded);
	buf_done(&b);
}

static void test_header_words(void **state)
{
	(void)state;
	expect_header("", "");
	expect_header("plain words", "plain words");
	expect_header("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße");
	expect_header("=?UTF-8?B?R3LDvMOfZQ==?= und =?iso-8859-1?q?mehr_=E4?=", "Grüße und mehr ä");
	expect_header("=?iso-8859-1?q?Gr=FC=DFe?=\r\n =?utf-8?q?_und?=", "Grüße und");
	expect_header("=?iso-2022-jp?b?GyRCJDMkcxsoQg==?=", "こん");
	expect_header("=?koi8-r?q?=F0=D2=C9=D7=C5=D4?= <a@b>", "Привет <a@b>");
	expect_header(" folded\r\n\tline ", "folded line");
	expect_header("raw \xc3\xa4 utf-8", "raw ä utf-8");
	expect_header("=?utf-8?q?=1B[2J=E2=80=AE?=", "\\x1b[2J\\u{202e}");
	expect_header("\033]0;title\007", "\\x1b]0;title\\x07");
	expect_header("=?utf-8?q?a=0Ab?=", "a\\x0ab");
}

static void test_plain(void **state)
{
	struct message *m =
	    open_text("From: =?utf-8?q?J=C3=BCrgen?= <j@example.net>\r\nSubject: one\r\n two\r\nTo: a@b\r\n"
		      "Subject: again\r\n\r\nHello\r\n\tworld\r\n");

	(void)state;
	assert_int_equal(m->n_fields, 4);
	assert_string_equal(m->fields[0].name, "From");
	assert_string_equal(m->fields[0].value, "Jürgen <j@example.net>");
	assert_string_equal(message_value(m, "SUBJECT"), "one two");
	assert_null(message_value(m, "Cc"));
	assert_string_equal(m->text, "Hello\n\tworld\n");
	assert_false(m->text_is_html);
	assert_int_equal(m->n_attachments, 0);
	assert_false(m->cut);
	message_free(m);
	message_free(NULL);
}

static void test_odd_shapes(void **state)
{
	struct message *m;

	(void)state;
	expect_text("", "");
	expect_text("\r\n", "");
	expect_text("\r\nbody", "body\n");
	expect_text("just text\r\nA: no header\r\n", "just text\nA: no header\n");
	expect_text("A: b", "");
	expect_text("A: b\n\nunix\nlines", "unix\nlines\n");
	expect_text("A: b\r\n\r\nold\rmac\r\n\r\n", "old\nmac\n\n");
	expect_text("From someone Mon Jan 1\nSubject: mbox\n\nbody\n", "body\n");
	expect_text("A: b\r\n\r\n\033[31m\a\b\xff\xe2\x80\xae\r\n", "\\x1b[31m\\x07\\x08ÿâ€®\n");
	m = open_bytes("A: \0b\0\r\n\r\n\0x", 12);
	assert_string_equal(m->fields[0].value, "b");
	assert_string_equal(m->text, "\\x00x\n");
	message_free(m);
	m = open_text("A: b\r\nno field here\r\nC: d\r\n\r\nx"); /* a broken line does not end the header */
	assert_int_equal(m->n_fields, 2);
	assert_string_equal(m->fields[0].value, "b no field here");
	assert_string_equal(m->text, "x\n");
	message_free(m);
}

#define TYPED(type, body) "Content-Type: " type "\r\n\r\n" body

static void test_charsets(void **state)
{
	(void)state;
	expect_text(TYPED("text/plain; charset=utf-8", "Grüße"), "Grüße\n");
	expect_text(TYPED("text/plain; charset=utf-8", "Gr\xfc"), "Gr\\xfc\n");
	expect_text(TYPED("text/plain; charset=iso-8859-1", "Gr\xfc\xdf"), "Grüß\n");
	expect_text(TYPED("text/plain; charset=\"ISO-8859-1\"", "\x93quoted\x94"), "“quoted”\n");
	expect_text(TYPED("text/plain", "Gr\xfc"), "Grü\n");
	expect_text(TYPED("text/plain; charset=us-ascii", "Grüße"), "Grüße\n");
	expect_text(TYPED("text/plain; charset=koi8-r", "\xf0\xd2\xc9\xd7\xc5\xd4"), "Привет\n");
	expect_text(TYPED("text/plain; charset=windows-1251", "\xcf\xf0"), "Пр\n");
	expect_text(TYPED("text/plain; charset=iso-2022-jp", "\033$B$3$s\033(B"), "こん\n");
	expect_text(TYPED("text/plain; charset=utf-7", "+AKM-1 +ABs-"), "£1 \\x1b\n");
	expect_text(TYPED("text/plain; charset=no-such", "Gr\xfc"), "Grü\n");
	expect_text(TYPED("text/plain; charset=\"\"", "x"), "x\n");
	expect_text(TYPED("text/x-log", "a log"), "a log\n");
	expect_text("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: "
		    "quoted-printable\n\nGr=C3=BC=\n=C3=9Fe=20\n",
	    "Grüße \n");
	expect_text(
	    "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: BASE64\n\nR3LDvMOf\nZQ==\n",
	    "Grüße\n");
}

static void test_structure(void **state)
{
	struct message *m = open_text(
	    "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"=_o\"\n\npreamble\n"
	    "--=_o\nContent-Type: multipart/alternative; boundary=in\n\n"
	    "--in\nContent-Type: text/html\n\n<p>rich\n"
	    "--in\nContent-Type: text/plain\n\npoor\n--in--\n"
	    "--=_o\nContent-Type: application/pdf\nContent-Transfer-Encoding: base64\n"
	    "Content-Disposition: attachment;\n filename*=utf-8''%c3%bcber%1bsicht.pdf\n\naGVsbG8=\n"
	    "--=_o\nContent-Type: image/png; name=\"=?utf-8?q?=C3=A4.png?=\"\n\nxyz\n"
	    "--=_o  \nContent-Type: text/plain\nContent-Disposition: attachment\n\nnot the text\n"
	    "--=_ox\n--=_o\nContent-Type: message/rfc822\n\nSubject: inner\n\ninner text\n"
	    "--=_o--\nepilogue\n");

	(void)state;
	assert_string_equal(m->text, "poor\n");
	assert_false(m->text_is_html);
	assert_false(m->cut);
	assert_int_equal(m->n_attachments, 4);
	assert_string_equal(m->attachments[0].name, "über\\x1bsicht.pdf");
	assert_string_equal(m->attachments[0].type, "application/pdf");
	assert_int_equal(m->attachments[0].size_bytes, 5);
	assert_string_equal(m->attachments[1].name, "ä.png");
	assert_int_equal(m->attachments[1].size_bytes, 3);
	assert_string_equal(m->attachments[2].type, "text/plain");
	assert_string_equal(m->attachments[2].name, "");
	assert_int_equal(m->attachments[2].size_bytes, strlen("not the text\n--=_ox"));
	assert_string_equal(m->attachments[3].type, "message/rfc822");
	message_free(m);
}

static void test_which_text(void **state)
{
	struct message *m;

	(void)state;
	m = open_text(
	    "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\n<b>first</b>\n"
	    "--b\n\nsecond\n--b\n\nthird\n--b--\n");
	assert_string_equal(m->text, "second\n");
	assert_int_equal(m->n_attachments, 2); /* nothing is out of sight */
	message_free(m);
	m = open_text(
	    "Content-Type: multipart/alternative; boundary=b\n\n--b\n\n \n--b\nContent-Type: text/html\n\n"
	    "<p>only &amp; here\n--b--\n");
	assert_string_equal(m->text, "only & here\n");
	assert_true(m->text_is_html);
	assert_int_equal(m->n_attachments, 0);
	message_free(m);
	m = open_text("Content-Type: application/octet-stream\n\nabc");
	assert_string_equal(m->text, "");
	assert_int_equal(m->n_attachments, 1);
	message_free(m);
	m = open_text("Content-Type: multipart/mixed; boundary=b\n\nno delimiter at all\n");
	assert_string_equal(m->text, "no delimiter at all\n");
	assert_true(m->cut);
	message_free(m);
	m = open_text("Content-Type: multipart/mixed; boundary=b\n\n--b\n\nbroken off");
	assert_string_equal(m->text, "broken off\n");
	assert_true(m->cut);
	message_free(m);
	m = open_text("Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\ny\n--b--\n");
	assert_string_equal(m->attachments[0].type, "message/rfc822");
	message_free(m);
}

static void test_html(void **state)
{
	static const struct {
		const char *html, *text;
	} cases[] = {
		{ "", "" },
		{ "plain", "plain\n" },
		{ "<html><head><title>t</title><style>p{}</style></head><body>a  b\n c</body></html>",
		    "a b c\n" },
		{ "a<br>b<p>c</p><div>d</div>e", "a\nb\n\nc\n\nd\ne\n" },
		{ "<ul><li>x<li>y</ul>", "x\ny\n" },
		{ "<table><tr><td>1<td>2<tr><td>3</table>", "1 2\n3\n" },
		{ "&lt;b&gt; &amp;amp; &quot;&apos;&nbsp;&euro;&uuml;&Auml;&szlig;&yuml;&iexcl;",
		    "<b> &amp; \"' €üÄßÿ¡\n" },
		{ "&#65;&#x42;&#X43; &#0; &#xD800; &#1114112; &bogus; & &;",
		    "ABC &#0; &#xD800; &#1114112; &bogus; & &;\n" },
		{ "&#27;&#8238;", "\033\xe2\x80\xae\n" }, /* str_safe comes after */
		{ "a&shy;b&zwnj;c", "abc\n" },
		{ "1 < 2 <3 a<b", "1 < 2 <3 a\n" },
		{ "<a href=\"x>y\" title='z>'>link</a>!", "link!\n" },
		{ "x<!-- <p>hidden --> --y", "x --y\n" },
		{ "x<!-- open", "x\n" },
		{ "<script>if (a<b) c();</script>shown<SCRIPT type=x>no</ScRiPt >yes", "shownyes\n" },
		{ "<script>open", "" },
		{ "<p", "" },
		{ "<a href=\"unclosed>text</a> more", "text more\n" },
		{ "<!DOCTYPE html><?xml ?>z", "z\n" },
		{ "\xff", "\xef\xbf\xbd\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = BUF_INIT;
		char *copy = mem_dup(cases[i].html, strlen(cases[i].html));

		html_text(copy, strlen(cases[i].html), &b);
		assert_string_equal(buf_text(&b), cases[i].text);
		free(copy);
		buf_done(&b);
	}
}

static void test_raw(void **state)
{
	static const char raw[] =
	    "Message-Id:\r\n <a.1@b>\r\nSubject: =?utf-8?q?=C3=A4?=\r\nFrom: \"A, B\" <a@b>\r\n"
	    "Message-ID: <second@b>\r\n\r\nTo: nobody\r\n";
	struct buf b = BUF_INIT;
	struct envelope env;

	(void)state;
	assert_true(message_raw_field(raw, strlen(raw), "Message-ID", &b));
	assert_string_equal(b.data, "<a.1@b>");
	buf_clear(&b);
	assert_true(message_raw_field(raw, strlen(raw), "subject", &b));
	assert_string_equal(b.data, "=?utf-8?q?=C3=A4?=");
	assert_false(message_raw_field(raw, strlen(raw), "To", &b));
	assert_false(message_raw_field(NULL, 0, "To", &b));
	buf_done(&b);
	message_envelope(raw, strlen(raw), &env);
	assert_string_equal(env.from, "\"A, B\" <a@b>");
	assert_string_equal(env.message_id, "<a.1@b>");
	assert_null(env.to);
	envelope_done(&env);
}

/* ---- hostile senders: every one must be bounded in time, memory and output ---- */

static struct message *open_hostile(struct buf *b, const char *what)
{
	clock_t start = clock();
	struct message *m = open_bytes(buf_text(b), b->len);

	print_message(
	    "%s, %zu bytes: %.0f ms\n", what, b->len, (double)(clock() - start) * 1000 / CLOCKS_PER_SEC);
	buf_done(b);
	return m;
}

static void test_nesting(void **state)
{
	struct buf b = BUF_INIT;
	struct message *m;

	(void)state;
	for (int i = 0; i < 10000; i++)
		buf_printf(&b, "Content-Type: multipart/mixed; boundary=\"b%d\"\r\n\r\n--b%d\r\n", i, i);
	buf_str(&b, "Content-Type: text/plain\r\n\r\nhi\r\n");
	m = open_hostile(&b, "10,000 nested parts");
	assert_true(m->cut);
	message_free(m);
	for (int i = 0; i < 10000; i++)
		buf_str(&b, "Content-Type: message/rfc822\r\n\r\n");
	m = open_hostile(&b, "10,000 nested messages");
	assert_int_equal(m->n_attachments, 1);
	message_free(m);
	buf_str(&b, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
	for (int i = 0; i < 100000; i++)
		buf_str(&b, "--b\r\n\r\nx\r\n");
	m = open_hostile(&b, "100,000 parts");
	assert_true(m->cut);
	assert_true(m->n_attachments < MESSAGE_PARTS_MAX);
	message_free(m);
}

static void test_headers_without_end(void **state)
{
	struct buf b = BUF_INIT;
	struct message *m;

	(void)state;
	buf_str(&b, "Subject: ");
	for (int i = 0; i < 1 << 17; i++)
		buf_str(&b, "aaaaaaaa");
	buf_str(&b, "\r\n\r\nbody\r\n");
	m = open_hostile(&b, "a header line of 1 MB");
	assert_true(m->cut);
	assert_int_equal(strlen(m->fields[0].value), MESSAGE_FIELD_BYTES - 1);
	assert_string_equal(m->text, "body\n");
	message_free(m);
	for (int i = 0; i < 100000; i++)
		buf_printf(&b, "A%d: x\r\n", i);
	m = open_hostile(&b, "100,000 header fields");
	assert_int_equal(m->n_fields, MESSAGE_FIELDS_MAX);
	message_free(m);
	for (int i = 0; i < 40; i++) {
		buf_str(&b, "Subject:");
		for (int k = 0; k < 5000; k++)
			buf_str(&b, " =?utf-8?q?=E2=80=AE?=\r\n");
	}
	m = open_hostile(&b, "header words that grow");
	assert_true(m->cut);
	message_free(m);
	buf_str(&b, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
	for (int i = 0; i < 50; i++) {
		buf_str(&b, "--b\r\nContent-Type: a/b");
		for (int k = 0; k < 2000; k++)
			buf_printf(&b, ";p*%d*=x", k);
		buf_str(&b, "\r\n\r\nx\r\n");
	}
	m = open_hostile(&b, "parameters in thousands");
	assert_int_equal(m->n_attachments, 50);
	message_free(m);
}

static void test_large_bodies(void **state)
{
	struct buf b = BUF_INIT;
	struct message *m;

	(void)state;
	buf_str(&b, "Subject: x\r\n\r\n");
	while (b.len < 20 << 20)
		buf_str(&b, "hello world text text text text text text\r\n");
	m = open_hostile(&b, "20 MB of text");
	assert_true(m->cut);
	assert_true(strlen(m->text) <= MESSAGE_TEXT_BYTES);
	message_free(m);
	buf_str(&b, "Content-Type: text/html\r\n\r\n");
	while (b.len < 2 << 20)
		buf_str(&b, "<a b=\"<script &#x202e;");
	m = open_hostile(&b, "2 MB of open tags");
	message_free(m);
	buf_str(&b, "Content-Type: text/html\r\n\r\n");
	while (b.len < 2 << 20)
		buf_str(&b, "&#x202e;");
	m = open_hostile(&b, "2 MB of references");
	assert_true(m->cut);
	message_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header_words),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_odd_shapes),
		cmocka_unit_test(test_charsets),
		cmocka_unit_test(test_structure),
		cmocka_unit_test(test_which_text),
		cmocka_unit_test(test_html),
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_headers_without_end),
		cmocka_unit_test(test_large_bodies),
	};

	return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
