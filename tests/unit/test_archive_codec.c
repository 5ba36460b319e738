/* test_archive_codec.c: what the codec writes, any inflate reads back; base64 is found and only where it does not repeat.
 *	test_archive_codec FILE...
 * measures instead: MB/s of one core and ratio, libdeflate's levels with and without the base64 coder beside zlib's 6. */
#include "test_archive_util.h"

#include <time.h>
#include <zlib.h>

#include "archive/base64.h"
#include "archive/codec.h"
#include "archive/huffman.h"
#include "core/str.h"

#define BLOCK (512u << 10)

static void inflate_zlib(const uint8_t *p, size_t n, uint8_t *out, size_t want)
{
	z_stream z = { .avail_in = (unsigned)n, .avail_out = (unsigned)want + 1 };
	uint8_t *in = mem_dup(p, n);

	z.next_in = in;
	z.next_out = out;
	assert_int_equal(inflateInit2(&z, -15), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.total_out, want);
	assert_int_equal(z.avail_in, 0);
	inflateEnd(&z);
	free(in);
}

static size_t check(struct codec *c, const uint8_t *p, size_t n)
{
	uint8_t *out = mem_alloc(codec_bound(n)), *again = mem_alloc(codec_bound(n)),
		*back = mem_alloc(n + 1);
	struct decoder *d = decoder_new();
	size_t len = codec_deflate(c, p, n, out);

	assert_true(len <= codec_bound(n));
	inflate_zlib(out, len, back, n);
	assert_memory_equal(back, p, n);
	memset(back, 0, n);
	assert_int_equal(decoder_inflate(d, out, len, back, n), 0);
	assert_memory_equal(back, p, n);
	/* What came before leaves no trace. */
	assert_int_equal(codec_deflate(c, p, n, again), len);
	assert_memory_equal(out, again, len);
	decoder_free(d);
	free(out);
	free(again);
	free(back);
	return len;
}

static void add_base64(struct buf *b, uint64_t seed, size_t n, size_t line, const char *eol, unsigned bits)
{
	static const char b64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i++) {
		buf_char(b, b64[rnd(&seed) & ((1u << bits) - 1)]);
		if (i % line == line - 1)
			buf_str(b, eol);
	}
}

static void add_text(struct buf *b, uint64_t seed, size_t n)
{
	struct buf t = BUF_INIT;

	make_message(&t, seed * 3, n);
	buf_add(b, t.data, t.len);
	buf_done(&t);
}

static void test_mixtures(void **state)
{
	struct codec *c[] = { codec_new(LEVEL_DEFAULT), codec_new(LEVEL_FAST), codec_new(LEVEL_STORE),
		codec_new_with(12, true) };
	static const char *const eols[] = { "\r\n", "\n", "\r\n\r\n", " \n" };
	struct buf b = BUF_INIT;
	uint64_t seed = 77;

	(void)state;
	for (int i = 0; i < 300; i++) {
		unsigned parts = (unsigned)(rnd(&seed) % 8);

		buf_clear(&b);
		for (unsigned k = 0; k < parts; k++) {
			size_t n = (size_t)(rnd(&seed) % (i % 20 == 0 ? 300000 : 20000));

			switch (rnd(&seed) % 6) {
			case 0: add_text(&b, rnd(&seed), n); break;
			case 1: add_base64(&b, rnd(&seed), n, 76, eols[rnd(&seed) % 4], 6); break;
			case 2:
				add_base64(&b, rnd(&seed), n, 20 + rnd(&seed) % 200, eols[rnd(&seed) % 2], 6);
				break;
			case 3: add_base64(&b, rnd(&seed) % 4, n, 76, "\r\n", 6); break; /* that repeats */
			case 4: add_base64(&b, rnd(&seed), n, 72, "\n", 4); break;
			default:
				for (size_t z = 0; z < n; z++)
					buf_char(&b, (char)(k & 1 ? rnd(&seed) : 0));
			}
		}
		for (size_t k = 0; k < sizeof c / sizeof c[0]; k++)
			check(c[k], b.len > 0 ? (const uint8_t *)b.data : (const uint8_t *)"", b.len);
	}
	for (size_t k = 0; k < sizeof c / sizeof c[0]; k++)
		codec_free(c[k]);
	buf_done(&b);
}

static size_t found_in(const struct buf *b)
{
	struct base64_finder *f = base64_finder_new();
	struct base64_run run;
	size_t found = 0, end = 0;

	base64_find(f, (const uint8_t *)b->data, b->len);
	while (base64_next(f, &run)) {
		assert_true(run.from >= end && run.from < run.to && run.to <= b->len);
		end = run.to;
		for (size_t i = run.from; i < run.to; i++)
			assert_true(run.counts[(uint8_t)b->data[i]] > 0);
		found += run.to - run.from;
	}
	base64_finder_free(f);
	return found;
}

/* As tables have them. */
static void add_hashes(struct buf *b, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		uint8_t sha[SHA256_SIZE];

		sha256(&i, sizeof i, sha);
		str_hex(b, sha, sizeof sha);
		buf_char(b, '\n');
	}
}

static void test_found(void **state)
{
	struct buf b = BUF_INIT, copy = BUF_INIT;

	(void)state;
	add_text(&b, 1, 3000);
	add_base64(&b, 1, 100000, 76, "\r\n", 6);
	add_text(&b, 2, 3000);
	assert_in_range(found_in(&b), 102000, 102632);
	buf_clear(&b);
	add_base64(&b, 1, 15000, 60, "\n", 6);
	assert_in_range(found_in(&b), 15000, 15250);
	buf_clear(&b);
	add_base64(&b, 1, 5000, 60, "\n", 6);
	assert_int_equal(found_in(&b), 0); /* not worth it */
	buf_clear(&b);
	add_hashes(&b, 100);
	assert_in_range(found_in(&b), 6400, 6500);
	/* What is worth a look for matches is not taken: few symbols, or lines that come again within the window. */
	buf_clear(&b);
	add_base64(&b, 1, 100000, 76, "\r\n", 5);
	assert_int_equal(found_in(&b), 0);
	buf_clear(&b);
	add_base64(&b, 1, 12000, 76, "\r\n", 6);
	add_text(&b, 2, 3000);
	buf_add(&copy, b.data, b.len);
	buf_add(&b, copy.data, copy.len);
	assert_int_equal(found_in(&b), 0);
	/* The same, further apart. */
	buf_clear(&b);
	buf_add(&b, copy.data, copy.len);
	for (uint64_t i = 0; i < 10; i++)
		add_text(&b, 10 + i, 4000);
	buf_add(&b, copy.data, copy.len);
	assert_true(found_in(&b) > 23000);
	buf_clear(&b);
	add_text(&b, 3, 100000);
	assert_int_equal(found_in(&b), 0);
	buf_done(&b);
	buf_done(&copy);
}

/* Every byte and length; codes that are cut to their longest. */
static void test_huffman(void **state)
{
	uint8_t in[70000], out[140000], back[70001];
	uint64_t seed = 5;

	(void)state;
	for (int round = 0; round < 60; round++) {
		struct bit_writer w = { .p = out };
		uint32_t counts[256] = { 0 };
		size_t n = round < 10 ? (size_t)round : rnd(&seed) % sizeof in;

		for (size_t i = 0; i < n; i++) {
			/* From one symbol to many, steeply falling. */
			unsigned v = round % 3 == 0
					 ? (unsigned)(rnd(&seed) & 255)
					 : (unsigned)__builtin_clzll(rnd(&seed) | 1) * (unsigned)(round % 5);

			in[i] = (uint8_t)v;
			counts[in[i]]++;
		}
		huffman_block(&w, in, n / 2, counts, false);
		bits_align(&w);
		huffman_block(&w, in + n / 2, n - n / 2, counts, true);
		bits_finish(&w);
		inflate_zlib(out, (size_t)(w.p - out), back, n);
		assert_memory_equal(back, in, n);
	}
}

/* Measuring. */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void measure(const char *name, struct codec *c, const struct buf *b)
{
	uint8_t *out = mem_alloc(codec_bound(BLOCK));
	double best = 1e9;
	size_t made = 0;

	for (int round = 0; round < 3; round++) {
		double from = now(), took;

		made = 0;
		for (size_t at = 0; at < b->len; at += BLOCK) {
			size_t n = b->len - at < BLOCK ? b->len - at : BLOCK;

			made += codec_deflate(c, (const uint8_t *)b->data + at, n, out) + 40;
		}
		took = now() - from;
		best = took < best ? took : best;
	}
	printf("%-28s %8.1f MB/s   ratio %.4f   %zu\n", name, (double)b->len / best / 1e6,
	    (double)b->len / (double)made, made);
	free(out);
	codec_free(c);
}

static void measure_zlib(const struct buf *b)
{
	double from = now();
	uLongf n = compressBound(b->len);
	uint8_t *out = mem_alloc(n);
	size_t len = b->len < (16u << 20) ? b->len : 16u << 20; /* it is slow */

	from = now();
	compress2(out, &n, (const uint8_t *)b->data, len, 6);
	printf("%-28s %8.1f MB/s   ratio %.4f   %.0f\n", "zlib 6, one stream",
	    (double)len / (now() - from) / 1e6, (double)len / (double)n,
	    (double)n * (double)b->len / (double)len);
	free(out);
}

static int bench(int argc, char **argv)
{
	struct buf b = BUF_INIT;
	struct err err = { 0 };

	for (int i = 1; i < argc; i++) {
		if (io_read_file(-100, argv[i], (size_t)1 << 31, &b, &err) == -1) {
			fprintf(stderr, "%s\n", err.msg);
			return 2;
		}
	}
	measure_zlib(&b);
	measure("default", codec_new(LEVEL_DEFAULT), &b);
	measure("fast", codec_new(LEVEL_FAST), &b);
	measure("store", codec_new(LEVEL_STORE), &b);
	for (int level = 1; level <= 7; level++) {
		char name[64];

		snprintf(name, sizeof name, "libdeflate %d", level);
		measure(name, codec_new_with(level, false), &b);
		snprintf(name, sizeof name, "libdeflate %d + base64", level);
		measure(name, codec_new_with(level, true), &b);
	}
	buf_done(&b);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mixtures),
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_huffman),
	};

	if (argc > 1)
		return bench(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
