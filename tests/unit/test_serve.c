/* test_serve.c: the served store: what a client may do, and that nothing else can be done, by whatever order of requests and sessions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/io.h"
#include "core/mem.h"
#include "store/serve.h"
#include "store/sftp_packet.h"

#define TEXT "what was committed stays as it was"

static char *top, *dir;

/* ---- a client ---- */

struct client {
	struct serve *s;
	struct buf out;
	struct sftp_reply reply;
};

static void greet(struct client *c)
{
	static const uint8_t hello[] = { 0, 0, 0, 5, SFTP_INIT, 0, 0, 0, 3 };
	size_t used;

	assert_int_equal(serve_take(c->s, hello, sizeof hello, &used, &c->out, NULL), 0);
	assert_int_equal(used, sizeof hello);
	assert_int_equal(c->out.data[4], SFTP_VERSION_REPLY);
	buf_clear(&c->out);
}

static struct client session(const struct serve_opts *o)
{
	struct client c = { 0 };
	struct serve_opts here = o != NULL ? *o : (struct serve_opts){ 0 };
	struct err e = { 0 };

	here.directory = dir;
	if (serve_new(&here, &c.s, &e) == -1)
		fail_msg("%s", e.msg);
	greet(&c);
	return c;
}

static void leave(struct client *c)
{
	serve_free(c->s);
	buf_done(&c->out);
}

/* Send what was built in ${b}, and take the one answer apart. */
static struct sftp_reply *ask(struct client *c, struct buf *b, size_t at)
{
	struct err e = { 0 };
	size_t used, len;

	sftp_end(b, at);
	buf_clear(&c->out);
	if (serve_take(c->s, (const uint8_t *)b->data, b->len, &used, &c->out, &e) == -1)
		fail_msg("%s", e.msg);
	assert_int_equal(used, b->len);
	buf_done(b);
	assert_int_equal(sftp_frame((const uint8_t *)c->out.data, c->out.len, &len, &e), 1);
	assert_int_equal(len + 4, c->out.len);
	if (sftp_parse_reply((const uint8_t *)c->out.data + 4, len, &c->reply, &e) == -1)
		fail_msg("%s", e.msg);
	assert_int_equal(c->reply.id, 7);
	return &c->reply;
}

static size_t begin(struct buf *b, enum sftp_type type)
{
	size_t at = sftp_begin(b, type);

	sftp_put_u32(b, 7);
	return at;
}

static uint32_t status_of(const struct sftp_reply *r)
{
	return r->type == SFTP_STATUS ? r->status : SFTP_OK;
}

/* Requests of one path, two paths; the status they end with. */
static uint32_t path_request(struct client *c, enum sftp_type type, const char *path)
{
	struct buf b = BUF_INIT;
	size_t at = begin(&b, type);

	sftp_put_text(&b, path);
	return status_of(ask(c, &b, at));
}

static uint32_t pair_request(
    struct client *c, enum sftp_type type, const char *extension, const char *x, const char *y)
{
	struct buf b = BUF_INIT;
	size_t at = begin(&b, type);

	if (extension != NULL)
		sftp_put_text(&b, extension);
	sftp_put_text(&b, x);
	sftp_put_text(&b, y);
	return status_of(ask(c, &b, at));
}

static uint32_t commit(struct client *c, const char *x, const char *y)
{
	return pair_request(c, SFTP_RENAME, NULL, x, y);
}

static uint32_t setstat(struct client *c, const char *path, uint32_t flags)
{
	struct sftp_attrs a = { .flags = flags, .size = 3, .mode = 0666, .mtime = 1 };
	struct buf b = BUF_INIT;
	size_t at = begin(&b, SFTP_SETSTAT);

	sftp_put_text(&b, path);
	sftp_put_attrs(&b, &a);
	return status_of(ask(c, &b, at));
}

/* 0 and an open handle, or the status. */
static uint32_t open_at(struct client *c, const char *path, uint32_t flags, uint8_t handle[8])
{
	struct sftp_attrs a = { .flags = SFTP_ATTR_MODE, .mode = 0666 };
	struct buf b = BUF_INIT;
	size_t at = begin(&b, SFTP_OPEN);

	sftp_put_text(&b, path);
	sftp_put_u32(&b, flags);
	sftp_put_attrs(&b, &a);
	ask(c, &b, at);
	if (c->reply.type == SFTP_HANDLE)
		memcpy(handle, c->reply.string.p, 8);
	return status_of(&c->reply);
}

static uint32_t handle_request(struct client *c, enum sftp_type type, const uint8_t handle[8])
{
	struct buf b = BUF_INIT;
	size_t at = begin(&b, type);

	sftp_put_string(&b, handle, 8);
	return status_of(ask(c, &b, at));
}

static uint32_t write_at(struct client *c, const uint8_t handle[8], uint64_t off, const char *text)
{
	struct buf b = BUF_INIT;
	size_t at = begin(&b, SFTP_WRITE);

	sftp_put_string(&b, handle, 8);
	sftp_put_u64(&b, off);
	sftp_put_text(&b, text);
	return status_of(ask(c, &b, at));
}

static uint32_t truncate_at(struct client *c, const uint8_t handle[8], uint64_t size)
{
	struct sftp_attrs a = { .flags = SFTP_ATTR_SIZE, .size = size };
	struct buf b = BUF_INIT;
	size_t at = begin(&b, SFTP_FSETSTAT);

	sftp_put_string(&b, handle, 8);
	sftp_put_attrs(&b, &a);
	return status_of(ask(c, &b, at));
}

static uint32_t upload(struct client *c, const char *partial, const char *text)
{
	uint8_t h[8];
	uint32_t rc = open_at(c, partial, SFTP_OPEN_WRITE | SFTP_OPEN_CREATE | SFTP_OPEN_EXCLUSIVE, h);

	if (rc == SFTP_OK)
		rc = write_at(c, h, 0, text);
	if (rc == SFTP_OK)
		rc = handle_request(c, SFTP_CLOSE, h);
	return rc;
}

/* ---- the directory as it is ---- */

static char *path_of(const char *name)
{
	return mem_printf("%s/%s", dir, name);
}

static bool holds(const char *name, const char *text)
{
	struct buf b = BUF_INIT;
	char *path = path_of(name);
	bool same = io_read_file(AT_FDCWD, path, 1 << 20, &b, NULL) == 0 && strcmp(buf_text(&b), text) == 0;

	buf_done(&b);
	free(path);
	return same;
}

static bool there(const char *name)
{
	char *path = path_of(name);
	struct stat st;
	bool is = lstat(path, &st) == 0;

	free(path);
	return is;
}

static void put(const char *name, const char *text, mode_t mode)
{
	char *path = path_of(name);

	assert_int_equal(io_replace(AT_FDCWD, path, text, strlen(text), mode, NULL), 0);
	free(path);
}

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	top = mem_printf("%s/test_serve.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(top) == NULL)
		return -1;
	dir = mem_printf("%s/vault", top);
	return mkdir(dir, 0700);
}

static int teardown(void **state)
{
	(void)state;
	if (io_remove_tree(AT_FDCWD, top, NULL) == -1)
		return -1;
	free(top);
	free(dir);
	return 0;
}

/* ---- tests ---- */

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
	assert_int_equal(upload(&c, "/.a.partial", TEXT), SFTP_OK);
	assert_false(there("a"));
	assert_int_equal(commit(&c, ".a.partial", "a"), SFTP_OK);
	assert_true(holds("a", TEXT));
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
	assert_int_equal(c.reply.string.n, strlen(TEXT) - 5);
	assert_memory_equal(c.reply.string.p, TEXT + 5, strlen(TEXT) - 5);
	assert_int_equal(path_request(&c, SFTP_OPENDIR, "."), SFTP_OK);
	memcpy(h, c.reply.string.p, 8);
	assert_int_equal(handle_request(&c, SFTP_READDIR, h), SFTP_OK);
	assert_int_equal(c.reply.count, 1);
	assert_int_equal(sftp_next_name(&c.reply, &n, NULL), 1);
	assert_true(sftp_string_is(n.name, "a"));
	assert_int_equal(n.attrs.size, strlen(TEXT));
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
	assert_int_equal(upload(&c, ".a.partial", TEXT), SFTP_OK);
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
	assert_true(holds("a", TEXT));
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
	assert_int_equal(write_at(&d, k, 9, TEXT + 9), SFTP_OK);
	assert_int_equal(commit(&c, ".a.partial", "a"), SFTP_OK);
	assert_int_equal(write_at(&c, h, 0, "harm"), SFTP_PERMISSION_DENIED);
	assert_int_equal(write_at(&d, k, 100, "harm"), SFTP_PERMISSION_DENIED);
	assert_int_equal(truncate_at(&c, h, 0), SFTP_PERMISSION_DENIED);
	assert_int_equal(truncate_at(&d, k, 0), SFTP_PERMISSION_DENIED);
	assert_true(holds("a", TEXT));
	/* Committed under both names: the upload's may go, and be taken by another upload, but opens nothing. */
	assert_int_equal(upload(&c, ".b.partial", TEXT), SFTP_OK);
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
	assert_true(holds("b", TEXT));
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
	put(".a.partial", TEXT, 0600);
	assert_int_equal(open_at(&c, ".a.partial", SFTP_OPEN_WRITE, h), SFTP_OK);
	assert_int_equal(link(partial, path), 0);
	assert_int_equal(write_at(&c, h, 0, "harm"), SFTP_PERMISSION_DENIED);
	assert_int_equal(open_at(&c, ".a.partial", SFTP_OPEN_WRITE, h), SFTP_PERMISSION_DENIED);
	assert_int_equal(unlink(partial), 0);
	assert_int_equal(write_at(&c, h, 0, "harm"), SFTP_PERMISSION_DENIED);
	assert_true(holds("a", TEXT));
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
	put("a", TEXT, 0600);
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
	leave(&c);

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
static void test_after_a_kill(void **state)
{
	struct client c = session(NULL);
	char *partial = path_of(".c.partial"), *path = path_of("c");
	uint8_t h[8];

	(void)state;
	put(".a.partial", "what was ", 0600);
	assert_int_equal(open_at(&c, ".a.partial", SFTP_OPEN_WRITE, h), SFTP_OK);
	assert_int_equal(write_at(&c, h, 9, TEXT + 9), SFTP_OK);
	assert_int_equal(commit(&c, ".a.partial", "a"), SFTP_OK);
	assert_true(holds("a", TEXT));
	put(".b.partial", "other", 0400);
	assert_int_equal(
	    open_at(&c, ".b.partial", SFTP_OPEN_WRITE | SFTP_OPEN_CREATE | SFTP_OPEN_TRUNCATE, h), SFTP_OK);
	assert_int_equal(write_at(&c, h, 0, TEXT), SFTP_OK);
	assert_int_equal(commit(&c, ".b.partial", "b"), SFTP_OK);
	assert_true(holds("b", TEXT));
	put(".c.partial", TEXT, 0400);
	assert_int_equal(link(partial, path), 0);
	assert_int_equal(open_at(&c, ".c.partial", SFTP_OPEN_WRITE, h), SFTP_PERMISSION_DENIED);
	assert_int_equal(path_request(&c, SFTP_REMOVE, ".c.partial"), SFTP_OK);
	assert_true(holds("c", TEXT));
	free(partial);
	free(path);
	leave(&c);
}

/* Every request cut at every length, and requests that lie about lengths: one answer each, and the session goes on. */
static void test_requests_cut_short(void **state)
{
	struct client c = session(NULL);
	uint8_t h[8];

	(void)state;
	put("a", TEXT, 0600);
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
	assert_true(holds("a", TEXT));
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
		TEST(test_an_upload),
		TEST(test_a_committed_archive_is_safe),
		TEST(test_old_handles_are_sealed),
		TEST(test_archives_of_this_host),
		TEST(test_a_write_races_a_commit),
		TEST(test_only_its_names),
		TEST(test_limits),
		TEST(test_after_a_kill),
		TEST(test_requests_cut_short),
		TEST(test_no_sftp),
		TEST(test_over_a_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
