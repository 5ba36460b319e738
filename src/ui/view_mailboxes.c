/* view_mailboxes.c: the mailboxes of an archive as a tree, beside those of the running server. */
#include <stdlib.h>
#include <string.h>

#include "app/boxes.h"
#include "app/words.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"
#include "cyrus/mboxname.h"
#include "ui/shell.h"
#include "ui/views.h"

#define NO_ROW ((size_t)-1)
/* A list that still grows is looked through again at most so often. */
#define AGAIN_MS 300

enum shown { SHOW_ALL, SHOW_LOST, SHOW_OTHER };

struct view_mailboxes {
	struct view view;
	char *archive;
	struct boxes *boxes; /* what is shown */
	struct boxes *fresh; /* being read anew; takes its place when it is complete; NULL */
	bool loading;
	unsigned changes;  /* what the console had changed when it was read */
	struct err failed; /* code ERR_NONE: it could be read */
	enum shown shown;
	uint64_t again_ms; /* when the rows were last looked through again */
	uint8_t *folded;   /* by the box's number; room for n_folded */
	size_t n_folded, folds;
	unsigned fold_depth; /* while rows are looked through in their order: deeper ones are hidden */
};

static struct view_mailboxes *self(struct view *v)
{
	return (struct view_mailboxes *)v;
}

/* ---- rows ---- */

enum { NAME, MESSAGES, UNREAD, SIZE, LIVE, STATE, HEALTH };

static const struct list_column columns[] = {
	{ "MAILBOX", 20, 1, false, 0 },
	{ "MSGS", 6, 0, true, 0 },
	{ "UNREAD", 6, 0, true, 70 },
	{ "SIZE", 5, 0, true, 0 },
	{ "LIVE", 6, 0, true, 0 },
	{ "ON SERVER", 9, 0, false, 0 },
	{ "BACKUP", 9, 0, false, 100 },
};

static size_t count(void *model)
{
	return boxes_n(((struct view_mailboxes *)model)->boxes);
}

static bool is_folded(const struct view_mailboxes *m, const struct box *b)
{
	return b->number < m->n_folded && m->folded[b->number] != 0;
}

static bool has_children(const struct view_mailboxes *m, size_t row)
{
	return row + 1 < boxes_n(m->boxes) &&
	       boxes_row(m->boxes, row + 1)->depth > boxes_row(m->boxes, row)->depth;
}

static bool is_tree(const struct view_mailboxes *m)
{
	return m->shown == SHOW_ALL && m->view.list.filter == NULL;
}

static void name_cell(const struct view_mailboxes *m, size_t row, struct buf *b)
{
	const struct box *box = boxes_row(m->boxes, row);

	/* Out of the tree a name stands for itself. */
	if (!is_tree(m)) {
		boxes_shown(m->boxes, row, b);
		return;
	}
	buf_printf(b, "%*s", 2 * (box->depth < 16 ? box->depth : 16), "");
	boxes_leaf(m->boxes, row, b);
	if (is_folded(m, box))
		buf_str(b, " [+]");
}

static enum style state_style(enum box_state s)
{
	switch (s) {
	case BOX_SAME: return STYLE_GOOD;
	case BOX_MISSING:
	case BOX_DAMAGED: return STYLE_BAD;
	case BOX_DELETED:
	case BOX_DIFFERS:
	case BOX_RENAMED:
	case BOX_REPLACED: return STYLE_WARN;
	case BOX_ONLY_LIVE: return STYLE_DIM;
	default: return STYLE_NORMAL;
	}
}

static bool is_there(enum box_state s)
{
	return s == BOX_SAME || s == BOX_DIFFERS || s == BOX_ONLY_LIVE || s == BOX_DELETED ||
	       s == BOX_RENAMED;
}

static void cell(void *model, size_t row, size_t column, struct buf *b, enum style *style)
{
	const struct view_mailboxes *m = model;
	const struct box *box = boxes_row(m->boxes, row);
	enum box_state state = (enum box_state)box->state;
	bool in_archive = state != BOX_ONLY_LIVE;
	char size[16];

	if (!in_archive || box->deleted)
		*style = STYLE_DIM;
	switch (column) {
	case NAME: name_cell(m, row, b); break;
	case MESSAGES:
		if (in_archive)
			buf_printf(b, "%u", box->messages);
		break;
	case UNREAD:
		if (in_archive && box->unread > 0)
			buf_printf(b, "%u", box->unread);
		break;
	case SIZE:
		if (in_archive)
			buf_str(b, str_size(size, sizeof size, box->bytes));
		break;
	case LIVE:
		if (is_there(state))
			buf_printf(b, "%u", box->live_messages);
		break;
	case STATE:
		*style = state_style(state);
		buf_str(b, state == BOX_DELETED && box->deleted ? "" : box_state_name(state));
		break;
	case HEALTH:
		*style = box->health == HEALTH_FINDINGS ? STYLE_WARN : STYLE_DIM;
		if (in_archive)
			buf_str(b, !box->has_files                  ? "no files"
				   : box->health == HEALTH_OK       ? "ok"
				   : box->health == HEALTH_FINDINGS ? "findings"
								    : "unchecked");
		break;
	default: break;
	}
}

static bool matches(void *model, size_t row, const char *folded)
{
	return boxes_matches(((struct view_mailboxes *)model)->boxes, row, folded);
}

static bool is_lost(enum box_state s)
{
	return s == BOX_MISSING || s == BOX_DELETED || s == BOX_DAMAGED || s == BOX_REPLACED;
}

/* Rows are asked about in their order, from the first on: a folded one hides the deeper ones behind it. */
static bool hidden(void *model, size_t row)
{
	struct view_mailboxes *m = model;
	const struct box *box = boxes_row(m->boxes, row);
	enum box_state s = (enum box_state)box->state;

	if (m->shown == SHOW_LOST)
		return !is_lost(s) || box->deleted;
	if (m->shown == SHOW_OTHER)
		return s == BOX_SAME || s == BOX_UNCOMPARED || box->deleted;
	if (m->view.list.filter != NULL)
		return false;
	if (row == 0)
		m->fold_depth = UINT16_MAX;
	if (box->depth > m->fold_depth)
		return true;
	m->fold_depth = is_folded(m, box) ? box->depth : UINT16_MAX;
	return false;
}

static bool marked(void *model, size_t row)
{
	const struct view_mailboxes *m = model;
	const struct basket *basket = console_basket(m->view.console);
	struct buf b = BUF_INIT;
	bool ret;

	if (basket->n == 0)
		return false;
	boxes_internal(m->boxes, row, &b);
	ret = basket_find(basket, m->archive, buf_text(&b)) != NO_ROW;
	buf_done(&b);
	return ret;
}

static const struct list_ops all_rows = {
	.count = count, .cell = cell, .matches = matches, .marked = marked
};
static const struct list_ops some_rows = {
	.count = count, .cell = cell, .matches = matches, .hidden = hidden, .marked = marked
};

/* Only where something may be hidden is each row asked about. */
static void look_again(struct view_mailboxes *m)
{
	m->view.list.ops = m->shown != SHOW_ALL || m->folds > 0 ? &some_rows : &all_rows;
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
	struct view_mailboxes *m = self(v);
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
	struct view_mailboxes *m = self(v);

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

	if (!is_tree(m) || !list_selected(&m->view.list, &row))
		return;
	/* On what has nothing below it: its parent is meant. */
	while (!has_children(m, row) && row > 0 && boxes_row(m->boxes, row)->depth > 0) {
		unsigned depth = boxes_row(m->boxes, row)->depth;

		while (row > 0 && boxes_row(m->boxes, row)->depth >= depth)
			row--;
	}
	if (!has_children(m, row))
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
		if (boxes_row(m->boxes, row)->state == BOX_ONLY_LIVE || marked(m, row))
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
		if (is_lost((enum box_state)boxes_row(m->boxes, i)->state))
			return true;
	return false;
}

static void restore(struct view_mailboxes *m)
{
	const struct basket *basket = console_basket(m->view.console);
	struct buf internal = BUF_INIT, shown = BUF_INIT;
	const char *names[1], *labels[1];
	const struct box *box;
	char *user;
	size_t row;

	if (basket->n > 0 && strcmp(basket->archive, m->archive) == 0) {
		restore_basket(m);
		return;
	}
	if (!list_selected(&m->view.list, &row) || !in_archive(m, row))
		return;
	box = boxes_row(m->boxes, row);
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
		    .below = has_children(m, row),
		    /* A user whose INBOX is gone has lost the rest of his files with it. */
		    .whole_user = user != NULL && (box->state == BOX_MISSING || box->state == BOX_DELETED),
		    .only_it = has_children(m, row) && !lost_below(m, row) }));
	free(user);
	buf_done(&internal);
	buf_done(&shown);
}

static void open_messages(struct view_mailboxes *m)
{
	struct buf internal = BUF_INIT, shown = BUF_INIT;
	size_t row;

	if (!list_selected(&m->view.list, &row) || !in_archive(m, row))
		return;
	boxes_internal(m->boxes, row, &internal);
	boxes_shown(m->boxes, row, &shown);
	console_push(m->view.console,
	    view_messages_new(m->view.console, m->archive, buf_text(&internal), buf_text(&shown)));
	buf_done(&internal);
	buf_done(&shown);
}

static void open_details(struct view_mailboxes *m)
{
	struct buf internal = BUF_INIT, shown = BUF_INIT;
	size_t row;

	if (!list_selected(&m->view.list, &row) || !in_archive(m, row))
		return;
	boxes_internal(m->boxes, row, &internal);
	boxes_shown(m->boxes, row, &shown);
	console_push(m->view.console,
	    view_details_new(m->view.console, m->archive, buf_text(&internal), buf_text(&shown)));
	buf_done(&internal);
	buf_done(&shown);
}

static bool request(struct view *v, enum request r)
{
	struct view_mailboxes *m = self(v);

	switch ((int)r) {
	case REQUEST_OPEN: open_messages(m); return true;
	case REQUEST_DETAILS: open_details(m); return true;
	case REQUEST_RESTORE: restore(m); return true;
	case REQUEST_MARK: mark_selected(m); return true;
	case REQUEST_MARK_ALL: mark_all(m); return true;
	case REQUEST_UNMARK_ALL: basket_clear(console_basket(v->console)); return true;
	case REQUEST_LOST: next_shown(m); return true;
	case REQUEST_FOLD: fold(m); return true;
	case REQUEST_RELOAD: reload(m); return true;
	case REQUEST_VERIFY: console_push(v->console, view_verify_new(v->console, m->archive)); return true;
	case REQUEST_CANCEL:
		if (m->shown == SHOW_ALL || v->list.filter != NULL || v->list.search != NULL)
			return false;
		m->shown = SHOW_ALL;
		look_again(m);
		return true;
	default: return false;
	}
}

/* ---- words around it ---- */

static void title(struct view *v, struct buf *b)
{
	const char *name = self(v)->archive, *base = strrchr(name, '/');
	size_t n;

	base = base != NULL ? base + 1 : name;
	n = strlen(base);
	buf_printf(b, "%.*s", (int)(str_ends(base, ".cpio.gz") ? n - 8 : n), base);
}

static void add_count(struct buf *b, const char **separator, size_t n, enum box_state s)
{
	if (n == 0)
		return;
	buf_printf(b, "%s%zu %s", *separator, n, box_state_name(s));
	*separator = ", ";
}

static void status(struct view *v, struct buf *b)
{
	struct view_mailboxes *m = self(v);
	const struct boxes_facts *f = boxes_facts(m->boxes);
	const struct basket *basket = console_basket(v->console);
	static const enum box_state told[] = { BOX_MISSING, BOX_DELETED, BOX_DAMAGED, BOX_REPLACED,
		BOX_RENAMED, BOX_DIFFERS };
	const char *separator = "; server: ";
	char n[40], size[16];

	if (basket->n > 0 && strcmp(basket->archive, m->archive) == 0)
		buf_printf(b, "%s marked, %s  ", str_count(n, sizeof n, basket->n, "mailbox", "mailboxes"),
		    str_size(size, sizeof size, basket->bytes));
	buf_printf(b, "%s, %s", str_count(n, sizeof n, f->in_archive, "mailbox", "mailboxes"),
	    str_size(size, sizeof size, f->bytes));
	for (size_t i = 0; i < sizeof told / sizeof told[0]; i++)
		add_count(b, &separator, f->n[told[i]], told[i]);
	if (f->why_not[0] != '\0')
		buf_printf(b, "; not compared: %s", f->why_not);
	else if (f->compared && separator[0] == ';')
		buf_str(b, "; the server lacks nothing");
	else if (f->comparing && !f->compared)
		buf_str(b, " ...");
}

static void command(struct view *v, struct buf *b)
{
	struct view_mailboxes *m = self(v);
	const struct basket *basket = console_basket(v->console);
	struct buf internal = BUF_INIT, shown = BUF_INIT;
	size_t row;

	if (basket->n > 0 && strcmp(basket->archive, m->archive) == 0) {
		shell_begin(b, v->console, "restore");
		app_command_add(b, m->archive);
		for (size_t i = 0; i < basket->n && i < 50; i++)
			app_command_add(b, shell_word(basket->items[i].internal, basket->items[i].shown));
		return;
	}
	if (!list_selected(&v->list, &row)) {
		shell_begin(b, v->console, "mailboxes");
		app_command_add(b, m->archive);
		buf_str(b, " --live");
		return;
	}
	boxes_internal(m->boxes, row, &internal);
	boxes_shown(m->boxes, row, &shown);
	shell_mailbox(b, v->console, "messages", m->archive, buf_text(&internal), buf_text(&shown));
	buf_str(b, " --live");
	buf_done(&internal);
	buf_done(&shown);
}

static void empty(struct view *v, struct buf *b)
{
	struct view_mailboxes *m = self(v);

	if (m->failed.code != ERR_NONE)
		buf_printf(b, "%s.\n%s", m->failed.msg, m->failed.hint);
	else if (m->loading && boxes_n(m->boxes) == 0)
		buf_str(b, "Reading the archive ...");
	else if (m->shown == SHOW_LOST && boxes_facts(m->boxes)->compared)
		buf_str(b, "The server has all mailboxes of this archive. (m: those that differ, then all)");
	else if (m->shown != SHOW_ALL && boxes_facts(m->boxes)->compared)
		buf_str(b, "On the server all mailboxes are the same. (m: all)");
	else
		buf_str(b, "No mailbox to show. (Esc or m: all)");
}

static void detail(struct view *v, struct text *t)
{
	static const char *const words[BOX_STATES] = { "not compared",
		"the same there: as many messages, as many unread", "there, with other counts", "not there",
		"deleted there, but still kept as DELETED.*: restoring renames it back",
		"there, but its directory, index or messages are damaged or gone", "there under another name",
		"another mailbox has its name now", "only there: the archive does not have it" };
	struct view_mailboxes *m = self(v);
	const struct box *box;
	struct buf shown = BUF_INIT, raw = BUF_INIT;
	char size[16];
	size_t row;

	if (!list_selected(&v->list, &row))
		return;
	box = boxes_row(m->boxes, row);
	boxes_shown(m->boxes, row, &shown);
	boxes_internal(m->boxes, row, &raw);
	text_add(t, STYLE_HEAD, 0, "%s", buf_text(&shown));
	text_add(t, STYLE_DIM, 0, "%s", buf_text(&raw));
	text_add(t, STYLE_NORMAL, 0, "%s", "");
	if (box->state != BOX_ONLY_LIVE)
		text_add(t, STYLE_NORMAL, 13, "in archive   %u messages, %u unread, %s", box->messages,
		    box->unread, str_size(size, sizeof size, box->bytes));
	text_add(t, state_style((enum box_state)box->state), 13, "on server    %s", words[box->state]);
	if (is_there((enum box_state)box->state))
		text_add(t, STYLE_NORMAL, 13, "             %u messages", box->live_messages);
	text_add(t, STYLE_NORMAL, 0, "%s", "");
	text_add(t, STYLE_DIM, 0, "i: rights, quota, what the server still keeps of it");
	buf_done(&shown);
	buf_done(&raw);
}

static void shown(struct view *v)
{
	if (self(v)->changes != console_changes(v->console))
		reload(self(v));
}

static void free_view(struct view *v)
{
	struct view_mailboxes *m = self(v);

	boxes_free(m->boxes);
	boxes_free(m->fresh);
	free(m->folded);
	free(m->archive);
	free(m);
}

static const enum request requests[] = { REQUEST_OPEN, REQUEST_RESTORE, REQUEST_MARK, REQUEST_DETAILS,
	REQUEST_LOST, REQUEST_SEARCH, REQUEST_FILTER, REQUEST_FOLD, REQUEST_BASKET, REQUEST_VERIFY,
	REQUEST_RELOAD, REQUEST_NONE };
static const struct view_ops ops = { .name = "mailboxes",
	.about = "The mailboxes of an archive, beside the running server. MSGS, UNREAD, SIZE are the "
		 "archive's; LIVE is how many "
		 "messages the server has. ON SERVER: same (as many messages, as many unread), differs, "
		 "missing, deleted (still kept "
		 "as DELETED.*: restoring renames it back), damaged (directory, index or messages are gone), "
		 "renamed, replaced "
		 "(another mailbox has its name), only live. m shows only what the server lacks; R plans a "
		 "restore of what is "
		 "marked, or of the row.",
	.requests = requests,
	.title = title,
	.status = status,
	.command = command,
	.request = request,
	.empty = empty,
	.detail = detail,
	.shown = shown,
	.free = free_view };

struct view *view_mailboxes_new(struct console *c, const char *archive)
{
	struct view_mailboxes *m = mem_alloc(sizeof *m);

	m->view.ops = &ops;
	m->view.console = c;
	m->archive = mem_strdup(archive);
	m->boxes = boxes_new();
	list_init(&m->view.list, &all_rows, m, columns, sizeof columns / sizeof columns[0]);
	reload(m);
	return &m->view;
}
