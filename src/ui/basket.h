/* basket.h: the mailboxes that are marked, of one archive. */
#ifndef UI_BASKET_H
#define UI_BASKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct basket_item {
	char *internal, *shown;
	uint32_t messages;
	uint64_t bytes;
};

struct basket {
	char *archive;             /* NULL while it is empty */
	struct basket_item *items; /* ascending by internal name */
	size_t n, cap;
	uint64_t messages, bytes;
};

/** basket_find(b, archive, internal): Its place in items, or (size_t)-1. */
size_t basket_find(const struct basket *b, const char *archive, const char *internal);

#define BASKET_MAX 10000

/** basket_add(b, archive, item): A copy of ${item}, unless it is there; false when BASKET_MAX are; what is marked of another archive goes out first. */
bool basket_add(struct basket *b, const char *archive, const struct basket_item *item);

/** basket_remove(b, i). basket_clear(b): Empty; nothing is left to free. */
void basket_remove(struct basket *b, size_t i);
void basket_clear(struct basket *b);

#endif
