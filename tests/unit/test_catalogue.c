/* test_catalogue.c: spans against a model that keeps everything, rows, archives, fills, side tables, two processes, damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/io.h"
#include "core/mem.h"
#include "db/catalogue_rows.h"
#include "db/sorter.h"

static char *dir;
static unsigned share = 1; /* of the rounds, where each takes long */

/* Berkeley DB does not free an environment that has met a damaged page. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libdb";
}

static void ok(int rc, const struct err *e)
{
	if (rc == -1)
		fail_msg("%s", e->msg);
}

/* ---- spans ---- */

static uint64_t seed = 1;

static unsigned dice(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

#define BOXES 12
#define FILLS 60

/* What box ${b} is in fill ${seq}: 0 not there, else its state. */
static unsigned truth[FILLS + 1][BOXES];

static struct catalogue_box state(unsigned n)
{
	static const char *const ids[] = { "0b6ce9aa-4f2e-4ecd-8b4e-9b9ee9ac2a11", "4f2e4ecd8b4e9b9e", "",
		"0B6CE9AA-4f2e-4ecd-8b4e-9b9ee9ac2a11" };

	return (struct catalogue_box){ .uniqueid = ids[n % 4],
		.partition = n % 3 ? "default" : "",
		.uidvalidity = n / 2,
		.messages = n,
		.bytes = (uint64_t)n << 40,
		.health = "=!-"[n % 3],
		.has_files = n % 5 != 0 };
}

static void spans_say_what_was_filled(void **arg)
{
	struct err e = { 0 };

	(void)arg;
	for (unsigned round = 0; round < 24 / share; round++) {
		struct buf rows[BOXES] = { { 0 } };
		struct rows_spans s = { 0 };
		uint32_t list[FILLS];
		struct rows_fills f = { list, 0 };

		memset(truth, 0, sizeof truth);
		for (uint32_t seq = 1; seq <= FILLS; seq++) {
			/* Like another one before, with changes; broken off now and then, and archives are forgotten. */
			uint32_t like = dice(3) == 0 ? dice(seq) : seq - 1;
			unsigned until = dice(3) == 0 ? dice(BOXES) : BOXES;

			for (unsigned b = 0; b < BOXES; b++) {
				struct catalogue_box box;

				truth[seq][b] = dice(4) == 0 ? dice(5) : truth[like][b];
				if (b >= until)
					continue;
				s.n = 0;
				if (rows[b].len > 0)
					ok(rows_get_spans(rows[b].data, rows[b].len, &s, &e), &e);
				box = state(truth[seq][b]);
				if (rows_merge(&s, &f, seq, truth[seq][b] != 0 ? &box : NULL)) {
					buf_clear(&rows[b]);
					if (s.n > 0)
						rows_put_spans(&rows[b], s.list, s.n);
				}
			}
			if (until == BOXES)
				list[f.n++] = seq;
			if (f.n > 1 && dice(8) == 0) {
				unsigned gone = dice((unsigned)f.n);

				memmove(list + gone, list + gone + 1, (f.n - gone - 1) * sizeof *list);
				f.n--;
			}
			for (unsigned b = 0; b < BOXES; b++) {
				struct catalogue_spans view;

				s.n = 0;
				if (rows[b].len > 0)
					ok(rows_get_spans(rows[b].data, rows[b].len, &s, &e), &e);
				view = (struct catalogue_spans){ .list = s.list, .n = s.n };
				/* No more of them than changes between fills that count, and what was broken off since. */
				assert_true(s.n <= f.n + 2);
				for (size_t i = 0; i < f.n; i++) {
					const struct catalogue_box *is = catalogue_span_at(&view, list[i]);
					struct catalogue_box must = state(truth[list[i]][b]);

					if ((is != NULL) != (truth[list[i]][b] != 0) ||
					    (is != NULL && !rows_same(is, &must)))
						fail_msg("round %u, box %u, fill %u after %u", round, b,
						    list[i], seq);
				}
			}
		}
		for (unsigned b = 0; b < BOXES; b++)
			buf_done(&rows[b]);
		rows_spans_done(&s);
	}
}

static void rows_come_back(void **arg)
{
	struct catalogue_span spans[3] = { { 1, 4, state(1) }, { 5, 5, state(2) },
		{ 9, CATALOGUE_OPEN, state(2) } };
	char store[] = "vault", url[] = "dir:/x", name[] = "n", server[] = "mail1";
	struct catalogue_archive a = { .state = CATALOGUE_FILLED,
		.seq = 7,
		.store = store,
		.url = url,
		.name = name,
		.size_bytes = UINT64_MAX,
		.mtime = -5,
		.when = INT64_MIN,
		.server = server,
		.virtdomains = true,
		.longest_hold_ms = -1 };
	struct catalogue_archive back;
	struct rows_spans s = { 0 };
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	(void)arg;
	rows_put_spans(&b, spans, 3);
	ok(rows_get_spans(b.data, b.len, &s, &e), &e);
	assert_int_equal(s.n, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(s.list[i].first, spans[i].first);
		assert_int_equal(s.list[i].last, spans[i].last);
		assert_true(rows_same(&s.list[i].box, &spans[i].box));
	}
	/* Cut short it is no row, and with any byte another one nothing worse than another row. */
	for (size_t n = 0; n < b.len; n++) {
		char *cut = mem_dup(b.data, n + 1);

		assert_int_equal(rows_get_spans(cut, n, &s, &e), -1);
		for (int bit = 0; bit < 8; bit++) {
			char *odd = mem_dup(b.data, b.len);

			odd[n] ^= (char)(1 << bit);
			rows_get_spans(odd, b.len, &s, &e);
			free(odd);
		}
		free(cut);
	}
	rows_spans_done(&s);
	buf_clear(&b);
	rows_put_archive(&b, &a);
	ok(rows_get_archive(b.data, b.len, &back, &e), &e);
	assert_int_equal(back.state, CATALOGUE_FILLED);
	assert_int_equal(back.seq, 7);
	assert_string_equal(back.name, "n");
	assert_string_equal(back.why, "");
	assert_true(
	    back.size_bytes == UINT64_MAX && back.mtime == -5 && back.when == INT64_MIN && back.virtdomains);
	catalogue_archive_done(&back);
	for (size_t n = 0; n < b.len; n++) {
		char *cut = mem_dup(b.data, n + 1);

		assert_int_equal(rows_get_archive(cut, n, &back, &e), -1);
		catalogue_archive_done(&back);
		free(cut);
	}
	buf_done(&b);
}

static void sorter_sorts(void **arg)
{
	/* In order; backwards; at random, with keys that come again; from memory and from a file. */
	(void)arg;
	for (int way = 0; way < 6; way++) {
		struct sorter *s = sorter_new(way < 3 ? 1u << 20 : 2000);
		struct sorter_pair p;
		struct err e = { 0 };
		unsigned last = 0, n = 0, first[500];
		int rc;

		memset(first, 0xff, sizeof first);
		for (unsigned i = 0; i < 1000; i++) {
			unsigned k = way % 3 == 0 ? i / 2 : way % 3 == 1 ? 499 - i / 2 : dice(500);
			char key[16], value[16];

			snprintf(key, sizeof key, "%04u", k);
			snprintf(value, sizeof value, "%u", i);
			if (first[k] == UINT32_MAX)
				first[k] = i;
			ok(sorter_add(s, key, strlen(key), value, strlen(value), &e), &e);
		}
		while ((rc = sorter_next(s, &p, &e)) == 1) {
			char *key = mem_strndup((const char *)p.key, p.nk),
			     *value = mem_strndup((const char *)p.value, p.nv);
			unsigned k = (unsigned)atoi(key);

			assert_true(n == 0 || k > last);
			assert_int_equal(atoi(value), first[k]);
			last = k;
			n++;
			free(key);
			free(value);
		}
		ok(rc, &e);
		for (unsigned k = 0; k < 500; k++)
			n -= first[k] != UINT32_MAX;
		assert_int_equal(n, 0);
		sorter_free(s);
	}
}

/* ---- the whole ---- */

static struct catalogue *opened(void)
{
	struct catalogue *c;
	struct err e = { 0 };

	ok(catalogue_open(dir, &c, &e), &e);
	return c;
}

static struct catalogue_archive archive(const char *name)
{
	char store[] = "vault", url[] = "dir:/v", server[] = "mail1";

	return (struct catalogue_archive){ .store = mem_strdup(store),
		.url = mem_strdup(url),
		.name = mem_strdup(name),
		.server = mem_strdup(server),
		.size_bytes = 100,
		.mtime = 5,
		.last_seen = 10,
		.state = CATALOGUE_LOOKED,
		.readable = true };
}

/* "a1 b2 ...": mailbox a in state 1, and so on; * a unique id of that name. */
static struct catalogue_archive fill_in(struct catalogue *c, const char *name, const char *boxes)
{
	struct catalogue_fill *f = catalogue_fill_new(c, NULL);
	struct catalogue_archive a = archive(name);
	struct err e = { 0 };

	for (const char *p = boxes; *p != '\0'; p += *p == ' ') {
		char box_name[] = { *p++, '\0' }, id[] = { 'i', 'd', *p++, '\0' };
		struct catalogue_box box = { .name = box_name,
			.uniqueid = id,
			.partition = "default",
			.messages = (uint32_t)(*p++ - '0'),
			.health = '=' };

		ok(catalogue_fill_add(f, &box, &e), &e);
	}
	ok(catalogue_fill_commit(f, &a, &e), &e);
	catalogue_fill_free(f);
	return a;
}

static int collect(void *arg, const struct catalogue_box *box, struct err *e)
{
	struct buf *b = arg;

	(void)e;
	buf_printf(b, "%s%s%s%u", b->len > 0 ? " " : "", box->name, box->uniqueid + 2, box->messages);
	return 0;
}

static void holds(struct catalogue *c, const struct catalogue_archive *a, const char *boxes)
{
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	ok(catalogue_boxes(c, a, "", collect, &b, &e), &e);
	assert_string_equal(buf_text(&b), boxes);
	buf_done(&b);
}

static int collect_name(void *arg, const char *name, struct err *e)
{
	(void)e;
	buf_str(arg, name);
	return 0;
}

static void archives_and_mailboxes(void **arg)
{
	struct catalogue *c = opened(), *other = opened();
	struct catalogue_archives l;
	struct catalogue_archive one, two, three, seen = archive("four");
	struct catalogue_spans spans;
	struct catalogue_status status;
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	(void)arg;
	ok(catalogue_archives(c, &l, &e), &e);
	assert_int_equal(l.n, 0);
	assert_int_equal(catalogue_box_spans(c, "mail1", "a", &spans, &e), 0);
	one = fill_in(c, "one", "cx3 ax1 by2");
	two = fill_in(other, "two", "ax1 by3 dz1");
	three = fill_in(c, "three", "ax1 dz1 ey3");
	holds(c, &one, "ax1 by2 cx3");
	holds(c, &two, "ax1 by3 dz1");
	holds(other, &three, "ax1 dz1 ey3");
	ok(catalogue_boxes(c, &one, "b", collect, &b, &e), &e);
	assert_string_equal(buf_text(&b), "by2 cx3");
	/* Renamed from b to e. */
	buf_clear(&b);
	ok(catalogue_names(c, "mail1", "idy", collect_name, &b, &e), &e);
	assert_string_equal(buf_text(&b), "be");
	assert_int_equal(catalogue_box_spans(c, "mail1", "b", &spans, &e), 1);
	assert_int_equal(spans.n, 2);
	assert_null(catalogue_span_at(&spans, three.seq));
	assert_int_equal(catalogue_span_at(&spans, two.seq)->messages, 3);
	assert_string_equal(spans.list[0].box.name, "b");
	catalogue_spans_done(&spans);
	assert_int_equal(catalogue_box_spans(c, "mail2", "b", &spans, &e), 0);
	/* Filled again it is not. */
	{
		struct catalogue_archive again = fill_in(other, "two", "q01");

		assert_int_equal(again.seq, two.seq);
		catalogue_archive_done(&again);
	}
	holds(c, &two, "ax1 by3 dz1");
	/* Noted: new ones get ids; what is known of others stays, unless they are other ones. */
	seen.state = CATALOGUE_LISTED;
	ok(catalogue_note(c, &seen, 1, NULL, &e), &e);
	assert_int_equal(seen.id, 4);
	{
		struct catalogue_archive same = archive("two"), bigger = archive("one");

		same.state = bigger.state = CATALOGUE_LISTED;
		same.gone = true;
		bigger.size_bytes++;
		ok(catalogue_note(other, &same, 1, NULL, &e), &e);
		ok(catalogue_note(other, &bigger, 1, NULL, &e), &e);
		assert_int_equal(bigger.id, one.id);
		catalogue_archive_done(&same);
		catalogue_archive_done(&bigger);
	}
	ok(catalogue_archives(c, &l, &e), &e);
	assert_int_equal(l.n, 4);
	assert_int_equal(l.list[0].state, CATALOGUE_LISTED);
	assert_true(l.list[1].gone && l.list[1].state == CATALOGUE_FILLED && l.list[1].seq == two.seq);
	catalogue_archives_done(&l);
	assert_int_equal(catalogue_boxes(c, &one, "", collect, &b, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	holds(c, &two, "ax1 by3 dz1");
	ok(catalogue_forget(c, two.id, NULL, &e), &e);
	assert_int_equal(catalogue_forget(c, two.id, NULL, &e), -1);
	ok(catalogue_status(c, &status, &e), &e);
	assert_true(status.there && status.archives == 3 && status.filled == 1 && !status.writing);
	/* What only forgotten ones had goes with the next fill. */
	catalogue_archive_done(&one);
	one = fill_in(c, "five", "ax1");
	assert_int_equal(catalogue_box_spans(c, "mail1", "b", &spans, &e), 0);
	assert_int_equal(catalogue_box_spans(c, "mail1", "d", &spans, &e), 1);
	catalogue_spans_done(&spans);
	holds(other, &three, "ax1 dz1 ey3");
	ok(catalogue_clear(other, NULL, &e), &e);
	ok(catalogue_archives(c, &l, &e), &e);
	assert_int_equal(l.n, 0);
	catalogue_archive_done(&one);
	catalogue_archive_done(&two);
	catalogue_archive_done(&three);
	catalogue_archive_done(&seen);
	buf_done(&b);
	catalogue_close(c);
	catalogue_close(other);
}

static int collect_blob(void *arg, uint64_t at, const void *p, size_t n, struct err *e)
{
	(void)e;
	buf_printf(arg, "%llu:%.*s ", (unsigned long long)at, (int)n, (const char *)p);
	return 0;
}

static void side_tables(void **arg)
{
	struct catalogue *c = opened(), *other = opened();
	struct catalogue_blobs *b;
	struct buf out = BUF_INIT;
	char *big = mem_alloc(300000);
	uint64_t at;
	struct err e = { 0 };

	(void)arg;
	assert_int_equal(catalogue_blobs_have(c, "x", &e), 0);
	assert_int_equal(catalogue_blob_get(c, "x", 1, 5, &at, &out, &e), 0);
	for (int round = 0; round < 2; round++) {
		ok(catalogue_blobs_begin(c, "x", NULL, &b, &e), &e);
		ok(catalogue_blobs_put(b, 1, 1000, "thousand", 8, &e), &e);
		ok(catalogue_blobs_put(b, 1, 10, round == 0 ? "ten" : "TEN", 3, &e), &e);
		ok(catalogue_blobs_put(b, 2, 0, big, 300000, &e), &e);
		/* Not seen before. */
		assert_int_equal(catalogue_blobs_have(other, "x", &e), round);
		ok(catalogue_blobs_commit(b, &e), &e);
		catalogue_blobs_free(b);
		assert_int_equal(catalogue_blobs_have(other, "x", &e), 1);
		assert_int_equal(catalogue_blob_get(other, "x", 1, 9, &at, &out, &e), 0);
		assert_int_equal(catalogue_blob_get(other, "x", 1, 999, &at, &out, &e), 1);
		assert_int_equal(at, 10);
		assert_string_equal(buf_text(&out), round == 0 ? "ten" : "TEN");
		buf_clear(&out);
	}
	assert_int_equal(catalogue_blob_get(c, "x", 1, UINT64_MAX, &at, &out, &e), 1);
	assert_string_equal(buf_text(&out), "thousand");
	buf_clear(&out);
	assert_int_equal(catalogue_blob_get(c, "x", 2, 77, &at, &out, &e), 1);
	assert_int_equal(out.len, 300000);
	assert_int_equal(catalogue_blob_get(c, "x", 3, 77, &at, &out, &e), 0);
	buf_clear(&out);
	ok(catalogue_blob_each(c, "x", 1, 0, collect_blob, &out, &e), &e);
	assert_string_equal(buf_text(&out), "10:TEN 1000:thousand ");
	/* One that is given up leaves the other. */
	ok(catalogue_blobs_begin(c, "x", NULL, &b, &e), &e);
	ok(catalogue_blobs_put(b, 1, 1, "?", 1, &e), &e);
	catalogue_blobs_free(b);
	assert_int_equal(catalogue_blobs_have(c, "x", &e), 1);
	ok(catalogue_blobs_drop(other, "x", NULL, &e), &e);
	assert_int_equal(catalogue_blobs_have(c, "x", &e), 0);
	buf_clear(&out);
	ok(catalogue_blob_each(c, "x", 1, 0, collect_blob, &out, &e), &e);
	assert_int_equal(out.len, 0);
	buf_done(&out);
	free(big);
	catalogue_close(c);
	catalogue_close(other);
}

/* ---- two processes ---- */

#define MANY 1000

static void fill_many(struct catalogue *c, unsigned number)
{
	struct catalogue_fill *f = catalogue_fill_new(c, NULL);
	char name[32];
	struct catalogue_archive a;
	struct err e = { 0 };

	snprintf(name, sizeof name, "many%03u", number);
	a = archive(name);
	for (unsigned i = 0; i < MANY; i++) {
		char box_name[32];
		struct catalogue_box box = {
			.name = box_name, .uniqueid = "", .partition = "", .health = '=', .messages = number
		};

		snprintf(box_name, sizeof box_name, "user.u%05u", i);
		ok(catalogue_fill_add(f, &box, &e), &e);
	}
	ok(catalogue_fill_commit(f, &a, &e), &e);
	catalogue_archive_done(&a);
	catalogue_fill_free(f);
}

static int count_many(void *arg, const struct catalogue_box *box, struct err *e)
{
	unsigned *n = arg;

	if (box->messages != n[1])
		return err_set(e, ERR_DAMAGE, "%s is another one's", box->name);
	n[0]++;
	return 0;
}

/* Every archive that is filled has all it had; returns how many there are. */
static size_t all_whole(struct catalogue *c)
{
	struct catalogue_archives l;
	struct err e = { 0 };
	size_t n;

	ok(catalogue_archives(c, &l, &e), &e);
	for (size_t i = 0; i < l.n; i++) {
		unsigned count[2] = { 0, (unsigned)atoi(l.list[i].name + 4) };

		ok(catalogue_boxes(c, &l.list[i], "", count_many, count, &e), &e);
		assert_int_equal(count[0], MANY);
	}
	n = l.n;
	catalogue_archives_done(&l);
	return n;
}

static pid_t filler(unsigned from, unsigned to)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct catalogue *c = opened();

		for (unsigned i = from; i < to; i++)
			fill_many(c, i);
		catalogue_close(c);
		_exit(0);
	}
	assert_true(pid > 0);
	return pid;
}

static void readers_and_writers(void **arg)
{
	pid_t one = filler(0, 8 / share), two = filler(100, 100 + 8 / share);
	struct catalogue *c = opened();
	int status, left = 2;
	size_t reads = 0;

	(void)arg;
	while (left > 0) {
		all_whole(c);
		reads++;
		while (left > 0 && waitpid(-1, &status, WNOHANG) > 0) {
			assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
			left--;
		}
	}
	(void)one;
	(void)two;
	assert_true(reads > 1);
	assert_int_equal(all_whole(c), 2 * (8 / share));
	catalogue_close(c);
}

static void killed_writers(void **arg)
{
	struct catalogue *c;
	size_t before = 0;

	(void)arg;
	for (unsigned round = 0; round < 12 / share; round++) {
		pid_t pid = filler(round * 10, round * 10 + 10);
		int status;
		size_t n;

		usleep(500 + dice(30000));
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		c = opened();
		n = all_whole(c);
		assert_true(n >= before);
		before = n;
		catalogue_close(c);
	}
	c = opened();
	fill_many(c, 999);
	assert_int_equal(all_whole(c), before + 1);
	catalogue_close(c);
}

/* ---- damage ---- */

static void damage_is_found(void **arg)
{
	char *file = mem_printf("%s/catalogue.db", dir), *aside = mem_printf("%s/catalogue.db.damaged", dir);
	struct buf bytes = BUF_INIT;
	struct err e = { 0 };
	struct catalogue *c = opened();
	unsigned found = 0;

	(void)arg;
	fill_many(c, 1);
	catalogue_close(c);
	ok(io_read_file(AT_FDCWD, file, 16u << 20, &bytes, &e), &e);
	for (unsigned i = 0; i < 40 / share; i++) {
		size_t at = i < 10 ? i * 8 : dice((unsigned)bytes.len);
		unsigned n[2] = { 0, 1 };
		struct catalogue_archives l;
		struct stat st;
		char was = bytes.data[at];
		int rc;

		bytes.data[at] ^= (char)(1 << dice(8));
		if (i % 10 == 9)
			ok(io_replace(AT_FDCWD, file, bytes.data, at, 0600, &e), &e);
		else
			ok(io_replace(AT_FDCWD, file, bytes.data, bytes.len, 0600, &e), &e);
		bytes.data[at] = was;
		unlink(aside);
		c = opened();
		rc = catalogue_archives(c, &l, &e);
		if (rc == 0 && l.n == 1)
			rc = catalogue_boxes(c, &l.list[0], "", count_many, n, &e);
		catalogue_archives_done(&l);
		if (rc == -1) {
			/* Now it is empty, and can be filled. */
			found++;
			assert_int_equal(stat(aside, &st), 0);
			ok(catalogue_archives(c, &l, &e), &e);
			assert_int_equal(l.n, 0);
			fill_many(c, 2);
			assert_int_equal(all_whole(c), 1);
		} else {
			assert_int_equal(n[0], MANY);
		}
		catalogue_close(c);
	}
	assert_true(found > 30 / share);
	buf_done(&bytes);
	free(file);
	free(aside);
}

static int setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	*state = mem_printf("%s/test_catalogue.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(*state) == NULL)
		return -1;
	dir = mem_printf("%s/catalogue", (char *)*state);
	return 0;
}

static int teardown(void **state)
{
	io_remove_tree(AT_FDCWD, *state, NULL);
	free(*state);
	free(dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans_say_what_was_filled),
		cmocka_unit_test(rows_come_back),
		cmocka_unit_test(sorter_sorts),
		cmocka_unit_test_setup_teardown(archives_and_mailboxes, setup, teardown),
		cmocka_unit_test_setup_teardown(side_tables, setup, teardown),
		cmocka_unit_test_setup_teardown(readers_and_writers, setup, teardown),
		cmocka_unit_test_setup_teardown(killed_writers, setup, teardown),
		cmocka_unit_test_setup_teardown(damage_is_found, setup, teardown),
	};

	if (getenv("VALGRIND") != NULL && *getenv("VALGRIND") != '\0')
		share = 4;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
