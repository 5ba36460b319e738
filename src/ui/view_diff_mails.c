/* view_diff_mails.c: the messages of one mailbox that are not the same on both sides of a comparison. */
#include <stdlib.h>
#include <string.h>

#include "app/words.h"
#include "core/clock.h"
#include "core/str.h"
#include "core/mem.h"
#include "ui/shell.h"
#include "ui/view_diff_priv.h"

struct view_diff_mails {
	struct view view;
	const char *first, *second; /* the view's below, as all here */
	const struct diff_box *box;
};

static struct view_diff_mails *self(struct view *v)
{
	return (struct view_diff_mails *)v;
}

/* ---- rows ---- */

enum { STATE, UID, LETTERS, DATE, SIZE, DETAIL };

static const struct list_column columns[] = {
	{ "WHAT", 10, 0, false, 0 },
	{ "UID", 7, 0, true, 0 },
	{ "FLAGS", 7, 0, false, 75 },
	{ "DATE", 16, 0, false, 0 },
	{ "SIZE", 5, 0, true, 0 },
	{ "", 8, 1, false, 0 },
};

static size_t count(void *model)
{
	return ((struct view_diff_mails *)model)->box->n_mails;
}

enum style diff_mail_style(enum diff_mail_state s)
{
	return s == DIFF_MAIL_NEW                           ? STYLE_GOOD
	       : s == DIFF_MAIL_GONE || s == DIFF_MAIL_LOST ? STYLE_BAD
	                                                    : STYLE_NORMAL;
}

/* Where it moved, or which flags it had and has. */
static void add_detail(const struct diff_box *box, const struct diff_mail *m, struct buf *b)
{
	if (m->state == DIFF_MAIL_FLAGS) {
		buf_printf(b, "%s -> %s", m->before[0] != '\0' ? m->before : "none", m->after[0] != '\0' ? m->after : "none");
		return;
	}
	if (m->other == NULL)
		return;
	buf_str(b, m->state == DIFF_MAIL_MOVED_HERE ? "from " : "to ");
	if (strcmp(m->other, box->name) != 0)
		buf_printf(b, "%s, ", m->other_shown);
	buf_printf(b, "UID %u", m->other_uid);
}

static void cell(void *model, size_t row, size_t column, struct buf *b, enum style *style)
{
	const struct view_diff_mails *d = model;
	const struct diff_mail *m = &d->box->mails[row];
	char text[32];

	switch (column) {
	case STATE:
		*style = diff_mail_style((enum diff_mail_state)m->state);
		buf_str(b, diff_mail_word((enum diff_mail_state)m->state));
		break;
	case UID: buf_printf(b, "%u", m->uid); break;
	case LETTERS: buf_str(b, m->letters); break;
	case DATE: buf_str(b, clock_local(text, sizeof text, m->internaldate)); break;
	case SIZE: buf_str(b, str_size(text, sizeof text, m->size_bytes)); break;
	case DETAIL: add_detail(d->box, m, b); break;
	default: break;
	}
}

static const struct list_ops rows = { .count = count, .cell = cell };

static const struct diff_mail *selected(struct view_diff_mails *d)
{
	size_t row;

	return list_selected(&d->view.list, &row) ? &d->box->mails[row] : NULL;
}

/* ---- where it can be read ---- */

struct place {
	const char *archive, *internal, *shown;
	uint32_t uid;
};

/* In an archive: on the first side, or where that does not have it on the second; false: only the live server has it. */
static bool find_place(const struct view_diff_mails *d, const struct diff_mail *m, struct place *ret)
{
	const struct diff_box *box = d->box;
	bool renamed = box->state == DIFF_BOX_RENAMED;

	*ret = (struct place){ d->first, renamed ? box->other : box->name, renamed ? box->other_shown : box->shown, m->uid };
	if (m->state == DIFF_MAIL_MOVED_HERE && diff_is_live(d->second))
		*ret = (struct place){ d->first, m->other, m->other_shown, m->other_uid };
	else if (m->state == DIFF_MAIL_NEW || m->state == DIFF_MAIL_MOVED_HERE)
		*ret = (struct place){ d->second, box->name, box->shown, m->uid };
	return !diff_is_live(ret->archive);
}

static void open_mail(struct view_diff_mails *d)
{
	struct console *c = d->view.console;
	const struct diff_mail *m = selected(d);
	struct place p;

	if (m == NULL)
		return;
	if (find_place(d, m, &p))
		console_push(c, view_message_new(c, p.archive, p.internal, p.shown, p.uid, NULL));
	else
		console_say(c, STYLE_NORMAL, "Only the live server has message %u: no archive to read it from", m->uid);
}

static bool request(struct view *v, enum request r)
{
	struct view_diff_mails *d = self(v);

	switch ((int)r) {
	case REQUEST_OPEN: open_mail(d); return true;
	case REQUEST_RESTORE: diff_restore(v->console, d->first, d->box); return true;
	case REQUEST_HISTORY: console_push(v->console, view_history_new(v->console, d->box->name, d->box->shown)); return true;
	default: return false;
	}
}

/* ---- words ---- */

static void title(struct view *v, struct buf *b)
{
	buf_str(b, self(v)->box->shown);
}

static void status(struct view *v, struct buf *b)
{
	const struct view_diff_mails *d = self(v);

	diff_add_counts(b, d->box->n);
	buf_printf(b, "; %u before, %u after", d->box->messages[0], d->box->messages[1]);
}

static void command(struct view *v, struct buf *b)
{
	const struct view_diff_mails *d = self(v);

	shell_begin(b, v->console, "diff");
	app_command_add(b, d->first);
	app_command_add(b, d->second);
	app_command_add(b, shell_word(d->box->name, d->box->shown));
}

static void detail(struct view *v, struct text *t)
{
	struct view_diff_mails *d = self(v);
	const struct diff_mail *m = selected(d);
	struct buf b = BUF_INIT;
	struct place p;
	char text[32];

	if (m == NULL)
		return;
	text_add(t, STYLE_HEAD, 0, "UID %u", m->uid);
	text_add(t, diff_mail_style((enum diff_mail_state)m->state), 12, "%-11s %s", "message",
	    diff_mail_word((enum diff_mail_state)m->state));
	if (m->state == DIFF_MAIL_FLAGS) {
		text_add(t, STYLE_NORMAL, 12, "%-11s %s", "before", m->before[0] != '\0' ? m->before : "none");
		text_add(t, STYLE_NORMAL, 12, "%-11s %s", "after", m->after[0] != '\0' ? m->after : "none");
	} else if (m->other != NULL) {
		text_add(t, STYLE_NORMAL, 12, "%-11s %s, UID %u", m->state == DIFF_MAIL_MOVED_HERE ? "from" : "to", m->other_shown,
		    m->other_uid);
	}
	text_add(t, STYLE_NORMAL, 12, "%-11s %s", "date", clock_local(text, sizeof text, m->internaldate));
	text_add(t, STYLE_NORMAL, 12, "%-11s %s", "size", str_size(text, sizeof text, m->size_bytes));
	if (m->has_guid) {
		str_hex(&b, m->guid, sizeof m->guid);
		text_add(t, STYLE_NORMAL, 12, "%-11s %s", "guid", buf_text(&b));
	}
	text_add(t, STYLE_NORMAL, 0, "%s", "");
	if (find_place(d, m, &p))
		text_add(t, STYLE_DIM, 0, "Enter reads it from %s", p.archive);
	else
		text_add(t, STYLE_DIM, 0, "Only the live server has it");
	buf_done(&b);
}

static void free_view(struct view *v)
{
	free(v);
}

static const enum request requests[] = { REQUEST_OPEN, REQUEST_RESTORE, REQUEST_HISTORY, REQUEST_SEARCH, REQUEST_FILTER, REQUEST_NONE };
static const struct view_ops ops = { .name = "differing",
	.about = "The messages of a mailbox that are new, gone, moved, or have other flags: by UID and GUID, no message was read. The UID "
		 "is that of the second side; of what is gone or moved away, that of the first. Enter reads the message from the "
		 "archive that has it; R plans to bring the mailbox back as it was before.",
	.requests = requests,
	.title = title,
	.status = status,
	.command = command,
	.request = request,
	.detail = detail,
	.free = free_view };

struct view *view_diff_mails_new(
    struct console *c, const char *first, const char *second, const struct diff_box *box)
{
	struct view_diff_mails *d = mem_alloc(sizeof *d);

	d->view.ops = &ops;
	d->view.console = c;
	d->first = first;
	d->second = second;
	d->box = box;
	list_init(&d->view.list, &rows, d, columns, sizeof columns / sizeof columns[0]);
	return &d->view;
}
