/* view_messages_rows.c: the rows and columns of the list of messages. */
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/str.h"
#include "ui/view_messages_priv.h"

/* A list that is so wide has room for whole words and times. */
#define ROOMY 100

enum { UID, LETTERS, DATE, FROM, SUBJECT, SIZE, LIVE };

static const struct list_column columns[MESSAGES_COLUMNS] = {
	{ "UID", 6, 0, true, 0 },
	{ "FLAGS", 5, 0, false, 72 },
	{ "DATE", 10, 0, false, 0 },
	{ "FROM", 10, 2, false, 0 },
	{ "SUBJECT", 12, 5, false, 0 },
	{ "SIZE", 5, 0, true, 66 },
	{ "LIVE", 9, 0, false, 0 },
};

/* What a narrow column has room for; a wide one shows where to, too. */
static void add_state(const struct view_messages *m, size_t row, struct buf *b)
{
	static const char *const narrow[MAIL_STATES] = {
		[MAIL_LOST] = "lost", [MAIL_FLAGS] = "flags", [MAIL_SEEN] = "seen"
	};
	const struct mail *r = mails_row(m->mails, row);
	enum mail_state s = (enum mail_state)r->state;

	if (s == MAIL_OTHER_UID)
		buf_printf(b, "UID %u", r->live_uid);
	else if (s == MAIL_MOVED && m->roomy)
		buf_printf(b, "moved: %s", mails_place(m->mails, row));
	else
		buf_str(b, !m->roomy && narrow[s] != NULL ? narrow[s] : mail_state_name(s));
}

enum style messages_state_style(enum mail_state s)
{
	switch (s) {
	case MAIL_SAME:
	case MAIL_OTHER_UID: return STYLE_GOOD;
	case MAIL_MISSING:
	case MAIL_LOST: return STYLE_BAD;
	case MAIL_EXPUNGED:
	case MAIL_FLAGS:
	case MAIL_SEEN:
	case MAIL_MOVED:
	case MAIL_ONLY_LIVE: return STYLE_WARN;
	default: return STYLE_NORMAL;
	}
}

static size_t count(void *model)
{
	return mails_n(((struct view_messages *)model)->mails);
}

static void cell(void *model, size_t row, size_t column, struct buf *b, enum style *style)
{
	const struct view_messages *m = model;
	const struct mail *r = mails_row(m->mails, row);
	char text[32];

	/* What its owner had thrown away already is there, but is not what is looked for. */
	if (r->expunged)
		*style = STYLE_DIM;
	switch (column) {
	case UID: buf_printf(b, "%u", r->uid); break;
	case LETTERS: buf_str(b, r->letters); break;
	case DATE:
		clock_local(text, sizeof text, r->internaldate);
		buf_add(b, text, m->roomy ? strlen(text) : strcspn(text, " "));
		break;
	case FROM: buf_str(b, mails_from(m->mails, row)); break;
	case SUBJECT: buf_str(b, mails_subject(m->mails, row)); break;
	case SIZE: buf_str(b, str_size(text, sizeof text, r->size)); break;
	case LIVE:
		if (!r->has_file && !r->expunged && r->state != MAIL_ONLY_LIVE) {
			*style = STYLE_BAD;
			buf_str(b, "no file");
			break;
		}
		if (!r->expunged)
			*style = messages_state_style((enum mail_state)r->state);
		add_state(m, row, b);
		break;
	default: break;
	}
}

static bool matches(void *model, size_t row, const char *folded)
{
	const struct view_messages *m = model;
	const struct mail *r = mails_row(m->mails, row);
	char text[32];

	/* The words of the states are theirs folded, but for "UID". */
	if (mails_matches(m->mails, row, folded) ||
	    strstr(r->state == MAIL_OTHER_UID ? "other uid" : mail_state_name((enum mail_state)r->state),
		folded) != NULL)
		return true;
	if (folded[0] < '0' || folded[0] > '9')
		return false;
	snprintf(text, sizeof text, "%u", r->uid);
	return str_starts(text, folded) ||
	       strstr(clock_local(text, sizeof text, r->internaldate), folded) != NULL;
}

static bool hidden(void *model, size_t row)
{
	const struct view_messages *m = model;
	const struct mail *r = mails_row(m->mails, row);

	/* What the running server itself lacks is what was expunged there. */
	if (r->expunged || app_is_live(m->archive))
		return !r->expunged || !app_is_live(m->archive);
	return m->show == SHOW_LACKING ? !mail_is_lacking((enum mail_state)r->state)
	                               : r->state == MAIL_SAME || r->state == MAIL_UNCOMPARED;
}

static bool marked(void *model, size_t row)
{
	const struct view_messages *m = model;

	return row < mails_n_archive(m->mails) && uids_has(&m->marks, mails_row(m->mails, row)->uid);
}

static const struct list_ops all_rows = {
	.count = count, .cell = cell, .matches = matches, .marked = marked
};
static const struct list_ops some_rows = {
	.count = count, .cell = cell, .matches = matches, .marked = marked, .hidden = hidden
};

void messages_begin(struct view_messages *m)
{
	memcpy(m->columns, columns, sizeof columns);
	list_init(&m->view.list, &all_rows, m, m->columns, MESSAGES_COLUMNS);
	messages_layout(&m->view, console_columns(m->view.console));
}

void messages_layout(struct view *v, int columns_now)
{
	struct view_messages *m = (struct view_messages *)v;
	int room = console_room(v->console, v);

	(void)columns_now;
	m->roomy = room >= ROOMY;
	m->columns[UID].width = m->roomy ? 10 : 6;
	m->columns[LETTERS].width = m->roomy ? 7 : 5;
	m->columns[DATE].width = m->roomy ? 16 : 10;
	m->columns[LIVE].width = m->roomy ? 20 : 9;
}

void messages_choose(struct view_messages *m, enum show show)
{
	m->show = show;
	m->view.list.ops = show == SHOW_ALL ? &all_rows : &some_rows;
	list_changed(&m->view.list);
}

const struct mail *messages_selected(const struct view_messages *m, size_t *row)
{
	return list_selected(&m->view.list, row) ? mails_row(m->mails, *row) : NULL;
}
