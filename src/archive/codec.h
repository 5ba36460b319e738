/* codec.h: bytes -> one complete raw deflate stream, and back.
 *
 * A codec belongs to one thread at a time. What it writes depends on level and input alone, and any inflate reads it. */
#ifndef ARCHIVE_CODEC_H
#define ARCHIVE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive/writer.h"

struct codec;

/** codec_new(level), codec_free(c): codec_free() takes NULL. */
struct codec *codec_new(enum writer_level level);
void codec_free(struct codec *c);

/** codec_new_with(lz_level, base64): With a level of libdeflate, and base64 coded apart or not: for measuring. */
struct codec *codec_new_with(int lz_level, bool base64);

/** codec_bound(n): Room that codec_deflate() may need for ${n} bytes. */
size_t codec_bound(size_t n);

/** codec_deflate(c, p, n, out): Compress; returns the length. ${out} has codec_bound(n) bytes. */
size_t codec_deflate(struct codec *c, const uint8_t *p, size_t n, uint8_t *out);

/** codec_crc32(crc, p, n): Go on with a CRC-32 as gzip has it, from 0. */
uint32_t codec_crc32(uint32_t crc, const void *p, size_t n);

struct decoder;

/** decoder_new(), decoder_free(d): Belongs to one thread at a time; decoder_free() takes NULL. */
struct decoder *decoder_new(void);
void decoder_free(struct decoder *d);

/** decoder_inflate(d, in, n, out, out_n): Inflate all ${n} bytes to exactly ${out_n}; -1 if they are not such a stream. */
int decoder_inflate(struct decoder *d, const uint8_t *in, size_t n, uint8_t *out, size_t out_n);

#endif
