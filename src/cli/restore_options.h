/* restore_options.h: what the options of cyrvault restore ask for. */
#ifndef CLI_RESTORE_OPTIONS_H
#define CLI_RESTORE_OPTIONS_H

#include "cli/cli.h"

/** restore_options_check(c, argc, e): What was typed fits together; ERR_USAGE. */
int restore_options_check(struct cli *c, int argc, struct err *e);

/** restore_options_request(c, internal, n, ret, e): A request for these mailboxes (internal names, which are not copied). ERR_USAGE.
 * restore_request_done() it. */
int restore_options_request(
    struct cli *c, const char *const *internal, size_t n, struct restore_request *ret, struct err *e);

#endif
