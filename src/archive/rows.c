/* rows.c: lines of the index. */
#include "archive/rows.h"

#include <string.h>

#include "core/str.h"

static int must_escape(unsigned char c)
{
	return c < 0x20 || c == 0x7f || c == '%';
}

void row_escape(struct buf *b, const char *s)
{
	while (*s != '\0') {
		size_t n = 0;

		while (s[n] != '\0' && !must_escape((unsigned char)s[n]))
			n++;
		buf_add(b, s, n);
		s += n;
		if (*s != '\0')
			buf_printf(b, "%%%02X", (unsigned char)*s++);
	}
}

int row_next(char **p, char *end, struct row *row)
{
	char *s = *p, *eol;

	if (s == end)
		return 0;
	eol = memchr(s, '\n', (size_t)(end - s));
	if (eol == NULL || eol - s > ROW_MAX || memchr(s, '\0', (size_t)(eol - s)) != NULL)
		return -1;
	*eol = '\0';
	*p = eol + 1;
	for (row->n = 0;;) {
		char *tab = memchr(s, '\t', (size_t)(eol - s));
		char *stop = tab != NULL ? tab : eol;

		if (row->n == ROW_FIELDS_MAX)
			return -1;
		*stop = '\0';
		row->field[row->n] = s;
		row->len[row->n++] = (size_t)(stop - s);
		if (tab == NULL)
			return 1;
		s = tab + 1;
	}
}

int row_unescape(struct row *row, size_t i)
{
	char *from, *to, *end;

	if (i >= row->n)
		return -1;
	from = memchr(row->field[i], '%', row->len[i]);
	if (from == NULL)
		return 0;
	end = row->field[i] + row->len[i];
	for (to = from; from < end;) {
		if (*from == '%') {
			if (end - from < 3 || str_unhex(from + 1, to, 1) == -1 || *to == '\0')
				return -1;
			from += 3;
			to++;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
	row->len[i] = (size_t)(to - row->field[i]);
	return 0;
}

static int digits(const char *s, size_t n, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (n == 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		unsigned d = (unsigned char)s[i] - '0';

		if (d > 9 || v > (UINT64_MAX - d) / 10)
			return -1;
		v = v * 10 + d;
	}
	*ret = v;
	return v <= max ? 0 : -1;
}

int row_u64(const struct row *row, size_t i, uint64_t max, uint64_t *ret)
{
	return i < row->n ? digits(row->field[i], row->len[i], max, ret) : -1;
}

int row_i64(const struct row *row, size_t i, int64_t *ret)
{
	uint64_t v;

	if (i >= row->n || row->len[i] < 2 || (row->field[i][0] != '+' && row->field[i][0] != '-') ||
	    digits(row->field[i] + 1, row->len[i] - 1, INT64_MAX, &v) == -1)
		return -1;
	*ret = row->field[i][0] == '-' ? -(int64_t)v : (int64_t)v;
	return 0;
}
