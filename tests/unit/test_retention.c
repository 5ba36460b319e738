/* test_retention.c: which archives stay: examples, and thousands of histories of runs that go well or badly under a clock that jumps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backup/retention.h"
#include "core/mem.h"

#define DAY   86400
#define START 1764115200 /* 2025-11-26, a Wednesday */

/* ---- examples ---- */

static struct retention_item item(const char *name, uint64_t sequence, int64_t when)
{
	return (struct retention_item){ .server = "mail1",
		.name = name,
		.sequence = sequence,
		.when = when,
		.readable = true,
		.verified = true };
}

static void test_nights(void **state)
{
	static struct retention_item l[100];
	static char names[100][16];
	struct retention_policy p = { .live = 2, .daily = 7, .weekly = 4, .monthly = 3 };
	unsigned by[RETENTION_WHYS] = { 0 };

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		snprintf(names[i], sizeof names[i], "n%zu", i);
		l[i] = item(names[i], i + 1, START - (int64_t)(99 - i) * DAY);
	}
	retention_decide(l, 100, &p);
	for (size_t i = 0; i < 100; i++)
		by[l[i].why]++;
	assert_int_equal(by[RETENTION_LIVE], 2);
	assert_int_equal(by[RETENTION_DAILY], 5); /* two of the seven days are live */
	/* Sundays 23, 16 and 9 November, and of this week the newest; that of the 23rd is a day's already. */
	assert_int_equal(l[96].why, RETENTION_DAILY);
	assert_int_equal(l[89].why, RETENTION_WEEKLY);
	assert_int_equal(l[82].why, RETENTION_WEEKLY);
	assert_int_equal(by[RETENTION_WEEKLY], 2);
	/* 31 October, 30 September */
	assert_int_equal(l[73].why, RETENTION_MONTHLY);
	assert_int_equal(l[42].why, RETENTION_MONTHLY);
	assert_int_equal(by[RETENTION_MONTHLY], 2);
	assert_int_equal(by[RETENTION_REMOVE_OLD], 100 - 2 - 5 - 2 - 2);
}

static void test_reasons(void **state)
{
	struct retention_item l[] = { item("old", 1, START), item("protected", 2, START),
		item("tape", 3, START), item("bad", 4, START), item("cut", 5, START), item("live", 6, START),
		item("new-bad", 7, START), item("live2", 8, START), item("foreign", 0, START),
		item("nobody", 9, START), item("other", 1, START) };
	static const enum retention_why want[] = { RETENTION_REMOVE_OLD, RETENTION_PROTECTED, RETENTION_TAPE,
		RETENTION_REMOVE_DAMAGED, RETENTION_UNREADABLE, RETENTION_LIVE, RETENTION_NEWER,
		RETENTION_LIVE, RETENTION_FOREIGN, RETENTION_FOREIGN, RETENTION_LIVE };
	size_t n = sizeof l / sizeof l[0];

	(void)state;
	l[1].protect = true;
	l[2].waits_for_tape = true;
	l[3].verified = false;
	l[4].readable = false;
	l[6].verified = false;
	l[8].foreign = true;
	l[9].server = NULL;
	l[10].server = "mail2";
	/* A policy of nothing still leaves two. */
	retention_decide(l, n, &(struct retention_policy){ 0 });
	for (size_t i = 0; i < n; i++)
		assert_string_equal(retention_name(l[i].why), retention_name(want[i]));
	for (size_t i = 0; i < n; i++)
		assert_int_equal(retention_removes(l[i].why), i == 0 || i == 3);
	/* Too few verified ones: nothing goes, be it as bad as it may. */
	l[5].verified = false;
	l[0].verified = false;
	retention_decide(l, n, &(struct retention_policy){ 0 });
	assert_int_equal(l[0].why, RETENTION_REMOVE_DAMAGED); /* "tape" and "live2" are newer */
	assert_int_equal(l[3].why, RETENTION_NEWER);
	l[1].verified = l[2].verified = false;
	retention_decide(l, n, &(struct retention_policy){ 0 });
	assert_int_equal(l[0].why, RETENTION_NEWER);
	retention_decide(l, 0, &(struct retention_policy){ 0 });
}

/* Archives of one second, of a clock that went back, and of before there were numbers. */
static void test_clocks(void **state)
{
	struct retention_item l[] = { item("a", 0, START + 900 * DAY), item("b", 0, START + 901 * DAY),
		item("c", 1, START), item("d", 2, START), item("e", 3, START - 9000 * DAY),
		item("f", 4, -5) };

	(void)state;
	retention_decide(l, 6, &(struct retention_policy){ .live = 2 });
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(l[i].why, i < 4 ? RETENTION_REMOVE_OLD : RETENTION_LIVE);
	retention_decide(l, 6, &(struct retention_policy){ .live = 2, .daily = UINT64_MAX });
	/* One day has two: the newer one counts. */
	assert_int_equal(l[2].why, RETENTION_REMOVE_OLD);
	assert_int_equal(l[3].why, RETENTION_DAILY);
	assert_int_equal(l[0].why, RETENTION_DAILY);
}

/* ---- histories ---- */

enum what { GOOD, FAILED, UNVERIFIED, CUT, DAMAGE, PROTECT, UNPROTECT, TAPE, TAPED, JUMP, STRANGER, WHATS };
static const char *const what_words[] = { "good", "failed", "unverified", "cut", "damage", "protect",
	"unprotect", "tape", "taped", "jump", "stranger" };

struct step {
	enum what what;
	unsigned server; /* 0, 1 */
	uint32_t pick;   /* which archive is meant */
	int64_t seconds; /* that pass; of JUMP: any */
};

#define STEPS 60

struct model {
	struct retention_item list[STEPS];
	char names[STEPS][16];
	unsigned born[STEPS]; /* the truth about what is newer */
	size_t n;
	int64_t clock;
	struct retention_policy policy;
};

static uint64_t random_next(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static const char *const servers[] = { "mail1", "mail2" };

static void add(struct model *m, const struct step *s, unsigned born)
{
	struct retention_item *i = &m->list[m->n];
	uint64_t largest = 0;

	for (size_t k = 0; k < m->n; k++)
		if (m->list[k].server != NULL && strcmp(m->list[k].server, servers[s->server]) == 0 &&
		    m->list[k].sequence > largest)
			largest = m->list[k].sequence;
	snprintf(m->names[m->n], sizeof m->names[m->n], "%u", (s->pick % 7) * 1000 + born);
	*i = (struct retention_item){ .server = servers[s->server],
		.name = m->names[m->n],
		.when = m->clock,
		.sequence = largest + 1,
		.readable = s->what != CUT,
		.verified = s->what == GOOD };
	if (s->what == STRANGER) {
		i->foreign = s->pick % 2 == 0;
		i->server = s->pick % 3 == 0 ? NULL : i->server;
		i->verified = true;
		if (i->server != NULL)
			i->foreign = true;
	}
	m->born[m->n++] = born;
}

static void change(struct model *m, const struct step *s)
{
	struct retention_item *i = m->n > 0 ? &m->list[s->pick % m->n] : NULL;

	if (i == NULL)
		return;
	if (s->what == DAMAGE)
		i->verified = false;
	else if (s->what == PROTECT || s->what == UNPROTECT)
		i->protect = s->what == PROTECT;
	else
		i->waits_for_tape = s->what == TAPE;
}

/* Verified ones of the same server that are truly newer. */
static size_t newer(const struct model *m, size_t of)
{
	size_t n = 0;

	for (size_t k = 0; k < m->n; k++)
		n += k != of && m->list[k].server != NULL && !m->list[k].foreign && m->list[k].verified &&
		     m->list[k].readable && strcmp(m->list[k].server, m->list[of].server) == 0 &&
		     m->born[k] > m->born[of];
	return n;
}

static const char *judge(const struct model *m)
{
	uint64_t live = m->policy.live > 2 ? m->policy.live : 2;

	for (size_t k = 0; k < m->n; k++) {
		const struct retention_item *i = &m->list[k];

		if (!retention_removes(i->why)) {
			if (i->why == RETENTION_LIVE && (!i->verified || !i->readable))
				return "one that is not verified is live";
			continue;
		}
		if (i->foreign || i->server == NULL)
			return "a stranger goes";
		if (!i->readable)
			return "one that cannot be opened goes";
		if (i->protect)
			return "a protected one goes";
		if (i->waits_for_tape)
			return "one that waits for tape goes";
		if (newer(m, k) < live)
			return "one of the newest verified goes, or what is newer than they are";
	}
	return NULL;
}

static void remove_them(struct model *m)
{
	size_t n = 0;

	for (size_t k = 0; k < m->n; k++) {
		if (retention_removes(m->list[k].why))
			continue;
		m->list[n] = m->list[k];
		memmove(m->names[n], m->names[k], sizeof m->names[k]);
		m->list[n].name = m->names[n];
		m->born[n++] = m->born[k];
	}
	m->n = n;
}

/* In another order the same comes of it. */
static bool same_shuffled(const struct model *m, uint64_t seed)
{
	struct retention_item l[STEPS];
	size_t at[STEPS];

	for (size_t i = 0; i < m->n; i++)
		at[i] = i;
	for (size_t i = m->n; i > 1; i--) {
		size_t k = random_next(&seed) % i, swap = at[i - 1];

		at[i - 1] = at[k];
		at[k] = swap;
	}
	for (size_t i = 0; i < m->n; i++)
		l[i] = m->list[at[i]];
	retention_decide(l, m->n, &m->policy);
	for (size_t i = 0; i < m->n; i++)
		if (l[i].why != m->list[at[i]].why)
			return false;
	return true;
}

/* Plays a history, with the rotation after each step; NULL, or what went wrong. */
static const char *play(
    const struct step *steps, size_t n, const struct retention_policy *policy, size_t *removed)
{
	static struct model m;
	const char *wrong;

	m = (struct model){ .clock = START, .policy = *policy };
	for (size_t i = 0; i < n; i++) {
		const struct step *s = &steps[i];

		m.clock += s->seconds;
		if (s->what == JUMP || s->what == FAILED)
			continue;
		if (s->what == GOOD || s->what == UNVERIFIED || s->what == CUT || s->what == STRANGER)
			add(&m, s, (unsigned)i);
		else
			change(&m, s);
		retention_decide(m.list, m.n, policy);
		wrong = judge(&m);
		if (wrong != NULL)
			return wrong;
		if (!same_shuffled(&m, i))
			return "it depends on the order in which they are listed";
		*removed += m.n;
		remove_them(&m);
		*removed -= m.n;
		retention_decide(m.list, m.n, policy);
		for (size_t k = 0; k < m.n; k++)
			if (retention_removes(m.list[k].why))
				return "a second rotation removes more";
	}
	return NULL;
}

static void make(uint64_t seed, struct step *steps, struct retention_policy *p)
{
	static const int64_t gaps[] = { 0, 1, 3600, DAY, DAY, DAY, DAY - 30, 3 * DAY, 8 * DAY, 40 * DAY };
	static const enum what often[] = { GOOD, GOOD, GOOD, GOOD, GOOD, GOOD, FAILED, UNVERIFIED, CUT,
		DAMAGE, DAMAGE, PROTECT, UNPROTECT, TAPE, TAPED, JUMP, STRANGER };

	*p = (struct retention_policy){ random_next(&seed) % 5, random_next(&seed) % 4,
		random_next(&seed) % 8, random_next(&seed) % 4, random_next(&seed) % 4 };
	for (size_t i = 0; i < STEPS; i++) {
		steps[i] =
		    (struct step){ .what = often[random_next(&seed) % (sizeof often / sizeof often[0])],
			    .server = random_next(&seed) % 5 == 0,
			    .pick = (uint32_t)random_next(&seed),
			    .seconds = gaps[random_next(&seed) % (sizeof gaps / sizeof gaps[0])] };
		if (steps[i].what == JUMP)
			steps[i].seconds =
			    (int64_t)(random_next(&seed) % (8000 * (uint64_t)DAY)) - 4000 * (int64_t)DAY;
	}
}

/* Leaves out steps for as long as it still goes wrong. */
static size_t shrink(struct step *steps, size_t n, const struct retention_policy *p)
{
	size_t removed = 0;

	for (size_t i = n; i > 0; i--) {
		struct step without[STEPS];

		memcpy(without, steps, (i - 1) * sizeof *steps);
		memcpy(without + i - 1, steps + i, (n - i) * sizeof *steps);
		if (play(without, n - 1, p, &removed) == NULL)
			continue;
		n--;
		memcpy(steps, without, n * sizeof *steps);
		i = i > n ? n + 1 : i;
	}
	return n;
}

static void test_histories(void **state)
{
	uint64_t first = getenv("SEED") != NULL ? strtoull(getenv("SEED"), NULL, 0) : 1;
	size_t removed = 0, count = 5000;

	(void)state;
	for (uint64_t seed = first; seed < first + count; seed++) {
		struct step steps[STEPS];
		struct retention_policy p;
		size_t n;

		make(seed, steps, &p);
		if (play(steps, STEPS, &p, &removed) == NULL)
			continue;
		n = shrink(steps, STEPS, &p);
		print_message("SEED=%llu: %s\nlive %llu last %llu daily %llu weekly %llu monthly %llu\n",
		    (unsigned long long)seed, play(steps, n, &p, &removed), (unsigned long long)p.live,
		    (unsigned long long)p.last, (unsigned long long)p.daily, (unsigned long long)p.weekly,
		    (unsigned long long)p.monthly);
		for (size_t i = 0; i < n; i++)
			print_message("%3zu: %+lld s, %s of %s (%u)\n", i, (long long)steps[i].seconds,
			    what_words[steps[i].what], servers[steps[i].server], steps[i].pick);
		fail();
	}
	print_message("# %zu histories of %d steps, %zu archives removed\n", count, STEPS, removed);
	assert_true(removed > count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nights),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_clocks),
		cmocka_unit_test(test_histories),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
