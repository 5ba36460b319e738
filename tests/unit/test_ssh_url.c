/* test_ssh_url.c: urls of stores on another host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "store/ssh.h"

static void check(const char *url, const char *user, const char *host, unsigned port, const char *path)
{
	struct ssh_target t;
	struct err e = { 0 };

	if (ssh_parse_url(url, &t, &e) == -1)
		fail_msg("%s: %s", url, e.msg);
	if (user == NULL)
		assert_null(t.user);
	else
		assert_string_equal(t.user, user);
	assert_string_equal(t.host, host);
	assert_int_equal(t.port, port);
	assert_string_equal(t.path, path);
	ssh_target_done(&t);
	assert_null(t.host);
}

static void test_good(void **state)
{
	(void)state;
	check(
	    "sftp://vault@store.example.org:2222/srv/mail", "vault", "store.example.org", 2222, "/srv/mail");
	check("sftp://store/srv", NULL, "store", 0, "/srv");
	check("sftp://store/srv/", NULL, "store", 0, "/srv");
	check("sftp://store/", NULL, "store", 0, "/");
	check("sftp://[::1]:22/a", NULL, "::1", 22, "/a");
	check("sftp://u@[fe80::1%eth0]/a", "u", "fe80::1%eth0", 0, "/a");
	check("sftp://127.0.0.1:65535/a", NULL, "127.0.0.1", 65535, "/a");
	check("sftp://store/~", NULL, "store", 0, ".");
	check("sftp://store/~/", NULL, "store", 0, ".");
	check("sftp://store/~/mail/x", NULL, "store", 0, "mail/x");
	check("sftp://store/~bob/x", NULL, "store", 0, "/~bob/x");
	check("sftp://a%2eb@store/with%20blank/%C3%A4", "a.b", "store", 0, "/with blank/\xc3\xa4");
	check("sftp://store/a@b:c", NULL, "store", 0, "/a@b:c");
	check("sftp://DOM_u+x@store/a", "DOM_u+x", "store", 0, "/a");
}

static void test_bad(void **state)
{
	static const char *const urls[] = { "", "dir:/x", "sftp:", "sftp://", "sftp:///x", "sftp://host",
		"sftp://@host/x", "sftp://user:secret@host/x", "sftp://host:/x", "sftp://host:0/x",
		"sftp://host:65536/x", "sftp://host:22x/x", "sftp://host:+22/x", "sftp://host:-1/x",
		"sftp://-oProxyCommand=x/x", "sftp://-u@host/x", "sftp://a b@host/x", "sftp://ho st/x",
		"sftp://ho*st/x", "sftp://[::1/x", "sftp://[]/x", "sftp://[::1]x/x", "sftp://[::1]22/x",
		"sftp://host/a%", "sftp://host/a%0", "sftp://host/a%zz", "sftp://host/a%00b",
		"sftp://host/a%0ab", "sftp://host/a\nb", "sftp://a%0a@host/x", "sftp://a%00@host/x",
		"sftp://h,i/x", "sftp://::1/x", "sftp://$(x)@host/x", "sftp://host\t/x" };

	(void)state;
	for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
		struct ssh_target t;
		struct err e = { 0 };

		if (ssh_parse_url(urls[i], &t, &e) != -1)
			fail_msg("%s passed as %s of %s", urls[i], t.path, t.host);
		assert_int_equal(e.code, ERR_CONFIG);
		assert_true(e.hint[0] != '\0');
		assert_null(t.host);
		assert_null(t.user);
	}
}

/* A password in a url is not shown again by what complains about it. */
static void test_secret(void **state)
{
	struct ssh_target t;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(ssh_parse_url("sftp://user:hunter2@host/x", &t, &e), -1);
	assert_null(strstr(e.msg, "hunter2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
