/* test_process.c: programs that succeed, fail, chatter, hang, are stopped, and leave daemons behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/process.h"

/* Tests may use a shell; the product does not. */
#define SH(script) ((const char *const[]){ "/bin/sh", "-c", script, NULL })

static void test_output_and_status(void **state)
{
	struct process_opts o = { .argv = SH("echo out; echo err >&2; exit 7") };
	struct process_result r;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(process_run(&o, &r, &e), 0);
	assert_int_equal(r.status, 7);
	assert_string_equal(buf_text(&r.out), "out\n");
	assert_string_equal(buf_text(&r.err), "err\n");
	assert_false(r.timed_out);
	assert_int_equal(process_check(&o, &r, &e), -1);
	assert_int_equal(e.code, ERR_TOOL);
	assert_string_equal(e.msg, "sh: err");
	process_result_done(&r);
}

static void test_input(void **state)
{
	size_t n = 3 << 20;
	char *big = malloc(n);
	struct process_opts o = { .argv = (const char *const[]){ "cat", NULL } };
	struct process_result r;
	struct err e = { 0 };

	(void)state;
	assert_non_null(big);
	for (size_t i = 0; i < n; i++)
		big[i] = (char)(i * 7);
	o.input = big;
	o.input_len = n;
	assert_int_equal(process_run_check(&o, &r, &e), 0);
	assert_int_equal(r.out.len, n);
	assert_memory_equal(r.out.data, big, n);
	process_result_done(&r);
	/* A program that does not read its input is no problem either. */
	o.argv = SH("exit 0");
	assert_int_equal(process_run_check(&o, &r, &e), 0);
	process_result_done(&r);
	o.argv = SH("read x || echo end");
	o.input = NULL;
	assert_int_equal(process_run_check(&o, &r, &e), 0);
	assert_string_equal(buf_text(&r.out), "end\n");
	process_result_done(&r);
	free(big);
}

static void test_both_pipes_full(void **state)
{
	struct process_opts o = {
		.argv = SH("i=0; while [ $i -lt 300 ]; do printf '%01000d' 1; printf '%01000d' 2 >&2;"
			   " i=$((i+1)); done")
	};
	struct process_result r;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(process_run_check(&o, &r, &e), 0);
	assert_int_equal(r.out.len, 300000);
	assert_int_equal(r.err.len, 65536);
	assert_true(r.err.full);
	process_result_done(&r);
	o.max_output_bytes = 1000;
	assert_int_equal(process_run(&o, &r, &e), 0);
	assert_int_equal(r.out.len, 1000);
	assert_true(r.out.full);
	assert_int_equal(process_check(&o, &r, &e), -1);
	assert_string_equal(e.msg, "sh wrote more than 1000 bytes");
	process_result_done(&r);
}

static void test_not_there(void **state)
{
	struct process_opts o = { .argv = (const char *const[]){ "/nonexistent/tool", NULL } };
	struct process_result r;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(process_run(&o, &r, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	process_result_done(&r);
	o.argv = (const char *const[]){ "no-such-program-anywhere", NULL };
	assert_int_equal(process_run(&o, &r, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	process_result_done(&r);
	o.argv = (const char *const[]){ "/etc/passwd", NULL };
	assert_int_equal(process_run(&o, &r, &e), -1);
	assert_int_equal(e.code, ERR_SYS);
	assert_int_equal(e.sys, EACCES);
	process_result_done(&r);
}

static void test_surroundings(void **state)
{
	struct process_opts o = { .argv = SH(
				      "pwd; echo \"$LC_ALL $HOME-$GIVEN\"; umask; ls /proc/self/fd; tty") };
	int leak = open("/dev/null", O_RDONLY); /* not close-on-exec: must not be seen all the same */
	struct process_result r;
	struct err e = { 0 };

	(void)state;
	assert_true(leak > 2);
	o.env = (const char *const[]){ "GIVEN=yes", NULL };
	setenv("HOME", "/root", 1);
	assert_int_equal(process_run(&o, &r, &e), 0);
	assert_string_equal(buf_text(&r.out), "/\nC -yes\n0077\n0\n1\n2\n3\nnot a tty\n");
	process_result_done(&r);
	close(leak);
	o.argv = SH("kill -PIPE $$; echo survived");
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(process_run(&o, &r, &e), 0);
	signal(SIGPIPE, SIG_DFL);
	assert_int_equal(r.status, 128 + SIGPIPE);
	assert_int_equal(process_check(&o, &r, &e), -1);
	assert_string_equal(e.msg, "sh was ended by signal 13");
	process_result_done(&r);
}

static void test_drop_privileges(void **state)
{
	struct process_opts o = {
		.argv = (const char *const[]){ "id", NULL }, .drop_privileges = true, .uid = 4711, .gid = 4712
	};
	struct process_result r;
	struct err e = { 0 };

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(process_run_check(&o, &r, &e), 0);
	assert_string_equal(buf_text(&r.out), "uid=4711 gid=4712 groups=4712\n");
	process_result_done(&r);
}

static void test_timeout(void **state)
{
	struct process_opts o = { .argv = SH("echo begun; sleep 60 & sleep 60"), .timeout_ms = 200 };
	uint64_t start = clock_monotonic_ms();
	struct process_result r;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(process_run(&o, &r, &e), 0);
	assert_true(r.timed_out);
	assert_int_equal(r.status, 128 + SIGTERM);
	assert_string_equal(buf_text(&r.out), "begun\n");
	assert_true(clock_monotonic_ms() - start < 4000);
	assert_int_equal(process_check(&o, &r, &e), -1);
	assert_string_equal(e.msg, "sh was stopped: it took longer than 200 ms");
	process_result_done(&r);
}

static void test_daemon_left_behind(void **state)
{
	struct process_opts o = { .argv = SH("setsid sleep 5 & echo done") };
	uint64_t start = clock_monotonic_ms();
	struct process_result r;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(process_run_check(&o, &r, &e), 0);
	assert_string_equal(buf_text(&r.out), "done\n");
	assert_true(clock_monotonic_ms() - start < 4000);
	process_result_done(&r);
}

static void *cancel_soon(void *job)
{
	usleep(150000);
	job_cancel(job);
	return NULL;
}

static void test_cancel(void **state)
{
	struct process_opts o = { .argv = SH("sleep 60") };
	struct job *job = job_new();
	uint64_t start = clock_monotonic_ms();
	struct process_result r;
	struct err e = { 0 };
	pthread_t t;

	(void)state;
	o.job = job;
	assert_int_equal(pthread_create(&t, NULL, cancel_soon, job), 0);
	assert_int_equal(process_run(&o, &r, &e), -1);
	assert_int_equal(e.code, ERR_CANCELLED);
	assert_true(clock_monotonic_ms() - start < 4000);
	pthread_join(t, NULL);
	process_result_done(&r);
	/* Cancelled before it began: it never runs. */
	assert_int_equal(process_run(&o, &r, &e), -1);
	assert_int_equal(e.code, ERR_CANCELLED);
	process_result_done(&r);
	job_free(job);
}

static void test_stdio_closed(void **state)
{
	struct process_opts o = { .argv = SH("cat; echo err >&2"), .input = "in", .input_len = 2 };
	struct process_result r;
	struct err e = { 0 };
	int saved[3];
	int rc;

	(void)state;
	for (int i = 0; i < 3; i++)
		saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
	for (int i = 0; i < 3; i++)
		close(i);
	rc = process_run_check(&o, &r, &e);
	for (int i = 0; i < 3; i++) {
		dup2(saved[i], i);
		close(saved[i]);
	}
	assert_int_equal(rc, 0);
	assert_string_equal(buf_text(&r.out), "in");
	assert_string_equal(buf_text(&r.err), "err\n");
	process_result_done(&r);
}

static void test_first_line(void **state)
{
	struct process_opts o = { .argv =
				      SH("printf '\\n fatal: \\033[31mno\\nmore about it\\n' >&2; exit 1") };
	struct process_result r;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(process_run_check(&o, &r, &e), -1);
	assert_string_equal(e.msg, "sh: fatal: \\x1b[31mno");
	assert_string_equal(e.hint, "it also said: more about it\\x0a");
	process_result_done(&r);
	o.argv = SH("exit 3");
	assert_int_equal(process_run_check(&o, &r, &e), -1);
	assert_string_equal(e.msg, "sh failed with exit status 3");
	process_result_done(&r);
}

/* A program beside us: talk to it, see its end, or end it. */
static void test_beside(void **state)
{
	struct process_opts o = { .argv = SH("read x; echo got $x; echo bad >&2; exit 5") };
	struct process *p;
	struct err e = { 0 };
	char text[64];
	int talk, errs, status = -1;

	(void)state;
	assert_int_equal(process_start(&o, &talk, &errs, &p, &e), 0);
	assert_false(process_ended(p, NULL));
	assert_int_equal(write(talk, "it\n", 3), 3);
	assert_int_equal(read(talk, text, sizeof text), 7);
	assert_memory_equal(text, "got it\n", 7);
	assert_int_equal(read(errs, text, sizeof text), 4);
	assert_int_equal(read(talk, text, sizeof text), 0);
	for (int i = 0; i < 200 && !process_ended(p, &status); i++)
		usleep(10000);
	assert_int_equal(status, 5);
	process_stop(p, 1000);
	close(talk);
	close(errs);

	/* It ends when we do: its input ends. */
	o.argv = (const char *const[]){ "cat", NULL };
	assert_int_equal(process_start(&o, &talk, &errs, &p, &e), 0);
	close(talk);
	assert_int_equal(read(errs, text, sizeof text), 0);
	process_stop(p, 1000);
	close(errs);

	/* Deaf to SIGTERM. */
	o.argv = SH("trap '' TERM; echo ready; while :; do sleep 1; done");
	assert_int_equal(process_start(&o, &talk, &errs, &p, &e), 0);
	assert_int_equal(read(talk, text, sizeof text), 6);
	process_stop(p, 50);
	close(talk);
	assert_int_equal(read(errs, text, sizeof text), 0);
	close(errs);

	o.argv = (const char *const[]){ "/nonexistent/tool", NULL };
	assert_int_equal(process_start(&o, &talk, &errs, &p, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	process_stop(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_output_and_status),
		cmocka_unit_test(test_beside),
		cmocka_unit_test(test_input),
		cmocka_unit_test(test_both_pipes_full),
		cmocka_unit_test(test_not_there),
		cmocka_unit_test(test_surroundings),
		cmocka_unit_test(test_drop_privileges),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_daemon_left_behind),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_stdio_closed),
		cmocka_unit_test(test_first_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
