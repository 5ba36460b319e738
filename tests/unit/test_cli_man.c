/* test_cli_man.c: the manual pages name every verb, option, exit status and configuration key that there is, and no
 * other key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/store_host.h"
#include "core/conf.h"
#include "core/io.h"

static struct buf command, configuration, store_host;

static void must_have(const struct buf *page, const char *what)
{
	if (strstr(buf_text(page), what) == NULL)
		fail_msg("the manual lacks \"%s\"", what);
}

static void check_options(const struct cli_option *o)
{
	for (; o != NULL && o->name != NULL; o++) {
		char text[128];

		snprintf(text, sizeof text, "Fl Fl %s%s", o->name,
		    o->kind == OPTION_TEXT       ? " Ns ="
		    : o->kind == OPTION_OPTIONAL ? " Ns Op ="
						 : "\n");
		must_have(&command, text);
		if (o->letter == 0)
			continue;
		snprintf(text, sizeof text, ".It Fl %c ", o->letter);
		must_have(&command, text);
	}
}

static void test_verbs_and_options(void **state)
{
	(void)state;
	check_options(cli_common_options);
	for (size_t i = 0; cli_verbs[i] != NULL; i++) {
		char text[128];

		snprintf(text, sizeof text, ".It Cm %s\n", cli_verbs[i]->name);
		must_have(&command, text);
		snprintf(text, sizeof text, "\n.Ss %s", cli_verbs[i]->name);
		must_have(&command, text);
		check_options(cli_verbs[i]->options);
	}
}

/* Both ways: the page of cyrvault-store has no option that is gone. */
static void test_options_of_the_store_host(void **state)
{
	const char *p = buf_text(&store_host);
	size_t n = 0, listed = 0;

	(void)state;
	for (const struct store_option *o = store_options; o->name != NULL; o++, n++) {
		char text[128];

		snprintf(
		    text, sizeof text, "\n.It Fl Fl %s%s", o->name, o->value != NULL ? " Ns = Ns Ar " : "\n");
		must_have(&store_host, text);
		assert_true(o->about[0] != '\0');
	}
	while ((p = strstr(p, "\n.It Fl Fl ")) != NULL) {
		p++;
		listed++;
	}
	assert_int_equal(listed, n);
}

static void test_exit_status(void **state)
{
	(void)state;
	for (const struct cli_exit *x = cli_common_exits; x->about != NULL; x++) {
		char text[32];

		snprintf(text, sizeof text, "\n.It %s", x->status > 128 ? "128+N" : "");
		if (x->status <= 128)
			snprintf(text, sizeof text, "\n.It %d\n", x->status);
		must_have(&command, text);
	}
}

static void test_exit_status_of_verbs(void **state)
{
	(void)state;
	/* What a verb can end with is in the list for all verbs. */
	for (size_t i = 0; cli_verbs[i] != NULL; i++) {
		for (const struct cli_exit *x = cli_verbs[i]->exits; x->about != NULL; x++) {
			const struct cli_exit *y = cli_common_exits;

			while (y->about != NULL && y->status != x->status)
				y++;
			assert_non_null(y->about);
		}
	}
}

static void test_keys(void **state)
{
	const char *section, *key, *about, *p = buf_text(&configuration);
	size_t n = 0, listed = 0;

	(void)state;
	for (; conf_keys(n, &section, &key, &about), section != NULL; n++) {
		char text[128];

		snprintf(text, sizeof text, "\n.Ss [%s", section);
		must_have(&configuration, text);
		snprintf(text, sizeof text, "\n.It Ic %s No =", key);
		must_have(&configuration, text);
		assert_true(about[0] != '\0');
	}
	/* Their words are the console's. */
	must_have(&configuration, "\n.Ss [keys]\n");
	must_have(&configuration, "\n.Ss [colors]\n");
	while ((p = strstr(p, "\n.It Ic ")) != NULL) {
		p++;
		listed++;
	}
	assert_int_equal(listed, n);
}

static int load(void **state)
{
	struct err e = { 0 };

	(void)state;
	if (io_read_file(AT_FDCWD, "docs/man/cyrvault.1", 1 << 20, &command, &e) == -1 ||
	    io_read_file(AT_FDCWD, "docs/man/cyrvault.conf.5", 1 << 20, &configuration, &e) == -1 ||
	    io_read_file(AT_FDCWD, "docs/man/cyrvault-store.8", 1 << 20, &store_host, &e) == -1)
		fail_msg("%s", e.msg);
	return 0;
}

static int unload(void **state)
{
	(void)state;
	buf_done(&command);
	buf_done(&configuration);
	buf_done(&store_host);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verbs_and_options),
		cmocka_unit_test(test_options_of_the_store_host),
		cmocka_unit_test(test_exit_status),
		cmocka_unit_test(test_exit_status_of_verbs),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
