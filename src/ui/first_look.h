/* first_look.h: what the start screen says while there is no archive: what was found on this host, what is missing, how to begin. */
#ifndef UI_FIRST_LOOK_H
#define UI_FIRST_LOOK_H

#include "ui/checks.h"

struct first_look {
	struct check **checks;
	size_t n, cap;
	bool running, done;
};

/** first_look_add(f, check): Take a line of doctor's. first_look_free(f): All of them away, as before the first. */
void first_look_add(struct first_look *f, struct check *check);
void first_look_free(struct first_look *f);

/** first_look_write(f, c, b): Append it. */
void first_look_write(const struct first_look *f, const struct console *c, struct buf *b);

#endif
