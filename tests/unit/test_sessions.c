/* test_sessions.c: what Cyrus's processes say of themselves: each series' form, files of the dead, hostile bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/io.h"
#include "core/mem.h"
#include "cyrus/sessions.h"

static void assert_session(
    const char *text, const char *service, const char *host, const char *user, const char *mailbox)
{
	struct session s;

	assert_true(session_parse(text, strlen(text), &s));
	assert_string_equal(s.service, service);
	assert_string_equal(s.host, host);
	assert_string_equal(s.user, user);
	assert_string_equal(s.mailbox, mailbox);
	session_done(&s);
}

static void assert_none(const char *text, size_t n)
{
	struct session s;

	assert_false(session_parse(text, n, &s));
	session_done(&s);
}

static void each_series(void **state)
{
	(void)state;
	assert_session("imap\tlocalhost [127.0.0.1]\talice\tuser.alice.Work.Proj A\t\n", "imap",
	    "localhost [127.0.0.1]", "alice", "user.alice.Work.Proj A");
	assert_session(
	    "imap\tlocalhost [127.0.0.1]\tbob\t\tNoop\n", "imap", "localhost [127.0.0.1]", "bob", "");
	assert_session("lmtp\t[unix socket]\t\t\t\n", "lmtp", "[unix socket]", "", "");
	assert_session("imap\tpc7 [10.0.0.7]\n", "imap", "pc7 [10.0.0.7]", "", "");
	assert_session("imap\tpc7 [10.0.0.7]\talice\n", "imap", "pc7 [10.0.0.7]", "alice", "");
	assert_session(
	    "imap\tpc7 [10.0.0.7]\talice\tuser.alice\n", "imap", "pc7 [10.0.0.7]", "alice", "user.alice");
	assert_session("imap\tpc7\talice\tuser.alice\r\n", "imap", "pc7", "alice", "user.alice");
}

static void hostile(void **state)
{
	(void)state;
	assert_none("", 0);
	assert_none("\n", 1);
	assert_none("imap\n", 5);
	assert_none("imap\thost\tuser\tuser.alice", 26);
	assert_none("imap\thost\0x\tuser\n", 17);
}

static void put(const char *dir, long pid, const char *suffix, const char *text)
{
	char *path = mem_printf("%s/%ld%s", dir, pid, suffix);

	assert_int_equal(io_replace(AT_FDCWD, path, text, strlen(text), 0600, NULL), 0);
	free(path);
}

static void those_alive(void **state)
{
	char dir[] = "/tmp/test_sessions.XXXXXX", *path;
	struct imapd_conf conf = { .procpath = dir };
	struct sessions s;
	struct err e;
	pid_t dead;

	(void)state;
	assert_non_null(mkdtemp(dir));
	dead = fork();
	if (dead == 0)
		_exit(0);
	assert_int_equal(waitpid(dead, NULL, 0), dead);
	put(dir, getpid(), "", "imap\thost\talice\tuser.alice\t\n");
	put(dir, getppid(), ".new", "imap\thost\tbob\tuser.alice\t\n");
	put(dir, dead, "", "imap\thost\tcarol\tuser.alice\t\n");
	put(dir, 0, "", "imap\thost\tdave\tuser.alice\t\n");
	assert_int_equal(sessions_read(&conf, &s, &e), 0);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.list[0].pid, getpid());
	assert_string_equal(s.list[0].user, "alice");
	assert_int_equal(sessions_count(&s, "user.alice"), 1);
	assert_int_equal(sessions_count(&s, "user.alice.Work"), 0);
	sessions_done(&s);
	path = mem_printf("rm -r %s", dir);
	assert_int_equal(system(path), 0);
	free(path);
	/* A server that never ran. */
	assert_int_equal(sessions_read(&conf, &s, &e), 0);
	assert_int_equal(s.n, 0);
	sessions_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_series),
		cmocka_unit_test(hostile),
		cmocka_unit_test(those_alive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
