/* options.c: one table of options -> getopt_long(), and the nearest word for one that is not known. */
#include "cli/options.h"

#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/str.h"

#define OPTIONS_MAX 64

#define FLAG(n, c, p, a)                                                                            \
	{                                                                                           \
		.name = n, .letter = c, .kind = OPTION_FLAG, .place = offsetof(struct cli_args, p), \
		.about = a                                                                          \
	}
#define TEXT(n, c, p, v, a)                                                                         \
	{                                                                                           \
		.name = n, .letter = c, .kind = OPTION_TEXT, .place = offsetof(struct cli_args, p), \
		.value = v, .about = a                                                              \
	}

const struct cli_option cli_common_options[] = {
	TEXT("config", 'C', conf_path, "FILE", "configuration, instead of /etc/cyrvault.conf"),
	TEXT("server", 0, server, "NAME", "the [server] section to use, instead of the first"),
	FLAG("dry-run", 'n', dry_run, "change nothing; say what would be done"),
	FLAG("json", 0, json, "one JSON object a line, the last of type \"summary\""),
	FLAG("quiet", 'q', quiet, "no talk, no progress; warnings and errors only"),
	FLAG("verbose", 'v', verbose, "say each step"),
	FLAG("yes", 0, yes, "answer every question with yes"),
	TEXT("color", 0, color, "auto|always|never", "colour; auto: on a terminal, unless NO_COLOR is set"),
	FLAG("help", 'h', help, "this help"),
	FLAG("version", 'V', version, "the version of this program"),
	{ 0 },
};

/* The options of ${verb} and the common ones, in one row. */
struct option_set {
	const struct cli_option *row[OPTIONS_MAX];
	size_t n;
	struct option longs[OPTIONS_MAX + 1];
	char letters[2 * OPTIONS_MAX + 3];
};

static void set_add(struct option_set *set, const struct cli_option *o)
{
	for (; o != NULL && o->name != NULL && set->n < OPTIONS_MAX; o++)
		set->row[set->n++] = o;
}

static void set_make(struct option_set *set, const struct cli_verb *verb)
{
	char *letter = set->letters;

	memset(set, 0, sizeof *set);
	set_add(set, verb != NULL ? verb->options : NULL);
	set_add(set, cli_common_options);
	/* Before the verb is known, options end at it. ":" : we say ourselves what is wrong. */
	if (verb == NULL)
		*letter++ = '+';
	*letter++ = ':';
	for (size_t i = 0; i < set->n; i++) {
		const struct cli_option *o = set->row[i];
		bool text = o->kind == OPTION_TEXT;

		set->longs[i] = (struct option){ o->name,
			text                         ? required_argument
			: o->kind == OPTION_OPTIONAL ? optional_argument
						     : no_argument,
			NULL, CHAR_MAX + 1 + (int)i };
		if (o->letter != 0) {
			*letter++ = o->letter;
			if (text)
				*letter++ = ':';
		}
	}
}

const char *cli_nearest(const char *word, const char *const *known, size_t n)
{
	size_t len = strlen(word);
	unsigned best = 1 + (unsigned)len / 3;
	const char *ret = NULL;

	for (size_t i = 0; i < n; i++) {
		unsigned d = str_distance(word, known[i]);

		/* What was begun rightly is meant more likely than what looks alike. */
		if (len >= 2 && str_starts(known[i], word))
			d = 0;
		if (d < best || (d == best && ret == NULL)) {
			best = d;
			ret = known[i];
		}
	}
	return ret;
}

/* --color=alwys -> "always". */
static int check_choice(const struct cli_option *o, const char *value, struct err *e)
{
	char words[96], *save = NULL;
	const char *known[8], *near;
	size_t n = 0;

	if (strchr(o->value, '|') == NULL)
		return 0;
	str_safe(words, sizeof words, o->value, strlen(o->value));
	for (char *w = strtok_r(words, "|", &save); w != NULL && n < 8; w = strtok_r(NULL, "|", &save)) {
		if (strcmp(w, value) == 0)
			return 0;
		known[n++] = w;
	}
	near = cli_nearest(value, known, n);
	err_set(e, ERR_USAGE, "--%s=%s: it is one of %s", o->name, value, o->value);
	if (near != NULL)
		err_hint(e, "did you mean --%s=%s?", o->name, near);
	return -1;
}

static int store(const struct cli_option *o, const char *value, struct cli_args *a, struct err *e)
{
	char *at = (char *)a + o->place;

	if (o->kind == OPTION_FLAG) {
		*(bool *)at = true;
		return 0;
	}
	if (value == NULL)
		value = "";
	if (check_choice(o, value, e) == -1)
		return -1;
	*(const char **)(void *)at = value;
	return 0;
}

static void hint_help(const struct cli_verb *verb, struct err *e)
{
	if (verb != NULL)
		err_hint(e, "cyrvault help %s", verb->name);
	else
		err_hint(e, "cyrvault help");
}

/* ${word} is the option as it was typed; for a letter within "-abc" only that letter is known. */
static int unknown_option(
    const struct option_set *set, const struct cli_verb *verb, const char *word, int letter, struct err *e)
{
	char name[64];
	const char *known[OPTIONS_MAX], *near = NULL;

	if (letter != 0 && letter <= CHAR_MAX) {
		err_set(e, ERR_USAGE, "unknown option -%c", letter);
		hint_help(verb, e);
		return -1;
	}
	/* With a letter beyond CHAR_MAX it is a flag that was given a value. */
	if (letter > CHAR_MAX) {
		err_set(e, ERR_USAGE, "--%s takes no value", set->row[letter - CHAR_MAX - 1]->name);
		hint_help(verb, e);
		return -1;
	}
	str_safe(name, sizeof name, word + strspn(word, "-"), strcspn(word + strspn(word, "-"), "="));
	for (size_t i = 0; i < set->n; i++)
		known[i] = set->row[i]->name;
	near = cli_nearest(name, known, set->n);
	err_set(e, ERR_USAGE, "unknown option --%s", name);
	if (near != NULL)
		err_hint(e, "did you mean --%s? (cyrvault help%s%s)", near, verb != NULL ? " " : "",
		    verb != NULL ? verb->name : "");
	hint_help(verb, e);
	return -1;
}

static const struct cli_option *by_letter(const struct option_set *set, int letter)
{
	for (size_t i = 0; i < set->n; i++) {
		if (set->row[i]->letter == letter)
			return set->row[i];
	}
	return NULL;
}

int cli_parse(
    const struct cli_verb *verb, int argc, char **argv, struct cli_args *a, int *ret_first, struct err *e)
{
	struct option_set set;
	int c;

	set_make(&set, verb);
	opterr = 0;
	optind = 0; /* begin anew, also after an earlier call */
	while ((c = getopt_long(argc, argv, set.letters, set.longs, NULL)) != -1) {
		const struct cli_option *o;

		if (c == '?')
			return unknown_option(&set, verb, argv[optind - 1], optopt, e);
		o = c == ':' ? NULL : c > CHAR_MAX ? set.row[c - CHAR_MAX - 1] : by_letter(&set, c);
		if (o == NULL) {
			err_set(e, ERR_USAGE, "%s needs a value", argv[optind - 1]);
			hint_help(verb, e);
			return -1;
		}
		if (store(o, optarg, a, e) == -1)
			return -1;
	}
	*ret_first = optind;
	return 0;
}
