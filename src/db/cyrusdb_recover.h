/* cyrusdb_recover.h: a Berkeley database out of a still picture of a running server: its file and the log that has its latest changes.
 *
 * The log names files by their absolute paths on the live server, so libdb, let loose on a copy, would mend the live file. And it trusts what it
 * reads. Therefore: the file and all logs are copied into a directory of our own ($TMPDIR, else /var/tmp), as deep below it as they are below
 * /, and a child process that sees this directory as / (chroot) and holds no other descriptor opens a private environment there,
 * recovers, and ends. Neither a name, nor a crash, nor a loop of libdb's reaches further. What it left is read by cyrusdb_open(). */
#ifndef DB_CYRUSDB_RECOVER_H
#define DB_CYRUSDB_RECOVER_H

#include "core/err.h"
#include "core/job.h"
#include "db/cyrusdb.h"

/** cyrusdb_recover(dir_fd, name, live_path, log_fd, job, ret, e): The database ${name} of the directory ${dir_fd}, which the server opens as the absolute
 * ${live_path}, with the log.* files of the directory ${log_fd} (CONF/db). All that was committed is there, nothing else. The sources are only
 * read. ERR_NOT_FOUND: no log. ERR_UNSUPPORTED: logs of another Berkeley DB than ours, or too much of them; or neither root's rights nor user
 * namespaces for the chroot. ERR_DAMAGE: they are damaged, or libdb could not recover. ERR_CANCELLED. cyrusdb_close() the result. */
int cyrusdb_recover(int dir_fd, const char *name, const char *live_path, int log_fd, struct job *job,
    struct cyrusdb **ret, struct err *e);

#endif
