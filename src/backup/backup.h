/* backup.h: take a backup of a running server: quiesce, read, check, pack, ship, verify. */
#ifndef BACKUP_BACKUP_H
#define BACKUP_BACKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/writer.h"
#include "core/conf.h"
#include "core/job.h"
#include "cyrus/server.h"
#include "store/store.h"

struct backup_opts {
	bool dry_run;    /* look, check and count; write nothing */
	bool verify_all; /* read the whole archive back; else its end mark and index */
	enum writer_level level;
	unsigned threads; /* 0: one per CPU */
};

/** One thing that is off in the spool or went otherwise than it should: listed, in the archive's report too. */
struct backup_finding {
	char *mailbox; /* internal name, or "" */
	char *what;
};

struct backup_result {
	char *archive; /* its name in the store; NULL after a dry run */
	char *store;   /* the store's url */
	uint64_t mailboxes, messages, users, files;
	uint64_t plain_bytes, stored_bytes, index_bytes;
	uint64_t holds, longest_hold_ms, total_hold_ms;
	const char *quiesce; /* level reached, static */
	uint64_t elapsed_ms;
	struct backup_finding *findings; /* at most FINDINGS_KEPT; n_findings counts all */
	size_t n_kept;
	uint64_t n_findings;
};
#define FINDINGS_KEPT 10000

/** backup_run(server, conf, store, opts, job, ret, e): Back up ${server} into ${store}. Success with findings returns 0 and counts them
 * (a warning exit); -1 leaves nothing in the store that is listed. backup_result_done() in either case. */
int backup_run(struct server *server, const struct conf_server *conf, struct store *store,
    const struct backup_opts *opts, struct job *job, struct backup_result *ret, struct err *e);
void backup_result_done(struct backup_result *r);

#endif
