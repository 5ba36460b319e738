/* test_store.c: what every store promises, of the directory store and of one behind an SFTP server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"
#include "store/store.h"
#include "test_sftp_util.h"

static char *dir;
static struct store *store;
static char remote_url[] = "sftp://host/vault";
static const struct conf_store remote = { .url = remote_url, .timeout_ms = 5000 };
static bool is_remote; /* the store of the test that runs */

static struct store *open_store(void)
{
	struct store *s = NULL;
	char *url = mem_printf("dir:%s/a/vault", dir);
	struct err e = { 0 };

	if (is_remote)
		s = open_piped(&remote, NULL, url + 4, true, &e);
	else
		store_open(url, true, &s, &e);
	if (s == NULL)
		fprintf(stderr, "%s\n", e.msg);
	free(url);
	return s;
}

static int setup_any(void)
{
	const char *tmp = getenv("TMPDIR");

	dir = mem_printf("%s/test_store.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(dir) == NULL)
		return -1;
	store = open_store();
	return store != NULL ? 0 : -1;
}

static int setup(void **state)
{
	(void)state;
	is_remote = false;
	return setup_any();
}

static int setup_remote(void **state)
{
	(void)state;
	is_remote = true;
	return setup_any();
}

static int teardown(void **state)
{
	(void)state;
	store_free(store);
	if (io_remove_tree(AT_FDCWD, dir, NULL) == -1)
		return -1;
	free(dir);
	return 0;
}

static char *path_of(const char *name)
{
	return mem_printf("%s/a/vault/%s", dir, name);
}

static bool there(const char *name)
{
	char *path = path_of(name);
	struct stat st;
	bool is = lstat(path, &st) == 0;

	free(path);
	return is;
}

static void put_raw(const char *name, const char *text)
{
	char *path = path_of(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd != -1);
	assert_int_equal(io_write_all(fd, text, strlen(text), name, NULL), 0);
	close(fd);
	free(path);
}

/* Nobody has written to it for a while. */
static void make_old(const char *name)
{
	char *path = path_of(name);
	struct timespec when = { .tv_sec = time(NULL) - 1000 }, times[2] = { when, when };

	assert_int_equal(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
	free(path);
}

static size_t listed(void)
{
	struct store_list l;
	struct err e = { 0 };
	size_t n;

	assert_int_equal(store_list(store, &l, &e), 0);
	n = l.n;
	for (size_t i = 1; i < l.n; i++)
		assert_true(strcmp(l.objects[i - 1].name, l.objects[i].name) < 0);
	store_list_done(&l);
	return n;
}

static struct stream *begin(const char *name)
{
	struct stream *out;
	struct err e = { 0 };

	if (store_create(store, name, 0, &out, &e) == -1)
		fail_msg("%s", e.msg);
	assert_int_equal(stream_write(out, "content", 7, &e), 0);
	return out;
}

static void test_commit(void **state)
{
	struct err e = { 0 };
	struct store_object o;
	struct stream *out = begin("one"), *in;
	char got[8] = "";
	struct stat st;
	char *path;

	(void)state;
	assert_int_equal(listed(), 0);
	assert_int_equal(store_stat(store, "one", &o, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_non_null(strstr(e.msg, store_url(store)));
	assert_int_equal(store_read(store, "one", &in, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(store_commit(store, out, &e), 0);
	assert_int_equal(listed(), 1);
	assert_int_equal(store_commit(store, out, &e), -1);
	stream_close(out);
	assert_int_equal(listed(), 1);
	assert_false(there(".one.partial"));
	assert_int_equal(store_stat(store, "one", &o, &e), 0);
	assert_int_equal(o.size_bytes, 7);
	assert_null(o.name);
	assert_int_equal(store_read(store, "one", &in, &e), 0);
	assert_int_equal(stream_seek(in, 3, &e), 0);
	assert_int_equal(stream_read(in, got, sizeof got, &e), 4);
	assert_memory_equal(got, "tent", 4);
	stream_close(in);
	/* Nobody else may read mail. */
	path = path_of("one");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_nlink, 1);
	free(path);
	path = path_of(".");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	free(path);
	assert_int_equal(store_remove(store, "one", &e), 0);
	assert_int_equal(listed(), 0);
	assert_int_equal(store_remove(store, "one", &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
}

/* What is not committed can be read back, and goes on. */
static void test_reread(void **state)
{
	struct err e = { 0 };
	struct stream *out = begin("one"), *in;
	char got[16] = "";
	uint64_t size;

	(void)state;
	assert_int_equal(store_reread(store, out, &in, &e), 0);
	assert_int_equal(stream_size(in, &size, &e), 0);
	assert_int_equal(size, 7);
	assert_int_equal(stream_seek(in, 3, &e), 0);
	assert_int_equal(stream_read_full(in, got, 4, &e), 0);
	assert_memory_equal(got, "tent", 4);
	stream_close(in);
	assert_int_equal(listed(), 0);
	assert_int_equal(stream_write(out, " more", 5, &e), 0);
	assert_int_equal(store_commit(store, out, &e), 0);
	stream_close(out);
	assert_int_equal(store_read(store, "one", &in, &e), 0);
	assert_int_equal(stream_read_full(in, got, 12, &e), 0);
	assert_memory_equal(got, "content more", 12);
	/* Only what is being written there. */
	assert_int_equal(store_reread(store, in, &out, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	stream_close(in);
}

static void test_discard(void **state)
{
	struct stream *out = begin("one");

	(void)state;
	assert_true(there(".one.partial"));
	stream_close(out);
	assert_false(there(".one.partial"));
	assert_int_equal(listed(), 0);
}

static void test_exists(void **state)
{
	struct err e = { 0 };
	struct stream *out = begin("one"), *in;
	char got[8] = "";

	(void)state;
	/* Taken meanwhile. */
	put_raw("one", "theirs");
	assert_int_equal(store_commit(store, out, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	stream_close(out);
	assert_false(there(".one.partial"));
	/* Taken before. */
	assert_int_equal(store_create(store, "one", 0, &out, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
	assert_int_equal(store_read(store, "one", &in, &e), 0);
	assert_int_equal(stream_read(in, got, sizeof got, &e), 6);
	assert_memory_equal(got, "theirs", 6);
	stream_close(in);
}

static void test_two_at_once(void **state)
{
	struct err e = { 0 };
	struct stream *out = begin("one"), *second;

	(void)state;
	assert_int_equal(store_create(store, "one", 0, &second, &e), -1);
	assert_int_equal(e.code, ERR_LOCKED);
	second = begin("two");
	assert_int_equal(store_commit(store, second, &e), 0);
	stream_close(second);
	assert_int_equal(store_commit(store, out, &e), 0);
	stream_close(out);
	assert_int_equal(listed(), 2);
}

/* A run that was killed between the two names of its archive: writing that name again must not empty the archive. */
static void test_second_name(void **state)
{
	struct err e = { 0 };
	char *from = path_of("kept"), *to = path_of(".one.partial");
	struct stream *out, *in;
	char got[8] = "";

	(void)state;
	put_raw("kept", "theirs");
	assert_int_equal(link(from, to), 0);
	make_old("kept");
	out = begin("one");
	assert_int_equal(store_commit(store, out, &e), 0);
	stream_close(out);
	assert_int_equal(store_read(store, "kept", &in, &e), 0);
	assert_int_equal(stream_read(in, got, sizeof got, &e), 6);
	assert_memory_equal(got, "theirs", 6);
	stream_close(in);
	free(from);
	free(to);
}

static void test_removed_meanwhile(void **state)
{
	struct err e = { 0 };
	struct stream *out = begin("one");
	char *path = path_of(".one.partial");

	struct stream *in;

	(void)state;
	assert_int_equal(unlink(path), 0);
	assert_int_equal(store_reread(store, out, &in, &e), -1);
	assert_int_equal(e.code, ERR_SYS);
	assert_non_null(strstr(e.hint, "who clears"));
	err_clear(&e);
	assert_int_equal(store_commit(store, out, &e), -1);
	assert_int_equal(e.code, ERR_SYS);
	assert_true(e.hint[0] != '\0');
	/* Whoever has the name now keeps it. */
	put_raw(".one.partial", "theirs");
	stream_close(out);
	assert_true(there(".one.partial"));
	assert_int_equal(listed(), 0);
	free(path);
}

static void test_clean(void **state)
{
	struct err e = { 0 };
	struct stream *out = begin("running");
	char *fifo = path_of(".fifo.partial"), *link = path_of(".link.partial");

	(void)state;
	put_raw(".left.partial", "half");
	put_raw(".other", "not ours");
	put_raw("done.partial", "an archive by its name");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(symlink("done.partial", link), 0);
	make_old(".left.partial");
	assert_int_equal(store_clean(store, 3600, &e), 0);
	assert_true(there(".left.partial"));
	assert_int_equal(store_clean(store, 0, &e), 1);
	assert_false(there(".left.partial"));
	assert_true(
	    there(".running.partial") && there(".other") && there("done.partial") && there(".fifo.partial"));
	assert_int_equal(store_commit(store, out, &e), 0);
	stream_close(out);
	assert_true(there("running"));
	assert_int_equal(store_clean(store, 0, &e), 0);
	free(fifo);
	free(link);
}

/* What another process writes is no leftover either, until it dies. */
static void test_clean_other_process(void **state)
{
	struct err e = { 0 };
	int ready[2], end[2];
	char c;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(end), 0);
	pid = fork();
	if (pid == 0) {
		struct stream *out;
		char d;

		close(end[1]);
		if (is_remote) /* what is connected is not shared */
			store = open_store();
		if (store != NULL && store_create(store, "one", 0, &out, NULL) == 0 && write(ready[1], "r", 1) == 1 &&
		    read(end[0], &d, 1) == 0)
			_exit(0);
		_exit(1);
	}
	close(end[0]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(store_clean(store, 0, &e), 0);
	assert_true(there(".one.partial"));
	close(end[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	make_old(".one.partial");
	assert_int_equal(store_clean(store, 0, &e), 1);
	assert_false(there(".one.partial"));
	close(ready[0]);
	close(ready[1]);
}

static void test_names(void **state)
{
	static const char *const bad[] = { "", ".", "..", ".hidden", "-rf", "a/b", "../x", "a b", "a\nb",
		"a\\b", "\303\244", "a*", "a;b", "a\x1b[2J" };
	struct err e = { 0 };
	char longest[202];
	struct stream *s;
	struct store_object o;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_false(store_name_ok(bad[i]));
		assert_int_equal(store_create(store, bad[i], 0, &s, &e), -1);
		assert_int_equal(e.code, ERR_USAGE);
		assert_int_equal(store_read(store, bad[i], &s, &e), -1);
		assert_int_equal(store_stat(store, bad[i], &o, &e), -1);
		assert_int_equal(store_remove(store, bad[i], &e), -1);
		assert_int_equal(e.code, ERR_USAGE);
	}
	memset(longest, 'a', sizeof longest);
	longest[201] = '\0';
	assert_false(store_name_ok(longest));
	longest[200] = '\0';
	assert_true(store_name_ok(longest));
	s = begin(longest);
	assert_int_equal(store_commit(store, s, &e), 0);
	stream_close(s);
	assert_true(store_name_ok("mail1-20261122T010203Z.cpio.gz") && store_name_ok("a+b@c:d_e"));
}

static void test_list_leaves_out(void **state)
{
	char *path = path_of("directory"), *fifo = path_of("fifo"), *to = path_of("link");
	struct err e = { 0 };
	struct stream *s;

	(void)state;
	put_raw("archive.cpio", "x");
	put_raw("not a name", "x");
	put_raw(".hidden", "x");
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	/* An archive that was moved to another disk is still one. */
	assert_int_equal(symlink("archive.cpio", to), 0);
	assert_int_equal(listed(), 2);
	assert_int_equal(store_read(store, "fifo", &s, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(store_read(store, "directory", &s, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	free(path);
	free(fifo);
	free(to);
}

static void test_space(void **state)
{
	struct err e = { 0 };
	struct stream *s;

	(void)state;
	assert_int_equal(store_create(store, "huge", UINT64_MAX, &s, &e), -1);
	assert_int_equal(e.code, ERR_SPACE);
	assert_true(e.hint[0] != '\0');
	assert_false(there(".huge.partial"));
	assert_int_equal(store_create(store, "small", 1, &s, &e), 0);
	stream_close(s);
}

static void test_open(void **state)
{
	struct store *s = NULL;
	struct err e = { 0 };
	char *missing = mem_printf("dir:%s/missing", dir), *plain = mem_printf("%s/a/vault/plain", dir);

	(void)state;
	assert_int_equal(store_open(missing, false, &s, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_true(e.hint[0] != '\0');
	assert_non_null(strstr(e.msg, missing));
	put_raw("plain", "x");
	assert_int_equal(store_open(plain, true, &s, &e), -1);
	assert_true(e.hint[0] != '\0');
	assert_int_equal(store_open("tape:0", true, &s, &e), -1);
	assert_int_equal(e.code, ERR_CONFIG);
	assert_int_equal(store_open("", true, &s, &e), -1);
	assert_int_equal(store_open("dir:relative", true, &s, &e), -1);
	assert_null(s);
	assert_int_equal(store_open(missing + 4, true, &s, &e), 0);
	store_free(s);
	store_free(NULL);
	free(missing);
	free(plain);
}

static void test_open_remote(void **state)
{
	struct err e = { 0 };
	char *missing = mem_printf("%s/missing/below", dir), *plain = path_of("plain");
	struct store *s;

	(void)state;
	assert_null(open_piped(&remote, NULL, missing, false, &e));
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_true(e.hint[0] != '\0');
	put_raw("plain", "x");
	err_clear(&e);
	assert_null(open_piped(&remote, NULL, plain, true, &e));
	assert_true(e.hint[0] != '\0');
	err_clear(&e);
	s = open_piped(&remote, NULL, missing, true, &e);
	assert_non_null(s);
	store_free(s);
	free(missing);
	free(plain);
}

#define TEST(f)   cmocka_unit_test_setup_teardown(f, setup, teardown)
#define REMOTE(f) { #f " over SFTP", f, setup_remote, teardown, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_commit),
		TEST(test_reread),
		TEST(test_discard),
		TEST(test_exists),
		TEST(test_two_at_once),
		TEST(test_second_name),
		TEST(test_removed_meanwhile),
		TEST(test_clean),
		TEST(test_clean_other_process),
		TEST(test_names),
		TEST(test_list_leaves_out),
		TEST(test_space),
		TEST(test_open),
	};
	const struct CMUnitTest remote_tests[] = {
		REMOTE(test_commit),
		REMOTE(test_reread),
		REMOTE(test_discard),
		REMOTE(test_exists),
		REMOTE(test_two_at_once),
		REMOTE(test_second_name),
		REMOTE(test_removed_meanwhile),
		REMOTE(test_clean),
		REMOTE(test_clean_other_process),
		REMOTE(test_names),
		REMOTE(test_list_leaves_out),
		REMOTE(test_space),
		REMOTE(test_open_remote),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	if (sftp_server_path() == NULL) {
		printf("skip - the store behind an SFTP server: there is no sftp-server\n");
		return rc;
	}
	return rc | cmocka_run_group_tests(remote_tests, NULL, NULL);
}
