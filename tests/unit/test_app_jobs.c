/* test_app_jobs.c: verify and export, as both front ends start them: verdicts, words, and UIDs as they are typed. */
#include "test_archive_util.h"

#include <fcntl.h>

#include "app/app.h"
#include "core/str.h"

#define NAME "one-20261122T030000Z.cpio.gz"

static struct test_dir dir;
static struct app *app;

static int setup(void **state)
{
	struct err err = { 0 };
	struct stream *out;
	struct archive_writer *w;
	struct unit_info info = { .kind = UNIT_MAILBOX, .name = "user.a", .uniqueid = "", .partition = "" };
	struct buf b = BUF_INIT;
	char *path, *text;

	(void)state;
	dir = test_dir_new();
	w = test_create(&dir, NAME, &(struct archive_writer_opts){ .threads = 1 }, &out);
	OK(archive_writer_begin(w, UNIT_MAILBOX, "user.a", &err));
	make_message(&b, 1, 100000);
	test_add(w, "spool/a/1.", ROLE_MESSAGE, b.data, b.len);
	OK(archive_writer_end(w, &info, &err));
	test_commit(&dir, w, out);
	buf_done(&b);
	path = mem_printf("%s/conf", dir.path);
	text = mem_printf("[store \"a\"]\nurl = dir:%s\n[state]\ndirectory = %s/state\n", dir.path, dir.path);
	OK(io_replace(AT_FDCWD, path, text, strlen(text), 0600, &err));
	OK(app_open(path, &app, &err));
	free(path);
	free(text);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	app_close(app);
	test_dir_done(&dir);
	return 0;
}

static void found(void *arg, const struct archive_finding *f)
{
	unsigned *n = arg;

	assert_true(f->what[0] != '\0');
	(*n)++;
}

static void verifies(const char *archive, bool quick, enum app_verdict verdict, const char *words)
{
	struct app_verified v;
	struct buf b = BUF_INIT;
	struct err err = { 0 };
	unsigned n = 0;

	OK(app_verify(app, archive, quick, NULL, found, &n, &v, &err));
	assert_int_equal(v.verdict, verdict);
	assert_int_equal(n > 0, verdict == VERDICT_DAMAGED);
	assert_int_equal(v.quick, quick && verdict != VERDICT_READABLE);
	app_verified_words(&v, &b);
	if (strstr(buf_text(&b), words) == NULL)
		fail_msg("%s", buf_text(&b));
	buf_done(&b);
	app_verified_done(&v);
	app_verified_done(&v);
}

static void test_verify(void **state)
{
	char *path = mem_printf("%s/%s", dir.path, NAME);
	struct app_verified v;
	struct err err = { 0 };
	int fd = open(path, O_RDWR);
	char c;

	(void)state;
	assert_string_equal(app_verdict_word(VERDICT_GOOD), "good");
	assert_string_equal(app_verdict_word(VERDICT_DAMAGED), "damaged");
	assert_string_equal(app_verdict_word(VERDICT_READABLE), "readable");
	verifies("latest", false, VERDICT_GOOD, "in 1 unit, 97K");
	verifies("one-", true, VERDICT_GOOD, "end mark and index of 1 unit");
	/* One byte of the mail. */
	assert_int_equal(pread(fd, &c, 1, 20000), 1);
	c ^= 0x55;
	assert_int_equal(pwrite(fd, &c, 1, 20000), 1);
	verifies(path, false, VERDICT_DAMAGED, "1 of ");
	verifies("latest", true, VERDICT_GOOD, "the files were not read");
	/* Cut off: nothing can be proved, but its name is known. */
	assert_int_equal(ftruncate(fd, 30000), 0);
	close(fd);
	assert_int_equal(app_verify(app, "latest", false, NULL, NULL, NULL, &v, &err), -1);
	assert_int_equal(err.code, ERR_DAMAGE);
	assert_string_equal(v.name, NAME);
	app_verified_done(&v);
	assert_int_equal(app_verify(app, "nosuch", false, NULL, NULL, NULL, &v, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_null(v.name);
	app_verified_done(&v);
	free(path);
}

static void test_verify_foreign(void **state)
{
	struct buf b = BUF_INIT;
	struct err err = { 0 };
	char *path = mem_printf("%s/other.cpio", dir.path);

	(void)state;
	/* A cpio that holds one file of three bytes. */
	buf_printf(&b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1, 0100644, 0, 0, 1, 0,
	    3, 0, 0, 0, 0, 2, 0);
	buf_add(&b, "a\0abc\0", 6);
	while (b.len % 4 != 0)
		buf_char(&b, '\0');
	buf_printf(&b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08xTRAILER!!!", 0, 0, 0, 0, 1,
	    0, 0, 0, 0, 0, 0, 11, 0);
	while (b.len % 512 != 0)
		buf_char(&b, '\0');
	OK(io_replace(AT_FDCWD, path, b.data, b.len, 0600, &err));
	verifies("other.cpio", true, VERDICT_READABLE, "1 file, 3; it carries no checksums");
	buf_done(&b);
	free(path);
}

static void test_ranges(void **state)
{
	static const char *const bad[] = { "", ",", "0", "x", "7x", "9:3", ":3", "3:", "*", "1,,x",
		"4294967296", "-1", "1 2", "\033[2J" };
	struct export_range *list = NULL;
	struct err err = { 0 };
	size_t n = 0;

	(void)state;
	OK(app_uid_ranges("7", &list, &n, &err));
	OK(app_uid_ranges("3,7:9,12:*", &list, &n, &err));
	assert_int_equal(n, 4);
	assert_true(list[0].first == 7 && list[0].last == 7);
	assert_true(list[1].first == 3 && list[1].last == 3);
	assert_true(list[2].first == 7 && list[2].last == 9);
	assert_true(list[3].first == 12 && list[3].last == UINT32_MAX);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		size_t before = n;

		err_clear(&err);
		if (app_uid_ranges(bad[i], &list, &n, &err) == 0)
			fail_msg("taken: \"%s\"", bad[i]);
		assert_int_equal(err.code, ERR_USAGE);
		assert_true(err.hint[0] != '\0');
		assert_null(strchr(err.msg, '\033'));
		n = before;
	}
	free(list);
}

static void test_export_words(void **state)
{
	struct export_request how = { .output = "./out\033" };
	struct export_result r = { .mailboxes = 1, .messages = 2, .bytes = 812 };
	struct buf b = BUF_INIT;
	struct err err = { 0 };

	(void)state;
	app_export_words(&how, &r, &b);
	assert_string_equal(buf_text(&b), "wrote 2 messages of 1 mailbox, 812, to ./out\\x1b");
	buf_clear(&b);
	how.dry_run = true;
	app_export_words(&how, &r, &b);
	assert_true(str_starts(buf_text(&b), "would write 2 messages"));
	assert_string_equal(app_export_trouble_word(EXPORT_KEPT), "kept");
	assert_int_equal(app_export(app, NULL, "nosuch", "user.a", &how, NULL, NULL, NULL, &r, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(r.messages, 0);
	buf_done(&b);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_verify),
		TEST(test_verify_foreign),
		TEST(test_ranges),
		TEST(test_export_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
