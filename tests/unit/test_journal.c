/* test_journal.c: what a merge writes down is read back, and torn lines are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/journal.h"

static char *dir;

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	dir = mem_printf("%s/test_journal.XXXXXX", tmp != NULL ? tmp : "/tmp");
	setenv("CYRVAULT_NOW", "1000", 1);
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	io_remove_tree(AT_FDCWD, dir, NULL);
	free(dir);
	unsetenv("CYRVAULT_NOW");
	return 0;
}

static struct journal *begin(const char *name, const char *server, const char *archive)
{
	char *path = mem_printf("%s/%s", dir, name);
	struct journal *j = NULL;
	struct err e = { 0 };

	if (journal_create(path, server, archive, &e) == -1 || journal_open(path, &j, &e) == -1)
		fail_msg("%s", e.msg);
	assert_int_equal(journal_create(path, server, archive, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	free(path);
	return j;
}

static void add(struct journal *j, enum journal_kind kind, uint32_t uid)
{
	struct journal_record r = { .kind = kind,
		.mailbox = "user.a b.Work",
		.uniqueid = "id-1",
		.uidvalidity = 4294967295,
		.uid = uid,
		.flags = 17,
		.who = "cyrus",
		.rights = "lrs" };
	struct err e = { 0 };

	memset(r.guid, (int)uid, sizeof r.guid);
	if (journal_add(j, &r, &e) == -1)
		fail_msg("%s", e.msg);
}

static struct journal_log read_back(const char *path)
{
	struct journal_log log;
	struct err e = { 0 };

	if (journal_read(path, &log, &e) == -1)
		fail_msg("%s", e.msg);
	return log;
}

static void test_round_trip(void **state)
{
	struct journal *j = begin("a", "one", "x.cpio.gz");
	struct journal_log log;
	struct stat st;

	(void)state;
	add(j, JOURNAL_RIGHTS, 0);
	add(j, JOURNAL_SENDING, 6);
	add(j, JOURNAL_APPENDED, 7);
	add(j, JOURNAL_REFUSED, 0);
	assert_int_equal(stat(journal_path(j), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	log = read_back(journal_path(j));
	assert_string_equal(log.server, "one");
	assert_string_equal(log.archive, "x.cpio.gz");
	assert_int_equal(log.begun, 1000);
	assert_int_equal(log.n, 4);
	assert_false(log.ended);
	assert_string_equal(log.records[0].who, "cyrus");
	assert_string_equal(log.records[0].rights, "lrs");
	assert_int_equal(log.records[2].kind, JOURNAL_APPENDED);
	assert_string_equal(log.records[2].mailbox, "user.a b.Work");
	assert_string_equal(log.records[2].uniqueid, "id-1");
	assert_int_equal(log.records[2].uidvalidity, 4294967295);
	assert_int_equal(log.records[2].uid, 7);
	assert_int_equal(log.records[2].guid[19], 7);
	assert_int_equal(log.records[2].flags, 17);
	journal_log_done(&log);
	add(j, JOURNAL_END, 0);
	log = read_back(journal_path(j));
	assert_true(log.ended);
	assert_false(log.undone);
	journal_log_done(&log);
	add(j, JOURNAL_UNDONE, 0);
	log = read_back(journal_path(j));
	assert_true(log.ended);
	assert_true(log.undone);
	journal_log_done(&log);
	journal_close(j);
}

static void test_torn(void **state)
{
	struct journal *j = begin("b", "torn", "x");
	char *path = mem_strdup(journal_path(j));
	struct journal_log log;
	struct buf whole = BUF_INIT;
	struct err e = { 0 };

	(void)state;
	add(j, JOURNAL_APPENDED, 1);
	add(j, JOURNAL_APPENDED, 2);
	journal_close(j);
	assert_int_equal(io_read_file(AT_FDCWD, path, 4096, &whole, &e), 0);
	/* Cut at every byte: what is read is always a beginning of what was written, and goes on from there. */
	for (size_t n = 0; n <= whole.len; n++) {
		size_t lines = 0, expected;

		for (size_t i = 0; i < n; i++)
			lines += whole.data[i] == '\n';
		expected = lines > 0 ? lines - 1 : 0;
		assert_int_equal(io_replace(AT_FDCWD, path, whole.data, n, 0600, &e), 0);
		if (lines == 0) {
			assert_int_equal(journal_read(path, &log, &e), -1);
			continue;
		}
		log = read_back(path);
		assert_int_equal(log.n, expected);
		journal_log_done(&log);
		assert_int_equal(journal_open(path, &j, &e), 0);
		add(j, JOURNAL_APPENDED, 9);
		journal_close(j);
		log = read_back(path);
		assert_int_equal(log.n, expected + 1);
		assert_int_equal(log.records[expected].uid, 9);
		journal_log_done(&log);
	}
	buf_done(&whole);
	free(path);
}

static void test_changing(void **state)
{
	static const char value[] = "a\tb\n%41\0c";
	struct journal *j = begin("c", "mail9", "an archive");
	struct journal_record r = { .kind = JOURNAL_CHANGING,
		.what = "annotation",
		.mailbox = "user.a b.Work",
		.uniqueid = "id-1",
		.key = "/shared/comment",
		.after = value,
		.after_len = sizeof value - 1 };
	struct journal_log log;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(journal_add(j, &r, &e), 0);
	assert_int_equal(journal_changing(j, "acl", "user.a", "id", "bob", "lrs", "", &e), 0);
	assert_int_equal(journal_changing(NULL, "acl", "user.a", "id", "bob", NULL, NULL, &e), 0);
	assert_int_equal(journal_read(journal_path(j), &log, &e), 0);
	assert_int_equal(log.n, 2);
	assert_string_equal(log.records[0].what, "annotation");
	assert_string_equal(log.records[0].key, "/shared/comment");
	assert_null(log.records[0].before);
	assert_int_equal(log.records[0].after_len, sizeof value - 1);
	assert_memory_equal(log.records[0].after, value, sizeof value - 1);
	assert_string_equal(log.records[1].before, "lrs");
	assert_string_equal(log.records[1].after, "");
	journal_log_done(&log);
	journal_close(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_round_trip), cmocka_unit_test(test_torn),
		cmocka_unit_test(test_changing) };

	return cmocka_run_group_tests(tests, setup, teardown);
}
