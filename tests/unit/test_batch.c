/* test_batch.c: the file of a batch as an administrator writes it, and what is remembered of one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/batch_impl.h"
#include "core/io.h"
#include "core/mem.h"

static char dir[] = "/tmp/cyrvault-batch.XXXXXX";

/* ---- what is written by hand ---- */

static void is_word(const struct batch_words *w, size_t i, int kind, const char *name, size_t number)
{
	assert_true(i < w->n);
	assert_int_equal(w->list[i].kind, kind);
	assert_string_equal(w->list[i].name, name);
	assert_int_equal(w->list[i].number, number);
}

static void test_parse(void **state)
{
	static const char text[] = "# users of the lost disk\n"
				   "user alice\r\n"
				   "\n"
				   "  user \t bob@example.org  \n"
				   "user/carol/Work\n"
				   "recursive user/dave/Old stuff\n"
				   "mailbox user\n"
				   "username.x\n"
				   "user.eve";
	struct batch_words w;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(batch_parse(text, sizeof text - 1, &w, &e), 0);
	assert_int_equal(w.n, 7);
	is_word(&w, 0, BATCH_USER, "alice", 2);
	is_word(&w, 1, BATCH_USER, "bob@example.org", 4);
	is_word(&w, 2, BATCH_MAILBOX, "user/carol/Work", 5);
	is_word(&w, 3, BATCH_RECURSIVE, "user/dave/Old stuff", 6);
	is_word(&w, 4, BATCH_MAILBOX, "user", 7);
	is_word(&w, 5, BATCH_MAILBOX, "username.x", 8);
	is_word(&w, 6, BATCH_MAILBOX, "user.eve", 9);
	batch_words_done(&w);
}

static void refuses(const char *text, size_t n, const char *why)
{
	struct batch_words w;
	struct err e = { 0 };

	assert_int_equal(batch_parse(text, n, &w, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	if (strstr(e.msg, why) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", e.msg, why);
	assert_true(e.hint[0] != '\0');
	batch_words_done(&w);
}

static void test_parse_refuses(void **state)
{
	struct buf many = BUF_INIT;

	(void)state;
	refuses("", 0, "no line");
	refuses("# nothing\n\n", 11, "no line");
	refuses("user alice\nuser\n", 16, "line 2: \"user\" without a name");
	refuses("recursive  \n", 12, "line 1: \"recursive\" without a name");
	refuses("a\nb\0c\n", 6, "line 2: there is a control character");
	refuses("user a\033[2Jb\n", 12, "line 1: there is a control character");
	for (int i = 0; i <= BATCH_LINES_MAX; i++)
		buf_str(&many, "x\n");
	refuses(many.data, many.len, "more than");
	buf_done(&many);
}

/* ---- what is remembered ---- */

static void fill(struct batch *b)
{
	static const struct export_range ranges[] = { { 3, 3 }, { 7, 9 } };
	static const struct restore_pick pick = { .mailbox = "user.bob", .ranges = ranges, .n_ranges = 2 };
	static const char *const box = "user.bob", *const odd = "user.b\xc3\xa4r";
	struct restore_request r = { .user = "alice", .mark = "$Back", .moved = true };

	*b = (struct batch){ .server = mem_strdup("mail1") };
	batch_add(b);
	b->lines[0].number = 2;
	b->lines[0].text = mem_strdup("user alice");
	b->lines[0].archive = mem_strdup("mail1-1.cpio.gz");
	restore_request_copy(&b->lines[0].request, &r);
	r = (struct restore_request){ .mailboxes = &box, .n_mailboxes = 1, .picks = &pick, .n_picks = 1 };
	batch_add(b);
	b->lines[1].text = mem_strdup("2 messages");
	b->lines[1].archive = mem_strdup("/srv/old.tar");
	restore_request_copy(&b->lines[1].request, &r);
	r = (struct restore_request){ .mailboxes = &odd, .n_mailboxes = 1, .recursive = true };
	batch_add(b);
	b->lines[2].text = mem_strdup("recursive odd");
	b->lines[2].archive = mem_strdup("a");
	restore_request_copy(&b->lines[2].request, &r);
	batch_set(&b->lines[2], BATCH_REFUSED, "because\n");
}

static void test_file(void **state)
{
	struct batch b, c;
	struct err e = { 0 };
	char *newest;

	(void)state;
	fill(&b);
	assert_null(batch_newest(dir, "mail1", &e));
	assert_int_equal(batch_create(dir, &b, &e), 0);
	assert_non_null(b.id);
	assert_int_equal(batch_load(dir, b.id, &c, &e), 0);
	assert_int_equal(c.n, 3);
	assert_string_equal(c.server, "mail1");
	assert_false(c.go_on || c.ended);
	assert_int_equal(c.lines[0].number, 2);
	assert_string_equal(c.lines[0].request.user, "alice");
	assert_string_equal(c.lines[0].request.mark, "$Back");
	assert_true(c.lines[0].request.moved);
	assert_int_equal(c.lines[0].state, BATCH_WAITING);
	assert_int_equal(c.lines[1].request.n_picks, 1);
	assert_int_equal(c.lines[1].request.picks[0].n_ranges, 2);
	assert_int_equal(c.lines[1].request.picks[0].ranges[1].last, 9);
	assert_string_equal(c.lines[1].archive, "/srv/old.tar");
	assert_true(c.lines[2].request.recursive);
	assert_string_equal(c.lines[2].request.mailboxes[0], "user.b\xc3\xa4r");
	assert_int_equal(c.lines[2].state, BATCH_REFUSED);
	assert_string_equal(c.lines[2].why, "because\\x0a");

	/* Another one may not carry it out meanwhile. */
	assert_int_equal(batch_open(dir, &c, &e), -1);
	assert_int_equal(e.code, ERR_LOCKED);
	batch_done(&c);

	batch_set(&b.lines[0], BATCH_DONE, NULL);
	b.lines[0].case_id = mem_strdup("mail1-20261122T010203Z");
	assert_int_equal(batch_note(&b, 0, &e), 0);
	newest = batch_newest(dir, "mail1", &e);
	assert_string_equal(newest, b.id);
	free(newest);
	assert_null(batch_newest(dir, "mail2", &e));
	assert_int_equal(batch_end(&b, &e), 0);
	assert_null(batch_newest(dir, "mail1", &e));
	assert_int_equal(batch_load(dir, b.id, &c, &e), 0);
	assert_true(c.ended);
	assert_int_equal(c.lines[0].state, BATCH_DONE);
	assert_string_equal(c.lines[0].case_id, "mail1-20261122T010203Z");
	batch_done(&c);
	batch_done(&b);
}

static char *path_of(const char *id)
{
	return mem_printf("%s/batches/%s.jsonl", dir, id);
}

static void test_torn(void **state)
{
	struct batch b, c;
	struct err e = { 0 };
	char *path, *id;
	int fd;

	(void)state;
	fill(&b);
	assert_int_equal(batch_create(dir, &b, &e), 0);
	id = mem_strdup(b.id);
	batch_done(&b);
	path = path_of(id);
	fd = open(path, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "{\"line\":1,\"state\":\"do", 21), 21);
	close(fd);
	assert_int_equal(batch_load(dir, id, &c, &e), 0);
	assert_int_equal(c.lines[0].state, BATCH_WAITING);
	assert_int_equal(batch_open(dir, &c, &e), 0);
	batch_set(&c.lines[1], BATCH_DONE, NULL);
	assert_int_equal(batch_note(&c, 1, &e), 0);
	batch_done(&c);
	assert_int_equal(batch_load(dir, id, &c, &e), 0);
	assert_int_equal(c.lines[0].state, BATCH_WAITING);
	assert_int_equal(c.lines[1].state, BATCH_DONE);
	batch_done(&c);
	/* Without all of its lines it is not the batch that was confirmed. */
	assert_int_equal(truncate(path, 300), 0);
	assert_int_equal(batch_load(dir, id, &c, &e), -1);
	assert_int_equal(e.code, ERR_FORMAT);
	batch_done(&c);
	free(path);
	free(id);
}

static void test_names(void **state)
{
	struct batch c;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(batch_load(dir, "batch-../../etc/passwd", &c, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	batch_done(&c);
	assert_int_equal(batch_load(dir, "batch-20200101T000000Z", &c, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	batch_done(&c);
}

static int setup(void **state)
{
	(void)state;
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return io_remove_tree(AT_FDCWD, dir, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
