/* find_spool.h: one file of a unit of an archive, in a file without a name, mapped: a cyrus.cache may have some hundred MiB. */
#ifndef APP_FIND_SPOOL_H
#define APP_FIND_SPOOL_H

#include "restore/source.h"

struct find_spool {
	int fd; /* -1: nothing is there */
	void *mapped;
	size_t len;
};

/** find_spool_take(s, source, unit, role, e): The unit's file of that role; one that is not there, or is damaged, is as none: s->mapped is NULL. The table
 * of the unit goes out of memory before anything else comes in. find_spool_drop(s): It is not needed any more; also after -1, and before another take. */
int find_spool_take(
    struct find_spool *s, const struct source *source, size_t unit, enum file_role role, struct err *e);
void find_spool_drop(struct find_spool *s);

#endif
