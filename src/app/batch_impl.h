/* batch_impl.h: between the files of a batch, and for their tests. */
#ifndef APP_BATCH_IMPL_H
#define APP_BATCH_IMPL_H

#include "app/batch.h"

/** batch_add(b): A line more, all 0. */
struct batch_line *batch_add(struct batch *b);

/** batch_set(l, state, why): Its state, and why (NULL: nothing to say), made safe. */
void batch_set(struct batch_line *l, enum batch_state state, const char *why);

/** batch_create(directory, b, e): Give it an id and write its file in the state directory ${directory}; it stays open and locked until batch_done().
 * batch_open(directory, b, e): Take up the file of b->id. batch_note(b, i, e): Append what became of line ${i}. batch_end(b, e): Append that all had their turn. */
int batch_create(const char *directory, struct batch *b, struct err *e);
int batch_open(const char *directory, struct batch *b, struct err *e);
int batch_note(const struct batch *b, size_t i, struct err *e);
int batch_end(struct batch *b, struct err *e);

/** batch_load(directory, id, ret, e): Read the file. batch_newest(directory, server, e): The id of the newest one of ${server} that has not ended; heap; NULL with
 * ERR_NOT_FOUND. */
int batch_load(const char *directory, const char *id, struct batch *ret, struct err *e);
char *batch_newest(const char *directory, const char *server, struct err *e);

/** batch_touched(directory, id): When something was last written of it, unix time; 0: not known. batch_prune(directory, days): Remove those that were not
 * touched for ${days}, whatever became of them; what cannot be removed stays. */
int64_t batch_touched(const char *directory, const char *id);
void batch_prune(const char *directory, uint64_t days);

#endif
