/* undo.c: find the journal of a merge, and undo it under the server's lock. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/app.h"
#include "app/audit.h"
#include "app/lock.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/undo.h"

/* A path, or the name of a file in the state directory, with or without its suffix. */
static char *path_of(const struct conf *conf, const char *server, const char *journal, struct err *e)
{
	if (journal == NULL)
		return journal_last(conf->state_directory, server, e);
	if (strchr(journal, '/') != NULL)
		return mem_strdup(journal);
	return mem_printf(
	    "%s/%s%s", conf->state_directory, journal, str_ends(journal, ".journal") ? "" : ".journal");
}

int app_undo_plan(
    struct app *app, const char *server, const char *journal, struct undo_plan **ret, struct err *e)
{
	const struct conf_server *c = conf_find_server(app_conf(app), server, e);
	struct server *s = NULL;
	char *path = c != NULL ? path_of(app_conf(app), c->name, journal, e) : NULL;
	int rc = -1;

	if (path != NULL && app_server(app, server, &s, e) == 0)
		rc = undo_plan_build(s, path, ret, e);
	server_free(s);
	free(path);
	return rc;
}

static int carry_out(struct app *app, const char *server, const struct undo_plan *plan, struct job *job,
    uint64_t *removed, struct err *e)
{
	const struct conf_server *c = conf_find_server(app_conf(app), server, e);
	struct server *s = NULL;
	int lock = -1, rc = -1;

	*removed = 0;
	if (c == NULL || app_server(app, server, &s, e) == -1)
		return -1;
	lock = lock_take(app_conf(app)->lock_directory, c->name, "restore --undo", e);
	if (lock != -1) {
		rc = undo_run(s, plan, job, removed, e);
		close(lock);
	}
	server_free(s);
	return rc;
}

int app_undo(struct app *app, const char *server, const struct undo_plan *plan, struct job *job,
    uint64_t *removed, struct err *e)
{
	const char *slash = strrchr(plan->path, '/');
	struct audit_users users = { 0 };
	struct app_audit a = { .verb = "undo",
		.server = server,
		.archive = plan->archive,
		.mailbox = plan->n_boxes == 1 ? plan->boxes[0].name : NULL,
		.messages = plan->remove,
		.receipt = slash != NULL ? slash + 1 : plan->path };
	int rc;

	*removed = 0;
	for (size_t i = 0; i < plan->n_boxes; i++)
		audit_users_add(&users, plan->boxes[i].name);
	a.users = (const char *const *)users.list;
	a.n_users = users.n;
	rc = app_audit_begin(app, &a, e);
	if (rc == 0) {
		rc = carry_out(app, server, plan, job, removed, e);
		a.messages = *removed;
		rc = app_audit_end(app, &a, rc, e);
	}
	audit_users_done(&users);
	return rc;
}
