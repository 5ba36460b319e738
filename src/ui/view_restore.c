/* view_restore.c: what is to be restored, and the plan: every step in words with its command. Nothing is changed here. */
#include <stdlib.h>
#include <string.h>

#include "app/names.h"
#include "app/words.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"
#include "ui/restore_task.h"
#include "ui/view_restore_priv.h"

static struct view_restore *self(struct view *v)
{
	return (struct view_restore *)v;
}

/* ---- the plan, in a worker ---- */

struct planning {
	struct app *app;
	char *server, *archive;
	char *resume; /* the case that goes on; NULL */
	char *into;   /* as it was typed; NULL */
	struct restore_request request;
	struct restore_plan *plan;
	char **item_names;
};

static void free_names(char **names, size_t n)
{
	for (size_t i = 0; names != NULL && i < n; i++)
		free(names[i]);
	free(names);
}

/* Names are typed as this server shows them. */
static int parse_into(struct planning *p, struct err *e)
{
	struct server *server = NULL;
	char *internal = NULL;
	int rc;

	if (p->into == NULL)
		return 0;
	if (app_server(p->app, p->server, &server, e) == -1)
		return -1;
	rc = mboxname_parse(server->conf, p->into, &internal, e);
	server_free(server);
	p->request.into = internal;
	return rc;
}

static void show_item(
    const struct planning *p, const struct names *names, const struct restore_item *item, struct buf *b)
{
	const char *was = source_mailbox(p->plan->source, item->source_index)->name;

	if (strcmp(was, item->name) != 0) {
		names_show(names, was, b);
		buf_str(b, " as ");
	}
	names_show(names, item->name, b);
}

static int make_plan(struct job *job, void *arg, struct err *e)
{
	struct planning *p = arg;
	struct names names;

	if (p->resume != NULL) {
		if (app_resume_plan(p->app, p->server, p->resume, job, &p->plan, e) == -1)
			return -1;
	} else if (parse_into(p, e) == -1 ||
		   app_plan(p->app, p->server, p->archive, &p->request, job, &p->plan, e) == -1) {
		return -1;
	}
	names_init(&names, p->app, p->server, p->plan->source);
	p->item_names = mem_array(p->plan->n_items + 1, sizeof *p->item_names);
	for (size_t i = 0; i < p->plan->n_items; i++) {
		struct buf b = BUF_INIT;

		show_item(p, &names, &p->plan->items[i], &b);
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
	restore_request_done(&p->request);
	free(p->server);
	free(p->archive);
	free(p->resume);
	free(p->into);
	free(p);
}

static void forget_plan(struct view_restore *r)
{
	free_names(r->item_names, r->plan != NULL ? r->plan->n_items : 0);
	restore_plan_free(r->plan);
	r->item_names = NULL;
	r->plan = NULL;
}

/* The cursor goes where it is wanted, if that is there. */
static void rebuild(struct view_restore *r)
{
	restore_view_write(r);
	list_changed(&r->view.list);
	for (size_t i = 0; i < r->n_actions && r->want.act != ACT_NONE; i++) {
		const struct action *a = &r->actions[i];

		if (a->act != r->want.act || a->value != r->want.value || a->item != r->want.item)
			continue;
		for (size_t k = 0; k < r->text.n_lines; k++)
			if (r->text.lines[k].paragraph == a->paragraph) {
				list_select(&r->view.list, k);
				break;
			}
	}
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
		/* What must be answered is laid open. */
		for (size_t i = 0; i < r->plan->n_items && r->answered == (size_t)-1; i++)
			if (r->plan->items[i].state == STATE_OTHER)
				r->answered = i;
	}
	rebuild(r);
	r->want.act = ACT_NONE;
}

static void command(struct view *v, struct buf *b)
{
	restore_view_command(self(v), b);
}

static void replan(struct view_restore *r)
{
	struct console *c = r->view.console;
	struct planning *p = mem_alloc(sizeof *p);
	struct restore_request q;
	struct buf line = BUF_INIT;

	if (r->planning != NULL)
		console_stop(c, r->planning);
	forget_plan(r);
	err_clear(&r->failed);
	restore_view_request(r, &q);
	*p = (struct planning){ .app = console_app(c),
		.server = mem_strdup(console_server(c)),
		.archive = mem_strdup(r->archive),
		.resume = mem_strdup(r->resume),
		.into = mem_strdup(r->into) };
	restore_request_copy(&p->request, &q);
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

/* ---- what can be chosen ---- */

static void set_mode(struct view_restore *r, enum restore_mode m)
{
	if (m == r->mode)
		return;
	r->mode = m;
	r->answered = (size_t)-1;
	replan(r);
}

static void turn_kind(struct view_restore *r, unsigned bit)
{
	if ((r->kinds ^ bit) == 0) {
		console_say(r->view.console, STYLE_WARN, "At least one kind of state must be chosen");
		return;
	}
	r->kinds ^= bit;
	replan(r);
}

static void set_text(struct view_restore *r, char **to, const char *text)
{
	if (text == NULL)
		return;
	free(*to);
	*to = text[0] != '\0' ? mem_strdup(text) : NULL;
	replan(r);
}

/* Where it goes is told by the one or the other. */
static void to_user_typed(struct view *v, const char *text)
{
	struct view_restore *r = self(v);

	if (text != NULL) {
		free(r->into);
		r->into = NULL;
	}
	set_text(r, &r->to_user, text);
}

static void into_typed(struct view *v, const char *text)
{
	struct view_restore *r = self(v);

	if (text != NULL) {
		free(r->to_user);
		r->to_user = NULL;
	}
	set_text(r, &r->into, text);
}

static void mark_typed(struct view *v, const char *text)
{
	struct view_restore *r = self(v);

	if (text == NULL)
		return;
	if (!restore_mark_is_valid(text)) {
		console_say(v->console, STYLE_BAD, "%s can be no keyword of a message", text);
		return;
	}
	free(r->mark);
	r->mark = mem_strdup(text);
	r->marked = true;
	replan(r);
}

/* What is left are the plan's other mailboxes, by their names. */
static void leave_out(struct view_restore *r, size_t item)
{
	const struct restore_plan *p = r->plan;
	char **internal = mem_array(p->n_items + 1, sizeof *internal),
	     **shown = mem_array(p->n_items + 1, sizeof *shown);
	size_t n = 0;

	for (size_t i = 0; i < p->n_items; i++) {
		if (i == item)
			continue;
		internal[n] = mem_strdup(source_mailbox(p->source, p->items[i].source_index)->name);
		shown[n++] = mem_strndup(r->item_names[i], strcspn(r->item_names[i], " "));
	}
	free_names(r->internal, r->n);
	free_names(r->shown, r->n);
	r->internal = internal;
	r->shown = shown;
	r->n = n;
	r->scope = SCOPE_ONLY;
	memset(r->offers, 0, sizeof r->offers);
	r->answered = (size_t)-1;
	replan(r);
}

/* A plan of its own: what was expunged needs no archive. */
static void take_live(struct view_restore *r, size_t item)
{
	struct console *c = r->view.console;
	char *live = app_archive_of(SOURCE_LIVE, console_server(c));
	const char *internal = r->plan->items[item].name, *shown = r->item_names[item];

	console_push(
	    c, view_restore_new(c,
		   &(struct restore_wish){
		       .archive = live, .internal = &internal, .shown = &shown, .n = 1, .expunged = true }));
	free(live);
}

static void ask(struct view_restore *r, enum act what, bool edit)
{
	struct console *c = r->view.console;

	if (what == ACT_MARK && edit)
		console_ask(c, &r->view, "Mark what is appended with the keyword: ", r->mark, mark_typed);
	else if (what == ACT_TO_USER)
		console_ask(c, &r->view, "To which user (nothing: to the same): ", r->to_user, to_user_typed);
	else if (what == ACT_INTO)
		console_ask(c, &r->view,
		    "Under which name (nothing: its own): ", r->into != NULL ? r->into : r->shown[0],
		    into_typed);
}

static bool choose(struct view_restore *r, bool edit)
{
	const struct action *at = restore_view_action(r);
	struct action a;

	if (at == NULL)
		return true;
	r->want = a = *at;
	switch (a.act) {
	case ACT_SCOPE:
		if (r->scope != (enum scope)a.value) {
			r->scope = (enum scope)a.value;
			r->answered = (size_t)-1;
			replan(r);
		}
		break;
	case ACT_HOW:
		r->unfolded = !r->unfolded;
		rebuild(r);
		break;
	case ACT_ANSWERS:
		r->answered = r->answered == a.item ? (size_t)-1 : a.item;
		rebuild(r);
		break;
	case ACT_MODE: set_mode(r, (enum restore_mode)a.value); break;
	case ACT_ANSWER:
		r->want = (struct action){ .act = ACT_ANSWERS, .item = a.item };
		set_mode(r, (enum restore_mode)a.value);
		break;
	case ACT_KIND: turn_kind(r, (unsigned)a.value); break;
	case ACT_MOVED:
		r->moved = !r->moved;
		replan(r);
		break;
	case ACT_MARK:
		if (!edit) {
			r->marked = !r->marked;
			replan(r);
			break;
		}
		ask(r, a.act, edit);
		break;
	case ACT_TO_USER:
	case ACT_INTO: ask(r, a.act, edit); break;
	case ACT_LEAVE: leave_out(r, a.item); break;
	case ACT_LIVE: take_live(r, a.item); break;
	case ACT_NONE: break;
	}
	return true;
}

/* ---- carrying it out ---- */

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
	w->items = r->item_names;
	w->n_items = r->plan->n_items;
	r->item_names = NULL;
	r->plan = NULL;
	if (r->scope == SCOPE_USER)
		buf_printf(&title, "restore of user %s", r->user);
	else if (r->n == 1 && r->n_picks > 0)
		buf_printf(&title, "restore of %zu messages of %s", r->n_picked, r->shown[0]);
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

/* What is there and gives way: to a mailbox that comes back whole, renamed aside, or as it was set again. ${*n}: how many do. */
static const char *replaced(const struct view_restore *r, size_t *n)
{
	const char *first = NULL;

	*n = 0;
	for (size_t i = 0; i < r->plan->n_items; i++) {
		const struct restore_item *item = &r->plan->items[i];

		if (item->aside_name == NULL && !(item->state == STATE_DAMAGED && item->whole) &&
		    (r->mode != RESTORE_REPLACE || item->state == STATE_ABSENT ||
			item->state == STATE_DELETED_COPY))
			continue;
		if ((*n)++ == 0)
			first = r->item_names[i];
	}
	return first;
}

static void typed(struct view *v, const char *text)
{
	struct view_restore *r = self(v);
	const char *name = NULL;
	size_t n;

	if (text != NULL && r->plan != NULL)
		name = replaced(r, &n);
	if (name != NULL && strcmp(text, name) == 0)
		carry_out(r);
	else
		console_say(v->console, STYLE_NORMAL, "Nothing was changed");
}

static bool go(struct view_restore *r)
{
	struct console *c = r->view.console;
	struct buf question = BUF_INIT;
	const char *name;
	uint64_t boxes = 0;
	size_t n_replaced;
	char n[40], size[16];

	if (!console_may_change(c))
		return true;
	if (r->plan == NULL || r->plan->n_refused > 0 || r->plan->n_steps == 0) {
		console_say(c, STYLE_WARN, "%s",
		    r->planning != NULL ? "The plan is not made yet"
					: "There is nothing that could be carried out");
		return true;
	}
	name = replaced(r, &n_replaced);
	if (name != NULL) {
		if (n_replaced > 1)
			buf_printf(&question, "To replace %zu mailboxes, type %s: ", n_replaced, name);
		else
			buf_printf(&question, "To replace it, type %s: ", name);
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
	case REQUEST_OPEN: return choose(self(v), true);
	case REQUEST_MARK: return choose(self(v), false);
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
	free(r->actions);
	free(r->resume);
	free(r->archive);
	free(r->user);
	for (size_t i = 0; i < r->n_picks; i++) {
		free((void *)(uintptr_t)r->picks[i].mailbox);
		free((void *)(uintptr_t)r->picks[i].ranges);
	}
	free(r->picks);
	free(r->mark);
	free(r->to_user);
	free(r->into);
	free(r);
}

static const enum request requests[] = { REQUEST_GO, REQUEST_MARK, REQUEST_SHOW_COMMAND, REQUEST_RELOAD,
	REQUEST_NONE };
static const struct view_ops ops = { .name = "restore",
	.space = "choose",
	.about =
	    "What will be restored and how, how each mailbox stands on the server now, and the plan, step by "
	    "step, with the command that does the same where there is one. Space turns a choice, and unfolds "
	    "what is marked [+]: the ways to restore, or what else can be done about a mailbox that is there "
	    "with other content; each choice makes a new plan. y carries the plan out, after one more "
	    "question; to replace what is there its name is typed. Until then nothing is changed. Cyrus "
	    "keeps "
	    "running; stopped at any point no live mail is harmed.",
	.requests = requests,
	.title = title,
	.status = status,
	.command = command,
	.request = request,
	.layout = layout,
	.free = free_view };

static void take_picks(struct view_restore *r, const struct restore_wish *wish)
{
	struct restore_pick one = { .mailbox = wish->internal[0] };
	struct export_range *ranges = NULL;
	const struct restore_pick *from = wish->picks;

	r->n_picks = wish->n_picks;
	if (wish->uids != NULL && wish->uids->n > 0) {
		one.ranges = ranges = uids_ranges(wish->uids, &one.n_ranges);
		from = &one;
		r->n_picks = 1;
	}
	r->picks = mem_array(r->n_picks + 1, sizeof *r->picks);
	for (size_t i = 0; i < r->n_picks; i++) {
		r->picks[i] = (struct restore_pick){ .mailbox = mem_strdup(from[i].mailbox),
			.ranges = mem_dup(from[i].ranges, from[i].n_ranges * sizeof *from[i].ranges),
			.n_ranges = from[i].n_ranges };
		for (size_t k = 0; k < from[i].n_ranges; k++)
			r->n_picked += from[i].ranges[k].last - from[i].ranges[k].first + 1;
	}
	free(ranges);
}

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
	r->mark = mem_strdup("$Restored");
	r->kinds = RESTORE_ALL_STATE;
	r->answered = (size_t)-1;
	r->expunged = wish->expunged;
	take_picks(r, wish);
	text_init(&r->text, &r->view.list);
	r->view.list.pager = false;
	text_layout(&r->text, console_columns(c));
	replan(r);
	/* On the first choice; what it leads to follows. */
	for (size_t i = 0; i < r->text.n_lines && r->n_actions > 0; i++)
		if (r->text.lines[i].paragraph == r->actions[0].paragraph) {
			list_select(&r->view.list, i);
			break;
		}
	return &r->view;
}
