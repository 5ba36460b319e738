/* journal.h: what a restore has changed: the file "journal" of its case (case.h), mode 0600, from which it can be undone.
 *
 * Lines of fields with tabs in between, each forced to disk before the merge goes on; a last line without its end was never
 * written. Names are internal, GUID is the SHA-1 of the message in hex, flags are the system flags in decimal as cyrus.index has them
 * (1 answered, 2 flagged, 4 deleted, 8 draft, 16 seen).
 *
 *     cyrvault-journal  1  SERVER  ARCHIVE  UNIXTIME                        the first
 *     sending   MAILBOX  UNIQUEID  UIDVALIDITY  LASTUID  GUID  FLAGS         before an APPEND; LASTUID was the highest UID then
 *     appended  MAILBOX  UNIQUEID  UIDVALIDITY  UID      GUID  FLAGS         after it; a "sending" without one was cut off
 *     refused   MAILBOX  UNIQUEID  UIDVALIDITY  0        GUID  0             instead, when the server said no
 *     rights    MAILBOX  UNIQUEID  WHO  RIGHTS                              what WHO had before the merge gave him more
 *     changing  WHAT  MAILBOX  UNIQUEID  KEY  BEFORE  AFTER                 before anything else is changed: WHAT it is ("acl", "flags"...), KEY which of
 *                                                                           these; values "-" (there is none) or "=" and the bytes, %XX for what
 *                                                                           would break a line. Undone, if it still is AFTER, by setting BEFORE.
 *     end       UNIXTIME                                                    the merge came to its end
 *     undone    UNIXTIME                                                    it was undone */
#ifndef RESTORE_JOURNAL_H
#define RESTORE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/digest.h"
#include "core/err.h"

enum journal_kind {
	JOURNAL_SENDING,
	JOURNAL_APPENDED,
	JOURNAL_REFUSED,
	JOURNAL_RIGHTS,
	JOURNAL_CHANGING,
	JOURNAL_END,
	JOURNAL_UNDONE,
};

struct journal_record {
	enum journal_kind kind;
	const char *mailbox, *uniqueid;
	uint32_t uidvalidity, uid; /* JOURNAL_SENDING: the last UID that there was */
	uint8_t guid[SHA1_SIZE];
	uint32_t flags;
	const char *who, *rights; /* JOURNAL_RIGHTS */
	/* JOURNAL_CHANGING; before and after NULL: there is none. Each is followed by a NUL. */
	const char *what, *key, *before, *after;
	size_t before_len, after_len;
};

/** A journal that was read. */
struct journal_log {
	char *server, *archive;
	int64_t begun;
	struct journal_record *records;
	size_t n;
	bool ended, undone;
	char *text; /* the records' strings lie in it */
};

/** journal_read(path, ret, e): ERR_FORMAT: it is none. journal_log_done() it. */
int journal_read(const char *path, struct journal_log *ret, struct err *e);
void journal_log_done(struct journal_log *l);

struct journal;

/** journal_create(path, server, archive, e): A new one, which must not be there. journal_open(path, ret, e): Write on in it. Two do not write
 * one: the caller holds the server's lock. journal_close() it, which says nothing of an end. */
int journal_create(const char *path, const char *server, const char *archive, struct err *e);
int journal_open(const char *path, struct journal **ret, struct err *e);
void journal_close(struct journal *j);
const char *journal_path(const struct journal *j);

/** journal_add(j, r, e): Write it, and force it to disk. */
int journal_add(struct journal *j, const struct journal_record *r, struct err *e);

/** journal_changing(j, what, mailbox, uniqueid, key, before, after, e): The same of a JOURNAL_CHANGING whose values are text or NULL. Of ${j} NULL
 * nothing is written. */
int journal_changing(struct journal *j, const char *what, const char *mailbox, const char *uniqueid,
    const char *key, const char *before, const char *after, struct err *e);

#endif
