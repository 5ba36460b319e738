/* test_cyrusdb.c: one suite over every kind of database, through the public interface. */
#include "test_db_fixtures.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct sample {
	const char *data;
	const char *expect;
	enum cyrusdb_kind kind;
	const char *name;
	const char *prefix; /* begins several keys, not all */
	size_t below;	    /* so many */
};

static const struct sample samples[] = {
	{ "db/plain.btree", "db/plain-btree.txt", CYRUSDB_BERKELEY_BTREE, "berkeley btree", "user.long", 2 },
	{ "db/plain.hash", "db/plain-hash.txt", CYRUSDB_BERKELEY_HASH, "berkeley hash", "user.long", 2 },
	{ "db/binary.skiplist", "db/binary-skiplist.txt", CYRUSDB_SKIPLIST, "skiplist", "a", 6 },
	{ "db/binary.twoskip", "db/binary-twoskip.txt", CYRUSDB_TWOSKIP, "twoskip", "a", 6 },
	{ "twom/binary.twom", "twom/binary.txt", CYRUSDB_TWOM, "twom", "a", 0 },
	{ "db/binary.flat", "db/binary-flat.txt", CYRUSDB_FLAT, "flat", "a", 6 },
};

struct opened {
	uint8_t *p;
	char *text;
	struct cyrusdb *db;
};

static struct opened open_sample(const struct sample *s)
{
	struct opened o;
	struct err e = { 0 };
	size_t n, len;

	o.p = fixture(s->data, &n);
	o.text = (char *)fixture(s->expect, &len);
	if (cyrusdb_open_bytes(o.p, n, s->data, &o.db, &e) == -1)
		fail_msg("%s: %s", s->data, e.msg);
	return o;
}

static void close_sample(struct opened *o)
{
	cyrusdb_close(o->db);
	free(o->text);
	free(o->p);
}

#define EACH_SAMPLE(s) \
	for (const struct sample *s = samples; s < samples + sizeof samples / sizeof *samples; s++)

static void kinds_and_contents(void **state)
{
	(void)state;
	EACH_SAMPLE(s)
	{
		struct opened o = open_sample(s);
		char *got = text_of(o.db);

		assert_int_equal(cyrusdb_kind(o.db), s->kind);
		assert_string_equal(cyrusdb_kind_name(s->kind), s->name);
		assert_int_equal(cyrusdb_notes(o.db), 0);
		assert_string_equal(got, o.text);
		free(got);
		close_sample(&o);
	}
	assert_string_equal(cyrusdb_kind_name(CYRUSDB_EMPTY), "empty");
}

static void unhex(struct buf *b, const char *s, size_t n)
{
	buf_clear(b);
	assert_non_null(buf_reserve(b, n / 2 + 1));
	assert_int_equal(str_unhex(s, b->data, n / 2), 0);
	b->len = n / 2;
}

static int get(struct cyrusdb *db, const void *p, size_t n, struct cyrusdb_bytes *value)
{
	struct err e = { 0 };

	return cyrusdb_get(db, (struct cyrusdb_bytes){ p, n }, value, &e);
}

static void get_hits_and_misses(void **state)
{
	struct buf key = BUF_INIT, value = BUF_INIT;

	(void)state;
	EACH_SAMPLE(s)
	{
		struct opened o = open_sample(s);
		struct cyrusdb_bytes v;

		for (const char *line = o.text; *line != '\0'; line += strcspn(line, "\n") + 1) {
			size_t n = strcspn(line, "\t"), m = strcspn(line + n + 1, "\n");

			unhex(&key, line, n);
			unhex(&value, line + n + 1, m);
			assert_int_equal(get(o.db, key.data, key.len, &v), 1);
			assert_int_equal(v.n, value.len);
			assert_memory_equal(v.p, value.data, value.len);
			buf_add(&key, "\0 no such", 9);
			assert_int_equal(get(o.db, key.data, key.len, &v), 0);
		}
		assert_int_equal(get(o.db, "", 0, &v), 0);
		assert_int_equal(get(o.db, "\xff\xff\xff", 3, &v), 0);
		close_sample(&o);
	}
	buf_done(&key);
	buf_done(&value);
}

struct seen {
	struct buf last;
	size_t n;
	size_t stop_at;
	int stop_with;
	const char *prefix;
};

static int see(void *arg, struct cyrusdb_bytes key, struct cyrusdb_bytes value, struct err *e)
{
	struct seen *s = arg;
	size_t n = s->last.len < key.n ? s->last.len : key.n;
	int c = n > 0 ? memcmp(s->last.data, key.p, n) : 0;

	(void)value;
	if (s->n > 0)
		assert_true(c < 0 || (c == 0 && s->last.len < key.n));
	if (s->prefix != NULL)
		assert_true(key.n >= strlen(s->prefix) && memcmp(key.p, s->prefix, strlen(s->prefix)) == 0);
	buf_clear(&s->last);
	buf_add(&s->last, key.p, key.n);
	if (++s->n != s->stop_at)
		return 0;
	return s->stop_with == -1 ? err_set(e, ERR_REFUSED, "enough") : s->stop_with;
}

static int walk(struct cyrusdb *db, const char *prefix, struct seen *s, struct err *e)
{
	return cyrusdb_foreach(
	    db, (struct cyrusdb_bytes){ (const uint8_t *)prefix, strlen(prefix) }, see, s, e);
}

static void foreach_order_prefix_stop_and_failure(void **state)
{
	(void)state;
	EACH_SAMPLE(s)
	{
		struct opened o = open_sample(s);
		struct seen all = { 0 }, some = { .prefix = s->prefix }, none = { 0 },
			    stop = { .stop_at = 2, .stop_with = 1 },
			    failing = { .stop_at = 1, .stop_with = -1 };
		size_t lines = 0;
		struct err e = { 0 };

		for (const char *c = o.text; *c != '\0'; c++)
			lines += *c == '\n';
		assert_int_equal(walk(o.db, "", &all, &e), 0);
		assert_int_equal(all.n, lines);
		assert_int_equal(walk(o.db, s->prefix, &some, &e), 0);
		assert_true(some.n > 1 && some.n < lines);
		if (s->below > 0)
			assert_int_equal(some.n, s->below);
		assert_int_equal(walk(o.db, "zzz no such", &none, &e), 0);
		assert_int_equal(none.n, 0);
		assert_int_equal(walk(o.db, "", &stop, &e), 1);
		assert_int_equal(stop.n, 2);
		assert_int_equal(walk(o.db, "", &failing, &e), -1);
		assert_int_equal(failing.n, 1);
		assert_int_equal(e.code, ERR_REFUSED);
		buf_done(&all.last);
		buf_done(&some.last);
		buf_done(&none.last);
		buf_done(&stop.last);
		buf_done(&failing.last);
		close_sample(&o);
	}
}

static void empty_databases(void **state)
{
	static const char *const names[] = { "db/none.btree", "db/none.hash", "db/none.skiplist",
		"db/gone.skiplist", "db/none.twoskip", "db/gone.twoskip", "twom/empty.twom", "db/none.flat" };

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct cyrusdb_bytes v;
		struct seen s = { 0 };
		struct err e = { 0 };
		struct cyrusdb *db;
		size_t n;
		uint8_t *p = fixture(names[i], &n);

		assert_int_equal(cyrusdb_open_bytes(p, n, names[i], &db, &e), 0);
		assert_int_equal(cyrusdb_notes(db), 0);
		assert_int_equal(get(db, "a", 1, &v), 0);
		assert_int_equal(walk(db, "", &s, &e), 0);
		assert_int_equal(walk(db, "a", &s, &e), 0);
		assert_int_equal(s.n, 0);
		assert_int_equal(cyrusdb_kind(db) == CYRUSDB_EMPTY, n == 0);
		cyrusdb_close(db);
		free(p);
	}
	cyrusdb_close(NULL);
}

/* ---- from files ---- */

struct dir {
	char path[64];
	int fd;
};

static struct dir make_dir(void)
{
	struct dir d = { .path = "/tmp/cyrvault-db.XXXXXX" };

	assert_non_null(mkdtemp(d.path));
	d.fd = open(d.path, O_RDONLY | O_DIRECTORY);
	assert_true(d.fd != -1);
	return d;
}

/* Plain calls only: old versions of valgrind do not know openat2(). */
static void remove_dir(struct dir *d)
{
	static const char *const files[] = { "a.db", "fifo", "zero", "huge", "mailboxes.db",
		"conf/mailboxes.db", "conf/db/log.0000000017" };

	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		unlinkat(d->fd, files[i], 0);
	unlinkat(d->fd, "conf/db", AT_REMOVEDIR);
	unlinkat(d->fd, "conf", AT_REMOVEDIR);
	close(d->fd);
	assert_int_equal(rmdir(d->path), 0);
}

static void put_file(const struct dir *d, const char *name, const void *p, size_t n)
{
	int fd = openat(d->fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd != -1);
	assert_int_equal(write(fd, p, n), n);
	close(fd);
}

static void empty_file(const struct dir *d, const char *name)
{
	int fd = openat(d->fd, name, O_WRONLY | O_TRUNC);

	assert_true(fd != -1);
	close(fd);
}

static void files_read_as_memory_does(void **state)
{
	struct dir d = make_dir();

	(void)state;
	EACH_SAMPLE(s)
	{
		struct err e = { 0 };
		struct cyrusdb *db;
		size_t n, len;
		uint8_t *p = fixture(s->data, &n);
		char *want = (char *)fixture(s->expect, &len), *got;

		put_file(&d, "a.db", p, n);
		assert_int_equal(cyrusdb_open(d.fd, "a.db", &db, &e), 0);
		assert_int_equal(cyrusdb_notes(db), 0);
		/* The handle is a picture: what happens to the file later does not reach it. */
		empty_file(&d, "a.db");
		got = text_of(db);
		assert_string_equal(got, want);
		cyrusdb_close(db);
		free(got);
		free(want);
		free(p);
	}
	remove_dir(&d);
}

static void missing_and_strange_files(void **state)
{
	struct dir d = make_dir();
	struct err e = { 0 };
	struct cyrusdb *db;

	(void)state;
	assert_int_equal(cyrusdb_open(d.fd, "none.db", &db, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_null(db);
	assert_int_equal(cyrusdb_open(d.fd, ".", &db, &e), -1);
	assert_int_equal(e.code, ERR_FORMAT);
	assert_int_equal(mkfifoat(d.fd, "fifo", 0600), 0);
	assert_int_equal(cyrusdb_open(d.fd, "fifo", &db, &e), -1);
	assert_int_equal(e.code, ERR_FORMAT);
	put_file(&d, "zero", "", 0);
	assert_int_equal(cyrusdb_open(d.fd, "zero", &db, &e), 0);
	assert_int_equal(cyrusdb_kind(db), CYRUSDB_EMPTY);
	cyrusdb_close(db);
	remove_dir(&d);
}

static void too_large_is_refused_without_reading(void **state)
{
	struct dir d = make_dir();
	struct err e = { 0 };
	struct cyrusdb *db;
	int fd = openat(d.fd, "huge", O_WRONLY | O_CREAT, 0600);

	(void)state;
	assert_int_equal(ftruncate(fd, (off_t)5 << 30), 0);
	close(fd);
	assert_int_equal(cyrusdb_open(d.fd, "huge", &db, &e), -1);
	assert_int_equal(e.code, ERR_UNSUPPORTED);
	remove_dir(&d);
}

static void live_berkeley_copy_is_told(void **state)
{
	static const char *const live[] = { "db/cyrus23-live.btree", "db/cyrus24-live.btree" };
	struct dir d = make_dir();
	struct err e = { 0 };
	struct cyrusdb *db;

	(void)state;
	assert_int_equal(mkdirat(d.fd, "conf", 0700), 0);
	for (size_t i = 0; i < 2; i++) {
		size_t n;
		uint8_t *p = fixture(live[i], &n);

		put_file(&d, "conf/mailboxes.db", p, n);
		put_file(&d, "mailboxes.db", p, n);
		assert_int_equal(cyrusdb_open(d.fd, "conf/mailboxes.db", &db, &e), 0);
		assert_int_equal(cyrusdb_notes(db), 0);
		cyrusdb_close(db);
		if (i == 0)
			assert_int_equal(mkdirat(d.fd, "conf/db", 0700), 0);
		put_file(&d, "conf/db/log.0000000017", "", 0);
		assert_int_equal(cyrusdb_open(d.fd, "conf/mailboxes.db", &db, &e), 0);
		assert_int_equal(cyrusdb_notes(db), CYRUSDB_NOTE_NEEDS_LOG);
		cyrusdb_close(db);
		assert_int_equal(cyrusdb_open(d.fd, "mailboxes.db", &db, &e), 0);
		assert_int_equal(cyrusdb_notes(db), 0);
		cyrusdb_close(db);
		free(p);
		assert_int_equal(unlinkat(d.fd, "conf/db/log.0000000017", 0), 0);
	}
	/* Keys in the pages: nothing to tell. */
	{
		size_t n;
		uint8_t *p = fixture("db/cyrus23-mailboxes.btree", &n);

		put_file(&d, "conf/db/log.0000000017", "", 0);
		put_file(&d, "conf/mailboxes.db", p, n);
		assert_int_equal(cyrusdb_open(d.fd, "conf/mailboxes.db", &db, &e), 0);
		assert_int_equal(cyrusdb_notes(db), 0);
		cyrusdb_close(db);
		free(p);
	}
	remove_dir(&d);
}

static void garbage_is_refused(void **state)
{
	static const char *const texts[] = { "x", "\n", "no tab\nin here\n", "a\tb\nno tab\n",
		"a\tno end of line", "\t" };
	uint8_t noise[4096];
	struct err e = { 0 };
	struct cyrusdb *db;
	uint32_t seed = 7;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		assert_int_equal(cyrusdb_open_bytes(texts[i], strlen(texts[i]), "garbage", &db, &e), -1);
		assert_int_equal(e.code, ERR_FORMAT);
		assert_non_null(strstr(e.msg, "garbage"));
	}
	for (int round = 0; round < 200; round++) {
		for (size_t i = 0; i < sizeof noise; i++) {
			seed = seed * 1664525 + 1013904223;
			noise[i] = (uint8_t)(seed >> 24);
		}
		assert_int_equal(cyrusdb_open_bytes(noise, sizeof noise, "noise", &db, &e), -1);
		assert_int_equal(e.code, ERR_FORMAT);
	}
	memset(noise, 0, sizeof noise);
	assert_int_equal(cyrusdb_open_bytes(noise, sizeof noise, "zeros", &db, &e), -1);
	assert_int_equal(e.code, ERR_FORMAT);
	assert_int_equal(cyrusdb_open_bytes("text\n", 5, "no error wanted", &db, NULL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_and_contents),
		cmocka_unit_test(get_hits_and_misses),
		cmocka_unit_test(foreach_order_prefix_stop_and_failure),
		cmocka_unit_test(empty_databases),
		cmocka_unit_test(files_read_as_memory_does),
		cmocka_unit_test(missing_and_strange_files),
		cmocka_unit_test(too_large_is_refused_without_reading),
		cmocka_unit_test(live_berkeley_copy_is_told),
		cmocka_unit_test(garbage_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
