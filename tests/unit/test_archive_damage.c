/* test_archive_damage.c: flipped bits, destroyed sectors, cut ends: found by verify, never read as good, salvaged around.
 *
 * CYRVAULT_TEST_DAMAGE=N tries N places instead of few, CYRVAULT_TEST_DAMAGE_BIG=1 takes an archive of a size as backups have instead
 * of a small one (tests/archive/test_damage). */
#include "test_archive_util.h"

#include <fcntl.h>

#include "archive/verify.h"
#include "core/clock.h"

struct expected {
	char path[64];
	uint8_t sha[SHA256_SIZE];
	bool seen;
};

static struct test_dir dir;
static char file[128];
static struct expected *expected;
static size_t n_expected, cap_expected;
static uint64_t archive_bytes, index_bytes, data_bytes;

static void expect(const char *path, const void *p, size_t n)
{
	expected = mem_grow(expected, &cap_expected, n_expected + 1, sizeof *expected);
	snprintf(expected[n_expected].path, sizeof expected->path, "%s", path);
	sha256(p, n, expected[n_expected].sha);
	expected[n_expected++].seen = false;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct expected *)a)->path, ((const struct expected *)b)->path);
}

static void make_archive(size_t units, size_t messages, size_t mean)
{
	struct archive_writer_opts opts = { .threads = 2 };
	struct stream *out;
	struct archive_writer *w = test_create(&dir, "a", &opts, &out);
	struct archive_totals t;
	struct unit_info info = { 0 };
	struct buf b = BUF_INIT;
	struct err err = { 0 };
	uint64_t seed = 99;
	char path[64];

	n_expected = 0;
	for (size_t u = 0; u < units; u++) {
		snprintf(path, sizeof path, "user.u%zu", u);
		OK(archive_writer_begin(w, UNIT_MAILBOX, path, &err));
		for (size_t m = 1; m <= messages; m++) {
			snprintf(path, sizeof path, "spool/u%zu/%zu.", u, m);
			make_message(&b, u * 100000 + m, 300 + rnd(&seed) % (2 * mean));
			test_add(w, path, ROLE_MESSAGE, b.data, b.len);
			expect(path, b.data, b.len);
		}
		OK(archive_writer_end(w, &info, &err));
	}
	t = test_commit(&dir, w, out);
	archive_bytes = t.stored_bytes;
	index_bytes = t.index_bytes;
	data_bytes = archive_bytes - index_bytes;
	qsort(expected, n_expected, sizeof *expected, by_path);
	snprintf(file, sizeof file, "%s/a", dir.path);
	buf_done(&b);
	print_message("archive of %ju bytes, %zu messages; the index takes %.3f %%, %.1f bytes a message\n",
	    (uintmax_t)archive_bytes, n_expected, 100.0 * (double)index_bytes / (double)archive_bytes,
	    (double)index_bytes / (double)n_expected);
}

/* A sink that counts what is right, and fails the test for what is not. */
struct checker {
	struct digest *sha;
	struct expected *now;
	bool count;
	size_t whole;
};

static int check_begin(void *arg, const struct archive_file *f, const struct entry_meta *meta, struct err *e)
{
	struct checker *c = arg;
	struct expected key;

	(void)e;
	if (meta == NULL)
		return 1;
	snprintf(key.path, sizeof key.path, "%s", f->path);
	c->now = bsearch(&key, expected, n_expected, sizeof *expected, by_path);
	if (c->now == NULL)
		fail_msg("%s was never written", f->path);
	assert_int_equal(meta->mode, S_IFREG | 0600);
	digest_start(c->sha);
	return 1;
}

static int check_data(void *arg, const void *p, size_t n, struct err *e)
{
	(void)e;
	digest_add(((struct checker *)arg)->sha, p, n);
	return 0;
}

static int check_end(void *arg, struct err *e)
{
	struct checker *c = arg;
	uint8_t sha[SHA256_SIZE];

	(void)e;
	digest_end(c->sha, sha);
	if (memcmp(sha, c->now->sha, sizeof sha) != 0)
		fail_msg("%s came back with other bytes", c->now->path);
	c->now->seen = true;
	c->whole++;
	return 0;
}

static void check_abort(void *arg)
{
	(void)arg;
}

static size_t lost_told;

static void count_lost(void *arg, const struct archive_finding *f)
{
	(void)arg;
	assert_true(f->path[0] != '\0');
	lost_told++;
}

/* Salvages; returns how many messages came back. */
static size_t salvage(struct salvage_result *r)
{
	struct checker c = { .sha = digest_new(DIGEST_SHA256) };
	struct file_sink sink = { &c, false, check_begin, check_data, check_end, check_abort };
	struct err err = { 0 };

	lost_told = 0;
	OK(archive_salvage(dir.store, "a", NULL, &sink, count_lost, NULL, r, &err));
	digest_free(c.sha);
	assert_int_equal(r->files, c.whole);
	assert_int_equal(r->files_lost, lost_told);
	if (r->had_index)
		assert_int_equal(r->files + r->files_lost, n_expected);
	return c.whole;
}

/* Reads every unit as a restore would; whatever is given must be right. Returns whether all was given. */
static bool read_units(void)
{
	struct checker c = { .sha = digest_new(DIGEST_SHA256) };
	struct file_sink sink = { &c, false, check_begin, check_data, check_end, check_abort };
	struct archive *a;
	struct err err = { 0 };
	bool good = true;

	if (archive_open(dir.store, "a", NULL, &a, &err) == -1) {
		assert_int_equal(err.code, ERR_DAMAGE);
		digest_free(c.sha);
		return false;
	}
	for (size_t i = 0; i < archive_n_units(a); i++) {
		if (archive_read_unit(a, i, &sink, &err) == -1) {
			assert_int_equal(err.code, ERR_DAMAGE);
			good = false;
		}
	}
	archive_close(a);
	digest_free(c.sha);
	return good && c.whole == n_expected;
}

/* Whether verify finds something. */
static bool verify_finds(bool quick)
{
	struct verify_result r;
	struct archive *a;
	struct err err = { 0 };

	if (archive_open(dir.store, "a", NULL, &a, &err) == -1) {
		assert_int_equal(err.code, ERR_DAMAGE);
		assert_true(strstr(err.hint, "salvage") != NULL);
		return true;
	}
	OK(archive_verify(a, quick, NULL, NULL, NULL, &r, &err));
	archive_close(a);
	if (!quick && r.findings == 0) {
		assert_int_equal(r.files, n_expected);
		assert_int_equal(r.files_bad + r.units_bad, 0);
	}
	return r.findings > 0;
}

/* Overwrites part of the archive; gives back what was there. */
static void patch(uint64_t off, uint8_t *bytes, size_t n, uint8_t *old)
{
	int fd = open(file, O_RDWR);

	assert_int_equal(pread(fd, old, n, (off_t)off), n);
	assert_int_equal(pwrite(fd, bytes, n, (off_t)off), n);
	close(fd);
}

static void test_sound(void **state)
{
	struct salvage_result r;

	(void)state;
	assert_false(verify_finds(true));
	assert_false(verify_finds(false));
	assert_true(read_units());
	assert_int_equal(salvage(&r), n_expected);
	assert_true(r.had_index);
	assert_int_equal(r.members_bad, 0);
	assert_int_equal(r.bytes_skipped, 0);
}

static size_t places(size_t few)
{
	const char *n = getenv("CYRVAULT_TEST_DAMAGE");

	if (n != NULL)
		return (size_t)strtoul(n, NULL, 10);
	return test_is_slow() ? few / 10 : few;
}

/* What takes long is not done at all of very many places. */
static bool often(size_t i)
{
	return getenv("CYRVAULT_TEST_DAMAGE") == NULL || i % 10 == 0;
}

static void test_bit_flips(void **state)
{
	uint64_t seed = 1;
	size_t n = places(80), harmless = 0;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		uint64_t off =
		    i % 4 == 0 ? data_bytes + rnd(&seed) % index_bytes : rnd(&seed) % archive_bytes;
		uint8_t old, new, ignored;

		patch(off, (uint8_t[]){ 0 }, 1, &old);
		new = old ^ (uint8_t)(1u << rnd(&seed) % 8);
		patch(off, &new, 1, &ignored);
		if (!verify_finds(false)) {
			/* Deflate can say one thing in several ways: then nothing is wrong. */
			if (!read_units())
				fail_msg("a flipped bit at byte %ju was not found", (uintmax_t)off);
			harmless++;
		} else if (often(i)) {
			assert_false(read_units() && off < data_bytes);
		}
		patch(off, &old, 1, &ignored);
	}
	assert_false(verify_finds(false));
	assert_true(harmless * 100 <= n);
	print_message("%zu flipped bits: %zu found, %zu changed nothing\n", n, n - harmless, harmless);
}

static void test_sectors(void **state)
{
	struct salvage_result r;
	uint64_t seed = 2;
	size_t n = places(80), worst = n_expected;
	uint64_t sectors = (archive_bytes + 511) / 512, worst_at = 0;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		/* The last ones, where the index is, more often than chance would. */
		uint64_t at =
		    (i % 5 == 0 ? sectors - 1 - rnd(&seed) % (index_bytes / 512 + 2) : rnd(&seed) % sectors) *
		    512;
		size_t len = archive_bytes - at < 512 ? (size_t)(archive_bytes - at) : 512, got;
		uint8_t zero[512] = { 0 }, old[512];

		patch(at, zero, len, old);
		if (often(i) && memcmp(zero, old, len) != 0 && !verify_finds(false))
			fail_msg("a destroyed sector at byte %ju was not found", (uintmax_t)at);
		got = salvage(&r);
		if (got < worst) {
			worst = got;
			worst_at = at;
		}
		patch(at, old, len, zero);
	}
	print_message("one destroyed sector, worst of %zu places: %zu of %zu messages came back (%.2f %%), "
		      "at byte %ju\n",
	    n, worst, n_expected, 100.0 * (double)worst / (double)n_expected, (uintmax_t)worst_at);
	if (getenv("CYRVAULT_TEST_DAMAGE_BIG") != NULL)
		assert_true(worst * 100 >= n_expected * 99);
	else
		assert_true(worst * 100 >= n_expected * 80);
}

/* Every member that is whole before the cut must come back, with the file cut off named. */
static void test_truncations(void **state)
{
	uint64_t seed = 3, size;
	struct salvage_result r;
	struct err err = { 0 };
	struct archive *a;
	size_t before = n_expected;

	(void)state;
	for (size = archive_bytes - 1; size > 5000; size -= size / 7 + rnd(&seed) % 1000) {
		size_t got;

		assert_int_equal(truncate(file, (off_t)size), 0);
		assert_int_equal(archive_open(dir.store, "a", NULL, &a, &err), -1);
		assert_int_equal(err.code, ERR_DAMAGE);
		assert_true(strstr(err.hint, "salvage") != NULL);
		got = salvage(&r);
		assert_true(got <= before);
		/* A member is 1 MiB at most, and some of the bytes are the index's. */
		if (size < data_bytes)
			assert_true((double)got >=
				    (double)n_expected * ((double)size - 1100e3) / (double)archive_bytes);
		else
			assert_int_equal(got, n_expected);
		before = got;
	}
}

/* Without a member's header nothing says how long it is: the next is found by its looks. */
static void test_no_index(void **state)
{
	uint8_t zero[64] = { 0 }, old[64], end[200], old_end[200];
	struct salvage_result r;

	(void)state;
	memset(end, 0xa5, sizeof end);
	patch(0, zero, sizeof zero, old);
	patch(archive_bytes - sizeof end, end, sizeof end, old_end);
	assert_true(salvage(&r) > n_expected * 8 / 10);
	assert_true(r.members_bad > 0);
	assert_true(r.bytes_skipped > 0);
	patch(0, old, sizeof old, zero);
	patch(archive_bytes - sizeof end, old_end, sizeof end, end);
	assert_false(verify_finds(false));
}

static void test_not_ours(void **state)
{
	struct checker c = { 0 };
	struct file_sink sink = { &c, false, check_begin, check_data, check_end, check_abort };
	struct salvage_result r;
	struct err err = { 0 };
	char path[128];
	int fd;

	(void)state;
	snprintf(path, sizeof path, "%s/noise", dir.path);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	for (uint64_t i = 0, s = 5; i < 50000; i++) {
		uint64_t v = rnd(&s);

		assert_int_equal(write(fd, &v, sizeof v), sizeof v);
	}
	close(fd);
	assert_int_equal(archive_salvage(dir.store, "noise", NULL, &sink, NULL, NULL, &r, &err), -1);
	assert_int_equal(err.code, ERR_FORMAT);
}

static int setup(void **state)
{
	(void)state;
	dir = test_dir_new();
	if (getenv("CYRVAULT_TEST_DAMAGE_BIG") != NULL)
		make_archive(60, 200, 12000);
	else
		make_archive(12, 60, 2000);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_dir_done(&dir);
	free(expected);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sound), cmocka_unit_test(test_bit_flips),
		cmocka_unit_test(test_sectors), cmocka_unit_test(test_no_index),
		cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_truncations), /* last: it shortens the archive */
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
