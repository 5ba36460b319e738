/* gunzip.h: the plain bytes of a stream that may be gzip'd, with every member's CRC and length checked (libarchive checks neither). */
#ifndef ARCHIVE_GUNZIP_H
#define ARCHIVE_GUNZIP_H

#include "core/stream.h"

struct gunzip;

/** gunzip_new(in), gunzip_free(g): Reads ${in}, which stays the caller's, from where it stands; bytes that are no gzip pass as they are.
 * gunzip_free() takes NULL. */
struct gunzip *gunzip_new(struct stream *in);
void gunzip_free(struct gunzip *g);

/** gunzip_read(g, ret_p, e): The next bytes, valid until the next call; how many, 0 at the end, -1. ERR_DAMAGE: broken or cut off.
 * Zeros behind the last member (tape blocks) are no damage. */
ssize_t gunzip_read(struct gunzip *g, const void **ret_p, struct err *e);

#endif
