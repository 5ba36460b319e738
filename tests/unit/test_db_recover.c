/* test_db_recover.c: Berkeley databases out of what a still picture of a running server has: what was committed, and nothing else. */
#include "test_db_fixtures.h"

#include <db.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/io.h"
#include "core/job.h"
#include "db/cyrusdb_recover.h"

#define ENV_FLAGS (DB_CREATE | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_MPOOL | DB_INIT_LOCK | DB_PRIVATE)

#define NEVER     "6e6576657220636f6d6d6974746564" /* "never committed" */

/* A server: DIR/conf with mailboxes.db, DIR/conf/db with the environment; its picture below DIR/snap. */
struct scene {
	char dir[64];
	char *live; /* the database's absolute path */
	DB_ENV *env;
	DB *db;
	struct buf want; /* what was committed, as text_of() says it */
};

static char *in(const struct scene *s, const char *name)
{
	return mem_printf("%s/%s", s->dir, name);
}

static int setup(void **state)
{
	static const char *const dirs[] = { "conf", "conf/db", "snap", "snap/conf", "snap/conf/db", "tmp" };
	struct scene *s = mem_alloc(sizeof *s);

	strcpy(s->dir, "/tmp/cyrvault-db-recover.XXXXXX");
	if (mkdtemp(s->dir) == NULL)
		return -1;
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
		char *path = in(s, dirs[i]);

		if (mkdir(path, 0700) == -1)
			return -1;
		free(path);
	}
	s->live = in(s, "tmp");
	setenv("TMPDIR", s->live, 1);
	free(s->live);
	s->live = in(s, "conf/mailboxes.db");
	*state = s;
	return 0;
}

/* Nothing is left over: the private copies are gone. */
static int teardown(void **state)
{
	struct scene *s = *state;
	char *tmp = in(s, "tmp");
	int left;

	if (s->db != NULL)
		s->db->close(s->db, 0);
	if (s->env != NULL)
		s->env->close(s->env, 0);
	left = rmdir(tmp);
	io_remove_tree(AT_FDCWD, s->dir, NULL);
	free(tmp);
	free(s->live);
	buf_done(&s->want);
	free(s);
	return left;
}

static void start(struct scene *s, DBTYPE type, uint32_t log_bytes)
{
	char *home = in(s, "conf/db");

	assert_int_equal(db_env_create(&s->env, 0), 0);
	if (log_bytes > 0)
		assert_int_equal(s->env->set_lg_max(s->env, log_bytes), 0);
	assert_int_equal(s->env->open(s->env, home, ENV_FLAGS, 0600), 0);
	assert_int_equal(db_create(&s->db, s->env, 0), 0);
	assert_int_equal(s->db->open(s->db, NULL, s->live, NULL, type, DB_CREATE | DB_AUTO_COMMIT, 0600), 0);
	free(home);
}

static void put(struct scene *s, DB_TXN *t, unsigned i, const char *value)
{
	char name[32];
	DBT k = { .data = name }, v = { .size = (u_int32_t)strlen(value) };

	v.data = mem_strdup(value);
	k.size = (u_int32_t)snprintf(name, sizeof name, "user.u%05u", i);
	assert_int_equal(s->db->put(s->db, t, &k, &v, 0), 0);
	free(v.data);
}

static void put_all(struct scene *s, unsigned from, unsigned to, const char *value)
{
	DB_TXN *t;

	for (unsigned i = from; i < to; i++) {
		char *line;

		assert_int_equal(s->env->txn_begin(s->env, NULL, &t, 0), 0);
		put(s, t, i, value);
		assert_int_equal(t->commit(t, 0), 0);
		line = mem_printf("user.u%05u", i);
		str_hex(&s->want, line, strlen(line));
		buf_char(&s->want, '\t');
		str_hex(&s->want, value, strlen(value));
		buf_char(&s->want, '\n');
		free(line);
	}
}

/* One that is under way: its record is in the log, perhaps its page in the file. It ends with abort() when the picture is taken. */
static DB_TXN *under_way(struct scene *s)
{
	DB_TXN *t;

	assert_int_equal(s->env->txn_begin(s->env, NULL, &t, 0), 0);
	put(s, t, 0, "never committed");
	put(s, t, 99999, "never committed");
	assert_int_equal(s->env->log_flush(s->env, NULL), 0);
	return t;
}

static void copy(const struct scene *s, const char *name)
{
	char *from = in(s, name), *to = mem_printf("%s/snap/%s", s->dir, name);
	struct buf b = BUF_INIT;

	assert_int_equal(io_read_file(AT_FDCWD, from, 1 << 26, &b, NULL), 0);
	assert_int_equal(io_replace(AT_FDCWD, to, b.data, b.len, 0600, NULL), 0);
	buf_done(&b);
	free(from);
	free(to);
}

/* What lies there when the file system stands still. */
static void take_picture(const struct scene *s)
{
	char name[64], *path;

	copy(s, "conf/mailboxes.db");
	for (unsigned i = 1; i < 1000; i++) {
		snprintf(name, sizeof name, "conf/db/log.%010u", i);
		path = in(s, name);
		if (access(path, F_OK) == 0)
			copy(s, name);
		free(path);
	}
}

static int recover_as(
    const struct scene *s, const char *live_path, struct job *job, struct cyrusdb **ret, struct err *e)
{
	char *conf = in(s, "snap/conf"), *logs = in(s, "snap/conf/db");
	int conf_fd = open(conf, O_RDONLY | O_DIRECTORY), log_fd = open(logs, O_RDONLY | O_DIRECTORY), rc;

	*ret = NULL;
	rc = cyrusdb_recover(conf_fd, "mailboxes.db", live_path, log_fd, job, ret, e);
	close(conf_fd);
	close(log_fd);
	free(conf);
	free(logs);
	return rc;
}

static int recover(const struct scene *s, struct cyrusdb **ret, struct err *e)
{
	return recover_as(s, s->live, NULL, ret, e);
}

static struct buf bytes_of(const struct scene *s, const char *name)
{
	struct buf b = BUF_INIT;
	char *path = in(s, name);

	assert_int_equal(io_read_file(AT_FDCWD, path, 1 << 26, &b, NULL), 0);
	free(path);
	return b;
}

static void assert_recovers(const struct scene *s)
{
	struct cyrusdb *db = NULL;
	struct err e = { 0 };
	char *got;

	if (recover(s, &db, &e) == -1)
		fail_msg("%s", e.msg);
	assert_int_equal(cyrusdb_notes(db), 0);
	got = text_of(db);
	assert_string_equal(got, buf_text(&s->want));
	free(got);
	cyrusdb_close(db);
}

static void all_in_the_log(struct scene *s, DBTYPE type)
{
	struct buf before, after, log_before, log_after;
	struct cyrusdb *raw = NULL;
	struct err e = { 0 };
	DB_TXN *t;

	start(s, type, 0);
	put_all(s, 0, 300, "0 default alice\tlrswipkxtecda\t");
	t = under_way(s);
	take_picture(s);
	before = bytes_of(s, "conf/mailboxes.db");
	log_before = bytes_of(s, "conf/db/log.0000000001");
	assert_recovers(s);
	/* The running server's own files, which the log names, are as they were. */
	after = bytes_of(s, "conf/mailboxes.db");
	log_after = bytes_of(s, "conf/db/log.0000000001");
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.data, after.data, after.len);
	assert_memory_equal(log_before.data, log_after.data, log_after.len);
	buf_done(&before);
	buf_done(&after);
	buf_done(&log_before);
	buf_done(&log_after);
	assert_int_equal(t->abort(t), 0);

	/* By its pages alone there is nothing in it. */
	if (cyrusdb_open(AT_FDCWD, s->live, &raw, &e) == 0) {
		char *text = text_of(raw);

		assert_string_equal(text, "");
		free(text);
	}
	cyrusdb_close(raw);
}

static void test_all_in_the_log(void **state)
{
	all_in_the_log(*state, DB_BTREE);
}

static void test_hash(void **state)
{
	all_in_the_log(*state, DB_HASH);
}

/* Pages with what was never committed are on disk; the log takes it back. */
static void test_uncommitted_pages(void **state)
{
	struct scene *s = *state;
	struct cyrusdb *raw = NULL;
	struct err e = { 0 };
	char *pages;
	DB_TXN *t;

	start(s, DB_BTREE, 0);
	put_all(s, 0, 50, "first");
	assert_int_equal(s->env->txn_checkpoint(s->env, 0, 0, 0), 0);
	put_all(s, 50, 80, "second");
	t = under_way(s);
	assert_int_equal(s->env->memp_sync(s->env, NULL), 0);
	take_picture(s);
	assert_int_equal(cyrusdb_open(AT_FDCWD, s->live, &raw, &e), 0);
	pages = text_of(raw);
	assert_non_null(strstr(pages, NEVER));
	free(pages);
	cyrusdb_close(raw);
	assert_recovers(s);
	assert_int_equal(t->abort(t), 0);
}

static void test_many_logs(void **state)
{
	struct scene *s = *state;
	char *second = in(s, "conf/db/log.0000000002"), *sixth = in(s, "conf/db/log.0000000006");
	struct cyrusdb *db = NULL;
	struct err e = { 0 };
	char value[600];
	DB_TXN *t;

	memset(value, 'x', sizeof value - 1);
	value[sizeof value - 1] = '\0';
	start(s, DB_BTREE, 65536);
	put_all(s, 0, 200, value);
	assert_int_equal(s->env->txn_checkpoint(s->env, 0, 0, 0), 0);
	put_all(s, 200, 500, value);
	t = under_way(s);
	assert_int_equal(access(sixth, F_OK), 0);
	take_picture(s);
	assert_recovers(s);
	assert_int_equal(t->abort(t), 0);
	free(second);
	free(sixth);

	/* One of those that are needed is missing. */
	second = in(s, "snap/conf/db/log.0000000006");
	assert_int_equal(unlink(second), 0);
	assert_int_equal(recover(s, &db, &e), -1);
	assert_int_equal(e.code, ERR_DAMAGE);
	free(second);
}

static void test_names_in_the_log(void **state)
{
	struct scene *s = *state;
	char *own = s->live, *elsewhere;
	struct cyrusdb *db = NULL;
	struct err e = { 0 };
	char *got;

	/* configdirectory may have been written with a slash at its end. */
	s->live = in(s, "conf//mailboxes.db");
	start(s, DB_BTREE, 0);
	put_all(s, 0, 10, "value");
	take_picture(s);
	if (recover_as(s, own, NULL, &db, &e) == -1)
		fail_msg("%s", e.msg);
	got = text_of(db);
	assert_string_equal(got, buf_text(&s->want));
	cyrusdb_close(db);
	free(got);

	/* Another database of the same environment is made in a directory that is not copied. */
	elsewhere = in(s, "tls.db");
	{
		DB *other;

		assert_int_equal(db_create(&other, s->env, 0), 0);
		assert_int_equal(
		    other->open(other, NULL, elsewhere, NULL, DB_BTREE, DB_CREATE | DB_AUTO_COMMIT, 0600), 0);
		put_all(s, 10, 20, "value");
		take_picture(s);
		other->close(other, 0);
	}
	if (recover_as(s, own, NULL, &db, &e) == -1)
		fail_msg("%s", e.msg);
	got = text_of(db);
	assert_string_equal(got, buf_text(&s->want));
	cyrusdb_close(db);
	free(got);
	free(own);
	free(elsewhere);
}

static void replace_log(const struct scene *s, const struct buf *b, size_t n)
{
	char *path = in(s, "snap/conf/db/log.0000000001");

	assert_int_equal(io_replace(AT_FDCWD, path, b->data, n, 0600, NULL), 0);
	free(path);
}

static void refused(const struct scene *s, enum err_code code, const char *text)
{
	struct cyrusdb *db = NULL;
	struct err e = { 0 };

	assert_int_equal(recover(s, &db, &e), -1);
	if (e.code != code || strstr(e.msg, text) == NULL)
		fail_msg("%s: %s; %s", err_code_name(e.code), e.msg, e.hint);
	assert_non_null(strstr(e.msg, "recover mailboxes.db from its log: "));
}

/* How much of a log is no room for what comes. */
static size_t used_of(const struct buf *log)
{
	size_t n = log->len;

	while (n > 0 && log->data[n - 1] == 0)
		n--;
	return n;
}

static void test_damaged_logs(void **state)
{
	struct scene *s = *state;
	struct job *job = job_new();
	struct cyrusdb *db = NULL;
	struct err e = { 0 };
	struct buf log;
	char *path;

	start(s, DB_BTREE, 65536);
	put_all(s, 0, 100, "value");
	take_picture(s);
	log = bytes_of(s, "snap/conf/db/log.0000000001");
	assert_recovers(s);

	/* A byte in the middle: libdb would take that for the end, and lose what comes behind. */
	log.data[used_of(&log) / 2] ^= 1;
	replace_log(s, &log, log.len);
	refused(s, ERR_DAMAGE, "log.0000000001 is damaged at byte ");
	log.data[used_of(&log) / 2] ^= 1;

	replace_log(s, &log, 5000);
	refused(s, ERR_DAMAGE, "log.0000000001 is cut short: 5000 of 65536 bytes");
	replace_log(s, &log, 10);
	refused(s, ERR_DAMAGE, "no log of Berkeley DB");

	log.data[16] = 14;
	replace_log(s, &log, log.len);
	refused(s, ERR_UNSUPPORTED, "version 14, and Berkeley DB 5.3");
	log.data[16] = 19;
	memcpy(log.data + 12, "\x00\x04\x09\x88", 4);
	replace_log(s, &log, log.len);
	refused(s, ERR_UNSUPPORTED, "another byte order");

	path = in(s, "snap/conf/db/log.0000000001");
	assert_int_equal(unlink(path), 0);
	free(path);
	refused(s, ERR_NOT_FOUND, "there is no log");

	job_cancel(job);
	copy(s, "conf/db/log.0000000001");
	assert_int_equal(recover_as(s, s->live, job, &db, &e), -1);
	assert_int_equal(e.code, ERR_CANCELLED);
	job_free(job);
	buf_done(&log);
}

static uint32_t seed = 7;

static uint32_t rnd(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % below;
}

/* Whatever is wrong with the files: an error, or nothing that was not committed. */
static void test_any_damage(void **state)
{
	struct scene *s = *state;
	struct buf log, pages;
	char *log_path = in(s, "snap/conf/db/log.0000000001"), *db_path = in(s, "snap/conf/mailboxes.db");
	unsigned told = 0;
	DB_TXN *t;

	start(s, DB_BTREE, 65536);
	put_all(s, 0, 60, "value");
	assert_int_equal(s->env->txn_checkpoint(s->env, 0, 0, 0), 0);
	put_all(s, 60, 120, "value");
	t = under_way(s);
	take_picture(s);
	log = bytes_of(s, "snap/conf/db/log.0000000001");
	pages = bytes_of(s, "snap/conf/mailboxes.db");
	for (int i = 0; i < (RUNNING_ON_VALGRIND ? 4 : 80); i++) {
		struct buf *b = i % 4 == 0 ? &pages : &log;
		size_t at = rnd((uint32_t)(b == &log ? used_of(&log) : pages.len));
		char was = b->data[at];
		struct cyrusdb *db = NULL;
		struct err e = { 0 };

		b->data[at] ^= (char)(1 + rnd(255));
		assert_int_equal(io_replace(AT_FDCWD, log_path, log.data, log.len, 0600, NULL), 0);
		assert_int_equal(io_replace(AT_FDCWD, db_path, pages.data, pages.len, 0600, NULL), 0);
		b->data[at] = was;
		if (recover(s, &db, &e) == -1) {
			assert_string_not_equal(e.msg, "");
			told++;
		} else if (b == &log) {
			char *got = text_of(db);

			assert_null(strstr(got, NEVER));
			free(got);
		}
		cyrusdb_close(db);
	}
	assert_true(RUNNING_ON_VALGRIND || told > 30);
	assert_int_equal(t->abort(t), 0);
	buf_done(&log);
	buf_done(&pages);
	free(log_path);
	free(db_path);
}

static void test_leftovers(void **state)
{
	const struct timespec old[2] = { { time(NULL) - 4000, 0 }, { time(NULL) - 4000, 0 } };
	struct scene *s = *state;
	char *killed = in(s, "tmp/cyrvault-recover.aaaaaa"), *running = in(s, "tmp/cyrvault-recover.bbbbbb"),
	     *other = in(s, "tmp/other.cccccc");

	assert_int_equal(mkdir(killed, 0700) | mkdir(running, 0700) | mkdir(other, 0700), 0);
	assert_int_equal(utimensat(AT_FDCWD, killed, old, 0) | utimensat(AT_FDCWD, other, old, 0), 0);
	start(s, DB_BTREE, 0);
	put_all(s, 0, 3, "value");
	take_picture(s);
	assert_recovers(s);
	assert_int_equal(access(killed, F_OK), -1);
	assert_int_equal(rmdir(running), 0);
	assert_int_equal(rmdir(other), 0);
	free(killed);
	free(running);
	free(other);
}

/* ---- Cyrus ---- */

static int add_value(void *arg, struct cyrusdb_bytes key, struct cyrusdb_bytes value, struct err *e)
{
	struct buf *b = arg;

	(void)e;
	buf_add(b, key.p, key.n);
	buf_char(b, '\t');
	buf_add(b, value.p, value.n);
	buf_char(b, '\n');
	return 0;
}

/* A running 2.3 and 2.4: mailboxes.db has no key, the log has them all. */
static void test_cyrus(void **state)
{
	static const char *const versions[] = { "23", "24" };
	struct scene *s = *state;
	char *db_path = in(s, "snap/conf/mailboxes.db"), *log_path = in(s, "snap/conf/db/log.0000000001");

	for (size_t i = 0; i < 2; i++) {
		char *db_name = mem_printf("db/cyrus%s-live.btree", versions[i]),
		     *log_name = mem_printf("db/cyrus%s-live-log", versions[i]),
		     *text_name = mem_printf("mboxlist/cyrus%s.txt", versions[i]),
		     *live_path = mem_printf("/srv/cyrus%s/conf/mailboxes.db", versions[i]);
		struct buf got = BUF_INIT;
		struct cyrusdb *db = NULL;
		struct err e = { 0 };
		size_t n;
		uint8_t *p = fixture(db_name, &n);

		assert_int_equal(io_replace(AT_FDCWD, db_path, p, n, 0600, NULL), 0);
		free(p);
		p = fixture(log_name, &n);
		assert_int_equal(io_replace(AT_FDCWD, log_path, p, n, 0600, NULL), 0);
		free(p);
		if (recover_as(s, live_path, NULL, &db, &e) == -1)
			fail_msg("%s", e.msg);
		assert_int_equal(cyrusdb_foreach(db, (struct cyrusdb_bytes){ 0 }, add_value, &got, &e), 0);
		p = fixture(text_name, &n);
		assert_string_equal(buf_text(&got), (const char *)p);
		free(p);
		cyrusdb_close(db);
		buf_done(&got);
		free(db_name);
		free(log_name);
		free(text_name);
		free(live_path);
	}
	free(db_path);
	free(log_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_in_the_log, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hash, setup, teardown),
		cmocka_unit_test_setup_teardown(test_uncommitted_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_logs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names_in_the_log, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_logs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_any_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_leftovers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cyrus, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
