/* view_basket.c: what is marked. */
#include <stdlib.h>
#include <string.h>

#include "app/words.h"
#include "core/mem.h"
#include "core/str.h"
#include "ui/shell.h"
#include "ui/views.h"

static struct basket *basket_of(void *model)
{
	return console_basket(((struct view *)model)->console);
}

/* ---- rows ---- */

enum { MAILBOX, MESSAGES, SIZE };

static const struct list_column columns[] = {
	{ "MAILBOX", 20, 1, false, 0 },
	{ "MSGS", 7, 0, true, 0 },
	{ "SIZE", 5, 0, true, 0 },
};

static size_t count(void *model)
{
	return basket_of(model)->n;
}

static void cell(void *model, size_t row, size_t column, struct buf *b, enum style *style)
{
	const struct basket_item *item = &basket_of(model)->items[row];
	char text[32];

	(void)style;
	switch (column) {
	case MAILBOX: buf_str(b, item->shown); break;
	case MESSAGES: buf_printf(b, "%u", item->messages); break;
	case SIZE: buf_str(b, str_size(text, sizeof text, item->bytes)); break;
	default: break;
	}
}

static bool marked(void *model, size_t row)
{
	(void)model;
	(void)row;
	return true;
}

static const struct list_ops rows = { .count = count, .cell = cell, .marked = marked };

static const struct basket_item *selected(struct view *v, size_t *row)
{
	return list_selected(&v->list, row) ? &basket_of(v)->items[*row] : NULL;
}

/* ---- what can be asked ---- */

static void unmark(struct view *v)
{
	size_t row;

	if (selected(v, &row) == NULL)
		return;
	basket_remove(basket_of(v), row);
	/* The one behind it takes its place, below the last there is the one before. */
	list_moved(&v->list, row < basket_of(v)->n || row == 0 ? row : row - 1);
}

static void restore(struct view *v)
{
	const struct basket *b = basket_of(v);
	const char **internal, **shown;

	if (b->n == 0) {
		console_say(v->console, STYLE_NORMAL, "Nothing is marked");
		return;
	}
	internal = mem_array(b->n, sizeof *internal);
	shown = mem_array(b->n, sizeof *shown);
	for (size_t i = 0; i < b->n; i++) {
		internal[i] = b->items[i].internal;
		shown[i] = b->items[i].shown;
	}
	console_push(
	    v->console, view_restore_new(v->console,
			    &(struct restore_wish){
				.archive = b->archive, .internal = internal, .shown = shown, .n = b->n }));
	free(internal);
	free(shown);
}

static bool request(struct view *v, enum request r)
{
	const struct basket_item *item;
	size_t row;

	switch ((int)r) {
	case REQUEST_MARK: unmark(v); return true;
	case REQUEST_UNMARK_ALL:
		basket_clear(basket_of(v));
		list_moved(&v->list, (size_t)-1);
		return true;
	case REQUEST_OPEN:
		item = selected(v, &row);
		if (item != NULL)
			console_push(v->console, view_messages_new(v->console, basket_of(v)->archive,
						     item->internal, item->shown));
		return true;
	case REQUEST_DETAILS:
		item = selected(v, &row);
		if (item != NULL)
			console_push(v->console,
			    view_details_new(v->console, basket_of(v)->archive, item->internal, item->shown));
		return true;
	case REQUEST_HISTORY:
		item = selected(v, &row);
		if (item != NULL)
			console_push(v->console, view_history_new(v->console, item->internal, item->shown));
		return true;
	case REQUEST_RESTORE: restore(v); return true;
	default: return false;
	}
}

static void title(struct view *v, struct buf *b)
{
	(void)v;
	buf_str(b, "marked");
}

static void status(struct view *v, struct buf *b)
{
	const struct basket *m = basket_of(v);
	char boxes[40], mails[40], size[16];

	buf_printf(b, "%s marked", str_count(boxes, sizeof boxes, m->n, "mailbox", "mailboxes"));
	if (m->n > 0)
		buf_printf(b, ": %s, %s, of %s",
		    str_count(mails, sizeof mails, m->messages, "message", "messages"),
		    str_size(size, sizeof size, m->bytes), m->archive);
}

static void command(struct view *v, struct buf *b)
{
	const struct basket *m = basket_of(v);

	if (m->n == 0)
		return;
	app_command_begin(b, console_app(v->console), console_server(v->console), "restore");
	app_command_add(b, m->archive);
	for (size_t i = 0; i < m->n; i++)
		app_command_add(b, shell_word(m->items[i].internal, m->items[i].shown));
}

static void empty(struct view *v, struct buf *b)
{
	(void)v;
	buf_str(b,
	    "Nothing is marked.\n\n"
	    "In the list of an archive's mailboxes Space marks one, + all that are shown; here they are "
	    "seen together, and R restores them in one go.");
}

static void detail(struct view *v, struct text *t)
{
	const struct basket *m = basket_of(v);
	size_t row;
	const struct basket_item *item = selected(v, &row);
	char size[16];

	if (item == NULL)
		return;
	text_add(t, STYLE_HEAD, 0, "%s", item->shown);
	text_add(t, STYLE_NORMAL, 12, "messages    %u", item->messages);
	text_add(t, STYLE_NORMAL, 12, "size        %s", str_size(size, sizeof size, item->bytes));
	text_add(t, STYLE_NORMAL, 12, "internal    %s", item->internal);
	text_add(t, STYLE_NORMAL, 0, "%s", "");
	text_add(t, STYLE_HEAD, 0, "All that is marked");
	text_add(t, STYLE_NORMAL, 12, "archive     %s", m->archive);
	text_add(t, STYLE_NORMAL, 12, "mailboxes   %zu", m->n);
	text_add(t, STYLE_NORMAL, 12, "messages    %llu", (unsigned long long)m->messages);
	text_add(t, STYLE_NORMAL, 12, "size        %s", str_size(size, sizeof size, m->bytes));
	text_add(t, STYLE_NORMAL, 0, "%s", "");
	text_add(t, STYLE_DIM, 0,
	    "R plans the restore of all of it. The plan says what it does to each quota, before anything is "
	    "changed.");
}

static void shown(struct view *v)
{
	size_t row;

	/* Something may have been marked or unmarked meanwhile. */
	list_moved(&v->list, list_selected(&v->list, &row) ? row : 0);
}

static void free_view(struct view *v)
{
	free(v);
}

static const enum request requests[] = { REQUEST_RESTORE, REQUEST_OPEN, REQUEST_MARK, REQUEST_UNMARK_ALL,
	REQUEST_DETAILS, REQUEST_HISTORY, REQUEST_NONE };
static const struct view_ops ops = { .name = "basket",
	.space = "unmark",
	.about =
	    "The mailboxes that are marked, all of one archive: what R restores. Space takes the mark from "
	    "one, - from all.",
	.requests = requests,
	.title = title,
	.status = status,
	.command = command,
	.request = request,
	.empty = empty,
	.detail = detail,
	.shown = shown,
	.free = free_view };

struct view *view_basket_new(struct console *c)
{
	struct view *v = mem_alloc(sizeof *v);

	v->ops = &ops;
	v->console = c;
	list_init(&v->list, &rows, v, columns, sizeof columns / sizeof columns[0]);
	return v;
}
