/* findings.h: what a backup noticed, counted in full, kept up to a limit. One thread at a time. */
#ifndef BACKUP_FINDINGS_H
#define BACKUP_FINDINGS_H

#include "backup/backup.h"

struct findings {
	struct backup_finding *list;
	size_t n_kept, cap;
	uint64_t n, by_kind[FINDING_KINDS];
};

/** findings_add(f, kind, mailbox, fmt, ...): One more; ${mailbox} "" when it is not about one. */
void findings_add(struct findings *f, enum finding_kind kind, const char *mailbox, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/** findings_done(f): Free them. */
void findings_done(struct findings *f);

#endif
