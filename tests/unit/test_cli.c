/* test_cli.c: options, suggestions, columns and the status line of the command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "core/columns.h"
#include "core/meter.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "core/str.h"

#define ARGS(...) \
	((char *[]){ __VA_ARGS__, NULL }), (int)(sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *))

static int parse(const char *verb, char **argv, int argc, struct cli_args *a, int *first, struct err *e)
{
	const struct cli_verb *v = verb != NULL ? cli_verb_find(verb, e) : NULL;

	*a = (struct cli_args){ 0 };
	err_clear(e);
	return cli_parse(v, argc, argv, a, first, e);
}

static void test_options(void **state)
{
	char a0[] = "restore", a1[] = "latest", a2[] = "-r", a3[] = "user.a", a4[] = "--json", a5[] = "-C/x",
	     a6[] = "--", a7[] = "-n";
	struct cli_args a;
	struct err e;
	int first;

	(void)state;
	assert_int_equal(parse("restore", ARGS(a0, a1, a2, a3, a4, a5, a6, a7), &a, &first, &e), 0);
	assert_true(a.recursive && a.json && !a.dry_run && !a.yes);
	assert_string_equal(a.conf_path, "/x");
	/* three arguments: latest, user.a and what follows "--" */
	assert_int_equal(first, 5);
}

static void test_before_the_verb(void **state)
{
	char a0[] = "cyrvault", a1[] = "-q", a2[] = "--server", a3[] = "m", a4[] = "backup",
	     a5[] = "--no-such";
	struct cli_args a;
	struct err e;
	int first;

	(void)state;
	assert_int_equal(parse(NULL, ARGS(a0, a1, a2, a3, a4, a5), &a, &first, &e), 0);
	assert_int_equal(first, 4);
	assert_true(a.quiet);
	assert_string_equal(a.server, "m");
}

static void fails(const char *verb, const char *word, const char *message, const char *hint)
{
	char a0[] = "x", *a1 = strdup(word);
	struct cli_args a;
	struct err e;
	int first;

	assert_int_equal(parse(verb, ARGS(a0, a1), &a, &first, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	assert_string_equal(e.msg, message);
	assert_string_equal(e.hint, hint);
	free(a1);
}

static void test_mistakes(void **state)
{
	(void)state;
	fails("restore", "--recurisve", "unknown option --recurisve",
	    "did you mean --recursive? (cyrvault help restore)");
	fails("restore", "--zzzzzzzz=1", "unknown option --zzzzzzzz", "cyrvault help restore");
	fails("backup", "--level=fat", "--level=fat: it is one of default|fast|store",
	    "did you mean --level=fast?");
	fails("backup", "--threads", "--threads needs a value", "cyrvault help backup");
	fails("verify", "--quick=yes", "--quick takes no value", "cyrvault help verify");
	fails("verify", "-Z", "unknown option -Z", "cyrvault help verify");
	fails(NULL, "--jsom", "unknown option --jsom", "did you mean --json? (cyrvault help)");
	/* bytes of a terminal's own do not come out again */
	fails(NULL, "--\033[31m", "unknown option --\\x1b[31m", "cyrvault help");
}

static void test_verbs(void **state)
{
	struct err e;

	(void)state;
	err_clear(&e);
	assert_null(cli_verb_find("mailboxs", &e));
	assert_string_equal(e.hint, "did you mean \"cyrvault mailboxes\"? (cyrvault help lists all)");
	err_clear(&e);
	assert_null(cli_verb_find("qqqqqqqqq", &e));
	assert_string_equal(e.hint, "cyrvault help lists all");
	for (size_t i = 0; cli_verbs[i] != NULL; i++) {
		const struct cli_verb *v = cli_verbs[i];

		assert_ptr_equal(cli_verb_find(v->name, &e), v);
		assert_non_null(v->run);
		assert_non_null(v->examples[1].command);
		assert_int_equal(v->exits[0].status, 0);
		assert_true(str_ends(v->about, "\n"));
	}
}

static void test_columns(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_int_equal(columns_of("abc"), 3);
	assert_int_equal(columns_of("\u00e9\u6f22"), 3); /* é, a wide character */
	assert_int_equal(columns_of("e\u0301"), 1);	 /* a combining accent */
	assert_int_equal(columns_cut(&b, "abcdef", 6), 6);
	assert_string_equal(buf_text(&b), "abcdef");
	buf_clear(&b);
	assert_int_equal(columns_cut(&b, "abcdef", 4), 4);
	assert_string_equal(buf_text(&b), columns_utf8() ? "abc\u2026" : "abc~");
	buf_clear(&b);
	/* half of a wide character is not shown */
	assert_int_equal(columns_cut(&b, "\u6f22\u6f22\u6f22", 4), 3);
	buf_clear(&b);
	assert_int_equal(columns_cut(&b, "abc", 0), 0);
	buf_clear(&b);
	columns_plain(&b, "a\u00e9z");
	assert_string_equal(buf_text(&b), "a\\u{e9}z");
	buf_done(&b);
}

static void test_shares(void **state)
{
	size_t want[] = { 5, 40, 60 }, least[] = { 5, 10, 20 }, got[3];

	(void)state;
	columns_share(want, least, 3, 200, got);
	assert_int_equal(got[1] + got[2], 100);
	columns_share(want, least, 3, 65, got);
	assert_int_equal(got[0], 5);
	assert_int_equal(got[1], 30);
	assert_int_equal(got[2], 30);
	/* not enough even for the least */
	columns_share(want, least, 3, 10, got);
	assert_int_equal(got[1], 10);
	assert_int_equal(got[2], 20);
}

static void status_is(const struct job_progress *p, double rate, size_t columns, const char *expected)
{
	struct buf b = BUF_INIT;

	meter_line(&b, p, rate, columns);
	assert_string_equal(buf_text(&b), expected);
	buf_done(&b);
}

static void test_status_line(void **state)
{
	struct job_progress p = {
		.done_bytes = 512 << 10, .total_bytes = 2 << 20, .step = "packing user.alice"
	};

	(void)state;
	status_is(&p, 512 << 10, 79, "packing user.alice   25%  512K/2.0M  512K/s  ETA 4s");
	status_is(&p, 1 << 10, 79, "packing user.alice   25%  512K/2.0M  1.0K/s  ETA 25m37s");
	p.idle_ms = 7300;
	status_is(&p, 0, 79, "packing user.alice   25%  512K/2.0M  stalled for 7s");
	p.cancelling = true;
	status_is(&p, 0, 79, "packing user.alice  stopping at the next safe point");
	p = (struct job_progress){ .done_bytes = 900 };
	status_is(&p, 0, 79, "working  900");
	p = (struct job_progress){ .total_bytes = 10, .step = "a step with a long name" };
	status_is(&p, 0, 25, columns_utf8() ? "a step with \u2026    0%  0/10" : "a step with ~    0%  0/10");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_before_the_verb),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_verbs),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_status_line),
	};

	columns_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
