/* source_live_impl.h: what the parts of the running server as a source share. Only for this room. */
#ifndef RESTORE_SOURCE_LIVE_IMPL_H
#define RESTORE_SOURCE_LIVE_IMPL_H

#include "restore/live.h"
#include "restore/source_impl.h"
#include "restore/source_live_files.h"

struct live_source {
	struct server *server;
	char *kept; /* where copies of mailboxes are that count instead; NULL */
	/* Of the mailbox whose messages were asked for last. */
	size_t box;                         /* SOURCE_NO_PLACE: none */
	struct mailbox_index *index, *gone; /* gone: cyrus.expunge of 2.3 */
};

/* Where a mailbox's files lie: the same path below each root. */
struct live_place {
	const struct cyrus_partition *part; /* NULL: a copy below kept */
	const char *kept;
	struct buf rel; /* "a/user/alice/Work" */
};

/** live_place_of(s, i, ret, e): Of mailbox ${i}; live_place_done() it in either case. live_place_roots(s, at, roots): How many there are. */
int live_place_of(const struct source *s, size_t i, struct live_place *ret, struct err *e);
size_t live_place_roots(
    const struct source *s, const struct live_place *at, const char *roots[IMAPD_ROOTS_MAX]);
void live_place_done(struct live_place *at);

/** live_know_index(s, i, e): Read the index of mailbox ${i}, for live_record_of(). One that is not there or damaged knows no message. */
int live_know_index(struct source *s, size_t i, struct err *e);

/** live_record_of(s, i, uid): Its record, for its GUID; NULL: there is none. A message that has come in since is in the index by now. */
const struct index_record *live_record_of(struct source *s, size_t i, uint32_t uid);

/** live_wrong_content(path, e): -1, ERR_DAMAGE. */
int live_wrong_content(const char *path, struct err *e);

/** live_user_path(s, userid, which, path, e): Where a user's file is. */
int live_user_path(
    const struct source *s, const char *userid, enum user_file which, struct buf *path, struct err *e);

/* source_live_give.c: of source_ops. */
int live_extract(struct source *s, size_t i, const struct file_sink *sink, struct err *e);
int live_extract_user(struct source *s, const char *userid, const struct file_sink *sink, struct err *e);

#endif
