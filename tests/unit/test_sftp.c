/* test_sftp.c: the client of SFTP: exact ranges, lost connections, servers that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "core/bytes.h"
#include "core/io.h"
#include "store/sftp_calls.h"
#include "test_sftp_util.h"

#define SIZE (6u << 20)

static char *dir;
static uint8_t *content;
static char url[] = "sftp://host/vault";
static struct conf_store conf = { .url = url, .timeout_ms = 5000 };

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	uint32_t x = 1;

	(void)state;
	dir = mem_printf("%s/test_sftp.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(dir) == NULL)
		return -1;
	content = mem_alloc(SIZE);
	for (size_t i = 0; i < SIZE; i++) {
		x = x * 1664525 + 1013904223;
		content[i] = (uint8_t)(x >> 24);
	}
	piped_die_at = 0;
	piped_latency_ms = 0;
	conf = (struct conf_store){ .url = url, .timeout_ms = 5000 };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	io_remove_tree(AT_FDCWD, dir, NULL);
	free(dir);
	free(content);
	return 0;
}

static char *path_of(const char *name)
{
	return mem_printf("%s/%s", dir, name);
}

static void put_file(const char *name, const void *p, size_t n)
{
	char *path = path_of(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd != -1);
	assert_int_equal(io_write_all(fd, p, n, name, NULL), 0);
	close(fd);
	free(path);
}

static bool there(const char *name)
{
	char *path = path_of(name);
	bool is = access(path, F_OK) == 0;

	free(path);
	return is;
}

static void must_hold(const char *name, const void *p, size_t n)
{
	struct buf b = BUF_INIT;
	char *path = path_of(name);

	assert_int_equal(io_read_file(AT_FDCWD, path, SIZE + 1, &b, NULL), 0);
	assert_int_equal(b.len, n);
	assert_memory_equal(b.data, p, n);
	buf_done(&b);
	free(path);
}

static struct store *open_it(void)
{
	struct err e = { 0 };
	struct store *s = open_piped(&conf, NULL, dir, false, &e);

	if (s == NULL)
		fail_msg("%s", e.msg);
	return s;
}

static void must_read(struct stream *in, uint64_t off, size_t n)
{
	uint8_t *got = mem_alloc(n);
	struct err e = { 0 };

	assert_int_equal(stream_seek(in, off, &e), 0);
	if (stream_read_full(in, got, n, &e) == -1)
		fail_msg("%s", e.msg);
	assert_memory_equal(got, content + off, n);
	free(got);
}

/* Nothing is asked for but what is wanted, with or without being told before. */
static void test_exact(void **state)
{
	struct store *s = open_it();
	struct err e = { 0 };
	struct stream *in;
	uint64_t before;
	uint8_t c;

	(void)state;
	put_file("one", content, SIZE);
	assert_int_equal(store_read(s, "one", &in, &e), 0);
	before = piped_received;
	must_read(in, 1000001, 300001);
	assert_in_range(piped_received - before, 300001, 300001 + 300);
	/* The end. */
	must_read(in, SIZE - 10, 10);
	assert_int_equal(stream_read(in, &c, 1, &e), 0);
	assert_int_equal(stream_seek(in, SIZE + 10, &e), 0);
	assert_int_equal(stream_read(in, &c, 1, &e), 0);
	/* Three ranges named before, and a read elsewhere between them. */
	before = piped_received;
	stream_expect(in, 100, 700000);
	stream_expect(in, 2000000, 50);
	stream_expect(in, 3000000, 1);
	must_read(in, 100, 350000);
	must_read(in, 5000000, 100);
	must_read(in, 350100, 349000);
	must_read(in, 699110, 990); /* ten of them are passed over */
	must_read(in, 2000000, 50);
	must_read(in, 3000000, 1);
	assert_in_range(piped_received - before, 700151, 700151 + 500);
	/* Given up: no more than was under way. */
	stream_expect(in, 0, SIZE);
	must_read(in, 0, 1);
	stream_expect(in, 0, 0);
	must_read(in, 4000000, 1000);
	must_read(in, 0, SIZE);
	stream_close(in);
	store_free(s);
}

/* A small window, and several connections. */
static void test_several(void **state)
{
	struct store *s;
	struct err e = { 0 };
	struct stream *in, *out;
	unsigned before = n_piped;

	(void)state;
	put_file("one", content, SIZE);
	conf.connections = 3;
	s = open_it();
	assert_int_equal(store_read(s, "one", &in, &e), 0);
	stream_expect(in, 0, SIZE);
	must_read(in, 0, SIZE);
	stream_close(in);
	/* So little is not worth another connection. */
	assert_int_equal(n_piped, before + 1);
	assert_int_equal(store_create(s, "two", 0, &out, &e), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(stream_write(out, content, SIZE, &e), 0);
	for (int i = 0; i < 100 && n_piped < before + 3; i++)
		usleep(10000);
	assert_int_equal(n_piped, before + 3);
	for (int i = 0; i < 4; i++)
		assert_int_equal(stream_write(out, content, SIZE, &e), 0);
	assert_int_equal(store_commit(s, out, &e), 0);
	stream_close(out);
	assert_int_equal(store_read(s, "two", &in, &e), 0);
	stream_expect(in, 0, 8 * (uint64_t)SIZE);
	for (unsigned i = 0; i < 8; i++) {
		uint8_t *got = mem_alloc(SIZE);

		assert_int_equal(stream_read_full(in, got, SIZE, &e), 0);
		assert_memory_equal(got, content, SIZE);
		free(got);
	}
	stream_close(in);
	store_free(s);
}

static void test_lost_while_reading(void **state)
{
	struct store *s = open_it();
	struct err e = { 0 };
	struct stream *in;
	unsigned before = n_piped;
	uint64_t received;
	uint8_t c;

	(void)state;
	put_file("one", content, SIZE);
	assert_int_equal(store_read(s, "one", &in, &e), 0);
	stream_expect(in, 0, SIZE);
	must_read(in, 0, SIZE / 2);
	kill(last_piped->pid, SIGKILL);
	received = piped_received;
	must_read(in, SIZE / 2, SIZE - SIZE / 2);
	assert_int_equal(n_piped, before + 1);
	assert_true(piped_received - received <= SIZE - SIZE / 2 + 2000);
	/* Another file has its name now. */
	kill(last_piped->pid, SIGKILL);
	put_file("one", content, SIZE / 2);
	assert_int_equal(stream_seek(in, 0, &e), 0);
	assert_int_equal(stream_read(in, &c, 1, &e), -1);
	assert_int_equal(e.code, ERR_SYS);
	assert_non_null(strstr(e.msg, "changed"));
	stream_close(in);
	/* Calls without a stream. */
	kill(last_piped->pid, SIGKILL);
	err_clear(&e);
	assert_int_equal(store_remove(s, "one", &e), 0);
	store_free(s);
}

static void test_lost_while_writing(void **state)
{
	struct store *s = open_it();
	struct err e = { 0 };
	struct stream *out;

	(void)state;
	assert_int_equal(store_create(s, "one", 0, &out, &e), 0);
	assert_int_equal(stream_write(out, content, SIZE / 2, &e), 0);
	kill(last_piped->pid, SIGKILL);
	assert_int_equal(stream_write(out, content + SIZE / 2, SIZE / 2, &e), 0);
	assert_int_equal(store_commit(s, out, &e), 0);
	stream_close(out);
	must_hold("one", content, SIZE);
	/* It was removed meanwhile. */
	assert_int_equal(store_create(s, "two", 0, &out, &e), 0);
	assert_int_equal(stream_write(out, content, SIZE / 2, &e), 0);
	kill(last_piped->pid, SIGKILL);
	{
		char *partial = path_of(".two.partial");

		unlink(partial);
		free(partial);
	}
	assert_int_equal(store_commit(s, out, &e), -1);
	assert_true(e.hint[0] != '\0');
	stream_close(out);
	assert_false(there("two") || there(".two.partial"));
	store_free(s);
}

/* The server dies at each step of a commit, before it and after it: one archive, and nothing else. */
static void test_lost_while_committing(void **state)
{
	static const enum sftp_type steps[] = { SFTP_RENAME, SFTP_LSTAT, SFTP_EXTENDED, SFTP_FSTAT,
		SFTP_WRITE };
	struct store *s = open_it();
	struct err e = { 0 };
	struct stream *out;

	(void)state;
	for (size_t i = 0; i < 2 * sizeof steps / sizeof steps[0]; i++) {
		unsigned before = n_piped;

		assert_int_equal(store_create(s, "one", 0, &out, &e), 0);
		assert_int_equal(stream_write(out, content, 1000, &e), 0);
		piped_die_at = steps[i / 2];
		piped_die_after = i % 2 == 1;
		if (store_commit(s, out, &e) == -1)
			fail_msg("step %zu: %s", i, e.msg);
		assert_int_equal(n_piped, before + 1);
		stream_close(out);
		must_hold("one", content, 1000);
		assert_false(there(".one.partial"));
		assert_int_equal(store_remove(s, "one", &e), 0);
	}
	/* And while it is created. */
	for (int after = 0; after < 2; after++) {
		piped_die_at = SFTP_OPEN;
		piped_die_after = after;
		assert_int_equal(store_create(s, "two", 0, &out, &e), 0);
		stream_close(out);
		assert_false(there(".two.partial"));
	}
	store_free(s);
}

static void test_links(void **state)
{
	struct store_links *l = store_links_new();
	struct err e = { 0 };
	struct store *s;
	unsigned before = n_piped;

	(void)state;
	put_file("one", content, 1000);
	for (int i = 0; i < 3; i++) {
		struct stream *in;

		s = open_piped(&conf, l, dir, false, &e);
		assert_non_null(s);
		assert_int_equal(store_read(s, "one", &in, &e), 0);
		must_read(in, 10, 100);
		stream_close(in);
		store_free(s);
	}
	assert_int_equal(n_piped, before + 1);
	/* A dead one is not given out. */
	kill(last_piped->pid, SIGKILL);
	usleep(20000);
	s = open_piped(&conf, l, dir, false, &e);
	assert_non_null(s);
	assert_int_equal(n_piped, before + 2);
	/* Two at once. */
	{
		struct store *t = open_piped(&conf, l, dir, false, &e);

		assert_int_equal(n_piped, before + 3);
		store_free(t);
	}
	store_free(s);
	store_links_free(l);
}

static void test_cancelled(void **state)
{
	struct store *s = open_it();
	struct job *job = job_new();
	struct err e = { 0 };
	struct stream *in, *out;
	uint8_t c;

	(void)state;
	put_file("one", content, SIZE);
	store_set_job(s, job);
	assert_int_equal(store_read(s, "one", &in, &e), 0);
	assert_int_equal(store_create(s, "two", 0, &out, &e), 0);
	assert_int_equal(stream_write(out, content, SIZE, &e), 0);
	job_cancel(job);
	assert_int_equal(stream_read(in, &c, 1, &e), -1);
	assert_int_equal(e.code, ERR_CANCELLED);
	assert_int_equal(store_commit(s, out, &e), -1);
	assert_int_equal(e.code, ERR_CANCELLED);
	stream_close(out);
	stream_close(in);
	assert_false(there(".two.partial"));
	store_free(s);
	job_free(job);
}

/* Servers that are none, or lie. */

enum lie {
	LIE_TEXT,
	LIE_VERSION,
	LIE_SILENT,
	LIE_GONE,
	LIE_LONG_DATA,
	LIE_NO_DATA,
	LIE_OTHER_ID,
	LIE_WRONG_KIND,
	LIE_HUGE
};
static enum lie lie;

static void say(int fd, struct buf *b, size_t at)
{
	sftp_end(b, at);
	if (write(fd, b->data, b->len) != (ssize_t)b->len)
		_exit(1);
	buf_clear(b);
}

/* Says yes to everything, but for one thing. */
static void lying_server(int fd)
{
	struct buf b = BUF_INIT, packet = BUF_INIT;
	uint8_t head[9];

	if (lie == LIE_TEXT && write(fd, "Welcome to this host!\n", 22) != 22)
		_exit(1);
	if (lie == LIE_GONE)
		_exit(0);
	for (;;) {
		size_t got, at;
		uint32_t id;

		if (io_read_all(fd, head, sizeof head, "", &got, NULL) == -1 || got < sizeof head)
			_exit(0);
		buf_clear(&packet);
		if (be32(head) > 5 && io_read_all(fd, buf_reserve(&packet, be32(head) - 5), be32(head) - 5,
					  "", &got, NULL) == -1)
			_exit(0);
		id = be32(head + 5);
		if (lie == LIE_SILENT || lie == LIE_TEXT)
			continue;
		if (head[4] == SFTP_INIT) {
			at = sftp_begin(&b, SFTP_VERSION_REPLY);
			sftp_put_u32(&b, lie == LIE_VERSION ? 2 : 3);
			say(fd, &b, at);
			continue;
		}
		if (head[4] == SFTP_STAT) {
			at = sftp_begin(&b, SFTP_ATTRS);
			sftp_put_u32(&b, id);
			sftp_put_attrs(&b, &(struct sftp_attrs){ .flags = SFTP_ATTR_SIZE, .size = 1000 });
		} else if (head[4] == SFTP_OPEN && lie != LIE_WRONG_KIND) {
			at = sftp_begin(&b, SFTP_HANDLE);
			sftp_put_u32(&b, id);
			sftp_put_text(&b, "h");
		} else if (head[4] == SFTP_READ && lie == LIE_HUGE) {
			at = sftp_begin(&b, SFTP_DATA);
			sftp_put_u32(&b, id);
			sftp_put_u32(&b, 0xffffffffu);
		} else if (head[4] == SFTP_READ) {
			at = sftp_begin(&b, SFTP_DATA);
			sftp_put_u32(&b, lie == LIE_OTHER_ID ? id + 1 : id);
			sftp_put_string(&b, content,
			    lie == LIE_LONG_DATA ? 101
			    : lie == LIE_NO_DATA ? 0
						 : 100);
		} else {
			at = sftp_begin(&b, SFTP_ATTRS);
			sftp_put_u32(&b, id);
			sftp_put_u32(&b, 0);
		}
		say(fd, &b, at);
	}
}

static int dial_liar(const struct conf_store *to, struct job *job, struct sftp_channel *ret, struct err *e)
{
	struct piped *c = mem_alloc(sizeof *c);
	int fds[2];

	(void)to;
	(void)job;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == -1)
		return err_sys(e, "socketpair");
	c->fd = fds[0];
	c->pid = fork();
	if (c->pid == 0) {
		close(fds[0]);
		lying_server(fds[1]);
	}
	close(fds[1]);
	*ret = (struct sftp_channel){ &piped_ops, c };
	return 0;
}

static void test_liars(void **state)
{
	static const struct {
		enum lie lie;
		enum err_code code;
	} cases[] = { { LIE_TEXT, ERR_FORMAT }, { LIE_VERSION, ERR_UNSUPPORTED },
		{ LIE_SILENT, ERR_CONNECTION }, { LIE_GONE, ERR_CONNECTION }, { LIE_LONG_DATA, ERR_FORMAT },
		{ LIE_NO_DATA, ERR_FORMAT }, { LIE_OTHER_ID, ERR_FORMAT }, { LIE_WRONG_KIND, ERR_FORMAT },
		{ LIE_HUGE, ERR_FORMAT } };

	(void)state;
	conf.timeout_ms = 300;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct store *s = mem_alloc(sizeof *s);
		struct stream *in = NULL;
		struct err e = { 0 };
		uint8_t p[100];
		int rc;

		lie = cases[i].lie;
		s->url = mem_strdup(url);
		rc = store_sftp_open(s, &conf, NULL, dir, false, dial_liar, &e);
		if (lie <= LIE_GONE) {
			assert_int_equal(rc, -1);
			free(s->url);
			free(s);
		} else {
			assert_int_equal(rc, 0);
			rc = store_read(s, "one", &in, &e);
			if (rc == 0)
				rc = stream_read_full(in, p, sizeof p, &e);
			assert_int_equal(rc, -1);
			stream_close(in);
			store_free(s);
		}
		if (e.code != cases[i].code)
			fail_msg("lie %d: %s (%s)", (int)cases[i].lie, e.msg, err_code_name(e.code));
	}
}

static void test_rate(void **state)
{
	struct sftp_rate *r = sftp_rate_new(1000000);
	uint64_t sent = 0;
	struct timespec t;
	double start, now;

	(void)state;
	assert_null(sftp_rate_new(0));
	assert_int_equal(sftp_rate_wait(NULL, SFTP_UP), 0);
	assert_int_equal(sftp_rate_piece(NULL, 5), 5);
	assert_int_equal(sftp_rate_piece(r, 1 << 20), 20000);
	clock_gettime(CLOCK_MONOTONIC, &t);
	start = now = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
	while (now - start < 0.4) {
		unsigned wait = sftp_rate_wait(r, SFTP_UP);

		assert_in_range(wait, 0, 21);
		if (wait == 0) {
			sftp_rate_use(r, SFTP_UP, 20000);
			sent += 20000;
		} else {
			usleep(wait * 1000);
		}
		clock_gettime(CLOCK_MONOTONIC, &t);
		now = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
		assert_true((double)sent <= 1000000 * (now - start) + 40001);
	}
	/* The other way is free meanwhile. */
	assert_int_equal(sftp_rate_wait(r, SFTP_DOWN), 0);
	sftp_rate_free(r);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_exact),
		TEST(test_several),
		TEST(test_lost_while_reading),
		TEST(test_lost_while_writing),
		TEST(test_lost_while_committing),
		TEST(test_links),
		TEST(test_cancelled),
	};
	const struct CMUnitTest without_server[] = {
		TEST(test_liars),
		TEST(test_rate),
	};
	int rc = cmocka_run_group_tests(without_server, NULL, NULL);

	if (sftp_server_path() == NULL) {
		printf("skip - the client with a real server: there is no sftp-server\n");
		return rc;
	}
	return rc | cmocka_run_group_tests(tests, NULL, NULL);
}
