/* export.c: messages to files, as a task, and what is to be seen of it afterwards. */
#include "ui/export.h"

#include <stdlib.h>
#include <string.h>

#include "app/words.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/outdir.h"
#include "ui/shell.h"
#include "ui/views.h"

#define MESSAGE_BYTES_MAX (512u << 20)
#define TROUBLES_SHOWN    1000

/* The worker's while it runs. */
struct work {
	struct app *app;
	char *server, *archive, *internal, *shown, *path;
	struct export_range *ranges;
	size_t n_ranges;
	bool file;
	bool existed; /* a file of that name was there, and stays */
	struct export_result result;
	struct buf troubles; /* safe, a line for each */
	size_t n_troubles;
};

static void free_work(void *arg)
{
	struct work *w = arg;

	free(w->server);
	free(w->archive);
	free(w->internal);
	free(w->shown);
	free(w->path);
	free(w->ranges);
	buf_done(&w->troubles);
	free(w);
}

/* ---- [worker] ---- */

static void trouble(void *arg, const struct app_export_trouble *t)
{
	struct work *w = arg;

	if (w->n_troubles++ >= TROUBLES_SHOWN)
		return;
	if (t->uid != 0)
		buf_printf(&w->troubles, "UID %u: ", t->uid);
	if (t->kind == EXPORT_KEPT)
		buf_str(&w->troubles, "there was a file already, which stays: ");
	str_safe_buf(&w->troubles, t->what, strlen(t->what));
	buf_char(&w->troubles, '\n');
}

static void existed(void *arg, const char *path, uint64_t size)
{
	(void)path;
	(void)size;
	((struct work *)arg)->existed = true;
}

static int write_file(struct work *w, const struct buf *bytes, int64_t when, struct err *e)
{
	const char *slash = strrchr(w->path, '/');
	char *dir = slash == NULL      ? mem_strdup(".")
	            : slash == w->path ? mem_strdup("/")
	                               : mem_strndup(w->path, (size_t)(slash - w->path));
	const char *name = slash != NULL ? slash + 1 : w->path;
	struct outdir *out = NULL;
	int rc = -1;

	if (name[0] == '\0') {
		err_set(e, ERR_USAGE, "\"%s\" is no name of a file", w->path);
		goto out;
	}
	if (outdir_open(dir, &(struct outdir_opts){ .existed = existed, .arg = w }, &out, e) == 0 &&
	    outdir_begin(out, name, 0600, e) == 0 && outdir_write(out, buf_text(bytes), bytes->len, e) == 0 &&
	    outdir_end(out, when, e) == 0)
		rc = outdir_flush(out, e);
	if (rc == 0 && w->existed) {
		err_set(e, ERR_EXISTS, "%s is there already, and stays as it is", w->path);
		rc = err_hint(e, "give another name");
	}
out:
	outdir_close(out);
	free(dir);
	return rc;
}

/* Under a name of the operator's, which app_export() does not give. */
static int one_file(struct work *w, struct job *job, struct err *e)
{
	struct buf bytes = BUF_INIT;
	int64_t when;
	int rc = app_message(w->app,
	    &(struct app_message){ .verb = "export",
		.server = w->server,
		.archive = w->archive,
		.mailbox = w->internal,
		.internal = true,
		.uid = w->ranges[0].first,
		.max_bytes = MESSAGE_BYTES_MAX },
	    job, &bytes, &when, e);

	if (rc == 0)
		rc = write_file(w, &bytes, when, e);
	if (rc == 0)
		w->result = (struct export_result){ .mailboxes = 1, .messages = 1, .bytes = bytes.len };
	buf_done(&bytes);
	return rc;
}

static int run(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;

	job_step(job, "writing messages of %s", w->shown);
	if (w->file)
		return one_file(w, job, e);
	return app_export(w->app, w->server, w->archive, w->internal,
	    &(struct export_request){ .format = EXPORT_EML,
		.output = w->path,
		.expunged = true,
		.ranges = w->ranges,
		.n_ranges = w->n_ranges },
	    job, trouble, w, &w->result, e);
}

/* ---- what came of it ---- */

static void add_result(const struct work *w, struct buf *b)
{
	char mails[40], size[16];

	if (w->result.messages > 0)
		buf_printf(b, "%s, %s, written to %s",
		    str_count(mails, sizeof mails, w->result.messages, "message", "messages"),
		    str_size(size, sizeof size, w->result.bytes), w->path);
	else
		buf_printf(b, "Nothing was written to %s", w->path);
	if (w->n_troubles > 0)
		buf_printf(b, "; %s not",
		    str_count(mails, sizeof mails, w->n_troubles, "message was", "messages were"));
}

static struct view *open_result(struct console *c, struct task *t)
{
	const struct work *w = t->spec.arg;
	struct buf b = BUF_INIT;
	struct view *v;

	buf_printf(&b, "%s\n\n", t->title);
	if (t->rc == -1)
		buf_printf(&b, "%s\n%s\n", t->err.msg, t->err.hint);
	add_result(w, &b);
	buf_str(&b, "\n\n");
	buf_add(&b, buf_text(&w->troubles), w->troubles.len);
	if (w->n_troubles > TROUBLES_SHOWN)
		buf_printf(&b, "and %zu more of this\n", w->n_troubles - TROUBLES_SHOWN);
	if (t->command != NULL)
		buf_printf(&b, "\n$ %s\n", t->command);
	v = view_text_new(c, "exported", t->title, buf_text(&b));
	buf_done(&b);
	return v;
}

static void done(struct view *owner, struct task *t)
{
	const struct work *w = t->spec.arg;
	struct buf b = BUF_INIT;

	if (t->rc == -1) {
		console_fail(owner->console, &t->err);
		return;
	}
	add_result(w, &b);
	console_say(owner->console, w->n_troubles > 0 ? STYLE_WARN : STYLE_GOOD, "%s%s", buf_text(&b),
	    w->n_troubles > 0 ? " (J says which)" : "");
	t->result = buf_steal(&b);
}

/* ---- beginning ---- */

static void add_command(struct console *c, const struct ui_export *x, const struct work *w, struct buf *b)
{
	struct buf uids = BUF_INIT;

	uids_text(w->ranges, w->n_ranges, &uids);
	shell_mailbox(b, c, w->file ? "show" : "export", x->archive, x->internal, x->shown);
	app_command_add(b, buf_text(&uids));
	if (w->file) {
		app_command_add(b, "--raw");
		buf_str(b, " >");
	} else {
		app_command_add(b, "--format=eml");
		app_command_add(b, "--expunged");
		app_command_add(b, "-o");
	}
	app_command_add(b, x->path);
	buf_done(&uids);
}

void ui_export(struct console *c, struct view *owner, const struct ui_export *x)
{
	struct work *w;
	struct buf command = BUF_INIT, title = BUF_INIT;
	char mails[40];

	if (x->path[0] == '\0') {
		console_say(c, STYLE_WARN, "Nothing is written: no name was given");
		return;
	}
	w = mem_alloc(sizeof *w);
	w->app = console_app(c);
	w->server = mem_strdup(console_server(c));
	w->archive = mem_strdup(x->archive);
	w->internal = mem_strdup(x->internal);
	w->shown = mem_strdup(x->shown);
	w->path = mem_strdup(x->path);
	w->ranges = uids_ranges(x->uids, &w->n_ranges);
	w->file = x->file;
	add_command(c, x, w, &command);
	buf_printf(&title, "export %s of %s",
	    str_count(mails, sizeof mails, x->uids->n, "message", "messages"), x->shown);
	console_start(c, &(struct task_spec){ .title = buf_text(&title),
			     .command = buf_text(&command),
			     .run = run,
			     .arg = w,
			     .free_arg = free_work,
			     .owner = owner,
			     .done = done,
			     .open = open_result,
			     .changes = true });
	buf_done(&title);
	buf_done(&command);
}
