/* test_tape.c: labels, a tape's files, and an archive on tape as a store; on a tape drive made of memory. */
#include "test_archive_util.h"

#include <errno.h>
#include <sys/mtio.h>

#include "archive/tape_store.h"
#include "archive/tape_tar.h"
#include "core/job.h"
#include "store/drive.h"

#define BLOCK 65536
#define NAME  "a-20261122T010203Z.cpio.gz"

/* ---- a tape: blocks, and file marks, which have no bytes ---- */

struct reel {
	struct block {
		uint8_t *p;
		size_t n;
	} * blocks;
	size_t n, cap, at;
	uint64_t bytes, room; /* room 0: endless */
	unsigned opened, rewound, blocks_read;
};

static void truncate_reel(struct reel *r, size_t n)
{
	while (r->n > n) {
		r->n--;
		r->bytes -= r->blocks[r->n].n;
		free(r->blocks[r->n].p);
	}
}

static void reel_done(struct reel *r)
{
	truncate_reel(r, 0);
	free(r->blocks);
	*r = (struct reel){ 0 };
}

static void append(struct reel *r, const void *p, size_t n)
{
	truncate_reel(r, r->at);
	r->blocks = mem_grow(r->blocks, &r->cap, r->n + 1, sizeof *r->blocks);
	r->blocks[r->n++] = (struct block){ n > 0 ? mem_dup(p, n) : NULL, n };
	r->bytes += n;
	r->at = r->n;
}

static int reel_open(void *arg, const char *path, int flags)
{
	struct reel **r = arg;

	(void)path;
	(void)flags;
	if (*r == NULL) {
		errno = ENOMEDIUM;
		return -1;
	}
	(*r)->opened++;
	return 1000;
}

static ssize_t reel_read(void *arg, int fd, void *p, size_t n)
{
	struct reel *r = *(struct reel **)arg;
	const struct block *b = &r->blocks[r->at];

	assert_int_equal(fd, 1000);
	/* Behind all that was written: once as a file's end, or, where nothing was, as an error. */
	if (r->at == r->n && r->n == 0) {
		errno = EIO;
		return -1;
	}
	if (r->at == r->n)
		return 0;
	if (b->n > n) {
		errno = ENOMEM;
		return -1;
	}
	r->at++;
	r->blocks_read++;
	if (b->n > 0)
		memcpy(p, b->p, b->n);
	return (ssize_t)b->n;
}

static ssize_t reel_write(void *arg, int fd, const void *p, size_t n)
{
	struct reel *r = *(struct reel **)arg;

	(void)fd;
	truncate_reel(r, r->at);
	if (r->room != 0 && r->bytes + n > r->room) {
		errno = ENOSPC;
		return -1;
	}
	append(r, p, n);
	return (ssize_t)n;
}

static int reel_op(void *arg, int fd, short op, int count)
{
	struct reel *r = *(struct reel **)arg;

	(void)fd;
	switch (op) {
	case MTSETBLK: return 0;
	case MTREW:
		r->at = 0;
		r->rewound++;
		return 0;
	case MTWEOF: append(r, NULL, 0); return 0;
	case MTFSF:
	case MTFSR:
		while (count > 0 && r->at < r->n) {
			bool mark = r->blocks[r->at++].n == 0;

			if (mark && op == MTFSR)
				break;
			count -= op == MTFSR || mark;
		}
		errno = EIO;
		return count > 0 ? -1 : 0;
	default: errno = EINVAL; return -1;
	}
}

static int reel_status(void *arg, int fd, long *gstat)
{
	const struct reel *r = *(struct reel **)arg;

	(void)fd;
	*gstat = r->at == r->n ? 0x08000000 : 0; /* GMT_EOD */
	return 0;
}

static int reel_close(void *arg, int fd)
{
	(void)arg;
	(void)fd;
	return 0;
}

static struct reel *in_drive; /* NULL: none */

static struct drive_opts opts(void)
{
	static const struct drive_motion motion = { &in_drive, reel_open, reel_read, reel_write, reel_op,
		reel_status, reel_close };

	return (struct drive_opts){ .device = "/dev/nst9", .block_bytes = BLOCK, .motion = &motion };
}

/* ---- */

static struct tape_label label_of(uint64_t file, uint64_t size)
{
	static char label[] = "L0001", box[] = "3", host[] = "mail", program[] = "test", archive[] = NAME,
		    store[] = "vault", url[] = "dir:/vault", server[] = "a";

	return (struct tape_label){ .label = label,
		.box = box,
		.host = host,
		.program = program,
		.archive = archive,
		.store = store,
		.url = url,
		.server = server,
		.file = file,
		.block_bytes = BLOCK,
		.size_bytes = size,
		.mtime = 1795416000,
		.when = 1795416000,
		.written = 1795416001 };
}

static uint8_t *random_bytes(size_t n, uint64_t seed)
{
	uint8_t *p = mem_alloc(n + 8);

	for (size_t i = 0; i < n; i += 8) {
		uint64_t z = rnd(&seed);

		memcpy(p + i, &z, 8);
	}
	return p;
}

static int write_one(uint64_t file, const uint8_t *p, size_t n, struct tape_written *ret, struct err *e)
{
	struct tape_label l = label_of(file, n);
	struct stream *in = stream_from_bytes(p, n, NAME);
	struct drive_opts o = opts();
	struct drive *d;
	struct err err;
	int rc;

	OK(drive_new(&o, &d, &err));
	OK(drive_write_at(d, file, 0, &err));
	rc = tape_tar_write(d, &l, in, NULL, ret, e);
	if (rc == -1)
		drive_write_drop(d);
	drive_free(d);
	stream_close(in);
	return rc;
}

static void read_one(uint64_t file, struct tape_seen *ret)
{
	struct drive_opts o = opts();
	struct drive *d;
	struct err err;

	OK(drive_new(&o, &d, &err));
	OK(drive_read_from(d, file, 0, &err));
	OK(tape_tar_read(d, true, NULL, ret, &err));
	drive_free(d);
}

static void test_label(void **state)
{
	static const char *const hostile[] = { "", "{", "[]", "null", "{\"cyrvault_tape\":\"1\"}",
		"{\"cyrvault_tape\":1}", "{\"cyrvault_tape\":1,\"label\":7}" };
	static const char *const bad[] = { "", ".", "-a", "a/b", "a b", "../x", "a\nb", "\xc3\xa9" };
	struct tape_label l = label_of(7, 12345), back;
	struct buf text = BUF_INIT;
	char *copy, *at;
	struct err err;

	(void)state;
	tape_label_text(&l, &text);
	OK(tape_label_parse(text.data, text.len, &back, &err));
	assert_string_equal(back.label, "L0001");
	assert_string_equal(back.box, "3");
	assert_string_equal(back.archive, NAME);
	assert_int_equal(back.file, 7);
	assert_int_equal(back.size_bytes, 12345);
	assert_int_equal(back.block_bytes, BLOCK);
	tape_label_done(&back);
	for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
		assert_int_equal(tape_label_parse(hostile[i], strlen(hostile[i]), &back, &err), -1);
		assert_int_equal(err.code, ERR_FORMAT);
	}
	/* Cut at every length, and each byte changed: refused or sane. */
	for (size_t n = 0; n + 3 < text.len; n++)
		assert_int_equal(tape_label_parse(text.data, n, &back, &err), -1);
	for (size_t i = 0; i < text.len; i++) {
		copy = mem_dup(text.data, text.len);
		copy[i] ^= 0x11;
		if (tape_label_parse(copy, text.len, &back, &err) == 0) {
			assert_true(tape_label_ok(back.label) && store_name_ok(back.archive));
			tape_label_done(&back);
		}
		free(copy);
	}
	buf_char(&text, '\0');
	at = strstr(text.data, "\"cyrvault_tape\": 1");
	assert_non_null(at);
	at[strlen("\"cyrvault_tape\": ")] = '2';
	assert_int_equal(tape_label_parse(text.data, text.len - 1, &back, &err), -1);
	assert_int_equal(err.code, ERR_UNSUPPORTED);
	buf_done(&text);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(tape_label_ok(bad[i]));
	assert_true(tape_label_ok("L0007"));
}

static void test_files(void **state)
{
	size_t n = 700001;
	uint8_t *p = random_bytes(n, 1), *q = random_bytes(n, 2), sha[SHA256_SIZE];
	struct reel reel = { 0 };
	struct tape_written w, w2;
	struct tape_seen s;
	struct buf text = BUF_INIT;
	struct tape_label l = label_of(0, n);
	struct err err;

	(void)state;
	in_drive = &reel;
	read_one(0, &s);
	assert_int_equal(s.state, TAPE_EMPTY);
	tape_seen_done(&s);
	OK(write_one(0, p, n, &w, &err));
	OK(write_one(1, q, n, &w2, &err));
	/* As docs/tape.md has it. */
	tape_label_text(&l, &text);
	assert_int_equal(w.data_offset, 512 + (text.len + 511) / 512 * 512 + 512);
	buf_done(&text);
	assert_int_equal(w.stored_bytes % BLOCK, 0);
	for (size_t i = 0; i < reel.n; i++)
		assert_true(reel.blocks[i].n == BLOCK || reel.blocks[i].n == 0);
	for (uint64_t file = 0; file < 2; file++) {
		read_one(file, &s);
		assert_int_equal(s.state, TAPE_WHOLE);
		assert_int_equal(s.label.file, file);
		assert_int_equal(s.data_offset, w.data_offset);
		assert_int_equal(s.stored_bytes, w.stored_bytes);
		sha256(file == 0 ? p : q, n, sha);
		assert_memory_equal(s.sha256, sha, sizeof sha);
		tape_seen_done(&s);
	}
	/* A damaged block. */
	reel.blocks[4].p[100] ^= 1;
	read_one(0, &s);
	assert_int_equal(s.state, TAPE_BAD);
	assert_non_null(strstr(s.why.msg, "SHA-256 mismatch"));
	tape_seen_done(&s);
	reel.blocks[4].p[100] ^= 1;
	/* Cut off behind every block: never whole. */
	while (reel.n > 1) {
		reel.at = 0;
		truncate_reel(&reel, reel.n - 1);
		if (reel.n > w.stored_bytes / BLOCK)
			continue;
		read_one(0, &s);
		assert_true(
		    reel.n == w.stored_bytes / BLOCK ? s.state == TAPE_WHOLE : s.state == TAPE_UNFINISHED);
		tape_seen_done(&s);
	}
	/* Something else. */
	memset(reel.blocks[0].p, 'x', BLOCK);
	read_one(0, &s);
	assert_int_equal(s.state, TAPE_OTHER);
	tape_seen_done(&s);
	memset(reel.blocks[0].p, 0, BLOCK);
	read_one(0, &s);
	assert_int_equal(s.state, TAPE_EMPTY);
	tape_seen_done(&s);
	reel_done(&reel);
	free(p);
	free(q);
}

static void test_end_of_tape(void **state)
{
	size_t n = 700001;
	uint8_t *p = random_bytes(n, 3);
	struct reel reel = { .room = 1200000 };
	struct tape_written w;
	struct tape_seen s;
	struct err err;

	(void)state;
	in_drive = &reel;
	OK(write_one(0, p, n, &w, &err));
	assert_int_equal(write_one(1, p, n, &w, &err), -1);
	assert_int_equal(err.code, ERR_SPACE);
	/* What was there is as it was, and what did not fit is told as such. */
	read_one(0, &s);
	assert_int_equal(s.state, TAPE_WHOLE);
	tape_seen_done(&s);
	read_one(1, &s);
	assert_int_equal(s.state, TAPE_UNFINISHED);
	tape_seen_done(&s);
	/* Something smaller is written over it. */
	OK(write_one(1, p, 100000, &w, &err));
	read_one(1, &s);
	assert_int_equal(s.state, TAPE_WHOLE);
	tape_seen_done(&s);
	reel_done(&reel);
	free(p);
}

/* ---- as a store ---- */

static struct store *open_store(const struct tape_written *w, size_t n, uint64_t keep, struct job *job)
{
	struct tape_store_opts o = { .drive = opts(),
		.archive = NAME,
		.label = "L0001",
		.box = "3",
		.file = 1,
		.data_offset = w->data_offset,
		.size_bytes = n,
		.parts_fd = -1,
		.keep_bytes = keep };
	struct store *ret;

	tape_store_open(&o, job, &ret);
	return ret;
}

static void must_be(struct stream *s, const uint8_t *p, uint64_t off, size_t n)
{
	uint8_t *got = mem_alloc(n);
	struct err err;

	OK(stream_seek(s, off, &err));
	OK(stream_read_full(s, got, n, &err));
	assert_memory_equal(got, p + off, n);
	free(got);
}

static void test_store(void **state)
{
	size_t n = 30u << 20;
	uint8_t *p = random_bytes(n, 4);
	struct reel reel = { 0 };
	struct tape_written w;
	struct store *store;
	struct stream *s;
	uint64_t seed = 5;
	unsigned rewinds, blocks;
	struct err err;

	(void)state;
	in_drive = &reel;
	OK(write_one(0, p, 1000, &w, &err));
	OK(write_one(1, p, n, &w, &err));
	store = open_store(&w, n, 0, NULL);
	OK(store_read(store, NAME, &s, &err));
	/* From front to end nothing is read twice. */
	for (uint64_t off = 0; off < n; off += 100000)
		must_be(s, p, off, n - off < 100000 ? (size_t)(n - off) : 100000);
	assert_int_equal(tape_store_rewinds(store), 1);
	/* What has passed needs no tape any more. */
	blocks = reel.blocks_read;
	for (int i = 0; i < 100; i++)
		must_be(s, p, rnd(&seed) % (n - 70000), 1 + (size_t)(rnd(&seed) % 70000));
	assert_int_equal(reel.blocks_read, blocks);
	stream_close(s);
	store_free(store);

	/* Far bytes: blocks before them are passed, not read. */
	store = open_store(&w, n, 0, NULL);
	OK(store_read(store, NAME, &s, &err));
	blocks = reel.blocks_read;
	must_be(s, p, 29u << 20, 300000);
	assert_true(reel.blocks_read - blocks < 10);
	/* Backwards is a rewind; what will be wanted there is kept on the way. */
	stream_expect(s, 10u << 20, 1u << 20);
	stream_expect(s, 20u << 20, 1u << 20);
	must_be(s, p, 20u << 20, 1u << 20);
	rewinds = tape_store_rewinds(store);
	assert_int_equal(rewinds, 2);
	must_be(s, p, 10u << 20, 1u << 20);
	stream_close(s);
	store_free(store);

	/* Little room: any order gives the right bytes. */
	store = open_store(&w, n, 1, NULL);
	OK(store_read(store, NAME, &s, &err));
	for (int i = 0; i < 60; i++)
		must_be(s, p, rnd(&seed) % (n - 500000), 1 + (size_t)(rnd(&seed) % 500000));
	must_be(s, p, n - 1, 1);
	stream_close(s);
	store_free(store);
	reel_done(&reel);
	free(p);
}

struct person {
	struct reel *gives;
	char heard[256];
	unsigned asked;
};

static int answer_it(void *arg, const struct question *q, char *answer, size_t size, struct err *e)
{
	struct person *who = arg;

	(void)e;
	snprintf(who->heard, sizeof who->heard, "%s: %s", q->title, q->text);
	who->asked++;
	in_drive = who->gives;
	snprintf(answer, size, "%s", who->gives != NULL ? "" : "no");
	return 0;
}

static void test_wrong_tape(void **state)
{
	size_t n = 1u << 20;
	uint8_t *p = random_bytes(n, 6), byte;
	struct reel right = { 0 }, wrong = { 0 };
	struct tape_written w;
	struct person who = { .gives = &right };
	struct job *job = job_new();
	struct store *store;
	struct stream *s;
	struct err err;

	(void)state;
	in_drive = &wrong;
	OK(write_one(0, p, 100, &w, &err));
	in_drive = &right;
	OK(write_one(0, p, 100, &w, &err));
	OK(write_one(1, p, n, &w, &err));

	/* Nobody to ask: which tape, where. */
	in_drive = NULL;
	store = open_store(&w, n, 0, NULL);
	OK(store_read(store, NAME, &s, &err));
	assert_int_equal(stream_read(s, &byte, 1, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(err.msg, "Insert tape L0001 (box 3) into /dev/nst9"));
	stream_close(s);
	store_free(store);

	/* The wrong one, then the right one. */
	in_drive = &wrong;
	job_set_ask(job, answer_it, &who);
	store = open_store(&w, n, 0, job);
	OK(store_read(store, NAME, &s, &err));
	must_be(s, p, 5000, 100000);
	assert_int_equal(who.asked, 1);
	assert_non_null(strstr(who.heard, "Insert tape L0001"));
	stream_close(s);
	store_free(store);

	/* Not to be had. */
	in_drive = &wrong;
	who.gives = NULL;
	store = open_store(&w, n, 0, job);
	OK(store_read(store, NAME, &s, &err));
	assert_int_equal(stream_read(s, &byte, 1, &err), -1);
	assert_int_equal(err.code, ERR_CANCELLED);
	stream_close(s);
	store_free(store);

	/* It breaks off. */
	in_drive = &right;
	right.at = 0;
	truncate_reel(&right, right.n - 4);
	store = open_store(&w, n, 0, NULL);
	OK(store_read(store, NAME, &s, &err));
	must_be(s, p, 0, 1000);
	OK(stream_seek(s, n - 1, &err));
	assert_int_equal(stream_read(s, &byte, 1, &err), -1);
	stream_close(s);
	store_free(store);
	job_free(job);
	reel_done(&right);
	reel_done(&wrong);
	free(p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_label),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_end_of_tape),
		cmocka_unit_test(test_store),
		cmocka_unit_test(test_wrong_tape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
