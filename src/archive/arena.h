/* arena.h: many strings with one owner. */
#ifndef ARCHIVE_ARENA_H
#define ARCHIVE_ARENA_H

#include <stddef.h>

struct arena;

/** arena_new(chunk_bytes), arena_free(a): Memory is taken ${chunk_bytes} at a time. arena_free() takes NULL. */
struct arena *arena_new(size_t chunk_bytes);
void arena_free(struct arena *a);

/** arena_join(a, p, n, q, m): The ${n} bytes at ${p}, then the ${m} at ${q}, then NUL; lives as long as ${a}. */
char *arena_join(struct arena *a, const char *p, size_t n, const char *q, size_t m);

#endif
