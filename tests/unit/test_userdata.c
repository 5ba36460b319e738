/* test_userdata.c: seen records and sets, subscriptions, quota roots and annotations, of real servers and of every
 * written form. */
#include "test_mailbox_util.h"

#include "core/bytes.h"
#include "core/mem.h"
#include "cyrus/mailbox.h"
#include "cyrus/userdata.h"
#include "db/cyrusdb.h"

static const char *const sets[] = { "cyrus23", "cyrus24", "cyrus36" };

static struct cyrusdb *open_bytes(const void *p, size_t n)
{
	struct cyrusdb *db = NULL;
	struct err err = { 0 };

	OK(cyrusdb_open_bytes(p, n, "test", &db, &err));
	return db;
}

/* ---- seen ---- */

static void test_seen_value(void **state)
{
	static const char *const bad[] = { "", "1", "2 1 2 3 1", "x 1 2 3", "1 1 99999999999 3 1", "1 1 2",
		"1 1 2 x", "1 99999999999999999999 1 1 1" };
	static const char text[] = "1 1795395076 7 1795395075 1,4:6";
	struct seen_record s;
	struct err err = { 0 };

	(void)state;
	OK(seen_parse(text, strlen(text), &s, &err));
	assert_int_equal(s.lastread, 1795395076);
	assert_int_equal(s.lastuid, 7);
	assert_int_equal(s.lastchange, 1795395075);
	assert_string_equal(s.uids, "1,4:6");
	seen_record_done(&s);
	assert_null(s.uids);
	OK(seen_parse("1 0 0 0 ", 8, &s, &err)); /* nothing read; with and without the last space */
	assert_string_equal(s.uids, "");
	seen_record_done(&s);
	OK(seen_parse("1 0 0 0", 7, &s, &err));
	assert_string_equal(s.uids, "");
	seen_record_done(&s);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(seen_parse(bad[i], strlen(bad[i]), &s, &err), -1);
		assert_int_equal(err.code, ERR_FORMAT);
	}
}

static void test_seen_database(void **state)
{
	struct buf file = BUF_INIT;
	struct err err = { 0 };
	struct seen_record s;
	struct cyrusdb *db;

	(void)state;
	assert_true(fixture("cyrus24", "bob.seen", &file));
	db = open_bytes(file.data, file.len);
	assert_int_equal(seen_get(db, "30d246da6b038e03", &s, &err), 1);
	assert_string_equal(s.uids, "1,3");
	assert_int_equal(s.lastuid, 3);
	seen_record_done(&s);
	assert_int_equal(seen_get(db, "30d246da6b038e0", &s, &err), 0);
	assert_int_equal(seen_get(db, "", &s, &err), 0);
	cyrusdb_close(db);
	buf_done(&file);
}

static void test_seen_place(void **state)
{
	(void)state;
	assert_false(seen_is_in_index(10, 0, true));
	assert_false(seen_is_in_index(10, OPT_SHAREDSEEN, false));
	assert_true(seen_is_in_index(12, 0, true));
	assert_false(seen_is_in_index(17, 0, false));
	assert_true(seen_is_in_index(17, OPT_SHAREDSEEN | OPT_DUPDELIVER, false));
}

static void test_uidset(void **state)
{
	static const struct {
		const char *text;
		const char *has; /* of UIDs 0 to 12: x where in the set */
		size_t ranges;
	} cases[] = {
		{ "", ".............", 0 },
		{ "1", ".x...........", 1 },
		{ "1,4:6", ".x..xxx......", 2 },
		{ "4:6,1", ".x..xxx......", 2 },
		{ "6:4", "....xxx......", 1 },
		{ "2:*", "..xxxxxxxxxxx", 1 },
		{ "*", ".............", 1 },
		{ "1:3,2:5,9", ".xxxxx...x...", 2 },
		{ "1,,3", ".x...........", 1 },
		{ "1, 3", ".x...........", 1 },
		{ "1:x,3", ".x...........", 1 },
		{ "x", ".............", 0 },
		{ "1:3junk,7", ".xxx.........", 1 },
		{ "99999999999,1", ".............", 0 },
		{ "3:4294967295", "...xxxxxxxxxx", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct uidset set;

		uidset_parse(cases[i].text, &set);
		assert_int_equal(set.n, cases[i].ranges);
		for (uint32_t uid = 0; uid < 13; uid++) {
			assert_int_equal(uidset_contains(&set, uid), cases[i].has[uid] == 'x');
			assert_int_equal(uidset_has(cases[i].text, uid), cases[i].has[uid] == 'x');
		}
		uidset_done(&set);
		assert_int_equal(uidset_contains(&set, 1), false);
	}
}

/* ---- subscriptions ---- */

struct names {
	struct buf b;
	int stop_after;
};

static int add_name(void *arg, const char *internal, struct err *e)
{
	struct names *n = arg;

	(void)e;
	buf_printf(&n->b, "%s\n", internal);
	return n->stop_after > 0 && --n->stop_after == 0;
}

static void expect_subs(const char *text, const char *userid, const char *names)
{
	struct cyrusdb *db = open_bytes(text, strlen(text));
	struct names n = { 0 };
	struct err err = { 0 };

	OK(subs_each(db, userid, add_name, &n, &err));
	assert_string_equal(buf_text(&n.b), names);
	buf_done(&n.b);
	cyrusdb_close(db);
}

static void test_subs_of_servers(void **state)
{
	(void)state;
	for (size_t s = 0; s < sizeof sets / sizeof sets[0]; s++) {
		struct buf file = BUF_INIT, dump = BUF_INIT, want = BUF_INIT;
		struct names n = { 0 };
		struct err err = { 0 };
		struct cyrusdb *db;
		char *p, *name;

		assert_true(fixture(sets[s], "alice.sub", &file));
		assert_true(fixture(sets[s], "dump.txt", &dump));
		db = open_bytes(file.data, file.len);
		OK(subs_each(db, "alice", add_name, &n, &err));
		/* The order is the database's; every name must be there and no other. */
		for (p = dump.data; (name = dump_line(&p, "alice LSUB ")) != NULL;) {
			char *line = strncmp(name, "INBOX", 5) == 0 ? mem_printf("user.alice%s\n", name + 5)
								    : mem_printf("%s\n", name);

			assert_non_null(strstr(buf_text(&n.b), line));
			buf_str(&want, line);
			free(line);
		}
		assert_int_equal(want.len, n.b.len);
		cyrusdb_close(db);
		buf_done(&file);
		buf_done(&dump);
		buf_done(&want);
		buf_done(&n.b);
	}
}

static void test_subs_versions(void **state)
{
	(void)state;
	expect_subs("", "anna", "");
	expect_subs("News.x\t\nuser.anna\t\n", "anna", "News.x\nuser.anna\n");
	expect_subs("\037VER\037\t2\nNINBOX\t\nNINBOX\037v1.2\t\nNuser\037bob\037x\t\n", "an.na",
	    "user.an^na\nuser.an^na.v1^2\nuser.bob.x\n");
	/* Version 2 cut the front off martin123's folder; version 3 does not, so there it is a folder of that
	 * name. */
	expect_subs("\037VER\037\t2\nNINBOX123\037Shared\t\n", "martin", "user.martin123.Shared\n");
	expect_subs("\037VER\037\t3\nNINBOX\037a\t\nNINBOX123\037Shared\t\n", "martin",
	    "user.martin.a\nINBOX123.Shared\n");
}

static void test_subs_unknown_version(void **state)
{
	struct cyrusdb *db = open_bytes("\037VER\037\tx\n", 8);
	struct names n = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(subs_each(db, "anna", add_name, &n, &err), -1);
	assert_int_equal(err.code, ERR_UNSUPPORTED);
	cyrusdb_close(db);
	db = open_bytes("a\t\nb\t\nc\t\n", 9);
	n.stop_after = 2;
	assert_int_equal(subs_each(db, "anna", add_name, &n, &err), 1);
	assert_string_equal(n.b.data, "a\nb\n");
	buf_done(&n.b);
	cyrusdb_close(db);
}

/* ---- quota ---- */

static void test_quota_of_servers(void **state)
{
	(void)state;
	for (size_t s = 0; s < sizeof sets / sizeof sets[0]; s++) {
		struct buf file = BUF_INIT, dump = BUF_INIT;
		struct err err = { 0 };
		struct quota_root q;
		char *p, *line;
		unsigned long long used, limit;

		assert_true(fixture(sets[s], "quota.user.alice", &file));
		assert_true(fixture(sets[s], "dump.txt", &dump));
		OK(quota_parse(file.data, file.len, &q, &err));
		p = dump.data;
		line = dump_line(&p, "alice [INBOX] QUOTA ");
		assert_non_null(line);
		assert_int_equal(sscanf(strstr(line, "STORAGE"), "STORAGE %llu %llu", &used, &limit), 2);
		assert_int_equal(q.used[QUOTA_STORAGE_KB] / 1024, used);
		assert_int_equal(q.limit[QUOTA_STORAGE_KB], limit);
		if ((line = strstr(line, "MESSAGE")) != NULL) {
			assert_int_equal(sscanf(line, "MESSAGE %llu %llu", &used, &limit), 2);
			assert_int_equal(q.used[QUOTA_MESSAGES], used);
			assert_int_equal(q.limit[QUOTA_MESSAGES], limit);
		}
		buf_done(&file);
		buf_done(&dump);
	}
}

static int parse_quota(const char *text, struct quota_root *q)
{
	struct err err = { 0 };
	char *copy = mem_dup(text, strlen(text));
	int rc = quota_parse(copy, strlen(text), q, &err);

	free(copy);
	if (rc == -1)
		assert_int_equal(err.code, ERR_FORMAT);
	return rc;
}

static void test_quota_forms(void **state)
{
	static const char *const bad[] = { "", "\n", "12", "x 5", "5 x", "5 5 Z 1 1", "5 5 M 1", "%(S (x 1))",
		"%(S (1 x))", "%(S (1 2)", "%(S ((1) 2))", "99999999999999999999 1" };
	struct quota_root q;

	(void)state;
	assert_int_equal(parse_quota("96828\n-1\n", &q), 0);
	assert_int_equal(q.used[QUOTA_STORAGE_KB], 96828);
	assert_int_equal(q.limit[QUOTA_STORAGE_KB], -1);
	assert_true(q.has[QUOTA_STORAGE_KB]);
	assert_false(q.has[QUOTA_MESSAGES]);
	assert_int_equal(q.limit[QUOTA_MESSAGES], -1);
	assert_int_equal(
	    parse_quota("5000000000 100 77 M 3 -1 AS 8 9", &q), 0); /* on the way from 2.4 to 2.5 */
	assert_int_equal(q.used[QUOTA_STORAGE_KB], 5000000000);
	assert_int_equal(q.used[QUOTA_MESSAGES], 3);
	assert_int_equal(q.limit[QUOTA_ANNOTATION_KB], 9);
	assert_int_equal(parse_quota("%(S (96982 50000) M (32 5000) AS (0) NF (8) MODSEQ 73)", &q), 0);
	assert_int_equal(q.used[QUOTA_FOLDERS], 8);
	assert_int_equal(q.limit[QUOTA_FOLDERS], -1);
	assert_int_equal(q.limit[QUOTA_MESSAGES], 5000);
	assert_true(q.has[QUOTA_ANNOTATION_KB]);
	assert_int_equal(parse_quota("%(S (-5 10) M (1) SCAN %(MBOX user.a S 1) MODSEQ 7)\n", &q), 0);
	assert_int_equal(q.used[QUOTA_STORAGE_KB], 0);
	assert_false(q.has[QUOTA_FOLDERS]);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(parse_quota(bad[i], &q), -1);
}

/* ---- annotations ---- */

static int add_annotation(void *arg, const struct annotation *a, struct err *e)
{
	struct names *n = arg;

	(void)e;
	buf_printf(&n->b, "%.*s|%s|%s|%.*s\n", (int)a->mboxkey_len, a->mboxkey, a->entry, a->userid,
	    (int)a->value_len, (const char *)a->value);
	return n->stop_after > 0 && --n->stop_after == 0;
}

static void expect_annotations(const char *set, const char *path, const char *mboxkey, const char *want)
{
	struct buf file = BUF_INIT;
	struct names n = { 0 };
	struct err err = { 0 };
	struct cyrusdb *db;

	assert_true(fixture(set, path, &file));
	db = open_bytes(file.data, file.len);
	OK(annotations_each(db, mboxkey, add_annotation, &n, &err));
	assert_string_equal(buf_text(&n.b), want);
	cyrusdb_close(db);
	buf_done(&n.b);
	buf_done(&file);
}

static void test_annotations_of_servers(void **state)
{
	struct buf header = BUF_INIT;
	struct err err = { 0 };
	struct mailbox_header *h;
	char *want;

	(void)state;
	for (size_t s = 0; s < 2; s++) {
		expect_annotations(sets[s], "annotations.db", "user.alice.Work",
		    "user.alice.Work|/comment||shared note\n"
		    "user.alice.Work|/comment|alice|private note of alice\n"
		    "user.alice.Work|/comment|bob|bob's own note on alice's folder\n");
		expect_annotations(sets[s], "annotations.db", "user.alice.Wor", "");
		expect_annotations(sets[s], "annotations.db", "", "");
	}
	assert_true(fixture("cyrus36", "work/cyrus.header", &header));
	OK(mailbox_header_parse(bytes(&header), header.len, &h, &err));
	want = mem_printf("%s|/comment||shared note\n%s|/comment|[.OwNeR.]|private note of alice\n"
			  "%s|/comment|bob|private note of bob\n",
	    h->uniqueid, h->uniqueid, h->uniqueid);
	expect_annotations("cyrus36", "annotations.db", h->uniqueid, want);
	free(want);
	mailbox_header_free(h);
	buf_done(&header);
	expect_annotations("cyrus36", "work/cyrus.annotations", NULL, "1|/comment|bob|what bob thinks\n");
	expect_annotations("cyrus36", "inbox/cyrus.annotations", "9", "9|/comment||shared word\n");
	expect_annotations("cyrus36", "empty/cyrus.annotations", NULL, "");
}

enum { HOST_LE64, HOST_BE64, HOST_32 };

/* A value as annotate.c writes it: length (a C long), value, NUL, type, NUL, a C long; from 2.5 modseq and flags. */
static void make_value(struct buf *b, int host, const char *value, size_t n, int tail, bool deleted)
{
	uint8_t word[8] = { 0 };
	size_t size = host == HOST_32 ? 4 : 8;

	buf_clear(b);
	put_be32(word + (host == HOST_BE64 ? 4 : 0), (uint32_t)n);
	buf_add(b, word, size);
	buf_add(b, value, n);
	if (tail >= 1)
		buf_char(b, '\0');
	if (tail >= 2) {
		buf_add(b, "text/plain", 11);
		memset(word, 0, sizeof word);
		put_be32(word + (host == HOST_BE64 ? 4 : 0), 1700000000);
		buf_add(b, word, size);
	}
	if (tail >= 3) {
		put_be64(word, 0x123456789);
		buf_add(b, word, 8);
	}
	if (tail >= 4)
		buf_char(b, (char)(deleted ? 1 : 0));
}

static int parse_annotation(const struct buf *key, const struct buf *value, struct annotation *a)
{
	struct err err = { 0 };
	struct cyrusdb_bytes k = { bytes(key), key->len }, v = { bytes(value), value->len };
	int rc = annotation_parse(k, v, a, &err);

	if (rc == -1)
		assert_int_equal(err.code, ERR_FORMAT);
	return rc;
}

static void test_annotation_hosts(void **state)
{
	static const struct {
		const char *p;
		size_t n;
	} values[] = { { "", 0 }, { "a", 1 }, { "note", 4 }, { "two\0parts", 9 },
		{ "\0\0\0\5abcdefghijkl", 16 } };
	struct buf key = BUF_INIT, value = BUF_INIT;
	struct annotation a;

	(void)state;
	buf_add(&key, "user.a\0/comment\0anna\0", 21);
	for (int host = HOST_LE64; host <= HOST_32; host++) {
		for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
			for (int tail = 2; tail <= 4; tail++) {
				make_value(&value, host, values[i].p, values[i].n, tail, false);
				assert_int_equal(parse_annotation(&key, &value, &a), 0);
				assert_int_equal(a.value_len, values[i].n);
				assert_memory_equal(a.value, values[i].p, values[i].n);
				assert_int_equal(a.modseq, tail >= 3 ? 0x123456789 : 0);
				assert_false(a.deleted);
				assert_int_equal(a.mboxkey_len, 6);
				assert_string_equal(a.entry, "/comment");
				assert_string_equal(a.userid, "anna");
			}
		}
	}
	make_value(&value, HOST_LE64, "gone", 4, 4, true);
	assert_int_equal(parse_annotation(&key, &value, &a), 0);
	assert_true(a.deleted);
	assert_int_equal(a.value_len, 0);
	for (int tail = 0; tail <= 1; tail++) { /* what follows the value may be missing */
		make_value(&value, HOST_LE64, "note", 4, tail, false);
		assert_int_equal(parse_annotation(&key, &value, &a), 0);
		assert_int_equal(a.value_len, 4);
	}
	make_value(&value, HOST_LE64, "note", 4, 4, false);
	put_be32((uint8_t *)value.data, 400);
	assert_int_equal(parse_annotation(&key, &value, &a), -1);
	value.len = 3;
	assert_int_equal(parse_annotation(&key, &value, &a), -1);
	value.len = 0;
	assert_int_equal(parse_annotation(&key, &value, &a), -1);
	make_value(&value, HOST_LE64, "note", 4, 4, false);
	for (size_t n = 0; n < 21; n++) {
		struct buf cut = key;

		cut.len = n;
		assert_int_equal(parse_annotation(&cut, &value, &a), -1);
	}
	buf_done(&key);
	buf_done(&value);
}

/* A flat file as the database: \0 is \xff\x80 there. */
static void test_annotations_walk(void **state)
{
	static const char text[] =
	    "\037VER\037\t1\n"
	    "a\xff\x80/x\xff\x80\xff\x80\t\xff\x80\xff\x80\xff\x80\001\xff\x80\xff\x80\xff\x80\xff\x80"
	    "1\n"
	    "a\xff\x80/y\xff\x80\xff\x80\tbad\n"
	    "a\xff\x80/z\xff\x80u\xff\x80\t\xff\x80\xff\x80\xff\x80\001\xff\x80\xff\x80\xff\x80\xff\x80"
	    "2\n"
	    "ab\xff\x80/x\xff\x80\xff\x80\t\xff\x80\xff\x80\xff\x80\001\xff\x80\xff\x80\xff\x80\xff\x80"
	    "3\n";
	struct cyrusdb *db = open_bytes(text, sizeof text - 1);
	struct names n = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(annotations_each(db, NULL, add_annotation, &n, &err), -1);
	assert_int_equal(err.code, ERR_FORMAT);
	assert_string_equal(n.b.data, "a|/x||1\na|/z|u|2\nab|/x||3\n");
	buf_clear(&n.b);
	OK(annotations_each(db, "ab", add_annotation, &n, &err));
	assert_string_equal(n.b.data, "ab|/x||3\n");
	buf_clear(&n.b);
	n.stop_after = 1;
	assert_int_equal(annotations_each(db, NULL, add_annotation, &n, &err), 1);
	assert_string_equal(n.b.data, "a|/x||1\n");
	buf_done(&n.b);
	cyrusdb_close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seen_value),
		cmocka_unit_test(test_seen_database),
		cmocka_unit_test(test_seen_place),
		cmocka_unit_test(test_uidset),
		cmocka_unit_test(test_subs_of_servers),
		cmocka_unit_test(test_subs_versions),
		cmocka_unit_test(test_subs_unknown_version),
		cmocka_unit_test(test_quota_of_servers),
		cmocka_unit_test(test_quota_forms),
		cmocka_unit_test(test_annotations_of_servers),
		cmocka_unit_test(test_annotation_hosts),
		cmocka_unit_test(test_annotations_walk),
	};

	return cmocka_run_group_tests_name("userdata", tests, NULL, NULL);
}
