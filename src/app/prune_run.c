/* prune_run.c: remove what a plan says: what is to stay is proved first, what is to go is looked at once more. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/app_impl.h"
#include "app/archives.h"
#include "app/catalogue_impl.h"
#include "app/damage.h"
#include "app/lock.h"
#include "app/prune_impl.h"
#include "app/tape.h"
#include "archive/archive.h"
#include "core/fault.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"

/* Uploads that nobody has written to for so long are leavings; the second names of archives that are gone are, too. */
#define LEAVINGS_SECONDS 86400

struct run {
	struct app *app;
	const struct conf_store *conf;
	struct store *store;
	struct job *job;
	app_prune_fn *each;
	void *arg;
	struct app_pruned *ret;
	struct err first; /* the first reason why something was left */
	bool given_up;    /* nothing can be removed from this store: */
	struct err refused;
};

static void left(struct run *r, struct app_prune_item *item, const struct err *why)
{
	if (r->first.code == ERR_NONE) {
		r->first = *why;
		err_wrap(&r->first, "%s was left", item->archive->name);
	}
	free(item->kept_because);
	item->kept_because = mem_strdup(why->msg);
	r->ret->left++;
	log_write(LOG_LEVEL_WARNING, "rotation: %s was left: %s", item->archive->name, why->msg);
	if (r->each != NULL)
		r->each(r->arg, item);
}

static int is_as_planned(const struct run *r, const struct app_archive *a, struct err *e)
{
	struct store_object o;

	if (store_stat(r->store, a->name, &o, e) == -1)
		return -1;
	if (o.size_bytes != a->size_bytes || o.mtime != a->mtime)
		return err_set(e, ERR_REFUSED, "it is not what it was when it was judged");
	return 0;
}

/* End mark and index, now; and what was found out before counts. */
static int prove(const struct run *r, const struct app_archive *a, const struct damage *damage, struct err *e)
{
	struct archive *ar = NULL;
	struct verify_result v;
	int rc = -1;

	job_step(r->job, "proving %s", a->name);
	if (is_as_planned(r, a, e) == -1 || archive_open(r->store, a->name, r->job, &ar, e) == -1)
		goto out;
	if (damage_is(damage, a)) {
		err_set(e, ERR_DAMAGE, "a verification found damage in it");
		goto out;
	}
	rc = archive_verify(ar, true, r->job, NULL, NULL, &v, e);
	if (rc == 0 && v.files_bad + v.units_bad + v.findings > 0)
		rc = err_set(e, ERR_DAMAGE, "it is damaged");
out:
	archive_close(ar);
	return rc == -1 ? err_wrap(e, "%s, which is to stay, does not prove", a->name) : 0;
}

/* The archives of one server: at least two live ones, and all of them whole. */
static int prove_live(const struct run *r, const struct app_prune_item *list, size_t n,
    const struct damage *damage, struct err *e)
{
	size_t live = 0;

	for (size_t i = 0; i < n; i++) {
		if (list[i].why != RETENTION_LIVE)
			continue;
		if (prove(r, list[i].archive, damage, e) == -1)
			return -1;
		live++;
	}
	if (live < CONF_KEEP_LIVE_MIN)
		return err_set(e, ERR_REFUSED, "fewer than two verified archives would stay");
	return 0;
}

/* Nothing has come up since it was judged, and it can be read: what cannot be is for a person to look at. */
static int may_go(const struct run *r, const struct app_archive *a, struct err *e)
{
	char *mark = archives_keep_name(a->name);
	struct archive *ar = NULL;
	struct store_object o;
	struct err why = { 0 };
	int rc = -1;

	if (is_as_planned(r, a, e) == -1)
		goto out;
	if (store_stat(r->store, mark, &o, &why) == 0) {
		err_set(e, ERR_REFUSED, "it was protected meanwhile");
	} else if (why.code != ERR_NOT_FOUND) {
		if (e != NULL)
			*e = why;
	} else if (tape_waits(r->app, r->conf->name, a->name, NULL) != 0) {
		err_set(e, ERR_REFUSED, "it waits for its tape");
	} else if (archive_open(r->store, a->name, r->job, &ar, e) == 0) {
		rc = 0;
	} else {
		err_wrap(e, "it cannot be read");
		err_hint(e, "cyrvault salvage gets out what is whole; then remove it by hand");
	}
out:
	archive_close(ar);
	free(mark);
	return rc;
}

bool prune_may_not(const struct conf_store *conf, struct err *e)
{
	bool remote = str_starts(conf->url, "sftp:");

	if (e->code != ERR_REFUSED &&
	    !(e->code == ERR_SYS && (e->sys == EACCES || e->sys == EPERM || e->sys == EROFS)))
		return false;
	e->code = ERR_REFUSED;
	e->hint[0] = '\0';
	if (remote)
		err_hint(e, "nothing can be removed there from here, which is good: run the same command on "
		            "that host, with "
			    "url = dir:PATH; keep keys belong there, too");
	else
		err_hint(e, "run it as the owner of the store, or as root; if the directory is append-only, "
			    "\"chattr -a\" it for the while");
	return true;
}

static void remove_one(struct run *r, struct app_prune_item *item)
{
	const struct app_archive *a = item->archive;
	struct err e = { 0 };

	job_step(r->job, "removing %s", a->name);
	if (may_go(r, a, &e) == -1 || fault_point("prune-remove", &e) == -1) {
		left(r, item, &e);
		return;
	}
	if (store_remove(r->store, a->name, &e) == -1) {
		r->given_up = prune_may_not(r->conf, &e);
		r->refused = e;
		left(r, item, &e);
		return;
	}
	item->removed = true;
	r->ret->removed++;
	r->ret->bytes += a->size_bytes;
	log_write(LOG_LEVEL_INFO, "rotation: removed %s from %s: %s", a->name, a->store, item->text);
	if (r->each != NULL)
		r->each(r->arg, item);
}

static size_t same_server(const struct app_prune_item *list, size_t n)
{
	const char *server = list[0].archive->server;
	size_t i = 1;

	while (i < n && server != NULL && list[i].archive->server != NULL &&
	       strcmp(list[i].archive->server, server) == 0)
		i++;
	return i;
}

static bool any_to_go(const struct app_prune_item *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].remove)
			return true;
	return false;
}

/* The oldest first, so that a kill leaves the newer ones. */
static int run_server(struct run *r, struct app_prune_item *list, size_t n, const struct damage *damage)
{
	struct err e = { 0 };
	bool proved;

	if (!any_to_go(list, n))
		return 0;
	proved = !r->given_up && prove_live(r, list, n, damage, &e) == 0;
	for (size_t i = n; i > 0; i--) {
		struct app_prune_item *item = &list[i - 1];

		if (job_cancelled(r->job, NULL))
			return -1;
		if (!item->remove)
			continue;
		if (proved && !r->given_up)
			remove_one(r, item);
		else
			left(r, item, r->given_up ? &r->refused : &e);
	}
	return 0;
}

/* The catalogue learns what is gone. */
static void tell_gone(struct run *r, const struct app_prune_item *list, size_t n)
{
	struct app_archives l = { .gone = mem_array(n + 1, sizeof *l.gone) };

	for (size_t i = 0; i < n; i++) {
		const struct app_archive *a = list[i].archive;

		if (!list[i].removed)
			continue;
		/* Borrowed. */
		l.gone[l.n_gone++] = *a;
		if (a->damaged)
			damage_note(r->app, a->store, a->name, &(struct store_object){ 0 }, false);
	}
	known_note(r->app, &l, NULL);
	free(l.gone);
}

static int run_store(struct run *r, struct app_prune_item *list, size_t n, struct err *e)
{
	char *name = mem_printf("@%s", r->conf->name);
	struct damage damage;
	int lock = lock_take(r->app->conf->lock_directory, name, "prune", e), rc = 0;
	size_t len;

	free(name);
	if (lock == -1)
		return -1;
	if (app_store_open(r->app, r->conf, false, r->job, &r->store, e) == -1) {
		close(lock);
		return -1;
	}
	damage_read(r->app, &damage);
	for (size_t i = 0; i < n && rc == 0; i += len) {
		len = same_server(list + i, n - i);
		rc = run_server(r, list + i, len, &damage);
	}
	damage_done(&damage);
	tell_gone(r, list, n);
	if (rc == 0 && !r->given_up)
		store_clean(r->store, LEAVINGS_SECONDS, NULL);
	store_free(r->store);
	close(lock);
	return rc == -1 ? job_cancelled(r->job, e), -1 : 0;
}

int app_prune_run(struct app *app, struct app_prune *plan, struct job *job, app_prune_fn *each, void *arg,
    struct app_pruned *ret, struct err *e)
{
	struct err first = { 0 };
	int rc = 0;

	*ret = (struct app_pruned){ 0 };
	for (size_t i = 0, end; i < plan->n && rc == 0; i = end) {
		const char *store = plan->list[i].archive->store;
		struct run r = { .app = app,
			.conf = conf_find_store(app->conf, store, e),
			.job = job,
			.each = each,
			.arg = arg,
			.ret = ret };

		for (end = i; end < plan->n && strcmp(plan->list[end].archive->store, store) == 0; end++)
			;
		if (!any_to_go(plan->list + i, end - i))
			continue;
		rc = r.conf == NULL ? -1 : run_store(&r, plan->list + i, end - i, e);
		if (first.code == ERR_NONE)
			first = r.first;
	}
	if (rc == 0 && first.code != ERR_NONE) {
		if (e != NULL)
			*e = first;
		rc = -1;
	}
	return rc;
}
