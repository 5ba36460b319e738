/* view_mailboxes.c: the mailboxes of an archive as a tree, beside those of the running server: reading them, and what can be asked. */
#include "ui/view_mailboxes_priv.h"

#include <stdlib.h>
#include <string.h>

#include "app/diff.h"
#include "app/words.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"
#include "cyrus/mboxname.h"
#include "ui/shell.h"

/* A list that still grows is looked through again at most so often. */
#define AGAIN_MS 300

/* Only where something may be hidden is each row asked about. */
static void look_again(struct view_mailboxes *m)
{
	m->view.list.ops = m->shown != SHOW_ALL || m->folds > 0 ? &mailboxes_some_rows : &mailboxes_all_rows;
	m->again_ms = clock_monotonic_ms();
	list_changed(&m->view.list);
}

/* ---- reading ---- */

struct load {
	struct boxes_request request;
	char *archive;
};

static void free_load(void *arg)
{
	struct load *l = arg;

	free(l->archive);
	free(l);
}

/* The row of ${in} that is the mailbox the cursor is on. */
static size_t same_row(const struct view_mailboxes *m, const struct boxes *in)
{
	struct buf b = BUF_INIT;
	size_t row, ret = 0;

	if (!list_selected(&m->view.list, &row))
		return 0;
	boxes_internal(m->boxes, row, &b);
	ret = boxes_find(in, buf_text(&b));
	buf_done(&b);
	return ret == NO_ROW ? 0 : ret;
}

static void took(struct view *v, struct task *t, void *item)
{
	struct view_mailboxes *m = mailboxes_of(v);
	struct buf selected = BUF_INIT;
	size_t row;
	unsigned changed;

	(void)t;
	if (m->fresh != NULL) {
		boxes_take(m->fresh, item);
		return;
	}
	if (list_selected(&v->list, &row))
		boxes_internal(m->boxes, row, &selected);
	changed = boxes_take(m->boxes, item);
	if ((changed & BOXES_ORDER) != 0) {
		size_t at = selected.len > 0 ? boxes_find(m->boxes, buf_text(&selected)) : 0;

		list_moved(&v->list, at == NO_ROW ? 0 : at);
	} else if ((changed & BOXES_STATES) != 0 && m->shown != SHOW_ALL &&
		   (boxes_facts(m->boxes)->compared || clock_monotonic_ms() - m->again_ms > AGAIN_MS)) {
		look_again(m);
	}
	buf_done(&selected);
}

static void loaded(struct view *v, struct task *t)
{
	struct view_mailboxes *m = mailboxes_of(v);

	m->loading = false;
	m->failed = (struct err){ 0 };
	if (t->rc == -1) {
		m->failed = t->err;
		console_fail(v->console, &t->err);
		boxes_free(m->fresh);
		m->fresh = NULL;
		return;
	}
	if (m->fresh != NULL) {
		size_t row = same_row(m, m->fresh);

		boxes_free(m->boxes);
		m->boxes = m->fresh;
		m->fresh = NULL;
		/* Numbers are the new table's: what was folded is not known any more. */
		m->folds = 0;
		if (m->n_folded > 0)
			memset(m->folded, 0, m->n_folded);
		list_moved(&v->list, row);
	}
	look_again(m);
}

static void reload(struct view_mailboxes *m)
{
	struct console *c = m->view.console;
	struct buf command = BUF_INIT;
	struct load *l;

	if (m->loading)
		return;
	if (boxes_n(m->boxes) > 0)
		m->fresh = boxes_new();
	l = mem_alloc(sizeof *l);
	l->archive = mem_strdup(m->archive);
	l->request = (struct boxes_request){
		.app = console_app(c), .server = console_server(c), .archive = l->archive, .live = true
	};
	shell_begin(&command, c, "mailboxes");
	app_command_add(&command, m->archive);
	buf_str(&command, " --live");
	m->changes = console_changes(c);
	m->loading = console_start(c, &(struct task_spec){ .title = "list mailboxes",
					  .command = buf_text(&command),
					  .run = boxes_run,
					  .arg = l,
					  .free_arg = free_load,
					  .owner = &m->view,
					  .took = took,
					  .done = loaded }) != NULL;
	buf_done(&command);
}

/* ---- what can be asked ---- */

static void fold(struct view_mailboxes *m)
{
	size_t row;
	const struct box *b;

	if (!mailboxes_is_tree(m) || !list_selected(&m->view.list, &row))
		return;
	/* On what has nothing below it: its parent is meant. */
	while (!mailboxes_has_children(m, row) && row > 0 && boxes_row(m->boxes, row)->depth > 0) {
		unsigned depth = boxes_row(m->boxes, row)->depth;

		while (row > 0 && boxes_row(m->boxes, row)->depth >= depth)
			row--;
	}
	if (!mailboxes_has_children(m, row))
		return;
	b = boxes_row(m->boxes, row);
	if (b->number >= m->n_folded) {
		size_t n = boxes_n(m->boxes);

		m->folded = mem_resize(m->folded, n, 1);
		memset(m->folded + m->n_folded, 0, n - m->n_folded);
		m->n_folded = n;
	}
	m->folded[b->number] ^= 1;
	m->folds += m->folded[b->number] != 0 ? 1 : (size_t)-1;
	list_select(&m->view.list, row);
	look_again(m);
	list_select(&m->view.list, row);
}

static void next_shown(struct view_mailboxes *m)
{
	static const char *const words[] = { "All mailboxes",
		"Only what the server lacks: missing, deleted, damaged, replaced",
		"Only what is not the same on the server" };

	if (app_is_live(m->archive)) {
		m->shown = m->shown == SHOW_ALL ? SHOW_LOST : SHOW_ALL;
		look_again(m);
		console_say(m->view.console, STYLE_NORMAL, "%s (m: next)",
		    m->shown == SHOW_ALL ? words[SHOW_ALL] : "Only what was deleted, and is still kept");
		return;
	}
	m->shown = (enum shown)((m->shown + 1) % 3);
	look_again(m);
	console_say(m->view.console, STYLE_NORMAL, "%s (m: next)", words[m->shown]);
}

static bool in_archive(struct view_mailboxes *m, size_t row)
{
	if (boxes_row(m->boxes, row)->state != BOX_ONLY_LIVE)
		return true;
	console_say(
	    m->view.console, STYLE_WARN, "This mailbox is only on the server: the archive does not have it");
	return false;
}

static bool mark(struct view_mailboxes *m, size_t row)
{
	const struct box *box = boxes_row(m->boxes, row);
	struct basket *basket = console_basket(m->view.console);
	struct buf internal = BUF_INIT, shown = BUF_INIT;
	size_t at;
	bool ok = true;

	boxes_internal(m->boxes, row, &internal);
	boxes_shown(m->boxes, row, &shown);
	at = basket_find(basket, m->archive, buf_text(&internal));
	if (basket->n > 0 && !mailboxes_is_basket(m))
		console_say(m->view.console, STYLE_WARN,
		    "What was marked in %s is marked no more: marks are of one archive", basket->archive);
	if (at != NO_ROW)
		basket_remove(basket, at);
	else
		ok = basket_add(basket, m->archive,
		    &(struct basket_item){ internal.data, shown.data, box->messages, box->bytes });
	buf_done(&internal);
	buf_done(&shown);
	return ok;
}

static void mark_selected(struct view_mailboxes *m)
{
	size_t row;

	if (!list_selected(&m->view.list, &row) || !in_archive(m, row))
		return;
	if (!mark(m, row))
		console_say(
		    m->view.console, STYLE_WARN, "No more than %d mailboxes can be marked", BASKET_MAX);
	list_move(&m->view.list, REQUEST_DOWN);
}

static void mark_all(struct view_mailboxes *m)
{
	size_t n = list_n(&m->view.list), row;

	for (size_t i = 0; i < n; i++) {
		row = list_row(&m->view.list, i);
		if (boxes_row(m->boxes, row)->state == BOX_ONLY_LIVE || mailboxes_marked(m, row))
			continue;
		if (!mark(m, row)) {
			console_say(m->view.console, STYLE_WARN,
			    "The first %d are marked, no more can be: show fewer (&) before", BASKET_MAX);
			return;
		}
	}
}

static void restore_basket(struct view_mailboxes *m)
{
	const struct basket *basket = console_basket(m->view.console);
	const char **internal = mem_array(basket->n, sizeof *internal),
		   **shown = mem_array(basket->n, sizeof *shown);

	for (size_t i = 0; i < basket->n; i++) {
		internal[i] = basket->items[i].internal;
		shown[i] = basket->items[i].shown;
	}
	console_push(
	    m->view.console, view_restore_new(m->view.console, &(struct restore_wish){ .archive = m->archive,
								   .internal = internal,
								   .shown = shown,
								   .n = basket->n,
								   .below = true }));
	free(internal);
	free(shown);
}

/* Whether more than this one of what is at and below ${row} is lost. */
static bool lost_below(const struct view_mailboxes *m, size_t row)
{
	unsigned depth = boxes_row(m->boxes, row)->depth;

	for (size_t i = row + 1; i < boxes_n(m->boxes) && boxes_row(m->boxes, i)->depth > depth; i++)
		if (mailboxes_is_lost((enum box_state)boxes_row(m->boxes, i)->state))
			return true;
	return false;
}

static void restore(struct view_mailboxes *m)
{
	struct buf internal = BUF_INIT, shown = BUF_INIT;
	const char *names[1], *labels[1];
	const struct box *box;
	char *user;
	size_t row;

	if (mailboxes_is_basket(m)) {
		restore_basket(m);
		return;
	}
	if (!list_selected(&m->view.list, &row) || !in_archive(m, row))
		return;
	box = boxes_row(m->boxes, row);
	if (app_is_live(m->archive) && !box->deleted) {
		console_say(m->view.console, STYLE_NORMAL,
		    "It is there. What was expunged in it is restored from its messages (Enter), what was "
		    "deleted (m) from here");
		return;
	}
	boxes_internal(m->boxes, row, &internal);
	boxes_shown(m->boxes, row, &shown);
	names[0] = buf_text(&internal);
	labels[0] = buf_text(&shown);
	user = box->depth == 0 && !box->deleted ? mboxname_user(names[0]) : NULL;
	console_push(m->view.console,
	    view_restore_new(m->view.console,
		&(struct restore_wish){ .archive = m->archive,
		    .internal = names,
		    .shown = labels,
		    .n = 1,
		    .user = user,
		    .below = mailboxes_has_children(m, row),
		    /* A user whose INBOX is gone has lost the rest of his files with it. */
		    .whole_user = user != NULL && (box->state == BOX_MISSING || box->state == BOX_DELETED),
		    .only_it = mailboxes_has_children(m, row) && !lost_below(m, row) }));
	free(user);
	buf_done(&internal);
	buf_done(&shown);
}

typedef struct view *make_fn(struct console *c, const char *archive, const char *internal, const char *shown);

static void open_selected(struct view_mailboxes *m, make_fn *make)
{
	struct buf internal = BUF_INIT, shown = BUF_INIT;
	size_t row;

	if (!list_selected(&m->view.list, &row) || !in_archive(m, row))
		return;
	boxes_internal(m->boxes, row, &internal);
	boxes_shown(m->boxes, row, &shown);
	console_push(
	    m->view.console, make(m->view.console, m->archive, buf_text(&internal), buf_text(&shown)));
	buf_done(&internal);
	buf_done(&shown);
}

/* Also of what the archive does not have: others may. */
static void history(struct view_mailboxes *m)
{
	struct buf internal = BUF_INIT, shown = BUF_INIT;
	size_t row;

	if (!list_selected(&m->view.list, &row))
		return;
	boxes_internal(m->boxes, row, &internal);
	boxes_shown(m->boxes, row, &shown);
	console_push(
	    m->view.console, view_history_new(m->view.console, buf_text(&internal), buf_text(&shown)));
	buf_done(&internal);
	buf_done(&shown);
}

/* Of the user whose mailbox it is. */
static void lost_between(struct view_mailboxes *m)
{
	struct buf internal = BUF_INIT;
	char *user = NULL;
	size_t row;

	if (list_selected(&m->view.list, &row)) {
		boxes_internal(m->boxes, row, &internal);
		user = mboxname_user(buf_text(&internal));
	}
	if (user != NULL)
		console_push(m->view.console, view_lost_new(m->view.console, user, NULL, NULL));
	else
		console_say(m->view.console, STYLE_NORMAL, "This is no user's mailbox");
	free(user);
	buf_done(&internal);
}

static bool request(struct view *v, enum request r)
{
	struct view_mailboxes *m = mailboxes_of(v);

	switch ((int)r) {
	case REQUEST_OPEN: open_selected(m, view_messages_new); return true;
	case REQUEST_DETAILS: open_selected(m, view_details_new); return true;
	case REQUEST_RESTORE: restore(m); return true;
	case REQUEST_MARK: mark_selected(m); return true;
	case REQUEST_MARK_ALL: mark_all(m); return true;
	case REQUEST_UNMARK_ALL: basket_clear(console_basket(v->console)); return true;
	case REQUEST_LOST: next_shown(m); return true;
	case REQUEST_FOLD: fold(m); return true;
	case REQUEST_RELOAD: reload(m); return true;
	case REQUEST_VERIFY:
		if (app_is_live(m->archive))
			console_say(v->console, STYLE_NORMAL, "This is the running server itself");
		else
			console_push(v->console, view_verify_new(v->console, m->archive));
		return true;
	case REQUEST_DIFF:
		if (app_is_live(m->archive))
			console_say(v->console, STYLE_NORMAL, "This is the running server itself");
		else
			console_push(
			    v->console, view_diff_new(v->console, m->archive, DIFF_LIVE, NULL, NULL));
		return true;
	case REQUEST_HISTORY: history(m); return true;
	case REQUEST_BETWEEN: lost_between(m); return true;
	case REQUEST_CANCEL:
		if (m->shown == SHOW_ALL || v->list.filter != NULL || v->list.search != NULL)
			return false;
		m->shown = SHOW_ALL;
		look_again(m);
		return true;
	default: return false;
	}
}

static void shown(struct view *v)
{
	if (mailboxes_of(v)->changes != console_changes(v->console))
		reload(mailboxes_of(v));
}

static void free_view(struct view *v)
{
	struct view_mailboxes *m = mailboxes_of(v);

	boxes_free(m->boxes);
	boxes_free(m->fresh);
	free(m->folded);
	free(m->archive);
	free(m);
}

static const enum request requests[] = { REQUEST_OPEN, REQUEST_RESTORE, REQUEST_MARK, REQUEST_DETAILS,
	REQUEST_LOST, REQUEST_SEARCH, REQUEST_FILTER, REQUEST_FOLD, REQUEST_BASKET, REQUEST_HISTORY,
	REQUEST_BETWEEN, REQUEST_DIFF, REQUEST_VERIFY, REQUEST_RELOAD, REQUEST_NONE };
static const struct view_ops ops = { .name = "mailboxes",
	.about = mailboxes_about,
	.requests = requests,
	.title = mailboxes_title,
	.status = mailboxes_status,
	.command = mailboxes_command,
	.request = request,
	.empty = mailboxes_empty,
	.detail = mailboxes_detail,
	.shown = shown,
	.free = free_view };

struct view *view_mailboxes_new(struct console *c, const char *archive)
{
	struct view_mailboxes *m = mem_alloc(sizeof *m);

	m->view.ops = &ops;
	m->view.console = c;
	m->archive = mem_strdup(archive);
	m->boxes = boxes_new();
	list_init(&m->view.list, &mailboxes_all_rows, m, mailboxes_columns, MAILBOXES_COLUMNS);
	reload(m);
	return &m->view;
}
