/* paths.h: what of a server must be of one moment, and what is asked of a snapshot of it. */
#ifndef BACKUP_PATHS_H
#define BACKUP_PATHS_H

#include "core/conf.h"
#include "cyrus/server.h"
#include "snapshot/snapshot.h"

/** backup_paths(server, ret_n): The directories that a backup reads from a snapshot: each a heap string in a heap array. */
char **backup_paths(const struct server *server, size_t *ret_n);

/** backup_snapshot_opts(conf, paths, n, job): What is asked of it. Strings are those of ${conf}. */
struct snapshot_opts backup_snapshot_opts(
    const struct conf_server *conf, const char *const *paths, size_t n, struct job *job);

#endif
