/* test_foreign_index.c: archives of others read from the middle: points in gzip, entries and contents by range, and what is kept of
 * them when it is damaged, hostile, or of an archive that was replaced. */
#include "test_archive_util.h"
#include "test_foreign_memory.h"

#include <zlib.h>

#include "archive/foreign.h"
#include "archive/gunzip.h"
#include "archive/known.h"

static struct test_dir dir;

static int setup(void **state)
{
	(void)state;
	dir = test_dir_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_dir_done(&dir);
	return 0;
}

static int sh(const char *line)
{
	char *cmd = mem_printf("exec 2>/dev/null; cd %s && %s", dir.path, line);
	int rc = system(cmd);

	free(cmd);
	return rc;
}

/* ---- points ---- */

struct point {
	struct gunzip_point p;
	uint8_t window[GUNZIP_WINDOW];
};

struct points {
	struct point list[128];
	size_t n;
	uint64_t in, out;
};

static void see_point(void *arg, const struct gunzip_point *p)
{
	struct points *ps = arg;

	if (ps->n == 128)
		return;
	ps->list[ps->n].p = *p;
	if (p->window_len > 0)
		memcpy(ps->list[ps->n].window, p->window, p->window_len);
	ps->list[ps->n].p.window = ps->list[ps->n].window;
	ps->n++;
}

static void see_progress(void *arg, uint64_t in, uint64_t out)
{
	struct points *ps = arg;

	assert_true(in >= ps->in && out >= ps->out);
	ps->in = in;
	ps->out = out;
}

static void gzip_add(struct buf *to, const void *p, size_t n, int level, int strategy)
{
	z_stream z = { 0 };

	assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, 15 + 16, 8, strategy), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)p;
	z.avail_in = (uInt)n;
	z.avail_out = (uInt)deflateBound(&z, n) + 64;
	z.next_out = buf_reserve(to, z.avail_out);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	to->len += z.total_out;
	deflateEnd(&z);
}

static void read_on(struct gunzip *g, const struct buf *plain, uint64_t at, size_t max)
{
	struct err err = { 0 };
	const void *p;
	ssize_t n = 1;

	while (n > 0 && max > 0) {
		OK(n = gunzip_read(g, &p, &err));
		assert_true((uint64_t)n <= plain->len - at);
		assert_memory_equal(p, plain->data + at, n);
		at += (uint64_t)n;
		max -= (size_t)n < max ? (size_t)n : max;
	}
	if (max > 0)
		assert_int_equal(at, plain->len);
}

/* Every point gives the plain bytes that follow, and reads no more than it was told. */
static size_t check_points(const struct buf *gz, const struct buf *plain, uint64_t spacing)
{
	struct points *ps = mem_alloc(sizeof *ps);
	struct gunzip_watch w = { ps, spacing, spacing * 64, see_point, see_progress };
	struct stream *in = stream_from_bytes(gz->data, gz->len, "gz");
	struct gunzip *g = gunzip_new(in);
	struct err err = { 0 };
	size_t n;

	gunzip_set_watch(g, &w);
	read_on(g, plain, 0, SIZE_MAX);
	assert_true(gunzip_is_gzip(g));
	assert_int_equal(ps->out, plain->len);
	assert_int_equal(ps->in, gz->len);
	gunzip_free(g);
	for (size_t i = 0; i < ps->n; i++) {
		const struct gunzip_point *p = &ps->list[i].p;
		uint64_t most = i + 1 < ps->n ? ps->list[i + 1].p.in_off - p->in_off : 0;

		assert_non_null(g = gunzip_new_at(in, p, most, &err));
		read_on(g, plain, p->out_off, i % 8 == 0 ? SIZE_MAX : 1000);
		if (most > 0 && i % 8 != 0)
			assert_true(gunzip_fetched(g) <= most + 4096);
		gunzip_free(g);
	}
	n = ps->n;
	stream_close(in);
	free(ps);
	return n;
}

static void test_points(void **state)
{
	size_t size = 400000;
	struct buf plain = BUF_INIT, gz = BUF_INIT, b = BUF_INIT;
	uint64_t seed = 7;

	(void)state;
	for (int what = 0; what < (test_is_slow() ? 2 : 4); what++) {
		buf_clear(&plain);
		while (plain.len < size) {
			uint64_t v = rnd(&seed);

			if (what == 0) {
				buf_add(&plain, &v, sizeof v);
			} else if (what == 1) {
				make_message(&b, v, 3000 + v % 40000);
				buf_add(&plain, b.data, b.len);
			} else if (what == 2) {
				buf_add(&plain, &v, v % 8);
				for (uint64_t i = 0; i < v % 5000; i++)
					buf_char(&plain, 0);
			} else {
				buf_printf(&plain, "line %zu\r\n", plain.len % 977);
			}
		}
		for (int level = 0; level <= 9; level += test_is_slow() ? 6 : 3) {
			buf_clear(&gz);
			gzip_add(&gz, plain.data, plain.len, level, Z_DEFAULT_STRATEGY);
			assert_true(check_points(&gz, &plain, 16384) > 0 || what > 1);
		}
		for (int strategy = Z_FILTERED; strategy <= Z_FIXED && !test_is_slow(); strategy++) {
			buf_clear(&gz);
			gzip_add(&gz, plain.data, plain.len, 6, strategy);
			check_points(&gz, &plain, 65536);
		}
		/* Many members, one of them empty, with zeros of a tape behind them. */
		buf_clear(&gz);
		for (size_t at = 0; at < plain.len;) {
			size_t n = at % 3 == 1 ? 0 : 70001;

			n = n < plain.len - at ? n : plain.len - at;
			gzip_add(&gz, plain.data + at, n, 1, Z_DEFAULT_STRATEGY);
			if (n == 0)
				gzip_add(&gz, plain.data + at, n = 1, 1, Z_DEFAULT_STRATEGY);
			at += n;
		}
		assert_true(check_points(&gz, &plain, 10000) > 1 || what > 1);
	}
	buf_done(&plain);
	buf_done(&gz);
	buf_done(&b);
}

/* ---- entries and contents ---- */

static void make_tree(void)
{
	assert_int_equal(
	    sh("rm -rf tree && mkdir -p tree/spool/a tree/spool/b && cd tree && printf one >spool/a/1. &&"
	       " printf shared >spool/a/2. && ln spool/a/2. spool/b/7. && ln spool/a/2. spool/b/8. &&"
	       " : >spool/a/empty && ln spool/a/empty spool/b/empty2 && ln -s a/1. spool/link &&"
	       " chmod 640 spool/a/1. && touch -d @1234567890 spool/a/1. && printf 'x y' >'spool/a b' &&"
	       " head -c 400001 /dev/urandom >spool/b/9. && ln spool/b/9. spool/a/9. &&"
	       " seq 1 60000 >spool/b/91."),
	    0);
}

static bool is_small(const struct archive_file *f)
{
	return f->size < 100;
}

static bool want_all(void *arg, const struct archive_file *file, const struct entry_meta *meta)
{
	(void)arg;
	(void)file;
	(void)meta;
	return true;
}

static bool want_nine(void *arg, const struct archive_file *file, const struct entry_meta *meta)
{
	(void)arg;
	(void)meta;
	return strstr(file->path, "/9") != NULL;
}

static void assert_same(const struct keeper *a, const struct keeper *b)
{
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++) {
		const struct entry_meta *x = &a->files[i].meta, *y = &b->files[i].meta;

		assert_string_equal(a->files[i].path, b->files[i].path);
		assert_int_equal(x->mode, y->mode);
		assert_int_equal(x->uid, y->uid);
		assert_int_equal(x->gid, y->gid);
		assert_int_equal(x->mtime, y->mtime);
		assert_int_equal(x->size, y->size);
		assert_int_equal(x->rdev, y->rdev);
		assert_true(a->files[i].whole && b->files[i].whole);
		assert_int_equal(a->files[i].data.len, b->files[i].data.len);
		assert_memory_equal(
		    buf_text(&a->files[i].data), buf_text(&b->files[i].data), a->files[i].data.len);
	}
}

/* Learnt with little kept, it gives by range what reading from the front gives, in the same order. */
static void check_learnt(const char *name, bool closed)
{
	struct keeper all = { 0 }, small = { .want = is_small }, again = { .want = is_small }, ranges = { 0 };
	struct file_sink sink = keeper_sink(&all), small_sink = keeper_sink(&small),
			 again_sink = keeper_sink(&again), range_sink = keeper_sink(&ranges);
	struct test_memory memory = { 0 };
	struct foreign_memory m = test_memory_ops(&memory);
	struct foreign_index *ix;
	struct err err = { 0 };

	OK(archive_foreign_each(dir.store, name, NULL, &sink, &err));
	assert_int_equal(foreign_index_open(dir.store, name, NULL, &m, &ix, &err), 0);
	OK(archive_foreign_learn(dir.store, name, NULL, &m, &small_sink, &err));
	assert_int_equal(memory.ended, 1);
	assert_int_equal(foreign_index_open(dir.store, name, NULL, &m, &ix, &err), 1);
	OK(foreign_index_replay(ix, NULL, &again_sink, &err));
	assert_same(&small, &again);
	/* What was not kept is in the archive. */
	if (closed) {
		assert_int_equal(foreign_index_read(ix, NULL, want_all, &range_sink, &err), -1);
		assert_int_equal(err.code, ERR_UNSUPPORTED);
		assert_int_equal(ranges.n, 0);
		again.want = NULL;
		keeper_clear(&again);
		assert_int_equal(foreign_index_replay(ix, NULL, &again_sink, &err), -1);
		assert_int_equal(err.code, ERR_UNSUPPORTED);
	} else {
		OK(foreign_index_read(ix, NULL, want_all, &range_sink, &err));
		assert_same(&all, &ranges);
		again.want = NULL;
		keeper_clear(&again);
		OK(foreign_index_replay(ix, NULL, &again_sink, &err));
		assert_same(&all, &again);
		keeper_clear(&ranges);
		OK(foreign_index_read(ix, NULL, want_nine, &range_sink, &err));
		assert_int_equal(ranges.n, 3);
	}
	foreign_index_close(ix);
	keeper_done(&all);
	keeper_done(&small);
	keeper_done(&again);
	keeper_done(&ranges);
	test_memory_done(&memory);
}

static void test_kinds(void **state)
{
	static const char *const formats[] = { "find . | cpio -o -H newc", "find . | cpio -o -H crc",
		"find . | cpio -o -H odc", "find . | cpio -o -H bin", "tar -c .", "tar -c --format=pax .",
		"tar -c --format=v7 spool" };
	static const char *const filters[] = { "cat", "gzip -1", "pigz -b 128", "pigz -i", "xz -0" };
	char line[256];

	(void)state;
	make_tree();
	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
		for (size_t k = 0; k < sizeof filters / sizeof filters[0]; k++) {
			const char *program = filters[k];

			if (k > 1 && i != 0)
				continue;
			snprintf(line, sizeof line, "command -v %.*s >/dev/null", (int)strcspn(program, " "),
			    program);
			if (sh(line) != 0)
				continue;
			snprintf(line, sizeof line, "(cd tree && %s) | %s >f", formats[i], program);
			assert_int_equal(sh(line), 0);
			check_learnt("f", *program == 'x');
		}
}

/* The holes of tar -S are nowhere in the archive: there is no range. */
static void test_sparse(void **state)
{
	struct keeper k = { .want = is_small };
	struct file_sink sink = keeper_sink(&k);
	struct test_memory memory = { 0 };
	struct foreign_memory m = test_memory_ops(&memory);
	struct foreign_index *ix;
	struct err err = { 0 };

	(void)state;
	make_tree();
	assert_int_equal(
	    sh("cd tree && truncate -s 3M spool/holes && echo end >>spool/holes && tar -cSzf ../s .;"
	       " tar -c --format=pax -S . >../p"),
	    0);
	for (int i = 0; i < 2; i++) {
		const char *name = i == 0 ? "s" : "p";

		OK(archive_foreign_learn(dir.store, name, NULL, &m, &sink, &err));
		assert_int_equal(foreign_index_open(dir.store, name, NULL, &m, &ix, &err), 1);
		keeper_clear(&k);
		OK(foreign_index_read(ix, NULL, want_nine, &sink, &err));
		k.want = NULL;
		assert_int_equal(foreign_index_read(ix, NULL, want_all, &sink, &err), -1);
		assert_int_equal(err.code, ERR_UNSUPPORTED);
		k.want = is_small;
		keeper_clear(&k);
		foreign_index_close(ix);
	}
	keeper_done(&k);
	test_memory_done(&memory);
}

/* ---- few bytes ---- */

static bool want_one(void *arg, const struct archive_file *file, const struct entry_meta *meta)
{
	(void)arg;
	(void)meta;
	return strcmp(file->path, "spool/box7/3.") == 0;
}

static void test_few_bytes(void **state)
{
	(void)state;
	assert_int_equal(
	    sh("for b in 0 1 2 3 4 5 6 7 8 9; do mkdir -p tree/spool/box$b;"
	       " for m in 1 2 3 4; do head -c 300000 /dev/urandom >tree/spool/box$b/$m.; done; done"),
	    0);
	assert_int_equal(sh("cd tree && find . | cpio -o -H newc >../plain && gzip -1 <../plain >../gz"), 0);
	for (int gz = 0; gz < 2; gz++) {
		struct keeper k = { .want = is_small };
		struct file_sink sink = keeper_sink(&k);
		struct test_memory memory = { 0 };
		struct foreign_memory m = test_memory_ops(&memory);
		struct foreign_index *ix;
		struct err err = { 0 };

		OK(archive_foreign_learn(dir.store, gz ? "gz" : "plain", NULL, &m, &sink, &err));
		assert_int_equal(foreign_index_open(dir.store, gz ? "gz" : "plain", NULL, &m, &ix, &err), 1);
		assert_true(foreign_index_fetched(ix) <= 2048);
		k.want = NULL;
		keeper_clear(&k);
		OK(foreign_index_read(ix, NULL, want_one, &sink, &err));
		assert_int_equal(k.n, 1);
		assert_int_equal(k.files[0].data.len, 300000);
		/* The message, and at most one spacing of points before it. */
		assert_true(foreign_index_fetched(ix) <= (gz ? 300000 + (5u << 19) : 302048));
		foreign_index_close(ix);
		keeper_done(&k);
		test_memory_done(&memory);
	}
}

/* ---- nothing half trusted ---- */

static int stop_at(void *arg, const struct archive_file *f, const struct entry_meta *meta, struct err *e)
{
	(void)f;
	(void)meta;
	(void)e;
	return ++*(int *)arg == 5 ? 2 : 0;
}

static void learn(const char *name, struct foreign_memory *m, int want_rc)
{
	struct keeper k = { .want = is_small };
	struct file_sink sink = keeper_sink(&k);
	struct err err = { 0 };

	assert_int_equal(archive_foreign_learn(dir.store, name, NULL, m, &sink, &err), want_rc);
	keeper_done(&k);
}

static void test_not_kept(void **state)
{
	struct test_memory memory = { 0 };
	struct foreign_memory m = test_memory_ops(&memory);
	struct foreign_index *ix;
	struct err err = { 0 };
	int calls = 0;
	struct file_sink stopper = { .arg = &calls, .begin = stop_at };

	(void)state;
	make_tree();
	assert_int_equal(
	    sh("(cd tree && find . | cpio -o -H newc) | gzip >whole; head -c 300000 whole >cut;"
	       " cp whole flipped && printf damaged | dd of=flipped bs=1 seek=200000 conv=notrunc"),
	    0);
	/* Cut off, damaged, given up, without room for it. */
	learn("cut", &m, -1);
	learn("flipped", &m, -1);
	OK(archive_foreign_learn(dir.store, "whole", NULL, &m, &stopper, &err));
	memory.fail_put = 2;
	learn("whole", &m, 0);
	memory.fail_put = 0;
	assert_int_equal(memory.begun, 4);
	assert_int_equal(memory.ended, 0);
	assert_int_equal(memory.n + memory.n_coming, 0);
	/* What was known before stays when a later reading comes to nothing. */
	learn("whole", &m, 0);
	learn("cut", &m, -1);
	assert_int_equal(memory.dropped, 0);
	assert_true(memory.n > 0 && memory.n_coming == 0);
	/* Replaced by another one, by one of the same size, by one of the same size and time. */
	assert_int_equal(foreign_index_open(dir.store, "whole", NULL, &m, &ix, &err), 1);
	foreign_index_close(ix);
	assert_int_equal(sh("cp -p whole keep; touch -d @1600000000 whole"), 0);
	assert_int_equal(foreign_index_open(dir.store, "whole", NULL, &m, &ix, &err), 0);
	assert_int_equal(sh("cp -p keep whole; printf x | dd of=whole bs=1 seek=5 conv=notrunc;"
			    " touch -r keep whole"),
	    0);
	assert_int_equal(foreign_index_open(dir.store, "whole", NULL, &m, &ix, &err), 0);
	assert_int_equal(sh("cp -p keep whole"), 0);
	assert_int_equal(foreign_index_open(dir.store, "whole", NULL, &m, &ix, &err), 1);
	foreign_index_close(ix);
	test_memory_done(&memory);
}

/* A file in the middle of an archive that has changed, with its ends and its times as they were. */
static void test_changed_inside(void **state)
{
	struct test_memory memory = { 0 };
	struct foreign_memory m = test_memory_ops(&memory);
	struct keeper k = { 0 };
	struct file_sink sink = keeper_sink(&k);
	struct foreign_index *ix;
	struct err err = { 0 };

	(void)state;
	make_tree();
	assert_int_equal(
	    sh("(cd tree && find . | cpio -o -H newc) >plain; gzip <plain >gz; cp -p plain p2; cp -p gz g2"),
	    0);
	for (int gz = 0; gz < 2; gz++) {
		const char *name = gz ? "gz" : "plain";

		learn(name, &m, 0);
		assert_int_equal(
		    sh(gz ? "printf abc | dd of=gz bs=1 seek=300000 conv=notrunc; touch -r g2 gz"
			  : "printf abc | dd of=plain bs=1 seek=300000 conv=notrunc; touch -r p2 plain"),
		    0);
		assert_int_equal(foreign_index_open(dir.store, name, NULL, &m, &ix, &err), 1);
		assert_int_equal(foreign_index_read(ix, NULL, want_all, &sink, &err), -1);
		assert_int_equal(err.code, ERR_DAMAGE);
		foreign_index_close(ix);
	}
	assert_int_equal(k.aborted, 2);
	keeper_done(&k);
	test_memory_done(&memory);
}

/* Each piece, damaged, cut, swapped for another: refused, or else everything is as it was. */
static void test_damaged_memory(void **state)
{
	struct test_memory memory = { 0 };
	struct foreign_memory m = test_memory_ops(&memory);
	struct keeper all = { 0 }, k = { 0 };
	struct file_sink all_sink = keeper_sink(&all), sink = keeper_sink(&k);
	struct foreign_index *ix;
	struct err err = { 0 };
	uint64_t seed = 11;

	(void)state;
	make_tree();
	assert_int_equal(sh("(cd tree && find . | cpio -o -H newc) | gzip >gz"), 0);
	OK(archive_foreign_each(dir.store, "gz", NULL, &all_sink, &err));
	learn("gz", &m, 0);
	assert_true(memory.n >= 3);
	for (int round = 0; round < (test_is_slow() ? 20 : 100); round++) {
		struct buf *b = &memory.pieces[(size_t)round % memory.n].bytes;
		size_t at = rnd(&seed) % b->len, len = b->len;
		char was = b->data[at];
		int r;

		if (round % 5 == 4)
			b->len = at;
		else
			b->data[at] ^= (char)(1 << rnd(&seed) % 8);
		err_clear(&err);
		r = foreign_index_open(dir.store, "gz", NULL, &m, &ix, &err);
		assert_int_not_equal(r, -1);
		if (r == 1 && foreign_index_read(ix, NULL, want_all, &sink, &err) == 0)
			assert_same(&all, &k);
		else if (r == 1)
			assert_int_equal(err.code, ERR_DAMAGE);
		foreign_index_close(ix);
		keeper_clear(&k);
		b->len = len;
		b->data[at] = was;
	}
	for (size_t i = 1; i < memory.n; i++) {
		struct buf swap = memory.pieces[i].bytes;

		memory.pieces[i].bytes = memory.pieces[i - 1].bytes;
		memory.pieces[i - 1].bytes = swap;
		if (foreign_index_open(dir.store, "gz", NULL, &m, &ix, &err) == 1) {
			assert_int_equal(foreign_index_read(ix, NULL, want_all, &sink, &err), -1);
			assert_int_equal(err.code, ERR_DAMAGE);
			foreign_index_close(ix);
		}
		keeper_clear(&k);
		memory.pieces[i - 1].bytes = memory.pieces[i].bytes;
		memory.pieces[i].bytes = swap;
	}
	assert_int_equal(foreign_index_open(dir.store, "gz", NULL, &m, &ix, &err), 1);
	foreign_index_drop(ix);
	assert_int_equal(memory.n, 0);
	foreign_index_close(ix);
	keeper_done(&all);
	keeper_done(&k);
	test_memory_done(&memory);
}

/* Heads and rows that carry a good checksum and lie nevertheless. */
static void test_hostile(void **state)
{
	struct known_head h = {
		.container = KNOWN_GZIP, .size = 1000, .plain = 5000, .kept = 100, .mark_step = 64
	};
	struct known_point points[] = { { .member = true }, { 100, 500, 3, false, 400 },
		{ 300, 900, 0, true, 0 } };
	struct known_rows_out w = { 0 };
	struct known_rows_in in = { 0 };
	struct known_row row, good = { .meta = { .path = "a/1.", .mode = S_IFREG | 0600, .size = 10 },
		.has_content = true,
		.is_there = true,
		.off = 100 };
	struct buf b = BUF_INIT, p = BUF_INIT;
	struct known_head got;

	(void)state;
	h.points = points;
	h.n_points = 3;
	known_head_write(&h, &b);
	assert_int_equal(known_head_parse((uint8_t *)b.data, b.len, 1000, &got), 0);
	assert_int_equal(got.n_points, 3);
	assert_int_equal(got.points[1].bits, 3);
	known_head_done(&got);
	assert_int_equal(known_head_parse((uint8_t *)b.data, b.len, 1001, &got), -1);
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(known_head_parse((uint8_t *)b.data, n, 1000, &got), -1);
	buf_char(&b, 0);
	assert_int_equal(known_head_parse((uint8_t *)b.data, b.len, 1000, &got), -1);
	for (int what = 0; what < 7; what++) {
		struct known_point bad[3];

		memcpy(bad, points, sizeof bad);
		h.points = bad;
		switch (what) {
		case 0: bad[0].in_off = 1; break;
		case 1: bad[1].in_off = 0; break;
		case 2: bad[2].in_off = 1001; break;
		case 3: bad[2].out_off = 5001; break;
		case 4: bad[1].window_len = 501; break;
		case 5: bad[2].bits = 1; break;
		case 6: h.container = KNOWN_PLAIN; break;
		default: break;
		}
		buf_clear(&b);
		known_head_write(&h, &b);
		assert_int_equal(known_head_parse((uint8_t *)b.data, b.len, 1000, &got), -1);
	}
	h.container = KNOWN_GZIP;
	for (int what = 0; what < 7; what++) {
		struct known_row r = good;
		int rc;

		switch (what) {
		case 1: r.off = 4991; break;
		case 2: r.meta.path = "../up"; break;
		case 3: r.meta.path = "/root"; break;
		case 4: r.meta.mode = S_IFDIR | 0700; break;
		case 5: r.is_kept = true, r.meta.size = 101; break;
		case 6: r.meta.size = UINT64_MAX; break;
		default: break;
		}
		known_row_write(&w, &r);
		known_rows_take(&w, &p);
		assert_int_equal(known_rows_begin(&in, &h, p.data, p.len), 0);
		rc = known_row_next(&in, &row);
		assert_int_equal(rc, what == 0 ? 1 : -1);
		known_rows_done(&w);
	}
	known_rows_in_done(&in);
	buf_done(&b);
	buf_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_points),
		cmocka_unit_test_setup_teardown(test_kinds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sparse, setup, teardown),
		cmocka_unit_test_setup_teardown(test_few_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changed_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_memory, setup, teardown),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
