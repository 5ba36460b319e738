/* foreign.c: cpio and tar of others, by libarchive. */
#include "archive/foreign.h"

#include <archive.h>
#include <archive_entry.h>

int archive_foreign_probe(struct store *store, const char *name, struct job *job, struct err *e)
{
	(void)store;
	(void)job;
	return err_set(e, ERR_FORMAT, "%s is no archive", name);
}
