/* plain_line.c: what a line that was typed means to the plain console. */
#include "ui/plain.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/str.h"

#define RANGE_MOST 1000

/* ---- answers ---- */

static void answer_choice(struct plain *p, const char *line)
{
	int n = 0;

	if (line[0] == '\0') {
		console_choice_end(p->c, 0);
		return;
	}
	for (const char *s = p->c->ask.words; *s != '\0'; s += strspn(s, " ")) {
		size_t len = strcspn(s, " ");

		if ((strlen(line) == len && strncmp(s, line, len) == 0) ||
		    (line[0] == s[0] && line[1] == '\0')) {
			console_choice_end(p->c, n);
			return;
		}
		n++;
		s += len;
	}
	plain_say(p, "error", "\"%s\" is no answer to that", line);
	plain_question(p);
}

static void answer(struct plain *p, const char *line)
{
	struct console *c = p->c;
	char *initial;

	if (c->ask.kind == ASK_CHOICE) {
		answer_choice(p, line);
		return;
	}
	initial = mem_strdup(c->prompt.text);
	if (c->ask.kind == ASK_FILTER)
		list_set_filter(&c->top->list, line);
	if (strcmp(line, ".") == 0 || (line[0] == '\0' && initial[0] == '\0'))
		console_ask_end(c, NULL);
	else
		console_ask_end(c, line[0] != '\0' ? line : initial);
	free(initial);
}

/* ---- rows ---- */

/* False, with the rows printed anew, when that number means another row by now. */
static bool select_row(struct plain *p, size_t number)
{
	struct list *l = &p->c->top->list;

	if (l->pager) {
		plain_say(p, "error", "There are no rows to choose from here: this is text to read");
		return false;
	}
	if (number == 0 || number > list_n(l)) {
		plain_say(p, "error", "There is no row %zu: they are 1 to %zu", number, list_n(l));
		return false;
	}
	if (!plain_same(p, number - 1)) {
		plain_say(p, "warning",
		    "The rows have changed since they were printed; nothing was done. Now they are:");
		p->whole = true;
		return false;
	}
	l->cursor = number - 1;
	list_set_height(l, PLAIN_PAGE);
	return true;
}

/* "3", "3-5", "3 5-7": the next one or range of it; false at its end, or, with ${*bad}, where it is none. */
static bool next_range(const char **at, size_t *from, size_t *to, bool *bad)
{
	char *end;

	*at += strspn(*at, " ,");
	if (**at == '\0')
		return false;
	*bad = true;
	if (**at < '0' || **at > '9')
		return false;
	*from = *to = strtoul(*at, &end, 10);
	if (*end == '-' && end[1] >= '0' && end[1] <= '9')
		*to = strtoul(end + 1, &end, 10);
	if ((*end != '\0' && *end != ' ' && *end != ',') || *to < *from || *to - *from >= RANGE_MOST)
		return false;
	*at = end;
	*bad = false;
	return true;
}

static bool are_rows(const char *s)
{
	size_t from, to;
	bool bad = false;

	while (next_range(&s, &from, &to, &bad))
		;
	return !bad;
}

/* ---- requests ---- */

static void print_help(struct plain *p)
{
	plain_say(p, NULL, "A number opens that row. An empty line shows the next page.");
	plain_say(p, NULL,
	    "The name of a request, or its key, does it, on the rows behind it if there are any: mark 3, "
	    "mark 3-5, restore 3, i 2. Without a number it is for the selected row.");
	plain_say(p, NULL, "/text searches, n goes on. &text shows only rows that match, & alone all again.");
	plain_say(p, NULL,
	    "back or q: to the screen before. pane: what is known of the selected row. redraw: print the "
	    "screen again. "
	    "wait: until the jobs have ended. x: stop the job.");
	plain_say(p, NULL, "Requests, with the keys of the full screen in front:");
}

static void request(struct plain *p, enum request r)
{
	switch ((int)r) {
	case REQUEST_REDRAW: p->whole = true; break;
	case REQUEST_PANE: plain_detail(p); break;
	case REQUEST_HELP:
		print_help(p);
		console_request(p->c, r);
		break;
	case REQUEST_RELOAD:
		p->whole = true;
		console_request(p->c, r);
		break;
	default: console_request(p->c, r); break;
	}
}

static void request_on(struct plain *p, enum request r, const char *rows)
{
	const struct view *top = p->c->top;
	size_t from, to;
	bool bad = false;

	while (next_range(&rows, &from, &to, &bad)) {
		for (size_t i = from; i <= to; i++) {
			if (!select_row(p, i))
				return;
			request(p, r);
			/* It led elsewhere: the numbers that are left are not its. */
			if (p->c->top != top || p->c->ask.kind != ASK_NOTHING) {
				if (i < to || rows[strspn(rows, " ,")] != '\0')
					plain_say(p, "note", "Only row %zu was taken", i);
				return;
			}
			if (p->c->message != NULL && i < to)
				plain_message(p);
		}
	}
}

static void next_page(struct plain *p)
{
	struct list *l = &p->c->top->list;
	char all[40];

	if (l->top + PLAIN_PAGE >= list_n(l)) {
		plain_say(p, "note", "That is all: %s",
		    l->pager ? str_count(all, sizeof all, list_n(l), "line", "lines")
			     : str_count(all, sizeof all, list_n(l), "row", "rows"));
		return;
	}
	l->top += PLAIN_PAGE;
	if (!l->pager)
		l->cursor = l->top;
	list_set_height(l, PLAIN_PAGE);
}

static void search(struct plain *p, const char *text)
{
	struct list *l = &p->c->top->list;
	size_t at = l->pager ? l->top : l->cursor;

	if (text[0] == '\0') {
		console_request(p->c, REQUEST_NEXT);
		return;
	}
	list_set_search(l, text);
	if (!list_find(l, at, true))
		plain_say(p, "warning", "\"%s\" is not found", text);
	else if (at == (l->pager ? l->top : l->cursor))
		plain_say(p, "note", "It is in the %s", l->pager ? "first line" : "selected row");
}

/* A word: a request by its name or its key, else what ':' knows. */
static void take_word(struct plain *p, const char *line)
{
	size_t n = strcspn(line, " ");
	char *word = mem_strndup(line, n);
	const char *rest = line + n + strspn(line + n, " ");
	enum request r = request_find(word);

	if (r == REQUEST_NONE && key_parse(word) != KEY_NOTHING)
		r = keymap_request(p->c->keys, key_parse(word));
	if (strcmp(word, "wait") == 0)
		p->holding = true;
	else if (r != REQUEST_NONE && rest[0] == '\0')
		request(p, r);
	else if (r != REQUEST_NONE && are_rows(rest))
		request_on(p, r, rest);
	else
		command_run(p->c, line);
	free(word);
}

void plain_take(struct plain *p, const char *line)
{
	struct console *c = p->c;
	const char *s = line + strspn(line, " ");

	if (c->ask.kind != ASK_NOTHING) {
		answer(p, line);
		return;
	}
	switch (s[0]) {
	case '\0': next_page(p); break;
	case '/': search(p, s + 1); break;
	case '&':
		list_set_filter(&c->top->list, s + 1);
		p->whole = true;
		break;
	case ':': command_run(c, s + 1); break;
	default:
		if (s[0] < '0' || s[0] > '9')
			take_word(p, s);
		else if (are_rows(s))
			request_on(p, REQUEST_OPEN, s);
		else
			plain_say(p, "error", "\"%s\" is no row's number", s);
	}
}
