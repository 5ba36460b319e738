/* view_backup.c: take a backup: what with and where to, how far it is, what came of it.
 *
 * The job outlives the screen, and all that it needs and yields is its argument's; the screen only shows it. */
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"
#include "ui/backup_rows.h"
#include "ui/backup_task.h"
#include "ui/checks.h"
#include "ui/sheet.h"
#include "ui/views.h"

enum { VERIFY, LEVEL, DRY_RUN, N_CHOICES };

struct view_backup {
	struct view view;
	struct sheet sheet;
	struct backup_opts opts;
	struct backup_outlook *outlook; /* NULL: not known */
	struct err blind;               /* why it is not; code ERR_NONE: it is being looked for */
	struct check **checks;
	size_t n_checks, cap_checks;
	unsigned counts[3];
	bool looking, checking;
	unsigned job;  /* the number of the task that is shown; 0: choosing yet */
	bool reported; /* its report is in the sheet */
	bool follows;  /* the cursor stays on what is being done */
	size_t doing;  /* the row of that */
};

static const char *const levels[] = {
	[LEVEL_DEFAULT] = "default", [LEVEL_FAST] = "fast", [LEVEL_STORE] = "store"
};

static struct view_backup *self(struct view *v)
{
	return (struct view_backup *)v;
}

static const struct list_column columns[] = {
	{ "", 8, 0, false, 0 },
	{ "", 15, 1, false, 0 },
	{ "", 32, 5, false, 0 },
};

static struct view *open_job(struct console *c, struct task *t);

static struct task *job_of(const struct view_backup *v)
{
	return v->job != 0 ? backup_find(v->view.console, v->job) : NULL;
}

static void show_job(struct view_backup *v, unsigned number)
{
	v->job = number;
	v->reported = false;
	v->follows = true;
	v->doing = 0;
	sheet_clear(&v->sheet);
	list_moved(&v->view.list, 0);
}

static void start(struct view_backup *v)
{
	struct task *t = backup_start(v->view.console, &v->opts, open_job);

	if (t != NULL)
		show_job(v, t->number);
}

/* ---- choosing ---- */

static void write_outlook(struct view_backup *v)
{
	const struct conf_server *server =
	    conf_find_server(app_conf(console_app(v->view.console)), console_server(v->view.console), NULL);

	if (v->outlook != NULL)
		backup_rows_outlook(&v->sheet, v->outlook, server);
	else if (v->blind.code != ERR_NONE)
		sheet_add(
		    &v->sheet, STYLE_BAD, check_word(DOCTOR_FAIL), "snapshot", v->blind.msg, v->blind.hint);
}

static void write_choices(struct view_backup *v)
{
	const struct backup_opts *o = &v->opts;
	struct sheet *s = &v->sheet;

	sheet_clear(s);
	sheet_add(s, STYLE_KEY, o->verify_all ? "[x]" : "[ ]", "read back",
	    "read the whole archive afterwards and check it",
	    "without it the end mark and the index are read back");
	sheet_add(s, STYLE_KEY, levels[o->level], "compression", "default; fast; store: none at all",
	    "fast takes less time and more room");
	sheet_add(s, STYLE_KEY, o->dry_run ? "[x]" : "[ ]", "trial run",
	    "look, check and count, but write nothing", NULL);
	write_outlook(v);
	for (size_t i = 0; i < v->n_checks; i++) {
		const struct check *k = v->checks[i];

		sheet_add(s, check_style(k->state), check_word(k->state), k->subject, k->what, k->next);
	}
	list_changed(&v->view.list);
}

static void took(struct view *view, struct task *t, void *item)
{
	struct view_backup *v = self(view);
	struct check *k = item;

	(void)t;
	v->checks = mem_grow(v->checks, &v->cap_checks, v->n_checks + 1, sizeof(struct check *));
	v->checks[v->n_checks++] = k;
	v->counts[k->state]++;
	if (v->job == 0)
		write_choices(v);
}

static void checked(struct view *v, struct task *t)
{
	self(v)->checking = false;
	if (t->rc == -1 && !t->cancelled)
		console_fail(v->console, &t->err);
}

static void took_outlook(struct view *v, struct task *t, void *item)
{
	(void)t;
	outlook_free(self(v)->outlook);
	self(v)->outlook = item;
}

static void looked(struct view *view, struct task *t)
{
	struct view_backup *v = self(view);

	v->looking = false;
	if (t->rc == -1 && !t->cancelled)
		v->blind = t->err;
	if (v->job == 0)
		write_choices(v);
}

static void forget_checks(struct view_backup *v)
{
	for (size_t i = 0; i < v->n_checks; i++)
		check_free(v->checks[i]);
	v->n_checks = 0;
	memset(v->counts, 0, sizeof v->counts);
}

/* The choices, and what is known of the server before it is begun. */
static void prepare(struct view_backup *v)
{
	v->job = 0;
	if (!v->checking) {
		forget_checks(v);
		v->checking = checks_start(v->view.console, &v->view, took, checked) != NULL;
	}
	if (!v->looking) {
		outlook_free(v->outlook);
		v->outlook = NULL;
		v->blind.code = ERR_NONE;
		v->looking = outlook_start(v->view.console, &v->view, took_outlook, looked) != NULL;
	}
	write_choices(v);
	list_moved(&v->view.list, 0);
}

static void turn(struct view_backup *v)
{
	size_t row;

	if (!list_selected(&v->view.list, &row) || v->job != 0)
		return;
	switch (row) {
	case VERIFY: v->opts.verify_all = !v->opts.verify_all; break;
	case LEVEL:
		v->opts.level = v->opts.level == LEVEL_DEFAULT ? LEVEL_FAST
		                : v->opts.level == LEVEL_FAST  ? LEVEL_STORE
		                                               : LEVEL_DEFAULT;
		break;
	case DRY_RUN: v->opts.dry_run = !v->opts.dry_run; break;
	default: return;
	}
	write_choices(v);
}

/* ---- what it does, and what came of it ---- */

static void write_running(struct view_backup *v, const struct task *t)
{
	struct backup_work *w = backup_of(t);
	struct backup_pace pace = { .dry_run = w->opts.dry_run,
		.verify_all = w->opts.verify_all,
		.now_ms = clock_monotonic_ms(),
		.rate = t->meter.rate };
	struct backup_sight sight;

	job_get_progress(t->job, &pace.progress);
	backup_watch_look(&w->watch, &sight);
	v->doing = backup_rows_running(&v->sheet, &sight, &pace);
	backup_sight_done(&sight);
}

static void write_report(struct view_backup *v, const struct task *t)
{
	struct backup_work *w = backup_of(t);
	struct sheet *s = &v->sheet;
	bool stopped = t->cancelled || t->err.code == ERR_CANCELLED;
	struct backup_sight sight;

	backup_watch_look(&w->watch, &sight);
	if (t->rc == 0) {
		backup_rows_report(s, &w->result, &sight);
	} else {
		sheet_add(s, stopped ? STYLE_WARN : STYLE_BAD, stopped ? "stopped" : "failed", "", t->err.msg,
		    t->err.hint);
		sheet_add(s, STYLE_NORMAL, "", "archive", "none: nothing of it is left in the store", NULL);
		backup_rows_stages(s, &sight);
	}
	backup_sight_done(&sight);
	v->reported = true;
	w->seen = true;
}

static void refresh(struct view *view)
{
	struct view_backup *v = self(view);
	const struct task *t = job_of(v);

	if (t == NULL || v->reported)
		return;
	/* Whoever has moved the cursor looks at something. */
	v->follows &= v->sheet.n == 0 || view->list.cursor == v->doing;
	sheet_clear(&v->sheet);
	if (task_running(t))
		write_running(v, t);
	else
		write_report(v, t);
	list_moved(&view->list, v->reported ? 0 : v->follows ? v->doing : view->list.cursor);
}

/* ---- what can be asked ---- */

static bool stop(struct view_backup *v)
{
	struct task *t = job_of(v);

	if (t == NULL || !task_running(t))
		return false;
	console_stop(v->view.console, t);
	console_say(
	    v->view.console, STYLE_WARN, "%s stops at its next safe point; nothing of it stays", t->title);
	return true;
}

static bool request(struct view *view, enum request r)
{
	struct view_backup *v = self(view);

	switch ((int)r) {
	case REQUEST_OPEN:
	case REQUEST_MARK: {
		size_t row;

		if (v->job == 0 && list_selected(&view->list, &row) && row < N_CHOICES)
			turn(v);
		else if (r == REQUEST_OPEN)
			sheet_open(view->console, &v->sheet, &view->list, "line");
		return true;
	}
	case REQUEST_DETAILS: sheet_open(view->console, &v->sheet, &view->list, "line"); return true;
	case REQUEST_GO:
		if (v->job == 0)
			start(v);
		else
			console_say(view->console, STYLE_NORMAL, "%s",
			    v->reported ? "It has ended: r prepares another one" : "It is running");
		return true;
	case REQUEST_RELOAD:
		if (v->job == 0 || v->reported)
			prepare(v);
		return true;
	case REQUEST_STOP: return stop(v);
	default: return false;
	}
}

static void title(struct view *v, struct buf *b)
{
	(void)v;
	buf_str(b, "backup");
}

static void status(struct view *view, struct buf *b)
{
	struct view_backup *v = self(view);
	const struct task *t = job_of(v);
	char key[16], warnings[40], failures[40];

	if (v->job == 0) {
		keymap_first(console_keymap(view->console), REQUEST_GO, key, sizeof key);
		str_count(failures, sizeof failures, v->counts[DOCTOR_FAIL], "failure", "failures");
		str_count(warnings, sizeof warnings, v->counts[DOCTOR_WARN], "warning", "warnings");
		if (v->looking || v->checking)
			buf_printf(b, "Looking at the server; %s begins", key);
		else if (v->blind.code != ERR_NONE)
			buf_printf(b, "It cannot be done so; %s tries all the same", key);
		else if (v->counts[DOCTOR_FAIL] > 0)
			buf_printf(
			    b, "%s: it may not come to its end; %s begins all the same", failures, key);
		else
			buf_printf(b, "Nothing stands in the way (%s); %s begins", warnings, key);
	} else if (t == NULL) {
		buf_str(b, "That job was forgotten");
	} else if (task_running(t)) {
		buf_str(b, "Running, also when this screen is left");
	} else {
		if (t->rc == -1)
			buf_str(b, "No archive was made");
		else
			backup_counts(&backup_of(t)->result, b);
		buf_str(b, "; r prepares another one");
	}
}

static void command(struct view *view, struct buf *b)
{
	struct view_backup *v = self(view);
	const struct task *t = job_of(v);

	if (v->job == 0)
		backup_command(view->console, &v->opts, b);
	else if (t != NULL)
		buf_str(b, t->command);
}

static void empty(struct view *v, struct buf *b)
{
	(void)v;
	buf_str(b, "It begins.");
}

static void detail(struct view *view, struct text *t)
{
	sheet_detail(&self(view)->sheet, &view->list, t);
}

static void free_view(struct view *view)
{
	struct view_backup *v = self(view);

	forget_checks(v);
	free(v->checks);
	outlook_free(v->outlook);
	sheet_done(&v->sheet);
	free(v);
}

static const enum request requests[] = { REQUEST_GO, REQUEST_MARK, REQUEST_OPEN, REQUEST_STOP, REQUEST_RELOAD,
	REQUEST_SHOW_COMMAND, REQUEST_NONE };
static const struct view_ops ops = { .name = "backup",
	.space = "choose",
	.about =
	    "Takes a backup now, while Cyrus keeps running. Choose how (Space turns a choice); below that "
	    "stands which snapshot would be taken, and what was found on the server; then y begins. It goes "
	    "on "
	    "when you leave this screen: B or the jobs (J) come back to it, x stops it, and then nothing of "
	    "it "
	    "stays. Meanwhile: its stages, how full each snapshot is, what was noticed. At its end: what was "
	    "backed up, how long mail was held still, and what is wrong in the spool.",
	.requests = requests,
	.title = title,
	.status = status,
	.command = command,
	.request = request,
	.empty = empty,
	.detail = detail,
	.refresh = refresh,
	.free = free_view };

static struct view_backup *new_view(struct console *c)
{
	struct view_backup *v = mem_alloc(sizeof *v);

	v->view.ops = &ops;
	v->view.console = c;
	sheet_init(&v->sheet, &v->view.list, columns, sizeof columns / sizeof columns[0]);
	return v;
}

static struct view *open_job(struct console *c, struct task *t)
{
	struct view_backup *v = new_view(c);

	show_job(v, t->number);
	refresh(&v->view);
	return &v->view;
}

/* One that runs, or whose report nobody has seen, comes before a new one. */
struct view *view_backup_new(struct console *c)
{
	struct task *t = backup_find(c, 0);
	struct view_backup *v;

	if (t != NULL && (task_running(t) || !backup_of(t)->seen))
		return open_job(c, t);
	v = new_view(c);
	prepare(v);
	return &v->view;
}
