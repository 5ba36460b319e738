/* timeline.c: the history of a mailbox, folded and turned round. */
#include "ui/timeline.h"

#include "core/mem.h"

static bool is_on_server(const struct app_history *h)
{
	return h->live == HISTORY_LIVE_THERE || h->live == HISTORY_LIVE_RENAMED || h->live == HISTORY_LIVE_DELETED;
}

static int64_t messages_of(const struct history_row *row)
{
	return row->there ? row->messages : 0;
}

/* Another mailbox of that name is none of its future. */
static struct timeline_row live_row(const struct app_history *h)
{
	const struct history_row *newest = &h->rows[h->n - 1];
	struct timeline_row t = { .live = true };

	t.has_change = (is_on_server(h) && newest->there) || (h->live == HISTORY_LIVE_MISSING && newest->there);
	if (t.has_change)
		t.change = (is_on_server(h) ? (int64_t)h->live_messages : 0) - messages_of(newest);
	return t;
}

static bool goes_on(const struct history_row *older, const struct history_row *newer)
{
	return older->gone == newer->gone && app_history_same(older, newer);
}

size_t timeline_make(const struct app_history *h, bool folded, struct timeline_row **ret)
{
	struct timeline_row *rows;
	size_t n = 0;

	*ret = NULL;
	if (h->n == 0)
		return 0;
	rows = mem_array(h->n + 1, sizeof *rows);
	rows[n++] = live_row(h);
	for (size_t i = h->n; i > 0;) {
		struct timeline_row *t = &rows[n++];

		t->last = t->first = --i;
		while (folded && t->first > 0 && goes_on(&h->rows[t->first - 1], &h->rows[t->first]))
			t->first--;
		i = t->first;
		t->has_change = i > 0 && (h->rows[i].there || h->rows[i - 1].there);
		if (t->has_change)
			t->change = messages_of(&h->rows[i]) - messages_of(&h->rows[i - 1]);
	}
	*ret = rows;
	return n;
}
