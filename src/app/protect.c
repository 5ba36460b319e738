/* protect.c: marks that keep archives from being removed: NAME.keep in the store, beside NAME. */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "app/app_impl.h"
#include "app/archives.h"
#include "app/catalogue_impl.h"
#include "app/prune_impl.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"

#define MAX_MARK 8192

void app_protection_done(struct app_protection *p)
{
	free(p->by);
	free(p->reason);
	*p = (struct app_protection){ 0 };
}

static char *safe_text(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));
	struct buf b = BUF_INIT;

	if (s == NULL || *s == '\0')
		return NULL;
	str_safe_buf(&b, s, strlen(s));
	return buf_steal(&b);
}

/* A mark that says nothing, or something else, is a mark all the same. */
int protection_read(struct store *store, const char *name, struct app_protection *ret, struct err *e)
{
	char *mark = archives_keep_name(name), text[MAX_MARK];
	struct stream *in = NULL;
	struct err why = { 0 };
	ssize_t n = 0, got = 0;
	json_t *j;
	int rc = store_read(store, mark, &in, &why);

	*ret = (struct app_protection){ 0 };
	free(mark);
	while (rc == 0 && (size_t)got < sizeof text &&
	       (n = stream_read(in, text + got, sizeof text - (size_t)got, &why)) > 0)
		got += n;
	stream_close(in);
	if ((rc == -1 || n == -1) && why.code == ERR_NOT_FOUND)
		return 0;
	if (rc == -1 || n == -1) {
		if (e != NULL)
			*e = why;
		return -1;
	}
	j = json_loadb(text, (size_t)got, 0, NULL);
	ret->when = json_integer_value(json_object_get(j, "when"));
	ret->by = safe_text(j, "by");
	ret->reason = safe_text(j, "reason");
	json_decref(j);
	return 1;
}

int app_protection(
    struct app *app, const char *archive, struct job *job, struct app_protection *ret, struct err *e)
{
	struct store *store = NULL;
	char *name = NULL;
	int rc = app_open_store_of(app, archive, job, &store, &name, e);

	*ret = (struct app_protection){ 0 };
	if (rc == 0)
		rc = protection_read(store, name, ret, e);
	store_free(store);
	free(name);
	return rc;
}

static const struct conf_store *section_of(const struct app *app, const struct store *store)
{
	for (size_t i = 0; i < app->conf->n_stores; i++)
		if (strcmp(app->conf->stores[i].url, store_url(store)) == 0)
			return &app->conf->stores[i];
	return NULL;
}

static void tell_catalogue(
    struct app *app, const struct store *store, const char *name, bool on, struct job *job)
{
	const struct conf_store *section = section_of(app, store);

	if (section != NULL)
		known_protect(app, section->name, name, on, job);
	log_write(LOG_LEVEL_INFO, "%s: %s in %s", on ? "protected" : "protection taken away", name,
	    store_url(store));
}

static char *who(void)
{
	const struct passwd *pw = getpwuid(geteuid());
	char host[256] = "";

	gethostname(host, sizeof host - 1);
	return mem_printf("%s@%s", pw != NULL ? pw->pw_name : "?", host);
}

static char *mark_text(const char *reason)
{
	char *by = who(), *text;
	struct buf b = BUF_INIT;
	json_t *j;

	str_safe_buf(&b, reason != NULL ? reason : "", reason != NULL ? strlen(reason) : 0);
	j = json_pack("{s:I, s:s, s:s}", "when", (json_int_t)clock_now(), "by", by, "reason", buf_text(&b));
	text = json_dumps(j, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(j);
	buf_done(&b);
	free(by);
	return text;
}

static int write_mark(struct store *store, const char *name, const char *reason, struct err *e)
{
	char *mark = archives_keep_name(name), *text = mark_text(reason);
	struct stream *out = NULL;
	int rc = -1;

	if (text == NULL || strlen(text) >= MAX_MARK)
		err_set(e, ERR_USAGE, "the reason is too long");
	else if (store_create(store, mark, 0, &out, e) == 0)
		rc = stream_write(out, text, strlen(text), e) == 0 ? store_commit(store, out, e) : -1;
	stream_close(out);
	free(text);
	free(mark);
	return rc;
}

int app_protect(
    struct app *app, const char *archive, const char *reason, struct job *job, char **ret_name, struct err *e)
{
	struct store *store = NULL;
	struct err why = { 0 };
	int rc;

	*ret_name = NULL;
	if (app_open_store_of(app, archive, job, &store, ret_name, e) == -1)
		return -1;
	rc = write_mark(store, *ret_name, reason, &why);
	if (rc == -1 && why.code == ERR_EXISTS)
		rc = 0;
	if (rc == 0)
		tell_catalogue(app, store, *ret_name, true, job);
	else if (e != NULL)
		*e = why;
	store_free(store);
	return rc == -1 ? err_wrap(e, "protect %s", *ret_name) : 0;
}

int app_unprotect(struct app *app, const char *archive, struct job *job, char **ret_name, struct err *e)
{
	struct store *store = NULL;
	const struct conf_store *section;
	struct err why = { 0 };
	char *mark;
	int rc;

	*ret_name = NULL;
	if (app_open_store_of(app, archive, job, &store, ret_name, e) == -1)
		return -1;
	mark = archives_keep_name(*ret_name);
	rc = store_remove(store, mark, &why);
	if (rc == -1 && why.code == ERR_NOT_FOUND)
		rc = 0;
	section = section_of(app, store);
	if (rc == -1 && section != NULL)
		prune_may_not(section, &why);
	if (rc == 0)
		tell_catalogue(app, store, *ret_name, false, job);
	else if (e != NULL)
		*e = why;
	free(mark);
	store_free(store);
	return rc == -1 ? err_wrap(e, "take the protection of %s away", *ret_name) : 0;
}
