/* prune_impl.h: rotation after a backup, and what forbids to remove. Only for this room. */
#ifndef APP_PRUNE_IMPL_H
#define APP_PRUNE_IMPL_H

#include "app/prune.h"

/** prune_rotate(app, store, server, job, ret, e): Plan and remove, of one store and one server, as app_prune_plan() and app_prune_run() do. */
int prune_rotate(struct app *app, const struct conf_store *store, const char *server, struct job *job,
    struct app_pruned *ret, struct err *e);

/** prune_may_not(conf, e): After a removal that failed: where the store's host forbids it, ${e} becomes ERR_REFUSED and says what to do. Returns
 * whether it is so. */
bool prune_may_not(const struct conf_store *conf, struct err *e);

/** protection_read(store, name, ret, e): 1 and the mark on archive ${name}, 0, -1. app_protection_done() it. */
int protection_read(struct store *store, const char *name, struct app_protection *ret, struct err *e);

#endif
