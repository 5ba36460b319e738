/* asker.h: what a job has to ask in mid-work, asked on the terminal. */
#ifndef CLI_ASKER_H
#define CLI_ASKER_H

#include <poll.h>

#include "cli/cli.h"
#include "core/job.h"

struct cli_asker;

/** cli_asker_attach(c, job): Let ${job}, which has not started, ask: on the terminal, if there is one and neither --json nor -q was given; --yes answers
 * what is answered with yes or no, and says so. It may ask as long as the command lasts. */
void cli_asker_attach(struct cli *c, struct job *job);

/** cli_asker_free(a): c->asker, at the end; NULL-safe. The other calls take NULL, too: there is nobody to ask. */
void cli_asker_free(struct cli_asker *a);

/** cli_asker_leave(a): The terminal as it was. */
void cli_asker_leave(struct cli_asker *a);

/** cli_asker_polls(a, fds): What to poll for: up to two, returns how many. cli_asker_serve(a): Ask, and take the answer, if it is time to; does not wait. */
size_t cli_asker_polls(const struct cli_asker *a, struct pollfd fds[2]);
void cli_asker_serve(struct cli_asker *a);

/** cli_asker_busy(a): A question stands on the terminal: nothing else may be written there. */
bool cli_asker_busy(const struct cli_asker *a);

#endif
