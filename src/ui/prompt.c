/* prompt.c: edit one line. */
#include "ui/prompt.h"

#include <stdlib.h>
#include <string.h>

#include "core/columns.h"
#include "core/mem.h"
#include "core/str.h"
#include "ui/key.h"

#define CTRL(c) ((c) - 'A' + 1)

void prompt_begin(struct prompt *p, const char *label, const char *initial)
{
	prompt_end(p);
	p->active = true;
	p->label = mem_strdup(label);
	p->len = initial != NULL ? strnlen(initial, PROMPT_MAX) : 0;
	if (p->len > 0)
		memcpy(p->text, initial, p->len);
	p->text[p->len] = '\0';
	p->at = p->len;
}

void prompt_end(struct prompt *p)
{
	free(p->label);
	free(p->stem);
	explicit_bzero(p->text, sizeof p->text);
	*p = (struct prompt){ 0 };
}

static bool is_middle(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

static void go_left(struct prompt *p)
{
	while (p->at > 0 && is_middle(p->text[--p->at]))
		;
}

static void go_right(struct prompt *p)
{
	while (p->at < p->len && is_middle(p->text[++p->at]))
		;
}

static void cut(struct prompt *p, size_t from, size_t to)
{
	memmove(p->text + from, p->text + to, p->len - to + 1);
	p->len -= to - from;
	p->at = from;
}

static bool insert(struct prompt *p, int key)
{
	struct buf b = BUF_INIT;
	bool fits;

	str_utf8_put(&b, (uint32_t)key);
	fits = b.len <= PROMPT_MAX - p->len;
	if (fits) {
		memmove(p->text + p->at + b.len, p->text + p->at, p->len - p->at + 1);
		memcpy(p->text + p->at, b.data, b.len);
		p->at += b.len;
		p->len += b.len;
	}
	buf_done(&b);
	return fits;
}

static void word_left(struct prompt *p)
{
	while (p->at > 0 && p->text[p->at - 1] == ' ')
		p->at--;
	while (p->at > 0 && p->text[p->at - 1] != ' ')
		p->at--;
}

/* The first Tab takes the first candidate, each further one the next. */
static void complete(struct prompt *p)
{
	struct buf all = BUF_INIT;
	size_t n = 0, want;
	char *stem;

	if (p->complete == NULL)
		return;
	if (p->stem == NULL) {
		p->stem = mem_strdup(p->text);
		p->candidate = 0;
	} else {
		p->candidate++;
	}
	p->complete(p->arg, p->stem, &all);
	for (const char *s = buf_text(&all); *s != '\0'; s++)
		n += *s == '\n';
	want = n > 0 ? p->candidate % n : 0;
	for (char *s = all.data; n > 0; s = strchr(s, '\n') + 1) {
		if (want-- > 0)
			continue;
		p->len = strcspn(s, "\n");
		if (p->len > PROMPT_MAX)
			p->len = PROMPT_MAX;
		memcpy(p->text, s, p->len);
		p->text[p->len] = '\0';
		p->at = p->len;
		break;
	}
	stem = p->stem;
	p->stem = n > 0 ? stem : NULL;
	if (n == 0)
		free(stem);
	buf_done(&all);
}

static enum prompt_result edit(struct prompt *p, int key)
{
	size_t end = p->at;

	switch (key) {
	case KEY_ARROW_LEFT: go_left(p); return PROMPT_GOES_ON;
	case KEY_ARROW_RIGHT: go_right(p); return PROMPT_GOES_ON;
	case KEY_GO_HOME:
	case CTRL('A'): p->at = 0; return PROMPT_GOES_ON;
	case KEY_GO_END:
	case CTRL('E'): p->at = p->len; return PROMPT_GOES_ON;
	case KEY_RUBOUT: go_left(p); break;
	case KEY_DELETE:
	case CTRL('D'):
		go_right(p);
		cut(p, end, p->at);
		return PROMPT_CHANGED;
	case CTRL('W'): word_left(p); break;
	case CTRL('U'): p->at = 0; break;
	case CTRL('K'):
		p->text[p->at] = '\0';
		p->len = p->at;
		return PROMPT_CHANGED;
	default:
		if (key >= ' ' && key < KEY_NAMED && key != 0x7f)
			return insert(p, key) ? PROMPT_CHANGED : PROMPT_GOES_ON;
		return PROMPT_GOES_ON;
	}
	cut(p, p->at, end);
	return PROMPT_CHANGED;
}

enum prompt_result prompt_key(struct prompt *p, int key)
{
	switch (key) {
	case KEY_RETURN: return PROMPT_DONE;
	case KEY_ESC:
	case CTRL('C'): return PROMPT_GIVEN_UP;
	case '\t': complete(p); return PROMPT_CHANGED;
	case KEY_RUBOUT:
		/* As in vi and less: back over the beginning gives up. */
		if (p->len == 0)
			return PROMPT_GIVEN_UP;
		break;
	default: break;
	}
	free(p->stem);
	p->stem = NULL;
	return edit(p, key);
}

static size_t columns_of_part(const char *s, size_t n)
{
	char part[PROMPT_MAX + 1], safe[4 * PROMPT_MAX + 8];

	memcpy(part, s, n);
	part[n] = '\0';
	str_safe(safe, sizeof safe, part, n);
	return columns_of(safe);
}

void prompt_draw(const struct prompt *p, struct canvas *c, int row)
{
	/* However long the question, a third of the row is for the answer, if that is seen. */
	int label = canvas_text(c, row, 0, c->columns - (p->secret ? 1 : c->columns / 3), STYLE_PROMPT, p->label),
	    room = c->columns - label - 1;
	size_t from = 0;

	while (from < p->at && (int)columns_of_part(p->text + from, p->at - from) >= room) {
		do
			from++;
		while (from < p->at && is_middle(p->text[from]));
	}
	c->cursor = true;
	c->cursor_row = row;
	c->cursor_column = label;
	if (p->secret)
		return;
	canvas_text(c, row, label, c->columns - label, STYLE_NORMAL, p->text + from);
	c->cursor_column = label + (int)columns_of_part(p->text + from, p->at - from);
	if (c->cursor_column >= c->columns)
		c->cursor_column = c->columns - 1;
}
