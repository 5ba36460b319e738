/* codec.c: deflate by libdeflate. */
#include "archive/codec.h"

#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/mem.h"

struct codec {
	struct libdeflate_compressor *lz;
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

struct codec *codec_new(enum writer_level level)
{
	struct codec *c = mem_alloc(sizeof *c);
	int n = level == LEVEL_STORE ? 0 : level == LEVEL_FAST ? 1 : 6;

	c->lz = must(libdeflate_alloc_compressor(n));
	return c;
}

void codec_free(struct codec *c)
{
	if (c == NULL)
		return;
	libdeflate_free_compressor(c->lz);
	free(c);
}

size_t codec_bound(size_t n)
{
	return libdeflate_deflate_compress_bound(NULL, n);
}

size_t codec_deflate(struct codec *c, const uint8_t *p, size_t n, uint8_t *out)
{
	return libdeflate_deflate_compress(c->lz, p, n, out, codec_bound(n));
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
