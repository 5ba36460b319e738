/* test_ladder.c: every rung on stand-ins: what is held, when it is let go, what is said of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/io.h"
#include "core/mem.h"
#include "cyrus/ladder.h"

static const char list_text[] = "shared.x\t%(A %(anyone lrs) I id3 P default T e)\n"
				"user.alice\t%(A %(alice lrs) I id1 P default T e)\n"
				"user.bob\t%(A %(bob lrs) I id2 P default T e)\n";

struct scene {
	char dir[64];
	struct server *server;
	struct ladder *ladder;
	struct ladder_facts facts;
};

static void put(const struct scene *s, const char *name, const void *p, size_t n, mode_t mode)
{
	char *path = mem_printf("%s/%s", s->dir, name);

	assert_int_equal(io_replace(AT_FDCWD, path, p, n, mode, NULL), 0);
	free(path);
}

static void script(const struct scene *s, const char *name, const char *body)
{
	char *text = mem_printf("#!/bin/sh\n%s\n", body);

	put(s, name, text, strlen(text), 0755);
	free(text);
}

static int setup(void **state)
{
	static const char *const dirs[] = { "conf", "spool", "run", "bin" };
	struct scene *s = mem_alloc(sizeof *s);
	char *text;

	strcpy(s->dir, "/tmp/cyrvault-ladder.XXXXXX");
	if (mkdtemp(s->dir) == NULL)
		return -1;
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
		char *path = mem_printf("%s/%s", s->dir, dirs[i]);

		if (mkdir(path, 0755) == -1 || (geteuid() == 0 && chown(path, 4711, 4712) == -1))
			return -1;
		free(path);
	}
	text = mem_printf("configdirectory: %s/conf\npartition-default: %s/spool\ndefaultpartition: default\n"
			  "mboxname_lockpath: %s/run/lock\nmailbox_legacy_dirs: no\n",
	    s->dir, s->dir, s->dir);
	put(s, "imapd.conf", text, strlen(text), 0644);
	free(text);
	put(s, "conf/mailboxes.db", list_text, sizeof list_text - 1, 0600);
	put(s, "conf/deliver.db", "k\tv\n", 4, 0600);
	script(s, "bin/ctl_mboxlist", "exit 1");
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	ladder_free(s->ladder);
	server_free(s->server);
	io_remove_tree(AT_FDCWD, s->dir, NULL);
	free(s);
	return 0;
}

static void open_ladder(struct scene *s, unsigned major, unsigned minor, uint64_t bound_ms, struct job *job)
{
	char *imapd_conf = mem_printf("%s/imapd.conf", s->dir), *bin = mem_printf("%s/bin", s->dir);
	struct conf_server c = {
		.name = imapd_conf, .imapd_conf = imapd_conf, .cyrus_conf = imapd_conf, .cyrus_bin = bin
	};
	struct err e = { 0 };

	ladder_free(s->ladder);
	server_free(s->server);
	s->ladder = NULL;
	s->server = NULL;
	if (server_open(&c, &s->server, &e) == -1)
		fail_msg("%s", e.msg);
	assert_non_null(s->server->tools);
	s->server->version = (struct cyrus_version){ major, minor, 1 };
	if (ladder_open(s->server, bound_ms, job, &s->ladder, &e) == -1)
		fail_msg("%s", e.msg);
	free(imapd_conf);
	free(bin);
}

static void hold(struct scene *s, enum ladder_rung reached)
{
	struct err e = { 0 };

	if (ladder_hold(s->ladder, &e) == -1)
		fail_msg("%s", e.msg);
	ladder_facts(s->ladder, &s->facts);
	if (s->facts.reached != reached)
		fail_msg("%s, and not %s", ladder_rung_name(s->facts.reached), ladder_rung_name(reached));
}

static void release(struct scene *s)
{
	ladder_release(s->ladder);
	ladder_facts(s->ladder, &s->facts);
}

static bool is_locked(const struct scene *s, const char *name)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char *path = mem_printf("%s/%s", s->dir, name);
	int fd = open(path, O_RDWR | O_CLOEXEC);

	free(path);
	if (fd == -1)
		return false;
	assert_int_equal(fcntl(fd, F_OFD_GETLK, &fl), 0);
	close(fd);
	return fl.l_type != F_UNLCK;
}

/* Another process that locks a file as Cyrus does, until it is killed. */
static pid_t other_process(const struct scene *s, const char *name)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int ready[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		char *path = mem_printf("%s/%s", s->dir, name);
		int fd = open(path, O_RDWR | O_CREAT, 0600);

		if (fcntl(fd, F_SETLK, &fl) == -1 || write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_users(void **state)
{
	struct scene *s = *state;
	struct err e = { 0 };

	open_ladder(s, 3, 6, 10000, NULL);
	ladder_facts(s->ladder, &s->facts);
	assert_int_equal(s->facts.best, RUNG_USERS);
	for (unsigned i = 1; i <= 2; i++) {
		hold(s, RUNG_USERS);
		assert_int_equal(s->facts.tries, i);
		assert_string_equal(s->facts.why, "");
		assert_int_equal(s->facts.pause_ms, 0);
		assert_true(is_locked(s, "run/lock/*U*bob.lock"));
		assert_true(is_locked(s, "run/lock/id3.lock"));
		assert_true(is_locked(s, "conf/deliver.db"));
		assert_int_equal(ladder_hold(s->ladder, &e), -1);
		assert_int_equal(e.code, ERR_USAGE);
		usleep(50000);
		release(s);
		assert_false(is_locked(s, "run/lock/*U*bob.lock"));
		assert_false(is_locked(s, "conf/mailboxes.db"));
		assert_int_equal(s->facts.reached, RUNG_USERS);
		assert_true(s->facts.pause_ms >= 50 && s->facts.pause_ms < 5000);
		release(s);
	}
	assert_null(ladder_list_text(s->ladder));
	/* Let go with the ladder. */
	hold(s, RUNG_USERS);
	ladder_free(s->ladder);
	s->ladder = NULL;
	assert_false(is_locked(s, "conf/mailboxes.db"));
}

static void test_bound(void **state)
{
	struct scene *s = *state;

	open_ladder(s, 3, 6, 600, NULL);
	hold(s, RUNG_USERS);
	assert_true(is_locked(s, "run/lock/*U*alice.lock"));
	usleep(1500000);
	assert_false(is_locked(s, "run/lock/*U*alice.lock"));
	assert_false(is_locked(s, "conf/mailboxes.db"));
	release(s);
	assert_int_equal(s->facts.reached, RUNG_FILESYSTEM);
	assert_true(s->facts.pause_ms >= 600 && s->facts.pause_ms < 1400);
	assert_string_equal(
	    s->facts.why, "the snapshot took longer than pause_ms (600): Cyrus went on before it was taken");
	/* And again, in time. */
	hold(s, RUNG_USERS);
	release(s);
	assert_int_equal(s->facts.reached, RUNG_USERS);
	assert_string_equal(s->facts.why, "");
}

static void test_down_to_list(void **state)
{
	struct scene *s = *state;
	uint64_t start;
	char who[96];
	pid_t pid, second;

	open_ladder(s, 3, 6, 3000, NULL);
	hold(s, RUNG_USERS);
	release(s);
	pid = other_process(s, "run/lock/*U*bob.lock");
	start = clock_monotonic_ms();
	hold(s, RUNG_LIST);
	assert_true(clock_monotonic_ms() - start < 4000);
	assert_false(is_locked(s, "run/lock/*U*alice.lock"));
	assert_true(is_locked(s, "conf/mailboxes.db"));
	snprintf(who, sizeof who, "the lock of user bob is held by test_ladder (process %ld)", (long)pid);
	assert_string_equal(s->facts.why, who);
	release(s);
	assert_int_equal(s->facts.reached, RUNG_LIST);
	assert_true(s->facts.wait_ms >= 1500);
	/* The drain is part of the pause. */
	assert_true(s->facts.pause_ms >= 750 && s->facts.pause_ms <= 3000);

	second = other_process(s, "conf/mailboxes.db");
	hold(s, RUNG_FILESYSTEM);
	assert_non_null(strstr(s->facts.why, "; mailboxes.db is held by test_ladder"));
	release(s);
	assert_int_equal(s->facts.pause_ms, 0);
	assert_false(is_locked(s, "conf/deliver.db"));
	end(pid);
	end(second);
}

static void test_list(void **state)
{
	struct scene *s = *state;

	open_ladder(s, 2, 5, 8000, NULL);
	hold(s, RUNG_LIST);
	assert_int_equal(s->facts.best, RUNG_LIST);
	assert_true(is_locked(s, "conf/mailboxes.db"));
	assert_true(is_locked(s, "conf/deliver.db"));
	release(s);
	assert_true(s->facts.pause_ms >= 1000 && s->facts.pause_ms < 4000);
}

static void test_checkpoint(void **state)
{
	struct scene *s = *state;
	uint8_t berkeley[512] = { 0 };

	memcpy(berkeley + 12, "\x62\x31\x05\x00", 4);
	put(s, "conf/mailboxes.db", berkeley, sizeof berkeley, 0600);
	open_ladder(s, 2, 4, 1000, NULL);
	ladder_facts(s->ladder, &s->facts);
	assert_int_equal(s->facts.best, RUNG_FILESYSTEM);
	assert_string_equal(
	    s->facts.why, "mailboxes.db is a Berkeley database, and ctl_cyrusdb was not found");
	hold(s, RUNG_FILESYSTEM);
	assert_string_equal(
	    s->facts.why, "mailboxes.db is a Berkeley database, and ctl_cyrusdb was not found");
	release(s);

	script(s, "bin/ctl_cyrusdb", "[ \"$3\" = -c ] && touch ${0%/*}/../checkpointed");
	script(s, "bin/ctl_mboxlist",
	    "[ \"$3\" = -d ] && [ -e ${0%/*}/../checkpointed ] && printf 'user.alice\\t0 default "
	    "alice\\tlrs\\t\\n'");
	open_ladder(s, 2, 4, 1000, NULL);
	assert_null(ladder_list_text(s->ladder));
	hold(s, RUNG_CHECKPOINT);
	assert_int_equal(s->facts.best, RUNG_CHECKPOINT);
	assert_string_equal(buf_text(ladder_list_text(s->ladder)), "user.alice\t0 default alice\tlrs\t\n");
	release(s);
	assert_int_equal(s->facts.reached, RUNG_CHECKPOINT);
	assert_int_equal(s->facts.pause_ms, 0);

	/* The text is there all the same. */
	script(s, "bin/ctl_cyrusdb", "echo no environment >&2; exit 75");
	hold(s, RUNG_FILESYSTEM);
	assert_string_equal(s->facts.why, "checkpoint the databases: ctl_cyrusdb: no environment");
	assert_non_null(ladder_list_text(s->ladder));
	release(s);

	script(s, "bin/ctl_cyrusdb", "exit 0");
	script(s, "bin/ctl_mboxlist", "exit 1");
	hold(s, RUNG_FILESYSTEM);
	assert_non_null(strstr(s->facts.why, "ctl_mboxlist failed"));
	assert_null(ladder_list_text(s->ladder));
	release(s);
}

static void test_nothing_to_lock(void **state)
{
	struct scene *s = *state;
	char *path = mem_printf("%s/conf/mailboxes.db", s->dir);

	assert_int_equal(unlink(path), 0);
	open_ladder(s, 3, 6, 1000, NULL);
	hold(s, RUNG_FILESYSTEM);
	assert_non_null(strstr(s->facts.why, "no database that is locked as a file"));
	release(s);
	free(path);
}

/* The stand-in locks nothing, and tells whether it runs. */
static void test_global(void **state)
{
	struct scene *s = *state;
	char *running = mem_printf("%s/running", s->dir);

	script(s, "bin/cyr_withlock_run",
	    "cd ${0%/*}/..; [ \"$1 $3\" = '-C /bin/cat' ] || exit 64; touch running; /bin/cat; rm running");
	open_ladder(s, 3, 12, 10000, NULL);
	hold(s, RUNG_GLOBAL);
	assert_int_equal(s->facts.best, RUNG_GLOBAL);
	assert_int_equal(access(running, F_OK), 0);
	assert_false(is_locked(s, "conf/mailboxes.db"));
	usleep(30000);
	release(s);
	assert_int_equal(access(running, F_OK), -1);
	assert_int_equal(s->facts.reached, RUNG_GLOBAL);
	assert_true(s->facts.pause_ms >= 30 && s->facts.pause_ms < 5000);

	open_ladder(s, 3, 12, 1500, NULL);
	hold(s, RUNG_GLOBAL);
	usleep(3000000);
	assert_int_equal(access(running, F_OK), -1);
	release(s);
	assert_int_equal(s->facts.reached, RUNG_FILESYSTEM);
	assert_non_null(strstr(s->facts.why, "took longer"));

	/* It does not get the lock; it fails; it is not there any more. */
	script(s, "bin/cyr_withlock_run", "exec sleep 60");
	hold(s, RUNG_USERS);
	assert_non_null(strstr(s->facts.why, "the lock of the whole server is held by others"));
	assert_true(s->facts.wait_ms >= 750 && s->facts.wait_ms < 4000);
	release(s);
	script(s, "bin/cyr_withlock_run", "echo fatal error: no global lock >&2; exit 75");
	hold(s, RUNG_USERS);
	assert_string_equal(s->facts.why, "cyr_withlock_run: fatal error: no global lock");
	release(s);
	put(s, "bin/cyr_withlock_run", "", 0, 0644);
	hold(s, RUNG_USERS);
	assert_string_not_equal(s->facts.why, "");
	release(s);
	free(running);
}

static void test_global_switched_off(void **state)
{
	struct scene *s = *state;
	char *path = mem_printf("%s/imapd.conf", s->dir);
	FILE *f = fopen(path, "a");

	assert_non_null(f);
	fputs("global_lock: no\n", f);
	fclose(f);
	free(path);
	script(s, "bin/cyr_withlock_run", "exit 1");
	open_ladder(s, 3, 12, 1000, NULL);
	hold(s, RUNG_USERS);
	assert_int_equal(s->facts.best, RUNG_USERS);
	release(s);
}

static void *cancel_soon(void *job)
{
	usleep(100000);
	job_cancel(job);
	return NULL;
}

static void cancelled(struct scene *s, struct job *job)
{
	struct err e = { 0 };
	uint64_t start = clock_monotonic_ms();
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, cancel_soon, job), 0);
	assert_int_equal(ladder_hold(s->ladder, &e), -1);
	assert_int_equal(e.code, ERR_CANCELLED);
	assert_true(clock_monotonic_ms() - start < 9000);
	assert_false(is_locked(s, "conf/mailboxes.db"));
	pthread_join(t, NULL);
	release(s);
}

static void test_cancel(void **state)
{
	struct scene *s = *state;
	struct job *job = job_new();
	pid_t pid;

	open_ladder(s, 3, 6, 20000, job);
	hold(s, RUNG_USERS);
	release(s);
	pid = other_process(s, "run/lock/*U*alice.lock");
	cancelled(s, job);
	end(pid);
	ladder_free(s->ladder);
	s->ladder = NULL;
	job_free(job);

	job = job_new();
	script(s, "bin/cyr_withlock_run", "exec sleep 60");
	open_ladder(s, 3, 12, 20000, job);
	cancelled(s, job);
	ladder_free(s->ladder);
	s->ladder = NULL;
	job_free(job);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(ladder_rung_name(RUNG_FILESYSTEM), "filesystem");
	assert_string_equal(ladder_rung_name(RUNG_CHECKPOINT), "checkpoint");
	assert_string_equal(ladder_rung_name(RUNG_LIST), "list");
	assert_string_equal(ladder_rung_name(RUNG_USERS), "users");
	assert_string_equal(ladder_rung_name(RUNG_GLOBAL), "global");
	ladder_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_users, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bound, setup, teardown),
		cmocka_unit_test_setup_teardown(test_down_to_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_checkpoint, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_to_lock, setup, teardown),
		cmocka_unit_test_setup_teardown(test_global, setup, teardown),
		cmocka_unit_test_setup_teardown(test_global_switched_off, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
