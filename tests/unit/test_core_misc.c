/* test_core_misc.c: buffers, memory, failures, the clock, jobs and streams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/err.h"
#include "core/io.h"
#include "core/job.h"
#include "core/mem.h"
#include "core/str.h"
#include "core/stream.h"

static void test_buf(void **state)
{
	struct buf b = BUF_INIT;
	char *s;

	(void)state;
	assert_string_equal(buf_text(&b), "");
	assert_non_null(buf_reserve(&b, 100));
	assert_string_equal(buf_text(&b), "");
	buf_str(&b, "a");
	buf_char(&b, 'b');
	buf_add(&b, "c\0d", 3);
	buf_add(&b, NULL, 0);
	assert_int_equal(b.len, 5);
	assert_memory_equal(b.data, "abc\0d", 6);
	buf_clear(&b);
	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "%d,", i);
	buf_printf(&b, "%0500d", 7);
	assert_int_equal(b.len, 3890 + 500);
	assert_int_equal(b.data[b.len], '\0');
	s = buf_steal(&b);
	assert_int_equal(strlen(s), 4390);
	assert_null(b.data);
	free(s);
	s = buf_steal(&b);
	assert_string_equal(s, "");
	free(s);
	buf_done(&b);
	buf_done(&b);
}

static void test_buf_ceiling(void **state)
{
	struct buf b = BUF_INIT_MAX(4);

	(void)state;
	buf_str(&b, "abc");
	assert_false(b.full);
	buf_str(&b, "de");
	assert_true(b.full);
	/* Nothing was cut, and nothing follows what was refused. */
	buf_str(&b, "f");
	buf_printf(&b, "%d", 1);
	assert_null(buf_reserve(&b, 0));
	assert_string_equal(buf_text(&b), "abc");
	buf_clear(&b);
	buf_str(&b, "1234");
	assert_false(b.full);
	assert_string_equal(buf_text(&b), "1234");
	buf_printf(&b, "%s", "");
	assert_false(b.full);
	buf_done(&b);
	assert_null(buf_reserve(&b, (size_t)-1));
	assert_true(b.full);
	buf_done(&b);
}

static void test_mem(void **state)
{
	size_t cap = 0;
	uint32_t *p = NULL;
	char *s, zero[16] = "";

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		p = mem_grow(p, &cap, i + 1, sizeof *p);
		assert_true(cap >= i + 1);
		p[i] = i;
	}
	assert_int_equal(p[999], 999);
	free(p);
	s = mem_array(4, 4);
	assert_memory_equal(s, zero, 16);
	free(s);
	free(mem_alloc(0));
	free(mem_array(0, 0));
	assert_null(mem_strdup(NULL));
	s = mem_strndup("abc", 10);
	assert_string_equal(s, "abc");
	free(s);
	s = mem_strndup("abcdef", 2);
	assert_string_equal(s, "ab");
	free(s);
	s = mem_printf("%s-%d", "x", 5);
	assert_string_equal(s, "x-5");
	free(s);
	s = mem_dup("\0\1\2", 3);
	assert_memory_equal(s, "\0\1\2", 3);
	free(s);
}

static void test_err(void **state)
{
	static const struct {
		int number;
		enum err_code code;
		int status;
	} cases[] = { { ENOENT, ERR_NOT_FOUND, 10 }, { EEXIST, ERR_EXISTS, 2 }, { ENOSPC, ERR_SPACE, 14 },
		{ EDQUOT, ERR_SPACE, 14 }, { ECANCELED, ERR_CANCELLED, 2 }, { EACCES, ERR_SYS, 2 } };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		errno = cases[i].number;
		assert_int_equal(err_sys(&e, "open %s", "f"), -1);
		assert_int_equal(e.code, cases[i].code);
		assert_int_equal(e.sys, cases[i].number);
		assert_int_equal(err_exit_status(e.code), cases[i].status);
		assert_non_null(strstr(e.msg, strerror(cases[i].number)));
	}
	assert_int_equal(err_set(&e, ERR_DAMAGE, "%s", "bad\033[2J\nline"), -1);
	assert_string_equal(e.msg, "bad\\x1b[2J\\x0aline");
	assert_int_equal(e.sys, 0);
	assert_int_equal(err_hint(&e, "do %s", "this\a"), -1);
	assert_int_equal(err_hint(&e, "do that"), -1);
	assert_string_equal(e.hint, "do this\\x07");
	assert_int_equal(err_wrap(&e, "mailbox %s", "m"), -1);
	assert_string_equal(e.msg, "mailbox m: bad\\x1b[2J\\x0aline");
	assert_string_equal(e.hint, "do this\\x07");
	assert_int_equal(e.code, ERR_DAMAGE);
	/* A new failure forgets the old advice. */
	err_set(&e, ERR_USAGE, "new");
	assert_string_equal(e.hint, "");
	err_clear(&e);
	assert_int_equal(e.code, ERR_NONE);
	assert_string_equal(e.msg, "");
	/* For callers that only need to know that. */
	assert_int_equal(err_set(NULL, ERR_USAGE, "x"), -1);
	assert_int_equal(err_sys(NULL, "x"), -1);
	assert_int_equal(err_wrap(NULL, "x"), -1);
	assert_int_equal(err_hint(NULL, "x"), -1);
	err_clear(NULL);
	assert_int_equal(err_exit_status((enum err_code)999), 2);
	assert_string_equal(err_code_name((enum err_code)999), "unknown");
	assert_string_equal(err_code_name(ERR_SPACE), "no_space");
	for (int code = ERR_NONE; code <= ERR_PARTIAL; code++)
		assert_string_not_equal(err_code_name((enum err_code)code), "unknown");
}

static void expect_utf8(const char *s)
{
	uint32_t cp;

	for (size_t n = strlen(s), i = 0, len; i < n; i += len) {
		len = str_utf8_next(s + i, n - i, &cp);
		assert_true(len > 0);
	}
}

/* Names may be longer than a message: the reason is still told, and no character is cut. */
static void test_err_long(void **state)
{
	struct err e = { 0 };
	char name[2000];

	(void)state;
	for (size_t shift = 0; shift < 3; shift++) {
		memset(name, 0, sizeof name);
		memset(name, 'x', shift);
		for (size_t i = shift; i + 3 < sizeof name; i += 3)
			memcpy(name + i, "\346\226\207", 3);
		errno = EACCES;
		err_sys(&e, "open %s", name);
		expect_utf8(e.msg);
		assert_true(str_ends(e.msg, ": Permission denied"));
		err_wrap(&e, "mailbox %s", "user.anna");
		expect_utf8(e.msg);
		assert_true(str_starts(e.msg, "mailbox user.anna: open "));
		err_set(&e, ERR_FORMAT, "too short");
		err_wrap(&e, "%s", name);
		expect_utf8(e.msg);
		assert_true(str_ends(e.msg, ": too short"));
		for (int i = 0; i < 20; i++)
			err_wrap(&e, "layer %d %.100s", i, name);
		expect_utf8(e.msg);
		assert_true(str_starts(e.msg, "layer 19 "));
		err_hint(&e, "%s", name);
		expect_utf8(e.hint);
	}
}

static void test_clock(void **state)
{
	static const struct {
		int64_t seconds;
		const char *want;
	} ages[] = { { -1, "?" }, { 0, "0s" }, { 99, "99s" }, { 100, "1m" }, { 5999, "99m" }, { 6000, "1h" },
		{ 26 * 3600, "26h" }, { 3 * 86400, "3d" }, { 98 * 86400, "14w" },
		{ INT64_C(999) * 604800, "999w" }, { INT64_C(1000) * 604800, "19y" }, { INT64_MAX, "999y" } };
	static const char *const bad[] = { "", "20261122", "20261122T010203", "20261322T010203Z",
		"20261122T250203Z", "20260230T000000Z", "2026 122T010203Z", "xxxxxxxxTxxxxxxZ",
		"20261122t010203Z" };
	char s[32];
	int64_t t;

	(void)state;
	assert_string_equal(clock_stamp(s, sizeof s, 1795309323), "20261122T010203Z");
	assert_string_equal(clock_iso(s, sizeof s, 1795309323), "2026-11-22T01:02:03Z");
	assert_int_equal(clock_parse_stamp("20261122T010203Z.cpio.gz", &t), 0);
	assert_int_equal(t, 1795309323);
	assert_int_equal(clock_parse_stamp("19700101T000000Z", &t), 0);
	assert_int_equal(t, 0);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(clock_parse_stamp(bad[i], &t), -1);
	assert_string_equal(clock_stamp(s, sizeof s, INT64_MAX), "?");
	assert_string_equal(clock_iso(s, sizeof s, INT64_MIN), "?");
	for (size_t i = 0; i < sizeof ages / sizeof ages[0]; i++)
		assert_string_equal(clock_age(s, sizeof s, ages[i].seconds), ages[i].want);
	for (int64_t v = 1; v < INT64_MAX / 2; v *= 2)
		assert_true(strlen(clock_age(s, sizeof s, v)) <= 4);
	setenv("TZ", "UTC-1", 1);
	tzset();
	assert_string_equal(clock_local(s, sizeof s, 1795309323), "2026-11-22 02:02");
	setenv("CYRVAULT_NOW", "1795309323", 1);
	assert_int_equal(clock_now(), 1795309323);
	setenv("CYRVAULT_NOW", "soon", 1);
	assert_true(clock_now() > 1700000000);
	unsetenv("CYRVAULT_NOW");
	assert_true(clock_monotonic_ms() > 0);
}

struct work {
	atomic_bool go;
	int answer;
};

static int succeed(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;

	(void)e;
	job_set_total(job, 100);
	job_step(job, "look at %s", "user.\033anna");
	job_advance(job, 30);
	job_advance(job, 12);
	while (!atomic_load(&w->go))
		usleep(1000);
	w->answer = 42;
	return 0;
}

static int until_cancelled(struct job *job, void *arg, struct err *e)
{
	(void)arg;
	while (!job_cancelled(job, e))
		usleep(1000);
	return err_hint(e, "nothing was done");
}

static void test_job(void **state)
{
	struct job_progress p;
	struct err e = { 0 };
	struct work w = { 0 };
	struct job *job = job_new();
	struct pollfd fd = { .fd = job_fd(job), .events = POLLIN };

	(void)state;
	job_get_progress(job, &p);
	assert_int_equal(p.state, JOB_NEW);
	assert_int_equal(job_start(job, succeed, &w, &e), 0);
	do {
		job_get_progress(job, &p);
		usleep(1000);
	} while (p.done_bytes < 42);
	assert_int_equal(p.state, JOB_RUNNING);
	assert_int_equal(p.total_bytes, 100);
	assert_string_equal(p.step, "look at user.\\x1banna");
	assert_false(p.cancelling);
	assert_int_equal(poll(&fd, 1, 0), 0);
	atomic_store(&w.go, true);
	assert_int_equal(poll(&fd, 1, 10000), 1);
	assert_int_equal(job_reap(job, &e), 0);
	assert_int_equal(job_reap(job, &e), 0);
	assert_int_equal(w.answer, 42);
	job_get_progress(job, &p);
	assert_int_equal(p.state, JOB_DONE);
	job_free(job);
}

static void test_job_cancel(void **state)
{
	struct job_progress p;
	struct err e = { 0 };
	struct job *job = job_new();

	(void)state;
	assert_int_equal(job_start(job, until_cancelled, NULL, &e), 0);
	assert_int_equal(job_cancelled(job, &e), 0);
	job_cancel(job);
	assert_int_equal(job_reap(job, &e), -1);
	assert_int_equal(e.code, ERR_CANCELLED);
	assert_string_equal(e.hint, "nothing was done");
	job_get_progress(job, &p);
	assert_int_equal(p.state, JOB_FAILED);
	assert_true(p.cancelling);
	job_free(job);
	/* Freed while it runs: stopped and waited for. */
	job = job_new();
	assert_int_equal(job_start(job, until_cancelled, NULL, &e), 0);
	job_free(job);
	job_free(NULL);
	/* Without a job all is quiet. */
	job_step(NULL, "x");
	job_set_total(NULL, 1);
	job_advance(NULL, 1);
	assert_int_equal(job_cancelled(NULL, &e), 0);
}

static int keep_moving(struct job *job, void *arg, struct err *e)
{
	(void)arg;
	while (!job_cancelled(job, e))
		job_advance(job, 1);
	return 0;
}

/* A worker that moves while it is looked at is never taken for one that stalls. */
static void test_job_idle(void **state)
{
	struct job *job = job_new();
	struct job_progress p;
	struct err e = { 0 };
	uint64_t until = clock_monotonic_ms() + 50;

	(void)state;
	assert_int_equal(job_start(job, keep_moving, NULL, &e), 0);
	while (clock_monotonic_ms() < until) {
		job_get_progress(job, &p);
		assert_true(p.idle_ms < 100000 && p.elapsed_ms < 100000);
	}
	job_cancel(job);
	assert_int_equal(job_reap(job, &e), 0);
	job_free(job);
}

static void test_stream_of_bytes(void **state)
{
	struct stream *s = stream_from_bytes("0123456789", 10, "digits");
	struct err e = { 0 };
	uint64_t size;
	char got[16];

	(void)state;
	assert_string_equal(stream_name(s), "digits");
	assert_int_equal(stream_size(s, &size, &e), 0);
	assert_int_equal(size, 10);
	assert_int_equal(stream_read_full(s, got, 4, &e), 0);
	assert_memory_equal(got, "0123", 4);
	assert_int_equal(stream_seek(s, 8, &e), 0);
	assert_int_equal(stream_read(s, got, sizeof got, &e), 2);
	assert_int_equal(stream_read(s, got, sizeof got, &e), 0);
	assert_int_equal(stream_seek(s, UINT64_MAX, &e), 0);
	assert_int_equal(stream_read(s, got, sizeof got, &e), 0);
	assert_int_equal(stream_seek(s, 7, &e), 0);
	assert_int_equal(stream_read_full(s, got, 4, &e), -1);
	assert_int_equal(e.code, ERR_DAMAGE);
	assert_string_equal(e.msg, "digits ends where 1 more bytes were expected");
	assert_int_equal(stream_write(s, "x", 1, &e), -1);
	assert_int_equal(e.code, ERR_UNSUPPORTED);
	stream_close(s);
	stream_close(NULL);
}

static void test_stream_of_fd(void **state)
{
	struct err e = { 0 };
	struct stream *s = stream_from_fd(io_temp_fd(NULL, &e), "file");
	struct job *job = job_new();
	static const struct stream_ops other = { 0 };
	uint64_t size;
	char got[8];

	(void)state;
	assert_int_equal(stream_write(s, "hello", 5, &e), 0);
	assert_int_equal(stream_size(s, &size, &e), 0);
	assert_int_equal(size, 5);
	assert_int_equal(stream_seek(s, 1, &e), 0);
	assert_int_equal(stream_read_full(s, got, 4, &e), 0);
	assert_memory_equal(got, "ello", 4);
	assert_int_equal(stream_seek(s, UINT64_MAX, &e), -1);
	assert_null(stream_ctx(s, &other));
	stream_set_job(s, job);
	assert_int_equal(stream_seek(s, 0, &e), 0);
	job_cancel(job);
	assert_int_equal(stream_read(s, got, 1, &e), -1);
	assert_int_equal(e.code, ERR_CANCELLED);
	assert_int_equal(stream_write(s, "x", 1, &e), -1);
	assert_int_equal(stream_seek(s, 0, &e), -1);
	stream_set_job(s, NULL);
	assert_int_equal(stream_read(s, got, 1, &e), 1);
	stream_close(s);
	job_free(job);
	s = stream_from_fd(-1, "gone");
	assert_int_equal(stream_read(s, got, 1, &e), -1);
	assert_string_equal(e.msg, "gone: read: Bad file descriptor");
	stream_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buf),
		cmocka_unit_test(test_buf_ceiling),
		cmocka_unit_test(test_mem),
		cmocka_unit_test(test_err),
		cmocka_unit_test(test_err_long),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_job),
		cmocka_unit_test(test_job_cancel),
		cmocka_unit_test(test_job_idle),
		cmocka_unit_test(test_stream_of_bytes),
		cmocka_unit_test(test_stream_of_fd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
