/* audit.c: record what is done to whose mail, or do not let it be done. */
#include "app/audit_impl.h"

#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "app/app_impl.h"
#include "core/clock.h"
#include "core/mem.h"

/* ---- why ---- */

int app_set_reason(struct app *app, const char *text, struct err *e)
{
	size_t n;
	char *reason = NULL;

	if (text != NULL) {
		text += strspn(text, " \t\n");
		n = strlen(text);
		while (n > 0 && strchr(" \t\n", text[n - 1]) != NULL)
			n--;
		if (n > AUDIT_REASON_MAX)
			return err_set(e, ERR_USAGE, "the reason is longer than %d bytes", AUDIT_REASON_MAX);
		reason = n > 0 ? mem_strndup(text, n) : NULL;
	}
	pthread_mutex_lock(&app->reason_lock);
	free(app->reason);
	app->reason = reason;
	pthread_mutex_unlock(&app->reason_lock);
	return 0;
}

char *app_reason(struct app *app)
{
	char *ret;

	pthread_mutex_lock(&app->reason_lock);
	ret = mem_strdup(app->reason);
	pthread_mutex_unlock(&app->reason_lock);
	return ret;
}

/* ---- recording ---- */

/* Who is not root reads what his own rights let him read; a log that he may not write is not his. */
static bool may_do_without(const struct app *app, const struct err *why)
{
	const struct conf_audit *c = &app->conf->audit;

	return geteuid() != 0 && !c->file_given && !c->require_reason &&
	       (why->code == ERR_SYS || why->code == ERR_NOT_FOUND);
}

int app_audit(struct app *app, const struct app_audit *a, struct err *e)
{
	const struct conf_server *c = conf_find_server(app->conf, a->server, NULL);
	const char *path = app->conf->audit.file;
	struct app_audit full = *a;
	struct audit_who who;
	struct err why = { 0 };
	char *reason = app_reason(app), *line;
	int rc = 0;

	if (c != NULL)
		full.server = c->name;
	audit_who(&who);
	line = audit_line(&full, &who, clock_now(), reason);
	if (path[0] != '\0')
		rc = audit_append(path, line, &why);
	if (rc == -1 && may_do_without(app, &why))
		rc = 0;
	line[strcspn(line, "\n")] = '\0';
	syslog(LOG_AUTHPRIV | (a->outcome < AUDIT_FAILED ? LOG_INFO : LOG_NOTICE), "%s", line);
	free(line);
	free(reason);
	audit_who_done(&who);
	if (rc == 0)
		return 0;
	if (e != NULL)
		*e = why;
	err_wrap(e, "%s cannot be recorded", a->verb);
	return err_hint(e, "what is not recorded is not done: make room, or set file in [audit]");
}

int app_audit_ask(struct app *app, const struct app_audit *a, struct err *e)
{
	struct app_audit refused = *a;
	char *reason = app_reason(app);
	bool lacking = app->conf->audit.require_reason && reason == NULL;

	free(reason);
	if (!lacking)
		return 0;
	refused.outcome = AUDIT_REFUSED;
	refused.message = "no reason was given";
	if (app_audit(app, &refused, e) == -1)
		return -1;
	err_set(e, ERR_REFUSED, "%s: a reason is needed (require_reason in [audit])", a->verb);
	return err_hint(e, "say why, or which ticket it is for: --reason TEXT; in the console :reason TEXT");
}

int app_audit_begin(struct app *app, const struct app_audit *a, struct err *e)
{
	struct app_audit begun = *a;

	begun.outcome = AUDIT_BEGUN;
	return app_audit_ask(app, a, e) == 0 ? app_audit(app, &begun, e) : -1;
}

int app_audit_end(struct app *app, const struct app_audit *a, int rc, struct err *e)
{
	struct app_audit end = *a;
	struct err why = { 0 };

	end.outcome = rc == 0                               ? AUDIT_DONE
	              : e != NULL && e->code == ERR_REFUSED ? AUDIT_REFUSED
	                                                    : AUDIT_FAILED;
	end.message = rc == -1 && e != NULL ? e->msg : NULL;
	/* What went wrong first is what the operator should hear of. */
	if (app_audit(app, &end, &why) == -1 && rc == 0) {
		if (e != NULL)
			*e = why;
		rc = -1;
	}
	return rc;
}

/* ---- whose ---- */

void audit_users_add(struct audit_users *u, const char *internal)
{
	char *user = mboxname_user(internal);
	size_t low = 0, high = u->n;

	if (user == NULL)
		return;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(u->list[mid], user) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < u->n && strcmp(u->list[low], user) == 0) {
		free(user);
		return;
	}
	u->list = mem_grow(u->list, &u->cap, u->n + 1, sizeof *u->list);
	memmove(&u->list[low + 1], &u->list[low], (u->n - low) * sizeof *u->list);
	u->list[low] = user;
	u->n++;
}

void audit_users_done(struct audit_users *u)
{
	for (size_t i = 0; i < u->n; i++)
		free(u->list[i]);
	free(u->list);
	*u = (struct audit_users){ 0 };
}
