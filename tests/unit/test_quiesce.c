/* test_quiesce.c: locks taken, waited for, named, given back; files made and replaced; everything at once. */
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
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/io.h"
#include "core/job.h"
#include "core/mem.h"
#include "cyrus/quiesce.h"

static const struct cyrus_version v361 = { 3, 6, 1 }, v24 = { 2, 4, 22 }, unknown = { 0, 0, 0 };

struct scene {
	char dir[64];
	struct imapd_conf *conf;
	struct quiesce *q;
};

/* As 2.5 to 3.4 write it, in a flat file. Two names have the directory "id3". */
static const char list_text[] = "shared.x\t%(A %(anyone lrs) I id3 P default T e)\n"
				"shared.y\t%(A %(anyone lrs) I id3 P default T e)\n"
				"user.alice\t%(A %(alice lrs) I id1 P default T e)\n"
				"user.alice.Work\t%(A %(alice lrs) I id2 P default T e)\n"
				"user.dot^ty\t%(A %(dot.ty lrs) I id4 P default T e)\n";

static void put(const struct scene *s, const char *name, const void *p, size_t n)
{
	char *path = mem_printf("%s/%s", s->dir, name);

	assert_int_equal(io_replace(AT_FDCWD, path, p, n, 0600, NULL), 0);
	free(path);
}

static void open_scene(struct scene *s, struct cyrus_version v)
{
	char *text =
	    mem_printf("configdirectory: %s/conf\npartition-default: %s/spool\ndefaultpartition: default\n"
		       "mboxname_lockpath: %s/run/lock\nhashimapspool: yes\nmailbox_legacy_dirs: no\n",
		s->dir, s->dir, s->dir);
	struct err e = { 0 };

	quiesce_free(s->q);
	imapd_conf_free(s->conf);
	s->q = NULL;
	s->conf = NULL;
	if (imapd_conf_parse(text, strlen(text), "imapd.conf", v, &s->conf, &e) == -1 ||
	    quiesce_open(s->conf, v, &s->q, &e) == -1)
		fail_msg("%s", e.msg);
	free(text);
}

static int setup(void **state)
{
	struct scene *s = mem_alloc(sizeof *s);
	char *dirs[3];

	strcpy(s->dir, "/tmp/cyrvault-quiesce.XXXXXX");
	if (mkdtemp(s->dir) == NULL)
		return -1;
	dirs[0] = mem_printf("%s/conf", s->dir);
	dirs[1] = mem_printf("%s/spool", s->dir);
	dirs[2] = mem_printf("%s/run", s->dir);
	for (int i = 0; i < 3; i++) {
		if (mkdir(dirs[i], 0755) == -1 || (geteuid() == 0 && chown(dirs[i], 4711, 4712) == -1))
			return -1;
		free(dirs[i]);
	}
	put(s, "conf/mailboxes.db", list_text, sizeof list_text - 1);
	put(s, "conf/deliver.db", "k\tv\n", 4);
	open_scene(s, v361);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	quiesce_free(s->q);
	imapd_conf_free(s->conf);
	io_remove_tree(AT_FDCWD, s->dir, NULL);
	free(s);
	return 0;
}

static int open_in(const struct scene *s, const char *name, int flags)
{
	char *path = mem_printf("%s/%s", s->dir, name);
	int fd = open(path, flags | O_CLOEXEC, 0600);

	free(path);
	return fd;
}

static bool is_locked(const struct scene *s, const char *name)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open_in(s, name, O_RDWR);

	if (fd == -1)
		return false;
	assert_int_equal(fcntl(fd, F_OFD_GETLK, &fl), 0);
	close(fd);
	return fl.l_type != F_UNLCK;
}

/* Another process that locks a file as Cyrus does, for so long; it may replace the file before it lets go. */
static pid_t other_process(const struct scene *s, const char *name, unsigned ms, bool replace)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int ready[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		int fd = open_in(s, name, O_RDWR | O_CREAT);

		if (fcntl(fd, F_SETLK, &fl) == -1 || write(ready[1], "x", 1) != 1)
			_exit(1);
		usleep(ms * 1000);
		if (replace)
			put(s, name, list_text, sizeof list_text - 1);
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static void reap(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_levels(void **state)
{
	struct scene *s = *state;
	struct err e = { 0 };
	char *uuid = mem_printf("%s/spool/uuid", s->dir);
	uint8_t berkeley[64] = { 0 };

	assert_int_equal(quiesce_level(s->q), QUIESCE_USER);
	assert_string_equal(quiesce_level_name(QUIESCE_USER), "user");
	assert_string_equal(quiesce_level_name(QUIESCE_INDEX), "index");
	assert_string_equal(quiesce_level_name(QUIESCE_NONE), "none");
	open_scene(s, v24);
	assert_int_equal(quiesce_level(s->q), QUIESCE_INDEX);
	assert_true(quiesce_can_hold_list(s->q));
	assert_int_equal(quiesce_hold_user(s->q, "alice", 0, &e), -1);
	assert_int_equal(e.code, ERR_UNSUPPORTED);
	open_scene(s, unknown);
	assert_int_equal(quiesce_level(s->q), QUIESCE_INDEX);
	assert_int_equal(mkdir(uuid, 0700), 0);
	open_scene(s, unknown);
	assert_int_equal(quiesce_level(s->q), QUIESCE_USER);
	free(uuid);

	memcpy(berkeley + 12, "\x62\x31\x05\x00", 4);
	put(s, "conf/mailboxes.db", berkeley, sizeof berkeley);
	open_scene(s, v24);
	assert_false(quiesce_can_hold_list(s->q));
	assert_int_equal(quiesce_hold_list(s->q, 0, &e), -1);
	assert_int_equal(e.code, ERR_UNSUPPORTED);
	assert_int_equal(quiesce_hold_all(s->q, NULL, 0, 0, &e), -1);
	assert_int_equal(e.code, ERR_UNSUPPORTED);
	memcpy(berkeley + 12, "\x00\x06\x15\x61", 4);
	put(s, "conf/mailboxes.db", berkeley, sizeof berkeley);
	open_scene(s, v24);
	assert_false(quiesce_can_hold_list(s->q));
	put(s, "conf/mailboxes.db", "", 0);
	open_scene(s, v24);
	assert_true(quiesce_can_hold_list(s->q));
}

static void test_hold_and_release(void **state)
{
	struct scene *s = *state;
	struct quiesce_stats st;
	struct err e = { 0 };
	struct stat file;
	char *path;

	if (quiesce_hold_user(s->q, "dot.ty", 0, &e) == -1)
		fail_msg("%s", e.msg);
	assert_true(is_locked(s, "run/lock/q/*U*dot^ty.lock"));
	/* Made with the directories above it, and Cyrus's. */
	path = mem_printf("%s/run/lock/q/*U*dot^ty.lock", s->dir);
	assert_int_equal(stat(path, &file), 0);
	if (geteuid() == 0)
		assert_int_equal(file.st_uid, 4711);
	assert_int_equal(file.st_mode & 07777, 0600);
	assert_int_equal(file.st_nlink, 1);
	free(path);
	/* Closing another descriptor of the file (as is_locked() did) drops nothing. */
	assert_true(is_locked(s, "run/lock/q/*U*dot^ty.lock"));
	assert_int_equal(quiesce_hold_user(s->q, "dot.ty", 0, &e), 0);
	assert_int_equal(quiesce_hold_user(s->q, "", 0, &e), 0);
	assert_true(is_locked(s, "run/lock/q/*U*.lock"));
	assert_int_equal(quiesce_hold_mailbox(s->q, LAYOUT_UUID, "shared.x", "id3", 0, &e), 0);
	assert_true(is_locked(s, "run/lock/i/id3.lock"));
	assert_int_equal(quiesce_hold_mailbox(s->q, LAYOUT_UUID, "shared.y", "id3", 0, &e), 0);
	assert_int_equal(quiesce_hold_list(s->q, 0, &e), 0);
	assert_true(is_locked(s, "conf/mailboxes.db"));
	usleep(20000);
	assert_true(quiesce_release(s->q) >= 15);
	assert_false(is_locked(s, "run/lock/q/*U*dot^ty.lock"));
	assert_false(is_locked(s, "run/lock/i/id3.lock"));
	assert_false(is_locked(s, "conf/mailboxes.db"));
	assert_int_equal(quiesce_release(s->q), 0);
	quiesce_stats(s->q, &st);
	assert_int_equal(st.holds, 1);
	assert_true(st.longest_ms >= 15 && st.total_ms == st.longest_ms);
	assert_int_equal(quiesce_hold_user(s->q, "../x", 0, &e), -1);
}

static void test_wait(void **state)
{
	struct scene *s = *state;
	struct err e = { 0 };
	uint64_t start;
	char who[64];
	pid_t pid;

	assert_int_equal(quiesce_hold_user(s->q, "alice", 0, &e), 0);
	quiesce_release(s->q);
	pid = other_process(s, "run/lock/q/*U*alice.lock", 600, false);
	start = clock_monotonic_ms();
	assert_int_equal(quiesce_hold_user(s->q, "alice", 100, &e), -1);
	assert_int_equal(e.code, ERR_LOCKED);
	assert_true(clock_monotonic_ms() - start >= 100 && clock_monotonic_ms() - start < 450);
	snprintf(who, sizeof who, "(process %ld)", (long)pid);
	assert_non_null(strstr(e.msg, who));
	assert_non_null(strstr(e.msg, "the lock of user alice is held by "));
	assert_int_equal(quiesce_release(s->q), 0);
	assert_int_equal(quiesce_hold_user(s->q, "alice", 5000, &e), 0);
	reap(pid);
}

static void test_replaced_file(void **state)
{
	struct scene *s = *state;
	struct err e = { 0 };
	pid_t pid = other_process(s, "conf/mailboxes.db", 200, true);

	assert_int_equal(quiesce_hold_list(s->q, 5000, &e), 0);
	reap(pid);
	assert_true(is_locked(s, "conf/mailboxes.db"));
}

static void test_index(void **state)
{
	struct scene *s = *state;
	struct err e = { 0 };
	int dir = open_in(s, "spool", O_RDONLY | O_DIRECTORY);
	pid_t pid;

	put(s, "spool/cyrus.index", "x", 1);
	put(s, "spool/other.index", "x", 1);
	open_scene(s, v24);
	assert_int_equal(quiesce_hold_index(s->q, dir, "cyrus.index", 0, &e), 0);
	assert_int_equal(quiesce_hold_index(s->q, dir, "cyrus.index", 0, &e), 0);
	assert_int_equal(quiesce_hold_index(s->q, dir, "other.index", 0, &e), 0);
	assert_true(is_locked(s, "spool/cyrus.index"));
	assert_true(is_locked(s, "spool/other.index"));
	assert_int_equal(quiesce_hold_index(s->q, dir, "missing.index", 0, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	quiesce_release(s->q);
	pid = other_process(s, "spool/cyrus.index", 100, true);
	assert_int_equal(quiesce_hold_index(s->q, dir, "cyrus.index", 5000, &e), 0);
	reap(pid);
	assert_true(is_locked(s, "spool/cyrus.index"));
	close(dir);
}

static void test_all(void **state)
{
	static const char *const locks[] = { "run/lock/q/*U*.lock", "run/lock/q/*U*alice.lock",
		"run/lock/q/*U*dot^ty.lock", "run/lock/q/*U*new.lock", "run/lock/i/id3.lock",
		"conf/mailboxes.db", "conf/deliver.db" };
	struct scene *s = *state;
	const char *more[] = { "new", "alice" };
	struct quiesce_stats st;
	struct err e = { 0 };
	uint64_t start;
	pid_t pid;

	if (quiesce_hold_all(s->q, more, 2, 1000, &e) == -1)
		fail_msg("%s", e.msg);
	for (size_t i = 0; i < sizeof locks / sizeof *locks; i++)
		assert_true(is_locked(s, locks[i]));
	assert_false(is_locked(s, "run/lock/i/id1.lock"));
	assert_int_equal(quiesce_hold_all(s->q, NULL, 0, 0, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	quiesce_release(s->q);

	/* Somebody sits on one lock: everything is let go in between, and got in the end. */
	pid = other_process(s, "run/lock/q/*U*dot^ty.lock", 700, false);
	assert_int_equal(quiesce_hold_all(s->q, NULL, 0, 5000, &e), 0);
	quiesce_release(s->q);
	reap(pid);
	quiesce_stats(s->q, &st);
	assert_true(st.retries > 0);

	pid = other_process(s, "conf/deliver.db", 900, false);
	start = clock_monotonic_ms();
	assert_int_equal(quiesce_hold_all(s->q, NULL, 0, 400, &e), -1);
	assert_int_equal(e.code, ERR_LOCKED);
	assert_non_null(strstr(e.msg, "deliver.db is held by "));
	assert_true(clock_monotonic_ms() - start < 800);
	for (size_t i = 0; i < sizeof locks / sizeof *locks - 1; i++)
		assert_false(is_locked(s, locks[i]));
	reap(pid);

	open_scene(s, v24);
	start = clock_monotonic_ms();
	assert_int_equal(quiesce_hold_all(s->q, NULL, 0, 1000, &e), 0);
	assert_true(clock_monotonic_ms() - start >= 1000);
	assert_false(is_locked(s, "run/lock/q/*U*alice.lock"));
	assert_true(is_locked(s, "conf/mailboxes.db"));
	assert_true(is_locked(s, "conf/deliver.db"));
}

/* While a lock is waited for, another list is put in the place of the one that was read; then the lock's holder ends. */
struct change {
	const struct scene *scene;
	const char *text;
	pid_t holder;
};

static void *change_soon(void *arg)
{
	const struct change *c = arg;

	usleep(50000);
	put(c->scene, "conf/mailboxes.db", c->text, strlen(c->text));
	kill(c->holder, SIGKILL);
	return NULL;
}

static void hold_while_it_changes(struct scene *s, const char *text)
{
	struct change c = { s, text, other_process(s, "run/lock/q/*U*dot^ty.lock", 60000, false) };
	struct err e = { 0 };
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, change_soon, &c), 0);
	if (quiesce_hold_all(s->q, NULL, 0, 20000, &e) == -1)
		fail_msg("%s", e.msg);
	pthread_join(t, NULL);
	waitpid(c.holder, NULL, 0);
}

static void test_list_changes(void **state)
{
	static const char *const more[] = { "user.carol\t%(A %(carol lrs) I id9 P default T e)\n",
		"shared.z\t%(A %(anyone lrs) I id8 P default T e)\n" };
	static const char *const locks[] = { "run/lock/q/*U*carol.lock", "run/lock/i/id8.lock" };
	struct scene *s = *state;
	struct err e = { 0 };

	assert_int_equal(quiesce_hold_all(s->q, NULL, 0, 20000, &e), 0);
	quiesce_release(s->q);
	/* Who came meanwhile is held, too: by another round. */
	for (size_t i = 0; i < 2; i++) {
		char *text = mem_printf("%s%s", i == 1 ? more[1] : list_text, i == 1 ? list_text : more[0]);

		put(s, "conf/mailboxes.db", list_text, sizeof list_text - 1);
		hold_while_it_changes(s, text);
		assert_true(is_locked(s, locks[i]));
		quiesce_release(s->q);
		free(text);
	}
	/* One that is gone is held all the same. */
	put(s, "conf/mailboxes.db", list_text, sizeof list_text - 1);
	hold_while_it_changes(s, strchr(list_text, '\n') + 1);
	assert_true(is_locked(s, "run/lock/q/*U*alice.lock"));
}

static void *cancel_soon(void *job)
{
	usleep(100000);
	job_cancel(job);
	return NULL;
}

static void test_cancel(void **state)
{
	struct scene *s = *state;
	struct job *job = job_new();
	struct err e = { 0 };
	uint64_t start = clock_monotonic_ms();
	pthread_t t;
	pid_t pid;

	quiesce_set_job(s->q, job);
	assert_int_equal(quiesce_hold_user(s->q, "alice", 0, &e), 0);
	quiesce_release(s->q);
	pid = other_process(s, "run/lock/q/*U*alice.lock", 500, false);
	assert_int_equal(pthread_create(&t, NULL, cancel_soon, job), 0);
	assert_int_equal(quiesce_hold_all(s->q, NULL, 0, 20000, &e), -1);
	assert_int_equal(e.code, ERR_CANCELLED);
	assert_true(clock_monotonic_ms() - start < 5000);
	assert_false(is_locked(s, "run/lock/q/*U*.lock"));
	pthread_join(t, NULL);
	reap(pid);
	quiesce_set_job(s->q, NULL);
	job_free(job);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_levels, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hold_and_release, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replaced_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_index, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
