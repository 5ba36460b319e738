/* test_app_archives.c: the list of archives: what is known of each, in which order it is told, and stores that are away. */
#include "test_archive_util.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "app/app.h"
#include "app/archives.h"
#include "app/catalogue.h"
#include "app/history.h"
#include "app/words.h"
#include "core/str.h"

#define NEWEST "one-20261122T030000Z.cpio.gz"
#define MIDDLE "one-20261122T020000Z.cpio.gz"
#define OLDEST "two-20261122T010000Z.cpio.gz"

static const struct archive_writer_opts opts = { .threads = 1, .level = LEVEL_DEFAULT };

static struct test_dir dir, other;
static char *conf_path;

static void put(const char *path, const char *text)
{
	struct err err = { 0 };

	OK(io_replace(AT_FDCWD, path, text, strlen(text), 0600, &err));
}

/* "[store a]" is dir, "[store b]" other, if ${both}. */
static struct app *session(bool both)
{
	char *text = mem_printf("[store \"a\"]\nurl = dir:%s/vault\n%s%s%s[state]\ndirectory = %s/state\n",
	    dir.path, both ? "[store \"b\"]\nurl = dir:" : "", both ? other.path : "", both ? "/vault\n" : "",
	    dir.path);
	struct err err = { 0 };
	struct app *app;

	put(conf_path, text);
	free(text);
	OK(app_open(conf_path, &app, &err));
	return app;
}

static int setup(void **state)
{
	char *path;
	struct err err = { 0 };

	(void)state;
	dir = test_dir_new();
	other = test_dir_new();
	store_free(dir.store);
	path = mem_printf("%s/vault", dir.path);
	OK(store_open(path, true, &dir.store, &err));
	free(path);
	conf_path = mem_printf("%s/conf", dir.path);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_dir_done(&dir);
	test_dir_done(&other);
	free(conf_path);
	return 0;
}

static void make(
    const char *name, const char *control, const char *report, size_t padding, enum unit_health health)
{
	struct unit_info info = { .uniqueid = "", .partition = "" };
	struct stream *out;
	struct archive_writer *w = test_create(&dir, name, &opts, &out);
	struct buf b = BUF_INIT;
	struct err err = { 0 };

	OK(archive_writer_begin(w, UNIT_CONTROL, "control", &err));
	test_add(w, "cyrvault/archive.json", ROLE_CONTROL, control, strlen(control));
	info.kind = UNIT_CONTROL;
	info.name = "control";
	info.health = HEALTH_UNCHECKED;
	OK(archive_writer_end(w, &info, &err));
	for (unsigned i = 0; i < 2; i++) {
		info.kind = UNIT_MAILBOX;
		info.name = i == 0 ? "user.a" : "user.b";
		info.messages = 5;
		OK(archive_writer_begin(w, UNIT_MAILBOX, info.name, &err));
		make_message(&b, i, 300000);
		test_add(w, i == 0 ? "spool/a/1." : "spool/b/1.", ROLE_MESSAGE, b.data, b.len);
		OK(archive_writer_end(w, &info, &err));
	}
	if (report != NULL) {
		OK(archive_writer_begin(w, UNIT_REPORT, "report", &err));
		buf_clear(&b);
		buf_str(&b, report);
		for (size_t i = 0; i < padding; i++)
			buf_char(&b, ' ');
		test_add(w, "cyrvault/report.json", ROLE_CONTROL, b.data, b.len);
		info = (struct unit_info){ .kind = UNIT_REPORT,
			.name = "report",
			.uniqueid = "",
			.partition = "",
			.health = health };
		OK(archive_writer_end(w, &info, &err));
	}
	buf_done(&b);
	test_commit(&dir, w, out);
}

/* What was told, in order: "-NAME" listed, "+NAME" opened. */
struct told {
	struct buf words;
	struct app_archive *copies[8];
	size_t n;
	struct job *stop; /* cancelled at the first that was opened */
};

static void tell(void *arg, const struct app_archive *a, bool looked)
{
	struct told *t = arg;

	buf_printf(&t->words, "%c%s ", looked ? '+' : '-', a->name);
	if (!looked) {
		assert_false(a->readable);
		assert_true(a->size_bytes > 0);
		assert_int_equal(a->longest_hold_ms, -1);
	} else if (t->n < 8) {
		t->copies[t->n++] = app_archive_copy(a);
		if (t->stop != NULL)
			job_cancel(t->stop);
	}
}

static void told_done(struct told *t)
{
	for (size_t i = 0; i < t->n; i++)
		app_archive_free(t->copies[i]);
	buf_done(&t->words);
}

static void test_list(void **state)
{
	struct app *app = session(false);
	struct told t = { 0 };
	struct app_archives l;
	struct err err = { 0 };
	char text[64], *path;

	(void)state;
	make(OLDEST, "{\"quiesce\": \"mailbox\"}", NULL, 0, HEALTH_UNCHECKED);
	make(NEWEST, "{\"quiesce\": \"none\"}", "{\"quiesce\": \"user\", \"longest_hold_ms\": 12}", 0,
	    HEALTH_OK);
	/* A report that is too long to be read only for a list. */
	make(MIDDLE, "{\"quiesce\": \"us\\u001ber\"}", "{\"quiesce\": \"user\", \"longest_hold_ms\": 7}",
	    2 << 20, HEALTH_FINDINGS);
	path = mem_printf("%s/vault/one-20261122T000000Z.cpio.gz", dir.path);
	put(path, "not an archive at all");
	free(path);
	path = mem_printf("%s/vault/notes.txt", dir.path);
	put(path, "not listed");
	free(path);
	OK(app_archives_each(app, NULL, tell, &t, &l, &err));
	assert_string_equal(buf_text(&t.words),
	    "-" NEWEST " -" MIDDLE " -" OLDEST " -one-20261122T000000Z.cpio.gz +" NEWEST " +" MIDDLE
	    " +" OLDEST " +one-20261122T000000Z.cpio.gz ");
	assert_int_equal(l.n, 4);
	assert_int_equal(l.n_away, 0);
	/* The copies are what the list has, and outlive it. */
	for (size_t i = 0; i < 4; i++) {
		assert_string_equal(t.copies[i]->name, l.list[i].name);
		assert_int_equal(t.copies[i]->readable, l.list[i].readable);
		assert_string_equal(l.list[i].store, "a");
		assert_string_equal(l.list[i].where, "local");
	}
	app_archives_done(&l);
	assert_string_equal(app_archive_health(t.copies[0]), "verified");
	assert_string_equal(t.copies[0]->quiesce, "user");
	assert_int_equal(t.copies[0]->longest_hold_ms, 12);
	assert_int_equal(t.copies[0]->mailboxes, 2);
	assert_int_equal(t.copies[0]->messages, 10);
	assert_string_equal(app_archive_quiesce(text, sizeof text, t.copies[0]), "user 12ms");
	assert_string_equal(app_archive_health(t.copies[1]), "findings");
	assert_string_equal(t.copies[1]->quiesce, "us\\x1ber");
	assert_int_equal(t.copies[1]->longest_hold_ms, -1);
	assert_string_equal(app_archive_health(t.copies[2]), "unverified");
	assert_string_equal(app_archive_quiesce(text, sizeof text, t.copies[2]), "mailbox");
	assert_string_equal(t.copies[2]->server, "two");
	assert_string_equal(app_archive_health(t.copies[3]), "damaged");
	assert_non_null(t.copies[3]->why);
	assert_null(t.copies[3]->quiesce);
	assert_string_equal(app_archive_quiesce(text, sizeof text, t.copies[3]), "");
	told_done(&t);
	app_close(app);
}

/* Texts that are none, or other than they should be: the archive is listed all the same. */
static void test_odd_reports(void **state)
{
	static const char *const odd[] = { "", "{", "[]", "7", "{\"quiesce\": 5, \"longest_hold_ms\": \"x\"}",
		"{\"quiesce\": null, \"longest_hold_ms\": -4}",
		("{\"quiesce\": "
		 "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}") };
	struct app *app = session(false);
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		struct app_archives l;

		make(NEWEST, odd[i], odd[i], 0, HEALTH_OK);
		OK(app_archives(app, NULL, &l, &err));
		assert_int_equal(l.n, 1);
		assert_true(l.list[0].readable);
		assert_null(l.list[0].quiesce);
		assert_int_equal(l.list[0].longest_hold_ms, -1);
		app_archives_done(&l);
		OK(store_remove(dir.store, NEWEST, &err));
	}
	app_close(app);
}

static void test_cancel(void **state)
{
	struct app *app = session(false);
	struct told t = { .stop = job_new() };
	struct app_archives l;
	struct err err = { 0 };

	(void)state;
	make(OLDEST, "{}", "{}", 0, HEALTH_OK);
	make(NEWEST, "{}", "{}", 0, HEALTH_OK);
	assert_int_equal(app_archives_each(app, t.stop, tell, &t, &l, &err), -1);
	assert_int_equal(err.code, ERR_CANCELLED);
	assert_string_equal(buf_text(&t.words), "-" NEWEST " -" OLDEST " +" NEWEST " ");
	app_archives_done(&l);
	told_done(&t);
	job_free(t.stop);
	app_close(app);
}

static void test_away(void **state)
{
	struct app *app = session(true);
	struct app_archives l;
	struct err err = { 0 };
	char *vault = mem_printf("%s/vault", dir.path), *away = mem_printf("%s/away", dir.path), *text;

	(void)state;
	make(NEWEST, "{}", "{}", 0, HEALTH_OK);
	OK(app_archives(app, NULL, &l, &err));
	assert_int_equal(l.n, 1);
	assert_int_equal(l.n_away, 1);
	assert_string_equal(l.away[0].store, "b");
	assert_int_equal(l.away[0].state, STORE_NOT_YET);
	assert_non_null(strstr(l.away[0].what, other.path));
	assert_non_null(strstr(l.away[0].next, "cyrvault backup"));
	app_archives_done(&l);
	OK(archives_store_used(app, &app_conf(app)->stores[1], &err));
	OK(archives_store_used(app, &app_conf(app)->stores[0], &err));
	OK(app_archives(app, NULL, &l, &err));
	assert_int_equal(l.away[0].state, STORE_GONE);
	assert_non_null(strstr(l.away[0].next, "mount"));
	app_archives_done(&l);
	app_close(app);
	/* The only one. */
	app = session(false);
	assert_int_equal(rename(vault, away), 0);
	OK(app_archives(app, NULL, &l, &err));
	assert_int_equal(l.n_away, 1);
	assert_int_equal(l.away[0].state, STORE_GONE);
	/* What it had stays known. */
	assert_int_equal(l.n, 1);
	assert_string_equal(l.list[0].where, "away");
	assert_true(l.list[0].looked && l.list[0].readable && l.list[0].mailboxes == 2);
	app_archives_done(&l);
	app_archives_done(&l);
	/* Something else is in its place. */
	put(vault, "a file");
	OK(app_archives(app, NULL, &l, &err));
	assert_int_equal(l.away[0].state, STORE_FAILED);
	app_archives_done(&l);
	/* Without that knowledge nothing is. */
	OK(catalogue_clear(app_catalogue(app), NULL, &err));
	assert_int_equal(app_archives(app, NULL, &l, &err), -1);
	assert_int_equal(err.code, ERR_SYS);
	assert_int_equal(l.away[0].state, STORE_FAILED);
	app_archives_done(&l);
	unlink(vault);
	assert_int_equal(app_archives(app, NULL, &l, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(l.n_away, 1);
	app_archives_done(&l);
	app_close(app);
	/* Under another url it is another store. */
	text = mem_printf("[store \"a\"]\nurl = %s\n[state]\ndirectory = %s/state\n", vault, dir.path);
	put(conf_path, text);
	free(text);
	OK(app_open(conf_path, &app, &err));
	assert_int_equal(app_archives(app, NULL, &l, &err), -1);
	assert_int_equal(l.away[0].state, STORE_NOT_YET);
	app_archives_done(&l);
	app_close(app);
	free(vault);
	free(away);
}

/* An archive that was looked at and is as it was is not opened again; one that is gone stays known until it is forgotten. */
static void test_known(void **state)
{
	struct app *app = session(false);
	struct told t = { 0 };
	struct app_archives l;
	struct app_catalogue_result r;
	struct app_history h;
	struct catalogue_archive k;
	struct err err = { 0 };
	char *path = mem_printf("%s/vault/%s", dir.path, OLDEST), *text;

	(void)state;
	make(OLDEST, "{}", "{}", 0, HEALTH_OK);
	make(NEWEST, "{}", "{}", 0, HEALTH_OK);
	assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[2]){ { 5, 0 }, { 5, 0 } }, 0), 0);
	OK(app_archives(app, NULL, &l, &err));
	app_archives_done(&l);
	OK(app_archives_each(app, NULL, tell, &t, &l, &err));
	/* What is known is told first; the one that was just written is looked at again. */
	assert_string_equal(
	    buf_text(&t.words), "+" NEWEST " +" OLDEST " -" NEWEST " +" OLDEST " +" NEWEST " ");
	assert_int_equal(l.list[1].mailboxes, 2);
	app_archives_done(&l);
	told_done(&t);

	OK(app_catalogue_update(app, false, NULL, &r, &err));
	assert_true(r.archives == 2 && r.filled == 2 && r.unreadable == 0);
	app_catalogue_result_done(&r);
	OK(app_catalogue_update(app, false, NULL, &r, &err));
	assert_true(r.archives == 2 && r.filled == 0);
	app_catalogue_result_done(&r);
	OK(app_history(app, NULL, "user.a", NULL, &h, &err));
	assert_int_equal(h.n, 2);
	assert_true(h.rows[0].there && h.rows[0].messages == 5 && h.rows[0].changes == HISTORY_FIRST);
	assert_string_equal(h.rows[1].archive, NEWEST);
	assert_int_equal(h.rows[1].changes, 0);
	assert_int_equal(h.live, HISTORY_LIVE_UNKNOWN);
	assert_true(h.in_archives == 2 && h.vanished == 0);
	app_history_done(&h);
	assert_int_equal(app_history(app, NULL, "user.c", NULL, &h, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	app_history_done(&h);

	unlink(path);
	OK(app_archives(app, NULL, &l, &err));
	assert_true(l.n == 1 && l.n_gone == 1);
	assert_string_equal(l.gone[0].name, OLDEST);
	assert_string_equal(l.gone[0].where, "gone");
	app_archives_done(&l);
	/* While the store is away what is known serves, and only then. */
	assert_int_equal(app_known_archive(app, "latest", NULL, &k, &err), 0);
	text = mem_printf("%s/vault", dir.path);
	free(path);
	path = mem_printf("%s/elsewhere", dir.path);
	assert_int_equal(rename(text, path), 0);
	assert_int_equal(app_known_archive(app, "one-2026", NULL, &k, &err), 1);
	assert_string_equal(k.name, NEWEST);
	catalogue_archive_done(&k);
	assert_int_equal(app_known_archive(app, OLDEST, NULL, &k, &err), 0);
	assert_int_equal(rename(path, text), 0);
	OK(app_catalogue_forget(app, OLDEST, NULL, &err));
	assert_int_equal(app_catalogue_forget(app, OLDEST, NULL, &err), -1);
	OK(app_archives(app, NULL, &l, &err));
	assert_int_equal(l.n_gone, 0);
	app_archives_done(&l);
	free(text);
	free(path);
	app_close(app);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_known),
		TEST(test_list),
		TEST(test_odd_reports),
		TEST(test_cancel),
		TEST(test_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
