/* outdir.h: files written into a directory of the operator's.
 *
 * Each appears whole or not at all, also after a kill or a power failure, beneath the directory whatever its path says,
 * and never in place of another (unless asked). What is unfinished has no name (O_TMPFILE), or one that begins with
 * ".cyrvault-" where the file system cannot do that. Files appear in groups, at the latest at outdir_flush(). One thread
 * at a time. */
#ifndef RESTORE_OUTDIR_H
#define RESTORE_OUTDIR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/err.h"

struct outdir_opts {
	bool replace;	  /* a later file of the same path takes the place of an earlier one */
	bool must_be_new; /* ERR_EXISTS unless the directory is empty or not there */
	bool named_temp;  /* never O_TMPFILE; for tests */
	void (*existed)(
	    void *arg, const char *path, uint64_t size); /* a file was there already and stays; may be NULL */
	/* a file or its directory cannot have such a name here; it is dropped and the others appear. NULL: that fails outdir_flush() */
	void (*refused)(void *arg, const char *path, uint64_t size, const struct err *why);
	void *arg;
};

struct outdir;

/** outdir_only_this(e): What failed is due to one path: a name that is too long, or something of another kind has its place. Others may do. */
bool outdir_only_this(const struct err *e);

/** outdir_open(path, o, ret, e): Use directory ${path}, made with its parents (0700) if it is not there. outdir_close() it, which
 * drops what was not flushed. */
int outdir_open(const char *path, const struct outdir_opts *o, struct outdir **ret, struct err *e);
void outdir_close(struct outdir *d);

/** outdir_begin(d, path, mode, e): Begin the file ${path}, relative; directories above it are made. One at a time. */
int outdir_begin(struct outdir *d, const char *path, mode_t mode, struct err *e);
int outdir_write(struct outdir *d, const void *p, size_t n, struct err *e);

/** outdir_tell(d): Bytes written to the file begun. outdir_truncate(d, size, e): Take back all beyond ${size}. */
uint64_t outdir_tell(const struct outdir *d);
int outdir_truncate(struct outdir *d, uint64_t size, struct err *e);

/** outdir_end(d, mtime, e): The file is whole. outdir_abort(d): It is not: forget it; also when none was begun. */
int outdir_end(struct outdir *d, int64_t mtime, struct err *e);
void outdir_abort(struct outdir *d);

/** outdir_mkdir(d, path, e): A directory, 0700. outdir_symlink(d, path, target, e): A link; ERR_REFUSED unless ${target} is relative
 * and cannot lead upwards. */
int outdir_mkdir(struct outdir *d, const char *path, struct err *e);
int outdir_symlink(struct outdir *d, const char *path, const char *target, struct err *e);

/** outdir_flush(d, e): To disk with all that is whole, and let it appear. */
int outdir_flush(struct outdir *d, struct err *e);

#endif
