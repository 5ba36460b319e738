/* view_help.c: the help of a screen: what it is, what its keys do, made from the table of requests. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "ui/views.h"

struct view_help {
	struct view view;
	struct text text;
};

static void title(struct view *v, struct buf *b)
{
	(void)v;
	buf_str(b, "help");
}

static void layout(struct view *v, int columns)
{
	text_layout(&((struct view_help *)v)->text, columns);
}

static void free_view(struct view *v)
{
	struct view_help *h = (struct view_help *)v;

	text_done(&h->text);
	free(h);
}

static const enum request requests[] = { REQUEST_SEARCH, REQUEST_NONE };
static const struct view_ops ops = { .name = "help",
	.about = "What each key does.",
	.requests = requests,
	.title = title,
	.layout = layout,
	.free = free_view };

static void add_request(struct view_help *h, enum style style, enum request r)
{
	const struct request_info *info = request_info(r);
	const char *keys = keymap_keys(h->view.console != NULL ? console_keymap(h->view.console) : NULL, r);

	text_add(&h->text, style, 34, "  %-18s %-12s %s", keys, info->name, info->help);
}

static bool offers(const struct view *v, enum request r)
{
	for (const enum request *o = v->ops->requests; *o != REQUEST_NONE; o++)
		if (*o == r)
			return true;
	return false;
}

struct view *view_help_new(struct console *c, struct view *about)
{
	struct view_help *h = mem_alloc(sizeof *h);
	const char *group = "";

	h->view.ops = &ops;
	h->view.console = c;
	text_init(&h->text, &h->view.list);
	text_layout(&h->text, console_columns(c));
	text_add(&h->text, STYLE_HEAD, 0, "This screen: %s", about->ops->name);
	text_add(&h->text, STYLE_NORMAL, 0, "%s", about->ops->about);
	text_add(&h->text, STYLE_NORMAL, 0, "%s", "");
	for (const enum request *r = about->ops->requests; *r != REQUEST_NONE; r++)
		add_request(h, STYLE_STRONG, *r);
	for (int r = 1; r < REQUEST_COUNT; r++) {
		const struct request_info *info = request_info((enum request)r);

		if (strcmp(group, info->group) != 0) {
			group = info->group;
			text_add(&h->text, STYLE_NORMAL, 0, "%s", "");
			text_add(&h->text, STYLE_HEAD, 0, "%s", group);
		}
		add_request(h, offers(about, (enum request)r) ? STYLE_STRONG : STYLE_NORMAL, (enum request)r);
	}
	text_add(&h->text, STYLE_NORMAL, 0, "%s", "");
	text_add(&h->text, STYLE_NORMAL, 2,
	    "Where a terminal has no F-keys: Esc, then a digit (0 is F10). Behind : go the names in the "
	    "second column, with Tab "
	    "to complete them, a row's number, or filter, search, row, theme, reason with an argument; lost USER FROM TO is what that user has lost between two dates.");
	text_add(&h->text, STYLE_NORMAL, 2,
	    "Keys and colours can be set in cyrvault.conf(5), [keys] and [colors].");
	return &h->view;
}
