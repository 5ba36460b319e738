/* test_mboxname.c: names of mailboxes and where they lie, in every layout and configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/io.h"
#include "cyrus/mboxname.h"

#define BASE "configdirectory: /c\npartition-default: /s\nsievedir: /sieve\n"

static const struct cyrus_version v23 = { 2, 3, 19 }, v25 = { 2, 5, 11 }, v36 = { 3, 6, 1 };

static struct imapd_conf *conf(const char *more, struct cyrus_version v)
{
	char text[1024];
	struct imapd_conf *c;
	struct err e = { 0 };

	snprintf(text, sizeof text, BASE "%s", more);
	if (imapd_conf_parse(text, strlen(text), "imapd.conf", v, &c, &e) == -1)
		fail_msg("%s", e.msg);
	return c;
}

/* ---- names ---- */

static void typed(const struct imapd_conf *c, const char *text, const char *internal)
{
	struct err e = { 0 };
	char *got;

	if (mboxname_parse(c, text, &got, &e) == -1)
		fail_msg("%s: %s", text, e.msg);
	if (strcmp(got, internal) != 0)
		fail_msg("%s: %s, not %s", text, got, internal);
	free(got);
}

static void not_typed(const struct imapd_conf *c, const char *text)
{
	struct err e = { 0 };
	char *got = NULL;

	if (mboxname_parse(c, text, &got, &e) == 0)
		fail_msg("%s was taken for %s", text, got);
	assert_null(got);
	assert_int_equal(e.code, ERR_USAGE);
}

static void parse(void **state)
{
	struct imapd_conf *slash = conf("unixhierarchysep: yes\n", v36),
			  *dot = conf("unixhierarchysep: no\n", v36);
	struct imapd_conf *virt =
	    conf("unixhierarchysep: yes\nvirtdomains: userid\ndefaultdomain: home.example\n", v36);
	struct imapd_conf *virtdot = conf("unixhierarchysep: no\nvirtdomains: on\n", v36);
	char *long_name;

	(void)state;
	typed(slash, "user/alice/Work", "user.alice.Work");
	typed(slash, "user.alice.Work", "user.alice.Work");
	typed(slash, "user/dot.ty/a.b", "user.dot^ty.a^b");
	typed(slash, "user.dot^ty.a^b", "user.dot^ty.a^b");
	typed(slash, "user/alice/Entw\xc3\xbcrfe", "user.alice.Entw&APw-rfe");
	typed(slash, "user/alice/Entw&APw-rfe", "user.alice.Entw&APw-rfe");
	typed(slash, "user.alice.Entw\xc3\xbcrfe", "user.alice.Entw&APw-rfe");
	typed(slash, "user/alice/R&D", "user.alice.R&-D");
	typed(slash, "user/alice/R&-D", "user.alice.R&-D");
	typed(slash, "user/alice/Sp ace & Co", "user.alice.Sp ace &- Co");
	typed(slash, "user/alice/\xe5\x8f\xb0\xe5\x8c\x97", "user.alice.&U,BTFw-");
	typed(slash, "shared", "shared");
	typed(slash, "user/bob@example.org", "user.bob@example^org");
	typed(slash, "DELETED/user/alice/Work/6B03E128", "DELETED.user.alice.Work.6B03E128");
	typed(slash, "DELETED.user.alice.Work.6B03E128", "DELETED.user.alice.Work.6B03E128");
	not_typed(slash, "user/dot^ty");
	not_typed(slash, "user/alice/");
	not_typed(slash, "/user/alice");
	not_typed(slash, "user//alice");
	typed(slash, "user/alice/..", "user.alice.^^"); /* a name like any other: dots are '^' on disk */
	not_typed(slash, "..");
	not_typed(slash, ".");
	not_typed(slash, "");
	not_typed(slash, "user");
	not_typed(slash, "~root/x");
	not_typed(slash, "$RACL/x");
	not_typed(slash, "user/a\x01");
	not_typed(slash, "user/a\nb");
	not_typed(slash, "user/\xff\xfe");
	not_typed(slash, "user/\xc0\xaf");

	typed(dot, "user.alice.Work", "user.alice.Work");
	typed(dot, "user/alice/Work", "user.alice.Work");
	typed(dot, "user/dot.ty", "user.dot^ty");
	typed(dot, "user.dot^ty", "user.dot^ty");
	typed(dot, "user/dot^ty", "user.dot^ty");
	not_typed(dot, "user.alice..Work");
	not_typed(dot, "user.alice.");

	typed(virt, "user/bob/Sent@example.org", "example.org!user.bob.Sent");
	typed(virt, "user/bob@example.org/Sent", "example.org!user.bob.Sent");
	typed(virt, "user/bob@example.org", "example.org!user.bob");
	typed(virt, "user/bob@home.example", "user.bob");
	typed(virt, "user/a.b/c.d@example.org", "example.org!user.a^b.c^d");
	typed(virt, "example.org!user.bob.Sent", "example.org!user.bob.Sent");
	typed(virt, "user/bob/\xc3\xbc@example.org", "example.org!user.bob.&APw-");
	not_typed(virt, "user/bob@");
	not_typed(virt, "user/bob@/x");
	not_typed(virt, "!user.bob");
	not_typed(virt, "..!user.bob");
	typed(virtdot, "user.bob.Sent@example.org", "example.org!user.bob.Sent");
	typed(virtdot, "example.org!user.bob", "example.org!user.bob");

	long_name = malloc(4000);
	assert_non_null(long_name);
	memset(long_name, 'a', 3999);
	long_name[3999] = '\0';
	not_typed(slash, long_name);
	long_name[1500] = '\0';
	not_typed(slash, long_name);
	free(long_name);
	imapd_conf_free(slash);
	imapd_conf_free(dot);
	imapd_conf_free(virt);
	imapd_conf_free(virtdot);
}

static void shown(const struct imapd_conf *c, const char *internal, const char *admin, const char *display)
{
	struct buf b = BUF_INIT;

	mboxname_admin(c, internal, &b);
	assert_string_equal(buf_text(&b), admin);
	buf_clear(&b);
	mboxname_display(c, internal, &b);
	assert_string_equal(buf_text(&b), display);
	buf_done(&b);
}

static void display(void **state)
{
	struct imapd_conf *slash = conf("unixhierarchysep: yes\n", v36),
			  *dot = conf("unixhierarchysep: no\n", v36);

	(void)state;
	shown(slash, "user.dot^ty.Entw&APw-rfe", "user/dot.ty/Entw&APw-rfe", "user/dot.ty/Entw\xc3\xbcrfe");
	shown(dot, "user.dot^ty.Entw&APw-rfe", "user.dot^ty.Entw&APw-rfe", "user.dot^ty.Entw\xc3\xbcrfe");
	shown(slash, "example.org!user.bob.R&-D", "user/bob/R&-D@example.org", "user/bob/R&D@example.org");
	shown(slash, "user.alice.&bad", "user/alice/&bad", "user/alice/&bad");
	shown(slash, "user.a\x1b[2Jb", "user/a\x1b[2Jb", "user/a\\x1b[2Jb");
	imapd_conf_free(slash);
	imapd_conf_free(dot);
}

static void dbname(const char *internal, const char *key, size_t n)
{
	struct buf b = BUF_INIT;

	mboxname_to_dbname(internal, &b);
	assert_int_equal(b.len, n);
	assert_memory_equal(buf_text(&b), key, n);
	buf_clear(&b);
	mboxname_from_dbname(key, n, &b);
	assert_string_equal(buf_text(&b), internal);
	buf_done(&b);
}

static void dbnames(void **state)
{
	(void)state;
	dbname("user.dot^ty.Work",
	    "user\x1f"
	    "dot.ty\x1fWork",
	    16);
	dbname("shared", "shared", 6);
	dbname("example.org!user.bob",
	    "example.org\x1d"
	    "user\x1f"
	    "bob",
	    20);
	dbname("example.org!user.b^b.x",
	    "example.org\x1duser\x1f"
	    "b.b\x1fx",
	    22);
}

static void owner(const char *internal, const char *user)
{
	char *got = mboxname_user(internal);

	if (user == NULL)
		assert_null(got);
	else
		assert_string_equal(got, user);
	free(got);
}

static void owners(void **state)
{
	char *s;

	(void)state;
	owner("user.alice", "alice");
	owner("user.alice.Work.x", "alice");
	owner("user.dot^ty.Work", "dot.ty");
	owner("example.org!user.bob.x", "bob@example.org");
	owner("shared.team x", NULL);
	owner("user", NULL);
	owner("users.x", NULL);
	owner("DELETED.user.alice.x.6B03E128", "alice");
	owner("DELETED.user.alice.6B03E128", "alice");
	owner("DELETED.user.6B03E128", NULL);
	owner("DELETED.shared.6B03E128", NULL);
	owner("example.org!DELETED.user.bob.6B03E128", "bob@example.org");
	s = mboxname_inbox("dot.ty");
	assert_string_equal(s, "user.dot^ty");
	free(s);
	s = mboxname_inbox("b.b@example.org");
	assert_string_equal(s, "example.org!user.b^b");
	free(s);
}

static void was(const struct imapd_conf *c, const char *internal, const char *name, long long time)
{
	long long when = 7;
	char *got = mboxname_undeleted(c, internal, &when);

	assert_int_equal(when, time);
	if (name == NULL) {
		assert_null(got);
		assert_false(mboxname_is_deleted(c, internal));
	} else {
		assert_string_equal(got, name);
		assert_true(mboxname_is_deleted(c, internal));
	}
	free(got);
}

static void deleted(void **state)
{
	struct imapd_conf *c = conf("", v36), *other = conf("deletedprefix: Weg.da\n", v36);

	(void)state;
	was(c, "DELETED.user.alice.Work.6B03E128", "user.alice.Work", 0x6B03E128);
	was(c, "example.org!DELETED.user.bob.6B03E128", "example.org!user.bob", 0x6B03E128);
	was(c, "DELETED.shared.F0000000", "shared", 0xF0000000LL);
	was(c, "DELETED.user.alice.cafe", "user.alice.cafe", 0);
	was(c, "DELETED.6B03E128", "6B03E128", 0);
	was(c, "DELETED", NULL, 0);
	was(c, "DELETED.", NULL, 0);
	was(c, "DELETEDX.a.6B03E128", NULL, 0);
	was(c, "user.DELETED.x", NULL, 0);
	was(other, "DELETED.user.x.6B03E128", NULL, 0);
	was(other, "Weg.da.user.x.6B03E128", "user.x", 0x6B03E128);
	free(mboxname_undeleted(c, "DELETED.a.6B03E128", NULL));
	imapd_conf_free(c);
	imapd_conf_free(other);
}

static void below(void **state)
{
	(void)state;
	assert_true(mboxname_is_below("user.alice", "user.alice"));
	assert_true(mboxname_is_below("user.alice.x", "user.alice"));
	assert_false(mboxname_is_below("user.alicex", "user.alice"));
	assert_false(mboxname_is_below("user", "user.alice"));
}

static void valid(void **state)
{
	(void)state;
	assert_true(mboxname_valid("user.alice.Sp ace"));
	assert_true(mboxname_valid("user.\xe4"));
	assert_true(mboxname_valid("user.^^.x"));
	assert_true(mboxname_valid("example.org!user.x"));
	assert_false(mboxname_valid(""));
	assert_false(mboxname_valid("."));
	assert_false(mboxname_valid("a..b"));
	assert_false(mboxname_valid(".a"));
	assert_false(mboxname_valid("a."));
	assert_false(mboxname_valid("a/b"));
	assert_false(mboxname_valid("a\tb"));
	assert_false(mboxname_valid("a\x7f"));
	assert_false(mboxname_valid("!a"));
	assert_false(mboxname_valid("..!a"));
	assert_false(mboxname_valid("a/b!user.x"));
	assert_false(mboxname_valid("example.org!"));
	assert_false(mboxname_valid("example.org!.x"));
}

/* ---- places ---- */

static void dir(const struct imapd_conf *c, const char *internal, const char *path)
{
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	if (mboxname_dir(c, LAYOUT_BY_NAME, internal, NULL, &b, &e) == -1)
		fail_msg("%s: %s", internal, e.msg);
	assert_string_equal(buf_text(&b), path);
	buf_done(&b);
}

static void no_dir(const struct imapd_conf *c, const char *internal)
{
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	assert_int_equal(mboxname_dir(c, LAYOUT_BY_NAME, internal, NULL, &b, &e), -1);
	assert_int_equal(mboxname_lock(c, LAYOUT_BY_NAME, internal, NULL, &b, NULL), -1);
	assert_int_equal(e.code, ERR_FORMAT);
	assert_int_equal(b.len, 0);
}

static void by_name(void **state)
{
	struct imapd_conf *plain = conf("", v36), *hashed = conf("hashimapspool: yes\n", v36);
	struct imapd_conf *full = conf("hashimapspool: yes\nfulldirhash: yes\n", v36);
	struct imapd_conf *old = conf("hashimapspool: yes\nfulldirhash: yes\n", v25);

	(void)state;
	dir(plain, "user.alice.Work", "user/alice/Work");
	dir(plain, "example.org!user.bob", "domain/example.org/user/bob");
	dir(hashed, "user.alice.Work", "a/user/alice/Work");
	dir(hashed, "user.Alice.Work", "a/user/Alice/Work");
	dir(hashed, "user.1st", "q/user/1st");
	dir(hashed, "shared", "s/shared");
	dir(hashed, "shared.team x", "t/shared/team x");
	dir(hashed, "user.^x", "q/user/^x");
	dir(hashed, "user.alice.^^", "a/user/alice/^^");
	dir(hashed, "DELETED.user.alice.Work.6B03E128", "u/DELETED/user/alice/Work/6B03E128");
	dir(hashed, "example.org!user.bob.Sent", "domain/e/example.org/b/user/bob/Sent");
	/* Seen on a server. */
	dir(full, "user.alice", "L/user/alice");
	dir(full, "user.dot^ty.Work", "A/user/dot^ty/Work");
	dir(old, "user.dot^ty.Work", "R/user/dot^ty/Work");
	dir(full, "shared", "T/shared");
	for (int i = 0; i < 2; i++) {
		struct imapd_conf *c = i == 0 ? hashed : old;

		no_dir(c, "");
		no_dir(c, "..");
		no_dir(c, "a/../../etc");
		no_dir(c, "user./etc");
		no_dir(c, "a..b");
		no_dir(c, "../x!user.y");
		no_dir(c, "..!user.y");
	}
	/* 3.x takes the time out of such a name and would make another directory of it. */
	no_dir(hashed, "DELETED.user.alice.Work");
	no_dir(hashed, "DELETED.user.alice.6b03e128");
	no_dir(hashed, "DELETED.user.alice.06B03E128");
	no_dir(hashed, "DELETED.user.alice.zzz");
	dir(old, "DELETED.user.alice.zzz", "C/DELETED/user/alice/zzz");
	imapd_conf_free(plain);
	imapd_conf_free(hashed);
	imapd_conf_free(full);
	imapd_conf_free(old);
}

static void by_id(void **state)
{
	static const char *const bad[] = { "", "a", "../../../x", "a/b", "a.b", "ab c", "ab\n",
		"\xff\xff\xff" };
	struct imapd_conf *c = conf("hashimapspool: yes\n", v36);
	struct buf b = BUF_INIT;
	struct err e = { 0 };
	char longer[200];

	(void)state;
	assert_int_equal(mboxname_dir(c, LAYOUT_UUID, "user.alice", "v9jlqo1wu3f5", &b, &e), 0);
	assert_string_equal(buf_text(&b), "uuid/v/9/v9jlqo1wu3f5");
	buf_clear(&b);
	assert_int_equal(
	    mboxname_dir(c, LAYOUT_UUID, "x", "e5a2f3b0-1111-2222-3333-444455556666", &b, &e), 0);
	assert_string_equal(buf_text(&b), "uuid/e/5/e5a2f3b0-1111-2222-3333-444455556666");
	buf_clear(&b);
	assert_int_equal(mboxname_lock(c, LAYOUT_UUID, "x", "v9jlqo1wu3f5", &b, &e), 0);
	assert_string_equal(buf_text(&b), "/c/lock/v/v9jlqo1wu3f5.lock");
	buf_clear(&b);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(mboxname_dir(c, LAYOUT_UUID, "x", bad[i], &b, &e), -1);
		assert_int_equal(mboxname_lock(c, LAYOUT_UUID, "x", bad[i], &b, &e), -1);
		assert_int_equal(mboxname_user_file(c, LAYOUT_UUID, USER_SEEN, "x", bad[i], &b, &e), -1);
	}
	memset(longer, 'a', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	assert_int_equal(mboxname_dir(c, LAYOUT_UUID, "x", longer, &b, &e), -1);
	assert_int_equal(mboxname_dir(c, LAYOUT_UUID, "x", NULL, &b, &e), -1);
	assert_int_equal(b.len, 0);
	buf_done(&b);
	imapd_conf_free(c);
}

static void file(
    const struct imapd_conf *c, enum user_file which, const char *user, const char *id, const char *path)
{
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	if (mboxname_user_file(c, id == NULL ? LAYOUT_BY_NAME : LAYOUT_UUID, which, user, id, &b, &e) == -1)
		fail_msg("%s: %s", user, e.msg);
	assert_string_equal(buf_text(&b), path);
	buf_done(&b);
}

static void users(void **state)
{
	static const char *const bad[] = { "", ".", "..", "a/b", "../x", "a@..", "a@.", "..@b", "a@b@..",
		"@x", "x@", "a\n" };
	struct imapd_conf *c = conf("mboxname_userpath: /u\n", v36), *old = conf("", v23);
	struct imapd_conf *virt = conf("virtdomains: userid\nfulldirhash: yes\n", v36),
			  *oldvirt = conf("virtdomains: on\n", v23);
	struct imapd_conf *home = conf("sieveusehomedir: yes\n", v36);
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	(void)state;
	file(c, USER_SEEN, "alice", "v9jl", "/u/user/uuid/v/9/v9jl/seen.db");
	file(c, USER_SIEVE_DIR, "alice", "v9jl", "/sieve/uuid/v/9/v9jl");
	file(c, USER_MBOXKEY, "alice", "v9jl", "/u/user/uuid/v/9/v9jl/mboxkey.db");
	file(c, USER_SEEN, "alice", NULL, "/u/user/a/alice.seen");
	file(old, USER_SUBS, "dot.ty", NULL, "/c/user/d/dot.ty.sub");
	file(old, USER_SIEVE_DIR, "dot.ty", NULL, "/sieve/d/dot.ty");
	file(old, USER_SEEN, "bob@example.org", NULL, "/c/user/b/bob@example.org.seen");
	file(oldvirt, USER_SEEN, "bob@example.org", NULL, "/c/domain/e/example.org/user/b/bob.seen");
	file(oldvirt, USER_SIEVE_DIR, "bob@example.org", NULL, "/sieve/domain/e/example.org/b/bob");
	file(virt, USER_XAPIAN, "dot.ted@sub.example.org", NULL,
	    "/c/domain/O/sub.example.org/user/A/dot.ted.xapianactive");
	file(virt, USER_SEEN, "bob@internal", NULL, "/c/user/E/bob.seen");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		for (int which = 0; which < USER_FILES; which++) {
			assert_int_equal(mboxname_user_file(
					     c, LAYOUT_BY_NAME, (enum user_file)which, bad[i], NULL, &b, &e),
			    -1);
			assert_int_equal(mboxname_user_file(oldvirt, LAYOUT_BY_NAME, (enum user_file)which,
					     bad[i], NULL, &b, &e),
			    -1);
		}
		if (bad[i][0] != '\0')
			assert_int_equal(mboxname_user_lock(c, bad[i], &b, &e), -1);
	}
	assert_int_equal(mboxname_user_file(c, LAYOUT_UUID, USER_SEEN, "alice", NULL, &b, &e), -1);
	assert_int_equal(mboxname_user_file(c, LAYOUT_BY_NAME, USER_FILES, "alice", NULL, &b, &e), -1);
	assert_int_equal(mboxname_user_file(home, LAYOUT_BY_NAME, USER_SIEVE_DIR, "alice", NULL, &b, &e), -1);
	assert_int_equal(e.code, ERR_UNSUPPORTED);
	assert_int_equal(b.len, 0);
	imapd_conf_free(c);
	imapd_conf_free(old);
	imapd_conf_free(virt);
	imapd_conf_free(oldvirt);
	imapd_conf_free(home);
}

static void quota(const struct imapd_conf *c, const char *root, const char *path)
{
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	if (mboxname_quota_file(c, root, &b, &e) == -1)
		fail_msg("%s: %s", root, e.msg);
	assert_string_equal(buf_text(&b), path);
	buf_done(&b);
}

static void quotas(void **state)
{
	static const char *const bad[] = { "", "..", "a/b", "!", "..!", "a/b!", "../x!user.y" };
	struct imapd_conf *c = conf("", v36),
			  *virt = conf("virtdomains: userid\nquota_db_path: /q/x.db\n", v36);
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	(void)state;
	quota(c, "user.dot^ty.Work", "/c/quota/d/user.dot^ty.Work");
	quota(c, "shared", "/c/quota/s/shared");
	quota(virt, "example.org!user.bob", "/q/domain/e/example.org/quota/b/user.bob");
	quota(virt, "example.org!", "/q/domain/e/example.org/quota/root");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(mboxname_quota_file(virt, bad[i], &b, &e), -1);
		assert_int_equal(mboxname_quota_file(c, bad[i], &b, &e), -1);
	}
	assert_int_equal(b.len, 0);
	imapd_conf_free(c);
	imapd_conf_free(virt);
}

static void locks(void **state)
{
	struct imapd_conf *plain = conf("mboxname_lockpath: /l\n", v36),
			  *hashed = conf("hashimapspool: yes\n", v36);
	struct imapd_conf *full = conf("hashimapspool: yes\nfulldirhash: yes\n", v36);
	static const struct {
		int which;
		const char *user, *path;
	} want[] = { { 0, "dot.ty", "/l/*U*dot^ty.lock" }, { 0, "", "/l/*U*.lock" },
		{ 1, "alice", "/c/lock/q/*U*alice.lock" },
		{ 1, "b.b@example.org", "/c/lock/q/*U*b^b@example^org.lock" },
		{ 2, "", "/c/lock/D/*U*.lock" } };

	(void)state;
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		struct buf b = BUF_INIT;
		struct err e = { 0 };

		assert_int_equal(mboxname_user_lock(want[i].which == 0	 ? plain
						    : want[i].which == 1 ? hashed
									 : full,
				     want[i].user, &b, &e),
		    0);
		assert_string_equal(buf_text(&b), want[i].path);
		buf_done(&b);
	}
	struct buf b = BUF_INIT;

	assert_int_equal(mboxname_lock(hashed, LAYOUT_BY_NAME, "user.alice.Work", NULL, &b, NULL), 0);
	assert_string_equal(buf_text(&b), "/c/lock/a/user/alice/Work.lock");
	buf_done(&b);
	imapd_conf_free(plain);
	imapd_conf_free(hashed);
	imapd_conf_free(full);
}

/* Every mailbox of two real 2.x servers lies where it is looked for. */
static void fixtures(void **state)
{
	static const char *const names[] = { "cyrus23", "cyrus24" };
	struct imapd_conf *c = conf("hashimapspool: yes\n", v23);

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct buf list = BUF_INIT, dirs = BUF_INIT;
		char path[128];
		size_t found = 0;

		snprintf(path, sizeof path, "tests/fixtures/mboxlist/%s.txt", names[i]);
		assert_int_equal(io_read_file(AT_FDCWD, path, 1 << 20, &list, NULL), 0);
		snprintf(path, sizeof path, "tests/fixtures/mboxlist/%s.dirs", names[i]);
		buf_char(&dirs, '\n');
		assert_int_equal(io_read_file(AT_FDCWD, path, 1 << 20, &dirs, NULL), 0);
		for (char *p = list.data; *p != '\0'; p = strchr(p, '\n') + 1) {
			struct buf b = BUF_INIT;

			*strchr(p, '\t') = '\0';
			buf_char(&b, '\n');
			assert_int_equal(mboxname_dir(c, LAYOUT_BY_NAME, p, NULL, &b, NULL), 0);
			buf_char(&b, '\n');
			if (strstr(dirs.data, b.data) == NULL)
				fail_msg("%s: not among the directories: %s", p, b.data);
			found++;
			buf_done(&b);
			p += strlen(p) + 1;
		}
		assert_int_equal(found, 38);
		buf_done(&list);
		buf_done(&dirs);
	}
	imapd_conf_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse),
		cmocka_unit_test(display),
		cmocka_unit_test(dbnames),
		cmocka_unit_test(owners),
		cmocka_unit_test(deleted),
		cmocka_unit_test(below),
		cmocka_unit_test(valid),
		cmocka_unit_test(by_name),
		cmocka_unit_test(by_id),
		cmocka_unit_test(users),
		cmocka_unit_test(quotas),
		cmocka_unit_test(locks),
		cmocka_unit_test(fixtures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
