/* test_serve_hostile.c: the served store and what clients must not do: names that lead out, more than there is room for, requests that lie. */
#include "test_serve_util.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/statvfs.h>

static void test_only_its_names(void **state)
{
	static const char *const bad[] = { "..", "/..", "../vault/a", "a/..", "/a/../../x", "/etc/passwd",
		"sub/a", "/sub", ".ssh", ".hidden", "..partial", ".partial", "..a.partial", "-a", "a b",
		"a\n", "a*", "\xff", "/proc/self/environ", "link", "link/passwd", "fifo", "/.-x.partial",
		".up.partial" };
	struct client c = session(NULL);
	char *longest = mem_alloc(5000), *link = path_of("link"), *up = path_of(".up.partial"),
	     *fifo = path_of("fifo"), *sub = path_of("sub");
	char *inside = mem_printf("%s/a", dir), *beside = mem_printf("%s2/a", dir);
	uint8_t h[8];

	(void)state;
	put("a", content, 0600);
	assert_int_equal(symlink("/etc/passwd", link), 0);
	assert_int_equal(symlink("/etc/passwd", up), 0);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(mkdir(sub, 0700), 0);
	memset(longest, 'x', 4999);
	for (size_t i = 0; i <= sizeof bad / sizeof bad[0]; i++) {
		const char *path = i < sizeof bad / sizeof bad[0] ? bad[i] : longest;

		assert_int_not_equal(open_at(&c, path, SFTP_OPEN_READ, h), SFTP_OK);
		assert_int_not_equal(open_at(&c, path, SFTP_OPEN_WRITE | SFTP_OPEN_CREATE, h), SFTP_OK);
		assert_int_not_equal(path_request(&c, SFTP_STAT, path), SFTP_OK);
		assert_int_not_equal(path_request(&c, SFTP_LSTAT, path), SFTP_OK);
		assert_int_not_equal(path_request(&c, SFTP_OPENDIR, path), SFTP_OK);
		assert_int_not_equal(path_request(&c, SFTP_READLINK, path), SFTP_OK);
		assert_int_not_equal(setstat(&c, path, SFTP_ATTR_SIZE), SFTP_OK);
		assert_int_not_equal(commit(&c, path, "b"), SFTP_OK);
		assert_int_not_equal(commit(&c, ".a.partial", path), SFTP_OK);
		if (strcmp(path, ".up.partial") != 0)
			assert_int_not_equal(path_request(&c, SFTP_REMOVE, path), SFTP_OK);
	}
	assert_false(there("b"));
	/* The directory's own path is its root, too. */
	assert_int_equal(path_request(&c, SFTP_STAT, inside), SFTP_OK);
	assert_int_equal(path_request(&c, SFTP_STAT, dir), SFTP_OK);
	assert_int_not_equal(path_request(&c, SFTP_STAT, beside), SFTP_OK);
	free(longest);
	free(link);
	free(up);
	free(fifo);
	free(sub);
	free(inside);
	free(beside);
	leave(&c);
}

static void test_limits(void **state)
{
	struct statvfs v;
	struct client c = session(&(struct serve_opts){ .max_size_bytes = 100 }), full, reader;
	uint8_t h[SERVE_HANDLES + 1][8];

	(void)state;
	assert_int_equal(open_at(&c, ".a.partial", SFTP_OPEN_WRITE | SFTP_OPEN_CREATE, h[0]), SFTP_OK);
	assert_int_equal(write_at(&c, h[0], 96, "1234"), SFTP_OK);
	assert_int_equal(write_at(&c, h[0], 97, "1234"), SFTP_FAILURE);
	assert_int_equal(write_at(&c, h[0], UINT64_MAX, "1234"), SFTP_FAILURE);
	assert_int_equal(truncate_at(&c, h[0], 101), SFTP_FAILURE);
	for (size_t i = 1; i < SERVE_HANDLES; i++)
		assert_int_equal(open_at(&c, ".a.partial", SFTP_OPEN_READ, h[i]), SFTP_OK);
	assert_int_equal(open_at(&c, ".a.partial", SFTP_OPEN_READ, h[SERVE_HANDLES]), SFTP_FAILURE);
	assert_int_equal(handle_request(&c, SFTP_CLOSE, h[5]), SFTP_OK);
	assert_int_equal(open_at(&c, ".a.partial", SFTP_OPEN_READ, h[SERVE_HANDLES]), SFTP_OK);
	assert_int_equal(handle_request(&c, SFTP_FSTAT, h[5]), SFTP_FAILURE);
	assert_int_equal(write_at(&c, h[7], 0, "x"), SFTP_PERMISSION_DENIED);
	/* What failed in part is not committed, by a client that does not look. */
	assert_int_equal(commit(&c, ".a.partial", "a"), SFTP_FAILURE);
	assert_int_equal(open_at(&c, ".a.partial", SFTP_OPEN_WRITE | SFTP_OPEN_TRUNCATE, h[0]), SFTP_FAILURE);
	assert_int_equal(handle_request(&c, SFTP_CLOSE, h[6]), SFTP_OK);
	assert_int_equal(open_at(&c, ".a.partial", SFTP_OPEN_WRITE | SFTP_OPEN_TRUNCATE, h[0]), SFTP_OK);
	assert_int_equal(commit(&c, ".a.partial", "a"), SFTP_OK);
	leave(&c);

	put(".a.partial", "x", 0600);
	assert_int_equal(statvfs(dir, &v), 0);
	full = session(&(struct serve_opts){ .keep_free = (uint64_t)v.f_blocks * v.f_frsize });
	assert_int_equal(
	    open_at(&full, ".b.partial", SFTP_OPEN_WRITE | SFTP_OPEN_CREATE, h[0]), SFTP_FAILURE);
	assert_int_equal(open_at(&full, ".a.partial", SFTP_OPEN_WRITE, h[0]), SFTP_OK);
	assert_int_equal(write_at(&full, h[0], 0, "x"), SFTP_FAILURE);
	leave(&full);
	assert_false(there(".b.partial"));

	reader = session(&(struct serve_opts){ .read_only = true });
	assert_int_equal(open_at(&reader, ".a.partial", SFTP_OPEN_READ, h[0]), SFTP_OK);
	assert_int_equal(open_at(&reader, ".a.partial", SFTP_OPEN_WRITE, h[0]), SFTP_PERMISSION_DENIED);
	assert_int_equal(upload(&reader, ".b.partial", "x"), SFTP_PERMISSION_DENIED);
	assert_int_equal(commit(&reader, ".a.partial", "a"), SFTP_PERMISSION_DENIED);
	assert_int_equal(path_request(&reader, SFTP_REMOVE, ".a.partial"), SFTP_PERMISSION_DENIED);
	assert_int_equal(setstat(&reader, ".a.partial", SFTP_ATTR_SIZE), SFTP_PERMISSION_DENIED);
	leave(&reader);
}

/* What runs that were killed leave: an upload half written; one that was sealed and got no name; a name too many. */

static void test_requests_cut_short(void **state)
{
	struct client c = session(NULL);
	uint8_t h[8];

	(void)state;
	put("a", content, 0600);
	assert_int_equal(open_at(&c, "a", SFTP_OPEN_READ, h), SFTP_OK);
	for (unsigned type = SFTP_OPEN; type < 256; type++) {
		struct buf whole = BUF_INIT;
		size_t at = begin(&whole, (enum sftp_type)type);

		/* Much may come behind the number: a path or handle, flags, sizes, attributes, another string. */
		sftp_put_string(&whole, type % 2 ? "a\0\0\0\0\0\0" : (const char *)h, 8);
		sftp_put_u64(&whole, UINT64_MAX - 3);
		sftp_put_u32(&whole, 0xfffffff0u);
		sftp_put_text(&whole, "a");
		sftp_end(&whole, at);
		for (size_t n = 9; n < whole.len; n++) {
			struct buf b = BUF_INIT;

			buf_add(&b, whole.data, n);
			ask(&c, &b, 0);
			assert_true(
			    c.reply.type != SFTP_HANDLE ||
			    handle_request(&c, SFTP_CLOSE, (const uint8_t *)c.reply.string.p) == SFTP_OK);
		}
		buf_done(&whole);
	}
	assert_true(holds("a", content));
	leave(&c);
}

static int take(struct serve *s, const void *p, size_t n, struct err *e)
{
	struct buf out = BUF_INIT;
	size_t used;
	int rc = serve_take(s, p, n, &used, &out, e);

	buf_done(&out);
	return rc;
}

static void test_no_sftp(void **state)
{
	static const struct {
		const char *p;
		size_t n;
	} bad[] = { { "GET / HTTP/1.0\r\n\r\n", 18 }, { "\0\0\0\0", 4 }, { "\xff\xff\xff\xff", 4 },
		{ "\0\4\0\1\1", 5 }, { "\0\0\0\1\1", 5 }, { "\0\0\0\5\3\0\0\0\3", 9 },
		{ "\0\0\0\5\1\0\0\0\3\0\0\0\5\1\0\0\0\3", 18 },
		{ "\0\0\0\5\1\0\0\0\3\0\0\0\4\7\0\0\0", 17 } };
	struct serve_opts o = { .directory = dir };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct err e = { 0 };
		struct serve *s;

		assert_int_equal(serve_new(&o, &s, NULL), 0);
		assert_int_equal(take(s, bad[i].p, bad[i].n, &e), -1);
		assert_int_equal(e.code, ERR_FORMAT);
		serve_free(s);
	}
}

struct runner {
	int fd, rc;
	struct err e;
};

static void *run(void *arg)
{
	struct runner *r = arg;
	struct serve_opts o = { .directory = dir };

	r->rc = serve_run(&o, r->fd, r->fd, &r->e);
	shutdown(r->fd, SHUT_WR);
	return NULL;
}

static void test_over_a_connection(void **state)
{
	static const uint8_t ask_and_half[] = { 0, 0, 0, 5, SFTP_INIT, 0, 0, 0, 3, 0, 0, 0, 10, SFTP_STAT, 0,
		0, 0, 7, 0, 0, 0, 1, '/', 0, 0, 1, 0 };

	(void)state;
	for (size_t cut = 0; cut <= 4; cut += 4) {
		struct runner r = { 0 };
		uint8_t answer[1024];
		size_t got = 0, len;
		pthread_t t;
		int fds[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
		/* Who shares the descriptor may have set it not to wait. */
		assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
		r.fd = fds[1];
		assert_int_equal(pthread_create(&t, NULL, run, &r), 0);
		for (size_t i = 0; i < sizeof ask_and_half - 4 + cut; i++)
			assert_int_equal(write(fds[0], ask_and_half + i, 1), 1);
		shutdown(fds[0], SHUT_WR);
		assert_int_equal(io_read_all(fds[0], answer, sizeof answer, "answer", &got, NULL), 0);
		pthread_join(t, NULL);
		close(fds[0]);
		close(fds[1]);
		assert_int_equal(r.rc, cut == 0 ? 0 : -1);
		assert_int_equal(r.e.code, cut == 0 ? ERR_NONE : ERR_CONNECTION);
		assert_int_equal(sftp_frame(answer, got, &len, NULL), 1);
		assert_int_equal(answer[4 + len + 4], SFTP_ATTRS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_only_its_names),
		TEST(test_limits),
		TEST(test_requests_cut_short),
		TEST(test_no_sftp),
		TEST(test_over_a_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
