/* uids.h: a set of UIDs: the messages that are marked. */
#ifndef UI_UIDS_H
#define UI_UIDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "restore/export.h"

struct uids {
	uint32_t *list; /* ascending, each once */
	size_t n, cap;
};

/** uids_has(u, uid). uids_turn(u, uid): In, or out if it was in. */
bool uids_has(const struct uids *u, uint32_t uid);
void uids_turn(struct uids *u, uint32_t uid);

/** uids_append(u, uid): Add one, in any order, also twice; uids_sort(u) must follow before anything else is asked. */
void uids_append(struct uids *u, uint32_t uid);
void uids_sort(struct uids *u);

/** uids_done(u): Empty; nothing is left to free. */
void uids_done(struct uids *u);

/** uids_ranges(u, n): The set as ranges without gaps, ${*n} of them; heap, NULL when it is empty. */
struct export_range *uids_ranges(const struct uids *u, size_t *n);

/** uids_text(ranges, n, b): Append "1,4:6". */
void uids_text(const struct export_range *ranges, size_t n, struct buf *b);

#endif
