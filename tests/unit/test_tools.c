/* test_tools.c: finding, asking and running the server's programs: stand-ins written here, and, when CYRVAULT_LAB names the
 * directory of a running laboratory server, the real ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/io.h"
#include "core/job.h"
#include "core/mem.h"
#include "cyrus/mboxlist.h"
#include "cyrus/quiesce.h"
#include "cyrus/tools.h"

struct scene {
	char dir[64];
	char *conf;
};

static int setup(void **state)
{
	struct scene *s = mem_alloc(sizeof *s);
	char *text;

	strcpy(s->dir, "/tmp/cyrvault-tools.XXXXXX");
	if (mkdtemp(s->dir) == NULL)
		return -1;
	s->conf = mem_printf("%s/imapd.conf", s->dir);
	text = mem_printf("configdirectory: %s/conf\npartition-default: %s/spool\ndefaultpartition: default\n"
			  "unixhierarchysep: yes\n",
	    s->dir, s->dir);
	if (io_replace(AT_FDCWD, s->conf, text, strlen(text), 0644, NULL) == -1)
		return -1;
	free(text);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	io_remove_tree(AT_FDCWD, s->dir, NULL);
	free(s->conf);
	free(s);
	return 0;
}

/* A stand-in: a script that is run as NAME -C imapd.conf ARGUMENTS. */
static void script(const struct scene *s, const char *name, const char *body)
{
	char *path = mem_printf("%s/%s", s->dir, name), *text = mem_printf("#!/bin/sh\n%s\n", body);

	assert_int_equal(io_replace(AT_FDCWD, path, text, strlen(text), 0755, NULL), 0);
	free(path);
	free(text);
}

/* A script that adds its arguments after -C imapd.conf, one a line, to the file "args". */
static void recorder(const struct scene *s, const char *name, const char *more)
{
	char *body =
	    mem_printf("shift 2; for a; do printf '%%s\\n' \"$a\" >> %s/args; done; %s", s->dir, more);

	script(s, name, body);
	free(body);
}

static char *recorded(const struct scene *s)
{
	char *path = mem_printf("%s/args", s->dir);
	struct buf b = BUF_INIT;

	io_read_file(AT_FDCWD, path, 1 << 20, &b, NULL);
	unlink(path);
	free(path);
	return buf_steal(&b);
}

static void assert_recorded(const struct scene *s, const char *expected)
{
	char *got = recorded(s);

	assert_string_equal(got, expected);
	free(got);
}

static struct cyrus_tools *find(const struct scene *s)
{
	struct cyrus_tools *t = NULL;
	struct err e = { 0 };

	if (cyrus_tools_find(s->dir, s->conf, &t, &e) == -1)
		fail_msg("%s", e.msg);
	return t;
}

static void test_find(void **state)
{
	const struct scene *s = *state;
	struct cyrus_tools *t = NULL;
	struct err e = { 0 };

	assert_int_equal(cyrus_tools_find(s->dir, s->conf, &t, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	script(s, "ctl_mboxlist", "exit 0");
	assert_int_equal(cyrus_tools_find(s->dir, "/nonexistent/imapd.conf", &t, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);

	/* Nothing tells the version. */
	t = find(s);
	assert_int_equal(t->version.major, 0);
	assert_string_equal(t->version_text, "");
	assert_true(cyrus_tools_has(t, "ctl_mboxlist"));
	assert_false(cyrus_tools_has(t, "reconstruct"));
	cyrus_tools_free(t);

	/* 2.x: the text in lmtpd. Neither it nor master is ever run. */
	script(s, "lmtpd", "echo lmtpd ran >> args");
	{
		static const char program[] = "#!/bin/sh\0v2.\0v2.x\0\0v2.4.18-Debian-2.4.18-3\0 v2.3.9";
		char *path = mem_printf("%s/lmtpd", s->dir);

		assert_int_equal(io_replace(AT_FDCWD, path, program, sizeof program, 0755, NULL), 0);
		free(path);
	}
	t = find(s);
	assert_int_equal(t->version.major, 2);
	assert_int_equal(t->version.minor, 4);
	assert_int_equal(t->version.patch, 18);
	assert_string_equal(t->version_text, "2.4.18-Debian-2.4.18-3");
	cyrus_tools_free(t);

	script(s, "cyr_info", "[ \"$3\" = version ] && echo 'cyrus-imapd 3.6.1-Debian-3.6.1-4+deb12u5'");
	t = find(s);
	assert_int_equal(t->version.major, 3);
	assert_string_equal(t->version_text, "3.6.1-Debian-3.6.1-4+deb12u5");
	cyrus_tools_free(t);

	/* Older: a cyr_info that does not know the word. */
	script(s, "cyr_info", "echo 'cyr_info [-C <altconfig>] command' >&2; exit 1");
	t = find(s);
	assert_int_equal(t->version.minor, 4);
	cyrus_tools_free(t);
}

/* 2.5 to 3.4: the newest of the versions that the library beside the programs names. */
static void test_version_in_library(void **state)
{
	static const char library[] =
	    "\177ELF\0 "
	    "2.5.0\0003.1.8\0003.4.3-Debian-3.4.3-3\0002.5.0\00010.1\0004.1.2.3\0009.9.9x\0003.2.1\0009.9.9";
	const struct scene *s = *state;
	char *bin = mem_printf("%s/bin", s->dir), *lib = mem_printf("%s/lib", s->dir);
	char *tool = mem_printf("%s/ctl_mboxlist", bin), *path = mem_printf("%s/libcyrus_min.so.0", lib);
	struct cyrus_tools *t = NULL;
	struct err e = { 0 };

	mkdir(bin, 0755);
	mkdir(lib, 0755);
	assert_int_equal(io_replace(AT_FDCWD, tool, "#!/bin/sh\n", 10, 0755, NULL), 0);
	/* The last text has no end: it is none. */
	assert_int_equal(io_replace(AT_FDCWD, path, library, sizeof library - 1, 0644, NULL), 0);
	if (cyrus_tools_find(bin, s->conf, &t, &e) == -1)
		fail_msg("%s", e.msg);
	assert_string_equal(t->version_text, "3.4.3-Debian-3.4.3-3");
	assert_int_equal(t->version.minor, 4);
	cyrus_tools_free(t);
	free(bin);
	free(lib);
	free(tool);
	free(path);
}

static void test_undump(void **state)
{
	const struct scene *s = *state;
	struct cyrus_tools *t;
	struct err e = { 0 };
	struct buf b = BUF_INIT;

	recorder(s, "ctl_mboxlist", "cat");
	t = find(s);
	assert_int_equal(cyrus_mboxlist_dump(t, &b, &e), 0);
	assert_recorded(s, "-d\n");
	assert_int_equal(cyrus_mboxlist_undump(t, "user.x\n", 7, false, &e), 0);
	assert_recorded(s, "-u\n");
	assert_int_equal(cyrus_mboxlist_undump(t, "user.x\n", 7, true, &e), 0);
	assert_recorded(s, "-L\n-u\n");
	script(s, "ctl_mboxlist", "echo 'parse error at line 1: oops' >&2; exit 0");
	assert_int_equal(cyrus_mboxlist_undump(t, "x", 1, false, &e), -1);
	assert_int_equal(e.code, ERR_TOOL);
	assert_string_equal(
	    e.msg, "enter mailboxes into mailboxes.db: ctl_mboxlist: parse error at line 1: oops");
	script(s, "ctl_mboxlist", "echo 'fatal error: no' >&2; exit 75");
	assert_int_equal(cyrus_mboxlist_dump(t, &b, &e), -1);
	assert_string_equal(e.msg, "list the mailboxes: ctl_mboxlist: fatal error: no");
	buf_done(&b);
	cyrus_tools_free(t);
}

static void test_quota(void **state)
{
	const struct scene *s = *state;
	struct cyrus_tools *t;
	struct err e = { 0 };

	script(s, "ctl_mboxlist", "exit 0");
	recorder(s, "quota",
	    "[ \"$1\" != -h ] || { echo 'usage: quota [-f] [-q] [-J] [-n] [-u] [mailbox-spec]...' >&2; exit "
	    "64; }");
	t = find(s);
	assert_int_equal(cyrus_quota_fix(t, "dot.ty", &e), 0);
	assert_recorded(s, "-h\n-f\n-u\n--\ndot.ty\n");
	assert_int_equal(cyrus_quota_fix_root(t, "user.dot^ty.Work", &e), 0);
	assert_recorded(s, "-h\n-f\n-u\n--\ndot.ty\n");
	assert_int_equal(cyrus_quota_fix_root(t, "shared.v1^2", &e), 0);
	assert_recorded(s, "-f\n--\nshared/v1.2\n");
	/* What the tool could not read would make it recount everything. */
	assert_int_equal(cyrus_quota_fix_root(t, "shared..x", &e), -1);
	assert_recorded(s, "");
	recorder(s, "quota",
	    "[ \"$1\" != -h ] || { echo 'usage: quota [-C <alt_config>] [-d <domain>] [-f] [prefix]...' >&2; "
	    "exit 64; }");
	assert_int_equal(cyrus_quota_fix(t, "dot.ty", &e), 0);
	assert_recorded(s, "-h\n-f\n--\nuser/dot.ty\n");
	t->version = (struct cyrus_version){ 2, 4, 22 };
	assert_int_equal(cyrus_quota_fix(t, "bob@example.org", &e), 0);
	assert_recorded(s, "-h\n-f\n-d\nexample.org\n--\nuser/bob\n");
	script(s, "quota", "echo 'quota: no' >&2; exit 75");
	assert_int_equal(cyrus_quota_fix(t, "bob", &e), -1);
	assert_string_equal(e.msg, "recount the quota of bob: quota: quota: no");
	cyrus_tools_free(t);
}

static void test_reconstruct(void **state)
{
	const struct scene *s = *state;
	struct cyrus_reconstruct_opts o = { .recursive = true, .dry_run = true, .to_version = "max" };
	struct buf out = BUF_INIT;
	struct cyrus_tools *t;
	struct err e = { 0 };

	script(s, "ctl_mboxlist", "exit 0");
	recorder(s, "reconstruct", "echo user/alice/a.b; echo user/bob/x");
	t = find(s);
	assert_int_equal(cyrus_reconstruct(t, &o, (const char *const[]){ "user.alice.a^b" }, 1, &out, &e), 0);
	assert_string_equal(buf_text(&out), "user/alice/a.b\nuser/bob/x\n");
	assert_recorded(s, "-r\n-n\n-V\nmax\n--\nuser/alice/a.b\n");
	assert_int_equal(cyrus_reconstruct(t, &o, (const char *const[]){ "user.bob" }, 1, NULL, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	free(recorded(s));
	assert_int_equal(cyrus_reconstruct(t, &o, NULL, 0, NULL, &e), -1);
	assert_recorded(s, "");
	buf_done(&out);
	cyrus_tools_free(t);
}

static void test_dbtool(void **state)
{
	const struct scene *s = *state;
	struct buf b = BUF_INIT;
	struct cyrus_tools *t;
	struct err e = { 0 };

	script(s, "ctl_mboxlist", "exit 0");
	recorder(s, "cyr_dbtool", "printf 'ID2\\tno\\nID\\t1 2 3:4\\n'");
	t = find(s);
	assert_int_equal(cyrus_dbtool_get(t, "/x/seen.db", "twoskip", "ID", &b, &e), 1);
	assert_string_equal(buf_text(&b), "1 2 3:4");
	assert_recorded(s, "--\n/x/seen.db\ntwoskip\nshow\nID\n");
	assert_int_equal(cyrus_dbtool_get(t, "/x/seen.db", "twoskip", "I", &b, &e), 0);
	free(recorded(s));
	assert_int_equal(cyrus_dbtool_set(t, "/x/seen.db", "twoskip", "ID", "1 2 3:4", &e), 0);
	assert_recorded(s, "-n\n--\n/x/seen.db\ntwoskip\nset\nID\n1 2 3:4\n--\n/x/seen.db\ntwoskip\nshow\nID\n");
	/* It says nothing when it changed nothing. */
	assert_int_equal(cyrus_dbtool_set(t, "/x/seen.db", "twoskip", "ID", "other", &e), -1);
	assert_int_equal(cyrus_dbtool_delete(t, "/x/seen.db", "twoskip", "ID", &e), -1);
	assert_int_equal(cyrus_dbtool_delete(t, "/x/seen.db", "twoskip", "gone", &e), 0);
	free(recorded(s));
	assert_int_equal(cyrus_dbtool_set(t, "/x", "flat", "a\tb", "x", &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	assert_int_equal(cyrus_dbtool_set(t, "/x", "flat", "", "x", &e), -1);
	assert_int_equal(cyrus_dbtool_set(t, "/x", "flat", "k", "x\ny", &e), -1);
	assert_recorded(s, "");
	buf_done(&b);
	cyrus_tools_free(t);
}

static void test_user_ids(void **state)
{
	const struct scene *s = *state;
	char *conf_dir = mem_printf("%s/conf", s->dir), *spool = mem_printf("%s/spool", s->dir);
	struct imapd_conf *c = NULL;
	struct err e = { 0 };
	uid_t uid = 0;
	gid_t gid = 0;

	if (geteuid() != 0)
		skip();
	assert_int_equal(imapd_conf_load(s->conf, (struct cyrus_version){ 3, 6, 1 }, &c, &e), 0);
	assert_int_equal(cyrus_user_ids(c, &uid, &gid, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	mkdir(conf_dir, 0755);
	mkdir(spool, 0755);
	assert_int_equal(cyrus_user_ids(c, &uid, &gid, &e), -1);
	assert_int_equal(e.code, ERR_CONFIG);
	assert_int_equal(chown(spool, 4711, 4712), 0);
	assert_int_equal(cyrus_user_ids(c, &uid, &gid, &e), 0);
	assert_int_equal(uid, 4711);
	assert_int_equal(chown(conf_dir, 4001, 4002), 0);
	assert_int_equal(cyrus_user_ids(c, &uid, &gid, &e), 0);
	assert_int_equal(uid, 4001);
	assert_int_equal(gid, 4002);
	imapd_conf_free(c);
	free(conf_dir);
	free(spool);
}

/* ---- the real programs ---- */

static struct cyrus_tools *real_tools(void)
{
	const char *lab = getenv("CYRVAULT_LAB");
	struct cyrus_tools *t = NULL;
	struct err e = { 0 };
	char *conf;

	if (lab == NULL)
		return NULL;
	conf = mem_printf("%s/imapd.conf", lab);
	if (cyrus_tools_find(NULL, conf, &t, &e) == -1)
		fail_msg("%s", e.msg);
	free(conf);
	return t;
}

static void test_real_list(void **state)
{
	struct cyrus_tools *t = real_tools();
	struct mboxlist *list = NULL, *again = NULL;
	struct buf before = BUF_INIT, one = BUF_INIT, after = BUF_INIT;
	const struct mailbox_entry *m;
	struct mboxlist *single;
	struct err e = { 0 };

	(void)state;
	if (t == NULL)
		skip();
	assert_int_equal(t->version.major, 3);
	assert_int_equal(cyrus_mboxlist_dump(t, &before, &e), 0);
	assert_int_equal(mboxlist_read_text(buf_text(&before), before.len, &list, NULL, &e), 0);
	m = mboxlist_find(list, "user.alice");
	assert_non_null(m);
	single = mboxlist_new();
	mboxlist_add(single, m);
	assert_int_equal(mboxlist_write_text(single, mboxlist_form_for(t->version), &one, &e), 0);
	if (cyrus_mboxlist_undump(t, buf_text(&one), one.len, false, &e) == -1)
		fail_msg("%s", e.msg);
	assert_int_equal(cyrus_mboxlist_dump(t, &after, &e), 0);
	assert_int_equal(mboxlist_read_text(buf_text(&after), after.len, &again, NULL, &e), 0);
	assert_int_equal(again->n, list->n);
	assert_string_equal(mboxlist_find(again, "user.alice")->uniqueid, m->uniqueid);
	assert_int_equal(cyrus_mboxlist_undump(t, "rubbish\n", 8, false, &e), -1);
	assert_int_equal(e.code, ERR_TOOL);
	mboxlist_free(single);
	mboxlist_free(list);
	mboxlist_free(again);
	buf_done(&before);
	buf_done(&one);
	buf_done(&after);
	cyrus_tools_free(t);
}

static void test_real_quota_and_reconstruct(void **state)
{
	struct cyrus_tools *t = real_tools();
	const char *names[] = { "user.alice", "shared.team x", "user.dot^ty" };
	struct cyrus_reconstruct_opts o = { .dry_run = true };
	struct buf out = BUF_INIT;
	struct err e = { 0 };

	(void)state;
	if (t == NULL)
		skip();
	if (cyrus_quota_fix(t, "alice", &e) == -1 || cyrus_quota_fix(t, "dot.ty", &e) == -1 ||
	    cyrus_quota_fix_root(t, "user.alice", &e) == -1 ||
	    cyrus_quota_fix_root(t, "shared.team x", &e) == -1)
		fail_msg("%s", e.msg);
	/* Only servers with '/' have a user with a dot. */
	if (cyrus_reconstruct(t, &o, names, t->conf->unixhierarchysep ? 3 : 2, &out, &e) == -1)
		fail_msg("%s: %s", e.msg, buf_text(&out));
	assert_int_equal(cyrus_reconstruct(t, &o, (const char *const[]){ "user.nobody" }, 1, NULL, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	buf_done(&out);
	cyrus_tools_free(t);
}

static void test_real_dbtool(void **state)
{
	struct cyrus_tools *t = real_tools();
	struct buf b = BUF_INIT;
	struct err e = { 0 };
	struct stat st;
	uid_t uid;
	gid_t gid;

	(void)state;
	if (t == NULL)
		skip();
	if (cyrus_dbtool_set(t, t->conf->annotation_path, "twoskip", "-test key", "va\"l %(A b) {3}", &e) ==
	    -1)
		fail_msg("%s", e.msg);
	assert_int_equal(cyrus_dbtool_get(t, t->conf->annotation_path, "twoskip", "-test key", &b, &e), 1);
	assert_string_equal(buf_text(&b), "va\"l %(A b) {3}");
	assert_int_equal(cyrus_dbtool_delete(t, t->conf->annotation_path, "twoskip", "-test key", &e), 0);
	assert_int_equal(cyrus_dbtool_get(t, t->conf->annotation_path, "twoskip", "-test key", &b, &e), 0);
	assert_int_equal(cyrus_user_ids(t->conf, &uid, &gid, &e), 0);
	assert_int_equal(stat(t->conf->annotation_path, &st), 0);
	assert_int_equal(st.st_uid, uid);
	assert_int_equal(cyrus_dbtool_get(t, "/nonexistent.db", "twoskip", "x", &b, &e), -1);
	assert_int_equal(e.code, ERR_TOOL);
	buf_done(&b);
	cyrus_tools_free(t);
}

static void *cancel_soon(void *job)
{
	usleep(700000);
	job_cancel(job);
	return NULL;
}

/* Which tools wait for a held user, and which do not: what quiesce.h says. */
static void test_real_tools_and_holds(void **state)
{
	struct cyrus_tools *t = real_tools();
	struct job *job = job_new();
	struct quiesce *q = NULL;
	struct buf b = BUF_INIT;
	struct err e = { 0 };
	pthread_t thread;

	(void)state;
	if (t == NULL) {
		job_free(job);
		skip();
	}
	assert_int_equal(quiesce_open(t->conf, t->version, &q, &e), 0);
	assert_int_equal(quiesce_hold_user(q, "alice", 5000, &e), 0);
	assert_int_equal(cyrus_mboxlist_dump(t, &b, &e), 0);
	assert_int_equal(cyrus_dbtool_get(t, t->conf->mboxlist_path, "twoskip", "nokey", &b, &e), 0);
	assert_int_equal(cyrus_quota_fix(t, "bob", &e), 0);
	cyrus_tools_set_job(t, job);
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, job), 0);
	assert_int_equal(cyrus_quota_fix(t, "alice", &e), -1);
	assert_int_equal(e.code, ERR_CANCELLED);
	pthread_join(thread, NULL);
	cyrus_tools_set_job(t, NULL);
	quiesce_release(q);
	assert_int_equal(cyrus_quota_fix(t, "alice", &e), 0);
	buf_done(&b);
	quiesce_free(q);
	job_free(job);
	cyrus_tools_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_find, setup, teardown),
		cmocka_unit_test_setup_teardown(test_version_in_library, setup, teardown),
		cmocka_unit_test_setup_teardown(test_undump, setup, teardown),
		cmocka_unit_test_setup_teardown(test_quota, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reconstruct, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dbtool, setup, teardown),
		cmocka_unit_test_setup_teardown(test_user_ids, setup, teardown),
		cmocka_unit_test(test_real_list),
		cmocka_unit_test(test_real_quota_and_reconstruct),
		cmocka_unit_test(test_real_dbtool),
		cmocka_unit_test(test_real_tools_and_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
