/* test_fits.c: what has changed on the server between a plan and its being carried out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "cyrus/mboxlist.h"
#include "restore/plan.h"

static struct server *server;

static int setup(void **state)
{
	static const char conf[] = "configdirectory: /nowhere\npartition-default: /nowhere/spool\n";
	struct cyrus_version version = { 3, 6, 1 };
	struct err e = { 0 };

	(void)state;
	server = mem_alloc(sizeof *server);
	server->name = mem_strdup("one");
	server->version = version;
	return imapd_conf_parse(conf, strlen(conf), "imapd.conf", version, &server->conf, &e);
}

static int teardown(void **state)
{
	(void)state;
	server_free(server);
	return 0;
}

static char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

/* "NAME ID", or the name alone, for each mailbox of the server. */
static int fits(struct restore_item item, const char *const *mailboxes, size_t n)
{
	struct restore_plan plan = { .items = &item, .n_items = 1 };
	struct mboxlist *live = mboxlist_new();
	struct err e = { 0 };
	int rc;

	for (size_t i = 0; i < n; i++) {
		const char *blank = strchr(mailboxes[i], ' ');
		char *name = mem_strndup(mailboxes[i], strcspn(mailboxes[i], " "));
		struct mailbox_entry entry = { .name = name,
			.uniqueid = blank != NULL ? text(blank + 1) : NULL,
			.partition = text("default") };

		mboxlist_add(live, &entry);
		free(name);
	}
	mboxlist_sort(live);
	rc = restore_fits_list(server, live, &plan, &e);
	mboxlist_free(live);
	assert_true(rc == 0 || e.code == ERR_REFUSED);
	return rc;
}

#define FITS(item, ...)                                  \
	fits(item, (const char *const[]){ __VA_ARGS__ }, \
	    sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static void test_absent(void **state)
{
	struct restore_item item = {
		.state = STATE_ABSENT, .name = text("user.a.X"), .entry.uniqueid = text("1")
	};

	(void)state;
	assert_int_equal(FITS(item, "user.a 7"), 0);
	assert_int_equal(FITS(item, "user.a.X 1"), 0);
	assert_int_equal(FITS(item, "user.a.X"), 0);
	assert_int_equal(FITS(item, "user.a.X 2"), -1);
	assert_int_equal(FITS(item, "user.a.Y 1"), -1);
	assert_int_equal(FITS(item, "DELETED.user.a.X.6789ABCD 1"), -1);
}

static void test_deleted_copy(void **state)
{
	struct restore_item item = { .state = STATE_DELETED_COPY,
		.name = text("user.a.X"),
		.entry.uniqueid = text("1"),
		.deleted_name = text("DELETED.user.a.X.6789ABCD") };

	(void)state;
	assert_int_equal(FITS(item, "DELETED.user.a.X.6789ABCD 1"), 0);
	assert_int_equal(FITS(item, "user.a.X 1"), 0);
	assert_int_equal(FITS(item, "user.a.Y 1"), -1);
	assert_int_equal(FITS(item, "DELETED.user.a.X.6789ABCD 1", "user.a.X 2"), -1);
}

static void test_created(void **state)
{
	struct restore_item item = { .state = STATE_ABSENT, .name = text("user.a.X"), .create = true };

	(void)state;
	assert_int_equal(FITS(item, "user.a 7"), 0);
	assert_int_equal(FITS(item, "user.a.X 2"), -1);
	assert_int_equal(FITS(item, "user.a.X"), -1);
}

/* One gives way; the other may be nowhere else all the same. */
static void test_aside(void **state)
{
	struct restore_item item = { .state = STATE_ABSENT,
		.name = text("user.a.X"),
		.entry.uniqueid = text("1"),
		.aside_name = text("user.a.X-Replaced-2026-11-22"),
		.aside_id = text("2") };

	(void)state;
	assert_int_equal(FITS(item, "user.a.X 2"), 0);
	assert_int_equal(FITS(item, "user.a.X-Replaced-2026-11-22 2"), 0);
	assert_int_equal(FITS(item, "user.a.X 3"), -1);
	assert_int_equal(FITS(item, "user.a.X 2", "user.a.Y 1"), -1);
	assert_int_equal(FITS(item, "DELETED.user.a.X.6789ABCD 1", "user.a.X 2"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_deleted_copy),
		cmocka_unit_test(test_created),
		cmocka_unit_test(test_aside),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
