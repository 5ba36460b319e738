/* test_app_history.c: a mailbox through archives: renamed, made anew, gone and back, in archives of several servers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/history.h"
#include "core/io.h"
#include "core/mem.h"

static char *dir;
static struct app *app;

static void ok(int rc, const struct err *e)
{
	if (rc == -1)
		fail_msg("%s", e->msg);
}

/* "user.a:1:7:30 ...": name, unique id, UIDVALIDITY, messages. The larger ${when}, the later. */
static void take_in(const char *server, int64_t when, const char *boxes)
{
	struct catalogue_fill *f = catalogue_fill_new(app_catalogue(app), NULL);
	char store[] = "vault", url[] = "dir:/v", name[64], lineage[32], prefix[] = "DELETED", empty[] = "";
	char *text = mem_strdup(boxes), *rest = text, *word;
	struct catalogue_archive a = { .store = store,
		.url = url,
		.name = name,
		.server = lineage,
		.when = when,
		.last_seen = when,
		.size_bytes = 1,
		.readable = true,
		.decodes = true,
		.unixhier = true,
		.deletedprefix = prefix,
		.defaultdomain = empty };
	struct err e = { 0 };

	snprintf(name, sizeof name, "%s-%lld", server, (long long)when);
	snprintf(lineage, sizeof lineage, "%s", server);
	while ((word = strsep(&rest, " ")) != NULL) {
		struct catalogue_box box = { .partition = "default", .health = '=', .has_files = true };
		char box_name[64], id[16];

		if (sscanf(word, "%63[^:]:%15[^:]:%u:%u", box_name, id, &box.uidvalidity, &box.messages) != 4)
			continue;
		box.name = box_name;
		box.uniqueid = strcmp(id, "-") != 0 ? id : "";
		ok(catalogue_fill_add(f, &box, &e), &e);
	}
	ok(catalogue_fill_commit(f, &a, &e), &e);
	catalogue_fill_free(f);
	free(text);
}

/* The rows as text: when, name and messages or "-", what is new. */
static void says(const char *server, const char *mailbox, const char *rows)
{
	struct app_history h;
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	ok(app_history(app, server, mailbox, NULL, &h, &e), &e);
	for (size_t i = 0; i < h.n; i++) {
		struct buf words = BUF_INIT;

		app_history_words(&h, i, &words);
		if (h.rows[i].there)
			buf_printf(
			    &b, "%lld %s %u", (long long)h.rows[i].when, h.rows[i].name, h.rows[i].messages);
		else
			buf_printf(&b, "%lld -", (long long)h.rows[i].when);
		if (words.len > 0)
			buf_printf(&b, " (%s)", buf_text(&words));
		buf_char(&b, '\n');
		buf_done(&words);
	}
	assert_string_equal(buf_text(&b), rows);
	assert_int_equal(h.live, HISTORY_LIVE_UNKNOWN);
	buf_done(&b);
	app_history_done(&h);
}

static void one_mailbox(void **state)
{
	struct app_history h;
	struct err e = { 0 };

	(void)state;
	/* Taken in in another order than they were made. */
	take_in("mail1", 300, "user.anna.New:1:7:12 user.bert:2:1:1");
	take_in("mail1", 100, "user.anna.Work:1:7:10 user.bert:2:1:1");
	take_in("mail1", 200, "user.anna.Work:1:7:11 user.bert:2:1:1");
	take_in("mail1", 400, "user.anna.Work:3:9:0 user.bert:2:1:1");
	take_in("mail1", 500, "user.bert:2:1:1");
	take_in("mail2", 250, "user.anna.Work:4:4:99");
	take_in("", 150, "user.anna.Work:-:7:5");
	take_in("", 160, "user.other:-:1:1");
	says(NULL, "user/anna/Work",
	    "100 user.anna.Work 10 (first seen)\n"
	    "150 user.anna.Work 5\n"
	    "200 user.anna.Work 11\n"
	    "300 user.anna.New 12 (renamed from user/anna/Work)\n"
	    "400 user.anna.Work 0 (made anew, renamed from user/anna/New)\n"
	    "500 - (not there any more)\n");
	/* By the name that it had in between. */
	says(NULL, "user.anna.New",
	    "100 user.anna.Work 10 (first seen, as user/anna/Work)\n"
	    "200 user.anna.Work 11\n"
	    "300 user.anna.New 12 (renamed from user/anna/Work)\n"
	    "400 - (not there any more)\n"
	    "500 -\n");
	says("mail2", "user/anna/Work",
	    "150 user.anna.Work 5 (first seen)\n250 user.anna.Work 99 (made anew)\n");
	ok(app_history(app, NULL, "user/bert", NULL, &h, &e), &e);
	assert_true(h.n == 5 && h.in_archives == 5 && h.vanished == 0 && h.first == 100 && h.last == 500);
	assert_true(app_history_same(&h.rows[3], &h.rows[4]));
	app_history_done(&h);
	ok(app_history(app, NULL, "user/anna/Work", NULL, &h, &e), &e);
	assert_true(h.vanished == 500 && h.in_archives == 5 && h.archives == 7);
	app_history_done(&h);
	assert_int_equal(app_history(app, NULL, "user/carl", NULL, &h, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	app_history_done(&h);
	assert_int_equal(app_history(app, "mail3", "user/anna/Work", NULL, &h, &e), -1);
	app_history_done(&h);
}

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	char *conf, *text;
	int rc;

	(void)state;
	dir = mem_printf("%s/test_app_history.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(dir) == NULL)
		return -1;
	conf = mem_printf("%s/conf", dir);
	text = mem_printf(
	    "[server \"mail1\"]\nimapd_conf = /nowhere\n[server \"mail2\"]\nimapd_conf = /nowhere\n"
	    "[store \"vault\"]\nurl = dir:/v\n[state]\ndirectory = %s\n",
	    dir);
	rc = io_replace(AT_FDCWD, conf, text, strlen(text), 0600, NULL) == -1 ? -1
	                                                                      : app_open(conf, &app, NULL);
	free(conf);
	free(text);
	return rc;
}

static int teardown(void **state)
{
	(void)state;
	app_close(app);
	io_remove_tree(AT_FDCWD, dir, NULL);
	free(dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(one_mailbox, setup, teardown) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
