/* test_snapshot_rules.c: whose a snapshot is, what may be removed, how much room one gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/buf.h"
#include "snapshot/btrfs_priv.h"
#include "snapshot/lvm_priv.h"

#define MIB ((uint64_t)1 << 20)

static struct owner self(void)
{
	struct owner o;
	struct err e = { 0 };

	assert_int_equal(owner_self(&o, &e), 0);
	return o;
}

static void test_owner(void **state)
{
	struct owner o = self();
	pid_t child;

	(void)state;
	assert_int_equal(owner_state(&o), OWNER_LIVES);
	assert_true(owner_is_self(&o));
	o.start++; /* its number was used again */
	assert_int_equal(owner_state(&o), OWNER_GONE);
	assert_false(owner_is_self(&o));
	o = self();
	o.boot[0] = o.boot[0] == 'a' ? 'b' : 'a';
	assert_int_equal(owner_state(&o), OWNER_GONE);
	snprintf(o.host, sizeof o.host, "elsewhere.example.org");
	assert_int_equal(owner_state(&o), OWNER_ELSEWHERE);
	o = self();
	child = fork();
	if (child == 0)
		_exit(0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	o.pid = child;
	assert_int_equal(owner_state(&o), OWNER_GONE);
}

static void test_holds(void **state)
{
	(void)state;
	assert_false(owner_holds("a"));
	owner_keeps("a");
	owner_keeps("b");
	owner_keeps("a");
	assert_true(owner_holds("a"));
	owner_lets_go("a");
	assert_false(owner_holds("a"));
	assert_true(owner_holds("b"));
	owner_lets_go("c");
	owner_lets_go("b");
	assert_false(owner_holds("b"));
}

static void test_btrfs_names(void **state)
{
	static const char *const bad[] = { "", "cyrvault-", "mine", "cyrvault-h-1-00000000-1",
		"cyrvault-h-0-00000000-1-0", "cyrvault-h-x-00000000-1-0", "cyrvault-h-1-0000000g-1-0",
		"cyrvault-h-1-000-1-0", "cyrvault-h-1-00000000--0", "cyrvault-1-00000000-1-0",
		"h-1-00000000-1-0",
		/* clang-format off */
		"cyrvault-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-1-00000000-1-0" };
	/* clang-format on */
	struct owner o = self(), got;
	char *name;

	(void)state;
	snprintf(o.host, sizeof o.host, "a-b.example-1.org");
	name = btrfs_name(&o, 7);
	assert_int_equal(btrfs_name_owner(name, &got), 0);
	assert_string_equal(got.host, o.host);
	assert_string_equal(got.boot, o.boot);
	assert_int_equal(got.pid, o.pid);
	assert_int_equal(got.start, o.start);
	free(name);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(btrfs_name_owner(bad[i], &got), -1);
}

static void test_lvm_tags(void **state)
{
	static const char *const bad[] = { "", "cyrvault",
		"cyrvault_host_h,cyrvault_pid_1,cyrvault_start_00000000_1",
		"cyrvault,cyrvault_host_h,cyrvault_pid_x,cyrvault_start_00000000_1",
		"cyrvault,cyrvault_host_h,cyrvault_pid_1,cyrvault_start_0_1",
		"cyrvault,cyrvault_host_h,cyrvault_pid_1,cyrvault_start_000000001",
		"cyrvault,cyrvault_pid_1,cyrvault_start_00000000_1",
		"cyrvaultx,cyrvault_host_h,cyrvault_pid_1,cyrvault_start_00000000_1",
		"cyrvault,cyrvault_host_h,cyrvault_pid_0,cyrvault_start_00000000_1" };
	struct owner o = self(), got;
	char *tags[LVM_N_TAGS];
	struct buf b = BUF_INIT;
	struct lvm_lv lv = { 0 };

	(void)state;
	lvm_tags(&o, tags);
	for (int i = LVM_N_TAGS - 1; i >= 0; i--) {
		assert_int_equal(
		    strspn(tags[i], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+.-"),
		    strlen(tags[i]));
		buf_printf(&b, "%s,", tags[i]);
		free(tags[i]);
	}
	buf_str(&b, "else");
	lv.tags = b.data;
	assert_int_equal(lvm_tags_owner(&lv, &got), 0);
	assert_true(owner_is_self(&got));
	buf_done(&b);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char *copy = strdup(bad[i]);

		lv.tags = copy;
		assert_int_equal(lvm_tags_owner(&lv, &got), -1);
		free(copy);
	}
}

static bool removable(const char *name, const char *attr, const char *origin, const char *pool)
{
	char *s[] = { strdup(name), strdup(attr), strdup(origin), strdup(pool) };
	struct lvm_lv lv = { .name = s[0], .attr = s[1], .origin = s[2], .pool = s[3] };
	bool is = lvm_is_ours_to_remove(&lv);

	for (size_t i = 0; i < 4; i++)
		free(s[i]);
	return is;
}

static void test_removable(void **state)
{
	(void)state;
	assert_true(removable("cyrvault-a-1", "swi-a-s---", "a", ""));
	assert_true(removable("cyrvault-a-1", "swi-I-s---", "a", ""));
	assert_true(removable("cyrvault-a-1", "Vwi-a-tz--", "a", "pool"));
	assert_true(removable("cyrvault-a-1", "-wi-i-----", "", ""));
	/* A thin one whose origin is gone may be all there is of it. */
	assert_false(removable("cyrvault-a-1", "Vwi-a-tz--", "", "pool"));
	assert_true(removable("cyrvault-a-1", "-wi-a-----", "", ""));
	assert_false(removable("cyrvault-a-1", "-wi-ao----", "", ""));
	assert_false(removable("mail", "swi-a-s---", "a", ""));
	assert_false(removable("cyrvault-a-1", "Owi-a-----", "a", ""));
}

static void test_want(void **state)
{
	struct snapshot_opts o = { 0 };

	(void)state;
	/* Little is written: 256 MiB, or a twentieth of a large volume. */
	assert_int_equal(lvm_size_want(&o, 2048 * MIB, 0), 256 * MIB);
	assert_int_equal(lvm_size_want(&o, 100 * 1024 * MIB, 0), 5 * 1024 * MIB);
	/* 5 MiB/s for ten minutes, three times. */
	assert_int_equal(lvm_size_want(&o, 100 * 1024 * MIB, 5 * MIB), 9000 * MIB);
	/* 900 GB take 30000 s. */
	o.expected_bytes = 900000000000;
	assert_int_equal(lvm_size_want(&o, 2048 * 1024 * MIB, 5 * MIB), 450000 * MIB);
	/* Never more than is of use, whatever is measured. */
	assert_int_equal(lvm_size_want(&o, 100 * MIB, UINT64_MAX), lvm_size_most(100 * MIB));
	assert_int_equal(lvm_size_want(&o, 10 * MIB, 0), lvm_size_most(10 * MIB));
	o.size_percent = 10;
	assert_int_equal(lvm_size_want(&o, 1000 * MIB, UINT64_MAX), 100 * MIB);
	o.size_bytes = 50 * MIB;
	assert_int_equal(lvm_size_want(&o, 1000 * MIB, UINT64_MAX), 50 * MIB);
	assert_int_equal(lvm_size_want(&o, 20 * MIB, 0), lvm_size_most(20 * MIB));
}

static void test_share(void **state)
{
	char name[] = "spool";
	struct lvm_vg vg = { .name = name, .free_extents = 1000, .extent_bytes = 4 * MIB };
	struct snapshot_opts o = { 0 };
	uint64_t wants[3] = { 400 * MIB, 401 * MIB, 1 }, got[3];
	struct err e = { 0 };

	(void)state;
	assert_int_equal(lvm_size_share(&o, &vg, wants, 3, got, &e), 0);
	assert_int_equal(got[0], 100);
	assert_int_equal(got[1], 101);
	assert_int_equal(got[2], 2);
	/* Too few: in proportion, and an eighth stays for more. */
	vg.free_extents = 80;
	assert_int_equal(lvm_size_share(&o, &vg, wants, 3, got, &e), 0);
	assert_true(got[0] + got[1] + got[2] <= 70 && got[0] + got[1] + got[2] >= 67);
	assert_int_equal(got[2], 2);
	/* Where the size was asked for nothing is kept back. */
	o.size_bytes = 400 * MIB;
	assert_int_equal(lvm_size_share(&o, &vg, wants, 2, got, &e), 0);
	assert_true(got[0] + got[1] >= 79 && got[0] + got[1] <= 80);
	o.size_bytes = 0;
	/* The least, and less. */
	vg.free_extents = 6;
	assert_int_equal(lvm_size_share(&o, &vg, wants, 3, got, &e), 0);
	assert_int_equal(got[0] + got[1] + got[2], 6);
	vg.free_extents = 5;
	assert_int_equal(lvm_size_share(&o, &vg, wants, 3, got, &e), -1);
	assert_int_equal(e.code, ERR_SPACE);
	vg.free_extents = 0;
	assert_int_equal(lvm_size_share(&o, &vg, wants, 1, got, &e), -1);
	/* Extents of any size. */
	vg = (struct lvm_vg){ .name = name, .free_extents = 7, .extent_bytes = MIB };
	assert_int_equal(lvm_size_share(&o, &vg, wants, 1, got, &e), -1);
	vg.free_extents = 8;
	assert_int_equal(lvm_size_share(&o, &vg, wants, 1, got, &e), 0);
	assert_int_equal(got[0], 8);
	vg = (struct lvm_vg){ .name = name, .free_extents = UINT32_MAX, .extent_bytes = (uint64_t)1 << 50 };
	wants[0] = wants[1] = UINT64_MAX;
	assert_int_equal(lvm_size_share(&o, &vg, wants, 2, got, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_owner),
		cmocka_unit_test(test_holds),
		cmocka_unit_test(test_btrfs_names),
		cmocka_unit_test(test_lvm_tags),
		cmocka_unit_test(test_removable),
		cmocka_unit_test(test_want),
		cmocka_unit_test(test_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
