/* view_restore_words.c: the restore's screen as text: what can be chosen, how each mailbox stands and what is done about it, and the steps. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/str.h"
#include "ui/view_restore_priv.h"

/* The next paragraph does that. */
static void act(struct view_restore *r, enum act what, int value, size_t item)
{
	r->actions = mem_grow(r->actions, &r->cap_actions, r->n_actions + 1, sizeof *r->actions);
	r->actions[r->n_actions++] = (struct action){ r->text.n_paragraphs, what, value, item };
}

const struct action *restore_view_action(const struct view_restore *r)
{
	size_t row;

	if (!list_selected(&r->view.list, &row) || row >= r->text.n_lines)
		return NULL;
	for (size_t i = 0; i < r->n_actions; i++)
		if (r->actions[i].paragraph == r->text.lines[row].paragraph)
			return &r->actions[i];
	return NULL;
}

static const char *radio(bool on)
{
	return on ? "(*)" : "( )";
}

static const char *box(bool on)
{
	return on ? "[x]" : "[ ]";
}

static const char *fold(bool open)
{
	return open ? "[-]" : "[+]";
}

/* ---- choices ---- */

const char *restore_view_mode_words(enum restore_mode m)
{
	switch (m) {
	case RESTORE_DEFAULT: return "append what is missing";
	case RESTORE_IDENTICAL: return "only what is gone or damaged";
	case RESTORE_KEEP_UIDS: return "append what is missing, with its old UIDs";
	case RESTORE_REPLACE: return "replace what is there";
	case RESTORE_BESIDE: return "beside what is there";
	case RESTORE_STATE: return "no message, only state";
	}
	return "";
}

static const char *mode_more(enum restore_mode m)
{
	switch (m) {
	case RESTORE_DEFAULT: return "never twice, nothing that is there changes";
	case RESTORE_IDENTICAL: return "other content is refused";
	case RESTORE_KEEP_UIDS: return "where that is safe";
	case RESTORE_REPLACE: return "as in the archive, state too; newer mail stays";
	case RESTORE_BESIDE: return "it is called NAME.Restored-DATE";
	case RESTORE_STATE: return "of what is there:";
	}
	return "";
}

static const char *kind_words(unsigned i)
{
	static const char *const words[RESTORE_KINDS] = { "answered, flagged, deleted, draft, keywords",
		"what the owner and every other reader has read", "who is subscribed", "rights",
		"notes and settings of the mailbox", "scripts, and which is active", "limits" };

	return words[i];
}

static void add_scope(struct view_restore *r, enum scope s)
{
	const char *on = radio(r->scope == s);

	act(r, ACT_SCOPE, s, 0);
	if (s == SCOPE_USER)
		text_add(&r->text, STYLE_NORMAL, 4,
		    "%s the whole user %s: all mailboxes, seen, subscriptions, sieve, quota", on, r->user);
	else
		text_add(&r->text, STYLE_NORMAL, 4,
		    s == SCOPE_BELOW ? "%s with everything below" : "%s without what is below", on);
}

/* All of how in one line. */
static void add_how(struct view_restore *r)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "%s How: %s", fold(r->unfolded), restore_view_mode_words(r->mode));
	if (r->mode == RESTORE_STATE && r->kinds != RESTORE_ALL_STATE && !r->unfolded)
		for (unsigned i = 0, n = 0; i < RESTORE_KINDS; i++)
			if ((r->kinds & 1u << i) != 0)
				buf_printf(&b, "%s %s", n++ > 0 ? "," : ":", restore_what_name(i));
	if (r->moved && r->mode != RESTORE_STATE)
		buf_str(&b, "; moved ones, too");
	if (r->marked && r->mode != RESTORE_STATE)
		buf_printf(&b, "; marked %s", r->mark);
	if (r->to_user != NULL)
		buf_printf(&b, "; to user %s", r->to_user);
	if (r->into != NULL)
		buf_printf(&b, "; as %s", r->into);
	act(r, ACT_HOW, 0, 0);
	text_add(&r->text, STYLE_NORMAL, 4, "%s%s", buf_text(&b), r->unfolded ? "" : " (Space: other ways)");
	buf_done(&b);
}

static void add_kinds(struct view_restore *r)
{
	for (unsigned i = 0; i < RESTORE_KINDS; i++) {
		act(r, ACT_KIND, (int)(1u << i), 0);
		text_add(&r->text, STYLE_NORMAL, 10, "      %s %s: %s", box((r->kinds & 1u << i) != 0),
		    restore_what_name(i), kind_words(i));
	}
}

static void add_ways(struct view_restore *r)
{
	bool picked = r->n_picks > 0;

	for (int m = RESTORE_DEFAULT; m <= RESTORE_STATE; m++) {
		/* Single messages go into a mailbox, they do not stand for one. */
		if (picked && (m == RESTORE_IDENTICAL || m == RESTORE_REPLACE))
			continue;
		act(r, ACT_MODE, m, 0);
		text_add(&r->text, STYLE_NORMAL, 6, "  %s %s: %s", radio((int)r->mode == m),
		    restore_view_mode_words((enum restore_mode)m), mode_more((enum restore_mode)m));
		if (m == RESTORE_STATE && r->mode == RESTORE_STATE)
			add_kinds(r);
	}
	if (r->mode != RESTORE_STATE) {
		act(r, ACT_MOVED, 0, 0);
		text_add(&r->text, STYLE_NORMAL, 6, "  %s also messages that the user has moved elsewhere",
		    box(r->moved));
		act(r, ACT_MARK, 0, 0);
		text_add(&r->text, STYLE_NORMAL, 6, "  %s mark what is appended: %s (Enter: another keyword)",
		    box(r->marked), r->mark);
	}
	act(r, ACT_TO_USER, 0, 0);
	text_add(&r->text, STYLE_NORMAL, 6, "  %s to another user%s%s", box(r->to_user != NULL),
	    r->to_user != NULL ? ": " : " ...", r->to_user != NULL ? r->to_user : "");
	if (r->n == 1 && r->scope != SCOPE_USER) {
		act(r, ACT_INTO, 0, 0);
		text_add(&r->text, STYLE_NORMAL, 6, "  %s under another name%s%s", box(r->into != NULL),
		    r->into != NULL ? ": " : " ...", r->into != NULL ? r->into : "");
	}
}

static void add_heading(struct view_restore *r)
{
	char n[48];

	if (r->n_picks > 0)
		text_add(&r->text, STYLE_HEAD, 0, "Restore %s of %s%s from %s",
		    str_count(n, sizeof n, r->n_picked, "message", "messages"), r->shown[0],
		    r->n_picks > 1 ? " and other mailboxes" : "", r->archive);
	else if (r->n == 1)
		text_add(&r->text, STYLE_HEAD, 0, "Restore %s from %s", r->shown[0], r->archive);
	else
		text_add(&r->text, STYLE_HEAD, 0, "Restore %zu mailboxes from %s", r->n, r->archive);
	if (r->resume != NULL) {
		text_add(&r->text, STYLE_NORMAL, 0, "What is left to do of the case %s, as it was asked for.",
		    r->resume);
		text_add(&r->text, STYLE_NORMAL, 0, "%s", "");
		return;
	}
	for (int s = 0; s < SCOPES; s++)
		if (r->offers[s])
			add_scope(r, (enum scope)s);
	add_how(r);
	if (r->unfolded)
		add_ways(r);
	text_add(&r->text, STYLE_NORMAL, 0, "%s", "");
}

/* ---- the plan ---- */

static enum style style_of(enum mailbox_state s)
{
	return s == STATE_OTHER ? STYLE_BAD : s == STATE_SAME ? STYLE_GOOD : STYLE_WARN;
}

/* What is done about what stands in the way. */
static void add_answer(struct view_restore *r, const struct restore_item *item, struct buf *b)
{
	if (item->state == STATE_OTHER)
		buf_str(b, "refused");
	else if (item->aside_name != NULL)
		buf_printf(b, "it is renamed to %s, and its newer mail carried over", item->aside_name);
	else if (r->mode == RESTORE_REPLACE)
		buf_str(b, "as in the archive: what it lacks, flags and state; newer mail stays");
	else if (r->mode == RESTORE_KEEP_UIDS && item->merge != NULL && item->merge->keep)
		buf_str(b, "append what it lacks, with its old UIDs");
	else
		buf_str(b, "append what it lacks, under new UIDs");
}

static void add_answers(struct view_restore *r, size_t i)
{
	static const enum restore_mode modes[] = { RESTORE_DEFAULT, RESTORE_KEEP_UIDS, RESTORE_REPLACE,
		RESTORE_BESIDE, RESTORE_IDENTICAL };
	const char *all = r->plan->n_items > 1 ? " (this holds for all)" : "";
	const struct restore_item *item = &r->plan->items[i];

	for (size_t k = 0; k < sizeof modes / sizeof *modes; k++) {
		if (r->n_picks > 0 && (modes[k] == RESTORE_REPLACE || modes[k] == RESTORE_IDENTICAL))
			continue;
		act(r, ACT_ANSWER, modes[k], i);
		text_add(&r->text, STYLE_NORMAL, 12, "        %s %s%s", radio(r->mode == modes[k]),
		    restore_view_mode_words(modes[k]), all);
	}
	if (r->n == 1 && r->scope != SCOPE_USER) {
		act(r, ACT_INTO, 0, i);
		text_add(&r->text, STYLE_NORMAL, 12, "        ( ) under another name ...");
	}
	if (item->merge != NULL && item->merge->kept > 0 && !app_is_live(r->archive)) {
		act(r, ACT_LIVE, 0, i);
		text_add(&r->text, STYLE_NORMAL, 12,
		    "        ( ) from the server itself, which still keeps %zu of them", item->merge->kept);
	}
	if (r->plan->n_items > 1 && r->scope != SCOPE_USER) {
		act(r, ACT_LEAVE, 0, i);
		text_add(&r->text, STYLE_NORMAL, 12, "        ( ) leave it out");
	}
}

static bool is_conflict(const struct view_restore *r, const struct restore_item *item)
{
	return r->mode != RESTORE_STATE && r->resume == NULL &&
	       (item->state == STATE_DIFFERS || item->state == STATE_OTHER || item->aside_name != NULL);
}

static void add_conflict(struct view_restore *r, size_t i)
{
	const struct restore_item *item = &r->plan->items[i];
	bool open = r->answered == i;
	struct buf b = BUF_INIT;

	if (!is_conflict(r, item))
		return;
	add_answer(r, item, &b);
	act(r, ACT_ANSWERS, 0, i);
	text_add(&r->text, style_of(item->state), 10, "      %s Answer: %s%s", fold(open), buf_text(&b),
	    open ? "" : " (Space: others)");
	if (open)
		add_answers(r, i);
	buf_done(&b);
}

static void add_item(struct view_restore *r, size_t i)
{
	const struct restore_item *item = &r->plan->items[i];
	char size[16], mails[40];

	if (item->state == STATE_SAME || r->mode == RESTORE_STATE)
		text_add(&r->text, style_of(item->state), 4, "  %s: %s", r->item_names[i],
		    r->mode == RESTORE_STATE && item->state != STATE_OTHER ? "its state is compared"
									   : mailbox_state_name(item->state));
	else
		text_add(&r->text, style_of(item->state), 4, "  %s: %s; %s, %s", r->item_names[i],
		    mailbox_state_name(item->state),
		    str_count(mails, sizeof mails, item->messages, "message", "messages"),
		    str_size(size, sizeof size, item->bytes));
	if (item->deleted_name != NULL)
		text_add(&r->text, STYLE_NORMAL, 6, "      still there as %s", item->deleted_name);
	if (item->why != NULL)
		text_add(&r->text, style_of(item->state), 6, "      %s", item->why);
	add_conflict(r, i);
}

static void add_steps(struct view_restore *r)
{
	const struct restore_plan *p = r->plan;
	char size[16], steps[40];

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

static void add_plan(struct view_restore *r)
{
	const struct restore_plan *p = r->plan;

	text_add(&r->text, STYLE_HEAD, 0, "On the server %s now", console_server_name(r->view.console));
	for (size_t i = 0; i < p->n_items; i++)
		add_item(r, i);
	text_add(&r->text, STYLE_NORMAL, 0, "%s", "");
	for (size_t i = 0; i < p->n_notes; i++)
		text_add(&r->text, STYLE_WARN, 6, "Note: %s", p->notes[i]);
	add_steps(r);
}

void restore_view_write(struct view_restore *r)
{
	text_clear(&r->text);
	r->n_actions = 0;
	add_heading(r);
	if (r->plan != NULL) {
		add_plan(r);
	} else if (r->failed.code != ERR_NONE) {
		text_add(&r->text, STYLE_BAD, 0, "%s", r->failed.msg);
		text_add(&r->text, STYLE_NORMAL, 0, "%s", r->failed.hint);
	} else {
		text_add(&r->text, STYLE_DIM, 0, "Comparing the archive with the server ...");
	}
}
