/* test_cyrus_conf.c: cyrus.conf of Debian, of the source, of nobody; addresses found in it; hostile bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "cyrus/cyrus_conf.h"

static const char debian[] =
    "# Debian defaults\n"
    "START {\n"
    "\t# do not delete this entry!\n"
    "\trecover\t\tcmd=\"/usr/sbin/cyrus ctl_cyrusdb -r\"\n"
    "  \n"
    "\t#idled\t\tcmd=\"idled\"\n"
    "}\n"
    "\n"
    "SERVICES {\n"
    "\timap\t\tcmd=\"imapd -U 30\" listen=\"imap\" prefork=0 maxchild=100\n"
    "\timaps\t\tcmd=\"imapd -s -U 30\" listen=\"imaps\" prefork=0 maxchild=100 # TLS\n"
    "  \tsieve\t\tcmd=\"timsieved\" listen=\"localhost:sieve\" prefork=0 maxchild=100\n"
    "\tlmtp\t\tcmd=\"lmtpd\" listen=\"localhost:2003\"\n"
    "\tlmtpunix\tcmd=\"lmtpd\" listen=\"/run/cyrus/socket/lmtp\" prefork=0 maxchild=20\n"
    "}\n"
    "EVENTS {\n"
    "\tcheckpoint\tcmd=\"/usr/sbin/cyrus ctl_cyrusdb -c\" period=30\n"
    "\tdelprune\tcmd=\"/usr/sbin/cyrus expire -E 3\" at=0401 }\n";

static struct cyrus_conf *parse(const char *text)
{
	struct cyrus_conf *c = NULL;
	struct err e = { 0 };

	if (cyrus_conf_parse(text, strlen(text), "cyrus.conf", &c, &e) == -1)
		fail_msg("%s", e.msg);
	return c;
}

static void assert_bad(const char *text, const char *message)
{
	struct cyrus_conf *c = NULL;
	struct err e = { 0 };

	assert_int_equal(cyrus_conf_parse(text, strlen(text), "cyrus.conf", &c, &e), -1);
	assert_int_equal(e.code, ERR_CONFIG);
	assert_string_equal(e.msg, message);
}

static void assert_imap(const char *service, const char *expected)
{
	char *text = mem_printf("SERVICES {\n%s\n}\n", service);
	struct cyrus_conf *c = parse(text);
	char *address = cyrus_conf_imap_address(c);

	if (expected == NULL)
		assert_null(address);
	else
		assert_string_equal(address, expected);
	free(address);
	free(text);
	cyrus_conf_free(c);
}

static void test_debian(void **state)
{
	struct cyrus_conf *c = parse(debian);
	char *address;

	(void)state;
	assert_int_equal(c->n, 8);
	assert_string_equal(c->entries[0].section, "START");
	assert_string_equal(c->entries[0].name, "recover");
	assert_string_equal(cyrus_conf_get(&c->entries[0], "cmd"), "/usr/sbin/cyrus ctl_cyrusdb -r");
	assert_string_equal(cyrus_conf_get(&c->entries[1], "maxchild"), "100");
	assert_null(cyrus_conf_get(&c->entries[1], "proto"));
	assert_string_equal(c->entries[7].section, "EVENTS");
	assert_string_equal(cyrus_conf_get(&c->entries[7], "at"), "0401");
	address = cyrus_conf_imap_address(c);
	assert_string_equal(address, "127.0.0.1:143");
	free(address);
	address = cyrus_conf_lmtp_address(c);
	assert_string_equal(address, "/run/cyrus/socket/lmtp");
	free(address);
	cyrus_conf_free(c);
}

static void test_addresses(void **state)
{
	(void)state;
	assert_imap("imap cmd=imapd listen=1143", "127.0.0.1:1143");
	assert_imap("imap cmd=\"/usr/lib/cyrus/bin/imapd -C /x\" listen=\"[::1]:143\"", "[::1]:143");
	assert_imap("imap cmd=imapd listen=\"[::]:143\"", "[::1]:143");
	assert_imap("imap cmd=imapd listen=\"imap\" proto=tcp6", "[::1]:143");
	assert_imap("imap cmd=imapd listen=\"*:imap\"", "127.0.0.1:143");
	assert_imap("imap cmd=imapd listen=\"0.0.0.0:10143\"", "127.0.0.1:10143");
	assert_imap("imap cmd=imapd listen=\"192.0.2.7:143\"", "192.0.2.7:143");
	assert_imap("imap cmd=imapd listen=\"/run/imap\"", "/run/imap");
	assert_imap("out cmd=imapd listen=192.0.2.7:143\nin cmd=imapd listen=127.0.0.1:143", "127.0.0.1:143");
	assert_imap("out cmd=imapd listen=192.0.2.7:143\nin cmd=imapd listen=192.0.2.8:143", "192.0.2.7:143");
	assert_imap("imaps cmd=\"imapd -s\" listen=993", NULL);
	assert_imap("imaps cmd=\"imapd -U 30 -s\" listen=993", NULL);
	assert_imap("imap cmd=\"imapd -size\" listen=143", "127.0.0.1:143");
	assert_imap("imap cmd=\"notimapd\" listen=143", NULL);
	assert_imap("imap cmd=\"imapd\" listen=no-such-service-name", NULL);
	assert_imap("imap cmd=\"imapd\" listen=99999", NULL);
	assert_imap("imap cmd=\"imapd\" listen=\"[::1:143\"", NULL);
	assert_imap("imap cmd=\"imapd\" listen=\"\"", NULL);
	assert_imap("imap cmd=\"imapd\"", NULL);
	assert_imap("imap listen=143", NULL);
}

static void test_syntax(void **state)
{
	struct cyrus_conf *c;

	(void)state;
	c = parse("services { imap cmd=imapd listen=143 }\nDAEMON {\n\tidled CMD=\"idled\"\n}\n");
	assert_int_equal(c->n, 2);
	assert_string_equal(c->entries[0].section, "SERVICES");
	assert_string_equal(cyrus_conf_get(&c->entries[0], "listen"), "143");
	assert_string_equal(cyrus_conf_get(&c->entries[1], "cmd"), "idled");
	cyrus_conf_free(c);

	c = parse("SERVICES {\r\n imap cmd=\"imapd\" \\\r\n listen=\"143\" \\\n\n x cmd=y\r\n}\r\n");
	assert_int_equal(c->n, 2);
	assert_string_equal(cyrus_conf_get(&c->entries[0], "listen"), "143");
	cyrus_conf_free(c);

	c = parse("");
	assert_int_equal(c->n, 0);
	cyrus_conf_free(c);
	c = parse("EVENTS {\n} # nothing");
	assert_int_equal(c->n, 0);
	cyrus_conf_free(c);

	assert_bad("imap cmd=x\n", "cyrus.conf line 1: expected a section, as in SERVICES {");
	assert_bad("\nSERVICES\n{\n}\n", "cyrus.conf line 2: expected a section, as in SERVICES {");
	assert_bad("SERVICES {\n imap cmd=\"x\n}\n", "cyrus.conf line 2: a quoted value has no end");
	assert_bad("SERVICES {\n imap cmd x\n}\n", "cyrus.conf line 2: expected key=value");
	assert_bad("SERVICES {\n =x\n}\n", "cyrus.conf line 2: expected a name");
	assert_bad("SERVICES {\n imap:x\n}\n", "cyrus.conf line 2: expected a name");
	assert_bad("SERVICES {\n imap cmd=x\n", "cyrus.conf: section SERVICES has no end");
}

static void test_bounds(void **state)
{
	size_t n = 3 << 20, at = 0;
	char *big = malloc(n);
	struct cyrus_conf *c = NULL;
	struct err e = { 0 };

	(void)state;
	assert_non_null(big);
	memset(big, 'x', n);
	assert_int_equal(cyrus_conf_parse(big, n, "cyrus.conf", &c, &e), -1);
	assert_int_equal(cyrus_conf_parse("START { a\0b }", 13, "cyrus.conf", &c, &e), -1);
	at = (size_t)sprintf(big, "SERVICES {\n");
	for (int i = 0; i < 10001; i++)
		at += (size_t)sprintf(big + at, "s%d cmd=x\n", i);
	assert_int_equal(cyrus_conf_parse(big, at, "cyrus.conf", &c, &e), -1);
	assert_string_equal(e.msg, "cyrus.conf line 10002: too many entries");
	at = (size_t)sprintf(big, "SERVICES {\ns");
	for (int i = 0; i < 65; i++)
		at += (size_t)sprintf(big + at, " k%d=x", i);
	assert_int_equal(cyrus_conf_parse(big, at, "cyrus.conf", &c, &e), -1);
	assert_string_equal(e.msg, "cyrus.conf line 2: too many values");
	assert_int_equal(cyrus_conf_load("/nonexistent/cyrus.conf", &c, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	free(big);
}

/* Every cut and many single-byte changes of a good file: never a crash, always an answer. */
static void test_mutations(void **state)
{
	size_t n = sizeof debian - 1;
	char *copy = malloc(n);

	(void)state;
	assert_non_null(copy);
	for (size_t i = 0; i < n; i++) {
		static const char bytes[] = "\0\"{}=#\\\n ";
		struct cyrus_conf *c = NULL;
		char *cut = mem_dup(debian, i);

		if (cyrus_conf_parse(cut, i, "cut", &c, NULL) == 0)
			cyrus_conf_free(c);
		free(cut);
		for (size_t k = 0; k < sizeof bytes - 1; k++) {
			memcpy(copy, debian, n);
			copy[i] = bytes[k];
			c = NULL;
			if (cyrus_conf_parse(copy, n, "changed", &c, NULL) == 0) {
				free(cyrus_conf_lmtp_address(c));
				cyrus_conf_free(c);
			}
		}
	}
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_debian),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_syntax),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
