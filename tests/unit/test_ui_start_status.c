/* test_ui_start_status.c: the lines on the start screen that say how the backups stand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "ui/start_status.h"

static char mail1[] = "mail1", mail2[] = "mail2", mail3[] = "mail3", archive[] = "a", old[] = "it is too old",
	    take[] = "take one", some[] = "something is off", nothing[] = "";

static void lines_are(const struct app_status *s, const char *expected)
{
	struct list l;
	struct text t;
	struct buf b = BUF_INIT;

	text_init(&t, &l);
	text_layout(&t, 200);
	start_status_write(s, &t);
	for (size_t i = 0; i < list_n(&l); i++) {
		buf_char(&b, '|');
		list_row_text(&l, i, &b);
	}
	assert_string_equal(buf_text(&b), expected);
	buf_done(&b);
	list_done(&l);
	text_done(&t);
}

static void test_one(void **state)
{
	struct app_status_note note = { STATUS_BAD, old, take };
	struct app_status_server server = { .server = mail1,
		.configured = true,
		.archive = archive,
		.age_seconds = 7 * 3600,
		.has_run = true,
		.last_run = { .begun = 1000, .outcome = RUN_OK } };
	struct app_status s = { .now = 1000 + 2 * 86400, .servers = &server, .n_servers = 1 };

	(void)state;
	lines_are(&s, "|mail1: fine; newest good archive 7h old; last run 48h ago: ok");
	server.level = STATUS_BAD;
	server.notes = &note;
	server.n_notes = 1;
	server.last_run.outcome = RUN_FAILED;
	server.failed_since = 3;
	lines_are(&s, "|mail1: bad; newest good archive 7h old; last run 48h ago: failed, like 2 before|  it "
	              "is too old|  next: take one");
	note.level = STATUS_WARN;
	lines_are(&s, "|mail1: bad; newest good archive 7h old; last run 48h ago: failed, like 2 before|  it is too old");
	note.level = STATUS_BAD;
	server.archive = NULL;
	server.has_run = false;
	lines_are(&s, "|mail1: bad; no good archive|  it is too old|  next: take one");
	server.configured = false;
	lines_are(&s, "");
}

/* The worst first; what does not fit is counted. */
static void test_several(void **state)
{
	struct app_status_note notes[] = { { STATUS_WARN, some, nothing }, { STATUS_BAD, old, nothing } };
	struct app_status_server servers[] = {
		{ .server = mail1, .configured = true, .archive = archive, .age_seconds = -1 },
		{ .server = mail2,
		    .configured = true,
		    .archive = archive,
		    .level = STATUS_WARN,
		    .notes = notes,
		    .n_notes = 1 },
		{ .server = mail3,
		    .configured = true,
		    .level = STATUS_BAD,
		    .notes = notes + 1,
		    .n_notes = 1 },
	};
	struct app_status s = { .servers = servers, .n_servers = 3 };

	(void)state;
	lines_are(&s, "|mail3: bad; no good archive|  it is too old|mail2: warning; newest good archive 0s "
	              "old; and 1 more");
	s.n_servers = 1;
	lines_are(&s, "|mail1: fine; newest good archive from the future");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_several),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
