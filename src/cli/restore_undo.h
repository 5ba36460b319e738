/* restore_undo.h: cyrvault restore --undo. */
#ifndef CLI_RESTORE_UNDO_H
#define CLI_RESTORE_UNDO_H

#include "cli/cli.h"

/** restore_undo(c, argc, argv, e): What can be taken back, the question, the work. As a cli_run_fn. */
int restore_undo(struct cli *c, int argc, char **argv, struct err *e);

#endif
