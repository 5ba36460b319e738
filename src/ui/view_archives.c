/* view_archives.c: the start screen: the archives of all stores, the newest first. */
#include <stdlib.h>
#include <string.h>

#include "app/diff.h"
#include "app/words.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"
#include "ui/first_look.h"
#include "ui/shell.h"
#include "ui/views.h"

/* The worker's. */
struct load {
	struct app *app;
	char *server;
	struct job *job;
	struct app_archives list;
	struct app_unfinished unfinished;
};

/* ---- rows ---- */

enum { DATE, AGE, SERVER, SIZE, MAILBOXES, MESSAGES, HEALTH, HELD, STORE, WHERE, NAME };

static const struct list_column columns[] = {
	{ "DATE", 16, 0, false, 0 },
	{ "AGE", 4, 0, true, 66 },
	{ "SERVER", 8, 1, false, 0 },
	{ "SIZE", 5, 0, true, 0 },
	{ "MBOXES", 6, 0, true, 66 },
	{ "MSGS", 7, 0, true, 0 },
	{ "HEALTH", 10, 0, false, 0 },
	{ "HELD", 12, 0, false, 100 },
	{ "STORE", 10, 0, false, 100 },
	{ "WHERE", 6, 0, false, 100 },
	{ "NAME", 30, 2, false, 130 },
};
#define N_COLUMNS (sizeof columns / sizeof columns[0])

struct view_archives {
	struct view view;
	struct app_archives list; /* as it was last read */
	size_t cap;
	bool loaded, loading, again;
	struct err failed; /* why it could not be read; code ERR_NONE: it could */
	struct first_look look;
	struct app_unfinished unfinished;
	struct list_column columns[N_COLUMNS];
	char *comparing; /* the archive that is asked about: with what? */
};

static struct view_archives *self(struct view *v)
{
	return (struct view_archives *)v;
}

static size_t count(void *model)
{
	struct view_archives *a = model;

	return a->list.n + a->list.n_away;
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

static const struct app_archive *selected(struct view_archives *a)
{
	size_t row;

	return list_selected(&a->view.list, &row) && row < a->list.n ? &a->list.list[row] : NULL;
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
static void choose_columns(struct view_archives *a)
{
	bool several = app_conf(console_app(a->view.console))->n_stores > 1, away = a->list.n_away > 0;

	memcpy(a->columns, columns, sizeof columns);
	if (several)
		a->columns[STORE].from = 75;
	if (away)
		a->columns[WHERE].from = 0;
	if (several && away)
		a->columns[MAILBOXES].from = 100;
	if (away) {
		a->columns[AGE].from = 100;
		a->columns[MESSAGES].from = 66;
	}
}

/* ---- reading the list ---- */

static void found(void *arg, const struct app_archive *a, bool looked)
{
	struct load *l = arg;

	(void)looked;
	job_post(l->job, app_archive_copy(a), app_archive_free);
}

static int load(struct job *job, void *arg, struct err *e)
{
	struct load *l = arg;

	job_step(job, "reading the list of archives");
	l->job = job;
	/* That it cannot be read is no reason to show no archives. */
	app_unfinished(l->app, l->server, &l->unfinished, NULL);
	return app_archives_each(l->app, job, found, l, &l->list, e);
}

static void free_load(void *arg)
{
	struct load *l = arg;

	app_archives_done(&l->list);
	app_unfinished_done(&l->unfinished);
	free(l->server);
	free(l);
}

/* While the first list comes in: an archive that is new, or has been looked at. Later lists take the place of the old one as a whole. */
static void took(struct view *v, struct task *t, void *item)
{
	struct view_archives *a = self(v);
	struct app_archive *new = item;
	size_t i = 0;

	(void)t;
	while (
	    !a->loaded && i < a->list.n &&
	    (strcmp(a->list.list[i].name, new->name) != 0 || strcmp(a->list.list[i].store, new->store) != 0))
		i++;
	if (!a->loaded && i == a->list.n) {
		a->list.list = mem_grow(a->list.list, &a->cap, a->list.n + 1, sizeof *a->list.list);
		a->list.list[a->list.n++] = (struct app_archive){ 0 };
	}
	if (!a->loaded) {
		struct app_archive old = a->list.list[i];

		a->list.list[i] = *new;
		*new = old;
	}
	app_archive_free(new);
}

/* The cursor stays on the archive it was on. */
static void replace(struct view_archives *a, struct app_archives *list)
{
	const struct app_archive *was = selected(a);
	char *name = mem_strdup(was != NULL ? was->name : NULL);
	size_t at = 0;

	app_archives_done(&a->list);
	a->list = *list;
	a->cap = a->list.n;
	*list = (struct app_archives){ 0 };
	choose_columns(a);
	for (size_t i = 0; name != NULL && i < a->list.n; i++)
		if (strcmp(a->list.list[i].name, name) == 0)
			at = i;
	list_moved(&a->view.list, at);
	free(name);
}

/* ---- the first minute ---- */

static void took_check(struct view *v, struct task *t, void *item)
{
	(void)t;
	first_look_add(&self(v)->look, item);
}

static void looked(struct view *v, struct task *t)
{
	struct first_look *f = &self(v)->look;

	f->running = false;
	f->done = t->rc == 0;
}

/* Only where there is nothing else to show. */
static void look_around(struct view_archives *a)
{
	if (a->look.running || (a->failed.code != ERR_NONE && a->failed.code != ERR_NOT_FOUND))
		return;
	first_look_free(&a->look);
	a->look.running = checks_start(a->view.console, &a->view, took_check, looked) != NULL;
}

static void tell_unfinished(struct view_archives *a)
{
	const struct app_unfinished_restore *u = &a->unfinished.list[0];
	char n[40], when[32];

	console_say(a->view.console, STYLE_WARN,
	    "A restore of %s from %s%s%s was cut off. R plans what is left of it",
	    str_count(n, sizeof n, u->n, "mailbox", "mailboxes"),
	    u->archive != NULL ? u->archive : "an archive", u->begun != 0 ? ", begun " : "",
	    u->begun != 0 ? clock_local(when, sizeof when, u->begun) : "");
}

static void reload(struct view_archives *a);

static void tell_away(struct view_archives *a, size_t before)
{
	const struct app_store_away *s = &a->list.away[0];

	if (a->list.n > 0 && a->list.n_away > before)
		console_say(a->view.console, STYLE_WARN, "Store %s is away: %s", s->store, s->what);
}

static void loaded(struct view *v, struct task *t)
{
	struct view_archives *a = self(v);
	struct load *l = t->spec.arg;
	size_t n_away = a->list.n_away;

	a->loading = false;
	a->loaded = true;
	a->failed = t->err;
	if (t->rc == 0) {
		a->failed.code = ERR_NONE;
		replace(a, &l->list);
	} else {
		/* That it is gone is another matter than that it is not there yet. */
		if (l->list.n_away > 0 && l->list.away[0].state == STORE_GONE)
			a->failed.code = ERR_SYS;
		if (a->list.n > 0)
			console_fail(v->console, &t->err);
	}
	if (t->rc == 0)
		tell_away(a, n_away);
	if (count(a) == 0)
		look_around(a);
	app_unfinished_done(&a->unfinished);
	a->unfinished = l->unfinished;
	l->unfinished = (struct app_unfinished){ 0 };
	if (a->unfinished.n > 0)
		tell_unfinished(a);
	if (a->again)
		reload(a);
	a->again = false;
}

static void reload(struct view_archives *a)
{
	struct buf command = BUF_INIT;
	struct load *l;

	if (a->loading)
		return;
	l = mem_alloc(sizeof *l);
	l->app = console_app(a->view.console);
	l->server = mem_strdup(console_server(a->view.console));
	shell_begin(&command, a->view.console, "archives");
	a->loading = console_start(a->view.console, &(struct task_spec){ .title = "list archives",
							.command = buf_text(&command),
							.run = load,
							.arg = l,
							.free_arg = free_load,
							.owner = &a->view,
							.took = took,
							.done = loaded }) != NULL;
	buf_done(&command);
}

/* ---- what can be asked ---- */

static const struct app_store_away *selected_store(struct view_archives *a)
{
	size_t row;

	return list_selected(&a->view.list, &row) && row >= a->list.n ? &a->list.away[row - a->list.n] : NULL;
}

static void open_store(struct view_archives *a)
{
	const struct app_store_away *s = selected_store(a);
	char *text;

	if (s == NULL)
		return;
	text = mem_printf("%s\n\n%s\n\nWhat is known of its archives is on the list all the same. r there looks again.", s->what, s->next);
	console_push(a->view.console, view_text_new(a->view.console, "store", s->store, text));
	free(text);
}

static void open_archive(struct view_archives *a)
{
	const struct app_archive *ar = selected(a);

	if (ar == NULL) {
		open_store(a);
		return;
	}
	/* If nobody has looked into it yet, that it cannot be read is seen there. */
	if (ar->looked && !ar->readable) {
		console_say(a->view.console, STYLE_BAD, "%s. cyrvault salvage %s gets out what can be had",
		    ar->why, ar->name);
		return;
	}
	console_push(a->view.console, view_mailboxes_new(a->view.console, ar->name));
}

/* The rest of one that was cut off; there is nothing else to restore on this screen. */
static void restore(struct view_archives *a)
{
	const struct app_unfinished_restore *u = a->unfinished.n > 0 ? &a->unfinished.list[0] : NULL;
	const struct app_archive *ar = selected(a);
	const char *archive;

	if (u == NULL) {
		console_say(a->view.console, STYLE_NORMAL,
		    "Open an archive (Enter), then choose the mailbox to restore");
		return;
	}
	archive = u->archive != NULL ? u->archive : ar != NULL ? ar->name : "latest";
	console_push(a->view.console,
	    view_restore_new(a->view.console, &(struct restore_wish){ .archive = archive,
						  .internal = (const char *const *)u->mailboxes,
						  .shown = (const char *const *)u->mailboxes,
						  .n = u->n,
						  .user = u->user,
						  .whole_user = u->user != NULL }));
}

/* Names for the prompt of what to compare with. */
static void complete_archive(void *arg, const char *typed, struct buf *out)
{
	const struct view_archives *a = arg;

	if (str_starts(DIFF_LIVE, typed))
		buf_str(out, DIFF_LIVE "\n");
	for (size_t i = 0; i < a->list.n; i++)
		if (str_starts(a->list.list[i].name, typed) && strchr(a->list.list[i].name, '\n') == NULL)
			buf_printf(out, "%s\n", a->list.list[i].name);
}

/* The one of that name; NULL: none. */
static const struct app_archive *find_archive(const struct view_archives *a, const char *name)
{
	for (size_t i = 0; i < a->list.n; i++)
		if (strcmp(a->list.list[i].name, name) == 0)
			return &a->list.list[i];
	return NULL;
}

/* The older one is the first. */
static void compare(struct view *v, const char *text)
{
	struct view_archives *a = self(v);
	const struct app_archive *ar = find_archive(a, a->comparing), *other;
	bool turned;

	if (text == NULL || text[strspn(text, " ")] == '\0')
		return;
	other = find_archive(a, text);
	turned = ar != NULL && other != NULL && other->when < ar->when;
	console_push(v->console, view_diff_new(v->console, turned ? text : a->comparing, turned ? a->comparing : text, NULL, NULL));
}

static bool same_server(const struct app_archive *a, const struct app_archive *b)
{
	return a->server != NULL && b->server != NULL && strcmp(a->server, b->server) == 0;
}

/* With the one before it; the newest of its server with the live one. */
static void ask_compare(struct view_archives *a)
{
	const struct app_archive *ar = selected(a), *before = NULL;
	bool newest = true;

	if (ar == NULL)
		return;
	for (size_t i = 0; i < a->list.n; i++) {
		const struct app_archive *o = &a->list.list[i];

		if (o == ar || !same_server(o, ar) || (o->looked && !o->readable))
			continue;
		newest &= o->when < ar->when;
		if (o->when < ar->when && (before == NULL || o->when > before->when))
			before = o;
	}
	free(a->comparing);
	a->comparing = mem_strdup(ar->name);
	console_ask(a->view.console, &a->view, "Compare it with (an archive, or " DIFF_LIVE "): ",
	    newest || before == NULL ? DIFF_LIVE : before->name, compare);
	console_complete(a->view.console, complete_archive, a);
}

static bool request(struct view *v, enum request r)
{
	struct view_archives *a = self(v);

	switch ((int)r) {
	case REQUEST_OPEN: open_archive(a); return true;
	case REQUEST_RELOAD:
		/* What is being read may have been looked at before that which he wants to see. */
		a->again = a->loading;
		reload(a);
		return true;
	case REQUEST_VERIFY:
		if (selected(a) != NULL)
			console_push(v->console, view_verify_new(v->console, selected(a)->name));
		return true;
	case REQUEST_DIFF: ask_compare(a); return true;
	case REQUEST_RESTORE: restore(a); return true;
	default: return false;
	}
}

static void status(struct view *v, struct buf *b)
{
	struct view_archives *a = self(v);
	char n[40];

	if (!a->loaded)
		buf_str(b, "reading the list of archives");
	else
		buf_str(b, str_count(n, sizeof n, a->list.n, "archive", "archives"));
	if (a->failed.code != ERR_NONE && a->list.n > 0)
		buf_str(b, " when last listed, out of reach now (r tries again)");
	if (a->unfinished.n > 0)
		buf_str(b, ", a restore was cut off (R)");
	if (a->list.n_away > 0)
		buf_printf(b, ", %s away (r tries again)",
		    str_count(n, sizeof n, a->list.n_away, "store", "stores"));
}

static void command(struct view *v, struct buf *b)
{
	const struct app_archive *ar = selected(self(v));

	if (ar == NULL) {
		shell_begin(b, v->console, "archives");
		return;
	}
	shell_begin(b, v->console, "mailboxes");
	app_command_add(b, ar->name);
}

static void empty(struct view *v, struct buf *b)
{
	struct view_archives *a = self(v);

	if (!a->loaded)
		return;
	if (a->failed.code != ERR_NONE && a->failed.code != ERR_NOT_FOUND) {
		buf_printf(b, "The archives cannot be listed: %s.\n%s\nr tries again.", a->failed.msg,
		    a->failed.hint);
		return;
	}
	first_look_write(&a->look, v->console, b);
}

static void detail(struct view *v, struct text *t)
{
	const struct app_archive *ar = selected(self(v));
	const struct app_store_away *s = selected_store(self(v));
	char text[32];

	if (s != NULL) {
		text_add(t, STYLE_HEAD, 0, "Store %s is away", s->store);
		text_add(t, STYLE_BAD, 0, "%s", s->what);
		text_add(t, STYLE_NORMAL, 0, "%s", s->next);
	}
	if (ar == NULL)
		return;
	text_add(t, STYLE_HEAD, 0, "%s", ar->name);
	text_add(t, strcmp(ar->where, "away") == 0 ? STYLE_WARN : STYLE_NORMAL, 12, "store       %s (%s)", ar->store, ar->where);
	text_add(t, STYLE_NORMAL, 12, "made        %s", clock_iso(text, sizeof text, ar->when));
	text_add(t, STYLE_NORMAL, 12, "size        %s", str_size(text, sizeof text, ar->size_bytes));
	text_add(t, STYLE_NORMAL, 12, "health      %s", app_archive_health(ar));
	if (ar->readable && ar->kind == ARCHIVE_OURS)
		text_add(t, STYLE_NORMAL, 12, "holds       %llu mailboxes, %llu messages",
		    (unsigned long long)ar->mailboxes, (unsigned long long)ar->messages);
	if (ar->quiesce != NULL)
		text_add(t, STYLE_NORMAL, 12, "held still  by %s, longest %lld ms", ar->quiesce,
		    (long long)ar->longest_hold_ms);
	if (ar->why != NULL)
		text_add(t, STYLE_BAD, 12, "            %s", ar->why);
}

static void shown(struct view *v)
{
	/* A backup may have been taken meanwhile. */
	reload(self(v));
}

static void free_view(struct view *v)
{
	app_unfinished_done(&self(v)->unfinished);
	app_archives_done(&self(v)->list);
	first_look_free(&self(v)->look);
	free(self(v)->comparing);
	free(v);
}

static const enum request requests[] = { REQUEST_OPEN, REQUEST_BACKUP, REQUEST_FIND, REQUEST_HISTORY, REQUEST_DIFF, REQUEST_VERIFY,
	REQUEST_DOCTOR, REQUEST_JOBS, REQUEST_RELOAD, REQUEST_NONE };
static const struct view_ops ops = { .name = "archives",
	.about = "The archives of all stores, the newest first. HEALTH is \"verified\" (whole, and the "
		 "mailboxes were consistent), "
		 "\"findings\" (whole, but something was wrong in the spool), \"unverified\", \"foreign\" (a "
		 "cpio or tar that "
		 "something else made) or \"damaged\" (see cyrvault salvage).",
	.requests = requests,
	.status = status,
	.command = command,
	.request = request,
	.empty = empty,
	.detail = detail,
	.shown = shown,
	.free = free_view };

struct view *view_archives_new(struct console *c)
{
	struct view_archives *a = mem_alloc(sizeof *a);

	a->view.ops = &ops;
	a->view.console = c;
	memcpy(a->columns, columns, sizeof columns);
	list_init(&a->view.list, &rows, a, a->columns, N_COLUMNS);
	choose_columns(a);
	reload(a);
	return &a->view;
}
