/* buf.c: growable bytes with a ceiling. */
#include "core/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

void *buf_reserve(struct buf *b, size_t n)
{
	size_t limit = b->max > 0 ? b->max : (size_t)-1 - 1;

	if (b->full || b->len > limit || n > limit - b->len) {
		b->full = true;
		return NULL;
	}
	b->data = mem_grow(b->data, &b->cap, b->len + n + 1, 1);
	b->data[b->len] = '\0';
	return b->data + b->len;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	char *to = buf_reserve(b, n);

	if (to == NULL)
		return;
	if (n > 0)
		memcpy(to, p, n);
	b->len += n;
	b->data[b->len] = '\0';
}

void buf_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	char small[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(small, sizeof small, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n < sizeof small) {
		buf_add(b, small, (size_t)n);
		return;
	}
	if (buf_reserve(b, (size_t)n) == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->full = false;
	if (b->data != NULL)
		b->data[0] = '\0';
}

void buf_done(struct buf *b)
{
	free(b->data);
	b->data = NULL;
	b->len = b->cap = 0;
	b->full = false;
}

char *buf_steal(struct buf *b)
{
	char *s = b->data != NULL ? b->data : mem_strdup("");

	b->data = NULL;
	b->len = b->cap = 0;
	b->full = false;
	return s;
}

const char *buf_text(const struct buf *b)
{
	return b->data != NULL ? b->data : "";
}
