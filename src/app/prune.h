/* prune.h: remove the archives that nobody needs any more, and mark those that must stay.
 *
 * First a plan, which is data; then it is carried out. Before anything of a server is removed, each of its archives that is to stay as
 * "live" is proved in that moment (end mark and index), and nothing may be known against it; an archive that is to be removed must be
 * what it was when the plan was made, and is opened once more: what cannot be read is left to a person. Neither Cyrus nor a
 * [server] section is needed: it works as well on the store's own host. */
#ifndef APP_PRUNE_H
#define APP_PRUNE_H

#include "app/app.h"
#include "backup/retention.h"

struct app_prune_opts {
	const char *store;  /* its section; NULL: all */
	const char *server; /* only archives of this server; NULL: all */
};

/** One archive, and what is to become of it. */
struct app_prune_item {
	struct app_archive *archive;
	enum retention_why why;
	char *text;         /* why, in words: "protected: the last one with anna's mail"; safe */
	bool remove;        /* retention_removes(why) */
	bool removed;       /* set by app_prune_run() */
	char *kept_because; /* set by app_prune_run(): it was to go, but was left: in words; or NULL */
};

struct app_prune {
	struct app_prune_item *list; /* by store, then by server, the newest first */
	size_t n, n_remove;
	uint64_t remove_bytes;
	struct app_store_away
	    *away; /* stores that could not be looked into: nothing of them is on the list */
	size_t n_away;
};

/** app_prune_plan(app, o, job, ret, e): Look at the stores, and judge each archive by its store's keep keys. Changes nothing. A store that is away
 * is an error only if no other is there. app_prune_done() it in either case. */
int app_prune_plan(
    struct app *app, const struct app_prune_opts *o, struct job *job, struct app_prune *ret, struct err *e);
void app_prune_done(struct app_prune *p);

/** app_prune_judge(app, l, ret): What app_prune_plan() would say of each of ${l->list}, told from that list alone, which has all archives of its stores:
 * no store is asked. ${ret} has room for as many. */
void app_prune_judge(struct app *app, const struct app_archives *l, enum retention_why *ret);

/** Called in the worker's thread, for each archive that was to go, when it is gone or was left. */
typedef void app_prune_fn(void *arg, const struct app_prune_item *item);

/** What was done. */
struct app_pruned {
	size_t removed, left; /* left: were to go, but stay: see kept_because */
	uint64_t bytes;
};

/** app_prune_run(app, plan, job, each, arg, ret, e): Remove what ${plan} says; ${each} may be NULL. 0 when all is gone that was to go, or there was
 * nothing; -1 when something was left, with the first reason: ERR_REFUSED with a hint where the store's host does not let archives be
 * removed, ERR_DAMAGE where an archive that is to stay does not prove, ERR_LOCKED where another prunes this store. Removing goes the oldest first; a kill between two leaves a plan
 * half done, which the next one completes. */
int app_prune_run(struct app *app, struct app_prune *plan, struct job *job, app_prune_fn *each, void *arg,
    struct app_pruned *ret, struct err *e);

/** A mark on an archive: it is never removed by app_prune_run(). It lies in the store, as the object NAME.keep. */
struct app_protection {
	int64_t when; /* 0: not known */
	char *by;     /* "root@mail1"; NULL: not known */
	char *reason; /* NULL: none was given */
};

/** app_protect(app, archive, reason, job, ret_name, e): Mark an archive of a configured store (named as app_open_store_of() takes it); ${reason} NULL: none. One that is marked already
 * stays as it is marked, and is no error. ${*ret_name} (heap): its name.
 * app_unprotect(app, archive, job, ret_name, e): Take the mark away; none is no error. ERR_REFUSED with a hint where the store's host does
 * not let anything be removed. */
int app_protect(struct app *app, const char *archive, const char *reason, struct job *job, char **ret_name,
    struct err *e);
int app_unprotect(struct app *app, const char *archive, struct job *job, char **ret_name, struct err *e);

/** app_protection(app, archive, job, ret, e): 1 and the mark of it, 0: it has none, -1. app_protection_done() it. */
int app_protection(
    struct app *app, const char *archive, struct job *job, struct app_protection *ret, struct err *e);
void app_protection_done(struct app_protection *p);

#endif
