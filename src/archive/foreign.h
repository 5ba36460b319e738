/* foreign.h: anyone's cpio or tar, plain or compressed, read once from front to end by libarchive. */
#ifndef ARCHIVE_FOREIGN_H
#define ARCHIVE_FOREIGN_H

#include "archive/archive.h"

/** archive_foreign_each(store, name, job, sink, e): Stream all entries through ${sink} (file carries path, size, mtime; sha256 zero; role
 * ROLE_OTHER; leading "/" and "./" are cut from paths; entries whose path would leave the root come with path NULL-safe
 * escaped and are skipped with a log line; hard links of tar and cpio are resolved to content where the format allows, else
 * given with size 0 and link target as content). begin may return 2 to stop the pass early (returns 0). Also reads our own
 * archives. ERR_FORMAT: nothing libarchive knows. ERR_DAMAGE: ends or breaks in the middle. */
int archive_foreign_each(
    struct store *store, const char *name, struct job *job, const struct file_sink *sink, struct err *e);

/** archive_foreign_probe(store, name, job, e): 0 if libarchive knows the format, by its first entry; else ERR_FORMAT. */
int archive_foreign_probe(struct store *store, const char *name, struct job *job, struct err *e);

#endif
