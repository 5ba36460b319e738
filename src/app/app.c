/* app.c: the session, and the verbs that change something. */
#include "app/app_impl.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/audit_impl.h"
#include "app/catalogue.h"
#include "app/lock.h"
#include "app/words.h"
#include "core/io.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/case.h"
#include "restore/plan_json.h"
#include "restore/receipt.h"
#include "restore/safety.h"

int app_open(const char *conf_path, struct app **ret, struct err *e)
{
	struct app *app = mem_alloc(sizeof *app);
	char *directory;

	if (conf_load(conf_path, &app->conf, e) == -1) {
		free(app);
		return -1;
	}
	if (strcmp(app->conf->state_directory, "/var/lib/cyrvault") != 0)
		io_mkdirs(AT_FDCWD, app->conf->state_directory, 0700, NULL);
	app->many_units = APP_MANY_UNITS;
	pthread_mutex_init(&app->kept_lock, NULL);
	pthread_mutex_init(&app->reason_lock, NULL);
	app->links = store_links_new();
	directory = mem_printf("%s/catalogue", app->conf->state_directory);
	if (catalogue_open(directory, &app->catalogue, e) == -1) {
		free(directory);
		app_close(app);
		return -1;
	}
	free(directory);
	log_open(app->conf->log_file[0] != '\0' ? app->conf->log_file : NULL, 1);
	*ret = app;
	return 0;
}

void app_close(struct app *app)
{
	if (app == NULL)
		return;
	app_kept_drop(app);
	catalogue_close(app->catalogue);
	store_links_free(app->links);
	pthread_mutex_destroy(&app->kept_lock);
	pthread_mutex_destroy(&app->reason_lock);
	free(app->reason);
	log_close();
	conf_free(app->conf);
	free(app);
}

const struct conf *app_conf(const struct app *app)
{
	return app->conf;
}

int app_server(struct app *app, const char *name, struct server **ret, struct err *e)
{
	const struct conf_server *c = conf_find_server(app->conf, name, e);

	return c != NULL ? server_open(c, ret, e) : -1;
}

int app_store_open(struct app *app, const struct conf_store *c, bool create, struct job *job,
    struct store **ret, struct err *e)
{
	return store_open_as(&(struct store_opts){ c, app->links, job, create }, ret, e);
}

int app_store(
    struct app *app, const char *name, bool create, struct job *job, struct store **ret, struct err *e)
{
	const struct conf_store *c = conf_find_store(app->conf, name, e);

	return c != NULL ? app_store_open(app, c, create, job, ret, e) : -1;
}

/* What the command line calls an archive: a name in a configured store, else its path. */
static char *archive_word(const struct app *app, const struct store *store, const struct source *source)
{
	const char *url = store != NULL ? store_url(store) : "tape:", *name = source_name(source);

	/* The running server has no store either. */
	if (str_starts(url, "tape:"))
		return mem_strdup(name);
	for (size_t i = 0; i < app->conf->n_stores; i++)
		if (strcmp(app->conf->stores[i].url, url) == 0)
			return mem_strdup(name);
	return mem_printf("%s/%s", str_starts(url, "dir:") ? url + 4 : url, name);
}

/* The journal of the open case of this request; 0 also when there is none. */
static int read_earlier(struct app *app, const struct case_list *cases, const char *archive,
    struct source *source, const struct restore_request *request, struct journal_log *ret, struct err *e)
{
	const struct case_info *open = case_find(cases, archive, request);
	char *path;
	int rc;

	if (open == NULL)
		return 0;
	path = mem_printf("%s/cases/%s/journal", app->conf->state_directory, open->id);
	rc = journal_read(path, ret, e);
	free(path);
	/* What it had copied out of cyr_expire's reach counts before what is there now. */
	path = mem_printf("%s/cases/%s/safety/%s", app->conf->state_directory, open->id, SAFETY_LIVE);
	if (source_is_live(source))
		source_live_keep(source, path);
	free(path);
	return rc;
}

static int plan_with_cases(struct app *app, struct server *s, struct source *source, const char *archive,
    const struct restore_request *request, struct job *job, struct restore_plan **ret, struct err *e)
{
	struct restore_request full = *request;
	struct journal_log earlier = { 0 };
	struct case_marks marks;
	struct case_list cases;
	int rc;

	if (case_list(app->conf->state_directory, s->name, &cases, e) == -1)
		return -1;
	case_marks(&cases, &marks);
	full.unfinished = marks.unfinished;
	full.n_unfinished = marks.n_unfinished;
	full.cut_off = marks.cut_off;
	full.n_cut_off = marks.n_cut_off;
	rc = read_earlier(app, &cases, archive, source, request, &earlier, e);
	full.earlier = earlier.server != NULL ? &earlier : NULL;
	if (rc == 0)
		rc = restore_plan_build(s, source, &full, job, ret, e);
	journal_log_done(&earlier);
	case_marks_done(&marks);
	case_list_done(&cases);
	return rc;
}

int app_plan(struct app *app, const char *server, const char *archive, const struct restore_request *request,
    struct job *job, struct restore_plan **ret, struct err *e)
{
	struct server *s = NULL;
	struct source *source = NULL;
	struct store *store = NULL;
	char *name = app_archive_of(archive, server), *word;
	int rc = -1;

	if (app_server(app, server, &s, e) == 0 &&
	    app_source_take(app, name, true, job, &source, &store, e) == 0) {
		word = archive_word(app, store, source);
		rc = plan_with_cases(app, s, source, word, request, job, ret, e);
		free(word);
	}
	server_free(s);
	free(name);
	if (rc == -1) {
		if (e != NULL && e->code == ERR_DAMAGE)
			err_hint(e,
			    "cyrvault verify tells what is damaged; cyrvault salvage gets out what is whole");
		app_source_give(app, source, store);
		return -1;
	}
	/* The job that planned goes before the plan does. */
	source_set_job(source, NULL);
	(*ret)->source = source;
	(*ret)->store = store;
	return 0;
}

int app_plan_text(
    struct app *app, const char *server, const struct restore_plan *plan, struct buf *b, struct err *e)
{
	const struct conf_server *c = conf_find_server(app->conf, server, e);
	char *archive = archive_word(app, plan->store, plan->source);
	json_t *v = c != NULL ? restore_plan_json(plan, c->name, archive, e) : NULL;

	free(archive);
	if (v == NULL)
		return -1;
	json_text(v, b);
	json_decref(v);
	return 0;
}

int app_plan_again(struct app *app, const struct restore_plan_file *file, struct job *job,
    void (*differs)(void *arg, const char *line), void *arg, struct restore_plan **ret, struct err *e)
{
	struct restore_plan *plan;
	json_t *now;
	size_t n;

	if (app_plan(app, file->server, file->archive, &file->request, job, &plan, e) == -1)
		return -1;
	now = restore_plan_json(plan, file->server, file->archive, e);
	n = now != NULL ? restore_plan_compare(file->plan, now, differs, arg) : 0;
	if (now != NULL && n == 0) {
		*ret = plan;
	} else {
		restore_plan_free(plan);
		if (now != NULL) {
			err_set(e, ERR_REFUSED,
			    "the plan that was reviewed is not the plan any more: %zu difference%s", n,
			    n == 1 ? "" : "s");
			err_hint(e, "write it anew with --plan-out, review it, and run that");
		}
	}
	json_decref(now);
	return now != NULL && n == 0 ? 0 : -1;
}

/* The case keeps the plan that it began with. */
static int keep_plan(struct app *app, const char *server, const struct restore_plan *plan,
    struct restore_case *c, struct err *e)
{
	char *path = mem_printf("%s/plan.json", case_path(c));
	struct buf b = BUF_INIT;
	int rc = 0;

	if (access(path, F_OK) == -1) {
		rc = app_plan_text(app, server, plan, &b, e);
		if (rc == 0)
			rc = case_put(c, "plan.json", b.data, b.len, e);
	}
	buf_done(&b);
	free(path);
	return rc == -1 ? err_hint(e, "nothing was changed; running the restore again goes on from here") : 0;
}

/* Old cases go when there is a new one. */
static void prune_cases(const struct conf *conf)
{
	struct err why;

	if (case_prune(conf->state_directory, conf->keep_cases, &why) == -1)
		log_write(LOG_LEVEL_WARNING, "old cases: %s", why.msg);
}

/* With warnings it stays open: running it again does what failed. One that has changed nothing is none to go on with. */
static int end_case(struct restore_case *c, int rc, const struct restore_result *result, struct err *e)
{
	struct journal_log log;
	bool changed;

	if (rc == 0)
		return result->n_warnings == 0 ? case_end(c, CASE_DONE, e) : 0;
	if (journal_read(journal_path(case_journal(c)), &log, e) == -1)
		return -1;
	changed = log.n > 0;
	journal_log_done(&log);
	return changed ? 0 : case_end(c, CASE_FAILED, e);
}

/* What came of it, for whoever asks later. */
static void keep_receipt(struct app *app, const char *server, struct server *s, struct restore_case *c,
    const struct restore_result *result, const struct err *failed)
{
	struct buf undo = BUF_INIT;
	struct receipt receipt;
	struct err why;

	app_command_begin(&undo, app, server, "restore");
	buf_printf(&undo, " --undo %s", case_about(c)->id);
	receipt_make(c, result, failed, buf_text(&undo), &receipt);
	if (receipt_keep(c, &receipt, s->conf, &why) == -1)
		log_write(LOG_LEVEL_WARNING, "%s", why.msg);
	receipt_done(&receipt);
	buf_done(&undo);
}

static int carry_out(struct app *app, const char *server, struct restore_plan *plan, struct job *job,
    struct restore_result *ret, struct err *e)
{
	const struct conf_server *c = conf_find_server(app->conf, server, e);
	struct server *s = NULL;
	struct restore_case *kase = NULL;
	char *archive = archive_word(app, plan->store, plan->source), *reason = app_reason(app);
	struct case_begin begin = { .archive = archive, .reason = reason, .plan = plan };
	struct audit_who who;
	struct err why;
	int lock = -1, rc = -1;

	*ret = (struct restore_result){ 0 };
	audit_who(&who);
	begin.who = who.name;
	if (plan->n_refused > 0) {
		restore_refusal(plan, e);
		goto out;
	}
	if (c == NULL || server_open(c, &s, e) == -1)
		goto out;
	begin.server = c->name;
	lock = lock_take(app->conf->lock_directory, c->name, "restore", e);
	if (lock == -1 || restore_fits(s, plan, e) == -1)
		goto out;
	prune_cases(app->conf);
	if (case_begin(app->conf->state_directory, &begin, &kase, e) == -1 ||
	    keep_plan(app, c->name, plan, kase, e) == -1)
		goto out;
	source_set_job(plan->source, job);
	rc = restore_run(s, plan, kase, job, ret, e);
	source_set_job(plan->source, NULL);
	keep_receipt(app, server, s, kase, ret, rc == -1 ? e : NULL);
	if (end_case(kase, rc, ret, &why) == -1)
		log_write(LOG_LEVEL_WARNING, "%s", why.msg);
out:
	case_close(kase);
	audit_who_done(&who);
	free(reason);
	free(archive);
	server_free(s);
	if (lock != -1)
		close(lock);
	return rc;
}

/* The open case of this request, which was cut off behind its last change. */
static int settle(
    struct app *app, const char *server, const char *archive, const struct restore_plan *plan, struct err *e)
{
	struct journal_record end = { .kind = JOURNAL_END };
	struct restore_result all = { 0 };
	struct restore_case *kase = NULL;
	const struct case_info *open;
	struct case_list cases;
	int lock, rc = 0;

	if (case_list(app->conf->state_directory, server, &cases, e) == -1)
		return -1;
	open = case_find(&cases, archive, &plan->request);
	if (open != NULL) {
		lock = lock_take(app->conf->lock_directory, server, "restore", e);
		rc = lock == -1 ? -1 : case_open(app->conf->state_directory, open->id, &kase, e);
		if (rc == 0)
			rc = journal_add(case_journal(kase), &end, e);
		if (rc == 0)
			rc = end_case(kase, 0, &all, e);
		case_close(kase);
		if (lock != -1)
			close(lock);
	}
	case_list_done(&cases);
	return rc;
}

int app_restore_settle(struct app *app, const char *server, const struct restore_plan *plan, struct err *e)
{
	const struct conf_server *c = conf_find_server(app->conf, server, e);
	char *archive;
	int rc;

	if (c == NULL)
		return -1;
	archive = archive_word(app, plan->store, plan->source);
	rc = settle(app, c->name, archive, plan, e);
	free(archive);
	return rc;
}

int app_restore(struct app *app, const char *server, struct restore_plan *plan, struct job *job,
    struct restore_result *ret, struct err *e)
{
	struct audit_users users = { 0 };
	struct app_audit a = { .verb = "restore", .server = server, .archive = source_name(plan->source) };
	int rc;

	*ret = (struct restore_result){ 0 };
	for (size_t i = 0; i < plan->n_items; i++) {
		audit_users_add(&users, plan->items[i].name);
		a.messages += plan->items[i].state != STATE_SAME ? plan->items[i].messages : 0;
	}
	if (plan->request.to_user != NULL) {
		char *inbox = mboxname_inbox(plan->request.to_user);

		audit_users_add(&users, inbox);
		free(inbox);
	}
	a.mailbox = plan->n_items == 1 ? plan->items[0].name : NULL;
	a.users = (const char *const *)users.list;
	a.n_users = users.n;
	rc = app_audit_begin(app, &a, e);
	if (rc == 0) {
		rc = carry_out(app, server, plan, job, ret, e);
		a.messages = ret->messages + ret->created;
		a.receipt = ret->case_id;
		rc = app_audit_end(app, &a, rc, e);
	}
	audit_users_done(&users);
	return rc;
}
