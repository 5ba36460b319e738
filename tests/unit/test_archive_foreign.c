/* test_archive_foreign.c: archives made by GNU cpio and tar, plain and compressed, with links, cut off, hostile. */
#include "test_archive_util.h"

#include <fcntl.h>

#include "archive/foreign.h"
#include "archive/verify.h"

static struct test_dir dir;

static int setup(void **state)
{
	(void)state;
	dir = test_dir_new();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_dir_done(&dir);
	return 0;
}

/* Runs a shell line, silently in the test's directory; 0 when it succeeded. */
static int sh(const char *line)
{
	char *cmd = mem_printf("exec 2>/dev/null; cd %s && %s", dir.path, line);
	int rc = system(cmd);

	free(cmd);
	return rc;
}

static const struct kept_file *find(const struct keeper *k, const char *path)
{
	for (size_t i = 0; i < k->n; i++) {
		if (strcmp(k->files[i].path, path) == 0)
			return &k->files[i];
	}
	return NULL;
}

static void assert_content(const struct keeper *k, const char *path, const char *want)
{
	const struct kept_file *f = find(k, path);

	if (f == NULL)
		fail_msg("%s is missing", path);
	assert_true(f->whole);
	assert_string_equal(buf_text(&f->data), want);
	assert_int_equal(f->meta.size, strlen(want));
}

static void make_tree(void)
{
	assert_int_equal(
	    sh("rm -rf tree && mkdir -p tree/spool/a tree/spool/b && cd tree && printf one >spool/a/1. &&"
	       " printf shared >spool/a/2. && ln spool/a/2. spool/b/7. && ln spool/a/2. spool/b/8. &&"
	       " : >spool/a/empty && ln spool/a/empty spool/b/empty2 && ln -s a/1. spool/link &&"
	       " chmod 640 spool/a/1. && touch -d @1234567890 spool/a/1. && printf 'x y' >'spool/a b'"),
	    0);
}

static void check_tree(const char *name)
{
	struct keeper k = { 0 };
	struct file_sink sink = keeper_sink(&k);
	struct err err = { 0 };
	struct archive *a;
	struct verify_result v;

	OK(archive_foreign_each(dir.store, name, NULL, &sink, &err));
	assert_content(&k, "spool/a/1.", "one");
	assert_content(&k, "spool/a/2.", "shared");
	assert_content(&k, "spool/b/7.", "shared");
	assert_content(&k, "spool/b/8.", "shared");
	assert_content(&k, "spool/a/empty", "");
	assert_content(&k, "spool/b/empty2", "");
	assert_content(&k, "spool/link", "a/1.");
	assert_content(&k, "spool/a b", "x y");
	assert_true(S_ISLNK(find(&k, "spool/link")->meta.mode));
	assert_true(S_ISDIR(find(&k, "spool/a")->meta.mode));
	assert_int_equal(find(&k, "spool/a/1.")->meta.mode, S_IFREG | 0640);
	assert_int_equal(find(&k, "spool/a/1.")->meta.mtime, 1234567890);
	assert_int_equal(k.aborted, 0);
	keeper_done(&k);
	OK(archive_open(dir.store, name, NULL, &a, &err));
	assert_int_equal(archive_get_kind(a), ARCHIVE_FOREIGN);
	OK(archive_verify(a, false, NULL, NULL, NULL, &v, &err));
	assert_int_equal(v.findings, 0);
	archive_close(a);
}

static void test_kinds(void **state)
{
	static const char *const formats[] = { "find . | cpio -o -H newc", "find . | cpio -o -H crc",
		"find . | cpio -o -H odc", "find . | cpio -o -H bin",
		"find $PWD | sed \"s|$PWD/||\" | cpio -o -H newc", "tar -c .", "tar -c *",
		"tar -c --format=pax .", "tar -c --format=ustar spool" };
	static const char *const filters[] = { "cat", "gzip -1", "xz -0", "zstd -q", "bzip2", "pigz -b 128" };
	char line[256];

	(void)state;
	make_tree();
	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
		for (size_t k = 0; k < sizeof filters / sizeof filters[0]; k++) {
			const char *program = filters[k];

			snprintf(line, sizeof line, "command -v %.*s >/dev/null", (int)strcspn(program, " "),
			    program);
			if (sh(line) != 0)
				continue;
			snprintf(
			    line, sizeof line, "(cd tree && %s) | %s >f%zu-%zu", formats[i], program, i, k);
			assert_int_equal(sh(line), 0);
			snprintf(line, sizeof line, "f%zu-%zu", i, k);
			check_tree(line);
		}
	}
}

/* A tape's last block is filled with zeros. */
static void test_padded(void **state)
{
	(void)state;
	make_tree();
	assert_int_equal(
	    sh("(cd tree && find . | cpio -o -H newc) | gzip | dd of=padded bs=10240 conv=sync"), 0);
	check_tree("padded");
}

static int stop_at_once(void *arg, const struct archive_file *f, const struct entry_meta *meta, struct err *e)
{
	(void)f;
	(void)meta;
	(void)e;
	++*(int *)arg;
	return 2;
}

static void test_stop(void **state)
{
	int calls = 0;
	struct file_sink sink = { .arg = &calls, .begin = stop_at_once };
	struct err err = { 0 };

	(void)state;
	make_tree();
	assert_int_equal(sh("(cd tree && tar -cz .) >t"), 0);
	OK(archive_foreign_each(dir.store, "t", NULL, &sink, &err));
	assert_int_equal(calls, 1);
}

static int read_all(const char *name, struct err *err)
{
	struct keeper k = { 0 };
	struct file_sink sink = keeper_sink(&k);
	int rc;

	err_clear(err);
	rc = archive_foreign_each(dir.store, name, NULL, &sink, err);
	for (size_t i = 0; i < k.n; i++) {
		if (find(&k, "etc/passwd") != NULL || strstr(k.files[i].path, "..") != NULL)
			fail_msg("%s was let through", k.files[i].path);
	}
	keeper_done(&k);
	return rc;
}

static void test_broken(void **state)
{
	struct err err = { 0 };
	struct archive *a;

	(void)state;
	make_tree();
	assert_int_equal(sh("head -c 3000000 /dev/urandom >tree/spool/big"), 0);
	assert_int_equal(
	    sh("(cd tree && find . | cpio -o -H newc) | gzip >whole; head -c 1500000 whole >cut"), 0);
	assert_int_equal(read_all("whole", &err), 0);
	assert_int_equal(read_all("cut", &err), -1);
	assert_int_equal(err.code, ERR_DAMAGE);
	/* A byte of the content, stored as it is: only the checksum can tell. */
	assert_int_equal(
	    sh("cp whole flipped && printf damaged | dd of=flipped bs=1 seek=1000000 conv=notrunc"), 0);
	assert_int_equal(read_all("flipped", &err), -1);
	assert_int_equal(err.code, ERR_DAMAGE);
	assert_int_equal(sh("gzip -dc whole | head -c 2000000 >cut.cpio"), 0);
	assert_int_equal(read_all("cut.cpio", &err), -1);
	assert_int_equal(err.code, ERR_DAMAGE);
	assert_int_equal(
	    sh("head -c 100000 /dev/urandom >noise; : >empty; echo hello >text; echo hello | gzip >text.gz"),
	    0);
	for (int i = 0; i < 4; i++) {
		const char *name = (const char *[]){ "noise", "empty", "text", "text.gz" }[i];

		assert_int_equal(read_all(name, &err), -1);
		assert_int_equal(err.code, ERR_FORMAT);
		assert_int_equal(archive_open(dir.store, name, NULL, &a, &err), -1);
		assert_int_equal(err.code, i == 1 ? ERR_DAMAGE : ERR_FORMAT);
	}
	assert_int_equal(read_all("missing", &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void test_hostile(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_int_equal(
	    sh("mkdir -p h/x/y && echo >h/x/evil && cd h/x/y && ls ../evil | cpio -o -H newc >../../../up"),
	    0);
	assert_int_equal(read_all("up", &err), 0);
	assert_int_equal(sh("cd h && tar -cPf ../up.tar --transform='s|x|../../etc|' x"), 0);
	assert_int_equal(read_all("up.tar", &err), 0);
	/* A link to what is not there. */
	make_tree();
	assert_int_equal(sh("cd tree && tar -cf ../gone.tar spool/a/2. spool/b/7. && tar --delete -f "
			    "../gone.tar spool/a/2."),
	    0);
	assert_int_equal(read_all("gone.tar", &err), 0);
}

/* Ours, by the same way. */
static void test_ours(void **state)
{
	struct archive_writer_opts opts = { .threads = 2 };
	struct stream *out;
	struct archive_writer *w = test_create(&dir, "ours", &opts, &out);
	struct unit_info info = { 0 };
	struct keeper k = { 0 };
	struct file_sink sink = keeper_sink(&k);
	struct buf b = BUF_INIT;
	struct err err = { 0 };

	(void)state;
	OK(archive_writer_begin(w, UNIT_MAILBOX, "m", &err));
	for (uint64_t i = 0; i < 50; i++) {
		char path[32];
		struct entry_meta meta = { .path = path,
			.mode = i % 10 == 0 ? S_IFDIR | 0700 : S_IFREG | 0600 };

		snprintf(path, sizeof path, "m/%ju", (uintmax_t)i);
		make_message(&b, i, 50000);
		if (i % 10 != 0)
			meta.size = b.len;
		OK(archive_writer_add(w, &meta, b.data, &err));
	}
	OK(archive_writer_end(w, &info, &err));
	test_commit(&dir, w, out);
	OK(archive_foreign_each(dir.store, "ours", NULL, &sink, &err));
	assert_int_equal(k.n, 52); /* and the index */
	for (uint64_t i = 0; i < 50; i++) {
		make_message(&b, i, 50000);
		assert_true(k.files[i].whole);
		if (i % 10 == 0) {
			assert_true(S_ISDIR(k.files[i].meta.mode));
			continue;
		}
		assert_int_equal(k.files[i].data.len, b.len);
		assert_memory_equal(k.files[i].data.data, b.data, b.len);
	}
	keeper_done(&k);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kinds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_padded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ours, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
