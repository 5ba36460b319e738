/* huffman.h: deflate's bits: a writer, and blocks of Huffman-coded literals without any matches. Pure. */
#ifndef ARCHIVE_HUFFMAN_H
#define ARCHIVE_HUFFMAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bits go out from the least significant on. ${p} needs room for 8 bytes more than are written. */
struct bit_writer {
	uint8_t *p;
	uint64_t acc;
	unsigned n; /* bits in acc, below 8 after each call */
};

/** bits_put(w, v, n): The lower ${n} bits of ${v}; at most 48, and the others are 0. */
void bits_put(struct bit_writer *w, uint64_t v, unsigned n);

/** bits_align(w): An empty stored block, after which w->p is at a byte with nothing pending. */
void bits_align(struct bit_writer *w);

/** bits_finish(w): Fill the last byte with zeros. */
void bits_finish(struct bit_writer *w);

/** huffman_block(w, p, n, counts, final): ${n} bytes as one dynamic block; ${counts} has how often each byte occurs. */
void huffman_block(struct bit_writer *w, const uint8_t *p, size_t n, const uint32_t counts[256], bool final);

/** huffman_lengths(counts, n, max, lengths): Code lengths of at most ${max} for ${n} symbols (up to 288), 0 where the count is; one symbol alone gets 1. */
void huffman_lengths(const uint32_t *counts, unsigned n, unsigned max, uint8_t *lengths);

#endif
