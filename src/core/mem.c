/* mem.c: allocation that does not fail. */
#include "core/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void out_of_memory(void)
{
	static const char msg[] = "cyrvault: out of memory; nothing half-written stays, run it again\n";
	ssize_t ignored = write(STDERR_FILENO, msg, sizeof msg - 1);

	(void)ignored;
	abort();
}

void *mem_array(size_t n, size_t item_bytes)
{
	void *p = calloc(n > 0 ? n : 1, item_bytes > 0 ? item_bytes : 1);

	if (p == NULL)
		out_of_memory();
	return p;
}

void *mem_alloc(size_t size_bytes)
{
	return mem_array(1, size_bytes);
}

void *mem_resize(void *p, size_t n, size_t item_bytes)
{
	void *q = reallocarray(p, n > 0 ? n : 1, item_bytes);

	if (q == NULL)
		out_of_memory();
	return q;
}

void *mem_grow(void *p, size_t *cap, size_t need, size_t item_bytes)
{
	size_t c = *cap;

	if (p != NULL && need <= c)
		return p;
	if (c < 8)
		c = 8;
	while (c < need) {
		if (c > (size_t)-1 / 2)
			out_of_memory();
		c *= 2;
	}
	*cap = c;
	return mem_resize(p, c, item_bytes);
}

void *mem_dup(const void *p, size_t n)
{
	void *q = mem_alloc(n);

	if (n > 0)
		memcpy(q, p, n);
	return q;
}

char *mem_strndup(const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *q = mem_alloc(len + 1);

	memcpy(q, s, len);
	return q;
}

char *mem_strdup(const char *s)
{
	return s == NULL ? NULL : mem_strndup(s, strlen(s));
}

char *mem_printf(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		out_of_memory();
	return s;
}
