/* test_source_foreign.c: archives of two real Cyrus 2.x servers, as they are and packed in other ways, give what IMAP
 * showed; what cannot be read is refused in words. */
#include "test_source_util.h"

struct server {
	const char *ckpt, *live, *dump;
	unsigned minor, version;
};

static const struct server servers[] = {
	{ "cyrus23-ckpt.tar.gz", "cyrus23-live.tar.gz", "cyrus23-dump.txt.gz", 10, 3 },
	{ "cyrus24-ckpt.tar.gz", "cyrus24-live.tar.gz", "cyrus24-dump.txt.gz", 12, 4 },
};
#define N_SERVERS (sizeof servers / sizeof *servers)

static void open_and_check(struct vault *v, const char *name, const struct server *sv, unsigned lost)
{
	struct source *s = NULL;
	struct err err = { 0 };

	OK(source_open(v->store, name, NULL, &s, &err));
	assert_int_equal(source_kind(s), ARCHIVE_FOREIGN);
	assert_int_equal(source_n(s), 38);
	assert_int_equal(source_list(s)->n, 38);
	assert_int_equal(source_version(s).major, 2);
	assert_int_equal(source_version(s).minor, sv->version);
	check_dump(s, sv->dump, lost);
	source_close(s);
}

/* The fixture as it is. */
static void test_as_it_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_SERVERS; i++) {
		struct vault v;
		struct tree t;
		struct buf b = BUF_INIT;
		char *path = mem_printf(FIXTURES "%s", servers[i].ckpt);
		struct err err = { 0 };

		vault_new(&v);
		OK(io_read_file(-100, path, 1 << 24, &b, &err));
		vault_put(&v, "mail.tar.gz", b.data, b.len);
		open_and_check(&v, "mail.tar.gz", &servers[i], LOST_NOTHING);
		buf_done(&b);
		free(path);
		path = mem_printf(FIXTURES "%s", servers[i].live);
		OK(io_read_file(-100, path, 1 << 24, &b, &err));
		vault_put(&v, "live.tar.gz", b.data, b.len);
		open_and_check(&v, "live.tar.gz", &servers[i], LOST_NOTHING);
		buf_done(&b);
		free(path);
		(void)t;
		vault_done(&v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
