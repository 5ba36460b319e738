/* view_history.c: one mailbox in all archives: when it was what. From the catalogue, so also while stores are away. */
#include <stdlib.h>
#include <string.h>

#include "app/diff.h"
#include "app/words.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"
#include "ui/shell.h"
#include "ui/take_in.h"
#include "ui/timeline.h"
#include "ui/views.h"

/* The worker's. */
struct load {
	struct app *app;
	char *server, *mailbox;
	struct app_history h;
};

struct view_history {
	struct view view;
	char *mailbox; /* as it was asked for */
	char *shown;   /* safe */
	struct app_history h;
	struct timeline_row *rows;
	size_t n;
	bool unfolded, loading, filling;
	struct err failed; /* code ERR_NONE: it could be read */
	unsigned changes;  /* what the console had changed when it was read */
};

static struct view_history *self(struct view *v)
{
	return (struct view_history *)v;
}

/* ---- rows ---- */

enum { DATE, ARCHIVES, MESSAGES, CHANGE, UNREAD, SIZE, UIDVALIDITY, WHAT, WHERE, ARCHIVE };

static const struct list_column columns[] = {
	{ "DATE", 16, 0, false, 0 },
	{ "IN", 3, 0, true, 0 },
	{ "MSGS", 6, 0, true, 0 },
	{ "+/-", 5, 0, true, 0 },
	{ "UNREAD", 6, 0, true, 75 },
	{ "SIZE", 5, 0, true, 90 },
	{ "UIDVALIDITY", 11, 0, true, 110 },
	{ "WHAT", 12, 3, false, 0 },
	{ "WHERE", 6, 0, false, 0 },
	{ "ARCHIVE", 20, 1, false, 100 },
};

static size_t count(void *model)
{
	return ((struct view_history *)model)->n;
}

static const struct history_row *newest_of(const struct view_history *v, const struct timeline_row *t)
{
	return &v->h.rows[t->last];
}

static const char *where_of(const struct view_history *v, const struct history_row *r)
{
	return r->gone ? "gone" : archives_where(&v->view, r->store, r->archive);
}

static void change_cell(const struct timeline_row *t, struct buf *b, enum style *style)
{
	if (!t->has_change || t->change == 0)
		return;
	*style = t->change > 0 ? STYLE_GOOD : STYLE_WARN;
	buf_printf(b, "%+lld", (long long)t->change);
}

static enum style live_style(enum history_live l)
{
	switch (l) {
	case HISTORY_LIVE_THERE: return STYLE_GOOD;
	case HISTORY_LIVE_MISSING: return STYLE_BAD;
	case HISTORY_LIVE_REPLACED:
	case HISTORY_LIVE_RENAMED:
	case HISTORY_LIVE_DELETED: return STYLE_WARN;
	default: return STYLE_DIM;
	}
}

/* What the count says already is not said again. */
static void live_words(const struct app_history *h, struct buf *b)
{
	switch (h->live) {
	case HISTORY_LIVE_THERE: buf_str(b, "there"); break;
	case HISTORY_LIVE_REPLACED: buf_str(b, "another mailbox has its name"); break;
	case HISTORY_LIVE_RENAMED:
	case HISTORY_LIVE_DELETED:
		buf_str(b, h->live == HISTORY_LIVE_RENAMED ? "renamed to " : "deleted, kept as ");
		app_history_show(h, h->live_name, b);
		break;
	default: app_history_live_words(h, b);
	}
}

static void live_cell(const struct view_history *v, const struct timeline_row *t, size_t column, struct buf *b, enum style *style)
{
	const struct app_history *h = &v->h;

	switch (column) {
	case DATE: buf_str(b, "now"); break;
	case MESSAGES:
		if (h->live_name != NULL)
			buf_printf(b, "%u", h->live_messages);
		break;
	case CHANGE: change_cell(t, b, style); break;
	case UIDVALIDITY:
		if (h->live_name != NULL)
			buf_printf(b, "%u", h->live_uidvalidity);
		break;
	case WHAT:
		*style = live_style(h->live);
		live_words(h, b);
		break;
	case WHERE: buf_str(b, "live"); break;
	default: break;
	}
}

static enum style words_style(const struct history_row *r)
{
	return (r->changes & HISTORY_VANISHED) != 0                                            ? STYLE_BAD
	       : (r->changes & (HISTORY_RECREATED | HISTORY_RENAMED | HISTORY_BACK)) != 0      ? STYLE_WARN
	                                                                                       : STYLE_NORMAL;
}

static void cell(void *model, size_t row, size_t column, struct buf *b, enum style *style)
{
	const struct view_history *v = model;
	const struct timeline_row *t = &v->rows[row];
	const struct history_row *r;
	char text[32];

	if (t->live) {
		live_cell(v, t, column, b, style);
		return;
	}
	r = newest_of(v, t);
	if (!r->there)
		*style = STYLE_DIM;
	switch (column) {
	case DATE: buf_str(b, clock_local(text, sizeof text, r->when)); break;
	case ARCHIVES:
		if (t->last > t->first)
			buf_printf(b, "%zu", t->last - t->first + 1);
		break;
	case MESSAGES:
		if (r->there)
			buf_printf(b, "%u", r->messages);
		break;
	case CHANGE: change_cell(t, b, style); break;
	case UNREAD:
		if (r->there && r->unread > 0)
			buf_printf(b, "%u", r->unread);
		break;
	case SIZE:
		if (r->there)
			buf_str(b, str_size(text, sizeof text, r->bytes));
		break;
	case UIDVALIDITY:
		if (r->there)
			buf_printf(b, "%u", r->uidvalidity);
		break;
	case WHAT:
		*style = words_style(&v->h.rows[t->first]);
		app_history_words(&v->h, t->first, b);
		if (b->len == 0 && !r->there)
			buf_str(b, "not there");
		break;
	case WHERE:
		buf_str(b, where_of(v, r));
		*style = strcmp(buf_text(b), "away") == 0 || r->gone ? STYLE_WARN : *style;
		break;
	case ARCHIVE: buf_str(b, r->archive); break;
	default: break;
	}
}

static const struct list_ops list_rows = { .count = count, .cell = cell };

static const struct timeline_row *selected(struct view_history *v)
{
	size_t row;

	return list_selected(&v->view.list, &row) ? &v->rows[row] : NULL;
}

/* The newest archive of the row stays under the cursor. */
static void lay_out(struct view_history *v, const char *archive)
{
	size_t at = 0;

	free(v->rows);
	v->n = timeline_make(&v->h, !v->unfolded, &v->rows);
	for (size_t i = 0; archive != NULL && i < v->n; i++)
		for (size_t k = v->rows[i].first; !v->rows[i].live && k <= v->rows[i].last; k++)
			if (strcmp(v->h.rows[k].archive, archive) == 0)
				at = i;
	list_moved(&v->view.list, at);
}

static char *selected_archive(struct view_history *v)
{
	const struct timeline_row *t = selected(v);

	return t != NULL && !t->live ? mem_strdup(newest_of(v, t)->archive) : NULL;
}

/* ---- reading ---- */

static int load(struct job *job, void *arg, struct err *e)
{
	struct load *l = arg;

	job_step(job, "asking the catalogue");
	return app_history(l->app, l->server, l->mailbox, job, &l->h, e);
}

static void free_load(void *arg)
{
	struct load *l = arg;

	app_history_done(&l->h);
	free(l->server);
	free(l->mailbox);
	free(l);
}

static void loaded(struct view *view, struct task *t)
{
	struct view_history *v = self(view);
	struct load *l = t->spec.arg;
	char *was;

	v->loading = false;
	v->failed = t->rc == 0 ? (struct err){ 0 } : t->err;
	if (t->rc == -1) {
		if (v->n > 0)
			console_fail(view->console, &t->err);
		return;
	}
	was = selected_archive(v);
	app_history_done(&v->h);
	v->h = l->h;
	l->h = (struct app_history){ 0 };
	lay_out(v, was);
	free(was);
}

static void add_command(struct view_history *v, struct buf *b)
{
	shell_begin(b, v->view.console, "history");
	app_command_add(b, shell_word(v->mailbox, v->shown));
}

static void reload(struct view_history *v)
{
	struct console *c = v->view.console;
	struct buf command = BUF_INIT;
	struct load *l;

	if (v->loading)
		return;
	l = mem_alloc(sizeof *l);
	l->app = console_app(c);
	l->server = mem_strdup(console_server(c));
	l->mailbox = mem_strdup(v->mailbox);
	add_command(v, &command);
	v->changes = console_changes(c);
	v->loading = console_start(c, &(struct task_spec){ .title = "history of a mailbox",
					  .command = buf_text(&command),
					  .run = load,
					  .arg = l,
					  .free_arg = free_load,
					  .owner = &v->view,
					  .done = loaded }) != NULL;
	buf_done(&command);
}

/* ---- taking archives into the catalogue ---- */

static void filled(struct view *view)
{
	self(view)->filling = false;
	reload(self(view));
}

static void start_fill(struct view_history *v)
{
	if (v->filling || (v->h.unknown == 0 && v->failed.code == ERR_NONE))
		console_say(v->view.console, STYLE_NORMAL,
		    v->filling ? "That is being done" : "All archives are in the catalogue");
	else
		v->filling = ui_take_in(&v->view, filled);
}

/* ---- what can be asked ---- */

struct place {
	const char *archive, *internal;
	struct buf shown;
};

/* The mailbox in the newest archive of the row; false, with a word on why, where there is none to read. */
static bool find_place(struct view_history *v, struct place *ret)
{
	const struct timeline_row *t = selected(v);
	const struct history_row *r = t != NULL && !t->live ? newest_of(v, t) : NULL;

	if (t == NULL)
		return false;
	if (r == NULL || !r->there || r->gone) {
		console_say(v->view.console, STYLE_NORMAL,
		    r == NULL   ? "This row is the live server: choose one of the archives"
		    : !r->there ? "The mailbox is not in this archive"
				: "The archive is gone from its store: only that it was there is known");
		return false;
	}
	*ret = (struct place){ r->archive, r->name, BUF_INIT };
	app_history_show(&v->h, r->name, &ret->shown);
	return true;
}

typedef struct view *make_fn(struct console *c, const char *archive, const char *internal, const char *shown);

static void open_place(struct view_history *v, make_fn *make)
{
	struct place p;

	if (!find_place(v, &p))
		return;
	console_push(v->view.console, make(v->view.console, p.archive, p.internal, buf_text(&p.shown)));
	buf_done(&p.shown);
}

static void restore(struct view_history *v)
{
	const char *shown;
	struct place p;

	if (!find_place(v, &p))
		return;
	shown = buf_text(&p.shown);
	console_push(v->view.console,
	    view_restore_new(v->view.console,
		&(struct restore_wish){ .archive = p.archive, .internal = &p.internal, .shown = &shown, .n = 1 }));
	buf_done(&p.shown);
}

static const char *base_archive(const struct view_history *v, size_t from)
{
	for (size_t i = from; i > 0; i--)
		if (!v->h.rows[i - 1].gone)
			return v->h.rows[i - 1].archive;
	return NULL;
}

/* What happened between the row below and this one; on the first row, since the newest archive. */
static void compare(struct view_history *v)
{
	const struct timeline_row *t = selected(v);
	struct buf shown = BUF_INIT;
	const char *first, *name;

	if (t == NULL)
		return;
	first = base_archive(v, t->live ? v->h.n : t->first);
	if (first == NULL || (!t->live && newest_of(v, t)->gone)) {
		console_say(v->view.console, STYLE_NORMAL, first == NULL ? "There is no archive before it to compare with" : "The archive is gone from its store");
		return;
	}
	name = !t->live && newest_of(v, t)->there ? newest_of(v, t)->name : v->h.internal;
	app_history_show(&v->h, name, &shown);
	console_push(v->view.console,
	    view_diff_new(v->view.console, first, t->live ? DIFF_LIVE : newest_of(v, t)->archive, name, buf_text(&shown)));
	buf_done(&shown);
}

static void fold(struct view_history *v)
{
	char *was = selected_archive(v);

	v->unfolded = !v->unfolded;
	lay_out(v, was);
	free(was);
}

static bool request(struct view *view, enum request r)
{
	struct view_history *v = self(view);

	switch ((int)r) {
	case REQUEST_OPEN: open_place(v, view_messages_new); return true;
	case REQUEST_DETAILS: open_place(v, view_details_new); return true;
	case REQUEST_RESTORE: restore(v); return true;
	case REQUEST_DIFF: compare(v); return true;
	case REQUEST_FOLD: fold(v); return true;
	case REQUEST_GO: start_fill(v); return true;
	case REQUEST_RELOAD: reload(v); return true;
	default: return false;
	}
}

/* ---- words ---- */

static void title(struct view *view, struct buf *b)
{
	buf_printf(b, "history of %s", self(view)->shown);
}

static void status(struct view *view, struct buf *b)
{
	const struct view_history *v = self(view);
	const struct app_history *h = &v->h;
	char n[40], first[32], last[32];

	if (v->n == 0) {
		buf_str(b, v->loading ? "asking the catalogue" : "");
		return;
	}
	buf_printf(b, "in %zu of %s, %.10s to %.10s", h->in_archives, str_count(n, sizeof n, h->archives, "archive", "archives"),
	    clock_local(first, sizeof first, h->first), clock_local(last, sizeof last, h->last));
	if (h->vanished != 0)
		buf_printf(b, "; gone since %.10s", clock_local(first, sizeof first, h->vanished));
	if (v->filling)
		buf_str(b, "; taking in archives");
	else if (h->unknown > 0)
		buf_printf(b, "; %zu not in the catalogue yet (y takes in)", h->unknown);
}

static void command(struct view *view, struct buf *b)
{
	add_command(self(view), b);
}

static void empty(struct view *view, struct buf *b)
{
	const struct view_history *v = self(view);

	if (v->loading)
		buf_str(b, "Asking the catalogue ...");
	else if (v->failed.code != ERR_NONE)
		buf_printf(b, "%s.\n%s\n\ny takes in what archives are not in the catalogue yet; r asks again.", v->failed.msg,
		    v->failed.hint);
}

static void add_time(struct text *t, const char *label, int64_t when)
{
	char text[32];

	text_add(t, STYLE_NORMAL, 13, "%-12s %s", label, clock_local(text, sizeof text, when));
}

static void add_row_lines(struct text *t, const struct view_history *v, const struct timeline_row *row)
{
	const struct history_row *r = newest_of(v, row);
	struct buf b = BUF_INIT;
	char size[16];

	text_add(t, STYLE_HEAD, 0, "%s", r->archive);
	text_add(t, r->gone ? STYLE_WARN : STYLE_NORMAL, 13, "%-12s %s%s", "store", r->store, r->gone ? ": gone from it" : "");
	if (row->last > row->first) {
		text_add(t, STYLE_NORMAL, 13, "%-12s %zu that say the same", "archives", row->last - row->first + 1);
		add_time(t, "since", v->h.rows[row->first].when);
	}
	add_time(t, "made", r->when);
	app_history_words(&v->h, row->first, &b);
	if (b.len > 0)
		text_add(t, words_style(&v->h.rows[row->first]), 13, "%-12s %s", "what", buf_text(&b));
	if (r->there) {
		buf_clear(&b);
		app_history_show(&v->h, r->name, &b);
		text_add(t, STYLE_NORMAL, 13, "%-12s %s", "name then", buf_text(&b));
		text_add(t, STYLE_NORMAL, 13, "%-12s %u, %u unread, %s", "messages", r->messages, r->unread,
		    str_size(size, sizeof size, r->bytes));
		text_add(t, STYLE_NORMAL, 13, "%-12s %u", "UIDVALIDITY", r->uidvalidity);
		if (r->uniqueid[0] != '\0')
			text_add(t, STYLE_NORMAL, 13, "%-12s %s", "unique id", r->uniqueid);
	}
	buf_done(&b);
}

static void detail(struct view *view, struct text *t)
{
	struct view_history *v = self(view);
	const struct timeline_row *row = selected(v);
	struct buf b = BUF_INIT;

	if (row == NULL)
		return;
	if (row->live) {
		app_history_live_words(&v->h, &b);
		text_add(t, STYLE_HEAD, 0, "The live server");
		text_add(t, live_style(v->h.live), 13, "%-12s %s", "now", buf_text(&b));
	} else {
		add_row_lines(t, v, row);
	}
	text_add(t, STYLE_NORMAL, 0, "%s", "");
	text_add(t, STYLE_HEAD, 0, "In all archives");
	add_time(t, "first seen", v->h.first);
	add_time(t, "last seen", v->h.last);
	if (v->h.vanished != 0)
		add_time(t, "gone since", v->h.vanished);
	text_add(t, STYLE_NORMAL, 13, "%-12s %zu of %zu", "archives", v->h.in_archives, v->h.archives);
	buf_done(&b);
}

static void shown(struct view *view)
{
	if (self(view)->changes != console_changes(view->console))
		reload(self(view));
}

static void free_view(struct view *view)
{
	struct view_history *v = self(view);

	app_history_done(&v->h);
	free(v->rows);
	free(v->mailbox);
	free(v->shown);
	free(v);
}

static const enum request requests[] = { REQUEST_OPEN, REQUEST_RESTORE, REQUEST_DIFF, REQUEST_FOLD, REQUEST_DETAILS, REQUEST_GO,
	REQUEST_RELOAD, REQUEST_NONE };
static const struct view_ops ops = { .name = "history",
	.about = "One mailbox, archive by archive, the newest first, and what is live now: from the catalogue, so also while stores are away. "
		 "A mailbox that was renamed is followed. IN: so many archives in a row say the same and are one row (z unfolds them); "
		 "+/-: how many messages more than in the row below. WHERE: the archive is here, its store is away, or it is gone "
		 "from it. Enter opens the messages in that archive, R plans to restore from it, d compares with the one before. y takes "
		 "in archives that the catalogue does not know yet.",
	.requests = requests,
	.title = title,
	.status = status,
	.command = command,
	.request = request,
	.empty = empty,
	.detail = detail,
	.shown = shown,
	.free = free_view };

struct view *view_history_new(struct console *c, const char *mailbox, const char *shown_name)
{
	struct view_history *v = mem_alloc(sizeof *v);
	struct buf safe = BUF_INIT;

	str_safe_buf(&safe, shown_name != NULL ? shown_name : mailbox, strlen(shown_name != NULL ? shown_name : mailbox));
	v->view.ops = &ops;
	v->view.console = c;
	v->mailbox = mem_strdup(mailbox);
	v->shown = buf_steal(&safe);
	list_init(&v->view.list, &list_rows, v, columns, sizeof columns / sizeof columns[0]);
	reload(v);
	return &v->view;
}
