/* test_audit.c: lines of the audit log: what they hold whatever the values hold, and that they are there whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "app/audit_impl.h"
#include "core/io.h"
#include "core/mem.h"

static char dir[] = "/tmp/cyrvault-audit.XXXXXX";
static char *path;

static json_t *parse(const char *line)
{
	json_t *j = json_loads(line, 0, NULL);

	assert_non_null(j);
	return j;
}

static const char *get(const json_t *j, const char *key)
{
	return json_string_value(json_object_get(j, key));
}

static struct audit_who someone(void)
{
	static char name[] = "root", tty[] = "pts/3", from[] = "2001:db8::7";

	return (struct audit_who){ .name = name, .tty = tty, .from = from, .uid = 0, .pid = 42 };
}

static void test_line(void **state)
{
	struct audit_who who = someone();
	struct app_audit a = { .verb = "show",
		.server = "mail1",
		.archive = "mail1-20261122T020000Z.cpio.gz",
		.mailbox = "example.org!user.bob.Work",
		.uids = "7",
		.messages = 1,
		.outcome = AUDIT_DONE };
	char *line = audit_line(&a, &who, 1795309323, "ticket 4711");

	(void)state;
	assert_string_equal(line, "{\"time\":\"2026-11-22T01:02:03Z\",\"operator\":\"root\",\"uid\":0,"
	                          "\"tty\":\"pts/3\",\"from\":\"2001:db8::7\","
				  "\"pid\":42,\"verb\":\"show\",\"server\":\"mail1\",\"archive\":\"mail1-"
	                          "20261122T020000Z.cpio.gz\","
				  "\"users\":[\"bob@example.org\"],\"mailbox\":\"example.org!user.bob.Work\","
	                          "\"uids\":\"7\",\"messages\":1,"
				  "\"reason\":\"ticket 4711\",\"outcome\":\"done\"}\n");
	free(line);
}

static void test_hostile_values(void **state)
{
	struct audit_who who = someone();
	const char *evil = "a\"}\n{\"verb\":\"x\"\r\033[2J\x7f\xc2\x9b\xe2\x80\xae\xff\\";
	struct app_audit a = { .verb = "export",
		.archive = evil,
		.mailbox = evil,
		.query = "caf\xc3\xa9\n",
		.outcome = AUDIT_FAILED,
		.message = evil };
	char *line = audit_line(&a, &who, 1, "caf\xc3\xa9\x7f\n");
	json_t *j = parse(line);

	(void)state;
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	for (const char *s = line; *s != '\n'; s++)
		assert_true(*s >= 0x20 && *s < 0x7f);
	assert_string_equal(get(j, "verb"), "export");
	assert_string_equal(get(j, "query"), "caf\xc3\xa9\n");
	assert_string_equal(get(j, "reason"), "caf\xc3\xa9\x7f\n");
	assert_string_equal(get(j, "outcome"), "failed");
	assert_non_null(strstr(get(j, "mailbox"), "\\xff"));
	assert_true(json_is_null(json_object_get(j, "server")));
	assert_int_equal(json_array_size(json_object_get(j, "users")), 0);
	json_decref(j);
	free(line);
}

static void test_many_users(void **state)
{
	struct audit_who who = someone();
	struct audit_users users = { 0 };
	struct app_audit a = { .verb = "find" };
	char name[32], *line;
	json_t *j;

	(void)state;
	audit_users_add(&users, "shared.news");
	audit_users_add(&users, "user.b.Work");
	audit_users_add(&users, "user.a");
	audit_users_add(&users, "user.b");
	assert_int_equal(users.n, 2);
	assert_string_equal(users.list[0], "a");
	assert_string_equal(users.list[1], "b");
	for (int i = 0; i < 1100; i++) {
		snprintf(name, sizeof name, "user.u%d", i);
		audit_users_add(&users, name);
	}
	a.users = (const char *const *)users.list;
	a.n_users = users.n;
	line = audit_line(&a, &who, 1, NULL);
	j = parse(line);
	assert_int_equal(json_array_size(json_object_get(j, "users")), AUDIT_USERS_MAX);
	assert_true(json_is_true(json_object_get(j, "users_cut")));
	json_decref(j);
	free(line);
	audit_users_done(&users);
}

static void test_from(void **state)
{
	char *from = audit_from("192.0.2.7 50122 198.51.100.1 22");

	(void)state;
	assert_string_equal(from, "192.0.2.7");
	free(from);
	assert_null(audit_from(NULL));
	assert_null(audit_from(""));
	assert_null(audit_from(" 22"));
}

static void contents(struct buf *b)
{
	buf_clear(b);
	assert_int_equal(io_read_file(AT_FDCWD, path, 1 << 20, b, NULL), 0);
}

static void test_append(void **state)
{
	struct buf b = BUF_INIT;
	struct err e = { 0 };
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(audit_append(path, "{\"a\":1}\n", &e), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* Somebody's power failed. */
	fd = open(path, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "{\"to", 4), 4);
	close(fd);
	assert_int_equal(audit_append(path, "{\"a\":2}\n", &e), 0);
	contents(&b);
	assert_string_equal(buf_text(&b), "{\"a\":1}\n{\"to\n{\"a\":2}\n");
	buf_done(&b);
	unlink(path);
	/* Not through a link, and into nothing but a file. */
	assert_int_equal(symlink("elsewhere", path), 0);
	assert_int_equal(audit_append(path, "{}\n", &e), -1);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(audit_append(path, "{}\n", &e), -1);
	unlink(path);
}

static void test_appended_at_once(void **state)
{
	enum { PROCESSES = 4, LINES = 25 };
	struct buf b = BUF_INIT;
	size_t n = 0;

	(void)state;
	for (int i = 0; i < PROCESSES; i++) {
		if (fork() == 0) {
			for (int k = 0; k < LINES; k++)
				if (audit_append(path,
					"{\"a\":\"0123456789012345678901234567890123456789\"}\n", NULL) == -1)
					_exit(1);
			_exit(0);
		}
	}
	for (int i = 0; i < PROCESSES; i++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	contents(&b);
	for (char *s = buf_text(&b)[0] != '\0' ? b.data : NULL, *end;
	     s != NULL && (end = strchr(s, '\n')) != NULL; s = end + 1, n++)
		assert_int_equal(end - s, strlen("{\"a\":\"0123456789012345678901234567890123456789\"}"));
	assert_int_equal(n, PROCESSES * LINES);
	buf_done(&b);
	unlink(path);
}

static int setup(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	path = mem_printf("%s/state/audit.log", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(path);
	return io_remove_tree(AT_FDCWD, dir, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_hostile_values),
		cmocka_unit_test(test_many_users),
		cmocka_unit_test(test_from),
		cmocka_unit_test(test_append),
		cmocka_unit_test(test_appended_at_once),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
