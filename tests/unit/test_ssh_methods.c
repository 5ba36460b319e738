/* test_ssh_methods.c: what can be told from the lists of algorithms that a host greets with, whole and cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/mem.h"
#include "store/ssh_lib.h"

static struct ssh_lib lib;

/* A greeting with these lists in place of those that we all know; NULL: nothing but what we know. */
static size_t greet(
    uint8_t *p, const char *before, const char *host_keys, const char *ciphers, const char *macs)
{
	const char *lists[10] = { "x,curve25519-sha256", host_keys != NULL ? host_keys : "ssh-ed25519",
		ciphers != NULL ? ciphers : "aes128-ctr", ciphers != NULL ? ciphers : "aes128-ctr",
		macs != NULL ? macs : "hmac-sha2-256", macs != NULL ? macs : "hmac-sha2-256", "none,zlib",
		"none", "", "" };
	size_t n = 0, head;

	n += (size_t)sprintf((char *)p, "%sSSH-2.0-Test\r\n", before);
	head = n;
	memset(p + n, 0, 5 + 17);
	p[n + 5] = 20;
	n += 5 + 17;
	for (size_t i = 0; i < 10; i++) {
		put_be32(p + n, (uint32_t)strlen(lists[i]));
		memcpy(p + n + 4, lists[i], strlen(lists[i]));
		n += 4 + strlen(lists[i]);
	}
	put_be32(p + head, (uint32_t)(n - head - 4));
	return n;
}

static char *why(const uint8_t *p, size_t n)
{
	/* Of just that size: what is read past its end is seen. */
	uint8_t *exact = mem_alloc(n > 0 ? n : 1);
	char *ret;

	memcpy(exact, p, n);
	lib.greeting = (struct buf){ .data = (char *)exact, .len = n };
	ret = lib_methods_why(&lib);
	free(exact);
	return ret;
}

static void check(const char *host_keys, const char *ciphers, const char *macs, const char *want)
{
	uint8_t p[4096];
	char *got = why(p, greet(p, "", host_keys, ciphers, macs));

	if (want == NULL)
		assert_null(got);
	else
		assert_string_equal(got, want);
	free(got);
}

static void test_lists(void **state)
{
	(void)state;
	check(NULL, NULL, NULL, NULL);
	check("rot13-sha0,ssh-ed25519", "rot13,aes256-ctr", "crc32,hmac-sha2-512", NULL);
	check(NULL, "rot13,aes128-ct,aes128-ctrx", NULL, "its ciphers (rot13,aes128-ct,aes128-ctrx)");
	check(NULL, NULL, "", "its MACs ()");
	check("ssh-dss,ssh-rsa", "rot13", NULL, "its kinds of host key (ssh-dss,ssh-rsa)");
	check(NULL, NULL, "bad\x1b[31m", "its MACs (bad\\x1b[31m)");
}

static void test_cut(void **state)
{
	uint8_t p[4096];
	size_t n = greet(p, "hello\r\nthere\n", NULL, "rot13", NULL);
	char *got = why(p, n);

	(void)state;
	assert_string_equal(got, "its ciphers (rot13)");
	free(got);
	for (size_t i = 0; i < n; i++) {
		got = why(p, i);
		if (got != NULL)
			assert_string_equal(got, "its ciphers (rot13)");
		free(got);
		p[i] ^= 0xff;
		free(why(p, n));
		p[i] ^= 0xff;
	}
}

static int setup(void **state)
{
	(void)state;
	lib.session = libssh2_session_init();
	return lib.session != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return libssh2_session_free(lib.session);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
