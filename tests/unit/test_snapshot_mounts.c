/* test_snapshot_mounts.c: mountinfo, ordinary and odd; which mount a path lies on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "snapshot/mounts.h"

static const char server[] =
    "21 26 0:20 / /proc rw,nosuid - proc proc rw\n"
    "26 1 253:0 / / rw,relatime shared:1 - ext4 /dev/mapper/vg-root rw,errors=remount-ro\n"
    "30 26 253:1 / /var rw,relatime shared:2 master:3 propagate_from:4 unbindable - ext4 /dev/mapper/vg-var "
    "rw\n"
    "31 30 253:2 / /var/spool/imap rw - xfs /dev/mapper/vg-spool rw,attr2,inode64,logbufs=8\n"
    "32 30 253:3 /cyrus/meta /var/spool/meta rw - xfs /dev/mapper/vg-meta rw,logdev=/dev/sdc1\n"
    "33 31 0:40 / /var/spool/imap/stage. rw - tmpfs tmpfs rw\n"
    "34 26 0:41 / /srv/with\\040blank\\134and\\011tab rw - tmpfs none rw\n"
    "35 26 0:42 / /srv/nothing rw - tmpfs  rw,size=4k\n"
    "36 26 0:43 /@mail /srv/mail rw - btrfs /dev/sdd rw,subvolid=257,subvol=/@mail\n";

static struct mounts parse(const char *text)
{
	struct mounts m;
	struct err e = { 0 };

	assert_int_equal(mounts_parse(text, strlen(text), &m, &e), 0);
	return m;
}

static void on(const struct mounts *m, const char *path, unsigned id)
{
	const struct mount *x = mounts_of(m, path);

	assert_non_null(x);
	assert_int_equal(x->id, id);
}

static void test_fields(void **state)
{
	struct mounts m = parse(server);

	(void)state;
	assert_int_equal(m.n, 9);
	assert_int_equal(m.list[3].major, 253);
	assert_int_equal(m.list[3].minor, 2);
	assert_string_equal(m.list[2].fs, "ext4");
	assert_string_equal(m.list[2].source, "/dev/mapper/vg-var");
	assert_string_equal(m.list[4].root, "/cyrus/meta");
	assert_string_equal(m.list[6].point, "/srv/with blank\\and\ttab");
	assert_string_equal(m.list[7].source, "");
	assert_string_equal(m.list[7].super, "rw,size=4k");
	assert_true(mount_has_option(&m.list[4], "logdev="));
	assert_false(mount_has_option(&m.list[3], "logdev="));
	assert_true(mount_has_option(&m.list[3], "attr2"));
	assert_false(mount_has_option(&m.list[3], "attr"));
	assert_true(mount_is_memory(&m.list[5]));
	assert_false(mount_is_memory(&m.list[3]));
	mounts_done(&m);
}

static void test_which(void **state)
{
	struct mounts m = parse(server);

	(void)state;
	on(&m, "/", 26);
	on(&m, "/etc/imapd.conf", 26);
	on(&m, "/var", 30);
	on(&m, "/various", 26);
	on(&m, "/var/lib/cyrus", 30);
	on(&m, "/var/spool/imap", 31);
	on(&m, "/var/spool/imap/user/anna", 31);
	on(&m, "/var/spool/imap2", 30);
	on(&m, "/var/spool/imap/stage./x", 33);
	on(&m, "/var/spool/meta/x", 32);
	for (size_t i = 0; i < m.n; i++)
		assert_true(mounts_visible(&m, &m.list[i]));
	mounts_done(&m);
}

/* What was mounted later covers what was there, and all below it. */
static void test_stacks(void **state)
{
	struct mounts m = parse("26 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
				"30 26 8:2 / /a/b rw - ext4 /dev/sda2 rw\n"
				"31 26 8:3 / /a rw - ext4 /dev/sda3 rw\n"
				"32 31 8:4 / /a rw - ext4 /dev/sda4 rw\n"
				"33 32 8:5 / /a/c rw - ext4 /dev/sda5 rw\n");

	(void)state;
	on(&m, "/a/b/x", 32);
	on(&m, "/a", 32);
	on(&m, "/a/c/x", 33);
	assert_false(mounts_visible(&m, &m.list[1]));
	assert_false(mounts_visible(&m, &m.list[2]));
	assert_true(mounts_visible(&m, &m.list[3]));
	mounts_done(&m);
	/* A root over the root, as an initramfs leaves it. */
	m = parse("1 1 0:2 / / rw - rootfs rootfs rw\n26 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
	on(&m, "/x", 26);
	mounts_done(&m);
	/* In a chroot the outer ones are not to be seen. */
	m = parse("40 26 8:1 /jail/a /a rw - ext4 /dev/sda1 rw\n41 40 8:2 / /a/b rw - ext4 /dev/sda2 rw\n");
	on(&m, "/a/b/c", 41);
	on(&m, "/a/c", 40);
	assert_null(mounts_of(&m, "/c"));
	mounts_done(&m);
	/* Parents in a circle lead nowhere, but end. */
	m = parse("40 41 8:1 / /a rw - ext4 /dev/sda1 rw\n41 40 8:2 / /a rw - ext4 /dev/sda2 rw\n");
	assert_null(mounts_of(&m, "/a/b"));
	mounts_done(&m);
	m = parse("26 1 8:1 / / rw - ext4 /dev/sda1 rw\n40 26 8:1 / /a rw - ext4 x rw\n26 40 8:1 / /a rw - "
	          "ext4 x rw\n");
	assert_non_null(mounts_of(&m, "/a/b"));
	mounts_done(&m);
}

static void test_refused(void **state)
{
	static const char *const bad[] = { "x", "26 1 8:1 / / rw\n", "26 1 81 / / rw - ext4 x rw\n",
		"26 1 8:1 / relative rw - ext4 x rw\n", "26 1 8:x / / rw - ext4 x rw\n",
		"99999999999 1 8:1 / / rw - ext4 x rw\n", "26 1 8:1 / / rw shared:1 ext4 x rw\n",
		"26 1 8:1 / / rw -\n", "\n", "26 1 : / / rw - ext4 x rw\n", "-6 1 8:1 / / rw - ext4 x rw\n" };
	struct mounts m;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct err e = { 0 };

		assert_int_equal(mounts_parse(bad[i], strlen(bad[i]), &m, &e), -1);
		assert_int_equal(e.code, ERR_FORMAT);
	}
	assert_int_equal(mounts_parse("26 1 8:1 / /\0 rw - ext4 x rw\n", 29, &m, NULL), -1);
	/* Cut anywhere it is an error or fewer lines, never more than there is. */
	for (size_t n = 0; n < sizeof server; n++) {
		char *cut = mem_dup(server, n);

		if (mounts_parse(cut, n, &m, NULL) == 0)
			mounts_done(&m);
		free(cut);
	}
}

static void test_escapes(void **state)
{
	struct mounts m =
	    parse("26 1 8:1 / /a\\04 rw - ext4 x\\ rw\n27 1 8:1 / /b\\777 rw - ext4 x\\0 rw,a\\\n");

	(void)state;
	assert_string_equal(m.list[0].point, "/a\\04");
	assert_string_equal(m.list[0].source, "x\\");
	assert_string_equal(m.list[1].point, "/b\\777");
	mounts_done(&m);
}

static void test_paths(void **state)
{
	char *s;

	(void)state;
	assert_string_equal(path_below("/a/b", "/a"), "b");
	assert_string_equal(path_below("/a", "/a"), "");
	assert_null(path_below("/ab", "/a"));
	assert_string_equal(path_below("/ab", "/"), "ab");
	assert_string_equal(path_below("/", "/"), "");
	s = path_join("/", "x");
	assert_string_equal(s, "/x");
	free(s);
	s = path_join("/a", "x/y");
	assert_string_equal(s, "/a/x/y");
	free(s);
	s = path_join("", "x");
	assert_string_equal(s, "x");
	free(s);
}

static void test_own(void **state)
{
	struct mounts m;

	(void)state;
	assert_int_equal(mounts_read(&m, NULL), 0);
	assert_non_null(mounts_of(&m, "/proc"));
	assert_string_equal(mounts_of(&m, "/proc")->fs, "proc");
	mounts_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_which),
		cmocka_unit_test(test_stacks),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
