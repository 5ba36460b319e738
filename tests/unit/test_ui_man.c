/* test_ui_man.c: the manual pages have every request of the console with its keys and what it does, every name that [keys] and
 * [colors] take, and no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <ctype.h>
#include <fcntl.h>
#include <string.h>

#include "core/buf.h"
#include "core/io.h"
#include "ui/canvas.h"
#include "ui/request.h"

/* What stands between a heading and the next one. */
static void section(const char *path, const char *heading, struct buf *ret)
{
	struct buf page = BUF_INIT;
	struct err e = { 0 };
	const char *begin, *end;

	if (io_read_file(AT_FDCWD, path, 1 << 20, &page, &e) == -1)
		fail_msg("%s", e.msg);
	begin = strstr(buf_text(&page), heading);
	if (begin == NULL)
		fail_msg("%s has no \"%s\"", path, heading + 1);
	begin += strlen(heading) - 1;
	/* Not .Sq or .Sy. */
	for (end = strstr(begin, "\n.S"); end != NULL && end[3] != 's' && end[3] != 'h';
	     end = strstr(end + 1, "\n.S"))
		continue;
	assert_non_null(end);
	buf_add(ret, begin, (size_t)(end - begin) + 1);
	buf_done(&page);
}

/* As the manual writes keys: punctuation must not be taken for markup. */
static void add_keys(struct buf *b, const char *keys)
{
	for (const char *s = keys; *s != '\0'; s++) {
		bool begins = s == keys || s[-1] == ' ';

		if (begins && *s == '-')
			buf_str(b, "\\-");
		else if (begins && !isalnum((unsigned char)*s))
			buf_printf(b, "\\&%c", *s);
		else
			buf_char(b, *s);
	}
}

static size_t count(const struct buf *text, const char *what)
{
	size_t n = 0;

	for (const char *s = buf_text(text); (s = strstr(s, what)) != NULL; s++)
		n++;
	return n;
}

static void test_every_request_with_its_keys(void **state)
{
	struct buf text = BUF_INIT;

	(void)state;
	section("docs/man/cyrvault.1", "\n.Ss console\n", &text);
	for (int r = 1; r < REQUEST_COUNT; r++) {
		const struct request_info *info = request_info((enum request)r);
		struct buf row = BUF_INIT;

		buf_printf(&row, "\n.It Cm %s Pq ", info->name);
		add_keys(&row, info->keys);
		buf_printf(&row, "\n%s\n", info->help);
		if (strstr(buf_text(&text), buf_text(&row)) == NULL)
			fail_msg("cyrvault(1), console, lacks:%s", buf_text(&row));
		buf_done(&row);
	}
	assert_int_equal(count(&text, " Pq "), REQUEST_COUNT - 1);
	buf_done(&text);
}

static void must_name(const struct buf *text, const char *where, const char *name)
{
	struct buf row = BUF_INIT;

	buf_printf(&row, "\n.Cm %s ", name);
	if (count(text, buf_text(&row)) != 1)
		fail_msg("cyrvault.conf(5), %s, does not name %s once", where, name);
	buf_done(&row);
}

static void test_every_name_of_keys(void **state)
{
	struct buf text = BUF_INIT;

	(void)state;
	section("docs/man/cyrvault.conf.5", "\n.Ss [keys]\n", &text);
	for (int r = 1; r < REQUEST_COUNT; r++)
		must_name(&text, "[keys]", request_info((enum request)r)->name);
	assert_int_equal(count(&text, "\n.Cm "), REQUEST_COUNT - 1);
	buf_done(&text);
}

static void test_every_style(void **state)
{
	struct buf text = BUF_INIT;

	(void)state;
	section("docs/man/cyrvault.conf.5", "\n.Ss [colors]\n", &text);
	for (int s = 0; s < STYLE_COUNT; s++)
		must_name(&text, "[colors]", style_name((enum style)s));
	assert_int_equal(count(&text, "\n.Cm "), STYLE_COUNT);
	buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_request_with_its_keys),
		cmocka_unit_test(test_every_name_of_keys),
		cmocka_unit_test(test_every_style),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
