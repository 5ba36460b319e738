/* batch_parse.c: the file that an administrator writes. */
#include <stdlib.h>
#include <string.h>

#include "app/batch.h"
#include "core/mem.h"
#include "core/str.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_text(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (((unsigned char)p[i] < 0x20 && p[i] != '\t') || p[i] == 0x7f)
			return false;
	return true;
}

static int take_line(const char *p, size_t n, size_t number, struct batch_words *ret, struct err *e)
{
	static const struct {
		const char *word;
		int kind;
	} keywords[] = { { "user", BATCH_USER }, { "recursive", BATCH_RECURSIVE },
		{ "mailbox", BATCH_MAILBOX } };
	struct batch_word w = { .kind = BATCH_MAILBOX, .number = number };
	size_t first = 0;

	while (n > 0 && is_blank(p[n - 1]))
		n--;
	while (n > 0 && is_blank(*p)) {
		p++;
		n--;
	}
	if (n == 0 || *p == '#')
		return 0;
	if (!is_text(p, n))
		return err_set(e, ERR_USAGE, "line %zu: there is a control character in it", number);
	while (first < n && !is_blank(p[first]))
		first++;
	for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
		if (strlen(keywords[i].word) != first || memcmp(keywords[i].word, p, first) != 0)
			continue;
		if (first == n) {
			err_set(e, ERR_USAGE, "line %zu: \"%s\" without a name", number, keywords[i].word);
			return err_hint(e, "a mailbox of that name is written: mailbox %s", keywords[i].word);
		}
		w.kind = keywords[i].kind;
		while (first < n && is_blank(p[first]))
			first++;
		p += first;
		n -= first;
		break;
	}
	if (ret->n >= BATCH_LINES_MAX)
		return err_set(e, ERR_USAGE, "line %zu: more than %d restores", number, BATCH_LINES_MAX);
	w.name = mem_strndup(p, n);
	ret->list = mem_grow(ret->list, &ret->cap, ret->n + 1, sizeof *ret->list);
	ret->list[ret->n++] = w;
	return 0;
}

int batch_parse(const char *text, size_t n, struct batch_words *ret, struct err *e)
{
	*ret = (struct batch_words){ 0 };
	for (size_t at = 0, number = 1; at < n; number++) {
		const char *end = memchr(text + at, '\n', n - at);
		size_t len = end != NULL ? (size_t)(end - (text + at)) : n - at;

		if (take_line(text + at, len, number, ret, e) == -1)
			return err_hint(
			    e, "a line is: user NAME, recursive MAILBOX, or MAILBOX; # begins a comment");
		at += len + 1;
	}
	if (ret->n > 0)
		return 0;
	err_set(e, ERR_USAGE, "no line says what to restore");
	return err_hint(e, "a line is: user NAME, recursive MAILBOX, or MAILBOX; # begins a comment");
}

void batch_words_done(struct batch_words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->list[i].name);
	free(w->list);
	*w = (struct batch_words){ 0 };
}
