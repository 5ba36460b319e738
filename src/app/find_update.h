/* find_update.h: keep what app/find.h searches up to date. */
#ifndef APP_FIND_UPDATE_H
#define APP_FIND_UPDATE_H

#include "app/app.h"
#include "db/catalogue.h"

/** find_update(app, only, job, ret_filled, ret_why, e): Take in the messages of all archives whose mailboxes are in the catalogue, the oldest first; ${only} (NULL: all): of
 * that one alone. How many were is added to ${*ret_filled}. One that cannot be read is passed over; ${*ret_why} (heap, replaced) then says why. -1: cancelled, or the
 * catalogue cannot be written. Does nothing where the configuration says that messages are not remembered. */
int find_update(
    struct app *app, const char *only, struct job *job, size_t *ret_filled, char **ret_why, struct err *e);

#endif
