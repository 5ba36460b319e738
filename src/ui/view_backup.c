/* view_backup.c: take a backup: what with and where to, how far it is, what came of it.
 *
 * The job outlives the screen, and all that it needs and yields is its argument's; the screen only shows it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/words.h"
#include "core/mem.h"
#include "core/str.h"
#include "ui/checks.h"
#include "ui/sheet.h"
#include "ui/views.h"

/* The worker's, while it runs. */
struct work {
	struct app *app;
	char *server;
	struct backup_opts opts;
	struct backup_result result;
	bool seen; /* the UI thread's: its report was on the screen */
};

enum { VERIFY, LEVEL, DRY_RUN, N_CHOICES };

struct view_backup {
	struct view view;
	struct sheet sheet;
	struct backup_opts opts;
	struct check **checks;
	size_t n_checks, cap_checks;
	unsigned counts[3];
	bool looking;
	unsigned job;  /* the number of the task that is shown; 0: choosing yet */
	bool reported; /* its report is in the sheet */
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
	{ "", 18, 0, false, 0 },
	{ "", 20, 1, false, 0 },
};

/* ---- the job ---- */

static int run(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;

	return app_backup(w->app, w->server, &w->opts, job, &w->result, e);
}

static void free_work(void *arg)
{
	struct work *w = arg;

	backup_result_done(&w->result);
	free(w->server);
	free(w);
}

static void add_counts(const struct task *t, struct buf *b)
{
	const struct work *w = t->spec.arg;
	char boxes[40], findings[40];

	buf_printf(b, "%s, %s", str_count(boxes, sizeof boxes, w->result.mailboxes, "mailbox", "mailboxes"),
	    str_count(findings, sizeof findings, w->result.n_findings, "finding", "findings"));
}

static char *result_line(const struct task *t)
{
	const struct work *w = t->spec.arg;
	struct buf b = BUF_INIT;

	buf_printf(&b, "%s: ", w->result.archive != NULL ? w->result.archive : "nothing was written");
	add_counts(t, &b);
	return buf_steal(&b);
}

static struct view *open_job(struct console *c, struct task *t);

static struct task *find_job(struct console *c, unsigned number)
{
	struct task *t = console_tasks(c);

	while (t != NULL && (t->spec.run != run || (number != 0 && t->number != number)))
		t = t->next;
	return t;
}

static void write_command(struct console *c, const struct backup_opts *o, struct buf *b)
{
	app_command_begin(b, console_app(c), console_server(c), "backup");
	if (o->dry_run)
		app_command_add(b, "--dry-run");
	if (o->verify_all)
		app_command_add(b, "--verify");
	if (o->level != LEVEL_DEFAULT)
		buf_printf(b, " --level=%s", levels[o->level]);
}

static void start(struct view_backup *v)
{
	struct console *c = v->view.console;
	struct work *w = mem_alloc(sizeof *w);
	struct buf command = BUF_INIT;
	struct task *t;

	w->app = console_app(c);
	w->server = mem_strdup(console_server(c));
	w->opts = v->opts;
	write_command(c, &v->opts, &command);
	t = console_start(c, &(struct task_spec){ .title = v->opts.dry_run ? "trial backup" : "backup",
				 .command = buf_text(&command),
				 .run = run,
				 .arg = w,
				 .free_arg = free_work,
				 .result = result_line,
				 .open = open_job,
				 .changes = true });
	buf_done(&command);
	if (t == NULL)
		return;
	v->job = t->number;
	v->reported = false;
	sheet_clear(&v->sheet);
	list_moved(&v->view.list, 0);
}

/* ---- choosing ---- */

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

static void looked(struct view *v, struct task *t)
{
	self(v)->looking = false;
	if (t->rc == -1 && !t->cancelled)
		console_fail(v->console, &t->err);
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
	if (!v->looking) {
		forget_checks(v);
		v->looking = checks_start(v->view.console, &v->view, took, looked) != NULL;
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

static void write_steps(struct view_backup *v, const struct task *t)
{
	char at[16];

	for (size_t i = 0; i < t->n_steps; i++) {
		bool now = task_running(t) && i + 1 == t->n_steps;

		snprintf(at, sizeof at, "%.1f s", (double)t->steps[i].at_ms / 1000);
		sheet_add(&v->sheet, now ? STYLE_STRONG : STYLE_NORMAL, at, now ? "doing" : "done",
		    t->steps[i].words, NULL);
	}
}

static void write_counts(struct sheet *s, const struct backup_result *r)
{
	char boxes[40], messages[40], users[40], plain[16], stored[16], rate[16];
	double seconds = (double)r->elapsed_ms / 1000;
	char *line;

	str_count(boxes, sizeof boxes, r->mailboxes, "mailbox", "mailboxes");
	str_count(messages, sizeof messages, r->messages, "message", "messages");
	str_count(users, sizeof users, r->users, "user", "users");
	line = mem_printf("%s, %s, %s", boxes, messages, users);
	sheet_add(s, STYLE_NORMAL, "", "contents", line, NULL);
	free(line);
	line = r->stored_bytes > 0
	           ? mem_printf("%s in %s (%.1f : 1)", str_size(plain, sizeof plain, r->plain_bytes),
			 str_size(stored, sizeof stored, r->stored_bytes),
			 (double)r->plain_bytes / (double)r->stored_bytes)
	           : mem_printf("%s", str_size(plain, sizeof plain, r->plain_bytes));
	sheet_add(s, STYLE_NORMAL, "", "size", line, NULL);
	free(line);
	line = mem_printf("%.2f s, %s/s", seconds,
	    str_size(rate, sizeof rate, seconds > 0 ? (uint64_t)((double)r->plain_bytes / seconds) : 0));
	sheet_add(s, STYLE_NORMAL, "", "time", line, NULL);
	free(line);
	line = mem_printf("level %s, %llu times, longest %llu ms", r->quiesce, (unsigned long long)r->holds,
	    (unsigned long long)r->longest_hold_ms);
	sheet_add(s, STYLE_NORMAL, "", "held still", line, NULL);
	free(line);
}

static void write_findings(struct sheet *s, const struct backup_result *r)
{
	char *line;

	for (size_t i = 0; i < r->n_kept; i++)
		sheet_add(s, STYLE_WARN, "finding", r->findings[i].mailbox, r->findings[i].what, NULL);
	if (r->n_findings > r->n_kept) {
		line = mem_printf("%llu more", (unsigned long long)(r->n_findings - r->n_kept));
		sheet_add(s, STYLE_WARN, "finding", "", line, "all are in the archive's report");
		free(line);
	}
}

static void write_report(struct view_backup *v, const struct task *t)
{
	const struct work *w = t->spec.arg;
	const struct backup_result *r = &w->result;
	struct sheet *s = &v->sheet;

	if (t->rc == -1) {
		bool stopped = t->cancelled || t->err.code == ERR_CANCELLED;

		sheet_add(s, stopped ? STYLE_WARN : STYLE_BAD, stopped ? "stopped" : "failed", "", t->err.msg,
		    t->err.hint);
		sheet_add(s, STYLE_NORMAL, "", "archive", "none: nothing of it is left in the store", NULL);
	} else {
		sheet_add(s, r->n_findings > 0 ? STYLE_WARN : STYLE_GOOD, "done", "archive",
		    r->archive != NULL ? r->archive : "none: it was a trial run", NULL);
		if (r->store != NULL)
			sheet_add(s, STYLE_NORMAL, "", "store", r->store, NULL);
		write_counts(s, r);
		if (r->n_findings == 0)
			sheet_add(
			    s, STYLE_GOOD, "ok", "consistency", "nothing is wrong with the mailboxes", NULL);
		write_findings(s, r);
	}
	write_steps(v, t);
}

static void refresh(struct view *view)
{
	struct view_backup *v = self(view);
	const struct task *t = v->job != 0 ? find_job(view->console, v->job) : NULL;
	bool at_end = view->list.cursor + 1 >= list_n(&view->list);

	if (t == NULL || v->reported)
		return;
	sheet_clear(&v->sheet);
	if (task_running(t)) {
		write_steps(v, t);
	} else {
		write_report(v, t);
		v->reported = true;
		((struct work *)t->spec.arg)->seen = true;
	}
	list_moved(&view->list, v->reported                ? 0
				: at_end && v->sheet.n > 0 ? v->sheet.n - 1
							   : view->list.cursor);
}

/* ---- what can be asked ---- */

static bool stop(struct view_backup *v)
{
	struct task *t = v->job != 0 ? find_job(v->view.console, v->job) : NULL;

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
	const struct task *t = v->job != 0 ? find_job(view->console, v->job) : NULL;
	char key[16], warnings[40], failures[40];

	if (v->job == 0) {
		keymap_first(console_keymap(view->console), REQUEST_GO, key, sizeof key);
		str_count(failures, sizeof failures, v->counts[DOCTOR_FAIL], "failure", "failures");
		str_count(warnings, sizeof warnings, v->counts[DOCTOR_WARN], "warning", "warnings");
		if (v->looking)
			buf_printf(b, "Looking at the server; %s begins", key);
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
			add_counts(t, b);
		buf_str(b, "; r prepares another one");
	}
}

static void command(struct view *view, struct buf *b)
{
	struct view_backup *v = self(view);
	const struct task *t = v->job != 0 ? find_job(view->console, v->job) : NULL;

	if (v->job == 0)
		write_command(view->console, &v->opts, b);
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
	sheet_done(&v->sheet);
	free(v);
}

static const enum request requests[] = { REQUEST_GO, REQUEST_MARK, REQUEST_OPEN, REQUEST_STOP, REQUEST_RELOAD,
	REQUEST_SHOW_COMMAND, REQUEST_NONE };
static const struct view_ops ops = { .name = "backup",
	.space = "choose",
	.about = "Takes a backup now, while Cyrus keeps running. Choose how (Space turns a choice), look at "
		 "what was "
		 "found on the server, then y begins. It goes on when you leave this screen: B or the jobs "
		 "(J) come "
		 "back to it, x stops it, and then nothing of it stays. At its end: what was backed up, how "
		 "long mail "
		 "was held still, and what is wrong in the spool.",
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

	v->job = t->number;
	refresh(&v->view);
	return &v->view;
}

/* One that runs, or whose report nobody has seen, comes before a new one. */
struct view *view_backup_new(struct console *c)
{
	struct task *t = find_job(c, 0);
	struct view_backup *v;

	if (t != NULL && (task_running(t) || !((struct work *)t->spec.arg)->seen))
		return open_job(c, t);
	v = new_view(c);
	prepare(v);
	return &v->view;
}
