/* batch.c: plan the lines of a batch, and carry them out one after the other. */
#include <stdlib.h>
#include <string.h>

#include "app/app_impl.h"
#include "app/batch_impl.h"
#include "app/names.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "cyrus/mboxname.h"
#include "restore/case.h"
#include "restore/json.h"

void batch_news_free(void *p)
{
	struct batch_news *news = p;

	if (news == NULL)
		return;
	free(news->why);
	free(news->case_id);
	free(news);
}

/* ---- what it is made of ---- */

static int start(struct app *app, const char *server, struct batch *ret, struct err *e)
{
	const struct conf_server *c = conf_find_server(app->conf, server, e);

	*ret = (struct batch){ 0 };
	if (c == NULL)
		return -1;
	ret->server = mem_strdup(c->name);
	return 0;
}

static char *safe(const char *prefix, const char *name)
{
	struct buf b = BUF_INIT;

	buf_str(&b, prefix);
	str_safe_buf(&b, name, strlen(name));
	return buf_steal(&b);
}

/* Its internal name, heap. The archive's, else the server's; else, and the line is refused, what it would be; NULL: it can be none. */
static char *resolve(struct app *app, struct batch *b, struct batch_line *l, const struct names *names,
    struct source *s, const char *typed, struct err *e)
{
	struct err why = { 0 };
	char *internal = NULL;
	size_t at;

	if (names_find(names, s, typed, &at, &why) == 0)
		return mem_strdup(source_mailbox(s, at)->name);
	internal = names_live(app, b->server, typed);
	if (internal != NULL)
		return internal;
	batch_set(l, BATCH_REFUSED, why.msg);
	if (names->conf == NULL)
		return mem_strdup(typed);
	return mboxname_parse(names->conf, typed, &internal, e) == 0 ? internal : NULL;
}

/* What can be written down, and read again. */
static int check_request(const struct restore_request *r, struct err *e)
{
	struct restore_request again;
	struct err why = { 0 };
	json_t *v = restore_request_write(r);
	int rc = restore_request_read(v, &again, &why);

	json_decref(v);
	if (rc == 0)
		restore_request_done(&again);
	return rc == 0 ? 0 : err_set(e, ERR_USAGE, "%s", why.msg);
}

static int add_word(struct app *app, struct batch *b, const struct batch_word *w,
    const struct restore_request *how, const struct names *names, struct source *s, const char *archive,
    struct err *e)
{
	static const char *const prefixes[] = {
		[BATCH_USER] = "user ", [BATCH_MAILBOX] = "", [BATCH_RECURSIVE] = "recursive "
	};
	struct batch_line *l = batch_add(b);
	struct restore_request r = *how;
	char *internal = w->kind != BATCH_USER ? resolve(app, b, l, names, s, w->name, e) : NULL;
	const char *mailbox = internal;
	int rc;

	l->number = w->number;
	l->text = safe(prefixes[w->kind], w->name);
	l->archive = mem_strdup(archive);
	r.user = w->kind == BATCH_USER ? w->name : NULL;
	r.recursive = w->kind == BATCH_RECURSIVE;
	r.mailboxes = internal != NULL ? &mailbox : NULL;
	r.n_mailboxes = internal != NULL;
	restore_request_copy(&l->request, &r);
	rc = w->kind == BATCH_USER || internal != NULL ? check_request(&r, e) : -1;
	free(internal);
	return rc == 0 ? 0 : err_wrap(e, "line %zu, %s", l->number, l->text);
}

int app_batch_new(struct app *app, const char *server, const char *archive, const struct batch_words *words,
    const struct restore_request *how, struct job *job, struct batch *ret, struct err *e)
{
	char *name = app_archive_of(archive, server), *exact;
	struct source *s = NULL;
	struct store *store = NULL;
	struct names names;
	int rc = start(app, server, ret, e);

	if (rc == 0)
		rc = app_source_take(app, name, true, job, &s, &store, e);
	free(name);
	if (rc == -1)
		return -1;
	names_init(&names, app, server, s);
	/* So that "latest" is the same for all, also when it goes on tomorrow; a file's path stays as it was typed. */
	exact = mem_strdup(strchr(archive, '/') != NULL ? archive : source_name(s));
	for (size_t i = 0; i < words->n && rc == 0; i++) {
		rc = add_word(app, ret, &words->list[i], how, &names, s, exact, e);
		if (rc == 0 && job_cancelled(job, e))
			rc = -1;
	}
	free(exact);
	names_done(&names);
	app_source_give(app, s, store);
	return rc;
}

/* ---- what was lost ---- */

static int by_archive(const void *a, const void *b)
{
	const struct lost_mail *const *x = a, *const *y = b;
	int c = strcmp((*x)->archive, (*y)->archive);

	if (c == 0)
		c = strcmp((*x)->mailbox, (*y)->mailbox);
	return c != 0 ? c : (*x)->uid < (*y)->uid ? -1 : (*x)->uid > (*y)->uid;
}

/* ${n} messages of one archive. */
static void add_picks(
    struct batch *b, const struct lost_mail *const *mails, size_t n, const struct restore_request *how)
{
	struct restore_pick *picks = mem_array(n, sizeof *picks);
	struct export_range *ranges = mem_array(n, sizeof *ranges);
	const char **names = mem_array(n, sizeof *names);
	struct batch_line *l = batch_add(b);
	struct restore_request r = *how;
	size_t n_picks = 0, n_ranges = 0;
	char count[40];

	for (size_t i = 0; i < n; i++) {
		const struct lost_mail *m = mails[i];
		bool same = i > 0 && strcmp(mails[i - 1]->mailbox, m->mailbox) == 0;

		if (!same) {
			names[n_picks] = m->mailbox;
			picks[n_picks++] =
			    (struct restore_pick){ .mailbox = m->mailbox, .ranges = &ranges[n_ranges] };
		}
		if (same && ranges[n_ranges - 1].last + 1 == m->uid) {
			ranges[n_ranges - 1].last = m->uid;
		} else {
			ranges[n_ranges++] = (struct export_range){ m->uid, m->uid };
			picks[n_picks - 1].n_ranges++;
		}
	}
	r.mailboxes = names;
	r.n_mailboxes = n_picks;
	r.picks = picks;
	r.n_picks = n_picks;
	restore_request_copy(&l->request, &r);
	l->archive = mem_strdup(mails[0]->archive);
	l->number = b->n;
	l->text =
	    mem_printf("%s of %s", str_count(count, sizeof count, n, "message", "messages"), l->archive);
	free(picks);
	free(ranges);
	free(names);
}

int app_batch_of_lost(struct app *app, const char *server, const struct lost_mail *const *mails, size_t n,
    const struct restore_request *how, struct batch *ret, struct err *e)
{
	const struct lost_mail **list = mem_array(n + 1, sizeof *list);
	size_t kept = 0;
	int rc = start(app, server, ret, e);

	for (size_t i = 0; i < n; i++)
		if (mails[i]->has_file)
			list[kept++] = mails[i];
	if (kept > 1)
		qsort(list, kept, sizeof *list, by_archive);
	for (size_t i = 0; rc == 0 && i < kept;) {
		size_t k = i + 1;

		while (k < kept && strcmp(list[k]->archive, list[i]->archive) == 0)
			k++;
		add_picks(ret, list + i, k - i, how);
		i = k;
	}
	free(list);
	return rc;
}

/* A single restore was cut off since, which is none of the batch's. */
static bool is_outdated(const char *directory, const struct batch *b)
{
	const struct case_info *last;
	struct case_list cases;
	bool ret = false;

	if (case_list(directory, b->server, &cases, NULL) == -1)
		return false;
	last = case_last(&cases, CASE_OPEN);
	if (last != NULL && last->begun > batch_touched(directory, b->id)) {
		ret = true;
		for (size_t i = 0; i < b->n && ret; i++)
			ret = strcmp(b->lines[i].archive, last->archive) != 0 ||
			      !restore_request_same(&b->lines[i].request, &last->request);
	}
	case_list_done(&cases);
	return ret;
}

int app_batch_read(struct app *app, const char *server, const char *id, struct batch *ret, struct err *e)
{
	const struct conf_server *c = conf_find_server(app->conf, server, e);
	const char *directory = app->conf->state_directory;
	char *newest;
	int rc;

	*ret = (struct batch){ 0 };
	if (c == NULL)
		return -1;
	newest = id == NULL ? batch_newest(directory, c->name, e) : mem_strdup(id);
	if (newest == NULL)
		return -1;
	rc = batch_load(directory, newest, ret, e);
	if (rc == 0 && strcmp(ret->server, c->name) != 0)
		rc = err_set(
		    e, ERR_NOT_FOUND, "%s is of server %s: --server=%s", newest, ret->server, ret->server);
	if (rc == 0 && id == NULL && is_outdated(directory, ret))
		rc = err_set(e, ERR_NOT_FOUND, "a restore that is none of %s was cut off since", newest);
	for (size_t i = 0; rc == 0 && i < ret->n; i++)
		if (ret->lines[i].state != BATCH_DONE)
			batch_set(&ret->lines[i], BATCH_WAITING, NULL);
	free(newest);
	return rc;
}

/* ---- planning ---- */

/* What would be no use to try again right away. */
static bool is_refusal(const struct err *e)
{
	return e->code == ERR_REFUSED || e->code == ERR_NOT_FOUND || e->code == ERR_USAGE ||
	       e->code == ERR_UNSUPPORTED;
}

static void measure(struct batch_line *l, const struct restore_plan *plan)
{
	l->mailboxes = 0;
	l->messages = 0;
	for (size_t i = 0; i < plan->n_items; i++) {
		if (plan->items[i].state == STATE_SAME)
			continue;
		l->mailboxes++;
		l->messages += plan->items[i].messages;
	}
	l->bytes = plan->bytes;
	l->nothing = plan->n_refused == 0 && plan->n_steps == 0;
}

/* 0 and a plan that can be carried out, or NULL and the line has another state; -1: cancelled. */
static int plan_line(struct app *app, const struct batch *b, struct batch_line *l, struct job *job,
    struct restore_plan **ret, struct err *e)
{
	struct err why = { 0 };

	*ret = NULL;
	if (app_plan(app, b->server, l->archive, &l->request, job, ret, &why) == -1) {
		*ret = NULL;
		if (why.code == ERR_CANCELLED) {
			if (e != NULL)
				*e = why;
			return -1;
		}
		batch_set(l, is_refusal(&why) ? BATCH_REFUSED : BATCH_FAILED, why.msg);
		return 0;
	}
	measure(l, *ret);
	if ((*ret)->n_refused == 0)
		return 0;
	restore_refusal(*ret, &why);
	batch_set(l, BATCH_REFUSED, why.msg);
	restore_plan_free(*ret);
	*ret = NULL;
	return 0;
}

int app_batch_plan(struct app *app, struct batch *b, struct job *job, struct err *e)
{
	for (size_t i = 0; i < b->n; i++) {
		struct restore_plan *plan;

		if (b->lines[i].state != BATCH_WAITING)
			continue;
		job_step(job, "plan %zu of %zu: %s", i + 1, b->n, b->lines[i].text);
		if (job_cancelled(job, e) || plan_line(app, b, &b->lines[i], job, &plan, e) == -1)
			return -1;
		restore_plan_free(plan);
	}
	return 0;
}

/* ---- carrying out ---- */

static void tell(struct job *job, const struct batch *b, size_t i, const struct restore_result *r)
{
	const struct batch_line *l = &b->lines[i];
	struct batch_news *news = mem_alloc(sizeof *news);

	*news = (struct batch_news){ .line = i,
		.state = l->state,
		.why = mem_strdup(l->why),
		.case_id = mem_strdup(l->case_id),
		.messages = r->messages + r->created,
		.bytes = r->bytes };
	job_post(job, news, batch_news_free);
}

static void set_result(struct batch_line *l, const struct restore_result *r)
{
	char *words;

	if (r->failed > 0) {
		words = mem_printf("%llu messages could not be restored%s%s", (unsigned long long)r->failed,
		    r->n_failures > 0 ? ": " : "", r->n_failures > 0 ? r->failures[0] : "");
		batch_set(l, BATCH_FAILED, words);
		free(words);
	} else {
		batch_set(l, BATCH_DONE, r->n_warnings > 0 ? r->warnings[0] : NULL);
		l->warned = r->n_warnings > 0;
	}
}

/* -1: it was cancelled, or what became of it cannot be written down. */
static int run_line(struct app *app, struct batch *b, size_t i, struct job *job, struct err *e)
{
	struct batch_line *l = &b->lines[i];
	struct restore_result r = { 0 };
	struct restore_plan *plan = NULL;
	struct err why = { 0 };
	int rc = plan_line(app, b, l, job, &plan, e);

	if (rc == 0 && plan != NULL && plan->n_steps == 0) {
		batch_set(l, BATCH_DONE, restore_nothing_words(plan));
	} else if (rc == 0 && plan != NULL) {
		rc = app_restore(app, b->server, plan, job, &r, &why);
		if (r.case_id != NULL) {
			free(l->case_id);
			l->case_id = mem_strdup(r.case_id);
		}
		if (rc == 0)
			set_result(l, &r);
		else if (why.code != ERR_CANCELLED)
			batch_set(l, is_refusal(&why) ? BATCH_REFUSED : BATCH_FAILED, why.msg);
		else if (e != NULL)
			*e = why;
		rc = rc == -1 && why.code == ERR_CANCELLED ? -1 : 0;
	}
	if (rc == 0) {
		rc = batch_note(b, i, e);
		tell(job, b, i, &r);
	}
	restore_result_done(&r);
	restore_plan_free(plan);
	return rc;
}

static int stopped_at(const struct batch *b, size_t i, struct err *e)
{
	const struct batch_line *l = &b->lines[i];
	size_t left = 0;

	for (size_t k = 0; k < b->n; k++)
		left += b->lines[k].state != BATCH_DONE;
	err_set(e, ERR_PARTIAL, "stopped at line %zu, %s: %s; %zu of %zu are left", l->number, l->text,
	    l->why != NULL ? l->why : batch_state_name(l->state), left, b->n);
	return err_hint(e, "cyrvault restore --resume %s goes on there", b->id);
}

/* What one restore says to do next is not what to do in a batch. */
static int goes_on(const struct batch *b, struct err *e)
{
	if (e != NULL)
		e->hint[0] = '\0';
	return err_hint(e, "cyrvault restore --resume %s goes on there", b->id);
}

int app_batch_run(struct app *app, struct batch *b, struct job *job, struct err *e)
{
	const char *directory = app->conf->state_directory;

	if (b->id == NULL)
		batch_prune(directory, app->conf->keep_cases);
	if ((b->id == NULL ? batch_create(directory, b, e) : batch_open(directory, b, e)) == -1)
		return -1;
	log_write(LOG_LEVEL_INFO, "%s: %zu restores into %s", b->id, b->n, b->server);
	for (size_t i = 0; i < b->n; i++) {
		if (b->lines[i].state == BATCH_WAITING) {
			job_step(job, "%zu of %zu: %s", i + 1, b->n, b->lines[i].text);
			if (job_cancelled(job, e) || run_line(app, b, i, job, e) == -1)
				return goes_on(b, e);
		}
		if (b->lines[i].state != BATCH_DONE && !b->go_on)
			return stopped_at(b, i, e);
	}
	return batch_end(b, e);
}
