/* restore_batch.h: cyrvault restore --batch, --lost and --resume of a batch. */
#ifndef CLI_RESTORE_BATCH_H
#define CLI_RESTORE_BATCH_H

#include "cli/cli.h"

/** restore_batch_wanted(c, argc, argv): It is a batch that is asked for. restore_batch(c, argc, argv, e): The plans of all, one question, the work.
 * As a cli_run_fn. */
bool restore_batch_wanted(struct cli *c, int argc, char **argv);
int restore_batch(struct cli *c, int argc, char **argv, struct err *e);

#endif
