/* foreign.h: anyone's cpio or tar, plain or compressed, read once from front to end by libarchive. */
#ifndef ARCHIVE_FOREIGN_H
#define ARCHIVE_FOREIGN_H

#include "archive/archive.h"

/** archive_foreign_each(store, name, job, sink, e): Stream all entries through ${sink}, begin with ${meta} once for each (file carries
 * path, size, mtime; sha256 zero; role ROLE_OTHER). Leading "/" and "./" are cut from paths; an entry whose path would leave the
 * root is left out with a log line. Hard links come as files with the content: those of newc when their content comes,
 * those of tar after all others, in a second pass over the archive, which is made only when there are some. A link to a
 * file that is not in the archive is left out with a log line. begin may return 2 to stop early (returns 0). gzip is
 * checked by CRC, at the end of each member: content may reach ${sink} before damage is seen, so only 0 says that all was
 * whole. Also reads our own archives. ERR_FORMAT: nothing libarchive knows. ERR_DAMAGE: ends or breaks in the middle. */
int archive_foreign_each(
    struct store *store, const char *name, struct job *job, const struct file_sink *sink, struct err *e);

/** archive_foreign_probe(store, name, job, e): 0 if libarchive knows the format, by its first entry; else ERR_FORMAT. */
int archive_foreign_probe(struct store *store, const char *name, struct job *job, struct err *e);

#endif
