/* test_archive_util.h: archives for tests: made from a seed, read back, compared. */
#ifndef TEST_ARCHIVE_UTIL_H
#define TEST_ARCHIVE_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "archive/archive.h"
#include "archive/writer.h"
#include "core/buf.h"
#include "core/io.h"
#include "core/mem.h"

#define OK(call)                                                                            \
	do {                                                                                \
		if ((call) == -1) {                                                         \
			print_error("%s:%d: %s: %s\n", __FILE__, __LINE__, #call, err.msg); \
			fail();                                                             \
		}                                                                           \
	} while (0)

static inline uint64_t rnd(uint64_t *s)
{
	uint64_t z = (*s += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* Under valgrind: a tenth of the work will do. */
static inline bool test_is_slow(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload != NULL && strstr(preload, "valgrind") != NULL;
}

/* Something like a message: words, then maybe a body in base64. */
static inline void make_message(struct buf *b, uint64_t seed, size_t size)
{
	static const char *const words[] = { "the", "mail", "server", "archive", "of", "and", "Tuesday",
		"meeting", "please", "regards", "we", "could", "attached", "number", "list", "wrote:", ">",
		"http://", "to" };
	static const char b64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t text = seed % 3 == 0 ? size : size < 2000 ? size : 2000;
	size_t line = 0;

	buf_clear(b);
	while (b->len < text) {
		const char *w = words[rnd(&seed) % (sizeof words / sizeof words[0])];

		buf_str(b, w);
		line += strlen(w) + 1;
		buf_str(b, line > 60 ? "\r\n" : " ");
		if (line > 60)
			line = 0;
	}
	while (b->len < size) {
		char l[78];

		for (int i = 0; i < 76;) {
			uint64_t bits = rnd(&seed);

			for (int k = 0; k < 10 && i < 76; k++, bits >>= 6)
				l[i++] = b64[bits & 63];
		}
		memcpy(l + 76, "\r\n", 2);
		buf_add(b, l, sizeof l);
	}
	b->len = size;
	if (b->data != NULL)
		b->data[size] = '\0';
}

struct test_dir {
	char path[64];
	struct store *store;
};

static inline struct test_dir test_dir_new(void)
{
	struct test_dir d = { "/tmp/cyrvault-test-XXXXXX", NULL };
	struct err err = { 0 };

	assert_non_null(mkdtemp(d.path));
	OK(store_open(d.path, true, &d.store, &err));
	return d;
}

static inline void test_dir_done(struct test_dir *d)
{
	store_free(d->store);
	io_remove_tree(-100, d->path, NULL);
}

static inline struct archive_writer *test_create(
    struct test_dir *d, const char *name, const struct archive_writer_opts *opts, struct stream **out)
{
	struct archive_writer *w = NULL;
	struct err err = { 0 };

	OK(store_create(d->store, name, 0, out, &err));
	OK(archive_writer_new(*out, opts, &w, &err));
	return w;
}

static inline struct archive_totals test_commit(
    struct test_dir *d, struct archive_writer *w, struct stream *out)
{
	struct archive_totals t;
	struct err err = { 0 };

	OK(archive_writer_finish(w, &t, &err));
	OK(store_commit(d->store, out, &err));
	archive_writer_free(w);
	stream_close(out);
	return t;
}

static inline void test_add(
    struct archive_writer *w, const char *path, enum file_role role, const void *p, size_t n)
{
	struct entry_meta meta = { .path = path,
		.mode = S_IFREG | 0600,
		.uid = 100,
		.gid = 8,
		.mtime = 1700000000 + (int64_t)n,
		.size = n,
		.role = role };
	struct err err = { 0 };

	OK(archive_writer_add(w, &meta, p, &err));
}

/* A sink that keeps everything, to be compared. */
struct kept_file {
	char *path;
	struct entry_meta meta;
	struct buf data;
	bool whole;
};

struct keeper {
	struct kept_file *files;
	size_t n, cap, aborted;
	bool (*want)(const struct archive_file *f);
};

static inline int keeper_begin(
    void *arg, const struct archive_file *f, const struct entry_meta *meta, struct err *e)
{
	struct keeper *k = arg;
	struct kept_file *to;

	(void)e;
	if (k->want != NULL && !k->want(f))
		return 0;
	if (meta == NULL)
		return 1;
	k->files = mem_grow(k->files, &k->cap, k->n + 1, sizeof *k->files);
	to = &k->files[k->n++];
	memset(to, 0, sizeof *to);
	to->path = mem_strdup(f->path);
	to->meta = *meta;
	to->meta.path = to->path;
	return 1;
}

static inline int keeper_data(void *arg, const void *p, size_t n, struct err *e)
{
	struct keeper *k = arg;

	(void)e;
	buf_add(&k->files[k->n - 1].data, p, n);
	return 0;
}

static inline int keeper_end(void *arg, struct err *e)
{
	struct keeper *k = arg;

	(void)e;
	k->files[k->n - 1].whole = true;
	return 0;
}

static inline void keeper_drop(struct keeper *k)
{
	k->n--;
	free(k->files[k->n].path);
	buf_done(&k->files[k->n].data);
}

static inline void keeper_abort(void *arg)
{
	struct keeper *k = arg;

	keeper_drop(k);
	k->aborted++;
}

static inline void keeper_clear(struct keeper *k)
{
	while (k->n > 0)
		keeper_drop(k);
}

static inline void keeper_done(struct keeper *k)
{
	keeper_clear(k);
	free(k->files);
}

static inline struct file_sink keeper_sink(struct keeper *k)
{
	return (struct file_sink){ k, false, keeper_begin, keeper_data, keeper_end, keeper_abort };
}

#endif
