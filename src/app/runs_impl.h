/* runs_impl.h: writing the records of runs. Only for this room. */
#ifndef APP_RUNS_IMPL_H
#define APP_RUNS_IMPL_H

#include "app/runs.h"

/** runs_begin(directory, server, run, e): Write that ${run} has begun; it gets its number. runs_end(directory, server, run, e): Write what became of
 * it. */
int runs_begin(const char *directory, const char *server, struct app_run *run, struct err *e);
int runs_end(const char *directory, const char *server, const struct app_run *run, struct err *e);

/** runs_last_bad(l): The newest run that came to an end of some kind, and was not called off, had no archive: a success now is a recovery. */
bool runs_last_bad(const struct app_runs *l);

/** run_is_bad(r): It failed or was broken off. */
bool run_is_bad(const struct app_run *r);

void app_run_done(struct app_run *r);

#endif
