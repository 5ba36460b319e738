/* view_diff.c: the mailboxes that are not the same in two archives, or in an archive and on the live server. */
#include <stdlib.h>
#include <string.h>

#include "app/words.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"
#include "ui/shell.h"
#include "ui/view_diff_priv.h"

/* The worker's. */
struct load {
	struct diff_request request;
	char *first, *second, *mailbox;
};

struct view_diff {
	struct view view;
	char *first, *second;
	char *mailbox, *shown; /* only this one; NULL: all */
	struct diff_item **items;
	size_t n, cap;
	struct diff_item *last; /* with the facts; NULL: none yet */
	bool loading, only_gone;
	struct err failed; /* code ERR_NONE: both could be read */
	unsigned changes;  /* what the console had changed when it was read */
};

static struct view_diff *self(struct view *v)
{
	return (struct view_diff *)v;
}

bool diff_is_live(const char *name)
{
	return strcmp(name, DIFF_LIVE) == 0;
}

/* ---- rows ---- */

enum { STATE, MAILBOX, NEW, GONE, MOVED, FLAGS, BEFORE, AFTER, LOST, N_COLUMNS };

/* The last one is there only when a file is lost. */
static const struct list_column columns[N_COLUMNS] = {
	{ "WHAT", 10, 0, false, 0 },
	{ "MAILBOX", 14, 1, false, 0 },
	{ "NEW", 5, 0, true, 0 },
	{ "GONE", 5, 0, true, 0 },
	{ "MOVED", 5, 0, true, 0 },
	{ "FLAGS", 5, 0, true, 0 },
	{ "BEFORE", 7, 0, true, 70 },
	{ "AFTER", 7, 0, true, 70 },
	{ "LOST", 5, 0, true, 0 },
};

static size_t count(void *model)
{
	return ((struct view_diff *)model)->n;
}

enum style diff_box_style(enum diff_box_state s)
{
	switch (s) {
	case DIFF_BOX_NEW: return STYLE_GOOD;
	case DIFF_BOX_GONE:
	case DIFF_BOX_UNREADABLE: return STYLE_BAD;
	case DIFF_BOX_RENAMED:
	case DIFF_BOX_RECREATED: return STYLE_WARN;
	default: return STYLE_NORMAL;
	}
}

static void number_cell(struct buf *b, size_t n, enum style meant, enum style *style)
{
	if (n == 0)
		return;
	*style = meant;
	buf_printf(b, "%zu", n);
}

static void cell(void *model, size_t row, size_t column, struct buf *b, enum style *style)
{
	const struct diff_box *box = ((struct view_diff *)model)->items[row]->box;

	switch (column) {
	case STATE:
		*style = diff_box_style(box->state);
		buf_str(b, diff_box_word(box->state));
		break;
	case MAILBOX:
		buf_str(b, box->shown);
		if (box->state == DIFF_BOX_RENAMED)
			buf_printf(b, " (was %s)", box->other_shown);
		break;
	case NEW: number_cell(b, box->n[DIFF_MAIL_NEW], STYLE_GOOD, style); break;
	case GONE: number_cell(b, box->n[DIFF_MAIL_GONE], STYLE_BAD, style); break;
	case MOVED:
		number_cell(b, box->n[DIFF_MAIL_MOVED_HERE] + box->n[DIFF_MAIL_MOVED_AWAY], STYLE_NORMAL, style);
		break;
	case FLAGS: number_cell(b, box->n[DIFF_MAIL_FLAGS], STYLE_NORMAL, style); break;
	case LOST: number_cell(b, box->n[DIFF_MAIL_LOST], STYLE_BAD, style); break;
	case BEFORE:
	case AFTER:
		if (box->state != (column == BEFORE ? DIFF_BOX_NEW : DIFF_BOX_GONE) &&
		    box->state != DIFF_BOX_UNREADABLE)
			buf_printf(b, "%u", box->messages[column == AFTER]);
		break;
	default: break;
	}
}

static bool hidden(void *model, size_t row)
{
	const struct view_diff *d = model;
	const struct diff_box *box = d->items[row]->box;

	return d->only_gone && box->state != DIFF_BOX_GONE && box->n[DIFF_MAIL_GONE] == 0 &&
	       box->n[DIFF_MAIL_LOST] == 0;
}

static const struct list_ops rows = { .count = count, .cell = cell, .hidden = hidden };

static const struct diff_box *selected(struct view_diff *d)
{
	size_t row;

	return list_selected(&d->view.list, &row) ? d->items[row]->box : NULL;
}

/* ---- comparing ---- */

static void free_load(void *arg)
{
	struct load *l = arg;

	free(l->first);
	free(l->second);
	free(l->mailbox);
	free(l);
}

static void forget(struct view_diff *d)
{
	for (size_t i = 0; i < d->n; i++)
		diff_item_free(d->items[i]);
	d->n = 0;
	diff_item_free(d->last);
	d->last = NULL;
	d->view.list.n_columns = N_COLUMNS - 1;
	list_moved(&d->view.list, 0);
}

static void took(struct view *v, struct task *t, void *posted)
{
	struct view_diff *d = self(v);
	struct diff_item *item = posted;

	(void)t;
	if (item->box == NULL) {
		diff_item_free(d->last);
		d->last = item;
		return;
	}
	if (item->box->n[DIFF_MAIL_LOST] > 0)
		v->list.n_columns = N_COLUMNS;
	d->items = mem_grow(d->items, &d->cap, d->n + 1, sizeof *d->items);
	d->items[d->n++] = item;
	list_changed(&v->list);
}

static void compared(struct view *v, struct task *t)
{
	struct view_diff *d = self(v);

	d->loading = false;
	d->failed = t->rc == 0 ? (struct err){ 0 } : t->err;
	if (t->rc == -1 && d->n > 0)
		console_fail(v->console, &t->err);
}

static void add_command(struct view_diff *d, struct buf *b)
{
	shell_begin(b, d->view.console, "diff");
	app_command_add(b, d->first);
	app_command_add(b, d->second);
	if (d->mailbox != NULL)
		app_command_add(b, shell_word(d->mailbox, d->shown));
}

/* What was there is forgotten at once: the screen of a mailbox's messages lies upon it, and this one is on top now. */
static void reload(struct view_diff *d)
{
	struct console *c = d->view.console;
	struct buf command = BUF_INIT;
	struct load *l;

	if (d->loading)
		return;
	forget(d);
	l = mem_alloc(sizeof *l);
	l->first = mem_strdup(d->first);
	l->second = mem_strdup(d->second);
	l->mailbox = mem_strdup(d->mailbox);
	l->request = (struct diff_request){ .app = console_app(c),
		.server = console_server(c),
		.first = l->first,
		.second = l->second,
		.mailboxes = (const char *const *)&l->mailbox,
		.n_mailboxes = l->mailbox != NULL };
	add_command(d, &command);
	d->changes = console_changes(c);
	d->loading = console_start(c, &(struct task_spec){ .title = "compare",
					  .command = buf_text(&command),
					  .run = diff_run,
					  .arg = l,
					  .free_arg = free_load,
					  .owner = &d->view,
					  .took = took,
					  .done = compared }) != NULL;
	buf_done(&command);
}

/* ---- what can be asked ---- */

void diff_restore(struct console *c, const char *first, const struct diff_box *box)
{
	bool renamed = box->state == DIFF_BOX_RENAMED;
	const char *internal = renamed ? box->other : box->name, *shown = renamed ? box->other_shown : box->shown;

	if (box->state == DIFF_BOX_NEW)
		console_say(c, STYLE_WARN, "%s does not have this mailbox: there is nothing to bring back", first);
	else
		console_push(c,
		    view_restore_new(c, &(struct restore_wish){
					    .archive = first, .internal = &internal, .shown = &shown, .n = 1 }));
}

static void open_box(struct view_diff *d)
{
	const struct diff_box *box = selected(d);

	if (box == NULL)
		return;
	if (box->state == DIFF_BOX_UNREADABLE)
		console_say(d->view.console, STYLE_BAD, "%s", box->why);
	else if (box->n_mails == 0)
		console_say(d->view.console, STYLE_NORMAL, "The mailbox is %s; of its messages none differs", diff_box_word(box->state));
	else
		console_push(d->view.console, view_diff_mails_new(d->view.console, d->first, d->second, box));
}

static bool request(struct view *v, enum request r)
{
	struct view_diff *d = self(v);

	switch ((int)r) {
	case REQUEST_OPEN: open_box(d); return true;
	case REQUEST_RESTORE:
		if (selected(d) != NULL)
			diff_restore(v->console, d->first, selected(d));
		return true;
	case REQUEST_LOST:
		d->only_gone = !d->only_gone;
		list_changed(&v->list);
		console_say(v->console, STYLE_NORMAL, "%s (m: %s)",
		    d->only_gone ? "Only where something is gone" : "All that differ", d->only_gone ? "all" : "what is gone");
		return true;
	case REQUEST_HISTORY:
		if (selected(d) != NULL)
			console_push(v->console, view_history_new(v->console, selected(d)->name, selected(d)->shown));
		return true;
	case REQUEST_RELOAD: reload(d); return true;
	default: return false;
	}
}

/* ---- words ---- */

static void add_name(struct buf *b, const char *name)
{
	const char *base = strrchr(name, '/');
	size_t n;

	base = base != NULL ? base + 1 : name;
	n = strlen(base);
	buf_printf(b, "%.*s", (int)(str_ends(base, ".cpio.gz") ? n - 8 : n), base);
}

/* From inside of an archive its name stands before this one already. */
static void title(struct view *v, struct buf *b)
{
	const struct view_diff *d = self(v);
	bool outside = v->below == NULL || strcmp(v->below->ops->name, "archives") == 0;

	if (outside)
		add_name(b, d->first);
	buf_str(b, outside ? " -> " : "against ");
	add_name(b, d->second);
}

void diff_add_counts(struct buf *b, const size_t n[DIFF_MAIL_STATES])
{
	const char *separator = "";

	for (int i = 0; i < DIFF_MAIL_STATES; i++) {
		if (n[i] == 0)
			continue;
		buf_printf(b, "%s%zu %s", separator, n[i], diff_mail_word((enum diff_mail_state)i));
		separator = ", ";
	}
}

static void status(struct view *v, struct buf *b)
{
	const struct view_diff *d = self(v);
	const struct diff_facts *f = d->last != NULL ? &d->last->facts : NULL;
	struct buf mails = BUF_INIT;
	char n[40];

	if (d->loading || f == NULL || !f->complete) {
		buf_str(b, d->loading ? "comparing" : "not compared");
		return;
	}
	if (d->only_gone)
		buf_str(b, "[only what is gone] ");
	diff_add_counts(&mails, f->mails);
	buf_printf(b, "%zu of %s differ%s", d->n, str_count(n, sizeof n, f->compared, "mailbox", "mailboxes"), d->n == 1 ? "s" : "");
	if (mails.len > 0)
		buf_printf(b, "; messages: %s", buf_text(&mails));
	if (f->boxes[DIFF_BOX_UNREADABLE] > 0)
		buf_printf(b, "; %zu unreadable", f->boxes[DIFF_BOX_UNREADABLE]);
	if (f->not_listed > 0)
		buf_printf(b, "; %zu messages are too many to be listed", f->not_listed);
	buf_done(&mails);
}

static void command(struct view *v, struct buf *b)
{
	add_command(self(v), b);
}

static void empty(struct view *v, struct buf *b)
{
	const struct view_diff *d = self(v);

	if (d->loading)
		buf_str(b, "Comparing mail by mail ... Where a mailbox's index is the same on both sides it is not read; no message is.");
	else if (d->failed.code != ERR_NONE)
		buf_printf(b, "%s.\n%s\nr tries again.", d->failed.msg, d->failed.hint);
	else if (d->n > 0)
		buf_str(b, "Nothing is gone. (m: all that differ)");
	else
		buf_str(b, d->mailbox != NULL ? "It is the same on both sides, mail by mail." : "Both are the same, mail by mail.");
}

static void add_side(struct text *t, const char *label, const struct diff_facts *f, int side)
{
	char text[32];

	text_add(t, STYLE_NORMAL, 12, "%-11s %s, %s", label, f->sides[side], clock_local(text, sizeof text, f->when[side]));
}

static void detail(struct view *v, struct text *t)
{
	struct view_diff *d = self(v);
	const struct diff_box *box = selected(d);

	if (box == NULL || d->last == NULL)
		return;
	text_add(t, STYLE_HEAD, 0, "%s", box->shown);
	text_add(t, diff_box_style(box->state), 12, "%-11s %s", "mailbox", diff_box_word(box->state));
	if (box->state == DIFF_BOX_RENAMED)
		text_add(t, STYLE_WARN, 12, "%-11s %s", "was", box->other_shown);
	if (box->state == DIFF_BOX_GONE && box->other != NULL)
		text_add(t, STYLE_NORMAL, 12, "%-11s %s", "kept as", box->other_shown);
	if (box->why != NULL)
		text_add(t, STYLE_BAD, 12, "%-11s %s", "why", box->why);
	text_add(t, STYLE_NORMAL, 0, "%s", "");
	add_side(t, "before", &d->last->facts, 0);
	text_add(t, STYLE_NORMAL, 12, "%-11s %u messages, UIDVALIDITY %u", "", box->messages[0], box->uidvalidity[0]);
	add_side(t, "after", &d->last->facts, 1);
	text_add(t, STYLE_NORMAL, 12, "%-11s %u messages, UIDVALIDITY %u", "", box->messages[1], box->uidvalidity[1]);
	text_add(t, STYLE_NORMAL, 0, "%s", "");
	for (int i = 0; i < DIFF_MAIL_STATES; i++)
		if (box->n[i] > 0)
			text_add(t, diff_mail_style((enum diff_mail_state)i), 12, "%-11s %zu",
			    diff_mail_word((enum diff_mail_state)i), box->n[i]);
}

static void shown(struct view *v)
{
	if (self(v)->changes != console_changes(v->console))
		reload(self(v));
}

static void free_view(struct view *v)
{
	struct view_diff *d = self(v);

	for (size_t i = 0; i < d->n; i++)
		diff_item_free(d->items[i]);
	diff_item_free(d->last);
	free(d->items);
	free(d->first);
	free(d->second);
	free(d->mailbox);
	free(d->shown);
	free(d);
}

static const enum request requests[] = { REQUEST_OPEN, REQUEST_LOST, REQUEST_RESTORE, REQUEST_HISTORY, REQUEST_RELOAD, REQUEST_NONE };
static const struct view_ops ops = { .name = "diff",
	.about = "What is not the same in two archives, or in an archive and on the live server. Mailboxes are new, gone, renamed, "
		 "recreated (another UIDVALIDITY or unique id) or changed; messages are new, gone, moved (the same one under "
		 "another UID or in another mailbox) or have other flags. BEFORE and AFTER are how many messages each side has. m "
		 "shows only where something is gone; R plans to bring the mailbox back as it was before.",
	.requests = requests,
	.title = title,
	.status = status,
	.command = command,
	.request = request,
	.empty = empty,
	.detail = detail,
	.shown = shown,
	.free = free_view };

struct view *view_diff_new(
    struct console *c, const char *first, const char *second, const char *internal, const char *shown_name)
{
	struct view_diff *d = mem_alloc(sizeof *d);

	d->view.ops = &ops;
	d->view.console = c;
	d->first = mem_strdup(first);
	d->second = mem_strdup(second);
	d->mailbox = mem_strdup(internal);
	d->shown = mem_strdup(shown_name);
	list_init(&d->view.list, &rows, d, columns, N_COLUMNS - 1);
	reload(d);
	return &d->view;
}
