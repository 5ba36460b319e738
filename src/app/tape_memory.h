/* tape_memory.h: the memory of tapes on disk; for the tape files of this room. */
#ifndef APP_TAPE_MEMORY_H
#define APP_TAPE_MEMORY_H

#include "app/tape.h"
#include "core/stream.h"

/** tape_directory(app): "STATE/tapes"; heap. */
char *tape_directory(struct app *app);

/** tape_remember(app, copy, parts_fd, e): Keep that copy, in place of one of the same label and file. ${parts_fd}: holds the bytes of its parts, one behind the
 * other, from the beginning (they go first, so that a copy that is there has them); -1: those that are kept already. */
int tape_remember(struct app *app, const struct tape_copy *copy, int parts_fd, struct err *e);

/** tape_begin(app, copy, e): Note that a tape is begun with that copy: what a run that was killed has left there may be written over. tape_was_begun(app, label, archive): So it was, and the
 * copy has not been remembered since. */
int tape_begin(struct app *app, const struct tape_copy *copy, struct err *e);
bool tape_was_begun(struct app *app, const char *label, const char *archive);

/** tape_forget_copy(app, copy, e): Forget it. */
int tape_forget_copy(struct app *app, const struct tape_copy *copy, struct err *e);

/** tape_parts_open(app, copy, e): The file of its parts, an fd; checked against its check sum. -1. */
int tape_parts_open(struct app *app, const struct tape_copy *copy, struct err *e);

void tape_copy_done(struct tape_copy *c);
void tape_copy_dup(const struct tape_copy *c, struct tape_copy *ret);

/** The archives that are added to the queue or taken off it by name. */
struct tape_marks {
	struct tape_mark {
		char *store, *archive;
		bool add; /* else: dropped */
	} * list;
	size_t n;
};

/** tape_marks_read(app, ret, e): None is no error. tape_marks_set(app, store, archive, add, e): 1 add, 0 drop, -1 neither any more. */
int tape_marks_read(struct app *app, struct tape_marks *ret, struct err *e);
int tape_marks_set(struct app *app, const char *store, const char *archive, int add, struct err *e);
void tape_marks_done(struct tape_marks *m);
const struct tape_mark *tape_marks_find(const struct tape_marks *m, const char *store, const char *archive);

/** tape_find_archive(app, archive, job, ret, e): An archive that is in a store: its name, an unambiguous beginning of it, "latest". app_archive_free() it. */
int tape_find_archive(
    struct app *app, const char *archive, struct job *job, struct app_archive **ret, struct err *e);

#endif
