/* view_text.c: some text to read. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "ui/views.h"

struct view_text {
	struct view view;
	struct view_ops ops; /* its own: the name differs */
	struct text text;
	char *name, *title;
};

static void title(struct view *v, struct buf *b)
{
	buf_str(b, ((struct view_text *)v)->title);
}

static void layout(struct view *v, int columns)
{
	text_layout(&((struct view_text *)v)->text, columns);
}

static void free_view(struct view *v)
{
	struct view_text *t = (struct view_text *)v;

	text_done(&t->text);
	free(t->name);
	free(t->title);
	free(t);
}

struct view *view_text_new(struct console *c, const char *name, const char *title_text, const char *s)
{
	static const enum request requests[] = { REQUEST_SEARCH, REQUEST_NONE };
	struct view_text *t = mem_alloc(sizeof *t);

	t->name = mem_strdup(name);
	t->title = mem_strdup(title_text);
	t->ops = (struct view_ops){ .name = t->name,
		.about = "Text to read.",
		.requests = requests,
		.title = title,
		.layout = layout,
		.free = free_view };
	t->view.ops = &t->ops;
	text_init(&t->text, &t->view.list);
	text_layout(&t->text, console_columns(c));
	text_bytes(&t->text, STYLE_NORMAL, 0, s, strlen(s));
	return &t->view;
}
