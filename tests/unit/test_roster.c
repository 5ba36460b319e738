/* test_roster.c: the mailbox list of a snapshot: from the database, its log, a text, its pages. */
#include "test_db_fixtures.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/roster.h"
#include "core/io.h"

struct scene {
	char dir[64];
	struct server *server;
	struct snapshot *snapshot;
	struct roster roster;
};

static void put(const struct scene *s, const char *name, const void *p, size_t n)
{
	char *path = mem_printf("%s/%s", s->dir, name);

	assert_int_equal(io_replace(AT_FDCWD, path, p, n, 0600, NULL), 0);
	free(path);
}

static void put_fixture(const struct scene *s, const char *name, const char *what)
{
	size_t n;
	uint8_t *p = fixture(what, &n);

	put(s, name, p, n);
	free(p);
}

static void drop(const struct scene *s, const char *name)
{
	char *path = mem_printf("%s/%s", s->dir, name);

	assert_int_equal(unlink(path), 0);
	free(path);
}

static int setup(void **state)
{
	static const char *const dirs[] = { "conf", "conf/db", "spool", "bin" };
	struct scene *s = mem_alloc(sizeof *s);
	struct conf_server c = { 0 };
	struct snapshot_opts o = { .kind = "none" };
	const char *paths[1];
	char *text, *bin;
	struct err e = { 0 };

	strcpy(s->dir, "/tmp/cyrvault-roster.XXXXXX");
	if (mkdtemp(s->dir) == NULL)
		return -1;
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
		char *path = mem_printf("%s/%s", s->dir, dirs[i]);

		if (mkdir(path, 0755) == -1 || (geteuid() == 0 && chown(path, 4711, 4712) == -1))
			return -1;
		free(path);
	}
	text =
	    mem_printf("configdirectory: %s/conf\npartition-default: %s/spool\ndefaultpartition: default\n",
		s->dir, s->dir);
	put(s, "imapd.conf", text, strlen(text));
	free(text);
	c.name = c.imapd_conf = c.cyrus_conf = mem_printf("%s/imapd.conf", s->dir);
	c.cyrus_bin = bin = mem_printf("%s/bin", s->dir);
	paths[0] = s->dir;
	if (server_open(&c, &s->server, &e) == -1 || snapshot_plan(&o, paths, 1, &s->snapshot, &e) == -1 ||
	    snapshot_take(s->snapshot, &e) == -1 || snapshot_mount(s->snapshot, &e) == -1)
		fail_msg("%s", e.msg);
	free(c.name);
	free(bin);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	roster_done(&s->roster);
	snapshot_release(s->snapshot, NULL);
	server_free(s->server);
	io_remove_tree(AT_FDCWD, s->dir, NULL);
	free(s);
	return 0;
}

static void reads(struct scene *s, const char *text, enum roster_source source, size_t mailboxes)
{
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	if (text != NULL)
		buf_str(&b, text);
	roster_done(&s->roster);
	if (roster_read_from(s->server, s->snapshot, text != NULL ? &b : NULL, &s->roster, &e) == -1)
		fail_msg("%s", e.msg);
	assert_int_equal(s->roster.source, source);
	assert_int_equal(s->roster.list->n, mailboxes);
	assert_int_equal(s->roster.n, mailboxes);
	assert_int_equal(s->roster.why != NULL, source == ROSTER_TEXT || source == ROSTER_PAGES);
	buf_done(&b);
}

static void fails(struct scene *s, enum err_code code, const char *why)
{
	struct err e = { 0 };

	roster_done(&s->roster);
	assert_int_equal(roster_read_from(s->server, s->snapshot, NULL, &s->roster, &e), -1);
	if (e.code != code || strstr(e.msg, why) == NULL)
		fail_msg("%s: %s", err_code_name(e.code), e.msg);
}

static const char two_lines[] = "user.alice\t0 default alice\tlrs\t\nuser.bob\t0 default bob\tlrs\t\n";

static void test_database(void **state)
{
	static const char flat[] = "shared.x\t0 default anyone\xff\x89lrs\n"
				   "user.alice\t0 default alice\xff\x89lrs\n";
	struct scene *s = *state;
	const struct roster_row *rows;
	size_t n;

	put(s, "conf/mailboxes.db", flat, sizeof flat - 1);
	reads(s, two_lines, ROSTER_DATABASE, 2);
	rows = roster_range(&s->roster, "alice", &n);
	assert_int_equal(n, 1);
	assert_string_equal(s->roster.list->entries[rows->entry].name, "user.alice");
	put_fixture(s, "conf/mailboxes.db", "mboxlist/cyrus36.db");
	reads(s, NULL, ROSTER_DATABASE, 20);
}

/* A running server's: what its log has, under the name that the server knew. */
static void test_recovered(void **state)
{
	struct scene *s = *state;
	size_t n;

	put_fixture(s, "conf/mailboxes.db", "db/cyrus24-live.btree");
	put_fixture(s, "conf/db/log.0000000001", "db/cyrus24-live-log");
	reads(s, two_lines, ROSTER_RECOVERED, 38);
	roster_range(&s->roster, "alice", &n);
	assert_true(n > 3);
	put_fixture(s, "conf/mailboxes.db", "db/cyrus23-live.btree");
	put_fixture(s, "conf/db/log.0000000001", "db/cyrus23-live-log");
	reads(s, NULL, ROSTER_RECOVERED, 38);
}

static void test_without_log(void **state)
{
	struct scene *s = *state;

	put_fixture(s, "conf/mailboxes.db", "db/cyrus24-mailboxes.btree");
	reads(s, NULL, ROSTER_PAGES, 38);
	assert_non_null(strstr(s->roster.why, "there is no log"));
	reads(s, two_lines, ROSTER_TEXT, 2);
	assert_non_null(strstr(s->roster.why, "there is no log"));

	/* No key in its pages: rather no list than an empty one. */
	put_fixture(s, "conf/mailboxes.db", "db/cyrus24-live.btree");
	fails(s, ERR_NOT_FOUND, "there is no log");
	put(s, "conf/db/log.0000000001", "nonsense", 8);
	fails(s, ERR_DAMAGE, "log.0000000001 is no log");
	reads(s, two_lines, ROSTER_TEXT, 2);
}

static void test_unreadable(void **state)
{
	struct scene *s = *state;

	put_fixture(s, "conf/mailboxes.db", "mboxlist/cyrus36.db");
	drop(s, "conf/mailboxes.db");
	fails(s, ERR_NOT_FOUND, "mailboxes.db");
	reads(s, two_lines, ROSTER_TEXT, 2);
	put(s, "conf/mailboxes.db", "\0\1\2SQLite format 3\0\0\0\n", 22);
	fails(s, ERR_FORMAT, "mailbox list out of the snapshot");
	reads(s, two_lines, ROSTER_TEXT, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_database, setup, teardown),
		cmocka_unit_test_setup_teardown(test_recovered, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_log, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unreadable, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
