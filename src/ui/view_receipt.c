/* view_receipt.c: the receipt of a restore that was opened out of the list, and the way to take it back. */
#include <stdlib.h>
#include <string.h>

#include "app/words.h"
#include "core/mem.h"
#include "ui/shell.h"
#include "ui/views.h"

struct view_receipt {
	struct view view;
	struct text text;
	char *id;
	enum case_state state;
};

static struct view_receipt *self(struct view *v)
{
	return (struct view_receipt *)v;
}

void view_undo_ask(struct console *c, const char *id, enum case_state state)
{
	if (state == CASE_UNDONE || state == CASE_FAILED)
		console_say(c, STYLE_NORMAL, "%s",
		    state == CASE_UNDONE ? "It was undone before"
					 : "It ended before it had changed anything");
	else
		console_push(c, view_undo_new(c, id));
}

static bool request(struct view *v, enum request r)
{
	if (r != REQUEST_UNDO)
		return false;
	view_undo_ask(v->console, self(v)->id, self(v)->state);
	return true;
}

static void title(struct view *v, struct buf *b)
{
	buf_str(b, self(v)->id);
}

static void command(struct view *v, struct buf *b)
{
	shell_begin(b, v->console, "cases");
	app_command_add(b, self(v)->id);
}

static void layout(struct view *v, int columns)
{
	text_layout(&self(v)->text, columns);
}

static void free_view(struct view *v)
{
	text_done(&self(v)->text);
	free(self(v)->id);
	free(v);
}

static const enum request requests[] = { REQUEST_UNDO, REQUEST_SEARCH, REQUEST_SHOW_COMMAND, REQUEST_NONE };
static const struct view_ops ops = { .name = "receipt",
	.about = "What came of a restore, mailbox by mailbox. u plans to take it back; nothing is changed "
	         "before that is confirmed.",
	.requests = requests,
	.title = title,
	.command = command,
	.request = request,
	.layout = layout,
	.free = free_view };

struct view *view_receipt_new(struct console *c, const char *id, enum case_state state, const char *text)
{
	struct view_receipt *r = mem_alloc(sizeof *r);

	r->view.ops = &ops;
	r->view.console = c;
	r->id = mem_strdup(id);
	r->state = state;
	text_init(&r->text, &r->view.list);
	text_layout(&r->text, console_columns(c));
	text_bytes(&r->text, STYLE_NORMAL, 0, text, strlen(text));
	return &r->view;
}
