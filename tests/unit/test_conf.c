/* test_conf.c: our own configuration: what is read, what is refused and where, what is supplied. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/conf.h"
#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"

static char *path;

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	int fd;

	(void)state;
	path = mem_printf("%s/test_conf.XXXXXX", tmp != NULL ? tmp : "/tmp");
	fd = mkstemp(path);
	if (fd != -1)
		close(fd);
	return fd == -1 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	free(path);
	return 0;
}

static int load_bytes(const char *text, size_t n, struct conf **ret, struct err *e)
{
	if (io_replace(AT_FDCWD, path, text, n, 0600, e) == -1)
		fail_msg("%s", e->msg);
	return conf_load(path, ret, e);
}

static struct conf *load(const char *text)
{
	struct conf *c;
	struct err e = { 0 };

	if (load_bytes(text, strlen(text), &c, &e) == -1)
		fail_msg("%s", e.msg);
	return c;
}

/* Refused, with these words in the message and in the advice. */
static void refused(const char *text, const char *words, const char *hint)
{
	struct conf *c;
	struct err e = { 0 };

	if (load_bytes(text, strlen(text), &c, &e) == 0)
		fail_msg("taken: %s", text);
	assert_int_equal(e.code, ERR_CONFIG);
	if (strstr(e.msg, words) == NULL || strstr(e.hint, hint) == NULL)
		fail_msg("%s\n  next: %s", e.msg, e.hint);
	assert_true(e.hint[0] != '\0');
}

static void test_everything(void **state)
{
	struct conf *c = load("# comment\n"
			      "; comment\n"
			      "\n"
			      "[server \"mail1\"]\n"
			      "imapd_conf = /a/imapd.conf\n"
			      "cyrus_conf=/a/cyrus.conf\n"
			      "cyrus_bin\t=  /a/bin  \n"
			      "imap = [::1]:143\n"
			      "imap_admin = cyrus\n"
			      "imap_password_file = /a/secret\n"
			      "extra = /one\n"
			      "extra = /two three\n"
			      "snapshot = none\n"
			      "stores = far, near\n"
			      "hold_ms = 150\n"
			      "lock_wait_ms = 0\n"
			      "[store \"near\"]\n"
			      "url = dir:/near\n"
			      "[server \"mail.2_b\"]\r\n"
			      "imap_admin = other\r\n"
			      "[store \"far\"]\n"
			      "url = /far\n"
			      "[state]\n"
			      "directory = /state\n"
			      "lock_directory = /locks\n"
			      "log_file =\n");
	struct err e = { 0 };

	(void)state;
	assert_string_equal(c->path, path);
	assert_int_equal(c->n_servers, 2);
	assert_string_equal(c->servers[0].name, "mail1");
	assert_string_equal(c->servers[0].imapd_conf, "/a/imapd.conf");
	assert_string_equal(c->servers[0].cyrus_conf, "/a/cyrus.conf");
	assert_string_equal(c->servers[0].cyrus_bin, "/a/bin");
	assert_string_equal(c->servers[0].imap, "[::1]:143");
	assert_string_equal(c->servers[0].imap_password_file, "/a/secret");
	assert_int_equal(c->servers[0].n_extra, 2);
	assert_string_equal(c->servers[0].extra[1], "/two three");
	assert_string_equal(c->servers[0].snapshot, "none");
	assert_string_equal(c->servers[0].stores, "far, near");
	assert_int_equal(c->servers[0].hold_ms, 150);
	assert_int_equal(c->servers[0].lock_wait_ms, 0);
	assert_string_equal(c->servers[1].name, "mail.2_b");
	assert_string_equal(c->servers[1].imap_admin, "other");
	assert_int_equal(c->n_stores, 2);
	assert_string_equal(c->state_directory, "/state");
	assert_string_equal(c->lock_directory, "/locks");
	assert_string_equal(c->log_file, "");
	assert_ptr_equal(conf_find_server(c, NULL, &e), &c->servers[0]);
	assert_ptr_equal(conf_find_server(c, "mail.2_b", &e), &c->servers[1]);
	assert_null(conf_find_server(c, "mail", &e));
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_true(e.hint[0] != '\0');
	assert_ptr_equal(conf_find_store(c, NULL, &e), &c->stores[0]);
	assert_ptr_equal(conf_find_store(c, "far", &e), &c->stores[1]);
	assert_null(conf_find_store(c, "\033", &e));
	assert_non_null(strstr(e.msg, "\\x1b"));
	conf_free(c);
	conf_free(NULL);
}

static void test_defaults(void **state)
{
	struct conf *c = load("");
	char host[65] = "";

	(void)state;
	gethostname(host, sizeof host - 1);
	host[strcspn(host, ".")] = '\0';
	assert_int_equal(c->n_servers, 1);
	assert_string_equal(c->servers[0].name, host);
	assert_string_equal(c->servers[0].imapd_conf, "/etc/imapd.conf");
	assert_string_equal(c->servers[0].cyrus_conf, "/etc/cyrus.conf");
	assert_null(c->servers[0].cyrus_bin);
	assert_null(c->servers[0].stores);
	assert_string_equal(c->servers[0].snapshot, "auto");
	assert_int_equal(c->servers[0].hold_ms, 2000);
	assert_int_equal(c->servers[0].lock_wait_ms, 30000);
	assert_int_equal(c->n_stores, 1);
	assert_string_equal(c->stores[0].url, "dir:/var/backups/cyrvault");
	assert_string_equal(c->state_directory, "/var/lib/cyrvault");
	assert_string_equal(c->lock_directory, "/run/cyrvault");
	assert_string_equal(c->log_file, "/var/log/cyrvault.log");
	conf_free(c);
	/* Who keeps the state elsewhere keeps all of it there. */
	c = load("[state]\ndirectory = /mine\n");
	assert_string_equal(c->lock_directory, "/mine/lock");
	assert_string_equal(c->log_file, "/mine/cyrvault.log");
	conf_free(c);
}

static void test_console(void **state)
{
	struct conf *c = load("");

	(void)state;
	assert_int_equal(c->console.theme, CONF_THEME_AUTO);
	assert_int_equal(c->console.ascii, CONF_AUTO);
	assert_false(c->console.mouse || c->console.read_only);
	assert_int_equal(c->n_keys + c->n_colors, 0);
	conf_free(c);
	c = load("[console]\ntheme = mono\nascii = no\nmouse = yes\nread_only = yes\n");
	assert_int_equal(c->console.theme, CONF_THEME_MONO);
	assert_int_equal(c->console.ascii, CONF_NO);
	assert_true(c->console.mouse && c->console.read_only);
	conf_free(c);
	c = load("[console]\ntheme = dark\ntheme = light\nascii = yes\nmouse = no\n");
	assert_int_equal(c->console.theme, CONF_THEME_LIGHT);
	assert_int_equal(c->console.ascii, CONF_YES);
	assert_false(c->console.mouse || c->console.read_only);
	conf_free(c);
	c = load("[console]\ntheme = dark\nascii = auto\n");
	assert_int_equal(c->console.theme, CONF_THEME_DARK);
	assert_int_equal(c->console.ascii, CONF_AUTO);
	conf_free(c);
	refused("[console]\n\ntheme = blue\n", "line 3: not a value for it: \"blue\"", "theme: auto, dark");
	refused("[console]\nmouse = auto\n", "line 2: not a value for it: \"auto\"", "mouse: yes or no");
	refused("[console]\nread_only = Yes\n", "not a value for it: \"Yes\"", "read_only");
	refused("[console]\nascii =\n", "not a value for it: \"\"", "ascii");
	refused("[console]\nascii = yes|no\n", "not a value", "ascii");
	refused("[console]\nreadonly = yes\n", "unknown key \"readonly\"", "\"read_only\"");
	refused("[console \"x\"]\ntheme = dark\n", "unknown section", "[console]");
	refused("[color]\nx = y\n", "unknown section \"color\"", "[colors]");
}

static void test_pairs(void **state)
{
	struct conf *c = load("[keys]\n"
			      "restore = R F5\n"
			      "  any words = x = y\n"
			      "restore = r\n"
			      "quit =\n"
			      "[colors]\n"
			      "good = green bold ; comment\n"
			      "[keys]\n"
			      "help = ?\n");

	(void)state;
	assert_int_equal(c->n_keys, 5);
	assert_string_equal(c->keys[0].name, "restore");
	assert_string_equal(c->keys[0].value, "R F5");
	assert_string_equal(c->keys[0].file, path);
	assert_int_equal(c->keys[0].line, 2);
	assert_string_equal(c->keys[1].name, "any words");
	assert_string_equal(c->keys[1].value, "x = y");
	assert_string_equal(c->keys[2].value, "r");
	assert_string_equal(c->keys[3].value, "");
	assert_int_equal(c->keys[3].line, 5);
	assert_int_equal(c->keys[4].line, 9);
	assert_int_equal(c->n_colors, 1);
	assert_string_equal(c->colors[0].name, "good");
	assert_string_equal(c->colors[0].value, "green bold");
	assert_int_equal(c->colors[0].line, 7);
	conf_free(c);
	refused("[keys \"x\"]\na = b\n", "unknown section", "[keys]");
	refused("[keys]\nrestore\n", "line 2: neither", "#");
}

static void test_unknown(void **state)
{
	(void)state;
	refused("[server \"a\"]\n\nimapd_cnf = /x\n", "line 3: unknown key \"imapd_cnf\"",
	    "did you mean \"imapd_conf\"?");
	refused("[server \"a\"]\nurl = dir:/x\n", "line 2: unknown key \"url\"", "cyrvault.conf(5)");
	refused("[store \"a\"]\nulr = dir:/x\n", "unknown key \"ulr\"", "\"url\"");
	refused("[state]\nlogfile = /x\n", "unknown key \"logfile\"", "\"log_file\"");
	refused("[state]\nx\033[2J = /x\n", "\\x1b[2J", "cyrvault.conf(5)");
	/* Keys are written one way. */
	refused("[server \"a\"]\nImapd_conf = /x\n", "unknown key", "imapd_conf");
}

static void test_sections(void **state)
{
	static const char *const bad[] = { "[sevrer \"a\"]\n", "[server]\n", "[server a]\n",
		"[server \"\"]\n", "[server \"a\" \"b\"]\n", "[server \"a/b\"]\n", "[server \".a\"]\n",
		"[server \"-a\"]\n", "[server \"a b\"]\n", "[state \"x\"]\n", "[]\n", "",
		"[server \"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggg\"]\n" };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char *text = mem_printf("%simap_admin = x\n", bad[i]);

		refused(text, "unknown section", "[server \"NAME\"]");
		free(text);
	}
}

static void test_values(void **state)
{
	(void)state;
	refused("[server \"a\"]\nimapd_conf = etc/imapd.conf\n",
	    "line 2: not an absolute path: \"etc/imapd.conf\"", "imapd_conf");
	refused("[server \"a\"]\nextra = x\n", "not an absolute path", "extra");
	refused("[server \"a\"]\ncyrus_bin =\n", "not an absolute path", "cyrus_bin");
	refused("[server \"a\"]\nhold_ms = 2s\n", "not a number of milliseconds: \"2s\"", "hold_ms");
	refused("[server \"a\"]\nhold_ms = -1\n", "not a number", "hold_ms");
	refused("[server \"a\"]\nlock_wait_ms = 3600001\n", "not a number", "lock_wait_ms");
	refused("[server \"a\"]\nimap_admin\n", "line 2: neither [section] nor key = value", "#");
	refused("[server \"a\"\nimap_admin = x\n", "line 1: a section without its closing ]", "[server");
	refused("[store \"a\"]\nurl = dir:/x\n[store \"b\"]\n[server \"m\"]\nstores = a, c\n",
	    "there is no [store \"c\"]", "\"a\"");
}

static void test_long_lines(void **state)
{
	struct conf *c;
	struct err e = { 0 };
	char text[600], *at;
	size_t n = (size_t)snprintf(text, sizeof text, "[server \"a\"]\nextra = /");

	(void)state;
	/* Whatever the longest is: not a byte of a value is lost without a word. */
	for (size_t len = 100; len < 400; len++) {
		memset(text + n, 'x', len);
		strcpy(text + n + len, "y\nimap_admin = z\n");
		if (load_bytes(text, strlen(text), &c, &e) == -1) {
			assert_non_null(strstr(e.msg, "line 2: longer than"));
			assert_true(len > 150);
			continue;
		}
		at = c->servers[0].extra[0];
		assert_int_equal(strlen(at), len + 2);
		assert_true(at[len + 1] == 'y' && c->servers[0].n_extra == 1);
		assert_string_equal(c->servers[0].imap_admin, "z");
		conf_free(c);
	}
	memset(text, '#', 300);
	strcpy(text + 300, "\n");
	refused(text, "line 1: longer than", "");
}

/* An indented key is a key, not more of the value above. */
static void test_indented(void **state)
{
	struct conf *c = load("  [server \"a\"]\n\tsnapshot = none\n\t  imap_admin = cyrus\n   # comment\n\n "
			      " [store \"s\"]\n  url = dir:/x\n");

	(void)state;
	assert_string_equal(c->servers[0].snapshot, "none");
	assert_string_equal(c->servers[0].imap_admin, "cyrus");
	assert_string_equal(c->stores[0].url, "dir:/x");
	conf_free(c);
	refused("[server \"a\"]\nsnapshot = none\n  imap_admim = cyrus\n",
	    "line 3: unknown key \"imap_admim\"", "imap_admin");
}

static void test_files(void **state)
{
	struct conf *c;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(conf_load("/nowhere/cyrvault.conf", &c, &e), -1);
	assert_int_equal(e.code, ERR_CONFIG);
	assert_non_null(strstr(e.msg, "/nowhere/cyrvault.conf: No such file"));
	assert_true(e.hint[0] != '\0');
	assert_int_equal(conf_load("/", &c, &e), -1);
	assert_int_equal(e.code, ERR_CONFIG);
	/* Without a byte order mark, with one, and with bytes of any kind. */
	c = load("\xef\xbb\xbf[server \"a\"]\nimap_admin = x\n");
	assert_string_equal(c->servers[0].name, "a");
	conf_free(c);
	for (unsigned v = 0; v < 256; v++) {
		char text[] = "[server \"a\"]\nimap_admin = ?\n?\n";

		text[strlen(text) - 2] = (char)v;
		*strchr(text, '?') = (char)v;
		if (load_bytes(text, sizeof text - 1, &c, &e) == 0)
			conf_free(c);
		else
			assert_int_equal(e.code, ERR_CONFIG);
	}
}

static void test_keys(void **state)
{
	const char *section, *key, *about;
	size_t n = 0;

	(void)state;
	for (;; n++) {
		conf_keys(n, &section, &key, &about);
		if (section == NULL)
			break;
		assert_true(key[0] != '\0' && about[0] != '\0');
	}
	assert_true(n >= 19);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_everything),
		TEST(test_defaults),
		TEST(test_console),
		TEST(test_pairs),
		TEST(test_unknown),
		TEST(test_sections),
		TEST(test_values),
		TEST(test_long_lines),
		TEST(test_indented),
		TEST(test_files),
		TEST(test_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
