/* undo.c: find the case of a restore, and undo it under the server's lock. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/app.h"
#include "app/audit.h"
#include "app/lock.h"
#include "core/mem.h"
#include "restore/case.h"

/* Its id, heap: of what ${word} names, or the last one that was not undone. */
static char *find_case(const struct conf *conf, const char *server, const char *word, struct err *e)
{
	const struct case_info *last;
	struct case_list l;
	char *id;

	if (word != NULL) {
		id = case_id_of(word);
		if (id == NULL) {
			err_set(e, ERR_NOT_FOUND, "%s is no name of a case", word);
			err_hint(e, "cyrvault cases lists them");
		}
		return id;
	}
	if (case_list(conf->state_directory, server, &l, e) == -1)
		return NULL;
	last = case_last_undoable(&l);
	id = last != NULL ? mem_strdup(last->id) : NULL;
	case_list_done(&l);
	if (id == NULL) {
		err_set(e, ERR_NOT_FOUND, "there is no restore into %s that could be undone", server);
		err_hint(e, "cyrvault cases lists those there were");
	}
	return id;
}

/* It may be undone again, to go on with what was left. */
static int check_case(const struct conf *conf, struct server *server, const char *id, struct err *e)
{
	struct case_info i;
	int rc;

	if (case_read(conf->state_directory, id, &i, e) == -1)
		return -1;
	rc = undo_check_order(server, conf->state_directory, &i, e);
	case_info_done(&i);
	return rc;
}

int app_undo_plan(
    struct app *app, const char *server, const char *word, struct undo_plan **ret, struct err *e)
{
	const struct conf *conf = app_conf(app);
	const struct conf_server *c = conf_find_server(conf, server, e);
	struct server *s = NULL;
	char *id = c != NULL ? find_case(conf, c->name, word, e) : NULL;
	int rc = -1;

	if (id != NULL && app_server(app, server, &s, e) == 0 && check_case(conf, s, id, e) == 0)
		rc = undo_plan_build(s, conf->state_directory, id, ret, e);
	server_free(s);
	free(id);
	return rc;
}

static int carry_out(struct app *app, const char *server, const struct undo_plan *plan, struct job *job,
    struct undo_result *ret, struct err *e)
{
	const struct conf *conf = app_conf(app);
	const struct conf_server *c = conf_find_server(conf, server, e);
	struct restore_case *kase = NULL;
	struct server *s = NULL;
	int lock = -1, rc = -1;

	*ret = (struct undo_result){ 0 };
	if (c == NULL || app_server(app, server, &s, e) == -1)
		return -1;
	lock = lock_take(conf->lock_directory, c->name, "restore --undo", e);
	if (lock != -1 && check_case(conf, s, plan->id, e) == 0 &&
	    case_open(conf->state_directory, plan->id, &kase, e) == 0) {
		rc = undo_run(s, plan, kase, job, ret, e);
		if (rc == -1)
			err_hint(e, "running it again goes on from here");
		else if ((rc = case_end(kase, CASE_UNDONE, e)) == -1)
			err_hint(e, "all of it is taken back; running it again notes that too");
	}
	case_close(kase);
	if (lock != -1)
		close(lock);
	server_free(s);
	return rc;
}

int app_undo(struct app *app, const char *server, const struct undo_plan *plan, struct job *job,
    struct undo_result *ret, struct err *e)
{
	struct audit_users users = { 0 };
	struct app_audit a = { .verb = "undo",
		.server = server,
		.archive = plan->archive,
		.mailbox = plan->n_boxes == 1 ? plan->boxes[0].name : NULL,
		.messages = plan->remove,
		.receipt = plan->id };
	int rc;

	*ret = (struct undo_result){ 0 };
	for (size_t i = 0; i < plan->n_boxes; i++)
		audit_users_add(&users, plan->boxes[i].name);
	for (size_t i = 0; i < plan->n_changes; i++)
		if (plan->changes[i].mailbox[0] != '\0')
			audit_users_add(&users, plan->changes[i].mailbox);
	a.users = (const char *const *)users.list;
	a.n_users = users.n;
	rc = app_audit_begin(app, &a, e);
	if (rc == 0) {
		rc = carry_out(app, server, plan, job, ret, e);
		a.messages = ret->removed;
		rc = app_audit_end(app, &a, rc, e);
	}
	audit_users_done(&users);
	return rc;
}
