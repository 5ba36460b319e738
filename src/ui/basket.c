/* basket.c: marked mailboxes. */
#include "ui/basket.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

/* Where it is, or belongs. */
static size_t place_of(const struct basket *b, const char *internal)
{
	size_t low = 0, high = b->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(b->items[mid].internal, internal) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

size_t basket_find(const struct basket *b, const char *archive, const char *internal)
{
	size_t i;

	if (b->archive == NULL || strcmp(b->archive, archive) != 0)
		return (size_t)-1;
	i = place_of(b, internal);
	return i < b->n && strcmp(b->items[i].internal, internal) == 0 ? i : (size_t)-1;
}

bool basket_add(struct basket *b, const char *archive, const struct basket_item *item)
{
	size_t at;

	if (b->archive == NULL || strcmp(b->archive, archive) != 0) {
		basket_clear(b);
		b->archive = mem_strdup(archive);
	}
	at = place_of(b, item->internal);
	if (at < b->n && strcmp(b->items[at].internal, item->internal) == 0)
		return true;
	if (b->n >= BASKET_MAX)
		return false;
	b->items = mem_grow(b->items, &b->cap, b->n + 1, sizeof *b->items);
	memmove(b->items + at + 1, b->items + at, (b->n - at) * sizeof *b->items);
	b->items[at] = (struct basket_item){ mem_strdup(item->internal), mem_strdup(item->shown),
		item->messages, item->bytes };
	b->n++;
	b->messages += item->messages;
	b->bytes += item->bytes;
	return true;
}

void basket_remove(struct basket *b, size_t i)
{
	b->messages -= b->items[i].messages;
	b->bytes -= b->items[i].bytes;
	free(b->items[i].internal);
	free(b->items[i].shown);
	memmove(b->items + i, b->items + i + 1, (b->n - i - 1) * sizeof *b->items);
	if (--b->n == 0)
		basket_clear(b);
}

void basket_clear(struct basket *b)
{
	for (size_t i = 0; i < b->n; i++) {
		free(b->items[i].internal);
		free(b->items[i].shown);
	}
	free(b->items);
	free(b->archive);
	*b = (struct basket){ 0 };
}
