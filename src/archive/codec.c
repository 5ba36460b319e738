/* codec.c: deflate by libdeflate, with base64 between in blocks of our own (docs/decisions/0001-codec.md). */
#include "archive/codec.h"

#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/base64.h"
#include "archive/huffman.h"
#include "archive/stitch.h"
#include "core/mem.h"

struct codec {
	struct libdeflate_compressor *lz;
	struct base64_finder *finder; /* NULL: no base64 is looked for */
	struct stitcher *stitcher;
};

static void *must(void *p)
{
	/* As mem_alloc(): running out of memory is a state of the machine. */
	if (p == NULL) {
		fputs("cyrvault: out of memory\n", stderr);
		abort();
	}
	return p;
}

struct codec *codec_new_with(int lz_level, bool base64)
{
	struct codec *c = mem_alloc(sizeof *c);

	c->lz = must(libdeflate_alloc_compressor(lz_level));
	if (base64) {
		c->finder = base64_finder_new();
		c->stitcher = stitcher_new();
	}
	return c;
}

struct codec *codec_new(enum writer_level level)
{
	return codec_new_with(level == LEVEL_STORE ? 0 : level == LEVEL_FAST ? 1 : 4, level != LEVEL_STORE);
}

void codec_free(struct codec *c)
{
	if (c == NULL)
		return;
	libdeflate_free_compressor(c->lz);
	base64_finder_free(c->finder);
	stitcher_free(c->stitcher);
	free(c);
}

/* A run of base64 saves far more than its block's header and the seam before it cost, so the bound of the whole is
 * that of libdeflate; the rest is room for writing in words. */
size_t codec_bound(size_t n)
{
	return libdeflate_deflate_compress_bound(NULL, n) + 1024;
}

/* libdeflate's stream for ${n} bytes, at a byte; goes on behind its last block unless it is to be the last. */
static void put_lz(struct codec *c, struct bit_writer *w, const uint8_t *p, size_t n, bool final)
{
	struct stitch_place place;
	size_t len;

	if (w->n > 0)
		bits_align(w);
	len = libdeflate_deflate_compress(c->lz, p, n, w->p, libdeflate_deflate_compress_bound(NULL, n));
	if (final) {
		w->p += len;
		return;
	}
	memset(w->p + len, 0, 8);
	if (stitch_find(c->stitcher, w->p, len, &place) == -1)
		abort(); /* libdeflate wrote no deflate: memory is broken */
	w->p[place.last_block / 8] &= (uint8_t) ~(1u << place.last_block % 8);
	w->p += place.end / 8;
	w->n = place.end % 8;
	w->acc = w->n == 0 ? 0 : *w->p & ((1u << w->n) - 1);
}

size_t codec_deflate(struct codec *c, const uint8_t *p, size_t n, uint8_t *out)
{
	struct bit_writer w = { .p = out };
	struct base64_run run;
	size_t at = 0;

	if (c->finder != NULL) {
		base64_find(c->finder, p, n);
		while (base64_next(c->finder, &run)) {
			if (run.from > at)
				put_lz(c, &w, p + at, run.from - at, false);
			huffman_block(&w, p + run.from, run.to - run.from, run.counts, run.to == n);
			at = run.to;
		}
	}
	if (at < n || n == 0)
		put_lz(c, &w, p + at, n - at, true);
	else
		bits_finish(&w);
	return (size_t)(w.p - out);
}

uint32_t codec_crc32(uint32_t crc, const void *p, size_t n)
{
	return libdeflate_crc32(crc, p, n);
}

struct decoder {
	struct libdeflate_decompressor *d;
};

struct decoder *decoder_new(void)
{
	struct decoder *d = mem_alloc(sizeof *d);

	d->d = must(libdeflate_alloc_decompressor());
	return d;
}

void decoder_free(struct decoder *d)
{
	if (d == NULL)
		return;
	libdeflate_free_decompressor(d->d);
	free(d);
}

int decoder_inflate(struct decoder *d, const uint8_t *in, size_t n, uint8_t *out, size_t out_n)
{
	size_t used = 0, made = 0;

	if (libdeflate_deflate_decompress_ex(d->d, in, n, out, out_n, &used, &made) != LIBDEFLATE_SUCCESS)
		return -1;
	return used == n && made == out_n ? 0 : -1;
}
