/* stitch.c: deflate walked over without making its bytes: symbols are counted off, not decoded. */
#include "archive/stitch.h"

#include <endian.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

/* A table entry: bits to skip in the lower byte (code and, for lengths and distances, extra bits), the kind above. */
#define LITERAL	 0x000u
#define MATCH	 0x100u
#define END	 0x200u
#define INVALID	 0x300u
#define KIND	 0x300u
#define CODE_MAX 15

struct stitcher {
	const uint8_t *p, *end;
	uint64_t acc;
	unsigned n; /* bits in acc */
	uint16_t lit[1 << CODE_MAX], dist[1 << CODE_MAX];
	unsigned lit_bits, dist_bits;
};

static uint64_t load(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return le64toh(v);
}

/* At least 56 bits; zeros when p, which runs ahead of what is used by up to 8 bytes, has passed the end. */
static void refill(struct stitcher *w)
{
	if (w->p <= w->end)
		w->acc |= load(w->p) << w->n;
	w->p += (63 - w->n) / 8;
	w->n |= 56;
}

static unsigned take(struct stitcher *w, unsigned n)
{
	unsigned v = (unsigned)(w->acc & ((1u << n) - 1));

	w->acc >>= n;
	w->n -= n;
	return v;
}

static unsigned extra_bits(bool dist, unsigned symbol)
{
	if (dist)
		return symbol < 4 ? 0 : symbol / 2 - 1;
	return symbol < 265 || symbol == 285 ? 0 : (symbol - 261) / 4;
}

/* Fills a table of 2^(longest code) entries; returns its bits, 0 when the lengths are no code. */
static unsigned make_table(uint16_t *table, const uint8_t *lengths, unsigned n, bool dist)
{
	unsigned per_length[CODE_MAX + 1] = { 0 }, next[CODE_MAX + 2] = { 0 }, bits = 0;

	for (unsigned i = 0; i < n; i++) {
		per_length[lengths[i]]++;
		if (lengths[i] > bits)
			bits = lengths[i];
	}
	if (bits == 0)
		bits = 1;
	per_length[0] = 0;
	for (unsigned i = 1; i <= CODE_MAX; i++) {
		next[i + 1] = (next[i] + per_length[i]) << 1;
		if (next[i] + per_length[i] > 1u << i)
			return 0;
	}
	for (unsigned i = 0; i < 1u << bits; i++)
		table[i] = INVALID;
	for (unsigned s = 0; s < n; s++) {
		unsigned len = lengths[s], code, reversed = 0;
		uint16_t entry;

		if (len == 0)
			continue;
		code = next[len]++;
		for (unsigned k = 0; k < len; k++)
			reversed |= (code >> k & 1) << (len - 1 - k);
		entry = (uint16_t)(!dist && s < 256    ? LITERAL | len
				   : !dist && s == 256 ? END | len
						       : MATCH | (len + extra_bits(dist, s)));
		for (unsigned at = reversed; at < 1u << bits; at += 1u << len)
			table[at] = entry;
	}
	return bits;
}

static int fixed_tables(struct stitcher *w)
{
	uint8_t lengths[288];

	memset(lengths, 8, 144);
	memset(lengths + 144, 9, 112);
	memset(lengths + 256, 7, 24);
	memset(lengths + 280, 8, 8);
	w->lit_bits = make_table(w->lit, lengths, 288, false);
	memset(lengths, 5, 32);
	w->dist_bits = make_table(w->dist, lengths, 32, true);
	return 0;
}

/* The code for code lengths, at most 7 bits: symbol in the upper, length in the lower half; 0 where there is none. */
static int make_pretable(uint8_t table[128], const uint8_t pre[19])
{
	unsigned code = 0;

	memset(table, 0, 128);
	for (unsigned len = 1; len <= 7; len++, code <<= 1) {
		for (unsigned s = 0; s < 19; s++) {
			unsigned reversed = 0;

			if (pre[s] != len)
				continue;
			if (code >= 1u << len)
				return -1;
			for (unsigned k = 0; k < len; k++)
				reversed |= (code >> k & 1) << (len - 1 - k);
			for (unsigned at = reversed; at < 128; at += 1u << len)
				table[at] = (uint8_t)(s << 3 | len);
			code++;
		}
	}
	return 0;
}

static int dynamic_tables(struct stitcher *w)
{
	static const uint8_t order[19] = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 };
	uint8_t pre[19] = { 0 }, table[128], lengths[320] = { 0 };
	unsigned n_lit, n_dist, n_pre, at = 0;

	refill(w);
	n_lit = take(w, 5) + 257;
	n_dist = take(w, 5) + 1;
	n_pre = take(w, 4) + 4;
	for (unsigned i = 0; i < n_pre; i++) {
		refill(w);
		pre[order[i]] = (uint8_t)take(w, 3);
	}
	if (make_pretable(table, pre) == -1)
		return -1;
	while (at < n_lit + n_dist) {
		unsigned symbol, repeat = 1;
		uint8_t value = 0;

		refill(w);
		symbol = table[w->acc & 127];
		if (symbol == 0)
			return -1;
		take(w, symbol & 7);
		symbol >>= 3;
		if (symbol < 16)
			value = (uint8_t)symbol;
		else if (symbol == 16 && at > 0) {
			value = lengths[at - 1];
			repeat = 3 + take(w, 2);
		} else if (symbol == 17)
			repeat = 3 + take(w, 3);
		else if (symbol == 18)
			repeat = 11 + take(w, 7);
		else
			return -1;
		if (repeat > n_lit + n_dist - at)
			return -1;
		memset(lengths + at, value, repeat);
		at += repeat;
	}
	w->lit_bits = make_table(w->lit, lengths, n_lit, false);
	w->dist_bits = make_table(w->dist, lengths + n_lit, n_dist, true);
	return w->lit_bits == 0 || w->dist_bits == 0 ? -1 : 0;
}

static int skip_symbols(struct stitcher *w)
{
	const uint64_t lit_mask = (UINT64_C(1) << w->lit_bits) - 1,
		       dist_mask = (UINT64_C(1) << w->dist_bits) - 1;

	while (w->p <= w->end + 8) {
		unsigned e;

		refill(w);
		/* 56 bits: three literals, or fewer and a match (at most 15 + 5 + 15 + 13). */
		e = w->lit[w->acc & lit_mask];
		if ((e & KIND) == LITERAL) {
			w->acc >>= e & 31;
			w->n -= e & 31;
			e = w->lit[w->acc & lit_mask];
			if ((e & KIND) == LITERAL) {
				w->acc >>= e & 31;
				w->n -= e & 31;
				e = w->lit[w->acc & lit_mask];
				if ((e & KIND) == LITERAL) {
					w->acc >>= e & 31;
					w->n -= e & 31;
					continue;
				}
			}
			refill(w);
		}
		w->acc >>= e & 31;
		w->n -= e & 31;
		if ((e & KIND) == END)
			return 0;
		if ((e & KIND) == INVALID)
			return -1;
		e = w->dist[w->acc & dist_mask];
		if ((e & KIND) == INVALID)
			return -1;
		w->acc >>= e & 31;
		w->n -= e & 31;
	}
	return -1;
}

/* Length and its complement, then so many bytes. */
static int skip_stored(struct stitcher *w)
{
	unsigned len;

	take(w, w->n & 7);
	refill(w);
	len = take(w, 16);
	if (take(w, 16) != (len ^ 0xffff))
		return -1;
	w->p -= w->n / 8;
	w->acc = 0;
	w->n = 0;
	if (w->p > w->end || len > (size_t)(w->end - w->p))
		return -1;
	w->p += len;
	return 0;
}

struct stitcher *stitcher_new(void)
{
	return mem_alloc(sizeof(struct stitcher));
}

void stitcher_free(struct stitcher *w)
{
	free(w);
}

int stitch_find(struct stitcher *w, const uint8_t *p, size_t n, struct stitch_place *ret)
{
	bool last;

	w->p = p;
	w->end = p + n;
	w->acc = 0;
	w->n = 0;
	do {
		unsigned type;
		int rc;

		refill(w);
		ret->last_block = (uint64_t)(w->p - p) * 8 - w->n;
		last = take(w, 1);
		type = take(w, 2);
		if (type == 0)
			rc = skip_stored(w);
		else if (type == 1)
			rc = fixed_tables(w) == -1 ? -1 : skip_symbols(w);
		else if (type == 2)
			rc = dynamic_tables(w) == -1 ? -1 : skip_symbols(w);
		else
			rc = -1;
		if (rc == -1)
			return -1;
	} while (!last);
	ret->end = (uint64_t)(w->p - p) * 8 - w->n;
	return (ret->end + 7) / 8 == n ? 0 : -1;
}
