/* test_plan_json.c: plan files: what is read, what is refused, and in which words two plans differ. */
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
#include "restore/plan_json.h"

#define HEAD                                                                                               \
	"{\"format\":\"cyrvault-plan\",\"version\":1,\"server\":\"one\",\"made\":5,\"archive\":{\"word\":" \
	"\"a.cpio\"},"
#define REQUEST "\"request\":{\"user\":\"alice\",\"mode\":\"merge\"},"
#define BOX                                                                                                 \
	"{\"internal\":\"user.alice\",\"state\":\"differs\",\"live\":{\"uidnext\":12},\"append_uids\":\"1:" \
	"5\"}"
#define REST                                                                                                 \
	"\"mailboxes\":[" BOX "],\"steps\":[{\"words\":\"append\"},{\"words\":\"prove\"}],\"notes\":[\"n\"]" \
	                      ",\"connected\":[\"x\"]}"

static char *said;

static void collect(void *arg, const char *line)
{
	char *more = mem_printf("%s%s\n", said != NULL ? said : "", line);

	(void)arg;
	free(said);
	said = more;
}

static size_t differences(const char *was, const char *is)
{
	struct err e = { 0 };
	json_t *a = json_parse(was, strlen(was), "a", &e), *b = json_parse(is, strlen(is), "b", &e);
	size_t n;

	assert_non_null(a);
	assert_non_null(b);
	free(said);
	said = NULL;
	n = restore_plan_compare(a, b, collect, NULL);
	json_decref(a);
	json_decref(b);
	return n;
}

static void test_compare(void **state)
{
	static const char plan[] = HEAD REQUEST REST;

	(void)state;
	assert_int_equal(differences(plan, plan), 0);
	/* Times, and who is connected, make no difference. */
	assert_int_equal(
	    differences("{\"made\":1,\"connected\":[\"x\"]}", "{\"made\":2,\"connected\":[]}"), 0);
	assert_int_equal(
	    differences("{\"mailboxes\":[" BOX "]}",
		"{\"mailboxes\":[{\"internal\":\"user.alice\",\"state\":\"same\",\"live\":{\"uidnext\":13},"
		"\"append_uids\":\"1:5\"}]}"),
	    2);
	assert_string_equal(said, "mailboxes[user.alice].state: \"differs\" -> \"same\"\n"
				  "mailboxes[user.alice].live.uidnext: 12 -> 13\n");
	/* One more, one less: that one alone. */
	assert_int_equal(differences("{\"steps\":[{\"words\":\"a\"},{\"words\":\"b\"}]}",
			     "{\"steps\":[{\"words\":\"a\"},{\"words\":\"x\"},{\"words\":\"b\"}]}"),
	    1);
	assert_string_equal(said, "steps: nothing -> {\"words\":\"x\"}\n");
	assert_int_equal(differences("{\"notes\":[\"a\",\"b\"]}", "{\"notes\":[\"b\"]}"), 1);
	assert_string_equal(said, "notes: \"a\" -> nothing\n");
	/* In another order, or twice. */
	assert_int_equal(differences("{\"steps\":[\"a\",\"b\"]}", "{\"steps\":[\"b\",\"a\"]}"), 1);
	assert_int_equal(differences("{\"steps\":[\"a\"]}", "{\"steps\":[\"a\",\"a\"]}"), 1);
	assert_int_equal(differences("{\"archive\":{\"bytes\":1}}", "{\"archive\":{}}"), 1);
	assert_string_equal(said, "archive.bytes: 1 -> nothing\n");
	assert_int_equal(differences("{}", "{\"bytes\":1}"), 1);
	/* Nothing from outside disturbs a terminal. */
	assert_int_equal(differences("{\"why\":\"a\\u009b31m\\u001b\"}", "{\"why\":1}"), 1);
	assert_null(strchr(said, '\x1b'));
	assert_null(strstr(said, "\xc2\x9b"));
	free(said);
	said = NULL;
}

static void test_file(void **state)
{
	static const char *const bad[] = { "", "{}", "[]", "{\"format\":\"cyrvault-plan\"}",
		"{\"format\":\"cyrvault-case\",\"version\":1}",
		"{\"format\":\"cyrvault-plan\",\"version\":2,\"server\":\"one\",\"archive\":{\"word\":\"a\"}"
		"}",
		HEAD "\"x\":1}", HEAD "\"request\":{\"user\":\"a/b\",\"mode\":\"merge\"}}",
		"{\"format\":\"cyrvault-plan\",\"version\":1,\"server\":\"one\",\"archive\":\"a\"," REQUEST
		"\"x\":1}",
		"{\"format\":\"cyrvault-plan\",\"version\":1,\"server\":7,\"archive\":{\"word\":\"a\"}"
		"," REQUEST "\"x\":1}" };
	char path[] = "/tmp/test_plan_json.XXXXXX";
	int fd = mkstemp(path);
	struct restore_plan_file f;
	struct err e = { 0 };

	(void)state;
	assert_int_not_equal(fd, -1);
	close(fd);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(io_replace(AT_FDCWD, path, bad[i], strlen(bad[i]), 0600, &e), 0);
		if (restore_plan_file_read(path, &f, &e) == 0)
			fail_msg("taken: %s", bad[i]);
	}
	assert_int_equal(
	    io_replace(AT_FDCWD, path, HEAD REQUEST REST, strlen(HEAD REQUEST REST), 0600, &e), 0);
	assert_int_equal(restore_plan_file_read(path, &f, &e), 0);
	assert_string_equal(f.server, "one");
	assert_string_equal(f.archive, "a.cpio");
	assert_string_equal(f.request.user, "alice");
	restore_plan_file_done(&f);
	unlink(path);
	assert_int_equal(restore_plan_file_read(path, &f, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_compare), cmocka_unit_test(test_file) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
