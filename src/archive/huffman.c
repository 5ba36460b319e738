/* huffman.c: code lengths, codes, and a block of literals. */
#include "archive/huffman.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define SYMBOLS	    257 /* bytes and the end of the block */
#define LITERAL_MAX 11	/* five codes and what is left of a byte fit 64 bits */
#define PRECODES    19

static void flush(struct bit_writer *w)
{
	uint64_t v = htole64(w->acc);
	unsigned bytes = w->n / 8;

	memcpy(w->p, &v, sizeof v);
	w->p += bytes;
	w->acc >>= 8 * bytes; /* never 64: fewer bits are pending than that */
	w->n &= 7;
}

void bits_put(struct bit_writer *w, uint64_t v, unsigned n)
{
	w->acc |= v << w->n;
	w->n += n;
	flush(w);
}

void bits_finish(struct bit_writer *w)
{
	if (w->n > 0)
		*w->p++ = (uint8_t)w->acc;
	w->acc = 0;
	w->n = 0;
}

void bits_align(struct bit_writer *w)
{
	bits_put(w, 0, 3);
	bits_finish(w);
	bits_put(w, UINT64_C(0xffff0000), 32);
}

struct leaf {
	uint32_t count;
	uint16_t symbol;
};

static int by_count(const void *a, const void *b)
{
	const struct leaf *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? -1 : 1;
	return x->symbol < y->symbol ? -1 : 1;
}

/* Depths of the leaves of a Huffman tree, by how many have each: two queues, leaves and inner nodes, both ascending. */
static void count_depths(const struct leaf *leaves, unsigned n, unsigned max, unsigned per_depth[])
{
	uint64_t weight[2 * 288];
	uint16_t parent[2 * 288];
	uint16_t depth[2 * 288];
	unsigned leaf = 0, inner = n, nodes = n;

	for (unsigned i = 0; i < n; i++)
		weight[i] = leaves[i].count;
	while (nodes < 2 * n - 1) {
		weight[nodes] = 0;
		for (int k = 0; k < 2; k++) {
			unsigned least =
			    leaf < n && (inner == nodes || weight[leaf] <= weight[inner]) ? leaf++ : inner++;

			weight[nodes] += weight[least];
			parent[least] = (uint16_t)nodes;
		}
		nodes++;
	}
	depth[nodes - 1] = 0;
	for (unsigned i = nodes - 1; i-- > 0;) {
		depth[i] = (uint16_t)(depth[parent[i]] + 1);
		if (i < n)
			per_depth[depth[i] < max ? depth[i] : max]++;
	}
}

/* Too deep leaves were counted at max: make the code fit again by moving others down. */
static void fit(unsigned max, unsigned per_depth[])
{
	uint64_t used = 0, all = UINT64_C(1) << max;

	for (unsigned i = 1; i <= max; i++)
		used += (uint64_t)per_depth[i] << (max - i);
	while (used > all) {
		unsigned i = max - 1;

		per_depth[max]--;
		while (per_depth[i] == 0)
			i--;
		per_depth[i]--;
		per_depth[i + 1] += 2;
		used--;
	}
}

void huffman_lengths(const uint32_t *counts, unsigned n, unsigned max, uint8_t *lengths)
{
	struct leaf leaves[288];
	unsigned per_depth[16] = { 0 }, used = 0, at = 0;

	memset(lengths, 0, n);
	for (unsigned i = 0; i < n; i++) {
		if (counts[i] > 0)
			leaves[used++] = (struct leaf){ counts[i], (uint16_t)i };
	}
	if (used <= 1) {
		if (used == 1)
			lengths[leaves[0].symbol] = 1;
		return;
	}
	qsort(leaves, used, sizeof leaves[0], by_count);
	count_depths(leaves, used, max, per_depth);
	fit(max, per_depth);
	for (unsigned d = max; d > 0; d--) {
		for (unsigned i = 0; i < per_depth[d]; i++)
			lengths[leaves[at++].symbol] = (uint8_t)d;
	}
}

/* Canonical codes, bits reversed as deflate sends them. */
static void make_codes(const uint8_t *lengths, unsigned n, uint16_t *codes)
{
	unsigned per_length[16] = { 0 }, next[16] = { 0 };

	for (unsigned i = 0; i < n; i++)
		per_length[lengths[i]]++;
	per_length[0] = 0;
	for (unsigned i = 1; i < 16; i++)
		next[i] = (next[i - 1] + per_length[i - 1]) << 1;
	for (unsigned i = 0; i < n; i++) {
		unsigned code = lengths[i] > 0 ? next[lengths[i]]++ : 0, reversed = 0;

		for (unsigned k = 0; k < lengths[i]; k++)
			reversed |= (code >> k & 1) << (lengths[i] - 1 - k);
		codes[i] = (uint16_t)reversed;
	}
}

struct precode {
	uint8_t symbol, extra, extra_bits;
};

/* Runs of equal lengths in the codes 16 to 18. */
static unsigned run_lengths(const uint8_t *lengths, unsigned n, struct precode *out)
{
	unsigned made = 0;

	for (unsigned i = 0, run; i < n; i += run) {
		unsigned most = lengths[i] == 0 ? 138 : 7;

		for (run = 1; i + run < n && run < most && lengths[i + run] == lengths[i];)
			run++;
		if (lengths[i] == 0 && run >= 11)
			out[made++] = (struct precode){ 18, (uint8_t)(run - 11), 7 };
		else if (lengths[i] == 0 && run >= 3)
			out[made++] = (struct precode){ 17, (uint8_t)(run - 3), 3 };
		else if (lengths[i] != 0 && run >= 4) {
			out[made++] = (struct precode){ lengths[i], 0, 0 };
			out[made++] = (struct precode){ 16, (uint8_t)(run - 4), 2 };
		} else {
			out[made++] = (struct precode){ lengths[i], 0, 0 };
			run = 1;
		}
	}
	return made;
}

static void put_header(struct bit_writer *w, const uint8_t *lengths, bool final)
{
	static const uint8_t order[PRECODES] = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1,
		15 };
	struct precode items[SYMBOLS + 2];
	uint32_t counts[PRECODES] = { 0 };
	uint8_t all[SYMBOLS + 2], pre[PRECODES];
	uint16_t codes[PRECODES];
	unsigned n, used = PRECODES;

	/* Two distance codes that nobody uses: some old readers dislike fewer. */
	memcpy(all, lengths, SYMBOLS);
	all[SYMBOLS] = all[SYMBOLS + 1] = 1;
	n = run_lengths(all, sizeof all, items);
	for (unsigned i = 0; i < n; i++)
		counts[items[i].symbol]++;
	huffman_lengths(counts, PRECODES, 7, pre);
	make_codes(pre, PRECODES, codes);
	while (used > 4 && pre[order[used - 1]] == 0)
		used--;
	bits_put(w, (final ? 1u : 0u) | 2u << 1, 3);
	bits_put(w, SYMBOLS - 257, 5);
	bits_put(w, 2 - 1, 5);
	bits_put(w, used - 4, 4);
	for (unsigned i = 0; i < used; i++)
		bits_put(w, pre[order[i]], 3);
	for (unsigned i = 0; i < n; i++) {
		bits_put(w, codes[items[i].symbol], pre[items[i].symbol]);
		bits_put(w, items[i].extra, items[i].extra_bits);
	}
}

void huffman_block(struct bit_writer *w, const uint8_t *p, size_t n, const uint32_t counts[256], bool final)
{
	uint32_t with_end[SYMBOLS];
	uint8_t lengths[SYMBOLS];
	uint16_t codes[SYMBOLS];
	/* Code and length in one load: the code in the upper half. */
	uint32_t table[256];
	struct bit_writer b;
	size_t i = 0;

	memcpy(with_end, counts, 256 * sizeof *counts);
	with_end[256] = 1;
	huffman_lengths(with_end, SYMBOLS, LITERAL_MAX, lengths);
	make_codes(lengths, SYMBOLS, codes);
	put_header(w, lengths, final);
	for (unsigned s = 0; s < 256; s++)
		table[s] = (uint32_t)codes[s] << 16 | lengths[s];
	b = *w;
	for (; i + 5 <= n; i += 5) {
		uint32_t c0 = table[p[i]], c1 = table[p[i + 1]], c2 = table[p[i + 2]], c3 = table[p[i + 3]],
			 c4 = table[p[i + 4]];
		unsigned l01 = (c0 & 31) + (c1 & 31), l23 = (c2 & 31) + (c3 & 31);
		uint64_t v01 = c0 >> 16 | (uint64_t)(c1 >> 16) << (c0 & 31);
		uint64_t v23 = c2 >> 16 | (uint64_t)(c3 >> 16) << (c2 & 31);
		uint64_t v = v01 | v23 << l01 | (uint64_t)(c4 >> 16) << (l01 + l23);

		b.acc |= v << b.n;
		b.n += l01 + l23 + (c4 & 31);
		flush(&b);
	}
	for (; i < n; i++)
		bits_put(&b, table[p[i]] >> 16, table[p[i]] & 31);
	bits_put(&b, codes[256], lengths[256]);
	*w = b;
}
