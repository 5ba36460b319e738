/* pack.h: write what was captured into the archive, checking each mailbox on the way.
 *
 * The check: header, index and cache readable and of this mailbox; every record's message there with its size and GUID; no
 * message without a record. What is off is a finding; everything is packed all the same. */
#ifndef BACKUP_PACK_H
#define BACKUP_PACK_H

#include "archive/writer.h"
#include "backup/capture.h"

struct pack_context {
	struct archive_writer *writer; /* NULL: a dry run; everything is read and checked, nothing written */
	const struct imapd_conf *conf;
	struct findings *findings;
	struct job *job;
	uint64_t mailboxes, messages, files, users, bytes;
	struct captured_directory {
		char *path;
		struct stat st;
	} * dirs; /* met so far: they are packed last */
	size_t n_dirs, cap_dirs;
};

/** pack_begin(cx, kind, name, e), pack_file(cx, file, e), pack_bytes(...), pack_end(cx, info, e): A unit by hand. A directory is only
 * remembered by pack_file(): were it unpacked before its files, they would change its time. */
int pack_begin(struct pack_context *cx, enum unit_kind kind, const char *name, struct err *e);
int pack_file(struct pack_context *cx, const struct captured_file *f, struct err *e);
int pack_bytes(struct pack_context *cx, const char *path, enum file_role role, const char *p, size_t n,
    int64_t mtime, struct err *e);
int pack_end(struct pack_context *cx, const struct unit_info *info, struct err *e);

/** pack_directories(cx, e): The unit of all directories that were met, and forget them. pack_done(cx): forget them. */
int pack_directories(struct pack_context *cx, struct err *e);
void pack_done(struct pack_context *cx);

/** pack_user(cx, c, inbox_id, e): The unit of a user's other files; none when there are no such files. */
int pack_user(struct pack_context *cx, const struct capture *c, const char *inbox_id, struct err *e);

/** pack_mailbox(cx, m, owner_seen, e): The unit of one mailbox. ${owner_seen}: the owner's seen database, for servers that keep the
 * owner's \Seen there (2.3 and older), or NULL. Message descriptors are closed as they are packed. */
int pack_mailbox(
    struct pack_context *cx, struct captured_mailbox *m, struct cyrusdb *owner_seen, struct err *e);

#endif
