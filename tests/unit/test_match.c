/* test_match.c: which messages of an archive are in the live mailbox: a table, and random multisets against a model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "restore/match.h"

/* "7a": UID 7, content a; "7a*": without a GUID; "7a*-": and without a Message-ID. */
static size_t read_side(const char *text, struct match_message *list)
{
	static const char *const ids[26] = { "<a@x>", "<b@x>", "<c@x>", "<d@x>", "<e@x>" };
	size_t n = 0;

	while (*text != '\0') {
		struct match_message *m = &list[n++];
		int content, digits;

		*m = (struct match_message){ .has_guid = true };
		if (sscanf(text, "%u%n", &m->uid, &digits) != 1)
			fail_msg("no UID: %s", text);
		text += digits;
		content = *text++ - 'a';
		memset(m->guid, 'a' + content, sizeof m->guid);
		m->size = 100 + (uint64_t)content;
		m->internaldate = 1000 + content;
		m->message_id = ids[content];
		if (*text == '*') {
			text++;
			m->has_guid = false;
			memset(m->guid, 0, sizeof m->guid);
		}
		if (*text == '-') {
			text++;
			m->message_id = NULL;
		}
		text += *text == ' ';
	}
	return n;
}

/* Flags are the same where the UID is odd. */
static bool odd(const void *arg, size_t a, size_t l)
{
	(void)l;
	return ((const struct match_message *)arg)[a].uid % 2 == 1;
}

static const struct {
	const char *what, *archive, *live, *expected; /* "7=12" partner, "7!" missing, "8~9" other flags */
	size_t only_live;
} table[] = {
	{ "nothing", "", "", "", 0 },
	{ "an empty live mailbox", "1a 3b", "", "1! 3!", 0 },
	{ "an empty archive", "", "1a 3b", "", 2 },
	{ "the same", "1a 3b", "1a 3b", "1=1 3=3", 0 },
	{ "other UIDs", "1a 3b", "7b 8a", "1=8 3=7", 0 },
	{ "new mail", "1a 3b", "1a 3b 5c", "1=1 3=3", 1 },
	{ "the same UID, other content", "1a 3b", "1c 3b", "1! 3=3", 1 },
	{ "two in the archive, one live", "1a 3a", "9a", "1=9 3!", 0 },
	{ "one in the archive, two live", "1a", "8a 9a", "1=8", 1 },
	{ "of equal ones that of the same UID", "1a 3a 5a", "3a 8a", "1=8 3=3 5!", 0 },
	{ "other flags", "2a 3b", "2a 3b", "2~2 3=3", 0 },
	{ "live without GUIDs: Message-ID and size", "1a 3b", "5b* 6c*", "1! 3=5", 1 },
	{ "neither GUID nor Message-ID: size and date", "1a*- 3b*-", "5b*- 6c*-", "1! 3=5", 1 },
	{ "one has a Message-ID, one has none", "1a*-", "5a*", "1!", 1 },
	{ "what a GUID tells counts first", "1a 3a", "5a* 6a", "1=6 3=5", 0 },
	{ "some of each", "1a 3a* 5a*", "6a* 7a 8a", "1=7 3=8 5=6", 0 },
};

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct match_message archive[8], live[8];
		size_t n = read_side(table[i].archive, archive), m = read_side(table[i].live, live), at = 0;
		struct match_result r;
		char got[200] = "";

		match_messages(archive, n, live, m, odd, archive, &r);
		for (size_t k = 0; k < n; k++) {
			at += (size_t)snprintf(got + at, sizeof got - at, "%s%u%c", k > 0 ? " " : "",
			    archive[k].uid, "!=~"[r.states[k]]);
			if (r.live[k] != MATCH_NONE)
				at += (size_t)snprintf(got + at, sizeof got - at, "%u", live[r.live[k]].uid);
		}
		if (strcmp(got, table[i].expected) != 0 || r.only_live != table[i].only_live)
			fail_msg("%s: \"%s\" and %zu only live, not \"%s\" and %zu", table[i].what, got,
			    r.only_live, table[i].expected, table[i].only_live);
		assert_int_equal(r.same + r.flags + r.missing, n);
		match_done(&r);
	}
}

/* Random multisets: of each content as many pairs as the smaller side has, and nobody married twice. */
static void test_model(void **state)
{
	(void)state;
	srand(20261126);
	for (int round = 0; round < 20000; round++) {
		struct match_message archive[12], live[12];
		size_t n = (size_t)rand() % 12, m = (size_t)rand() % 12, want = 0, have[2][6] = { 0 };
		int without = rand() % 3; /* 0: all have GUIDs */
		struct match_result r;
		bool taken[12] = { false };

		for (int side = 0; side < 2; side++) {
			struct match_message *list = side == 0 ? archive : live;
			size_t count = side == 0 ? n : m;

			for (size_t i = 0; i < count; i++) {
				int content = rand() % 6;

				/* Equal size and no Message-ID: only the internal date tells them apart then. */
				list[i] =
				    (struct match_message){ .uid = (uint32_t)(i * 2 + 1 + (size_t)rand() % 2),
					    .has_guid = without == 0 || rand() % 2 == 0,
					    .size = 500,
					    .internaldate = content };
				memset(list[i].guid, list[i].has_guid ? 'a' + content : 0, SHA1_SIZE);
				have[side][content]++;
			}
		}
		for (int c = 0; c < 6; c++)
			want += have[0][c] < have[1][c] ? have[0][c] : have[1][c];
		match_messages(archive, n, live, m, NULL, NULL, &r);
		for (size_t i = 0; i < n; i++) {
			size_t k = r.live[i];

			assert_int_equal(r.states[i] == MATCH_MISSING, k == MATCH_NONE);
			if (k == MATCH_NONE)
				continue;
			assert_true(k < m && !taken[k]);
			taken[k] = true;
			assert_int_equal(archive[i].internaldate, live[k].internaldate);
		}
		assert_int_equal(r.same, want);
		assert_int_equal(r.missing, n - r.same);
		assert_int_equal(r.only_live, m - r.same);
		/* None is left on both sides that could be paired. */
		for (size_t i = 0; i < n; i++)
			for (size_t k = 0; k < m; k++)
				if (r.live[i] == MATCH_NONE && !taken[k])
					assert_true(archive[i].internaldate != live[k].internaldate);
		match_done(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_table), cmocka_unit_test(test_model) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
