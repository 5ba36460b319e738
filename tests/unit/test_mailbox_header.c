/* test_mailbox_header.c: cyrus.header of both forms, with empty flag slots, damage and floods; the text of flags. */
#include "test_mailbox_util.h"

#include <zlib.h>

#include "core/mem.h"
#include "cyrus/mailbox.h"

#define MAGIC                                                                   \
	"\241\002\213\015Cyrus mailbox header\n"                                \
	"\"The best thing about this system was that it had lots of goals.\"\n" \
	"\t--Jim Morris on Andrew\n"

static struct mailbox_header *parse(const char *body)
{
	struct mailbox_header *h = NULL;
	struct err err = { 0 };
	char *text = mem_printf("%s%s", MAGIC, body);

	OK(mailbox_header_parse((const uint8_t *)text, strlen(text), &h, &err));
	assert_int_equal(h->crc, crc32(0, (const uint8_t *)text, (unsigned)strlen(text)));
	free(text);
	return h;
}

static void refuse(const char *body)
{
	struct mailbox_header *h = NULL;
	struct err err = { 0 };
	char *text = mem_printf("%s%s", MAGIC, body);

	assert_int_equal(mailbox_header_parse((const uint8_t *)text, strlen(text), &h, &err), -1);
	assert_int_equal(err.code, ERR_FORMAT);
	assert_null(h);
	free(text);
}

static void test_lines(void **state)
{
	struct mailbox_header *h =
	    parse("user.a b\t0123456789abcdef\n$Label1  Third \nanna\tlrswipcda\tanyone\tp\t\n");

	(void)state;
	assert_false(h->dlist);
	assert_null(h->name);
	assert_string_equal(h->quotaroot, "user.a b");
	assert_string_equal(h->uniqueid, "0123456789abcdef");
	assert_int_equal(h->type, 'e');
	assert_string_equal(h->flag_names[0], "$Label1");
	assert_null(h->flag_names[1]);
	assert_string_equal(h->flag_names[2], "Third");
	assert_null(h->flag_names[3]);
	assert_int_equal(h->n_acl, 2);
	assert_string_equal(h->acl[0].user, "anna");
	assert_string_equal(h->acl[0].rights, "lrswipcda");
	assert_string_equal(h->acl[1].user, "anyone");
	assert_string_equal(h->acl[1].rights, "p");
	mailbox_header_free(h);

	h = parse("\t0123456789abcdef\tmore\n\n\n"); /* no quota root, flags, rights */
	assert_null(h->quotaroot);
	assert_string_equal(h->uniqueid, "0123456789abcdef");
	assert_int_equal(h->n_acl, 0);
	mailbox_header_free(h);

	h = parse("user.anna\n\nanna\tlr\n"); /* of before there were ids; rights without the last tab */
	assert_string_equal(h->quotaroot, "user.anna");
	assert_string_equal(h->uniqueid, "");
	assert_string_equal(h->acl[0].rights, "lr");
	mailbox_header_free(h);
}

static void test_dlist(void **state)
{
	struct mailbox_header *h =
	    parse("%(A %(anna lrs \"b c\" lr) I abc N \"user.anna.Proj A\" Q user.anna T e"
		  " U ($Label1 NIL Third))\n");

	(void)state;
	assert_true(h->dlist);
	assert_string_equal(h->name, "user.anna.Proj A");
	assert_string_equal(h->uniqueid, "abc");
	assert_string_equal(h->quotaroot, "user.anna");
	assert_null(h->jmapid);
	assert_string_equal(h->flag_names[0], "$Label1");
	assert_null(h->flag_names[1]);
	assert_string_equal(h->flag_names[2], "Third");
	assert_int_equal(h->n_acl, 2);
	assert_string_equal(h->acl[1].user, "b c");
	assert_string_equal(h->acl[1].rights, "lr");
	mailbox_header_free(h);

	h = parse("%(A %() I abc J P7Zx N x Q NIL T fl U ())\n"); /* 3.13 */
	assert_string_equal(h->jmapid, "P7Zx");
	assert_int_equal(h->type, 'f');
	assert_null(h->quotaroot);
	assert_int_equal(h->n_acl, 0);
	mailbox_header_free(h);

	h = parse("%(A %() I abc J NIL N x)\n");
	assert_null(h->jmapid);
	assert_int_equal(h->type, 'e');
	mailbox_header_free(h);

	h = parse("%()\n");
	assert_string_equal(h->uniqueid, "");
	assert_null(h->name);
	mailbox_header_free(h);
}

static void test_refused(void **state)
{
	struct mailbox_header *h = NULL;
	struct err err = { 0 };
	struct buf flood = BUF_INIT;

	(void)state;
	assert_int_equal(mailbox_header_parse(NULL, 0, &h, &err), -1);
	assert_int_equal(mailbox_header_parse((const uint8_t *)MAGIC, sizeof MAGIC - 2, &h, &err), -1);
	refuse("");
	refuse("user.anna\tabc");
	refuse("user.anna\tabc\n$Label1");
	refuse("user.anna\tabc\n$Label1\nanna\tlrs\t");
	refuse("%(A %(anna lrs)\n");
	refuse("%(I abc) junk\n");
	refuse("%");
	buf_str(&flood, "\tid\n\n");
	for (int i = 0; i < 70000; i++)
		buf_str(&flood, "u\tl\t");
	buf_char(&flood, '\n');
	refuse(flood.data);
	buf_done(&flood);
}

static void test_too_many_flags(void **state)
{
	struct buf b = BUF_INIT;
	struct mailbox_header *h;

	(void)state;
	buf_str(&b, "\tid\n");
	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "f%d ", i);
	buf_str(&b, "\n\n");
	h = parse(b.data);
	assert_string_equal(h->flag_names[127], "f127");
	mailbox_header_free(h);
	buf_clear(&b);
	buf_str(&b, "%(I id U (");
	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "%sf%d", i > 0 ? " " : "", i);
	buf_str(&b, "))\n");
	h = parse(b.data);
	assert_string_equal(h->flag_names[127], "f127");
	mailbox_header_free(h);
	buf_done(&b);
}

static void test_flags_text(void **state)
{
	struct mailbox_header *h = parse("%(I abc U ($Label1 NIL \"two words\" {3}\r\n\033[J \"\" Last))\n");
	struct index_record r = { .flags = 0xffffffff, .user_flags = { 0xffffffff, 0, 0, 1 } };
	struct buf b = BUF_INIT;

	(void)state;
	index_flags_text(&r, h, true, &b);
	assert_string_equal(b.data, "\\Answered \\Flagged \\Draft \\Deleted \\Seen $Label1 Last");
	buf_clear(&b);
	r.flags = FLAG_SEEN | FLAG_DRAFT; /* where \Seen lives is the caller's knowledge */
	index_flags_text(&r, NULL, false, &b);
	assert_string_equal(b.data, "\\Draft");
	buf_clear(&b);
	buf_str(&b, "flags: ");
	r.flags = 0;
	index_flags_text(&r, h, false, &b);
	assert_string_equal(b.data, "flags: $Label1 Last");
	buf_clear(&b);
	r.user_flags[0] = 0;
	index_flags_text(&r, h, false, &b);
	assert_string_equal(buf_text(&b), "");
	buf_done(&b);
	mailbox_header_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_dlist),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_many_flags),
		cmocka_unit_test(test_flags_text),
	};

	return cmocka_run_group_tests_name("mailbox header", tests, NULL, NULL);
}
