/* test_source_live.c: directories of two real Cyrus 2.x servers, read as a running one, give what IMAP showed; what they had expunged and kept; copies out of
 * the server's reach. */
#include "test_source_util.h"

#include <sys/stat.h>

#include "cyrus/server.h"
#include "restore/safety.h"
#include "restore/sides.h"

static const struct home {
	const char *archive, *dump, *conf_was;
	unsigned minor, patch;
} homes[] = {
	{ "cyrus23-ckpt.tar.gz", "cyrus23-dump.txt.gz", "/srv/cyrus23", 3, 19 },
	{ "cyrus24-ckpt.tar.gz", "cyrus24-dump.txt.gz", "/srv/cyrus24", 4, 22 },
};
#define N_HOMES (sizeof homes / sizeof *homes)

struct place {
	char path[64];
	struct source *s;
};

static void write_file(const char *dir, const char *name, const void *p, size_t n)
{
	char *path = mem_printf("%s/%s", dir, name);
	struct err err = { 0 };

	OK(io_replace(-100, path, p, n, 0600, &err));
	free(path);
}

/* The server's directories below one of our own, and the server opened. */
static void place_new(struct place *at, const struct home *home)
{
	struct server *server = mem_alloc(sizeof *server);
	struct cyrus_version version = { 2, home->minor, home->patch };
	struct err err = { 0 };
	struct tree t;
	char *conf;

	strcpy(at->path, "/tmp/cyrvault-test-XXXXXX");
	assert_non_null(mkdtemp(at->path));
	tree_load(&t, home->archive);
	for (size_t i = 0; i < t.n; i++) {
		char *path = mem_printf("%s/%s", at->path, t.entries[i].path), *slash = strrchr(path, '/');

		if (S_ISDIR(t.entries[i].mode)) {
			OK(io_mkdirs(-100, path, 0700, &err));
		} else if (S_ISREG(t.entries[i].mode)) {
			*slash = '\0';
			OK(io_mkdirs(-100, path, 0700, &err));
			write_file(path, slash + 1, buf_text(&t.entries[i].data), t.entries[i].data.len);
		}
		free(path);
	}
	tree_done(&t);
	conf =
	    mem_printf("configdirectory: %s/conf\npartition-default: %s/spool\npartition-second: %s/spool2\n"
		       "sievedir: %s/sieve\nhashimapspool: yes\naltnamespace: no\nunixhierarchysep: no\n",
		at->path, at->path, at->path, at->path);
	server->name = mem_strdup("old");
	server->version = version;
	OK(imapd_conf_parse(conf, strlen(conf), "imapd.conf", version, &server->conf, &err));
	free(conf);
	OK(source_open_live(server, NULL, &at->s, &err));
}

static void place_done(struct place *at)
{
	source_close(at->s);
	io_remove_tree(-100, at->path, NULL);
}

static size_t find(const struct source *s, const char *name)
{
	size_t at = source_find(s, name);

	assert_int_not_equal(at, (size_t)-1);
	return at;
}

static void test_as_it_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_HOMES; i++) {
		struct err err = { 0 };
		struct place at;

		place_new(&at, &homes[i]);
		assert_true(source_is_live(at.s));
		assert_string_equal(source_name(at.s), "live");
		assert_null(source_archive(at.s));
		assert_int_equal(source_n(at.s), 38);
		OK(source_count(at.s, &err));
		check_dump(at.s, homes[i].dump, LOST_NOTHING);
		place_done(&at);
	}
}

/* The expunged ones of bob's INBOX: 2, and 5 of which \Deleted is set. */
static void read_expunged(
    struct source *s, const struct restore_pick *pick, struct source_messages **m, struct restore_merge **ret)
{
	struct err err = { 0 };
	size_t i = find(s, "user.bob");

	*ret = mem_alloc(sizeof **ret);
	(*ret)->expunged = true;
	OK(source_load(s, i, false, m, &err));
	OK(side_archive_read(s, i, *m, pick, NULL, *ret, &err));
}

static void test_expunged(void **state)
{
	static const struct export_range range = { 3, 9 };
	static const struct restore_pick pick = { "user.bob", &range, 1 };

	(void)state;
	for (size_t i = 0; i < N_HOMES; i++) {
		struct source_messages *m;
		struct restore_merge *merge;
		struct index_record r;
		struct place at;

		place_new(&at, &homes[i]);
		read_expunged(at.s, NULL, &m, &merge);
		assert_int_equal(merge->n, 2);
		assert_int_equal(merge->archive[0].uid, 2);
		assert_int_equal(merge->archive[1].uid, 5);
		for (size_t k = 0; k < 2; k++) {
			assert_true(merge->archive[k].has_guid);
			assert_true(side_record(merge, m, merge->archive[k].uid, &r));
			assert_int_equal(r.flags & FLAG_DELETED, 0);
		}
		assert_true(r.flags & FLAG_ANSWERED);
		assert_false(side_record(merge, m, 4000, &r));
		restore_merge_free(merge);
		source_messages_free(m);
		read_expunged(at.s, &pick, &m, &merge);
		assert_int_equal(merge->n, 1);
		assert_int_equal(merge->archive[0].uid, 5);
		restore_merge_free(merge);
		source_messages_free(m);
		place_done(&at);
	}
}

/* Copied, then removed by the server: read from the copies. */
static void test_safety(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_HOMES; i++) {
		struct source_messages *m;
		struct restore_merge *merge;
		struct buf before = BUF_INIT, after = BUF_INIT;
		struct err err = { 0 };
		struct place at;
		char *dir, *mail;
		size_t box;

		place_new(&at, &homes[i]);
		dir = mem_printf("%s/safety", at.path);
		mail = mem_printf("%s/spool/b/user/bob", at.path);
		box = find(at.s, "user.bob");
		read_expunged(at.s, NULL, &m, &merge);
		source_messages_free(m);
		merge->append[1] = true;
		OK(source_read_message(at.s, box, 5, 1 << 20, &before, &err));
		assert_false(safety_is_whole(dir, "user.bob"));
		OK(safety_keep(at.s, box, merge, dir, &err));
		assert_true(safety_is_whole(dir, "user.bob"));
		OK(io_remove_tree(-100, mail, &err));
		/* Made once. */
		OK(safety_keep(at.s, box, merge, dir, &err));
		source_live_keep(at.s, dir);
		restore_merge_free(merge);
		read_expunged(at.s, NULL, &m, &merge);
		assert_int_equal(merge->n, 1);
		assert_int_equal(merge->archive[0].uid, 5);
		OK(source_read_message(at.s, box, 5, 1 << 20, &after, &err));
		assert_int_equal(before.len, after.len);
		assert_memory_equal(before.data, after.data, after.len);
		restore_merge_free(merge);
		source_messages_free(m);
		source_live_keep(at.s, NULL);
		assert_int_equal(source_load(at.s, box, false, &m, &err), -1);
		assert_int_equal(err.code, ERR_DAMAGE);
		OK(safety_drop(dir, &err));
		assert_int_equal(access(dir, F_OK), -1);
		OK(safety_drop(dir, &err));
		buf_done(&before);
		buf_done(&after);
		free(dir);
		free(mail);
		place_done(&at);
	}
}

/* What is no file of the mailbox's own, or not whole. */
static void test_hostile(void **state)
{
	struct source_messages *m;
	struct buf b = BUF_INIT;
	struct err err = { 0 };
	struct place at;
	char *path, *dir;
	size_t box, n;

	(void)state;
	place_new(&at, &homes[1]);
	box = find(at.s, "user.bob");
	dir = mem_printf("%s/spool/b/user/bob", at.path);
	path = mem_printf("%s/1.", dir);
	OK(source_load(at.s, box, false, &m, &err));
	n = m->n_uids;
	source_messages_free(m);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	OK(source_load(at.s, box, false, &m, &err));
	assert_int_equal(m->n_uids, n - 1);
	source_messages_free(m);
	assert_int_equal(source_read_message(at.s, box, 1, 1 << 20, &b, &err), -1);
	assert_int_equal(b.len, 0);
	write_file(dir, "3.", "another\r\n", 9);
	assert_int_equal(source_read_message(at.s, box, 3, 1 << 20, &b, &err), -1);
	assert_int_equal(err.code, ERR_DAMAGE);
	assert_int_equal(b.len, 0);
	assert_int_equal(source_read_message(at.s, box, 4, 3, &b, &err), -1);
	assert_int_equal(err.code, ERR_FORMAT);
	write_file(dir, "cyrus.index", "short", 5);
	assert_int_equal(source_load(at.s, box, false, &m, &err), -1);
	assert_int_equal(err.code, ERR_FORMAT);
	free(path);
	path = mem_printf("%s/cyrus.index", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(source_load(at.s, box, false, &m, &err), -1);
	assert_int_equal(err.code, ERR_FORMAT);
	buf_done(&b);
	free(path);
	free(dir);
	place_done(&at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_it_is),
		cmocka_unit_test(test_expunged),
		cmocka_unit_test(test_safety),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
