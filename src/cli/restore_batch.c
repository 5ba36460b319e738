/* restore_batch.c: several restores: what each would do, one question, then one after the other. */
#include "cli/restore_batch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/audit.h"
#include "app/batch.h"
#include "app/find.h"
#include "cli/progress.h"
#include "cli/restore_options.h"
#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"

struct work {
	struct cli *c;
	const char *archive;
	struct restore_request how;
	struct batch_words words;
	struct lost_mail **lost;
	size_t n_lost, cap_lost;
	struct batch batch;
};

static const struct printer_column columns[] = {
	{ "line", "LINE", true, 0, false, 0 },
	{ "what", "WHAT", false, 20, false, 0 },
	{ "mailboxes", "MBOXES", true, 0, false, 0 },
	{ "messages", "MSGS", true, 0, false, 0 },
	{ "bytes", "SIZE", true, 0, false, 0 },
	{ "state", "STATE", false, 0, false, 0 },
	{ "why", "NOTE", false, 20, true, 0 },
};

static enum printer_tone tone_of(enum batch_state s)
{
	return s == BATCH_DONE ? TONE_GOOD : s == BATCH_WAITING ? TONE_PLAIN : TONE_BAD;
}

/* ---- what is asked for ---- */

static int read_file(const char *name, struct buf *b, struct err *e)
{
	bool input = strcmp(name, "-") == 0;
	int fd = input ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC), rc;
	char *room = buf_reserve(b, BATCH_FILE_MAX + 1);
	size_t got = 0;

	if (fd == -1)
		return err_sys(e, "open %s", name);
	rc = io_read_all(fd, room, BATCH_FILE_MAX + 1, input ? "the standard input" : name, &got, e);
	if (!input)
		close(fd);
	if (rc == 0 && got > BATCH_FILE_MAX)
		rc = err_set(e, ERR_USAGE, "%s is larger than %u bytes", name, BATCH_FILE_MAX);
	b->len = rc == 0 ? got : 0;
	return rc;
}

static int read_words(struct work *w, const char *name, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc = read_file(name, &b, e);

	if (rc == 0 && batch_parse(b.data, b.len, &w->words, e) == -1)
		rc = err_wrap(e, "%s", name);
	buf_done(&b);
	return rc;
}

static int new_work(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;

	return app_batch_new(w->c->app, w->c->args.server, w->archive, &w->words, &w->how, job, &w->batch, e);
}

static void take_lost(void *to, void *item)
{
	struct work *w = to;

	w->lost = mem_grow(w->lost, &w->cap_lost, w->n_lost + 1, sizeof(struct lost_mail *));
	w->lost[w->n_lost++] = item;
}

static int find_lost(struct work *w, struct err *e)
{
	const struct cli_args *a = &w->c->args;
	struct lost_request r = { .app = w->c->app, .server = a->server, .user = a->lost, .store = a->store };
	size_t without = 0;
	char n[40];

	if (a->since == NULL) {
		err_set(e, ERR_USAGE, "restore --lost: --since is needed: from when on was it there?");
		return err_hint(e, "cyrvault lost %s --since 2w shows what it would be", a->lost);
	}
	if (find_parse_date(a->since, &r.since, e) == -1 ||
	    (a->before != NULL && find_parse_date(a->before, &r.before, e) == -1) ||
	    progress_run_posts(w->c, lost_run, &r, take_lost, w, e) == -1)
		return -1;
	if (r.counts.unread > 0)
		printer_warn(w->c->out, "not looked into: %s%s", r.counts.unread_why,
		    r.counts.unread > 1 ? ", and others" : "");
	for (size_t i = 0; i < w->n_lost; i++)
		without += !w->lost[i]->has_file;
	if (without > 0)
		printer_warn(w->c->out,
		    "%s cannot be restored: no archive has more than its line of the index",
		    str_count(n, sizeof n, without, "lost message", "lost messages"));
	return app_batch_of_lost(
	    w->c->app, a->server, (const struct lost_mail *const *)w->lost, w->n_lost, &w->how, &w->batch, e);
}

static int take_up(struct work *w, const char *id, struct err *e)
{
	const struct cli_args *a = &w->c->args;

	if (app_batch_read(w->c->app, a->server, id, &w->batch, e) == -1)
		return -1;
	if (a->on_error != NULL)
		w->batch.go_on = strcmp(a->on_error, "continue") == 0;
	return 0;
}

static int check(struct cli *c, int argc, struct err *e)
{
	const struct cli_args *a = &c->args;
	int want = a->batch != NULL ? 1 : 0;

	if ((a->batch != NULL) + (a->lost != NULL) + a->resume > 1)
		err_set(e, ERR_USAGE, "restore: one of --batch, --lost and --resume");
	else if (a->resume)
		return restore_options_check(c, argc, e);
	else if (a->user != NULL || a->recursive || a->to_user != NULL || a->into != NULL || a->uid != NULL ||
		 a->plan != NULL || a->plan_out != NULL)
		err_set(e, ERR_USAGE,
		    "restore --%s: --user, --recursive, --to-user, --into, --uid and --plan do not go with "
		    "it",
		    a->batch != NULL ? "batch" : "lost");
	else if (argc != want)
		err_set(e, ERR_USAGE, "restore: %s",
		    a->lost != NULL ? "--lost finds archives and mailboxes by itself"
		    : argc == 0     ? "from which archive?"
				    : "with --batch the mailboxes stand in the file");
	else
		/* As of one mailbox. */
		return restore_options_check(c, 2, e);
	return err_hint(e, "cyrvault help restore");
}

static int make(struct work *w, int argc, char **argv, struct err *e)
{
	const struct cli_args *a = &w->c->args;

	if (check(w->c, argc, e) == -1 || restore_options_request(w->c, NULL, 0, &w->how, e) == -1)
		return -1;
	if (a->resume)
		return take_up(w, argc > 0 ? argv[0] : NULL, e);
	if (a->lost != NULL) {
		if (find_lost(w, e) == -1)
			return -1;
	} else {
		w->archive = argv[0];
		if (read_words(w, a->batch, e) == -1 || progress_run(w->c, new_work, w, e) == -1)
			return -1;
	}
	w->batch.go_on = a->on_error != NULL && strcmp(a->on_error, "continue") == 0;
	return 0;
}

bool restore_batch_wanted(struct cli *c, int argc, char **argv)
{
	const struct cli_args *a = &c->args;
	struct batch b = { 0 };
	bool ret;

	if (a->batch != NULL || a->lost != NULL)
		return true;
	if (!a->resume || argc > 1)
		return false;
	if (argc == 1)
		return str_starts(argv[0], "batch-");
	/* What was stopped in the middle of a batch is the batch. */
	ret = app_batch_read(c->app, a->server, NULL, &b, NULL) == 0;
	batch_done(&b);
	return ret;
}

/* ---- the plans ---- */

struct totals {
	size_t lines, done, failed, refused, nothing, warned;
	uint64_t messages, bytes;
};

static void count(const struct batch *b, struct totals *t)
{
	*t = (struct totals){ .lines = b->n };
	for (size_t i = 0; i < b->n; i++) {
		const struct batch_line *l = &b->lines[i];

		t->done += l->state == BATCH_DONE;
		t->failed += l->state == BATCH_FAILED;
		t->refused += l->state == BATCH_REFUSED;
		t->nothing += l->state == BATCH_WAITING && l->nothing;
		t->warned += l->warned;
		if (l->state == BATCH_WAITING) {
			t->messages += l->messages;
			t->bytes += l->bytes;
		}
	}
}

static int plan_work(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;

	return app_batch_plan(w->c->app, &w->batch, job, e);
}

static void print_line(struct printer *out, const struct batch_line *l)
{
	printer_row(out, "line");
	printer_number(out, "line", l->number);
	printer_string(out, "what", l->text);
	printer_string(out, "archive", l->archive);
	printer_number(out, "mailboxes", l->mailboxes);
	printer_number(out, "messages", l->messages);
	printer_size(out, "bytes", l->bytes);
	if (l->state == BATCH_WAITING)
		printer_word(out, "state", l->nothing ? "nothing to do" : "to do", TONE_PLAIN);
	else
		printer_word(out, "state", batch_state_name(l->state), tone_of(l->state));
	printer_string(out, "why", l->why);
	printer_string(out, "case", l->case_id);
	printer_row_end(out);
}

static void print_summary(struct cli *c, const struct batch *b, const char *outcome)
{
	struct totals t;

	count(b, &t);
	printer_row(c->out, "summary");
	printer_string(c->out, "batch", b->id);
	printer_bool(c->out, "dry_run", c->args.dry_run);
	printer_string(c->out, "outcome", outcome);
	printer_number(c->out, "lines", t.lines);
	printer_number(c->out, "done", t.done);
	printer_number(c->out, "failed", t.failed);
	printer_number(c->out, "refused", t.refused);
	printer_number(c->out, "waiting", t.lines - t.done - t.failed - t.refused);
	printer_row_end(c->out);
}

static void print_plans(struct cli *c, const struct batch *b)
{
	char lines[40], mails[40], size[16];
	struct totals t;

	printer_table(c->out, columns, sizeof columns / sizeof columns[0]);
	for (size_t i = 0; i < b->n && !printer_broken(c->out); i++)
		print_line(c->out, &b->lines[i]);
	printer_table_end(c->out);
	count(b, &t);
	printer_say(c->out, "%s: %s, %s to restore; nothing to do: %zu, refused: %zu, done before: %zu",
	    str_count(lines, sizeof lines, t.lines, "line", "lines"),
	    str_count(mails, sizeof mails, t.messages, "message", "messages"),
	    str_size(size, sizeof size, t.bytes), t.nothing, t.refused + t.failed, t.done);
}

/* ---- the work ---- */

static int run_work(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;

	return app_batch_run(w->c->app, &w->batch, job, e);
}

/* In the main thread; what does not change while it runs is read of the batch. */
static void take_news(void *to, void *item)
{
	struct work *w = to;
	struct batch_news *news = item;
	struct printer *out = w->c->out;
	char n[40];

	printer_row(out, "result");
	printer_number(out, "line", w->batch.lines[news->line].number);
	printer_string(out, "what", w->batch.lines[news->line].text);
	printer_string(out, "state", batch_state_name(news->state));
	printer_string(out, "why", news->why);
	printer_string(out, "case", news->case_id);
	printer_number(out, "messages", news->messages);
	printer_size(out, "bytes", news->bytes);
	printer_row_end(out);
	printer_toned(out, tone_of(news->state), batch_state_name(news->state), ": line %zu, %s: %s%s%s%s%s",
	    w->batch.lines[news->line].number, w->batch.lines[news->line].text,
	    str_count(n, sizeof n, news->messages, "message", "messages"), news->why != NULL ? "; " : "",
	    news->why != NULL ? news->why : "", news->case_id != NULL ? "; case " : "",
	    news->case_id != NULL ? news->case_id : "");
	batch_news_free(news);
}

static int finish(struct cli *c, struct work *w, int rc, struct err *e)
{
	struct totals t;

	count(&w->batch, &t);
	printer_say(c->out, "%s: done: %zu, failed: %zu, refused: %zu, left: %zu",
	    w->batch.id != NULL ? w->batch.id : "the batch", t.done, t.failed, t.refused,
	    t.lines - t.done - t.failed - t.refused);
	print_summary(c, &w->batch, rc == 0 ? "ended" : "stopped");
	if (rc == -1)
		return -1;
	if (t.failed + t.refused == 0)
		return t.warned > 0 ? 1 : 0;
	(void)e;
	printer_say(
	    c->out, "What was not done can be tried again: cyrvault restore --resume %s", w->batch.id);
	return 1;
}

static int carry_out(struct cli *c, struct work *w, struct err *e)
{
	struct totals t;
	char n[40];
	int answer;

	count(&w->batch, &t);
	if (t.failed + t.refused > 0 && !w->batch.go_on) {
		print_summary(c, &w->batch, "refused");
		err_set(e, ERR_REFUSED, "%s cannot be carried out (above), and nothing was begun",
		    str_count(n, sizeof n, t.failed + t.refused, "line", "lines"));
		return err_hint(e, "correct them, or leave them out with --on-error=continue");
	}
	if (t.done + t.nothing + t.failed + t.refused == t.lines) {
		print_summary(c, &w->batch, "nothing to do");
		printer_line(c->out, "Nothing to do.");
		return t.failed + t.refused > 0 ? 1 : 0;
	}
	if (c->args.dry_run) {
		print_summary(c, &w->batch, "planned");
		printer_say(c->out, "Nothing was changed: this was a dry run.");
		return t.failed + t.refused > 0 ? 1 : 0;
	}
	answer = cli_confirm(c, "Carry out these restores, one after the other?", e);
	if (answer == -1)
		return -1;
	if (answer == 0) {
		print_summary(c, &w->batch, "declined");
		printer_say(c->out, "Nothing was changed.");
		return 2;
	}
	return finish(c, w, progress_run_posts(c, run_work, w, take_news, w, e), e);
}

int restore_batch(struct cli *c, int argc, char **argv, struct err *e)
{
	struct work w = { .c = c };
	struct app_audit a = { .verb = "restore",
		.server = c->args.server,
		.archive = c->args.batch != NULL && argc > 0 ? argv[0] : NULL,
		.users = &c->args.lost,
		.n_users = c->args.lost != NULL };
	int status = -1;

	if (!c->args.dry_run && app_audit_ask(c->app, &a, e) == -1)
		return -1;
	if (make(&w, argc, argv, e) == 0) {
		if (w.batch.n == 0) {
			print_summary(c, &w.batch, "nothing to do");
			printer_line(c->out, "Nothing is lost.");
			status = 0;
		} else if (progress_run(c, plan_work, &w, e) == 0) {
			print_plans(c, &w.batch);
			status = carry_out(c, &w, e);
		}
	}
	batch_done(&w.batch);
	batch_words_done(&w.words);
	restore_request_done(&w.how);
	for (size_t i = 0; i < w.n_lost; i++)
		lost_mail_free(w.lost[i]);
	free(w.lost);
	return status;
}
