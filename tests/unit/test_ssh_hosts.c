/* test_ssh_hosts.c: known host keys, and what files of private keys tell without their passphrase. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/io.h"
#include "core/mem.h"
#include "store/ssh_hosts.h"
#include "store/ssh_key.h"

#define ED25519 "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO2L5iF3kOIFm+FTFHjEbewyVzcjY8e/qwJ4QattZDM6"
#define OTHER   "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICHO1LG+NCz/75MYqBHtzSuEuy6a1NMpuxDhvidggSZy"
#define ECDSA                                                                                        \
	"ecdsa-sha2-nistp256 "                                                                       \
	"AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBAjWq9iaxeAVEJDapMNHbKEjv/dbEbRu8ByoN/" \
	"FUyatKmQWn6rQ/Y3nIyHLKR2mdkMbM8rt+TqPTZlq/USRYfRs="
/* As ssh-keygen -H writes "a.example" and "[127.0.0.1]:2299". */
#define HASHED      "|1|6eBdl7akOrAAYQCbJW1+1GPpxXY=|QuhQ/74it1Sj8+aGr5ntOg/t+ZA="
#define HASHED_PORT "|1|LZR5k5BiPS7A+Hh573pqBrwhXkc=|p8KneNXesVQeIeWQeXNxt25l9HI="

static uint8_t *blob_of(const char *key, size_t *n)
{
	const char *data = strchr(key, ' ') + 1;
	uint8_t *blob = ssh_unbase64(data, strlen(data), n);

	assert_non_null(blob);
	return blob;
}

/* What a file with this text says of the host when it shows ${key}. */
static enum ssh_verdict verdict(
    const char *text, const char *host, unsigned port, const char *key, unsigned *line)
{
	struct ssh_hosts h = { .name = ssh_hosts_name(host, port) };
	const struct ssh_known *k = NULL;
	enum ssh_verdict ret;
	size_t n;
	uint8_t *blob = blob_of(key, &n);

	ssh_hosts_parse(&h, text, strlen(text), "file");
	ret = ssh_hosts_check(&h, blob, n, &k);
	*line = k != NULL ? k->line : 0;
	free(blob);
	ssh_hosts_done(&h);
	return ret;
}

static void check(const char *text, const char *host, unsigned port, const char *key, enum ssh_verdict want,
    unsigned want_line)
{
	unsigned line;
	enum ssh_verdict got = verdict(text, host, port, key, &line);

	if (got != want || line != want_line)
		fail_msg("%s:%u is %d by line %u of:\n%s", host, port, got, line, text);
}

static void test_names(void **state)
{
	(void)state;
	check("", "a.example", 22, ED25519, SSH_HOST_UNKNOWN, 0);
	check("a.example " ED25519 "\n", "a.example", 22, ED25519, SSH_HOST_KNOWN, 1);
	check("a.example " ED25519, "A.Example", 22, ED25519, SSH_HOST_KNOWN, 1);
	check("A.EXAMPLE " ED25519, "a.example", 22, ED25519, SSH_HOST_KNOWN, 1);
	check("# a comment\n\n\t a.example\t" ED25519 " comment of it\r\n", "a.example", 22, ED25519,
	    SSH_HOST_KNOWN, 3);
	check("a.example " ED25519, "a.example", 2222, ED25519, SSH_HOST_UNKNOWN, 0);
	check("[a.example]:2222 " ED25519, "a.example", 2222, ED25519, SSH_HOST_KNOWN, 1);
	check("[a.example]:2222 " ED25519, "a.example", 22, ED25519, SSH_HOST_UNKNOWN, 0);
	check("b,a.example,10.0.0.1 " ED25519, "10.0.0.1", 22, ED25519, SSH_HOST_KNOWN, 1);
	check("a.example.org " ED25519, "a.example", 22, ED25519, SSH_HOST_UNKNOWN, 0);
	check("::1 " ED25519, "::1", 22, ED25519, SSH_HOST_KNOWN, 1);
	check("[::1]:24 " ED25519, "::1", 24, ED25519, SSH_HOST_KNOWN, 1);
	/* patterns */
	check("*.example " ED25519, "a.example", 22, ED25519, SSH_HOST_KNOWN, 1);
	check("*.example,!a.* " ED25519, "a.example", 22, ED25519, SSH_HOST_UNKNOWN, 0);
	check("!a.*,*.example " ED25519, "b.example", 22, ED25519, SSH_HOST_KNOWN, 1);
	check("?.exam*e " ED25519, "a.example", 22, ED25519, SSH_HOST_KNOWN, 1);
	check("a?example " ED25519, "aexample", 22, ED25519, SSH_HOST_UNKNOWN, 0);
	check("[*]:2222 " ED25519, "a.example", 2222, ED25519, SSH_HOST_KNOWN, 1);
	check("***** " ED25519, "a", 22, ED25519, SSH_HOST_KNOWN, 1);
	check(",,a, " ED25519, "a", 22, ED25519, SSH_HOST_KNOWN, 1);
	/* hashes */
	check(HASHED " " ED25519, "a.example", 22, ED25519, SSH_HOST_KNOWN, 1);
	check(HASHED " " ED25519, "A.EXAMPLE", 22, ED25519, SSH_HOST_KNOWN, 1);
	check(HASHED " " ED25519, "b.example", 22, ED25519, SSH_HOST_UNKNOWN, 0);
	check(HASHED_PORT " " ED25519, "127.0.0.1", 2299, ED25519, SSH_HOST_KNOWN, 1);
	check(HASHED_PORT " " OTHER, "127.0.0.1", 2299, ED25519, SSH_HOST_OTHER, 1);
	check("|1|6eBdl7akOrAAYQCbJW1+1GPpxXY=|QuhQ " ED25519, "a.example", 22, ED25519, SSH_HOST_UNKNOWN, 0);
	check("|2|6eBdl7akOrAAYQCbJW1+1GPpxXY=|QuhQ/74it1Sj8+aGr5ntOg/t+ZA= " ED25519, "a.example", 22,
	    ED25519, SSH_HOST_UNKNOWN, 0);
}

static void test_keys(void **state)
{
	(void)state;
	/* A host with several keys; the same kind tells more than another. */
	check("a " ECDSA "\na " ED25519 "\n", "a", 22, ED25519, SSH_HOST_KNOWN, 2);
	check("a " OTHER "\na " ED25519 "\n", "a", 22, ED25519, SSH_HOST_KNOWN, 2);
	check("a " ECDSA "\na " OTHER "\n", "a", 22, ED25519, SSH_HOST_OTHER, 2);
	check("a " OTHER "\na " ECDSA "\n", "a", 22, ED25519, SSH_HOST_OTHER, 1);
	/* Known by another kind only: not the host that is known. */
	check("a " ECDSA "\n", "a", 22, ED25519, SSH_HOST_OTHER, 1);
	check("b " OTHER "\n", "a", 22, ED25519, SSH_HOST_UNKNOWN, 0);
	/* markers */
	check("a " ED25519 "\n@revoked * " ED25519 "\n", "a", 22, ED25519, SSH_HOST_REVOKED, 2);
	check("@revoked * " ED25519 "\na " ED25519 "\n", "a", 22, ED25519, SSH_HOST_REVOKED, 1);
	check("@revoked b " ED25519 "\na " ED25519 "\n", "a", 22, ED25519, SSH_HOST_KNOWN, 2);
	check("@revoked a " OTHER "\n", "a", 22, ED25519, SSH_HOST_UNKNOWN, 0);
	check("@cert-authority * " ED25519 "\n", "a", 22, ED25519, SSH_HOST_UNKNOWN, 0);
	check("@unheard-of a " ED25519 "\n", "a", 22, ED25519, SSH_HOST_UNKNOWN, 0);
	/* without sense */
	check("a ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIO2L5iF3kOIFm+FTFHjEbewyVzcjY8e/qwJ4QattZDM6\n", "a", 22,
	    ED25519, SSH_HOST_UNKNOWN, 0);
	check("a ssh-ed25519\na\na ssh-ed25519 !!!!\na ssh-ed25519 AAAA\na ssh-ed25519 AAAAC3Nza\n", "a", 22,
	    ED25519, SSH_HOST_UNKNOWN, 0);
}

static void test_fingerprint(void **state)
{
	size_t n;
	uint8_t *blob = blob_of(ED25519, &n);
	char *text = ssh_fingerprint(blob, n), *type = ssh_blob_type(blob, n);

	(void)state;
	assert_string_equal(text, "SHA256:vquhkrMTZrF7Ovo9pVdy41SyAWVUd+ClpOa7W1IVlPU");
	assert_string_equal(type, "ssh-ed25519");
	for (size_t i = 0; i < 15; i++)
		assert_null(ssh_blob_type(blob, i));
	free(text);
	free(type);
	free(blob);
}

/* What is added is found again, beside what was there; a line without its end is not lengthened. */
static void test_add(void **state)
{
	const char *tmp = getenv("TMPDIR");
	char *dir = mem_printf("%s/test_ssh_hosts.XXXXXX", tmp != NULL ? tmp : "/tmp");
	struct conf_store conf = { .timeout_ms = 1 };
	struct ssh_hosts h;
	const struct ssh_known *k;
	struct err e = { 0 };
	struct stat st;
	size_t n, m;
	uint8_t *blob = blob_of(ED25519, &n), *ecdsa = blob_of(ECDSA, &m);
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	conf.known_hosts = mem_printf("%s/ssh/known_hosts", dir);
	assert_int_equal(ssh_hosts_load(&conf, "a.example", 2222, &h, &e), 0);
	assert_int_equal(ssh_hosts_check(&h, blob, n, &k), SSH_HOST_UNKNOWN);
	assert_int_equal(ssh_hosts_add(&h, blob, n, &e), 0);
	assert_int_equal(stat(conf.known_hosts, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	f = fopen(conf.known_hosts, "a");
	assert_non_null(f);
	assert_true(fputs("b " OTHER, f) >= 0);
	fclose(f);
	assert_int_equal(ssh_hosts_add(&h, ecdsa, m, &e), 0);
	ssh_hosts_done(&h);

	assert_int_equal(ssh_hosts_load(&conf, "a.example", 2222, &h, &e), 0);
	assert_int_equal(h.n, 2);
	assert_int_equal(ssh_hosts_check(&h, blob, n, &k), SSH_HOST_KNOWN);
	assert_int_equal(ssh_hosts_check(&h, ecdsa, m, &k), SSH_HOST_KNOWN);
	assert_int_equal(k->line, 3);
	assert_int_equal(ssh_hosts_add(&h, blob, 3, &e), -1);
	ssh_hosts_done(&h);
	assert_int_equal(ssh_hosts_load(&conf, "b", 22, &h, &e), 0);
	assert_int_equal(h.n, 1);
	ssh_hosts_done(&h);

	/* What cannot be read is not taken for empty. */
	assert_int_equal(unlink(conf.known_hosts), 0);
	assert_int_equal(mkdir(conf.known_hosts, 0700), 0);
	assert_int_equal(ssh_hosts_load(&conf, "b", 22, &h, &e), -1);
	ssh_hosts_done(&h);
	free(conf.known_hosts);
	free(blob);
	free(ecdsa);
	assert_int_equal(io_remove_tree(AT_FDCWD, dir, NULL), 0);
	free(dir);
}

static const char plain_key[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n"
				"b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n"
				"QyNTUxOQAAACDwWAZ5ENkba1tn+XP6Em2tlE1bfmNf8v+BSQGCQnGl+wAAAIhHWGnNR1hp\n"
				"zQAAAAtzc2gtZWQyNTUxOQAAACDwWAZ5ENkba1tn+XP6Em2tlE1bfmNf8v+BSQGCQnGl+w\n"
				"AAAEA7i3gjODd4L8CzlWkbVtbeEy0BZlArr9WdYkIW0BqLL/BYBnkQ2RtrW2f5c/oSba2U\n"
				"TVt+Y1/y/4FJAYJCcaX7AAAAAXgBAgME\n"
				"-----END OPENSSH PRIVATE KEY-----\n";
static const char locked_key[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n"
				 "b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABDKomBqel\n"
				 "IdveW4x3Ai6vaZAAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIF8w6vGquK/yxtDI\n"
				 "o7+uZFCNdhuZFb34zW3S4b7jvBfnAAAAkK6BLxYHLRmPmyjZ7nFpPgd1M3DDUFVFqDW/MQ\n"
				 "PT/3TKtU0N8BtrS6ZqSjQSRxgmSTVwrZAMy7nKB2hZxzecwRg/K5zUtR9YRIAAKFhZUxgI\n"
				 "BlvA8nOhhL/JwuwYBDx6gnmdnUQ2K/uBr6/sz4G+1FWMy7uB8V2PAWTLZsRAgHBlJzmBad\n"
				 "ZG1/Ymounqckax9A==\n"
				 "-----END OPENSSH PRIVATE KEY-----\n";

static void test_private(void **state)
{
	struct ssh_key k = { 0 };
	size_t n;
	uint8_t *blob = blob_of("x AAAAC3NzaC1lZDI1NTE5AAAAIF8w6vGquK/yxtDIo7+uZFCNdhuZFb34zW3S4b7jvBfn", &n);

	(void)state;
	assert_int_equal(ssh_key_parse(plain_key, sizeof plain_key - 1, &k), 0);
	assert_false(k.encrypted);
	assert_string_equal(k.type, "ssh-ed25519");
	ssh_key_done(&k);
	assert_int_equal(ssh_key_parse(locked_key, sizeof locked_key - 1, &k), 0);
	assert_true(k.encrypted);
	assert_int_equal(k.len, n);
	assert_memory_equal(k.blob, blob, n);
	ssh_key_done(&k);
	free(blob);
	assert_int_equal(
	    ssh_key_parse("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n", 55, &k), 0);
	assert_true(k.encrypted);
	ssh_key_done(&k);
	assert_int_equal(ssh_key_parse("-----BEGIN EC PRIVATE KEY-----\nabc\n", 35, &k), 0);
	assert_false(k.encrypted);
	ssh_key_done(&k);
	assert_int_equal(ssh_key_parse(ED25519, sizeof ED25519 - 1, &k), -1);
	ssh_key_done(&k);
}

static void test_private_file(void **state)
{
	const char *tmp = getenv("TMPDIR");
	char *path = mem_printf("%s/test_ssh_key.XXXXXX", tmp != NULL ? tmp : "/tmp");
	int fd = mkstemp(path);
	struct ssh_key k;
	struct err e = { 0 };

	(void)state;
	assert_int_not_equal(fd, -1);
	assert_int_equal(io_write_all(fd, plain_key, sizeof plain_key - 1, path, &e), 0);
	assert_int_equal(ssh_key_look(path, &k, &e), 0);
	assert_string_equal(k.path, path);
	ssh_key_done(&k);
	assert_int_equal(fchmod(fd, 0640), 0);
	assert_int_equal(ssh_key_look(path, &k, &e), -1);
	assert_int_equal(e.code, ERR_CONFIG);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(ssh_key_look(path, &k, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	close(fd);
	free(path);
}

/* Cut at every length and with every byte changed: no line of another host becomes ours, and nothing is read past its end. */
static void test_damage(void **state)
{
	static const char text[] = "@revoked [*.x]:22," HASHED " " ED25519 " c\n!b,*a?c " OTHER "\n";
	struct ssh_hosts h = { .name = ssh_hosts_name("zzz", 22) };
	struct ssh_key k = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof text - 1; i++) {
		char *copy = mem_dup(text, i > 0 ? i : 1);

		ssh_hosts_parse(&h, copy, i, "f");
		assert_int_equal(h.n, 0);
		for (int bit = 0; bit < 8 && i > 0; bit++) {
			copy[i / 2] = (char)(copy[i / 2] ^ 1 << bit);
			ssh_hosts_parse(&h, copy, i, "f");
			copy[i / 2] = (char)(copy[i / 2] ^ 1 << bit);
		}
		ssh_hosts_done(&h);
		h.name = ssh_hosts_name("zzz", 22);
		free(copy);
	}
	ssh_hosts_done(&h);
	for (size_t i = 0; i < sizeof locked_key - 1; i++) {
		char *copy = mem_dup(locked_key, sizeof locked_key - 1);

		for (int c = 'A'; c < 'I'; c++) {
			copy[i] = (char)c;
			if (ssh_key_parse(copy, sizeof locked_key - 1, &k) == 0 && k.blob != NULL)
				assert_true(k.len < sizeof locked_key);
			ssh_key_done(&k);
		}
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_fingerprint),
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_private),
		cmocka_unit_test(test_private_file),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
