/* db_recovery.h: the child of cyrusdb_recover() in which libdb works; private to src/db. */
#ifndef DB_DB_RECOVERY_H
#define DB_DB_RECOVERY_H

#include <stdint.h>

#define DB_RECOVERY_HOME \
	".env" /* the environment with the logs, below the root; a live path does not begin so */
#define DB_LOG_MAGIC 0x040988u
#define DB_LOG_HEAD  28 /* bytes of a log file: a record's head, then magic, version, size */

/** How the child ends. It writes a line of text first, but for RECOVERED. */
enum db_recovery_status { RECOVERED = 0, RECOVERY_REFUSED = 3, RECOVERY_FAILED = 4 };

/** db_recovery_child(root_fd, report_fd, log_version, last_log): In the child, right after fork(): make ${root_fd} the root directory, recover what is in
 * it, with logs of that version up to that number, say on ${report_fd} why not, and exit. */
_Noreturn void db_recovery_child(int root_fd, int report_fd, uint32_t log_version, uint32_t last_log);

#endif
