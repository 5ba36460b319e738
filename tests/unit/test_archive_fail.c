/* test_archive_fail.c: stores that break at any moment, sinks that refuse, operators who stop: an error each time, no crash,
 * no leak, nothing committed. */
#include "test_archive_util.h"

#include "archive/verify.h"

/* A stream that takes so many writes. */
struct weak {
	int writes;
};

static int weak_write(void *ctx, const void *p, size_t n, struct err *e)
{
	struct weak *w = ctx;

	(void)p;
	(void)n;
	if (w->writes-- > 0)
		return 0;
	return err_set(e, ERR_SPACE, "full");
}

static const struct stream_ops weak_ops = { .write = weak_write, .close = free };

static int write_to(struct stream *out, struct job *job, struct err *err)
{
	struct archive_writer_opts opts = { .threads = 2, .job = job };
	struct archive_writer *w;
	struct unit_info info = { 0 };
	struct archive_totals t;
	struct buf b = BUF_INIT;
	int rc = archive_writer_new(out, &opts, &w, err);

	assert_int_equal(rc, 0);
	for (uint64_t u = 0; rc == 0 && u < 6; u++) {
		char path[32];

		rc = archive_writer_begin(w, UNIT_MAILBOX, "m", err);
		for (uint64_t i = 0; rc == 0 && i < 10; i++) {
			struct entry_meta meta = { .path = path, .mode = S_IFREG | 0600, .size = 150000 };

			snprintf(path, sizeof path, "%ju/%ju", (uintmax_t)u, (uintmax_t)i);
			make_message(&b, i, meta.size);
			rc = archive_writer_add(w, &meta, b.data, err);
		}
		if (rc == 0)
			rc = archive_writer_end(w, &info, err);
	}
	if (rc == 0)
		rc = archive_writer_finish(w, &t, err);
	if (rc == -1) {
		/* Nothing more can be made of it, and asking does no harm. */
		struct err again = { 0 };

		assert_int_equal(archive_writer_finish(w, &t, &again), -1);
		assert_int_equal(archive_writer_begin(w, UNIT_USER, "u", &again), -1);
	}
	archive_writer_free(w);
	buf_done(&b);
	return rc;
}

static void test_full(void **state)
{
	int rc = -1, n;

	(void)state;
	for (n = 0; rc == -1; n += test_is_slow() ? 7 : 1) {
		struct weak *weak = mem_alloc(sizeof *weak);
		struct stream *out = stream_new(&weak_ops, weak, "weak");
		struct err err = { 0 };

		weak->writes = n;
		rc = write_to(out, NULL, &err);
		if (rc == -1)
			assert_int_equal(err.code, ERR_SPACE);
		stream_close(out);
		assert_true(n < 200);
	}
	assert_true(n > 15);
}

static void test_no_temp(void **state)
{
	struct archive_writer_opts opts = { .temp_dir = "/nonexistent/place" };
	struct stream *out = stream_from_bytes("", 0, "x");
	struct archive_writer *w = NULL;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(archive_writer_new(out, &opts, &w, &err), -1);
	assert_null(w);
	assert_int_not_equal(err.code, ERR_NONE);
	stream_close(out);
}

static void test_cancelled(void **state)
{
	struct test_dir d = test_dir_new();
	struct job *job = job_new();
	struct keeper k = { 0 };
	struct file_sink sink = keeper_sink(&k);
	struct salvage_result s;
	struct verify_result v;
	struct archive *a;
	struct stream *out;
	struct err err = { 0 };

	(void)state;
	OK(store_create(d.store, "a", 0, &out, &err));
	assert_int_equal(write_to(out, NULL, &err), 0);
	OK(store_commit(d.store, out, &err));
	stream_close(out);
	OK(archive_open(d.store, "a", job, &a, &err));
	OK(archive_read_unit(a, 0, &sink, &err));
	job_cancel(job);
	assert_int_equal(archive_read_unit(a, 1, &sink, &err), -1);
	assert_int_equal(err.code, ERR_CANCELLED);
	assert_int_equal(archive_verify(a, false, job, NULL, NULL, &v, &err), -1);
	assert_int_equal(err.code, ERR_CANCELLED);
	archive_close(a);
	assert_int_equal(archive_salvage(d.store, "a", job, &sink, NULL, NULL, &s, &err), -1);
	assert_int_equal(err.code, ERR_CANCELLED);
	OK(store_create(d.store, "b", 0, &out, &err));
	assert_int_equal(write_to(out, job, &err), -1);
	assert_int_equal(err.code, ERR_CANCELLED);
	stream_close(out);
	assert_int_equal(archive_open(d.store, "b", NULL, &a, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	keeper_done(&k);
	job_free(job);
	test_dir_done(&d);
}

/* A sink that fails at its n-th call. */
struct refuser {
	int calls;
	int open;
};

static int refuse(struct refuser *r, struct err *e)
{
	return r->calls-- > 0 ? 0 : err_set(e, ERR_SPACE, "the target is full");
}

static int refuse_begin(void *arg, const struct archive_file *f, const struct entry_meta *meta, struct err *e)
{
	struct refuser *r = arg;

	(void)f;
	if (meta == NULL)
		return 1;
	if (refuse(r, e) == -1)
		return -1;
	r->open++;
	return 1;
}

static int refuse_data(void *arg, const void *p, size_t n, struct err *e)
{
	(void)p;
	(void)n;
	return refuse(arg, e);
}

static int refuse_end(void *arg, struct err *e)
{
	struct refuser *r = arg;

	r->open--;
	return refuse(r, e);
}

static void refuse_abort(void *arg)
{
	((struct refuser *)arg)->open--;
}

static void test_sink(void **state)
{
	struct test_dir d = test_dir_new();
	struct salvage_result s;
	struct archive *a;
	struct stream *out;
	struct err err = { 0 };
	int rc = -1;

	(void)state;
	OK(store_create(d.store, "a", 0, &out, &err));
	assert_int_equal(write_to(out, NULL, &err), 0);
	OK(store_commit(d.store, out, &err));
	stream_close(out);
	OK(archive_open(d.store, "a", NULL, &a, &err));
	for (int n = 0; rc == -1; n += test_is_slow() ? 7 : 1) {
		struct refuser r = { n, 0 };
		struct file_sink sink = { &r, n % 2 == 1, refuse_begin, refuse_data, refuse_end,
			refuse_abort };

		err_clear(&err);
		rc = archive_read_unit(a, 3, &sink, &err);
		assert_int_equal(r.open, 0);
		if (rc == -1)
			assert_int_equal(err.code, ERR_SPACE);
		r = (struct refuser){ n, 0 };
		if (archive_salvage(d.store, "a", NULL, &sink, NULL, NULL, &s, &err) == -1)
			assert_int_equal(err.code, ERR_SPACE);
		assert_int_equal(r.open, 0);
		assert_true(n < 100);
	}
	archive_close(a);
	test_dir_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_no_temp),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_sink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
