/* archives.h: the list of archives, for the files of this room. */
#ifndef APP_ARCHIVES_H
#define APP_ARCHIVES_H

#include "app/app.h"

/** archives_list(app, job, look, each, arg, ret, e): As app_archives_each(); ${look} false: no archive is opened, and only
 * those are listed whose stores answer. */
int archives_list(struct app *app, struct job *job, bool look, app_archive_fn *each, void *arg,
    struct app_archives *ret, struct err *e);

/** archives_list_store(app, store, job, ret, e): As app_archives(), of that store alone. */
int archives_list_store(struct app *app, const struct conf_store *store, struct job *job,
    struct app_archives *ret, struct err *e);

/** archives_begin(store, name, o, ret): An archive that was listed, not looked at. archives_describe(store, job, a): Look at it. archives_end(a). */
void archives_begin(
    const struct conf_store *store, const char *name, const struct store_object *o, struct app_archive *ret);
void archives_describe(struct store *store, struct job *job, struct app_archive *a);
void archives_end(struct app_archive *a);

/** archives_keep_name(name): What the mark that protects an archive is called, heap. */
char *archives_keep_name(const char *name);

/** archives_store_used(app, store, e): Remember that an archive was put into that configured store. */
int archives_store_used(struct app *app, const struct conf_store *store, struct err *e);

/** archives_store_away(app, store, away, e): Why a store could not be opened or listed (${e}: how that failed; gets a hint), filled
 * into ${away}. */
void archives_store_away(
    struct app *app, const struct conf_store *store, struct app_store_away *away, struct err *e);
void archives_store_away_done(struct app_store_away *away);

#endif
