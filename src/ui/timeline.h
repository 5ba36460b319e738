/* timeline.h: the history of a mailbox as rows, the newest first: the live server, then archives, of which those that say the same may be one
 * row. Pure. */
#ifndef UI_TIMELINE_H
#define UI_TIMELINE_H

#include "app/history.h"

struct timeline_row {
	bool live;           /* the running server; nothing else but the change is told of it */
	size_t first, last;  /* the oldest and the newest archive that it stands for: indices of the history's rows */
	bool has_change;     /* there is something before it to compare with */
	int64_t change;      /* messages more than there */
};

/** timeline_make(h, folded, ret): The rows of ${h}, on the heap, and how many. */
size_t timeline_make(const struct app_history *h, bool folded, struct timeline_row **ret);

#endif
