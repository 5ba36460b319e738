/* arena.c: strings in chunks that never move. */
#include "archive/arena.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

struct arena {
	struct chunk {
		struct chunk *next;
		char data[];
	} * chunks;
	size_t chunk_bytes, left;
	char *at;
};

struct arena *arena_new(size_t chunk_bytes)
{
	struct arena *a = mem_alloc(sizeof *a);

	a->chunk_bytes = chunk_bytes;
	return a;
}

void arena_free(struct arena *a)
{
	if (a == NULL)
		return;
	while (a->chunks != NULL) {
		struct chunk *c = a->chunks;

		a->chunks = c->next;
		free(c);
	}
	free(a);
}

char *arena_join(struct arena *a, const char *p, size_t n, const char *q, size_t m)
{
	size_t need = n + m + 1;
	char *s;

	if (need > a->left) {
		size_t size = need > a->chunk_bytes ? need : a->chunk_bytes;
		struct chunk *c = mem_alloc(sizeof *c + size);

		c->next = a->chunks;
		a->chunks = c;
		a->at = c->data;
		a->left = size;
	}
	s = a->at;
	memcpy(s, p, n);
	memcpy(s + n, q, m);
	s[n + m] = '\0';
	a->at += need;
	a->left -= need;
	return s;
}
