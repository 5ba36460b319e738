/* view_message.c: one message: decoded, with all its headers, or its bytes made harmless. message_text.c words it. */
#include <stdlib.h>
#include <string.h>

#include "app/words.h"
#include "core/mem.h"
#include "core/str.h"
#include "ui/export.h"
#include "ui/message_text.h"
#include "ui/shell.h"
#include "ui/views.h"

#define MESSAGE_BYTES_MAX (64u << 20)

struct view_message {
	struct view view;
	struct text text;
	char *archive, *internal, *shown;
	char *live; /* how it stands on the live server; NULL: not known */
	uint32_t uid;
	enum message_form form;
	struct buf bytes;
	struct message *message; /* NULL: not there yet */
	bool loading;
	struct err failed; /* code ERR_NONE: it could be read */
};

/* The worker's. */
struct load {
	struct app *app;
	char *server, *archive, *internal, *shown;
	uint32_t uid;
	struct buf bytes;
	struct message *message;
};

static struct view_message *self(struct view *v)
{
	return (struct view_message *)v;
}

/* ---- reading ---- */

static int load(struct job *job, void *arg, struct err *e)
{
	struct load *l = arg;
	int rc;

	job_step(job, "reading message %u of %s", l->uid, l->shown);
	rc = app_message(l->app,
	    &(struct app_message){ .verb = "show",
		.server = l->server,
		.archive = l->archive,
		.mailbox = l->internal,
		.internal = true,
		.uid = l->uid,
		.max_bytes = MESSAGE_BYTES_MAX },
	    job, &l->bytes, NULL, e);
	if (rc == 0)
		l->message = message_open(buf_text(&l->bytes), l->bytes.len);
	else if (e->code == ERR_FORMAT)
		err_hint(e, "e writes it to a file as it is");
	return rc;
}

static void free_load(void *arg)
{
	struct load *l = arg;

	free(l->server);
	free(l->archive);
	free(l->internal);
	free(l->shown);
	buf_done(&l->bytes);
	message_free(l->message);
	free(l);
}

static void word(struct view_message *m)
{
	text_clear(&m->text);
	if (m->message != NULL)
		message_text(&m->text, m->form, m->message, buf_text(&m->bytes), m->bytes.len);
	m->view.list.top = 0;
}

static void loaded(struct view *v, struct task *t)
{
	struct view_message *m = self(v);
	struct load *l = t->spec.arg;

	m->loading = false;
	m->failed = t->err;
	if (t->rc == -1) {
		if (m->message != NULL)
			console_fail(v->console, &t->err);
		return;
	}
	m->failed.code = ERR_NONE;
	buf_done(&m->bytes);
	message_free(m->message);
	m->bytes = l->bytes;
	m->message = l->message;
	l->bytes = (struct buf)BUF_INIT;
	l->message = NULL;
	word(m);
}

static void add_show(struct view_message *m, struct buf *b)
{
	struct buf n = BUF_INIT;

	buf_printf(&n, "%u", m->uid);
	shell_mailbox(b, m->view.console, "show", m->archive, m->internal, m->shown);
	app_command_add(b, buf_text(&n));
	if (m->form == MESSAGE_HEADERS)
		app_command_add(b, "--headers");
	if (m->form == MESSAGE_RAW)
		app_command_add(b, "--raw");
	buf_done(&n);
}

static void reload(struct view_message *m)
{
	struct load *l;
	struct buf command = BUF_INIT;

	if (m->loading)
		return;
	l = mem_alloc(sizeof *l);
	l->app = console_app(m->view.console);
	l->server = mem_strdup(console_server(m->view.console));
	l->archive = mem_strdup(m->archive);
	l->internal = mem_strdup(m->internal);
	l->shown = mem_strdup(m->shown);
	l->uid = m->uid;
	add_show(m, &command);
	m->loading = console_start(m->view.console, &(struct task_spec){ .title = "read a message",
							.command = buf_text(&command),
							.run = load,
							.arg = l,
							.free_arg = free_load,
							.owner = &m->view,
							.done = loaded }) != NULL;
	buf_done(&command);
}

/* ---- what can be asked ---- */

static void export_to(struct view *v, const char *path)
{
	struct view_message *m = self(v);
	struct uids one = { .list = &m->uid, .n = 1 };

	if (path != NULL)
		ui_export(v->console, v,
		    &(struct ui_export){ .archive = m->archive,
			.internal = m->internal,
			.shown = m->shown,
			.uids = &one,
			.path = path,
			.file = true });
}

static void ask_export(struct view_message *m)
{
	char *name = mem_printf("./%u.eml", m->uid);

	if (console_may_change(m->view.console))
		console_ask(m->view.console, &m->view, "Write this message to the file: ", name, export_to);
	free(name);
}

static bool request(struct view *v, enum request r)
{
	struct view_message *m = self(v);

	switch ((int)r) {
	case REQUEST_RAW:
		m->form = (m->form + 1) % MESSAGE_FORMS;
		word(m);
		return true;
	case REQUEST_EXPORT: ask_export(m); return true;
	case REQUEST_RELOAD: reload(m); return true;
	default: return false;
	}
}

static void title(struct view *v, struct buf *b)
{
	buf_printf(b, "UID %u", self(v)->uid);
}

static void status(struct view *v, struct buf *b)
{
	static const char *const forms[] = { "decoded", "with all headers", "raw bytes, made harmless" };
	const struct view_message *m = self(v);
	char size[16], n[40];

	if (m->message == NULL) {
		buf_str(b, m->loading ? "reading the message" : "");
		return;
	}
	buf_printf(b, "%s, %s", str_size(size, sizeof size, m->bytes.len), forms[m->form]);
	if (m->message->n_attachments > 0)
		buf_printf(b, ", %s",
		    str_count(n, sizeof n, m->message->n_attachments, "attachment", "attachments"));
}

static void command(struct view *v, struct buf *b)
{
	add_show(self(v), b);
}

static void empty(struct view *v, struct buf *b)
{
	const struct view_message *m = self(v);

	if (m->failed.code != ERR_NONE)
		buf_printf(
		    b, "The message cannot be shown: %s.\n%s\nr tries again.", m->failed.msg, m->failed.hint);
}

static void layout(struct view *v, int columns)
{
	text_layout(&self(v)->text, columns);
}

static void free_view(struct view *v)
{
	struct view_message *m = self(v);

	text_done(&m->text);
	message_free(m->message);
	buf_done(&m->bytes);
	free(m->archive);
	free(m->internal);
	free(m->shown);
	free(m->live);
	free(m);
}

static void banner(struct view *v, struct text *t)
{
	if (self(v)->live != NULL)
		text_add(t, STYLE_NORMAL, 15, "On the server: %s", self(v)->live);
}

static const enum request requests[] = { REQUEST_RAW, REQUEST_EXPORT, REQUEST_SEARCH, REQUEST_SHOW_COMMAND,
	REQUEST_RELOAD, REQUEST_NONE };
static const struct view_ops ops = { .name = "message",
	.about = "One message of the archive, and how it stands on the live server where that is known. What "
		 "could disturb the terminal stands as \\xNN or \\u{NNNN}. w "
		 "turns between the usual headers with the text, all headers, and the bytes as they are "
		 "stored; e writes it to a file, byte for byte.",
	.requests = requests,
	.title = title,
	.status = status,
	.command = command,
	.request = request,
	.empty = empty,
	.banner = banner,
	.layout = layout,
	.free = free_view };

struct view *view_message_new(struct console *c, const char *archive, const char *internal, const char *shown,
    uint32_t uid, const char *live)
{
	struct view_message *m = mem_alloc(sizeof *m);

	m->view.ops = &ops;
	m->view.console = c;
	m->archive = mem_strdup(archive);
	m->internal = mem_strdup(internal);
	m->shown = mem_strdup(shown);
	m->uid = uid;
	m->live = mem_strdup(live);
	text_init(&m->text, &m->view.list);
	text_layout(&m->text, console_columns(c));
	reload(m);
	return &m->view;
}
