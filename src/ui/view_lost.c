/* view_lost.c: what a user has lost between two dates, out of all archives of that time, and its restore. */
#include <stdlib.h>
#include <string.h>

#include "app/find.h"
#include "app/lost.h"
#include "app/mails.h"
#include "app/words.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"
#include "ui/shell.h"
#include "ui/views.h"

/* The worker's. */
struct load {
	struct lost_request request;
	char *server, *user;
};

struct view_lost {
	struct view view;
	char *user;
	char *since, *before; /* as they were typed; before NULL: now; both NULL: not asked yet */
	bool running, asked;
	struct task *task;
	struct lost_mail **mails;
	bool *marked; /* as many */
	size_t n, cap, cap_marked, n_marked;
	struct lost_counts counts; /* of the last search that came to its end */
	struct err failed;
	unsigned changes;
};

static struct view_lost *self(struct view *v)
{
	return (struct view_lost *)v;
}

/* ---- rows ---- */

enum { DATE, FROM, SUBJECT, MAILBOX, SEEN, SIZE, NOW };

static const struct list_column columns[] = {
	{ "DATE", 10, 0, false, 0 },
	{ "FROM", 10, 2, false, 66 },
	{ "SUBJECT", 12, 4, false, 0 },
	{ "MAILBOX", 12, 2, false, 0 },
	{ "LAST IN", 10, 0, false, 76 },
	{ "SIZE", 5, 0, true, 100 },
	{ "NOW", 9, 0, false, 0 },
};

static size_t count(void *model)
{
	return ((struct view_lost *)model)->n;
}

static enum style kept_style(enum lost_kept k)
{
	return k == LOST_EXPUNGED || k == LOST_DELETED ? STYLE_WARN : STYLE_BAD;
}

static void cell(void *model, size_t row, size_t column, struct buf *b, enum style *style)
{
	const struct lost_mail *mail = ((struct view_lost *)model)->mails[row];
	char text[32];

	switch (column) {
	case DATE: buf_printf(b, "%.10s", clock_local(text, sizeof text, mail->date)); break;
	case FROM: mail_sender(mail->from, b); break;
	case SUBJECT: buf_str(b, mail->subject); break;
	case MAILBOX: buf_str(b, mail->shown); break;
	case SEEN: buf_printf(b, "%.10s", clock_local(text, sizeof text, mail->last_seen)); break;
	case SIZE: buf_str(b, str_size(text, sizeof text, mail->size_bytes)); break;
	case NOW:
		*style = kept_style(mail->kept);
		buf_str(b, mail->has_file ? lost_kept_name(mail->kept) : "no file");
		break;
	default: break;
	}
}

static bool marked(void *model, size_t row)
{
	return ((struct view_lost *)model)->marked[row];
}

static const struct list_ops rows = { .count = count, .cell = cell, .marked = marked };

static const struct lost_mail *selected(struct view_lost *l, size_t *row)
{
	return list_selected(&l->view.list, row) ? l->mails[*row] : NULL;
}

/* ---- searching ---- */

static void free_load(void *arg)
{
	struct load *l = arg;

	free(l->server);
	free(l->user);
	free(l);
}

static void forget(struct view_lost *l)
{
	for (size_t i = 0; i < l->n; i++)
		lost_mail_free(l->mails[i]);
	l->n = l->n_marked = 0;
	l->counts = (struct lost_counts){ 0 };
	l->failed.code = ERR_NONE;
	list_moved(&l->view.list, 0);
}

static void took(struct view *v, struct task *t, void *item)
{
	struct view_lost *l = self(v);

	if (t != l->task) {
		lost_mail_free(item);
		return;
	}
	l->mails = mem_grow(l->mails, &l->cap, l->n + 1, sizeof(struct lost_mail *));
	l->marked = mem_grow(l->marked, &l->cap_marked, l->n + 1, sizeof *l->marked);
	l->marked[l->n] = false;
	l->mails[l->n++] = item;
}

static void done(struct view *v, struct task *t)
{
	struct view_lost *l = self(v);

	if (t != l->task)
		return;
	l->running = false;
	l->task = NULL;
	if (t->rc == 0)
		l->counts = ((struct load *)t->spec.arg)->request.counts;
	else
		l->failed = t->err;
	console_dirty(v->console);
}

static void command(struct view *v, struct buf *b)
{
	const struct view_lost *l = self(v);

	shell_begin(b, v->console, "lost");
	app_command_add(b, l->user);
	if (l->since != NULL) {
		app_command_add(b, "--since");
		app_command_add(b, l->since);
	}
	if (l->before != NULL) {
		app_command_add(b, "--before");
		app_command_add(b, l->before);
	}
}

static void search(struct view_lost *l)
{
	struct console *c = l->view.console;
	struct load *load = mem_alloc(sizeof *load);
	struct buf line = BUF_INIT;

	if (l->task != NULL)
		console_stop(c, l->task);
	forget(l);
	load->server = mem_strdup(console_server(c));
	load->user = mem_strdup(l->user);
	load->request =
	    (struct lost_request){ .app = console_app(c), .server = load->server, .user = load->user };
	/* They were looked at when they were typed. */
	find_parse_date(l->since, &load->request.since, NULL);
	if (l->before != NULL)
		find_parse_date(l->before, &load->request.before, NULL);
	command(&l->view, &line);
	l->changes = console_changes(c);
	l->task = console_start(c, &(struct task_spec){ .title = "look for what was lost",
				       .command = buf_text(&line),
				       .run = lost_run,
				       .arg = load,
				       .free_arg = free_load,
				       .owner = &l->view,
				       .took = took,
				       .done = done });
	l->running = l->task != NULL;
	buf_done(&line);
}

/* ---- the two dates ---- */

/* Sets ${*to}, if it is a date; "" is none. */
static bool take_date(struct view_lost *l, char **to, const char *text)
{
	struct err e = { 0 };
	int64_t when;

	if (text[0] != '\0' && find_parse_date(text, &when, &e) == -1) {
		console_fail(l->view.console, &e);
		return false;
	}
	free(*to);
	*to = text[0] != '\0' ? mem_strdup(text) : NULL;
	return true;
}

static void before_typed(struct view *v, const char *text)
{
	struct view_lost *l = self(v);
	int64_t since = 0, before = 0;

	if (text == NULL || !take_date(l, &l->before, text))
		return;
	find_parse_date(l->since, &since, NULL);
	if (l->before != NULL && find_parse_date(l->before, &before, NULL) == 0 && before <= since)
		console_say(v->console, STYLE_WARN, "%s is not behind %s", l->before, l->since);
	else
		search(l);
}

static void since_typed(struct view *v, const char *text)
{
	struct view_lost *l = self(v);

	if (text == NULL || text[0] == '\0' || !take_date(l, &l->since, text))
		return;
	console_ask(v->console, v, "and before (nothing: up to now): ", l->before, before_typed);
}

static void ask_dates(struct view_lost *l)
{
	char *label = mem_printf("What %s has lost, since (2026-11-01, or 2w): ", l->user);

	console_ask(l->view.console, &l->view, label, l->since != NULL ? l->since : "2w", since_typed);
	free(label);
}

/* ---- what can be asked ---- */

static void set_mark(struct view_lost *l, size_t row, bool on)
{
	if (l->marked[row] == on)
		return;
	l->marked[row] = on;
	l->n_marked += on ? 1 : (size_t)-1;
}

static void mark(struct view_lost *l)
{
	size_t row;

	if (selected(l, &row) == NULL)
		return;
	set_mark(l, row, !l->marked[row]);
	list_move(&l->view.list, REQUEST_DOWN);
}

static void mark_all(struct view_lost *l, bool on)
{
	if (list_work(&l->view.list, 50)) {
		console_say(l->view.console, STYLE_WARN, "Not all rows are found yet: once more, please");
		return;
	}
	for (size_t i = 0; i < list_n(&l->view.list); i++)
		set_mark(l, list_row(&l->view.list, i), on);
}

static bool is_wanted(const struct view_lost *l, size_t row)
{
	return (l->n_marked == 0 || l->marked[row]) && l->mails[row]->has_file;
}

static int by_mailbox(const void *a, const void *b)
{
	const struct lost_mail *x = *(const struct lost_mail *const *)a,
			       *y = *(const struct lost_mail *const *)b;
	int c = strcmp(x->mailbox, y->mailbox);

	return c != 0 ? c : x->uid < y->uid ? -1 : x->uid > y->uid;
}

/* Of ${n} messages of ${archive}, sorted, one pick for each mailbox. */
static void restore_these(struct view_lost *l, const char *archive, const struct lost_mail **list, size_t n)
{
	struct restore_pick *picks = mem_array(n + 1, sizeof *picks);
	struct export_range *ranges = mem_array(n + 1, sizeof *ranges);
	const char **internal = mem_array(n + 1, sizeof *internal), **shown = mem_array(n + 1, sizeof *shown);
	size_t boxes = 0;

	for (size_t i = 0; i < n; i++) {
		ranges[i] = (struct export_range){ list[i]->uid, list[i]->uid };
		if (boxes == 0 || strcmp(internal[boxes - 1], list[i]->mailbox) != 0) {
			picks[boxes] =
			    (struct restore_pick){ .mailbox = list[i]->mailbox, .ranges = &ranges[i] };
			internal[boxes] = list[i]->mailbox;
			shown[boxes++] = list[i]->shown;
		}
		picks[boxes - 1].n_ranges++;
	}
	console_push(
	    l->view.console, view_restore_new(l->view.console, &(struct restore_wish){ .archive = archive,
								   .internal = internal,
								   .shown = shown,
								   .n = boxes,
								   .picks = picks,
								   .n_picks = boxes }));
	free(picks);
	free(ranges);
	free(internal);
	free(shown);
}

/* A plan is of one archive: that of the row, if one of its messages is wanted, else that of the first one. */
static void restore(struct view_lost *l)
{
	const struct lost_mail **list = mem_array(l->n + 1, sizeof(struct lost_mail *)), *at;
	const char *archive = NULL;
	size_t n = 0, others = 0, row;

	at = selected(l, &row);
	if (at != NULL && is_wanted(l, row))
		archive = at->archive;
	for (size_t i = 0; i < l->n; i++) {
		if (!is_wanted(l, i))
			continue;
		if (archive == NULL)
			archive = l->mails[i]->archive;
		if (strcmp(archive, l->mails[i]->archive) == 0)
			list[n++] = l->mails[i];
		else
			others++;
	}
	if (n == 0) {
		console_say(l->view.console, STYLE_NORMAL, "There is no message to restore");
	} else {
		qsort(list, n, sizeof(struct lost_mail *), by_mailbox);
		restore_these(l, archive, list, n);
		if (others > 0)
			console_say(l->view.console, STYLE_WARN,
			    "%zu more are in other archives: R again, once this is done", others);
	}
	free(list);
}

static void open_message(struct view_lost *l)
{
	struct buf where = BUF_INIT;
	size_t row;
	const struct lost_mail *m = selected(l, &row);

	if (m == NULL)
		return;
	if (!m->has_file) {
		console_say(l->view.console, STYLE_BAD, "No archive holds the message itself");
		return;
	}
	buf_str(&where, lost_kept_name(m->kept));
	if (m->kept_shown != NULL)
		buf_printf(&where, ": it is still in %s, UID %u", m->kept_shown, m->kept_uid);
	console_push(l->view.console,
	    view_message_new(l->view.console, m->archive, m->mailbox, m->shown, m->uid, buf_text(&where)));
	buf_done(&where);
}

static void add_lines(const struct lost_mail *m, struct text *t)
{
	char text[32];

	text_add(t, STYLE_HEAD, 0, "%s", m->subject[0] != '\0' ? m->subject : "(no subject)");
	text_add(t, STYLE_NORMAL, 12, "date        %s", clock_local(text, sizeof text, m->date));
	text_add(t, STYLE_NORMAL, 12, "from        %s", m->from);
	text_add(t, STYLE_NORMAL, 12, "message-id  %s", m->message_id);
	text_add(t, STYLE_NORMAL, 12, "size        %s", str_size(text, sizeof text, m->size_bytes));
	text_add(t, STYLE_NORMAL, 12, "mailbox     %s, UID %u", m->shown, m->uid);
	text_add(t, STYLE_NORMAL, 12, "last seen   %s, in %s", clock_local(text, sizeof text, m->last_seen),
	    m->archive);
	text_add(t, kept_style(m->kept), 12, "now         %s", lost_kept_name(m->kept));
	if (m->kept_shown != NULL)
		text_add(t, STYLE_NORMAL, 12, "            still in %s, UID %u", m->kept_shown, m->kept_uid);
	if (!m->has_file)
		text_add(t, STYLE_BAD, 12, "            no archive holds the message itself");
}

static void detail(struct view *v, struct text *t)
{
	size_t row;
	const struct lost_mail *m = selected(self(v), &row);

	if (m != NULL)
		add_lines(m, t);
}

static bool request(struct view *v, enum request r)
{
	struct view_lost *l = self(v);

	switch ((int)r) {
	case REQUEST_OPEN: open_message(l); return true;
	case REQUEST_MARK: mark(l); return true;
	case REQUEST_MARK_ALL: mark_all(l, true); return true;
	case REQUEST_UNMARK_ALL: mark_all(l, false); return true;
	case REQUEST_RESTORE: restore(l); return true;
	case REQUEST_BETWEEN: ask_dates(l); return true;
	case REQUEST_RELOAD:
		if (l->since != NULL)
			search(l);
		return true;
	default: return false;
	}
}

static void title(struct view *v, struct buf *b)
{
	buf_printf(b, "lost by %s", self(v)->user);
}

static void status(struct view *v, struct buf *b)
{
	const struct view_lost *l = self(v);
	char n[40], size[16];

	if (l->running) {
		buf_str(b, "looking through the archives of that time, and the server");
		return;
	}
	if (l->counts.archives == 0 || l->failed.code != ERR_NONE)
		return;
	if (l->n_marked > 0)
		buf_printf(b, "%zu marked; ", l->n_marked);
	buf_printf(b, "%s lost, %s, since %s",
	    str_count(n, sizeof n, l->counts.messages, "message", "messages"),
	    str_size(size, sizeof size, l->counts.bytes), l->since);
	if (l->before != NULL)
		buf_printf(b, " before %s", l->before);
	buf_printf(b, "; %s", str_count(n, sizeof n, l->counts.archives, "archive", "archives"));
	if (l->counts.not_listed > 0)
		buf_printf(b, "; %zu are too many to be listed", l->counts.not_listed);
	if (l->counts.unread + l->counts.live_unread > 0)
		buf_printf(b, "; not all could be read: %s", l->counts.unread_why);
}

static void empty(struct view *v, struct buf *b)
{
	const struct view_lost *l = self(v);

	if (l->failed.code != ERR_NONE)
		buf_printf(b, "%s.\n%s\nt asks for other dates.", l->failed.msg, l->failed.hint);
	else if (l->view.list.filter != NULL)
		buf_str(b, "No message matches.");
	else if (l->since == NULL)
		buf_str(b, "t asks between which dates.");
	else if (!l->running && l->counts.archives > 0)
		buf_printf(b,
		    "%s has lost nothing: every message that was in an archive of that time is in one of the "
		    "user's mailboxes.\nt asks for other dates.",
		    l->user);
}

/* The first thing to know is between which dates. */
static void refresh(struct view *v)
{
	struct view_lost *l = self(v);

	if (l->since == NULL && !l->asked) {
		l->asked = true;
		ask_dates(l);
	}
}

/* After a restore less is lost. */
static void shown(struct view *v)
{
	struct view_lost *l = self(v);

	if (l->since != NULL && l->changes != console_changes(v->console))
		search(l);
}

static void free_view(struct view *v)
{
	struct view_lost *l = self(v);

	for (size_t i = 0; i < l->n; i++)
		lost_mail_free(l->mails[i]);
	free(l->mails);
	free(l->marked);
	free(l->user);
	free(l->since);
	free(l->before);
	free(l);
}

static const enum request requests[] = { REQUEST_OPEN, REQUEST_RESTORE, REQUEST_MARK, REQUEST_BETWEEN,
	REQUEST_MARK_ALL, REQUEST_UNMARK_ALL, REQUEST_RELOAD, REQUEST_NONE };
static const struct view_ops ops = { .name = "lost",
	.about =
	    "What a user has lost between two dates: messages that were in one of his mailboxes in an "
	    "archive "
	    "of that time, and are in none of them now. LAST IN is when an archive had it last. NOW: gone, "
	    "expunged (but its file is still kept), deleted (in a mailbox that is DELETED.* now), file lost; "
	    "\"no file\": no archive holds it either. R restores what is marked, without marks all: of one "
	    "archive at a time.",
	.requests = requests,
	.title = title,
	.status = status,
	.command = command,
	.request = request,
	.empty = empty,
	.detail = detail,
	.shown = shown,
	.refresh = refresh,
	.free = free_view };

struct view *view_lost_new(struct console *c, const char *user, const char *since, const char *before)
{
	struct view_lost *l = mem_alloc(sizeof *l);

	l->view.ops = &ops;
	l->view.console = c;
	l->user = mem_strdup(user);
	list_init(&l->view.list, &rows, l, columns, sizeof columns / sizeof columns[0]);
	if (since != NULL && take_date(l, &l->since, since) &&
	    (before == NULL || take_date(l, &l->before, before)))
		search(l);
	return &l->view;
}
