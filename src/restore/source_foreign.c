/* source_foreign.c: anyone's cpio or tar as a source. */
#include "restore/source_impl.h"

static void foreign_close(struct source *s)
{
	s->ctx = NULL;
}

int source_open_foreign(struct source *s, struct err *e)
{
	(void)s;
	return err_set(e, ERR_UNSUPPORTED, "it was not made by cyrvault");
}

const struct source_ops source_foreign = { .close = foreign_close };
