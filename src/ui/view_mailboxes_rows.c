/* view_mailboxes_rows.c: the rows of the Mailboxes screen, and which of them are shown. */
#include "ui/view_mailboxes_priv.h"

#include <string.h>

#include "core/str.h"

enum { NAME, MESSAGES, UNREAD, SIZE, LIVE, STATE, HEALTH };

const struct list_column mailboxes_columns[MAILBOXES_COLUMNS] = {
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

bool mailboxes_has_children(const struct view_mailboxes *m, size_t row)
{
	return row + 1 < boxes_n(m->boxes) &&
	       boxes_row(m->boxes, row + 1)->depth > boxes_row(m->boxes, row)->depth;
}

bool mailboxes_is_tree(const struct view_mailboxes *m)
{
	return m->shown == SHOW_ALL && m->view.list.filter == NULL;
}

static void name_cell(const struct view_mailboxes *m, size_t row, struct buf *b)
{
	const struct box *box = boxes_row(m->boxes, row);

	/* Out of the tree a name stands for itself. */
	if (!mailboxes_is_tree(m)) {
		boxes_shown(m->boxes, row, b);
		return;
	}
	buf_printf(b, "%*s", 2 * (box->depth < 16 ? box->depth : 16), "");
	boxes_leaf(m->boxes, row, b);
	if (is_folded(m, box))
		buf_str(b, " [+]");
}

enum style mailboxes_state_style(enum box_state s)
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

bool mailboxes_is_there(enum box_state s)
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
		if (mailboxes_is_there(state))
			buf_printf(b, "%u", box->live_messages);
		break;
	case STATE:
		*style = mailboxes_state_style(state);
		if (box->deleted && app_is_live(m->archive))
			buf_str(b, "kept");
		else
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

bool mailboxes_is_lost(enum box_state s)
{
	return s == BOX_MISSING || s == BOX_DELETED || s == BOX_DAMAGED || s == BOX_REPLACED;
}

/* Rows are asked about in their order, from the first on: a folded one hides the deeper ones behind it. */
static bool hidden(void *model, size_t row)
{
	struct view_mailboxes *m = model;
	const struct box *box = boxes_row(m->boxes, row);
	enum box_state s = (enum box_state)box->state;

	/* What the running server itself lacks is what was deleted there. */
	if (m->shown != SHOW_ALL && app_is_live(m->archive))
		return !box->deleted;
	if (m->shown == SHOW_LOST)
		return !mailboxes_is_lost(s) || box->deleted;
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

bool mailboxes_is_basket(const struct view_mailboxes *m)
{
	const struct basket *basket = console_basket(m->view.console);

	return basket->n > 0 && strcmp(basket->archive, m->archive) == 0;
}

bool mailboxes_marked(const struct view_mailboxes *m, size_t row)
{
	struct buf b = BUF_INIT;
	bool ret;

	if (!mailboxes_is_basket(m))
		return false;
	boxes_internal(m->boxes, row, &b);
	ret = basket_find(console_basket(m->view.console), m->archive, buf_text(&b)) != NO_ROW;
	buf_done(&b);
	return ret;
}

static bool marked(void *model, size_t row)
{
	return mailboxes_marked(model, row);
}

const struct list_ops mailboxes_all_rows = {
	.count = count, .cell = cell, .matches = matches, .marked = marked
};
const struct list_ops mailboxes_some_rows = {
	.count = count, .cell = cell, .matches = matches, .hidden = hidden, .marked = marked
};
