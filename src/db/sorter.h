/* sorter.h: pairs of any number, put in order with little memory: what is too much goes to a file without a name, run by run. */
#ifndef DB_SORTER_H
#define DB_SORTER_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

struct sorter;

/* Of one key, and of one value. */
#define SORTER_MAX (64u << 20)

/** sorter_new(memory_bytes): About so much is kept in memory. sorter_free(): NULL-safe. */
struct sorter *sorter_new(size_t memory_bytes);
void sorter_free(struct sorter *s);

/** sorter_add(s, key, nk, value, nv, e): Take in a pair; before the first sorter_next(). Pairs that come in order cost least. */
int sorter_add(struct sorter *s, const void *key, size_t nk, const void *value, size_t nv, struct err *e);

/** One pair; belongs to the sorter until the next call. */
struct sorter_pair {
	const uint8_t *key, *value;
	size_t nk, nv;
};

/** sorter_next(s, ret, e): The next in ascending order of bytes, of those with one key the first that came: 1, 0 at the end, -1. */
int sorter_next(struct sorter *s, struct sorter_pair *ret, struct err *e);

#endif
