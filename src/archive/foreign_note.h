/* foreign_note.h: what is kept of a foreign archive is put together while it is read. Only for foreign.c and foreign_index.c.
 *
 * A note never fails what it is made of: if it cannot go on, it says so in the log and keeps nothing. All calls take NULL. */
#ifndef ARCHIVE_FOREIGN_NOTE_H
#define ARCHIVE_FOREIGN_NOTE_H

#include "archive/foreign.h"
#include "archive/known.h"

/** What an archive is told by, in one number. */
int foreign_identity(struct store *store, const char *name, struct stream *in, uint64_t *ret_seed,
    uint64_t *ret_size, struct err *e);

struct foreign_note;

/** foreign_note_new(name, m, seed, size): Begin. foreign_note_free() keeps nothing unless foreign_note_end() came before. */
struct foreign_note *foreign_note_new(
    const char *name, const struct foreign_memory *m, uint64_t seed, uint64_t size);
void foreign_note_free(struct foreign_note *n);

/** foreign_note_watch(n, g): Take down ${g}'s points while it is read. */
void foreign_note_watch(struct foreign_note *n, struct gunzip *g);

/** foreign_note_fits(n, size): Content of ${size} bytes is to be kept with foreign_note_keep(), all of it before its row. */
bool foreign_note_fits(const struct foreign_note *n, uint64_t size);
void foreign_note_keep(struct foreign_note *n, const void *p, size_t size);

/** foreign_note_row(n, r): The next entry. */
void foreign_note_row(struct foreign_note *n, const struct known_row *r);

/** foreign_note_end(n, container): All was read, and all was whole: remember it. */
void foreign_note_end(struct foreign_note *n, enum known_container container);

#endif
