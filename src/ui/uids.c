/* uids.c: a sorted array. */
#include "ui/uids.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

/* Where it is, or belongs. */
static size_t place_of(const struct uids *u, uint32_t uid)
{
	size_t low = 0, high = u->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (u->list[mid] < uid)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool uids_has(const struct uids *u, uint32_t uid)
{
	size_t at = place_of(u, uid);

	return at < u->n && u->list[at] == uid;
}

void uids_turn(struct uids *u, uint32_t uid)
{
	size_t at = place_of(u, uid);

	if (at < u->n && u->list[at] == uid) {
		u->n--;
		memmove(u->list + at, u->list + at + 1, (u->n - at) * sizeof *u->list);
		return;
	}
	u->list = mem_grow(u->list, &u->cap, u->n + 1, sizeof *u->list);
	memmove(u->list + at + 1, u->list + at, (u->n - at) * sizeof *u->list);
	u->list[at] = uid;
	u->n++;
}

void uids_append(struct uids *u, uint32_t uid)
{
	u->list = mem_grow(u->list, &u->cap, u->n + 1, sizeof *u->list);
	u->list[u->n++] = uid;
}

static int compare(const void *a, const void *b)
{
	uint32_t x, y;

	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return x < y ? -1 : x > y;
}

void uids_sort(struct uids *u)
{
	size_t kept = 0;

	if (u->n == 0)
		return;
	qsort(u->list, u->n, sizeof *u->list, compare);
	for (size_t i = 1; i < u->n; i++)
		if (u->list[i] != u->list[kept])
			u->list[++kept] = u->list[i];
	u->n = kept + 1;
}

void uids_done(struct uids *u)
{
	free(u->list);
	*u = (struct uids){ 0 };
}

struct export_range *uids_ranges(const struct uids *u, size_t *n)
{
	struct export_range *ret = NULL;
	size_t cap = 0;

	*n = 0;
	for (size_t i = 0; i < u->n; i++) {
		if (*n > 0 && ret[*n - 1].last + 1 == u->list[i]) {
			ret[*n - 1].last = u->list[i];
			continue;
		}
		ret = mem_grow(ret, &cap, *n + 1, sizeof *ret);
		ret[(*n)++] = (struct export_range){ u->list[i], u->list[i] };
	}
	return ret;
}

void uids_text(const struct export_range *ranges, size_t n, struct buf *b)
{
	for (size_t i = 0; i < n; i++) {
		buf_printf(b, "%s%u", i > 0 ? "," : "", ranges[i].first);
		if (ranges[i].last != ranges[i].first)
			buf_printf(b, ":%u", ranges[i].last);
	}
}
