/* test_cli_export.c: what export and salvage write with: mboxrd, files that appear whole, names from an archive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/io.h"
#include "restore/export.h"
#include "restore/mbox.h"
#include "restore/outdir.h"

/* ---- mbox ---- */

static void mbox_is(const char *message, const struct mbox_flags *flags, const char *expected)
{
	size_t n = strlen(message);

	/* The same whatever pieces the bytes come in. */
	for (size_t step = 1; step <= n + 1; step++) {
		struct mbox_filter f;
		struct buf b = BUF_INIT;

		mbox_begin(&f, 1795391857, flags, &b);
		for (size_t i = 0; i < n; i += step)
			mbox_add(&f, message + i, n - i < step ? n - i : step, &b);
		mbox_end(&f, &b);
		assert_string_equal(buf_text(&b), expected);
		buf_done(&b);
	}
}

#define FROM "From MAILER-DAEMON Sun Nov 22 23:57:37 2026\n"

static void test_mbox(void **state)
{
	struct mbox_flags none = { 0 }, all = { true, true, true, true, true, "$Label1 work" };

	(void)state;
	mbox_is("Subject: a\r\n\r\nHello\r\n", &none, FROM "Status: O\nSubject: a\n\nHello\n\n");
	mbox_is("Subject: a\r\n\r\nHello\r\n", &all,
	    FROM "Status: RO\nX-Status: AFTD\nX-Keywords: $Label1 work\nSubject: a\n\nHello\n\n");
	mbox_is("Subject: a\n\nFrom me\n>From you\n>>From all\nFromage\nFrom\n> From\n", &none,
	    FROM "Status: O\nSubject: a\n\n>From me\n>>From you\n>>>From all\nFromage\nFrom\n> From\n\n");
	/* no header, no last line end, lone CRs */
	mbox_is("\r\nFrom", &none, FROM "Status: O\n\nFrom\n\n");
	mbox_is("a: b\r\n\r\nx\ry\r\r\nz\r", &none, FROM "Status: O\na: b\n\nx\ry\r\nz\r\n\n");
	mbox_is("", &none, FROM "Status: O\n\n");
}

static void test_mbox_own_fields(void **state)
{
	struct mbox_flags none = { 0 };

	(void)state;
	mbox_is("Status: R\r\nX-Status: D\r\n\tmore\r\nSubject: a\r\nCONTENT-LENGTH: 99\r\nx-uid: "
		"7\r\nStatute: x\r\n\r\nStatus: body\r\n",
	    &none, FROM "Status: O\nSubject: a\nStatute: x\n\nStatus: body\n\n");
	/* a folded line of another field stays, also where it looks like one of ours */
	mbox_is(
	    "Subject: a\r\n Status: b\r\nX-Keywords: c", &none, FROM "Status: O\nSubject: a\n Status: b\n\n");
	/* an own field is no way to smuggle a From line in */
	mbox_is("Status: a\r\nFrom x\r\n\r\n", &none, FROM "Status: O\n>From x\n\n\n");
}

/* ---- names ---- */

static void component_is(const char *internal, const char *expected)
{
	struct buf b = BUF_INIT;

	export_component(internal, strlen(internal), &b);
	assert_string_equal(buf_text(&b), expected);
	buf_done(&b);
}

static void test_components(void **state)
{
	(void)state;
	component_is("Work", "Work");
	component_is("Entw&APw-rfe", "Entw\u00fcrfe");
	component_is("dot^ty", "dot.ty");
	component_is("a&b", "a&b");	      /* no modified UTF-7 */
	component_is("&AC8-etc", "&AC8-etc"); /* "/etc" */
	component_is("^^", "^^");	      /* ".." */
	component_is("&IC4-x", "&IC4-x");     /* turns the direction of what follows */
	component_is("&AAo-x", "&AAo-x");     /* a line end */
}

/* ---- files ---- */

struct place {
	char path[64];
	unsigned existed;
};

static void existed(void *arg, const char *path, uint64_t size)
{
	(void)path;
	assert_int_equal(size, 5);
	((struct place *)arg)->existed++;
}

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof *p);

	strcpy(p->path, "/tmp/test_cli_export.XXXXXX");
	assert_non_null(mkdtemp(p->path));
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	io_remove_tree(AT_FDCWD, ((struct place *)*state)->path, NULL);
	free(*state);
	return 0;
}

static struct outdir *open_dir(struct place *p, bool named_temp, bool replace)
{
	struct outdir_opts o = { .named_temp = named_temp, .replace = replace, .existed = existed, .arg = p };
	struct outdir *d = NULL;
	struct err e = { 0 };

	assert_int_equal(outdir_open(p->path, &o, &d, &e), 0);
	return d;
}

static void write_file(struct outdir *d, const char *path, const char *text)
{
	struct err e = { 0 };

	assert_int_equal(outdir_begin(d, path, 0600, &e), 0);
	assert_int_equal(outdir_write(d, text, strlen(text), &e), 0);
	assert_int_equal(outdir_end(d, 1000000000, &e), 0);
}

static void file_is(struct place *p, const char *path, const char *expected)
{
	struct buf b = BUF_INIT;
	char name[256];
	struct stat st;

	snprintf(name, sizeof name, "%s/%s", p->path, path);
	if (expected == NULL) {
		assert_int_equal(lstat(name, &st), -1);
		return;
	}
	assert_int_equal(io_read_file(AT_FDCWD, name, 1 << 20, &b, NULL), 0);
	assert_string_equal(buf_text(&b), expected);
	assert_int_equal(stat(name, &st), 0);
	assert_int_equal(st.st_mtime, 1000000000);
	assert_int_equal(st.st_mode & 07777, 0600);
	buf_done(&b);
}

static unsigned count_files(struct place *p)
{
	char command[128];
	unsigned n = 0;
	FILE *f;

	snprintf(command, sizeof command, "find %s -type f | wc -l", p->path);
	f = popen(command, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%u", &n), 1);
	pclose(f);
	return n;
}

/* Valgrind does not know openat2(), which directories beneath the output need. */
static bool has_openat2(void)
{
	int fd = io_open_beneath(AT_FDCWD, ".", O_RDONLY | O_DIRECTORY, 0, NULL);

	if (fd == -1)
		return errno != ENOSYS;
	close(fd);
	return true;
}

static void files(struct place *p, bool named_temp)
{
	struct outdir *d;
	struct err e = { 0 };

	if (!has_openat2())
		skip();
	d = open_dir(p, named_temp, false);

	write_file(d, "a/b/1.eml", "one");
	write_file(d, "a/2.eml", "two");
	file_is(p, "a/b/1.eml", NULL); /* not before it is on disk */
	assert_int_equal(outdir_flush(d, &e), 0);
	file_is(p, "a/b/1.eml", "one");
	file_is(p, "a/2.eml", "two");
	write_file(d, "a/2.eml", "other");
	assert_int_equal(outdir_flush(d, &e), 0);
	file_is(p, "a/2.eml", "two");
	assert_int_equal(p->existed, 1);
	assert_int_equal(outdir_begin(d, "3.eml", 0600, &e), 0);
	assert_int_equal(outdir_write(d, "three", 5, &e), 0);
	outdir_abort(d);
	write_file(d, "4.eml", "four"); /* never flushed */
	outdir_close(d);
	file_is(p, "3.eml", NULL);
	file_is(p, "4.eml", NULL);
	assert_int_equal(count_files(p), 2);
}

static void test_files(void **state)
{
	files(*state, false);
}

static void test_files_named_temp(void **state)
{
	files(*state, true);
}

static void test_many_files(void **state)
{
	struct outdir *d = open_dir(*state, false, false);
	struct err e = { 0 };

	for (unsigned i = 0; i < 900; i++) {
		char name[32];

		snprintf(name, sizeof name, "%u.eml", i);
		write_file(d, name, name);
	}
	assert_int_equal(outdir_flush(d, &e), 0);
	outdir_close(d);
	assert_int_equal(count_files(*state), 900);
	file_is(*state, "899.eml", "899.eml");
}

/* Fewer descriptors than files that wait for the disk. */
static void test_few_descriptors(void **state)
{
	struct rlimit old, low;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = (struct rlimit){ 40, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	test_many_files(state);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

static void test_replace_and_truncate(void **state)
{
	struct outdir *d = open_dir(*state, false, true);
	char big[100000];
	struct err e = { 0 };

	memset(big, 'x', sizeof big);
	write_file(d, "f", "old");
	write_file(d, "f", "new");
	assert_int_equal(outdir_begin(d, "g", 0600, &e), 0);
	assert_int_equal(outdir_write(d, "keep", 4, &e), 0);
	assert_int_equal(outdir_write(d, big, sizeof big, &e), 0);
	assert_int_equal(outdir_tell(d), 4 + sizeof big);
	assert_int_equal(outdir_truncate(d, 4, &e), 0);
	assert_int_equal(outdir_write(d, "!", 1, &e), 0);
	assert_int_equal(outdir_end(d, 1000000000, &e), 0);
	assert_int_equal(outdir_flush(d, &e), 0);
	outdir_close(d);
	file_is(*state, "f", "new");
	file_is(*state, "g", "keep!");
}

static void test_hostile_paths(void **state)
{
	struct outdir *d = open_dir(*state, false, false);
	static const char *const bad[] = { "../x", "/etc/x", "a/../../x", "", ".", "..", "a//b", "a/." };
	struct err e = { 0 };

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(outdir_begin(d, bad[i], 0600, &e), -1);
	assert_int_equal(outdir_symlink(d, "l", "/etc", &e), -1);
	assert_int_equal(outdir_symlink(d, "l", "../..", &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
	assert_int_equal(outdir_mkdir(d, "../up", &e), -1);
	outdir_close(d);
}

/* A link that lies in the directory already does not lead out of it. */
static void test_links_on_the_way(void **state)
{
	struct place *p = *state;
	struct outdir *d = open_dir(p, false, false);
	struct err e = { 0 };
	char path[128];

	snprintf(path, sizeof path, "%s/out", p->path);
	assert_int_equal(symlink("/tmp", path), 0);
	assert_int_equal(outdir_begin(d, "out/cyrvault-escaped", 0600, &e), -1);
	assert_int_equal(access("/tmp/cyrvault-escaped", F_OK), -1);
	outdir_close(d);
}

static void test_must_be_new(void **state)
{
	struct place *p = *state;
	struct outdir_opts o = { .must_be_new = true };
	struct outdir *d = NULL;
	struct err e = { 0 };

	assert_int_equal(outdir_open(p->path, &o, &d, &e), 0);
	write_file(d, "f", "x");
	assert_int_equal(outdir_flush(d, &e), 0);
	outdir_close(d);
	assert_int_equal(outdir_open(p->path, &o, &d, &e), -1);
	assert_int_equal(e.code, ERR_EXISTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mbox),
		cmocka_unit_test(test_mbox_own_fields),
		cmocka_unit_test(test_components),
		cmocka_unit_test_setup_teardown(test_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_files_named_temp, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_few_descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replace_and_truncate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile_paths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links_on_the_way, setup, teardown),
		cmocka_unit_test_setup_teardown(test_must_be_new, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
