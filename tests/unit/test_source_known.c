/* test_source_known.c: foreign archives that were opened before give the same as when they were read from front to end: of two real
 * servers, what IMAP showed; and when what is kept of them is damaged, or of another archive of the same name. */
#include "test_foreign_memory.h"
#include "test_source_util.h"

struct server {
	const char *archive, *dump;
};

static const struct server servers[] = {
	{ "cyrus23-ckpt.tar.gz", "cyrus23-dump.txt.gz" },
	{ "cyrus24-ckpt.tar.gz", "cyrus24-dump.txt.gz" },
};

/* Under valgrind: a part of the work will do. */
static bool is_slow(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload != NULL && strstr(preload, "valgrind") != NULL;
}

static struct source *open_it(struct vault *v, const char *name, struct foreign_memory *m)
{
	struct source *s = NULL;
	struct err err = { 0 };

	OK(source_open_as(v->store, name, &(struct source_opts){ .memory = m }, &s, &err));
	return s;
}

static void check(struct vault *v, const char *name, struct foreign_memory *m, const char *dump)
{
	struct source *s = open_it(v, name, m);

	assert_int_equal(source_kind(s), ARCHIVE_FOREIGN);
	assert_int_equal(source_n(s), 38);
	if (!is_slow() || strstr(name, ".cpio.gz") != NULL)
		check_dump(s, dump, LOST_NOTHING);
	source_close(s);
}

/* The first opening, and the one after it, by every packing. */
static void test_again(void **state)
{
	static const struct {
		const char *name;
		enum packing packing;
		bool gz;
	} kinds[] = { { "a.cpio", NEWC, false }, { "b.cpio.gz", ODC, true }, { "c.tar", TAR, false } };

	(void)state;
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		const struct server *sv = &servers[k % 2];
		struct test_memory memory = { 0 };
		struct foreign_memory m = test_memory_ops(&memory);
		struct vault v;
		struct tree t;

		vault_new(&v);
		tree_load(&t, sv->archive);
		tree_pack(&t, &v, kinds[k].name, kinds[k].packing, kinds[k].gz, "srv/");
		if (k == 0)
			check(&v, kinds[k].name, &m, sv->dump);
		else
			source_close(open_it(&v, kinds[k].name, &m));
		check(&v, kinds[k].name, &m, sv->dump);
		assert_int_equal(memory.begun, 1);
		assert_int_equal(memory.ended, 1);
		assert_int_equal(memory.dropped, 0);
		test_memory_done(&memory);
		tree_done(&t);
		vault_done(&v);
	}
}

struct files {
	struct buf all;
};

static int files_begin(
    void *arg, const struct archive_file *file, const struct entry_meta *meta, struct err *e)
{
	struct files *f = arg;

	(void)e;
	if (meta == NULL)
		return 1;
	buf_printf(&f->all, "\n%s %d %o %u %u %lld %llu ", file->path, file->role, (unsigned)meta->mode,
	    (unsigned)meta->uid, (unsigned)meta->gid, (long long)file->mtime, (unsigned long long)file->size);
	buf_add(&f->all, file->sha256, SHA256_SIZE);
	return 1;
}

static int files_data(void *arg, const void *p, size_t n, struct err *e)
{
	(void)e;
	buf_add(&((struct files *)arg)->all, p, n);
	return 0;
}

static int files_end(void *arg, struct err *e)
{
	(void)arg;
	(void)e;
	return 0;
}

static void files_abort(void *arg)
{
	(void)arg;
	fail();
}

/* Everything that can be taken out, in one piece. */
static void take_all(struct source *s, struct files *f)
{
	struct file_sink sink = { f, false, files_begin, files_data, files_end, files_abort };
	struct err err = { 0 };

	for (size_t i = 0; i < source_n(s); i++)
		OK(source_extract(s, i, &sink, &err));
	OK(source_extract_user(s, "alice", &sink, &err));
}

static void put_fixture(struct vault *v, const char *fixture, const char *name)
{
	char *path = mem_printf(FIXTURES "%s", fixture);
	struct buf b = BUF_INIT;
	struct err err = { 0 };

	OK(io_read_file(-100, path, 1 << 24, &b, &err));
	vault_put(v, name, b.data, b.len);
	buf_done(&b);
	free(path);
}

/* What is restored does not depend on how it was read. A mailbox is read without the others. */
static void test_extract(void **state)
{
	struct test_memory memory = { 0 };
	struct foreign_memory m = test_memory_ops(&memory);
	struct files front = { 0 }, range = { 0 };
	struct err err = { 0 };
	struct source *s;
	struct vault v;
	struct tree t;

	(void)state;
	vault_new(&v);
	tree_load(&t, servers[0].archive);
	tree_pack(&t, &v, "mail.cpio", NEWC, false, "");
	OK(source_open(v.store, "mail.cpio", NULL, &s, &err));
	take_all(s, &front);
	assert_int_equal(source_bytes_fetched(s), 0);
	source_close(s);
	source_close(open_it(&v, "mail.cpio", &m));
	s = open_it(&v, "mail.cpio", &m);
	assert_true(source_bytes_fetched(s) <= 2048);
	take_all(s, &range);
	assert_int_equal(front.all.len, range.all.len);
	assert_memory_equal(front.all.data, range.all.data, front.all.len);
	source_close(s);
	/* One message, of one mailbox. */
	s = open_it(&v, "mail.cpio", &m);
	for (int i = 0; i < 12; i++) {
		size_t at = source_find(s, "user.alice");
		struct buf b = BUF_INIT;

		OK(source_read_message(s, at, 1, 1 << 20, &b, &err));
		assert_true(b.len > 0);
		if (i == 0)
			assert_true(source_bytes_fetched(s) <= 2048 + b.len);
		buf_done(&b);
		assert_int_equal(source_read_message(s, at, 4000000, 1 << 20, &b, &err), -1);
		assert_int_equal(err.code, ERR_NOT_FOUND);
	}
	source_close(s);
	assert_int_equal(memory.begun, 1);
	buf_done(&front.all);
	buf_done(&range.all);
	test_memory_done(&memory);
	tree_done(&t);
	vault_done(&v);
}

/* Whatever piece is damaged: it is found out, and all is read anew. */
static void test_damaged(void **state)
{
	struct test_memory memory = { 0 };
	struct foreign_memory m = test_memory_ops(&memory);
	struct files want = { 0 };
	struct source *s;
	struct vault v;
	size_t n, tried = 0;

	(void)state;
	vault_new(&v);
	put_fixture(&v, servers[1].archive, "mail.tar.gz");
	s = open_it(&v, "mail.tar.gz", &m);
	take_all(s, &want);
	source_close(s);
	n = memory.n;
	assert_true(n >= 3);
	for (size_t i = 0; i < n; i += is_slow() ? n - 1 : 1) {
		struct files got = { 0 };

		assert_int_equal(memory.n, n);
		tried++;
		memory.pieces[i].bytes.data[memory.pieces[i].bytes.len / 2] ^= 1;
		s = open_it(&v, "mail.tar.gz", &m);
		take_all(s, &got);
		assert_int_equal(got.all.len, want.all.len);
		assert_memory_equal(got.all.data, want.all.data, want.all.len);
		source_close(s);
		buf_done(&got.all);
		/* A window that is lost is noticed last, when the entries had been of use. */
		s = open_it(&v, "mail.tar.gz", &m);
		source_close(s);
	}
	assert_int_equal(memory.begun, tried + 1);
	buf_done(&want.all);
	test_memory_done(&memory);
	vault_done(&v);
}

static void test_replaced(void **state)
{
	struct test_memory memory = { 0 };
	struct foreign_memory m = test_memory_ops(&memory);
	struct vault v;

	(void)state;
	vault_new(&v);
	for (size_t i = 0; i < 4; i++) {
		if (i % 2 == 0)
			put_fixture(&v, servers[i / 2].archive, "mail.tar.gz");
		if (i % 2 == 1)
			check(&v, "mail.tar.gz", &m, servers[i / 2].dump);
		else
			source_close(open_it(&v, "mail.tar.gz", &m));
		assert_int_equal(memory.ended, i / 2 + 1);
	}
	test_memory_done(&memory);
	vault_done(&v);
}

/* What cannot be read in its middle is opened at once nevertheless. */
static void test_closed(void **state)
{
	struct test_memory memory = { 0 };
	struct foreign_memory m = test_memory_ops(&memory);
	struct vault v;
	struct tree t;
	char *cmd;

	(void)state;
	vault_new(&v);
	tree_load(&t, servers[0].archive);
	tree_pack(&t, &v, "mail.tar", TAR, false, "");
	cmd = mem_printf("bzip2 -q %s/mail.tar", v.path);
	if (system(cmd) == 0) {
		source_close(open_it(&v, "mail.tar.bz2", &m));
		check(&v, "mail.tar.bz2", &m, servers[0].dump);
		assert_int_equal(memory.begun, 1);
	}
	free(cmd);
	test_memory_done(&memory);
	tree_done(&t);
	vault_done(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_extract),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
