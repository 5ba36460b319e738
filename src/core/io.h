/* io.h: files, whole or not at all, and never outside their root.
 *
 * Thread-safe. Descriptors are opened O_CLOEXEC. EINTR is retried. */
#ifndef CORE_IO_H
#define CORE_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "core/buf.h"
#include "core/err.h"

/** io_write_all(fd, p, n, what, e): Write all ${n} bytes; ${what} names the file in errors. */
int io_write_all(int fd, const void *p, size_t n, const char *what, struct err *e);

/** io_read_all(fd, p, n, what, ret, e): Read until ${n} bytes or the end; ${*ret} is how many came. */
int io_read_all(int fd, void *p, size_t n, const char *what, size_t *ret, struct err *e);

/** io_pread_all(fd, p, n, off, what, e): Exactly ${n} bytes at ${off}; a shorter file is ERR_DAMAGE. */
int io_pread_all(int fd, void *p, size_t n, uint64_t off, const char *what, struct err *e);

/** io_pwrite_all(fd, p, n, off, what, e): All ${n} bytes at ${off}. */
int io_pwrite_all(int fd, const void *p, size_t n, uint64_t off, const char *what, struct err *e);

/** io_read_file(dir_fd, path, max_bytes, b, e): Append a whole regular file to ${b}, or nothing. Larger than ${max_bytes}: ERR_FORMAT.
 * ${dir_fd} may be AT_FDCWD. */
int io_read_file(int dir_fd, const char *path, size_t max_bytes, struct buf *b, struct err *e);

/** io_replace(dir_fd, path, p, n, mode, e): Make ${path} hold these bytes, whole or not at all: written to a
 * temporary name beside it, fsync, rename, fsync of the directory. */
int io_replace(int dir_fd, const char *path, const void *p, size_t n, mode_t mode, struct err *e);

/** io_fsync(fd, what, e), io_fsync_dir(dir_fd, path, e): Force data, or the entries of directory ${path}, to disk. */
int io_fsync(int fd, const char *what, struct err *e);
int io_fsync_dir(int dir_fd, const char *path, struct err *e);

/** io_open_beneath(root_fd, path, flags, mode, e): openat2() with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
 * RESOLVE_NO_MAGICLINKS: a path from outside cannot leave ${root_fd}, whatever links lie about. Returns the fd or -1. */
int io_open_beneath(int root_fd, const char *path, int flags, mode_t mode, struct err *e);

/** io_mkdirs(dir_fd, path, mode, e): mkdir -p, symlinks followed (for the operator's own paths). */
int io_mkdirs(int dir_fd, const char *path, mode_t mode, struct err *e);

/** io_mkdirs_beneath(root_fd, path, mode, e): mkdir -p below ${root_fd}; returns an fd of the last directory or -1. */
int io_mkdirs_beneath(int root_fd, const char *path, mode_t mode, struct err *e);

/** io_mkdir_as(dir_fd, path, mode, uid, gid): mkdirat() of a directory that belongs to ${uid}:${gid} from its first instant, so that a kill
 * leaves none behind that its owner cannot enter. Returns as mkdirat(). Root only, unless they are ours. */
int io_mkdir_as(int dir_fd, const char *path, mode_t mode, uid_t uid, gid_t gid);

/** io_remove_tree(dir_fd, name, e): rm -rf of one name in a directory; links are removed, not followed; stays on one
 * file system. A name that is not there is no error. */
int io_remove_tree(int dir_fd, const char *name, struct err *e);

/** io_temp_fd(dir, e): An unnamed temporary file (O_TMPFILE, or unlinked at once) in ${dir}, NULL: $TMPDIR or
 * /var/tmp. Its space returns when the fd is closed, however the process ends. */
int io_temp_fd(const char *dir, struct err *e);

/** io_path_is_safe(path): Nonempty, relative, no "." or ".." component, no empty component, no NUL, at most PATH_MAX. */
int io_path_is_safe(const char *path, size_t n);

#endif
