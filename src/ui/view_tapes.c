/* view_tapes.c: what waits for tape, which tapes there are and where; or what is on one of them. */
#include <stdlib.h>
#include <string.h>

#include "app/words.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"
#include "ui/tape_task.h"
#include "ui/views.h"

enum kind { WAITS, TAPE, COPY };

struct row {
	enum kind kind;
	const char *name; /* an archive, or a tape's label */
	const char *box;
	size_t archives; /* of a tape */
	uint64_t size_bytes, file;
	int64_t written,
	    verified; /* of a tape: when it was written to last, and of what was verified longest ago; 0: never */
	bool damaged;
};

/* The worker's; the view's, when it has ended. */
struct load {
	struct app *app;
	char *label; /* NULL: all tapes and what waits */
	struct tape_queue queue;
	struct tape_copies copies;
};

struct view_tapes {
	struct view view;
	struct load *load; /* what the rows are of; NULL: nothing yet */
	struct row *rows;
	size_t n;
	char *label, *box; /* box: what was asked for, while it is asked whether to write */
	bool loading;
	struct err failed;
};

static struct view_tapes *self(struct view *v)
{
	return (struct view_tapes *)v;
}

/* ---- rows ---- */

enum { WHAT, NAME, BOX, HOLDS, SIZE, WRITTEN, VERIFIED };

static const struct list_column columns[] = {
	{ "WHAT", 6, 0, false, 0 },
	{ "NAME", 14, 1, false, 0 },
	{ "BOX", 6, 0, false, 0 },
	{ "HOLDS", 5, 0, true, 0 },
	{ "SIZE", 5, 0, true, 0 },
	{ "WRITTEN", 16, 0, false, 100 },
	{ "VERIFIED", 10, 0, false, 0 },
};

static size_t count(void *model)
{
	return ((struct view_tapes *)model)->n;
}

static void cell(void *model, size_t i, size_t column, struct buf *b, enum style *style)
{
	const struct row *r = &((struct view_tapes *)model)->rows[i];
	char text[32];

	switch (column) {
	case WHAT:
		if (r->kind == COPY)
			buf_printf(b, "file %llu", (unsigned long long)r->file);
		else
			buf_str(b, r->kind == WAITS ? "waits" : "tape");
		*style = r->kind == WAITS ? STYLE_WARN : STYLE_NORMAL;
		break;
	case NAME: buf_str(b, r->name); break;
	case BOX: buf_str(b, r->box); break;
	case HOLDS:
		if (r->kind == TAPE)
			buf_printf(b, "%zu", r->archives);
		break;
	case SIZE: buf_str(b, str_size(text, sizeof text, r->size_bytes)); break;
	case WRITTEN:
		if (r->written != 0)
			buf_str(b, clock_local(text, sizeof text, r->written));
		break;
	case VERIFIED:
		if (r->damaged) {
			*style = STYLE_BAD;
			buf_str(b, "DAMAGED");
		} else if (r->verified != 0) {
			buf_printf(b, "%s ago", clock_age(text, sizeof text, clock_now() - r->verified));
		}
		break;
	default: break;
	}
}

static const struct list_ops list_ops = { .count = count, .cell = cell };

static struct row *add(struct view_tapes *v, size_t *cap)
{
	v->rows = mem_grow(v->rows, cap, v->n + 1, sizeof *v->rows);
	v->rows[v->n] = (struct row){ .box = "" };
	return &v->rows[v->n++];
}

/* Copies come by label. */
static void add_to_tape(struct view_tapes *v, size_t *cap, const struct tape_copy *c)
{
	struct row *r =
	    v->n > 0 && v->rows[v->n - 1].kind == TAPE && strcmp(v->rows[v->n - 1].name, c->label) == 0
		? &v->rows[v->n - 1]
		: NULL;

	if (r == NULL) {
		r = add(v, cap);
		r->kind = TAPE;
		r->name = c->label;
		r->box = c->box;
		r->verified = c->verified;
	}
	r->archives++;
	r->size_bytes += c->size_bytes;
	r->damaged |= c->damaged != 0;
	r->written = c->written > r->written ? c->written : r->written;
	r->verified = c->verified < r->verified ? c->verified : r->verified;
}

static void add_copy(struct view_tapes *v, size_t *cap, const struct tape_copy *c)
{
	struct row *r = add(v, cap);

	*r = (struct row){ COPY, c->archive, c->box, 0, c->size_bytes, c->file, c->written, c->verified,
		c->damaged != 0 };
}

static void make_rows(struct view_tapes *v)
{
	const struct load *l = v->load;
	size_t cap = 0;

	free(v->rows);
	v->rows = NULL;
	v->n = 0;
	for (size_t i = 0; v->label == NULL && i < l->queue.n; i++) {
		struct row *r = add(v, &cap);

		r->kind = WAITS;
		r->name = l->queue.list[i].archive;
		r->size_bytes = l->queue.list[i].size_bytes;
	}
	for (size_t i = 0; i < l->copies.n; i++) {
		const struct tape_copy *c = &l->copies.list[i];

		if (v->label == NULL)
			add_to_tape(v, &cap, c);
		else if (strcmp(c->label, v->label) == 0)
			add_copy(v, &cap, c);
	}
}

/* ---- to read what there is ---- */

static int load(struct job *job, void *arg, struct err *e)
{
	struct load *l = arg;

	job_step(job, "looking what waits for tape");
	if (tape_copies(l->app, &l->copies, e) == -1)
		return -1;
	return l->label == NULL ? tape_queue(l->app, job, &l->queue, e) : 0;
}

static void free_load(void *arg)
{
	struct load *l = arg;

	if (l == NULL)
		return;
	tape_queue_done(&l->queue);
	tape_copies_done(&l->copies);
	free(l->label);
	free(l);
}

static void loaded(struct view *view, struct task *t)
{
	struct view_tapes *v = self(view);
	struct load *l = t->spec.arg, *mine;

	v->loading = false;
	v->failed = t->err;
	if (t->rc == -1)
		return;
	v->failed.code = ERR_NONE;
	mine = mem_alloc(sizeof *mine);
	*mine = *l;
	*l = (struct load){ 0 };
	free_load(v->load);
	v->load = mine;
	make_rows(v);
	list_moved(&view->list, view->list.cursor);
	if (mine->queue.n_away > 0)
		console_say(view->console, STYLE_WARN, "Store %s is away: %s", mine->queue.away[0].store,
		    mine->queue.away[0].what);
}

static void add_command(struct view_tapes *v, struct buf *b)
{
	app_command_begin(b, console_app(v->view.console), NULL, "tape");
	app_command_add(b, "list");
	if (v->label != NULL)
		app_command_add(b, v->label);
}

static void reload(struct view_tapes *v)
{
	struct buf command = BUF_INIT;
	struct load *l;

	if (v->loading)
		return;
	l = mem_alloc(sizeof *l);
	l->app = console_app(v->view.console);
	l->label = mem_strdup(v->label);
	add_command(v, &command);
	v->loading = console_start(v->view.console, &(struct task_spec){ .title = "list tapes",
							.command = buf_text(&command),
							.run = load,
							.arg = l,
							.free_arg = free_load,
							.owner = &v->view,
							.done = loaded }) != NULL;
	buf_done(&command);
}

/* ---- what can be asked ---- */

static const struct row *selected(struct view_tapes *v)
{
	size_t i;

	return list_selected(&v->view.list, &i) && i < v->n ? &v->rows[i] : NULL;
}

static struct view *open_job(struct console *c, struct task *t)
{
	return view_tape_job_new(c, t);
}

static void show(struct console *c, struct task *t)
{
	if (t != NULL)
		console_push(c, view_tape_job_new(c, t));
}

static void answered(struct view *view, int choice)
{
	if (choice == 1)
		show(view->console, tape_write_start(view->console, self(view)->box, open_job));
	else
		console_say(view->console, STYLE_NORMAL, "Nothing was written");
}

static void box_given(struct view *view, const char *text)
{
	struct view_tapes *v = self(view);
	const struct tape_queue *q = v->load != NULL ? &v->load->queue : NULL;
	char n[40], size[16], *question;

	if (text == NULL || q == NULL) {
		console_say(view->console, STYLE_NORMAL, "Nothing was written");
		return;
	}
	free(v->box);
	v->box = text[strspn(text, " ")] != '\0' ? mem_strdup(text) : NULL;
	question = mem_printf("Write %s, %s, to tape?", str_count(n, sizeof n, q->n, "archive", "archives"),
	    str_size(size, sizeof size, q->bytes));
	console_choose(view->console, view, question, "cancel write", answered);
	free(question);
}

static void go(struct view_tapes *v)
{
	struct console *c = v->view.console;

	if (!console_may_change(c))
		return;
	if (v->load == NULL || v->label != NULL || v->load->queue.n == 0)
		console_say(
		    c, STYLE_NORMAL, v->loading ? "It is not known yet what waits" : "Nothing waits here");
	else
		console_ask(
		    c, &v->view, "Box the tape will lie in (empty: as remembered): ", NULL, box_given);
}

static void open_row(struct view_tapes *v)
{
	const struct row *r = selected(v);

	if (r != NULL && r->kind == TAPE)
		console_push(v->view.console, view_tape_new(v->view.console, r->name));
	else if (r != NULL)
		console_push(v->view.console, view_mailboxes_new(v->view.console, r->name));
}

static void verify(struct view_tapes *v)
{
	const struct row *r = selected(v);

	if (r != NULL && r->kind == WAITS)
		console_say(v->view.console, STYLE_NORMAL, "It is on no tape yet");
	else if (r != NULL)
		show(v->view.console, tape_verify_start(v->view.console, r->name, open_job));
}

static bool request(struct view *v, enum request r)
{
	switch ((int)r) {
	case REQUEST_OPEN: open_row(self(v)); return true;
	case REQUEST_GO: go(self(v)); return true;
	case REQUEST_VERIFY: verify(self(v)); return true;
	case REQUEST_RELOAD: reload(self(v)); return true;
	default: return false;
	}
}

static void title(struct view *v, struct buf *b)
{
	if (self(v)->label != NULL)
		buf_printf(b, "tape %s", self(v)->label);
	else
		buf_str(b, "tapes");
}

static void status(struct view *view, struct buf *b)
{
	struct view_tapes *v = self(view);
	const struct tape_queue *q = v->load != NULL ? &v->load->queue : NULL;
	char n[40], size[16], key[16];

	if (q == NULL) {
		buf_str(b, v->loading ? "looking what waits for tape" : "");
		return;
	}
	if (v->label != NULL) {
		buf_str(b, str_count(n, sizeof n, v->n, "archive", "archives"));
		return;
	}
	if (q->n > 0)
		buf_printf(b, "%s, %s, waiting: %s writes",
		    str_count(n, sizeof n, q->n, "archive", "archives"),
		    str_size(size, sizeof size, q->bytes),
		    keymap_first(console_keymap(view->console), REQUEST_GO, key, sizeof key));
	else
		buf_str(b, "nothing waits for tape");
	if (q->unverified > 0)
		buf_printf(b, "; %zu not verified, so not waiting", q->unverified);
}

static void command(struct view *view, struct buf *b)
{
	struct view_tapes *v = self(view);
	const struct row *r = selected(v);

	if (r != NULL && r->kind == WAITS)
		tape_write_command(view->console, NULL, b);
	else
		add_command(v, b);
}

static void empty(struct view *view, struct buf *b)
{
	struct view_tapes *v = self(view);

	if (v->failed.code != ERR_NONE)
		buf_printf(b, "It cannot be told what waits: %s.\n%s\nr tries again.", v->failed.msg,
		    v->failed.hint);
	else if (v->load != NULL)
		buf_str(b, "Nothing waits for tape, and nothing is on one.\n\n"
			   "A section [tape] of the configuration names a drive; tape = NAME in the section "
		           "of a store lets its verified "
			   "archives wait here. See cyrvault.conf(5).");
}

static void detail(struct view *view, struct text *t)
{
	struct view_tapes *v = self(view);
	const struct row *r = selected(v);
	char text[32];

	if (r == NULL)
		return;
	text_add(t, STYLE_HEAD, 0, "%s", r->name);
	if (r->box[0] != '\0')
		text_add(t, STYLE_NORMAL, 12, "box         %s", r->box);
	text_add(t, STYLE_NORMAL, 12, "size        %s", str_size(text, sizeof text, r->size_bytes));
	if (r->written != 0)
		text_add(t, STYLE_NORMAL, 12, "written     %s", clock_iso(text, sizeof text, r->written));
	if (r->verified != 0)
		text_add(t, STYLE_NORMAL, 12, "verified    %s", clock_iso(text, sizeof text, r->verified));
	if (r->damaged)
		text_add(t, STYLE_BAD, 0, "What was read of it last is not what was written.");
	for (size_t i = 0; r->kind == TAPE && i < v->load->copies.n; i++)
		if (strcmp(v->load->copies.list[i].label, r->name) == 0)
			text_add(t, STYLE_NORMAL, 12, "file %-6llu %s",
			    (unsigned long long)v->load->copies.list[i].file,
			    v->load->copies.list[i].archive);
}

static void shown(struct view *v)
{
	reload(self(v));
}

static void free_view(struct view *view)
{
	struct view_tapes *v = self(view);

	free_load(v->load);
	free(v->rows);
	free(v->label);
	free(v->box);
	free(v);
}

static const enum request requests[] = { REQUEST_GO, REQUEST_OPEN, REQUEST_VERIFY, REQUEST_RELOAD,
	REQUEST_SHOW_COMMAND, REQUEST_NONE };
static const struct view_ops ops = { .name = "tapes",
	.about = "What waits for tape, and the tapes: their labels, the box that each lies in, what is on "
	         "them and when that was "
		 "verified. y writes what waits, after a question, and reads it back; v proves a tape; Enter "
	         "shows what is on "
		 "it, and there the mailboxes of an archive. Which tape must be in the drive is asked when "
	         "it is needed.",
	.requests = requests,
	.title = title,
	.status = status,
	.command = command,
	.request = request,
	.empty = empty,
	.detail = detail,
	.shown = shown,
	.free = free_view };

struct view *view_tape_new(struct console *c, const char *label)
{
	struct view_tapes *v = mem_alloc(sizeof *v);

	v->view.ops = &ops;
	v->view.console = c;
	v->label = mem_strdup(label);
	list_init(&v->view.list, &list_ops, v, columns, sizeof columns / sizeof columns[0]);
	reload(v);
	return &v->view;
}

struct view *view_tapes_new(struct console *c)
{
	return view_tape_new(c, NULL);
}
