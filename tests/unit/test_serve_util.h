/* test_serve_util.h: a client of the served store without a connection, and the directory it works on. */
#ifndef TESTS_SERVE_UTIL_H
#define TESTS_SERVE_UTIL_H

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

static const char content[] = "what was committed stays as it was";

static char *top, *dir;

/* ---- a client ---- */

struct client {
	struct serve *s;
	struct buf out;
	struct sftp_reply reply;
};

static inline void greet(struct client *c)
{
	static const uint8_t hello[] = { 0, 0, 0, 5, SFTP_INIT, 0, 0, 0, 3 };
	size_t used;

	assert_int_equal(serve_take(c->s, hello, sizeof hello, &used, &c->out, NULL), 0);
	assert_int_equal(used, sizeof hello);
	assert_int_equal(c->out.data[4], SFTP_VERSION_REPLY);
	buf_clear(&c->out);
}

static inline struct client session(const struct serve_opts *o)
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

static inline void leave(struct client *c)
{
	serve_free(c->s);
	buf_done(&c->out);
}

/* Send what was built in ${b}, and take the one answer apart. */
static inline struct sftp_reply *ask(struct client *c, struct buf *b, size_t at)
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

static inline size_t begin(struct buf *b, enum sftp_type type)
{
	size_t at = sftp_begin(b, type);

	sftp_put_u32(b, 7);
	return at;
}

static inline uint32_t status_of(const struct sftp_reply *r)
{
	return r->type == SFTP_STATUS ? r->status : SFTP_OK;
}

/* Requests of one path, two paths; the status they end with. */
static inline uint32_t path_request(struct client *c, enum sftp_type type, const char *path)
{
	struct buf b = BUF_INIT;
	size_t at = begin(&b, type);

	sftp_put_text(&b, path);
	return status_of(ask(c, &b, at));
}

static inline uint32_t pair_request(
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

static inline uint32_t commit(struct client *c, const char *x, const char *y)
{
	return pair_request(c, SFTP_RENAME, NULL, x, y);
}

static inline uint32_t setstat(struct client *c, const char *path, uint32_t flags)
{
	struct sftp_attrs a = { .flags = flags, .size = 3, .mode = 0666, .mtime = 1 };
	struct buf b = BUF_INIT;
	size_t at = begin(&b, SFTP_SETSTAT);

	sftp_put_text(&b, path);
	sftp_put_attrs(&b, &a);
	return status_of(ask(c, &b, at));
}

/* 0 and an open handle, or the status. */
static inline uint32_t open_at(struct client *c, const char *path, uint32_t flags, uint8_t handle[8])
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

static inline uint32_t handle_request(struct client *c, enum sftp_type type, const uint8_t handle[8])
{
	struct buf b = BUF_INIT;
	size_t at = begin(&b, type);

	sftp_put_string(&b, handle, 8);
	return status_of(ask(c, &b, at));
}

static inline uint32_t write_at(struct client *c, const uint8_t handle[8], uint64_t off, const char *text)
{
	struct buf b = BUF_INIT;
	size_t at = begin(&b, SFTP_WRITE);

	sftp_put_string(&b, handle, 8);
	sftp_put_u64(&b, off);
	sftp_put_text(&b, text);
	return status_of(ask(c, &b, at));
}

static inline uint32_t truncate_at(struct client *c, const uint8_t handle[8], uint64_t size)
{
	struct sftp_attrs a = { .flags = SFTP_ATTR_SIZE, .size = size };
	struct buf b = BUF_INIT;
	size_t at = begin(&b, SFTP_FSETSTAT);

	sftp_put_string(&b, handle, 8);
	sftp_put_attrs(&b, &a);
	return status_of(ask(c, &b, at));
}

static inline uint32_t upload(struct client *c, const char *partial, const char *text)
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

static inline bool holds(const char *name, const char *text)
{
	struct buf b = BUF_INIT;
	char *path = path_of(name);
	bool same = io_read_file(AT_FDCWD, path, 1 << 20, &b, NULL) == 0 && strcmp(buf_text(&b), text) == 0;

	buf_done(&b);
	free(path);
	return same;
}

static inline bool there(const char *name)
{
	char *path = path_of(name);
	struct stat st;
	bool is = lstat(path, &st) == 0;

	free(path);
	return is;
}

static inline void put(const char *name, const char *text, mode_t mode)
{
	char *path = path_of(name);

	assert_int_equal(io_replace(AT_FDCWD, path, text, strlen(text), mode, NULL), 0);
	free(path);
}

static inline int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	top = mem_printf("%s/test_serve.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(top) == NULL)
		return -1;
	dir = mem_printf("%s/vault", top);
	return mkdir(dir, 0700);
}

static inline int teardown(void **state)
{
	(void)state;
	if (io_remove_tree(AT_FDCWD, top, NULL) == -1)
		return -1;
	free(top);
	free(dir);
	return 0;
}

#endif
