/* audit_read.c: the audit log, read back. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "app/app_impl.h"
#include "app/audit.h"
#include "core/mem.h"

/* A line of AUDIT_USERS_MAX users, each as long as a name can be. */
#define LINE_MAX_BYTES (8u << 20)

static void entry_done(struct app_audit_entry *a)
{
	free(a->users);
	json_decref(a->own);
}

static int64_t time_of(const char *text)
{
	struct tm tm = { 0 };
	const char *end = text != NULL ? strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm) : NULL;

	return end != NULL && *end == '\0' ? (int64_t)timegm(&tm) : 0;
}

static int64_t number_of(const json_t *j, const char *key)
{
	const json_t *v = json_object_get(j, key);

	return json_is_integer(v) ? (int64_t)json_integer_value(v) : -1;
}

static bool is_about(const json_t *j, const char *user)
{
	const json_t *users = json_object_get(j, "users");

	if (user == NULL || json_is_true(json_object_get(j, "users_cut")))
		return true;
	for (size_t i = 0; i < json_array_size(users); i++) {
		const char *s = json_string_value(json_array_get(users, i));

		if (s != NULL && strcmp(s, user) == 0)
			return true;
	}
	return false;
}

static char *users_text(const json_t *users)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < json_array_size(users); i++) {
		const char *s = json_string_value(json_array_get(users, i));

		if (s != NULL)
			buf_printf(&b, "%s%s", b.len > 0 ? " " : "", s);
	}
	return buf_steal(&b);
}

static struct app_audit_entry entry_of(json_t *j, int64_t when)
{
	int64_t messages = number_of(j, "messages");
#define STRING(key) json_string_value(json_object_get(j, key))
	return (struct app_audit_entry){ .when = when,
		.who = STRING("operator"),
		.tty = STRING("tty"),
		.from = STRING("from"),
		.verb = STRING("verb"),
		.server = STRING("server"),
		.archive = STRING("archive"),
		.mailbox = STRING("mailbox"),
		.uids = STRING("uids"),
		.query = STRING("query"),
		.receipt = STRING("receipt"),
		.reason = STRING("reason"),
		.outcome = STRING("outcome"),
		.message = STRING("message"),
		.users = users_text(json_object_get(j, "users")),
		.uid = number_of(j, "uid"),
		.pid = number_of(j, "pid"),
		.messages = messages > 0 ? (uint64_t)messages : 0,
		.own = j };
#undef STRING
}

/* Only the last ${limit} are kept, in a ring of which list[total % limit] is the oldest. */
static void take_line(const char *line, size_t n, const char *user, int64_t since, size_t limit,
    uint64_t *total, struct app_audit_log *ret)
{
	json_t *j = json_loadb(line, n, 0, NULL);
	int64_t when = time_of(json_string_value(json_object_get(j, "time")));
	size_t at = (size_t)(*total % limit);

	if (when == 0 || json_string_value(json_object_get(j, "verb")) == NULL) {
		ret->unreadable++;
	} else if (when >= since && is_about(j, user)) {
		if (ret->n < limit) {
			ret->list = mem_grow(ret->list, &ret->cap, ret->n + 1, sizeof *ret->list);
			ret->n++;
		} else {
			entry_done(&ret->list[at]);
		}
		ret->list[at] = entry_of(j, when);
		(*total)++;
		return;
	}
	json_decref(j);
}

static void turn(struct app_audit_log *l, size_t first)
{
	struct app_audit_entry *list = mem_array(l->n + 1, sizeof *list);

	for (size_t i = 0; i < l->n; i++)
		list[i] = l->list[(first + i) % l->n];
	free(l->list);
	l->list = list;
	l->cap = l->n + 1;
}

int app_audit_read(
    struct app *app, const char *user, int64_t since, size_t limit, struct app_audit_log *ret, struct err *e)
{
	const char *path = app->conf->audit.file;
	FILE *f = path[0] != '\0' ? fopen(path, "re") : NULL;
	uint64_t total = 0;
	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	int rc = 0;

	*ret = (struct app_audit_log){ 0 };
	if (path[0] == '\0') {
		err_set(e, ERR_NOT_FOUND, "the audit log goes to syslog alone (file in [audit] is empty)");
		return err_hint(e, "look there for lines of cyrvault, facility authpriv");
	}
	if (f == NULL) {
		err_sys(e, "open %s", path);
		return err_hint(e, "nothing has been recorded there yet");
	}
	while ((n = getline(&line, &room, f)) != -1) {
		if ((size_t)n > LINE_MAX_BYTES)
			ret->unreadable++;
		else if (n > 1)
			take_line(line, (size_t)n, user, since, limit, &total, ret);
	}
	if (ferror(f))
		rc = err_sys(e, "read %s", path);
	free(line);
	fclose(f);
	ret->left_out = total - ret->n;
	if (total > limit)
		turn(ret, (size_t)(total % limit));
	return rc;
}

void app_audit_log_done(struct app_audit_log *l)
{
	for (size_t i = 0; i < l->n; i++)
		entry_done(&l->list[i]);
	free(l->list);
	*l = (struct app_audit_log){ 0 };
}
