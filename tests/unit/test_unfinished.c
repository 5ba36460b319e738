/* test_unfinished.c: what is remembered of a restore that did not come to its end, and who holds a server's lock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/app.h"
#include "app/lock.h"
#include "app/unfinished.h"
#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"

static char *dir, *conf_path, *file;

static void put(const char *path, const char *text)
{
	struct err e = { 0 };

	if (io_replace(AT_FDCWD, path, text, strlen(text), 0600, &e) == -1)
		fail_msg("%s", e.msg);
}

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	char *text, *imapd;

	(void)state;
	dir = mem_printf("%s/test_unfinished.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(dir) == NULL)
		return -1;
	/* No server's files belong to root. */
	if (geteuid() == 0 && chown(dir, 1, 1) == -1)
		return -1;
	setenv("CYRVAULT_NOW", "1000", 1);
	conf_path = mem_printf("%s/my conf", dir);
	file = mem_printf("%s/restore-one.unfinished", dir);
	imapd = mem_printf("%s/imapd.conf", dir);
	text = mem_printf("configdirectory: %s\npartition-default: %s\nunixhierarchysep: yes\n", dir, dir);
	put(imapd, text);
	free(text);
	text = mem_printf("[server \"one\"]\nimapd_conf = %s\ncyrus_conf = /nowhere\n[server "
			  "\"two\"]\nimapd_conf = /nowhere\n"
			  "[store \"s\"]\nurl = dir:%s\n[state]\ndirectory = %s\n",
	    imapd, dir, dir);
	put(conf_path, text);
	free(text);
	free(imapd);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	io_remove_tree(AT_FDCWD, dir, NULL);
	free(dir);
	free(conf_path);
	free(file);
	unsetenv("CYRVAULT_NOW");
	return 0;
}

static void begin(const char *archive, const char *user, const char *const *names, size_t n)
{
	struct restore_item items[32] = { 0 };
	struct restore_plan plan = { .items = items, .n_items = n };
	char *copy = mem_strdup(user);
	struct err e = { 0 };

	plan.user = copy;
	for (size_t i = 0; i < n; i++)
		items[i].name = names[i];
	if (unfinished_begin(dir, "one", archive, &plan, &e) == -1)
		fail_msg("%s", e.msg);
	free(copy);
}

static void end(const char *name)
{
	struct restore_item item = { .name = name };
	struct restore_plan plan = { .items = &item, .n_items = 1 };
	struct err e = { 0 };

	if (unfinished_end(dir, "one", &plan, &e) == -1)
		fail_msg("%s", e.msg);
}

static void test_lines(void **state)
{
	static const char *const boxes[] = { "user.alice", "user.alice.Z&APw- x'\"\\$\xff\x80",
		"user.dot^ty" };
	static const char *const bad[] = { "user.a\tb", "user.a\nb", "user.ok" };
	struct restore_item same = { .name = "user.same", .state = STATE_SAME };
	struct restore_plan plan = { .items = &same, .n_items = 1 };
	struct unfinished u;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(unfinished_read(dir, "one", &u, &e), 0);
	assert_int_equal(u.n, 0);
	unfinished_done(&u);
	begin("a.cpio.gz", NULL, boxes, 3);
	setenv("CYRVAULT_NOW", "2000", 1);
	begin("b.cpio.gz", "al ice", bad, 3);
	/* What is the same is not begun, and ending it takes nothing from the others. */
	assert_int_equal(unfinished_begin(dir, "one", "c", &plan, &e), 0);
	assert_int_equal(unfinished_read(dir, "one", &u, &e), 0);
	assert_int_equal(u.n, 4);
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(u.names[i], boxes[i]);
		assert_string_equal(u.lines[i].archive, "a.cpio.gz");
		assert_string_equal(u.lines[i].user, "");
		assert_int_equal(u.lines[i].begun, 1000);
	}
	/* Names that would break a line are none of Cyrus's, and no plan restores them. */
	assert_string_equal(u.names[3], "user.ok");
	assert_string_equal(u.lines[3].user, "al ice");
	assert_int_equal(u.lines[3].begun, 2000);
	unfinished_done(&u);
	/* Begun again from another archive: the later one counts. */
	begin("/mnt/x y/c.cpio.gz", NULL, boxes + 1, 1);
	assert_int_equal(unfinished_read(dir, "one", &u, &e), 0);
	assert_int_equal(u.n, 4);
	assert_string_equal(u.names[3], boxes[1]);
	assert_string_equal(u.lines[3].archive, "/mnt/x y/c.cpio.gz");
	unfinished_done(&u);
	end("user.alice");
	end("user.ok");
	end(boxes[1]);
	assert_int_equal(access(file, F_OK), 0);
	end("user.dot^ty");
	assert_int_equal(access(file, F_OK), -1);
}

/* A merge is remembered with what was asked for, and is not among those of which the rest is done again. */
static void test_merge(void **state)
{
	char mark[] = "$Back";
	struct restore_merge merge = { .cut_off = true };
	struct restore_item items[] = { { .name = "user.merged", .state = STATE_DIFFERS, .merge = &merge },
		{ .name = "user.absent", .state = STATE_ABSENT },
		{ .name = "user.taken-up", .state = STATE_SAME, .merge = &merge } };
	struct restore_plan plan = { .items = items, .n_items = 3, .mark = mark, .moved = true };
	struct unfinished u;
	struct app_unfinished list;
	struct app *app;
	struct err e = { 0 };

	(void)state;
	unlink(file);
	assert_int_equal(unfinished_begin(dir, "one", "a.cpio.gz", &plan, &e), 0);
	assert_int_equal(unfinished_read(dir, "one", &u, &e), 0);
	assert_int_equal(u.n, 3);
	assert_int_equal(u.n_merging, 2);
	assert_int_equal(u.n_others, 1);
	assert_string_equal(u.merging[0], "user.merged");
	assert_string_equal(u.merging[1], "user.taken-up");
	assert_string_equal(u.others[0], "user.absent");
	unfinished_done(&u);
	items[1].state = STATE_DIFFERS;
	items[1].merge = &merge;
	assert_int_equal(unfinished_begin(dir, "one", "a.cpio.gz", &plan, &e), 0);
	assert_int_equal(app_open(conf_path, &app, &e), 0);
	assert_int_equal(app_unfinished(app, "one", &list, &e), 0);
	assert_int_equal(list.n, 1);
	assert_non_null(strstr(list.list[0].command, "restore --moved --mark '$Back' a.cpio.gz user/merged"));
	app_unfinished_done(&list);
	app_close(app);
	assert_int_equal(unfinished_end(dir, "one", &plan, &e), 0);
	assert_int_equal(access(file, F_OK), -1);
}

/* Of an earlier version, and of nobody. */
static void test_other_forms(void **state)
{
	struct unfinished u;
	struct err e = { 0 };

	(void)state;
	put(file,
	    "user.old\nuser.two\tx.cpio\n\n\tname missing\nuser.bad\tx\tnumber\tu\tmore\nuser.cut\ty\t12");
	assert_int_equal(unfinished_read(dir, "one", &u, &e), 0);
	assert_int_equal(u.n, 4);
	assert_string_equal(u.names[0], "user.old");
	assert_string_equal(u.lines[0].archive, "");
	assert_int_equal(u.lines[0].begun, 0);
	assert_string_equal(u.lines[1].archive, "x.cpio");
	assert_string_equal(u.names[2], "user.bad");
	assert_int_equal(u.lines[2].begun, 0);
	assert_string_equal(u.lines[2].user, "u");
	assert_int_equal(u.lines[3].begun, 12);
	assert_string_equal(u.lines[3].user, "");
	unfinished_done(&u);
	unfinished_done(&u);
	end("user.cut");
	assert_int_equal(unfinished_read(dir, "one", &u, &e), 0);
	assert_int_equal(u.n, 3);
	assert_string_equal(u.names[0], "user.old");
	assert_string_equal(u.lines[0].archive, "");
	unfinished_done(&u);
}

static void command_is(const struct app_unfinished_restore *r, const char *words)
{
	char *whole = mem_printf("cyrvault -C '%s' %s", conf_path, words);

	assert_string_equal(r->command, whole);
	free(whole);
}

static void test_commands(void **state)
{
	static const char *const few[] = { "user.alice.team x", "user.dot^ty.a" };
	static const char *const many[] = { "user.bob", "user.bob.1", "user.bob.2", "user.bob.3",
		"user.bob.4", "user.bob.5", "user.bob.6", "user.bob.7", "user.bob.8" };
	static const char *const whole[] = { "user.carol" };
	static const char *const dash[] = { "-x" };
	struct app *app;
	struct app_unfinished u;
	struct err e = { 0 };
	int lock;

	(void)state;
	if (app_open(conf_path, &app, &e) == -1)
		fail_msg("%s", e.msg);
	assert_int_equal(app_unfinished(app, NULL, &u, &e), 0);
	assert_int_equal(u.n, 0);
	app_unfinished_done(&u);
	begin("a.cpio.gz", NULL, few, 2);
	begin("/mnt/b c.cpio", NULL, many, 9);
	begin("a.cpio.gz", "carol", whole, 1);
	begin("a.cpio.gz", NULL, dash, 1);
	begin("a\tb", NULL, many + 1, 1);
	assert_int_equal(app_unfinished(app, NULL, &u, &e), 0);
	assert_int_equal(u.n, 5);
	assert_string_equal(u.list[0].archive, "a.cpio.gz");
	assert_int_equal(u.list[0].n, 2);
	assert_int_equal(u.list[0].begun, 1000);
	assert_string_equal(u.list[0].mailboxes[1], "user.dot^ty.a");
	/* As people see the name where that leads back to it. */
	command_is(&u.list[0], "restore a.cpio.gz 'user/alice/team x' user/dot.ty/a");
	command_is(&u.list[1], "restore '/mnt/b c.cpio' user/bob user/bob/2 user/bob/3 user/bob/4 user/bob/5 "
			       "user/bob/6 user/bob/7 "
			       "user/bob/8");
	assert_string_equal(u.list[2].user, "carol");
	command_is(&u.list[2], "restore a.cpio.gz --user carol");
	command_is(&u.list[3], "restore a.cpio.gz -- -x");
	assert_null(u.list[4].archive);
	command_is(&u.list[4], "restore ARCHIVE user/bob/1");
	app_unfinished_done(&u);
	setenv("CYRVAULT_NOW", "1001", 1);
	begin("a.cpio.gz", NULL, many, 9);
	assert_int_equal(app_unfinished(app, "one", &u, &e), 0);
	command_is(&u.list[u.n - 1], "restore --recursive a.cpio.gz user/bob");
	app_unfinished_done(&u);
	/* While one runs, it is not cut off. */
	lock = lock_take(app_conf(app)->lock_directory, "one", "restore", &e);
	assert_int_not_equal(lock, -1);
	assert_int_equal(app_unfinished(app, NULL, &u, &e), 0);
	assert_int_equal(u.n, 0);
	close(lock);
	lock = lock_take(app_conf(app)->lock_directory, "one", "backup", &e);
	assert_int_equal(app_unfinished(app, NULL, &u, &e), 0);
	assert_int_equal(u.n, 4);
	close(lock);
	app_unfinished_done(&u);
	/* A server whose configuration cannot be read: the names as they are, and the option that leads to it. */
	put(file, "");
	free(file);
	file = mem_printf("%s/restore-two.unfinished", dir);
	put(file, "user.dot^ty\ta.cpio\t5\t\n");
	assert_int_equal(app_unfinished(app, "two", &u, &e), 0);
	command_is(&u.list[0], "restore --server=two a.cpio 'user.dot^ty'");
	app_unfinished_done(&u);
	assert_int_equal(app_unfinished(app, "three", &u, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	app_close(app);
}

static void test_lock(void **state)
{
	struct err e = { 0 };
	char *holder;
	int lock;

	(void)state;
	assert_null(lock_holder(dir, "s"));
	lock = lock_take(dir, "s", "restore", &e);
	assert_int_not_equal(lock, -1);
	holder = lock_holder(dir, "s");
	assert_non_null(holder);
	assert_true(str_starts(holder, "restore, process "));
	assert_null(strchr(holder, '\n'));
	free(holder);
	/* To ask takes nothing away, and it is taken in the same process too. */
	assert_int_equal(lock_take(dir, "s", "backup", &e), -1);
	assert_int_equal(e.code, ERR_LOCKED);
	assert_non_null(strstr(e.msg, "restore, process "));
	close(lock);
	assert_null(lock_holder(dir, "s"));
	lock = lock_take(dir, "s", "backup", &e);
	assert_int_not_equal(lock, -1);
	close(lock);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lines),
		TEST(test_merge),
		TEST(test_other_forms),
		TEST(test_commands),
		TEST(test_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
