/* view_find.c: messages found in all archives, and where each is. */
#include <stdlib.h>
#include <string.h>

#include "app/find.h"
#include "app/mails.h"
#include "app/words.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"
#include "ui/take_in.h"
#include "ui/views.h"

/* The worker's. */
struct load {
	struct find_request request;
	char *line;
	struct buf words;
};

struct view_find {
	struct view view;
	char *line; /* what is looked for, as it was typed; NULL: nothing yet */
	bool live;  /* the live server was looked at, or is */
	bool only_missing;
	bool running, asked, filling;
	struct task *task;
	struct find_mail **mails;
	size_t n, cap;
	struct find_counts counts; /* of the last search that came to its end */
	struct err failed;
};

static struct view_find *self(struct view *v)
{
	return (struct view_find *)v;
}

/* ---- rows ---- */

enum { DATE, FROM, SUBJECT, MAILBOX, IN, SIZE, LIVE };

static const struct list_column columns[] = {
	{ "DATE", 10, 0, false, 0 },
	{ "FROM", 12, 2, false, 0 },
	{ "SUBJECT", 14, 4, false, 0 },
	{ "MAILBOX", 14, 2, false, 0 },
	{ "IN", 3, 0, true, 0 },
	{ "SIZE", 5, 0, true, 100 },
	{ "LIVE", 9, 0, false, 0 },
};

static size_t count(void *model)
{
	return ((struct view_find *)model)->n;
}

static enum style live_style(enum find_live l)
{
	static const enum style styles[] = { [FIND_NOT_LOOKED] = STYLE_DIM,
		[FIND_THERE] = STYLE_GOOD,
		[FIND_ELSEWHERE] = STYLE_WARN,
		[FIND_EXPUNGED] = STYLE_WARN,
		[FIND_MISSING] = STYLE_BAD };

	return styles[l];
}

static void cell(void *model, size_t row, size_t column, struct buf *b, enum style *style)
{
	const struct find_mail *mail = ((struct view_find *)model)->mails[row];
	const struct find_place *p = &mail->places[0];
	char text[32];

	switch (column) {
	case DATE: buf_printf(b, "%.10s", clock_local(text, sizeof text, mail->date)); break;
	case FROM: mail_sender(mail->from, b); break;
	case SUBJECT: buf_str(b, mail->subject); break;
	case MAILBOX:
		buf_str(b, p->shown);
		if (mail->n > 1)
			buf_printf(b, " +%zu", mail->n - 1);
		break;
	case IN:
		*style = p->gone ? STYLE_WARN : STYLE_NORMAL;
		buf_printf(b, "%zu", p->n_archives);
		break;
	case SIZE: buf_str(b, str_size(text, sizeof text, mail->size_bytes)); break;
	case LIVE:
		*style = live_style(mail->live);
		buf_str(b, find_live_name(mail->live));
		break;
	default: break;
	}
}

static bool hidden(void *model, size_t row)
{
	const struct view_find *f = model;

	return f->only_missing && (f->mails[row]->live == FIND_THERE || f->mails[row]->live == FIND_NOT_LOOKED);
}

static const struct list_ops rows = { .count = count, .cell = cell, .hidden = hidden };

static const struct find_mail *selected(struct view_find *f)
{
	size_t row;

	return list_selected(&f->view.list, &row) ? f->mails[row] : NULL;
}

/* ---- searching ---- */

static void free_load(void *arg)
{
	struct load *l = arg;

	free(l->line);
	buf_done(&l->words);
	free(l);
}

static void forget(struct view_find *f)
{
	for (size_t i = 0; i < f->n; i++)
		find_mail_free(f->mails[i]);
	f->n = 0;
	f->counts = (struct find_counts){ 0 };
	f->failed.code = ERR_NONE;
	list_moved(&f->view.list, 0);
}

static void took(struct view *v, struct task *t, void *item)
{
	struct view_find *f = self(v);

	if (t != f->task) {
		find_mail_free(item);
		return;
	}
	f->mails = mem_grow(f->mails, &f->cap, f->n + 1, sizeof *f->mails);
	f->mails[f->n++] = item;
	list_changed(&v->list);
}

static void found(struct view *v, struct task *t)
{
	struct view_find *f = self(v);

	if (t != f->task)
		return;
	f->running = false;
	f->task = NULL;
	f->failed = t->err;
	if (t->rc == 0) {
		f->failed.code = ERR_NONE;
		f->counts = ((struct load *)t->spec.arg)->request.counts;
	} else if (f->n > 0) {
		console_fail(v->console, &t->err);
	}
}

static void add_command(struct view_find *f, struct buf *b)
{
	char *line = mem_strdup(f->line != NULL ? f->line : ""), *save = NULL;

	app_command_begin(b, console_app(f->view.console), console_server(f->view.console), "find");
	for (char *word = strtok_r(line, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
		app_command_add(b, word);
	if (f->live)
		app_command_add(b, "--live");
	free(line);
}

/* What another search of this view is doing is nobody's any more. */
static void search(struct view_find *f)
{
	struct load *l = mem_alloc(sizeof *l);
	struct buf command = BUF_INIT;
	struct err e = { 0 };

	l->line = mem_strdup(f->line);
	l->request = (struct find_request){
		.app = console_app(f->view.console), .server = console_server(f->view.console), .live = f->live
	};
	if (find_parse_line(l->line, &l->request, &l->words, &e) == -1) {
		console_fail(f->view.console, &e);
		free_load(l);
		return;
	}
	if (f->task != NULL)
		console_stop(f->view.console, f->task);
	forget(f);
	add_command(f, &command);
	f->task = console_start(f->view.console, &(struct task_spec){ .title = "find messages",
						     .command = buf_text(&command),
						     .run = find_run,
						     .arg = l,
						     .free_arg = free_load,
						     .owner = &f->view,
						     .took = took,
						     .done = found });
	f->running = f->task != NULL;
	buf_done(&command);
}

static void asked(struct view *v, const char *text)
{
	struct view_find *f = self(v);

	if (text == NULL || text[strspn(text, " ")] == '\0')
		return;
	free(f->line);
	f->line = mem_strdup(text);
	f->only_missing = false;
	search(f);
}

static void ask(struct view_find *f)
{
	f->asked = true;
	console_ask(f->view.console, &f->view, "Find: ", f->line, asked);
}

/* ---- what can be asked ---- */

static const struct find_place *selected_place(struct view_find *f)
{
	const struct find_mail *mail = selected(f);

	if (mail == NULL)
		return NULL;
	if (mail->places[0].archive != NULL && !mail->places[0].gone)
		return &mail->places[0];
	console_say(f->view.console, STYLE_WARN,
	    mail->places[0].archive == NULL ? "Only the live server has it: there is nothing to restore"
					    : "The archives that have it are gone from their stores");
	return NULL;
}

static void open_message(struct view_find *f)
{
	const struct find_place *p = selected_place(f);

	if (p != NULL)
		console_push(f->view.console,
		    view_message_new(f->view.console, p->archive, p->mailbox, p->shown, p->uid, NULL));
}

static void restore(struct view_find *f)
{
	const struct find_place *p = selected_place(f);
	const char *internal = p != NULL ? p->mailbox : NULL, *shown = p != NULL ? p->shown : NULL;

	if (p != NULL)
		console_push(f->view.console,
		    view_restore_new(f->view.console,
			&(struct restore_wish){ .archive = p->archive, .internal = &internal, .shown = &shown, .n = 1 }));
}

/* Not looked at the live server: look; then only what it lacks; then all again. */
static void turn_live(struct view_find *f)
{
	if (f->line == NULL)
		return;
	if (!f->live) {
		f->live = true;
		search(f);
		return;
	}
	f->only_missing = !f->only_missing;
	list_changed(&f->view.list);
}

static void filled(struct view *v)
{
	self(v)->filling = false;
	if (self(v)->line != NULL)
		search(self(v));
}

static void start_fill(struct view_find *f)
{
	if (f->filling || (f->line != NULL && !f->running && f->counts.unknown == 0))
		console_say(f->view.console, STYLE_NORMAL,
		    f->filling ? "That is being done" : "All archives are in the catalogue");
	else
		f->filling = ui_take_in(&f->view, filled);
}

static void add_lines(const struct find_mail *mail, struct text *t)
{
	char text[32];

	text_add(t, STYLE_HEAD, 0, "%s", mail->subject[0] != '\0' ? mail->subject : "(no subject)");
	text_add(t, STYLE_NORMAL, 12, "date        %s", clock_local(text, sizeof text, mail->date));
	text_add(t, STYLE_NORMAL, 12, "from        %s", mail->from);
	text_add(t, STYLE_NORMAL, 12, "to          %s", mail->to);
	text_add(t, STYLE_NORMAL, 12, "message-id  %s", mail->message_id);
	text_add(t, STYLE_NORMAL, 12, "size        %s", str_size(text, sizeof text, mail->size_bytes));
	text_add(t, STYLE_NORMAL, 12, "guid        %s", mail->guid);
	if (mail->live != FIND_NOT_LOOKED)
		text_add(t, live_style(mail->live), 12, "live        %s%s%s", find_live_name(mail->live),
		    mail->live_shown != NULL ? ": " : "", mail->live_shown != NULL ? mail->live_shown : "");
	for (size_t i = 0; i < mail->n; i++) {
		const struct find_place *p = &mail->places[i];

		text_add(t, STYLE_NORMAL, 0, "%s", "");
		text_add(t, STYLE_HEAD, 0, "%s, UID %u%s", p->shown, p->uid, p->expunged ? ", expunged" : "");
		if (p->archive == NULL) {
			text_add(t, STYLE_NORMAL, 12, "only on the live server");
			continue;
		}
		text_add(t, p->gone ? STYLE_WARN : STYLE_NORMAL, 12, "newest in   %s%s", p->archive,
		    p->gone ? " (gone from its store)" : "");
		text_add(t, STYLE_NORMAL, 12, "first in    %s", p->first);
		text_add(t, STYLE_NORMAL, 12, "archives    %zu", p->n_archives);
	}
}

static void detail(struct view *v, struct text *t)
{
	const struct find_mail *mail = selected(self(v));

	if (mail != NULL)
		add_lines(mail, t);
}

static void show_details(struct view_find *f)
{
	const struct find_mail *mail = selected(f);
	struct list none = { 0 };
	struct text t;
	struct buf b = BUF_INIT;

	if (mail == NULL)
		return;
	text_init(&t, &none);
	add_lines(mail, &t);
	for (size_t i = 0; i < t.n_paragraphs; i++)
		buf_printf(&b, "%s\n", t.paragraphs[i].s);
	console_push(f->view.console, view_text_new(f->view.console, "found", "message", buf_text(&b)));
	text_done(&t);
	list_done(&none);
	buf_done(&b);
}

static bool request(struct view *v, enum request r)
{
	struct view_find *f = self(v);

	switch ((int)r) {
	case REQUEST_OPEN: open_message(f); return true;
	case REQUEST_FIND: ask(f); return true;
	case REQUEST_LOST: turn_live(f); return true;
	case REQUEST_RESTORE: restore(f); return true;
	case REQUEST_HISTORY:
		if (selected(f) != NULL && selected(f)->n > 0)
			console_push(v->console,
			    view_history_new(v->console, selected(f)->places[0].mailbox, selected(f)->places[0].shown));
		return true;
	case REQUEST_DETAILS: show_details(f); return true;
	case REQUEST_GO: start_fill(f); return true;
	case REQUEST_RELOAD:
		if (f->line != NULL)
			search(f);
		return true;
	default: return false;
	}
}

static void title(struct view *v, struct buf *b)
{
	buf_str(b, "find");
	if (self(v)->line != NULL)
		buf_printf(b, " %s", self(v)->line);
}

static void status(struct view *v, struct buf *b)
{
	const struct view_find *f = self(v);
	char mails[40], archives[40];

	if (f->line == NULL)
		return;
	buf_printf(b, "%s%s", str_count(mails, sizeof mails, f->n, "message", "messages"), f->running ? "; looking" : "");
	if (f->running)
		return;
	if (f->only_missing)
		buf_str(b, ", only those that are not where they were");
	buf_printf(b, ", in %s", str_count(archives, sizeof archives, f->counts.archives, "archive", "archives"));
	if (f->counts.more > 0)
		buf_printf(b, "; %zu older ones left out", f->counts.more);
	if (f->counts.unknown > 0)
		buf_printf(b, "; %s not searched",
		    str_count(archives, sizeof archives, f->counts.unknown, "archive", "archives"));
	if (f->counts.unread > 0)
		buf_printf(b, "; %zu could not be looked into", f->counts.unread);
}

static void empty(struct view *v, struct buf *b)
{
	const struct view_find *f = self(v);

	if (f->running)
		buf_str(b, "Looking ...");
	else if (f->failed.code != ERR_NONE)
		buf_printf(b, "%s%s%s", f->failed.msg, f->failed.hint[0] != '\0' ? "\n\n" : "", f->failed.hint);
	else if (f->line == NULL)
		buf_str(b, "f asks for what to find: words in sender, recipients or subject, and from:anna, to:, subject:invoice, "
			   "id:<message-id>, body:text, mailbox:user/anna*, since:2w, before:2026-11-01.\n\n"
			   "The catalogue answers, for all archives that were taken into it.");
	else
		buf_str(b, "No message fits.");
	if (f->line != NULL && !f->running && f->counts.unknown > 0)
		buf_str(b, "\n\nSome archives are not in the catalogue yet: y takes them in.");
}

static void command(struct view *v, struct buf *b)
{
	if (self(v)->line != NULL)
		add_command(self(v), b);
}

/* Who comes here comes to type. */
static void refresh(struct view *v)
{
	if (self(v)->line == NULL && !self(v)->asked)
		ask(self(v));
}

static void free_view(struct view *v)
{
	struct view_find *f = self(v);

	for (size_t i = 0; i < f->n; i++)
		find_mail_free(f->mails[i]);
	free(f->mails);
	free(f->line);
	free(f);
}

static const enum request requests[] = { REQUEST_OPEN, REQUEST_FIND, REQUEST_LOST, REQUEST_RESTORE, REQUEST_HISTORY,
	REQUEST_DETAILS, REQUEST_GO, REQUEST_RELOAD, REQUEST_NONE };
static const struct view_ops ops = { .name = "find",
	.about = "Messages in all archives, from the catalogue: whether or not their stores can be reached. What is typed: words "
		 "in sender, recipients or subject; from: to: subject: id: body: mailbox: archive: since: before: with what "
		 "stands behind them. IN: how many archives have it there. m looks at the live server too, then shows only "
		 "what is not where it was; R plans a restore of the mailbox; y takes in archives that the catalogue does not know yet.",
	.requests = requests,
	.title = title,
	.status = status,
	.command = command,
	.request = request,
	.empty = empty,
	.detail = detail,
	.refresh = refresh,
	.free = free_view };

struct view *view_find_new(struct console *c, const char *line)
{
	struct view_find *f = mem_alloc(sizeof *f);

	f->view.ops = &ops;
	f->view.console = c;
	list_init(&f->view.list, &rows, f, columns, sizeof columns / sizeof columns[0]);
	if (line != NULL && line[0] != '\0') {
		f->line = mem_strdup(line);
		search(f);
	}
	return &f->view;
}
