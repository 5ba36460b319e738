/* test_log.c: the lines that the process remembers of its log, and what reaches the file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/io.h"
#include "core/log.h"
#include "core/mem.h"

#define THREADS 4
#define EACH    400

/* First of all: nothing was opened, and nothing written yet. */
static void test_before_open(void **state)
{
	struct log_line *lines;
	uint64_t serial = 7;
	size_t n = 7;

	(void)state;
	assert_int_equal(log_serial(), 0);
	assert_null(log_snapshot(&n, &serial));
	assert_int_equal(n, 0);
	assert_int_equal(serial, 0);
	log_snapshot_free(NULL, 0);
	log_write(LOG_LEVEL_WARNING, "it is %d\033[2J\nnew line", 5);
	log_write(LOG_LEVEL_ERROR, "second");
	assert_int_equal(log_serial(), 2);
	lines = log_snapshot(&n, NULL);
	assert_int_equal(n, 2);
	assert_int_equal(lines[0].level, LOG_LEVEL_WARNING);
	assert_string_equal(lines[0].text, "it is 5\\x1b[2J\\x0anew line");
	assert_true(clock_now() - lines[0].when < 100 && lines[0].when <= clock_now());
	assert_string_equal(lines[1].text, "second");
	assert_string_equal(log_level_word(lines[1].level), "error");
	log_snapshot_free(lines, n);
}

/* A file that cannot be opened takes nothing from what is remembered; closing neither. */
static void test_file(void **state)
{
	const char *tmp = getenv("TMPDIR");
	char *path = mem_printf("%s/test_log.%ld", tmp != NULL ? tmp : "/tmp", (long)getpid());
	struct buf b = BUF_INIT;
	struct err e = { 0 };
	uint64_t before = log_serial();
	struct log_line *lines;
	size_t n;

	(void)state;
	log_open("/nowhere/at/all.log", 0);
	log_write(LOG_LEVEL_INFO, "not to a file");
	log_open(path, 0);
	log_write(LOG_LEVEL_INFO, "to a file");
	log_close();
	log_write(LOG_LEVEL_DEBUG, "after it");
	assert_int_equal(log_serial(), before + 3);
	lines = log_snapshot(&n, NULL);
	assert_string_equal(lines[n - 3].text, "not to a file");
	assert_string_equal(lines[n - 2].text, "to a file");
	assert_string_equal(lines[n - 1].text, "after it");
	log_snapshot_free(lines, n);
	if (io_read_file(AT_FDCWD, path, 4096, &b, &e) == -1)
		fail_msg("%s", e.msg);
	assert_non_null(strstr(buf_text(&b), "] info: to a file\n"));
	assert_null(strstr(buf_text(&b), "not to"));
	assert_null(strstr(buf_text(&b), "after"));
	buf_done(&b);
	unlink(path);
	free(path);
}

static void test_ring(void **state)
{
	uint64_t before = log_serial(), serial;
	struct log_line *lines;
	char text[32];
	size_t n;

	(void)state;
	/* At every fill, also across the seam. */
	for (unsigned i = 0; i < 3 * LOG_REMEMBERED + 7; i++) {
		log_write(LOG_LEVEL_INFO, "line %u", i);
		if (i % 97 != 0)
			continue;
		lines = log_snapshot(&n, &serial);
		assert_int_equal(serial, before + i + 1);
		assert_int_equal(n, serial < LOG_REMEMBERED ? serial : LOG_REMEMBERED);
		for (unsigned back = 0; back <= i && back < n; back++) {
			snprintf(text, sizeof text, "line %u", i - back);
			assert_string_equal(lines[n - 1 - back].text, text);
		}
		log_snapshot_free(lines, n);
	}
}

static void *write_lines(void *arg)
{
	for (unsigned i = 0; i < EACH; i++)
		log_write(LOG_LEVEL_INFO, "thread %c line %u", *(const char *)arg, i);
	return NULL;
}

static void test_threads(void **state)
{
	static const char names[THREADS] = { 'a', 'b', 'c', 'd' };
	uint64_t before = log_serial();
	pthread_t threads[THREADS];

	(void)state;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, write_lines, (void *)(uintptr_t)&names[i]), 0);
	/* Meanwhile: every thread's lines in their order, none torn. */
	while (log_serial() < before + THREADS * EACH) {
		int last[THREADS] = { -1, -1, -1, -1 };
		size_t n;
		struct log_line *lines = log_snapshot(&n, NULL);

		for (size_t i = 0; i < n; i++) {
			unsigned number;
			char name;

			if (sscanf(lines[i].text, "thread %c line %u", &name, &number) != 2)
				continue;
			assert_true(name >= 'a' && name < 'a' + THREADS && number < EACH);
			assert_true((int)number > last[name - 'a']);
			last[name - 'a'] = (int)number;
		}
		log_snapshot_free(lines, n);
	}
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(log_serial(), before + THREADS * EACH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_before_open),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_ring),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
