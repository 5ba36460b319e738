/* test_state.c: which flags differ: a table; names and lists of what belongs to a mailbox. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "restore/room.h"
#include "restore/state.h"

#define PAIRS 8

/* "af$1": \Answered, \Flagged, and the keyword in slot 1. */
static void read_flags(const char *text, struct index_record *r)
{
	for (; *text != '\0' && *text != ' '; text++) {
		if (*text == 'a')
			r->flags |= FLAG_ANSWERED;
		else if (*text == 'f')
			r->flags |= FLAG_FLAGGED;
		else if (*text == 's')
			r->flags |= FLAG_SEEN;
		else if (*text == '$')
			r->user_flags[0] |= 1u << (*++text - '0');
		else if (*text != '-')
			fail_msg("no flag: %s", text);
	}
}

static void put_result(const struct state_changes *c, struct buf *b)
{
	for (size_t i = 0; i < c->n; i++) {
		buf_printf(b, "%s%s", i > 0 ? " " : "", c->list[i].flag);
		if (c->list[i].n_set > 0) {
			buf_char(b, '+');
			uidset_put(b, c->list[i].set, c->list[i].n_set);
		}
		if (c->list[i].n_clear > 0) {
			buf_char(b, '-');
			uidset_put(b, c->list[i].clear, c->list[i].n_clear);
		}
	}
}

/* Of each message its flags in the archive and in the live mailbox; keywords are given by slot, up to three on each side. */
static const struct {
	const char *what, *was, *is, *was_names[3], *is_names[3], *expected;
} table[] = {
	{ "nothing", "", "", { 0 }, { 0 }, "" },
	{ "the same", "a f -", "a f -", { 0 }, { 0 }, "" },
	{ "\\Seen is none of them", "s -", "- s", { 0 }, { 0 }, "" },
	{ "set and taken", "a - f", "- a f", { 0 }, { 0 }, "\\Answered+1-2" },
	{ "runs of UIDs", "f f f - f", "- - - - -", { 0 }, { 0 }, "\\Flagged+1:3,5" },
	{ "a keyword in another slot", "$0", "$1", { "$Work" }, { "$Other", "$Work" }, "" },
	{ "names in another case", "$0", "$0", { "$work" }, { "$Work" }, "" },
	{ "a new one comes, an unknown one goes, that first", "$0 -", "- $0", { "$Work" }, { "$New" },
	    "$New-2 $Work+1" },
	{ "a keyword unknown over there", "$0 $0", "- -", { "$Work" }, { 0 }, "$Work+1:2" },
	{ "the archive has lost the names", "$0 f", "- $1", { 0 }, { "$Work", "$New" }, "\\Flagged+2" },
	{ "the archive has no keywords", "- f", "$0 -", { 0 }, { "$Work" }, "\\Flagged+2 $Work-1" },
	{ "a bit without a name is no keyword", "$2 $0", "- $0", { "$Work" }, { "$Work" }, "" },
	{ "a name that is no atom is left alone", "$0", "-", { "a b" }, { 0 }, "" },
};

static void test_flags(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct index_record was[PAIRS] = { 0 }, is[PAIRS] = { 0 };
		struct mailbox_header hw = { 0 }, hi = { 0 };
		struct state_pair pairs[PAIRS];
		struct state_changes c;
		struct buf b = BUF_INIT;
		size_t n = 0;

		for (const char *s = table[i].was, *t = table[i].is; *s != '\0'; n++) {
			is[n].uid = (uint32_t)n + 1;
			read_flags(s, &was[n]);
			read_flags(t, &is[n]);
			pairs[n] = (struct state_pair){ &was[n], &is[n] };
			s += strcspn(s, " ");
			t += strcspn(t, " ");
			s += *s == ' ';
			t += *t == ' ';
		}
		for (int k = 0; k < 3; k++) {
			hw.flag_names[k] = mem_strdup(table[i].was_names[k]);
			hi.flag_names[k] = mem_strdup(table[i].is_names[k]);
		}
		state_flag_changes(pairs, n, &hw, &hi, &c);
		put_result(&c, &b);
		if (strcmp(buf_text(&b), table[i].expected) != 0)
			fail_msg("%s: \"%s\", not \"%s\"", table[i].what, buf_text(&b), table[i].expected);
		state_changes_done(&c);
		buf_done(&b);
		for (int k = 0; k < 3; k++) {
			free(hw.flag_names[k]);
			free(hi.flag_names[k]);
		}
	}
}

static bool in_set(const void *arg, const struct index_record *r)
{
	return uidset_contains(arg, r->uid);
}

/* UIDs differ on both sides. */
static void test_seen(void **state)
{
	struct index_record was[3] = { { .uid = 10 }, { .uid = 20 }, { .uid = 30 } };
	struct index_record is[3] = { { .uid = 1 }, { .uid = 2 }, { .uid = 3 } };
	struct state_pair pairs[3] = { { &was[0], &is[0] }, { &was[2], &is[1] }, { &was[1], &is[2] } };
	struct state_changes c;
	struct uidset a, l;
	size_t set, clear;
	struct buf b = BUF_INIT;

	(void)state;
	uidset_parse("1:15,30", &a);
	uidset_parse("3", &l);
	state_seen_changes(pairs, 3, in_set, &a, in_set, &l, &c);
	put_result(&c, &b);
	assert_string_equal(buf_text(&b), "\\Seen+1:2-3");
	state_changes_count(&c, &set, &clear);
	assert_int_equal(set, 2);
	assert_int_equal(clear, 1);
	state_changes_done(&c);
	uidset_done(&a);
	uidset_done(&l);
	buf_done(&b);
}

static void test_may_read(void **state)
{
	static const struct {
		const char *acl[3][2], *reader;
		bool may;
	} cases[] = {
		{ { { "bob", "lrs" } }, "bob", true },
		{ { { "bob", "lr" } }, "bob", false },
		{ { { "bob", "lrs" } }, "carol", false },
		{ { { "anyone", "lrs" } }, "carol", true },
		{ { { "anyone", "lrs" }, { "-carol", "r" } }, "carol", false },
		{ { { "group:staff", "lrs" } }, "carol", true },
		{ { { "bob", "s" }, { "anyone", "lr" } }, "bob", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct acl_item acl[3];
		size_t n = 0;

		for (; n < 3 && cases[i].acl[n][0] != NULL; n++)
			acl[n] = (struct acl_item){ mem_strdup(cases[i].acl[n][0]),
				mem_strdup(cases[i].acl[n][1]) };
		if (state_may_read(acl, n, cases[i].reader) != cases[i].may)
			fail_msg("case %zu", i);
		for (size_t k = 0; k < n; k++) {
			free(acl[k].user);
			free(acl[k].rights);
		}
	}
}

static void test_what(void **state)
{
	struct restore_request r = { 0 };
	unsigned what;
	struct err e;

	(void)state;
	assert_int_equal(restore_what_parse("", &what, &e), 0);
	assert_int_equal(what, RESTORE_ALL_STATE);
	assert_int_equal(restore_what_parse("quota,flags", &what, &e), 0);
	assert_int_equal(what, RESTORE_QUOTA | RESTORE_FLAGS);
	assert_int_equal(restore_what_parse("seen,all", &what, &e), 0);
	assert_int_equal(what, RESTORE_ALL_STATE);
	assert_int_equal(restore_what_parse("flag", &what, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	assert_int_equal(restore_what_parse("flags,,seen", &what, &e), -1);
	for (unsigned i = 0; i < RESTORE_KINDS; i++) {
		assert_int_equal(restore_what_parse(restore_what_name(i), &what, &e), 0);
		assert_int_equal(what, 1u << i);
	}
	assert_true(restore_wants(&r, RESTORE_ACL));
	r.what = RESTORE_SEEN;
	assert_false(restore_wants(&r, RESTORE_ACL));
	assert_true(restore_wants(&r, RESTORE_ACL | RESTORE_SEEN));
}

static void test_limits(void **state)
{
	struct quota_root q = { .limit = { 50, -1, -1, 7 } }, back;
	struct buf b = BUF_INIT;
	char *text = room_limits_text(&q);
	struct err e;

	(void)state;
	assert_int_equal(room_limits_parse(text, &back, &e), 0);
	assert_memory_equal(q.limit, back.limit, sizeof q.limit);
	free(text);
	room_limits_words(&q, &b);
	assert_string_equal(buf_text(&b), "50K, 7 mailboxes");
	buf_clear(&b);
	room_limits_command(&q, &b);
	assert_string_equal(buf_text(&b), "STORAGE 50 X-NUM-FOLDERS 7");
	buf_clear(&b);
	assert_int_equal(room_limits_parse("-1 -1 -1 -1", &back, &e), 0);
	room_limits_words(&back, &b);
	assert_string_equal(buf_text(&b), "no limit");
	assert_int_equal(room_limits_parse("1 2 3", &back, &e), -1);
	assert_int_equal(room_limits_parse("1 2 3 4 5", &back, &e), -1);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_flags), cmocka_unit_test(test_seen),
		cmocka_unit_test(test_may_read), cmocka_unit_test(test_what), cmocka_unit_test(test_limits) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
