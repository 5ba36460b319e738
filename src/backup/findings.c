/* findings.c: what a backup noticed. */
#include "backup/findings.h"

#include <stdarg.h>
#include <stdlib.h>

#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"

void findings_add(struct findings *f, const char *mailbox, const char *fmt, ...)
{
	va_list ap;
	char *what;

	f->n++;
	if (f->n_kept >= FINDINGS_KEPT)
		return;
	va_start(ap, fmt);
	what = str_safe_vprintf(fmt, ap);
	va_end(ap);
	f->list = mem_grow(f->list, &f->cap, f->n_kept + 1, sizeof *f->list);
	f->list[f->n_kept++] = (struct backup_finding){ mem_strdup(mailbox), what };
	log_write(LOG_LEVEL_WARNING, "%s%s%s", mailbox, *mailbox != '\0' ? ": " : "", what);
}

void findings_done(struct findings *f)
{
	for (size_t i = 0; i < f->n_kept; i++) {
		free(f->list[i].mailbox);
		free(f->list[i].what);
	}
	free(f->list);
	*f = (struct findings){ 0 };
}
