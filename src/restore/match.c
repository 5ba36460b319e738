/* match.c: pair the messages of an archived mailbox with those of the live one. */
#include "restore/match.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

/* One side, in the order of what identifies a message. */
struct side {
	const struct match_message *list;
	size_t *order;
	size_t n;
	size_t *partner; /* of each message of the list */
};

static int by_number(uint64_t x, uint64_t y)
{
	return x < y ? -1 : x > y;
}

static int guid_cmp(const struct match_message *a, const struct match_message *b)
{
	return memcmp(a->guid, b->guid, SHA1_SIZE);
}

/* What is there without a GUID. */
static int other_cmp(const struct match_message *a, const struct match_message *b)
{
	int c = by_number(a->size, b->size);

	if (c == 0)
		c = strcmp(
		    a->message_id != NULL ? a->message_id : "", b->message_id != NULL ? b->message_id : "");
	if (c == 0 && a->message_id == NULL)
		c = a->internaldate < b->internaldate ? -1 : a->internaldate > b->internaldate;
	return c;
}

typedef int cmp_fn(const struct match_message *a, const struct match_message *b);

struct order_arg {
	const struct match_message *list;
	cmp_fn *cmp;
};

static int order_cmp(const void *pa, const void *pb, void *arg)
{
	const struct order_arg *o = arg;
	size_t ia = *(const size_t *)pa, ib = *(const size_t *)pb;
	int c = o->cmp(&o->list[ia], &o->list[ib]);

	return c != 0 ? c : by_number(o->list[ia].uid, o->list[ib].uid);
}

/* Those without a partner yet, of a kind, sorted. */
static void sort_side(struct side *s, size_t total, bool only_guid, cmp_fn *cmp)
{
	struct order_arg o = { s->list, cmp };

	s->n = 0;
	for (size_t i = 0; i < total; i++)
		if (s->partner[i] == MATCH_NONE && (!only_guid || s->list[i].has_guid))
			s->order[s->n++] = i;
	if (s->n > 1)
		qsort_r(s->order, s->n, sizeof *s->order, order_cmp, &o);
}

static void marry(struct side *a, size_t i, struct side *l, size_t k)
{
	a->partner[i] = k;
	l->partner[k] = i;
}

/* Within one group of equal ones, a[from..to) and l[from..to): those of the same UID. */
static void pair_uids(
    struct side *a, size_t a_from, size_t a_to, struct side *l, size_t l_from, size_t l_to, bool mixed)
{
	while (a_from < a_to && l_from < l_to) {
		size_t i = a->order[a_from], k = l->order[l_from];
		int c = by_number(a->list[i].uid, l->list[k].uid);

		if (c == 0 && a->partner[i] == MATCH_NONE && l->partner[k] == MATCH_NONE &&
		    !(mixed && a->list[i].has_guid && l->list[k].has_guid))
			marry(a, i, l, k);
		a_from += c <= 0;
		l_from += c >= 0;
	}
}

/* The rest in their order; ${a_guid} and ${l_guid}: only those that have one, or have none; -1: any. */
static void pair_rest(struct side *a, size_t a_from, size_t a_to, struct side *l, size_t l_from, size_t l_to,
    int a_guid, int l_guid)
{
	for (; a_from < a_to; a_from++) {
		size_t i = a->order[a_from];

		if (a->partner[i] != MATCH_NONE || (a_guid != -1 && a->list[i].has_guid != (a_guid == 1)))
			continue;
		while (l_from < l_to &&
		       (l->partner[l->order[l_from]] != MATCH_NONE ||
			   (l_guid != -1 && l->list[l->order[l_from]].has_guid != (l_guid == 1))))
			l_from++;
		if (l_from == l_to)
			return;
		marry(a, i, l, l->order[l_from++]);
	}
}

static size_t group_end(const struct side *s, size_t from, cmp_fn *cmp)
{
	size_t to = from + 1;

	while (to < s->n && cmp(&s->list[s->order[from]], &s->list[s->order[to]]) == 0)
		to++;
	return to;
}

/* Both sides are sorted: group by group. */
static void pair_groups(struct side *a, struct side *l, cmp_fn *cmp, bool mixed)
{
	size_t i = 0, k = 0;

	while (i < a->n && k < l->n) {
		int c = cmp(&a->list[a->order[i]], &l->list[l->order[k]]);
		size_t i_to = c <= 0 ? group_end(a, i, cmp) : i, k_to = c >= 0 ? group_end(l, k, cmp) : k;

		if (c == 0) {
			/* Of two that both have a GUID it has told already that they are different. */
			if (!mixed) {
				pair_uids(a, i, i_to, l, k, k_to, false);
				pair_rest(a, i, i_to, l, k, k_to, -1, -1);
			} else {
				pair_rest(a, i, i_to, l, k, k_to, 1, 0);
				pair_rest(a, i, i_to, l, k, k_to, 0, 1);
				pair_uids(a, i, i_to, l, k, k_to, true);
				pair_rest(a, i, i_to, l, k, k_to, 0, 0);
			}
		}
		i = i_to;
		k = k_to;
	}
}

static bool any_without_guid(const struct match_message *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!list[i].has_guid)
			return true;
	return false;
}

static void side_init(struct side *s, const struct match_message *list, size_t n)
{
	s->list = list;
	s->order = mem_array(n + 1, sizeof *s->order);
	s->partner = mem_array(n + 1, sizeof *s->partner);
	for (size_t i = 0; i < n; i++)
		s->partner[i] = MATCH_NONE;
}

void match_messages(const struct match_message *archive, size_t n, const struct match_message *live, size_t m,
    match_flags_fn *same_flags, const void *arg, struct match_result *ret)
{
	struct side a, l;

	*ret = (struct match_result){ .states = mem_array(n + 1, sizeof *ret->states) };
	side_init(&a, archive, n);
	side_init(&l, live, m);
	sort_side(&a, n, true, guid_cmp);
	sort_side(&l, m, true, guid_cmp);
	pair_groups(&a, &l, guid_cmp, false);
	if (any_without_guid(archive, n) || any_without_guid(live, m)) {
		sort_side(&a, n, false, other_cmp);
		sort_side(&l, m, false, other_cmp);
		pair_groups(&a, &l, other_cmp, true);
	}
	for (size_t i = 0; i < n; i++) {
		if (a.partner[i] == MATCH_NONE) {
			ret->missing++;
		} else if (same_flags == NULL || same_flags(arg, i, a.partner[i])) {
			ret->states[i] = MATCH_SAME;
			ret->same++;
		} else {
			ret->states[i] = MATCH_FLAGS;
			ret->flags++;
		}
	}
	ret->only_live = m - ret->same - ret->flags;
	ret->live = a.partner;
	free(a.order);
	free(l.order);
	free(l.partner);
}

void match_done(struct match_result *r)
{
	free(r->states);
	free(r->live);
	*r = (struct match_result){ 0 };
}
