/* test_ui_keys.c: names of keys, the map that [keys] changes, and the line that is typed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "../fuzz/harmless.h"
#include "core/mem.h"
#include "core/str.h"
#include "ui/key.h"
#include "ui/prompt.h"

/* ---- keys ---- */

static void test_words(void **state)
{
	static const char *const same[] = { "a", "Z", "?", "\u00fc", "Enter", "Space", "Tab", "Esc", "Up",
		"PgDn", "Home", "Ins", "Del", "Backspace", "F1", "F12", "Ctrl-L", "Ctrl-C" };
	static const char *const none[] = { "", " ", "ab", "F0", "F13", "F1x", "Ctrl-", "Ctrl-1", "Ctrl-LL",
		"\xff", "\x1b", "\x01" };
	char word[16];

	(void)state;
	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
		assert_string_equal(key_word(key_parse(same[i]), word, sizeof word), same[i]);
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
		assert_int_equal(key_parse(none[i]), KEY_NOTHING);
	assert_int_equal(key_parse("ctrl-l"), 'L' - 'A' + 1);
	assert_int_equal(key_parse("f5"), KEY_F1 + 4);
	assert_int_equal(key_parse("space"), ' ');
}

static void test_own_table(void **state)
{
	struct keymap *m;
	struct err e = { 0 };
	char word[16];

	(void)state;
	assert_int_equal(keymap_new(NULL, 0, &m, &e), 0);
	assert_int_equal(keymap_request(m, 'j'), REQUEST_DOWN);
	assert_int_equal(keymap_request(m, KEY_ARROW_DOWN), REQUEST_DOWN);
	assert_int_equal(keymap_request(m, KEY_F1), REQUEST_HELP);
	assert_int_equal(keymap_request(m, ' '), REQUEST_MARK);
	assert_int_equal(keymap_request(m, '!'), REQUEST_NONE);
	/* No key is in the table twice: each request has all the keys that its row names, and each has a name. */
	for (int r = 1; r < REQUEST_COUNT; r++) {
		assert_string_equal(keymap_keys(m, (enum request)r), request_info((enum request)r)->keys);
		assert_int_equal(request_find(request_info((enum request)r)->name), r);
	}
	assert_string_equal(keymap_first(m, REQUEST_MARK, word, sizeof word), "Space");
	assert_int_equal(request_find("nonsense"), REQUEST_NONE);
	keymap_free(m);
	keymap_free(NULL);
}

static struct conf_pair pair(const char *name, const char *value, unsigned line)
{
	static char file[] = "cyrvault.conf";

	return (struct conf_pair){ mem_strdup(name), mem_strdup(value), file, line };
}

static void test_configured(void **state)
{
	struct conf_pair pairs[] = { pair("restore", "F12 Ctrl-R Ctrl-R", 1), pair("log", "", 2),
		pair("up", "Z", 3), pair("up", "U  \t i", 4) };
	struct keymap *m;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(keymap_new(pairs, 4, &m, &e), 0);
	assert_int_equal(keymap_request(m, KEY_F1 + 11), REQUEST_RESTORE);
	/* Taken from another request, which keeps its other keys. */
	assert_int_equal(keymap_request(m, 'R' - 'A' + 1), REQUEST_RESTORE);
	assert_string_equal(keymap_keys(m, REQUEST_RELOAD), "r");
	/* In place of the table's. */
	assert_int_equal(keymap_request(m, 'R'), REQUEST_NONE);
	/* None at all. */
	assert_string_equal(keymap_keys(m, REQUEST_LOG), "");
	assert_int_equal(keymap_request(m, 'L'), REQUEST_NONE);
	/* Said twice: the last one counts. */
	assert_int_equal(keymap_request(m, 'Z'), REQUEST_NONE);
	assert_int_equal(keymap_request(m, 'U'), REQUEST_UP);
	assert_int_equal(keymap_request(m, 'i'), REQUEST_UP);
	assert_int_equal(keymap_request(m, KEY_ARROW_UP), REQUEST_NONE);
	assert_string_equal(keymap_keys(m, REQUEST_DETAILS), "F3");
	keymap_free(m);
	for (size_t i = 0; i < 4; i++) {
		free(pairs[i].name);
		free(pairs[i].value);
	}
}

static void refused(const char *name, const char *value, const char *name2, const char *value2,
    const char *msg, const char *hint)
{
	struct conf_pair pairs[] = { pair(name, value, 7), pair(name2, value2, 8) };
	struct keymap *m = NULL;
	struct err e = { 0 };

	assert_int_equal(keymap_new(pairs, 2, &m, &e), -1);
	assert_int_equal(e.code, ERR_CONFIG);
	assert_string_equal(e.msg, msg);
	assert_non_null(strstr(e.hint, hint));
	for (size_t i = 0; i < 2; i++) {
		free(pairs[i].name);
		free(pairs[i].value);
	}
}

static void test_refused(void **state)
{
	(void)state;
	refused("restor", "x", "up", "k", "cyrvault.conf line 7: [keys] has no \"restor\"",
	    "did you mean \"restore\"?");
	refused("qqqqqqqqqqqq", "x", "up", "k", "cyrvault.conf line 7: [keys] has no \"qqqqqqqqqqqq\"",
	    "the names are those");
	refused("up", "k", "down", "j Hyper-x", "cyrvault.conf line 8: down: there is no key \"Hyper-x\"",
	    "keys are letters");
	refused("up", "k", "down", "j k",
	    "cyrvault.conf line 8: down: key k stands for something else already", "keys are letters");
	refused("up", "\x1b[2J", "down", "j", "cyrvault.conf line 7: up: there is no key \"\\x1b[2J\"",
	    "keys are letters");
}

/* ---- the prompt ---- */

static void type(struct prompt *p, const char *s)
{
	size_t n = strlen(s), len;
	uint32_t cp = 0;

	for (size_t i = 0; i < n; i += len) {
		len = str_utf8_next(s + i, n - i, &cp);
		assert_true(len > 0);
		assert_int_equal(prompt_key(p, (int)cp), PROMPT_CHANGED);
	}
}

static void test_edit(void **state)
{
	struct prompt p = { 0 };

	(void)state;
	prompt_begin(&p, "Name: ", "alt");
	type(&p, "e \u6587\u00fc");
	assert_string_equal(p.text, "alte \u6587\u00fc");
	prompt_key(&p, KEY_ARROW_LEFT);
	assert_int_equal(prompt_key(&p, KEY_RUBOUT), PROMPT_CHANGED);
	assert_string_equal(p.text, "alte \u00fc");
	prompt_key(&p, KEY_DELETE);
	assert_string_equal(p.text, "alte ");
	prompt_key(&p, KEY_DELETE);
	type(&p, "two  ");
	prompt_key(&p, 'W' - 'A' + 1);
	assert_string_equal(p.text, "alte ");
	prompt_key(&p, KEY_GO_HOME);
	prompt_key(&p, KEY_ARROW_LEFT);
	type(&p, "X");
	assert_string_equal(p.text, "Xalte ");
	prompt_key(&p, 'K' - 'A' + 1);
	assert_string_equal(p.text, "X");
	prompt_key(&p, KEY_GO_END);
	prompt_key(&p, KEY_ARROW_RIGHT);
	prompt_key(&p, 'U' - 'A' + 1);
	assert_string_equal(p.text, "");
	/* Keys that are no characters change nothing. */
	assert_int_equal(prompt_key(&p, KEY_F1), PROMPT_GOES_ON);
	assert_int_equal(prompt_key(&p, 0x7f), PROMPT_GOES_ON);
	assert_int_equal(prompt_key(&p, 0x02), PROMPT_GOES_ON);
	assert_int_equal(p.len, 0);
	assert_int_equal(prompt_key(&p, KEY_RETURN), PROMPT_DONE);
	assert_int_equal(prompt_key(&p, KEY_ESC), PROMPT_GIVEN_UP);
	assert_int_equal(prompt_key(&p, 3), PROMPT_GIVEN_UP);
	assert_int_equal(prompt_key(&p, KEY_RUBOUT), PROMPT_GIVEN_UP);
	prompt_end(&p);
	assert_false(p.active);
}

static void test_full(void **state)
{
	struct prompt p = { 0 };
	char long_text[PROMPT_MAX + 100];

	(void)state;
	memset(long_text, 'x', sizeof long_text);
	long_text[sizeof long_text - 1] = '\0';
	prompt_begin(&p, "", long_text);
	assert_int_equal(p.len, PROMPT_MAX);
	assert_int_equal(prompt_key(&p, 'y'), PROMPT_GOES_ON);
	prompt_key(&p, KEY_RUBOUT);
	/* Two bytes do not go where one is. */
	assert_int_equal(prompt_key(&p, 0xfc), PROMPT_GOES_ON);
	assert_int_equal(p.len, PROMPT_MAX - 1);
	assert_int_equal(prompt_key(&p, 'y'), PROMPT_CHANGED);
	prompt_end(&p);
}

static void candidates(void *arg, const char *typed, struct buf *out)
{
	const char *const *words = arg;

	for (; *words != NULL; words++)
		if (strncmp(*words, typed, strlen(typed)) == 0)
			buf_printf(out, "%s\n", *words);
}

static void test_complete(void **state)
{
	static const char *words[] = { "restore", "reload", "log", NULL };
	struct prompt p = { 0 };

	(void)state;
	prompt_begin(&p, ":", "re");
	p.complete = candidates;
	p.arg = words;
	prompt_key(&p, '\t');
	assert_string_equal(p.text, "restore");
	prompt_key(&p, '\t');
	assert_string_equal(p.text, "reload");
	prompt_key(&p, '\t');
	assert_string_equal(p.text, "restore");
	type(&p, "x");
	prompt_key(&p, '\t');
	assert_string_equal(p.text, "restorex");
	prompt_end(&p);
	/* Nothing to complete with. */
	prompt_begin(&p, ":", NULL);
	prompt_key(&p, '\t');
	assert_string_equal(p.text, "");
	prompt_end(&p);
}

static void test_draw(void **state)
{
	struct prompt p = { 0 };
	struct canvas c;
	struct buf b = BUF_INIT;

	(void)state;
	canvas_init(&c, 1, 20, false);
	prompt_begin(&p, "Find: ", "a\u6587\x1b");
	prompt_draw(&p, &c, 0);
	canvas_row_text(&c, 0, &b);
	assert_string_equal(buf_text(&b), "Find: a\u6587\\x1b");
	assert_true(c.cursor);
	assert_int_equal(c.cursor_column, 6 + 1 + 2 + 4);
	/* What is long scrolls so that the cursor is seen. */
	for (int i = 0; i < 300; i++) {
		type(&p, i % 2 == 0 ? "\u6587" : "x");
		prompt_draw(&p, &c, 0);
		assert_in_range(c.cursor_column, 6, 19);
		must_be_harmless(&c);
	}
	prompt_key(&p, KEY_GO_HOME);
	prompt_draw(&p, &c, 0);
	assert_int_equal(c.cursor_column, 6);
	buf_done(&b);
	prompt_end(&p);
	canvas_done(&c);
}

/* A screen that is no wider than the question. */
static void test_draw_narrow(void **state)
{
	struct prompt p = { 0 };
	struct canvas c;

	(void)state;
	canvas_init(&c, 1, 8, false);
	prompt_begin(&p, "A rather long question: ", "answer");
	prompt_draw(&p, &c, 0);
	assert_in_range(c.cursor_column, 0, 7);
	must_be_harmless(&c);
	prompt_end(&p);
	canvas_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_own_table),
		cmocka_unit_test(test_configured),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_edit),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_draw),
		cmocka_unit_test(test_draw_narrow),
	};

	use_utf8();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
