/* view_mailboxes_words.c: what the Mailboxes screen says around its rows. */
#include "ui/view_mailboxes_priv.h"

#include <string.h>

#include "app/words.h"
#include "core/str.h"
#include "ui/shell.h"

const char mailboxes_about[] =
    "The mailboxes of an archive, beside the running server. MSGS, UNREAD, SIZE are the "
    "archive's; LIVE is how many "
    "messages the server has. ON SERVER: same (as many messages, as many unread), differs, "
    "missing, deleted (still kept "
    "as DELETED.*: restoring renames it back), damaged (directory, index or messages are gone), "
    "renamed, replaced "
    "(another mailbox has its name), only live. m shows only what the server lacks; R plans a "
    "restore of what is "
    "marked, or of the row. Of the running server itself (\"live\") m shows what was deleted and is still "
    "kept as DELETED.*, which R brings back.";

void mailboxes_title(struct view *v, struct buf *b)
{
	const char *name = mailboxes_of(v)->archive, *base = strrchr(name, '/');
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

void mailboxes_status(struct view *v, struct buf *b)
{
	struct view_mailboxes *m = mailboxes_of(v);
	const struct boxes_facts *f = boxes_facts(m->boxes);
	const struct basket *basket = console_basket(v->console);
	static const enum box_state told[] = { BOX_MISSING, BOX_DELETED, BOX_DAMAGED, BOX_REPLACED,
		BOX_RENAMED, BOX_DIFFERS };
	const char *separator = "; server: ";
	char n[40], size[16];

	if (mailboxes_is_basket(m))
		buf_printf(b, "%s marked, %s  ", str_count(n, sizeof n, basket->n, "mailbox", "mailboxes"),
		    str_size(size, sizeof size, basket->bytes));
	buf_printf(b, "%s, %s", str_count(n, sizeof n, f->in_archive, "mailbox", "mailboxes"),
	    str_size(size, sizeof size, f->bytes));
	for (size_t i = 0; i < sizeof told / sizeof told[0] && !app_is_live(m->archive); i++)
		add_count(b, &separator, f->n[told[i]], told[i]);
	if (app_is_live(m->archive))
		buf_printf(b, "; %zu deleted, still kept (m)", f->deleted);
	else if (f->why_not[0] != '\0')
		buf_printf(b, "; not compared: %s", f->why_not);
	else if (f->compared && separator[0] == ';')
		buf_str(b, "; the server lacks nothing");
	else if (f->comparing && !f->compared)
		buf_str(b, " ...");
}

void mailboxes_command(struct view *v, struct buf *b)
{
	struct view_mailboxes *m = mailboxes_of(v);
	const struct basket *basket = console_basket(v->console);
	struct buf internal = BUF_INIT, shown = BUF_INIT;
	size_t row;

	if (mailboxes_is_basket(m)) {
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

void mailboxes_empty(struct view *v, struct buf *b)
{
	struct view_mailboxes *m = mailboxes_of(v);

	if (m->failed.code != ERR_NONE)
		buf_printf(b, "%s.\n%s", m->failed.msg, m->failed.hint);
	else if (m->loading && boxes_n(m->boxes) == 0)
		buf_str(b, "Reading the archive ...");
	else if (app_is_live(m->archive) && m->shown != SHOW_ALL)
		buf_str(b, "No deleted mailbox is kept. (m: all)");
	else if (m->shown == SHOW_LOST && boxes_facts(m->boxes)->compared)
		buf_str(b, "The server has all mailboxes of this archive. (m: those that differ, then all)");
	else if (m->shown != SHOW_ALL && boxes_facts(m->boxes)->compared)
		buf_str(b, "On the server all mailboxes are the same. (m: all)");
	else
		buf_str(b, "No mailbox to show. (Esc or m: all)");
}

void mailboxes_detail(struct view *v, struct text *t)
{
	static const char *const words[BOX_STATES] = { "not compared",
		"the same there: as many messages, as many unread", "there, with other counts", "not there",
		"deleted there, but still kept as DELETED.*: restoring renames it back",
		"there, but its directory, index or messages are damaged or gone", "there under another name",
		"another mailbox has its name now", "only there: the archive does not have it" };
	struct view_mailboxes *m = mailboxes_of(v);
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
	text_add(
	    t, mailboxes_state_style((enum box_state)box->state), 13, "on server    %s", words[box->state]);
	if (mailboxes_is_there((enum box_state)box->state))
		text_add(t, STYLE_NORMAL, 13, "             %u messages", box->live_messages);
	text_add(t, STYLE_NORMAL, 0, "%s", "");
	text_add(t, STYLE_DIM, 0, "i: rights, quota, what the server still keeps of it");
	buf_done(&shown);
	buf_done(&raw);
}
