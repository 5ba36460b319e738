/* view_archive.c: all that is known of one archive, and whether it is protected from removal: by whom, and why. */
#include <stdlib.h>
#include <string.h>

#include "app/words.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"
#include "ui/archive_words.h"
#include "ui/shell.h"
#include "ui/views.h"

enum deed { LOOK, PROTECT, UNPROTECT };

/* The worker's. */
struct marking {
	struct app *app;
	char *archive, *reason;
	enum deed deed;
	int has; /* 1: there is a mark */
	struct app_protection mark;
};

struct view_archive {
	struct view view;
	struct text text;
	struct app_archive *archive;
	enum retention_why why;
	bool known; /* the mark, or that there is none */
	struct app_protection mark;
	struct err failed; /* why it is not; code ERR_NONE: it is being read */
	bool asks;         /* what to do with it is to be asked */
};

static struct view_archive *self(struct view *v)
{
	return (struct view_archive *)v;
}

/* ---- text ---- */

static void write_mark(struct view_archive *a)
{
	const struct app_protection *m = &a->mark;
	char when[32];

	if (a->failed.code != ERR_NONE)
		text_add(&a->text, STYLE_WARN, 12, "            by whom, and why, cannot be read: %s",
		    a->failed.msg);
	else if (a->known && a->archive->protected)
		text_add(&a->text, STYLE_NORMAL, 12, "            by %s%s%s",
		    m->by != NULL ? m->by : "nobody knows whom", m->when != 0 ? ", " : "",
		    m->when != 0 ? clock_local(when, sizeof when, m->when) : "");
	if (a->known && m->reason != NULL)
		text_add(&a->text, STYLE_STRONG, 12, "            %s", m->reason);
}

static void rewrite(struct view_archive *a)
{
	text_clear(&a->text);
	archive_write(&a->text, console_app(a->view.console), a->archive, a->why);
	write_mark(a);
	text_add(&a->text, STYLE_NORMAL, 0, "%s", "");
	text_add(&a->text, STYLE_DIM, 0,
	    a->archive->protected
		? "P takes the protection away. Then rotation may remove it, as the store's keep keys say."
		: "P protects it: no rotation removes it, whatever the store's keep keys say.");
}

/* ---- the mark ---- */

static int mark(struct job *job, void *arg, struct err *e)
{
	struct marking *m = arg;
	char *name = NULL;
	int rc = 0;

	if (m->deed == PROTECT)
		rc = app_protect(m->app, m->archive, m->reason, job, &name, e);
	else if (m->deed == UNPROTECT)
		rc = app_unprotect(m->app, m->archive, job, &name, e);
	free(name);
	if (rc == 0)
		m->has = app_protection(m->app, m->archive, job, &m->mark, e);
	return rc == -1 || m->has == -1 ? -1 : 0;
}

static void free_marking(void *arg)
{
	struct marking *m = arg;

	app_protection_done(&m->mark);
	free(m->archive);
	free(m->reason);
	free(m);
}

static void add_command(
    struct console *c, const char *archive, enum deed deed, const char *reason, struct buf *b)
{
	char *word;

	app_command_begin(b, console_app(c), NULL, "protect");
	if (deed == UNPROTECT)
		app_command_add(b, "--off");
	if (reason != NULL) {
		word = mem_printf("--reason=%s", reason);
		app_command_add(b, word);
		free(word);
	}
	app_command_add(b, archive);
}

static void ask(struct view_archive *a);

static void marked(struct view *v, struct task *t)
{
	struct view_archive *a = self(v);
	struct marking *m = t->spec.arg;
	bool asks = a->asks;

	a->asks = false;
	a->failed = t->err;
	if (t->rc == 0) {
		a->failed.code = ERR_NONE;
		app_protection_done(&a->mark);
		a->mark = m->mark;
		m->mark = (struct app_protection){ 0 };
		a->known = true;
		if (a->archive->protected != (m->has == 1))
			a->why = RETENTION_WHYS;
		a->archive->protected = m->has == 1;
	}
	if (m->deed != LOOK && t->rc == 0)
		console_say(v->console, STYLE_GOOD, "%s is %s", a->archive->name,
		    m->has == 1 ? "protected" : "not protected any more");
	else if (m->deed != LOOK)
		console_fail(v->console, &t->err);
	rewrite(a);
	if (asks)
		ask(a);
}

static void start(struct view_archive *a, enum deed deed, const char *reason)
{
	struct marking *m = mem_alloc(sizeof *m);
	struct buf command = BUF_INIT;
	char *title = mem_printf("%s %s",
	    deed == LOOK      ? "look at"
	    : deed == PROTECT ? "protect"
			      : "unprotect",
	    a->archive->name);

	*m = (struct marking){ .app = console_app(a->view.console),
		.archive = mem_strdup(a->archive->name),
		.reason = mem_strdup(reason),
		.deed = deed };
	if (deed != LOOK)
		add_command(a->view.console, a->archive->name, deed, reason, &command);
	console_start(a->view.console, &(struct task_spec){ .title = title,
					   .command = deed != LOOK ? buf_text(&command) : NULL,
					   .run = mark,
					   .arg = m,
					   .free_arg = free_marking,
					   .owner = &a->view,
					   .done = marked,
					   .changes = deed != LOOK });
	buf_done(&command);
	free(title);
}

/* ---- what is asked ---- */

static void reason_given(struct view *v, const char *text)
{
	if (text == NULL)
		console_say(v->console, STYLE_NORMAL, "Nothing was changed");
	else
		start(self(v), PROTECT, text[strspn(text, " ")] != '\0' ? text : NULL);
}

static void answered(struct view *v, int choice)
{
	if (choice == 1)
		start(self(v), UNPROTECT, NULL);
	else
		console_say(v->console, STYLE_NORMAL, "Nothing was changed");
}

static void ask(struct view_archive *a)
{
	struct console *c = a->view.console;

	if (!console_may_change(c))
		return;
	if (!a->known)
		console_say(c, STYLE_WARN, "Whether it is protected cannot be read now; r tries again");
	else if (a->archive->protected)
		console_choose(c, &a->view, "Take its protection away?", "cancel take-away", answered);
	else
		console_ask(c, &a->view, "Protect it, because (may be empty): ", NULL, reason_given);
}

static void protect(struct view_archive *a)
{
	if (!a->known && a->failed.code == ERR_NONE)
		a->asks = true; /* when it is known what there is */
	else
		ask(a);
}

static bool request(struct view *v, enum request r)
{
	struct view_archive *a = self(v);

	switch ((int)r) {
	case REQUEST_PROTECT: protect(a); return true;
	case REQUEST_OPEN:
		console_push(v->console, view_mailboxes_new(v->console, a->archive->name));
		return true;
	case REQUEST_VERIFY:
		console_push(v->console, view_verify_new(v->console, a->archive->name));
		return true;
	case REQUEST_RELOAD:
		a->known = false;
		a->failed.code = ERR_NONE;
		start(a, LOOK, NULL);
		return true;
	default: return false;
	}
}

static void title(struct view *v, struct buf *b)
{
	buf_str(b, self(v)->archive->name);
}

static void command(struct view *v, struct buf *b)
{
	const struct app_archive *a = self(v)->archive;

	add_command(v->console, a->name, a->protected ? UNPROTECT : PROTECT, NULL, b);
}

static void layout(struct view *v, int columns)
{
	text_layout(&self(v)->text, columns);
}

static void free_view(struct view *v)
{
	struct view_archive *a = self(v);

	app_archive_free(a->archive);
	app_protection_done(&a->mark);
	text_done(&a->text);
	free(a);
}

static const enum request requests[] = { REQUEST_PROTECT, REQUEST_OPEN, REQUEST_VERIFY, REQUEST_RELOAD,
	REQUEST_SHOW_COMMAND, REQUEST_NONE };
static const struct view_ops ops = { .name = "archive",
	.about = "One archive: where it lies, how it was made, what rotation makes of it, and whether it is "
	         "protected: then no "
		 "rotation removes it, on whatever host it runs, as the mark lies beside the archive in its "
	         "store. P sets the "
		 "mark, with the reason for those who come later, or takes it away.",
	.requests = requests,
	.title = title,
	.command = command,
	.request = request,
	.layout = layout,
	.free = free_view };

struct view *view_archive_new(
    struct console *c, const struct app_archive *archive, enum retention_why why, bool protect_it)
{
	struct view_archive *a = mem_alloc(sizeof *a);

	a->view.ops = &ops;
	a->view.console = c;
	a->archive = app_archive_copy(archive);
	a->why = why;
	a->asks = protect_it;
	text_init(&a->text, &a->view.list);
	text_layout(&a->text, console_columns(c));
	rewrite(a);
	start(a, LOOK, NULL);
	return &a->view;
}
