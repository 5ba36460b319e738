/* walk.h: cpio entries out of plain bytes that come in pieces, some of which may be missing. */
#ifndef ARCHIVE_WALK_H
#define ARCHIVE_WALK_H

#include "archive/archive.h"

struct walk;

/* What became of entries that are not whole. */
typedef void walk_lost_fn(void *arg, const char *path, const char *why);

/** walk_new(sink, lost, arg), walk_free(w): Entries go to ${sink} (begin with meta once, sha256 zero). walk_free() takes NULL. */
struct walk *walk_new(const struct file_sink *sink, walk_lost_fn *lost, void *arg);
void walk_free(struct walk *w);

/** walk_piece(w, p, n, first, e): The next plain bytes; ${first} is where the first header in them must begin, n or more: none does. An entry that
 * contradicts this is lost, and so is what follows up to ${first}. -1 only when the sink fails. */
int walk_piece(struct walk *w, const uint8_t *p, size_t n, size_t first, struct err *e);

/** walk_gap(w): Bytes are missing here (or no more follow). */
void walk_gap(struct walk *w, const char *why);

/** walk_files(w): How many went to the sink whole. */
uint64_t walk_files(const struct walk *w);

#endif
