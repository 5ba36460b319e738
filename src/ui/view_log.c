/* view_log.c: what happened: the last lines of the log, the newest at the end. */
#include <stdlib.h>
#include <string.h>

#include "app/words.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "ui/views.h"

struct view_log {
	struct view view;
	struct log_line *lines;
	size_t n;
	uint64_t serial; /* of the last of them */
	bool read;
};

static struct view_log *self(struct view *v)
{
	return (struct view_log *)v;
}

enum { TIME, LEVEL, TEXT };

static const struct list_column columns[] = {
	{ "TIME", 16, 0, false, 0 },
	{ "LEVEL", 7, 0, false, 0 },
	{ "WHAT", 30, 1, false, 0 },
};

static size_t count(void *model)
{
	return ((struct view_log *)model)->n;
}

static void cell(void *model, size_t row, size_t column, struct buf *b, enum style *style)
{
	const struct log_line *l = &((struct view_log *)model)->lines[row];
	char when[32];

	switch (column) {
	case TIME: buf_str(b, clock_local(when, sizeof when, l->when)); break;
	case LEVEL:
		*style = l->level == LOG_LEVEL_ERROR     ? STYLE_BAD
		         : l->level == LOG_LEVEL_WARNING ? STYLE_WARN
		                                         : STYLE_NORMAL;
		buf_str(b, log_level_word(l->level));
		break;
	case TEXT: buf_str(b, l->text); break;
	default: break;
	}
}

static const struct list_ops rows = { .count = count, .cell = cell };

/* The cursor stays on its line, and on the end while it is there; lines that are forgotten go at the beginning. */
static void refresh(struct view *v)
{
	struct view_log *l = self(v);
	uint64_t first = l->serial - l->n, row_serial;
	size_t row = 0, at;
	bool at_end;

	if (l->read && log_serial() == l->serial)
		return;
	at_end = !list_selected(&v->list, &row) || v->list.cursor + 1 == list_n(&v->list);
	row_serial = first + row;
	log_snapshot_free(l->lines, l->n);
	l->lines = log_snapshot(&l->n, &l->serial);
	l->read = true;
	first = l->serial - l->n;
	if (at_end)
		at = l->n > 0 ? l->n - 1 : 0;
	else
		at = row_serial > first ? (size_t)(row_serial - first) : 0;
	list_moved(&v->list, at);
}

static void open_line(struct view_log *l)
{
	size_t row;
	char when[32];
	char *text;

	if (!list_selected(&l->view.list, &row))
		return;
	text = mem_printf("%s  %s\n\n%s", clock_local(when, sizeof when, l->lines[row].when),
	    log_level_word(l->lines[row].level), l->lines[row].text);
	console_push(l->view.console, view_text_new(l->view.console, "log line", "line", text));
	free(text);
}

static bool request(struct view *v, enum request r)
{
	switch ((int)r) {
	case REQUEST_OPEN: open_line(self(v)); return true;
	case REQUEST_RELOAD: refresh(v); return true;
	default: return false;
	}
}

static void title(struct view *v, struct buf *b)
{
	(void)v;
	buf_str(b, "log");
}

static void status(struct view *v, struct buf *b)
{
	const char *file = app_conf(console_app(v->console))->log_file;
	char n[40];

	buf_str(b, str_count(n, sizeof n, self(v)->n, "line", "lines"));
	if (file[0] != '\0')
		buf_printf(b, "; all of it is in %s", file);
}

static void command(struct view *v, struct buf *b)
{
	const char *file = app_conf(console_app(v->console))->log_file;

	if (file[0] == '\0')
		return;
	buf_str(b, "less");
	app_command_add(b, file);
}

static void empty(struct view *v, struct buf *b)
{
	(void)v;
	buf_str(b, "Nothing has happened yet.");
}

static void detail(struct view *v, struct text *t)
{
	struct view_log *l = self(v);
	size_t row;
	char when[32];

	if (!list_selected(&v->list, &row))
		return;
	text_add(t, STYLE_HEAD, 0, "%s", clock_local(when, sizeof when, l->lines[row].when));
	text_add(t, STYLE_NORMAL, 0, "%s", l->lines[row].text);
}

static void free_view(struct view *v)
{
	log_snapshot_free(self(v)->lines, self(v)->n);
	free(v);
}

static const enum request requests[] = { REQUEST_OPEN, REQUEST_FILTER, REQUEST_SEARCH, REQUEST_RELOAD,
	REQUEST_NONE };
static const struct view_ops ops = { .name = "log",
	.about = "What happened since this console began, the newest line at the end. While the cursor is "
		 "there it follows. Enter shows a long line whole.",
	.requests = requests,
	.title = title,
	.status = status,
	.command = command,
	.request = request,
	.empty = empty,
	.detail = detail,
	.refresh = refresh,
	.free = free_view };

struct view *view_log_new(struct console *c)
{
	struct view_log *l = mem_alloc(sizeof *l);

	l->view.ops = &ops;
	l->view.console = c;
	list_init(&l->view.list, &rows, l, columns, sizeof columns / sizeof columns[0]);
	refresh(&l->view);
	return &l->view;
}
