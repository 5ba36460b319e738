/* test_imap_parse.c: responses of an IMAP server into tokens; hostile bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "cyrus/imap.h"

static struct imap_reply *parse(const char *text)
{
	struct imap_reply *r = NULL;
	struct err e = { 0 };

	if (imap_response_parse(text, strlen(text), &r, &e) == -1)
		fail_msg("%s: %s", text, e.msg);
	return r;
}

static void assert_malformed(const char *text)
{
	struct imap_reply *r = NULL;
	struct err e = { 0 };

	assert_int_equal(imap_response_parse(text, strlen(text), &r, &e), -1);
	assert_int_equal(e.code, ERR_FORMAT);
}

static void test_parse(void **state)
{
	struct imap_reply *r;
	const struct imap_value *v;

	(void)state;
	r = parse("* LIST (\\HasNoChildren \\Noselect) \"/\" \"a \\\"b\\\\\"");
	assert_string_equal(r->responses[0].name, "LIST");
	assert_int_equal(r->responses[0].args.n, 3);
	v = r->responses[0].args.items;
	assert_int_equal(v[0].kind, IMAP_LIST);
	assert_true(imap_value_is(&v[0].items[1], "\\NOSELECT"));
	assert_int_equal(v[1].kind, IMAP_STRING);
	assert_string_equal(imap_value_text(&v[2]), "a \"b\\");
	imap_reply_free(r);

	r = parse("* 12 FETCH (UID 4 FLAGS (\\Seen $x) BODY[HEADER.FIELDS (A B)]<0> {5}\r\n)(\"\r\n "
		  "RFC822.SIZE 18446744073709551615 X NIL)");
	assert_string_equal(r->responses[0].name, "FETCH");
	assert_int_equal(r->responses[0].number, 12);
	v = &r->responses[0].args.items[0];
	assert_int_equal(imap_value_pair(v, "uid")->number, 4);
	assert_int_equal(imap_value_pair(v, "BODY[HEADER.FIELDS (A B)]<0>")->len, 5);
	assert_memory_equal(imap_value_pair(v, "BODY[HEADER.FIELDS (A B)]<0>")->text, ")(\"\r\n", 5);
	assert_true(imap_value_pair(v, "RFC822.SIZE")->number == UINT64_MAX);
	assert_int_equal(imap_value_pair(v, "X")->kind, IMAP_NIL);
	assert_null(imap_value_text(imap_value_pair(v, "X")));
	assert_null(imap_value_pair(v, "missing"));
	imap_reply_free(r);

	r = parse("* NAMESPACE ((\"\" \"/\")(\"x\" \".\")) NIL ()");
	v = r->responses[0].args.items;
	assert_int_equal(v[0].n, 2);
	assert_string_equal(v[0].items[1].items[0].text, "x");
	assert_int_equal(v[1].kind, IMAP_NIL);
	assert_int_equal(v[2].kind, IMAP_LIST);
	assert_int_equal(v[2].n, 0);
	imap_reply_free(r);

	r = parse("c7 OK [APPENDUID 12 34] done [x] {5}");
	assert_int_equal(r->status, IMAP_OK);
	assert_int_equal(r->n, 0);
	assert_string_equal(r->tagged.code, "APPENDUID");
	assert_int_equal(imap_reply_code(r, "APPENDUID")->items[1].number, 34);
	assert_string_equal(r->tagged.text, "done [x] {5}");
	imap_reply_free(r);

	r = parse("c7 no [badurl ) weird] text");
	assert_int_equal(r->status, IMAP_NO);
	assert_string_equal(r->tagged.code, "BADURL");
	assert_int_equal(r->tagged.code_args.n, 0);
	assert_string_equal(r->tagged.text, "text");
	imap_reply_free(r);

	r = parse("* OK [never closed");
	assert_null(r->responses[0].code);
	assert_string_equal(r->responses[0].text, "[never closed");
	imap_reply_free(r);
	r = parse("* BYE");
	assert_string_equal(r->responses[0].name, "BYE");
	assert_string_equal(r->responses[0].text, "");
	imap_reply_free(r);
	r = parse("* ACL a[b user] lrs");
	assert_int_equal(r->responses[0].args.n, 3);
	imap_reply_free(r);
	r = parse("* SEARCH");
	assert_int_equal(r->responses[0].args.n, 0);
	imap_reply_free(r);
	r = parse("* X ~{3}\r\na\nb nil \"\"");
	assert_int_equal(r->responses[0].args.n, 3);
	assert_int_equal(r->responses[0].args.items[1].kind, IMAP_NIL);
	imap_reply_free(r);
}

static void test_parse_hostile(void **state)
{
	struct buf deep = BUF_INIT;

	(void)state;
	assert_malformed("");
	assert_malformed("* ");
	assert_malformed("* 12 ");
	assert_malformed("*");
	assert_malformed("c1 FETCH (x)");
	assert_malformed("* LIST (");
	assert_malformed("* LIST )");
	assert_malformed("* LIST (a b");
	assert_malformed("* LIST \"a");
	assert_malformed("* LIST \"a\\");
	assert_malformed("* LIST \"a\r\nb\"");
	assert_malformed("* LIST {5}\r\nabc");
	assert_malformed("* LIST {99999999999999999999999999}\r\nabc");
	assert_malformed("* LIST {18446744073709551615}\r\nabc");
	assert_malformed("* LIST {-1}\r\nabc");
	assert_malformed("* LIST {}\r\nabc");
	assert_malformed("* LIST {3}abc");
	assert_malformed("* LIST {3");
	assert_malformed("* LIST {");
	assert_malformed("* LIST a\001b");
	assert_malformed("averyverylongtagthatnobodyeversentbecauseitistoolong OK");
	buf_str(&deep, "* LIST ");
	for (int i = 0; i < 100000; i++)
		buf_char(&deep, '(');
	assert_malformed(deep.data);
	buf_done(&deep);
}

static void test_parse_many_words(void **state)
{
	size_t n = (size_t)5 << 20;
	char *text = mem_alloc(n + 1);
	struct imap_reply *r = NULL;
	struct err e = { 0 };

	(void)state;
	memset(text, ' ', n);
	memcpy(text, "* SEARCH", 8);
	for (size_t i = 9; i < n; i += 2)
		text[i] = '1';
	assert_int_equal(imap_response_parse(text, n, &r, &e), -1);
	assert_non_null(strstr(e.msg, "too many words"));
	assert_int_equal(imap_response_parse(text, 2000000, &r, &e), 0);
	assert_int_equal(r->responses[0].args.n, 999996);
	imap_reply_free(r);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_hostile),
		cmocka_unit_test(test_parse_many_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
