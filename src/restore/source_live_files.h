/* source_live_files.h: files of a running server by their paths below a directory that the operator named: links in its own path are his, below it none is
 * followed. What is not a regular file is none. Any thread. */
#ifndef RESTORE_SOURCE_LIVE_FILES_H
#define RESTORE_SOURCE_LIVE_FILES_H

#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"

/** live_files_open(root, rel, flags, fd, e): A file or directory to read. 1 and the fd, 0 it is not there, -1. */
int live_files_open(const char *root, const char *rel, int flags, int *fd, struct err *e);

/** live_files_read(root, rel, max_bytes, b, e): 1 and its bytes appended, 0 it is not there, -1 and nothing appended (ERR_FORMAT: it is larger).
 * live_files_read_path(): the same by its whole path, which must lie below ${root}. */
int live_files_read(const char *root, const char *rel, uint64_t max_bytes, struct buf *b, struct err *e);
int live_files_read_path(
    const char *root, const char *path, uint64_t max_bytes, struct buf *b, struct err *e);

struct live_listing {
	uint32_t *uids; /* of message files, ascending */
	size_t n_uids, cap_uids;
	char **others; /* names of all other files */
	size_t n_others, cap_others;
};

/** live_files_list(root, rel, l, e): Add what one directory has; 1, 0 there is none, -1. live_listing_done() it in any case. */
int live_files_list(const char *root, const char *rel, struct live_listing *l, struct err *e);
void live_listing_done(struct live_listing *l);

#endif
