/* sshtool.c: connects as a store of the configuration would, says INIT to the sftp subsystem, and tells what happened.
 *   sshtool [-t auto|libssh2|ssh] [-k ask|strict|accept-new] [-i IDENTITY]... [-K KNOWN_HOSTS] [-p PASSWORD_FILE] [-T TIMEOUT_MS]
 *           [-a ANSWER]... [-A] [-c CANCEL_AFTER_MS] [-n TIMES] [-q] URL
 * -a: what a person answers to the next question ("^": he does not want to); -A: there is a person, but with no more answers he gives up. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/clock.h"
#include "core/mem.h"
#include "store/ssh.h"

struct person {
	char *answers[16];
	size_t n, next;
};

struct work {
	struct conf_store conf;
	unsigned times, quiet;
	uint64_t cancel_ms;
};

static int ask(void *arg, const struct question *q, char *answer, size_t size, struct err *e)
{
	struct person *p = arg;

	printf("question: %s | %s | %s%s%s\n", q->title, q->text, q->prompt, q->secret ? " | secret" : "",
	    q->yes_no ? " | yes/no" : "");
	fflush(stdout);
	if (p->next >= p->n || strcmp(p->answers[p->next], "^") == 0)
		return err_set(e, ERR_CANCELLED, "not answered");
	snprintf(answer, size, "%s", p->answers[p->next++]);
	return 0;
}

static int transfer(struct ssh_link *l, uint8_t *p, size_t n, bool write_it, uint64_t end_ms, struct err *e)
{
	size_t done = 0;

	while (done < n) {
		ssize_t r =
		    write_it ? ssh_write(l, p + done, n - done, e) : ssh_read(l, p + done, n - done, e);
		struct pollfd fds[2];

		if (r == -1)
			return -1;
		done += (size_t)r;
		if (clock_monotonic_ms() > end_ms)
			return err_set(e, ERR_CONNECTION, "no answer of the sftp server");
		if (r == 0)
			poll(fds, ssh_polls(l, write_it, fds), 100);
	}
	return 0;
}

static int work(struct job *job, void *arg, struct err *e)
{
	static uint8_t init[] = { 0, 0, 0, 5, 1, 0, 0, 0, 3 };
	struct work *w = arg;

	for (unsigned i = 0; i < w->times; i++) {
		struct ssh_link *l;
		uint8_t answer[9];
		uint64_t begun = clock_monotonic_ms(), end;

		if (ssh_connect(&w->conf, job, &l, e) == -1)
			return -1;
		end = clock_monotonic_ms() + 10000;
		if (transfer(l, init, sizeof init, true, end, e) == -1 ||
		    transfer(l, answer, sizeof answer, false, end, e) == -1 || ssh_keepalive(l, e) == -1) {
			ssh_close(l);
			return -1;
		}
		if (answer[4] != 2 || be32(answer + 5) != 3) {
			ssh_close(l);
			return err_set(e, ERR_FORMAT, "that is no VERSION");
		}
		if (!w->quiet)
			printf("connected: %s\nlatency: %u\ntook: %llu\n", ssh_words(l), ssh_latency_ms(l),
			    (unsigned long long)(clock_monotonic_ms() - begun));
		ssh_close(l);
	}
	printf("ok %u\n", w->times);
	return 0;
}

static unsigned place(const char *word, const char *const words[3])
{
	for (unsigned i = 0; i < 3; i++)
		if (strcmp(word, words[i]) == 0)
			return i;
	exit(64);
}

int main(int argc, char **argv)
{
	static const char *const transports[] = { "auto", "libssh2", "ssh" }, *const policies[] = { "ask",
		"strict", "accept-new" };
	char *identity[16], name[] = "test";
	struct work w = { .conf = { .name = name, .identity = identity, .timeout_ms = 10000 }, .times = 1 };
	struct person person = { .n = 0 };
	bool has_person = false;
	struct job *job;
	struct err e = { 0 };
	int c, rc;

	if (ssh_askpass_main(argc, argv, &rc))
		return rc;
	while ((c = getopt(argc, argv, "t:k:i:K:p:T:a:Ac:n:q")) != -1)
		switch (c) {
		case 't': w.conf.transport = place(optarg, transports); break;
		case 'k': w.conf.host_key = place(optarg, policies); break;
		case 'i':
			if (w.conf.n_identity < 16)
				identity[w.conf.n_identity++] = optarg;
			break;
		case 'K': w.conf.known_hosts = optarg; break;
		case 'p': w.conf.password_file = optarg; break;
		case 'T': w.conf.timeout_ms = strtoull(optarg, NULL, 10); break;
		case 'a':
			if (person.n < 16)
				person.answers[person.n++] = optarg;
			has_person = true;
			break;
		case 'A': has_person = true; break;
		case 'c': w.cancel_ms = strtoull(optarg, NULL, 10); break;
		case 'n': w.times = (unsigned)atoi(optarg); break;
		case 'q': w.quiet = 1; break;
		default: return 64;
		}
	if (optind + 1 != argc)
		return 64;
	w.conf.url = argv[optind];
	job = job_new();
	if (has_person)
		job_set_ask(job, ask, &person);
	if (job_start(job, work, &w, &e) == -1)
		return 2;
	if (w.cancel_ms > 0) {
		struct pollfd p = { .fd = job_fd(job), .events = POLLIN };

		if (poll(&p, 1, (int)w.cancel_ms) == 0)
			job_cancel(job);
	}
	rc = job_reap(job, &e);
	job_free(job);
	if (rc == 0)
		return 0;
	printf("error: %s: %s\nhint: %s\n", err_code_name(e.code), e.msg, e.hint);
	return err_exit_status(e.code);
}
