/* test_case.c: a restore's case from its beginning to its end, what open ones mean to a plan, and who holds a server's lock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/app.h"
#include "app/lock.h"
#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/case.h"
#include "restore/json.h"
#include "restore/undo_change.h"

static char *dir, *conf_path;

/* A plan owns its names; none of these is freed. */
static char *name(const char *s)
{
	return (char *)(uintptr_t)s;
}

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
	dir = mem_printf("%s/test_case.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(dir) == NULL)
		return -1;
	/* No server's files belong to root. */
	if (geteuid() == 0 && chown(dir, 1, 1) == -1)
		return -1;
	setenv("CYRVAULT_NOW", "1000", 1);
	conf_path = mem_printf("%s/my conf", dir);
	imapd = mem_printf("%s/imapd.conf", dir);
	text = mem_printf("configdirectory: %s\npartition-default: %s\nunixhierarchysep: yes\n", dir, dir);
	put(imapd, text);
	free(text);
	text = mem_printf("[server \"one\"]\nimapd_conf = %s\ncyrus_conf = /nowhere\n"
			  "[server \"two\"]\nimapd_conf = /nowhere\n"
			  "[store \"s\"]\nurl = dir:%s\n[state]\ndirectory = %s\nkeep_cases = 30\n",
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
	unsetenv("CYRVAULT_NOW");
	return 0;
}

static int empty(void **state)
{
	char *cases = mem_printf("%s/cases", dir);

	(void)state;
	setenv("CYRVAULT_NOW", "1000", 1);
	io_remove_tree(AT_FDCWD, cases, NULL);
	free(cases);
	return 0;
}

/* A case of a whole user with these mailboxes, all absent. */
static struct restore_case *begin(
    const char *server, const char *archive, const char *user, const char *const *names, size_t n)
{
	struct restore_item items[8] = { 0 };
	struct restore_plan plan = { .items = items, .n_items = n, .request = { .user = user } };
	struct case_begin o = {
		.server = server, .archive = archive, .who = "ann", .reason = "ticket 7", .plan = &plan
	};
	struct restore_case *c;
	struct err e = { 0 };

	for (size_t i = 0; i < n; i++)
		items[i].name = name(names[i]);
	if (case_begin(dir, &o, &c, &e) == -1)
		fail_msg("%s", e.msg);
	return c;
}

static struct case_list list_of(const char *server)
{
	struct case_list l;
	struct err e = { 0 };

	if (case_list(dir, server, &l, &e) == -1)
		fail_msg("%s", e.msg);
	return l;
}

static void test_life(void **state)
{
	static const char *const boxes[] = { "user.a.Z&APw- x'\"\\$\xff\x80", "user.a\tb", "user.dot^ty" };
	struct restore_case *c = begin("one", "/mnt/x y/a.cpio", "al ice", boxes, 3), *again;
	char *id = mem_strdup(case_about(c)->id), *file = mem_printf("%s/case.json", case_path(c));
	struct case_info i;
	struct journal_log log;
	struct stat st;
	struct err e = { 0 };

	(void)state;
	assert_string_equal(id, "one-19700101T001640Z");
	assert_int_equal(stat(case_path(c), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(journal_read(journal_path(case_journal(c)), &log, &e), 0);
	assert_string_equal(log.server, "one");
	assert_string_equal(log.archive, "/mnt/x y/a.cpio");
	journal_log_done(&log);
	case_close(c);
	assert_int_equal(case_read(dir, id, &i, &e), 0);
	assert_string_equal(i.archive, "/mnt/x y/a.cpio");
	assert_string_equal(i.request.user, "al ice");
	assert_string_equal(i.who, "ann");
	assert_string_equal(i.reason, "ticket 7");
	assert_int_equal(i.state, CASE_OPEN);
	assert_int_equal(i.begun, 1000);
	assert_int_equal(i.ended, 0);
	/* A name that is none of Cyrus's is not restored. */
	assert_int_equal(i.n_boxes, 2);
	assert_string_equal(i.boxes[0].name, boxes[0]);
	assert_string_equal(i.boxes[1].name, boxes[2]);
	case_info_done(&i);
	/* The same request takes it up again, another one does not. */
	setenv("CYRVAULT_NOW", "2000", 1);
	again = begin("one", "/mnt/x y/a.cpio", "al ice", boxes, 1);
	assert_string_equal(case_about(again)->id, id);
	assert_int_equal(case_about(again)->n_boxes, 1);
	case_close(again);
	again = begin("one", "/mnt/x y/a.cpio", "bob", boxes, 1);
	assert_string_not_equal(case_about(again)->id, id);
	case_close(again);
	again = begin("one", "b.cpio", "al ice", boxes, 1);
	assert_string_not_equal(case_about(again)->id, id);
	/* It had the same mailbox to do: of the first one nothing is left, nor of bob's. */
	assert_int_equal(case_end(again, CASE_DONE, &e), 0);
	case_close(again);
	assert_int_equal(case_read(dir, id, &i, &e), 0);
	assert_int_equal(i.state, CASE_DONE);
	assert_int_equal(i.ended, 2000);
	case_info_done(&i);
	free(id);
	free(file);
}

/* Some of its messages are not the mailbox; and what was undone is not undone once more when it was done anew. */
static void test_parts(void **state)
{
	static const char *const boxes[] = { "user.a" };
	static const struct export_range range = { 5, 6 };
	static const struct restore_pick pick = { "user.a", &range, 1 };
	struct restore_item item = { .name = name(boxes[0]) };
	struct restore_plan plan = { .items = &item,
		.n_items = 1,
		.request = { .mailboxes = boxes, .n_mailboxes = 1, .picks = &pick, .n_picks = 1 } };
	struct case_begin o = { .server = "one", .archive = "a", .plan = &plan };
	struct restore_case *whole = begin("one", "a", "a", boxes, 1), *c;
	struct case_info i;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(case_begin(dir, &o, &c, &e), 0);
	assert_int_equal(case_end(c, CASE_DONE, &e), 0);
	case_close(c);
	assert_int_equal(case_read(dir, case_about(whole)->id, &i, &e), 0);
	assert_int_equal(i.state, CASE_OPEN);
	assert_int_equal(i.n_boxes, 1);
	case_info_done(&i);
	case_close(whole);
}

#define MESSAGE(box, id, validity, content)                                                                  \
	{                                                                                                    \
		.kind = JOURNAL_APPENDED, .mailbox = box, .uniqueid = id, .uidvalidity = validity, .guid = { \
			content                                                                              \
		}                                                                                            \
	}
#define CUT_OFF(box, id, validity, content)                                                                 \
	{                                                                                                   \
		.kind = JOURNAL_SENDING, .mailbox = box, .uniqueid = id, .uidvalidity = validity, .guid = { \
			content                                                                             \
		}                                                                                           \
	}
#define CHANGE(box, id, w, k)                                                                 \
	{                                                                                     \
		.kind = JOURNAL_CHANGING, .mailbox = box, .uniqueid = id, .what = w, .key = k \
	}

/* Of two restores the later one is undone first, if they could be taken for each other. */
static void test_order(void **state)
{
	static const struct journal_record first[] = {
		MESSAGE("user.a", "1", 5, 1),
		CUT_OFF("user.a", "1", 5, 2),
		CHANGE("user.a", "1", "acl", "bob"),
		CHANGE("user.a", "1", "repaired", ""),
		CHANGE("user.a.made", "2", "created", "identical"),
		CHANGE("user.a.empty", "", "created", "empty"),
	};
	static const struct {
		struct journal_record record;
		bool may;
	} later[] = {
		{ MESSAGE("user.a", "1", 5, 3), true },
		{ MESSAGE("user.a", "1", 5, 1), false },
		{ MESSAGE("user.renamed", "1", 5, 2), false },
		{ MESSAGE("user.a", "1", 6, 1), true },
		{ MESSAGE("user.b", "3", 5, 1), true },
		{ MESSAGE("user.a.made", "2", 5, 3), false },
		{ MESSAGE("user.a.empty", "4", 5, 3), false },
		{ CHANGE("user.a", "1", "acl", "carol"), true },
		{ CHANGE("user.a", "1", "acl", "bob"), false },
		{ CHANGE("user.a", "1", "repaired", ""), true },
	};
	struct journal_record before[sizeof first / sizeof *first], after;
	struct journal_log older = { .records = before, .n = sizeof first / sizeof *first },
			   newer = { .records = &after, .n = 1 };

	(void)state;
	memcpy(before, first, sizeof first);
	for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
		after = later[i].record;
		assert_ptr_equal(undo_shared(&older, &newer), later[i].may ? NULL : &after);
	}
}

static void test_marks(void **state)
{
	struct restore_merge merge = { .cut_off = true };
	struct restore_item items[] = {
		{ .name = name("user.merged"), .state = STATE_DIFFERS, .merge = &merge },
		{ .name = name("user.absent"), .state = STATE_ABSENT },
		{ .name = name("user.taken-up"), .state = STATE_SAME, .merge = &merge },
		{ .name = name("user.same"), .state = STATE_SAME }
	};
	struct restore_plan plan = { .items = items, .n_items = 4, .request = { .user = "x" } };
	struct case_begin o = { .server = "one", .archive = "a", .plan = &plan };
	struct restore_case *c;
	struct case_list l;
	struct case_marks m;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(case_begin(dir, &o, &c, &e), 0);
	l = list_of("one");
	case_marks(&l, &m);
	assert_int_equal(m.n_cut_off, 2);
	assert_string_equal(m.cut_off[0], "user.merged");
	assert_string_equal(m.cut_off[1], "user.taken-up");
	assert_int_equal(m.n_unfinished, 1);
	assert_string_equal(m.unfinished[0], "user.absent");
	case_marks_done(&m);
	assert_ptr_equal(case_find(&l, "a", &plan.request), &l.list[0]);
	assert_null(case_find(&l, "b", &plan.request));
	case_list_done(&l);
	assert_int_equal(case_end(c, CASE_UNDONE, &e), 0);
	case_close(c);
	l = list_of("one");
	case_marks(&l, &m);
	assert_int_equal(m.n_cut_off + m.n_unfinished, 0);
	assert_null(case_find(&l, "a", &plan.request));
	assert_null(case_last_undoable(&l));
	assert_ptr_equal(case_last(&l, CASE_UNDONE), &l.list[0]);
	case_marks_done(&m);
	case_list_done(&l);
}

static void test_names_of_one(void **state)
{
	static const char *const good[] = { "m-1-19700101T001640Z", "/x/cases/m-1-19700101T001640Z",
		"/x/m-1-19700101T001640Z/", "a/m-1-19700101T001640Z/receipt.json" };
	static const char *const bad[] = { "", "/", "..", "19700101T001640Z", "-19700101T001640Z",
		"one-19700101T001640Z.x", "one-1970", "m-1-19700101T001640Z/a/b" };
	struct err e = { 0 };
	struct case_info i;

	(void)state;
	for (size_t k = 0; k < sizeof good / sizeof *good; k++) {
		char *id = case_id_of(good[k]);

		assert_non_null(id);
		assert_string_equal(id, "m-1-19700101T001640Z");
		free(id);
	}
	for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
		assert_null(case_id_of(bad[k]));
	assert_int_equal(case_read(dir, "../one-19700101T001640Z", &i, &e), -1);
	assert_int_equal(case_read(dir, "one-19700101T001641Z", &i, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
}

static void test_safety(void **state)
{
	static const char *const box[] = { "user.a" };
	struct restore_case *c = begin("one", "a", "a", box, 1);
	char *path = mem_printf("%s/some file", dir), *copy, *id = mem_strdup(case_about(c)->id);
	struct journal_log log;
	struct buf b = BUF_INIT;
	struct stat st;
	struct err e = { 0 };

	(void)state;
	put(path, "as it was");
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(case_keep_file(c, "user.a", "id", path, "00ff", &e), 0);
	put(path, "as it is");
	/* Taken up again it does not begin with the first number. */
	case_close(c);
	assert_int_equal(case_open(dir, id, &c, &e), 0);
	assert_int_equal(case_keep_file(c, "user.a", "id", path, NULL, &e), 0);
	unlink(path);
	assert_int_equal(case_keep_file(c, "", "", path, "00", &e), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(case_keep_file(c, "", "", path, "00", &e), -1);
	assert_int_equal(journal_read(journal_path(case_journal(c)), &log, &e), 0);
	assert_int_equal(log.n, 3);
	assert_string_equal(log.records[0].what, "file");
	assert_string_equal(log.records[0].key, path);
	assert_string_equal(log.records[0].after, "00ff");
	copy = mem_printf("%s/%s", case_safety_dir(c, &e), log.records[0].before);
	assert_int_equal(io_read_file(AT_FDCWD, copy, 100, &b, &e), 0);
	assert_string_equal(buf_text(&b), "as it was");
	assert_int_equal(stat(copy, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_string_not_equal(log.records[1].before, log.records[0].before);
	assert_null(log.records[1].after);
	assert_null(log.records[2].before);
	buf_done(&b);
	journal_log_done(&log);
	case_close(c);
	unlink(path);
	free(copy);
	free(path);
	free(id);
}

static void test_pruning(void **state)
{
	static const char *const box[] = { "user.a" };
	struct restore_case *open = begin("one", "a", "a", box, 1), *done = begin("two", "a", "b", box, 1);
	char *left = mem_printf("%s/cases/.new.2147483647", dir);
	struct case_list l;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(case_end(done, CASE_DONE, &e), 0);
	assert_int_equal(mkdir(left, 0700), 0);
	setenv("CYRVAULT_NOW", "2593000", 1); /* 30 days later to the second */
	assert_int_equal(case_prune(dir, 30, &e), 0);
	assert_int_equal(access(left, F_OK), -1);
	setenv("CYRVAULT_NOW", "2593001", 1);
	assert_int_equal(case_prune(dir, 30, &e), 1);
	l = list_of(NULL);
	assert_int_equal(l.n, 1);
	assert_string_equal(l.list[0].id, case_about(open)->id);
	case_list_done(&l);
	case_close(open);
	case_close(done);
	free(left);
}

/* ---- hostile files ---- */

static void test_hostile(void **state)
{
	static const char *const bad[] = { "", "{", "[]", "{}", "{\"format\":\"cyrvault-case\"}",
		"{\"format\":\"cyrvault-case\",\"version\":1}",
		"{\"format\":\"cyrvault-case\",\"version\":2,\"server\":\"one\",\"archive\":\"a\"}",
		"{\"format\":\"cyrvault-case\",\"version\":1,\"server\":\"one\",\"archive\":\"a\",\"begun\":-"
		"1,"
		"\"ended\":0,\"state\":\"open\",\"request\":{\"user\":\"a\",\"mode\":\"merge\"}}",
		"{\"format\":\"cyrvault-case\",\"version\":1,\"server\":\"one\",\"archive\":\"a\",\"begun\":"
		"1,"
		"\"ended\":0,\"state\":\"what\",\"request\":{\"user\":\"a\",\"mode\":\"merge\"}}",
		"{\"format\":\"cyrvault-case\",\"version\":1,\"server\":\"one\",\"archive\":\"a\",\"begun\":"
		"1,"
		"\"ended\":0,\"state\":\"open\",\"mailboxes\":[{\"name\":\"../x\"}],"
		"\"request\":{\"user\":\"a\",\"mode\":\"merge\"}}",
		"{\"format\":\"cyrvault-case\",\"version\":1,\"server\":\"one\",\"archive\":\"a\",\"begun\":"
		"1,"
		"\"ended\":0,\"state\":\"open\",\"request\":{\"user\":\"a/b\",\"mode\":\"merge\"}}" };
	char *id = mem_strdup("one-19700101T000001Z"), *path = mem_printf("%s/cases/%s", dir, id);
	char *file = mem_printf("%s/case.json", path);
	struct case_info i;
	struct case_list l;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(io_mkdirs(AT_FDCWD, path, 0700, &e), 0);
	for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
		put(file, bad[k]);
		assert_int_equal(case_read(dir, id, &i, &e), -1);
	}
	l = list_of(NULL);
	assert_int_equal(l.n, 0);
	put(file,
	    "{\"format\":\"cyrvault-case\",\"version\":1,\"server\":\"one\",\"archive\":\"a\",\"begun\":1,"
	    "\"ended\":0,\"state\":\"open\",\"mailboxes\":[{\"name\":\"user.x\"}],"
	    "\"request\":{\"user\":\"a\",\"mode\":\"merge\"}}");
	assert_int_equal(case_read(dir, id, &i, &e), 0);
	case_info_done(&i);
	free(id);
	free(path);
	free(file);
}

static int read_request(const char *text, struct restore_request *ret)
{
	struct err e = { 0 };
	json_t *v = json_parse(text, strlen(text), "it", &e);
	int rc = v != NULL ? restore_request_read(v, ret, &e) : -1;

	json_decref(v);
	return rc;
}

static void test_request(void **state)
{
	static const char *const names[] = { "user.a.Z&APw- \"x", "user.b\xff\xfe" };
	static const struct export_range ranges[] = { { 1, 5 }, { 7, 4294967295 } };
	static const struct restore_pick pick = { "user.b\xff\xfe", ranges, 2 };
	struct restore_request r = { .mailboxes = names,
		.n_mailboxes = 2,
		.to_user = "carol@example.org",
		.into = "user.c.New",
		.picks = &pick,
		.n_picks = 1,
		.expunged = true,
		.what = RESTORE_FLAGS | RESTORE_QUOTA,
		.recursive = true,
		.mode = RESTORE_KEEP_UIDS,
		.mark = "$Back",
		.moved = true };
	static const char *const bad[] = { "{\"mode\":\"merge\"}", "{\"user\":\"a\"}", "[]", "null",
		"{\"user\":\"a\",\"mode\":\"no such\"}", "{\"user\":\"\",\"mode\":\"merge\"}",
		"{\"user\":\"a\\u0000b\",\"mode\":\"merge\"}", "{\"user\":7,\"mode\":\"merge\"}",
		"{\"mailboxes\":[\"a/../b\"],\"mode\":\"merge\"}",
		"{\"mailboxes\":[\"\"],\"mode\":\"merge\"}", "{\"mailboxes\":\"user.a\",\"mode\":\"merge\"}",
		"{\"mailboxes\":[{\"hex\":\"4142\",\"x\":1},{\"hex\":\"zz\"}],\"mode\":\"merge\"}",
		"{\"mailboxes\":[{\"hex\":\"410042\"}],\"mode\":\"merge\"}",
		"{\"user\":\"a\",\"mode\":\"merge\",\"recursive\":1}",
		"{\"user\":\"a\",\"mode\":\"merge\",\"what\":[\"all\"]}",
		"{\"user\":\"a\",\"mode\":\"merge\",\"what\":\"acl\"}",
		"{\"user\":\"a\",\"mode\":\"merge\",\"mark\":\"a b\"}",
		"{\"user\":\"a\",\"mode\":\"merge\",\"into\":\"..\"}",
		"{\"user\":\"a\",\"mode\":\"merge\",\"messages\":[{\"mailbox\":\"user.a\"}]}",
		"{\"user\":\"a\",\"mode\":\"merge\",\"messages\":[{\"uids\":[[1,2]]}]}",
		"{\"user\":\"a\",\"mode\":\"merge\",\"messages\":[{\"mailbox\":\"user.a\",\"uids\":[[0,2]]}]"
		"}",
		"{\"user\":\"a\",\"mode\":\"merge\",\"messages\":[{\"mailbox\":\"user.a\",\"uids\":[[3,2]]}]"
		"}",
		"{\"user\":\"a\",\"mode\":\"merge\",\"messages\":[{\"mailbox\":\"user.a\",\"uids\":[[1,"
		"4294967296]]}]}",
		"{\"user\":\"a\",\"mode\":\"merge\",\"user\":\"b\"}" };
	struct restore_request back, copy;
	struct buf b = BUF_INIT;
	json_t *v = restore_request_write(&r);

	(void)state;
	json_text(v, &b);
	json_decref(v);
	assert_int_equal(read_request(buf_text(&b), &back), 0);
	assert_true(restore_request_same(&r, &back));
	assert_string_equal(back.mailboxes[1], names[1]);
	assert_int_equal(back.picks[0].ranges[1].last, 4294967295);
	assert_int_equal(back.what, r.what);
	assert_int_equal(back.mode, RESTORE_KEEP_UIDS);
	restore_request_copy(&copy, &back);
	copy.moved = false;
	assert_false(restore_request_same(&copy, &back));
	copy.moved = true;
	copy.mode = RESTORE_BESIDE;
	assert_false(restore_request_same(&copy, &back));
	restore_request_done(&copy);
	restore_request_done(&back);
	/* Cut anywhere, and with any byte changed, it is refused or read; nothing else. */
	for (size_t n = 0; n < b.len; n++) {
		char *cut = mem_strndup(b.data, n), *changed = mem_strdup(b.data);

		if (n + 2 < b.len)
			assert_int_equal(read_request(cut, &back), -1);
		changed[n] ^= 0x15;
		if (read_request(changed, &back) == 0)
			restore_request_done(&back);
		free(cut);
		free(changed);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (read_request(bad[i], &back) == 0)
			fail_msg("taken: %s", bad[i]);
	assert_int_equal(read_request("{\"user\":\"a\",\"mode\":\"merge\"}", &back), 0);
	restore_request_done(&back);
	buf_done(&b);
}

/* ---- what the front ends are told ---- */

static void test_unfinished(void **state)
{
	static const char *const few[] = { "user.alice.team x", "user.dot^ty.a" };
	struct restore_case *a, *b;
	struct app *app;
	struct app_unfinished u;
	struct err e = { 0 };
	char *whole;
	int lock;

	(void)state;
	if (app_open(conf_path, &app, &e) == -1)
		fail_msg("%s", e.msg);
	assert_int_equal(app_conf(app)->keep_cases, 30);
	assert_int_equal(app_unfinished(app, NULL, &u, &e), 0);
	assert_int_equal(u.n, 0);
	app_unfinished_done(&u);
	a = begin("one", "a.cpio.gz", "alice", few, 2);
	b = begin("two", "a.cpio.gz", "alice", few, 1);
	assert_int_equal(app_unfinished(app, NULL, &u, &e), 0);
	assert_int_equal(u.n, 1);
	assert_string_equal(u.list[0].archive, "a.cpio.gz");
	assert_string_equal(u.list[0].user, "alice");
	assert_int_equal(u.list[0].begun, 1000);
	assert_int_equal(u.list[0].n, 2);
	assert_string_equal(u.list[0].mailboxes[1], "user.dot^ty.a");
	whole = mem_printf("cyrvault -C '%s' restore --resume one-19700101T001640Z", conf_path);
	assert_string_equal(u.list[0].command, whole);
	free(whole);
	app_unfinished_done(&u);
	/* While one runs, it is not cut off. */
	lock = lock_take(app_conf(app)->lock_directory, "one", "restore", &e);
	assert_int_not_equal(lock, -1);
	assert_int_equal(app_unfinished(app, NULL, &u, &e), 0);
	assert_int_equal(u.n, 0);
	close(lock);
	lock = lock_take(app_conf(app)->lock_directory, "one", "backup", &e);
	assert_int_equal(app_unfinished(app, NULL, &u, &e), 0);
	assert_int_equal(u.n, 1);
	close(lock);
	app_unfinished_done(&u);
	assert_int_equal(app_unfinished(app, "two", &u, &e), 0);
	whole = mem_printf("cyrvault -C '%s' restore --server=two --resume two-19700101T001640Z", conf_path);
	assert_string_equal(u.list[0].command, whole);
	free(whole);
	app_unfinished_done(&u);
	assert_int_equal(app_unfinished(app, "three", &u, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	case_close(a);
	case_close(b);
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
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup(test_life, empty),
		cmocka_unit_test_setup(test_order, empty), cmocka_unit_test_setup(test_marks, empty),
		cmocka_unit_test_setup(test_parts, empty), cmocka_unit_test_setup(test_names_of_one, empty),
		cmocka_unit_test_setup(test_safety, empty), cmocka_unit_test_setup(test_pruning, empty),
		cmocka_unit_test_setup(test_hostile, empty), cmocka_unit_test_setup(test_request, empty),
		cmocka_unit_test_setup(test_unfinished, empty), cmocka_unit_test(test_lock) };

	return cmocka_run_group_tests(tests, setup, teardown);
}
