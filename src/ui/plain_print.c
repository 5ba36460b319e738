/* plain_print.c: what the plain console says: lines that are never taken back, of text and nothing else. */
#include "ui/plain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/audit.h"
#include "core/columns.h"
#include "core/mem.h"
#include "core/str.h"

#define WRAP 78
/* Rows that are said one by one when no more than so many have changed. */
#define FEW 3

/* ---- lines ---- */

static void put(struct plain *p, const char *s)
{
	struct buf safe = BUF_INIT, plain = BUF_INIT;

	if (p->prompted)
		putchar('\n');
	p->prompted = false;
	str_safe_lines(&safe, s, strlen(s));
	if (p->ascii)
		columns_plain(&plain, buf_text(&safe));
	puts(buf_text(p->ascii ? &plain : &safe));
	p->gone |= ferror(stdout) != 0;
	buf_done(&safe);
	buf_done(&plain);
}

void plain_say(struct plain *p, const char *word, const char *fmt, ...)
{
	struct buf line = BUF_INIT, wrapped = BUF_INIT;
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = str_safe_vprintf(fmt, ap);
	va_end(ap);
	if (word != NULL)
		buf_printf(&line, "%s: ", word);
	buf_str(&line, s);
	columns_wrap(&wrapped, buf_text(&line), 0, 2, WRAP);
	put(p, buf_text(&wrapped));
	free(s);
	buf_done(&line);
	buf_done(&wrapped);
}

void plain_message(struct plain *p)
{
	struct console *c = p->c;

	if (c->message == NULL)
		return;
	plain_say(p,
	    c->message_style == STYLE_BAD    ? "error"
	    : c->message_style == STYLE_WARN ? "warning"
					     : "note",
	    "%s", c->message);
	free(c->message);
	c->message = NULL;
}

void plain_question(struct plain *p)
{
	const struct ask *a = &p->c->ask;
	struct buf words = BUF_INIT;

	if (a->kind != ASK_CHOICE) {
		plain_say(p, "question", "%s%s%s%s", p->c->prompt.label,
		    p->c->prompt.len > 0 ? " (an empty line: " : "", p->c->prompt.text,
		    p->c->prompt.len > 0 ? "; a single dot: give up)" : " (an empty line gives up)");
		return;
	}
	for (const char *s = a->words; *s != '\0'; s += strspn(s, " ")) {
		size_t n = strcspn(s, " ");

		buf_printf(&words, "%s%.*s", words.len > 0 ? ", " : "", (int)n, s);
		if (s == a->words)
			buf_str(&words, " (an empty line)");
		s += n;
	}
	plain_say(p, "question", "%s", a->question);
	plain_say(p, "answers", "%s", buf_text(&words));
	buf_done(&words);
}

void plain_prompt(struct plain *p)
{
	if (!p->prompted)
		fputs("> ", stdout);
	p->prompted = true;
	fflush(stdout);
	p->gone |= ferror(stdout) != 0;
}

/* ---- rows ---- */

static void cell_of(const struct list *l, size_t row, size_t column, struct buf *b)
{
	enum style style = STYLE_NORMAL;

	l->ops->cell(l->model, row, column, b, &style);
}

/* Numbers stand at the right on a screen; here each gets its title in front, for it may be the only one there is. */
static void row_text(const struct list *l, size_t row, struct buf *b)
{
	bool first = true;

	if (l->ops->marked != NULL && l->ops->marked(l->model, row))
		buf_str(b, "marked, ");
	for (size_t i = 0; i < l->n_columns; i++) {
		const struct list_column *c = &l->columns[i];
		struct buf text = BUF_INIT, title = BUF_INIT;

		if (c->from < PLAIN_COLUMNS)
			cell_of(l, row, i, &text);
		if (text.len > 0) {
			if (!first)
				buf_str(b, ", ");
			for (const char *s = c->title; c->right && *s != '\0'; s++)
				buf_char(&title, *s >= 'A' && *s <= 'Z' ? (char)(*s - 'A' + 'a') : *s);
			buf_printf(b, "%s%s%s", buf_text(&title), title.len > 0 ? " " : "", buf_text(&text));
			first = false;
		}
		buf_done(&text);
		buf_done(&title);
	}
}

/* What stays the same while it is the same row: its first word. */
static char *name_of(const struct list *l, size_t position)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < l->n_columns && b.len == 0; i++)
		cell_of(l, list_row(l, position), i, &b);
	return buf_steal(&b);
}

bool plain_same(const struct plain *p, size_t position)
{
	const struct list *l = &p->c->top->list;
	char *name;
	bool same;

	if (p->shown != p->c->top || position >= p->n_names || p->names[position] == NULL)
		return true;
	name = name_of(l, position);
	same = strcmp(name, p->names[position]) == 0;
	free(name);
	return same;
}

static void remember_name(struct plain *p, size_t position)
{
	if (position >= p->n_names) {
		p->names = mem_grow(p->names, &p->cap_names, position + 1, sizeof *p->names);
		while (p->n_names <= position)
			p->names[p->n_names++] = NULL;
	}
	free(p->names[position]);
	p->names[position] = name_of(&p->c->top->list, position);
}

static void forget_names(struct plain *p)
{
	for (size_t i = 0; i < p->n_names; i++)
		free(p->names[i]);
	p->n_names = 0;
}

void plain_forget(struct plain *p)
{
	for (size_t i = 0; i < PLAIN_PAGE; i++) {
		free(p->page[i]);
		p->page[i] = NULL;
	}
	forget_names(p);
	free(p->names);
	free(p->status);
	free(p->command);
	free(p->banner);
	p->names = NULL;
	p->status = p->command = p->banner = NULL;
	p->cap_names = p->n = 0;
	p->shown = NULL;
}

/* ${i} counts from the top of the page. */
static void print_row(struct plain *p, size_t i)
{
	const struct list *l = &p->c->top->list;

	if (p->page[i][0] == '\0') {
		if (l->pager)
			put(p, "");
		return;
	}
	if (l->pager) {
		put(p, p->page[i]);
		return;
	}
	remember_name(p, p->first + i);
	{
		char *line = mem_printf("%zu. %s%s", p->first + i + 1, p->page[i],
		    p->first + i == l->cursor ? " (selected)" : "");

		put(p, line);
		free(line);
	}
}

/* ---- a view ---- */

static void print_path(struct plain *p)
{
	const struct view *path[16];
	struct buf b = BUF_INIT;
	size_t n = 0;
	char *reason = app_reason(p->c->app);

	buf_str(&b, p->c->server_name);
	if (reason != NULL)
		buf_printf(&b, " [%s]", reason);
	free(reason);
	for (const struct view *v = p->c->top; v != NULL && n < 16; v = v->below)
		path[n++] = v;
	while (n-- > 0) {
		struct view *v = (struct view *)(uintptr_t)path[n];

		buf_str(&b, n + 1 > 0 && v->ops->title != NULL ? " > " : "");
		if (v->ops->title != NULL)
			v->ops->title(v, &b);
	}
	put(p, "");
	plain_say(p, p->c->top->ops->name, "%s", buf_text(&b));
	buf_done(&b);
}

static void print_titles(struct plain *p)
{
	const struct list *l = &p->c->top->list;
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < l->n_columns; i++)
		if (l->columns[i].title[0] != '\0' && l->columns[i].from < PLAIN_COLUMNS)
			buf_printf(&b, "%s%s", b.len > 0 ? ", " : "", l->columns[i].title);
	if (b.len > 0 && list_n(l) > 0)
		plain_say(p, "columns", "%s", buf_text(&b));
	buf_done(&b);
}

static void print_empty(struct plain *p)
{
	struct view *v = p->c->top;
	struct buf b = BUF_INIT, wrapped = BUF_INIT;

	if (v->list.filter != NULL)
		buf_str(&b, "No row matches the filter; & alone takes it away.");
	else if (v->ops->empty != NULL)
		v->ops->empty(v, &b);
	if (b.len == 0)
		buf_str(&b, "There is nothing to show.");
	for (const char *s = buf_text(&b), *end; *s != '\0'; s = *end != '\0' ? end + 1 : end) {
		char *line;

		end = s + strcspn(s, "\n");
		line = mem_strndup(s, (size_t)(end - s));
		buf_clear(&wrapped);
		columns_wrap(&wrapped, line, 0, 2, WRAP);
		put(p, buf_text(&wrapped));
		free(line);
	}
	buf_done(&b);
	buf_done(&wrapped);
}

static bool offers(const struct view *v, enum request r)
{
	for (const enum request *o = v->ops->requests; *o != REQUEST_NONE; o++)
		if (*o == r)
			return true;
	return false;
}

/* Where something is prepared, the command that does the same; elsewhere it would be said with each row. */
static void print_command(struct plain *p, bool again)
{
	struct view *v = p->c->top;
	struct buf b = BUF_INIT;

	if (offers(v, REQUEST_GO) && v->ops->command != NULL)
		v->ops->command(v, &b);
	if (b.len > 0 && (again || p->command == NULL || strcmp(p->command, buf_text(&b)) != 0)) {
		char *line = mem_printf("command: %s", buf_text(&b));

		put(p, line);
		free(line);
	}
	free(p->command);
	p->command = buf_steal(&b);
}

static void print_status(struct plain *p, bool again)
{
	struct view *v = p->c->top;
	const struct list *l = &v->list;
	struct buf b = BUF_INIT;
	size_t n = list_n(l), last = p->first + p->n;

	if (v->ops->status != NULL)
		v->ops->status(v, &b);
	if (l->filter != NULL)
		buf_printf(&b, "%sonly \"%s\"", b.len > 0 ? "; " : "", l->filter);
	if (n > p->n)
		buf_printf(&b, "%s%s %zu to %zu of %zu%s", b.len > 0 ? "; " : "", l->pager ? "lines" : "rows",
		    p->first + 1, last, n, last < n ? ", an empty line shows more" : "");
	if (b.len > 0 && (again || p->status == NULL || strcmp(p->status, buf_text(&b)) != 0))
		plain_say(p, "status", "%s", buf_text(&b));
	free(p->status);
	p->status = buf_steal(&b);
}

/* What stands above the rows, when it is new. */
static void print_banner(struct plain *p, bool again)
{
	struct view *v = p->c->top;
	struct buf b = BUF_INIT;
	struct list l;
	struct text t;

	if (v->ops->banner != NULL) {
		text_init(&t, &l);
		text_layout(&t, PLAIN_COLUMNS);
		v->ops->banner(v, &t);
		for (size_t i = 0; i < list_n(&l); i++) {
			buf_str(&b, i > 0 ? "\n" : "");
			cell_of(&l, i, 0, &b);
		}
		list_done(&l);
		text_done(&t);
	}
	if (b.len > 0 && (again || p->banner == NULL || strcmp(p->banner, buf_text(&b)) != 0))
		put(p, buf_text(&b));
	free(p->banner);
	p->banner = buf_steal(&b);
}

/* The texts of the page that is to be seen now; which rows differ from those printed before goes to ${differs}. */
static size_t take_page(struct plain *p, bool differs[PLAIN_PAGE])
{
	const struct list *l = &p->c->top->list;
	size_t n = list_n(l), changed = 0;

	p->first = l->top;
	p->n = n > l->top ? n - l->top : 0;
	p->n = p->n > PLAIN_PAGE ? PLAIN_PAGE : p->n;
	p->rows = n;
	for (size_t i = 0; i < PLAIN_PAGE; i++) {
		struct buf b = BUF_INIT;
		char *text = NULL;

		if (i < p->n) {
			row_text(l, list_row(l, p->first + i), &b);
			text = buf_steal(&b);
		}
		differs[i] = text != NULL && (p->page[i] == NULL || strcmp(text, p->page[i]) != 0);
		changed += differs[i];
		free(p->page[i]);
		p->page[i] = text;
	}
	return changed;
}

void plain_show(struct plain *p)
{
	struct view *v = p->c->top;
	bool differs[PLAIN_PAGE], another = p->shown != v || p->whole, page;
	struct list *l = &v->list;
	size_t rows = p->rows, first = p->first, n = p->n, selected = p->selected, changed;

	/* Pages are always the same ones, wherever on them the selected row is. */
	if (!l->pager) {
		l->top = l->cursor - l->cursor % PLAIN_PAGE;
		list_set_height(l, PLAIN_PAGE);
	}
	changed = take_page(p, differs);
	page = another || rows != p->rows || first != p->first || n != p->n || changed > FEW;
	p->selected = l->cursor;
	if (another) {
		forget_names(p);
		print_path(p);
		print_titles(p);
	}
	print_banner(p, another);
	/* Numbers that were told of rows that have gone lead nowhere. */
	if (rows != p->rows)
		forget_names(p);
	if (p->n == 0 && page)
		print_empty(p);
	for (size_t i = 0; i < p->n; i++)
		if (page || differs[i] ||
		    (changed == 0 && !l->pager && selected != p->selected && p->first + i == p->selected))
			print_row(p, i);
	print_command(p, another);
	print_status(p, page);
	p->shown = v;
	p->whole = false;
}

void plain_detail(struct plain *p)
{
	struct view *v = p->c->top;
	struct list l;
	struct text t;

	if (v->ops->detail == NULL || list_n(&v->list) == 0) {
		plain_say(p, "note", "There is nothing more about it");
		return;
	}
	text_init(&t, &l);
	text_layout(&t, PLAIN_COLUMNS);
	v->ops->detail(v, &t);
	for (size_t i = 0; i < list_n(&l); i++) {
		struct buf b = BUF_INIT;

		cell_of(&l, i, 0, &b);
		put(p, buf_text(&b));
		buf_done(&b);
	}
	list_done(&l);
	text_done(&t);
}
