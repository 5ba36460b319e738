/* view_archives.c: the start screen: the archives of all stores, the newest first. */
#include <stdlib.h>
#include <string.h>

#include "app/diff.h"
#include "app/words.h"
#include "core/mem.h"
#include "core/str.h"
#include "ui/archive_words.h"
#include "ui/shell.h"
#include "ui/start_status.h"
#include "ui/view_archives_priv.h"

#define CASES_SHOWN 2 /* in the banner */

static struct view_archives *self(struct view *v)
{
	return (struct view_archives *)v;
}

/* ---- what can be asked ---- */

static void open_store(struct view_archives *a)
{
	const struct app_store_away *s = archives_selected_store(a);
	char *text;

	if (s == NULL)
		return;
	text = mem_printf(
	    "%s\n\n%s\n\nWhat is known of its archives is on the list all the same. r there looks again.",
	    s->what, s->next);
	console_push(a->view.console, view_text_new(a->view.console, "store", s->store, text));
	free(text);
}

static void open_archive(struct view_archives *a)
{
	const struct app_archive *ar = archives_selected(a);
	char *live;

	if (archives_selected_live(a)) {
		live = app_archive_of(SOURCE_LIVE, console_server(a->view.console));
		console_push(a->view.console, view_mailboxes_new(a->view.console, live));
		free(live);
		return;
	}
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

	if (u == NULL) {
		console_say(a->view.console, STYLE_NORMAL,
		    "Open an archive (Enter), then choose the mailbox to restore");
		return;
	}
	console_push(a->view.console,
	    view_restore_new(a->view.console, &(struct restore_wish){ .archive = u->archive,
						  .internal = (const char *const *)u->mailboxes,
						  .shown = (const char *const *)u->mailboxes,
						  .n = u->n,
						  .user = u->user,
						  .whole_user = u->user != NULL,
						  .resume = u->id }));
}

/* Or it is taken back. */
static void undo(struct view_archives *a)
{
	if (a->unfinished.n > 0)
		console_push(a->view.console, view_undo_new(a->view.console, a->unfinished.list[0].id));
	else
		console_say(a->view.console, STYLE_NORMAL, "No restore is in progress; c shows those there were");
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
	console_push(v->console, view_diff_new(v->console, turned ? text : a->comparing,
				     turned ? a->comparing : text, NULL, NULL));
}

static bool same_server(const struct app_archive *a, const struct app_archive *b)
{
	return a->server != NULL && b->server != NULL && strcmp(a->server, b->server) == 0;
}

/* With the one before it; the newest of its server with the live one. */
static void ask_compare(struct view_archives *a)
{
	const struct app_archive *ar = archives_selected(a), *before = NULL;
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
		archives_reload(a);
		return true;
	case REQUEST_VERIFY:
		if (archives_selected(a) != NULL)
			console_push(v->console, view_verify_new(v->console, archives_selected(a)->name));
		return true;
	case REQUEST_DETAILS:
	case REQUEST_PROTECT:
		if (archives_selected(a) != NULL)
			console_push(v->console, view_archive_new(v->console, archives_selected(a),
						     archives_selected_why(a), r == REQUEST_PROTECT));
		else if (r == REQUEST_DETAILS)
			open_store(a);
		return true;
	case REQUEST_DIFF: ask_compare(a); return true;
	case REQUEST_RESTORE: restore(a); return true;
	case REQUEST_UNDO: undo(a); return true;
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
	const struct app_archive *ar = archives_selected(self(v));

	if (archives_selected_live(self(v))) {
		shell_begin(b, v->console, "mailboxes");
		app_command_add(b, SOURCE_LIVE);
		return;
	}
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
	const struct app_archive *ar = archives_selected(self(v));
	const struct app_store_away *s = archives_selected_store(self(v));

	if (s != NULL) {
		text_add(t, STYLE_HEAD, 0, "Store %s is away", s->store);
		text_add(t, STYLE_BAD, 0, "%s", s->what);
		text_add(t, STYLE_NORMAL, 0, "%s", s->next);
	}
	if (archives_selected_live(self(v))) {
		text_add(t, STYLE_HEAD, 0, "The running server %s", console_server_name(v->console));
		text_add(t, STYLE_NORMAL, 0,
		    "What was deleted or expunged lately is often still there: Cyrus keeps deleted mailboxes "
		    "as "
		    "DELETED.*, and the files of expunged messages, until cyr_expire removes them. Enter "
		    "shows "
		    "them; they are restored from there as from an archive.");
	}
	if (ar == NULL)
		return;
	archive_write(t, console_app(v->console), ar, archives_selected_why(self(v)));
}

static void banner(struct view *v, struct text *t)
{
	struct view_archives *a = self(v);
	char n[48];

	/* Where there is nothing yet, that is said below. Archives that this host has not seen before may still come. */
	if (a->list.n + a->list.n_away > 0 &&
	    (a->loaded || (a->standing.n_servers > 0 && a->standing.servers[0].archive != NULL)))
		start_status_write(&a->standing, t);
	for (size_t i = 0; i < a->unfinished.n && i < CASES_SHOWN; i++) {
		const struct app_unfinished_restore *u = &a->unfinished.list[i];

		text_add(t, STYLE_WARN, -1, "Case in progress: %s, %s from %s%s", u->id,
		    str_count(n, sizeof n, u->n, "mailbox is not done", "mailboxes are not done"), u->archive,
		    i > 0 ? "" : " (R goes on, u undoes)");
	}
	if (a->unfinished.n > CASES_SHOWN)
		text_add(t, STYLE_WARN, -1, "and %zu more cases in progress: c shows them",
		    a->unfinished.n - CASES_SHOWN);
}

static void shown(struct view *v)
{
	/* A backup may have been taken meanwhile. */
	archives_reload(self(v));
}

static void free_view(struct view *v)
{
	app_unfinished_done(&self(v)->unfinished);
	app_archives_done(&self(v)->list);
	first_look_free(&self(v)->look);
	app_status_done(&self(v)->standing);
	free(self(v)->whys);
	free(self(v)->comparing);
	free(v);
}

static const enum request requests[] = { REQUEST_OPEN, REQUEST_BACKUP, REQUEST_FIND, REQUEST_HISTORY,
	REQUEST_DIFF, REQUEST_VERIFY, REQUEST_PROTECT, REQUEST_ROTATION, REQUEST_TAPES, REQUEST_CASES, REQUEST_DETAILS,
	REQUEST_DOCTOR, REQUEST_JOBS, REQUEST_RELOAD, REQUEST_NONE };
static const struct view_ops ops = { .name = "archives",
	.about = "The running server, for what was deleted or expunged there and is still kept; then the "
	         "archives of all stores, the newest first. HEALTH is \"verified\" (whole, and the "
		 "mailboxes were consistent), "
		 "\"findings\" (whole, but something was wrong in the spool), \"unverified\", \"foreign\" (a "
		 "cpio or tar that "
		 "something else made) or \"damaged\" (see cyrvault salvage). KEEP is \"yes\" for what P has "
		 "protected from "
		 "removal, \"goes\" for what the next rotation removes, \"tape\" for what waits for its tape "
		 "first.",
	.requests = requests,
	.status = status,
	.command = command,
	.request = request,
	.empty = empty,
	.banner = banner,
	.detail = detail,
	.shown = shown,
	.free = free_view };

struct view *view_archives_new(struct console *c)
{
	struct view_archives *a = mem_alloc(sizeof *a);

	a->view.ops = &ops;
	a->view.console = c;
	archives_rows_init(a);
	archives_reload(a);
	return &a->view;
}
