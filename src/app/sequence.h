/* sequence.h: the number of a server's next archive, so that newer and older do not depend on a clock. */
#ifndef APP_SEQUENCE_H
#define APP_SEQUENCE_H

#include "app/app.h"

/** sequence_next(app, server, conf, store, job): One more than the largest that is known: of what this host gave out before, of the catalogue, and of the
 * archives in the store that are newest by name and by time. It is remembered, so that a run that fails uses it up. What
 * cannot be read is left out; that is in the log. */
uint64_t sequence_next(
    struct app *app, const char *server, const struct conf_store *conf, struct store *store, struct job *job);

#endif
