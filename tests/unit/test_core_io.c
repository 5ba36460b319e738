/* test_core_io.c: files whole or not at all, and nothing outside a root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/io.h"
#include "core/mem.h"

static char *dir;
static int root;

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	dir = mem_printf("%s/test_core_io.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(dir) == NULL)
		return -1;
	root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return root == -1 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	close(root);
	if (io_remove_tree(AT_FDCWD, dir, NULL) == -1)
		return -1;
	free(dir);
	return 0;
}

static void put(const char *path, const char *text)
{
	int fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd != -1);
	assert_int_equal(io_write_all(fd, text, strlen(text), path, NULL), 0);
	close(fd);
}

static void expect(const char *path, const char *text)
{
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	if (io_read_file(root, path, 1 << 20, &b, &e) == -1)
		fail_msg("%s", e.msg);
	assert_string_equal(buf_text(&b), text);
	buf_done(&b);
}

static bool there(const char *path)
{
	struct stat st;

	return fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void test_replace(void **state)
{
	struct err e = { 0 };
	struct stat st;

	(void)state;
	assert_int_equal(mkdirat(root, "d", 0700), 0);
	assert_int_equal(io_replace(root, "d/f", "one", 3, 0640, &e), 0);
	expect("d/f", "one");
	assert_int_equal(fstatat(root, "d/f", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0640 & ~022);
	assert_int_equal(io_replace(root, "d/f", "", 0, 0600, &e), 0);
	expect("d/f", "");
	/* A link is replaced, what it leads to is not written. */
	put("elsewhere", "safe");
	assert_int_equal(symlinkat("../elsewhere", root, "d/link"), 0);
	assert_int_equal(io_replace(root, "d/link", "two", 3, 0600, &e), 0);
	expect("elsewhere", "safe");
	assert_int_equal(fstatat(root, "d/link", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(io_replace(root, "nowhere/f", "x", 1, 0600, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	/* A directory cannot be replaced; nothing is left beside it. */
	assert_int_equal(io_replace(root, "d", "x", 1, 0600, &e), -1);
	assert_true(fstatat(root, "d", &st, 0) == 0 && S_ISDIR(st.st_mode));
	assert_int_equal(unlinkat(root, "d/f", 0), 0);
	assert_int_equal(unlinkat(root, "d/link", 0), 0);
	assert_int_equal(unlinkat(root, "d", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(root, "elsewhere", 0), 0);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(mkdir(dir, 0700), 0);
	close(root);
	root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* A write that fails half-way leaves the old content and nothing beside it. */
static void test_replace_fails(void **state)
{
	struct rlimit old, small;
	struct err e = { 0 };
	char big[8192];

	(void)state;
	memset(big, 'x', sizeof big);
	put("f", "old");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){ 4096, old.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(io_replace(root, "f", big, sizeof big, 0600, &e), -1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_non_null(strstr(e.msg, strerror(EFBIG)));
	expect("f", "old");
	assert_int_equal(unlinkat(root, "f", 0), 0);
	close(root);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(mkdir(dir, 0700), 0);
	root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void test_read_file(void **state)
{
	struct buf b = BUF_INIT, small = BUF_INIT_MAX(4);
	struct err e = { 0 };

	(void)state;
	put("ten", "0123456789");
	buf_str(&b, "before ");
	assert_int_equal(io_read_file(root, "ten", 10, &b, &e), 0);
	assert_string_equal(buf_text(&b), "before 0123456789");
	assert_int_equal(io_read_file(root, "ten", 9, &b, &e), -1);
	assert_int_equal(e.code, ERR_FORMAT);
	assert_string_equal(buf_text(&b), "before 0123456789");
	assert_int_equal(io_read_file(root, "ten", 100, &small, &e), -1);
	assert_int_equal(e.code, ERR_FORMAT);
	assert_int_equal(small.len, 0);
	assert_int_equal(io_read_file(root, "none", 9, &b, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(io_read_file(root, ".", 9, &b, &e), -1);
	assert_int_equal(e.code, ERR_FORMAT);
	/* A FIFO does not hold us up. */
	assert_int_equal(mkfifoat(root, "fifo", 0600), 0);
	assert_int_equal(io_read_file(root, "fifo", 9, &b, &e), -1);
	assert_int_equal(e.code, ERR_FORMAT);
	/* Files that do not tell their size. */
	buf_clear(&b);
	assert_int_equal(io_read_file(AT_FDCWD, "/proc/self/status", 1 << 20, &b, &e), 0);
	assert_true(b.len > 100);
	assert_int_equal(io_read_file(AT_FDCWD, "/proc/self/status", 100, &b, &e), -1);
	assert_int_equal(io_read_file(AT_FDCWD, "/dev/zero", 100, &b, &e), -1);
	buf_done(&b);
	buf_done(&small);
}

static void test_at_offsets(void **state)
{
	struct err e = { 0 };
	char got[8] = "";
	size_t n;
	int fd = io_temp_fd(dir, &e);
	struct stat st;

	(void)state;
	assert_true(fd != -1);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(io_pwrite_all(fd, "world", 5, 5, "f", &e), 0);
	assert_int_equal(io_pwrite_all(fd, "hello", 5, 0, "f", &e), 0);
	assert_int_equal(io_pread_all(fd, got, 7, 3, "f", &e), 0);
	assert_memory_equal(got, "loworld", 7);
	assert_int_equal(io_pread_all(fd, got, 8, 3, "f", &e), -1);
	assert_int_equal(e.code, ERR_DAMAGE);
	assert_non_null(strstr(e.msg, "f ends at byte 10"));
	assert_int_equal(lseek(fd, 8, SEEK_SET), 8);
	assert_int_equal(io_read_all(fd, got, 8, "f", &n, &e), 0);
	assert_int_equal(n, 2);
	close(fd);
	assert_int_equal(io_temp_fd("/nowhere/at/all", &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(io_write_all(-1, "x", 1, "the thing", &e), -1);
	assert_string_equal(e.msg, "write the thing: Bad file descriptor");
}

static void test_open_beneath(void **state)
{
	static const char *const out[] = { "../x", "..", "/etc/passwd", "a/../../x", "up", "up/x", "abs",
		"abs/passwd", "a/in", "file/x", "" };
	struct err e = { 0 };
	int fd;

	(void)state;
	assert_int_equal(mkdirat(root, "a", 0700), 0);
	put("a/file", "x");
	put("file", "x");
	assert_int_equal(symlinkat("..", root, "up"), 0);
	assert_int_equal(symlinkat("/etc", root, "abs"), 0);
	/* Even one that stays inside. */
	assert_int_equal(symlinkat("file", root, "a/in"), 0);
	for (size_t i = 0; i < sizeof out / sizeof out[0]; i++) {
		fd = io_open_beneath(root, out[i], O_RDONLY, 0, &e);
		if (fd != -1)
			fail_msg("%s was opened", out[i]);
		assert_true(e.msg[0] != '\0');
	}
	assert_int_equal(io_open_beneath(root, "up/new", O_WRONLY | O_CREAT | O_EXCL, 0600, &e), -1);
	assert_int_equal(io_open_beneath(root, "../new", O_WRONLY | O_CREAT | O_EXCL, 0600, &e), -1);
	fd = io_open_beneath(root, "a/file", O_RDONLY, 0, &e);
	assert_true(fd != -1);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	fd = io_open_beneath(root, "a/new", O_WRONLY | O_CREAT | O_EXCL, 0600, &e);
	assert_true(fd != -1);
	close(fd);
	fd = io_open_beneath(root, "a/../file", O_RDONLY, 0, &e);
	if (fd != -1) /* it stays beneath */
		close(fd);
}

static void test_mkdirs(void **state)
{
	static const char *const bad[] = { "", "/abs", "a/..", "../x", "a//b", "a/", ".", "a/./b" };
	struct err e = { 0 };
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(io_mkdirs_beneath(root, bad[i], 0700, &e), -1);
	fd = io_mkdirs_beneath(root, "x/y/z", 0700, &e);
	assert_true(fd != -1);
	close(fd);
	fd = io_mkdirs_beneath(root, "x/y/z", 0700, &e);
	assert_true(fd != -1);
	close(fd);
	assert_true(there("x/y/z"));
	assert_int_equal(symlinkat("/tmp", root, "x/out"), 0);
	assert_int_equal(io_mkdirs_beneath(root, "x/out/test_core_io", 0700, &e), -1);
	put("x/plain", "");
	assert_int_equal(io_mkdirs_beneath(root, "x/plain/y", 0700, &e), -1);
	assert_int_equal(io_mkdirs(root, "p/q/r", 0700, &e), 0);
	assert_int_equal(io_mkdirs(root, "p/q/r/", 0700, &e), 0);
	assert_true(there("p/q/r"));
	assert_int_equal(io_mkdirs(root, "x/plain/y", 0700, &e), -1);
}

static void test_mkdir_as(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(io_mkdir_as(root, "mine", 0700, geteuid(), getegid()), 0);
	assert_int_equal(io_mkdir_as(root, "mine", 0700, geteuid(), getegid()), -1);
	assert_int_equal(errno, EEXIST);
	if (geteuid() != 0)
		return;
	/* Where the other may write himself, and where only root may. */
	assert_int_equal(fchmod(root, 0777), 0);
	assert_int_equal(io_mkdir_as(root, "open", 0700, 65534, 65534), 0);
	assert_int_equal(io_mkdir_as(root, "mine/closed", 0700, 65534, 65534), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fstatat(root, i == 0 ? "open" : "mine/closed", &st, AT_SYMLINK_NOFOLLOW), 0);
		assert_true(st.st_uid == 65534 && st.st_gid == 65534 && (st.st_mode & 07777) == 0700);
	}
	/* Nothing of it stays with us. */
	put("ours", "");
	assert_int_equal(fstatat(root, "ours", &st, 0), 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(io_mkdir_as(root, "no/where", 0700, 65534, 65534), -1);
	assert_int_equal(errno, ENOENT);
}

static void test_remove_tree(void **state)
{
	struct err e = { 0 };
	int fd, deep;

	(void)state;
	assert_int_equal(io_remove_tree(root, "not there", &e), 0);
	put("outside", "safe");
	assert_int_equal(mkdirat(root, "outdir", 0700), 0);
	put("outdir/f", "safe");
	fd = io_mkdirs_beneath(root, "t/one/two", 0700, &e);
	assert_true(fd != -1);
	close(fd);
	put("t/one/f", "x");
	assert_int_equal(mkfifoat(root, "t/one/fifo", 0600), 0);
	assert_int_equal(symlinkat("../outside", root, "t/to-file"), 0);
	assert_int_equal(symlinkat("../outdir", root, "t/to-dir"), 0);
	assert_int_equal(symlinkat("nowhere", root, "t/dangling"), 0);
	assert_int_equal(io_remove_tree(root, "t", &e), 0);
	assert_false(there("t"));
	expect("outside", "safe");
	expect("outdir/f", "safe");
	/* The name itself a link. */
	assert_int_equal(symlinkat("outdir", root, "link"), 0);
	assert_int_equal(io_remove_tree(root, "link", &e), 0);
	assert_false(there("link"));
	expect("outdir/f", "safe");
	put("single", "x");
	assert_int_equal(io_remove_tree(root, "single", &e), 0);
	assert_false(there("single"));
	/* Deeper than a path can name at once. */
	deep = dup(root);
	for (int i = 0; i < 300; i++) {
		int next;

		assert_int_equal(mkdirat(deep, "abcdefghijklmnopqrstuvwxyz", 0700), 0);
		next = openat(deep, "abcdefghijklmnopqrstuvwxyz", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(deep);
		deep = next;
	}
	close(deep);
	assert_int_equal(io_remove_tree(root, "abcdefghijklmnopqrstuvwxyz", &e), 0);
}

static void test_path_is_safe(void **state)
{
	static const char *const good[] = { "a", "a/b", "...", "a/.b/..c", ".hidden", "a b/\n" };
	static const char *const bad[] = { "", "/", "/a", "a/", "a//b", ".", "..", "a/.", "a/..", "../a",
		"./a", "a/../b" };
	char *text = mem_alloc(PATH_MAX + 2);

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(io_path_is_safe(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(io_path_is_safe(bad[i], strlen(bad[i])));
	assert_false(io_path_is_safe("a\0b", 3));
	memset(text, 'a', PATH_MAX);
	assert_true(io_path_is_safe(text, PATH_MAX - 1));
	assert_false(io_path_is_safe(text, PATH_MAX));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_replace, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replace_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_at_offsets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_open_beneath, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mkdirs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mkdir_as, setup, teardown),
		cmocka_unit_test_setup_teardown(test_remove_tree, setup, teardown),
		cmocka_unit_test(test_path_is_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
