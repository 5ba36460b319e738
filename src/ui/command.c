/* command.c: what is typed behind ':': a request by its name, or one of a few words with an argument. */
#include "ui/console_priv.h"

#include <stdlib.h>
#include <string.h>

#include "app/audit.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "ui/term.h"
#include "ui/views.h"

static void run_filter(struct console *c, const char *argument)
{
	list_set_filter(&c->top->list, argument);
}

static void run_search(struct console *c, const char *argument)
{
	struct list *l = &c->top->list;

	list_set_search(l, argument);
	list_seek(l, l->pager ? l->top : l->cursor, true);
}

static void run_theme(struct console *c, const char *argument)
{
	static const char *const names[] = { "auto", "dark", "light", "mono" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (strcmp(names[i], argument) == 0 && !c->opts.plain) {
			term_set_theme((enum conf_theme)i);
			return;
		}
	}
	console_say(c, STYLE_WARN, "theme auto, dark, light or mono");
}

static void run_row(struct console *c, const char *argument)
{
	struct list *l = &c->top->list;
	uint64_t n = 0;

	if (str_u64(argument, UINT32_MAX, &n) == -1 || n == 0 || n > list_n(l)) {
		console_say(c, STYLE_WARN, "row N: a number from 1 to %zu", list_n(l));
		return;
	}
	if (l->pager)
		l->top = (size_t)n - 1;
	else
		l->cursor = (size_t)n - 1;
	list_set_height(l, l->height);
}

static void run_find(struct console *c, const char *argument)
{
	console_push(c, view_find_new(c, argument));
}

static void run_history(struct console *c, const char *argument)
{
	console_push(c, view_history_new(c, argument, NULL));
}

static void run_reason(struct console *c, const char *argument)
{
	struct err e = { 0 };

	if (app_set_reason(c->app, argument, &e) == -1)
		console_fail(c, &e);
	else if (argument[0] == '\0')
		console_say(c, STYLE_NORMAL, "No reason is given any more");
	else
		console_say(c, STYLE_NORMAL, "From now on it is recorded why: %s", argument);
	if (e.code == ERR_NONE)
		log_write(LOG_LEVEL_INFO, "reason: %s", argument[0] != '\0' ? argument : "none");
}

/* USER, or USER FROM, or USER FROM TO. */
static void run_lost(struct console *c, const char *argument)
{
	char *words[3] = { NULL }, *line = mem_strdup(argument), *at = line, *word;
	size_t n = 0;

	while ((word = strsep(&at, " ")) != NULL && n < 3)
		if (word[0] != '\0')
			words[n++] = word;
	console_push(c, view_lost_new(c, words[0], words[1], words[2]));
	free(line);
}

static const struct {
	const char *name;
	void (*run)(struct console *c, const char *argument);
} with_argument[] = {
	{ "filter", run_filter },
	{ "search", run_search },
	{ "find", run_find },
	{ "history", run_history },
	{ "lost", run_lost },
	{ "theme", run_theme },
	{ "row", run_row },
	{ "reason", run_reason },
};
#define N_WITH_ARGUMENT (sizeof with_argument / sizeof with_argument[0])

static const char *nearest(const char *word)
{
	const char *best = NULL;
	unsigned least = 4;

	for (int r = 1; r < REQUEST_COUNT; r++) {
		unsigned d = str_distance(word, request_info((enum request)r)->name);

		if (d < least) {
			least = d;
			best = request_info((enum request)r)->name;
		}
	}
	return best;
}

void command_run(struct console *c, const char *line)
{
	char word[32];
	size_t n;
	uint64_t number;
	enum request r;

	line += strspn(line, " ");
	n = strcspn(line, " ");
	if (n == 0)
		return;
	if (str_u64(line, UINT32_MAX, &number) == 0) {
		run_row(c, line);
		return;
	}
	memcpy(word, line, n < sizeof word ? n : sizeof word - 1);
	word[n < sizeof word ? n : sizeof word - 1] = '\0';
	line += n + strspn(line + n, " ");
	for (size_t i = 0; i < N_WITH_ARGUMENT; i++) {
		if (strcmp(with_argument[i].name, word) == 0 &&
		    (line[0] != '\0' || request_find(word) == REQUEST_NONE)) {
			with_argument[i].run(c, line);
			return;
		}
	}
	r = request_find(word);
	if (r != REQUEST_NONE && line[0] == '\0')
		console_request(c, r);
	else if (r != REQUEST_NONE)
		console_say(c, STYLE_WARN, "%s takes nothing behind it", word);
	else if (nearest(word) != NULL)
		console_say(c, STYLE_WARN, "There is no \"%s\"; did you mean \"%s\"?", word, nearest(word));
	else
		console_say(c, STYLE_WARN, "There is no \"%s\"; ? lists all", word);
}

void command_complete(void *arg, const char *typed, struct buf *out)
{
	(void)arg;
	for (int r = 1; r < REQUEST_COUNT; r++) {
		const char *name = request_info((enum request)r)->name;

		if (str_starts(name, typed))
			buf_printf(out, "%s\n", name);
	}
	for (size_t i = 0; i < N_WITH_ARGUMENT; i++)
		if (request_find(with_argument[i].name) == REQUEST_NONE &&
		    str_starts(with_argument[i].name, typed))
			buf_printf(out, "%s \n", with_argument[i].name);
}
