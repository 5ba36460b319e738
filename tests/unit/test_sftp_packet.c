/* test_sftp_packet.c: packets of SFTP: what is written is read again; cut anywhere, nothing is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "store/sftp_packet.h"

static const struct sftp_attrs all_attrs = { SFTP_ATTR_SIZE | SFTP_ATTR_OWNER | SFTP_ATTR_MODE |
						 SFTP_ATTR_TIMES,
	0x123456789abcull, 1000, 1001, 0100600, 1700000000, 1700000001 };

static void test_bytes(void **state)
{
	static const uint8_t want[] = { 0, 0, 0, 19, 5, 0, 0, 0, 7, 0, 0, 0, 2, 'h', 'i', 0, 0, 0, 1, 0, 0, 0,
		2 };
	struct buf b = BUF_INIT;
	size_t at = sftp_begin(&b, SFTP_READ);

	(void)state;
	sftp_put_u32(&b, 7);
	sftp_put_text(&b, "hi");
	sftp_put_u64(&b, 0x100000002ull);
	sftp_end(&b, at);
	assert_int_equal(b.len, sizeof want);
	assert_memory_equal(b.data, want, sizeof want);
	buf_done(&b);
}

static void test_frame(void **state)
{
	uint8_t p[8] = { 0, 0, 0, 4, 1, 2, 3, 4 };
	struct err e = { 0 };
	size_t len = 0;

	(void)state;
	for (size_t n = 0; n < 8; n++)
		assert_int_equal(sftp_frame(p, n, &len, &e), 0);
	assert_int_equal(sftp_frame(p, 8, &len, &e), 1);
	assert_int_equal(len, 4);
	/* Nothing, and more than anybody may send. */
	memset(p, 0, 4);
	assert_int_equal(sftp_frame(p, 8, &len, &e), -1);
	assert_int_equal(e.code, ERR_FORMAT);
	memset(p, 0xff, 4);
	assert_int_equal(sftp_frame(p, 4, &len, &e), -1);
	memcpy(p, "\0\4\0\0", 4);
	assert_int_equal(sftp_frame(p, 8, &len, &e), 0);
	memcpy(p, "\0\4\0\1", 4);
	assert_int_equal(sftp_frame(p, 8, &len, &e), -1);
}

/* Replies of each kind, and what must be in them. */

static void make_status(struct buf *b)
{
	sftp_put_u32(b, SFTP_NO_SUCH_FILE);
	sftp_put_text(b, "No such file");
}

static void make_handle(struct buf *b)
{
	sftp_put_string(b, "\0\0\0\1", 4);
}

static void make_data(struct buf *b)
{
	sftp_put_text(b, "content");
}

static void make_attrs(struct buf *b)
{
	sftp_put_attrs(b, &all_attrs);
}

static void make_names(struct buf *b)
{
	sftp_put_u32(b, 2);
	sftp_put_text(b, "one");
	sftp_put_text(b, "-rw------- one");
	sftp_put_attrs(b, &all_attrs);
	sftp_put_text(b, "two");
	sftp_put_text(b, "");
	sftp_put_u32(b, SFTP_ATTR_EXTENDED);
	sftp_put_u32(b, 1);
	sftp_put_text(b, "name");
	sftp_put_text(b, "value");
}

static const struct {
	enum sftp_type type;
	void (*make)(struct buf *b);
} kinds[] = { { SFTP_STATUS, make_status }, { SFTP_HANDLE, make_handle }, { SFTP_DATA, make_data },
	{ SFTP_ATTRS, make_attrs }, { SFTP_NAME, make_names } };

/* 0 if all of it reads well, names included. */
static int read_whole(const uint8_t *p, size_t n, struct sftp_reply *r, struct err *e)
{
	struct sftp_name name;
	int more = sftp_parse_reply(p, n, r, e);

	while (more != -1 && r->type == SFTP_NAME && (more = sftp_next_name(r, &name, e)) == 1)
		;
	return more;
}

static void test_replies(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
		struct buf b = BUF_INIT;
		struct err e = { 0 };
		struct sftp_reply r;
		size_t at = sftp_begin(&b, kinds[k].type), len;

		sftp_put_u32(&b, 77);
		kinds[k].make(&b);
		sftp_end(&b, at);
		assert_int_equal(sftp_frame((uint8_t *)b.data, b.len, &len, &e), 1);
		assert_int_equal(len, b.len - 4);
		assert_int_equal(read_whole((uint8_t *)b.data + 4, len, &r, &e), 0);
		assert_int_equal(r.type, kinds[k].type);
		assert_int_equal(r.id, 77);
		/* Cut at every length, in memory of just that size. */
		for (size_t n = 0; n < len; n++) {
			uint8_t *cut = mem_dup(b.data + 4, n > 0 ? n : 1);

			err_clear(&e);
			/* A status may end behind its number. */
			if (kinds[k].type == SFTP_STATUS && n == 9) {
				assert_int_equal(read_whole(cut, n, &r, &e), 0);
				assert_int_equal(r.status, SFTP_NO_SUCH_FILE);
			} else {
				assert_int_equal(read_whole(cut, n, &r, &e), -1);
				assert_int_equal(e.code, ERR_FORMAT);
			}
			free(cut);
		}
		buf_done(&b);
	}
}

static void test_fields(void **state)
{
	struct buf b = BUF_INIT;
	struct err e = { 0 };
	struct sftp_reply r;
	struct sftp_name name;

	(void)state;
	buf_char(&b, (char)SFTP_NAME);
	sftp_put_u32(&b, 1);
	make_names(&b);
	assert_int_equal(sftp_parse_reply((uint8_t *)b.data, b.len, &r, &e), 0);
	assert_int_equal(r.count, 2);
	assert_int_equal(sftp_next_name(&r, &name, &e), 1);
	assert_true(sftp_string_is(name.name, "one") && !sftp_string_is(name.name, "on") &&
		    !sftp_string_is(name.name, "ones"));
	assert_memory_equal(&name.attrs, &all_attrs, sizeof all_attrs);
	assert_int_equal(sftp_next_name(&r, &name, &e), 1);
	assert_true(sftp_string_is(name.name, "two") && sftp_string_is(name.longname, ""));
	assert_int_equal(name.attrs.flags, SFTP_ATTR_EXTENDED);
	assert_int_equal(sftp_next_name(&r, &name, &e), 0);
	buf_done(&b);
}

/* Numbers that promise more than there is. */
static void test_hostile(void **state)
{
	static const struct {
		const char *p;
		size_t n;
	} bad[] = {
#define PACKET(s) { s, sizeof s - 1 }
		PACKET(""),
		PACKET("\x63\0\0\0\1"), /* a kind that no reply has */
		PACKET("\x67\0\0\0\1\xff\xff\xff\xff"
		       "abc"),                          /* data */
		PACKET("\x66\0\0\0\1\0\0\0\0"),         /* an empty handle */
		PACKET("\x68\0\0\0\1\xff\xff\xff\xff"), /* names */
		PACKET("\x68\0\0\0\1\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0"),
		PACKET("\x69\0\0\0\1\x80\0\0\0\xff\xff\xff\xff"), /* extended attributes */
		PACKET("\x69\0\0\0\1\x80\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1"),
#undef PACKET
	};
	struct buf b = BUF_INIT;
	struct sftp_reply r;
	uint32_t version;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		uint8_t *p = mem_dup(bad[i].p, bad[i].n > 0 ? bad[i].n : 1);
		struct err e = { 0 };

		assert_int_equal(read_whole(p, bad[i].n, &r, &e), -1);
		assert_int_equal(e.code, ERR_FORMAT);
		assert_int_equal(sftp_parse_version(p, bad[i].n, &version, NULL, NULL, &e), -1);
		free(p);
	}
	/* A handle that is too long to be kept. */
	buf_char(&b, (char)SFTP_HANDLE);
	sftp_put_u32(&b, 1);
	sftp_put_u32(&b, SFTP_HANDLE_MAX + 1);
	memset(buf_reserve(&b, SFTP_HANDLE_MAX + 1), 'h', SFTP_HANDLE_MAX + 1);
	b.len += SFTP_HANDLE_MAX + 1;
	assert_int_equal(sftp_parse_reply((uint8_t *)b.data, b.len, &r, NULL), -1);
	buf_done(&b);
}

static void note(void *arg, struct sftp_string name, struct sftp_string data)
{
	*(int *)arg += sftp_string_is(name, "limits@openssh.com") && sftp_string_is(data, "1");
}

static void test_version(void **state)
{
	struct buf b = BUF_INIT;
	struct err e = { 0 };
	uint32_t version;
	int seen = 0;

	(void)state;
	buf_char(&b, (char)SFTP_VERSION_REPLY);
	sftp_put_u32(&b, 3);
	assert_int_equal(sftp_parse_version((uint8_t *)b.data, b.len, &version, note, &seen, &e), 0);
	sftp_put_text(&b, "posix-rename@openssh.com");
	sftp_put_text(&b, "1");
	sftp_put_text(&b, "limits@openssh.com");
	sftp_put_text(&b, "1");
	assert_int_equal(sftp_parse_version((uint8_t *)b.data, b.len, &version, note, &seen, &e), 0);
	assert_int_equal(version, 3);
	assert_int_equal(seen, 1);
	assert_int_equal(sftp_parse_version((uint8_t *)b.data, b.len - 1, &version, note, &seen, &e), -1);
	assert_int_equal(e.code, ERR_FORMAT);
	buf_done(&b);
	assert_string_equal(sftp_status_word(SFTP_PERMISSION_DENIED), "permission denied");
	assert_string_equal(sftp_status_word(99), "unknown status");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_frame),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
