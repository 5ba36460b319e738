/* retention.c: which archives stay: the newest verified ones, and of the verified ones the last, days, weeks and months that are asked for. */
#include "backup/retention.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/mem.h"

#define LIVE_MIN 2

/* The archives of one server, the newest first. */
struct group {
	struct retention_item **list;
	size_t n;
};

static bool is_ours(const struct retention_item *i)
{
	return !i->foreign && i->server != NULL;
}

static bool counts(const struct retention_item *i)
{
	return i->readable && i->verified;
}

/* By server, then the newest first: the number that was given decides, and only among equal ones a clock. */
static int compare(const void *x, const void *y)
{
	const struct retention_item *a = *(struct retention_item *const *)x,
				    *b = *(struct retention_item *const *)y;
	int servers = strcmp(a->server, b->server);

	if (servers != 0)
		return servers;
	if (a->sequence != b->sequence)
		return a->sequence > b->sequence ? -1 : 1;
	if (a->when != b->when)
		return a->when > b->when ? -1 : 1;
	return strcmp(b->name, a->name);
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static int64_t day_of(int64_t when)
{
	return floor_div(when, 86400);
}

/* 1970 began on a Thursday. */
static int64_t week_of(int64_t when)
{
	return floor_div(day_of(when) + 3, 7);
}

static int64_t month_of(int64_t when)
{
	time_t t = (time_t)when;
	struct tm tm;

	return gmtime_r(&t, &tm) != NULL ? (int64_t)tm.tm_year * 12 + tm.tm_mon : 0;
}

/* The newest of each of the newest ${most} periods. With a clock that jumps a period may come again. */
static void keep_periods(struct group *g, uint64_t most, int64_t (*period)(int64_t), enum retention_why why)
{
	int64_t *seen = mem_array(g->n + 1, sizeof *seen);
	size_t n = 0;

	for (size_t i = 0; i < g->n && n < most; i++) {
		int64_t p = period(g->list[i]->when);
		size_t at = 0;

		if (!counts(g->list[i]))
			continue;
		while (at < n && seen[at] != p)
			at++;
		if (at < n)
			continue;
		seen[n++] = p;
		if (g->list[i]->why == RETENTION_REMOVE_OLD)
			g->list[i]->why = why;
	}
	free(seen);
}

static void keep_newest(struct group *g, uint64_t most, enum retention_why why)
{
	uint64_t n = 0;

	for (size_t i = 0; i < g->n && n < most; i++) {
		if (!counts(g->list[i]))
			continue;
		n++;
		if (g->list[i]->why == RETENTION_REMOVE_OLD)
			g->list[i]->why = why;
	}
}

/* What does not count goes only when enough that count are newer. */
static void judge_rest(struct group *g, uint64_t live)
{
	uint64_t newer = 0;

	for (size_t i = 0; i < g->n; i++) {
		struct retention_item *item = g->list[i];

		if (counts(item))
			newer++;
		else if (item->why == RETENTION_REMOVE_OLD)
			item->why = newer >= live ? RETENTION_REMOVE_DAMAGED : RETENTION_NEWER;
	}
}

static void decide(struct group *g, const struct retention_policy *p)
{
	uint64_t live = p->live > LIVE_MIN ? p->live : LIVE_MIN;

	for (size_t i = 0; i < g->n; i++)
		g->list[i]->why = RETENTION_REMOVE_OLD;
	keep_newest(g, live, RETENTION_LIVE);
	for (size_t i = 0; i < g->n; i++) {
		struct retention_item *item = g->list[i];

		if (!item->readable)
			item->why = RETENTION_UNREADABLE;
		else if (item->why == RETENTION_LIVE)
			continue;
		else if (item->protect)
			item->why = RETENTION_PROTECTED;
		else if (item->waits_for_tape)
			item->why = RETENTION_TAPE;
	}
	keep_newest(g, p->last, RETENTION_LAST);
	keep_periods(g, p->daily, day_of, RETENTION_DAILY);
	keep_periods(g, p->weekly, week_of, RETENTION_WEEKLY);
	keep_periods(g, p->monthly, month_of, RETENTION_MONTHLY);
	judge_rest(g, live);
}

void retention_decide(struct retention_item *items, size_t n, const struct retention_policy *policy)
{
	struct retention_item **list = mem_array(n + 1, sizeof(struct retention_item *));
	size_t ours = 0, end;

	for (size_t i = 0; i < n; i++) {
		items[i].why = RETENTION_FOREIGN;
		if (is_ours(&items[i]))
			list[ours++] = &items[i];
	}
	if (ours > 1)
		qsort(list, ours, sizeof *list, compare);
	for (size_t i = 0; i < ours; i = end) {
		struct group g = { .list = list + i };

		for (end = i; end < ours && strcmp(list[end]->server, list[i]->server) == 0; end++)
			g.n++;
		decide(&g, policy);
	}
	free(list);
}

bool retention_removes(enum retention_why why)
{
	return why == RETENTION_REMOVE_OLD || why == RETENTION_REMOVE_DAMAGED;
}

static const struct {
	const char *name, *words;
} words[RETENTION_WHYS] = {
	[RETENTION_FOREIGN] = { "foreign",
	    "of something else, or of no known server: only a person removes it" },
	[RETENTION_UNREADABLE] = { "unreadable", "cannot be opened: only a person removes it" },
	[RETENTION_LIVE] = { "live", "one of the newest verified ones" },
	[RETENTION_PROTECTED] = { "protected", "protected" },
	[RETENTION_TAPE] = { "tape", "waits for tape" },
	[RETENTION_LAST] = { "last", "one of the last" },
	[RETENTION_DAILY] = { "daily", "the newest of its day" },
	[RETENTION_WEEKLY] = { "weekly", "the newest of its week" },
	[RETENTION_MONTHLY] = { "monthly", "the newest of its month" },
	[RETENTION_NEWER] = { "newer", "not verified, but too few verified ones are newer" },
	[RETENTION_REMOVE_OLD] = { "old", "not needed any more" },
	[RETENTION_REMOVE_DAMAGED] = { "damaged", "not verified, or damaged; verified ones are newer" },
};

const char *retention_name(enum retention_why why)
{
	return words[why].name;
}

const char *retention_words(enum retention_why why)
{
	return words[why].words;
}
