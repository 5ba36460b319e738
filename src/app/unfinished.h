/* unfinished.h: which mailboxes a restore has begun and not yet ended, so that one that was killed goes on when it is run again. */
#ifndef APP_UNFINISHED_H
#define APP_UNFINISHED_H

#include "restore/restore.h"

/** One mailbox, of which restore. */
struct unfinished_line {
	const char *archive; /* as the command line takes it; "" if not remembered */
	const char *user;    /* it was a restore of this whole user, else "" */
	int64_t begun;       /* unix time, 0 if not remembered */
	bool merge;          /* messages were being appended to what is there: nothing else of it is left to do */
	bool moved;          /* as was asked for: see restore_request */
	const char *mark;    /* "": none */
};

struct unfinished {
	const char **names;            /* internal */
	struct unfinished_line *lines; /* of the same number */
	size_t n;
	const char **merging, **others; /* those of names that were being merged into, and all others */
	size_t n_merging, n_others;
	char *text; /* all of these lie in it */
};

/** unfinished_read(directory, server, ret, e): What the state directory remembers of ${server}, in the order in which it was written.
 * unfinished_done() it. */
int unfinished_read(const char *directory, const char *server, struct unfinished *ret, struct err *e);
void unfinished_done(struct unfinished *u);

/** unfinished_begin(directory, server, archive, plan, e): Remember the mailboxes that ${plan} will change; ${archive} is what the command
 * line would call it. unfinished_end(...): Forget them. */
int unfinished_begin(const char *directory, const char *server, const char *archive,
    const struct restore_plan *plan, struct err *e);
int unfinished_end(const char *directory, const char *server, const struct restore_plan *plan, struct err *e);

#endif
