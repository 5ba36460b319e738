/* report.h: the two JSON texts of an archive: archive.json at its beginning, report.json at its end. */
#ifndef BACKUP_REPORT_H
#define BACKUP_REPORT_H

#include "backup/backup.h"
#include "core/buf.h"
#include "snapshot/snapshot.h"

struct report_facts {
	const struct server *server;
	const struct conf_server *conf;
	const struct backup_result *result; /* as far as it is known: how Cyrus was held, the snapshot */
	const char *previous;               /* the newest archive of this server before, or NULL */
	int64_t when;
	uint64_t sequence; /* 0: not known */
};

/** report_archive_json(f, b): cyrvault/archive.json: what is packed, of whom, when, how. */
void report_archive_json(const struct report_facts *f, struct buf *b);

/** report_json(r, sequence, b): cyrvault/report.json: what was packed and what was off. */
void report_json(const struct backup_result *r, uint64_t sequence, struct buf *b);

#endif
