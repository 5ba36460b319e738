/* take_in.h: take archives into the catalogue that it does not know yet: what History and Find offer. */
#ifndef UI_TAKE_IN_H
#define UI_TAKE_IN_H

#include <stdbool.h>

struct view;

/** ui_take_in(v, done): Begin, as a task of ${v}; what came of it is said, then ${done} is called. False: it could not be begun, which was said. */
bool ui_take_in(struct view *v, void (*done)(struct view *v));

#endif
