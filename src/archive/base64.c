/* base64.c: runs of base64 lines found, judged by the lump, merged. */
#include "archive/base64.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

#define LINE_MIN   32u /* with its line end; shorter ones are no base64 body */
#define LINE_MAX   1024u
#define LINES_MIN  4u	  /* of one length, to begin a run */
#define LUMP_LINES 104u	  /* judged together: some 8 KB */
#define SAMPLE	   4u	  /* every so many lines are counted */
#define WINDOW	   32768u /* as far as deflate can look back */
#define REPEATS	   3u /* lines that occurred before, at one distance, until matches are worth looking for */

/* Bits a character, in 1/65536, below which there is something to find. Compressed data in base64 has 5.97 and more, text
 * 5.3. Digests in hex, as the archive's tables have them, have 4. */
#define ENTROPY_BASE64 (590 * 65536 / 100)
#define ENTROPY_HEX    (395 * 65536 / 100)

/* Bytes below which a run does not pay for its block's header and for the window that is lost to the text around it; lines of
 * hex stand among others of their kind, and matches would only make them longer. */
#define RUN_MIN_BASE64 10000u
#define RUN_MIN_HEX    2000u

#define SEEN_BITS      12

struct lump {
	uint32_t from, to;
	uint32_t lines;
	uint16_t counts[128];
	bool crlf;
	bool hex;
	bool dense; /* no use to look for matches */
};

struct base64_finder {
	struct lump *lumps;
	size_t n, cap, next;
	/* Where lines of a run were seen last, by hash of their beginning; offset + 1. */
	uint32_t seen[1 << SEEN_BITS];
	uint32_t distance; /* of the last repeat */
	unsigned repeats;
};

struct base64_finder *base64_finder_new(void)
{
	return mem_alloc(sizeof(struct base64_finder));
}

void base64_finder_free(struct base64_finder *f)
{
	if (f == NULL)
		return;
	free(f->lumps);
	free(f);
}

/* Sixteen bytes at a time: what the compiler makes of it is two to four instructions per line here. */
typedef uint8_t vec __attribute__((vector_size(16)));

static bool all_base64(const uint8_t *p, size_t n)
{
	vec bad = { 0 };
	uint8_t last[16];
	uint64_t halves[2];
	size_t i = 0;

	for (;; i += sizeof(vec)) {
		vec v, lower, good;

		if (n - i >= sizeof v) {
			memcpy(&v, p + i, sizeof v);
		} else {
			memset(last, 'A', sizeof last);
			memcpy(last, p + i, n - i);
			memcpy(&v, last, sizeof v);
		}
		/* With bit 5 set there are the lower-case letters, and '/' stands before the digits. */
		lower = v | 0x20;
		good = (vec)((lower - 'a') < 26) | (vec)((v - '/') < 11) | (vec)(v == '+');
		bad |= ~good;
		if (n - i <= sizeof v)
			break;
	}
	memcpy(halves, &bad, sizeof halves);
	return (halves[0] | halves[1]) == 0;
}

static struct lump *add_lump(struct base64_finder *f, size_t from)
{
	struct lump *l;

	f->lumps = mem_grow(f->lumps, &f->cap, f->n + 1, sizeof *l);
	l = &f->lumps[f->n++];
	memset(l, 0, sizeof *l);
	l->from = l->to = (uint32_t)from;
	return l;
}

/* The binary logarithm in 1/65536. In integers: what is written must not depend on the machine. */
static uint32_t log2_fixed(uint32_t v)
{
	unsigned whole = 31 - (unsigned)__builtin_clz(v);
	uint64_t x = (uint64_t)v << (31 - whole);
	uint32_t log = whole << 16;

	for (uint32_t bit = 1 << 15; bit > 0; bit >>= 1) {
		x = x * x >> 31;
		if (x >= UINT64_C(1) << 32) {
			x >>= 1;
			log |= bit;
		}
	}
	return log;
}

/* Whether the characters counted look like chance. What a small sample lacks of its entropy is added (Miller and Madow). */
static bool is_dense(const uint16_t counts[128], bool *hex)
{
	uint64_t sum = 0;
	uint32_t all = 0, kinds = 0, bits;

	for (unsigned c = '+'; c <= 'z'; c++) {
		if (counts[c] > 0) {
			sum += (uint64_t)counts[c] * log2_fixed(counts[c]);
			all += counts[c];
			kinds++;
		}
	}
	*hex = kinds == 16;
	if (kinds < 16)
		return false;
	bits = log2_fixed(all) - (uint32_t)(sum / all) + (kinds - 1) * 47274 / all; /* 1 / (2 ln 2) */
	return bits >= (*hex ? ENTROPY_HEX : ENTROPY_BASE64);
}

/* Lines that were there before within the window: the lumps from there to here are for matches. */
static void look_back(struct base64_finder *f, const uint8_t *p, uint32_t at, size_t len)
{
	uint64_t head;
	uint32_t *seen, before;

	memcpy(&head, p + at, sizeof head);
	seen = &f->seen[head * UINT64_C(0x9e3779b97f4a7c15) >> (64 - SEEN_BITS)];
	before = *seen;
	*seen = at + 1;
	if (before == 0 || at - (before - 1) > WINDOW || memcmp(p + before - 1, p + at, len) != 0)
		return;
	before--;
	f->repeats = at - before == f->distance ? f->repeats + 1 : 1;
	f->distance = at - before;
	if (f->repeats < REPEATS)
		return;
	for (size_t i = f->n; i-- > 0 && f->lumps[i].to > before;)
		f->lumps[i].dense = false;
}

static void judge(struct base64_finder *f, const uint8_t *p, struct lump *l, size_t line)
{
	/* The few lines at a run's end are as those before. */
	if (l->lines < LUMP_LINES / 2 && l > f->lumps && l[-1].to == l->from) {
		l->dense = l[-1].dense;
		l->hex = l[-1].hex;
	} else {
		l->dense = is_dense(l->counts, &l->hex);
	}
	for (uint32_t at = l->from; at < l->to; at += (uint32_t)line)
		look_back(f, p, at, line);
}

/* The run of lines of length ${line} that begins at ${from}; returns where it ends. */
static size_t take_run(
    struct base64_finder *f, const uint8_t *p, size_t n, size_t from, size_t line, size_t text)
{
	struct lump *l = NULL;
	size_t at = from, lines = 0;

	for (; n - at >= line; at += line, lines++) {
		if (memcmp(p + at + text, p + from + text, line - text) != 0 || !all_base64(p + at, text))
			break;
		if (l == NULL || lines % LUMP_LINES == 0) {
			if (l != NULL)
				judge(f, p, l, line);
			l = add_lump(f, at);
			l->crlf = line - text == 2;
		}
		l->to = (uint32_t)(at + line);
		l->lines++;
		if (lines % SAMPLE == 0) {
			for (size_t i = 0; i < text; i++)
				l->counts[p[at + i]]++;
		}
	}
	if (l != NULL)
		judge(f, p, l, line);
	return at;
}

/* Line length without its end. */
static size_t text_of(const uint8_t *line, size_t len)
{
	return len >= 2 && line[len - 2] == '\r' ? len - 2 : len - 1;
}

void base64_find(struct base64_finder *f, const uint8_t *p, size_t n)
{
	size_t at = 0, same = 0, len_before = 0;

	f->n = f->next = 0;
	f->repeats = 0;
	memset(f->seen, 0, sizeof f->seen);
	while (at < n) {
		const uint8_t *eol = memchr(p + at, '\n', n - at);
		size_t len = eol == NULL ? 0 : (size_t)(eol - p) + 1 - at;

		if (eol == NULL)
			break;
		same = len == len_before ? same + 1 : 1;
		len_before = len;
		at += len;
		if (same >= LINES_MIN && len >= LINE_MIN && len <= LINE_MAX) {
			size_t from = at - LINES_MIN * len, to;

			/* The first lines may be text that happens to be as long; the run then begins later. */
			to = take_run(f, p, n, from, len, text_of(p + from, len));
			if (to > at)
				at = to;
			same = 0;
		}
	}
}

static bool in_alphabet(unsigned c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '/' && c <= '9') || c == '+';
}

/* The lump at f->next and those that go on with it. */
static void merge(struct base64_finder *f, struct base64_run *run)
{
	const struct lump *first = &f->lumps[f->next];

	memset(run, 0, sizeof *run);
	run->from = run->to = first->from;
	/* What can be there although the sample does not have it. */
	for (unsigned c = '+'; c <= 'z'; c++)
		run->counts[c] = in_alphabet(c);
	for (; f->next < f->n; f->next++) {
		const struct lump *l = &f->lumps[f->next];

		if (!l->dense || l->hex != first->hex || l->from != run->to)
			break;
		for (unsigned c = '+'; c <= 'z'; c++)
			run->counts[c] += l->counts[c] * SAMPLE;
		run->counts['\n'] += l->lines;
		run->counts['\r'] += l->crlf ? l->lines : 0;
		run->to = l->to;
	}
}

int base64_next(struct base64_finder *f, struct base64_run *ret)
{
	while (f->next < f->n) {
		const struct lump *l = &f->lumps[f->next];

		if (!l->dense) {
			f->next++;
			continue;
		}
		merge(f, ret);
		if (ret->to - ret->from >= (l->hex ? RUN_MIN_HEX : RUN_MIN_BASE64))
			return 1;
	}
	return 0;
}
