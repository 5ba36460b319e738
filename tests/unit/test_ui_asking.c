/* test_ui_asking.c: questions of workers: answered, given up, cancelled, several at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "core/asking.h"

#define WORKERS 3

struct worker {
	struct job *job;
	struct asker asker;
	struct question q;
	char prompt[16], answer[32];
	int rc;
};

static int work(struct job *job, void *arg, struct err *e)
{
	struct worker *w = arg;

	return job_ask(job, &w->q, w->answer, sizeof w->answer, e);
}

static void start_question(struct worker *w, struct asking *a, int n, bool lasts, bool again)
{
	*w = (struct worker){ .job = job_new() };
	snprintf(w->prompt, sizeof w->prompt, "prompt %d", n);
	w->q = (struct question){ .title = "a host",
		.text = "its key",
		.prompt = w->prompt,
		.secret = true,
		.lasts = lasts,
		.again = again };
	w->asker = (struct asker){ a, w->job };
	job_set_ask(w->job, asking_ask, &w->asker);
	assert_int_equal(job_start(w->job, work, w, NULL), 0);
}

static void start(struct worker *w, struct asking *a, int n)
{
	start_question(w, a, n, false, false);
}

static void start_lasting(struct worker *w, struct asking *a, int n, bool again)
{
	start_question(w, a, n, true, again);
}

static struct question *wait_for_question(struct asking *a)
{
	struct question *q;

	while ((q = asking_take(a)) == NULL) {
		struct pollfd fd = { .fd = asking_fd(a), .events = POLLIN };

		assert_int_equal(poll(&fd, 1, 5000), 1);
	}
	return q;
}

static void test_answers(void **state)
{
	struct asking *a = asking_new();
	struct worker w[WORKERS];

	(void)state;
	for (int i = 0; i < WORKERS; i++)
		start(&w[i], a, i);
	for (int i = 0; i < WORKERS; i++) {
		struct question *q = wait_for_question(a);
		char text[32];

		assert_string_equal(q->title, "a host");
		assert_true(q->secret);
		/* One at a time. */
		assert_null(asking_take(a));
		assert_true(asking_waits(a));
		snprintf(text, sizeof text, "answer to %s", q->prompt);
		asking_answer(a, text);
		asking_question_free(q);
	}
	for (int i = 0; i < WORKERS; i++) {
		char want[32];

		assert_int_equal(job_reap(w[i].job, NULL), 1);
		snprintf(want, sizeof want, "answer to prompt %d", i);
		assert_string_equal(w[i].answer, want);
		job_free(w[i].job);
	}
	asking_free(a);
}

/* Said once, it is given to the next one who asks the same; not after it was wrong, and not to another question. */
static void test_lasts(void **state)
{
	struct asking *a = asking_new();
	struct worker w[4];
	const int prompts[] = { 1, 1, 1, 2 };
	struct question *q;

	(void)state;
	for (int i = 0; i < 2; i++) {
		start(&w[i], a, 0);
		asking_question_free(wait_for_question(a));
		asking_answer(a, "fleeting");
		assert_int_equal(job_reap(w[i].job, NULL), 1);
		job_free(w[i].job);
	}
	for (int i = 0; i < 4; i++) {
		start_lasting(&w[i], a, prompts[i], i == 2);
		if (i == 0 || i == 2 || i == 3) {
			q = wait_for_question(a);
			assert_string_equal(q->prompt, w[i].prompt);
			asking_answer(a, i == 2 ? "better" : "good");
			asking_question_free(q);
		}
		assert_int_equal(job_reap(w[i].job, NULL), 1);
		assert_string_equal(w[i].answer, i == 2 ? "better" : "good");
		job_free(w[i].job);
	}
	start_lasting(&w[0], a, 1, false);
	assert_int_equal(job_reap(w[0].job, NULL), 1);
	assert_string_equal(w[0].answer, "better");
	job_free(w[0].job);
	asking_free(a);
}

static void test_given_up(void **state)
{
	struct asking *a = asking_new();
	struct worker w;
	struct err e;

	(void)state;
	start(&w, a, 0);
	asking_question_free(wait_for_question(a));
	asking_answer(a, NULL);
	assert_int_equal(job_reap(w.job, &e), -1);
	assert_int_equal(e.code, ERR_CANCELLED);
	job_free(w.job);
	asking_free(a);
}

/* The one before the person is stopped: it no longer waits, the next one can be put, and a late answer is nobody's. */
static void test_cancelled(void **state)
{
	struct asking *a = asking_new();
	struct worker w[2];
	struct question *q;
	struct err e;
	int first;

	(void)state;
	start(&w[0], a, 0);
	start(&w[1], a, 1);
	q = wait_for_question(a);
	first = strcmp(q->prompt, "prompt 0") == 0 ? 0 : 1;
	job_cancel(w[first].job);
	assert_int_equal(job_reap(w[first].job, &e), -1);
	assert_int_equal(e.code, ERR_CANCELLED);
	assert_false(asking_waits(a));
	asking_answer(a, "too late");
	/* The copy outlives its worker's. */
	assert_memory_equal(q->prompt, "prompt", 6);
	asking_question_free(q);
	q = wait_for_question(a);
	asking_answer(a, "yes");
	asking_question_free(q);
	assert_int_equal(job_reap(w[!first].job, NULL), 1);
	assert_string_equal(w[!first].answer, "yes");
	job_free(w[0].job);
	job_free(w[1].job);
	asking_free(a);
}

static void test_nobody(void **state)
{
	struct job *job = job_new();
	struct question q = { .title = "a host", .text = "its key", .prompt = "prompt", .yes_no = true };
	char answer[8];

	(void)state;
	assert_int_equal(job_ask(job, &q, answer, sizeof answer, NULL), 0);
	assert_int_equal(job_ask(NULL, &q, answer, sizeof answer, NULL), 0);
	job_free(job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_lasts),
		cmocka_unit_test(test_given_up),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
