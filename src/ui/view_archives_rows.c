/* view_archives_rows.c: the rows of the start screen: the running server, archives, then stores that are away. */
#include <string.h>

#include "app/words.h"
#include "core/clock.h"
#include "core/str.h"
#include "ui/archive_words.h"
#include "ui/view_archives_priv.h"

enum { DATE, AGE, SERVER, SIZE, MAILBOXES, MESSAGES, HEALTH, KEEP, HELD, STORE, WHERE, NAME };

static const struct list_column columns[ARCHIVES_COLUMNS] = {
	{ "DATE", 16, 0, false, 0 },
	{ "AGE", 4, 0, true, 66 },
	{ "SERVER", 6, 1, false, 0 },
	{ "SIZE", 5, 0, true, 0 },
	{ "MBOXES", 6, 0, true, 72 },
	{ "MSGS", 7, 0, true, 0 },
	{ "HEALTH", 10, 0, false, 0 },
	{ "KEEP", 4, 0, false, 0 },
	{ "HELD", 12, 0, false, 100 },
	{ "STORE", 10, 0, false, 100 },
	{ "WHERE", 6, 0, false, 100 },
	{ "NAME", 30, 2, false, 130 },
};
static size_t count(void *model)
{
	struct view_archives *a = model;
	size_t n = a->list.n + a->list.n_away;

	/* Where there is nothing yet, that is said in their place. */
	return n > 0 ? n + ARCHIVES_FIRST : 0;
}

/* What people ask for first is often still there. */
static void live_cell(const struct view_archives *a, size_t column, struct buf *b)
{
	if (column == DATE)
		buf_str(b, "live: still kept");
	else if (column == SERVER)
		buf_str(b, console_server_name(a->view.console));
	else if (column == HEALTH)
		buf_str(b, "running");
}

static void store_cell(
    const struct view_archives *a, size_t i, size_t column, struct buf *b, enum style *style)
{
	*style = STYLE_BAD;
	if (column == DATE)
		buf_printf(b, "store %s", a->list.away[i].store);
	else if (column == SERVER)
		buf_str(b, a->list.away[i].what);
	else if (column == WHERE)
		buf_str(b, "away");
}

static void cell(void *model, size_t row, size_t column, struct buf *b, enum style *style)
{
	struct view_archives *a = model;
	const struct app_archive *ar;
	char text[32];
	bool ours;

	if (row < ARCHIVES_FIRST) {
		live_cell(a, column, b);
		return;
	}
	row -= ARCHIVES_FIRST;
	if (row >= a->list.n) {
		store_cell(a, row - a->list.n, column, b, style);
		return;
	}
	ar = &a->list.list[row];
	ours = ar->readable && ar->kind == ARCHIVE_OURS;
	switch (column) {
	case DATE: buf_str(b, clock_local(text, sizeof text, ar->when)); break;
	case AGE: buf_str(b, clock_age(text, sizeof text, clock_now() - ar->when)); break;
	case SERVER: buf_str(b, ar->server != NULL ? ar->server : ar->name); break;
	case SIZE: buf_str(b, str_size(text, sizeof text, ar->size_bytes)); break;
	case MAILBOXES:
		if (ours)
			buf_printf(b, "%llu", (unsigned long long)ar->mailboxes);
		break;
	case MESSAGES:
		if (ours)
			buf_printf(b, "%llu", (unsigned long long)ar->messages);
		break;
	case HEALTH:
		*style = !ar->looked                     ? STYLE_NORMAL
		         : !ar->readable                 ? STYLE_BAD
		         : ar->kind == ARCHIVE_FOREIGN   ? STYLE_NORMAL
		         : ar->health == HEALTH_OK       ? STYLE_GOOD
		         : ar->health == HEALTH_FINDINGS ? STYLE_WARN
		                                         : STYLE_NORMAL;
		buf_str(b, app_archive_health(ar));
		break;
	case KEEP:
		buf_str(b, archive_keep_word(console_app(a->view.console), ar,
			       a->whys != NULL ? a->whys[row] : RETENTION_WHYS, style));
		break;
	case HELD:
		if (ar->quiesce != NULL)
			buf_str(b, ar->quiesce);
		if (ar->quiesce != NULL && ar->longest_hold_ms >= 0)
			buf_printf(b, " %lld ms", (long long)ar->longest_hold_ms);
		break;
	case STORE: buf_str(b, ar->store); break;
	case WHERE:
		*style = strcmp(ar->where, "away") == 0 ? STYLE_WARN : *style;
		buf_str(b, ar->where);
		break;
	case NAME: buf_str(b, ar->name); break;
	default: break;
	}
}

static const struct list_ops rows = { .count = count, .cell = cell };

const struct app_archive *archives_selected(struct view_archives *a)
{
	size_t row;

	return list_selected(&a->view.list, &row) && row >= ARCHIVES_FIRST && row - ARCHIVES_FIRST < a->list.n
	           ? &a->list.list[row - ARCHIVES_FIRST]
	           : NULL;
}

bool archives_selected_live(struct view_archives *a)
{
	size_t row;

	return list_selected(&a->view.list, &row) && row < ARCHIVES_FIRST;
}

const char *archives_where(const struct view *v, const char *store, const char *archive)
{
	const struct view_archives *a;

	while (v != NULL && strcmp(v->ops->name, "archives") != 0)
		v = v->below;
	a = (const struct view_archives *)v;
	for (size_t i = 0; a != NULL && i < a->list.n; i++)
		if (strcmp(a->list.list[i].name, archive) == 0 && strcmp(a->list.list[i].store, store) == 0)
			return a->list.list[i].where;
	return "";
}

/* Which store, where there are several; where an archive is, when that is not its own. Both are worth more than age and counts. */
void archives_choose_columns(struct view_archives *a)
{
	bool several = app_conf(console_app(a->view.console))->n_stores > 1, away = a->list.n_away > 0;

	for (size_t i = 0; i < a->list.n; i++)
		away |= strcmp(a->list.list[i].where, "tape") == 0;

	memcpy(a->columns, columns, sizeof columns);
	if (several)
		a->columns[STORE].from = 75;
	if (away)
		a->columns[WHERE].from = 0;
	if (several && away)
		a->columns[MAILBOXES].from = 100;
	if (several)
		a->columns[AGE].from = 88;
	if (away) {
		a->columns[AGE].from = 100;
		a->columns[MESSAGES].from = 66;
	}
}

void archives_rows_init(struct view_archives *a)
{
	list_init(&a->view.list, &rows, a, a->columns, ARCHIVES_COLUMNS);
	archives_choose_columns(a);
}

const struct app_store_away *archives_selected_store(struct view_archives *a)
{
	size_t row;

	return list_selected(&a->view.list, &row) && row >= ARCHIVES_FIRST + a->list.n
	           ? &a->list.away[row - ARCHIVES_FIRST - a->list.n]
	           : NULL;
}

enum retention_why archives_selected_why(struct view_archives *a)
{
	size_t row;

	return archives_selected(a) != NULL && list_selected(&a->view.list, &row) && a->whys != NULL
	           ? a->whys[row - ARCHIVES_FIRST]
	           : RETENTION_WHYS;
}
