/* serve_place.h: the directory of a served store, and all that may be done to its files. Only for serve.c and its test.
 *
 * What keeps a committed archive safe, also from other sessions that hold its upload open:
 * - It is sealed before it gets its name: its mode loses the right to write. A sealed file is written by no call of this file.
 * - Each write holds a shared lock of the file while it sees that this is an upload still, unsealed and with no other name, and writes; a seal is
 *   made under the exclusive one. So it is with archives that a program of this host commits, which holds that lock as store_dir.c does.
 * - Names come and go (begin, commit, remove) under an exclusive lock of the directory, so that a name means one file meanwhile.
 * - A seal is broken only of an upload that has no other name: of one that a kill left between seal and name.
 * The locks are flock(): they end with the process, and are held for moments. */
#ifndef STORE_SERVE_PLACE_H
#define STORE_SERVE_PLACE_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "core/err.h"
#include "store/serve.h"

struct place {
	int fd;
	char *path;
	struct serve_opts o; /* directory is path */
	uint64_t unchecked;  /* bytes written since free space was asked for */
	bool
	    spoiled; /* something that was sent did not reach the disk, and a client that does not wait may go on to commit */
};

int place_open(struct place *p, const struct serve_opts *o, struct err *e);
void place_close(struct place *p);

enum place_kind {
	PLACE_NOTHING, /* cannot be here, and cannot be made */
	PLACE_OUTSIDE, /* leads out by ".." */
	PLACE_DIRECTORY,
	PLACE_ARCHIVE, /* NAME */
	PLACE_UPLOAD,  /* .NAME.partial */
};

struct place_name {
	enum place_kind kind;
	char file[256];    /* its name in the directory */
	char archive[256]; /* PLACE_UPLOAD: NAME */
};

/** place_parse(p, path, n, ret): What a client's path names. "/" is the directory, and so is the directory's own path. Pure. */
void place_parse(const struct place *p, const char *path, size_t n, struct place_name *ret);

/** place_stat(p, name, st, e): Of the directory or a regular file. ERR_NOT_FOUND for anything else. */
int place_stat(const struct place *p, const struct place_name *name, struct stat *st, struct err *e);

/** place_read(p, name, e): Open a regular file for reading; the fd, or -1. */
int place_read(const struct place *p, const struct place_name *name, struct err *e);

/** place_begin(p, name, create, exclusive, truncate, e): Open an upload for reading and writing; the fd, or -1. ERR_REFUSED: not an upload, or sealed. */
int place_begin(struct place *p, const struct place_name *name, bool create, bool exclusive, bool truncate,
    struct err *e);

/** place_write(p, name, fd, b, n, off, e), place_truncate(p, name, fd, size, e): Of what place_begin(${name}) opened. ERR_REFUSED once it is
 * committed or removed; ERR_SPACE. */
int place_write(struct place *p, const struct place_name *name, int fd, const void *b, size_t n, uint64_t off,
    struct err *e);
int place_truncate(struct place *p, const struct place_name *name, int fd, uint64_t size, struct err *e);

/** place_sync(p, fd, e): fsync(). After it or a write failed nothing is committed before an upload is begun anew, empty: a file that has its name
 * cannot be mended. */
int place_sync(struct place *p, int fd, struct err *e);

/** place_commit(p, from, to, keep, e): Make the upload ${from} durable and give it the archive's name ${to}; ERR_EXISTS. ${keep}: the upload's name
 * stays, too. */
int place_commit(
    struct place *p, const struct place_name *from, const struct place_name *to, bool keep, struct err *e);

/** place_remove(p, name, e): Of an upload only. */
int place_remove(struct place *p, const struct place_name *name, struct err *e);

/** place_list(p, e): The directory, to be read with place_next(), which gives 1 and a regular file that may be seen, 0 after the last. closedir() it. */
DIR *place_list(const struct place *p, struct err *e);
int place_next(const struct place *p, DIR *d, struct place_name *ret, struct stat *st, struct err *e);

/** place_space(p, ret, e): As statvfs(), less what must stay free. */
int place_space(const struct place *p, struct statvfs *ret, struct err *e);

#endif
