/* findings.c: what a backup noticed. */
#include "backup/findings.h"

#include <stdarg.h>
#include <stdlib.h>

#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"

static const struct {
	const char *name, *words;
} kinds[FINDING_KINDS] = {
	[FINDING_OTHER] = { "other", "about the run, or a file that is no mailbox's" },
	[FINDING_NO_DIRECTORY] = { "no-directory", "in the list, without a directory" },
	[FINDING_NOT_LISTED] = { "not-listed", "a directory with mail that is in no list" },
	[FINDING_HEADER] = { "header", "header, index or cache that cannot be used" },
	[FINDING_RECORD_WITHOUT_FILE] = { "record-without-file", "in the index, without a message file" },
	[FINDING_FILE_WITHOUT_RECORD] = { "file-without-record", "a message file that is in no index" },
	[FINDING_SIZE] = { "size", "of another size than the index says" },
	[FINDING_GUID] = { "guid", "of another content than the index says" },
	[FINDING_UNIQUEID] = { "uniqueid", "another unique id in the list, or one id twice" },
	[FINDING_UNREADABLE] = { "unreadable", "could not be read" },
	[FINDING_IN_USE] = { "in-use", "could not be held still while it was read" },
};

const char *finding_kind_name(enum finding_kind k)
{
	return kinds[k].name;
}

const char *finding_kind_words(enum finding_kind k)
{
	return kinds[k].words;
}

void findings_add(struct findings *f, enum finding_kind kind, const char *mailbox, const char *fmt, ...)
{
	va_list ap;
	char *what;

	f->n++;
	f->by_kind[kind]++;
	if (f->n_kept >= FINDINGS_KEPT)
		return;
	va_start(ap, fmt);
	what = str_safe_vprintf(fmt, ap);
	va_end(ap);
	f->list = mem_grow(f->list, &f->cap, f->n_kept + 1, sizeof *f->list);
	f->list[f->n_kept++] = (struct backup_finding){ kind, mem_strdup(mailbox), what };
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
