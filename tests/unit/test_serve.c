/* test_serve.c: the served store: what a client may do, and that no order of requests and sessions harms a committed archive. */
#include "test_serve_util.h"

#include <pthread.h>

static void test_an_upload(void **state)
{
	struct client c = session(NULL);
	struct buf b = BUF_INIT;
	struct sftp_name n;
	struct stat st;
	uint8_t h[8];
	char *path = path_of("a");
	size_t at;

	(void)state;
	assert_int_equal(upload(&c, "/.a.partial", content), SFTP_OK);
	assert_false(there("a"));
	assert_int_equal(commit(&c, ".a.partial", "a"), SFTP_OK);
	assert_true(holds("a", content));
	assert_false(there(".a.partial"));
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
	assert_int_equal(open_at(&c, "/a", SFTP_OPEN_READ, h), SFTP_OK);
	at = begin(&b, SFTP_READ);
	sftp_put_string(&b, h, 8);
	sftp_put_u64(&b, 5);
	sftp_put_u32(&b, UINT32_MAX);
	ask(&c, &b, at);
	assert_int_equal(c.reply.type, SFTP_DATA);
	assert_int_equal(c.reply.string.n, strlen(content) - 5);
	assert_memory_equal(c.reply.string.p, content + 5, strlen(content) - 5);
	assert_int_equal(path_request(&c, SFTP_OPENDIR, "."), SFTP_OK);
	memcpy(h, c.reply.string.p, 8);
	assert_int_equal(handle_request(&c, SFTP_READDIR, h), SFTP_OK);
	assert_int_equal(c.reply.count, 1);
	assert_int_equal(sftp_next_name(&c.reply, &n, NULL), 1);
	assert_true(sftp_string_is(n.name, "a"));
	assert_int_equal(n.attrs.size, strlen(content));
	assert_int_equal(handle_request(&c, SFTP_READDIR, h), SFTP_EOF);
	free(path);
	leave(&c);
}

/* Everything that a client can ask of a name, at a committed archive. */
static void test_a_committed_archive_is_safe(void **state)
{
	static const uint32_t writes[] = { 0x02, 0x03, 0x0a, 0x0b, 0x12, 0x1a, 0x2a, 0x3a, 0x06, 0x0e, 0x1e,
		0x3f, 0x11, 0x09, 0xffffffff };
	static const char *const paths[] = { "a", "/a", "//./a", NULL };
	static const char *const renames[] = { "posix-rename@openssh.com", "hardlink@openssh.com", NULL };
	struct client c = session(NULL);
	struct stat before, after;
	char *path = path_of("a");
	uint8_t h[8];

	(void)state;
	assert_int_equal(upload(&c, ".a.partial", content), SFTP_OK);
	assert_int_equal(commit(&c, ".a.partial", "a"), SFTP_OK);
	assert_int_equal(lstat(path, &before), 0);
	for (size_t p = 0; paths[p] != NULL; p++) {
		for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++)
			assert_int_equal(open_at(&c, paths[p], writes[i], h), SFTP_PERMISSION_DENIED);
		assert_int_equal(setstat(&c, paths[p], SFTP_ATTR_SIZE), SFTP_PERMISSION_DENIED);
		assert_int_equal(setstat(&c, paths[p], SFTP_ATTR_MODE), SFTP_PERMISSION_DENIED);
		assert_int_equal(
		    setstat(&c, paths[p], SFTP_ATTR_TIMES | SFTP_ATTR_OWNER), SFTP_PERMISSION_DENIED);
		assert_int_equal(path_request(&c, SFTP_REMOVE, paths[p]), SFTP_PERMISSION_DENIED);
		assert_int_equal(path_request(&c, SFTP_RMDIR, paths[p]), SFTP_PERMISSION_DENIED);
		assert_int_not_equal(path_request(&c, SFTP_MKDIR, paths[p]), SFTP_OK);
		assert_int_equal(commit(&c, paths[p], "b"), SFTP_PERMISSION_DENIED);
		assert_int_equal(commit(&c, paths[p], ".a.partial"), SFTP_PERMISSION_DENIED);
		assert_int_equal(pair_request(&c, SFTP_SYMLINK, NULL, paths[p], "b"), SFTP_PERMISSION_DENIED);
	}
	/* Something else in its place: by an upload of that name, which cannot be begun, or was there before. */
	assert_int_equal(upload(&c, ".a.partial", "other"), SFTP_FAILURE);
	put(".a.partial", "other", 0600);
	put(".b.partial", "other", 0600);
	assert_int_equal(commit(&c, ".a.partial", "a"), SFTP_FAILURE);
	assert_int_equal(commit(&c, ".b.partial", "a"), SFTP_PERMISSION_DENIED);
	for (size_t i = 0; renames[i] != NULL; i++) {
		assert_int_equal(
		    pair_request(&c, SFTP_EXTENDED, renames[i], ".a.partial", "a"), SFTP_FAILURE);
		assert_int_equal(
		    pair_request(&c, SFTP_EXTENDED, renames[i], ".b.partial", "a"), SFTP_PERMISSION_DENIED);
		assert_int_equal(
		    pair_request(&c, SFTP_EXTENDED, renames[i], "a", "c"), SFTP_PERMISSION_DENIED);
		assert_int_equal(
		    pair_request(&c, SFTP_EXTENDED, renames[i], "a", ".c.partial"), SFTP_PERMISSION_DENIED);
	}
	assert_int_equal(
	    pair_request(&c, SFTP_EXTENDED, "lsetstat@openssh.com", "a", ""), SFTP_OP_UNSUPPORTED);
	assert_int_equal(pair_request(&c, SFTP_EXTENDED, "copy-data", "a", ""), SFTP_OP_UNSUPPORTED);
	assert_int_equal(lstat(path, &after), 0);
	assert_true(holds("a", content));
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(before.st_mode, after.st_mode);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	assert_int_equal(before.st_ctim.tv_nsec, after.st_ctim.tv_nsec);
	free(path);
	leave(&c);
}

/* Handles that were opened while it was an upload, in this session and in another. */
static void test_old_handles_are_sealed(void **state)
{
	struct client c = session(NULL), d = session(NULL);
	uint8_t h[8], k[8], again[8];

	(void)state;
	assert_int_equal(open_at(&c, ".a.partial", SFTP_OPEN_WRITE | SFTP_OPEN_CREATE, h), SFTP_OK);
	assert_int_equal(open_at(&d, ".a.partial", SFTP_OPEN_WRITE | SFTP_OPEN_READ, k), SFTP_OK);
	assert_int_equal(write_at(&c, h, 0, "what was "), SFTP_OK);
	assert_int_equal(write_at(&d, k, 9, content + 9), SFTP_OK);
	assert_int_equal(commit(&c, ".a.partial", "a"), SFTP_OK);
	assert_int_equal(write_at(&c, h, 0, "harm"), SFTP_PERMISSION_DENIED);
	assert_int_equal(write_at(&d, k, 100, "harm"), SFTP_PERMISSION_DENIED);
	assert_int_equal(truncate_at(&c, h, 0), SFTP_PERMISSION_DENIED);
	assert_int_equal(truncate_at(&d, k, 0), SFTP_PERMISSION_DENIED);
	assert_true(holds("a", content));
	/* Committed under both names: the upload's may go, and be taken by another upload, but opens nothing. */
	assert_int_equal(upload(&c, ".b.partial", content), SFTP_OK);
	assert_int_equal(open_at(&d, ".b.partial", SFTP_OPEN_WRITE, again), SFTP_OK);
	assert_int_equal(pair_request(&c, SFTP_EXTENDED, "hardlink@openssh.com", ".b.partial", "b"), SFTP_OK);
	assert_true(there("b") && there(".b.partial"));
	assert_int_equal(write_at(&d, again, 0, "harm"), SFTP_PERMISSION_DENIED);
	assert_int_equal(open_at(&c, ".b.partial", SFTP_OPEN_WRITE, h), SFTP_PERMISSION_DENIED);
	assert_int_equal(
	    open_at(&c, ".b.partial", SFTP_OPEN_WRITE | SFTP_OPEN_CREATE | SFTP_OPEN_TRUNCATE, h),
	    SFTP_FAILURE);
	assert_int_equal(setstat(&c, ".b.partial", SFTP_ATTR_SIZE), SFTP_PERMISSION_DENIED);
	assert_int_equal(path_request(&c, SFTP_REMOVE, ".b.partial"), SFTP_OK);
	assert_int_equal(write_at(&d, again, 0, "harm"), SFTP_PERMISSION_DENIED);
	assert_true(holds("b", content));
	leave(&c);
	leave(&d);
}

/* An archive that a program of this host commits without a seal, as store_dir.c does, while a client has it open. */
static void test_archives_of_this_host(void **state)
{
	struct client c = session(NULL);
	char *partial = path_of(".a.partial"), *path = path_of("a");
	uint8_t h[8];

	(void)state;
	put(".a.partial", content, 0600);
	assert_int_equal(open_at(&c, ".a.partial", SFTP_OPEN_WRITE, h), SFTP_OK);
	assert_int_equal(link(partial, path), 0);
	assert_int_equal(write_at(&c, h, 0, "harm"), SFTP_PERMISSION_DENIED);
	assert_int_equal(open_at(&c, ".a.partial", SFTP_OPEN_WRITE, h), SFTP_PERMISSION_DENIED);
	assert_int_equal(unlink(partial), 0);
	assert_int_equal(write_at(&c, h, 0, "harm"), SFTP_PERMISSION_DENIED);
	assert_true(holds("a", content));
	free(partial);
	free(path);
	leave(&c);
}

struct writer {
	struct client c;
	uint8_t h[8];
	unsigned done;
};

static void *write_on(void *arg)
{
	struct writer *w = arg;

	while (write_at(&w->c, w->h, 0, w->done % 2 ? "AAAAAAAA" : "BBBBBBBB") == SFTP_OK)
		w->done++;
	return NULL;
}

static void test_a_write_races_a_commit(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		struct writer w = { .c = session(NULL) };
		struct client c = session(NULL);
		char name[16], partial[32];
		struct buf b = BUF_INIT;
		pthread_t t;
		char *path;

		snprintf(name, sizeof name, "race%d", i);
		snprintf(partial, sizeof partial, ".%s.partial", name);
		path = path_of(name);
		assert_int_equal(open_at(&w.c, partial, SFTP_OPEN_WRITE | SFTP_OPEN_CREATE, w.h), SFTP_OK);
		assert_int_equal(pthread_create(&t, NULL, write_on, &w), 0);
		usleep(1000);
		assert_int_equal(commit(&c, partial, name), SFTP_OK);
		assert_int_equal(io_read_file(AT_FDCWD, path, 100, &b, NULL), 0);
		pthread_join(t, NULL);
		assert_true(holds(name, buf_text(&b)));
		assert_int_equal(write_at(&w.c, w.h, 0, "CCCCCCCC"), SFTP_PERMISSION_DENIED);
		buf_done(&b);
		free(path);
		leave(&w.c);
		leave(&c);
	}
}

static void test_after_a_kill(void **state)
{
	struct client c = session(NULL);
	char *partial = path_of(".c.partial"), *path = path_of("c");
	uint8_t h[8];

	(void)state;
	put(".a.partial", "what was ", 0600);
	assert_int_equal(open_at(&c, ".a.partial", SFTP_OPEN_WRITE, h), SFTP_OK);
	assert_int_equal(write_at(&c, h, 9, content + 9), SFTP_OK);
	assert_int_equal(commit(&c, ".a.partial", "a"), SFTP_OK);
	assert_true(holds("a", content));
	put(".b.partial", "other", 0400);
	assert_int_equal(
	    open_at(&c, ".b.partial", SFTP_OPEN_WRITE | SFTP_OPEN_CREATE | SFTP_OPEN_TRUNCATE, h), SFTP_OK);
	assert_int_equal(write_at(&c, h, 0, content), SFTP_OK);
	assert_int_equal(commit(&c, ".b.partial", "b"), SFTP_OK);
	assert_true(holds("b", content));
	put(".c.partial", content, 0400);
	assert_int_equal(link(partial, path), 0);
	assert_int_equal(open_at(&c, ".c.partial", SFTP_OPEN_WRITE, h), SFTP_PERMISSION_DENIED);
	assert_int_equal(path_request(&c, SFTP_REMOVE, ".c.partial"), SFTP_OK);
	assert_true(holds("c", content));
	free(partial);
	free(path);
	leave(&c);
}

/* Every request cut at every length, and requests that lie about lengths: one answer each, and the session goes on. */

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_an_upload),
		TEST(test_a_committed_archive_is_safe),
		TEST(test_old_handles_are_sealed),
		TEST(test_archives_of_this_host),
		TEST(test_a_write_races_a_commit),
		TEST(test_after_a_kill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
