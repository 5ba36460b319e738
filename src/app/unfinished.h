/* unfinished.h: which mailboxes a restore has begun and not yet ended, so that one that was killed goes on when it is run again. */
#ifndef APP_UNFINISHED_H
#define APP_UNFINISHED_H

#include "restore/restore.h"

struct unfinished {
	char **names; /* internal */
	size_t n;
};

/** unfinished_read(directory, server, ret, e): What the state directory remembers of ${server}. unfinished_done() it. */
int unfinished_read(const char *directory, const char *server, struct unfinished *ret, struct err *e);
void unfinished_done(struct unfinished *u);

/** unfinished_begin(directory, server, plan, e): Remember the mailboxes that ${plan} will change. unfinished_end(...): Forget them. */
int unfinished_begin(
    const char *directory, const char *server, const struct restore_plan *plan, struct err *e);
int unfinished_end(const char *directory, const char *server, const struct restore_plan *plan, struct err *e);

#endif
