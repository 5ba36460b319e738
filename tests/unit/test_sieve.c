/* test_sieve.c: the ManageSieve client against answers written beforehand: as Cyrus gives them, refusals, and hostile ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/mem.h"
#include "cyrus/sieve.h"

#define GREETING                                                                           \
	"\"IMPLEMENTATION\" \"Cyrus timsieved 3.6.1\"\r\n\"SASL\" \"PLAIN\"\r\n\"SIEVE\" " \
	"\"fileinto\"\r\nOK\r\n"
#define LOGIN GREETING "OK\r\n"

/* Says all it has to say at once, and writes down what it hears until the client hangs up. */
struct fake {
	char dir[64], path[96];
	int listener;
	const char *says;
	struct buf heard;
	pthread_t thread;
};

static void *serve(void *arg)
{
	struct fake *f = arg;
	int fd = accept(f->listener, NULL, NULL);
	char block[4096];
	ssize_t n;

	if (fd == -1 || send(fd, f->says, strlen(f->says), MSG_NOSIGNAL) != (ssize_t)strlen(f->says))
		return NULL;
	shutdown(fd, SHUT_WR);
	while ((n = recv(fd, block, sizeof block, 0)) > 0)
		buf_add(&f->heard, block, (size_t)n);
	close(fd);
	return NULL;
}

static void start(struct fake *f, const char *says)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	*f = (struct fake){ .says = says };
	snprintf(f->dir, sizeof f->dir, "/tmp/test_sieve.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof f->path, "%s/socket", f->dir);
	memcpy(sa.sun_path, f->path, strlen(f->path) + 1);
	f->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(f->listener, (struct sockaddr *)&sa, sizeof sa), 0);
	assert_int_equal(listen(f->listener, 1), 0);
	assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
}

static void join(struct fake *f)
{
	pthread_join(f->thread, NULL);
	close(f->listener);
	unlink(f->path);
	rmdir(f->dir);
}

static void stop(struct fake *f)
{
	join(f);
	buf_done(&f->heard);
}

static int connect_to(struct fake *f, struct sieve **s, struct err *e)
{
	return sieve_connect(f->path, "cyrus", "alice", "secret", NULL, s, e);
}

static void test_talk(void **state)
{
	struct fake f;
	struct sieve *s;
	struct sieve_list l;
	struct buf text = BUF_INIT;
	struct err e;

	(void)state;
	start(&f, LOGIN "\"one\"\r\n\"t \\\"w\\\\o\" ACTIVE\r\n{5}\r\nthree\r\nOK\r\n"
			"{7}\r\nkeep;\r\n\r\nOK\r\n"
			"NO (NONEXISTENT) \"no such script\"\r\n"
			"OK\r\nOK\r\nOK\r\nOK\r\n");
	assert_int_equal(connect_to(&f, &s, &e), 0);
	assert_int_equal(sieve_names(s, &l, &e), 0);
	assert_int_equal(l.n, 3);
	assert_string_equal(l.names[0], "one");
	assert_string_equal(l.names[1], "t \"w\\o");
	assert_string_equal(l.names[2], "three");
	assert_int_equal(l.active, 1);
	sieve_list_done(&l);
	assert_int_equal(sieve_get(s, "one", &text, &e), 1);
	assert_string_equal(buf_text(&text), "keep;\r\n");
	assert_int_equal(sieve_get(s, "none", &text, &e), 0);
	assert_int_equal(sieve_put(s, "a \"b\"", "stop;\r\n", 7, &e), 0);
	assert_int_equal(sieve_activate(s, "", &e), 0);
	assert_int_equal(sieve_delete(s, "one", &e), 0);
	/* Would be another command. */
	assert_int_equal(sieve_put(s, "x\"\r\nLOGOUT", "", 0, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	assert_int_equal(sieve_activate(s, "x\r\ny", &e), -1);
	sieve_close(s);
	join(&f);
	assert_string_equal(buf_text(&f.heard),
	    "AUTHENTICATE \"PLAIN\" \"YWxpY2UAY3lydXMAc2VjcmV0\"\r\nLISTSCRIPTS\r\nGETSCRIPT \"one\"\r\n"
	    "GETSCRIPT \"none\"\r\nPUTSCRIPT \"a \\\"b\\\"\" {7+}\r\nstop;\r\n\r\nSETACTIVE \"\"\r\n"
	    "DELETESCRIPT \"one\"\r\nLOGOUT\r\n");
	buf_done(&f.heard);
	buf_done(&text);
}

static void test_refusals(void **state)
{
	static const struct {
		const char *says;
		enum err_code code;
		const char *word;
	} cases[] = {
		{ GREETING "NO \"no such user\"\r\n", ERR_AUTH, "no such user" },
		{ GREETING "NO {12}\r\nin a literal\r\n", ERR_AUTH, "in a literal" },
		{ "BYE \"too many\"\r\n", ERR_TOOL, "too many" },
		{ "NO \"later\"\r\n", ERR_TOOL, "later" },
		{ "", ERR_SYS, "closed" },
		{ "\"IMPLEMENTATION\" \"x\"\nOK\r\n", ERR_FORMAT, "line feed" },
		{ GREETING "{99999999999999}\r\n", ERR_FORMAT, "longer" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fake f;
		struct sieve *s = NULL;
		struct err e;

		start(&f, cases[i].says);
		assert_int_equal(connect_to(&f, &s, &e), -1);
		if (e.code != cases[i].code || strstr(e.msg, cases[i].word) == NULL)
			fail_msg("case %zu: %d, %s", i, e.code, e.msg);
		stop(&f);
	}
}

static void test_hostile_lists(void **state)
{
	static const char *const lists[] = { "one\r\nOK\r\n", "\"one\r\nOK\r\n", "{5}\r\nab\r\nOK\r\nOK\r\n",
		"\"a\" ACTIVE\r\n", "BYE\r\n" };

	(void)state;
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		char *says = mem_printf("%s%s", LOGIN, lists[i]);
		struct fake f;
		struct sieve *s;
		struct sieve_list l;
		struct err e;

		start(&f, says);
		assert_int_equal(connect_to(&f, &s, &e), 0);
		if (sieve_names(s, &l, &e) != -1)
			fail_msg("list %zu was taken", i);
		sieve_list_done(&l);
		sieve_close(s);
		stop(&f);
		free(says);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_talk), cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_hostile_lists) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
