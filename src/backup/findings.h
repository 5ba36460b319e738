/* findings.h: what a backup noticed, counted in full, kept up to a limit. One thread at a time. */
#ifndef BACKUP_FINDINGS_H
#define BACKUP_FINDINGS_H

#include "backup/backup.h"

struct findings {
	struct backup_finding *list;
	size_t n_kept, cap;
	uint64_t n;
};

/** findings_add(f, mailbox, fmt, ...): One more; ${mailbox} "" when it is not about one. */
void findings_add(struct findings *f, const char *mailbox, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** findings_done(f): Free them. */
void findings_done(struct findings *f);

#endif
