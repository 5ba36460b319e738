/* tape_drive.h: from the configuration to a drive, and from a remembered copy to a store; for this room. */
#ifndef APP_TAPE_DRIVE_H
#define APP_TAPE_DRIVE_H

#include "app/tape.h"
#include "store/drive.h"

/** tape_conf(app, name, ret, e): The section [tape] of that name; NULL, "" or one that is not there any more: the only one. */
int tape_conf(struct app *app, const char *name, const struct conf_tape **ret, struct err *e);

/** tape_drive(conf, device, copy, job, ret): How to open it, ${device} (or NULL) in place of the configured one, to read ${copy} (NULL: whatever lies there). Strings are the arguments'. */
void tape_drive(const struct conf_tape *conf, const char *device, const struct tape_copy *copy,
    struct job *job, struct drive_opts *ret);

/** tape_drive_to_read(o): What a FIFO took is given back by the read_command, if there is one. */
void tape_drive_to_read(struct drive_opts *o);

/** tape_read_back(d, copy, job, e): Read the copy to its end and compare: 0; -1 ERR_DAMAGE, ERR_NOT_FOUND: it is another tape, or whatever the drive says. */
int tape_read_back(struct drive *d, const struct tape_copy *copy, struct job *job, struct err *e);

/** tape_drive_words(o): What a person is told to put a tape into. */
const char *tape_drive_words(const struct drive_opts *o);

/** tape_open_copy(app, copy, device, parts_only, job, ret, e): The copy as a store (archive/tape_store.h). store_free() it. */
int tape_open_copy(struct app *app, const struct tape_copy *copy, const char *device, bool parts_only,
    struct job *job, struct store **ret, struct err *e);

/** tape_take_parts(copy, store, job, ret_fd, e): Read the parts of the archive in ${store} into a temporary file, which the caller closes, and tell of them in ${copy}. */
int tape_take_parts(struct tape_copy *copy, struct store *store, struct job *job, int *ret_fd, struct err *e);

/** tape_lock(app, conf, what, e): The drive's lock, an fd to close; -1 ERR_LOCKED names who has it. */
int tape_lock(struct app *app, const struct conf_tape *conf, const char *what, struct err *e);

#endif
