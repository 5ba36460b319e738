/* test_archive.c: what is written comes back; the same bytes for any number of threads. */
#include "test_archive_util.h"

#include <fcntl.h>

static const struct archive_writer_opts quick = { .threads = 2 };

struct sample {
	const char *path;
	size_t size;
	mode_t mode;
};

static const struct sample samples[] = {
	{ "empty", 0, S_IFREG | 0600 },
	{ "dir", 0, S_IFDIR | 0750 },
	{ "dir/one", 1, S_IFREG | 0644 },
	{ "dir/two spaces and \xc3\xa4\xff\x80 bytes", 2, S_IFREG | 0600 },
	{ "dir/new\nline", 3, S_IFREG | 0600 },
	{ "dir/tab\tand%25 percent\x01\x7f", 4, S_IFREG | 0600 },
	{ "dir/link", 11, S_IFLNK | 0777 },
	{ "big", 3333333, S_IFREG | 0600 },
	{ "after-big", 5000, S_IFREG | 0600 },
	{ "exactly-a-member", (1 << 20) - 128, S_IFREG | 0600 },
	{ "more-than-a-member", (1 << 20) - 127, S_IFREG | 0600 },
	{ "fifo", 0, S_IFIFO | 0600 },
	{ "device", 0, S_IFCHR | 0600 },
};
#define N_SAMPLES (sizeof samples / sizeof samples[0])

static void add_samples(struct archive_writer *w)
{
	struct buf b = BUF_INIT;
	struct err err = { 0 };

	for (size_t i = 0; i < N_SAMPLES; i++) {
		struct entry_meta meta = { .path = samples[i].path,
			.mode = samples[i].mode,
			.uid = 4000000000u,
			.gid = (gid_t)i,
			.mtime = 1000000000 * (int64_t)i - 1,
			.size = samples[i].size,
			.rdev = 0x103,
			.role = (enum file_role)(i % ROLE_COUNT),
			.link_group = i == 3 ? 77 : 0 };

		make_message(&b, i, samples[i].size);
		OK(archive_writer_add(w, &meta, b.data, &err));
	}
	buf_done(&b);
}

static void round_trip(const struct archive_writer_opts *opts)
{
	struct test_dir d = test_dir_new();
	struct unit_info info = { .health = HEALTH_OK,
		.uniqueid = "uid-1",
		.partition = "default",
		.uidvalidity = 7,
		.messages = 3,
		.unread = 2 };
	struct unit_info empty = { 0 };
	struct keeper k = { 0 };
	struct file_sink sink = keeper_sink(&k);
	struct archive_totals totals;
	const struct archive_table *t;
	struct buf b = BUF_INIT;
	struct err err = { 0 };
	struct archive *a;
	struct stream *out;
	struct archive_writer *w = test_create(&d, "a.cpio.gz", opts, &out);

	OK(archive_writer_begin(w, UNIT_CONTROL, "control", &err));
	OK(archive_writer_end(w, &empty, &err));
	OK(archive_writer_begin(w, UNIT_MAILBOX, "user.a%b\tc", &err));
	add_samples(w);
	OK(archive_writer_end(w, &info, &err));
	OK(archive_writer_begin(w, UNIT_REPORT, "report", &err));
	test_add(w, "cyrvault/report.json", ROLE_CONTROL, "{}\n", 3);
	OK(archive_writer_end(w, &empty, &err));
	totals = test_commit(&d, w, out);

	OK(archive_open(d.store, "a.cpio.gz", NULL, &a, &err));
	assert_int_equal(archive_get_kind(a), ARCHIVE_OURS);
	assert_int_equal(archive_size(a), totals.stored_bytes);
	assert_int_equal(archive_n_units(a), 3);
	assert_int_equal(archive_find(a, UNIT_MAILBOX, "user.a%b\tc"), 1);
	assert_int_equal(archive_find(a, UNIT_USER, "user.a%b\tc"), (size_t)-1);
	assert_int_equal(archive_unit(a, 0)->files, 0);
	assert_int_equal(archive_unit(a, 1)->kind, UNIT_MAILBOX);
	assert_int_equal(archive_unit(a, 1)->health, HEALTH_OK);
	assert_int_equal(archive_unit(a, 1)->files, N_SAMPLES);
	assert_int_equal(archive_unit(a, 1)->uidvalidity, 7);
	assert_int_equal(archive_unit(a, 1)->messages, 3);
	assert_int_equal(archive_unit(a, 1)->unread, 2);
	assert_string_equal(archive_unit(a, 1)->uniqueid, "uid-1");
	assert_string_equal(archive_unit(a, 1)->partition, "default");
	OK(archive_read_unit(a, 0, &sink, &err));
	assert_int_equal(k.n, 0);
	OK(archive_read_unit(a, 1, &sink, &err));
	assert_int_equal(k.n, N_SAMPLES);
	for (size_t i = 0; i < N_SAMPLES; i++) {
		make_message(&b, i, samples[i].size);
		assert_string_equal(k.files[i].path, samples[i].path);
		assert_true(k.files[i].whole);
		assert_int_equal(k.files[i].meta.mode, samples[i].mode);
		assert_int_equal(k.files[i].meta.uid, 4000000000u);
		assert_int_equal(k.files[i].meta.gid, i);
		assert_int_equal(k.files[i].meta.mtime, 1000000000 * (int64_t)i - 1);
		assert_int_equal(k.files[i].meta.size, samples[i].size);
		assert_int_equal(k.files[i].meta.role, i % ROLE_COUNT);
		assert_int_equal(k.files[i].meta.link_group, i == 3 ? 77 : 0);
		assert_int_equal(
		    k.files[i].meta.rdev, S_ISCHR(samples[i].mode) || S_ISFIFO(samples[i].mode) ? 0x103 : 0);
		assert_int_equal(k.files[i].data.len, samples[i].size);
		if (samples[i].size > 0)
			assert_memory_equal(k.files[i].data.data, b.data, b.len);
	}
	OK(archive_table(a, 1, &t, &err));
	for (size_t i = 0; i < N_SAMPLES; i++) {
		struct buf one = BUF_INIT;

		make_message(&b, i, samples[i].size);
		OK(archive_read_file(a, 1, &t->files[i], 4 << 20, &one, &err));
		assert_int_equal(one.len, b.len);
		if (b.len > 0)
			assert_memory_equal(one.data, b.data, b.len);
		if (b.len > 1) {
			assert_int_equal(archive_read_file(a, 1, &t->files[i], b.len - 1, &one, &err), -1);
			assert_int_equal(err.code, ERR_FORMAT);
		}
		buf_done(&one);
	}
	archive_close(a);
	keeper_done(&k);
	buf_done(&b);
	test_dir_done(&d);
}

static void test_round_trip(void **state)
{
	(void)state;
	for (int level = LEVEL_DEFAULT; level <= (test_is_slow() ? LEVEL_DEFAULT : LEVEL_STORE); level++) {
		round_trip(&(struct archive_writer_opts){ .threads = 1, .level = (enum writer_level)level });
		round_trip(&(struct archive_writer_opts){
		    .threads = 3, .level = (enum writer_level)level, .split_bytes = 100001 });
	}
	round_trip(&(struct archive_writer_opts){ .split_bytes = 1000 });
}

static void test_missing(void **state)
{
	struct test_dir d = test_dir_new();
	struct err err = { 0 };
	struct archive *a;

	(void)state;
	assert_int_equal(archive_open(d.store, "nothing", NULL, &a, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	test_dir_done(&d);
}

static void write_many(
    struct test_dir *d, const char *name, unsigned threads, size_t n_units, struct archive_totals *t)
{
	struct archive_writer_opts opts = { .threads = threads };
	struct stream *out;
	struct archive_writer *w = test_create(d, name, &opts, &out);
	struct unit_info info = { 0 };
	struct buf b = BUF_INIT;
	struct err err = { 0 };
	char text[128];
	uint64_t seed = 4711;

	for (size_t i = 0; i < n_units; i++) {
		size_t files = i == 5 ? (test_is_slow() ? 600 : 6000) : rnd(&seed) % 8;

		snprintf(text, sizeof text, "user.u%zu", i);
		OK(archive_writer_begin(w, UNIT_MAILBOX, text, &err));
		for (size_t k = 1; k <= files; k++) {
			snprintf(text, sizeof text, "var/spool/cyrus/mail/u/user/u%zu/%zu.", i, k);
			make_message(&b, i * 1000 + k, i == 5 ? rnd(&seed) % 500 : rnd(&seed) % 30000);
			test_add(w, text, ROLE_MESSAGE, b.data, b.len);
		}
		OK(archive_writer_end(w, &info, &err));
	}
	*t = test_commit(d, w, out);
	buf_done(&b);
}

static void test_threads(void **state)
{
	struct test_dir d = test_dir_new();
	struct buf first = BUF_INIT, other = BUF_INIT;
	struct archive_totals t;
	struct err err = { 0 };
	char path[128];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct buf *b = i == 0 ? &first : &other;

		snprintf(path, sizeof path, "%u", i);
		write_many(&d, path, (unsigned[]){ 1, 2, 5 }[i], test_is_slow() ? 30 : 300, &t);
		snprintf(path, sizeof path, "%s/%u", d.path, i);
		buf_clear(b);
		OK(io_read_file(AT_FDCWD, path, 1 << 30, b, &err));
		assert_int_equal(b->len, first.len);
		assert_memory_equal(b->data, first.data, first.len);
	}
	buf_done(&first);
	buf_done(&other);
	test_dir_done(&d);
}

static void test_many_units(void **state)
{
	struct test_dir d = test_dir_new();
	struct keeper k = { 0 };
	struct file_sink sink = keeper_sink(&k);
	struct archive_totals totals;
	struct buf b = BUF_INIT;
	struct err err = { 0 };
	struct archive *a;
	uint64_t seed = 4711;
	char text[128];
	size_t units = test_is_slow() ? 200 : 3000;

	(void)state;
	write_many(&d, "a", 2, units, &totals);
	OK(archive_open(d.store, "a", NULL, &a, &err));
	assert_int_equal(archive_n_units(a), units);
	for (size_t i = 0; i < units; i++) {
		size_t files = i == 5 ? (test_is_slow() ? 600 : 6000) : rnd(&seed) % 8;

		snprintf(text, sizeof text, "user.u%zu", i);
		assert_int_equal(archive_find(a, UNIT_MAILBOX, text), i);
		OK(archive_read_unit(a, i, &sink, &err));
		assert_int_equal(k.n, files);
		for (size_t j = 1; j <= files; j++) {
			make_message(&b, i * 1000 + j, i == 5 ? rnd(&seed) % 500 : rnd(&seed) % 30000);
			assert_int_equal(k.files[j - 1].data.len, b.len);
			if (b.len > 0)
				assert_memory_equal(k.files[j - 1].data.data, b.data, b.len);
		}
		keeper_clear(&k);
	}
	archive_close(a);
	keeper_done(&k);
	buf_done(&b);
	test_dir_done(&d);
}

/* u17, u18 and u199 of those that come by, or none. */
struct wish {
	size_t seen;
	bool any;
};

static bool wants(void *arg, const struct unit_info *u)
{
	struct wish *w = arg;

	w->seen++;
	return w->any && (strcmp(u->name, "user.u17") == 0 || strcmp(u->name, "user.u18") == 0 ||
			     strcmp(u->name, "user.u199") == 0);
}

static void test_picked(void **state)
{
	struct test_dir d = test_dir_new();
	struct keeper all = { 0 }, one = { 0 };
	struct file_sink all_sink = keeper_sink(&all), one_sink = keeper_sink(&one);
	struct archive_totals totals;
	struct err err = { 0 };
	struct archive *whole, *a;
	struct wish w = { .any = true };
	struct archive_pick pick = { wants, &w, 199 };
	static const char *const names[] = { "", "user.u17", "user.u18", "", "user.u199" };

	(void)state;
	write_many(&d, "a", 2, 200, &totals);
	OK(archive_open(d.store, "a", NULL, &whole, &err));
	OK(archive_open_picked(d.store, "a", NULL, &pick, &a, &err));
	assert_int_equal(w.seen, 200);
	/* Of those left out, each run is one in each group of tables. */
	assert_in_range(archive_n_units(a), 5, 20);
	for (size_t i = 0; i < archive_n_units(a); i++)
		assert_true(archive_unit(a, i)->kind == UNIT_LEFT_OUT ? archive_unit(a, i)->name[0] == '\0'
								      : archive_unit(a, i)->name[0] == 'u');
	assert_int_equal(archive_find(a, UNIT_MAILBOX, "user.u16"), (size_t)-1);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		size_t at = archive_find(a, UNIT_MAILBOX, names[i]);
		size_t was = archive_find(whole, UNIT_MAILBOX, names[i]);

		assert_int_equal(at == (size_t)-1, was == (size_t)-1);
		if (at == (size_t)-1)
			continue;
		OK(archive_read_unit(a, at, &one_sink, &err));
		OK(archive_read_unit(whole, was, &all_sink, &err));
		assert_int_equal(one.n, all.n);
		for (size_t k = 0; k < one.n; k++) {
			assert_int_equal(one.files[k].data.len, all.files[k].data.len);
			if (all.files[k].data.len > 0)
				assert_memory_equal(
				    one.files[k].data.data, all.files[k].data.data, all.files[k].data.len);
		}
		keeper_clear(&one);
		keeper_clear(&all);
	}
	archive_close(a);
	/* None at all; and where there are not many, all. */
	w = (struct wish){ 0 };
	OK(archive_open_picked(d.store, "a", NULL, &pick, &a, &err));
	assert_int_equal(w.seen, 200);
	assert_int_equal(archive_unit(a, 0)->kind, UNIT_LEFT_OUT);
	archive_close(a);
	pick.many = 200;
	OK(archive_open_picked(d.store, "a", NULL, &pick, &a, &err));
	assert_int_equal(w.seen, 200);
	assert_int_equal(archive_n_units(a), 200);
	archive_close(a);
	archive_close(whole);
	keeper_done(&one);
	keeper_done(&all);
	test_dir_done(&d);
}

static void test_add_fd(void **state)
{
	struct test_dir d = test_dir_new();
	struct stream *out;
	struct archive_writer *w = test_create(&d, "a", &quick, &out);
	struct entry_meta meta = { .path = "f", .mode = S_IFREG | 0600, .size = 10 };
	struct unit_info info = { 0 };
	struct keeper k = { 0 };
	struct file_sink sink = keeper_sink(&k);
	uint8_t guid[SHA1_SIZE], want[SHA1_SIZE];
	struct err err = { 0 };
	struct archive *a;
	uint64_t missing = 99;
	char path[128];
	int fd;

	(void)state;
	snprintf(path, sizeof path, "%s/.file", d.path);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	assert_int_equal(write(fd, "0123456789", 10), 10);
	OK(archive_writer_begin(w, UNIT_USER, "u", &err));
	OK(archive_writer_add_fd(w, &meta, fd, guid, &missing, &err));
	assert_int_equal(missing, 0);
	sha1("0123456789", 10, want);
	assert_memory_equal(guid, want, sizeof want);
	meta.size = 15;
	meta.path = "short";
	OK(archive_writer_add_fd(w, &meta, fd, guid, &missing, &err));
	assert_int_equal(missing, 5);
	meta.size = 4;
	meta.path = "grown";
	OK(archive_writer_add_fd(w, &meta, fd, NULL, NULL, &err));
	close(fd);
	fd = open(d.path, O_RDONLY | O_DIRECTORY);
	meta.path = "unreadable";
	assert_int_equal(archive_writer_add_fd(w, &meta, fd, NULL, NULL, &err), -1);
	assert_int_equal(err.code, ERR_SYS);
	close(fd);
	meta.path = "../out";
	assert_int_equal(archive_writer_add(w, &meta, "1234", &err), -1);
	meta.path = "/abs";
	assert_int_equal(archive_writer_add(w, &meta, "1234", &err), -1);
	OK(archive_writer_end(w, &info, &err));
	assert_int_equal(archive_writer_end(w, &info, &err), -1);
	test_commit(&d, w, out);
	OK(archive_open(d.store, "a", NULL, &a, &err));
	OK(archive_read_unit(a, 0, &sink, &err));
	assert_int_equal(k.n, 4);
	assert_memory_equal(k.files[0].data.data, "0123456789", 10);
	assert_memory_equal(k.files[1].data.data, "0123456789\0\0\0\0\0", 15);
	assert_memory_equal(k.files[2].data.data, "0123", 4);
	assert_memory_equal(k.files[3].data.data, "\0\0\0\0", 4);
	archive_close(a);
	keeper_done(&k);
	test_dir_done(&d);
}

/* Read back from a tape: zeros to the end of the last block. */
static void test_tape(void **state)
{
	struct test_dir d = test_dir_new();
	struct archive_totals t;
	struct archive *a;
	struct err err = { 0 };
	char path[128];

	(void)state;
	write_many(&d, "a", 2, 20, &t);
	snprintf(path, sizeof path, "%s/a", d.path);
	for (uint64_t pad = 1; pad < 9 << 20; pad = pad * 3 + 64000 * (pad > 1000)) {
		assert_int_equal(truncate(path, (off_t)(t.stored_bytes + pad)), 0);
		OK(archive_open(d.store, "a", NULL, &a, &err));
		assert_int_equal(archive_get_kind(a), ARCHIVE_OURS);
		assert_int_equal(archive_n_units(a), 20);
		archive_close(a);
	}
	/* Zeros are not all that a cut archive lacks. */
	assert_int_equal(truncate(path, (off_t)t.stored_bytes / 2), 0);
	assert_int_equal(truncate(path, (off_t)t.stored_bytes * 2), 0);
	assert_int_equal(archive_open(d.store, "a", NULL, &a, &err), -1);
	assert_int_equal(err.code, ERR_DAMAGE);
	test_dir_done(&d);
}

/* Only what is asked for is fetched. */
static bool want_one(const struct archive_file *f)
{
	return strcmp(f->path, "m/500") == 0;
}

static void test_fetched(void **state)
{
	struct test_dir d = test_dir_new();
	struct stream *out;
	struct archive_writer *w = test_create(&d, "a", &quick, &out);
	struct unit_info info = { 0 };
	struct keeper k = { .want = want_one };
	struct file_sink sink = keeper_sink(&k);
	struct buf b = BUF_INIT;
	struct err err = { 0 };
	struct archive *a;
	uint64_t before;
	char path[64];

	(void)state;
	OK(archive_writer_begin(w, UNIT_MAILBOX, "m", &err));
	for (int i = 0; i < 1000; i++) {
		snprintf(path, sizeof path, "m/%d", i);
		make_message(&b, (uint64_t)i, 20000);
		test_add(w, path, ROLE_MESSAGE, b.data, b.len);
	}
	OK(archive_writer_end(w, &info, &err));
	test_commit(&d, w, out);
	OK(archive_open(d.store, "a", NULL, &a, &err));
	assert_true(archive_bytes_fetched(a) <= 64 << 10);
	before = archive_bytes_fetched(a);
	OK(archive_read_unit(a, 0, &sink, &err));
	assert_int_equal(k.n, 1);
	make_message(&b, 500, 20000);
	assert_memory_equal(k.files[0].data.data, b.data, b.len);
	assert_true(archive_bytes_fetched(a) - before < 1100 << 10);
	archive_close(a);
	keeper_done(&k);
	buf_done(&b);
	test_dir_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_many_units),
		cmocka_unit_test(test_picked),
		cmocka_unit_test(test_add_fd),
		cmocka_unit_test(test_fetched),
		cmocka_unit_test(test_tape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
