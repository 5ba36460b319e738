/* test_words.c: words for archives, and command lines that a shell takes apart into what they were made of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/words.h"
#include "core/mem.h"
#include "core/str.h"

static void test_health(void **state)
{
	struct app_archive a = { .readable = false, .kind = ARCHIVE_OURS, .health = HEALTH_OK };

	(void)state;
	assert_string_equal(app_archive_health(&a), "");
	a.looked = true;
	assert_string_equal(app_archive_health(&a), "damaged");
	a.readable = true;
	assert_string_equal(app_archive_health(&a), "verified");
	a.health = HEALTH_FINDINGS;
	assert_string_equal(app_archive_health(&a), "findings");
	a.health = HEALTH_UNCHECKED;
	assert_string_equal(app_archive_health(&a), "unverified");
	a.kind = ARCHIVE_FOREIGN;
	assert_string_equal(app_archive_health(&a), "foreign");
}

static void becomes(const char *word, const char *expected)
{
	struct buf b = BUF_INIT;

	app_command_add(&b, word);
	assert_string_equal(buf_text(&b), expected);
	buf_done(&b);
}

static void test_forms(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	becomes("user/alice/Work", "user/alice/Work");
	becomes("--output=./out", "--output=./out");
	becomes("mail1-20261122T020000Z.cpio.gz", "mail1-20261122T020000Z.cpio.gz");
	becomes("", "''");
	becomes("user/team x", "'user/team x'");
	becomes("user/O'Hara", "'user/O'\\''Hara'");
	becomes("=x", "'=x'");
	becomes("~root", "'~root'");
	becomes("user/z\xc3\xbc", "'user/z\xc3\xbc'");
	becomes("a\tb!", "$'a\\x09b\\x21'");
	becomes("\x1b[2J", "$'\\x1b[2J'");
	becomes("\xff'\\", "$'\\xff\\'\\\\'");
	/* What turns the direction of text must not stand in a line that is shown. */
	becomes("a\xe2\x80\xae"
		"b",
	    "$'a\\xe2\\x80\\xaeb'");
	app_command_add(&b, "cyrvault");
	app_command_add(&b, "restore");
	app_command_add(&b, "a b");
	assert_string_equal(buf_text(&b), "cyrvault restore 'a b'");
	buf_done(&b);
}

/* What a real shell makes of the line: every word, each ended with NUL. */
static void shell_gives(const char *shell, const struct buf *line, const struct buf *expected)
{
	char *command = mem_printf("LC_ALL=%s exec %s", strcmp(shell, "sh") == 0 ? "C" : "C.UTF-8", shell);
	char *path = mem_printf("%s/test_words.XXXXXX", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp"),
	     *read_it, *got;
	int fd = mkstemp(path);
	FILE *f;
	size_t n;

	if (fd == -1)
		fail_msg("no temporary file");
	f = fdopen(fd, "w");
	fprintf(f, "printf '%%s\\0' %s\n", buf_text(line));
	fclose(f);
	read_it = mem_printf("%s %s", command, path);
	f = popen(read_it, "re");
	assert_non_null(f);
	got = mem_alloc(expected->len + 1000);
	n = fread(got, 1, expected->len + 1000, f);
	if (pclose(f) != 0 || n != expected->len || memcmp(got, expected->data, n) != 0)
		fail_msg("%s takes apart otherwise: %s", shell, buf_text(line));
	remove(path);
	free(read_it);
	free(got);
	free(command);
	free(path);
}

static void add_both(struct buf *line, struct buf *expected, const char *word)
{
	struct buf safe = BUF_INIT;

	app_command_add(line, word);
	buf_add(expected, word, strlen(word) + 1);
	str_safe_buf(&safe, buf_text(line), line->len);
	assert_string_equal(buf_text(&safe), buf_text(line)); /* fit for a terminal */
	buf_done(&safe);
}

/* Words that can be shown, in the plainest shell there is; all others in bash. */
static void test_shells(void **state)
{
	static const char *const words[] = { "user/team x", "user/O'Hara", "''", "'", "-r", "--", "", "a;b",
		"$HOME", "`id`", "$(id)", "a&b", "a|b", "<x>", "*", "?", "[a-z]*", "{a,b}", "#x", "a#b", "!!",
		"!x", "~", "~root/x", "a~", "\\", "\\'", "a\"b", "x=y", "=ls", "%1", "+x", "a  b", " ",
		"user/z\xc3\xbcrich", "\xe6\xb5\xb7\xe5\xa4\x96", "INBOX.\xf0\x9f\x93\xa7", "R&D", "&AOQ-" };
	static const char *const odd[] = { "\n", "a\nb", "\t", "\x01'\x02", "\x7f", "\xff\xfe", "\xc3",
		"z\xc3\xbc\x1b]0;x\x07", "\xc2\x80", "a\xe2\x80\xae-b", "\x1b!x'\\",
		"\x0e"
		"7",
		"\x1b"
		"abc0",
		"\xe2\x80\x8b" };
	struct buf line = BUF_INIT, expected = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		add_both(&line, &expected, words[i]);
	shell_gives("sh", &line, &expected);
	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
		add_both(&line, &expected, odd[i]);
	/* Every byte alone, before a hexadecimal digit, and at the end. */
	for (unsigned c = 1; c < 256; c++) {
		char word[] = "??f?";

		word[0] = word[1] = word[3] = (char)c;
		add_both(&line, &expected, word);
	}
	shell_gives("bash", &line, &expected);
	buf_done(&line);
	buf_done(&expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_health),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_shells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
