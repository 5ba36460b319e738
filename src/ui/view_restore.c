/* view_restore.c: what is to be restored, and the plan: every step in words with its command. Nothing is changed here. */
#include <stdlib.h>
#include <string.h>

#include "app/names.h"
#include "app/words.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"
#include "ui/restore_task.h"
#include "ui/shell.h"
#include "ui/views.h"

enum scope { SCOPE_ONLY, SCOPE_BELOW, SCOPE_USER, SCOPES };

struct view_restore {
	struct view view;
	struct text text;
	char *archive;
	char **internal, **shown;
	size_t n;
	char *user;   /* may be restored as a whole; NULL: not */
	char *resume; /* the case that goes on, or NULL */
	bool offers[SCOPES];
	enum scope scope;
	size_t first_choice; /* paragraph of the first of them */
	struct task *planning;
	struct restore_plan *plan; /* for ${scope}; NULL while it is made */
	char **item_names;         /* of its items, as they are shown */
	struct err failed;         /* code ERR_NONE: planned, or being so */
};

static struct view_restore *self(struct view *v)
{
	return (struct view_restore *)v;
}

/* ---- the plan, in a worker ---- */

struct planning {
	struct app *app;
	char *server, *archive, *user, *resume;
	char **internal;
	size_t n;
	bool recursive;
	struct restore_plan *plan;
	char **item_names;
};

static char **copy_names(char *const *names, size_t n)
{
	char **copy = mem_array(n + 1, sizeof *copy);

	for (size_t i = 0; i < n; i++)
		copy[i] = mem_strdup(names[i]);
	return copy;
}

static void free_names(char **names, size_t n)
{
	for (size_t i = 0; names != NULL && i < n; i++)
		free(names[i]);
	free(names);
}

static int make_plan(struct job *job, void *arg, struct err *e)
{
	struct planning *p = arg;
	struct restore_request request = { .mailboxes = (const char *const *)p->internal,
		.n_mailboxes = p->user == NULL ? p->n : 0,
		.recursive = p->recursive,
		.user = p->user };
	struct names names;

	if ((p->resume != NULL ? app_resume_plan(p->app, p->server, p->resume, job, &p->plan, e)
			       : app_plan(p->app, p->server, p->archive, &request, job, &p->plan, e)) == -1)
		return -1;
	names_init(&names, p->app, p->server, p->plan->source);
	p->item_names = mem_array(p->plan->n_items + 1, sizeof *p->item_names);
	for (size_t i = 0; i < p->plan->n_items; i++) {
		struct buf b = BUF_INIT;

		names_show(&names, p->plan->items[i].name, &b);
		p->item_names[i] = buf_steal(&b);
	}
	names_done(&names);
	return 0;
}

static void free_planning(void *arg)
{
	struct planning *p = arg;

	free_names(p->item_names, p->plan != NULL ? p->plan->n_items : 0);
	restore_plan_free(p->plan);
	free_names(p->internal, p->n);
	free(p->server);
	free(p->archive);
	free(p->user);
	free(p->resume);
	free(p);
}

static void forget_plan(struct view_restore *r)
{
	free_names(r->item_names, r->plan != NULL ? r->plan->n_items : 0);
	restore_plan_free(r->plan);
	r->item_names = NULL;
	r->plan = NULL;
}

/* ---- words ---- */

static void add_choice(struct view_restore *r, enum scope s)
{
	bool on = r->scope == s;

	if (s == SCOPE_USER)
		text_add(&r->text, STYLE_NORMAL, 4,
		    "(%s) the whole user %s: all mailboxes, seen, subscriptions, sieve, quota",
		    on ? "*" : " ", r->user);
	else if (s == SCOPE_BELOW)
		text_add(&r->text, STYLE_NORMAL, 4, "(%s) with everything below", on ? "*" : " ");
	else
		text_add(&r->text, STYLE_NORMAL, 4, "(%s) without what is below", on ? "*" : " ");
}

static void add_heading(struct view_restore *r)
{
	if (r->n == 1)
		text_add(&r->text, STYLE_HEAD, 0, "Restore %s from %s", r->shown[0], r->archive);
	else
		text_add(&r->text, STYLE_HEAD, 0, "Restore %zu mailboxes from %s", r->n, r->archive);
	r->first_choice = r->text.n_paragraphs;
	for (int s = 0; s < SCOPES; s++)
		if (r->offers[s])
			add_choice(r, (enum scope)s);
	text_add(&r->text, STYLE_NORMAL, 0, "%s", "");
}

static enum style style_of(enum mailbox_state s)
{
	return s == STATE_OTHER ? STYLE_BAD : s == STATE_SAME ? STYLE_GOOD : STYLE_WARN;
}

static void add_item(struct view_restore *r, size_t i)
{
	const struct restore_item *item = &r->plan->items[i];
	char size[16], mails[40];

	if (item->state == STATE_SAME)
		text_add(
		    &r->text, STYLE_GOOD, 4, "  %s: %s", r->item_names[i], mailbox_state_name(item->state));
	else
		text_add(&r->text, style_of(item->state), 4, "  %s: %s; %s, %s", r->item_names[i],
		    mailbox_state_name(item->state),
		    str_count(mails, sizeof mails, item->messages, "message", "messages"),
		    str_size(size, sizeof size, item->bytes));
	if (item->deleted_name != NULL)
		text_add(&r->text, STYLE_NORMAL, 6, "      still there as %s", item->deleted_name);
	if (item->why != NULL)
		text_add(&r->text, style_of(item->state), 6, "      %s", item->why);
}

static void add_plan(struct view_restore *r)
{
	const struct restore_plan *p = r->plan;
	char size[16], steps[40];

	text_add(&r->text, STYLE_HEAD, 0, "On the server %s now", console_server_name(r->view.console));
	for (size_t i = 0; i < p->n_items; i++)
		add_item(r, i);
	text_add(&r->text, STYLE_NORMAL, 0, "%s", "");
	for (size_t i = 0; i < p->n_notes; i++)
		text_add(&r->text, STYLE_WARN, 6, "Note: %s", p->notes[i]);
	if (p->n_refused > 0) {
		struct err e = { 0 };

		restore_refusal(p, &e);
		text_add(&r->text, STYLE_BAD, 0, "%s", e.msg);
		text_add(&r->text, STYLE_NORMAL, 0, "%s", e.hint);
		return;
	}
	if (p->n_steps == 0) {
		text_add(&r->text, STYLE_GOOD, 0, "%s", restore_nothing_words(p));
		return;
	}
	text_add(&r->text, STYLE_HEAD, 0, "The plan: %s, %s will be written (y carries it out)",
	    str_count(steps, sizeof steps, p->n_steps, "step", "steps"),
	    str_size(size, sizeof size, p->bytes));
	for (size_t i = 0; i < p->n_steps; i++) {
		text_add(&r->text, STYLE_NORMAL, 5, "%3zu. %s", i + 1, p->steps[i].words);
		if (p->steps[i].command != NULL)
			text_add(&r->text, STYLE_COMMAND, 7, "     $ %s", p->steps[i].command);
	}
}

static void rebuild(struct view_restore *r)
{
	text_clear(&r->text);
	add_heading(r);
	if (r->plan != NULL)
		add_plan(r);
	else if (r->failed.code != ERR_NONE) {
		text_add(&r->text, STYLE_BAD, 0, "%s", r->failed.msg);
		text_add(&r->text, STYLE_NORMAL, 0, "%s", r->failed.hint);
	} else {
		text_add(&r->text, STYLE_DIM, 0, "Comparing the archive with the server ...");
	}
	list_changed(&r->view.list);
	console_dirty(r->view.console);
}

/* ---- planning ---- */

static void planned(struct view *v, struct task *t)
{
	struct view_restore *r = self(v);
	struct planning *p = t->spec.arg;

	/* One for another choice than that of now came too late. */
	if (t != r->planning)
		return;
	r->planning = NULL;
	if (t->rc == -1) {
		r->failed = t->err;
	} else {
		r->plan = p->plan;
		r->item_names = p->item_names;
		p->plan = NULL;
		p->item_names = NULL;
	}
	rebuild(r);
}

static void command(struct view *v, struct buf *b)
{
	struct view_restore *r = self(v);

	shell_begin(b, v->console, "restore");
	if (r->resume != NULL) {
		buf_str(b, " --resume");
		app_command_add(b, r->resume);
		return;
	}
	app_command_add(b, r->archive);
	if (r->scope == SCOPE_USER) {
		buf_str(b, " --user");
		app_command_add(b, r->user);
		return;
	}
	for (size_t i = 0; i < r->n && i < 200; i++)
		app_command_add(b, shell_word(r->internal[i], r->shown[i]));
	if (r->scope == SCOPE_BELOW)
		buf_str(b, " --recursive");
}

static void replan(struct view_restore *r)
{
	struct console *c = r->view.console;
	struct planning *p = mem_alloc(sizeof *p);
	struct buf line = BUF_INIT;

	if (r->planning != NULL)
		console_stop(c, r->planning);
	forget_plan(r);
	err_clear(&r->failed);
	*p = (struct planning){ .app = console_app(c),
		.server = mem_strdup(console_server(c)),
		.archive = mem_strdup(r->archive),
		.user = r->scope == SCOPE_USER ? mem_strdup(r->user) : NULL,
		.resume = mem_strdup(r->resume),
		.internal = copy_names(r->internal, r->n),
		.n = r->n,
		.recursive = r->scope == SCOPE_BELOW };
	command(&r->view, &line);
	buf_str(&line, " --dry-run");
	r->planning = console_start(c, &(struct task_spec){ .title = "plan a restore",
					   .command = buf_text(&line),
					   .run = make_plan,
					   .arg = p,
					   .free_arg = free_planning,
					   .owner = &r->view,
					   .done = planned });
	buf_done(&line);
	rebuild(r);
}

/* ---- what can be asked ---- */

/* The choice on the selected row, or SCOPES. */
static enum scope choice_at(struct view_restore *r)
{
	size_t row, paragraph, at = r->first_choice;

	if (!list_selected(&r->view.list, &row))
		return SCOPES;
	paragraph = r->text.lines[row].paragraph;
	for (int s = 0; s < SCOPES; s++)
		if (r->offers[s] && at++ == paragraph)
			return (enum scope)s;
	return SCOPES;
}

static bool choose(struct view_restore *r)
{
	enum scope s = choice_at(r);

	if (s != SCOPES && s != r->scope) {
		r->scope = s;
		replan(r);
	}
	return true;
}

/* Hands the plan over; the view goes with it. */
static void carry_out(struct view_restore *r)
{
	struct console *c = r->view.console;
	struct restore_work *w = mem_alloc(sizeof *w);
	struct buf title = BUF_INIT, line = BUF_INIT;

	*w = (struct restore_work){ .app = console_app(c),
		.server = mem_strdup(console_server(c)),
		.archive = mem_strdup(r->archive),
		.plan = r->plan,
		.n_steps = r->plan->n_steps,
		.steps = mem_array(r->plan->n_steps, sizeof *w->steps) };
	for (size_t i = 0; i < w->n_steps; i++)
		w->steps[i] = mem_strdup(r->plan->steps[i].words);
	free_names(r->item_names, r->plan->n_items);
	r->item_names = NULL;
	r->plan = NULL;
	if (r->scope == SCOPE_USER)
		buf_printf(&title, "restore of user %s", r->user);
	else if (r->n == 1)
		buf_printf(&title, "restore of %s", r->shown[0]);
	else
		buf_printf(&title, "restore of %zu mailboxes", r->n);
	command(&r->view, &line);
	basket_clear(console_basket(c));
	restore_start(c, w, buf_text(&title), buf_text(&line));
	buf_done(&title);
	buf_done(&line);
}

static void answered(struct view *v, int choice)
{
	if (choice == 1 && self(v)->plan != NULL)
		carry_out(self(v));
	else
		console_say(v->console, STYLE_NORMAL, "Nothing was changed");
}

/* What is there, though damaged, and will be replaced as a whole. */
static const char *replaced(const struct view_restore *r)
{
	for (size_t i = 0; i < r->plan->n_items; i++)
		if (r->plan->items[i].state == STATE_DAMAGED && r->plan->items[i].whole)
			return r->item_names[i];
	return NULL;
}

static void typed(struct view *v, const char *text)
{
	struct view_restore *r = self(v);

	if (text != NULL && r->plan != NULL && replaced(r) != NULL && strcmp(text, replaced(r)) == 0)
		carry_out(r);
	else
		console_say(v->console, STYLE_NORMAL, "Nothing was changed");
}

static bool go(struct view_restore *r)
{
	struct console *c = r->view.console;
	struct buf question = BUF_INIT;
	uint64_t boxes = 0;
	char n[40], size[16];

	if (!console_may_change(c))
		return true;
	if (r->plan == NULL || r->plan->n_refused > 0 || r->plan->n_steps == 0) {
		console_say(c, STYLE_WARN, "%s",
		    r->planning != NULL ? "The plan is not made yet"
					: "There is nothing that could be carried out");
		return true;
	}
	if (replaced(r) != NULL) {
		buf_printf(&question, "What is left of it is replaced. Type %s to go on: ", replaced(r));
		console_ask(c, &r->view, buf_text(&question), NULL, typed);
		buf_done(&question);
		return true;
	}
	for (size_t i = 0; i < r->plan->n_items; i++)
		boxes += r->plan->items[i].state != STATE_SAME;
	buf_printf(&question, "Restore %s, %s, into the running %s?",
	    str_count(n, sizeof n, boxes, "mailbox", "mailboxes"),
	    str_size(size, sizeof size, r->plan->bytes), console_server_name(c));
	console_choose(c, &r->view, buf_text(&question), "cancel restore", answered);
	buf_done(&question);
	return true;
}

static bool request(struct view *v, enum request r)
{
	switch ((int)r) {
	case REQUEST_OPEN:
	case REQUEST_MARK: return choose(self(v));
	case REQUEST_GO: return go(self(v));
	case REQUEST_RELOAD: replan(self(v)); return true;
	case REQUEST_RESTORE:
		console_say(
		    v->console, STYLE_NORMAL, "This is the plan; y carries it out, q leaves all as it is");
		return true;
	default: return false;
	}
}

static void title(struct view *v, struct buf *b)
{
	(void)v;
	buf_str(b, "restore");
}

static void status(struct view *v, struct buf *b)
{
	const struct view_restore *r = self(v);

	if (r->planning != NULL)
		buf_str(b, "planning");
	else if (r->plan == NULL)
		buf_str(b, "no plan");
	else if (r->plan->n_refused > 0)
		buf_str(b, "refused: nothing can be carried out");
	else if (r->plan->n_steps == 0)
		buf_str(b, "nothing to do");
	else
		buf_str(b, "ready: y carries it out; nothing is changed before");
}

static void layout(struct view *v, int columns)
{
	text_layout(&self(v)->text, columns);
}

static void free_view(struct view *v)
{
	struct view_restore *r = self(v);

	forget_plan(r);
	text_done(&r->text);
	free_names(r->internal, r->n);
	free_names(r->shown, r->n);
	free(r->archive);
	free(r->user);
	free(r->resume);
	free(r);
}

static const enum request requests[] = { REQUEST_GO, REQUEST_MARK, REQUEST_SHOW_COMMAND, REQUEST_RELOAD,
	REQUEST_NONE };
static const struct view_ops ops = { .name = "restore",
	.space = "choose",
	.about = "What will be restored, how each mailbox stands on the server now, and the plan, step by "
		 "step, with the command that "
		 "does the same where there is one. Space turns a choice; y carries the plan out, after one "
		 "more question. Until "
		 "then nothing is changed. Cyrus keeps running; stopped at any point no live mail is harmed.",
	.requests = requests,
	.title = title,
	.status = status,
	.command = command,
	.request = request,
	.layout = layout,
	.free = free_view };

struct view *view_restore_new(struct console *c, const struct restore_wish *wish)
{
	struct view_restore *r = mem_alloc(sizeof *r);

	r->view.ops = &ops;
	r->view.console = c;
	r->archive = mem_strdup(wish->archive);
	r->n = wish->n;
	r->internal = mem_array(r->n + 1, sizeof *r->internal);
	r->shown = mem_array(r->n + 1, sizeof *r->shown);
	for (size_t i = 0; i < r->n; i++) {
		r->internal[i] = mem_strdup(wish->internal[i]);
		r->shown[i] = mem_strdup(wish->shown[i]);
	}
	r->user = mem_strdup(wish->user);
	r->resume = mem_strdup(wish->resume);
	r->offers[SCOPE_ONLY] = r->resume == NULL && (wish->below || wish->user != NULL);
	r->offers[SCOPE_BELOW] = r->resume == NULL && wish->below;
	r->offers[SCOPE_USER] = r->resume == NULL && wish->user != NULL;
	r->scope = wish->whole_user && r->user != NULL ? SCOPE_USER
	           : wish->below && !wish->only_it     ? SCOPE_BELOW
	                                               : SCOPE_ONLY;
	text_init(&r->text, &r->view.list);
	r->view.list.pager = false;
	text_layout(&r->text, console_columns(c));
	replan(r);
	/* On the choice that is made; what it leads to follows. */
	for (size_t i = 0; i < r->text.n_lines; i++)
		if (r->text.lines[i].paragraph == r->first_choice &&
		    (r->offers[SCOPE_BELOW] || r->offers[SCOPE_USER]))
			list_select(&r->view.list, i);
	return &r->view;
}
