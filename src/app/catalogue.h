/* catalogue.h: what every known archive holds: kept so that lists are instant, and work while a store is away.
 *
 * The lists (app_archives(), boxes.h) use it by themselves. It is filled here: from the archives' own indexes, the oldest first, and after each
 * backup. It is a cache: that it cannot be read or written is a line in the log, and never stops anything else. */
#ifndef APP_CATALOGUE_H
#define APP_CATALOGUE_H

#include "app/app.h"
#include "app/boxes.h"
#include "db/catalogue.h"

/** app_catalogue(app): The catalogue itself (db/catalogue.h), for who asks it. Belongs to ${app}; any thread. */
struct catalogue *app_catalogue(struct app *app);

/** What an update did. */
struct app_catalogue_result {
	size_t archives, filled; /* that are there; that were taken in now */
	size_t unreadable;       /* that could not be: see ${why} */
	size_t gone, away;       /* archives that are gone from their store; stores that are away */
	char *why;               /* of the last that could not be; or NULL */
	size_t messages_filled;  /* whose messages were taken in now, for find */
	char *messages_why;      /* why the last one's could not be; or NULL */
};

/** app_catalogue_update(app, rebuild, job, ret, e): Look at all stores, and take in each archive that is not yet; ${rebuild}: begin with nothing. A foreign
 * archive is read once from front to end. app_catalogue_result_done() in either case. */
int app_catalogue_update(
    struct app *app, bool rebuild, struct job *job, struct app_catalogue_result *ret, struct err *e);
void app_catalogue_result_done(struct app_catalogue_result *r);

/** app_catalogue_forget(app, archive, job, e): Forget an archive, by its name: one that is gone for good. ERR_NOT_FOUND. One that is still in a store is
 * known again at the next look. */
int app_catalogue_forget(struct app *app, const char *archive, struct job *job, struct err *e);

/** app_known_archive(app, archive, job, ret, why): An archive that cannot be opened now (${why}: how that failed) because its store is away, but whose mailboxes are
 * known: its name, an unambiguous beginning of it, or "latest". 1, 0 no such. catalogue_archive_done() it. */
int app_known_archive(struct app *app, const char *archive, struct job *job, struct catalogue_archive *ret,
    const struct err *why);

/** app_known_conf(a, ret): How its names are shown, as much of an imapd.conf as names take; false: that is not known. What it points at is ${a}'s. */
bool app_known_conf(const struct catalogue_archive *a, struct imapd_conf *ret);

#endif
