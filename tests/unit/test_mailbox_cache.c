/* test_mailbox_cache.c: envelopes out of made cache records: every kind of string and address, offsets and lengths
 * that lie. */
#include "test_mailbox_util.h"

#include <zlib.h>

#include "core/bytes.h"
#include "core/mem.h"
#include "cyrus/mailbox.h"

static void add_item(struct buf *b, const char *p, size_t n)
{
	uint8_t len[4];

	put_be32(len, (uint32_t)n);
	buf_add(b, len, 4);
	buf_add(b, p, n);
	buf_add(b, "\0\0\0", (4 - n % 4) % 4);
}

/* A cache of generation 7 with one record at 4. */
static void make_cache(struct buf *b, const char *envelope, size_t n, struct index_record *r)
{
	uint8_t generation[4];

	put_be32(generation, 7);
	buf_clear(b);
	buf_add(b, generation, 4);
	add_item(b, envelope, n);
	for (int i = 1; i < 10; i++)
		add_item(b, "12345", (size_t)i % 6);
	*r = (struct index_record){ .uid = 9, .cache_offset = 4, .has_cache_crc = true };
	r->cache_crc = (uint32_t)crc32(0, bytes(b) + 4, (unsigned)(b->len - 4));
}

static int envelope(const char *text, size_t n, struct envelope *env)
{
	struct buf b = BUF_INIT;
	struct index_record r;
	struct err err = { 0 };
	uint8_t *copy;
	int rc;

	make_cache(&b, text, n, &r);
	copy = mem_dup(b.data, b.len); /* exactly as long as it is, for the sanitizers */
	rc = mailbox_cache_envelope(copy, b.len, 7, &r, env, &err);
	free(copy);
	buf_done(&b);
	if (rc == -1)
		assert_int_equal(err.code, ERR_FORMAT);
	return rc;
}

#define ENVELOPE(text, env) envelope(text, sizeof text - 1, env)

static void test_strings(void **state)
{
	struct envelope env = { 0 };

	(void)state;
	assert_int_equal(
	    ENVELOPE(
		"(\"Mon, 1 Jan\" \"a \\\"b\\\" \\\\ c\" NIL NIL NIL NIL NIL NIL \"\" {9}\r\n<a\r\n\tb@c>)",
		&env),
	    0);
	assert_string_equal(env.date, "Mon, 1 Jan");
	assert_string_equal(env.subject, "a \"b\" \\ c");
	assert_null(env.from);
	assert_null(env.in_reply_to);
	assert_string_equal(env.message_id, "<a \tb@c>");
	envelope_done(&env);
	assert_null(env.date);

	assert_int_equal(ENVELOPE("(NIL {4+}\r\na\0b\xff NIL NIL NIL NIL NIL NIL NIL NIL)", &env), 0);
	assert_string_equal(env.subject, "a b\xff");
	envelope_done(&env);
}

static void test_addresses(void **state)
{
	struct envelope env = { 0 };

	(void)state;
	assert_int_equal(
	    ENVELOPE("(NIL NIL ((\"Anna B\" NIL \"anna\" \"example.org\")) ((NIL NIL \"x\" \"y\")) NIL "
		     "((NIL NIL \"a\" \"b\")(\"List, Some\" \"@r\" \"c\" \"d\") (\"Q \\\"q\\\"\" NIL \"e\" "
		     "\"f\")) "
		     "((NIL NIL \"team\" NIL)(NIL NIL \"g\" \"h\")(\"N\" NIL \"i\" \"j\")(NIL NIL NIL "
		     "NIL)(NIL NIL \"k\" "
		     "\"unspecified-domain\")) NIL NIL NIL)",
		&env),
	    0);
	assert_string_equal(env.from, "Anna B <anna@example.org>");
	assert_string_equal(env.to, "a@b, \"List, Some\" <c@d>, \"Q 'q'\" <e@f>");
	assert_string_equal(env.cc, "team: g@h, N <i@j>;, k");
	envelope_done(&env);
}

static void test_no_envelope(void **state)
{
	static const char *const bad[] = { "", "(", "NIL", "()", "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL",
		"(NIL NIL NIL NIL NIL NIL NIL NIL NIL)", "(\"open NIL NIL NIL NIL NIL NIL NIL NIL NIL)",
		"({99}\r\nshort NIL NIL NIL NIL NIL NIL NIL NIL NIL)",
		"({}\r\n NIL NIL NIL NIL NIL NIL NIL NIL NIL)",
		"({99999999999999999999}\r\nx NIL NIL NIL NIL NIL NIL NIL NIL NIL)",
		"(NIL NIL (NIL NIL NIL NIL) NIL NIL NIL NIL NIL NIL NIL)",
		"(NIL NIL ((NIL NIL \"a\" \"b\") NIL", "(NIL NIL ((NIL NIL \"a\" \"b\"",
		"(atom NIL NIL NIL NIL NIL NIL NIL NIL NIL)", "(\"a\\", "(\"a\\\"" };
	struct envelope env = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(envelope(bad[i], strlen(bad[i]), &env), -1);
		assert_null(env.date);
		assert_null(env.from);
	}
}

static void refuse(const struct buf *b, size_t n, uint32_t generation, const struct index_record *r)
{
	uint8_t *copy = mem_dup(buf_text(b), n);
	struct envelope env;
	struct err err = { 0 };

	assert_int_equal(mailbox_cache_envelope(copy, n, generation, r, &env, &err), -1);
	assert_int_equal(err.code, ERR_FORMAT);
	free(copy);
}

static void test_places(void **state)
{
	static const char text[] = "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)";
	struct buf b = BUF_INIT;
	struct index_record r, other;

	(void)state;
	make_cache(&b, text, strlen(text), &r);
	for (size_t n = 0; n < b.len; n++)
		refuse(&b, n, 7, &r);
	refuse(&b, b.len, 8, &r);
	for (uint64_t off = 0; off < b.len + 8; off++) {
		other = r;
		other.cache_offset = off;
		if (off != 4)
			refuse(&b, b.len, 7, &other);
	}
	other = r;
	other.cache_offset = (uint64_t)1 << 47;
	refuse(&b, b.len, 7, &other);
	other = r;
	other.cache_crc ^= 1;
	refuse(&b, b.len, 7, &other);
	put_be32((uint8_t *)b.data + 4, 0xffffffff);
	refuse(&b, b.len, 7, &r);
	r.has_cache_crc = false;
	refuse(&b, b.len, 7, &r);
	buf_done(&b);
}

/* A list of recipients as long as the item is fine, and in linear time. */
static void test_long_list(void **state)
{
	struct buf b = BUF_INIT;
	struct envelope env = { 0 };

	(void)state;
	buf_str(&b, "(NIL NIL NIL NIL NIL (");
	for (int i = 0; i < 50000; i++)
		buf_printf(&b, "(NIL NIL \"u%d\" \"example.org\")", i);
	buf_str(&b, ") NIL NIL NIL NIL)");
	assert_int_equal(envelope(b.data, b.len, &env), 0);
	assert_non_null(strstr(env.to, ", u49999@example.org"));
	envelope_done(&env);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_no_envelope),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_long_list),
	};

	return cmocka_run_group_tests_name("mailbox cache", tests, NULL, NULL);
}
