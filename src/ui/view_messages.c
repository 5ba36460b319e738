/* view_messages.c: the messages of one mailbox of an archive, and how each stands on the live server. */
#include <stdlib.h>
#include <string.h>

#include "app/diff.h"
#include "app/words.h"
#include "core/mem.h"
#include "core/str.h"
#include "ui/export.h"
#include "ui/shell.h"
#include "ui/view_messages_priv.h"

/* The worker's. */
struct load {
	struct mails_request request;
	char *archive, *internal;
};

static struct view_messages *self(struct view *v)
{
	return (struct view_messages *)v;
}

/* ---- reading ---- */

static void free_load(void *arg)
{
	struct load *l = arg;

	free(l->archive);
	free(l->internal);
	free(l);
}

static void took(struct view *v, struct task *t, void *item)
{
	struct view_messages *m = self(v);
	unsigned changed;

	(void)t;
	if (m->fresh != NULL) {
		mails_take(m->fresh, item);
		return;
	}
	changed = mails_take(m->mails, item);
	if ((changed & MAILS_STATES) != 0 && m->show != SHOW_ALL)
		list_changed(&v->list);
}

/* The cursor stays on the message it was on. */
static void replace(struct view_messages *m)
{
	size_t row;
	const struct mail *was = messages_selected(m, &row);
	size_t at = was == NULL                       ? 0
	            : row < mails_n_archive(m->mails) ? mails_find(m->fresh, was->uid)
	                                              : mails_find_live(m->fresh, was->uid);

	mails_free(m->mails);
	m->mails = m->fresh;
	m->fresh = NULL;
	list_moved(&m->view.list, at);
}

static void loaded(struct view *v, struct task *t)
{
	struct view_messages *m = self(v);

	m->loading = false;
	m->failed = t->err;
	if (t->rc == 0) {
		m->failed.code = ERR_NONE;
		if (m->fresh != NULL)
			replace(m);
	} else if (mails_n(m->mails) > 0) {
		console_fail(v->console, &t->err);
	}
	mails_free(m->fresh);
	m->fresh = NULL;
}

static void add_command(struct view_messages *m, struct buf *b)
{
	shell_mailbox(b, m->view.console, "messages", m->archive, m->internal, m->shown);
	app_command_add(b, "--live");
}

static void reload(struct view_messages *m)
{
	struct load *l;
	struct buf command = BUF_INIT;

	if (m->loading)
		return;
	l = mem_alloc(sizeof *l);
	l->archive = mem_strdup(m->archive);
	l->internal = mem_strdup(m->internal);
	l->request = (struct mails_request){ .app = console_app(m->view.console),
		.server = console_server(m->view.console),
		.archive = l->archive,
		.mailbox = l->internal,
		.live = true };
	if (mails_n(m->mails) > 0)
		m->fresh = mails_new();
	add_command(m, &command);
	m->changes = console_changes(m->view.console);
	m->loading = console_start(m->view.console, &(struct task_spec){ .title = "read the messages",
							.command = buf_text(&command),
							.run = mails_run,
							.arg = l,
							.free_arg = free_load,
							.owner = &m->view,
							.took = took,
							.done = loaded }) != NULL;
	if (!m->loading) {
		mails_free(m->fresh);
		m->fresh = NULL;
	}
	buf_done(&command);
}

/* ---- marks and what is done with them ---- */

/* The archive does not have what is only on the server. */
static bool in_archive(struct view_messages *m, const struct mail *r)
{
	if (r->state == MAIL_ONLY_LIVE)
		console_say(m->view.console, STYLE_WARN,
		    "This message is only on the server: the archive does not have it");
	return r->state != MAIL_ONLY_LIVE;
}

static void mark(struct view_messages *m)
{
	size_t row;
	const struct mail *r = messages_selected(m, &row);

	if (r == NULL || !in_archive(m, r))
		return;
	uids_turn(&m->marks, r->uid);
	list_move(&m->view.list, REQUEST_DOWN);
}

static void mark_all(struct view_messages *m)
{
	if (list_work(&m->view.list, 50)) {
		console_say(m->view.console, STYLE_WARN, "Not all rows are found yet: once more, please");
		return;
	}
	for (size_t i = 0; i < list_n(&m->view.list); i++) {
		size_t row = list_row(&m->view.list, i);

		if (row < mails_n_archive(m->mails))
			uids_append(&m->marks, mails_row(m->mails, row)->uid);
	}
	uids_sort(&m->marks);
}

static void export_to(struct view *v, const char *path)
{
	struct view_messages *m = self(v);
	struct ui_export x = { .archive = m->archive,
		.internal = m->internal,
		.shown = m->shown,
		.uids = &m->marks,
		.path = path };
	struct uids one = { 0 };
	size_t row;
	const struct mail *r = messages_selected(m, &row);

	if (path == NULL)
		return;
	if (m->marks.n == 0) {
		if (r == NULL || !in_archive(m, r))
			return;
		uids_turn(&one, r->uid);
		x.uids = &one;
	}
	ui_export(v->console, v, &x);
	uids_done(&one);
}

static void ask_export(struct view_messages *m)
{
	size_t row;
	const struct mail *r = messages_selected(m, &row);
	char *label, *to, mails[40];

	if (r == NULL && m->marks.n == 0) {
		console_say(m->view.console, STYLE_NORMAL, "There is no message to write");
		return;
	}
	if ((m->marks.n == 0 && !in_archive(m, r)) || !console_may_change(m->view.console))
		return;
	if (m->marks.n > 0)
		label = mem_printf("Write %s to the directory: ",
		    str_count(mails, sizeof mails, m->marks.n, "marked message", "marked messages"));
	else
		label = mem_printf("Write message %u to the directory: ", r->uid);
	to = mem_printf("./%s-export", m->shown);
	for (char *s = to + 2; *s != '\0'; s++)
		if (*s == '/' || *s == '\\')
			*s = '.';
	console_ask(m->view.console, &m->view, label, to, export_to);
	free(label);
	free(to);
}

/* Of the running server itself only what was expunged can be wanted. */
static bool only_expunged(struct view_messages *m)
{
	for (size_t i = 0; i < m->marks.n; i++) {
		size_t at = mails_find(m->mails, m->marks.list[i]);

		if (at == (size_t)-1 || mails_row(m->mails, at)->expunged)
			continue;
		console_say(m->view.console, STYLE_WARN,
		    "Message %u is there: only what was expunged (m) can be restored", m->marks.list[i]);
		return false;
	}
	if (mails_facts(m->mails)->expunged > 0)
		return true;
	console_say(m->view.console, STYLE_NORMAL, "Nothing that was expunged is kept in this mailbox");
	return false;
}

static void restore(struct view_messages *m)
{
	const char *internal = m->internal, *shown = m->shown;
	bool live = app_is_live(m->archive), deleted = mails_facts(m->mails)->deleted;

	if (live && !deleted && !only_expunged(m))
		return;
	console_push(
	    m->view.console, view_restore_new(m->view.console, &(struct restore_wish){ .archive = m->archive,
								   .internal = &internal,
								   .shown = &shown,
								   .n = 1,
								   .uids = &m->marks,
								   .expunged = live && !deleted }));
}

/* ---- what can be asked ---- */

static void open_message(struct view_messages *m)
{
	size_t row;
	const struct mail *r = messages_selected(m, &row);
	struct buf where = BUF_INIT;

	/* It is where its mailbox is, if that has this name there. */
	if (r != NULL && r->state == MAIL_ONLY_LIVE && mails_facts(m->mails)->live_name[0] == '\0') {
		char *live = app_archive_of(SOURCE_LIVE, console_server(m->view.console));

		console_push(m->view.console, view_message_new(m->view.console, live, m->internal, m->shown,
						  r->uid, "only there: the archive does not have it"));
		free(live);
		return;
	}
	if (r == NULL || !in_archive(m, r))
		return;
	if (!r->has_file) {
		console_say(
		    m->view.console, STYLE_BAD, "The archive knows message %u, but does not hold it", r->uid);
		return;
	}
	if (r->state != MAIL_UNCOMPARED)
		mails_live_words(m->mails, row, &where);
	console_push(m->view.console, view_message_new(m->view.console, m->archive, m->internal, m->shown,
					  r->uid, where.len > 0 ? buf_text(&where) : NULL));
	buf_done(&where);
}

static bool request(struct view *v, enum request r)
{
	struct view_messages *m = self(v);

	switch ((int)r) {
	case REQUEST_OPEN: open_message(m); return true;
	case REQUEST_LOST: messages_choose(m, (m->show + 1) % SHOWS); return true;
	case REQUEST_MARK: mark(m); return true;
	case REQUEST_MARK_ALL: mark_all(m); return true;
	case REQUEST_UNMARK_ALL: uids_done(&m->marks); return true;
	case REQUEST_EXPORT: ask_export(m); return true;
	case REQUEST_RESTORE: restore(m); return true;
	case REQUEST_DETAILS:
		console_push(v->console, view_details_new(v->console, m->archive, m->internal, m->shown));
		return true;
	case REQUEST_HISTORY:
		console_push(v->console, view_history_new(v->console, m->internal, m->shown));
		return true;
	case REQUEST_DIFF:
		if (!app_is_live(m->archive))
			console_push(v->console,
			    view_diff_new(v->console, m->archive, DIFF_LIVE, m->internal, m->shown));
		return true;
	case REQUEST_RELOAD: reload(m); return true;
	default: return false;
	}
}

static void title(struct view *v, struct buf *b)
{
	buf_str(b, self(v)->shown);
}

static void command(struct view *v, struct buf *b)
{
	add_command(self(v), b);
}

/* After a restore that was begun from here, what is there is no longer what it was. */
static void shown(struct view *v)
{
	if (self(v)->changes != console_changes(v->console))
		reload(self(v));
}

static void free_view(struct view *v)
{
	struct view_messages *m = self(v);

	mails_free(m->mails);
	mails_free(m->fresh);
	uids_done(&m->marks);
	free(m->archive);
	free(m->internal);
	free(m->shown);
	free(m);
}

static const enum request requests[] = { REQUEST_OPEN, REQUEST_LOST, REQUEST_RESTORE, REQUEST_MARK,
	REQUEST_EXPORT, REQUEST_DETAILS, REQUEST_HISTORY, REQUEST_DIFF, REQUEST_MARK_ALL, REQUEST_UNMARK_ALL,
	REQUEST_RELOAD, REQUEST_NONE };
static const struct view_ops ops = { .name = "messages",
	.about =
	    "The messages of a mailbox of the archive. FLAGS: N not seen by the owner, A answered, F "
	    "flagged, D marked as deleted, d draft, * other keywords, x expunged already when the backup "
	    "was taken. LIVE: how the message stands on the live server, told by its content: the same, "
	    "missing, expunged, its file lost, other flags, other \\Seen, moved to another mailbox of the "
	    "user, or the same under another UID, as after a merge; \"no file\": the archive itself does "
	    "not hold it. Last come those that only the server has. & shows only the rows with such a word. "
	    "Marks are for R, which restores these messages alone, and for e, which writes them to files; "
	    "without marks R restores the mailbox.",
	.requests = requests,
	.title = title,
	.status = messages_status,
	.command = command,
	.request = request,
	.empty = messages_empty,
	.detail = messages_detail,
	.layout = messages_layout,
	.shown = shown,
	.free = free_view };

struct view *view_messages_new(
    struct console *c, const char *archive, const char *internal, const char *shown_name)
{
	struct view_messages *m = mem_alloc(sizeof *m);

	m->view.ops = &ops;
	m->view.console = c;
	m->archive = mem_strdup(archive);
	m->internal = mem_strdup(internal);
	m->shown = mem_strdup(shown_name);
	m->mails = mails_new();
	messages_begin(m);
	reload(m);
	return &m->view;
}
