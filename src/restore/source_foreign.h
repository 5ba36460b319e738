/* source_foreign.h: what one pass over anyone's cpio or tar leaves in memory, and what is made of it.
 *
 * Only for the source_foreign*.c files. Order of use: foreign_scan() reads the archive once; foreign_read_list(),
 * foreign_read_conf() and foreign_map_roots() find out what it is a copy of; foreign_find_boxes() names the mailboxes. Later
 * reads go through the hoard: a second pass copies what is wanted into an unnamed temporary file. */
#ifndef RESTORE_SOURCE_FOREIGN_H
#define RESTORE_SOURCE_FOREIGN_H

#include "archive/arena.h"
#include "archive/foreign.h"
#include "restore/source_impl.h"

#define FOREIGN_NONE     UINT32_MAX
#define FOREIGN_PATH_MAX 4096
#define FOREIGN_ROOTS \
	12 /* directories that one mailbox may be spread over: spool, meta, archive, metadir-* */
#define FOREIGN_TEXTS 4

/** A directory of the archive, whether it has an entry of its own or not. */
struct foreign_dir {
	const char *path; /* "": where all paths of the archive begin */
	uint32_t parent;  /* FOREIGN_NONE for "" */
	uint32_t files;   /* the first of its files that are not messages, the last read first */
	uint32_t facts;   /* what its cyrus.header and cyrus.index say */
	uint32_t root;    /* it is this root */
	uint32_t box;     /* it belongs to this mailbox */
	uint32_t below;   /* mailbox directories at and below it */
	uint32_t n_uids, cap_uids;
	uint32_t *uids; /* of its message files, in archive order; one that comes twice stands twice */
	uint64_t bytes; /* of its files */
	bool wanted, some_wanted, hoarded;
};

/** A file that is not a message. */
struct foreign_file {
	const char *name; /* last component */
	uint64_t size;
	uint32_t dir, next; /* next of its directory */
	uint32_t raw;       /* its bytes, if they were kept */
	bool wanted, hoarded;
};

struct foreign_facts {
	const char *name, *uniqueid; /* NULL: not said */
	uint32_t minor, uidvalidity, options, messages, unread;
	bool has_header, bad_header, dlist, has_index, bad_index;
};

/** A text that may be a list of mailboxes. */
struct foreign_text {
	char *path;
	int rank; /* how much its name says so */
	int64_t mtime;
	bool gzip;
	struct buf bytes;
};

/** Where a directory of the server lies in the archive. */
struct foreign_root {
	char *server;          /* absolute path there, no slash at the end */
	uint32_t dir;          /* FOREIGN_NONE: the archive has no such directory */
	const char *partition; /* NULL: no place of mailboxes; belongs to the configuration */
	bool spool, archive;
};

/** A mailbox that has files. */
struct foreign_box {
	char *name;
	const char *uniqueid, *partition; /* "" if not known */
	uint32_t dirs[FOREIGN_ROOTS];
	uint32_t n_dirs;
	bool uuid; /* its directory is named by its id */
};

/** A file that is not in a mailbox, and what it is for. */
struct foreign_role {
	uint32_t file;
	enum file_role role;
};

struct hoard;

struct foreign {
	struct arena *arena;
	struct foreign_dir *dirs; /* dirs[0] is "" */
	size_t n_dirs, cap_dirs;
	uint32_t *table; /* of dirs, by path */
	size_t table_size;
	struct foreign_file *files;
	size_t n_files, cap_files;
	struct foreign_facts *facts;
	size_t n_facts, cap_facts;
	struct buf *raws;
	size_t n_raws, cap_raws;
	size_t raw_index_bytes, raw_small_bytes;
	size_t used_bytes; /* memory of all of the above but the raws */
	uint64_t n_messages;
	struct foreign_text texts[FOREIGN_TEXTS];
	size_t n_texts;
	char *list_path; /* the text that the list was read from; NULL: none */
	char *conf_path;
	struct buf conf_text;
	char *db_path;
	struct buf db_bytes;
	bool
	    live_copy; /* its mailboxes.db holds no keys, as a Berkeley database under a running server does */
	enum mboxlist_form form;
	bool has_form;
	struct imapd_conf
	    *conf; /* that of the archive, or one made up from its directories; never NULL after reading */
	bool made_up;
	struct foreign_root *roots;
	size_t n_roots, cap_roots;
	struct foreign_box *boxes;
	size_t n_boxes, cap_boxes;
	bool opening; /* no second pass now */
	struct hoard *box_hoard, *file_hoard;
	uint32_t picked_box, n_picked; /* so many messages of it were read one by one */
};

/** foreign_scan(s, f, e): The one pass: all entries remembered, small files looked at. ERR_UNSUPPORTED when that takes too much memory. With s->index
 * what is kept of an earlier pass is gone through instead; else, if there is a memory, this one is kept there. */
int foreign_scan(struct source *s, struct foreign *f, struct err *e);
void foreign_free(struct foreign *f);

/** foreign_try_front(s, why): Reading by s->index has failed: true if reading from the front may do better. An index that was damaged is then
 * NULL, and dropped from the memory. */
bool foreign_try_front(struct source *s, const struct err *why);

/** foreign_dir_find(f, path, n): A directory by its path, or FOREIGN_NONE. foreign_file_find(f, path): The last file of
 * that path. foreign_file_path(f, file, b): Its path, replacing what is in ${b}. foreign_is_mailbox(f, d): It holds a cyrus.header, a cyrus.index or messages. */
uint32_t foreign_dir_find(const struct foreign *f, const char *path, size_t n);
uint32_t foreign_file_find(const struct foreign *f, const char *path);
uint32_t foreign_file_in(const struct foreign *f, uint32_t dir, const char *name);
void foreign_file_path(const struct foreign *f, uint32_t file, struct buf *b);
bool foreign_is_mailbox(const struct foreign *f, uint32_t dir);

/** foreign_read_list(s, f, e): Fill s->list from the best text, else from mailboxes.db. foreign_read_conf(s, f, e): s->version, s->conf, f->conf. */
int foreign_read_list(struct source *s, struct foreign *f, struct err *e);
int foreign_read_conf(struct source *s, struct foreign *f, struct err *e);

/** foreign_map_roots(s, f): Find the server's directories in the archive. foreign_map(f, server_path, b): Append the archive's
 * path of one of the server's; -1 if it lies in none of them. */
void foreign_map_roots(struct source *s, struct foreign *f);
int foreign_map(const struct foreign *f, const char *server_path, struct buf *b);

/** Where a by-name spool seems to begin, judged by one mailbox directory alone. */
struct foreign_guess {
	size_t root_len; /* of its path */
	bool hashed, full_hash, domain, uuid;
};
bool foreign_guess_root(const char *path, struct foreign_guess *ret);

/** foreign_find_boxes(s, f): Group directories into mailboxes and name them; s->boxes. foreign_box_raw(f, box, name): The kept
 * bytes of that file of a mailbox, or NULL. */
void foreign_find_boxes(struct source *s, struct foreign *f);
const struct buf *foreign_box_raw(const struct foreign *f, const struct foreign_box *box, const char *name);

/** foreign_give_box(s, f, box, user, sink, e): All files of that mailbox to ${sink}, by a second pass over the archive, which also
 * copies the other mailboxes of its user if ${user} says that they will be asked for next (and all, if that is little).
 * foreign_give_message(s, f, box, uid, max_bytes, b, e): One message. foreign_give_files(s, f, files, n, sink, e): Files that are in no mailbox. */
int foreign_give_box(struct source *s, struct foreign *f, uint32_t box, bool user,
    const struct file_sink *sink, struct err *e);
int foreign_give_message(struct source *s, struct foreign *f, uint32_t box, uint32_t uid, size_t max_bytes,
    struct buf *b, struct err *e);
int foreign_give_files(struct source *s, struct foreign *f, const struct foreign_role *files, size_t n,
    const struct file_sink *sink, struct err *e);
bool foreign_box_hoarded(const struct foreign *f, uint32_t box);
void foreign_hoard_free(struct hoard *h);

/** foreign_pick_message(s, f, box, uid, max_bytes, b, e), foreign_pick_parts(s, f, box, with_cache, sink, e): One message, or the files that source_parts_sink() takes, of a
 * mailbox, by range and without the rest of it: 1; 0: that cannot be, or is not worth it; -1. */
int foreign_pick_message(struct source *s, struct foreign *f, uint32_t box, uint32_t uid, size_t max_bytes,
    struct buf *b, struct err *e);
int foreign_pick_parts(struct source *s, struct foreign *f, uint32_t box, bool with_cache,
    const struct file_sink *sink, struct err *e);

/** foreign_read_file(s, f, file, max_bytes, b, e): Append a file's bytes: those kept, else by another pass. */
int foreign_read_file(
    struct source *s, struct foreign *f, uint32_t file, uint64_t max_bytes, struct buf *b, struct err *e);

/** The parts of source_ops about users and global files. */
int foreign_extract_user(struct source *s, const char *userid, const struct file_sink *sink, struct err *e);
int foreign_user_file(
    struct source *s, const char *userid, enum file_role role, struct buf *b, struct err *e);
int foreign_quota_file(struct source *s, const char *root, struct buf *b, struct err *e);
int foreign_database(struct source *s, const char *path, struct buf *b, struct err *e);
int foreign_users(
    struct source *s, int (*each)(void *arg, const char *userid, struct err *e), void *arg, struct err *e);

#endif
