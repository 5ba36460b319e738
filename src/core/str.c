/* str.c: safe text, modified UTF-7, small conversions. */
#include "core/str.h"

#include <stdio.h>
#include <string.h>

size_t str_utf8_next(const char *s, size_t n, uint32_t *cp)
{
	const uint8_t *p = (const uint8_t *)s;
	size_t len;
	uint32_t c, least;

	if (n == 0)
		return 0;
	if (p[0] < 0x80) {
		*cp = p[0];
		return 1;
	}
	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		len = 2, c = p[0] & 0x1fu, least = 0x80;
	} else if (p[0] >= 0xe0 && p[0] <= 0xef) {
		len = 3, c = p[0] & 0x0fu, least = 0x800;
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		len = 4, c = p[0] & 0x07u, least = 0x10000;
	} else {
		return 0;
	}
	if (len > n)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	if (c < least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*cp = c;
	return len;
}

void str_utf8_put(struct buf *b, uint32_t cp)
{
	if (cp < 0x80) {
		buf_char(b, (char)cp);
	} else if (cp < 0x800) {
		buf_char(b, (char)(0xc0 | cp >> 6));
		buf_char(b, (char)(0x80 | (cp & 0x3f)));
	} else if (cp < 0x10000) {
		buf_char(b, (char)(0xe0 | cp >> 12));
		buf_char(b, (char)(0x80 | (cp >> 6 & 0x3f)));
		buf_char(b, (char)(0x80 | (cp & 0x3f)));
	} else {
		buf_char(b, (char)(0xf0 | cp >> 18));
		buf_char(b, (char)(0x80 | (cp >> 12 & 0x3f)));
		buf_char(b, (char)(0x80 | (cp >> 6 & 0x3f)));
		buf_char(b, (char)(0x80 | (cp & 0x3f)));
	}
}

/* Code points that move the cursor, change direction, or cannot be seen. */
static bool is_harmful(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x34f || (c >= 0x600 && c <= 0x605) || c == 0x61c ||
	       c == 0x6dd || c == 0x70f || c == 0x890 || c == 0x891 || c == 0x8e2 || c == 0x115f || c == 0x1160 ||
	       c == 0x17b4 || c == 0x17b5 || c == 0x180e || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0x3164 || c == 0xfeff || c == 0xffa0 || (c >= 0xfff0 && c <= 0xfffb) ||
	       c == 0x110bd || c == 0x110cd || (c >= 0x13430 && c <= 0x1343f) ||
	       (c >= 0x1bca0 && c <= 0x1bca3) || (c >= 0x1d173 && c <= 0x1d17a) || (c & 0xfffe) == 0xfffe ||
	       (c >= 0xe0000 && c <= 0xe0fff);
}

static int render_byte(char c, char out[16])
{
	static const char digits[] = "0123456789abcdef";

	memcpy(out, (char[]){ '\\', 'x', digits[(uint8_t)c >> 4], digits[(uint8_t)c & 15] }, 4);
	return 4;
}

/* Renders one character or bad byte of ${s} into ${out}; returns the bytes consumed. */
static size_t render_next(const char *s, size_t n, bool lines, char out[16], size_t *out_len)
{
	uint32_t cp = 0;
	size_t len = str_utf8_next(s, n, &cp);
	int w;

	if (len == 0) {
		w = render_byte(s[0], out);
		len = 1;
	} else if (lines && (cp == '\n' || cp == '\t')) {
		out[0] = (char)cp;
		w = 1;
	} else if (cp < 0x80 && is_harmful(cp)) {
		w = render_byte(s[0], out);
	} else if (is_harmful(cp)) {
		w = snprintf(out, 16, "\\u{%x}", (unsigned)cp);
	} else {
		memcpy(out, s, len);
		w = (int)len;
	}
	*out_len = (size_t)w;
	return len;
}

size_t str_safe(char *dst, size_t size, const char *s, size_t n)
{
	size_t used = 0;

	if (size == 0)
		return 0;
	for (size_t i = 0; i < n;) {
		char out[16];
		size_t w;
		size_t took = render_next(s + i, n - i, false, out, &w);

		if (w > size - 1 - used)
			break;
		memcpy(dst + used, out, w);
		used += w;
		i += took;
	}
	dst[used] = '\0';
	return used;
}

char *str_safe_vprintf(const char *fmt, va_list ap)
{
	char raw[1024];
	struct buf b = BUF_INIT;

	vsnprintf(raw, sizeof raw, fmt, ap);
	str_safe_buf(&b, raw, strlen(raw));
	return buf_steal(&b);
}

/* How many of the bytes stand for themselves: most of most text. */
static size_t plain_run(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && s[i] >= ' ' && s[i] < 0x7f)
		i++;
	return i;
}

static void safe_buf(struct buf *b, const char *s, size_t n, bool lines)
{
	for (size_t i = 0; i < n;) {
		char out[16];
		size_t w, plain = plain_run(s + i, n - i);

		buf_add(b, s + i, plain);
		i += plain;
		if (i == n)
			break;
		i += render_next(s + i, n - i, lines, out, &w);
		buf_add(b, out, w);
	}
}

void str_safe_buf(struct buf *b, const char *s, size_t n)
{
	safe_buf(b, s, n, false);
}

void str_safe_lines(struct buf *b, const char *s, size_t n)
{
	safe_buf(b, s, n, true);
}

/* Modified base64 of RFC 3501 5.1.3: ',' stands for '/'. */
static const char mb64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static int mb64_value(char c)
{
	const char *at = c != '\0' ? strchr(mb64, c) : NULL;

	return at != NULL ? (int)(at - mb64) : -1;
}

/* Decodes one shifted run (without & and -) of UTF-16BE. */
static int decode_run(struct buf *b, const char *s, size_t n)
{
	uint32_t bits = 0, high = 0;
	unsigned have = 0;

	for (size_t i = 0; i < n; i++) {
		int v = mb64_value(s[i]);
		uint32_t unit;

		if (v < 0)
			return -1;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have < 16)
			continue;
		have -= 16;
		unit = bits >> have & 0xffff;
		if (high != 0) {
			if (unit < 0xdc00 || unit > 0xdfff)
				return -1;
			str_utf8_put(b, 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00));
			high = 0;
		} else if (unit >= 0xd800 && unit <= 0xdbff) {
			high = unit;
		} else if (unit >= 0xdc00 && unit <= 0xdfff) {
			return -1;
		} else {
			str_utf8_put(b, unit);
		}
	}
	return high == 0 && have < 6 && (bits & ((1u << have) - 1)) == 0 ? 0 : -1;
}

/* There is one way to write a name (RFC 3501 5.1.3): no printing ASCII within a run, no run right after another. */
static bool is_canonical(const char *text, size_t n, const char *s, size_t len)
{
	struct buf again = BUF_INIT;
	bool same = str_mutf7_encode(&again, text, n) == 0 && again.len == len && memcmp(again.data, s, len) == 0;

	buf_done(&again);
	return same;
}

int str_mutf7_decode(struct buf *b, const char *s, size_t n)
{
	size_t start = b->len;
	bool shifted = false;

	for (size_t i = 0; i < n; i++) {
		const char *end;

		if ((uint8_t)s[i] < 0x20 || (uint8_t)s[i] > 0x7e)
			goto bad;
		if (s[i] != '&') {
			buf_char(b, s[i]);
			continue;
		}
		end = memchr(s + i, '-', n - i);
		if (end == NULL)
			goto bad;
		shifted = true;
		if (end == s + i + 1)
			buf_char(b, '&');
		else if (decode_run(b, s + i + 1, (size_t)(end - s) - i - 1) == -1)
			goto bad;
		i = (size_t)(end - s);
	}
	if (!shifted || b->full || is_canonical(b->data + start, b->len - start, s, n))
		return 0;
bad:
	b->len = start;
	if (b->data != NULL)
		b->data[start] = '\0';
	return -1;
}

struct shift {
	struct buf *b;
	uint32_t bits;
	unsigned have;
	bool on;
};

static void shift_unit(struct shift *z, uint32_t unit)
{
	if (!z->on) {
		buf_char(z->b, '&');
		z->on = true;
	}
	z->bits = z->bits << 16 | unit;
	z->have += 16;
	while (z->have >= 6) {
		z->have -= 6;
		buf_char(z->b, mb64[z->bits >> z->have & 0x3f]);
	}
}

static void shift_end(struct shift *z)
{
	if (!z->on)
		return;
	if (z->have > 0)
		buf_char(z->b, mb64[z->bits << (6 - z->have) & 0x3f]);
	buf_char(z->b, '-');
	*z = (struct shift){ .b = z->b };
}

int str_mutf7_encode(struct buf *b, const char *s, size_t n)
{
	struct shift z = { .b = b };
	size_t start = b->len;
	uint32_t cp;

	for (size_t i = 0, len; i < n; i += len) {
		len = str_utf8_next(s + i, n - i, &cp);
		if (len == 0) {
			b->len = start;
			if (b->data != NULL)
				b->data[start] = '\0';
			return -1;
		}
		if (cp >= 0x20 && cp <= 0x7e) {
			shift_end(&z);
			buf_char(b, (char)cp);
			if (cp == '&')
				buf_char(b, '-');
		} else if (cp < 0x10000) {
			shift_unit(&z, cp);
		} else {
			shift_unit(&z, 0xd800 + ((cp - 0x10000) >> 10));
			shift_unit(&z, 0xdc00 + ((cp - 0x10000) & 0x3ff));
		}
	}
	shift_end(&z);
	return 0;
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

int str_u64(const char *s, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (*s == '\0')
		return -1;
	for (; *s != '\0'; s++) {
		unsigned d = (unsigned)(*s - '0');

		if (*s < '0' || *s > '9' || v > UINT64_MAX / 10 || v * 10 > UINT64_MAX - d)
			return -1;
		v = v * 10 + d;
	}
	if (v > max)
		return -1;
	*ret = v;
	return 0;
}

void str_base64(struct buf *b, const void *p, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *s = p;

	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i;
		uint32_t v = (uint32_t)s[i] << 16 | (left > 1 ? (uint32_t)s[i + 1] << 8 : 0) | (left > 2 ? s[i + 2] : 0);

		buf_char(b, digits[v >> 18]);
		buf_char(b, digits[v >> 12 & 63]);
		buf_char(b, left > 1 ? digits[v >> 6 & 63] : '=');
		buf_char(b, left > 2 ? digits[v & 63] : '=');
	}
}

void str_hex(struct buf *b, const void *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *s = p;

	for (size_t i = 0; i < n; i++) {
		buf_char(b, digits[s[i] >> 4]);
		buf_char(b, digits[s[i] & 15]);
	}
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int str_unhex(const char *s, void *out, size_t n)
{
	uint8_t *p = out;

	for (size_t i = 0; i < n; i++) {
		int h = hex_value(s[2 * i]), l = h < 0 ? -1 : hex_value(s[2 * i + 1]);

		if (l < 0)
			return -1;
		p[i] = (uint8_t)(h << 4 | l);
	}
	return 0;
}

const char *str_size(char *dst, size_t size, uint64_t bytes)
{
	static const char unit[] = "KMGTPE";
	unsigned u = 0;
	uint64_t whole = bytes, part = 0;

	if (bytes < 1024) {
		snprintf(dst, size, "%u", (unsigned)bytes);
		return dst;
	}
	for (;; u++) {
		part = (whole % 1024) * 10 / 1024;
		whole /= 1024;
		if (whole < 1024)
			break;
	}
	if (whole < 10)
		snprintf(dst, size, "%u.%u%c", (unsigned)whole, (unsigned)part, unit[u]);
	else
		snprintf(dst, size, "%u%c", (unsigned)whole, unit[u]);
	return dst;
}

unsigned str_distance(const char *a, const char *b)
{
	unsigned row[64];
	size_t n = strnlen(a, 63), m = strnlen(b, 63);

	for (size_t j = 0; j <= m; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[m];
}

const char *str_count(char *dst, size_t size, uint64_t n, const char *one, const char *many)
{
	snprintf(dst, size, "%llu %s", (unsigned long long)n, n == 1 ? one : many);
	return dst;
}
