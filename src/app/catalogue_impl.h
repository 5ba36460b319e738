/* catalogue_impl.h: the catalogue, for the lists of this room. */
#ifndef APP_CATALOGUE_IMPL_H
#define APP_CATALOGUE_IMPL_H

#include "app/catalogue.h"

/** known_read(app, ret): All archives that are known; none if it cannot be read. catalogue_archives_done() it. */
void known_read(struct app *app, struct catalogue_archives *ret);

/** known_find(l, store, name): That one, or NULL. known_is(k, store, a): It is still the object that was looked at. */
const struct catalogue_archive *known_find(
    const struct catalogue_archives *l, const char *store, const char *name);
bool known_is(const struct catalogue_archive *k, const struct conf_store *store, const struct app_archive *a);

/** known_tell(k, a): What was seen when it was looked at, into ${a}. known_archive(k, where, ret): All of it. */
void known_tell(const struct catalogue_archive *k, struct app_archive *a);
void known_archive(const struct catalogue_archive *k, const char *where, struct app_archive *ret);

/** known_note(app, list, job): Remember archives that were seen, and those that are gone. */
void known_note(struct app *app, const struct app_archives *list, struct job *job);

/** known_protect(app, store, name, on, job): Remember whether an archive is protected. */
void known_protect(struct app *app, const char *store, const char *name, bool on, struct job *job);

/** known_fill(app, store, conf, a, job, e): Take in the mailboxes of an archive that has been looked at. */
int known_fill(struct app *app, struct store *store, const struct conf_store *conf,
    const struct app_archive *a, struct job *job, struct err *e);

/** known_fill_new(app, conf, store, name, job): The same of one that was just made; a failure is logged. */
void known_fill_new(
    struct app *app, const struct conf_store *conf, struct store *store, const char *name, struct job *job);

#endif
